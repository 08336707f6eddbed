"""Scalars of the text language: where their letters stand, and what in them the expression reader can't see.

An expression's text is that of the source letter by letter, comments blanked out. One that fills a place for
texts (``TAG = run.id``) stands in ``${{ }}`` there, as it would in YAML.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

from ..embedded import OPENING
from ..source import Span, SpanOf
from ..yaml_front.tree import Placed
from .tokens import Layout, raw_lines

__all__ = ["EXPRESSION", "RAW", "Written", "expression_scalar", "raw_scalar"]

EXPRESSION: Final = "="
RAW: Final = "```"

Pieces = tuple[tuple[int, int], ...]


class Written(Placed, gc=False):
    """``shift``: how many letters of ``text`` stand before what is in the source.

    ``pieces``: the offsets, in the source, of strings with ``${{ }}`` in them and of data keys (``.region``).
    """

    layout: Layout | None = None
    shift: int = 0
    pieces: Pieces = ()

    def places(self) -> SpanOf:
        layout = self.layout
        assert layout is not None
        if self.style == RAW:
            return _places_in_raw(self, layout)
        base = self.begin - self.shift
        begin, end_of_all = self.begin, self.end
        whole = layout.span(begin, end_of_all)
        source, line = whole.source, whole.line
        # Nearly every expression stands on one line, and each of its words is asked for.
        last_column = whole.end_column if line == whole.end_line else 0
        shift = whole.column - begin + base

        def place(start: int, end: int) -> Span:
            if base + start >= begin and shift + start < shift + end <= last_column:
                return Span(source, line, shift + start, line, shift + end)
            first = min(max(base + start, begin), end_of_all)
            return layout.span(first, min(max(base + end, first + 1), max(end_of_all, first + 1)))

        return place


def expression_scalar(layout: Layout, text: str, begin: int, end: int, pieces: Pieces, embedded: bool) -> Written:
    """Return the scalar of an expression; ``embedded``: for a place that takes texts."""
    shift = 0
    if embedded:
        text, shift = f"{OPENING}{text}}}}}", len(OPENING)
    span = layout.span(begin, end)
    return Written(span, text, text, EXPRESSION, begin, end, False, layout, shift, pieces)


def raw_scalar(layout: Layout, token: str, begin: int, end: int) -> Written:
    """Return the scalar of a raw block."""
    text = "\n".join(line for line, _ in raw_lines(token))
    return Written(layout.span(begin, end), text, text, RAW, begin, end, False, layout)


def _places_in_raw(scalar: Written, layout: Layout) -> SpanOf:
    begins: list[int] = []  # of the lines in the text, and where they stand in the source
    places: list[int] = []

    def offset(position: int) -> int:
        if not begins:
            at = 0
            for line, place in raw_lines(layout.source.text[scalar.begin : scalar.end]):
                begins.append(at)
                places.append(scalar.begin + place)
                at += len(line) + 1
        number = max(bisect_right(begins, position) - 1, 0)
        return places[number] + position - begins[number]

    return lambda start, end: layout.span(offset(start), max(offset(max(end - 1, start)) + 1, offset(start) + 1))
