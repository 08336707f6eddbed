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

_TOKEN: Final = re.compile(
    r"""(?P<blank>[ \t]+|\#[^\n\r\x85\u2028\u2029]*)
      | (?P<newline>\r\n|[\n\r\x85\u2028\u2029])
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
      | (?P<unclosed>["'][^\n\r\x85\u2028\u2029]*?(?=[ \t]*\{[ \t]*(?:[\n\r\x85\u2028\u2029]|$))
          |["'][^\n\r\x85\u2028\u2029]*|`{3,}(?s:.*))
      | (?P<other>(?s:.))""",
    re.VERBOSE,
)
COMMENT: Final = "#"
_RAW_ENDS: Final = re.compile("\r\n|[\r\n]")
_FENCE: Final = re.compile("`+")


def tokens_of(text: str) -> list[Token]:
    """Return the tokens of a text, the last of kind ``end``; blanks and comments are left out."""
    tokens: list[Token] = []
    add = tokens.append
    for found in _TOKEN.finditer(text):
        kind = found.lastgroup
        if kind == "blank":
            continue
        word = found[0]
        start, end = found.span()
        if kind == "sign":
            kind = word
        elif kind == "fence":
            kind = "raw"
        elif kind == "lines":
            kind = "unclosed"
        add((kind or "other", word, start, end))
    add(("end", "", len(text), len(text)))
    return tokens


def comments_of(text: str) -> list[tuple[int, str]]:
    """Return the comments of a text, each with its offset."""
    return [
        (found.start(), found[0])
        for found in _TOKEN.finditer(text)
        if found.lastgroup == "blank" and found[0].startswith(COMMENT)
    ]


class Layout:
    """Where the lines of a source begin."""

    def __init__(self, source: SourceFile) -> None:
        self.source = source
        self.starts = [0, *(found.end() for found in LINE_ENDS.finditer(source.text))]

    def line_of(self, offset: int) -> int:
        """Return the number of the line, from 1, in which an offset is."""
        return bisect_right(self.starts, offset)

    def span(self, start: int, end: int) -> Span:
        """Return the place between two offsets, the end exclusive."""
        starts = self.starts
        line = bisect_right(starts, start)
        first = starts[line - 1]
        if end <= start:
            return Span(self.source, line, start - first + 1, line, start - first + 2)
        end_line = line if line == len(starts) or end <= starts[line] else bisect_right(starts, end - 1)
        return Span(self.source, line, start - first + 1, end_line, end - starts[end_line - 1] + 1)

    def indentation(self, offset: int) -> int:
        """Return how many blanks the line of an offset begins with."""
        line = self.source.lines[self.line_of(offset) - 1]
        return len(line) - len(line.lstrip(" \t"))

    def begins_line(self, offset: int) -> bool:
        """Whether nothing but blanks stands before an offset in its line."""
        start = self.starts[self.line_of(offset) - 1]
        return not self.source.text[start:offset].strip(" \t")


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
