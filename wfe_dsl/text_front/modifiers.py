"""What any step may have: ``when``, ``timeout``, ``retry``, ``outputs``, hooks and the rest.

The same words stand after a step's own words, in ``with { }``, in the block of a task and, some of them, in a
workflow and its defaults. Each becomes the key of that name of the plain tree that all notations share.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ..suggest import did_you_mean
from ..yaml_front.tree import Entry, Listing, Mapping, Node, Scalar
from .cursor import Cursor
from .tokens import Token
from .values import (
    Entries,
    add_entry,
    expression,
    expression_map,
    literal,
    literal_of,
    map_block,
    name,
    text,
    type_text,
)
from .words import HOOK_WORDS, MODIFIERS

__all__ = ["StepsReader", "modifiers", "read_key"]

StepsReader = Callable[[Cursor], Listing]
"""Reads steps in braces."""

RETRY_WORDS: Final = {
    "every": "interval",
    "interval": "interval",
    "backoff": "backoff",
    "max_interval": "max_interval",
    "jitter": "jitter",
    "max_elapsed": "max_elapsed",
    "on": "on",
}
"""What follows ``retry 3``, and the key that each means."""
FLAGS: Final = ("continue_on_failure", "compensate_on_failure")
HOOK_EXAMPLE: Final = 'as in on failure { step tell = shell "echo failed" }'
INPUTS_EXAMPLE: Final = "as in inputs { region = inputs.region }"


def modifiers(cursor: Cursor, entries: Entries, read_steps: StepsReader, but: tuple[str, ...] = ()) -> None:
    """Read the words that stand after those of a step, up to its end or its block. ``but``: those it has itself."""
    while True:
        token = cursor.token
        if token[0] != "word" or token[1] not in MODIFIERS or token[1] in but:
            if cursor.continues("compensate"):
                _steps(cursor, entries, "compensate", cursor.tokens[cursor.at - 1], read_steps)
                continue
            return
        cursor.at += 1
        if token[1] == "with":
            cursor.block(lambda: _with_item(cursor, entries, read_steps))
        else:
            read_key(cursor, token, entries, read_steps)


def _with_item(cursor: Cursor, entries: Entries, read_steps: StepsReader) -> None:
    token = cursor.token
    if token[0] != "word" or token[1] not in MODIFIERS or token[1] == "with":
        help = did_you_mean(token[1], MODIFIERS) or f"these are: {', '.join(MODIFIERS[:-1])}"
        raise cursor.refuse("something that every step may have", help)
    cursor.at += 1
    read_key(cursor, token, entries, read_steps)


def read_key(cursor: Cursor, token: Token, entries: Entries, read_steps: StepsReader) -> None:
    """Read what stands after one of the words of ``MODIFIERS``, which has been taken."""
    word = token[1]
    span = cursor.span(token)
    if word == "when":
        add_entry(cursor, entries, word, span, expression(cursor))
    elif word == "retry":
        add_entry(cursor, entries, word, span, _retry(cursor))
    elif word in FLAGS:
        add_entry(cursor, entries, word, span, _flag(cursor, token))
    elif word == "inputs":
        add_entry(cursor, entries, word, span, expression_map(cursor, "{", INPUTS_EXAMPLE))
    elif word == "outputs":
        add_entry(cursor, entries, word, span, _outputs(cursor))
    elif word == "on":
        _hook(cursor, token, entries, read_steps)
    elif word in ("ensure", "compensate"):
        _steps(cursor, entries, word, token, read_steps)
    else:
        add_entry(cursor, entries, word, span, literal_of(cursor, word))


def _steps(cursor: Cursor, entries: Entries, key: str, token: Token, read_steps: StepsReader) -> None:
    span = cursor.span(token)
    add_entry(cursor, entries, key, span, read_steps(cursor))


def _hook(cursor: Cursor, token: Token, entries: Entries, read_steps: StepsReader) -> None:
    outcome = cursor.token
    key = HOOK_WORDS.get(cursor.word)
    if key is None:
        words = ", ".join(HOOK_WORDS)
        guess = did_you_mean(cursor.word, HOOK_WORDS) if cursor.word else None
        raise cursor.refuse(f"one of {words}", guess or HOOK_EXAMPLE)
    cursor.at += 1
    span = cursor.layout.span(token[2], outcome[3])
    add_entry(cursor, entries, key, span, read_steps(cursor))


def _flag(cursor: Cursor, token: Token) -> Node:
    """Return what stands after a word that alone means yes."""
    if cursor.word in ("true", "false") or cursor.kind == "variable":
        return literal(cursor)
    return Scalar(cursor.span(token), "true", True, "", token[2], token[3])


def _retry(cursor: Cursor) -> Node:
    if cursor.kind == "{":
        return map_block(cursor)
    start = cursor.token[2]
    attempts = literal(cursor, "how many attempts there are in all", "as in retry 3 every 5s")
    entries: Entries = {}
    while cursor.word in RETRY_WORDS:
        if cursor.word == "on" and cursor.next_kind() != "[":
            break  # a hook
        token = cursor.take()
        key = RETRY_WORDS[token[1]]
        found: Node
        if key == "jitter" and cursor.kind not in ("number", "variable", "-"):
            found = _flag(cursor, token)
        else:
            found = literal_of(cursor, token[1])
        add_entry(cursor, entries, key, cursor.span(token), found)
    if not entries:
        return attempts
    first = Entry("attempts", attempts.span, attempts)
    return Mapping(cursor.span_from(start), {"attempts": first, **entries})


def _outputs(cursor: Cursor) -> Listing:
    items: list[Node] = []
    start = cursor.token[2]

    def item() -> None:
        found = name(cursor, "the name of an output", "as in outputs { image: string }")
        entries: Entries = {"name": Entry("name", found.span, found)}
        if cursor.kind == "=":
            raise cursor.refuse("`:` with a type", "as in outputs { image: string }")
        if cursor.take_if(":"):
            given = type_text(cursor)
            entries["type"] = Entry("type", given.span, given)
        if (token := cursor.take_word("path")) is not None:
            path = text(cursor, "a path", 'as in path "report.totals"')
            entries["path"] = Entry("path", cursor.span(token), path)
        items.append(Mapping(cursor.layout.span(found.begin, cursor.tokens[cursor.at - 1][3]), entries))

    cursor.block(item, commas=True, example="as in outputs { image: string }")
    return Listing(cursor.span_from(start), items)
