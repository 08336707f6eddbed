"""A graph as an SVG picture, laid out here: no tool and no font of the host has a say in it.

Boxes stand below one another as steps follow each other, and inside one another as steps do; branches, sides and
cases stand side by side in a box, hooks and the like to their right in dashed frames. Order is read from the
place, so arrows join neighbours only.

Rule: a text is escaped and its width estimated, never trusted; the whole of a name is in the box's tooltip.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Final
from xml.sax.saxutils import escape

import msgspec

from .graph import Box, BoxPart, Graph, WorkflowGraph

__all__ = ["svg"]

FONT: Final = 12
LINE: Final = 16
PAD: Final = 10
GAP: Final = 22  # between boxes below one another, where the arrow is
BETWEEN: Final = 14  # between columns
LETTER: Final = 6.9  # the width of a letter of that size, about
LEAST_WIDTH: Final = 90

PLAIN: Final = ("#ffffff", "#495057")
HOLDER: Final = ("#f8f9fa", "#868e96")


class _Column(msgspec.Struct):
    """A part of a box, laid out: its boxes below one another, under a label."""

    part: BoxPart
    boxes: list[_Laid]
    width: float
    height: float

    @property
    def label_height(self) -> float:
        return 0 if self.part.name in ("body", "branch") else LINE


class _Laid(msgspec.Struct):
    """A box with its size, and what is in it."""

    box: Box
    texts: list[str]
    columns: list[_Column]
    width: float
    height: float

    @property
    def head_height(self) -> float:
        return len(self.texts) * LINE + 2 * PAD


def svg(graph: Graph) -> str:
    """Return the picture as an SVG document; it ends with a newline."""
    drawn: list[str] = []
    top, widest = float(PAD), 0.0
    for workflow in graph.workflows:
        lines, width, height = _workflow(workflow, top)
        drawn += lines
        top += height + GAP
        widest = max(widest, width)
    width, height = widest + 2 * PAD, top - GAP + PAD
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}"'
            f' viewBox="0 0 {width:.0f} {height:.0f}" font-family="sans-serif" font-size="{FONT}">',
            '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7"'
            ' orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="#495057"/></marker></defs>',
            f'<rect width="{width:.0f}" height="{height:.0f}" fill="#ffffff"/>',
            *drawn,
            "</svg>",
            "",
        ]
    )


def _workflow(workflow: WorkflowGraph, top: float) -> tuple[list[str], float, float]:
    """Return the drawing of a workflow that begins at that height, with its width and height."""
    columns = [_column(BoxPart("body", workflow.boxes)), *map(_column, workflow.hooks)]
    lines = [_text(PAD, top + FONT, workflow.title, ' font-weight="bold" font-size="14"')]
    x, y = float(PAD), top + LINE + PAD
    for column in columns:
        lines += _draw_column(column, x, y)
        x += column.width + BETWEEN
    width = max(x - BETWEEN - PAD, _width(workflow.title) * 1.2)
    return lines, width, LINE + PAD + max(column.height for column in columns)


# Sizes, from the inside out


def _lay(box: Box) -> _Laid:
    texts = box.texts
    columns = [_column(part) for part in box.parts]
    width = max([LEAST_WIDTH, *(_width(text) + 2 * PAD for text in texts)])
    height = len(texts) * LINE + 2.0 * PAD
    if columns:
        inside = sum(column.width for column in columns) + BETWEEN * (len(columns) - 1) + 2 * PAD
        width = max(width, inside)
        height += max(column.height for column in columns) + PAD
    return _Laid(box, texts, columns, width, height)


def _column(part: BoxPart) -> _Column:
    boxes = [_lay(box) for box in part.boxes]
    column = _Column(part, boxes, 0, 0)
    frame = PAD if part.aside else 0
    column.width = max([_width(part.name), *(laid.width for laid in boxes)]) + 2 * frame
    column.height = column.label_height + 2 * frame + sum(laid.height for laid in boxes) + GAP * max(len(boxes) - 1, 0)
    return column


def _width(text: str) -> float:
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return (len(text) + wide) * LETTER


# Drawing


def _draw(laid: _Laid, x: float, y: float, width: float) -> Iterator[str]:
    """Draw a box at a place, as wide as its column."""
    box = laid.box
    fill, line = box.colours or (HOLDER if laid.columns else PLAIN)
    tip = _clean(f"{box.path}{f' ({box.source})' if box.source else ''}")
    yield (
        f'<g><title>{tip}</title><rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{laid.height:.1f}"'
        f' rx="6" fill="{fill}" stroke="{line}"/>'
    )
    for number, text in enumerate(laid.texts):
        weight = ' font-weight="bold"' if number == 0 else ' fill="#495057"'
        yield _text(x + PAD, y + PAD + number * LINE + FONT, text, weight)
    yield "</g>"
    inside = x + PAD
    for column in laid.columns:
        yield from _draw_column(column, inside, y + laid.head_height)
        inside += column.width + BETWEEN


def _draw_column(column: _Column, x: float, y: float) -> Iterator[str]:
    width, frame = column.width, 0
    if column.part.aside:
        frame = PAD
        yield (
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{column.height:.1f}" rx="6" fill="none"'
            f' stroke="#868e96" stroke-dasharray="4 3"/>'
        )
    if column.label_height:
        yield _text(x + frame, y + FONT + frame / 2, column.part.name, ' font-style="italic" fill="#495057"')
    down = y + column.label_height + frame
    middle = x + width / 2
    for number, laid in enumerate(column.boxes):
        if number:
            yield (
                f'<line x1="{middle:.1f}" y1="{down - GAP:.1f}" x2="{middle:.1f}" y2="{down - 1:.1f}"'
                f' stroke="#495057" marker-end="url(#arrow)"/>'
            )
        yield from _draw(laid, x + frame, down, width - 2 * frame)
        down += laid.height + GAP


def _text(x: float, y: float, text: str, more: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" xml:space="preserve"{more}>{_clean(text)}</text>'


def _clean(text: str) -> str:
    """Return a text for an XML document: escaped, and without what no XML document may hold."""
    return escape("".join(letter if letter.isprintable() else "·" for letter in text))
