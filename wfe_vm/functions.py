"""What the functions of the library do. ``library`` says what they are called and what they take.

Rules: pure; arguments come checked by their declared types, at the top level only; a result is bounded
by ``limits``. Null where a value is needed is an error of kind ``null``, a wrong value one of kind ``type``.
"""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Context, Decimal
from itertools import product
from typing import Any, Final

from .durations import MAX_DURATION_MS, DurationError, parse_duration
from .errors import ExpressionError
from .limits import LARGEST_INTEGER, MAX_LIST_ITEMS, MAX_TEXT_LENGTH, SMALLEST_INTEGER
from .operators import add, equal, join_text
from .pattern import PatternError, compile_pattern
from .type_values import read_number
from .values import describe, kind_of, parse_json, print_json, size_of

_EXACT_FLOATS: Final = 2.0**53  # from here on a float has no digits after the point
_DECIMALS: Final = Context(prec=60, rounding=ROUND_HALF_UP)
_DURATION_LENGTH: Final = 100


def _text(text: str) -> str:
    if len(text) > MAX_TEXT_LENGTH:
        raise ExpressionError("limit", f"a string of {len(text)} characters is over the limit of {MAX_TEXT_LENGTH}")
    return text


def _check_items(count: int) -> None:
    if count > MAX_LIST_ITEMS:
        raise ExpressionError("limit", f"a list of {count} items is over the limit of {MAX_LIST_ITEMS}")


def _integer(value: int, what: str) -> int:
    if SMALLEST_INTEGER <= value <= LARGEST_INTEGER:
        return value
    raise ExpressionError("arithmetic", f"{what} is beyond what a 64-bit integer holds")


def length(value: Any) -> int:
    return len(value)


def lower(text: str) -> str:
    return _text(text.lower())


def upper(text: str) -> str:
    return _text(text.upper())


def trim(text: str) -> str:
    return text.strip()


def starts_with(text: str, prefix: str) -> bool:
    return text.startswith(prefix)


def ends_with(text: str, suffix: str) -> bool:
    return text.endswith(suffix)


def replace(text: str, old: str, new: str) -> str:
    if not old:
        raise ExpressionError("type", "replace() can't look for an empty string")
    found = text.count(old)
    if len(text) + found * (len(new) - len(old)) > MAX_TEXT_LENGTH:
        raise ExpressionError("limit", f"replace() would build a string over the limit of {MAX_TEXT_LENGTH} characters")
    return text.replace(old, new)


def split(text: str, separator: str | None = None) -> list[str]:
    if separator == "":
        raise ExpressionError("type", "split() can't split at an empty string")
    parts = text.split(separator, MAX_LIST_ITEMS)
    _check_items(len(parts))
    return parts


def join(items: list[Any], separator: str = "") -> str:
    if len(separator) * len(items) > MAX_TEXT_LENGTH:
        raise ExpressionError("limit", f"join() would build a string over the limit of {MAX_TEXT_LENGTH} characters")
    parts: list[Any] = []
    for item in items:
        parts += (separator, item)
    return join_text(parts[1:])


def keys(value: dict[str, Any]) -> list[str]:
    return sorted(value)


def values(value: dict[str, Any]) -> list[Any]:
    return [value[key] for key in sorted(value)]


def first(items: list[Any]) -> Any:
    return items[0] if items else None


def last(items: list[Any]) -> Any:
    return items[-1] if items else None


def _in_order(items: list[Any], function: str) -> list[Any]:
    """Return numbers or texts in order. Raises ExpressionError for anything else, or both."""
    kinds = set(map(type, items))
    if kinds <= {int, float} or kinds <= {str}:
        return sorted(items)
    if type(None) in kinds:
        raise ExpressionError(
            "null", f"{function}() can't place null among its values; filter(…, x => x != null) first"
        )
    found = ", ".join(sorted({kind_of(item) for item in items}))
    raise ExpressionError("type", f"{function}() takes numbers only or strings only, not {found}")


def _one_or_several(arguments: tuple[Any, ...], function: str) -> list[Any]:
    if len(arguments) > 1:
        return list(arguments)
    if type(arguments[0]) is list:
        return list(arguments[0])
    raise ExpressionError("type", f"{function}() takes a list or several values, not {describe(arguments[0])}")


def minimum(*arguments: Any) -> Any:
    ordered = _in_order(_one_or_several(arguments, "min"), "min")
    return ordered[0] if ordered else None


def maximum(*arguments: Any) -> Any:
    ordered = _in_order(_one_or_several(arguments, "max"), "max")
    return ordered[-1] if ordered else None


def total(items: list[Any]) -> Any:
    result: Any = 0
    for item in items:
        if type(item) is not int and type(item) is not float:
            kind = "null" if item is None else "type"
            raise ExpressionError(kind, f"sum() adds numbers, not {describe(item)}")
        result = add(result, item)
    return result


def absolute(value: Any) -> Any:
    return _integer(abs(value), f"abs({value})") if type(value) is int else abs(value)


def floor(value: Any) -> int:
    return _integer(math.floor(value), f"floor({value})")


def ceil(value: Any) -> int:
    return _integer(math.ceil(value), f"ceil({value})")


def round_half_up(value: Any, digits: int | None = None) -> Any:
    if digits is not None and not 0 <= digits <= 15:
        raise ExpressionError("type", f"round() keeps 0 to 15 digits, not {digits}")
    if type(value) is int:
        return value
    if digits:
        if abs(value) >= _EXACT_FLOATS:
            return value
        # The digits a person sees are rounded, not those of the nearest binary fraction: 2.675 gives 2.68.
        return float(Decimal(repr(value)).quantize(Decimal(1).scaleb(-digits), context=_DECIMALS))
    whole = math.floor(abs(value))
    if abs(value) - whole >= 0.5:
        whole += 1
    return _integer(-whole if value < 0 else whole, f"round({value})")


def divide_integers(left: int, right: int) -> int:
    if right == 0:
        raise ExpressionError("arithmetic", f"div({left}, 0): division by zero")
    return _integer(left // right, f"div({left}, {right})")


def count_up(*bounds: int) -> list[int]:
    start, end = (0, bounds[0]) if len(bounds) == 1 else bounds[:2]
    step = bounds[2] if len(bounds) == 3 else 1
    if step == 0:
        raise ExpressionError("arithmetic", "range() can't go on in steps of 0")
    # Counted by hand: len() of a range refuses what does not fit a C integer.
    _check_items(max(0, -(-(end - start) // step)))
    return list(range(start, end, step))


def sort(items: list[Any]) -> list[Any]:
    return _in_order(items, "sort")


def unique(items: list[Any]) -> list[Any]:
    size_of(items)
    seen: set[Any] = set()
    found = []
    for item in items:
        key = _identity(item)
        if key not in seen:
            seen.add(key)
            found.append(item)
    return found


def _identity(value: Any) -> Any:
    """Return something hashable that is equal for equal values only."""
    if type(value) is bool:
        return ("bool", value)
    if type(value) is list:
        return ("list", tuple(map(_identity, value)))
    if type(value) is dict:
        return ("map", frozenset((key, _identity(item)) for key, item in value.items()))
    return value


def reverse(items: list[Any]) -> list[Any]:
    return items[::-1]


def flatten(items: list[Any]) -> list[Any]:
    _check_items(sum(len(item) if type(item) is list else 1 for item in items))
    found: list[Any] = []
    for item in items:
        if type(item) is list:
            found.extend(item)
        else:
            found.append(item)
    return found


def take_slice(value: Any, start: int, end: int | None = None) -> Any:
    return value[start:end]


def merge(*maps: dict[str, Any]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for one in maps:
        merged.update(one)
    return merged


def read_json(text: str) -> Any:
    try:
        return parse_json(text)
    except ValueError as error:
        raise ExpressionError("type", f"json(): {error}") from None


def to_json(value: Any) -> str:
    return _text(print_json(value))


def duration(value: Any) -> int:
    if type(value) is int:
        if not 0 <= value <= MAX_DURATION_MS:
            raise ExpressionError("type", f"duration(): {value} ms is no duration of up to a hundred years")
        return value
    if len(value) > _DURATION_LENGTH:
        raise ExpressionError("type", f"duration(): {describe(value)} is no duration")
    try:
        return parse_duration(value)
    except DurationError as error:
        raise ExpressionError("type", f"duration(): {error.message}; {error.help}") from None


def matches(text: str, pattern: str) -> bool:
    try:
        compiled = compile_pattern(pattern)
    except PatternError as error:
        raise ExpressionError(
            "type", f"matches(): {error.message} (character {error.offset + 1} of {describe(pattern)})"
        ) from None
    return compiled.search(text)


def to_string(value: Any) -> str:
    return join_text([value])


def to_number(value: Any) -> Any:
    if type(value) is not str:
        return value
    found = read_number(value.strip())
    if found is None:
        raise ExpressionError("type", f"number(): {describe(value)} is no number")
    return found


def to_integer(value: Any) -> int:
    found = to_number(value) if type(value) is not str else read_number(value.strip())
    if found is None or (type(found) is float and not found.is_integer()):
        cure = "" if type(value) is str else "; floor(), ceil() or round() make one of it"
        raise ExpressionError("type", f"integer(): {describe(value)} is no integer{cure}")
    return _integer(int(found), f"integer({found})")


def to_bool(value: Any) -> bool:
    if value is True or value == "true":
        return True
    if value is False or value == "false":
        return False
    raise ExpressionError("type", f"bool(): {describe(value)} is neither true nor false")


def one_of(*arguments: Any) -> bool:
    items = list(arguments) if len(arguments) != 1 or type(arguments[0]) is bool else arguments[0]
    holding = 0
    for item in items:
        if type(item) is not bool:
            kind = "null" if item is None else "type"
            raise ExpressionError(kind, f"one_of() takes true and false, not {describe(item)}")
        holding += item
    return holding == 1


def default(value: Any, fallback: Any) -> Any:
    return fallback if value is None else value


def index_of(value: Any, item: Any) -> int | None:
    if type(value) is str:
        if type(item) is not str:
            kind = "null" if item is None else "type"
            raise ExpressionError(kind, f"index_of() looks for a string in a string, not for {describe(item)}")
        found = value.find(item)
        return found if found >= 0 else None
    for position, element in enumerate(value):
        if equal(element, item):
            return position
    return None


def combinations(names: list[Any], *axes: list[Any]) -> list[Any]:
    if len(names) != len(axes):
        raise ExpressionError("type", f"combinations(): {len(names)} names for {len(axes)} lists")
    for name in names:
        if type(name) is not str:
            raise ExpressionError("type", f"combinations(): a name is a string, not {describe(name)}")
    _check_items(math.prod(len(axis) for axis in axes) * max(len(axes), 1))
    return [dict(zip(names, items, strict=True)) for items in product(*axes)]
