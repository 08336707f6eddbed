"""The life of a step: attempts, retries, hooks, forks, and being stopped.

How a step goes (``isa.py`` has the code, this file what happens between instructions)::

    open a frame -> [condition] -> attempt -> settle -+-> undo first, if it is a saga and did not end well
                                                      +-> again, after a delay, if the policy says so
                                                      +-> park, if its end is to suspend the run
                                                      +-> hook by outcome -> ensure -> leave

Leaving well goes on at the step's exit. Otherwise the outcome goes *up*: the enclosing frame of the
pointer settles with it or, at the pointer's base, the fork that started the pointer counts it.

Stopping a frame from outside (a limit of time, a cancel, a sibling's failure) is an *interrupt*: the
frame notes its cause, everything inside it is aborted from the innermost out, each with its hooks,
and then the frame itself settles with the cause. Hooks that are already running are let finish.

This file executes no instruction: a pointer that may go on is put among the state's ready ones.
"""

from __future__ import annotations

from typing import Any, Final

import cython
import msgspec

from .commands import EndRun, StartChild, StopChild, StopStep
from .errors import ExpressionError, InternalError
from .ids import derive_id, fraction
from .limits import LARGEST_INTEGER
from .moments import epoch_milliseconds
from .outcome import Failure
from .program import Program
from .rundata import STATUS_OF
from .sagas import Sagas
from .state import Frame, Pointer, Record, State
from .step_rows import StepRow
from .values import describe

if not cython.compiled:
    from .phases import (
        ABORT,
        ABORTING,
        BODY,
        DELAY,
        ENSURE,
        ERROR,
        FAILURE,
        GONE,
        GUARDING,
        HOOK,
        ITEMS_INDEX,
        PARKED,
        READY,
        RETURNING,
        SKIPPED,
        STARTS_OVER,
        STAYING,
        SUCCESS,
        WAIT_ANSWER,
        WAIT_CHILD,
        WAIT_EVENT,
        WAIT_FORK,
        WAIT_STEP,
        WAIT_TIMER,
        WAIT_UNDO,
        WANTS_UNDO,
    )

__all__ = ["Lifecycle"]

LONGEST_DELAY_MS: Final = 400 * 24 * 3600 * 1000

MAX_FAILURES_KEPT: Final = 100
"""Of one fork, for its error's causes; the rest are counted."""

TIMED_BY_MACHINE: Final = frozenset(
    (
        "run",
        "workflow",
        "sequence",
        "parallel",
        "race",
        "saga",
        "if",
        "switch",
        "while",
        "until",
        "for_each",
        "sleep",
        "sleep_until",
        "wait",
        "approve",
        "publish",
    )
)
"""Kinds whose attempts' time limits are timers of the run; a task's is kept by whoever runs it."""

FORKS: Final = frozenset(("parallel", "race", "for_each"))
"""Kinds that have pointers of their own for what is inside."""


class Lifecycle(Sagas):
    """What happens to the steps of one program's runs."""

    def __init__(self, program: Program, max_instructions: int, max_state_bytes: int) -> None:
        """See Machine."""
        super().__init__(program, max_instructions, max_state_bytes)
        self.running: Pointer | None = None  # the pointer whose instructions are being carried out
        self.recovering = False

    # The life of a step

    def _open(self, state: State, pointer: Pointer, step: int) -> Frame:
        """Open a frame."""
        frame = Frame(state.next_activation, step)
        state.next_activation += 1
        frame.opened = state.time
        pointer.frames.append(frame)
        state.located[frame.id] = pointer
        state.changed[pointer.id] = pointer
        return frame

    def _begin_attempt(self, state: State, pointer: Pointer, frame: Frame) -> None:
        """Begin an attempt; the caller sees to the pc."""
        step = self._step(frame.step)
        frame.phase = BODY
        frame.attempt += 1
        frame.tries += 1
        frame.passes = 0
        frame.mark = 0
        frame.total = 0
        frame.next = 0
        frame.marks = 0
        frame.started = state.time
        if frame.child and frame.tries > 1:
            frame.child = ""  # a retried step starts another child
        if frame.tries == 1 and step.total_timeout_ms:
            state.set_timer(frame.id, "total", state.time + step.total_timeout_ms)
        self._start_timers(state, frame, step)
        if frame.step:
            state.records.append(
                Record("started", frame.step, self._path(state, pointer), frame.id, frame.attempt, state.time)
            )

    def _start_timers(self, state: State, frame: Frame, step: StepRow) -> None:
        if step.timeout_ms and step.kind in TIMED_BY_MACHINE:
            state.set_timer(frame.id, "timeout", state.time + step.timeout_ms)

    def _start_afresh(self, state: State, pointer: Pointer) -> None:
        """Give the innermost step of a pointer, or its condition, another try as if it were the first."""
        frame = pointer.frames[-1]
        state.changed[pointer.id] = pointer
        frame.tries = 0
        frame.opened = state.time
        frame.error = None
        frame.outcome = 0
        step = self._step(frame.step)
        if frame.mark:
            # Its condition is not known yet, or it was stopped between two of its steps: it goes on from there.
            frame.phase = BODY if frame.attempt else GUARDING
            if frame.attempt:
                self._start_timers(state, frame, step)
            pointer.pc = frame.mark
        else:
            child = frame.child
            over = frame.step or frame.marks & STARTS_OVER
            self._begin_attempt(state, pointer, frame)
            frame.child = child  # a child that failed is reopened, not started again
            # The run's own body is not run again unless it was undone: what is left of it is to give its outputs.
            pointer.pc = step.entry if over else step.exit
        pointer.wait = READY
        state.ready.append(pointer)

    def _skip(self, state: State, pointer: Pointer, frame: Frame) -> None:
        step = self._step(frame.step)
        path = self._path(state, pointer)
        state.records.append(Record("ended", frame.step, path, frame.id, 0, state.time, state.time, STATUS_OF[SKIPPED]))
        self._keep_result(state, pointer, frame, step, SKIPPED, {}, None, None)
        self._close(state, pointer, frame)
        pointer.pc = step.exit

    def _succeed(
        self, state: State, pointer: Pointer, frame: Frame, outputs: dict[str, Any], stdout: str | None
    ) -> None:
        """Settle an attempt that went well, if its outputs are as declared."""
        try:
            outputs = self._declared_outputs(state, frame, outputs)
            step = self._step(frame.step)
            if step.frozen:
                self._check_frozen(state, pointer, step)
        except ExpressionError as error:
            failure = self._located(state, pointer, frame, Failure(error.code, error.message))
            self._settle(state, pointer, ERROR, failure, None, stdout)
            return
        self._settle(state, pointer, SUCCESS, None, outputs, stdout)

    def _settle(
        self,
        state: State,
        pointer: Pointer,
        outcome: int,
        error: Failure | None,
        outputs: dict[str, Any] | None,
        stdout: str | None,
    ) -> None:
        """End the current attempt of the innermost frame, and see what follows."""
        frame = pointer.frames[-1]
        step = self._step(frame.step)
        state.changed[pointer.id] = pointer
        pointer.wait = READY
        if frame.cause_outcome:
            outcome = frame.cause_outcome
            if frame.cause is not None:
                error = self._located(state, pointer, frame, frame.cause)
            elif error is None:
                error = Failure("fail", "the enclosing block was stopped")
            frame.cause_outcome = 0
            frame.cause = None
            outputs = None
        state.drop_timer(frame.id, "timeout")
        state.drop_wait(frame.id)
        if outcome != SUCCESS and state.registered and self._undo(state, pointer, frame, step, outcome, error):
            return
        frame.outcome = outcome
        frame.error = error
        if frame.step:
            state.records.append(
                Record(
                    "ended",
                    frame.step,
                    self._path(state, pointer),
                    frame.id,
                    frame.attempt,
                    state.time,
                    frame.started,
                    STATUS_OF[outcome],
                    outputs,
                    error,
                )
            )
        if outcome != SUCCESS:
            if pointer.unwind == RETURNING and not self._inside_hook(state, pointer):
                pointer.unwind = STAYING  # what returned did not end well after all
            cut_short = self._is_cut_short(state, pointer)
            if outcome != ABORT and not frame.final and not self._stopped_around(pointer) and not cut_short:
                if self._schedule_retry(state, pointer, frame, step, outcome, error):
                    return
                if step.exhausted == "suspend" and not state.cancelling:
                    self._park(state, pointer, frame, step, outcome, error, stdout)
                    return
            if pointer.undoes and (outcome == ABORT or not step.continue_on_failure) and self._holds_up(state, pointer):
                self._park(state, pointer, frame, step, outcome, error, stdout)
                return
            if step.kind == "saga":
                frame.marks &= ~WANTS_UNDO
            if step.exhausted == "compensate" and (outcome != ABORT or state.cancelling):
                frame.marks |= WANTS_UNDO
        self._keep_result(state, pointer, frame, step, outcome, outputs or {}, stdout, error)
        if outcome != SUCCESS:
            self._keep_for_retry(state, pointer)
            if outcome != ABORT and step.exhausted == "terminate" and not state.terminating and not frame.final:
                self._terminate_in_order(state, pointer, frame, error)
        if step.compensation >= 0 and (outcome == SUCCESS or (step.compensate_on_failure and outcome != ABORT)):
            self._register(state, pointer, frame, step)
        state.drop_timer(frame.id, "total")
        self._run_hook(state, pointer, frame, step)

    def _schedule_retry(
        self, state: State, pointer: Pointer, frame: Frame, step: StepRow, outcome: int, error: Failure | None
    ) -> bool:
        """Set the timer for another attempt, if the policy allows one. Returns whether it does."""
        retry = step.retry
        if retry is None or (retry.attempts and frame.tries >= retry.attempts):
            return False
        if frame.attempt == 0:
            return False  # the condition failed: there was no attempt
        if error is not None and error.exit_code is not None and error.exit_code in retry.exit_codes:
            pass
        elif error is not None and error.kind == "timeout":
            if "timeout" not in retry.outcomes:
                return False
        elif ("failure" if outcome == FAILURE else "error") not in retry.outcomes:
            return False
        try:
            delay = retry.interval_ms * retry.backoff ** (frame.tries - 1)
        except OverflowError:
            delay = float(LONGEST_DELAY_MS)
        if retry.max_interval_ms:
            delay = min(delay, retry.max_interval_ms)
        if retry.jitter:
            delay *= 1 + retry.jitter * (2 * fraction("jitter", state.run, frame.id, frame.attempt) - 1)
        due = state.time + int(min(delay, LONGEST_DELAY_MS))
        if retry.max_elapsed_ms and due - frame.opened > retry.max_elapsed_ms:
            return False
        self._drop_reopen_within(state, pointer, frame)
        state.drop_collected(frame.id)
        frame.total = 0  # what it forked over is gone
        frame.phase = DELAY
        pointer.wait = WAIT_TIMER
        state.set_timer(frame.id, "retry", due)
        return True

    def _park(
        self,
        state: State,
        pointer: Pointer,
        frame: Frame,
        step: StepRow,
        outcome: int,
        error: Failure | None,
        stdout: str | None,
    ) -> None:
        """Suspend the run at a step that failed for good."""
        self._keep_result(state, pointer, frame, step, outcome, {}, stdout, error)
        self._drop_reopen_within(state, pointer, frame)
        state.drop_timer(frame.id, "total")
        self._wait_for_resume(state, pointer, frame)

    def _holds_up(self, state: State, pointer: Pointer) -> bool:
        """Say whether the innermost step is one of a compensation's own, whose failure holds up the undoing."""
        return len(pointer.frames) == 1 and not state.terminating

    def _wait_for_resume(self, state: State, pointer: Pointer, frame: Frame) -> None:
        frame.final = False
        pointer.wait = PARKED
        state.changed[pointer.id] = pointer
        if not state.suspended:
            state.suspended = True
            state.suspended_at = state.time

    def _run_hook(self, state: State, pointer: Pointer, frame: Frame, step: StepRow) -> None:
        """Go to the hook of the frame's outcome, or past it."""
        frame.phase = HOOK
        if step.hook_slot >= 0:
            self._fill_hook_slot(state, pointer, frame, step)
        outcome = frame.outcome
        pc = -1
        if self._may_hook(state, pointer):
            if outcome == SUCCESS:
                pc = step.on_success
            elif outcome == FAILURE:
                pc = step.on_failure
            elif outcome == ERROR:
                pc = step.on_error if step.on_error >= 0 else step.on_failure
            else:
                pc = step.on_abort
        if pc < 0:
            self._ensure(state, pointer, frame)
        else:
            self._go_on(state, pointer, pc)

    def _may_hook(self, state: State, pointer: Pointer) -> bool:
        """Say whether the hook for an outcome may run; ``ensure`` runs unless the run is past its deadline."""
        if state.hurried:
            return self._inside_undo(state, pointer)
        return not state.terminating or self._inside_hook(state, pointer)

    def _ensure(self, state: State, pointer: Pointer, frame: Frame) -> None:
        frame.phase = ENSURE
        step = self._step(frame.step)
        if step.ensure < 0 or self._is_cut_short(state, pointer):
            self._leave(state, pointer, frame)
        else:
            self._go_on(state, pointer, step.ensure)

    def _go_on(self, state: State, pointer: Pointer, pc: int) -> None:
        pointer.pc = pc
        pointer.wait = READY
        state.changed[pointer.id] = pointer
        if pointer is not self.running:
            state.ready.append(pointer)

    def _leave(self, state: State, pointer: Pointer, frame: Frame) -> None:
        """Close a frame whose hooks are done, and go on where its outcome leads."""
        step = self._step(frame.step)
        outcome = frame.outcome
        error = frame.error
        well = outcome == SUCCESS
        tolerant = step.continue_on_failure and not self._is_cut_short(state, pointer)
        if not well and outcome != ABORT and tolerant and not self._stopped_around(pointer):
            well = True
            self._drop_reopen_within(state, pointer, frame)
            if len(state.tolerated) + len(state.new_tolerated) < MAX_FAILURES_KEPT:
                state.new_tolerated.append((self._path(state, pointer), error))
        if state.stop_after and state.stop_after in (step.name, self._path(state, pointer)):
            state.stop_after = ""
            state.suspended = True
            state.suspended_at = state.time
        if not well and pointer.undoes and self._holds_up(state, pointer):
            self._wait_for_resume(state, pointer, frame)  # a hook failed a step that had succeeded
            return
        if step.kind == "saga":
            self._release(state, pointer, frame)
        self._close(state, pointer, frame)
        if not well:
            self._carry_marks(state, pointer, frame)
        if not pointer.frames:
            if pointer.parent < 0:
                self._end_run(state, outcome, error)
            elif well and pointer.unwind != ABORTING:
                self._go_on(state, pointer, step.exit)
            else:
                self._end_pointer(state, pointer, outcome if not well else ABORT, error)
            return
        parent = pointer.frames[-1]
        if parent.phase >= HOOK:
            if well:
                self._go_on(state, pointer, step.exit)
            else:
                self._fail_hook(state, pointer, parent, outcome, error)
            return
        if parent.cause_outcome:
            self._settle(state, pointer, ABORT, error, None, None)
        elif pointer.unwind == RETURNING and not self._inside_hook(state, pointer):
            self._settle(state, pointer, SUCCESS, None, {}, None)
        elif well:
            self._go_on(state, pointer, step.exit)
        elif outcome == ABORT:
            # Nobody asked this run to stop: a child was cancelled, which is a failure to its parent.
            self._settle(state, pointer, FAILURE, error, None, None)
        else:
            self._settle(state, pointer, outcome, error, None, None)

    def _stopped_around(self, pointer: Pointer) -> bool:
        """Say whether what is around the innermost frame is being stopped; a hook is let finish whatever is."""
        for frame in reversed(pointer.frames[:-1]):
            if frame.phase >= HOOK:
                return False
            if frame.cause_outcome:
                return True
        return pointer.unwind == ABORTING

    def _fail_hook(self, state: State, pointer: Pointer, frame: Frame, outcome: int, error: Failure | None) -> None:
        """Take in that a hook of the frame failed: it fails what had succeeded, and never masks a failure."""
        if frame.outcome == SUCCESS:
            frame.outcome = ERROR if outcome == ERROR else FAILURE
            frame.error = error
            if pointer.unwind == RETURNING:
                pointer.unwind = STAYING
            step = self._step(frame.step)
            self._keep_result(state, pointer, frame, step, frame.outcome, {}, None, error)
            if frame.step:
                path = self._path(state, pointer)
                state.records.append(
                    Record(
                        "changed",
                        frame.step,
                        path,
                        frame.id,
                        frame.attempt,
                        state.time,
                        frame.started,
                        STATUS_OF[frame.outcome],
                        None,
                        error,
                    )
                )
            self._keep_for_retry(state, pointer)
        elif frame.error is not None and error is not None:
            frame.error = msgspec.structs.replace(frame.error, hook_errors=[*frame.error.hook_errors, error])
        state.changed[pointer.id] = pointer
        if frame.phase == HOOK:
            self._ensure(state, pointer, frame)
        else:
            self._leave(state, pointer, frame)

    def _close(self, state: State, pointer: Pointer, frame: Frame) -> None:
        pointer.frames.pop()
        state.located.pop(frame.id, None)
        state.changed[pointer.id] = pointer
        state.drop_timer(frame.id, "timeout")
        state.drop_timer(frame.id, "total")
        if not self._is_kept(state, pointer, frame):
            state.drop_collected(frame.id)

    def _fill(self, state: State, pointer: Pointer, frame: Frame) -> None:
        """Start branches within the limit; settle the fork's frame once none is live and none will start."""
        step = self._step(frame.step)
        state.changed[pointer.id] = pointer
        limit = step.limit or frame.total
        each = step.item_slot >= 0
        items: list[Any] = state.collected[frame.id][ITEMS_INDEX] if each and frame.total else []
        if self._is_cut_short(state, pointer):
            frame.stopped = True
        while frame.live < limit and frame.next < frame.total and not frame.stopped and not state.suspended:
            number = frame.next
            frame.next = number + 1
            frame.live += 1
            if each:
                slots = self.program.scope_sizes[step.depth + 1]
                branch = state.add_pointer(pointer.id, frame.id, number, step.branches[0], pointer.owners, slots)
                state.store(branch.id, step.item_slot, items[number])
                if step.index_slot >= 0:
                    state.store(branch.id, step.index_slot, number)
            else:
                branch = state.add_pointer(pointer.id, frame.id, number, step.branches[number], pointer.owners, -1)
            state.ready.append(branch)
        if frame.live or (frame.next < frame.total and not frame.stopped):
            return
        self._join(state, pointer, frame, step)

    def _join(self, state: State, pointer: Pointer, frame: Frame, step: StepRow) -> None:
        """Settle the frame of a fork whose branches have ended."""
        if frame.winner >= 0:
            self._drop_reopen_within(state, pointer, frame)
            self._clear_losers(state, pointer, frame)
            self._settle(state, pointer, SUCCESS, None, {}, None)
            return
        if frame.failed:
            outcome, error = frame.failures[0]
            others = [other for _, other in frame.failures[1:] if other is not None]
            if others and error is not None:
                error = msgspec.structs.replace(error, causes=[*error.causes, *others])
            self._settle(state, pointer, outcome, error, None, None)
            return
        outputs = {}
        if step.collect is not None:
            parts = state.collected.get(frame.id, {})
            collected = [parts.get(number) for number in range(frame.total)]
            outputs = {step.collect.name: collected}
            if not frame.cause_outcome:
                state.store(pointer.owners[step.depth], step.collect.slot, collected)
        self._settle(state, pointer, SUCCESS, None, outputs, None)

    def _end_pointer(self, state: State, pointer: Pointer, outcome: int, error: Failure | None) -> None:
        """Take a branch that has ended out, and have its fork count it."""
        if pointer.undoes:
            self._end_undo(state, pointer)
            return
        parent = state.pointers[pointer.parent]
        frame = parent.frames[-1]
        stopped = pointer.unwind == ABORTING
        state.remove_pointer(pointer)
        pointer.wait = GONE
        state.changed[parent.id] = parent
        frame.live -= 1
        if outcome == SUCCESS and not stopped and frame.winner == pointer.index:
            frame.stopped = True
            self._interrupt_branches(state, parent, frame, Failure("fail", "stopped: another branch won the race"))
        elif outcome != SUCCESS and not stopped:
            if outcome == ABORT:
                outcome = FAILURE
            frame.failed += 1
            if len(frame.failures) < MAX_FAILURES_KEPT:
                frame.failures.append((outcome, error))
            fail_fast = self._step(frame.step).fail_fast
            if fail_fast != "never" and not frame.stopped:
                frame.stopped = True
                if fail_fast == "cancel":
                    self._interrupt_branches(state, parent, frame, Failure("fail", "stopped: another branch failed"))
        if parent.wait == WAIT_FORK and parent.frames[-1] is frame:
            self._fill(state, parent, frame)

    # Stopping

    def _fire(self, state: State, activation: int, kind: str) -> None:
        """Let one due timer act."""
        pointer = state.located.get(activation)
        if pointer is None:
            return
        if kind == "deadline":
            error = Failure("fail", "the run was cancelled, and not done by its deadline")
            if state.registered:
                self._hurry(state, error)
            else:
                self._end_hard(state, "aborted", error)
            return
        depth = 0
        while pointer.frames[depth].id != activation:
            depth += 1
        frame = pointer.frames[depth]
        step = self._step(frame.step)
        if kind == "retry":
            self._begin_attempt(state, pointer, frame)
            self._go_on(state, pointer, step.entry)
        elif kind == "sleep":
            self._succeed(state, pointer, frame, {}, None)
        else:
            limit = step.timeout_ms if kind == "timeout" else step.total_timeout_ms
            what = f"step {step.name}" if frame.step else "the run"
            span = "" if kind == "timeout" else " over all its attempts"
            last = [frame.error] if frame.phase == DELAY and frame.error is not None else []
            error = Failure(
                "timeout",
                f"{what} took longer than its limit of {limit} ms{span}",
                details={"limit_ms": limit},
                causes=last,
            )
            if kind == "total":
                frame.final = True
            self._interrupt(state, pointer, depth, ERROR, error)

    def _interrupt(self, state: State, pointer: Pointer, depth: int, outcome: int, error: Failure | None) -> None:
        """Stop the frame at that depth and all inside it; depth -1 stops the pointer.

        Hooks that are running inside it are let finish first.
        """
        frames = pointer.frames
        state.changed[pointer.id] = pointer
        if depth >= 0:
            frame = frames[depth]
            if frame.phase >= HOOK:
                return
            if frame.cause is None or outcome == ABORT:
                frame.cause_outcome = outcome
                frame.cause = error
            if outcome == ABORT:
                frame.final = True
        else:
            pointer.unwind = ABORTING
            if not frames:
                # A branch between two of its steps, or before the first.
                if not self._inside_hook(state, pointer):
                    state.keep_reopen(pointer.id, pointer.row())
                self._end_pointer(state, pointer, ABORT, error)
                return
        innermost = len(frames) - 1
        for number in range(depth + 1, len(frames)):
            frame = frames[number]
            if frame.phase >= HOOK:
                return
            if number == innermost:
                if frame.cause is None or outcome == ABORT:
                    frame.cause_outcome = ABORT
                    frame.cause = error
                frame.final = True
            elif not frame.cause_outcome:
                frame.cause_outcome = ABORT  # with the error that comes up from inside
        self._stop_innermost(state, pointer, frames[innermost], error)

    def _stop_innermost(self, state: State, pointer: Pointer, frame: Frame, error: Failure | None) -> None:
        """Stop what the innermost frame waits for; it settles when that has ended, at once if nothing has to end."""
        wait = pointer.wait
        if wait == WAIT_STEP:
            state.commands.append(StopStep(frame.id, frame.attempt))
        elif wait == WAIT_CHILD:
            state.commands.append(StopChild(frame.id, frame.attempt, frame.child))
        elif wait == WAIT_FORK:
            frame.stopped = True
            self._interrupt_branches(state, pointer, frame, error)
            if pointer.wait == WAIT_FORK and pointer.frames and pointer.frames[-1] is frame:
                self._fill(state, pointer, frame)
        else:
            if wait == READY and frame.cause_outcome == ABORT:
                frame.mark = pointer.pc  # what ran out of time by itself is begun anew
            state.drop_timer(frame.id, "sleep")
            state.drop_timer(frame.id, "retry")
            self._settle(state, pointer, ABORT, error, None, None)

    def _interrupt_branches(self, state: State, pointer: Pointer, frame: Frame, error: Failure | None) -> None:
        branches = [
            branch for branch in state.pointers.values() if branch.parent == pointer.id and branch.fork == frame.id
        ]
        for branch in branches:
            if branch.id in state.pointers:
                self._interrupt(state, branch, -1, ABORT, error)

    def _terminate_in_order(self, state: State, pointer: Pointer, frame: Frame, error: Failure | None) -> None:
        """End the run for a step whose failure is to end it: everything stops, only ``ensure`` hooks run."""
        state.terminating = True
        frame.phase = HOOK  # it has settled: what follows is its ensure
        self._interrupt(state, state.pointers[0], 0, ABORT, error)

    def _hurry(self, state: State, error: Failure) -> None:
        """Stop at once all but compensations: what is registered is undone on the way out, whatever the deadline."""
        state.hurried = True
        root = state.pointers[0].frames[0]
        if root.cause is not None:
            root.cause = error
            state.changed[0] = state.pointers[0]
        for id in sorted(state.pointers):
            pointer = state.pointers.get(id)
            if pointer is None or pointer.wait in (WAIT_FORK, WAIT_UNDO) or self._inside_undo(state, pointer):
                continue
            if not pointer.frames:
                pointer.unwind = ABORTING
                self._end_pointer(state, pointer, ABORT, error)
                continue
            frame = pointer.frames[-1]
            if pointer.wait == WAIT_STEP:
                state.commands.append(StopStep(frame.id, frame.attempt))
                state.active -= 1
            elif pointer.wait == WAIT_CHILD:
                state.commands.append(StopChild(frame.id, frame.attempt, frame.child, True))
                state.active -= 1
            state.drop_timer(frame.id, "sleep")
            state.drop_timer(frame.id, "retry")
            if frame.phase >= HOOK:
                self._leave(state, pointer, frame)
            else:
                self._settle(state, pointer, ABORT, error, None, None)

    def _end_hard(self, state: State, status: str, error: Failure) -> None:
        """End the run now: stop what runs, and run no hook."""
        for id in sorted(state.pointers):
            pointer = state.pointers[id]
            if not pointer.frames:
                continue
            frame = pointer.frames[-1]
            if pointer.wait == WAIT_STEP:
                state.commands.append(StopStep(frame.id, frame.attempt))
            elif pointer.wait == WAIT_CHILD:
                state.commands.append(StopChild(frame.id, frame.attempt, frame.child, True))
            if (
                pointer.wait in (WAIT_STEP, WAIT_CHILD, WAIT_TIMER, WAIT_EVENT, WAIT_ANSWER)
                and frame.step
                and frame.phase == BODY
            ):
                state.records.append(
                    Record(
                        "ended",
                        frame.step,
                        self._path(state, pointer),
                        frame.id,
                        frame.attempt,
                        state.time,
                        frame.started,
                        STATUS_OF[ABORT],
                        None,
                        error,
                    )
                )
        for id in sorted(state.pointers):
            pointer = state.pointers[id]
            pointer.wait = GONE
            state.remove_pointer(pointer)
        for id in list(state.reopen):
            state.drop_reopen(id)
        for activation in list(state.collected):
            state.drop_collected(activation)
        for number in list(state.registered):
            state.unregister(number)
        self._finish(state, status, {}, error)

    def _end_run(self, state: State, outcome: int, error: Failure | None) -> None:
        """End the run in order; its own frame has been left."""
        root = state.pointers[0]
        root.wait = GONE
        state.remove_pointer(root)
        outputs = state.outputs or {}
        if state.terminating:
            status = "terminated"
        elif outcome == SUCCESS:
            status = "succeeded"
        elif outcome == ABORT:
            status = "aborted"
        else:
            status = "failed"
        if status in ("succeeded", "terminated"):
            for id in list(state.reopen):
                state.drop_reopen(id)
        if not state.reopen:
            for number in list(state.registered):
                state.unregister(number)
        self._finish(state, status, outputs if status == "succeeded" else {}, error)

    def _finish(self, state: State, status: str, outputs: dict[str, Any], error: Failure | None) -> None:
        for activation, kind in list(state.timers):
            state.drop_timer(activation, kind)
        for activation in list(state.waits):
            state.drop_wait(activation)
        state.suspended = False
        state.active = 0
        state.status = status
        state.end = (status, outputs, error)
        state.changed_end = True
        state.ready.clear()
        state.commands.append(EndRun(status, outputs, error, state.compensated))

    # What a retry of the run would reopen

    def _keep_for_retry(self, state: State, pointer: Pointer) -> None:
        """Keep the pointer as it is where it first failed."""
        if pointer.id in state.reopen or self._inside_hook(state, pointer):
            return
        frame = pointer.frames[-1]
        phase = frame.phase
        frame.phase = GUARDING if frame.attempt == 0 else BODY
        state.keep_reopen(pointer.id, pointer.row())
        frame.phase = phase

    def _inside_hook(self, state: State, pointer: Pointer) -> bool:
        """Say whether the innermost step belongs to a hook; then it is the hooked step that is reopened."""
        frames = pointer.frames[:-1]
        while True:
            for frame in frames:
                if frame.phase >= HOOK:
                    return True
            if pointer.parent < 0:
                return False
            pointer = state.pointers[pointer.parent]
            frames = pointer.frames

    def _drop_reopen_within(self, state: State, pointer: Pointer, frame: Frame) -> None:
        """Forget what failed inside a frame: it was passed over, or is tried again."""
        if state.reopen:
            if self._is_kept(state, pointer, frame):
                state.drop_reopen(pointer.id)
            self._drop_reopen_below(state, pointer.id, frame.id)

    def _is_kept(self, state: State, pointer: Pointer, frame: Frame) -> bool:
        """Say whether a retry of the run would reopen the frame."""
        row = state.reopen.get(pointer.id)
        if row is not None:
            for kept in row[8]:
                if kept[0] == frame.id:
                    return True
        return False

    def _drop_reopen_below(self, state: State, parent: int, activation: int) -> None:
        for id, row in list(state.reopen.items()):
            if row[1] == parent and row[2] >= activation and id in state.reopen:
                state.drop_reopen(id)
                self._drop_reopen_below(state, id, 0)

    # Waiting

    def _fork(self, state: State, pointer: Pointer, frame: Frame) -> None:
        pointer.wait = WAIT_FORK
        frame.next = 0
        frame.live = 0
        frame.stopped = False
        frame.failed = 0
        frame.failures = []
        frame.winner = -1
        self._fill(state, pointer, frame)

    def _start_child(self, state: State, pointer: Pointer, frame: Frame, step: StepRow, inputs: dict[str, Any]) -> None:
        child = step.child
        if child is None:
            raise InternalError(f"step {step.name} starts a child and names none")
        reopen = bool(frame.child) and not self.recovering
        if not frame.child:
            frame.child = derive_id(state.time, "child", state.run, frame.id, frame.attempt)
        state.changed[pointer.id] = pointer
        path = self._path(state, pointer)
        state.commands.append(
            StartChild(frame.id, frame.attempt, frame.step, path, frame.child, inputs, child.implicit_inputs, reopen)
        )
        if child.detach:
            self._succeed(state, pointer, frame, {"run": frame.child}, None)
        else:
            pointer.wait = WAIT_CHILD
            state.active += 1

    def _sleep(self, state: State, pointer: Pointer, frame: Frame, milliseconds: Any) -> None:
        if type(milliseconds) is not int or milliseconds < 0:
            raise ExpressionError(
                "type", f"a sleep needs milliseconds, 0 or more, and was given {describe(milliseconds)}"
            )
        if milliseconds > LARGEST_INTEGER - state.time:
            raise ExpressionError("arithmetic", f"a sleep of {milliseconds} ms ends after all times that are counted")
        self._wait_until(state, pointer, frame, state.time + milliseconds)

    def _sleep_until(self, state: State, pointer: Pointer, frame: Frame, moment: Any) -> None:
        due = epoch_milliseconds(moment)
        if due is None:
            shown = repr(moment) if type(moment) is str else describe(moment)
            raise ExpressionError("type", f"sleep_until needs a time like 2030-01-31T12:00:00Z and was given {shown}")
        self._wait_until(state, pointer, frame, due)

    def _wait_until(self, state: State, pointer: Pointer, frame: Frame, due: int) -> None:
        if due <= state.time:
            self._succeed(state, pointer, frame, {}, None)
            return
        pointer.wait = WAIT_TIMER
        state.changed[pointer.id] = pointer
        state.set_timer(frame.id, "sleep", due)
