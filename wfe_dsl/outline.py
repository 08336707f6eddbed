"""A program's steps as they lie inside one another, with their expressions: what graphs, plans and comparisons need.

It is made from the step table and the code alone, so a stored run needs no source. A *part* is a stretch of steps
within a step: its body, a branch, a side of an ``if``, a case, a hook, its compensation, what follows a timeout.

Rules:

1. Parts come in the order of the text: the body's first, then the compensation, then the hooks.
2. A ``matrix``, which the machine knows as a ``for_each`` over combinations, is a ``matrix`` here again.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from wfe_vm.program import NO_PC, Program, SourceMap, Step

from . import nodes
from .code_reader import CodeReader, Fields
from .expression_printer import NoSpelling, print_expression, print_literal, print_text
from .scopes import COMPENSATE, HOOK_NAMES, ON_TIMEOUT

__all__ = ["ASIDE", "FORKS", "LOOPS", "Outline", "OutlineStep", "Part", "TooDeep", "outline_of", "spell"]

ASIDE: Final = (ON_TIMEOUT, COMPENSATE, *HOOK_NAMES)
"""Parts that a step's end, and not its beginning, leads to."""

FORKS: Final = ("parallel", "race")
LOOPS: Final = ("while", "until", "for_each", "matrix")
MAX_DEPTH: Final = 128
"""Steps inside one another: a text can't nest so deep, only a program that no compiler made."""
_INTERNAL: Final = ("data",)
"""Fields that follow from others."""


_Sides = dict[int, tuple[int, list[tuple[str, int]]]]
"""Of an ``if`` or ``switch``: where the ``else`` begins, and the names of the cases with where they begin."""


class TooDeep(ValueError):
    """A program whose steps nest deeper than any workflow's."""


class Part(msgspec.Struct, frozen=True):
    """``name`` is ``body``, ``branch``, ``then``, ``else``, ``case VALUE``, ``default`` or one of ASIDE."""

    name: str
    steps: tuple[int, ...]


class OutlineStep(msgspec.Struct, frozen=True):
    """A step. ``kind`` is the language's; ``row`` its row of the step table, ``place`` where it stands, if known."""

    index: int
    kind: str
    row: Step
    parts: tuple[Part, ...]
    when: nodes.Expression | None
    fields: Fields
    place: str

    @property
    def path(self) -> str:
        """The step's path, with ``[*]`` after loops; the run's own is empty."""
        return self.row.path if self.index else ""


class Outline(msgspec.Struct, frozen=True):
    """A program's steps by their index; step 0 is the run itself."""

    program: Program
    steps: tuple[OutlineStep, ...]


def outline_of(program: Program, source_map: SourceMap | None = None) -> Outline:
    """Return the outline of a verified program; what can't be read of its code is left out. Raises TooDeep."""
    _check_depth(program)
    reader = CodeReader(program, source_map)
    parts = _parts(program, reader)
    steps = []
    for index, row in enumerate(program.steps):
        fields = _fields(program, reader, index, parts[index])
        kind = "matrix" if "matrix" in fields else row.kind
        place = _place(source_map, index)
        steps.append(OutlineStep(index, kind, row, parts[index], reader.condition(index), fields, place))
    return Outline(program, tuple(steps))


def spell(expression: nodes.Expression, as_text: bool = False) -> str:
    """Return an expression as people write it; ``as_text``: as a place for texts takes it."""
    try:
        readable = _readable(expression, as_text)
        return print_text(readable) if as_text else print_expression(readable)
    except (NoSpelling, RecursionError):
        return "…"


def _check_depth(program: Program) -> None:
    depths = [0]
    for row in program.steps[1:]:
        depths.append(depths[row.parent] + 1)
    if max(depths) > MAX_DEPTH:
        raise TooDeep(f"the steps of {program.workflow} lie more than {MAX_DEPTH} deep inside one another")


def _parts(program: Program, reader: CodeReader) -> list[tuple[Part, ...]]:
    members: list[dict[str, list[int]]] = [{} for _ in program.steps]
    labels: _Sides = {}
    for index, row in enumerate(program.steps):
        if index == 0:
            continue
        parent = program.steps[row.parent]
        name = _part_by_path(parent, row, row.parent == 0)
        if name == "body":
            name = _side(parent, row.parent, reader, index, labels)
        members[row.parent].setdefault(name, []).append(index)
    return [_ordered(program.steps[index], found) for index, found in enumerate(members)]


def _part_by_path(parent: Step, row: Step, top: bool) -> str:
    prefix = "" if top else f"{parent.path}/"
    if not top and row.path.startswith(f"{parent.path}[*]/"):
        return "body"
    inside, separator, _ = row.path.removeprefix(prefix).partition("/")
    return inside if separator and inside in ASIDE else "body"


def _side(parent: Step, parent_index: int, reader: CodeReader, index: int, labels: _Sides) -> str:
    """Return which part of its parent's body a step lies in: for an ``if`` and a ``switch`` the code says it."""
    if parent.kind in FORKS:
        return "branch"
    if parent.kind not in ("if", "switch"):
        return "body"
    if parent_index not in labels:
        cases = [(f"case {print_literal(value)}", pc) for value, pc in reader.cases(parent_index)]
        labels[parent_index] = (reader.jump_target(parent_index), cases)
    target, cases = labels[parent_index]
    begin = reader.begin_pc(index)
    if parent.kind == "if":
        return "else" if target != NO_PC and begin >= target else "then"
    side = "default"
    for name, pc in cases:
        if begin >= pc:
            side = name
    return side


def _ordered(row: Step, members: dict[str, list[int]]) -> tuple[Part, ...]:
    first = [name for name in members if name not in ASIDE]
    if row.kind == "switch":
        first.sort(key=lambda name: name == "default")
    parts = [Part(name, tuple(members[name])) for name in first if name != "branch"]
    parts += [Part("branch", (index,)) for index in members.get("branch", ())]
    return (*parts, *(Part(name, tuple(members[name])) for name in ASIDE if name in members))


def _fields(program: Program, reader: CodeReader, index: int, parts: tuple[Part, ...]) -> Fields:
    row = program.steps[index]
    body = [step for part in parts if part.name == "body" for step in part.steps]
    after = program.steps[body[-1]].exit if body else NO_PC
    if index == 0:
        fields = reader.fields(index, row.exit)
    elif row.kind == "until":
        fields = reader.fields(index, after)
    else:
        fields = reader.fields(index)
    for name in _INTERNAL:
        fields.pop(name, None)
    if isinstance(fields.get("inputs"), nodes.Literal):
        del fields["inputs"]  # none are written
    if row.item_slot != NO_PC and row.collect is not None:
        value = reader.collected(index, after)
        if value is not None:
            fields["collect"] = value
    axes = _axes(fields.get("for_each"))
    if axes is not None:
        del fields["for_each"]
        fields = {"matrix": axes, **fields}
    return fields


def _axes(items: nodes.Expression | None) -> nodes.Expression | None:
    """Return the axes of a matrix, None for any other list."""
    if not isinstance(items, nodes.Call) or items.function != "combinations" or not items.arguments:
        return None
    names, *lists = items.arguments
    if not isinstance(names, nodes.ListExpression) or len(names.items) != len(lists):
        return None
    entries = []
    for name, values in zip(names.items, lists, strict=True):
        if not isinstance(name, nodes.Literal) or not isinstance(name.value, str):
            return None
        entries.append((name.value, items.span, values))
    return nodes.MapExpression(span=items.span, entries=tuple(entries))


def _readable(expression: nodes.Expression, as_text: bool) -> nodes.Expression:
    """Return an expression in which a text with expressions in it, which has no spelling there, stands in quotes."""
    if isinstance(expression, nodes.Text):
        if as_text:
            return expression
        return nodes.Name(span=expression.span, name=f'"{spell(expression, as_text=True)}"')
    changes: dict[str, Any] = {}
    for name in expression.__struct_fields__:
        value = getattr(expression, name)
        if isinstance(value, nodes.Expression):
            changes[name] = _readable(value, False)
        elif isinstance(value, tuple) and name in ("items", "arguments"):
            changes[name] = tuple(_readable(item, False) for item in value)
        elif isinstance(value, tuple) and name == "entries":
            changes[name] = tuple((key, span, _readable(item, False)) for key, span, item in value)
    return msgspec.structs.replace(expression, **changes) if changes else expression


def _place(source_map: SourceMap | None, index: int) -> str:
    if source_map is None or index >= len(source_map.steps):
        return ""
    file, line, column, _, _ = source_map.steps[index]
    return f"{source_map.files[file]}:{line}:{column}" if 0 <= file < len(source_map.files) else ""
