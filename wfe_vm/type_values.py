"""Values against types: checks, conversions, and how a text from outside is read.

A declared type decides how a text is read; without one a text is typed only where printing the value gives
the same text back, so that ``007``, ``1.10``, ``12e3`` and a commit's hash stay what they are.

Rules: an optional type takes null; so does ``any``. A record takes a map that has its fields, whatever
else is in it. A whole float is an integer where one is declared; a bool is never a number.
"""

from __future__ import annotations

import re
from functools import lru_cache
from math import isfinite
from typing import Any, Final

from .limits import LARGEST_INTEGER, SMALLEST_INTEGER
from .type_model import Type, is_optional, print_type
from .values import Problem, describe, member_path, parse_json

__all__ = ["TextValueError", "check_value", "coerce", "read_number", "read_text", "read_undeclared"]

_PROBLEMS_TOLD: Final = 20  # of one value: enough to mend it, few enough to read
_WORDS: Final[dict[str, Any]] = {"true": True, "false": False, "null": None}
_EXACT: Final = 2**53
"""Beyond it an integer is likely an identifier, and many JSON readers would round it."""
# Each alternative is decided by its first characters, so these take time linear in the text.
_PLAIN: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?", re.ASCII)
_NUMBER: Final = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)
_DIGITS_READ: Final = 400  # more than any number that 64 bits hold is written with


class TextValueError(ValueError):
    """A text that is no value of the declared type; the message says why."""


def check_value(value: Any, type: Type) -> list[Problem]:
    """Return how a value fails to be of a type: an empty list if it is. The first 20 problems are told."""
    problems: list[Problem] = []
    _check(value, type, "", problems)
    return problems


def _check(value: Any, type: Type, path: str, problems: list[Problem]) -> None:
    kind = type.kind
    if value is None:
        if not is_optional(type):
            problems.append(Problem(path, f"null, where {print_type(type)} is needed"))
    elif kind == "any":
        if value.__class__ is float and not isfinite(value):
            problems.append(Problem(path, f"{value} is no number"))
    elif kind == "list" and value.__class__ is list and type.element is not None:
        if type.element.kind != "any":
            for position, item in enumerate(value):
                _check(item, type.element, f"{path}[{position}]", problems)
                if len(problems) >= _PROBLEMS_TOLD:
                    return
    elif kind == "map" and value.__class__ is dict and type.element is not None:
        for key in sorted(value):
            _check(value[key], type.element, member_path(path, key), problems)
            if len(problems) >= _PROBLEMS_TOLD:
                return
    elif kind == "record" and value.__class__ is dict:
        for name, field in type.fields:
            if name in value or is_optional(field):
                _check(value.get(name), field, member_path(path, name), problems)
            elif len(problems) < _PROBLEMS_TOLD:
                problems.append(Problem(member_path(path, name), f"missing, {print_type(field)} is needed"))
    else:
        message = _scalar_problem(value, type)
        if message is not None:
            problems.append(Problem(path, message))


def _scalar_problem(value: Any, type: Type) -> str | None:
    kind = value.__class__
    if type.kind == "string":
        right = kind is str
    elif type.kind == "bool":
        right = kind is bool
    elif type.kind == "number" or type.kind == "integer":
        if kind is float and not isfinite(value):
            return f"{value} is no number"
        if kind is int and not SMALLEST_INTEGER <= value <= LARGEST_INTEGER:
            return "the integer does not fit into 64 bits"
        right = kind is int or (kind is float and (type.kind == "number" or _is_integer(value)))
    else:
        right = False
    return None if right else f"{describe(value)}, where {print_type(type)} is needed"


def _is_integer(value: float) -> bool:
    return value.is_integer() and SMALLEST_INTEGER <= int(value) <= LARGEST_INTEGER


def coerce(value: Any, type: Type) -> Any:
    """Return a value that ``check_value`` accepts as the type has it: 1.0 becomes 1 where an integer is declared.

    What needs no change is returned as it is, not copied.
    """
    kind = type.kind
    if kind == "integer" and value.__class__ is float:
        return int(value)
    if value.__class__ is list and type.element is not None and _may_change(type.element):
        items = [coerce(item, type.element) for item in value]
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    if value.__class__ is dict and _may_change(type):
        changed = dict(value)
        for name in value:
            declared = type.element if kind == "map" else type.field(name)
            if declared is not None:
                changed[name] = coerce(value[name], declared)
        return changed if any(changed[name] is not value[name] for name in value) else value
    return value


@lru_cache(maxsize=1024)
def _may_change(type: Type) -> bool:
    if type.element is not None:
        return _may_change(type.element)
    return type.kind == "integer" or any(_may_change(field) for _, field in type.fields)


def read_text(text: str, type: Type) -> Any:
    """Return the value that a text means where a type is declared.

    A string is the text as it is. Lists, maps and records are JSON; around all but strings white space is
    ignored. Of an optional type other than string, an empty text and ``null`` are null. Raises TextValueError.
    """
    kind = type.kind
    if kind == "string":
        return text
    stripped = text.strip()
    if kind == "any":
        return read_undeclared(text)
    if type.optional and stripped in ("", "null"):
        return None
    if kind == "bool":
        if stripped in ("true", "false"):
            return stripped == "true"
        raise TextValueError(f"{describe(text)} is no bool; true or false is needed")
    if kind in ("number", "integer"):
        value: Any = read_number(stripped)
        if value is None:
            raise TextValueError(f"{describe(text)} is no {kind}")
    else:
        try:
            value = parse_json(text)
        except ValueError as error:
            raise TextValueError(f"{describe(text)} is no {print_type(type)}: {error}") from None
    problems = check_value(value, type)
    if problems:
        raise TextValueError("; ".join(map(str, problems)))
    return coerce(value, type)


def read_number(text: str) -> int | float | None:
    """Return the number that a text is, with a sign, a fraction or an exponent; None if no 64 bits hold it."""
    found = _NUMBER.fullmatch(text) if len(text) <= _DIGITS_READ else None
    if found is None:
        return None
    if found.group(1) is None and found.group(2) is None:
        whole = int(text)
        return whole if SMALLEST_INTEGER <= whole <= LARGEST_INTEGER else None
    value = float(text)
    return value if isfinite(value) else None


def read_undeclared(text: str) -> Any:
    """Return the value that a text prints back from: null, a bool, a number; else the text itself."""
    if text in _WORDS:
        return _WORDS[text]
    found = _PLAIN.fullmatch(text) if len(text) <= _DIGITS_READ else None
    if found is None:
        return text
    if found.group(1) is not None:
        value = float(text)
        return value if repr(value) == text else text
    whole = int(text)
    return whole if -_EXACT <= whole <= _EXACT and str(whole) == text else text
