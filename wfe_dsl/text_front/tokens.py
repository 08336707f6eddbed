"""Cuts a text into words, and reads its strings and raw blocks.

Every character belongs to a token, a blank or a comment, so the text can be put together again. The kinds
are ``word``, ``number`` (durations and sizes too), ``string``, ``raw``, ``member`` (``.name``), ``newline``,
``variable`` (``((name))``), ``end``, ``unclosed`` (a string or raw block without an end, or a string of several
lines), ``other``, and each sign by itself. It knows nothing of statements.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import Final

from ..source import LINE_ENDS, SourceFile, Span

__all__ = ["COMMENT", "Layout", "Token", "comments_of", "raw_lines", "tokens_of"]

Token = tuple[str, str, int, int]
"""Kind, text, start, end."""

_BLANK: Final = r"[ \t]+|\#[^\n\r\x85\u2028\u2029]*"
_KINDS: Final = r"""(?P<newline>\r\n|[\n\r\x85\u2028\u2029])
      | (?P<variable>\(\([ \t]*(?a:[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*)[ \t]*
          (?:\|(?!\|)(?:[ \t]*"(?:[^"\\\n]|\\.){0,1000}"[ \t]*|[^\n]{0,1000}?))?\)\))
      | (?P<number>[0-9]\w*(?:\.[0-9]\w*)*(?:(?<=[eE])[+-][0-9]+)?(?:-\w+)*)
      | (?P<word>\w+(?:-\w+)*)
      | (?P<member>\.\w+(?:-(?=[^\W_])\w+)*)
      | (?P<string>"(?:[^"\\\n\r\x85\u2028\u2029]|\\[^\n\r])*"|'(?:[^'\\\n\r\x85\u2028\u2029]|\\[^\n\r])*')
      | (?P<raw>(?P<fence>`{3,})(?!`)(?s:.*?)(?<!`)(?P=fence)(?!`))
      | (?P<sign>=>|==|!=|<=|>=|&&|\|\||\?\?|[-+*/%<>!?:()\[\]{},=;.])
      | (?P<lines>"(?:[^"\\\n]|\\.)*(?:\n(?:[^"\\\n]|\\.)*){1,40}"(?=[ \t)\]},;]*(?:[\r\n]|$))
          |'(?:[^'\\\n]|\\.)*(?:\n(?:[^'\\\n]|\\.)*){1,40}'(?=[ \t)\]},;]*(?:[\r\n]|$)))
      | (?P<unclosed>["'][^\n\r\x85\u2028\u2029]*?(?=[ \t]{0,9}\{[ \t]{0,9}(?:[\n\r\x85\u2028\u2029]|$))
          |["'][^\n\r\x85\u2028\u2029]*|`{3,}(?s:.*))
      | (?P<other>(?s:.))"""
_TOKEN: Final = re.compile(rf"(?:{_BLANK})*(?:{_KINDS} | (?P<end>\Z))", re.VERBOSE)
_TOKEN_OR_BLANK: Final = re.compile(rf"(?P<blank>{_BLANK}) | {_KINDS}", re.VERBOSE)
COMMENT: Final = "#"
_RAW_ENDS: Final = re.compile("\r\n|[\r\n]")
_FENCE: Final = re.compile("`+")
_BLANKS: Final = re.compile("[ \t]*")


def tokens_of(text: str) -> list[Token]:
    """Return the tokens of a text, the last of kind ``end``; blanks and comments are left out."""
    tokens: list[Token] = []
    add = tokens.append
    for found in _TOKEN.finditer(text):
        kind = found.lastgroup
        assert kind is not None
        if kind == "fence":
            kind = "raw"
        word = found[kind]
        end = found.end()
        if kind == "sign":
            kind = word
        elif kind == "lines":
            kind = "unclosed"
        add((kind, word, end - len(word), end))
    # What blanks stand before is the end, and then it is found again.
    while len(tokens) > 1 and tokens[-2][0] == "end":
        del tokens[-1]
    return tokens


def comments_of(text: str) -> list[tuple[int, str]]:
    """Return the comments of a text, each with its offset."""
    return [
        (found.start(), found[0])
        for found in _TOKEN_OR_BLANK.finditer(text)
        if found.lastgroup == "blank" and found[0].startswith(COMMENT)
    ]


class Layout:
    """Where the lines of a source begin.

    ``line`` is the one that was asked for last, ``first`` and ``last`` where it and the one after it begin: most
    questions are about that line again.
    """

    def __init__(self, source: SourceFile) -> None:
        self.source = source
        self.starts = [0, *(found.end() for found in LINE_ENDS.finditer(source.text))]
        self.line = 1
        self.first = 0
        self.last = self.starts[1] if len(self.starts) > 1 else len(source.text) + 1

    def line_of(self, offset: int) -> int:
        """Return the number of the line, from 1, in which an offset is."""
        if not self.first <= offset < self.last:
            starts = self.starts
            line = self.line = bisect_right(starts, offset)
            self.first = starts[line - 1]
            self.last = starts[line] if line < len(starts) else len(self.source.text) + 1
        return self.line

    def span(self, start: int, end: int) -> Span:
        """Return the place between two offsets, the end exclusive."""
        if not self.first <= start < self.last:
            self.line_of(start)
        line, first = self.line, self.first
        if end <= start:
            return Span(self.source, line, start - first + 1, line, start - first + 2)
        if end <= self.last:
            return Span(self.source, line, start - first + 1, line, end - first + 1)
        end_line = bisect_right(self.starts, end - 1)
        return Span(self.source, line, start - first + 1, end_line, end - self.starts[end_line - 1] + 1)

    def indentation(self, offset: int) -> int:
        """Return how many blanks the line of an offset begins with."""
        self.line_of(offset)
        return self._beginning() - self.first

    def begins_line(self, offset: int) -> bool:
        """Whether nothing but blanks stands before an offset in its line."""
        return self.column_at_beginning(offset) is not None

    def column_at_beginning(self, offset: int) -> int | None:
        """Return how many blanks stand before an offset in its line; None where anything else does."""
        self.line_of(offset)
        return None if self._beginning() < offset else offset - self.first

    def _beginning(self) -> int:
        """Return where the blanks end that ``line`` begins with: a line may have many thousands of words."""
        found = _BLANKS.match(self.source.text, self.first)
        assert found is not None
        return found.end()


def raw_lines(token: str) -> list[tuple[str, int]]:
    """Return the lines of a raw block, each with its offset in the token; the last has no line end.

    What stands on the line of the opening is a line if it isn't blank. Common indentation is removed.
    """
    fence = _FENCE.match(token)
    width = len(fence[0]) if fence else 0
    inside = token[width : len(token) - width]
    lines: list[tuple[str, int]] = []
    position = 0
    for found in _RAW_ENDS.finditer(inside):
        lines.append((inside[position : found.start()], width + position))
        position = found.end()
    lines.append((inside[position:], width + position))
    if len(lines) == 1:
        return lines
    if not lines[0][0].strip(" \t"):
        del lines[0]
        first = 0
    else:
        first = 1  # it begins beside the opening, and has no indentation
    last = len(lines) - 1
    inner = [
        len(line) - len(line.lstrip(" \t"))
        for number, (line, _) in enumerate(lines)
        if number >= first and (line.strip(" \t"))
    ]
    indent = min(inner, default=0)
    kept: list[tuple[str, int]] = lines[:first]
    for number, (line, offset) in enumerate(lines[first:], first):
        blank = not line.strip(" \t")
        cut = len(line) if blank and number == last else min(indent, len(line))
        kept.append((line[cut:], offset + cut))
    return kept
