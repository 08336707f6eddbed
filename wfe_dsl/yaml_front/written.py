"""A YAML text as it was written: what stands where, aliases and merges unresolved, comments found.

For what formats a file or carries its comments elsewhere. ``reader`` says what a text means and what is wrong
with it; this is for texts that it has read without a mistake.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from ..source import LINE_ENDS, SourceFile

__all__ = ["Collection", "Comment", "Leaf", "Part", "Written", "read_written"]

_ANCHOR: Final = re.compile(r"&\S+")
_HEADER: Final = re.compile(r"[|>][-+0-9]*")


class Leaf(msgspec.Struct):
    """A scalar or an alias: its text as written, from ``begin`` to ``end``. Empty: nothing was written."""

    begin: int
    end: int
    style: str  # empty, or one of ' " | > *
    anchor: str = ""


class Collection(msgspec.Struct):
    """A list (keys are None) or map, from ``begin`` to ``end``, its anchor apart."""

    begin: int
    end: int
    mapping: bool
    flow: bool
    anchor: str = ""
    items: list[tuple[Part | None, Part]] = []


Part = Leaf | Collection


class Comment(msgspec.Struct, frozen=True):
    """A comment, its sign included. ``alone``: nothing else stands on its line. Lines and columns from 0."""

    begin: int
    line: int
    column: int
    text: str
    alone: bool


class Written(msgspec.Struct):
    """``marker`` is where ``---`` stands, or -1; ``directives`` the lines before it that begin with ``%``."""

    source: SourceFile
    root: Part | None
    comments: list[Comment]
    marker: int
    directives: list[str]


def read_written(source: SourceFile) -> Written:
    """Return what was written in a text. Raises yaml.YAMLError for one that is no YAML."""
    return _Reader(source).read()


class _Reader:
    def __init__(self, source: SourceFile) -> None:
        self.text = source.text
        self.source = source
        self.leaves: list[tuple[int, int]] = []
        self.marker = -1

    def read(self) -> Written:
        loader = yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader
        parser: Any = loader(self.text)
        try:
            root = self._compose(parser.get_event)
        finally:
            parser.dispose()
        head = self.text[: max(self.marker, 0)]
        directives = [line.rstrip() for line in LINE_ENDS.split(head) if line.startswith("%")]
        return Written(self.source, root, list(self._comments()), self.marker, directives)

    def _compose(self, get_event: Any) -> Part | None:
        root: Part | None = None
        open_ones: list[tuple[Collection, list[Part]]] = []  # and a key that waits for its value
        while (event := get_event()) is not None:
            kind = event.__class__
            part: Part
            if kind is DocumentStartEvent:
                if event.explicit:
                    self.marker = event.start_mark.index
                    while self.text[self.marker : self.marker + 3] != "---":
                        self.marker = self.text.index("---", self.marker)
                continue
            if kind is MappingStartEvent or kind is SequenceStartEvent:
                anchor, begin = self._anchor(event)
                flow = bool(event.flow_style)
                open_ones.append((Collection(begin, begin, kind is MappingStartEvent, flow, anchor), []))
                continue
            if kind is MappingEndEvent or kind is SequenceEndEvent:
                collection, _ = open_ones.pop()
                collection.end = event.end_mark.index
                part = collection
            elif kind is ScalarEvent or kind is AliasEvent:
                part = self._leaf(event, kind is AliasEvent)
            else:
                continue
            if not open_ones:
                root = part
                continue
            parent, waiting = open_ones[-1]
            if not parent.mapping:
                parent.items.append((None, part))
            elif waiting:
                parent.items.append((waiting.pop(), part))
            else:
                waiting.append(part)
        return root

    def _anchor(self, event: Any) -> tuple[str, int]:
        """Return an event's anchor and where the rest of it begins."""
        begin = event.start_mark.index
        if event.anchor is None:
            return "", begin
        found = _ANCHOR.match(self.text, begin)
        assert found is not None, "an anchor is where the parser says"
        self.leaves.append(found.span())
        return found.group(), _past_gap(self.text, found.end())

    def _leaf(self, event: Any, alias: bool) -> Leaf:
        if alias:
            begin, end, style, anchor = event.start_mark.index, event.end_mark.index, "*", ""
        else:
            anchor, begin = self._anchor(event)
            end, style = event.end_mark.index, event.style or ""
            if begin > end or (not style and not event.value):
                begin = end = min(begin, end) if not anchor else event.start_mark.index + len(anchor)
            elif style in ("|", ">"):
                end = self._block_end(begin, end)
            elif not style:
                end = begin + len(self.text[begin:end].rstrip())
        if style in ("|", ">"):
            header = _HEADER.match(self.text, begin)
            assert header is not None, "a block scalar begins with its header"
            self.leaves.append(header.span())
            content = LINE_ENDS.search(self.text, header.end(), end)
            if content is not None:
                self.leaves.append((content.end(), end))
        else:
            self.leaves.append((begin, end))
        return Leaf(begin, end, style, anchor)

    def _block_end(self, begin: int, end: int) -> int:
        """Return where the last line of a block scalar ends that holds anything: the parser goes on to what follows."""
        last = begin + len(self.text[begin:end].rstrip(" \n\r\x85\u2028\u2029"))
        stop = LINE_ENDS.search(self.text, last, end)
        return end if stop is None else stop.start()

    def _comments(self) -> Iterator[Comment]:
        """Find the comments: each ``#`` outside of everything else that may hold one."""
        text = self.text
        starts = [0, *(found.end() for found in LINE_ENDS.finditer(text))]
        line = 0
        position = 0
        for begin, end in [*sorted(self.leaves), (len(text), len(text))]:
            while position < begin:
                sign = text.find("#", position, begin)
                if sign < 0:
                    break
                stop = LINE_ENDS.search(text, sign)
                finish = len(text) if stop is None else stop.start()
                while line + 1 < len(starts) and starts[line + 1] <= sign:
                    line += 1
                before = text[starts[line] : sign]
                if not before.startswith("%"):
                    yield Comment(sign, line, sign - starts[line], text[sign:finish].rstrip(), not before.strip())
                position = finish
            position = max(position, end)


def _past_gap(text: str, position: int) -> int:
    """Return where the next thing begins that is neither blank nor comment."""
    while position < len(text):
        if text[position] == "#":
            stop = LINE_ENDS.search(text, position)
            position = len(text) if stop is None else stop.end()
        elif text[position].isspace():
            position += 1
        else:
            break
    return position
