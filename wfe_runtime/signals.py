"""Events and approvals between machine and store: what each of them calls a subscription, an event, a wait.

This file owns how an event's data is encoded, and how a run's open waits read. It knows no engine.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from wfe_vm.commands import Publish, Subscribe, Unsubscribe
from wfe_vm.errors import StateError
from wfe_vm.events import EventArrived
from wfe_vm.phases import PARKED, WAIT_ANSWER, WAIT_CHILD, WAIT_EVENT, WAIT_STEP, WAIT_TIMER
from wfe_vm.program import ACTIVITY, Program
from wfe_vm.state import Frame, Pointer, State, Waiting
from wfe_vm.values import check_plain

from .errors import InputError
from .providers.deliveries import decode_delivery
from .providers.rows import NewEvent, Signal, Subscription, Unsubscription

__all__ = [
    "ACTIVITY",
    "OpenWait",
    "event_of",
    "goes_on_by_itself",
    "new_event",
    "open_waits",
    "signal_of",
    "steps_at_work",
    "works_on_a_host",
]

LONGEST_NAME: Final = 1000
"""Characters of an event's name, key and id: they are looked up by an index."""

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder()


def new_event(id: str, name: str, key: str, time: int, data: Any) -> NewEvent:
    """Return an event to be published. Raises InputError for a name or data that can't be kept."""
    problems = [
        f"its {what} has {len(text)} characters, and may have {LONGEST_NAME}"
        for what, text in (("name", name), ("key", key), ("id", id))
        if len(text) > LONGEST_NAME
    ]
    if not name:
        problems.append("it has no name")
    problem = None if data is None else check_plain(data)
    if problem is not None:
        problems.append(f"its data is no plain value: {problem}")
    if problems:
        raise InputError("the event can't be published:", problems)
    return NewEvent(id, name, key, time, _encoder.encode(data))


def signal_of(command: Subscribe | Unsubscribe | Publish, now: int) -> Signal:
    """Return what a commit has to hold for a command."""
    if isinstance(command, Subscribe):
        return Subscription(
            command.activation, command.attempt, command.name, command.key, command.after, command.since
        )
    if isinstance(command, Unsubscribe):
        return Unsubscription(command.name, command.key)
    return NewEvent(command.id, command.name, command.key, now, _encoder.encode(command.data))


def event_of(payload: bytes, now: int) -> EventArrived:
    """Return what a run is told by an inbox row of the kind PUBLISHED. Raises StateError where it can't be read."""
    try:
        delivery = decode_delivery(payload)
        event = delivery.event
        data = _decoder.decode(event.data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise StateError("event", f"an event can't be read: {error}") from error
    return EventArrived(now, delivery.activation, delivery.attempt, event.number, event.name, event.key, data)


class OpenWait(msgspec.Struct, frozen=True):
    """What one pointer of a run waits for.

    ``kind`` is event, approval, activity, timer, retry, child or resume; step for one under way on a host.
    ``since`` and ``due`` are epoch milliseconds, ``due`` 0 where no time ends it; ``path`` is the step's, without
    numbers of iterations.
    """

    kind: str
    activation: int
    attempt: int
    path: str
    name: str
    since: int
    due: int
    waiting: Waiting | None = None
    options: tuple[str, ...] = ()
    child: str = ""


def open_waits(state: State, program: Program) -> list[OpenWait]:
    """Return what a run's pointers wait for besides steps that run on a host, in the order of their activations."""
    found = []
    for pointer in state.pointers.values():
        if not pointer.frames:
            continue
        frame = pointer.frames[-1]
        kinds = {WAIT_EVENT: "event", WAIT_ANSWER: "approval", WAIT_CHILD: "child", PARKED: "resume"}
        kind = kinds.get(pointer.wait, "")
        if pointer.wait == WAIT_TIMER:
            kind = "retry" if (frame.id, "retry") in state.timers else "timer"
        elif pointer.wait == WAIT_STEP and program.steps[frame.step].type == ACTIVITY:
            kind = ACTIVITY
        if kind:
            found.append(_open_wait(kind, frame, state, program))
    return sorted(found, key=lambda wait: wait.activation)


def steps_at_work(state: State, program: Program) -> list[OpenWait]:
    """Return the steps under way on the host that has the run, in the order of their activations."""
    frames = [pointer.frames[-1] for pointer in state.pointers.values() if _is_at_work(pointer, program)]
    return [_open_wait("step", frame, state, program) for frame in sorted(frames, key=lambda frame: frame.id)]


def works_on_a_host(state: State, program: Program) -> bool:
    """Say whether a step is under way on the host that has the run; an activity is not: its worker is elsewhere."""
    return any(_is_at_work(pointer, program) for pointer in state.pointers.values())


def _is_at_work(pointer: Pointer, program: Program) -> bool:
    return pointer.wait == WAIT_STEP and program.steps[pointer.frames[-1].step].type != ACTIVITY


def _open_wait(kind: str, frame: Frame, state: State, program: Program) -> OpenWait:
    step = program.steps[frame.step]
    dues = [due for (activation, _), due in state.timers.items() if activation == frame.id]
    return OpenWait(
        kind,
        frame.id,
        frame.attempt,
        step.path or step.name,
        step.name,
        frame.started or frame.opened,
        min(dues, default=0),
        state.waits.get(frame.id),
        () if step.signal is None else step.signal.options,
        frame.child,
    )


def goes_on_by_itself(state: State) -> bool:
    """Say whether a timer will carry on a run that has no step under way: a sleep, or a retry's delay.

    The end of a wait's own time, or of the time of a block around it, does not count: that is its limit.
    """
    return any(kind in ("sleep", "retry") for _, kind in state.timers)
