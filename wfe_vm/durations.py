"""Lengths of time as they are written: ``500ms``, ``30s``, ``1h30m``, ``1.5s``; digits alone are milliseconds.

One reader for every front end and for the command line. Exact: decimals are never rounded.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

__all__ = ["MAX_DURATION_MS", "DurationError", "format_duration", "parse_duration"]

UNITS: Final = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
MAX_DURATION_MS: Final = 36_500 * UNITS["d"]
"""A hundred years: a due time stays far inside 64 bits."""

PART: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|[dhms])", re.ASCII)
WORDED: Final = re.compile(
    r"([0-9]+(?:\.[0-9]+)?)\s*(ms|msecs?|milli(?:second)?s?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?)",
    re.ASCII,
)
DIGITS: Final = re.compile(r"[0-9]+", re.ASCII)
FORMS: Final = "write it like 500ms, 30s, 5m, 2h, 1d or 1h30m; digits alone are milliseconds"


class DurationError(ValueError):
    """A text that is no length of time. ``help`` says what would be one."""

    def __init__(self, message: str, help: str = FORMS) -> None:
        super().__init__(message)
        self.message = message
        self.help = help


def parse_duration(text: str) -> int:
    """Return the milliseconds that a text means. Raises DurationError."""
    if not text:
        raise DurationError("a duration is empty")
    if DIGITS.fullmatch(text):
        # Compared by its letters first: turning a million digits into a number takes time.
        return _bounded(text, Decimal(text) if len(text) < 30 else Decimal(10**30))
    total, position, smallest = Decimal(0), 0, MAX_DURATION_MS
    while position < len(text):
        part = PART.match(text, position)
        if part is None or UNITS[part.group(2)] >= smallest:
            break
        smallest = UNITS[part.group(2)]
        total += (Decimal(part.group(1)) if len(part.group(1)) < 30 else Decimal(10**30)) * smallest
        position = part.end()
    if position == 0 or position < len(text):
        raise DurationError(f"`{_short(text)}` is no duration", _cure(text))
    return _bounded(text, total)


def format_duration(duration_ms: int) -> str:
    """Return the shortest text that ``parse_duration`` reads as this many milliseconds."""
    if duration_ms == 0:
        return "0ms"
    parts = []
    for unit, size in UNITS.items():
        count, duration_ms = divmod(duration_ms, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)


def _bounded(text: str, milliseconds: Decimal) -> int:
    if milliseconds > MAX_DURATION_MS:
        raise DurationError(f"the duration `{_short(text)}` is too long", "the longest is 36500d, a hundred years")
    if milliseconds != milliseconds.to_integral_value():
        raise DurationError(f"the duration `{_short(text)}` is no whole number of milliseconds")
    return int(milliseconds)


def _cure(text: str) -> str:
    if text.lstrip().startswith("-"):
        return "a duration can't be negative"
    found = WORDED.fullmatch(text.strip().lower())
    if found is None:
        return FORMS
    unit = "ms" if found.group(2).startswith(("ms", "milli")) else found.group(2)[0]
    return f"did you mean `{found.group(1)}{unit}`?"


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "…"
