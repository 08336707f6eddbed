"""What people write who have another notation in mind, and how the text language says it.

One table of words and signs, and a few that depend on their neighbours. Where one of them stands and something
else is expected, its row is a better help than an example of what is expected. It knows tokens and nothing of
statements.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from ..yaml_front.step_keys import HOOKS
from .tokens import Token

__all__ = ["OTHER_WORDS", "instead", "slip"]

SIGNS: Final = {
    "then": "there is no `then`; a block follows: if inputs.live { … }",
    "do": "there is no `do`; a block follows: while vars.again { … }",
    "elif": "write `else if`",
    "elseif": "write `else if`",
    "elsif": "write `else if`",
    "else": "`else` stands directly after the block of an `if`: if inputs.live { … } else { … }",
    "is": "to compare two values write `==`",
    "yes": "write `true`",
    "no": "write `false`",
    "default": 'the default stands after `=`: input region: string = "eu"',
    "times": "the number alone says it: retry 3",
    "compensate": 'it stands after the step that it undoes: step pay = shell "make pay" compensate { … }',
    "include": "a file is included outside of the workflows, before them or after them",
    "workflow": "a workflow can't stand in another one: put it beside, and start it with `call`",
    "`": "quotes are written `\"` or `'`; a text of several lines stands between ```",
    "\u201c": "quotes are written `\"` or `'`",
    "\u201d": "quotes are written `\"` or `'`",
    "\u2018": "quotes are written `\"` or `'`",
    "\u2019": "quotes are written `\"` or `'`",
}
"""By what stands there."""

OTHER_WORDS: Final = {
    "for_each": "for region in inputs.regions { … }",
    "foreach": "for region in inputs.regions { … }",
    "until": "repeat { … } until vars.done",
    "do": "repeat { … } until vars.done",
    "set": "let count = vars.count + 1",
    "var": "let count = vars.count + 1",
    "const": "let count = vars.count + 1",
    "run": 'step build = shell "make"',
    "shell": 'step build = shell "make"',
    "deno": 'step build = deno { file "build.ts" }',
    "task": 'step build = shell "make"',
    "steps": 'step build = shell "make"',
    "inputs": "input region: string",
    "outputs": "output image: string",
    "case": 'switch inputs.env { case "live" { … } }',
    "try": "step build = shell { … } with { on failure { … } }",
    "catch": "step build = shell { … } with { on failure { … } }",
    "finally": "ensure { … }",
    "sleep_until": "sleep until inputs.start",
    **{hook: f"{hook.replace('_', ' ')} {{ … }}" for hook in HOOKS if hook != "ensure"},
}
"""By the first word of what is no statement: how it is written."""

_INSTEAD: Final = {"elif": "else if", "elseif": "else if", "elsif": "else if", "yes": "true", "no": "false", "=": "=="}
"""What certainly cures, put in the place of what stands there, where its help is given."""
_COMPARE: Final = "to compare two values write `==`"
_PAIRS: Final = {
    ("-", ">"): "outputs are listed in the block of a step: outputs { image: string }",
    ("/", "/"): "a comment begins with `#`",
    ("/", "*"): "a comment begins with `#`, on each line",
}
_ENDS_OF_VALUES: Final = frozenset(("word", "number", "string", "member", ")", "]"))
_HOUR: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d")  # of a time, up to its first colon
_UNITS: Final = re.compile(r"(ms|millis|s|sec|second|m|min|minute|h|hour|d|day)\w*")
_VERSION: Final = re.compile(r"[vV]?([0-9]+)(?:\.[0-9]+)*")


def slip(tokens: Sequence[Token], at: int, expected: str) -> str | None:
    """Return how to write what is meant by the token at ``at``, where ``expected`` should stand; None if unknown."""
    kind, text, start, _ = tokens[at]
    following = tokens[min(at + 1, len(tokens) - 1)]
    before = tokens[at - 1] if at else ("end", "", 0, 0)
    if following[2] == start + 1 and (kind, following[0]) in _PAIRS:
        return _PAIRS[kind, following[0]]
    if kind == "=":
        return _equals(before, following, expected)
    if kind == ":" and _HOUR.fullmatch(before[1]):
        return f"a time stands in quotes: '{before[1]}:…'"
    if kind == ":" and expected == "`{`":
        return "a block stands in braces: { … }"
    if kind == "word":
        return _word(text, start, before, expected)
    if kind == "number" and (found := _VERSION.fullmatch(text)) and expected.startswith("`version`"):
        return f"write `version {found[1]}`"
    return SIGNS.get(text)


def instead(tokens: Sequence[Token], at: int, help: str) -> str | None:
    """Return what to put in the place of the token at ``at``, of which ``slip`` gave this help; None if not certain."""
    text = tokens[at][1]
    if text == "=":
        return _INSTEAD[text] if help == _COMPARE and tokens[at - 1][0] in _ENDS_OF_VALUES else None
    return _INSTEAD.get(text) if help == SIGNS.get(text) else None


def _equals(before: Token, following: Token, expected: str) -> str | None:
    if expected.startswith("a value for `"):
        shown = following[1] if following[0] in ("word", "number", "string") else "…"
        return f"it stands directly after its word: {before[1]} {shown}"
    if expected == "`{`" or (expected == "the end of the statement" and before[0] in ("member", ")", "]")):
        return _COMPARE
    return None


def _word(text: str, start: int, before: Token, expected: str) -> str | None:
    if before[0] == "number" and _UNITS.fullmatch(text):
        return "a duration has no blanks: 500ms, 30s, 5m, 2h, 1d or 1h30m"
    if expected.startswith("`version`") and (found := _VERSION.fullmatch(text)):
        return f"write `version {found[1]}`"
    if expected == "the end of the statement":
        if before[0] == "string" and before[3] == start:
            return "a quote inside of a text is written `\\\"`, or the text stands in the other quotes: '…'"
        if text not in SIGNS and before[0] == "word":
            return f'a text stands in quotes: "{before[1]} {text}"'
    return SIGNS.get(text)
