"""Where in the caller's source something was said: the file, the call, and each of its arguments.

Owns the way from a frame of the interpreter to spans. The nearest frame outside of this package is the caller;
the interpreter knows the stretch of the running call, and the file's syntax tree what stands where inside it.
Where either is missing (a text that was executed, an interactive line) the answer is wider, never wrong.
"""

from __future__ import annotations

import ast
import linecache
import os
import sys
from functools import lru_cache
from types import CodeType, FrameType
from typing import Any, Final

from ..source import SourceFile, Span

__all__ = ["Part", "Place", "caller"]

_PACKAGE: Final = __name__.rpartition(".")[0]
_Stretch = tuple[int | None, int | None, int | None, int | None]


class _File:
    """A file of Python source: its text, and its calls by where they end."""

    def __init__(self, filename: str, lines: list[str]) -> None:
        text = "".join(lines)
        relative = os.path.relpath(filename) if lines and os.path.isabs(filename) else filename
        name = filename if relative.startswith("..") else relative
        self.source = SourceFile.from_text(name, text, os.path.abspath(filename) if lines else "")
        self.rows = [line.rstrip("\r\n") for line in lines]
        self.calls: dict[tuple[int, int], ast.Call] = {}
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError):
            return  # the file has changed since it was imported
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                self.calls[node.end_lineno or 0, node.end_col_offset or 0] = node

    def span(self, line: int, column: int, end_line: int, end_column: int) -> Span:
        """Return the span of a stretch as the interpreter counts: columns from 0, in bytes of UTF-8."""
        first, last = self._letters(line, column), self._letters(end_line, end_column)
        return Span(self.source, line, first + 1, end_line, max(last + 1, first + 2 if line == end_line else 1))

    def line(self, number: int) -> Span:
        """Return a whole line, but for its indentation."""
        row = self.rows[number - 1] if number <= len(self.rows) else ""
        indent = len(row) - len(row.lstrip())
        return Span(self.source, number, indent + 1, number, max(len(row.rstrip()), indent + 1) + 1)

    def _letters(self, line: int, column: int) -> int:
        row = self.rows[line - 1] if line <= len(self.rows) else ""
        return column if row.isascii() else len(row.encode()[:column].decode("utf-8", "ignore"))


class Part:
    """One value in the caller's source. ``node`` is its syntax, None where that isn't known."""

    __slots__ = ("_file", "key_span", "node", "span")

    def __init__(self, file: _File, node: ast.expr | None, around: Span, key_span: Span | None = None) -> None:
        self._file = file
        self.node = node
        self.span = around if node is None else _span_of(file, node)
        self.key_span = key_span or self.span
        """The keyword or key that it was given by; the value itself where it was given without."""

    def item(self, position: int, length: int) -> Part:
        """Return an item of a list of ``length`` items."""
        node = self.node
        if isinstance(node, ast.List | ast.Tuple) and len(node.elts) == length:
            inner = node.elts[position]
            if not any(isinstance(element, ast.Starred) for element in node.elts):
                return Part(self._file, inner, self.span)
        return Part(self._file, None, self.span)

    def entry(self, key: object) -> Part:
        """Return the value of a key of a map."""
        node = self.node
        if isinstance(node, ast.Dict):
            for given, value in zip(node.keys, node.values, strict=True):
                if isinstance(given, ast.Constant) and given.value == key:
                    return Part(self._file, value, self.span, _span_of(self._file, given))
        elif isinstance(node, ast.Call):
            return _keyword(self._file, node, str(key), self.span) or Part(self._file, None, self.span)
        return Part(self._file, None, self.span, self.key_span)

    @property
    def is_plain_text(self) -> bool:
        """Whether it is a text between single quotes or double ones, in which each letter stands for itself."""
        node, span = self.node, self.span
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or span.line != span.end_line:
            return False
        written = self._file.rows[span.line - 1][span.column - 1 : span.end_column - 1]
        return len(written) == len(node.value) + 2 and written[1:-1] == node.value


class Place:
    """A call of the caller's. ``span`` is all of it."""

    __slots__ = ("_call", "_file", "globals", "span")

    def __init__(self, file: _File, span: Span, call: ast.Call | None, names: dict[str, Any]) -> None:
        self._file = file
        self._call = call
        self.span = span
        self.globals = names
        """The globals of the module that it stands in."""

    def argument(self, name: str, position: int | None = None) -> Part:
        """Return what was given for a parameter: by its keyword, or at its position among the arguments."""
        call = self._call
        if call is not None:
            found = _keyword(self._file, call, name, self.span)
            if found is not None:
                return found
            before = call.args[: (position or 0) + 1]
            if position is not None and position < len(before) and not any(isinstance(a, ast.Starred) for a in before):
                return Part(self._file, before[position], self.span)
        return Part(self._file, None, self.span)

    def tail(self, length: int) -> Span:
        """Return the last letters of the place, such as the name after its last dot."""
        span = self.span
        if span.line == span.end_line and span.end_column - span.column > length:
            return Span(span.source, span.line, span.end_column - length, span.line, span.end_column)
        return span


def caller() -> Place:
    """Return the place of the call, or other operation, that led into this package."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _is_inside(frame):
        frame = frame.f_back
    assert frame is not None, "every call comes from somewhere"
    file = _file_of(frame)
    line, end_line, column, end_column = _stretch_of(frame)
    if line is None or end_line is None or column is None or end_column is None:
        return Place(file, file.line(line or frame.f_lineno), None, frame.f_globals)
    call = file.calls.get((end_line, end_column))
    if call is not None:
        # The interpreter begins a chain of calls over several lines at the name; all of it is meant.
        line, column = call.lineno, call.col_offset
    return Place(file, file.span(line, column, end_line, end_column), call, frame.f_globals)


def _is_inside(frame: FrameType) -> bool:
    name = str(frame.f_globals.get("__name__", ""))
    return name == _PACKAGE or name.startswith(f"{_PACKAGE}.")


def _stretch_of(frame: FrameType) -> _Stretch:
    stretches = _stretches(frame.f_code)
    place = frame.f_lasti // 2
    return stretches[place] if 0 <= place < len(stretches) else (frame.f_lineno, None, None, None)


@lru_cache(maxsize=256)
def _stretches(code: CodeType) -> list[_Stretch]:
    return list(code.co_positions())


_FILES: dict[str, tuple[list[str], _File]] = {}


def _file_of(frame: FrameType) -> _File:
    filename = frame.f_code.co_filename
    lines = linecache.getlines(filename, frame.f_globals)
    known = _FILES.get(filename)
    if known is None or (known[0] is not lines and known[0] != lines):
        known = _FILES[filename] = (lines, _File(filename, lines))
    return known[1]


def _span_of(file: _File, node: ast.expr | ast.keyword) -> Span:
    line, end_line = node.lineno, node.end_lineno or node.lineno
    return file.span(line, node.col_offset, end_line, node.end_col_offset or node.col_offset)


def _keyword(file: _File, call: ast.Call, name: str, around: Span) -> Part | None:
    for keyword in call.keywords:
        if keyword.arg == name:
            line, column = keyword.lineno, keyword.col_offset
            key_span = file.span(line, column, line, column + len(name.encode()))
            return Part(file, keyword.value, around, key_span)
    return None
