"""What expressions mean, once more: written from the rows of the instruction set, to hold the machine to it.

Every function gives the value or raises Wrong with the kind of error. It is slow and plain on purpose.
"""

from __future__ import annotations

from typing import Any

import msgspec


class Wrong(Exception):
    """An expression can't take a value; ``kind`` is the error kind the step ends with."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def same(left: Any, right: Any) -> bool:
    """5 equals 5.0, true is not 1; lists and maps deep."""
    if is_number(left) and is_number(right):
        return bool(left == right)
    if type(left) is not type(right):
        return False
    if isinstance(left, list):
        return len(left) == len(right) and all(same(a, b) for a, b in zip(left, right, strict=True))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return bool(left == right)


def compare(left: Any, right: Any) -> int:
    """Return below, at or above 0, for two numbers or two texts."""
    if (is_number(left) and is_number(right)) or (isinstance(left, str) and isinstance(right, str)):
        return (left > right) - (left < right)
    raise refused(left, right)


def refused(*values: Any) -> Wrong:
    return Wrong("null" if any(value is None for value in values) else "type")


def fitting(value: Any) -> Any:
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise Wrong("arithmetic")
    if isinstance(value, float) and value - value != 0:
        raise Wrong("arithmetic")
    return value


def arithmetic(name: str, left: Any, right: Any) -> Any:
    for kind in (str, list):
        if name == "ADD" and isinstance(left, kind) and isinstance(right, kind):
            return left + right
    if not is_number(left) or not is_number(right):
        raise refused(left, right)
    if name == "ADD":
        return fitting(left + right)
    if name == "SUBTRACT":
        return fitting(left - right)
    if name == "MULTIPLY":
        return fitting(left * right)
    if right == 0:
        raise Wrong("arithmetic")
    return fitting(float(left / right)) if name == "DIVIDE" else left % right


def boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise refused(value)


def element(value: Any, key: Any) -> Any:
    if isinstance(value, list):
        if isinstance(key, float) and key == int(key):
            key = int(key)
        if not isinstance(key, int) or isinstance(key, bool):
            raise refused(key)
        return value[key] if 0 <= key < len(value) else None
    if isinstance(value, dict):
        if not isinstance(key, str):
            raise refused(key)
        return value.get(key)
    return None


def contained(item: Any, container: Any) -> bool:
    if isinstance(container, list):
        return any(same(item, part) for part in container)
    if isinstance(container, (str, dict)):
        if not isinstance(item, str):
            raise refused(item)
        return item in container
    raise refused(container)


def text(parts: list[Any]) -> str:
    def one(part: Any) -> str:
        if part is None:
            return ""
        return part if isinstance(part, str) else msgspec.json.encode(part, order="deterministic").decode()

    return "".join(map(one, parts))
