"""What a store keeps, and what it is asked and answers with: the rows of the contracts, as data.

Times are epoch milliseconds. Ids of runs are time-ordered texts, made by the engine. What a store does with a row
is said in ``contracts.py``; this file knows no store.
"""

from __future__ import annotations

from typing import Final

import msgspec

from wfe_vm.state import SINCE_RUN

__all__ = [
    "ENDED_ACTIVITIES_KEPT_MS",
    "EVENTS_KEPT_MS",
    "FINISHED",
    "PUBLISHED",
    "ActivityRow",
    "EventRow",
    "FeedRow",
    "Host",
    "InboxPost",
    "InboxRow",
    "JournalRow",
    "KeptProgram",
    "LogRow",
    "NewActivity",
    "NewEvent",
    "NewRun",
    "Parked",
    "Place",
    "PlaceRow",
    "ProgramRow",
    "Published",
    "PurgeFilter",
    "Registration",
    "RunCommit",
    "RunFilter",
    "RunRow",
    "ScheduleRow",
    "Signal",
    "StoreSummary",
    "StoredState",
    "Subscription",
    "Unregistered",
    "Unsubscription",
]


FINISHED: Final = frozenset({"succeeded", "failed", "aborted", "terminated"})
"""The statuses of a run that has ended; only ``retry`` takes it out of them."""

EVENTS_KEPT_MS: Final = 30 * 24 * 3600 * 1000
"""How long an event is kept at least, from its own time on; a wait that comes later does not find it."""

ENDED_ACTIVITIES_KEPT_MS: Final = 24 * 3600 * 1000
"""How long an activity that is not open any more is kept at least, from its offer on."""

PUBLISHED: Final = "published"
"""The kind of the inbox rows that a subscription leads to; their payload is a Delivery (``deliveries.py``)."""


class ProgramRow(msgspec.Struct, frozen=True, gc=False):
    """A program by its hash. ``program`` and ``source_map`` are encoded as ``wfe_vm.program`` has them.

    ``verifier``, of one that a store gives: what was last noted of it by ``note_verified``.
    """

    hash: str
    workflow: str
    version: int
    program: bytes
    source_map: bytes
    verifier: str = ""


class KeptProgram(msgspec.Struct, frozen=True, gc=False):
    """A program as a store has it. ``wanted``: a run, a registration or a schedule names it, or it was put lately."""

    hash: str
    workflow: str
    version: int
    wanted: bool


class Place(msgspec.Struct, frozen=True, gc=False):
    """What a run asks of its concurrency group: to be one of ``limit`` runs that have a slot of it.

    ``on_full`` says what becomes of it where there is no slot: ``queue``, ``reject``, ``replace`` (those that
    wait give way to it, and it waits) or ``cancel_running`` (those that wait and as many holders as needed
    give way, and it waits). ``leave`` is the event that a run which gives way is told, encoded by the engine.
    """

    group: str
    limit: int
    on_full: str
    leave: bytes


class PlaceRow(msgspec.Struct, frozen=True, gc=False):
    """Where a run stands in its group.

    ``state``: ``held``, it has a slot, from here on to its end; ``waiting``, it waits for one; ``leaving``,
    it waited, has to end, and never gets one. ``since`` is when it was created or asked to be reopened.
    """

    group: str
    run: str
    name: str
    state: str
    limit: int
    on_full: str
    since: int


class ScheduleRow(msgspec.Struct, frozen=True, gc=False):
    """A time at which runs of a workflow start, and when it comes next (``due``, epoch milliseconds).

    ``folder`` is what paths of the steps of these runs are relative to.
    """

    workflow: str
    version: int
    position: int  # in the workflow's list
    program: str
    cron: str
    timezone: str
    missed: str
    folder: str
    due: int


class Registration(msgspec.Struct, frozen=True, gc=False):
    """From which program (its hash) new runs of a workflow's version start, since when, and who said so.

    In the history an empty ``program`` means that from then on there was none.
    """

    workflow: str
    version: int
    program: str
    time: int
    who: str = ""


class Unregistered(msgspec.Struct, frozen=True, gc=False):
    """What became of a removal: whether there was such a registration; ``pinned_by`` names the run that forbids it."""

    found: bool
    pinned_by: str = ""


class NewRun(msgspec.Struct, frozen=True, gc=False):
    """A run to be created, pending, with sequence 0.

    ``name`` empty: the store gives the next of ``<workflow>-1``, ``<workflow>-2`` … atomically.
    ``owner`` set: created as claimed by that host, with fence 1. ``inputs``, ``host`` are what its
    Started event will carry, encoded by the engine.

    Among the children of a commit, which can't be refused for it, a taken name gives way to the next
    automatic one, a taken key to none, and a child whose id is there already is left as it is. A child that
    its group rejects is created all the same, ``leaving``, and told so. A run below one that has a place in
    any group is inside that one's slot: its own ``place`` counts for nothing.
    """

    id: str
    workflow: str
    version: int
    program: str
    inputs: bytes
    created: int
    name: str = ""
    key: str = ""  # idempotency key, scoped to the workflow
    folder: str = ""  # the run's folder, absolute
    durability: str = "sync"
    owner: str = ""
    parent: str = ""
    parent_activation: int = 0
    parent_attempt: int = 0
    root: str = ""  # the id of the topmost run; empty: this one
    depth: int = 0
    place: Place | None = None  # what it asks of its concurrency group, if it has one

    def created_as(self, name: str, place: str = "") -> RunRow:
        """Return the run as it is when it was just created, by that name and with that state in its group."""
        return RunRow(
            id=self.id,
            name=name,
            workflow=self.workflow,
            version=self.version,
            program=self.program,
            status="pending",
            sequence=0,
            fence=1 if self.owner else 0,
            owner=self.owner,
            created=self.created,
            started=0,
            ended=0,
            due=0,
            inputs=self.inputs,
            result=b"",
            key=self.key,
            folder=self.folder,
            durability=self.durability,
            parent=self.parent,
            parent_activation=self.parent_activation,
            parent_attempt=self.parent_attempt,
            root=self.root or self.id,
            depth=self.depth,
            place=place,
        )


class RunRow(msgspec.Struct, frozen=True, gc=False):
    """A run as stored. ``result`` is the encoded end (outputs, error …), empty until then.

    ``root`` is never empty here: a topmost run's is its own id.
    """

    id: str
    name: str
    workflow: str
    version: int
    program: str
    status: str
    sequence: int
    fence: int
    owner: str  # the host that may advance it; empty: none
    created: int
    started: int  # 0: not yet
    ended: int  # 0: not yet
    due: int  # when its next timer fires; 0: none
    inputs: bytes
    result: bytes
    key: str
    folder: str
    durability: str
    parent: str
    parent_activation: int
    parent_attempt: int
    root: str
    depth: int
    place: str = ""  # its state in its concurrency group, see PlaceRow; empty: it has no place in one
    parked: int = 0  # 1: its owner has let go of it, since it only waits; 2: and it has been told something since


class Parked(msgspec.Struct, frozen=True, gc=False):
    """A run that its host is to let go of, as it is stored, and when it is due next (0: never)."""

    run: str
    sequence: int
    fence: int
    due: int


class InboxPost(msgspec.Struct, frozen=True, gc=False):
    """Something a run is to be told: an event of ``wfe_vm.events`` as encoded by the engine.

    A post for a run that is not there is dropped.
    """

    run: str
    kind: str
    payload: bytes


class InboxRow(msgspec.Struct, frozen=True, gc=False):
    """A post that waits to be consumed; ids grow in the order of their commits."""

    id: int
    run: str
    kind: str
    payload: bytes


class NewEvent(msgspec.Struct, frozen=True, gc=False):
    """An event to be published. ``data`` is encoded by the engine. An ``id`` that is there already is that event."""

    id: str
    name: str
    key: str
    time: int
    data: bytes


class EventRow(msgspec.Struct, frozen=True, gc=False):
    """An event as stored. Numbers grow in the order of publishing, over all names and keys."""

    number: int
    id: str
    name: str
    key: str
    time: int
    data: bytes


class Published(msgspec.Struct, frozen=True, gc=False):
    """What became of an event: its number, and whether it is new; else an event of that id was there, and ``same``

    says whether it has this name, key and data.
    """

    id: str
    number: int
    new: bool
    same: bool = True


class Subscription(msgspec.Struct, frozen=True, gc=False):
    """A run is to be told of one event: the first of exactly that name and key that is numbered over ``after``.

    ``since``: SINCE_RUN, published after the run was created; SINCE_NOW, after this commit; otherwise
    with a time of ``since`` or later. As soon as there is such an event (it may be there already) it is
    put into the run's inbox, with ``activation`` and ``attempt``, and the subscription is over. A run
    has one for a name and key: a later one takes the place of the earlier.
    """

    activation: int
    attempt: int
    name: str
    key: str
    after: int = 0
    since: int = SINCE_RUN


class Unsubscription(msgspec.Struct, frozen=True, gc=False):
    """A run is not to be told of events of that name and key any more."""

    name: str
    key: str


Signal = Subscription | Unsubscription | NewEvent


class RunCommit(msgspec.Struct, frozen=True, gc=False):
    """What one or several advances of one run change, all of it or nothing.

    Accepted only while the run's sequence is ``expected_sequence`` and its fence is ``fence``; then
    its sequence becomes ``sequence``. ``journal`` has one ``(sequence, time, encoded delta)`` an
    advance. ``snapshot`` replaces the older one; it holds the state after the last of them.

    A status of FINISHED and a time in ``ended`` come together or not at all (else ValueError). The end of a
    run gives back its place in its group; the commit that reopens one that had a place is accepted only
    while it has a slot again (see ``reopen_place``).
    """

    run: str
    expected_sequence: int
    fence: int
    sequence: int
    status: str
    journal: tuple[tuple[int, int, bytes], ...]
    snapshot: bytes | None = None
    due: int = 0
    started: int = 0  # 0: leave
    ended: int = 0  # 0: not ended, or reopened
    result: bytes = b""
    children: tuple[NewRun, ...] = ()
    posts: tuple[InboxPost, ...] = ()
    consumed: tuple[int, ...] = ()  # ids of this run's inbox rows
    release: bool = False  # give up ownership in the same commit
    signals: tuple[Signal, ...] = ()  # carried out one after another, each seeing those before it
    program: str = ""  # the hash of the kept program that is the run's from now on; empty: leave


class JournalRow(msgspec.Struct, frozen=True, gc=False):
    sequence: int
    time: int
    delta: bytes


class FeedRow(msgspec.Struct, frozen=True, gc=False):
    """An advance of any run; numbers grow in the order of the commits, over all runs of the store."""

    number: int
    run: str
    name: str
    workflow: str
    version: int
    parent: str
    root: str
    sequence: int
    time: int
    delta: bytes


class StoredState(msgspec.Struct, frozen=True, gc=False):
    """What a state is rebuilt from: the last snapshot, if any, and the deltas after it, in order."""

    run: RunRow
    snapshot_sequence: int
    snapshot: bytes | None
    deltas: tuple[bytes, ...]


class LogRow(msgspec.Struct, frozen=True, gc=False):
    """A piece of a step's output, whole lines where it can be. ``number`` grows within the run."""

    run: str
    step: str
    attempt: int
    stream: str  # stdout, stderr or log
    time: int
    text: str
    number: int = 0


class NewActivity(msgspec.Struct, frozen=True, gc=False):
    """Work of an attempt of a step, for workers outside. ``inputs`` are encoded by the engine."""

    run: str
    activation: int
    attempt: int
    kind: str
    step: str  # path
    inputs: bytes
    time: int


class ActivityRow(msgspec.Struct, frozen=True, gc=False):
    """An activity as stored. ``state`` is open, ended or withdrawn; one of an ended run is never open.

    While it is leased ``lease`` is when that ends, and ``token`` is the right to answer; else 0 and empty.
    """

    run: str
    activation: int
    attempt: int
    kind: str
    step: str
    inputs: bytes
    time: int
    state: str = "open"
    token: str = ""
    worker: str = ""
    lease: int = 0


class Host(msgspec.Struct, frozen=True, gc=False):
    """A process that may own runs. ``started`` tells two processes of one pid apart (see /proc/PID/stat)."""

    id: str
    machine: str  # which boot of which machine
    pid: int
    started: int


class RunFilter(msgspec.Struct, frozen=True, gc=False):
    """All given conditions hold. Newest first (the last created); ``limit`` 0: no limit.

    ``since``: created then or later, ``until``: before then. ``root``: that run and all below it. ``name``: what the
    run's name begins with. ``after``: the id of a run, of which those that come after it in this order are wanted.
    """

    statuses: tuple[str, ...] = ()
    workflow: str = ""
    since: int = 0
    parent: str = ""
    root: str = ""
    limit: int = 0
    until: int = 0
    name: str = ""
    after: str = ""


class PurgeFilter(msgspec.Struct, frozen=True):
    """Which families of runs a purge clears out: those all of whose runs ended before ``before``.

    ``statuses`` and ``workflow`` are the topmost run's. Of each workflow the ``keep`` newest that have ended stay.
    ``now`` tells which leases are held.
    """

    before: int
    now: int
    statuses: tuple[str, ...] = ()
    workflow: str = ""
    keep: int = 0


class StoreSummary(msgspec.Struct, frozen=True):
    """What a store holds: its runs by status, the version of its schema, its size, and how much of that is unused."""

    runs: dict[str, int]
    schema: int
    newest_schema: int
    bytes: int
    unused_bytes: int
