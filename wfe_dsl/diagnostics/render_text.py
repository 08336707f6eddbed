"""Diagnostics for a person at a terminal: place, source line, carets, labels, help.

::

    error[WFE0101]: a step has no key `timeuot`
      --> deploy.yaml:7:7
       |
     7 |       timeuot: 5s
       |       ^^^^^^^
       |
       = help: did you mean `timeout`?

Columns are counted as a terminal shows them: a tab fills up to the next fourth column, wide characters take
two, combining ones none. Control characters are shown by name, so a file can't steer the terminal. A line of
more than 120 columns is cut to a window around the place, with ``…`` where something was left out. Colour only
where the caller asks for it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Final

from ..source import SourceFile, Span
from .labels import all_labels, on_one_line
from .model import Diagnostic

__all__ = ["render_text", "summary"]

TAB: Final = 4
WINDOW: Final = 120
"""Cells of a source line that are shown at most."""
LEAD: Final = 30
"""Cells kept before the place where a line is cut."""
CUT: Final = "…"
"""Stands where a part of a line was left out."""

RESET: Final = "\x1b[0m"
BOLD: Final = "\x1b[1m"
BLUE: Final = "\x1b[1;34m"
SEVERITY_COLOURS: Final = {"error": "\x1b[1;31m", "warning": "\x1b[1;33m", "note": "\x1b[1;36m"}


def render_text(diagnostics: Iterable[Diagnostic], colour: bool = False) -> str:
    """Return all diagnostics in the order given, a blank line after each."""
    return "".join(_Drawing(diagnostic, colour).draw() + "\n\n" for diagnostic in diagnostics)


def summary(diagnostics: Iterable[Diagnostic]) -> str:
    """Return how many errors, warnings and notes there are, as ``2 errors, 1 warning``; empty for none."""
    counts: dict[str, int] = {"error": 0, "warning": 0, "note": 0}
    for diagnostic in diagnostics:
        counts[diagnostic.severity] += 1
    return ", ".join(f"{count} {word}{'' if count == 1 else 's'}" for word, count in counts.items() if count)


class _Drawing:
    def __init__(self, diagnostic: Diagnostic, colour: bool) -> None:
        self.diagnostic = diagnostic
        self.colour = colour
        self.severity = SEVERITY_COLOURS[diagnostic.severity]
        self.labels = all_labels(diagnostic)
        spans = [diagnostic.span, *(label.span for label in self.labels)]
        self.margin = max(len(str(span.line)) for span in spans) + 1
        self.lines: list[str] = []

    def draw(self) -> str:
        diagnostic = self.diagnostic
        head = self._paint(f"{diagnostic.severity}[{diagnostic.code}]", self.severity)
        self.lines.append(head + self._paint(f": {on_one_line(diagnostic.message)}", BOLD))
        self._place(diagnostic.span, "-->")
        source = diagnostic.span.source
        here = [label for label in self.labels if label.span.source is source]
        marks = [(diagnostic.span, "^", "", self.severity), *((label.span, "-", label.text, BLUE) for label in here)]
        marks.sort(key=lambda mark: mark[0].line)
        self._bar()
        last: int | None = None
        window = ("", 0)
        for span, sign, text, colour in marks:
            if span.line != last or not _is_within(source, span, window):
                if last is not None and span.line > last + 1:
                    self.lines.append(self._paint("...", BLUE))
                window = _window(source, span)
                self._numbered(span.line, window)
            self._carets(source, span, window, sign, text, colour)
            last = span.line
        for label in self.labels:
            if label.span.source is not source:
                self._place(label.span, ":::")
                self._bar()
                window = _window(label.span.source, label.span)
                self._numbered(label.span.line, window)
                self._carets(label.span.source, label.span, window, "-", label.text, BLUE)
        self._bar()
        first, *rest = diagnostic.help.split("\n")
        self.lines.append(f"{self._gutter('=')} {self._paint('help', BOLD)}: {on_one_line(first)}")
        self.lines.extend(f"{' ' * (self.margin + 9)}{on_one_line(line)}" for line in rest)
        return "\n".join(self.lines)

    def _place(self, span: Span, arrow: str) -> None:
        place = f"{on_one_line(span.source.name)}:{span.line}:{span.column}"
        self.lines.append(f"{' ' * self.margin}{self._paint(arrow, BLUE)} {place}")

    def _bar(self) -> None:
        self.lines.append(self._gutter("|"))

    def _gutter(self, sign: str) -> str:
        return f"{' ' * self.margin} {self._paint(sign, BLUE)}"

    def _numbered(self, line: int, window: tuple[str, int]) -> None:
        number = self._paint(f"{line:>{self.margin}} |", BLUE)
        self.lines.append(f"{number} {window[0]}".rstrip())

    def _carets(
        self, source: SourceFile, span: Span, window: tuple[str, int], sign: str, text: str, colour: str
    ) -> None:
        line = _line(source, span.line)
        end = span.end_column - 1 if span.end_line == span.line else len(line)
        start_cell = _cells(line, span.column - 1) - window[1]
        end_cell = min(_cells(line, max(end, span.column)) - window[1], WINDOW)
        carets = sign * max(end_cell - start_cell, 1)
        words = f" {on_one_line(text)}" if text else ""
        self.lines.append(f"{self._gutter('|')} {' ' * start_cell}{self._paint(carets + words, colour)}")

    def _paint(self, text: str, colour: str) -> str:
        return f"{colour}{text}{RESET}" if self.colour else text


def _line(source: SourceFile, number: int) -> str:
    return source.lines[number - 1] if number <= len(source.lines) else ""


def _window(source: SourceFile, span: Span) -> tuple[str, int]:
    """Return what is shown of a line, and how many cells of it were cut off at its left."""
    line = _line(source, span.line)
    start = span.column - 1
    if len(line) <= WINDOW and _cells(line, len(line)) <= WINDOW:
        return _shown(line), 0
    # Only as much as is shown is looked at: a line may have millions of letters.
    first, lead = min(start, len(line)), LEAD
    while first > 0 and lead > 0:
        first -= 1
        lead -= _width(line[first], 0)
    pieces: list[str] = []
    cut = _cells(line, first)
    cell = cut
    for letter in line[first : first + WINDOW]:
        width = _width(letter, cell)
        if cell - cut + width > WINDOW:
            break
        pieces.append(_picture(letter, cell))
        cell += width
    if first + len(pieces) < len(line):
        pieces.append(CUT)
    if first:
        pieces[0] = CUT.ljust(_width(line[first], cut))
    return "".join(pieces), cut


def _is_within(source: SourceFile, span: Span, window: tuple[str, int]) -> bool:
    """Say whether a place begins in what is shown of its line; right of its end, where nothing stands, it does."""
    line = _line(source, span.line)
    start = _cells(line, span.column - 1) - window[1]
    return start >= bool(window[1]) and (start < WINDOW or span.column > len(line))


def _shown(line: str) -> str:
    cell = 0
    pieces = []
    for letter in line:
        pieces.append(_picture(letter, cell))
        cell += _width(letter, cell)
    return "".join(pieces)


def _cells(line: str, length: int) -> int:
    """How many cells the first ``length`` characters of a line take; beyond its end each takes one."""
    if line.isascii() and line.isprintable():
        return length
    cell = 0
    for letter in line[:length]:
        cell += _width(letter, cell)
    return cell + max(0, length - len(line))


def _width(letter: str, cell: int) -> int:
    if " " <= letter <= "~":
        return 1
    if letter == "\t":
        return TAB - cell % TAB
    if unicodedata.combining(letter) or unicodedata.category(letter) in ("Mn", "Me"):
        return 0
    if letter in "\u200b\u200c\u200d\u2060":
        return 0
    if not letter.isprintable():
        return len(_picture(letter, cell))
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def _picture(letter: str, cell: int) -> str:
    if letter == "\t":
        return " " * (TAB - cell % TAB)
    if letter.isprintable() or unicodedata.category(letter) in ("Mn", "Me") or letter in "\u200b\u200c\u200d\u2060":
        return letter
    return letter.encode("unicode_escape").decode("ascii")
