"""From an offset in a scalar's content back to its place in the file.

Exact for plain, quoted, literal and folded scalars, their escapes and folded lines included. Worked out
only when asked, for a diagnostic or an expression inside a text. Where the content can't be lined up with
the source, the whole scalar is the answer: a wide span, never a wrong one.
"""

from __future__ import annotations

import re
from typing import Final

from ..source import LINE_ENDS, Span, SpanOf
from .tree import Placed, Scalar

__all__ = ["span_of"]

ESCAPE: Final = re.compile(r"\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|[^\n])", re.DOTALL)
BLOCK_HEADER: Final = re.compile(r"[|>][-+]?([1-9])?[-+]?")
LINE_END_LETTERS: Final = "\r\n\x85\u2028\u2029"


def span_of(scalar: Scalar) -> SpanOf:
    """Return the function from offsets in ``scalar.text`` (start, end exclusive) to the span in the file."""
    if isinstance(scalar, Placed) and not scalar.verbatim:
        return scalar.places()
    span, text = scalar.span, scalar.text
    quotes = 1 if scalar.style in ("'", '"') else 0
    if scalar.verbatim:
        return lambda start, end: span
    if span.line == span.end_line and scalar.end - scalar.begin == len(text) + 2 * quotes:
        first = span.column + quotes

        def on_one_line(start: int, end: int) -> Span:
            return Span(span.source, span.line, first + start, span.line, first + max(end, start + 1), span.via)

        return on_one_line
    places: list[tuple[int, int]] = []

    def anywhere(start: int, end: int) -> Span:
        if not places:
            places.extend(_literal_places(scalar) if scalar.style == "|" else _aligned_places(scalar))
        if len(places) <= max(start, end - 1):
            return span
        line, column = places[start]
        end_line, end_column = places[max(end - 1, start)]
        return Span(span.source, line, column, end_line, end_column + 1, span.via)

    return anywhere


def _indent(scalar: Scalar) -> int:
    """How many spaces each line of a block scalar loses: the explicit count, or that of its first line."""
    lines = scalar.span.source.lines
    inner = [line for line in lines[scalar.span.line : scalar.span.end_line] if line.strip(" ")]
    if not inner:
        return 0
    header = BLOCK_HEADER.match(lines[scalar.span.line - 1], scalar.span.column - 1)
    found = len(inner[0]) - len(inner[0].lstrip(" "))
    if header is not None and header.group(1):
        # The count is relative to the parent's indentation; what the content's first line lost tells which.
        content = next((line for line in scalar.text.split("\n") if line.strip(" ")), "")
        return found - (len(content) - len(content.lstrip(" ")))
    return found


def _literal_places(scalar: Scalar) -> list[tuple[int, int]]:
    """Each line of the content is one line of the file, less the indentation."""
    indent = _indent(scalar)
    places: list[tuple[int, int]] = []
    for number, line in enumerate(scalar.text.split("\n"), scalar.span.line + 1):
        places.extend((number, indent + column) for column in range(1, len(line) + 2))
    return places[: len(scalar.text)]


def _aligned_places(scalar: Scalar) -> list[tuple[int, int]]:
    """Walk content and source side by side; an empty answer where they do not match."""
    source, style = scalar.span.source.text, scalar.style
    position, end = scalar.begin, scalar.end
    line, line_start = scalar.span.line, scalar.begin - (scalar.span.column - 1)
    indent = 0
    if style == ">":
        indent = _indent(scalar)
        ended = LINE_ENDS.search(source, position, end)
        if ended is None:
            return []
        position, line, line_start = ended.end() + indent, line + 1, ended.end()
    elif style:
        position += 1
    places: list[tuple[int, int]] = []
    for letter in scalar.text:
        if letter in " \n":
            # Perhaps a folded line end, with blanks before it: it stands where the line stops.
            blank = position
            while blank < end and source[blank] in " \t" and style != ">":
                blank += 1
            if blank < end and source[blank] in LINE_END_LETTERS:
                places.append((line, position - line_start + 1))
                ended = LINE_ENDS.match(source, blank)
                assert ended is not None
                position, line, line_start = ended.end(), line + 1, ended.end()
                position = _past_indent(source, position, end, indent, style)
                continue
        while position < end and letter not in LINE_END_LETTERS:
            # Line ends that vanish in folding, and an escaped one in double quotes.
            ended = LINE_ENDS.match(source, position + 1 if style == '"' and source[position] == "\\" else position)
            if ended is None:
                break
            position, line, line_start = ended.end(), line + 1, ended.end()
            position = _past_indent(source, position, end, indent, style)
        if position >= end:
            return places if style == ">" else []
        places.append((line, position - line_start + 1))
        if style == '"' and source[position] == "\\":
            escape = ESCAPE.match(source, position)
            if escape is None:
                return []
            position = escape.end()
        elif source[position] == letter:
            position += 2 if style == "'" and letter == "'" else 1
        else:
            return []
    return places


def _past_indent(source: str, position: int, end: int, indent: int, style: str) -> int:
    if style == ">":
        for _ in range(indent):
            if position < end and source[position] == " ":
                position += 1
        return position
    while position < end and source[position] in " \t":
        position += 1
    return position
