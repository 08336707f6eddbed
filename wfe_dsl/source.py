"""Source text and places in it.

Owns how bytes become text (UTF-8, an optional byte order mark, no control characters) and what a line
is. Knows nothing of any notation. A line ends at LF, CRLF, CR, NEL, LS or PS: the ends that YAML knows,
so that every part counts lines alike.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Final

import msgspec

__all__ = ["MAX_SOURCE_BYTES", "SourceError", "SourceFile", "Span", "SpanOf"]

MAX_SOURCE_BYTES: Final = 16 * 1024 * 1024
"""A larger document is refused."""

LINE_ENDS: Final = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
# What no text may hold: C0 and C1 controls but tab and line ends, surrogates, byte order marks inside.
FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


class SourceFile(msgspec.Struct, frozen=True, eq=False):
    """A text that was read. ``name`` is how the user named the file; ``path`` is where it lies, absolute.

    ``lines`` are its lines without their ends, for drawing carets.
    """

    name: str
    path: str
    text: str
    lines: tuple[str, ...]

    @classmethod
    def from_text(cls, name: str, text: str, path: str = "") -> SourceFile:
        """Return the source of a text that is in memory. A byte order mark at its start is dropped.

        Without ``path`` the name is taken as one, relative to the current folder.
        """
        text = text.removeprefix("\ufeff")
        # Nearly every file ends its lines with LF alone; the expression is six times slower.
        plain = not ("\r" in text or "\x85" in text or "\u2028" in text or "\u2029" in text)
        lines = text.split("\n") if plain else LINE_ENDS.split(text)
        return cls(name, path or os.path.abspath(name), text, tuple(lines))

    @classmethod
    def from_bytes(cls, name: str, data: bytes, path: str = "") -> SourceFile:
        """Return the source of what was read from a file.

        Raises SourceError where it is too large, not UTF-8, or holds a control character.
        """
        if len(data) > MAX_SOURCE_BYTES:
            message = f"the file has {len(data):,} bytes, more than the {MAX_SOURCE_BYTES:,} that are read"
            raise SourceError("size", message, cls.from_text(name, "", path), 0)
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            readable = data.decode("utf-8", "replace")
            offset = len(data[: error.start].decode("utf-8"))
            message = f"byte 0x{data[error.start]:02x} is not valid UTF-8"
            source = cls.from_text(name, readable, path)
            raise SourceError("encoding", message, source, offset - readable.startswith("\ufeff")) from None
        source = cls.from_text(name, text, path)
        source.check()
        return source

    def check(self) -> None:
        """Raise SourceError where the text holds a character that no text may hold."""
        found = FORBIDDEN.search(self.text)
        if found is not None:
            message = f"the control character U+{ord(found.group()):04X} may not stand in a file"
            raise SourceError("control", message, self, found.start())

    def span_at(self, start: int, end: int) -> Span:
        """Return the stretch between two offsets in ``text``, in characters, the end exclusive."""
        line, column = self._position(start)
        end_line, end_column = (line, column + 1) if end <= start else self._position(end)
        return Span(self, line, column, end_line, end_column)

    def _position(self, offset: int) -> tuple[int, int]:
        line, begin = 1, 0
        for found in LINE_ENDS.finditer(self.text, 0, offset):
            line, begin = line + 1, found.end()
        return line, offset - begin + 1


class Span(msgspec.Struct, frozen=True, gc=False):
    """A stretch of a source: 1-based lines and columns in characters, the end exclusive.

    ``via`` is the place that brought it in, where that is another one: the alias of an anchored value.
    """

    source: SourceFile
    line: int
    column: int
    end_line: int
    end_column: int
    via: Span | None = None

    def to(self, other: Span) -> Span:
        """Return the stretch from this one's start to the other's end."""
        return Span(self.source, self.line, self.column, other.end_line, other.end_column, self.via)

    def part(self, text: str, start: int, end: int) -> Span:
        """Return the place of a stretch of ``text``, which was written at this one, between quotes or without.

        This one itself where the text was written in another way: with escapes, on several lines, by a variable.
        """
        if self.line != self.end_line or self.line > len(self.source.lines):
            return self
        written = self.source.lines[self.line - 1][self.column - 1 : self.end_column - 1]
        at = written.find(text) if len(written) <= len(text) + 2 else -1
        if at < 0 or not text:
            return self
        column = min(self.column + at + start, self.end_column - 1)
        end_column = max(column + 1, self.column + at + end)
        return Span(self.source, self.line, column, self.line, end_column, self.via)


SpanOf = Callable[[int, int], Span]
"""Maps a stretch of a text, as offsets of which the end is exclusive, to its place."""


class SourceError(Exception):
    """Bytes that are no text. ``kind`` is ``size``, ``encoding`` or ``control``; ``offset`` is into the text."""

    def __init__(self, kind: str, message: str, source: SourceFile, offset: int) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.source = source
        self.offset = offset

    @property
    def span(self) -> Span:
        """The character at fault."""
        return self.source.span_at(self.offset, self.offset + 1)
