"""The store ``sqlite:``: one file, shared by the processes of one machine.

This file owns the two threads, one that writes and one that reads, and the wake-ups. It knows neither SQL
nor files. Every method hands its work to a thread and waits for the answer, but for the little that the writer does on
the loop; so the event loop never waits for a slow disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeVar, cast

import msgspec

from wfe_runtime.errors import StoreError
from wfe_runtime.providers.contracts import Transaction
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
from wfe_runtime.providers.sqlite import (
    activities,
    changes,
    parking,
    places,
    purging,
    queries,
    registrations,
    schedules,
    search,
    signals,
    transactions,
)
from wfe_runtime.providers.sqlite import programs as kept_programs
from wfe_runtime.providers.sqlite.blobs import is_light
from wfe_runtime.providers.sqlite.commits import check_commits, insert_posts
from wfe_runtime.providers.sqlite.location import parse_url
from wfe_runtime.providers.sqlite.lookout import Lookout
from wfe_runtime.providers.sqlite.notify import Notifier
from wfe_runtime.providers.sqlite.reader import Reader
from wfe_runtime.providers.sqlite.writer import Writer
from wfe_runtime.providers.texts import check_texts
from wfe_runtime.providers.watching import Callback, Watchers

__all__ = ["SqliteStore"]

Result = TypeVar("Result")

FEW_POSTS = 20
DISOWNED_AT_ONCE = 2000  # parked runs of a host that leaves, in a transaction


class SqliteStore:
    """See ``wfe_runtime.providers.contracts.Store``. Belongs to the event loop that opens it."""

    def __init__(self, url: str) -> None:
        """Read the URL; nothing is opened. Raises StoreError ``url``."""
        self.url = url
        self.location = parse_url(url)
        self._writer: Writer | None = None
        self._reader: Reader | None = None
        self._notifier: Notifier | None = None
        self._lookout: Lookout | None = None
        self._lost: StoreError | None = None
        self._watchers = Watchers()

    @property
    def path(self) -> str:
        """The file, as an absolute path."""
        return self.location.path

    async def open(self) -> None:
        if self._writer is not None:
            return
        notifier = Notifier(self.path, asyncio.get_running_loop(), self._hear)
        writer = Writer(self.location, notifier, self._watchers.announce)
        reader = Reader(self.location)
        try:
            await writer.open()
            await reader.open()
        except BaseException:
            await reader.stop()
            await writer.stop()
            raise
        self._watchers.loop = asyncio.get_running_loop()
        self._writer, self._reader, self._notifier = writer, reader, notifier
        if self._watchers:
            self._begin_to_watch()

    async def close(self) -> None:
        """Raises StoreError, with all let go, where the file was deleted or replaced after it was written to."""
        writer, reader, notifier, lookout = self._writer, self._reader, self._notifier, self._lookout
        self._writer = self._reader = self._notifier = self._lookout = self._lost = None
        if lookout is not None:
            lookout.stop()
        if reader is not None:
            await reader.stop()
        if writer is not None:
            await writer.stop()
        if notifier is not None:
            notifier.stop()
        self._watchers.clear()
        if writer is not None:
            writer.check_file()

    # Programs

    async def put_programs(self, programs: Sequence[ProgramRow], now: int = 0) -> None:
        await self._change(kept_programs.keep_programs, programs, now, texts={"programs": programs})

    async def get_program(self, hash: str) -> ProgramRow | None:
        return await self._read(kept_programs.read_program, hash)

    async def note_verified(self, hash: str, verifier: str) -> None:
        await self._change(kept_programs.note_verified, hash, verifier)

    async def register(self, rows: Sequence[Registration], replace: bool = False) -> list[Registration]:
        change = registrations.add_registrations
        return cast(list[Registration], await self._change(change, rows, replace, texts={"registrations": rows}))

    async def unregister(self, removed: Registration) -> Unregistered:
        return cast(Unregistered, await self._change(registrations.remove_registration, removed))

    async def list_registrations(self, workflow: str = "", history: bool = False) -> list[Registration]:
        return await self._read(registrations.list_registrations, workflow, history)

    # Runs

    async def create_run(self, run: NewRun, posts: Sequence[InboxPost] = ()) -> RunRow:
        light = is_light(run.inputs) and all(is_light(post.payload) for post in posts)
        texts = {"run": (run,), "posts": posts}
        return cast(RunRow, await self._change(changes.create_run, run, posts, texts=texts, light=light))

    async def get_run(self, id: str) -> RunRow | None:
        return await self._read(queries.read_run, id)

    async def find_runs(self, reference: str, limit: int = 10) -> list[RunRow]:
        return await self._read(queries.find_runs, reference, limit)

    async def list_runs(self, filter: RunFilter) -> list[RunRow]:
        return await self._read(queries.list_runs, filter)

    async def load_state(self, run: str) -> StoredState | None:
        return await self._read(queries.load_state, run)

    async def read_journal(self, run: str, after: int = 0, limit: int = 1000) -> list[JournalRow]:
        return await self._read(queries.read_journal, run, after, limit)

    async def read_feed(self, after: int = 0, limit: int = 1000) -> list[FeedRow]:
        return await self._read(queries.read_feed, after, limit)

    async def feed_position(self, run: str = "", sequence: int = 0) -> int:
        return await self._read(queries.feed_position, run, sequence)

    def commit(self, commits: Sequence[RunCommit]) -> Awaitable[list[bool]]:
        check_commits(commits)
        return self._writing().commit(commits)

    # Inbox

    async def post(self, posts: Sequence[InboxPost]) -> list[int]:
        light = len(posts) < FEW_POSTS and all(is_light(post.payload) for post in posts)
        return cast(list[int], await self._change(insert_posts, posts, texts={"posts": posts}, light=light))

    async def read_inbox(self, runs: Sequence[str]) -> list[InboxRow]:
        return await self._read(queries.read_inbox, runs)

    # Events

    async def publish(self, events: Sequence[NewEvent]) -> list[Published]:
        return cast(list[Published], await self._change(signals.publish_events, events, texts={"events": events}))

    async def read_events(self, name: str, key: str, after: int = 0, limit: int = 1000) -> list[EventRow]:
        return await self._read(signals.read_events, name, key, after, limit)

    async def list_subscriptions(self, run: str) -> list[Subscription]:
        return await self._read(signals.list_subscriptions, run)

    # Activities

    async def offer_activity(self, offered: NewActivity) -> ActivityRow | None:
        texts = {"activities": (offered,)}
        return cast(ActivityRow | None, await self._change(activities.offer_activity, offered, texts=texts))

    async def fetch_activity(self, kind: str, worker: str, token: str, now: int, lease_ms: int) -> ActivityRow | None:
        change = activities.fetch_activity
        return cast(ActivityRow | None, await self._change(change, kind, worker, token, now, lease_ms))

    async def next_activity(self, kind: str) -> int:
        return await self._read(activities.next_activity, kind)

    async def find_activity(self, token: str) -> ActivityRow | None:
        return await self._read(activities.find_activity, token)

    async def extend_activity(self, token: str, now: int, lease_ms: int) -> ActivityRow | None:
        return cast(ActivityRow | None, await self._change(activities.extend_activity, token, now, lease_ms))

    async def end_activity(self, token: str, now: int, payload: bytes) -> bool:
        return cast(bool, await self._change(activities.end_activity, token, now, payload))

    async def release_activity(self, token: str, now: int) -> bool:
        return cast(bool, await self._change(activities.release_activity, token, now))

    async def withdraw_activity(self, run: str, activation: int = -1, attempt: int = 0) -> None:
        await self._change(activities.withdraw_activity, run, activation, attempt)

    # Rows of others

    async def transact(self, run: str, fence: int, work: Callable[[Transaction], tuple[Any, bytes]]) -> Any:
        return await self._change(transactions.run_in_transaction, run, fence, work)

    # Ownership

    async def join(self, host: Host, lease_ms: int, now: int) -> None:
        await self._change(changes.keep_host, host, lease_ms, now, texts={"host": (host,)})

    async def leave(self, host: str, now: int = 0) -> None:
        while await self._change(parking.disown, host, DISOWNED_AT_ONCE):
            pass  # some at a time: others wait for their turn to write
        await self._change(changes.forget_host, host, now)

    async def claim(self, run: str, host: str, now: int) -> RunRow | None:
        return cast(RunRow | None, await self._change(changes.claim_run, run, host, now))

    async def release(self, run: str, host: str) -> None:
        await self._change(changes.release_run, run, host)

    # Concurrency groups

    async def list_places(self, group: str = "", run: str = "") -> list[PlaceRow]:
        return await self._read(places.list_places, group, run)

    async def reopen_place(self, run: str, host: str, now: int) -> str:
        return cast(str, await self._change(places.reopen_place, run, host, now))

    # Parking

    async def park(self, host: str, runs: Sequence[Parked]) -> list[bool]:
        return cast(list[bool], await self._change(parking.park, host, runs))

    async def list_due(self, host: str, until: int, limit: int = 100) -> list[RunRow]:
        return await self._read(parking.list_due, host, until, limit)

    async def next_due(self, host: str) -> int:
        return await self._read(parking.next_due, host)

    async def inherit(self, host: str, now: int, limit: int = 500) -> int:
        if not await self._read(parking.find_heirless, now):
            return 0  # nothing is written
        return cast(int, await self._change(parking.inherit, host, now, limit))

    # Taking up

    async def list_orphans(self, now: int, limit: int = 100, host: str = "") -> list[RunRow]:
        return await self._read(queries.list_orphans, now, limit, host)

    # Schedules

    async def keep_schedules(self, workflow: str, version: int, rows: Sequence[ScheduleRow]) -> bool:
        return cast(
            bool, await self._change(schedules.keep_schedules, workflow, version, rows, texts={"schedules": rows})
        )

    async def list_schedules(self) -> list[ScheduleRow]:
        return await self._read(schedules.list_schedules)

    async def fire_schedule(self, row: ScheduleRow, due: int, run: NewRun | None) -> RunRow | None:
        return cast(RunRow | None, await self._change(schedules.fire_schedule, row, due, run))

    # Logs

    async def append_logs(self, rows: Sequence[LogRow]) -> None:
        try:
            await self._writing().output(rows)
        except UnicodeEncodeError:
            check_texts("logs", rows)
            raise

    def append_logs_now(self, rows: Sequence[LogRow]) -> bool:
        try:
            return self._writing().output_on_loop(rows)
        except UnicodeEncodeError:
            check_texts("logs", rows)
            raise

    async def read_logs(
        self, run: str, step: str | None = None, after: int = 0, since: int = 0, limit: int = 1000
    ) -> list[LogRow]:
        return await self._read(queries.read_logs, run, step, after, since, limit)

    # Search

    async def list_unindexed(self, limit: int = 0) -> list[IndexMark]:
        return await self._read(search.list_unindexed, limit)

    async def index(self, before: IndexMark, after: IndexMark, documents: Sequence[Document]) -> bool:
        return cast(bool, await self._change(search.keep_documents, before, after, documents))

    async def search(self, query: SearchQuery, skip: int = 0, take: int = 0) -> HitPage:
        return await self._read(search.search, query, skip, take)

    # Upkeep

    async def find_purgeable(self, wanted: PurgeFilter, limit: int = 0) -> list[str]:
        return await self._read(purging.find_purgeable, wanted, limit)

    async def purge(self, wanted: PurgeFilter, limit: int = 100) -> list[str]:
        return cast(list[str], await self._change(purging.purge_runs, wanted, limit))

    async def list_programs(self, since: int) -> list[KeptProgram]:
        return await self._read(kept_programs.list_programs, since)

    async def drop_programs(self, hashes: Sequence[str], since: int) -> list[str]:
        return cast(list[str], await self._change(kept_programs.drop_programs, hashes, since))

    async def compact(self) -> None:
        self._writing()
        await asyncio.to_thread(purging.compact, self.location)

    async def summarise(self) -> StoreSummary:
        return await self._read(purging.summarise, self.path)

    # Wake-ups

    def watch(self, callback: Callback, advances: bool = True) -> Callable[[], None]:
        stop = self._watchers.add(callback, advances)
        if self._writer is not None:
            self._begin_to_watch()
        return stop

    def _begin_to_watch(self) -> None:
        if self._lookout is None and self._writer is not None and self._notifier is not None:
            self._writer.ask(self._notifier.start)
            self._lookout = Lookout(self.path, self._writer.look, self._look_at_everything, self._lose)

    def _hear(self, runs: frozenset[str]) -> None:
        if self._lookout is not None:
            self._lookout.told()
        self._watchers.look_at(runs)

    def _look_at_everything(self) -> None:
        self._watchers.look_at(frozenset())

    def _lose(self, error: StoreError) -> None:
        """Serve nothing more, and have those who watch come and hear why: what they see is nobody's store any more."""
        self._lost = error
        self._look_at_everything()

    # The way to the threads

    def _writing(self) -> Writer:
        if self._writer is None:
            raise StoreError("closed", f"the store {self.path} is not open", "await store.open() first")
        if self._lost is not None:
            raise self._lost
        return self._writer

    async def _change(
        self,
        change: Callable[..., Any],
        *arguments: Any,
        texts: Mapping[str, Sequence[msgspec.Struct]] = MappingProxyType({}),
        light: bool = False,
    ) -> Any:
        """Have ``change(session, *arguments)`` done durably.

        ``texts``: what to blame for a bad one; ``light``: it is a few quick statements.
        """
        try:
            return await self._writing().change(lambda session: change(session, *arguments), light)
        except UnicodeEncodeError:
            for name, rows in texts.items():
                check_texts(name, rows)
            raise

    async def _read(self, query: Callable[..., Result], *arguments: Any) -> Result:
        self._writing()
        assert self._reader is not None
        return await self._reader.read(query, *arguments)
