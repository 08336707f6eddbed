"""What a plain scalar means: the core schema of YAML 1.2, in which ``on``, ``yes`` and dates are texts."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["NumberRange", "core_value"]

WORDS: Final[dict[str, bool | None]] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True,
    "false": False, "False": False, "FALSE": False,
}  # fmt: skip
# Nearly every plain scalar is a text: its first letter tells most of them from all else.
FIRST_LETTERS: Final = frozenset("~nNtTfF+-.0123456789")
DECIMAL: Final = re.compile(r"[-+]?[0-9]+", re.ASCII)
BASED: Final = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+", re.ASCII)
FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
NOT_FINITE: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", re.ASCII)
LONGEST_INTEGER: Final = 40


class NumberRange(ValueError):
    """A number that WFE's values can't hold."""


def core_value(text: str) -> bool | int | float | str | None:
    """Return the value of a plain scalar.

    Raises NumberRange for an integer beyond signed 64 bits, a float too large, infinity and NaN.
    """
    if text and text[0] not in FIRST_LETTERS:
        return text
    if text in WORDS:
        return WORDS[text]
    if DECIMAL.fullmatch(text):
        return _integer(text, 10)
    if BASED.fullmatch(text):
        return _integer(text[2:], 8 if text[1] == "o" else 16)
    if FLOAT.fullmatch(text):
        number = float(text)
        if number in (float("inf"), float("-inf")):
            raise NumberRange(f"the number {_short(text)} is too large")
        return number
    if NOT_FINITE.fullmatch(text):
        raise NumberRange(f"`{text}` is no number that a workflow can hold")
    return text


def _integer(digits: str, base: int) -> int:
    number = int(digits, base) if len(digits) <= LONGEST_INTEGER else 2**63
    if not -(2**63) <= number < 2**63:
        raise NumberRange(f"the integer {_short(digits)} does not fit in 64 bits")
    return number


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "…"
