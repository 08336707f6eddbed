"""Sagas: what is to be undone, and undoing it.

A step with a compensation *registers* it with its success, in the same delta, for every saga around it
(and for the run, where the program lets the run be undone). A saga that does not end well undoes what is
registered for it before its end counts: one compensation after another, the latest success first, each by
a pointer of its own below the saga's. Only then is the saga tried again, or its hooks run and its failure
goes up. What a saga that ended well has registered stays registered for those around it.

Rules:

1. A registration holds what the compensation reads as it was at the success. Its pointer sees scopes of
   its own with that in them, and nothing of what it leaves there outlives it.
2. A registration goes with the end of its compensation. A compensation that fails parks the run at its
   failed step; nothing else is undone before it is done.
3. Compensations are let finish like hooks: neither a cancel nor its deadline stops them. Past the
   deadline nothing else runs.
"""

from __future__ import annotations

from typing import Any

import cython

from .outcome import Failure
from .program import RESERVED_SLOTS
from .races import Races
from .state import Frame, Pointer, State
from .step_rows import StepRow

if not cython.compiled:
    from .phases import BODY, GONE, HOOK, STARTS_OVER, UNDOING, UNDONE, WAIT_UNDO, WANTS_UNDO

__all__ = ["Sagas"]


class Sagas(Races):
    """The sagas of one program."""

    # What is asked of the lifecycle

    def _settle(
        self,
        state: State,
        pointer: Pointer,
        outcome: int,
        error: Failure | None,
        outputs: dict[str, Any] | None,
        stdout: str | None,
    ) -> None:
        raise NotImplementedError

    def _inside_hook(self, state: State, pointer: Pointer) -> bool:
        raise NotImplementedError

    def _drop_reopen_within(self, state: State, pointer: Pointer, frame: Frame) -> None:
        raise NotImplementedError

    # Registering

    def _sagas_around(self, state: State, pointer: Pointer) -> list[int]:
        """Return the activations that undo the pointer's innermost step if they fail, the outermost first."""
        found: list[int] = []
        frames = pointer.frames[:-1]
        while True:
            for frame in reversed(frames):
                step = self._step(frame.step)
                if frame.phase < HOOK and (step.kind == "saga" or step.undoable):
                    found.append(frame.id)
            if pointer.parent < 0 or pointer.undoes:
                break
            pointer = state.pointers[pointer.parent]
            frames = pointer.frames
        found.reverse()
        return found

    def _check_frozen(self, state: State, pointer: Pointer, step: StepRow) -> None:
        """Count what a registration will hold. Raises ExpressionError (``limit``) where there is no room for it."""
        kept = [pointer.scopes[depth][slot] for depth, slot in step.frozen]
        self._check_size(state, kept, f"what the compensation of {step.name} reads")

    def _register(self, state: State, pointer: Pointer, frame: Frame, step: StepRow) -> None:
        """Have the innermost step, whose results have just been kept, be undone if a saga around it fails."""
        around = self._sagas_around(state, pointer)
        if around:
            frozen = [(depth, slot, pointer.scopes[depth][slot]) for depth, slot in step.frozen]
            frozen = [kept for kept in frozen if kept[2] is not None]
            state.register((frame.step, around, self._passes(state, pointer), frozen))

    def _release(self, state: State, pointer: Pointer, frame: Frame) -> None:
        """Forget what a saga has registered once it has been left, unless something around it may undo it yet."""
        if state.registered and not self._sagas_around(state, pointer):
            self._forget(state, frame.id)

    def _forget(self, state: State, saga: int) -> None:
        for number, row in list(state.registered.items()):
            if saga in row[1]:
                state.unregister(number)

    # Undoing

    def _undo(
        self, state: State, pointer: Pointer, frame: Frame, step: StepRow, outcome: int, error: Failure | None
    ) -> bool:
        """Begin to undo what is registered for a frame that ends so. Returns False where it has nothing to undo."""
        if frame.step:
            if step.kind != "saga":
                return False
        elif not step.undoable or not (frame.marks & WANTS_UNDO or step.exhausted == "compensate"):
            return False
        number = self._next_to_undo(state, pointer, frame)
        if not number:
            return False
        frame.outcome = outcome
        frame.error = error
        frame.phase = UNDOING
        pointer.wait = WAIT_UNDO
        self._start_undo(state, pointer, frame, number)
        return True

    def _next_to_undo(self, state: State, pointer: Pointer, frame: Frame) -> int:
        """Return the latest of what is registered for the frame; 0 if nothing is, or the run is being terminated."""
        if state.terminating and not self._inside_hook(state, pointer):
            return 0
        for number in reversed(state.registered):
            if frame.id in state.registered[number][1]:
                return int(number)
        return 0

    def _start_undo(self, state: State, pointer: Pointer, frame: Frame, number: int) -> None:
        row = state.registered[number]
        step = self._step(row[0])
        sizes = self.program.scope_sizes
        owners = tuple([state.add_scope(sizes[depth]) for depth in range(step.depth + 1)])
        for slot in range(RESERVED_SLOTS):
            state.store(owners[0], slot, state.scopes[0][slot])
        for depth, slot, value in row[3]:
            state.store(owners[depth], slot, value)
        undoing = state.add_pointer(pointer.id, frame.id, 0, step.compensation, owners, -1)
        undoing.undoes = number
        state.changed[pointer.id] = pointer
        state.ready.append(undoing)

    def _end_undo(self, state: State, pointer: Pointer) -> None:
        """Take out the pointer of a compensation that has ended, and go on with the next one or with the saga's end."""
        parent = state.pointers[pointer.parent]
        frame = parent.frames[-1]
        state.remove_pointer(pointer)
        pointer.wait = GONE
        state.unregister(pointer.undoes)
        number = self._next_to_undo(state, parent, frame)
        if number:
            self._start_undo(state, parent, frame, number)
            return
        self._forget(state, frame.id)
        frame.phase = BODY
        frame.mark = 0
        frame.marks = (frame.marks & ~WANTS_UNDO) | UNDONE | STARTS_OVER
        self._drop_reopen_within(state, parent, frame)
        self._settle(state, parent, frame.outcome, frame.error, None, None)

    def _carry_marks(self, state: State, pointer: Pointer, frame: Frame) -> None:
        """Have what a failure takes along come to the frame that it goes up to; ``frame`` has been closed."""
        marks = frame.marks & ~STARTS_OVER
        if pointer.frames:
            above = pointer.frames[-1]
            if above.phase >= HOOK and above.error is not None:
                return  # a hook does not change how its step failed
            above.marks |= marks
        elif pointer.parent >= 0 and not pointer.undoes:
            above = state.pointers[pointer.parent].frames[-1]
            above.marks |= marks
        elif not state.terminating:
            state.compensated = marks & UNDONE != 0

    # Past the deadline of a cancel

    def _inside_undo(self, state: State, pointer: Pointer) -> bool:
        """Say whether the pointer is part of a compensation."""
        while not pointer.undoes:
            if pointer.parent < 0:
                return False
            pointer = state.pointers[pointer.parent]
        return True

    def _is_cut_short(self, state: State, pointer: Pointer) -> bool:
        """Say whether nothing more is to be begun by the pointer, no hook either."""
        return state.hurried and not self._inside_undo(state, pointer)
