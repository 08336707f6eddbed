"""The whole state of a run, as data: live pointers, their frames, the run's data and its timers.

A *pointer* is a thread of execution: a ``pc`` and a stack of frames. A *frame* is one activation of
a named step; its ``id`` is what events and timers refer to. A *scope* is a row of slots: the run has
one, and so has each iteration of a for_each, under the id of its pointer.

Rules:

1. Only what is live is kept. What ended is in the records of the deltas, which stores keep.
2. All changes within an advance are noted here, so that ``take_delta`` can say what changed; old
   state plus delta equals the new state.
3. This file knows nothing of opcodes or of what a change means: that is the machine's.
4. What reads stored data looks at its length first: a store may be damaged.

On the wire a pointer is the tuple of its fields in the order below, frames likewise. Fields are only
ever added at the end; ``FORMAT_VERSION`` says what an old host can't read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from heapq import heapify, heappop, heappush
from types import GenericAlias
from typing import Any, Final, get_args, get_origin

import cython
import msgspec

from .errors import StateError
from .outcome import Failure
from .undecoded import leaving

if not cython.compiled:
    from .phases import READY, WAIT_CHILD, WAIT_STEP

__all__ = [
    "FORMAT_VERSION",
    "SINCE_NOW",
    "SINCE_RUN",
    "Delta",
    "Frame",
    "Pointer",
    "Record",
    "State",
    "Waiting",
    "decode_delta",
    "encode_delta",
]

FORMAT_VERSION: Final = 1

UNREADABLE: Final = (
    msgspec.DecodeError,
    AttributeError,
    LookupError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What reading data of another layout than this one's ends in."""

# From when on a wait takes events; any other number is a time in epoch milliseconds.
SINCE_NOW: Final = -1  # from when the wait was reached
SINCE_RUN: Final = -2  # from when the run was created


class Record(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A line of the run's history. ``what`` is started, ended, changed (a hook failed a step that had
    succeeded) or supplied (ended, with outputs that somebody gave)."""

    what: str
    step: int
    path: str
    activation: int
    attempt: int
    time: int
    started: int = 0
    status: str = ""
    outputs: dict[str, Any] | None = None
    error: Failure | None = None


class Waiting(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What an attempt of a step waits for from outside: ``kind`` is event or approval.

    An event has ``name``, ``key`` and ``since``; an approval has ``title`` and ``assignees``.
    """

    kind: str
    attempt: int
    name: str = ""
    key: str = ""
    since: int = SINCE_RUN
    title: str = ""
    assignees: tuple[str, ...] = ()


class Delta(msgspec.Struct, array_like=True, gc=False):
    """What one advance changed. ``sequence`` is the state's after it."""

    format: int
    sequence: int
    time: int
    status: str
    header: tuple[Any, ...]  # State's scalar fields, in the order of State.header()
    pointers: list[tuple[Any, ...]]
    removed: list[int]
    data: list[tuple[int, int, Any]]  # (scope, slot, value)
    scopes: list[tuple[int, int]]  # (scope, its number of slots): new ones
    dropped: list[int]  # scopes
    collected: list[tuple[int, int, Any]]  # (activation, index, value)
    uncollected: list[int]  # activations
    timers: list[tuple[int, str, int]]  # (activation, kind, due); due 0: gone
    reopen: list[tuple[int, tuple[Any, ...] | None]]  # (pointer, its row; None: gone)
    records: list[Record]
    tolerated: list[tuple[str, Failure | None]]
    warnings: list[str]
    end: tuple[str, dict[str, Any], Failure | None] | None  # (status, outputs, error)
    registered: list[tuple[int, tuple[Any, ...] | None]] = []  # (number, what is to be undone; None: gone)
    hurried: bool = False
    compensated: bool = False
    waits: list[tuple[int, Waiting | None]] = []  # (activation, what it waits for; None: nothing any more)
    cursors: list[tuple[str, str, int]] = []  # (name, key, the number of the last event taken)
    requests: list[tuple[str, str]] = []  # (what somebody asked of the run, who and why)


NOTHING: Final[Any] = ()  # in place of the empty lists, of which a delta has many

_encoder = msgspec.msgpack.Encoder()
_delta_decoder = msgspec.msgpack.Decoder(Delta)
# A delta that is only folded into a state leaves its history undecoded, which is its greater part and not in the state.
# Its lists are tuples: most are empty, and of those there is only one.
_tuples: Final[Any] = {
    field.name: GenericAlias(tuple, (get_args(field.type)[0], ...))
    for field in msgspec.structs.fields(Delta)
    if get_origin(field.type) is list
}
_history: Final[Any] = {"records": msgspec.Raw, "requests": msgspec.Raw}
_folded_decoder = msgspec.msgpack.Decoder(leaving(Delta, **{**_tuples, **_history}))
_any_decoder = msgspec.msgpack.Decoder(list[Any])
_failure = msgspec.msgpack.Decoder(Failure | None)


def encode_delta(delta: Delta) -> bytes:
    """Return the delta as bytes for a store."""
    return _encoder.encode(delta)


def decode_delta(data: bytes) -> Delta:
    """Return the delta that a store kept. Raises StateError for one of a newer format, or damaged."""
    delta: Delta = _decoded(data, _delta_decoder)
    return delta


def _decoded(data: bytes, decoder: msgspec.msgpack.Decoder[Any]) -> Any:
    try:
        delta = decoder.decode(data)
        _check_format(delta.format, "change")
        return delta
    except (msgspec.DecodeError, RecursionError) as error:
        with suppress(msgspec.DecodeError, RecursionError):  # of another layout altogether, it may say so
            _check_format(next(iter(_any_decoder.decode(data)), None), "change")
        raise StateError("state", f"a stored change can't be read: {error}") from error


def _check_format(found: Any, what: str) -> None:
    if isinstance(found, int) and found > FORMAT_VERSION:
        raise StateError(
            "format", f"the stored {what} has format {found}, this host reads up to {FORMAT_VERSION}: upgrade wfe"
        )


class Frame:
    """One activation of a step."""

    def __init__(self, id: int, step: int) -> None:
        self.id: int = id
        self.step: int = step
        self.phase: int = 0
        self.outcome: int = 0
        self.attempt: int = 0  # counts up over resume and retry
        self.tries: int = 0  # attempts since the last fresh start
        self.passes: int = 0
        self.opened: int = 0  # when the current series of attempts began
        self.started: int = 0  # when the current attempt began
        self.mark: int = 0  # pc at which to take up again: its condition's, or where it was stopped; 0: its entry
        self.error: Failure | None = None
        self.cause_outcome: int = 0  # what the frame is being stopped with; 0: it isn't
        self.cause: Failure | None = None
        self.final: bool = False  # no further attempt, whatever the policy says
        self.child: str = ""
        # Of a fork
        self.total: int = 0
        self.next: int = 0
        self.live: int = 0
        self.stopped: bool = False
        self.failed: int = 0
        self.failures: list[tuple[int, Failure | None]] = []
        self.winner: int = -1  # of a race: the branch that decided it
        self.marks: int = 0  # what its failure takes along, see phases

    def row(self) -> tuple[Any, ...]:
        """Return the frame as it is stored. What few frames have ends the row, and is left out where it isn't there."""
        row = (
            self.id,
            self.step,
            self.phase,
            self.outcome,
            self.attempt,
            self.tries,
            self.passes,
            self.opened,
            self.started,
            self.mark,
        )
        stopping = self.error is not None or self.cause_outcome or self.cause is not None or self.final
        forking = self.total or self.next or self.live or self.stopped or self.failed or self.failures
        if not (stopping or forking or self.child or self.winner >= 0 or self.marks):
            return row
        return (
            *row,
            self.error,
            self.cause_outcome,
            self.cause,
            self.final,
            self.child,
            self.total,
            self.next,
            self.live,
            self.stopped,
            self.failed,
            self.failures or None,
            self.winner,
            self.marks,
        )


def frame_from(row: Any) -> Frame:
    """Return the frame that a row describes. Raises IndexError for one that is too short."""
    _check_length(row, 10)
    if len(row) > 10:
        _check_length(row, 21)
    frame = Frame(row[0], row[1])
    frame.phase = row[2]
    frame.outcome = row[3]
    frame.attempt = row[4]
    frame.tries = row[5]
    frame.passes = row[6]
    frame.opened = row[7]
    frame.started = row[8]
    frame.mark = row[9]
    if len(row) == 10:
        return frame
    frame.error = _failure_from(row[10])
    frame.cause_outcome = row[11]
    frame.cause = _failure_from(row[12])
    frame.final = row[13]
    frame.child = row[14]
    frame.total = row[15]
    frame.next = row[16]
    frame.live = row[17]
    frame.stopped = row[18]
    frame.failed = row[19]
    frame.failures = [(outcome, _failure_from(error)) for outcome, error in row[20] or ()]
    if len(row) > 21:  # what was stored before there were races and sagas ends here
        _check_length(row, 23)
        frame.winner = row[21]
        frame.marks = row[22]
    return frame


def _check_length(row: Any, least: int) -> None:
    """Raise IndexError for a row that is too short: the compiled build does not look when it takes a field."""
    if len(row) < least:
        raise IndexError(f"{len(row)} fields where there are {least}")


def _failure_from(value: Any) -> Failure | None:
    return value if value is None or isinstance(value, Failure) else msgspec.convert(value, Failure)


class Pointer:
    """A thread of execution."""

    def __init__(self, id: int, parent: int, fork: int, index: int, pc: int, owners: tuple[int, ...]) -> None:
        self.id: int = id
        self.parent: int = parent  # pointer; -1: this is the run's own
        self.fork: int = fork  # the parent's frame that started this one
        self.index: int = index
        self.pc: int = pc
        self.wait: int = READY
        self.unwind: int = 0  # why frames are being left: 0 they aren't, else see the machine
        self.owners: tuple[int, ...] = owners  # scopes it sees, by depth
        self.undoes: int = 0  # the registration that it undoes; it is the only one to see its scopes
        self.frames: list[Frame] = []
        self.scopes: list[list[Any]] = []  # the owners' slots; not stored

    def row(self) -> tuple[Any, ...]:
        """Return the pointer as it is stored."""
        return (
            self.id,
            self.parent,
            self.fork,
            self.index,
            self.pc,
            self.wait,
            self.unwind,
            self.owners,
            [frame.row() for frame in self.frames],
            self.undoes,
        )


def pointer_from(row: Any) -> Pointer:
    """Return the pointer that a row describes, its scopes not yet bound. Raises IndexError for too short a one."""
    _check_length(row, 9)
    pointer = Pointer(row[0], row[1], row[2], row[3], row[4], tuple(row[7]))
    pointer.wait = row[5]
    pointer.unwind = row[6]
    pointer.frames = [frame_from(frame) for frame in row[8]]
    if len(row) > 9:
        pointer.undoes = row[9]
    return pointer


class State:
    """A run's state, and the changes noted since the last delta was taken."""

    def __init__(self, run: str, name: str, program: str) -> None:
        self.run: str = run
        self.name: str = name
        self.program: str = program
        self.sequence: int = 0
        self.time: int = 0
        self.status: str = "pending"
        self.next_pointer: int = 0
        self.next_activation: int = 1
        self.suspended: bool = False
        self.suspended_at: int = 0
        self.cancelling: bool = False
        self.terminating: bool = False
        self.hurried: bool = False  # past the deadline of its cancel: only compensations still run
        self.compensated: bool = False  # it did not succeed, and was undone for it
        self.size: int = 0  # of the data, in bytes, about
        self.outputs: dict[str, Any] | None = None  # the run's, once its body has given them
        self.pointers: dict[int, Pointer] = {}
        self.scopes: dict[int, list[Any]] = {}
        self.collected: dict[int, dict[int, Any]] = {}
        self.timers: dict[tuple[int, str], int] = {}
        self.reopen: dict[int, tuple[Any, ...]] = {}
        self.registered: dict[int, tuple[Any, ...]] = {}  # what is to be undone, in the order of completion
        self.tolerated: list[tuple[str, Failure | None]] = []
        self.warnings: list[str] = []
        self.end: tuple[str, dict[str, Any], Failure | None] | None = None
        self.waits: dict[int, Waiting] = {}  # activation -> what it waits for, in the order in which it was reached
        self.cursors: dict[tuple[str, str], int] = {}  # (name, key) of events -> the number of the last one taken
        # Derived, not stored
        self.queues: dict[tuple[str, str], dict[int, None]] = {}  # (name, key) -> who waits, the first one first
        self.subscribed: dict[tuple[str, str], tuple[int, int]] = {}  # -> activation and attempt that the store knows
        self.located: dict[int, Pointer] = {}  # activation -> pointer
        self.active: int = 0  # pointers that wait for a step or a child
        self.heap: list[tuple[int, int, str]] = []
        self.stop_after: str = ""  # a step's path or name: suspend once it has been left; the host's wish
        # Changes since the last delta
        self.ready: deque[Pointer] = deque()
        self.deciding: list[Pointer] = []  # branches that have come through well, in a race that is not decided
        self.commands: list[Any] = []
        self.records: list[Record] = []
        self.changed: dict[int, Pointer] = {}
        self.removed: list[int] = []
        self.changed_data: dict[tuple[int, int], None] = {}  # owner and slot
        self.marked_owner: int = -1  # the owner that was marked last …
        self.marked_slots: int = 0  # … and which of its first slots are in changed_data, a bit each
        self.new_scopes: list[tuple[int, int]] = []
        self.dropped_scopes: list[int] = []
        self.new_collected: list[tuple[int, int, Any]] = []
        self.dropped_collected: list[int] = []
        self.changed_timers: dict[tuple[int, str], int] = {}
        self.changed_reopen: dict[int, tuple[Any, ...] | None] = {}
        self.changed_registered: dict[int, tuple[Any, ...] | None] = {}
        self.new_tolerated: list[tuple[str, Failure | None]] = []
        self.new_warnings: list[str] = []
        self.changed_end: bool = False
        self.changed_waits: dict[int, Waiting | None] = {}
        self.changed_cursors: dict[tuple[str, str], int] = {}
        self.stirred: dict[tuple[str, str], None] = {}  # queues that have changed
        self.requests: list[tuple[str, str]] = []  # kept in the history, like records

    def _forget_changes(self) -> None:
        """Begin new notes. Those that are empty are still: few advances change much."""
        self.commands = []
        if self.ready:
            self.ready = deque()
        if self.deciding:
            self.deciding = []
        if self.records:
            self.records = []
        if self.changed:
            self.changed = {}
        if self.removed:
            self.removed = []
        if self.changed_data:
            self.changed_data = {}
            self.marked_owner = -1
        if self.new_scopes:
            self.new_scopes = []
        if self.dropped_scopes:
            self.dropped_scopes = []
        if self.new_collected:
            self.new_collected = []
        if self.dropped_collected:
            self.dropped_collected = []
        if self.changed_timers:
            self.changed_timers = {}
        if self.changed_reopen:
            self.changed_reopen = {}
        if self.changed_registered:
            self.changed_registered = {}
        if self.new_tolerated:
            self.tolerated += self.new_tolerated
            self.new_tolerated = []
        if self.new_warnings:
            self.warnings += self.new_warnings
            self.new_warnings = []
        if self.changed_waits:
            self.changed_waits = {}
        if self.changed_cursors:
            self.changed_cursors = {}
        if self.stirred:
            self.stirred = {}
        if self.requests:
            self.requests = []
        self.changed_end = False

    # Changes

    def add_pointer(self, parent: int, fork: int, index: int, pc: int, owners: tuple[int, ...], slots: int) -> Pointer:
        """Add a pointer, with a scope of its own of that many slots unless ``slots`` is negative. Returns it."""
        id = self.next_pointer
        self.next_pointer = id + 1
        if slots >= 0:
            owners = (*owners, id)
            self.scopes[id] = [None] * slots
            self.new_scopes.append((id, slots))
        pointer = Pointer(id, parent, fork, index, pc, owners)
        pointer.scopes = [self.scopes[owner] for owner in owners]
        self.pointers[id] = pointer
        self.changed[id] = pointer
        return pointer

    def remove_pointer(self, pointer: Pointer) -> None:
        """Remove a pointer and, unless it may be reopened, the scope that is its own."""
        id = pointer.id
        del self.pointers[id]
        self.changed.pop(id, None)
        self.removed.append(id)
        for frame in pointer.frames:
            self.located.pop(frame.id, None)
        if pointer.undoes:
            for owner in pointer.owners:
                self.drop_scope(owner)
        elif id in self.scopes and id not in self.reopen and id != 0:
            self.drop_scope(id)

    def add_scope(self, slots: int) -> int:
        """Add a scope that is no pointer's own, under an id that no pointer will have. Whoever adds it drops it."""
        id = self.next_pointer
        self.next_pointer = id + 1
        self.scopes[id] = [None] * slots
        self.new_scopes.append((id, slots))
        return id

    def drop_scope(self, owner: int) -> None:
        """Forget a scope and what it holds."""
        if self.scopes.pop(owner, None) is not None:
            self.dropped_scopes.append(owner)

    def store(self, owner: int, slot: int, value: Any) -> None:
        """Put a value into a slot."""
        self.scopes[owner][slot] = value
        self.mark(owner, slot)

    def mark(self, owner: int, slot: int) -> None:
        """Note that a slot has got a value; a loop does so again and again with the same few."""
        if owner != self.marked_owner:
            self.marked_owner = owner
            self.marked_slots = 0
        if slot < 62:  # for so many an integer in C has room
            bit = 1
            bit <<= slot
            if self.marked_slots & bit:
                return
            self.marked_slots |= bit
        self.changed_data[owner, slot] = None

    def collect(self, activation: int, index: int, value: Any) -> None:
        """Keep an iteration's part of a list."""
        self.collected.setdefault(activation, {})[index] = value
        self.new_collected.append((activation, index, value))

    def drop_collected(self, activation: int) -> None:
        """Forget what was collected for a frame."""
        if self.collected.pop(activation, None) is not None:
            self.dropped_collected.append(activation)
            if self.new_collected:
                self.new_collected = [row for row in self.new_collected if row[0] != activation]

    def set_timer(self, activation: int, kind: str, due: int) -> None:
        """Have a timer fire for a frame when it is ``due``, in place of an earlier one of that kind."""
        self.timers[activation, kind] = due
        self.changed_timers[activation, kind] = due
        heappush(self.heap, (due, activation, kind))

    def drop_timer(self, activation: int, kind: str) -> None:
        """Forget a timer, if there is one."""
        if self.timers and self.timers.pop((activation, kind), None) is not None:
            self.changed_timers[activation, kind] = 0

    def add_wait(self, activation: int, row: Waiting) -> None:
        """Note what a frame waits for; an event's wait is the last in its queue."""
        self.waits[activation] = row
        self.changed_waits.pop(activation, None)  # so that the order in which they were reached shows
        self.changed_waits[activation] = row
        self._queue(activation, row)
        if row.kind == "event":
            self.stirred[row.name, row.key] = None

    def drop_wait(self, activation: int) -> None:
        """Forget what a frame waits for, if it does, and its limit of time."""
        row = self.waits.pop(activation, None)
        if row is None:
            return
        self.changed_waits[activation] = None
        self.drop_timer(activation, "wait")
        if row.kind == "event":
            place = (row.name, row.key)
            queue = self.queues[place]
            del queue[activation]
            if not queue:
                del self.queues[place]
            self.stirred[place] = None

    def set_cursor(self, name: str, key: str, number: int) -> None:
        """Note that the event of that number was taken."""
        self.cursors[name, key] = number
        self.changed_cursors[name, key] = number

    def _queue(self, activation: int, row: Waiting) -> None:
        if row.kind == "event":
            self.queues.setdefault((row.name, row.key), {})[activation] = None

    def keep_reopen(self, pointer_id: int, row: tuple[Any, ...]) -> None:
        """Keep what a retry of the run would reopen."""
        self.reopen[pointer_id] = row
        self.changed_reopen[pointer_id] = row

    def take_reopen(self, pointer_id: int) -> tuple[Any, ...]:
        """Take out a row that is being reopened."""
        self.changed_reopen[pointer_id] = None
        return self.reopen.pop(pointer_id)

    def drop_reopen(self, pointer_id: int) -> None:
        """Forget a row that will not be reopened, and what was kept for it alone."""
        row = self.take_reopen(pointer_id)
        for frame in row[8]:
            if frame[0] not in self.located:
                self.drop_collected(frame[0])
        if pointer_id not in self.pointers and pointer_id != 0:
            self.drop_scope(pointer_id)

    def register(self, row: tuple[Any, ...]) -> None:
        """Keep what is to be undone as the latest."""
        number = 1
        for number in reversed(self.registered):
            number += 1
            break
        self.registered[number] = row
        self.changed_registered[number] = row

    def unregister(self, number: int) -> None:
        """Forget what has been undone, or won't be."""
        del self.registered[number]
        self.changed_registered[number] = None

    def due(self) -> int:
        """Return when the next timer fires, 0 if none will. A suspended or ended run's timers stand still."""
        if self.suspended or self.end is not None:
            return 0
        heap = self.heap
        while heap:
            due, activation, kind = heap[0]
            if self.timers.get((activation, kind)) == due:
                return due
            heappop(heap)
        return 0

    def take_due(self, time: int) -> tuple[int, str] | None:
        """Take the first timer due by ``time``, of two alike the smaller activation's; None if there is none."""
        due = self.due()
        if not due or due > time:
            return None
        _, activation, kind = heappop(self.heap)
        self.drop_timer(activation, kind)
        return activation, kind

    # In and out

    def header(self) -> tuple[Any, ...]:
        """Return the scalar fields that every delta carries."""
        return (
            self.next_pointer,
            self.next_activation,
            self.suspended,
            self.suspended_at,
            self.cancelling,
            self.terminating,
            self.size,
            self.outputs,
        )

    def _set_header(self, header: Any) -> None:
        (
            self.next_pointer,
            self.next_activation,
            self.suspended,
            self.suspended_at,
            self.cancelling,
            self.terminating,
            self.size,
            self.outputs,
        ) = header[:8]

    def take_delta(self) -> Delta:
        """Return what changed since the last one was taken, and forget the notes of it."""
        self.sequence += 1
        delta = Delta(
            FORMAT_VERSION,
            self.sequence,
            self.time,
            self.status,
            self.header(),
            [pointer.row() for pointer in self.changed.values()] if self.changed else NOTHING,
            self.removed or NOTHING,
            self._new_values() if self.changed_data else NOTHING,
            self.new_scopes or NOTHING,
            self.dropped_scopes or NOTHING,
            self.new_collected or NOTHING,
            self.dropped_collected or NOTHING,
            [(*timer, due) for timer, due in self.changed_timers.items()] if self.changed_timers else NOTHING,
            list(self.changed_reopen.items()) if self.changed_reopen else NOTHING,
            self.records or NOTHING,
            self.new_tolerated or NOTHING,
            self.new_warnings or NOTHING,
            self.end if self.changed_end else None,
            list(self.changed_registered.items()) if self.changed_registered else NOTHING,
            self.hurried,
            self.compensated,
            list(self.changed_waits.items()) if self.changed_waits else NOTHING,
            [(*queue, number) for queue, number in self.changed_cursors.items()] if self.changed_cursors else NOTHING,
            self.requests or NOTHING,
        )
        self._forget_changes()
        return delta

    def _new_values(self) -> list[tuple[int, int, Any]]:
        scopes = self.scopes
        return [(owner, slot, scopes[owner][slot]) for owner, slot in self.changed_data if owner in scopes]

    def apply(self, delta: Delta) -> None:
        """Bring this state to where the delta's advance left it.

        Raises StateError for a delta of a newer format, out of order, or damaged.
        """
        _check_format(delta.format, "change")
        pointers: dict[int, Any] = {}
        self._apply(delta, pointers)
        self._set_pointers(pointers)

    def fold(self, deltas: Iterable[bytes]) -> None:
        """Bring this state to where the last of these stored deltas left it. Raises StateError as ``apply`` does."""
        pointers: dict[int, Any] = {}
        for data in deltas:
            self._apply(_decoded(data, _folded_decoder), pointers)
        self._set_pointers(pointers)

    def _apply(self, delta: Any, changed: dict[int, Any]) -> None:
        """Take in a delta but for its pointers: their rows are noted, since a later one may change them again."""
        if delta.sequence != self.sequence + 1:
            raise StateError("order", f"change {delta.sequence} was given to a state at {self.sequence}")
        try:
            self._take_in(msgspec.structs.astuple(delta), changed)
        except UNREADABLE as error:
            raise StateError("state", f"stored change {delta.sequence} can't be read: {error}") from error

    def _take_in(self, fields: tuple[Any, ...], changed: dict[int, Any]) -> None:
        """Take in the fields of a delta: all at once, since asking for each by its name takes longer than the rest."""
        (
            _,
            self.sequence,
            self.time,
            self.status,
            header,
            pointers,
            removed,
            data,
            scopes,
            dropped,
            collected,
            uncollected,
            timers,
            reopen,
            _,
            tolerated,
            warnings,
            end,
            registered,
            self.hurried,
            self.compensated,
            waits,
            cursors,
            _,
        ) = fields
        self._set_header(header)
        for owner, slots in scopes:
            self.scopes[owner] = [None] * slots
        for owner, slot, value in data:
            if owner in self.scopes:  # a scope made and dropped within one advance leaves its writes behind
                self.scopes[owner][slot] = value
        for owner in dropped:
            self.scopes.pop(owner, None)
        for row in pointers:
            changed[row[0]] = row
        for id in removed:
            self.pointers.pop(id, None)
            changed.pop(id, None)
        for activation in uncollected:
            self.collected.pop(activation, None)
        for activation, index, value in collected:
            self.collected.setdefault(activation, {})[index] = value
        for activation, kind, due in timers:
            if due:
                self.timers[activation, kind] = due
            else:
                self.timers.pop((activation, kind), None)
        for id, reopened in reopen:
            if reopened is None:
                self.reopen.pop(id, None)
            else:
                self.reopen[id] = reopened
        for number, undone in registered:
            if undone is None:
                self.registered.pop(number, None)
            else:
                self.registered[number] = undone
        for activation, row in waits:
            self.waits.pop(activation, None)
            if row is not None:
                self.waits[activation] = row
        for name, key, number in cursors:
            self.cursors[name, key] = number
        self.tolerated += tolerated
        self.warnings += warnings
        if self.status in ("succeeded", "failed", "aborted", "terminated"):
            self.end = end
        else:
            self.end = None

    def _set_pointers(self, changed: dict[int, Any]) -> None:
        """Make pointers of the rows that deltas have left."""
        try:
            for row in changed.values():
                pointer = pointer_from(row)
                self.pointers[pointer.id] = pointer
        except UNREADABLE as error:
            raise StateError("state", f"a stored change can't be read: {error}") from error

    def bind(self) -> None:
        """Work out what is derived from the stored fields. Call once after the last ``apply``.

        Raises StateError for fields that do not belong together.
        """
        try:
            self._bind()
        except UNREADABLE as error:
            raise StateError("state", f"a stored state can't be used: {error!r}") from error

    def _bind(self) -> None:
        self.located = {}
        self.active = 0
        for pointer in self.pointers.values():
            pointer.scopes = [self.scopes[owner] for owner in pointer.owners]
            for frame in pointer.frames:
                self.located[frame.id] = pointer
            if pointer.wait in (WAIT_STEP, WAIT_CHILD):
                self.active += 1
        self.heap = [(due, activation, kind) for (activation, kind), due in self.timers.items()]
        heapify(self.heap)
        self.queues = {}
        for activation, row in self.waits.items():
            self._queue(activation, row)
        self.subscribed = {}
        for place, queue in self.queues.items():
            first = next(iter(queue))
            self.subscribed[place] = (first, self.waits[first].attempt)

    def snapshot(self) -> bytes:
        """Return the whole state as bytes: the same state gives the same bytes."""
        return _encoder.encode(
            (
                FORMAT_VERSION,
                self.run,
                self.name,
                self.program,
                self.sequence,
                self.time,
                self.status,
                self.header(),
                [self.pointers[id].row() for id in sorted(self.pointers)],
                [(owner, self.scopes[owner]) for owner in sorted(self.scopes)],
                [(activation, sorted(self.collected[activation].items())) for activation in sorted(self.collected)],
                [(activation, kind, due) for (activation, kind), due in sorted(self.timers.items())],
                sorted(self.reopen.items()),
                self.tolerated,
                self.warnings,
                self.end,
                sorted(self.registered.items()),
                self.hurried,
                self.compensated,
                list(self.waits.items()),
                [(name, key, number) for (name, key), number in sorted(self.cursors.items())],
            )
        )


def restore(data: bytes) -> State:
    """Return the state that a snapshot holds. ``bind`` it once later deltas are applied.

    Raises StateError for a snapshot of a newer format, or damaged.
    """
    try:
        fields = _any_decoder.decode(data)
        _check_length(fields, 1)
        _check_format(fields[0], "state")
        _check_length(fields, 16)
        state = State(fields[1], fields[2], fields[3])
        state.sequence, state.time, state.status = fields[4:7]
        state._set_header(fields[7])
        state.pointers = {pointer.id: pointer for pointer in map(pointer_from, fields[8])}
        state.scopes = dict(fields[9])
        state.collected = {activation: dict(items) for activation, items in fields[10]}
        state.timers = {(activation, kind): due for activation, kind, due in fields[11]}
        state.reopen = dict(fields[12])
        state.tolerated = [(path, _failure_from(error)) for path, error in fields[13]]
        state.warnings = fields[14]
        end = fields[15]
        if end is not None:
            status, outputs, error = end
            state.end = (status, outputs, _failure_from(error))
        if len(fields) > 16:  # what was stored before there were sagas ends here
            state.registered = dict(fields[16])
            state.hurried, state.compensated = fields[17:19]
        if len(fields) > 20:  # or before there were waits for events
            state.waits = {activation: msgspec.convert(row, Waiting) for activation, row in fields[19]}
            state.cursors = {(name, key): number for name, key, number in fields[20]}
    except UNREADABLE as error:
        raise StateError("state", f"a stored state can't be read: {error}") from error
    return state
