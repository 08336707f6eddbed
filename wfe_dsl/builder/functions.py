"""The functions of the expression language, for expressions in Python; ``generate`` writes this file.

``map`` and ``filter``, which bind a variable, are ``map_`` and ``filter_`` of the package.
"""

from __future__ import annotations

from .expressions import OMITTED, Expression, Operand, call

__all__ = [
    "abs",
    "bool",
    "ceil",
    "combinations",
    "default",
    "div",
    "duration",
    "ends_with",
    "first",
    "flatten",
    "floor",
    "index_of",
    "integer",
    "join",
    "json",
    "keys",
    "last",
    "len",
    "lower",
    "matches",
    "max",
    "merge",
    "min",
    "number",
    "one_of",
    "range",
    "replace",
    "reverse",
    "round",
    "slice",
    "sort",
    "split",
    "starts_with",
    "string",
    "sum",
    "to_json",
    "trim",
    "type_of",
    "unique",
    "upper",
    "values",
]


def len(value: Operand) -> Expression:
    """The number of characters of a string, items of a list or members of a map."""
    return call("len", value)


def lower(text: Operand) -> Expression:
    """The text in lower case."""
    return call("lower", text)


def upper(text: Operand) -> Expression:
    """The text in upper case."""
    return call("upper", text)


def trim(text: Operand) -> Expression:
    """The text without white space at its ends."""
    return call("trim", text)


def starts_with(text: Operand, prefix: Operand) -> Expression:
    """Whether the text begins with the prefix."""
    return call("starts_with", text, prefix)


def ends_with(text: Operand, suffix: Operand) -> Expression:
    """Whether the text ends with the suffix."""
    return call("ends_with", text, suffix)


def replace(text: Operand, old: Operand, new: Operand) -> Expression:
    """The text with every occurrence of ``old``, which can't be empty, replaced by ``new``."""
    return call("replace", text, old, new)


def split(text: Operand, separator: Operand = OMITTED) -> Expression:
    """The parts of the text between separators; without one, its words."""
    return call("split", text, separator)


def join(items: Operand, separator: Operand = OMITTED) -> Expression:
    """The items as one text: strings as they are, null as nothing, anything else as JSON."""
    return call("join", items, separator)


def keys(value: Operand) -> Expression:
    """The names of a map's members, by code point."""
    return call("keys", value)


def values(value: Operand) -> Expression:
    """The values of a map's members, by their names."""
    return call("values", value)


def first(items: Operand) -> Expression:
    """The first item; null of an empty list."""
    return call("first", items)


def last(items: Operand) -> Expression:
    """The last item; null of an empty list."""
    return call("last", items)


def min(*values: Operand) -> Expression:
    """The least of a list or of several values: numbers, or strings by code point. Null of an empty list."""
    return call("min", *values)


def max(*values: Operand) -> Expression:
    """The greatest of a list or of several values: numbers, or strings by code point. Null of an empty list."""
    return call("max", *values)


def sum(items: Operand) -> Expression:
    """The sum of a list of numbers; 0 of an empty one."""
    return call("sum", items)


def abs(value: Operand) -> Expression:
    """The number without its sign."""
    return call("abs", value)


def floor(value: Operand) -> Expression:
    """The greatest integer that is not above the number."""
    return call("floor", value)


def ceil(value: Operand) -> Expression:
    """The least integer that is not below the number."""
    return call("ceil", value)


def round(value: Operand, digits: Operand = OMITTED) -> Expression:
    """The nearest integer, or number with up to 15 digits after the point; halves go away from zero."""
    return call("round", value, digits)


def div(left: Operand, right: Operand) -> Expression:
    """The quotient rounded down, so that ``div(a, b) * b + a % b`` is ``a``."""
    return call("div", left, right)


def range(start: Operand, end: Operand = OMITTED, step: Operand = OMITTED) -> Expression:
    """The integers from start up to but without end, by step; of one argument, from 0 up to it."""
    return call("range", start, end, step)


def sort(items: Operand) -> Expression:
    """The numbers, or strings by code point, in ascending order."""
    return call("sort", items)


def unique(items: Operand) -> Expression:
    """The items without repeated ones, in the order of first occurrence; 1 equals 1.0."""
    return call("unique", items)


def reverse(items: Operand) -> Expression:
    """The items, last first."""
    return call("reverse", items)


def flatten(items: Operand) -> Expression:
    """The items with each list among them replaced by its own items, one level deep."""
    return call("flatten", items)


def slice(value: Operand, start: Operand, end: Operand = OMITTED) -> Expression:
    """The part from start up to but without end; a negative place counts from the end."""
    return call("slice", value, start, end)


def merge(*maps: Operand) -> Expression:
    """One map with the members of all; later ones win."""
    return call("merge", *maps)


def json(text: Operand) -> Expression:
    """The value that a JSON text holds."""
    return call("json", text)


def to_json(value: Operand) -> Expression:
    """The value as compact JSON, keys by code point."""
    return call("to_json", value)


def duration(value: Operand) -> Expression:
    """The milliseconds of a length of time like 500ms, 30s, 5m, 2h, 1d or 1h30m."""
    return call("duration", value)


def matches(text: Operand, pattern: Operand) -> Expression:
    """Whether the regular expression matches anywhere in the text, in time linear in the text.

    No back-references and no look-around.
    """
    return call("matches", text, pattern)


def string(value: Operand) -> Expression:
    """The value as it appears inside a text: null is empty, strings as they are, anything else as JSON."""
    return call("string", value)


def number(value: Operand) -> Expression:
    """The number that a text is."""
    return call("number", value)


def integer(value: Operand) -> Expression:
    """The integer that a text or a whole number is."""
    return call("integer", value)


def bool(value: Operand) -> Expression:
    """What the texts ``true`` and ``false`` mean."""
    return call("bool", value)


def type_of(value: Operand) -> Expression:
    """``null``, ``bool``, ``integer``, ``number``, ``string``, ``list`` or ``map``."""
    return call("type_of", value)


def one_of(*conditions: Operand) -> Expression:
    """Whether exactly one of a list of conditions, or of several, is true."""
    return call("one_of", *conditions)


def default(value: Operand, fallback: Operand) -> Expression:
    """The value, or the fallback where it is null; both are evaluated, unlike with ``??``."""
    return call("default", value, fallback)


def index_of(value: Operand, item: Operand) -> Expression:
    """Where the item first occurs in the list, or the text in the other, from 0; null where it does not."""
    return call("index_of", value, item)


def combinations(names: Operand, *axes: Operand) -> Expression:
    """A map from the names for each combination of one item of each list, the last list's changing fastest."""
    return call("combinations", names, *axes)
