"""The formatter: the same tokens and comments, in the one layout that the printer has too.

It works on tokens and not on the tree, so that load-time variables, spellings and comments stay as they are.
Lines stay lines; indentation, blanks between words, blank lines and raw blocks are laid out anew, and
statements that ``;`` divides get lines of their own, but for those in a block on one line.
"""

from __future__ import annotations

import re
from typing import Final

from ..diagnostics.model import Diagnostics
from ..source import SourceFile
from .tokens import COMMENT, Layout, Token, comments_of, raw_lines, tokens_of
from .workflows import read_text

__all__ = ["format_text"]

INDENT: Final = "  "
OPENING: Final = ("{", "(", "[")
CLOSED: Final = ("}", ")", "]")
CALL: Final = re.compile(r" *(?:step|call)\b.*(?<!})$")
"""A step on one line, with which a `compensate` on the next one goes on."""
Piece = tuple[str, str, bool]
"""Kind, text, and whether a blank stood before it."""


def format_text(text: str, path: str) -> str:
    """Return a text in canonical layout; one with mistakes as it is. ``path`` names the file."""
    source = SourceFile.from_text(path, text)
    diagnostics = Diagnostics()
    read_text(source, diagnostics)
    if diagnostics.has_errors:
        return text
    return "\n".join(_Layouter(source).lines()) + "\n"


class _Layouter:
    def __init__(self, source: SourceFile) -> None:
        self.source = source
        self.out: list[str] = []
        self.depth = 0
        self.opened: list[int] = []
        """By open bracket: the number of the output line on which it was opened."""

    def lines(self) -> list[str]:
        layout = Layout(self.source)
        text = self.source.text
        comments = [("comment", comment, start, start + len(comment)) for start, comment in comments_of(text)]
        tokens: list[Token] = sorted((*tokens_of(text), *comments), key=lambda token: token[2])
        line: list[Piece] = []
        blank = True  # no blank line at the beginning
        end = 0
        for kind, written, start, finish in tokens:
            if kind == "newline" or kind == "end":
                if line:
                    self.line(line)
                    blank = False
                elif not blank and kind == "newline":
                    self.out.append("")
                    blank = True
                line = []
                end = finish
                continue
            if kind == ";" and not self.in_one_line(line):
                if line:
                    self.line(line)
                    blank = False
                line = []
                end = finish
                continue
            line.append((kind, written, start > end and not layout.begins_line(start)))
            end = finish
        while self.out and not self.out[-1]:
            self.out.pop()
        return self.out

    def in_one_line(self, line: list[Piece]) -> bool:
        """Whether a separator stands in brackets that were opened in its line."""
        depth = 0
        for kind, _, _ in line:
            depth += (kind in OPENING) - (kind in CLOSED)
        return depth > 0

    def line(self, pieces: list[Piece]) -> None:
        """Lay out one line."""
        first = pieces[0]
        leading = 0
        for kind, _, _ in pieces:
            if kind not in CLOSED:
                break
            leading += 1
        depth = max(self.depth - leading, 0)
        if first[:2] == ("word", "compensate") and self.out and CALL.match(self.out[-1]):
            depth += 1
        if leading and self.out and not self.out[-1]:
            self.out.pop()  # no blank line before a closing bracket
        parts: list[str] = [INDENT * depth]
        rest: list[str] = []
        before: Piece | None = None
        for piece in pieces:
            kind, written, _ = piece
            if kind == ";" and before is not None and before[0] == ";":
                continue
            parts.append(self.gap(before, piece))
            if kind == "raw" and "\n" in written.replace("\r", "\n"):
                laid = self.raw(written, depth)
                parts.append(laid[0])
                if len(laid) > 1:
                    rest.append("".join(parts))
                    rest.extend(laid[1:-1])
                    parts = [laid[-1]]
            else:
                parts.append(self.comment(written) if kind == "comment" else written)
            before = piece
            self.depth = max(self.depth + (kind in OPENING) - (kind in CLOSED), 0)
        self.out.extend([*rest, "".join(parts)])

    @staticmethod
    def comment(written: str) -> str:
        inside = written.removeprefix(COMMENT)
        gap = "" if inside.startswith(" ") else " "
        return f"{COMMENT}{gap}{inside}".rstrip()

    @staticmethod
    def gap(before: Piece | None, piece: Piece) -> str:
        """Return the blanks between two tokens."""
        kind = piece[0]
        if before is None:
            return ""
        if kind == "comment":
            return INDENT
        if kind in (",", ";"):
            return ""
        if before[0] in (",", ";", "=") or kind == "=":
            return " "
        if kind == "{" and before[0] in ("word", "string", "number", ")"):
            return " "
        return " " if piece[2] else ""

    @staticmethod
    def raw(written: str, depth: int) -> list[str]:
        """Return the lines of a raw block, each from the margin but for the first."""
        width = len(written) - len(written.lstrip("`"))
        fence = written[:width]
        head = written[width:].replace("\r\n", "\n").replace("\r", "\n").split("\n", 1)[0]
        lines = [line for line, _ in raw_lines(written)]
        if head.strip(" \t") or not any(line.strip(" \t") for line in lines):
            return written.split("\n") if "\r" not in written else written.replace("\r\n", "\n").split("\n")
        inner = [INDENT * (depth + 1) + line if line else "" for line in lines]
        if lines[-1] == "":
            return [fence, *inner[:-1], INDENT * depth + fence]
        return [fence, *inner[:-1], inner[-1] + fence]
