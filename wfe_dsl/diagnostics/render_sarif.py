"""Diagnostics as a SARIF 2.1.0 log, for tools that collect findings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import quote

import msgspec

from ..source import Span
from .codes import CODES
from .labels import all_labels, with_help
from .model import Diagnostic, Fix

__all__ = ["render_sarif", "to_log"]

LEVELS: Final = {"error": "error", "warning": "warning", "note": "note"}
SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"


def render_sarif(diagnostics: Iterable[Diagnostic], version: str) -> str:
    """Return the JSON text of a log with one run. ``version`` is that of the program that checked."""
    return msgspec.json.format(msgspec.json.encode(to_log(diagnostics, version)), indent=2).decode("utf-8")


def to_log(diagnostics: Iterable[Diagnostic], version: str) -> dict[str, Any]:
    """Return the log as plain data. Only the rules that were broken are listed."""
    found = list(diagnostics)
    codes = sorted({diagnostic.code for diagnostic in found})
    indexes = {code: index for index, code in enumerate(codes)}
    rules = [
        {
            "id": code,
            "shortDescription": {"text": CODES[code].title},
            "fullDescription": {"text": CODES[code].why},
            "defaultConfiguration": {"level": LEVELS[CODES[code].severity]},
        }
        for code in codes
    ]
    driver = {"name": "wfec", "version": version, "rules": rules}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(diagnostic, indexes[diagnostic.code]) for diagnostic in found],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _result(diagnostic: Diagnostic, rule: int) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": diagnostic.code,
        "ruleIndex": rule,
        "level": LEVELS[diagnostic.severity],
        "message": {"text": with_help(diagnostic)},
        "locations": [{"physicalLocation": _location(diagnostic.span)}],
    }
    labels = all_labels(diagnostic)
    if labels:
        result["relatedLocations"] = [
            {"id": number, "physicalLocation": _location(label.span), "message": {"text": label.text}}
            for number, label in enumerate(labels, 1)
        ]
    if diagnostic.fix is not None:
        result["fixes"] = [_fix(diagnostic.fix)]
    return result


def _fix(fix: Fix) -> dict[str, Any]:
    replacement = {"deletedRegion": _region(fix.span), "insertedContent": {"text": fix.text}}
    return {"artifactChanges": [{"artifactLocation": _artifact(fix.span), "replacements": [replacement]}]}


def _location(span: Span) -> dict[str, Any]:
    return {"artifactLocation": _artifact(span), "region": _region(span)}


def _artifact(span: Span) -> dict[str, str]:
    return {"uri": quote(span.source.name.replace("\\", "/"), safe="/")}


def _region(span: Span) -> dict[str, int]:
    return {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }
