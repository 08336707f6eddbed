"""Compensations: what can set them off, and what their code reads.

This file owns the two questions that both the checks and the code generator ask. It reports nothing and
lays out nothing.

Rules:

1. A saga undoes what lies in its body, hooks of inner steps included, but not what lies in its own hooks.
2. The run undoes what lies in no saga's compensation if somebody asks for it: `error_behavior: compensate`
   of the workflow, or of a step that no saga is around. It does not undo its own hooks.
3. A compensation is a world of its own: nothing outside of it undoes what it does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from wfe_vm import opcodes as op
from wfe_vm.isa import BY_NUMBER
from wfe_vm.program import RESERVED_SLOTS

from .resolved import Resolved
from .scopes import AFTERWARDS, BODY, COMPENSATE, HOOK_NAMES, Part, StepInfo
from .tasks import policy_of

__all__ = ["Undoing", "compensated_by", "slots_read", "uncovered_saga"]


class Undoing:
    """What can be undone in one workflow. ``asked_for``: somebody asks for the run to be undone as a whole."""

    def __init__(self, resolved: Resolved) -> None:
        behavior = resolved.workflow.error_behavior
        self.whole_run = behavior is not None and behavior.type == "compensate"
        self.asked_for = self.whole_run or any(
            policy_of(info.node, resolved.workflow).exhausted == "compensate" and _undone_by(info) is resolved.run
            for info in resolved.steps[1:]
            if info.node is not None
        )

    def can_be_undone(self, info: StepInfo) -> bool:
        """Whether something can set off the compensation of a step."""
        by = _undone_by(info)
        return by is not None and (by.index != 0 or self.asked_for)


def _undone_by(info: StepInfo) -> StepInfo | None:
    """Return the innermost saga that undoes a step, else the run; None for what nothing undoes."""
    step, part, parent = info, info.part, info.parent
    while parent is not None:
        if part == COMPENSATE:
            return None
        if parent.kind == "saga" and part == BODY:
            return parent
        if parent.parent is None:
            return None if part in HOOK_NAMES else parent
        step = parent
        part, parent = step.part, step.parent
    return None


def uncovered_saga(info: StepInfo) -> StepInfo | None:
    """Return the saga in whose body a step lies without anything to undo it; None for a step that is no such."""
    step = info
    while step.parent is not None and step.part not in AFTERWARDS:
        if step.node is None or step.node.compensate:
            return None
        step = step.parent
        if step.kind == "saga":
            return step
    return None


def compensated_by(info: StepInfo, part: Part) -> Iterator[StepInfo]:
    """Return the steps in whose compensations a part of a step lies."""
    step: StepInfo | None = info
    within = part
    while step is not None:
        if within == COMPENSATE:
            yield step
        within, step = step.part, step.parent


def slots_read(words: list[int], start: int, end: int, constants: list[Any]) -> set[tuple[int, int]]:
    """Return what a stretch of code reads of the scopes, as (depth, slot), without what every run has."""
    found: set[tuple[int, int]] = set()
    pc = start
    while pc < end:
        if words[pc] == op.LOAD_SLOT:
            found.add((words[pc + 1], words[pc + 2]))
        elif words[pc] == op.GATHER:
            found.update((depth, slot) for _, depth, slot in constants[words[pc + 1]])
        pc += 1 + len(BY_NUMBER[words[pc]].operands)
    return {(depth, slot) for depth, slot in found if depth or slot >= RESERVED_SLOTS}
