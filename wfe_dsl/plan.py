"""What a run would do, without running it: every step with its policy, and what the given inputs decide already.

A plan is plain data, ready for JSON; ``plan_text`` makes a tree of it for people.

Rules:

1. ``runs`` is true, false, or null where only the run can tell. Hooks and the like are null: whether they run
   depends on how their step ends. An item of a loop and each pass count as one step.
2. What is not known is null, never guessed; what would certainly end in error says so under ``problem``.
3. The whole is bounded: a workflow that is called from many places is written out until MOST_STEPS are there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from wfe_vm.errors import ExpressionError
from wfe_vm.program import Program, SourceMap
from wfe_vm.typeterms import parse_type

from . import nodes
from .known_values import UNKNOWN, KnownValues
from .outline import ASIDE, FORKS, LOOPS, Outline, OutlineStep, Part, outline_of, spell

__all__ = ["MOST_STEPS", "Programs", "plan_of"]

MOST_STEPS: Final = 20_000
MOST_DEPTH: Final = 32
"""Of workflows inside one another, as a run bounds it."""

Programs = Mapping[str, tuple[Program, SourceMap | None]]
"""Programs by their hash: those that steps may start."""

_DECIDING: Final = {"then": True, "else": False}


def plan_of(
    program: Program, source_map: SourceMap | None, inputs: Mapping[str, Any], complete: bool, children: Programs
) -> dict[str, Any]:
    """Return the plan of a run with these inputs, defaults included. ``complete``: no input is missing.

    Raises TooDeep for a program that no compiler made.
    """
    return _Planner(children).plan(program, source_map, inputs, complete, True, 0)


class _Planner:
    def __init__(self, children: Programs) -> None:
        self.children = children
        self.outlines: dict[int, Outline] = {}
        self.left = MOST_STEPS
        self.budget: int | None = None

    def plan(
        self,
        program: Program,
        source_map: SourceMap | None,
        inputs: Mapping[str, Any],
        complete: bool,
        runs: bool | None,
        depth: int,
    ) -> dict[str, Any]:
        outline = self.outlines.get(id(program))
        if outline is None:
            outline = self.outlines[id(program)] = outline_of(program, source_map)
        values = KnownValues(inputs, complete)
        if self.budget is not None:
            values.budget = self.budget  # one budget for all that is planned
        run = outline.steps[0]
        missing = [row.name for row in program.inputs if row.name not in inputs]
        steps: list[dict[str, Any]] = []
        hooks: list[dict[str, Any]] = []
        for part in run.parts:
            if part.name in ASIDE:
                hooks.append(self.part(outline, part, values, None, depth))
            else:
                steps += self.steps(outline, part, values, runs, depth)
        self.budget = values.budget
        return {
            "workflow": program.workflow,
            "version": program.version,
            "inputs": dict(inputs),
            "unknown_inputs": missing,
            "requires": list(program.requires),
            "timeout_ms": run.row.timeout_ms or None,
            "steps": steps,
            "hooks": hooks,
        }

    def part(self, outline: Outline, part: Part, values: KnownValues, runs: bool | None, depth: int) -> dict[str, Any]:
        return {"part": part.name, "runs": runs, "steps": self.steps(outline, part, values, runs, depth)}

    def steps(
        self, outline: Outline, part: Part, values: KnownValues, runs: bool | None, depth: int
    ) -> list[dict[str, Any]]:
        return [self.step(outline, outline.steps[index], values, runs, depth) for index in part.steps]

    def step(
        self, outline: Outline, step: OutlineStep, values: KnownValues, around: bool | None, depth: int
    ) -> dict[str, Any]:
        self.left -= 1
        when = None if step.when is None else _known(step.when, values)
        runs = around if when is None else _both(around, when)
        found: dict[str, Any] = {
            "step": step.path,
            "name": step.row.name,
            "kind": step.kind,
            "type": step.row.type or None,
            "source": step.place or None,
            "runs": runs,
            "when": when,
            **_policy(step),
            **_about(step, values),
        }
        if step.row.child is not None:
            found["calls"] = self.call(step, values, runs, depth)
        found["parts"] = self.parts(outline, step, values, runs, found, depth)
        return found

    def parts(
        self,
        outline: Outline,
        step: OutlineStep,
        values: KnownValues,
        runs: bool | None,
        found: dict[str, Any],
        depth: int,
    ) -> list[dict[str, Any]]:
        result = []
        chosen = _chosen_part(step, values)
        for part in step.parts:
            inside: bool | None
            if part.name in ASIDE:
                inside = None if runs is not False else False
            elif chosen is not None and part.name != chosen:
                inside = False
            elif chosen is not None or step.kind in ("sequence", "saga", "parallel", "until"):
                inside = runs
            elif step.kind in LOOPS and _passes(found) is not None:
                inside = runs if _passes(found) else False
            else:
                inside = None if runs is not False else False
            result.append(self.part(outline, part, values, inside, depth))
        return result

    def call(self, step: OutlineStep, values: KnownValues, runs: bool | None, depth: int) -> dict[str, Any]:
        child = step.row.child
        assert child is not None
        found: dict[str, Any] = {
            "workflow": child.workflow,
            "version": child.version or None,
            "program": child.program or None,
            "detach": child.detach,
            "plan": None,
        }
        known = self.children.get(child.program)
        if known is None or self.left <= 0 or depth >= MOST_DEPTH:
            return found
        inputs, complete = _child_inputs(known[0], step, values)
        self.budget = values.budget
        found["plan"] = self.plan(*known, inputs, complete, runs, depth + 1)
        values.budget = self.budget
        return found


def _both(around: bool | None, when: dict[str, Any]) -> bool | None:
    """Return whether a step runs that lies where ``around`` says and has a condition."""
    if around is False or when["value"] is False or "problem" in when:
        return False
    return around if when["value"] is True else None


def _known(expression: nodes.Expression, values: KnownValues) -> dict[str, Any]:
    """Return an expression with its value, null where that is not known."""
    found: dict[str, Any] = {"expression": spell(expression), "known": False, "value": None}
    try:
        value = values.value(expression)
    except ExpressionError as error:
        return {**found, "problem": error.message}
    return found if value is UNKNOWN else {**found, "known": True, "value": value}


def _chosen_part(step: OutlineStep, values: KnownValues) -> str | None:
    """Return the part of an ``if`` or ``switch`` that runs, None where that is not certain; empty: none does."""
    field = step.fields.get(step.kind)
    if step.kind not in ("if", "switch") or field is None:
        return None
    known = _known(field, values)
    if not known["known"]:
        return "" if "problem" in known else None
    if step.kind == "if":
        return next((name for name, side in _DECIDING.items() if side is known["value"]), "")
    literal = nodes.Literal(span=field.span, value=known["value"])
    name = f"case {spell(literal)}" if known["value"].__hash__ is not None else ""
    return name if any(part.name == name for part in step.parts) else "default"


def _policy(step: OutlineStep) -> dict[str, Any]:
    """Return what is to happen about time and failure, as far as it is said."""
    row = step.row
    retry = row.retry
    return {
        "retry": None if retry is None else {**msgspec.structs.asdict(retry), "attempts": retry.attempts or None},
        "timeout_ms": row.timeout_ms or None,
        "total_timeout_ms": row.total_timeout_ms or None,
        "then": row.exhausted,
        "continue_on_failure": row.continue_on_failure,
    }


def _about(step: OutlineStep, values: KnownValues) -> dict[str, Any]:
    """Return the step's own expressions, and what they say of how often and with which rights it runs."""
    fields = {name: _known(value, values) for name, value in step.fields.items() if name not in ("config", "inputs")}
    found: dict[str, Any] = {"expressions": fields}
    for name in ("config", "inputs"):
        value = step.fields.get(name)
        if isinstance(value, nodes.MapExpression):
            found[name] = {key: _known(entry, values) for key, _, entry in value.entries}
    permissions = found.get("config", {}).get("permissions")
    if permissions is not None:
        found["permissions"] = permissions["value"] if permissions["known"] else permissions["expression"]
    if step.kind in ("for_each", "matrix"):
        found["items"] = _items(step, values)
    if step.kind in LOOPS:
        found["most_passes"] = step.row.max_passes or None
    if step.kind in (*FORKS, *LOOPS):
        found["at_once"] = step.row.limit or None
        found["fail_fast"] = step.row.fail_fast
    return found


def _items(step: OutlineStep, values: KnownValues) -> int | None:
    """Return how often the body of a for_each or matrix runs, None where that is not certain."""
    field = step.fields.get(step.kind)
    try:
        if isinstance(field, nodes.MapExpression):
            counts = [values.count(axis) for _, _, axis in field.entries]
            return None if None in counts else math.prod(count for count in counts if count is not None)
        return None if field is None else values.count(field)
    except ExpressionError:
        return None


def _passes(found: dict[str, Any]) -> bool | None:
    """Return whether a loop has a pass, None where that is not certain."""
    if found["kind"] in ("for_each", "matrix"):
        return None if found["items"] is None else found["items"] > 0
    test = found["expressions"].get("while")
    return test["value"] if test is not None and test["known"] and isinstance(test["value"], bool) else None


def _child_inputs(program: Program, step: OutlineStep, values: KnownValues) -> tuple[dict[str, Any], bool]:
    """Return the inputs of a child that are known, and whether they are all it will be given."""
    written = step.fields.get("inputs")
    given: dict[str, Any] = {}
    complete = isinstance(written, nodes.MapExpression)
    for name, _, expression in written.entries if isinstance(written, nodes.MapExpression) else ():
        known = _known(expression, values)
        if known["known"]:
            given[name] = known["value"]
        else:
            complete = False
    passed = {name for name, _, _ in written.entries} if isinstance(written, nodes.MapExpression) else None
    for row in program.inputs:
        left_out = passed is not None and row.name not in passed
        unset = step.row.child is not None and step.row.child.implicit_inputs and given.get(row.name, row) is None
        if (left_out or unset) and (row.optional or parse_type(row.type).optional):
            given[row.name] = row.default
    return given, complete
