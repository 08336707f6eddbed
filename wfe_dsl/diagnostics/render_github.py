"""Diagnostics as GitHub workflow commands: one annotation a line, whatever the messages hold."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from .labels import on_one_line, with_help
from .model import Diagnostic

__all__ = ["render_github"]

LEVELS: Final = {"error": "error", "warning": "warning", "note": "notice"}


def render_github(diagnostics: Iterable[Diagnostic]) -> str:
    """Return one line a diagnostic, in the order given, each ended."""
    return "".join(_line(diagnostic) + "\n" for diagnostic in diagnostics)


def _line(diagnostic: Diagnostic) -> str:
    span = diagnostic.span
    properties = {"file": span.source.name, "line": span.line, "endLine": span.end_line}
    if span.line == span.end_line:  # columns are meant within one line only
        properties |= {"col": span.column, "endColumn": span.end_column}
    properties["title"] = diagnostic.code
    written = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items())
    return f"::{LEVELS[diagnostic.severity]} {written}::{_data(with_help(diagnostic))}"


def _data(text: str) -> str:
    # Some readers end a line at a form feed or a U+2028 too, so those are shown by name.
    return on_one_line(text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A"))


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
