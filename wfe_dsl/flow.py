"""Control and data flow of one workflow: what can be reached, what ends, who writes what.

This file owns the checks that need the order of steps and not the types of expressions, but for the
producers of the workflow's outputs. It changes nothing but the diagnostics.
"""

from __future__ import annotations

from wfe_vm.typeterms import Type, accepts, is_optional

from . import nodes
from .declared_types import declared_type
from .diagnostics.model import Diagnostics, Label
from .reachability import never_goes_on
from .resolved import Resolved
from .scopes import AFTERWARDS, COMPENSATE, Flat, Scope, StepInfo, Writer
from .suggest import nearest
from .undoing import Undoing, uncovered_saga

__all__ = ["check_flow"]


def check_flow(resolved: Resolved, set_types: dict[tuple[int, str], Type], diagnostics: Diagnostics) -> None:
    """Report what is wrong with the flow. ``set_types`` are types of what ``set`` assigns, by step and name."""
    flow = _Flow(resolved, diagnostics)
    flow.check_steps()
    defaults = resolved.workflow.defaults
    for retry in (resolved.workflow.retry, None if defaults is None else defaults.retry):
        flow.check_retry(retry)
    for scope in resolved.scopes:
        for flat in scope.outputs.values():
            flow.check_branches(scope, flat)
        for flat in scope.variables.values():
            flow.check_variable(flat)
    for declaration in resolved.workflow.outputs:
        flow.check_output(declaration, set_types)


class _Flow:
    def __init__(self, resolved: Resolved, diagnostics: Diagnostics) -> None:
        self.resolved = resolved
        self.diagnostics = diagnostics
        self.undoing = Undoing(resolved)
        self.returned = {
            name
            for info in resolved.steps
            if info.node is not None and isinstance(info.node.body, nodes.Return)
            for name, _, _ in info.node.body.entries
        }
        declared = [declaration.name for declaration in resolved.workflow.outputs]
        # What a misspelt name of a `return` was meant as is not missing too.
        misspelt = (nearest(name, declared) for name in self.returned.difference(declared))
        self.returned.update(near for near in misspelt if near is not None)

    # Steps

    def check_steps(self) -> None:
        before: dict[tuple[int, str | int], StepInfo] = {}
        told: set[tuple[int, str | int]] = set()
        for info in self.resolved.steps[1:]:
            node, parent = info.node, info.parent
            assert node is not None
            assert parent is not None
            key = (parent.index, info.part)
            previous = before.get(key)
            if previous is not None and key not in told and previous.node and never_goes_on(previous.node):
                told.add(key)
                self.diagnostics.add(
                    "WFE0407",
                    f"the step `{info.name}` is never reached",
                    info.span,
                    "remove it, or give what is before it a `when`",
                    (Label(previous.span, f"`{previous.name}` never lets the run go on"),),
                )
            before[key] = info
            self.check_step(info, node)

    def check_step(self, info: StepInfo, node: nodes.Step) -> None:
        body = node.body
        if not node.total_timeout_ms:
            self.check_retry(node.retry)
        self.check_undoing(info, node)
        if isinstance(body, nodes.Return):
            self.check_return(info)
        elif isinstance(body, nodes.While) and not body.max_iterations:
            self.diagnostics.add(
                "WFE0405",
                f"the loop `{info.name}` has no bound",
                info.span,
                "add `max_iterations:`, so that a condition that never changes ends in an error",
            )

    def check_retry(self, retry: nodes.Retry | None) -> None:
        if retry is not None and retry.attempts == 0 and not retry.max_elapsed_ms:
            self.diagnostics.add(
                "WFE0118",
                "this is tried again without end",
                retry.span,
                "say how many tries there are in all, as in `retry: 5`, or how long to go on with `max_elapsed`",
            )

    def check_undoing(self, info: StepInfo, node: nodes.Step) -> None:
        if node.compensate and not self.undoing.can_be_undone(info):
            self.diagnostics.add(
                "WFE0421",
                f"nothing can set off the `compensate` of `{info.name}`",
                info.span,
                "put the step in a `saga:`, or say `error_behavior: compensate` on the workflow",
            )
        elif node.compensate_on_failure and not node.compensate:
            self.diagnostics.add(
                "WFE0422",
                f"`{info.name}` is to be undone if it fails, and has no `compensate`",
                info.span,
                "say with `compensate:` what undoes it",
            )
        saga = uncovered_saga(info) if info.kind in ("task", "workflow") else None
        if saga is not None:
            self.diagnostics.add(
                "WFE0420",
                f"nothing undoes `{info.name}` if the saga fails after it",
                info.span,
                "give it a `compensate:`, or move it out of the saga if it leaves nothing behind",
                (Label(saga.span, "the saga begins here"),),
            )

    def check_return(self, info: StepInfo) -> None:
        step: StepInfo | None = info
        while step is not None and step.parent is not None:
            parent = step.parent
            where = ""
            if step.in_hook:
                where = f"in the hook `{step.part}`"
            elif step.part == COMPENSATE:
                where = "in a compensation"
            elif parent.kind in ("parallel", "race", "for_each", "matrix"):
                where = f"inside the {parent.kind} `{parent.name}`"
            if where:
                self.diagnostics.add(
                    "WFE0404",
                    f"`return` ends the whole run and can't stand {where}",
                    info.span,
                    "set a variable or an output there, and return after it",
                    () if step.part in AFTERWARDS else (Label(parent.span, "other parts of the run go on in this"),),
                )
                return
            step = parent

    # Writers

    def check_branches(self, scope: Scope, flat: Flat) -> None:
        """Report an output that two branches of one parallel give."""
        if len(flat.writers) < 2:
            return
        first_of: dict[int, tuple[int, Writer]] = {}
        told: set[int] = set()
        for writer in flat.writers:
            step: StepInfo | None = None if _undoes(writer.info) else writer.info
            while step is not None and step is not scope.owner and step.parent is not None:
                if isinstance(step.part, int):
                    fork = step.parent.index
                    branch, first = first_of.setdefault(fork, (step.part, writer))
                    if branch != step.part and fork not in told:
                        told.add(fork)
                        self.report_race("output", flat.name, writer, first)
                step = step.parent

    def check_variable(self, flat: Flat) -> None:
        writers = [writer for writer in flat.writers if not _undoes(writer.info)]
        if not writers:
            return
        first = writers[0]
        for writer in writers[1:]:
            here, there = writer.info, first.info
            concurrent: StepInfo | None = None
            here_part: str | int | None = None
            there_part: str | int | None = None
            while here is not there:
                if here.level >= there.level:
                    here_part, here_parent = here.part, here.parent
                    assert here_parent is not None
                    if here_parent.is_concurrent and not _is_around(here_parent, first.info):
                        concurrent = here_parent
                    if here.level == there.level:
                        assert there.parent is not None
                        there_part, there = there.part, there.parent
                    here = here_parent
                else:
                    assert there.parent is not None
                    there_part, there = there.part, there.parent
            if isinstance(here_part, int) and isinstance(there_part, int):
                self.report_race("variable", flat.name, writer, first)
                return
            if concurrent is not None:
                self.diagnostics.add(
                    "WFE0403",
                    f"the variable `{flat.name}` belongs outside of `{concurrent.name}`, "
                    "whose parts run at the same time",
                    writer.span,
                    "gather values with `collect`, give the for_each `limit: 1`, or use another name inside",
                    (Label(first.span, f"`{flat.name}` gets its first value here"),),
                )
                return

    def report_race(self, what: str, name: str, writer: Writer, first: Writer) -> None:
        self.diagnostics.add(
            "WFE0402",
            f"two branches that run at the same time give the {what} `{name}`",
            writer.span,
            "give them different names, or run one after the other",
            (Label(first.span, "the other one gives it here"),),
        )

    # Outputs

    def check_output(self, declaration: nodes.InputDeclaration, set_types: dict[tuple[int, str], Type]) -> None:
        name, scope = declaration.name, self.resolved.run.scope
        flat, variable = scope.outputs.get(name), scope.variables.get(name)
        wanted = declared_type(declaration.type)
        if flat is None and variable is None:
            if name not in self.returned:
                self.report_unproduced(declaration)
            return
        for writer in flat.writers if flat is not None else ():
            declared = writer.declaration
            if declared is None or declared.type is None:
                continue
            found = declared_type(declared.type)
            if not accepts(wanted, found):
                self.report_mismatch(declaration, wanted, writer, found)
        if flat is None and variable is not None:
            for writer in variable.writers:
                set_type = set_types.get((writer.info.index, name))
                if set_type is not None and not accepts(wanted, set_type):
                    self.report_mismatch(declaration, wanted, writer, set_type)
        writers = [*(flat.writers if flat else ()), *(variable.writers if variable else ())]
        if len(writers) == 1 and name not in self.returned and not is_optional(wanted):
            self.check_certain(declaration, wanted, writers[0])

    def check_certain(self, declaration: nodes.InputDeclaration, wanted: Type, writer: Writer) -> None:
        """Warn where the only producer of an output that isn't optional may be skipped."""
        step: StepInfo | None = writer.info
        while step is not None and step.parent is not None:
            if step.may_not_happen:
                self.diagnostics.add(
                    "WFE0410",
                    f"the output `{declaration.name}` is declared {wanted}, and is null where "
                    f"`{writer.info.name}` does not run",
                    declaration.span,
                    f"declare it {wanted}?, or give it a value on the other way too",
                    (Label(writer.span, "only this gives it"),),
                )
                return
            step = step.parent

    def report_unproduced(self, declaration: nodes.InputDeclaration) -> None:
        name, resolved = declaration.name, self.resolved
        if resolved.workflow.may_hold(name, "WFE0401"):
            return
        produced = [*resolved.run.scope.outputs, *resolved.run.scope.variables]
        near = nearest(name, produced)
        inner = [
            scope.owner
            for scope in resolved.scopes
            if scope.owner is not None and (name in scope.outputs or name in scope.variables)
        ]
        if near is not None:
            help = f"did you mean `{near}`, which a step gives?"
        elif inner:
            help = f"each iteration of `{inner[0].name}` gives one: gather them with `collect: {name}`"
        else:
            help = f"list it under the `outputs:` of the step that gives it, or `set: {{{name}: …}}`"
        self.diagnostics.add("WFE0401", f"nothing gives the output `{name}`", declaration.span, help)

    def report_mismatch(self, declaration: nodes.InputDeclaration, wanted: Type, writer: Writer, found: Type) -> None:
        self.diagnostics.add(
            "WFE0409",
            f"the output `{declaration.name}` is declared {wanted}, and `{writer.info.name}` gives {found}",
            writer.span,
            "declare both with the same type",
            (Label(declaration.span, f"the workflow declares it {wanted} here"),),
        )


def _is_around(block: StepInfo, info: StepInfo) -> bool:
    step: StepInfo | None = info
    while step is not None and step.level > block.level:
        step = step.parent
    return step is block and info is not block


def _undoes(info: StepInfo) -> bool:
    """Whether a step is part of a compensation: those run one after another."""
    step: StepInfo | None = info
    while step is not None:
        if step.part == COMPENSATE:
            return True
        step = step.parent
    return False
