"""The plain tree of a YAML file: scalars, lists and maps, each with its span. Knows nothing of workflows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from .. import nodes
from ..source import Span, SpanOf

__all__ = ["Broken", "Entry", "Listing", "Mapping", "Meant", "Node", "Placed", "Scalar", "kind_of", "words_in"]

LONGEST_WORD: Final = 200


class Scalar(msgspec.Struct, gc=False):
    """A scalar. ``value`` follows the YAML 1.2 core schema, ``text`` is its content as written.

    ``style`` is empty for a plain one, else one of ``' " | >``. ``begin`` and ``end`` are its offsets in
    the source. A ``verbatim`` one came from a load-time variable: nothing in it is looked at again.
    """

    span: Span
    text: str
    value: bool | int | float | str | None
    style: str
    begin: int
    end: int
    verbatim: bool = False


class Meant(Scalar, gc=False, kw_only=True):
    """A scalar that a program made: it stands for an expression, and its text only shows it."""

    meaning: nodes.Expression


class Placed(Scalar, gc=False):
    """A scalar of another notation, which knows itself where its letters stand in the source."""

    def places(self) -> SpanOf:
        """Return the function from offsets in ``text`` (start, end exclusive) to the span in the file."""
        raise NotImplementedError


class Entry(msgspec.Struct, gc=False):
    key: str
    key_span: Span
    value: Node
    quoted: bool = False  # the key was written in quotes, so it is a text whatever it looks like


class Listing(msgspec.Struct, gc=False):
    span: Span
    items: list[Node]


class Mapping(msgspec.Struct, gc=False):
    """Keys are texts, in the order written, merged ones last."""

    span: Span
    entries: dict[str, Entry]

    def get(self, key: str) -> Node | None:
        """Return the value of a key, or None where it isn't there."""
        entry = self.entries.get(key)
        return None if entry is None else entry.value

    @property
    def head(self) -> Span:
        """Its first line: where to point when something is missing in it."""
        for entry in self.entries.values():
            if entry.key_span.via is self.span.via:
                last = entry.value.span
                same_line = last.line == entry.key_span.line == last.end_line
                return entry.key_span.to(last) if same_line else entry.key_span
        return self.span


class Broken(msgspec.Struct, gc=False):
    """A place whose mistake has been reported: whatever it should have been, nothing more is said of it."""

    span: Span


Node = Scalar | Listing | Mapping | Broken


def words_in(node: Node) -> Iterator[str]:
    """Return the keys and the short texts in a node: every name that it may give to anything."""
    pending = [node]
    while pending:
        node = pending.pop()
        if isinstance(node, Scalar):
            if len(node.text) <= LONGEST_WORD:
                yield node.text
        elif isinstance(node, Listing):
            pending.extend(node.items)
        elif isinstance(node, Mapping):
            yield from node.entries
            pending.extend(entry.value for entry in node.entries.values())


def kind_of(node: Node) -> str:
    """Return what a node is, in the words of a message."""
    if isinstance(node, Mapping):
        return "a map"
    if isinstance(node, Listing):
        return "a list"
    value = node.value if isinstance(node, Scalar) else None
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"`{node.text}`" if isinstance(node, Scalar) else "a bool"
    if isinstance(value, int | float):
        return "a number"
    return "a text"
