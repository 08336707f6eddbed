"""The part of the verifier that looks at the rows of the step table, each by itself and in the step around it.

This file owns which kinds and choices a step may have, and that its slots, depths and numbers can be. What its
pcs point to is ``verify_code.py``'s, whether the code keeps to the table ``verify_flow.py``'s.

This one source runs compiled (with ``verify_steps.pxd``, which gives C types) and interpreted.

Rules:

1. Nothing here raises, whatever a decoded program holds.
2. A program has thousands of steps with hardly anything in them, so each check looks first whether there is
   anything to check; what is told to people is made when something is wrong.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from .program import NO_PC, RESERVED_SLOTS, Program, Retry
from .step_rows import StepRow, number_of
from .verify_problems import LARGEST_NUMBER, Report

__all__ = ["EXHAUSTED", "FAIL_FAST", "KINDS", "verify_steps"]

KINDS: Final = frozenset(
    {
        "run",
        "task",
        "workflow",
        "sequence",
        "saga",
        "parallel",
        "race",
        "if",
        "switch",
        "while",
        "until",
        "for_each",
        "set",
        "return",
        "fail",
        "sleep",
        "sleep_until",
        "wait",
        "approve",
        "publish",
    }
)
SIGNALS: Final = frozenset({"wait", "approve", "publish"})
"""Kinds that say of what event or question they are."""

EXHAUSTED: Final = frozenset({"fail", "suspend", "terminate", "compensate"})
RETRY_OUTCOMES: Final = frozenset({"failure", "error", "timeout"})
FAIL_FAST: Final = frozenset({"never", "cancel", "stop"})
ON_CRASH: Final = frozenset({"rerun", "fail"})

_LARGEST: Final = LARGEST_NUMBER
_RESERVED: Final = RESERVED_SLOTS
_NONE: Final = NO_PC

CheckType = Callable[[str, str], None]
"""Takes who has a type, in words, and its text; reports a text that is no type and remembers one that is."""


def verify_steps(
    program: Program, rows: list[StepRow], known_types: set[str], check_type: CheckType, report: Report
) -> None:
    """Check the program's step table; each problem goes to ``report``.

    Texts among ``known_types`` are types; ``check_type`` looks at the others.
    """
    _Steps(program, rows, known_types, check_type, report).check_all()


class _Steps:
    """The step table of one program, and the row that is being looked at."""

    def __init__(
        self, program: Program, rows: list[StepRow], known_types: set[str], check_type: CheckType, report: Report
    ) -> None:
        self.program = program
        self.rows = rows
        self.sizes = [number_of(size) for size in program.scope_sizes]
        self.known_types = known_types
        self.check_type = check_type
        self.report = report
        self.index = 0

    def check_all(self) -> None:
        for index in range(len(self.rows)):
            self.index = index
            self.check(self.rows[index])

    def flaw(self, code: str, message: str) -> None:
        step = self.program.steps[self.index]
        self.report(code, f"step {self.index} ({step.path or step.name}) {message}")

    def check(self, row: StepRow) -> None:
        self.check_place(row)
        self.check_choices(row)
        if row.retry is not None:
            self.check_retry(row.retry)
        if (row.kind == "workflow") != (row.child is not None):
            self.flaw("step-child", f"is of kind {row.kind!r}, and a child belongs to the kind 'workflow' alone")
        if row.child is not None and not 0 <= row.child.version <= LARGEST_NUMBER:
            self.flaw("step-child", f"asks for version {row.child.version} of its child")
        if row.signal is not None or row.kind in SIGNALS:
            self.check_signal(row)
        depths = len(self.sizes)
        if not 0 <= row.depth < depths:
            self.flaw("step-depth", f"has depth {row.step.depth}, the program {depths} nested scopes")
            return
        self.check_slots(row)
        self.check_compensation(row)
        self.check_branches(row)
        for output in row.outputs:
            if output.type not in self.known_types:
                self.check_type(f"step {self.index}'s output {output.name!r}", output.type)

    def check_place(self, row: StepRow) -> None:
        index = self.index
        if (row.kind == "run") != (index == 0) or row.kind not in KINDS:
            self.flaw("step-kind", f"has the kind {row.kind!r}")
        if index == 0:
            if row.parent != -1 or row.depth != 0:
                self.flaw("step-parent", "is the run itself: it has no parent and depth 0")
            return
        if not 0 <= row.parent < index:
            self.flaw("step-parent", f"has parent {row.step.parent}, which is not among the steps before it")
            return
        around = self.rows[row.parent]
        within = around.kind == "for_each" and row.depth > 0 and row.depth - 1 == around.depth
        if row.depth != around.depth and not within:
            self.flaw("step-depth", f"has depth {row.step.depth} in a {around.kind} of depth {around.step.depth}")

    def check_choices(self, row: StepRow) -> None:
        if not (
            0 <= row.timeout_ms <= _LARGEST
            and 0 <= row.total_timeout_ms <= _LARGEST
            and 0 <= row.limit <= _LARGEST
            and 0 <= row.max_passes <= _LARGEST
        ):
            step = row.step
            for number in (step.timeout_ms, step.total_timeout_ms, step.limit, step.max_passes):
                if not 0 <= number <= LARGEST_NUMBER:
                    message = f"has a time or count of {number}, which is outside 0 to {LARGEST_NUMBER}"
                    self.flaw("step-number", message)
        # Nearly all steps have the defaults, and a text is compared sooner than hashed.
        if not (
            (row.exhausted == "fail" or row.exhausted in EXHAUSTED)
            and (row.fail_fast == "never" or row.fail_fast in FAIL_FAST)
            and (row.on_crash == "rerun" or row.on_crash in ON_CRASH)
        ):
            message = f"asks for {row.exhausted!r}, {row.fail_fast!r} or {row.on_crash!r}, not all known"
            self.flaw("step-choice", message)

    def check_retry(self, retry: Retry) -> None:
        if not (
            0 <= number_of(retry.attempts) <= _LARGEST
            and 0 <= number_of(retry.interval_ms) <= _LARGEST
            and 0 <= number_of(retry.max_interval_ms) <= _LARGEST
            and 0 <= number_of(retry.max_elapsed_ms) <= _LARGEST
        ):
            self.flaw("step-retry", f"has a retry time or count outside 0 to {LARGEST_NUMBER}")
        if not 0 < retry.backoff < math.inf:  # also refuses what is no number, as below
            self.flaw("step-retry", f"multiplies its retry interval by {retry.backoff}")
        if not 0 <= retry.jitter <= 1:
            self.flaw("step-retry", f"has a jitter of {retry.jitter}, which is not a fraction")
        if not RETRY_OUTCOMES.issuperset(retry.outcomes):
            self.flaw("step-retry", f"retries on {', '.join(retry.outcomes)}, not all known")

    def check_signal(self, row: StepRow) -> None:
        signal = row.signal
        if signal is None:
            self.flaw("step-signal", f"is of kind {row.kind!r} and says of no event and no options")
            return
        if row.kind not in SIGNALS:
            self.flaw("step-signal", f"is of kind {row.kind!r}, which is of no event and no options")
        if (row.kind == "approve") != bool(signal.options) or not set(signal.options).issuperset(signal.reject):
            message = "has options, or refusing ones, that an approval alone has, and not all among its options"
            self.flaw("step-signal", message)
        if not 0 <= signal.timeout_ms <= LARGEST_NUMBER:
            self.flaw("step-number", f"has a time of {signal.timeout_ms}, which is outside 0 to {LARGEST_NUMBER}")
        if row.on_timeout != _NONE and (row.kind == "publish" or not signal.timeout_ms):
            self.flaw("step-signal", "has steps for the end of a time that it has not")

    def check_slots(self, row: StepRow) -> None:
        """Each slot lies in its scope, and none is a reserved one of the run."""
        size = self.sizes[row.depth]
        lowest = _RESERVED if row.depth == 0 else 0
        if self.index and not lowest <= row.slot < size:  # the run itself has no record
            self.slot_flaw(row, row.step.slot)
        for output in row.outputs:
            if not lowest <= number_of(output.slot) < size:
                self.slot_flaw(row, output.slot)
        if row.hook_slot != _NONE and not lowest <= row.hook_slot < size:
            self.slot_flaw(row, row.step.hook_slot)
        if row.collect is not None and not lowest <= number_of(row.collect.slot) < size:
            self.slot_flaw(row, row.collect.slot)

    def slot_flaw(self, row: StepRow, slot: int) -> None:
        lowest = _RESERVED if row.depth == 0 else 0
        highest = self.program.scope_sizes[row.depth] - 1
        self.flaw("step-slot", f"writes slot {slot}, outside of {lowest} to {highest}")

    def check_compensation(self, row: StepRow) -> None:
        """What is kept for a compensation are slots that the step sees, and no reserved one: those it has anyhow."""
        for depth, slot in row.frozen:
            lowest = RESERVED_SLOTS if depth == 0 else 0
            if not (0 <= depth <= row.step.depth and lowest <= slot < self.program.scope_sizes[depth]):
                self.flaw("step-frozen", f"keeps slot {slot} at depth {depth}, which it does not see")
        if row.undoable and self.index:
            self.flaw("step-undoable", "is undone as a whole, which is for sagas and the run")

    def check_branches(self, row: StepRow) -> None:
        if row.entry == _NONE and not row.branches:
            return  # nothing begins it: it is part of a compensation that nothing can set off
        if row.kind == "for_each":
            self.check_loop(row)
            return
        if row.kind == "parallel" or row.kind == "race":
            if not row.branches:
                self.flaw("step-branches", f"is a {row.kind} without a branch")
        elif row.branches:
            self.flaw("step-branches", f"is of kind {row.kind!r}, which has no branches")
        if row.item_slot != _NONE or row.index_slot != _NONE or row.collect is not None:
            self.flaw("step-slot", f"is of kind {row.kind!r}, which binds no item and collects nothing")

    def check_loop(self, row: StepRow) -> None:
        """A for_each has one body, and binds its item and index in the scope of an iteration."""
        if len(row.branches) != 1:
            self.flaw("step-branches", f"is a for_each with {len(row.branches)} bodies instead of one")
        if row.depth + 1 >= len(self.sizes):
            self.flaw("step-depth", f"loops at depth {row.step.depth}, but the program has no scope below that")
            return
        step, size = row.step, self.program.scope_sizes[row.depth + 1]
        bound = (step.item_slot,) if row.index_slot == _NONE else (step.item_slot, step.index_slot)
        for slot in bound:
            if not 0 <= slot < size:
                self.flaw("step-slot", f"binds slot {slot} of an iteration that has {size}")
