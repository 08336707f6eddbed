"""Turns ``${{ expression }}`` in a shell script into references to environment variables.

This file owns how a value gets into a script; what the shell makes of a place in it is told by
``shell_scanner.py``. A value never becomes part of the script's text: each expression gets a variable
``WFE_EXPR_1``, ``WFE_EXPR_2`` …, and the script says ``"${WFE_EXPR_1}"``, which no shell reads a second
time. Where even that could not hold (single quotes, arithmetic, which evaluates what a variable holds)
it is an error whose cure is ``env:``.

Rules:

1. Equal expressions share one variable; numbers follow the order in the script.
2. What stands in a comment is left alone and not evaluated.
3. In doubt it is an error: a place is accepted only where the reference is surely one word and data.
"""

from __future__ import annotations

import os.path
from typing import Any, Final

import msgspec

from . import nodes
from .diagnostics.model import Diagnostics
from .shell_scanner import COMMENT, WORD, places_in

__all__ = ["POSIX_SHELLS", "is_posix_shell", "reference_expressions"]

POSIX_SHELLS: Final = frozenset({"sh", "bash", "dash", "ash", "ksh", "ksh93", "mksh", "zsh", "yash"})

_EVALUATING_SHELLS: Final = frozenset({"ksh", "ksh93", "mksh", "zsh", "yash"})
"""Their ``[ a -eq b ]`` evaluates a and b."""

_PREFIX: Final = "WFE_EXPR_"
_LEFT: Final = "${{ … }}"
"""What stands in a comment for an expression: its spelling must not be part of the program."""
_CURE: Final = "pass it by `env:` (`env: {NAME: '${{ … }}'}`) and write $NAME in the script"

_PROBLEMS: Final[dict[str, tuple[str, str]]] = {
    "single": ("WFE0551", "`${{ … }}` stands in single quotes, where the shell expands nothing"),
    "heredoc": ("WFE0552", "`${{ … }}` stands in a quoted here-document, where the shell expands nothing"),
    "arithmetic": ("WFE0553", "`${{ … }}` stands in shell arithmetic, where the shell would evaluate the value"),
    "evaluated": ("WFE0553", "`${{ … }}` stands in `eval`, which would run the value"),
    "parameter": ("WFE0554", "`${{ … }}` stands inside a shell's `${…}`"),
    "backtick": ("WFE0554", "`${{ … }}` stands in backticks within quotes or other backticks"),
    "escaped": ("WFE0554", "`${{ … }}` follows a backslash or a `$`, which would change what the shell reads"),
    "delimiter": ("WFE0554", "`${{ … }}` is the delimiter of a here-document"),
}


def is_posix_shell(shell: nodes.Expression | None) -> bool:
    """Return whether the value of a step's ``shell`` is one whose quoting is known; None is the default, sh."""
    return _program_of(shell) in POSIX_SHELLS


def _program_of(shell: nodes.Expression | None) -> str:
    if shell is None:
        return "sh"
    words = [shell]
    if isinstance(shell, nodes.ListExpression):
        words = list(shell.items)
    texts = [word.value for word in words if isinstance(word, nodes.Literal) and isinstance(word.value, str)]
    if texts and os.path.basename(texts[0]) == "env":
        texts = [text for text in texts[1:] if "=" not in text]
    return os.path.basename(texts[0]) if texts else ""


def reference_expressions(
    run: nodes.Expression, shell: nodes.Expression | None, diagnostics: Diagnostics
) -> tuple[str, list[tuple[str, nodes.Expression]]]:
    """Return a script without expressions, and the expressions by the variables that stand for them.

    What can't be done is reported; the script is then not fit to be run.
    """
    parts = run.parts if isinstance(run, nodes.Text) else (run,)
    pieces: list[str] = []
    holes: dict[int, nodes.Expression] = {}
    at = 0
    for part in parts:
        if isinstance(part, nodes.Literal):
            piece = part.value if isinstance(part.value, str) else _printed(part.value)
        else:
            piece = "\0"
            holes[at] = part
        pieces.append(piece)
        at += len(piece)
    if holes and not is_posix_shell(shell):
        first = next(iter(holes.values()))
        diagnostics.add(
            "WFE0555",
            "`${{ … }}` in `run` needs a POSIX shell or bash, and this step has another `shell`",
            first.span,
            _CURE.replace("write $NAME in the script", "read it from the environment"),
        )
        return "".join(pieces), []
    return _written(pieces, holes, _program_of(shell) in _EVALUATING_SHELLS, diagnostics)


def _written(
    pieces: list[str], holes: dict[int, nodes.Expression], tests_evaluate: bool, diagnostics: Diagnostics
) -> tuple[str, list[tuple[str, nodes.Expression]]]:
    """Put references where the holes are."""
    script = "".join(pieces)
    places = places_in(script, holes, tests_evaluate)
    names: dict[Any, str] = {}
    variables: list[tuple[str, nodes.Expression]] = []
    written: list[str] = []
    at = 0
    for hole, expression in holes.items():
        written.append(script[at:hole])
        at = hole + 1
        # One that the shell's own reading never comes to, as after a quote without end, is not known to be safe.
        place = places.get(hole, "single")
        if place == COMMENT:
            written.append(_LEFT)
            continue
        if place in _PROBLEMS:
            code, message = _PROBLEMS[place]
            diagnostics.add(code, message, expression.span, _CURE)
            continue
        # Making a key takes longer than all else here, and most scripts have one expression.
        key = nodes.structure(expression) if len(holes) > 1 else None
        name = names.get(key)
        if name is None:
            name = names[key] = f"{_PREFIX}{len(names) + 1}"
            variables.append((name, expression))
        written.append(f'"${{{name}}}"' if place == WORD else f"${{{name}}}")
    written.append(script[at:])
    return "".join(written), variables


def _printed(value: Any) -> str:
    return "" if value is None else msgspec.json.encode(value).decode()
