"""How things look as text: times, lengths of time, tables, and other people's text made harmless.

Whatever a step, a file or a store gives may hold terminal escapes, line ends and marks that turn the
direction of writing around. What is printed of it goes through ``harmless`` or ``harmless_lines``, so
that it can neither forge a line of ours nor take the terminal over.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import Any, Final

__all__ = [
    "clip",
    "format_moment",
    "format_span",
    "harmless",
    "harmless_lines",
    "to_json",
    "to_json_line",
    "to_table",
    "to_text",
]

# C0 but tab, DEL, C1, line and paragraph separators, marks of direction, surrogates, byte order marks.
DANGEROUS: Final = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]"
)
LINE_END: Final = re.compile("\r\n|\n|\r")

# DEL, C1, line and paragraph separators in UTF-8: JSON may hold them as they are, but many readers of lines
# (Python's ``splitlines`` among them) end a line there, and some terminals obey C1.
UNSAFE_IN_JSON: Final = re.compile(rb"\x7f|\xc2[\x80-\x9f]|\xe2\x80[\xa8\xa9]")


def harmless(text: str) -> str:
    r"""Return a text as one line in which control characters are written out: ``\x1b``, ``\n``."""
    return DANGEROUS.sub(_escaped, text)


def harmless_lines(text: str) -> list[str]:
    """Return a text's lines, each harmless. An end of line at the end begins no other line."""
    lines = LINE_END.split(text)
    if len(lines) > 1 and not lines[-1]:
        lines.pop()
    return [harmless(line) for line in lines]


def _escaped(found: re.Match[str]) -> str:
    number = ord(found.group())
    short = {9: r"\t", 10: r"\n", 13: r"\r"}.get(number)
    if short is not None:
        return short
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}"


def clip(text: str, width: int) -> str:
    """Return a text of at most ``width`` characters, with an ellipsis where something was cut off."""
    if len(text) <= width:
        return text
    return text[: max(width - 1, 0)] + "…" if width > 0 else ""


def format_span(milliseconds: int) -> str:
    """Return a length of time for people: ``0.4s``, ``12.3s``, ``2m05s``, ``3h04m``, ``2d03h``."""
    seconds = max(milliseconds, 0) / 1000
    if seconds < 59.95:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    if whole < 86_400:
        return f"{whole // 3600}h{whole % 3600 // 60:02}m"
    return f"{whole // 86_400}d{whole % 86_400 // 3600:02}h"


def format_moment(milliseconds: int) -> str:
    """Return a time of day in local time, to the second; empty for 0."""
    if not milliseconds:
        return ""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(milliseconds / 1000))


def to_json_line(value: Any) -> bytes:
    """Return a value as one line of JSON in UTF-8, whatever a reader takes for the end of a line; not ended."""
    import msgspec  # a fifth of the time that `wfec --help` would take

    return UNSAFE_IN_JSON.sub(_escaped_in_json, msgspec.json.encode(value))


def to_json(value: Any) -> str:
    """Return a value as one line of JSON."""
    return to_json_line(value).decode()


def _escaped_in_json(found: re.Match[bytes]) -> bytes:
    return b"\\u%04x" % ord(found.group().decode())


def to_text(value: Any) -> str:
    """Return a value as people read it: a text as it is, anything else as JSON; one harmless line."""
    return harmless(value if isinstance(value, str) else to_json(value))


def to_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table, its columns two blanks apart. Cells are made harmless."""
    cells = [[harmless(cell) for cell in row] for row in rows]
    widths = [max([len(heading), *(len(row[column]) for row in cells)]) for column, heading in enumerate(headings)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [[heading.upper() for heading in headings], *cells]
    ]
