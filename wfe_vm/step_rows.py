"""The step table as verifier and machine read it: each row once, its numbers as C numbers where this is compiled.

This file owns what of a step they look at, and which of its fields name a pc. All parts of the verifier and of the
machine read such rows: taking a field of a step costs more than all that is then asked of it. It judges nothing.

Rules:

1. Nothing here raises, whatever a decoded program holds: a number that does not fit 64 bits becomes ``_BEYOND``, which
   is outside of every range there is. What is told to people is read off the step itself.
2. Rows hold no cycles, so the garbage collector need not look.
"""

from __future__ import annotations

from typing import Final

import cython
from msgspec.structs import astuple

from .program import NO_PC, Program, Step

__all__ = ["PC_FIELDS", "StepRow", "number_of", "rows_of", "step_pcs"]

_BEYOND: Final = 2**63 - 1
"""Stands for a number that does not fit 64 bits with a sign."""

PC_FIELDS: Final = ("entry", "exit", "on_success", "on_failure", "on_error", "on_abort", "ensure", "compensation")
"""The fields of a step that hold a pc, its branches apart."""


def step_pcs(step: Step) -> tuple[tuple[str, int], ...]:
    """Return the pcs that a step names, each with what it is, leaving out those it has not."""
    timed_out = NO_PC if step.signal is None else step.signal.on_timeout
    named = (*((name, getattr(step, name)) for name in PC_FIELDS), ("on_timeout", timed_out))
    return tuple((name, pc) for name, pc in named if pc != NO_PC) + tuple(("branch", pc) for pc in step.branches)


def rows_of(program: Program) -> list[StepRow]:
    """Return the program's step table as rows."""
    return [StepRow(step) for step in program.steps]


def number_of(value: int) -> int:
    """Return a number as a C number; ``_BEYOND`` for one that does not fit."""
    try:
        return value
    except OverflowError:  # by the conversion, where this is compiled
        return _BEYOND


@cython.no_gc
@cython.cclass
class StepRow:
    """What is looked at of one step. The fields are the step's; ``on_timeout`` is its signal's."""

    def __init__(self, step: Step) -> None:
        self.step = step
        (
            self.name,
            self.kind,
            self.path,
            parent,
            depth,
            slot,
            entry,
            exit_pc,
            on_success,
            on_failure,
            on_error,
            on_abort,
            ensure,
            hook_slot,
            self.outputs,
            self.retry,
            self.exhausted,
            timeout_ms,
            total_timeout_ms,
            self.continue_on_failure,
            self.on_crash,
            self.type,
            self.keep_stdout,
            self.child,
            self.branches,
            limit,
            self.fail_fast,
            item_slot,
            index_slot,
            self.collect,
            max_passes,
            compensation,
            self.compensate_on_failure,
            self.frozen,
            self.undoable,
            self.signal,
        ) = astuple(step)
        try:
            self.parent = parent
            self.depth = depth
            self.slot = slot
            self.entry = entry
            self.exit = exit_pc
            self.on_success = on_success
            self.on_failure = on_failure
            self.on_error = on_error
            self.on_abort = on_abort
            self.ensure = ensure
            self.hook_slot = hook_slot
            self.timeout_ms = timeout_ms
            self.total_timeout_ms = total_timeout_ms
            self.limit = limit
            self.item_slot = item_slot
            self.index_slot = index_slot
            self.max_passes = max_passes
            self.compensation = compensation
        except OverflowError:
            self.parent = number_of(parent)
            self.depth = number_of(depth)
            self.slot = number_of(slot)
            self.entry = number_of(entry)
            self.exit = number_of(exit_pc)
            self.on_success = number_of(on_success)
            self.on_failure = number_of(on_failure)
            self.on_error = number_of(on_error)
            self.on_abort = number_of(on_abort)
            self.ensure = number_of(ensure)
            self.hook_slot = number_of(hook_slot)
            self.timeout_ms = number_of(timeout_ms)
            self.total_timeout_ms = number_of(total_timeout_ms)
            self.limit = number_of(limit)
            self.item_slot = number_of(item_slot)
            self.index_slot = number_of(index_slot)
            self.max_passes = number_of(max_passes)
            self.compensation = number_of(compensation)
        self.on_timeout = NO_PC if self.signal is None else number_of(self.signal.on_timeout)
