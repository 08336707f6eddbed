"""Events, approvals and publishing: what a run is told from outside, and what it tells.

A wait stands in the state (``State.waits``) from where it is reached to where its step settles, however
that comes about. Waits on one name and key form a queue in the order in which they were reached, and
the run has a cursor for it: the number of the last event that one of them took. The first of the queue
is the one that the store is asked to deliver to; what the store is asked follows from the queues after
every advance, so a wait that is cancelled, loses or runs out of time takes nothing afterwards.

This file knows nothing of stores: it asks by commands, and learns by events.
"""

from __future__ import annotations

from typing import Any

import cython

from .commands import Publish, Subscribe, Unsubscribe
from .errors import ExpressionError, InternalError
from .ids import derive_id
from .lifecycle import Lifecycle
from .moments import epoch_milliseconds, moment_text
from .operators import join_text
from .outcome import Failure
from .state import SINCE_NOW, SINCE_RUN, Frame, Pointer, State, Waiting
from .step_rows import StepRow
from .values import describe

if not cython.compiled:
    from .opcodes import APPROVE, PUBLISH, TIMED_OUT, WAIT
    from .phases import ERROR, FAILURE, WAIT_ANSWER, WAIT_EVENT

__all__ = ["Signals"]


class Signals(Lifecycle):
    """What happens to the waits of one program's runs."""

    def _carry_out_signal(
        self, state: State, pointer: Pointer, frame: Frame, step: StepRow, op: int, stack: list[Any]
    ) -> None:
        """Carry out one of the instructions of waits, approvals and publishing."""
        if op == WAIT:
            since = _moment(stack.pop())
            key = join_text([stack.pop()])
            row = Waiting("event", frame.attempt, _signal_of(step).event, key, since)
            self._wait(state, pointer, frame, step, row, WAIT_EVENT)
        elif op == APPROVE:
            assignees = _people(stack.pop())
            title = join_text([stack.pop()])
            row = Waiting("approval", frame.attempt, title=title, assignees=assignees)
            self._wait(state, pointer, frame, step, row, WAIT_ANSWER)
        elif op == PUBLISH:
            self._publish(state, pointer, frame, step, join_text([stack.pop(-2)]), stack.pop())
        elif op == TIMED_OUT:
            self._succeed(state, pointer, frame, _outputs_without_answer(step), None)
        else:
            raise InternalError(f"no such opcode: {op}")

    def _wait(self, state: State, pointer: Pointer, frame: Frame, step: StepRow, row: Waiting, phase: int) -> None:
        self._check_size(state, [row.key, row.title, list(row.assignees)], "what is waited for")
        pointer.wait = phase
        state.changed[pointer.id] = pointer
        state.add_wait(frame.id, row)
        limit = _signal_of(step).timeout_ms
        if limit:
            state.set_timer(frame.id, "wait", state.time + limit)

    def _publish(self, state: State, pointer: Pointer, frame: Frame, step: StepRow, key: str, data: Any) -> None:
        id = derive_id(state.time, "event", state.run, frame.id, frame.attempt)
        self._renew_subscriptions(state)  # who waits already is told of it too
        state.commands.append(Publish(frame.id, frame.attempt, id, _signal_of(step).event, key, data))
        self._succeed(state, pointer, frame, {"id": id}, None)

    # What comes in

    def _apply_event_arrived(self, state: State, event: Any) -> bool:
        """Give an event to the wait that it was delivered for, if that is still the first of its queue."""
        place = (event.name, event.key)
        queue = state.queues.get(place)
        if not queue:
            return False
        activation = next(iter(queue))
        if activation != event.activation or state.waits[activation].attempt != event.attempt:
            return False
        if event.number <= state.cursors.get(place, 0):
            return False
        state.set_cursor(event.name, event.key, event.number)
        state.subscribed.pop(place, None)  # what was asked for has come
        pointer = state.located[activation]
        frame = pointer.frames[-1]
        self._succeed(state, pointer, frame, {"data": event.data, "timed_out": False}, None)
        return True

    def _apply_answered(self, state: State, event: Any) -> bool:
        """Give an answer to the approval that waits for it. One that is no option, or comes second, is stale."""
        pointer = state.located.get(event.activation)
        if pointer is None or pointer.wait != WAIT_ANSWER:
            return False
        frame = pointer.frames[-1]
        signal = _signal_of(self._step(frame.step))
        if frame.id != event.activation or frame.attempt != event.attempt or event.option not in signal.options:
            return False
        at = moment_text(event.time)
        if event.option in signal.reject:
            details = {"option": event.option, "by": event.by, "at": at}
            message = f"{event.by or 'somebody'} answered {event.option} to: {state.waits[frame.id].title}"
            failure = self._located(state, pointer, frame, Failure("refused", message, details=details))
            self._settle(state, pointer, FAILURE, failure, None, None)
        else:
            outputs = {"option": event.option, "by": event.by, "at": at, "timed_out": False}
            self._succeed(state, pointer, frame, outputs, None)
        return True

    def _run_out(self, state: State, activation: int) -> None:
        """Let the time of a wait be over: its steps for that case run, or it ends in error."""
        pointer = state.located[activation]
        frame = pointer.frames[-1]
        step = self._step(frame.step)
        signal = _signal_of(step)
        row = state.waits[activation]
        state.drop_wait(activation)
        if signal.on_timeout >= 0:
            self._go_on(state, pointer, signal.on_timeout)
            return
        keyed = f" with the key {row.key}" if row.key else ""
        what = f"no event {row.name}{keyed} came" if row.kind == "event" else "nobody answered"
        failure = Failure(
            "timeout",
            f"{what} within the timeout of {signal.timeout_ms} ms of {step.name}",
            details={"limit_ms": signal.timeout_ms},
        )
        self._settle(state, pointer, ERROR, self._located(state, pointer, frame, failure), None, None)

    # What is asked of the store

    def _renew_subscriptions(self, state: State) -> None:
        """Ask for what the first wait of each queue needs, where that has changed within this advance."""
        for place in state.stirred:
            name, key = place
            asked = state.subscribed.get(place)
            queue = state.queues.get(place)
            if not queue:
                if asked is not None:
                    del state.subscribed[place]
                    state.commands.append(Unsubscribe(name, key))
                continue
            activation = next(iter(queue))
            row = state.waits[activation]
            wanted = (activation, row.attempt)
            if wanted == asked:
                continue
            since = row.since
            if since == SINCE_NOW and activation not in state.changed_waits:
                # It was reached while another was first: all that came since is behind the cursor.
                since = SINCE_RUN
            state.subscribed[place] = wanted
            after = state.cursors.get(place, 0)
            state.commands.append(Subscribe(activation, row.attempt, name, key, after, since))
        state.stirred.clear()


def _signal_of(step: StepRow) -> Any:
    if step.signal is None:
        raise InternalError(f"step {step.name} is a {step.kind} and says not of what")
    return step.signal


def _outputs_without_answer(step: StepRow) -> dict[str, Any]:
    if step.kind == "approve":
        return {"option": None, "by": None, "at": None, "timed_out": True}
    return {"data": None, "timed_out": True}


def _moment(value: Any) -> int:
    """Return from when on events count: SINCE_RUN, SINCE_NOW or epoch milliseconds."""
    if value is None or value == "run":
        return SINCE_RUN
    if value == "now":
        return SINCE_NOW
    moment = epoch_milliseconds(value)
    if moment is None:
        shown = repr(value) if type(value) is str else describe(value)
        raise ExpressionError(
            "type", f"since needs run, now or a time like 2030-01-31T12:00:00Z, and was given {shown}"
        )
    return max(moment, 0)


def _people(value: Any) -> tuple[str, ...]:
    """Return who is asked, as texts; a list among them counts as its items."""
    found: list[str] = []
    for item in value if type(value) is list else [value]:
        found += [join_text([part]) for part in item] if type(item) is list else [join_text([item])]
    return tuple(name for name in found if name)
