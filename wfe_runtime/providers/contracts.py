"""What the engine asks of a store, as contracts. An implementer needs no other file.

Times are epoch milliseconds. Ids of runs are time-ordered texts, made by the engine. All methods may
be called from the engine's event loop at any time and never block it.

The state of a run is kept as a *journal*: one row an advance, holding the encoded delta, and now and
then a snapshot of the whole state, so that loading a run costs what is live and not what happened.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

import msgspec

from wfe_runtime.providers.searching import Document, HitPage, IndexMark, SearchQuery
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
    "Store",
    "StoreSummary",
    "StoredState",
    "Subscription",
    "Transaction",
    "TransactionalStore",
    "Unregistered",
    "Unsubscription",
    "WorkRaised",
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


class Store(Protocol):
    """Where runs live. Raises StoreError (see wfe_runtime.errors) when it can't do what is asked."""

    url: str

    async def open(self) -> None:
        """Connect, create or migrate the schema. A newer schema, a foreign or damaged file: StoreError."""

    async def close(self) -> None:
        """Finish what was asked and let go of everything. Repeatable.

        Raises StoreError, with all let go, where what was written is known to be lost.
        """

    # Programs

    async def put_programs(self, programs: Sequence[ProgramRow], now: int = 0) -> None:
        """Keep programs; one that is there already (by hash) is left as it is. ``now``, if not 0: when it was put, of

        which a store may remember no more than the last ten minutes.
        """

    async def get_program(self, hash: str) -> ProgramRow | None: ...

    async def note_verified(self, hash: str, verifier: str) -> None:
        """Note which verifier has accepted a program, by its digest; nothing where there is no such program."""

    async def register(self, registrations: Sequence[Registration], replace: bool = False) -> list[Registration]:
        """Have new runs start from these programs; durable when it returns, and the history says so.

        One that says what is said already adds nothing. Returns the registrations that stand in the way, of the
        same workflow and version with another program: unless ``replace`` is given nothing is changed then.
        """

    async def unregister(self, removed: Registration) -> Unregistered:
        """Remove the registration of a workflow's version, unless an unfinished run has its program.

        The times that are kept for that version go with it, and any version's may be kept then.
        ``program`` of ``removed`` has no meaning; its time and who are for the history.
        """

    async def list_registrations(self, workflow: str = "", history: bool = False) -> list[Registration]:
        """Return the registrations, of all workflows if none is named, in order of workflow and version.

        With ``history`` all that ever were, in the order in which they were made.
        """

    # Runs

    async def create_run(self, run: NewRun, posts: Sequence[InboxPost] = ()) -> RunRow:
        """Create a run. Raises NameTaken for a name in use.

        With a key that a run of the workflow already has, that run is given back and nothing is created
        or posted; the same with an id that is there already, so a create may be repeated. Raises GroupFull
        for one whose group is full and rejects it.
        """

    async def get_run(self, id: str) -> RunRow | None: ...

    async def find_runs(self, reference: str, limit: int = 10) -> list[RunRow]:
        """Return the run of exactly that id or name alone; else those whose id or name begins with it.

        Newest first; ``limit`` 0: no limit.
        """

    async def list_runs(self, filter: RunFilter) -> list[RunRow]: ...

    async def load_state(self, run: str) -> StoredState | None: ...

    async def read_journal(self, run: str, after: int = 0, limit: int = 1000) -> list[JournalRow]:
        """Return journal rows with a sequence over ``after``, in order."""

    async def read_feed(self, after: int = 0, limit: int = 1000) -> list[FeedRow]:
        """Return advances of all runs with a number over ``after``, in order."""

    async def feed_position(self, run: str = "", sequence: int = 0) -> int:
        """Return the number of a run's advance, or of the last one of all; 0: there is none."""

    async def commit(self, commits: Sequence[RunCommit]) -> list[bool]:
        """Make the commits durable in one transaction; say of each whether it was accepted.

        A refused one changes nothing and does not hinder the others. Created children and posts are
        announced (``watch``) once durable. At most one commit for a run in a call.
        """

    # Inbox

    async def post(self, posts: Sequence[InboxPost]) -> list[int]:
        """Leave posts for runs; durable when it returns, then announced.

        Returns their ids, 0 for one whose run is not there.
        """

    async def read_inbox(self, runs: Sequence[str]) -> list[InboxRow]:
        """Return what waits for these runs, in order of id."""

    # Events

    async def publish(self, events: Sequence[NewEvent]) -> list[Published]:
        """Keep events, in order, and tell every run that is subscribed; durable when it returns, then announced.

        Events older than EVENTS_KEPT_MS by the time of a new one may be dropped.
        """

    async def read_events(self, name: str, key: str, after: int = 0, limit: int = 1000) -> list[EventRow]:
        """Return the events of exactly that name and key with a number over ``after``, in order."""

    async def list_subscriptions(self, run: str) -> list[Subscription]:
        """Return what a run is subscribed to, by name and key.

        ``after`` is then the number that the event must exceed, ``since`` its earliest time or 0.
        """

    # Activities

    async def offer_activity(self, offered: NewActivity) -> ActivityRow | None:
        """Offer work to workers, durably, and announce it. Returns it as stored; None: there is no such run.

        One of that run, activation and attempt that is there already stays as it is, ended or not. Activities that
        are open no more may be dropped when they are older than ENDED_ACTIVITIES_KEPT_MS.
        """

    async def fetch_activity(self, kind: str, worker: str, token: str, now: int, lease_ms: int) -> ActivityRow | None:
        """Lease an open activity of that kind of an unfinished run to one worker, under a token that is used once.

        First those whose lease has run out (not over ``now``), the longest first; then the one offered first.
        """

    async def next_activity(self, kind: str) -> int:
        """Return from when on one can be fetched (0: now, else when the first lease ends); -1: none is open."""

    async def find_activity(self, token: str) -> ActivityRow | None:
        """Return the activity that is leased, or was ended, under a token."""

    async def extend_activity(self, token: str, now: int, lease_ms: int) -> ActivityRow | None:
        """Renew a lease that is not over, and return the activity; of a withdrawn one nothing is renewed.

        None where the token is no one's, or not any more.
        """

    async def end_activity(self, token: str, now: int, payload: bytes) -> bool:
        """End an open activity whose lease is not over, and leave the payload, an event, in its run's inbox."""

    async def release_activity(self, token: str, now: int) -> bool:
        """Give up a lease that is not over: the activity is offered again, and announced; the token is void."""

    async def withdraw_activity(self, run: str, activation: int = -1, attempt: int = 0) -> None:
        """Offer an open activity no more, or all of a run. Its worker learns of it by ``extend_activity``."""

    # Ownership

    async def join(self, host: Host, lease_ms: int, now: int) -> None:
        """Make a host known, with a lease; again: renew it."""

    async def leave(self, host: str, now: int = 0) -> None:
        """Forget a host; its runs have no owner then. ``now`` is for the slots that it gives back."""

    async def claim(self, run: str, host: str, now: int) -> RunRow | None:
        """Take an unfinished run, with a greater fence.

        Only if it has no owner, or this host is the owner, or the owner's lease is over, or the owner
        was a process of this machine that is dead. None where another holds it or no such run is
        there. A finished run may be claimed too (to be reopened). One that was parked is not any more; the
        row that is returned says that it was.
        """

    async def release(self, run: str, host: str) -> None:
        """Give up a run that the host owns; otherwise nothing happens."""

    # Concurrency groups
    #
    # Slots are taken and given back in the transactions that create, claim, end, release … the runs. The
    # first in the queue that somebody who lives has is given a slot as soon as there is one, and announced;
    # one that nobody has is passed over until it is claimed. The order is that of creation, or reopening.

    async def list_places(self, group: str = "", run: str = "") -> list[PlaceRow]:
        """Return who has a place in a group, or in the one where the run has a place, in order of the queue."""

    async def reopen_place(self, run: str, host: str, now: int) -> str:
        """Have a finished run, which the host owns, queue for a slot of its group again, for it is to be reopened.

        Returns the state of its place then, empty for a run that needs none. A slot that it got is leased to
        the host: it is given back if the host leaves, or is gone, before the run is reopened.
        """

    # Parking
    #
    # A host lets go of runs that only wait for what is stored, and still owns them, by its lease: no other host
    # takes them while it lives. A run that is told something (``post``, an event …) is called, in the same
    # transaction. Whoever goes on with a parked run claims it first.

    async def park(self, host: str, runs: Sequence[Parked]) -> list[bool]:
        """Let go of runs that the host owns, unfinished, in one transaction. Says of each whether it is parked now.

        Not parked is one that has advanced, was claimed since, or has something in its inbox.
        """

    async def list_due(self, host: str, until: int, limit: int = 100) -> list[RunRow]:
        """Return the parked runs of a host that are due by ``until``, soonest first. Answered by an index."""

    async def next_due(self, host: str) -> int:
        """Return when the first of the parked runs of a host is due; 0: none will be. Answered by an index."""

    async def inherit(self, host: str, now: int, limit: int = 500) -> int:
        """Make a host the owner of parked runs that nobody living has, those that are due soonest first.

        Returns how many these were, 0 if there are none any more.
        """

    # Taking up

    async def list_orphans(self, now: int, limit: int = 100, host: str = "") -> list[RunRow]:
        """Return unfinished runs, not suspended, that nobody living has, the first created first.

        Parked ones are not among them until they are called; those of ``host`` are then, too. Answered by an
        index, however many runs are parked.
        """

    # Schedules

    async def keep_schedules(self, workflow: str, version: int, rows: Sequence[ScheduleRow]) -> bool:
        """Have runs of a workflow start at these times, and at no others; announced as ``schedule:<workflow>``.

        A time that was there already, the same cron expression in the same zone, keeps its due time: what was
        missed is not forgotten. Returns False, and changes nothing, where the times of a higher version are kept.
        """

    async def list_schedules(self) -> list[ScheduleRow]:
        """Return all times, the next due first."""

    async def fire_schedule(self, row: ScheduleRow, due: int, run: NewRun | None) -> RunRow | None:
        """Create a run for a time that has come, and set when it comes next: both or nothing.

        Only while the stored row is the given one; None otherwise, and where there is no run to create. Raises
        GroupFull, with the next time set, where the run's group rejects it.
        """

    # Logs

    async def append_logs(self, rows: Sequence[LogRow]) -> None:
        """Keep output. Not in the commit path; in order of arrival.

        The store gives the numbers; what ``number`` says is ignored. Rows of an unknown run are dropped.
        """

    def append_logs_now(self, rows: Sequence[LogRow]) -> bool:
        """Do as ``append_logs`` does where that takes no waiting; False, with nothing done, where it does.

        Raises what ``append_logs`` raises.
        """

    async def read_logs(
        self, run: str, step: str | None = None, after: int = 0, since: int = 0, limit: int = 1000
    ) -> list[LogRow]:
        """Return rows with a number over ``after`` and a time of ``since`` or later, in order."""

    # Search

    async def list_unindexed(self, limit: int = 0) -> list[IndexMark]:
        """Return runs that have left something that the index does not have, with how far it has come; 0: all."""

    async def index(self, before: IndexMark, after: IndexMark, documents: Sequence[Document]) -> bool:
        """Take what a run has left since ``before`` into the index; a run has one document of kind run, the newest.

        Returns False, and changes nothing, where the index is not at ``before`` any more.
        """

    async def search(self, query: SearchQuery, skip: int = 0, take: int = 0) -> HitPage:
        """Return what is found in the index, the latest first, of one time the last taken in; ``take`` 0: all."""

    # Upkeep

    async def find_purgeable(self, wanted: PurgeFilter, limit: int = 0) -> list[str]:
        """Return the ids of the topmost runs of the families that ``purge`` would clear out, the oldest first."""

    async def purge(self, wanted: PurgeFilter, limit: int = 100) -> list[str]:
        """Clear out up to ``limit`` families of runs with all that is stored for them, in one transaction.

        A family with a run that is unfinished, or that a host has, stays whole. Programs stay (see ``drop_programs``).
        Events older than EVENTS_KEPT_MS go as well. Returns the ids of the runs that are gone.
        """

    async def list_programs(self, since: int) -> list[KeptProgram]:
        """Return all programs, by workflow, version and hash; put lately is ``since`` then."""

    async def drop_programs(self, hashes: Sequence[str], since: int) -> list[str]:
        """Remove those of these programs that are not wanted, as in ``list_programs``. Returns their hashes."""

    async def compact(self) -> None:
        """Give unused room back to the disk, where there is one. Others may have to wait meanwhile."""

    async def summarise(self) -> StoreSummary: ...

    # Wake-ups

    def watch(self, callback: Callable[[frozenset[str]], None], advances: bool = True) -> Callable[[], None]:
        """Call back, on the event loop, with the ids of runs that something was committed for by anyone:
        commits, posts, children. An empty set means: look at everything. Where ``advances`` is false, runs that
        ``commit`` of this very store object has advanced, and told nothing, are left out. Returns how to stop it.
        """


class Transaction(Protocol):
    """What a function that writes in a store's transaction has of it; the rows are the function's own."""

    def execute(self, sql: str, parameters: Any = (), /) -> Any:
        """Carry out a statement. Returns a cursor of the store's driver."""

    def executemany(self, sql: str, parameters: Any, /) -> Any:
        """Carry out a statement for each row of parameters."""


class WorkRaised(Exception):
    """What a function raised within a transaction, which is undone; ``error`` is that."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(str(error))
        self.error = error


class TransactionalStore(Protocol):
    """A store whose transactions can hold rows of others beside its own. Not every store is one."""

    async def transact(self, run: str, fence: int, work: Callable[[Transaction], tuple[Any, bytes]]) -> Any:
        """Call ``work`` within a transaction, and leave the payload that it returns in the run's inbox with it.

        Returns what else ``work`` returned, once all is durable. Raises WorkRaised where it raised, and nothing is
        changed then; StoreError (``fence``) where the run has ended or has another fence. ``work`` may be called
        again where the transaction failed for a reason of the store's.
        """
