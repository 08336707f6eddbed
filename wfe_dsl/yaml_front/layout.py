"""Writes plain trees of YAML as text: block style, with short lists and maps in brackets, comments at their places.

Owns where a line ends and what is indented how far; ``quoting`` owns the scalars. Knows nothing of workflows:
what may stand in brackets is said by who makes the tree, whether it fits is found here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from .quoting import block_lines, is_plain, quoted, scalar_text

__all__ = ["Item", "Plain", "Series", "Table", "Value", "render"]

WIDTH: Final = 100
"""Longer lines are broken where they hold a list or map."""

TALL: Final = 6
"""Where an item of a spaced series has more lines than this, blank lines stand between all of them."""


class Plain(str):
    """A text that is written as it stands."""

    __slots__ = ()


class Item(msgspec.Struct):
    """A value with its key, if it has one. ``lines`` are those of the source that it came from, or 0.

    ``before`` are comment lines above it, an empty one being a blank line; ``beside`` stands at its end.
    """

    value: Value
    key: str = ""
    lines: tuple[int, int] = (0, 0)
    before: list[str] = []
    beside: str = ""
    plain_key: bool = False
    """Write the key as it stands: it is a number or the like, and no text."""


class Table(msgspec.Struct):
    """A map. ``flow``: it may stand in brackets where it is short."""

    items: list[Item]
    flow: bool = False


class Series(msgspec.Struct):
    """A list. ``spaced``: blank lines may stand between its items."""

    items: list[Item]
    flow: bool = False
    spaced: bool = False


Value = str | int | float | bool | None | Table | Series

_MAX_FLOW_ITEMS: Final = 6
_MAX_KEY: Final = 1000
"""A longer key has to be announced by a question mark."""


def render(table: Table, end: tuple[str, ...] = ()) -> str:
    """Return the text of a document. ``end`` are the comment lines after all else."""
    lines = list(_table_lines(table, ""))
    if end:
        lines += ["", *_comment_lines(list(end), "")]
    while lines and not lines[0]:
        lines.pop(0)
    return "\n".join(lines) + "\n"


def _table_lines(table: Table, indent: str) -> Iterator[str]:
    for item in table.items:
        yield from _comment_lines(item.before, indent)
        key = _key(item, False)
        if len(key) > _MAX_KEY:
            yield f"{indent}? {key}"
            key = ""
        yield from _after(f"{indent}{key}:", item, indent)


def _key(item: Item, flow: bool) -> str:
    if item.plain_key:
        return item.key
    return quoted(item.key) if item.key == "<<" else scalar_text(item.key, flow)  # plain, it would be a merge


def _after(head: str, item: Item, indent: str) -> Iterator[str]:
    """Return the lines of a value whose key has been written."""
    value = item.value
    inner = indent + "  "
    if isinstance(value, Table | Series) and not _fits(value, len(head) + 1):
        yield _with_comment(head, item.beside)
        if isinstance(value, Table):
            yield from _table_lines(value, inner)
        else:
            yield from _series_lines(value, inner)
        return
    if isinstance(value, str) and not isinstance(value, Plain) and (block := block_lines(value)) is not None:
        yield _with_comment(f"{head} {block[0]}", item.beside)
        yield from (f"{inner}{line}" if line else "" for line in block[1])
        return
    yield _with_comment(f"{head} {_inline(value, False)}", item.beside)


def _series_lines(series: Series, indent: str) -> Iterator[str]:
    chunks = [list(_entry_lines(item, indent)) for item in series.items]
    spaced = series.spaced and any(len(chunk) > TALL for chunk in chunks)
    for number, (item, chunk) in enumerate(zip(series.items, chunks, strict=True)):
        if number and spaced:
            yield ""
        yield from _comment_lines(item.before, indent)
        yield from chunk


def _entry_lines(item: Item, indent: str) -> Iterator[str]:
    value = item.value
    dash = f"{indent}-"
    if isinstance(value, Table | Series) and not _fits(value, len(dash) + 1):
        if isinstance(value, Table):
            first = value.items[0]
            if first.before:  # no room between the dash and the key
                yield from _comment_lines(first.before, indent)
                first.before = []
            lines = _table_lines(value, indent + "  ")
        else:
            lines = _series_lines(value, indent + "  ")
        yield _with_comment(f"{dash} {next(lines).lstrip(' ')}", item.beside)
        yield from lines
        return
    yield from _after(dash, item, indent)


def _comment_lines(comments: list[str], indent: str) -> Iterator[str]:
    for comment in comments:
        yield f"{indent}# {comment}".rstrip() if comment else ""


def _with_comment(line: str, comment: str) -> str:
    return f"{line}  # {comment}".rstrip() if comment else line


def _fits(value: Table | Series, column: int) -> bool:
    """Whether a list or map is best written in brackets, from a column on."""
    if not value.items:
        return True
    if not value.flow or _has_comments(value) or len(value.items) > _MAX_FLOW_ITEMS * 2:
        return False
    if isinstance(value, Table) and len(value.items) > _MAX_FLOW_ITEMS:
        return False
    if (
        isinstance(value, Series)
        and len(value.items) > 1
        and any(isinstance(item.value, Table) for item in value.items)
    ):
        return False
    return not _suffers(value) and column + len(_inline(value, False)) <= WIDTH


def _suffers(value: Value) -> bool:
    """Whether anything in a list or map is written worse within brackets than without."""
    if isinstance(value, Table | Series):
        return any(_suffers(item.value) or (isinstance(value, Table) and len(item.key) > WIDTH) for item in value.items)
    if isinstance(value, str) and not isinstance(value, Plain):
        return "\n" in value or (is_plain(value) and not is_plain(value, True))
    return False


def _has_comments(value: Value) -> bool:
    if not isinstance(value, Table | Series):
        return False
    return any(item.before or item.beside or _has_comments(item.value) for item in value.items)


def _inline(value: Value, flow: bool) -> str:
    """Return a value on one line."""
    if isinstance(value, Plain):
        return str(value)
    if isinstance(value, str):
        return scalar_text(value, flow)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, Series):
        return f"[{', '.join(_inline(item.value, True) for item in value.items)}]"
    return "{" + ", ".join(f"{_key(item, True)}: {_inline(item.value, True)}" for item in value.items) + "}"
