"""Where the lines of scripts stand that are written in a workflow file, so that their errors can be shown there.

Knows no notation: the lines of a script are looked for among those of the file that its value takes. They are found
where they stand as they are, one below the other and equally indented: in a block scalar, a raw block or a value of
one line. A script written in another way (folded, with escapes, from a variable) has no lines of its own in the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from . import nodes
from .resolved import Resolved
from .source import Span
from .tasks import entry_of

__all__ = ["place_of_script", "placed_scripts"]

_PLACED: Final = {"deno": "script"}
"""The key that holds the script, of types whose errors tell its lines."""


def placed_scripts(resolved: Resolved) -> Iterator[tuple[int, Span, int]]:
    """Yield for each script with lines of its own: the step, where the first begins, and the column of the others."""
    for info in resolved.steps:
        node = info.node
        if info.config is None or not isinstance(node, nodes.Step) or not isinstance(node.body, nodes.Task):
            continue
        key = _PLACED.get(node.body.type)
        value = None if key is None else entry_of(info.config, key)
        if isinstance(value, nodes.Literal) and isinstance(value.value, str):
            found = place_of_script(value.value, value.span)
            if found is not None:
                yield info.index, *found


def place_of_script(script: str, span: Span) -> tuple[Span, int] | None:
    """Return where the first line of a script begins that was written at ``span``, and the column of the others."""
    wanted = script.rstrip("\n").split("\n")
    lines = span.source.lines
    for first in range(span.line - 1, min(span.end_line, len(lines)) - len(wanted) + 1):
        indent = _indent(wanted, lines, first)
        if indent is None:
            continue
        if len(wanted) > 1 and first > span.line - 1:
            column = indent  # of a block: its first line is indented as the others are, and may begin with blanks
            there = lines[first][indent:] == wanted[0]
        else:
            column = lines[first].find(wanted[0], span.column - 1 if first == span.line - 1 else 0)
            there = column >= 0
        if there:
            return Span(span.source, first + 1, column + 1, first + 1, column + 2), indent + 1
    return None


def _indent(wanted: list[str], lines: tuple[str, ...], first: int) -> int | None:
    """Return by how much all lines of a script but its first are indented at a place; None if they are not there."""
    indent: int | None = None
    for number in range(1, len(wanted)):
        line, text = lines[first + number], wanted[number]
        if not text.strip():
            if line.strip():
                return None
            continue
        if indent is None:
            indent = len(line) - len(text)
        if indent < 0 or line != " " * indent + text:
            return None
    return indent or 0
