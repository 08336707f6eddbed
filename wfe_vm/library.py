"""The functions of expressions: one row each, with the number that programs call it by.

From a row come the checks of arguments at run time and by the compiler, the types of results, and the
reference page; ``functions`` holds what they do. ``map`` and ``filter`` are syntax, not functions of
this table: they are compiled to opcodes.

Rules: a number is a wire format, never changed and never given to another function. A function that no
longer exists keeps its row. Only a parameter of type ``any`` takes null.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from . import functions
from .errors import ExpressionError
from .type_model import ANY, INTEGER, NUMBER, Type, join, list_of, map_of, optional, required
from .type_parser import parse_type
from .values import describe, kind_of

__all__ = ["FUNCTIONS_BY_NAME", "FUNCTIONS_BY_NUMBER", "SYNTAX_FUNCTIONS", "Function", "Parameter", "call"]

SYNTAX_FUNCTIONS: Final = frozenset(("map", "filter"))
"""Called like functions; their second argument is ``x => …``."""

ResultRule = Callable[[tuple[Type, ...]], Type]

_PYTHON_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "bool": (bool,),
    "list": (list,),
    "map": (dict,),
    "any": (),
}


class Parameter(msgspec.Struct, frozen=True):
    """What a function takes at one place. ``types`` are alternatives; a repeated one takes one or more."""

    name: str
    types: tuple[Type, ...]
    optional: bool = False
    repeated: bool = False

    @property
    def wanted(self) -> str:
        """The alternatives as an error message says them."""
        return " or ".join(map(str, self.types))


class Function(msgspec.Struct, frozen=True):
    """A row of the library. ``examples`` pair an expression with the JSON of its value."""

    number: int
    name: str
    signature: str
    parameters: tuple[Parameter, ...]
    result: Type
    doc: str
    examples: tuple[tuple[str, str], ...]
    function: Callable[..., Any]
    result_rule: ResultRule | None
    python_types: tuple[frozenset[type], ...]  # of each parameter; empty: any
    least: int
    most: int | None
    deep: bool = False  # its work grows with all that its arguments hold, not with their lengths alone

    def accepts(self, count: int) -> bool:
        """Return whether the function can be called with that many arguments."""
        return self.least <= count and (self.most is None or count <= self.most)

    def parameter(self, position: int) -> Parameter:
        """Return the parameter that the argument at a position (from 0) is for."""
        return self.parameters[min(position, len(self.parameters) - 1)]

    def result_of(self, arguments: tuple[Type, ...]) -> Type:
        """Return the type of the result for arguments of these types."""
        return self.result if self.result_rule is None else self.result_rule(arguments)

    def call(self, arguments: list[Any]) -> Any:
        """Return the function's value. Raises ExpressionError (``null``, ``type``, ``arithmetic``, ``limit``)."""
        if not self.least <= len(arguments) <= (len(arguments) if self.most is None else self.most):
            raise ExpressionError("type", f"{self.name}() can't take {len(arguments)} arguments: {self.signature}")
        final = len(self.python_types) - 1
        for position, argument in enumerate(arguments):
            taken = self.python_types[position if position < final else final]
            if taken and type(argument) not in taken:
                arguments[position] = self._converted(argument, taken, position)
        return self.function(*arguments)

    def _converted(self, argument: Any, taken: frozenset[type], position: int) -> Any:
        if type(argument) is float and int in taken and argument.is_integer() and abs(argument) < 2.0**63:
            return int(argument)
        parameter = self.parameter(position)
        if argument is None:
            raise ExpressionError(
                "null", f"{self.name}() needs {parameter.wanted} as its {parameter.name}, which is null; use ??"
            )
        raise ExpressionError(
            "type", f"{self.name}() needs {parameter.wanted} as its {parameter.name}, not {describe(argument)}"
        )


def call(number: int, arguments: list[Any]) -> Any:
    """Return the value of the function with that number. Raises ExpressionError; KeyError for no such number."""
    return FUNCTIONS_BY_NUMBER[number].call(arguments)


def _row(
    number: int,
    signature: str,
    function: Callable[..., Any],
    doc: str,
    *examples: tuple[str, str],
    result: ResultRule | None = None,
    deep: bool = False,
) -> Function:
    """Make a row from ``name(parameter: type|type, optional?: type, repeated...: type) -> type``."""
    head, _, result_text = signature.partition(" -> ")
    name, _, inside = head.removesuffix(")").partition("(")
    parameters = []
    for part in inside.split(", "):
        label, _, types = part.partition(": ")
        parameters.append(
            Parameter(
                label.rstrip("?."),
                tuple(parse_type(text) for text in types.split("|")),
                label.endswith("?"),
                label.endswith("..."),
            )
        )
    return Function(
        number=number,
        name=name,
        signature=signature,
        parameters=tuple(parameters),
        result=parse_type(result_text),
        doc=doc,
        examples=examples,
        function=function,
        result_rule=result,
        python_types=tuple(
            frozenset(python for type in parameter.types for python in _PYTHON_TYPES[type.kind])
            for parameter in parameters
        ),
        least=sum(not parameter.optional for parameter in parameters),
        most=None if parameters[-1].repeated else len(parameters),
        deep=deep,
    )


def _same(arguments: tuple[Type, ...]) -> Type:
    return required(arguments[0])


def _element(arguments: tuple[Type, ...]) -> Type:
    return optional(arguments[0].element or ANY)


def _members(arguments: tuple[Type, ...]) -> Type:
    return list_of(arguments[0].element or ANY)


def _flattened(arguments: tuple[Type, ...]) -> Type:
    element = arguments[0].element or ANY
    return list_of((element.element or ANY) if element.kind == "list" else element)


def _chosen(arguments: tuple[Type, ...]) -> Type:
    if len(arguments) == 1:
        return _element(arguments)
    found = required(arguments[0])
    for argument in arguments[1:]:
        found = join(found, required(argument))
    return found


def _combined(arguments: tuple[Type, ...]) -> Type:
    return list_of(map_of(ANY))


def _merged(arguments: tuple[Type, ...]) -> Type:
    found = required(arguments[0])
    for argument in arguments[1:]:
        if found.kind == argument.kind == "record":
            found = Type("record", fields=tuple(sorted({**dict(found.fields), **dict(argument.fields)}.items())))
        elif found.element is not None and argument.element is not None:
            found = map_of(join(found.element, argument.element))
        else:
            found = map_of(ANY)
    return found


def _rounded(arguments: tuple[Type, ...]) -> Type:
    return INTEGER if len(arguments) == 1 or arguments[0].kind == "integer" else NUMBER


def _defaulted(arguments: tuple[Type, ...]) -> Type:
    return arguments[1] if arguments[0].kind == "null" else join(required(arguments[0]), arguments[1])


# fmt: off
_ROWS: Final[tuple[Function, ...]] = (
    _row(1, "len(value: string|list<any>|map<any>) -> integer", functions.length,
         "The number of characters of a string, items of a list or members of a map.",
         ("len('häh')", "3"), ("len([])", "0"), ("len({a: 1})", "1")),
    _row(2, "lower(text: string) -> string", functions.lower, "The text in lower case.", ("lower('ABC')", '"abc"')),
    _row(3, "upper(text: string) -> string", functions.upper, "The text in upper case.", ("upper('abc')", '"ABC"')),
    _row(4, "trim(text: string) -> string", functions.trim, "The text without white space at its ends.",
         ("trim('  a b\\n')", '"a b"')),
    _row(5, "starts_with(text: string, prefix: string) -> bool", functions.starts_with,
         "Whether the text begins with the prefix.", ("starts_with('v1.2', 'v')", "true"),
         ("starts_with('', 'v')", "false")),
    _row(6, "ends_with(text: string, suffix: string) -> bool", functions.ends_with,
         "Whether the text ends with the suffix.", ("ends_with('a.txt', '.txt')", "true")),
    _row(7, "replace(text: string, old: string, new: string) -> string", functions.replace,
         "The text with every occurrence of `old`, which can't be empty, replaced by `new`.",
         ("replace('a-b-c', '-', '+')", '"a+b+c"')),
    _row(8, "split(text: string, separator?: string) -> list<string>", functions.split,
         "The parts of the text between separators; without one, its words.",
         ("split('a,b,,c', ',')", '["a","b","","c"]'), ("split('  a  b ')", '["a","b"]')),
    _row(9, "join(items: list<any>, separator?: string) -> string", functions.join,
         "The items as one text: strings as they are, null as nothing, anything else as JSON.",
         ("join(['a', 1, true], '-')", '"a-1-true"'), ("join([])", '""')),
    _row(10, "keys(value: map<any>) -> list<string>", functions.keys, "The names of a map's members, by code point.",
         ("keys({b: 1, a: 2})", '["a","b"]')),
    _row(11, "values(value: map<any>) -> list<any>", functions.values, "The values of a map's members, by their names.",
         ("values({b: 1, a: 2})", "[2,1]"), result=_members),
    _row(12, "first(items: list<any>) -> any", functions.first, "The first item; null of an empty list.",
         ("first([3, 4])", "3"), ("first([])", "null"), result=_element),
    _row(13, "last(items: list<any>) -> any", functions.last, "The last item; null of an empty list.",
         ("last([3, 4])", "4"), ("last([])", "null"), result=_element),
    _row(14, "min(values...: list<any>|number|string) -> any", functions.minimum,
         "The least of a list or of several values: numbers, or strings by code point. Null of an empty list.",
         ("min([3, 1.5, 2])", "1.5"), ("min('b', 'a')", '"a"'), ("min([])", "null"), result=_chosen),
    _row(15, "max(values...: list<any>|number|string) -> any", functions.maximum,
         "The greatest of a list or of several values: numbers, or strings by code point. Null of an empty list.",
         ("max([3, 1.5, 2])", "3"), ("max(1, 2)", "2"), result=_chosen),
    _row(16, "sum(items: list<number>) -> number", functions.total, "The sum of a list of numbers; 0 of an empty one.",
         ("sum([1, 2, 3])", "6"), ("sum([])", "0"), ("sum([1, 0.5])", "1.5"),
         result=lambda arguments: INTEGER if arguments[0].element == INTEGER else NUMBER),
    _row(17, "abs(value: number) -> number", functions.absolute, "The number without its sign.",
         ("abs(-3)", "3"), ("abs(2.5)", "2.5"), result=_same),
    _row(18, "floor(value: number) -> integer", functions.floor, "The greatest integer that is not above the number.",
         ("floor(2.7)", "2"), ("floor(-2.1)", "-3")),
    _row(19, "ceil(value: number) -> integer", functions.ceil, "The least integer that is not below the number.",
         ("ceil(2.1)", "3"), ("ceil(-2.7)", "-2")),
    _row(20, "round(value: number, digits?: integer) -> number", functions.round_half_up,
         "The nearest integer, or number with up to 15 digits after the point; halves go away from zero.",
         ("round(2.5)", "3"), ("round(-2.5)", "-3"), ("round(2.675, 2)", "2.68"), result=_rounded),
    _row(21, "div(left: integer, right: integer) -> integer", functions.divide_integers,
         "The quotient rounded down, so that `div(a, b) * b + a % b` is `a`.",
         ("div(7, 2)", "3"), ("div(-7, 2)", "-4")),
    _row(22, "range(start: integer, end?: integer, step?: integer) -> list<integer>", functions.count_up,
         "The integers from start up to but without end, by step; of one argument, from 0 up to it.",
         ("range(3)", "[0,1,2]"), ("range(1, 4)", "[1,2,3]"), ("range(5, 0, -2)", "[5,3,1]")),
    _row(23, "sort(items: list<number>|list<string>) -> list<any>", functions.sort,
         "The numbers, or strings by code point, in ascending order.", ("sort([3, 1, 2])", "[1,2,3]"),
         ("sort(['b', 'B'])", '["B","b"]'), result=_same),
    _row(24, "unique(items: list<any>) -> list<any>", functions.unique,
         "The items without repeated ones, in the order of first occurrence; 1 equals 1.0.",
         ("unique([2, 1, 2, 2.0, '2'])", '[2,1,"2"]'), result=_same, deep=True),
    _row(25, "reverse(items: list<any>) -> list<any>", functions.reverse, "The items, last first.",
         ("reverse([1, 2])", "[2,1]"), result=_same),
    _row(26, "flatten(items: list<any>) -> list<any>", functions.flatten,
         "The items with each list among them replaced by its own items, one level deep.",
         ("flatten([[1], [2, [3]], 4])", "[1,2,[3],4]"), result=_flattened),
    _row(27, "slice(value: string|list<any>, start: integer, end?: integer) -> any", functions.take_slice,
         "The part from start up to but without end; a negative place counts from the end.",
         ("slice([1, 2, 3], 1)", "[2,3]"), ("slice('abcdef', 1, 3)", '"bc"'),
         ("slice('abc', -2)", '"bc"'), result=_same),
    _row(28, "merge(maps...: map<any>) -> map<any>", functions.merge,
         "One map with the members of all; later ones win.",
         ("merge({a: 1, b: 1}, {b: 2})", '{"a":1,"b":2}'), result=_merged),
    _row(29, "json(text: string) -> any", functions.read_json, "The value that a JSON text holds.",
         ("json('{\"a\": [1, null]}')", '{"a":[1,null]}')),
    _row(30, "to_json(value: any) -> string", functions.to_json, "The value as compact JSON, keys by code point.",
         ("to_json({b: 1, a: null})", '"{\\"a\\":null,\\"b\\":1}"')),
    _row(31, "duration(value: string|integer) -> integer", functions.duration,
         "The milliseconds of a length of time like 500ms, 30s, 5m, 2h, 1d or 1h30m.",
         ("duration('1h30m')", "5400000"), ("duration('1.5s')", "1500"), ("duration(20)", "20")),
    _row(32, "matches(text: string, pattern: string) -> bool", functions.matches,
         "Whether the regular expression matches anywhere in the text, in time linear in the text. No back-references"
         " and no look-around.", ("matches('v1.22', '^v\\\\d+[.]\\\\d+$')", "true"), ("matches('abc', 'd')", "false"),
         deep=True),
    _row(33, "string(value: any) -> string", functions.to_string,
         "The value as it appears inside a text: null is empty, strings as they are, anything else as JSON.",
         ("string(1.5)", '"1.5"'), ("string(null)", '""'), ("string([1])", '"[1]"')),
    _row(34, "number(value: string|number) -> number", functions.to_number, "The number that a text is.",
         ("number(' 1.5 ')", "1.5"), ("number('12')", "12"), ("number(3)", "3")),
    _row(35, "integer(value: string|number) -> integer", functions.to_integer,
         "The integer that a text or a whole number is.", ("integer('007')", "7"), ("integer(2.0)", "2")),
    _row(36, "bool(value: string|bool) -> bool", functions.to_bool, "What the texts `true` and `false` mean.",
         ("bool('true')", "true"), ("bool(false)", "false")),
    _row(37, "type_of(value: any) -> string", kind_of,
         "`null`, `bool`, `integer`, `number`, `string`, `list` or `map`.",
         ("type_of(1)", '"integer"'), ("type_of(null)", '"null"')),
    _row(38, "one_of(conditions...: list<bool>|bool) -> bool", functions.one_of,
         "Whether exactly one of a list of conditions, or of several, is true.",
         ("one_of(true, false)", "true"), ("one_of([true, true])", "false"), ("one_of([])", "false")),
    _row(39, "default(value: any, fallback: any) -> any", functions.default,
         "The value, or the fallback where it is null; both are evaluated, unlike with `??`.",
         ("default(null, 2)", "2"), ("default(1, 2)", "1"), result=_defaulted),
    _row(40, "index_of(value: list<any>|string, item: any) -> integer?", functions.index_of,
         "Where the item first occurs in the list, or the text in the other, from 0; null where it does not.",
         ("index_of(['a', 'b'], 'b')", "1"), ("index_of('abc', 'x')", "null"), deep=True),
    _row(41, "combinations(names: list<string>, axes...: list<any>) -> list<any>", functions.combinations,
         "A map from the names for each combination of one item of each list, the last list's changing fastest.",
         ("combinations(['os', 'py'], ['deb', 'mac'], [3])", '[{"os":"deb","py":3},{"os":"mac","py":3}]'),
         ("combinations(['a'], [])", "[]"), result=_combined),
)
# fmt: on

FUNCTIONS_BY_NAME: Final[dict[str, Function]] = {row.name: row for row in _ROWS}
FUNCTIONS_BY_NUMBER: Final[dict[int, Function]] = {row.number: row for row in _ROWS}
