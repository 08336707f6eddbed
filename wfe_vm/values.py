"""What a value is: null, a bool, a 64-bit integer, a finite float, a text, a list, or a map from texts.

This file owns the checks at the border (what comes from JSON, YAML and executors) and a value's size
and kind. It knows nothing of declared types. Nothing here recurses: data from outside may nest at will.
"""

from __future__ import annotations

from math import isfinite
from typing import Any, Final

import msgspec

from .errors import ExpressionError
from .limits import (
    LARGE_TEXT_SHARE,
    LARGEST_INTEGER,
    MAX_INLINE_BYTES,
    MAX_NESTING,
    MAX_STATE_BYTES,
    SMALLEST_INTEGER,
)

__all__ = ["Problem", "check_plain", "describe", "kind_of", "member_path", "parse_json", "print_json", "size_of"]


class Problem(msgspec.Struct, frozen=True):
    """What is wrong with a value, and where in it.

    ``path`` is what to append to the value's name: ``[2].name``, empty for the value itself.
    """

    path: str
    message: str

    def told_of(self, name: str) -> str:
        """Return the problem in words, for a value of that name: ``regions[2].name: …``."""
        path = f"{name}{self.path}".removeprefix(".")
        return f"{path}: {self.message}" if path else self.message

    def __str__(self) -> str:
        return self.told_of("")


_Place = tuple[Any, str | int] | None
"""Where in a value something is: the place around it and its key or index there; None: it is the value itself."""

_KINDS: Final[dict[type, str]] = {
    type(None): "null",
    bool: "bool",
    int: "integer",
    float: "number",
    str: "string",
    list: "list",
    dict: "map",
}
_SCALARS: Final = frozenset((type(None), bool, int, float))
_DESCRIBED: Final = 40
_ITEM_BYTES: Final = 9  # a number, at its largest, as MessagePack
_FEW: Final = 1000  # lists and maps: of so many it takes longer to see which are the same one than to look into all
_json = msgspec.json.Encoder(order="deterministic")


def kind_of(value: Any) -> str:
    """Return ``null``, ``bool``, ``integer``, ``number``, ``string``, ``list`` or ``map``."""
    return _KINDS.get(type(value)) or type(value).__name__


def describe(value: Any) -> str:
    """Return a value as an error message shows it: its kind and the beginning of its JSON."""
    if value is None:
        return "null"
    kind = kind_of(value)
    if type(value) is list or type(value) is dict:
        count = len(value)
        return f"a {kind} of {count} {'item' if count == 1 else 'items'}"
    if type(value) is str:
        shown = value if len(value) <= _DESCRIBED else value[: _DESCRIBED - 1] + "…"
        return f"the string {print_json(shown.encode('utf-8', 'replace').decode())}"
    if type(value) is bool or type(value) is int or type(value) is float:
        return f"the {kind} {print_json(value)}"
    return f"a {kind}"


def member_path(path: str, key: str | int) -> str:
    """Return the path of a list's element or a map's member: ``.a.b[2]["odd key"]``."""
    if type(key) is int:
        return f"{path}[{key}]"
    text = str(key)
    if text and text.replace("-", "a").replace("_", "a").isalnum():
        return f"{path}.{text}"
    return f"{path}[{print_json(text.encode('utf-8', 'replace').decode())}]"


def check_plain(value: Any) -> Problem | None:
    """Return the first thing for which the value can't be kept in a run, or None if it can.

    Refused are: anything that is no plain value, NaN and infinities, integers beyond 64 bits, texts with
    lone surrogates, keys that are no texts, and nesting beyond ``limits.MAX_NESTING``.
    """
    if type(value) is dict and _is_flat_and_plain(value):
        return None
    message = _problem_of(value)
    if message is not None:
        return Problem("", message)
    # What nests in a value is told by its place, from which a path is made for what is wrong alone: a list may have
    # 100,000 lists.
    waiting: list[tuple[_Place, Any, int]] = [(None, value, 1)] if type(value) is list or type(value) is dict else []
    while waiting:
        place, container, depth = waiting.pop()
        if depth > MAX_NESTING:
            return Problem(_path_of(place), f"nested more than {MAX_NESTING} deep")
        below: list[tuple[_Place, Any, int]] = []
        if type(container) is list:
            for index, item in enumerate(container):
                message = _problem_of(item)
                if message is not None:
                    return Problem(_path_of((place, index)), message)
                if type(item) is list or type(item) is dict:
                    if depth < MAX_NESTING and type(item) is list and _is_flat_list(item):
                        continue  # a list has many rows that need no further look, such as names with their places
                    below.append(((place, index), item, depth + 1))
        else:
            for key in container:
                if type(key) is not str:
                    return Problem(_path_of(place), f"a map's keys are strings, not {describe(key)}")
                if _has_surrogate(key):
                    return Problem(_path_of((place, key)), "the key holds half a character (a lone surrogate)")
            for key, item in container.items():
                message = _problem_of(item)
                if message is not None:
                    return Problem(_path_of((place, key)), message)
                if type(item) is list or type(item) is dict:
                    below.append(((place, key), item, depth + 1))
        below.reverse()
        waiting += below
    return None


def _path_of(place: _Place) -> str:
    keys = []
    while place is not None:
        place, key = place
        keys.append(key)
    path = ""
    for key in reversed(keys):
        path = member_path(path, key)
    return path


def _is_flat_and_plain(container: dict[Any, Any]) -> bool:
    """Say whether a map holds but scalars, all right at the first glance: the usual outputs of a step do."""
    for key, item in container.items():
        if type(key) is not str or not key.isascii() or not _is_plain_scalar(item):
            return False
    return True


def _is_flat_list(items: list[Any]) -> bool:
    """Say whether a list holds but scalars, all right at the first glance."""
    for item in items:  # noqa: SIM110 - a generator would be a closure, which C functions have not
        if not _is_plain_scalar(item):
            return False
    return True


def _is_plain_scalar(item: Any) -> bool:
    kind = type(item)
    if kind is str:
        return item.isascii()  # type: ignore[no-any-return]  # a str: mypy does not follow `kind`
    if kind is int:
        return SMALLEST_INTEGER <= item <= LARGEST_INTEGER  # type: ignore[no-any-return]  # an int: as above
    return item is None or kind is bool


def _problem_of(value: Any) -> str | None:
    kind = type(value)
    if kind is str:
        return "the text holds half a character (a lone surrogate)" if _has_surrogate(value) else None
    if kind is int:
        if SMALLEST_INTEGER <= value <= LARGEST_INTEGER:
            return None
        return f"the integer {value if abs(value) < 10**40 else ''} does not fit into 64 bits; keep it as a string"
    if kind is float:
        return None if isfinite(value) else f"{value} is no number"
    return None if kind in _KINDS else f"a {kind.__name__} is no plain value (null, bool, number, string, list or map)"


def _has_surrogate(text: str) -> bool:
    if text.isascii():
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def size_of(value: Any) -> int:
    """Return about how many bytes the value takes in a state; of a large text a share.

    Raises ExpressionError (``limit``) for one nested deeper than ``limits.MAX_NESTING`` or larger than a whole
    state may be: an expression can build such a value out of few parts, and no store could write it.
    """
    kind = type(value)
    if kind is str:
        return _text_size(len(value)) + 5
    if kind in _SCALARS:
        return _ITEM_BYTES
    total = 5
    if kind is dict:
        for key, item in value.items():
            total += len(key) + 5 + _ITEM_BYTES
            kind = type(item)
            if kind is str:
                total += _text_size(len(item))
            elif kind not in _SCALARS:
                break  # it nests
        else:
            if total <= MAX_STATE_BYTES:
                return total
        total = 5
    level: list[Any] = [value]
    # How often each of them occurs, None: once. A part may stand in a value more often than memory has room for.
    times: list[int] | None = None
    depth = 0
    while level:
        if depth == MAX_NESTING:
            raise ExpressionError("limit", f"a value is nested more than {MAX_NESTING} deep")
        depth += 1
        below: list[Any] = []
        below_times: list[int] | None = None if times is None else []
        for position, container in enumerate(level):
            occurs = 1 if times is None else times[position]
            items = container
            size = 0
            if type(container) is dict:
                size = sum(map(len, container)) + 5 * len(container)
                items = container.values()
            size += _ITEM_BYTES * len(items)
            kinds = set(map(type, items))
            if str in kinds:
                lengths = list(map(len, items if len(kinds) == 1 else [item for item in items if type(item) is str]))
                length = sum(lengths)
                size += length if length <= MAX_INLINE_BYTES else sum(map(_text_size, lengths))
            if list in kinds or dict in kinds:
                nested = [item for item in items if type(item) is list or type(item) is dict]
                below += nested
                if below_times is not None:
                    below_times += [occurs] * len(nested)
            total += size * occurs
            if total > MAX_STATE_BYTES:
                raise ExpressionError("limit", f"a value takes more than the {MAX_STATE_BYTES} bytes a run may keep")
        level, times = _occurrences(below, below_times) if len(below) > _FEW else (below, below_times)
    return total


def _occurrences(items: list[Any], times: list[int] | None) -> tuple[list[Any], list[int] | None]:
    """Return each of the items once, with how often it occurs in all."""
    found: dict[int, int] = {}
    for position, item in enumerate(items):
        found[id(item)] = found.get(id(item), 0) + (1 if times is None else times[position])
    if len(found) == len(items):
        return items, times
    return list({id(item): item for item in items}.values()), list(found.values())


def _text_size(length: int) -> int:
    if length <= MAX_INLINE_BYTES:
        return length
    return MAX_INLINE_BYTES + (length - MAX_INLINE_BYTES) // LARGE_TEXT_SHARE


def print_json(value: Any) -> str:
    """Return a value as compact JSON; keys sorted, since their order means nothing.

    Raises ExpressionError (``limit``) as ``size_of`` does.
    """
    if type(value) is list or type(value) is dict:
        size_of(value)
    return _json.encode(value).decode()


def parse_json(text: str | bytes) -> Any:
    """Return the value that a JSON text holds.

    Raises ValueError, with a message for people, if it is no JSON or holds what no run can keep.
    """
    try:
        value = msgspec.json.decode(text)
    except RecursionError:
        raise ValueError(f"nested more than {MAX_NESTING} deep") from None
    except (msgspec.DecodeError, UnicodeError) as error:
        raise ValueError(f"no valid JSON: {error}") from None
    problem = check_plain(value)
    if problem is not None:
        raise ValueError(str(problem))
    return value
