"""Names: walks a workflow's tree once, gives every step its row, name, path, scope and slots.

This file owns what is declared where. What a reference means is in ``references.py``. Mistakes found
here: a name given twice, a loop variable that hides a root.

Rules:

1. Everything is taken in the order of the text, and within a map by name: key order means nothing.
2. A made-up name is ``kind-1``, ``kind-2`` …, a counter a kind, in the order of the text; names that
   are taken are skipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from . import nodes
from .diagnostics.model import Diagnostics, Label
from .resolved import Resolved
from .roots import ROOTS
from .scopes import BODY, COMPENSATE, HOOK_NAMES, ON_TIMEOUT, Flat, Scope, StepInfo, Writer
from .source import Span

__all__ = ["by_name", "by_value", "kind_of", "parts_of", "resolve_workflow", "steps_inside"]

_KINDS: Final[dict[type, str]] = {
    nodes.Sequence: "sequence",
    nodes.Parallel: "parallel",
    nodes.If: "if",
    nodes.Switch: "switch",
    nodes.ForEach: "for_each",
    nodes.Matrix: "matrix",
    nodes.Race: "race",
    nodes.Saga: "saga",
    nodes.Wait: "wait",
    nodes.Approve: "approve",
    nodes.Publish: "publish",
    nodes.Set: "set",
    nodes.Return: "return",
    nodes.Fail: "fail",
}
_LOOPS: Final = ("while", "until", "for_each", "matrix")
_RESERVED_ITEMS: Final = frozenset(ROOTS) - {"item"}
_Parts = Iterator[tuple[str | int, tuple[nodes.Step, ...]]]


def kind_of(step: nodes.Step) -> str:
    """Return the kind of a step as the step table and made-up names have it."""
    body = step.body
    if isinstance(body, nodes.Task):
        return "workflow" if body.type == "workflow" else "task"
    if isinstance(body, nodes.While):
        return "until" if body.until else "while"
    if isinstance(body, nodes.Sleep):
        return "sleep" if body.until is None else "sleep_until"
    return _KINDS[type(body)]


def parts_of(body: nodes.Block) -> _Parts:
    """Return the parts of a step's body that hold steps, in the order in which they are laid out."""
    if isinstance(body, nodes.Parallel | nodes.Race):
        for number, step in enumerate(body.steps):
            yield number, (step,)
    elif isinstance(body, nodes.Sequence | nodes.Saga):
        yield BODY, body.steps
    elif isinstance(body, nodes.If):
        yield "then", body.then
        yield "else", body.otherwise
    elif isinstance(body, nodes.Switch):
        for number, case in enumerate(by_value(body.cases)):
            yield f"case-{number}", case.steps
        yield "default", body.default
    elif isinstance(body, nodes.While | nodes.ForEach | nodes.Matrix):
        yield BODY, body.body
    elif isinstance(body, nodes.Wait | nodes.Approve):
        yield ON_TIMEOUT, body.on_timeout or ()


def steps_inside(step: nodes.Step) -> Iterator[nodes.Step]:
    """Return the steps directly inside a step: of its body, its compensation, its hooks."""
    for _, steps in parts_of(step.body):
        yield from steps
    yield from step.compensate
    yield from hook_steps(step.hooks)


def hook_steps(hooks: nodes.Hooks | None) -> Iterator[nodes.Step]:
    """Return the steps of all hooks."""
    if hooks is not None:
        for name in HOOK_NAMES:
            yield from getattr(hooks, name)


def all_steps(workflow: nodes.Workflow) -> Iterator[nodes.Step]:
    """Return every step of a workflow, in the order of the text."""
    pending = [*workflow.steps, *hook_steps(workflow.hooks)]
    pending.reverse()
    while pending:
        step = pending.pop()
        yield step
        inside = list(steps_inside(step))
        inside.reverse()
        pending.extend(inside)


def resolve_workflow(workflow: nodes.Workflow, diagnostics: Diagnostics) -> Resolved:
    """Return the workflow with its names known; what is wrong with them goes to ``diagnostics``."""
    return _Resolver(workflow, diagnostics).resolve()


class _Resolver:
    def __init__(self, workflow: nodes.Workflow, diagnostics: Diagnostics) -> None:
        self.workflow = workflow
        self.diagnostics = diagnostics
        self.resolved = Resolved(workflow)
        self.time = 0
        self.written = {step.name for step in all_steps(workflow) if step.name is not None}
        self.counters: dict[str, int] = {}

    def resolve(self) -> Resolved:
        workflow = self.workflow
        scope = self.new_scope(None, None)
        run = StepInfo(0, workflow.id, "run", None, workflow.id_span, None, BODY, scope)
        self.resolved.steps.append(run)
        if workflow.services:
            self.resolved.services_slot = scope.take_slot()
        run.first = self.tick()
        self.visit_all(workflow.steps, run, BODY, scope, "", None)
        run.body_end = self.tick()
        self.visit_hooks(workflow.hooks, run, "")
        run.last = self.tick()
        return self.resolved

    def tick(self) -> int:
        self.time += 1
        return self.time

    def new_scope(self, parent: Scope | None, owner: StepInfo | None) -> Scope:
        scope = Scope(parent, owner)
        self.resolved.scopes.append(scope)
        return scope

    # Steps

    def visit_all(
        self,
        steps: tuple[nodes.Step, ...],
        parent: StepInfo,
        part: str | int,
        scope: Scope,
        prefix: str,
        served: StepInfo | None,
    ) -> None:
        for step in steps:
            self.visit(step, parent, part, scope, prefix, served)

    def visit_hooks(self, hooks: nodes.Hooks | None, info: StepInfo, prefix: str) -> None:
        if hooks is not None:
            for name in HOOK_NAMES:
                self.visit_all(getattr(hooks, name), info, name, info.scope, f"{prefix}{name}/", info)

    def visit(
        self,
        step: nodes.Step,
        parent: StepInfo,
        part: str | int,
        scope: Scope,
        prefix: str,
        served: StepInfo | None,
    ) -> None:
        resolved = self.resolved
        kind = kind_of(step)
        name = self.made_up_name(kind) if step.name is None else step.name
        info = StepInfo(len(resolved.steps), name, kind, step, step.name_span, parent, part, scope)
        resolved.steps.append(info)
        info.path = prefix + name
        info.served = served
        info.first = self.tick()
        known = resolved.by_name.setdefault(name, info)
        if known is not info:
            self.diagnostics.add(
                "WFE0201",
                f"two steps of the workflow are named `{name}`",
                step.name_span,
                "give one of them another name; hooks and nested steps count too",
                (Label(known.span, "the first one stands here"),),
            )
        self.visit_body(step.body, info, served)
        info.body_end = self.tick()
        self.declare_outputs(step, info)
        self.visit_all(step.compensate, info, COMPENSATE, scope, f"{info.path}/{COMPENSATE}/", None)
        self.visit_hooks(step.hooks, info, f"{info.path}/")
        info.last = self.tick()

    def visit_body(self, body: nodes.Block, info: StepInfo, served: StepInfo | None) -> None:
        scope = info.scope
        inside = f"{info.path}[*]/" if info.kind in _LOOPS else f"{info.path}/"
        if isinstance(body, nodes.ForEach | nodes.Matrix):
            self.visit_iterations(body, info, inside, served)
            return
        for part, steps in parts_of(body):
            self.visit_all(steps, info, part, scope, f"{inside}{part}/" if part == ON_TIMEOUT else inside, served)
        if isinstance(body, nodes.Set):
            for name, span, expression in by_name(body.entries):
                self.declare_variable(name, Writer(info, span, expression=expression))

    def visit_iterations(
        self, body: nodes.ForEach | nodes.Matrix, info: StepInfo, inside: str, served: StepInfo | None
    ) -> None:
        scope = info.inner = self.new_scope(info.scope, info)
        scope.item_name = body.variable
        scope.item_slot = scope.take_slot()
        scope.index_slot = scope.take_slot()
        if body.variable in _RESERVED_ITEMS:
            self.diagnostics.add(
                "WFE0214",
                f"`{body.variable}` has a meaning in all expressions and can't name the item of a {info.kind}",
                info.span,
                "call it something else: `as: entry`",
            )
        self.visit_all(body.body, info, BODY, scope, inside, served)
        if body.collect is not None:
            self.declare_variable(body.collect.name, Writer(info, body.collect.span))

    # Declarations

    def declare_outputs(self, step: nodes.Step, info: StepInfo) -> None:
        if not step.outputs:
            return
        declared: list[tuple[nodes.OutputDeclaration, Flat]] = []
        seen: dict[str, Span] = {}
        for output in sorted(step.outputs, key=lambda output: output.name):
            if output.name in seen:
                self.diagnostics.add(
                    "WFE0127",
                    f"the step lists the output `{output.name}` twice",
                    output.span,
                    "remove one of them",
                    (Label(seen[output.name], "the first one stands here"),),
                )
                continue
            seen[output.name] = output.span
            flat = info.scope.outputs.get(output.name)
            if flat is None:
                flat = info.scope.outputs[output.name] = Flat(output.name, info.scope.take_slot())
            flat.writers.append(Writer(info, output.span, output))
            declared.append((output, flat))
        info.outputs = tuple(declared)

    def declare_variable(self, name: str, writer: Writer) -> None:
        """Add a writer to the variable of that name, the nearest one declared before, or declare it here."""
        scope = writer.info.scope
        found = scope.variable(name)
        flat = None if found is None else found[1]
        if flat is None:
            flat = scope.variables[name] = Flat(name, scope.take_slot())
        flat.writers.append(writer)

    def made_up_name(self, kind: str) -> str:
        number = self.counters.get(kind, 0) + 1
        while f"{kind}-{number}" in self.written:
            number += 1
        self.counters[kind] = number
        return f"{kind}-{number}"


def by_name(
    entries: tuple[tuple[str, Span, nodes.Expression], ...],
) -> list[tuple[str, Span, nodes.Expression]]:
    """Return the entries of a map by name."""
    return sorted(entries, key=lambda entry: entry[0])


def by_value(cases: tuple[nodes.Case, ...]) -> list[nodes.Case]:
    """Return the cases of a switch by their values: numbers, then texts, then the rest."""

    def key(case: nodes.Case) -> tuple[int, float, str]:
        value = case.value.value
        if type(value) is int or type(value) is float:
            return 0, float(value), ""
        return (1, 0.0, value) if isinstance(value, str) else (2, 0.0, str(value))

    return sorted(cases, key=key)
