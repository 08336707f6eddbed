"""How a text is written as a YAML scalar: plain where that reads as the same text, else in quotes, else as a block.

Right for what ``reader`` takes for a text (the core schema of YAML 1.2) and for both parsers it may run on.
Knows nothing of workflows.
"""

from __future__ import annotations

import json
import re
from typing import Final

from .scalars import NumberRange, core_value

__all__ = ["block_lines", "is_plain", "quoted", "scalar_text"]

_INDICATORS: Final = frozenset("-?:,[]{}#&*!|>'\"%@`")
_MAY_BEGIN: Final = frozenset("-?:")
"""Indicators that begin a plain scalar where no blank follows them."""

_BREAKS_PLAIN: Final = re.compile(r": |:$|[ ]#|\t")
_BREAKS_IN_FLOW: Final = re.compile(r"[,\[\]{}]|:(?=[,\[\]{}'\"])|^[?:]")
_MARKER: Final = re.compile(r"(?:---|\.\.\.)(?:\s|$)")
# What single quotes and blocks can't show as it is: controls, every line end but LF, what looks like nothing.
_NEEDS_ESCAPE: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
_WIDE: Final = 4
_SHORT_ESCAPES: Final = {"\u2028": "\\L", "\u2029": "\\P", "\x85": "\\N"}


def scalar_text(text: str, flow: bool = False) -> str:
    """Return a text on one line, quoted only where it has to be. ``flow``: it stands inside brackets."""
    return text if is_plain(text, flow) else quoted(text)


def is_plain(text: str, flow: bool = False) -> bool:
    """Whether a text needs no quotes."""
    if not text or text != text.strip(" ") or "\n" in text or _NEEDS_ESCAPE.search(text):
        return False
    first = text[0]
    if first in _INDICATORS and (first not in _MAY_BEGIN or len(text) == 1 or text[1] in " \t"):
        return False
    if _BREAKS_PLAIN.search(text) or _MARKER.match(text) or (flow and _BREAKS_IN_FLOW.search(text)):
        return False
    try:
        return isinstance(core_value(text), str)
    except NumberRange:
        return False


def quoted(text: str) -> str:
    """Return a text in quotes, on one line: in single ones unless something in it needs an escape, or is unseen."""
    if "\n" in text or "\t" in text or _NEEDS_ESCAPE.search(text):
        return _escaped(text)
    if "'" in text and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return "'" + text.replace("'", "''") + "'"


def block_lines(text: str) -> tuple[str, list[str]] | None:
    """Return the header of a literal block, and its lines without indentation; None where it can't be one.

    A text of one line, of nothing but white space, or with empty lines at its end, is none. The lines are to be
    indented by two.
    """
    body = text.rstrip("\n")
    if "\n" not in text or not body.strip() or _NEEDS_ESCAPE.search(text):
        return None
    ends = len(text) - len(body)
    lines = body.split("\n")
    first = next(number for number, line in enumerate(lines) if line.strip(" "))
    # The parser would take what stands before the first letter for indentation.
    guide = "2" if any(line[:1] in (" ", "\t") for line in lines[: first + 1]) else ""
    if ends > 1:
        return None  # it would take the blank lines that stand before what follows for its own
    return "|" + guide + ("-" if ends == 0 else ""), lines


def _escaped(text: str) -> str:
    """Return a text in double quotes, with escapes."""
    inside = json.dumps(text, ensure_ascii=False)[1:-1]
    return '"' + _NEEDS_ESCAPE.sub(_escape, inside) + '"'


def _escape(found: re.Match[str]) -> str:
    sign = found.group()
    code = ord(sign)
    return _SHORT_ESCAPES.get(sign) or (f"\\x{code:02x}" if code < 256 else f"\\u{code:0{_WIDE}x}")
