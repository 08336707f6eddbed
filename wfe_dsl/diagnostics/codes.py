"""The catalogue: one row a diagnostic. From it come ``explain``, the reference page and the tests.

A code is never reused. Sections: 00 files and YAML, 01 structure and keys, 02 names and references,
03 expressions and types, 04 control flow and data flow, 05 configuration of step types, 06 notations other than YAML.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec.structs import replace

from .rows_builder import BUILDER_ROWS, INCLUDING_ROWS
from .rows_files import FILE_ROWS
from .rows_flow import FLOW_ROWS, SHELL_ROWS
from .rows_names import NAME_ROWS
from .rows_secrets import SECRET_ROWS
from .rows_structure import CONFIG_ROWS, STRUCTURE_ROWS
from .rows_surroundings import EARLY_ROWS, MODULE_ROWS, SCHEDULE_ROWS, SERVICE_ROWS
from .rows_text import TEXT_ROWS

__all__ = ["ABSENCES", "CODES", "ROWS", "Code"]


class Code(msgspec.Struct, frozen=True):
    """A row of the catalogue. ``wrong`` and ``right`` are small files (the least that shows it).

    They are of the ``notation``: ``yaml``, or ``wfe`` or ``python`` where that alone has the code.
    """

    code: str
    severity: str  # error, warning or note
    title: str
    why: str
    wrong: str = ""
    right: str = ""
    notation: str = "yaml"


def _small(inputs: str, step: str) -> str:
    return f"workflow:\n  id: demo\n  version: 1\n  inputs: {inputs}\n  steps:\n    - name: work\n{step}"


def _when(expression: str) -> str:
    """Return a small file with this condition."""
    quoted = expression.replace("'", "''")
    inputs = "{count: integer, name: string, note: 'string?'}"
    return _small(inputs, f"      when: '{quoted}'\n      config: {{run: echo ready}}\n")


def _text(text: str) -> str:
    """Return a small file with this text in a script's environment."""
    return _small("{name: string}", f"      config: {{run: echo ready, env: {{NAME: '{text}'}}}}\n")


def _declared(type: str) -> str:
    """Return a small file with an input of this type."""
    return _small("", "      config: {run: echo ready}\n").replace("inputs: \n", f"inputs:\n    value: {type}\n")


ROWS: Final[tuple[Code, ...]] = (
    *(Code(*row) for row in (*FILE_ROWS, *STRUCTURE_ROWS)),
    # Section 02: names and references
    *(Code(*row) for row in NAME_ROWS),
    # Section 03: expressions and types
    Code(
        "WFE0301",
        "error",
        "An expression can't be read",
        "Something stands where the expression language has no place for it. Operators are == != < <= > >= &&"
        " || ! in contains + - * / % ?: and ??; values are names, numbers, 'texts', [lists], {maps} and "
        "calls.",
        wrong=_when("count >"),
        right=_when("inputs.count > 3"),
    ),
    Code(
        "WFE0302",
        "error",
        "A `${{` is never closed",
        "Everything after it would be taken for the expression.",
        wrong=_text("${{ inputs.name"),
        right=_text("${{ inputs.name }}"),
    ),
    Code(
        "WFE0303",
        "error",
        "A `${{` inside an expression",
        "A key such as `when` takes an expression, so `${{ }}` may only be around the whole of it; inside an "
        "expression it means nothing.",
        wrong=_when("inputs.name == 'v${{ inputs.count }}'"),
        right=_when("inputs.name == 'v' + string(inputs.count)"),
    ),
    Code(
        "WFE0304",
        "error",
        "A string that can't be read",
        "A string begins and ends with the same quote on one line; a backslash begins an escape: \\n \\t \\\\ \\' "
        '\\" \\u0041.',
        wrong=_when("inputs.name == 'abc"),
        right=_when("inputs.name == 'abc'"),
    ),
    Code(
        "WFE0305",
        "error",
        "A number that can't be read",
        "Numbers are decimal, without leading zeros or units, and fit into 64 bits.",
        wrong=_when("inputs.count > 007"),
        right=_when("inputs.count > 7"),
    ),
    Code(
        "WFE0306",
        "error",
        "An expression is too deep or too long",
        "The bounds keep a generated or hostile file from exhausting the compiler; nothing written by hand "
        "comes near them.",
        wrong=_when("len(" + "[" * 70 + "]" * 70 + ") > 0"),
        right=_when("inputs.count > 3"),
    ),
    Code(
        "WFE0307",
        "error",
        "An expression is empty",
        "A condition or `${{ }}` without anything in it has no value.",
        wrong=_text("${{ }}"),
        right=_text("${{ inputs.name }}"),
    ),
    Code(
        "WFE0308",
        "error",
        "A key occurs twice in a map",
        "Only one of the two values could be kept.",
        wrong=_when("len({a: 1, a: 2}) > 0"),
        right=_when("len({a: 1, b: 2}) > 0"),
    ),
    Code(
        "WFE0309",
        "error",
        "`x => …` where it has no place",
        "A variable can only be bound by the second argument of map and filter.",
        wrong=_when("len(x => x) > 0"),
        right=_when("len(filter([1, 2], x => x > 1)) > 0"),
    ),
    Code(
        "WFE0310",
        "error",
        "There is no such function",
        "Expressions call the functions of the library only; the help names the nearest, or all of them.",
        wrong=_when("length(inputs.name) > 3"),
        right=_when("len(inputs.name) > 3"),
    ),
    Code(
        "WFE0311",
        "error",
        "A function is given too few or too many arguments",
        "Each function takes a fixed number of arguments, or a list of any length.",
        wrong=_when("starts_with(inputs.name)"),
        right=_when("starts_with(inputs.name, 'v')"),
    ),
    Code(
        "WFE0312",
        "error",
        "A value of a wrong type",
        "Nothing is converted in silence: texts and numbers are not compared or added, and only true and "
        "false are conditions.",
        wrong=_when("inputs.name > 3"),
        right=_when("inputs.count > 3"),
    ),
    Code(
        "WFE0313",
        "error",
        "Null where a value is needed",
        "The value is certainly null here, so the step would end in error.",
        wrong=_when("null > 3"),
        right=_when("(inputs.note ?? '') == 'ready'"),
    ),
    Code(
        "WFE0314",
        "error",
        "An argument of a wrong type",
        "The function can't take a value of this type.",
        wrong=_when("lower(inputs.count) == 'a'"),
        right=_when("lower(inputs.name) == 'a'"),
    ),
    Code(
        "WFE0315",
        "error",
        "A pattern that can't be used",
        "matches() takes regular expressions that can be searched for in linear time: no back-references and "
        "no look-around.",
        wrong=_when("matches(inputs.name, '(a)+[')"),
        right=_when("matches(inputs.name, '^v[0-9]+$')"),
    ),
    Code(
        "WFE0316",
        "error",
        "A text that is no duration",
        "Durations are written like 500ms, 30s, 5m, 2h, 1d or 1h30m.",
        wrong=_when("inputs.count > duration('5 minutes')"),
        right=_when("inputs.count > duration('5m')"),
    ),
    Code(
        "WFE0317",
        "error",
        "There is no such member",
        "The type says which members a value has; a text, a number or a list has none.",
        wrong=_when("inputs.name.length > 3"),
        right=_when("len(inputs.name) > 3"),
    ),
    Code(
        "WFE0318",
        "error",
        "A division by zero",
        "It would end the step in error whenever it is reached.",
        wrong=_when("inputs.count % 0 == 1"),
        right=_when("inputs.count % 2 == 1"),
    ),
    Code(
        "WFE0319",
        "warning",
        "A comparison that is always the same",
        "Values of these two types are never equal: 5 is not '5', and true is not 1.",
        wrong=_when("inputs.name == 3"),
        right=_when("inputs.name == '3'"),
    ),
    Code(
        "WFE0320",
        "warning",
        "An index below 0",
        "A list is counted from 0, and what lies outside of it is null.",
        wrong=_when("split(inputs.name, ',')[-1] == 'x'"),
        right=_when("last(split(inputs.name, ',')) == 'x'"),
    ),
    Code(
        "WFE0330",
        "error",
        "An unknown type",
        "Types are string, number, integer, bool, any, list<T>, map<T> and {name: T}, with a ? where null is allowed.",
        wrong=_declared("int"),
        right=_declared("integer"),
    ),
    Code(
        "WFE0331",
        "error",
        "An unknown type with <>",
        "Only list and map take the type of their elements.",
        wrong=_declared("set<string>"),
        right=_declared("list<string>"),
    ),
    Code(
        "WFE0332",
        "error",
        "An empty type",
        "A declaration without a type would take anything; write any if that is meant.",
        wrong=_declared('""'),
        right=_declared("any"),
    ),
    Code(
        "WFE0333",
        "error",
        "A type is never closed",
        "A `<` or `{` in a type has no counterpart.",
        wrong=_declared("list<string"),
        right=_declared("list<string>"),
    ),
    Code(
        "WFE0334",
        "error",
        "A type that can't be read",
        "Something stands where a type has no place for it.",
        wrong=_declared("string, integer"),
        right=_declared("string"),
    ),
    Code(
        "WFE0335",
        "error",
        "A list or map without the type of its elements",
        "list and map say what they hold: list<string>, map<any>.",
        wrong=_declared("list"),
        right=_declared("list<any>"),
    ),
    Code(
        "WFE0336",
        "error",
        "A field occurs twice in a type",
        "Only one of the two types could hold.",
        wrong=_declared("'{a: string, a: integer}'"),
        right=_declared("'{a: string, b: integer}'"),
    ),
    Code(
        "WFE0337",
        "error",
        "A type is nested too deep",
        "No value nests deeper than 64 levels, so no type needs to.",
        wrong=_declared("list<" * 70 + "any" + ">" * 70),
        right=_declared("list<list<any>>"),
    ),
    # Section 04: control flow and data flow
    *(Code(*row) for row in FLOW_ROWS),
    *(Code(*row) for row in EARLY_ROWS),
    *(Code(*row) for row in SCHEDULE_ROWS),
    *(Code(*row) for row in SECRET_ROWS),
    *(Code(*row) for row in MODULE_ROWS),
    *(Code(*row) for row in CONFIG_ROWS),
    *(Code(*row) for row in SERVICE_ROWS),
    *(Code(*row) for row in SHELL_ROWS),
    # Section 06: notations other than YAML
    *(replace(Code(*row), notation="python") for row in BUILDER_ROWS),
    *(Code(*row) for row in INCLUDING_ROWS),
    *(replace(Code(*row), notation="wfe") for row in TEXT_ROWS),
)

CODES: Final[dict[str, Code]] = {row.code: row for row in ROWS}

ABSENCES: Final = frozenset(
    (
        "WFE0203",
        "WFE0206",
        "WFE0207",
        "WFE0208",
        "WFE0209",
        "WFE0222",
        "WFE0223",
        "WFE0401",
        "WFE0411",
        "WFE0431",
        "WFE0480",
    )
)
"""Codes that blame something for not being there: it may be, in a part of the file that could not be read."""
