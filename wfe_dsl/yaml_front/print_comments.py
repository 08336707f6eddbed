"""Where comments go in what is printed: to what began on the line that they stood above or beside.

A line on which nothing that is printed began gives its comment to the innermost thing around it, else to what
comes next; no comment is lost.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from ..comments import Comments
from .layout import Item, Series, Table

__all__ = ["place_comments"]


def place_comments(file: Table, comments: Comments) -> tuple[str, ...]:
    """Give each comment to the item of ``file`` that it belongs to; return those that stand at the end."""
    anchors: dict[int, Item] = {}
    ranges: list[Item] = []
    for item in _items(file):
        if item.lines[0]:
            anchors.setdefault(item.lines[0], item)
            ranges.append(item)
    lines = sorted(anchors)
    above: dict[int, list[tuple[int, list[str]]]] = {}
    beside: dict[int, str] = {}
    end: list[str] = []
    for line in sorted({*comments.before, *comments.beside}):
        texts = list(comments.before.get(line, ()))
        if line in anchors:
            if line in comments.beside:
                beside[line] = comments.beside[line]
        elif line in comments.beside:
            texts.append(comments.beside[line])
        if not texts:
            continue
        place = line if line in anchors else _around(line, ranges, lines)
        if place is None:
            end += texts
        else:
            above.setdefault(place, []).append((line, texts))
    for line, parts in above.items():
        anchors[line].before = [text for _, texts in sorted(parts) for text in texts]
    for line, text in beside.items():
        anchors[line].beside = text
    return (*end, *comments.end)


def _around(line: int, ranges: list[Item], lines: list[int]) -> int | None:
    """Return the line of the anchor for a line that has none."""
    nearest = bisect_left(lines, line)
    following = lines[nearest] if nearest < len(lines) else None
    around = [item.lines for item in ranges if item.lines[0] <= line <= item.lines[1]]
    if not around:
        return following
    innermost = max(around, key=lambda one: (one[0], -one[1]))
    return following if following is not None and following <= innermost[1] else innermost[0]


def _items(value: object) -> Iterator[Item]:
    if isinstance(value, Table | Series):
        for item in value.items:
            yield item
            yield from _items(item.value)
