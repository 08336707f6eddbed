"""The rows of a program's tables: what the machine and the engine know of a step, an input, an output.

This file owns which key of the language ends up in which field. It knows nothing of instructions:
where a step's code lies is handed to it.
"""

from __future__ import annotations

from typing import Final

from wfe_vm import program as vm
from wfe_vm.typeterms import coerce, is_optional, print_type

from . import nodes
from .declared_types import declared_type
from .lower_expressions import constant_of
from .resolved import Resolved
from .scopes import StepInfo
from .tasks import policy_of

__all__ = ["DEFAULT_FOR_EACH_LIMIT", "StepCode", "declared", "parameter", "slot_names", "step_row"]

DEFAULT_FOR_EACH_LIMIT: Final = 16
"""Iterations at once where no limit is written: a list of any length must not start as many steps."""

_KINDS: Final = {"matrix": "for_each"}
"""What the machine knows a kind as: a matrix is iterations over a list that an expression makes."""


class StepCode:
    """What becomes known of a step while its code is laid out."""

    __slots__ = (
        "branches",
        "child",
        "collect",
        "compensation",
        "entry",
        "exit",
        "frozen",
        "hooks",
        "on_timeout",
        "undoable",
    )

    def __init__(self) -> None:
        self.entry = vm.NO_PC
        self.exit = vm.NO_PC
        self.hooks: dict[str, int] = {}
        self.branches: list[int] = []
        self.child: vm.Child | None = None
        self.collect: vm.Collect | None = None
        self.compensation = vm.NO_PC
        self.frozen: set[tuple[int, int]] = set()  # (depth, slot) of what the compensation reads
        self.undoable = False  # of the run
        self.on_timeout = vm.NO_PC


def step_row(resolved: Resolved, info: StepInfo, code: StepCode) -> vm.Step:
    """Return a step's row; row 0 is the run."""
    node, workflow = info.node, resolved.workflow
    policy = None if node is None else policy_of(node, workflow)
    timeout = workflow.timeout_ms or 0 if policy is None else policy.timeout_ms
    whole_run = workflow.error_behavior is not None and workflow.error_behavior.type == "compensate"
    body = None if node is None else node.body
    limit, fail_fast, passes = 0, "never", 0
    if isinstance(body, nodes.Parallel):
        limit, fail_fast = body.limit, body.fail_fast
    elif isinstance(body, nodes.ForEach | nodes.Matrix):
        limit, fail_fast = DEFAULT_FOR_EACH_LIMIT if body.limit is None else body.limit, body.fail_fast
    elif isinstance(body, nodes.While):
        passes = body.max_iterations
    return vm.Step(
        name=info.name,
        kind=_KINDS.get(info.kind, info.kind),
        path=info.path,
        parent=-1 if info.parent is None else info.parent.index,
        depth=info.scope.depth,
        slot=info.slot,
        entry=code.entry,
        exit=code.exit,
        on_success=code.hooks.get("on_success", vm.NO_PC),
        on_failure=code.hooks.get("on_failure", vm.NO_PC),
        on_error=code.hooks.get("on_error", vm.NO_PC),
        on_abort=code.hooks.get("on_abort", vm.NO_PC),
        ensure=code.hooks.get("ensure", vm.NO_PC),
        hook_slot=info.hook_slot,
        outputs=tuple(
            vm.Output(output.name, print_type(declared_type(output.type)), flat.slot, output.path)
            for output, flat in info.outputs
        ),
        retry=None if policy is None or policy.retry is None else _retry(policy.retry),
        exhausted=("compensate" if whole_run else "fail") if policy is None else policy.exhausted,
        timeout_ms=timeout,
        total_timeout_ms=0 if policy is None else policy.total_timeout_ms,
        continue_on_failure=node is not None and node.continue_on_failure,
        on_crash="rerun" if node is None else node.on_crash,
        type=body.type if isinstance(body, nodes.Task) and info.kind == "task" else "",
        keep_stdout=info.keep_stdout,
        child=code.child,
        branches=tuple(code.branches),
        limit=limit,
        fail_fast=fail_fast,
        item_slot=vm.NO_PC if info.inner is None else info.inner.item_slot,
        index_slot=vm.NO_PC if info.inner is None else info.inner.index_slot,
        collect=code.collect,
        max_passes=passes,
        compensation=code.compensation,
        compensate_on_failure=code.compensation != vm.NO_PC and node is not None and node.compensate_on_failure,
        frozen=tuple(sorted(code.frozen)),
        undoable=code.undoable,
        signal=_signal(body, code.on_timeout),
    )


def slot_names(resolved: Resolved) -> tuple[tuple[int, int, str], ...]:
    """Return what variables and the items of loops are called, as ``SourceMap.names`` has it."""
    found: list[tuple[int, int, str]] = []
    for scope in resolved.scopes:
        owner = 0 if scope.owner is None else scope.owner.index
        if scope.item_slot != vm.NO_PC:
            found.append((owner, scope.item_slot, scope.item_name))
        found += [(owner, flat.slot, f"vars.{name}") for name, flat in scope.variables.items()]
    return tuple(found)


def declared(declarations: tuple[nodes.InputDeclaration, ...] | None) -> list[nodes.InputDeclaration]:
    """Return the declared inputs or outputs of a workflow by name."""
    return sorted(declarations or (), key=lambda declaration: declaration.name)


def parameter(declaration: nodes.InputDeclaration) -> vm.Parameter:
    """Return the row of an input or output of the workflow. Descriptions are no part of a program."""
    type = declared_type(declaration.type)
    default = None if declaration.default is None else coerce(constant_of(declaration.default), type)
    return vm.Parameter(
        name=declaration.name,
        type=print_type(type),
        optional=declaration.default is not None or is_optional(type),
        default=default,
        enum=tuple(coerce(value, type) for value in declaration.enum),
    )


def _signal(body: nodes.Block | None, on_timeout: int) -> vm.Signal | None:
    if isinstance(body, nodes.Wait):
        return vm.Signal(event=body.event, timeout_ms=body.timeout_ms or 0, on_timeout=on_timeout)
    if isinstance(body, nodes.Approve):
        return vm.Signal(
            options=body.options, reject=body.reject, timeout_ms=body.timeout_ms or 0, on_timeout=on_timeout
        )
    return vm.Signal(event=body.event) if isinstance(body, nodes.Publish) else None


def _retry(retry: nodes.Retry) -> vm.Retry:
    return vm.Retry(
        attempts=retry.attempts,
        interval_ms=retry.interval_ms,
        backoff=float(retry.backoff),
        max_interval_ms=retry.max_interval_ms,
        jitter=float(retry.jitter),
        outcomes=tuple(sorted(set(retry.outcomes))),
        exit_codes=tuple(sorted(set(retry.exit_codes))),
        max_elapsed_ms=retry.max_elapsed_ms,
    )
