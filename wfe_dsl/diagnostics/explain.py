"""A row of the catalogue for people and for tools: what ``wfec explain`` shows, and the codes near a wrong one.

This file owns the form of an explanation. What it says comes from the row; nothing is added here.
"""

from __future__ import annotations

import re
from typing import Any, Final

from ..suggest import distance
from .codes import CODES, ROWS, Code

__all__ = ["explanation", "find_code", "near_codes", "row_object", "summary_rows"]

_DIGITS: Final = re.compile(r"(?:WFE[ -]?)?([0-9]{1,4})", re.IGNORECASE)
_NEAR_SHOWN: Final = 3
_MOST_EDITS: Final = 2
_INDENT: Final = "    "


def find_code(text: str) -> Code | None:
    """Return the row that a text names: ``WFE0142``, ``wfe142`` or ``142``; None where there is none."""
    found = _DIGITS.fullmatch(text.strip())
    return None if found is None else CODES.get(f"WFE{int(found.group(1)):04}")


def near_codes(text: str) -> list[str]:
    """Return the codes that may be meant by one that does not exist, the nearest first; at most three."""
    found = _DIGITS.fullmatch(text.strip())
    word = text.strip().upper()[:20] if found is None else f"WFE{int(found.group(1)):04}"
    number = None if found is None else int(found.group(1))

    def key(code: str) -> tuple[int, int, str]:
        away = 0 if number is None else abs(int(code[3:]) - number)
        return distance(word, code, _MOST_EDITS), away, code

    ranked = sorted(CODES, key=key)
    return [code for code in ranked if distance(word, code, _MOST_EDITS) <= _MOST_EDITS][:_NEAR_SHOWN]


def row_object(row: Code) -> dict[str, Any]:
    """Return a row as plain data, ready for JSON; null where it has no example of one file."""
    return {
        "code": row.code,
        "severity": row.severity,
        "title": row.title,
        "why": row.why,
        "notation": row.notation,
        "wrong": row.wrong or None,
        "right": row.right or None,
    }


def summary_rows() -> list[tuple[str, str, str]]:
    """Return code, severity and title of every row, by code."""
    return [(row.code, row.severity, row.title) for row in sorted(ROWS, key=lambda row: row.code)]


def explanation(row: Code, wrap: int = 100) -> list[str]:
    """Return the lines that explain a row to a person, the text wrapped at that many columns."""
    import textwrap

    lines = [f"{row.severity}[{row.code}]: {row.title}", "", *textwrap.wrap(row.why, wrap)]
    if not row.wrong:
        return [*lines, "", "No single file shows it: it is about files, their size or what they include."]
    for heading, example in ((f"This raises {row.code}:", row.wrong), ("This does not:", row.right)):
        lines += ["", heading, ""]
        lines += [f"{_INDENT}{line}".rstrip() for line in example.rstrip("\n").split("\n")]
    return lines
