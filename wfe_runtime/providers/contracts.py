"""What the engine asks of a store, as contracts. What they are about is in ``rows.py``.

Times are epoch milliseconds. Ids of runs are time-ordered texts, made by the engine. All methods may
be called from the engine's event loop at any time and never block it.

The state of a run is kept as a *journal*: one row an advance, holding the encoded delta, and now and
then a snapshot of the whole state, so that loading a run costs what is live and not what happened.

Payloads (inputs, deltas, snapshots, results, what is posted and published) are MessagePack, of whose bytes a store
may take the one that no MessagePack begins with, 0xC1, as its own mark.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from wfe_runtime.providers.rows import (
    ActivityRow,
    EventRow,
    FeedRow,
    Host,
    InboxPost,
    InboxRow,
    JournalRow,
    KeptProgram,
    LogRow,
    NewActivity,
    NewEvent,
    NewRun,
    Parked,
    PlaceRow,
    ProgramRow,
    Published,
    PurgeFilter,
    Registration,
    RunCommit,
    RunFilter,
    RunRow,
    ScheduleRow,
    StoredState,
    StoreSummary,
    Subscription,
    Unregistered,
)
from wfe_runtime.providers.searching import Document, HitPage, IndexMark, SearchQuery

__all__ = ["Store", "Transaction", "TransactionalStore", "WorkRaised"]


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

    def commit(self, commits: Sequence[RunCommit]) -> Awaitable[list[bool]]:
        """Make the commits durable in one transaction; say of each whether it was accepted.

        A store may begin when it is called, and return a future: then its caller does something else before it
        awaits that. What is raised may be raised by the call already. A refused one changes nothing and does not
        hinder the others. Created children and posts are announced (``watch``) once durable. At most one commit for
        a run in a call.
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
        """Return unfinished runs that nobody living has, the first created first.

        A suspended one is left alone until it is told something: what was asked of it holds though its host is gone.
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
