"""Diagnostics as the list of objects that ``wfec check --format json`` prints. Additive changes only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from .model import Diagnostic

__all__ = ["render_json", "to_object"]


def render_json(diagnostics: Iterable[Diagnostic]) -> str:
    """Return a JSON list, one object a diagnostic, in the order given. Positions are 1-based."""
    encoded = msgspec.json.encode([to_object(diagnostic) for diagnostic in diagnostics])
    return msgspec.json.format(encoded, indent=2).decode("utf-8")


def to_object(diagnostic: Diagnostic) -> dict[str, Any]:
    """Return one diagnostic as plain data."""
    span, fix = diagnostic.span, diagnostic.fix
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "file": span.source.name,
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
        "message": diagnostic.message,
        "help": diagnostic.help,
        "fix": None
        if fix is None
        else {
            "line": fix.span.line,
            "column": fix.span.column,
            "end_line": fix.span.end_line,
            "end_column": fix.span.end_column,
            "text": fix.text,
        },
    }
