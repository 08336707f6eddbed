"""A workflow whose names are known and checked, to a Program and its SourceMap.

This file owns how each kind of step is laid out; ``isa.py`` of the machine has the layouts. Expressions
are in ``lower_expressions.py``, the rows of the tables in ``tables.py``, words and labels in ``emit.py``.

Rules:

1. The main code comes first; branches and hooks follow in the order in which their steps were laid out.
2. Nothing goes into the program that the run does not depend on: no places, no descriptions, no order
   of keys.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from wfe_vm import opcodes as op
from wfe_vm import program as vm
from wfe_vm.errors import InternalError
from wfe_vm.isa import ISA_VERSION
from wfe_vm.library import FUNCTIONS_BY_NAME

from . import nodes
from .children import Family, child_of
from .diagnostics.model import Diagnostics
from .emit import Emitter
from .gathering import Gathering
from .lower_expressions import ExpressionLowering
from .resolve import by_name, by_value, resolve_workflow
from .resolved import Resolved
from .scopes import BODY, COMPENSATE, HOOK_NAMES, ON_TIMEOUT, Part, Place, StepInfo
from .script_places import placed_scripts
from .secret_uses import secret_rows, use_rows
from .source import Span
from .surroundings import concurrency_row, preparation_of, schedule_rows, service_rows, shared_volume_row
from .tables import StepCode, declared, parameter, slot_names, step_row
from .tasks import entry_of, implicit_inputs
from .undoing import Undoing, compensated_by, slots_read

__all__ = ["lower_workflow"]

DATA_TYPES: Final = frozenset({"shell", "deno"})
"""Types of tasks whose scripts see the run's inputs and flat outputs."""

_MERGE: Final = FUNCTIONS_BY_NAME["merge"].number
_COMBINATIONS: Final = FUNCTIONS_BY_NAME["combinations"].number
_Position = tuple[int, int, int, int, int]


def lower_workflow(
    resolved: Resolved, family: Family, hashes: Mapping[tuple[str, int], str]
) -> tuple[vm.Program, vm.SourceMap]:
    """Return the program of a workflow without errors. ``hashes`` are those of the workflows it may start."""
    lowering = _Lowering(resolved, family, hashes)
    program = lowering.program()
    return program, lowering.source_map()


class _Lowering:
    def __init__(self, resolved: Resolved, family: Family, hashes: Mapping[tuple[str, int], str]) -> None:
        self.resolved = resolved
        self.family = family
        self.hashes = hashes
        self.emitter = Emitter()
        self.expressions = ExpressionLowering(resolved, self.emitter)
        self.gathering = Gathering(resolved)
        self.gather_constants: dict[int, int] = {}
        self.rows = [StepCode() for _ in resolved.steps]
        self.inside: list[dict[str | int, list[StepInfo]]] = [{} for _ in resolved.steps]
        for info in resolved.steps[1:]:
            assert info.parent is not None
            self.inside[info.parent.index].setdefault(info.part, []).append(info)
        self.undoing = Undoing(resolved)
        self.pending: deque[tuple[StepInfo, Part, Callable[[], None]]] = deque()

    def program(self) -> vm.Program:
        resolved, emitter = self.resolved, self.emitter
        workflow, run = resolved.workflow, resolved.run
        emitter.emit(op.BEGIN, 0)
        self.rows[0].entry = emitter.pc
        self.steps(run, BODY)
        # The run's own exit: where a reopened run that has done its steps takes up again.
        self.rows[0].exit = emitter.pc
        self.outputs(run)
        emitter.emit(op.FINISH)
        self.defer_rest(run)
        compensations: list[tuple[StepInfo, int, int]] = []
        while self.pending:
            info, part, lay_out = self.pending.popleft()
            start = emitter.pc
            lay_out()
            compensations += [(step, start, emitter.pc) for step in compensated_by(info, part)]
        words = emitter.finish()
        for step, start, end in compensations:
            read = slots_read(words, start, end, emitter.constants)
            self.rows[step.index].frozen.update(kept for kept in read if kept[0] <= step.scope.depth)
        self.rows[0].undoable = self.undoing.asked_for
        sizes: dict[int, int] = {}
        for scope in resolved.scopes:
            sizes[scope.depth] = max(sizes.get(scope.depth, 0), scope.size)
        return vm.Program(
            format=vm.FORMAT_VERSION,
            isa=ISA_VERSION,
            workflow=workflow.id,
            version=workflow.version,
            code=vm.pack_code(words),
            constants=tuple(emitter.constants),
            steps=tuple(step_row(resolved, info, code) for info, code in zip(resolved.steps, self.rows, strict=True)),
            scope_sizes=tuple(sizes[depth] for depth in range(len(sizes))),
            max_stack=emitter.max_stack,
            locals=emitter.locals,
            inputs=tuple(parameter(declaration) for declaration in declared(workflow.inputs)),
            outputs=tuple(parameter(declaration) for declaration in declared(workflow.outputs)),
            open_inputs=resolved.open_inputs,
            host_names=tuple(sorted(self.expressions.host_names)),
            requires=tuple(sorted({name for name, _ in workflow.requires})),
            durability=workflow.durability,
            concurrency=concurrency_row(workflow),
            services=service_rows(workflow),
            shared_volume=shared_volume_row(workflow),
            services_slot=resolved.services_slot,
            preparation=self.preparation(),
            schedule=schedule_rows(workflow),
            secrets=secret_rows(workflow),
            secret_uses=use_rows(resolved.steps),
        )

    def preparation(self) -> vm.Program | None:
        """Return the program of what has to be known before the run's first step."""
        workflow = preparation_of(self.resolved.workflow)
        if workflow is None:
            return None
        return lower_workflow(resolve_workflow(workflow, Diagnostics()), self.family, {})[0]

    def source_map(self) -> vm.SourceMap:
        files: dict[str, int] = {}

        def position(span: Span) -> _Position:
            file = files.setdefault(span.source.name, len(files))
            return (file, span.line, span.column, span.end_line, span.end_column)

        steps = tuple(position(info.span) for info in self.resolved.steps)
        code = tuple((pc, position(span)) for pc, span in self.emitter.places())
        scripts = tuple((step, *position(first)[:3], column) for step, first, column in placed_scripts(self.resolved))
        return vm.SourceMap(tuple(files), steps, code, slot_names(self.resolved), scripts)

    # Steps

    def steps(self, parent: StepInfo, part: str | int) -> None:
        for info in self.inside[parent.index].get(part, ()):
            self.step(info)

    def step(self, info: StepInfo) -> None:
        emitter, row, node = self.emitter, self.rows[info.index], info.node
        assert node is not None
        emitter.expect_empty_stack()
        emitter.mark(info.span)
        if node.when is None:
            emitter.emit(op.BEGIN, info.index)
        else:
            emitter.emit(op.ENTER, info.index)
            self.expressions.lower(node.when, Place(info))
            emitter.mark(node.when.span)
            emitter.emit(op.GUARD, info.index)
            emitter.mark(info.span)
        row.entry = emitter.pc
        self.body(info, node)
        emitter.mark(info.span)
        row.exit = emitter.expect_empty_stack()
        self.defer_rest(info)

    def body(self, info: StepInfo, node: nodes.Step) -> None:
        emitter, body, place, index = self.emitter, node.body, Place(info), info.index
        lower = self.expressions.lower
        if isinstance(body, nodes.Task):
            if body.type == "workflow":
                self.child(info, node, place)
            else:
                self.task(info, node, body, place)
        elif isinstance(body, nodes.Sequence | nodes.Saga):
            self.steps(info, BODY)
            emitter.emit(op.END, index)
        elif isinstance(body, nodes.Parallel | nodes.Race):
            emitter.emit(op.FORK, index)
            for number in range(len(body.steps)):
                self.defer(info, number, partial(self.branch, info, number))
        elif isinstance(body, nodes.If):
            self.condition(info, body, place)
        elif isinstance(body, nodes.While):
            self.loop(info, body, place)
        elif isinstance(body, nodes.ForEach):
            lower(body.items, place)
            emitter.mark(body.items.span)
            emitter.emit(op.FORK_EACH, index)
            self.defer(info, BODY, partial(self.iteration, info, body))
        elif isinstance(body, nodes.Matrix):
            emitter.load_constant(op.LOAD_CONST, [name for name, _, _ in body.axes])
            for _, _, axis in body.axes:
                lower(axis, place)
            emitter.mark(info.span)
            emitter.emit_counted(op.CALL, 1 + len(body.axes), _COMBINATIONS)
            emitter.emit(op.FORK_EACH, index)
            self.defer(info, BODY, partial(self.iteration, info, body))
        elif isinstance(body, nodes.Switch):
            self.switch(info, body, place)
        elif isinstance(body, nodes.Set):
            self.assignment(info, body, place)
        elif isinstance(body, nodes.Return):
            self.expressions.lower_map(body.entries, place)
            emitter.emit(op.RETURN, index)
        elif isinstance(body, nodes.Fail):
            lower(body.message, place)
            emitter.emit(op.FAIL, index)
        elif isinstance(body, nodes.Wait | nodes.Approve | nodes.Publish):
            self.signal(info, body, place)
        elif not isinstance(body, nodes.Sleep):
            raise InternalError(f"no code is laid out for a {info.kind}")
        elif body.until is not None:
            lower(body.until, place)
            emitter.mark(body.until.span)
            emitter.emit(op.SLEEP_UNTIL, index)
        else:
            emitter.load_constant(op.LOAD_CONST, body.duration_ms or 0)
            emitter.emit(op.SLEEP, index)

    def task(self, info: StepInfo, node: nodes.Step, task: nodes.Task, place: Place) -> None:
        emitter = self.emitter
        assert info.config is not None
        self.expressions.lower(info.config, place)
        if node.inputs is None:
            emitter.load_constant(op.LOAD_CONST, None)
        else:
            self.expressions.lower(nodes.MapExpression(span=node.span, entries=node.inputs), place)
        if task.type in DATA_TYPES:
            self.run_data(info)
        else:
            emitter.load_constant(op.LOAD_CONST, None)
        emitter.emit(op.RUN, info.index)

    def run_data(self, info: StepInfo) -> None:
        """Leave a map of the run's inputs, and over them the flat outputs that the step sees, on the stack."""
        emitter = self.emitter
        emitter.emit(op.LOAD_SLOT, 0, vm.INPUTS_SLOT)
        parts = self.gathering.seen_by(info)
        for gathered in parts:
            # One list serves many steps; making its key for the pool each time would be quadratic.
            constant = self.gather_constants.get(id(gathered))
            if constant is None:
                constant = self.gather_constants[id(gathered)] = emitter.constant(gathered)
            emitter.emit(op.GATHER, constant)
        if parts:
            emitter.emit_counted(op.CALL, 1 + len(parts), _MERGE)

    def child(self, info: StepInfo, node: nodes.Step, place: Place) -> None:
        assert info.config is not None
        call = child_of(info.config)
        assert call is not None
        child = self.family.find(call)
        written = node.inputs
        if written is None:
            configured = entry_of(info.config, "inputs")
            written = configured.entries if isinstance(configured, nodes.MapExpression) else None
        if written is not None:
            self.expressions.lower(nodes.MapExpression(span=node.span, entries=written), place)
        elif child is None:
            self.run_data(info)
        else:
            passed = implicit_inputs(self.resolved, child, place)
            self.expressions.lower(nodes.MapExpression(span=node.span, entries=passed), place)
        self.rows[info.index].child = vm.Child(
            workflow=call.id,
            version=call.version if child is None else child.version,
            program="" if child is None else self.hashes[child.id, child.version],
            detach=call.detach,
            implicit_inputs=written is None,
        )
        self.emitter.mark(info.span)
        self.emitter.emit(op.START_CHILD, info.index)

    def condition(self, info: StepInfo, body: nodes.If, place: Place) -> None:
        emitter = self.emitter
        otherwise, end = emitter.label(), emitter.label()
        self.expressions.lower(body.test, place)
        emitter.mark(body.test.span)
        emitter.jump(op.BRANCH_FALSE, otherwise)
        self.steps(info, "then")
        emitter.jump(op.JUMP, end)
        emitter.place(otherwise)
        self.steps(info, "else")
        emitter.place(end)
        emitter.emit(op.END, info.index)

    def switch(self, info: StepInfo, body: nodes.Switch, place: Place) -> None:
        """Keep the subject in the step's own slot while it is compared: the stack is empty where steps begin."""
        emitter, cases, end = self.emitter, by_value(body.cases), self.emitter.label()
        sides = [emitter.label() for _ in cases]
        self.expressions.lower(body.subject, place)
        emitter.emit(op.STORE_SLOT, info.scope.depth, info.slot)
        for case, side in zip(cases, sides, strict=True):
            emitter.mark(case.value.span)
            emitter.emit(op.LOAD_SLOT, info.scope.depth, info.slot)
            emitter.load_constant(op.LOAD_CONST, case.value.value)
            emitter.emit(op.EQUAL)
            emitter.jump(op.BRANCH_TRUE, side)
        self.steps(info, "default")
        for number, side in enumerate(sides):
            emitter.jump(op.JUMP, end)
            emitter.place(side)
            self.steps(info, f"case-{number}")
        emitter.place(end)
        emitter.emit(op.END, info.index)

    def loop(self, info: StepInfo, body: nodes.While, place: Place) -> None:
        emitter = self.emitter
        top, end = emitter.label(), emitter.label()
        emitter.place(top)
        if body.until:
            emitter.emit(op.PASS, info.index)
            self.steps(info, BODY)
            self.expressions.lower(body.test, Place(info, BODY, at=info.body_end))
            emitter.mark(body.test.span)
            emitter.jump(op.BRANCH_FALSE, top)
        else:
            self.expressions.lower(body.test, place)
            emitter.mark(body.test.span)
            emitter.jump(op.BRANCH_FALSE, end)
            emitter.mark(info.span)
            emitter.emit(op.PASS, info.index)
            self.steps(info, BODY)
            emitter.jump(op.JUMP, top)
        emitter.place(end)
        emitter.emit(op.END, info.index)

    def signal(self, info: StepInfo, body: nodes.Wait | nodes.Approve | nodes.Publish, place: Place) -> None:
        emitter, index = self.emitter, info.index
        if isinstance(body, nodes.Approve):
            self.expressions.lower(body.title, place)
            for person in body.assignees:
                self.expressions.lower(person, place)
            emitter.emit_counted(op.MAKE_LIST, len(body.assignees))
        else:
            self.or_null(body.key, place)
            self.or_null(body.since if isinstance(body, nodes.Wait) else body.data, place)
        if isinstance(body, nodes.Publish):
            emitter.emit(op.PUBLISH, index)
            return
        emitter.emit(op.WAIT if isinstance(body, nodes.Wait) else op.APPROVE, index)
        if body.on_timeout is not None:
            self.rows[index].on_timeout = emitter.begin_section()
            self.steps(info, ON_TIMEOUT)
            emitter.mark(info.span)
            emitter.emit(op.TIMED_OUT, index)

    def or_null(self, expression: nodes.Expression | None, place: Place) -> None:
        """Leave a value on the stack, null where none is written."""
        if expression is None:
            self.emitter.load_constant(op.LOAD_CONST, None)
        else:
            self.expressions.lower(expression, place)
            self.emitter.mark(expression.span)

    def assignment(self, info: StepInfo, body: nodes.Set, place: Place) -> None:
        emitter = self.emitter
        entries = by_name(body.entries)
        for _, _, expression in entries:
            self.expressions.lower(expression, place)
        for name, _, _ in reversed(entries):
            found = info.scope.variable(name)
            assert found is not None
            emitter.emit(op.STORE_SLOT, found[0].depth, found[1].slot)
        emitter.emit(op.END, info.index)

    # What lies apart from the main code

    def defer(self, info: StepInfo, part: Part, lay_out: Callable[[], None]) -> None:
        self.pending.append((info, part, lay_out))

    def branch(self, info: StepInfo, number: int) -> None:
        self.rows[info.index].branches.append(self.emitter.begin_section())
        self.steps(info, number)
        self.emitter.emit(op.END_BRANCH)

    def iteration(self, info: StepInfo, body: nodes.ForEach | nodes.Matrix) -> None:
        emitter, row, scope = self.emitter, self.rows[info.index], info.inner
        assert scope is not None
        row.branches.append(emitter.begin_section())
        self.steps(info, BODY)
        if body.collect is not None:
            place = Place(info, BODY, scope, info.body_end)
            if body.collect.expression is not None:
                self.expressions.lower(body.collect.expression, place)
            else:
                own = [[name, scope.depth, scope.outputs[name].slot] for name in sorted(scope.outputs)]
                emitter.load_constant(op.GATHER, own)
            emitter.emit(op.COLLECT, info.index)
            found = info.scope.variable(body.collect.name)
            assert found is not None
            row.collect = vm.Collect(body.collect.name, found[1].slot)
        emitter.emit(op.END_BRANCH)

    def defer_rest(self, info: StepInfo) -> None:
        parts = self.inside[info.index]
        for name in HOOK_NAMES:
            if name in parts:
                self.defer(info, name, partial(self.hook, info, name))

        if COMPENSATE in parts and self.undoing.can_be_undone(info):
            self.defer(info, COMPENSATE, partial(self.compensation, info))

    def compensation(self, info: StepInfo) -> None:
        self.rows[info.index].compensation = self.emitter.begin_section()
        self.steps(info, COMPENSATE)
        self.emitter.mark(info.span)
        self.emitter.emit(op.END_COMPENSATION, info.index)

    def hook(self, info: StepInfo, name: str) -> None:
        self.rows[info.index].hooks[name] = self.emitter.begin_section()
        self.steps(info, name)
        self.emitter.mark(info.span)
        self.emitter.emit(op.END_HOOK, info.index)

    def outputs(self, run: StepInfo) -> None:
        """Leave the map of the workflow's declared outputs on the stack."""
        emitter, scope = self.emitter, run.scope
        outputs = declared(self.resolved.workflow.outputs)
        if not outputs:
            emitter.load_constant(op.LOAD_CONST, {})
            return
        for declaration in outputs:
            emitter.mark(declaration.span)
            emitter.load_constant(op.LOAD_CONST, declaration.name)
            slots = [
                flat.slot
                for flat in (scope.outputs.get(declaration.name), scope.variables.get(declaration.name))
                if flat is not None
            ]
            if not slots:
                emitter.load_constant(op.LOAD_CONST, None)
                continue
            emitter.emit(op.LOAD_SLOT, 0, slots[0])
            if len(slots) > 1:
                end = emitter.label()
                emitter.jump(op.BRANCH_VALUE_KEEP, end)
                emitter.emit(op.LOAD_SLOT, 0, slots[1])
                emitter.place(end)
        emitter.emit_counted(op.MAKE_MAP, len(outputs))
        emitter.mark(run.span)
