"""The operators of expressions, on plain values.

This file owns what each operator accepts and gives; it knows nothing of programs, stacks or spans. It is
compiled together with the machine, so it is plain annotated Python and asks for exact types first.

Rules: integers stay within signed 64 bits and floats stay finite, or the operation is an error. Null
where a value is needed is an error of kind ``null``, a value of another kind one of kind ``type``. A bool
is never a number. Nothing recurses: what a run has built may nest deeper than the C stack allows.
"""

from __future__ import annotations

from math import isfinite
from typing import Any, NoReturn

from .errors import ExpressionError
from .limits import LARGEST_INTEGER, MAX_LIST_ITEMS, MAX_STATE_BYTES, MAX_TEXT_LENGTH, SMALLEST_INTEGER
from .values import describe, print_json

__all__ = [
    "add",
    "check_bool",
    "contained_in",
    "divide",
    "equal",
    "greater",
    "greater_equal",
    "index",
    "join_text",
    "less",
    "less_equal",
    "member",
    "multiply",
    "negate",
    "remainder",
    "subtract",
]


_MOST_COMPARED = MAX_STATE_BYTES // 16  # items: what is held in a full state of small ones
_FEW_COMPARED = 100_000  # items: of so many it takes longer to see which were met before than to compare them again


def equal(left: Any, right: Any) -> bool:
    """Return whether two values are equal: numbers by value, true is not 1, lists and maps deep.

    Raises ExpressionError (``limit``) where an answer would take as long as comparing two full states.
    """
    kind = type(left)
    if kind is type(right) and (kind is int or kind is str or kind is float or kind is bool):
        return bool(left == right)
    if kind is list or kind is dict:
        return _equal_deep(left, right)
    return _equal_scalars(left, right)


def _equal_scalars(left: Any, right: Any) -> bool:
    if left is None or right is None:
        return left is right
    if type(left) is bool or type(right) is bool:
        return left is right
    return bool(left == right)


def _equal_deep(left: Any, right: Any) -> bool:
    waiting = [(left, right)]
    compared = 0
    met: set[tuple[int, int]] = set()  # a part may stand in a value far more often than memory has room for
    while waiting:
        compared += 1
        if compared > _MOST_COMPARED:
            raise ExpressionError("limit", "the values are too large to be compared")
        one, other = waiting.pop()
        if one is other:
            continue
        if compared > _FEW_COMPARED and (type(one) is list or type(one) is dict):
            pair = (id(one), id(other))
            if pair in met:
                continue
            met.add(pair)
        if type(one) is list:
            if type(other) is not list or len(one) != len(other):
                return False
            waiting.extend(zip(one, other, strict=True))
        elif type(one) is dict:
            if type(other) is not dict or len(one) != len(other):
                return False
            for key, value in one.items():
                if key not in other:
                    return False
                waiting.append((value, other[key]))
        elif type(other) is list or type(other) is dict or not _equal_scalars(one, other):
            return False
    return True


def less(left: Any, right: Any) -> bool:
    """Return whether left comes before right: two numbers, or two texts by code point.

    Raises ExpressionError (``null``, ``type``), as the other comparisons do.
    """
    if type(left) is int and type(right) is int:
        return bool(left < right)
    if _comparable(left, right):
        return bool(left < right)
    return _refuse_comparison("<", left, right)


def less_equal(left: Any, right: Any) -> bool:
    """Return whether left comes before right or equals it."""
    if type(left) is int and type(right) is int:
        return bool(left <= right)
    if _comparable(left, right):
        return bool(left <= right)
    return _refuse_comparison("<=", left, right)


def greater(left: Any, right: Any) -> bool:
    """Return whether left comes after right."""
    if type(left) is int and type(right) is int:
        return bool(left > right)
    if _comparable(left, right):
        return bool(left > right)
    return _refuse_comparison(">", left, right)


def greater_equal(left: Any, right: Any) -> bool:
    """Return whether left comes after right or equals it."""
    if type(left) is int and type(right) is int:
        return bool(left >= right)
    if _comparable(left, right):
        return bool(left >= right)
    return _refuse_comparison(">=", left, right)


def _comparable(left: Any, right: Any) -> bool:
    if type(left) is int or type(left) is float:
        return type(right) is int or type(right) is float
    return type(left) is str and type(right) is str


def add(left: Any, right: Any) -> Any:
    """Return the sum of two numbers, or two texts or two lists joined.

    Raises ExpressionError: ``null``, ``type``, ``arithmetic`` beyond 64 bits, ``limit`` for what gets too long.
    """
    if type(left) is int and type(right) is int:
        total = left + right
        if SMALLEST_INTEGER <= total <= LARGEST_INTEGER:
            return total
        _overflow("+", left, right)
    if type(left) is str and type(right) is str:
        if len(left) + len(right) > MAX_TEXT_LENGTH:
            _too_long(len(left) + len(right))
        return left + right
    if _two_numbers(left, right):
        return _finite("+", left + right, left, right)
    if type(left) is list and type(right) is list:
        if len(left) + len(right) > MAX_LIST_ITEMS:
            raise ExpressionError(
                "limit", f"a list of {len(left) + len(right)} items is over the limit of {MAX_LIST_ITEMS}"
            )
        return left + right
    return _refuse("+", left, right, "two numbers, two strings or two lists")


def subtract(left: Any, right: Any) -> Any:
    """Return the difference of two numbers.

    Raises ExpressionError: ``null``, ``type``, or ``arithmetic`` beyond 64 bits.
    """
    if type(left) is int and type(right) is int:
        difference = left - right
        if SMALLEST_INTEGER <= difference <= LARGEST_INTEGER:
            return difference
        _overflow("-", left, right)
    if _two_numbers(left, right):
        return _finite("-", left - right, left, right)
    return _refuse("-", left, right, "two numbers")


def multiply(left: Any, right: Any) -> Any:
    """Return the product of two numbers.

    Raises ExpressionError: ``null``, ``type``, or ``arithmetic`` beyond 64 bits.
    """
    if type(left) is int and type(right) is int:
        product = left * right
        if SMALLEST_INTEGER <= product <= LARGEST_INTEGER:
            return product
        _overflow("*", left, right)
    if _two_numbers(left, right):
        return _finite("*", left * right, left, right)
    return _refuse("*", left, right, "two numbers")


def divide(left: Any, right: Any) -> Any:
    """Return the quotient of two numbers, always a float.

    Raises ExpressionError: ``null``, ``type``, or ``arithmetic`` for a zero divisor or an infinite result.
    """
    if not _two_numbers(left, right):
        return _refuse("/", left, right, "two numbers")
    if right == 0:
        _zero("/", left)
    return _finite("/", left / right, left, right)


def remainder(left: Any, right: Any) -> Any:
    """Return what division leaves, with the divisor's sign: ``-7 % 3`` is 2.

    Raises ExpressionError: ``null``, ``type``, or ``arithmetic`` for a zero divisor.
    """
    if not _two_numbers(left, right):
        return _refuse("%", left, right, "two numbers")
    if right == 0:
        _zero("%", left)
    return left % right


def negate(value: Any) -> Any:
    """Return the number with the other sign.

    Raises ExpressionError: ``null``, ``type``, or ``arithmetic`` for the smallest integer.
    """
    if type(value) is int:
        if value == SMALLEST_INTEGER:
            raise ExpressionError("arithmetic", f"-({value}) does not fit into 64 bits")
        return -value
    if type(value) is float:
        return -value
    if value is None:
        raise ExpressionError("null", "- needs a number, but its operand is null; give a default with ??")
    raise ExpressionError("type", f"- needs a number, not {describe(value)}")


def contained_in(item: Any, container: Any) -> bool:
    """Return whether a text holds another, a list an equal element, or a map a member of that name.

    Raises ExpressionError (``null``, ``type``) where the container is none of these, or the item no text for
    a text or a map.
    """
    if type(container) is list:
        for element in container:  # noqa: SIM110 - a generator would be a closure, which C functions have not
            if equal(item, element):
                return True
        return False
    if type(container) is str or type(container) is dict:
        if type(item) is str:
            return item in container
        where = "a string" if type(container) is str else "a map's keys"
        if item is None:
            raise ExpressionError("null", f"null can't be looked for in {where}; give a default with ??")
        raise ExpressionError("type", f"only a string can be looked for in {where}, not {describe(item)}")
    if container is None:
        raise ExpressionError("null", "in and contains need a string, a list or a map to look in, but it is null")
    raise ExpressionError("type", f"in and contains look in a string, a list or a map, not in {describe(container)}")


def member(value: Any, name: str) -> Any:
    """Return a map's member, or null where there is none or the value is no map."""
    if type(value) is dict:
        return value.get(name)
    return None


def index(value: Any, key: Any) -> Any:
    """Return a list's element or a map's member.

    Returns null where there is none (an index below 0 included) or the value is neither. Raises
    ExpressionError (``null``, ``type``) for a key that can't be one.
    """
    if type(value) is list:
        if type(key) is float and key.is_integer():
            key = int(key)
        if type(key) is int:
            return value[key] if 0 <= key < len(value) else None
        needed = "an integer"
    elif type(value) is dict:
        if type(key) is str:
            return value.get(key)
        needed = "a string"
    else:
        return None
    holder = "list" if type(value) is list else "map"
    if key is None:
        raise ExpressionError("null", f"the index of a {holder} is null, it must be {needed}")
    raise ExpressionError("type", f"the index of a {holder} must be {needed}, not {describe(key)}")


def join_text(parts: list[Any]) -> str:
    """Return the parts as one text: null is empty, texts as they are, anything else as JSON.

    Raises ExpressionError (``limit``) where it gets too long.
    """
    written = [
        part if type(part) is str else "" if part is None else print_json(part)  # the commonest first
        for part in parts
    ]
    length = sum(map(len, written))
    if length > MAX_TEXT_LENGTH:
        _too_long(length)
    return "".join(written)


def check_bool(value: Any) -> bool:
    """Return the value, which must be a bool.

    Raises ExpressionError: ``null`` or ``type``. Nothing else counts as true or false.
    """
    if value is True or value is False:
        return bool(value)
    if value is None:
        raise ExpressionError("null", "true or false is needed here, but the value is null; give a default with ??")
    raise ExpressionError("type", f"true or false is needed here, not {describe(value)}")


def _two_numbers(left: Any, right: Any) -> bool:
    return (type(left) is int or type(left) is float) and (type(right) is int or type(right) is float)


def _finite(operator: str, result: Any, left: Any, right: Any) -> Any:
    if isfinite(result):
        return result
    return _overflow(operator, left, right)


def _overflow(operator: str, left: Any, right: Any) -> NoReturn:
    raise ExpressionError(
        "arithmetic", f"{print_json(left)} {operator} {print_json(right)} is beyond what a 64-bit number holds"
    )


def _zero(operator: str, left: Any) -> NoReturn:
    raise ExpressionError("arithmetic", f"{print_json(left)} {operator} 0: division by zero")


def _too_long(length: int) -> NoReturn:
    raise ExpressionError("limit", f"a string of {length} characters is over the limit of {MAX_TEXT_LENGTH}")


def _refuse_comparison(operator: str, left: Any, right: Any) -> NoReturn:
    _refuse(operator, left, right, "two numbers or two strings")


def _refuse(operator: str, left: Any, right: Any, needed: str) -> NoReturn:
    if left is None or right is None:
        side = "both sides are" if left is right else "its left side is" if left is None else "its right side is"
        raise ExpressionError("null", f"{operator} needs {needed}, but {side} null; give a default with ??")
    raise ExpressionError("type", f"{operator} needs {needed}, not {describe(left)} and {describe(right)}")
