"""JSON that people write: read as a run keeps it, and refused where a key is given twice.

A reader of JSON takes the last of two values without a word, which is hardly ever what was meant.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from wfe_vm.values import parse_json

__all__ = ["RepeatedKey", "read_json"]

_TOKEN: Final = re.compile(r'("(?:[^"\\]|\\.)*")\s*(:?)|[{}]')


class RepeatedKey(ValueError):
    """A key that one object has twice: its place, and that of the first."""

    def __init__(self, key: str, text: str, position: int, first: int) -> None:
        line, column = _place_of(text, position)
        first_line, first_column = _place_of(text, first)
        self.key = key
        self.place = f"{line}:{column}"
        super().__init__(
            f"the key {key!r} is given twice, at line {first_line}, column {first_column} "
            f"and at line {line}, column {column}"
        )


def read_json(text: str | bytes) -> Any:
    """Return the value that a JSON text holds.

    Raises ValueError, with a message for people, if it is no JSON or holds what no run can keep; RepeatedKey.
    """
    value = parse_json(text)
    _check_keys(text if isinstance(text, str) else text.decode())
    return value


def _check_keys(text: str) -> None:
    """Raise RepeatedKey for the first key that an object of valid JSON has twice."""
    open_objects: list[dict[str, int]] = []
    for token in _TOKEN.finditer(text):
        string, colon = token.groups()
        if string is None:
            if token.group() == "{":
                open_objects.append({})
            else:
                open_objects.pop()
        elif colon:
            key = msgspec.json.decode(string, type=str)
            first = open_objects[-1].setdefault(key, token.start())
            if first != token.start():
                raise RepeatedKey(key, text, token.start(), first)


def _place_of(text: str, position: int) -> tuple[int, int]:
    """Return line and column of a position, from 1."""
    return text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)
