"""The store ``memory:``: everything in this process, gone with it.

This file owns runs as plain Python objects; it knows no engine and no file. It answers as every other
provider does (one conformance suite holds them to it), only nothing is durable. Each method checks first
and changes after, with no await between, so a call is all or nothing.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter

from msgspec.structs import replace

from wfe_runtime.errors import GroupFull, NameTaken, StoreError
from wfe_runtime.providers.activity_board import ActivityBoard
from wfe_runtime.providers.deliveries import Board, Told
from wfe_runtime.providers.groups import Groups, Seat
from wfe_runtime.providers.hosts import is_gone
from wfe_runtime.providers.registrations import RegistrationBook
from wfe_runtime.providers.rows import (
    EVENTS_KEPT_MS,
    FINISHED,
    PUBLISHED,
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
    Place,
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
    Unsubscription,
)
from wfe_runtime.providers.searching import Document, Hit, HitPage, IndexMark, SearchQuery, holds, words_of
from wfe_runtime.providers.texts import check_texts
from wfe_runtime.providers.watching import Watchers

__all__ = ["MemoryStore", "open_memory"]


def open_memory(url: str) -> MemoryStore:
    """Make the store of a ``memory:`` URL, which has no further parts. Raises StoreError ``url``."""
    if url.removeprefix("memory:").strip("/"):
        raise StoreError("url", f"{url} is not the URL of a store: memory: has nothing after the colon", "use memory:")
    return MemoryStore(url)


class _Run:
    """A run's changing half beside what never changes."""

    __slots__ = (
        "asked",
        "due",
        "ended",
        "events_before",
        "fence",
        "inbox",
        "journal",
        "logs",
        "name",
        "new",
        "order",
        "owner",
        "parked",
        "place",
        "result",
        "sequence",
        "snapshot",
        "snapshot_sequence",
        "started",
        "status",
    )

    def __init__(self, new: NewRun, name: str, order: int) -> None:
        self.new = new
        self.name = name
        self.order = order
        self.status = "pending"
        self.sequence = 0
        self.owner = new.owner
        self.fence = 1 if new.owner else 0
        self.parked = 0
        self.due = 0
        self.started = 0
        self.ended = 0
        self.result = b""
        self.journal: list[JournalRow] = []
        self.snapshot: bytes | None = None
        self.snapshot_sequence = 0
        self.inbox: dict[int, InboxRow] = {}
        self.logs: list[LogRow] = []
        self.events_before = 0
        self.asked: Place | None = None
        self.place: Seat | None = None

    def row(self) -> RunRow:
        return replace(
            self.new.created_as(self.name, "" if self.place is None else self.place.state),
            status=self.status,
            sequence=self.sequence,
            fence=self.fence,
            owner=self.owner,
            started=self.started,
            ended=self.ended,
            due=self.due,
            result=self.result,
            parked=self.parked,
        )


class MemoryStore:
    """See ``wfe_runtime.providers.contracts.Store``. Used from one event loop."""

    def __init__(self, url: str = "memory:") -> None:
        self.url = url
        self._runs: dict[str, _Run] = {}  # in the order of their creation
        self._names: dict[str, _Run] = {}
        self._keys: dict[tuple[str, str], _Run] = {}
        self._last_names: dict[str, int] = {}
        self._programs: dict[str, ProgramRow] = {}
        self._program_marks: dict[str, int] = {}  # when each was last put
        self._hosts: dict[str, tuple[Host, int]] = {}
        self._last_run = 0
        self._last_document = 0
        self._indexed: dict[str, tuple[IndexMark, list[tuple[int, Document]]]] = {}
        self._last_post = 0
        self._last_log = 0
        self._last_fed = 0
        self._feed: list[tuple[int, _Run, JournalRow]] = []  # by number
        self._board = Board()
        self._schedules: dict[str, tuple[int, list[ScheduleRow]]] = {}
        self._groups = Groups(self._held)
        self._registrations = RegistrationBook()
        self._activities = ActivityBoard(lambda run: self._runs[run].ended > 0)
        self._watchers = Watchers()

    async def open(self) -> None:
        self._watchers.loop = asyncio.get_running_loop()

    async def close(self) -> None:
        self._watchers.clear()

    # Programs

    async def put_programs(self, programs: Sequence[ProgramRow], now: int = 0) -> None:
        check_texts("programs", programs)
        for program in programs:
            self._programs.setdefault(program.hash, replace(program, verifier=""))
            if now:
                self._program_marks[program.hash] = max(now, self._program_marks.get(program.hash, 0))

    async def get_program(self, hash: str) -> ProgramRow | None:
        return self._programs.get(hash)

    async def note_verified(self, hash: str, verifier: str) -> None:
        program = self._programs.get(hash)
        if program is not None:
            self._programs[hash] = replace(program, verifier=verifier)

    async def register(self, registrations: Sequence[Registration], replace: bool = False) -> list[Registration]:
        check_texts("registrations", registrations)
        return self._registrations.add(registrations, replace)

    async def unregister(self, removed: Registration) -> Unregistered:
        known = self._registrations.find(removed.workflow, removed.version)
        if known is None:
            return Unregistered(False)
        for run in self._runs.values():
            if run.new.program == known.program and not run.ended:
                return Unregistered(True, run.name)
        self._registrations.remove(removed)
        if self._schedules.get(removed.workflow, (0, []))[0] == removed.version:
            del self._schedules[removed.workflow]
            self._watchers.announce({f"schedule:{removed.workflow}"})
        return Unregistered(True)

    async def list_registrations(self, workflow: str = "", history: bool = False) -> list[Registration]:
        return self._registrations.rows(workflow, history)

    # Runs

    async def create_run(self, run: NewRun, posts: Sequence[InboxPost] = ()) -> RunRow:
        check_texts("run", (run,))
        check_texts("posts", posts)
        known = self._runs.get(run.id) or (self._keys.get((run.workflow, run.key)) if run.key else None)
        if known is not None:
            return known.row()
        if run.name and run.name in self._names:
            raise NameTaken(run.name)
        if run.place is not None and not self._is_inside(run):
            holder = self._groups.rejects(run.place, run.created)
            if holder is not None:
                raise GroupFull(run.place.group, holder.name)
        touched: set[str] = set() if run.owner else {run.id}  # whoever owns it has made it
        created = self._create(run, touched)
        touched.update(self._post(posts))
        self._watchers.announce(touched, {run.id})
        return created.row()

    def _create(self, new: NewRun, touched: set[str]) -> _Run:
        name = new.name
        while not name or name in self._names:
            number = self._last_names[new.workflow] = self._last_names.get(new.workflow, 0) + 1
            name = f"{new.workflow}-{number}"
        self._last_run += 1
        run = _Run(new, name, self._last_run)
        run.events_before = self._board.last
        self._runs[new.id] = self._names[name] = run
        if new.key:
            self._keys[new.workflow, new.key] = run
        if new.place is not None and not self._is_inside(new):
            told = self._groups.enter(run, new.place, new.created, touched)
            touched.update(self._post([InboxPost(one, "event", new.place.leave) for one in told]))
        return run

    def _is_inside(self, new: NewRun) -> bool:
        """Say whether a run above this one has a place in any group."""
        parent = new.parent
        for _ in range(new.depth):
            above = self._runs.get(parent)
            if above is None:
                return False
            if above.place is not None:
                return True
            parent = above.new.parent
        return False

    async def get_run(self, id: str) -> RunRow | None:
        run = self._runs.get(id)
        return None if run is None else run.row()

    async def find_runs(self, reference: str, limit: int = 10) -> list[RunRow]:
        exact = self._runs.get(reference) or self._names.get(reference)
        if exact is not None:
            return [exact.row()]
        found = [
            run.row()
            for run in reversed(self._runs.values())
            if run.new.id.startswith(reference) or run.name.startswith(reference)
        ]
        return found[: limit or None]

    async def list_runs(self, filter: RunFilter) -> list[RunRow]:
        last = self._runs.get(filter.after)
        before = 0 if last is None else last.order
        found = [
            run.row()
            for run in reversed(self._runs.values())
            if (not filter.statuses or run.status in filter.statuses)
            and (not filter.workflow or run.new.workflow == filter.workflow)
            and run.new.created >= filter.since
            and (not filter.parent or run.new.parent == filter.parent)
            and (not filter.root or (run.new.root or run.new.id) == filter.root)
            and (not filter.until or run.new.created < filter.until)
            and run.name.startswith(filter.name)
            and (not filter.after or run.order < before)
        ]
        return found[: filter.limit or None]

    async def load_state(self, run: str) -> StoredState | None:
        found = self._runs.get(run)
        if found is None:
            return None
        after = found.snapshot_sequence
        deltas = tuple(row.delta for row in found.journal if row.sequence > after)
        return StoredState(found.row(), after, found.snapshot, deltas)

    async def read_journal(self, run: str, after: int = 0, limit: int = 1000) -> list[JournalRow]:
        found = self._runs.get(run)
        rows = [] if found is None else found.journal
        return [row for row in rows if row.sequence > after][: limit or None]

    async def read_feed(self, after: int = 0, limit: int = 1000) -> list[FeedRow]:
        found = []
        first = bisect_right(self._feed, after, key=itemgetter(0))
        for number, run, row in self._feed[first : first + limit if limit else None]:
            new = run.new
            about = (new.id, run.name, new.workflow, new.version, new.parent, new.root or new.id)
            found.append(FeedRow(number, *about, row.sequence, row.time, row.delta))
        return found

    async def feed_position(self, run: str = "", sequence: int = 0) -> int:
        if not run:
            return self._last_fed
        places = (number for number, found, row in self._feed if found.new.id == run and row.sequence == sequence)
        return next(places, 0)

    async def commit(self, commits: Sequence[RunCommit]) -> list[bool]:
        for number, commit in enumerate(commits):
            if commit.children or commit.posts or commit.signals:
                check_texts(f"commits[{number}].children", commit.children)
                check_texts(f"commits[{number}].posts", commit.posts)
                check_texts(f"commits[{number}].signals", commit.signals)
            if (commit.status in FINISHED) != (commit.ended > 0):
                raise ValueError(f"status {commit.status} with ended={commit.ended} of run {commit.run}")
        told: set[str] = set()
        accepted = [self._commit(commit, told) for commit in commits]
        self._watchers.announce(told, {commit.run for commit, done in zip(commits, accepted, strict=True) if done})
        return accepted

    def _commit(self, commit: RunCommit, touched: set[str]) -> bool:
        run = self._runs.get(commit.run)
        if run is None or run.sequence != commit.expected_sequence or run.fence != commit.fence:
            return False
        if run.ended and not commit.ended and not self._groups.may_reopen(run):
            return False
        run.sequence = commit.sequence
        run.status = commit.status
        run.due = commit.due
        run.started = commit.started or run.started
        run.ended = commit.ended
        run.result = commit.result
        if commit.release:
            run.owner = ""
        if commit.program:
            run.new = replace(run.new, program=commit.program, version=self._programs[commit.program].version)
        for row in commit.journal:
            run.journal.append(JournalRow(*row))
            self._last_fed += 1
            self._feed.append((self._last_fed, run, run.journal[-1]))
        if commit.snapshot is not None:
            run.snapshot = commit.snapshot
            run.snapshot_sequence = commit.sequence
        for child in commit.children:
            if child.id not in self._runs:
                self._create(_giving_way(child, self._names, self._keys), touched)
                if not child.owner:
                    touched.add(child.id)
        if commit.posts:
            touched.update(self._post(commit.posts))
        for signal in commit.signals:
            if isinstance(signal, Subscription):
                found = self._board.subscribe(commit.run, signal, run.events_before)
                touched.update(self._post([InboxPost(commit.run, PUBLISHED, payload) for _, payload in found]))
            elif isinstance(signal, Unsubscription):
                self._board.unsubscribe(commit.run, signal)
            else:
                touched.update(self._tell(self._board.publish(signal)[1]))
        if commit.ended:
            self._groups.leave(run, commit.ended, touched)
        for post in commit.consumed:
            run.inbox.pop(post, None)
        return True

    # Inbox

    async def post(self, posts: Sequence[InboxPost]) -> list[int]:
        check_texts("posts", posts)
        ids = []
        for post in posts:
            told = self._post((post,))
            ids.append(self._last_post if told else 0)
            self._watchers.announce(told)
        return ids

    def _post(self, posts: Iterable[InboxPost]) -> set[str]:
        told = set()
        for post in posts:
            run = self._runs.get(post.run)
            if run is not None:
                self._last_post += 1
                run.inbox[self._last_post] = InboxRow(self._last_post, post.run, post.kind, post.payload)
                run.parked = 2 if run.parked else 0
                told.add(post.run)
        return told

    async def read_inbox(self, runs: Sequence[str]) -> list[InboxRow]:
        found = [self._runs[id] for id in set(runs) if id in self._runs]
        return sorted((row for run in found for row in run.inbox.values()), key=lambda row: row.id)

    # Events

    async def publish(self, events: Sequence[NewEvent]) -> list[Published]:
        check_texts("events", events)
        answers = []
        for event in events:
            published, told = self._board.publish(event)
            answers.append(published)
            self._watchers.announce(self._tell(told))
        return answers

    def _tell(self, told: Iterable[Told]) -> set[str]:
        unfinished = [(run, payload) for run, payload in told if not self._runs[run].ended]
        return self._post([InboxPost(run, PUBLISHED, payload) for run, payload in unfinished])

    async def read_events(self, name: str, key: str, after: int = 0, limit: int = 1000) -> list[EventRow]:
        return self._board.events(name, key, after)[: limit or None]

    async def list_subscriptions(self, run: str) -> list[Subscription]:
        return self._board.subscriptions(run)

    # Activities

    async def offer_activity(self, offered: NewActivity) -> ActivityRow | None:
        check_texts("activities", (offered,))
        if offered.run not in self._runs:
            return None
        self._watchers.announce({offered.run})
        return self._activities.offer(offered)

    async def fetch_activity(self, kind: str, worker: str, token: str, now: int, lease_ms: int) -> ActivityRow | None:
        return self._activities.fetch(kind, worker, token, now, lease_ms)

    async def next_activity(self, kind: str) -> int:
        return self._activities.next(kind)

    async def find_activity(self, token: str) -> ActivityRow | None:
        return self._activities.find(token)

    async def extend_activity(self, token: str, now: int, lease_ms: int) -> ActivityRow | None:
        return self._activities.extend(token, now, lease_ms)

    async def end_activity(self, token: str, now: int, payload: bytes) -> bool:
        row = self._activities.end(token, now)
        if row is None:
            return False
        self._watchers.announce(self._post([InboxPost(row.run, "event", payload)]))
        return True

    async def release_activity(self, token: str, now: int) -> bool:
        row = self._activities.release(token, now)
        if row is not None:
            self._watchers.announce({row.run})
        return row is not None

    async def withdraw_activity(self, run: str, activation: int = -1, attempt: int = 0) -> None:
        self._activities.withdraw(run, activation, attempt)

    # Ownership

    async def join(self, host: Host, lease_ms: int, now: int) -> None:
        check_texts("host", (host,))
        self._hosts[host.id] = (host, now + lease_ms)

    async def leave(self, host: str, now: int = 0) -> None:
        self._hosts.pop(host, None)
        freed = {run.new.id: run for run in self._runs.values() if run.owner == host and host}
        for run in freed.values():
            run.owner = ""
        touched = {id for id, run in freed.items() if run.parked != 1}
        for run in freed.values():
            if run.ended and run.parked != 1:  # its slot was leased, so that it could be reopened
                self._groups.leave(run, now, touched)
        self._watchers.announce(touched)

    async def claim(self, run: str, host: str, now: int) -> RunRow | None:
        found = self._runs.get(run)
        if found is None or (found.owner != host and self._held(found.owner, now)):
            return None
        parked, found.parked = found.parked, 0
        found.owner = host
        found.fence += 1
        touched: set[str] = set()
        self._groups.claimed(found, now, touched)
        self._watchers.announce(touched)
        return replace(found.row(), parked=parked)

    def _held(self, owner: str, now: int) -> bool:
        host, lease = self._hosts.get(owner, (None, 0))
        return host is not None and lease > now and not is_gone(host)

    async def release(self, run: str, host: str) -> None:
        found = self._runs.get(run)
        if found is not None and found.owner == host:
            found.owner = ""
            found.parked = 0
            self._watchers.announce({run})

    # Concurrency groups

    async def list_places(self, group: str = "", run: str = "") -> list[PlaceRow]:
        if run:
            found = self._runs.get(run)
            if found is None or found.place is None:
                return []
            group = found.place.group
        return self._groups.rows(group)

    async def reopen_place(self, run: str, host: str, now: int) -> str:
        found = self._runs.get(run)
        if found is None:
            return ""
        touched: set[str] = set()
        if found.ended and found.owner == host:
            self._groups.enter_again(found, now, touched)
        self._watchers.announce(touched)
        return "" if found.place is None else found.place.state

    # Parking

    async def park(self, host: str, runs: Sequence[Parked]) -> list[bool]:
        return [self._park(host, parked) for parked in runs]

    def _park(self, host: str, parked: Parked) -> bool:
        run = self._runs.get(parked.run)
        if run is None or run.ended or run.inbox or run.parked:
            return False
        if (run.owner, run.sequence, run.fence) != (host, parked.sequence, parked.fence):
            return False
        run.parked = 1
        run.due = parked.due
        return True

    async def list_due(self, host: str, until: int, limit: int = 100) -> list[RunRow]:
        due = [run for run in self._parked() if run.owner == host and 0 < run.due <= until]
        due.sort(key=lambda run: (run.due, run.order))
        return [run.row() for run in due[: limit or None]]

    async def next_due(self, host: str) -> int:
        return min((run.due for run in self._parked() if run.owner == host and run.due), default=0)

    async def inherit(self, host: str, now: int, limit: int = 500) -> int:
        heirless = [run for run in self._parked() if run.owner != host and not self._held(run.owner, now)]
        heirless.sort(key=lambda run: (not run.due, run.due or run.owner, run.order))
        for run in heirless[: limit or None]:
            run.owner = host
        return min(len(heirless), limit or len(heirless))

    def _parked(self) -> Iterable[_Run]:
        return (run for run in self._runs.values() if run.parked == 1)

    # Taking up

    async def list_orphans(self, now: int, limit: int = 100, host: str = "") -> list[RunRow]:
        found = [run.row() for run in self._runs.values() if self._is_orphan(run, now, host)]
        return found[: limit or None]

    def _is_orphan(self, run: _Run, now: int, host: str) -> bool:
        if run.ended or run.parked == 1 or (run.status == "suspended" and not run.inbox):
            return False
        if host and run.owner == host:
            return run.parked == 2
        return not self._held(run.owner, now)

    # Schedules

    async def keep_schedules(self, workflow: str, version: int, rows: Sequence[ScheduleRow]) -> bool:
        check_texts("schedules", rows)
        last, known = self._schedules.get(workflow, (0, []))
        if last > version:
            return False
        due = {(row.cron, row.timezone): row.due for row in known}
        kept = [replace(row, due=due.get((row.cron, row.timezone), row.due)) for row in rows]
        self._schedules[workflow] = (version, kept)
        self._watchers.announce({f"schedule:{workflow}"})
        return True

    async def list_schedules(self) -> list[ScheduleRow]:
        rows = [row for _, kept in self._schedules.values() for row in kept]
        return sorted(rows, key=lambda row: (row.due, row.workflow, row.position))

    async def fire_schedule(self, row: ScheduleRow, due: int, run: NewRun | None) -> RunRow | None:
        _, kept = self._schedules.get(row.workflow, (0, []))
        if row not in kept:
            return None
        kept[kept.index(row)] = replace(row, due=due)
        return None if run is None else await self.create_run(run)

    # Logs

    async def append_logs(self, rows: Sequence[LogRow]) -> None:
        self.append_logs_now(rows)

    def append_logs_now(self, rows: Sequence[LogRow]) -> bool:
        check_texts("logs", rows)
        for row in rows:
            run = self._runs.get(row.run)
            if run is not None:
                self._last_log += 1
                run.logs.append(LogRow(row.run, row.step, row.attempt, row.stream, row.time, row.text, self._last_log))
        return True

    async def read_logs(
        self, run: str, step: str | None = None, after: int = 0, since: int = 0, limit: int = 1000
    ) -> list[LogRow]:
        found = self._runs.get(run)
        rows = [] if found is None else found.logs
        return [row for row in rows if row.number > after and row.time >= since and step in (None, row.step)][
            : limit or None
        ]

    # Search

    async def list_unindexed(self, limit: int = 0) -> list[IndexMark]:
        found = []
        for run in self._runs.values():
            mark, _ = self._indexed.get(run.new.id, (IndexMark(run.new.id, 0, 0), []))
            last = run.logs[-1].number if run.logs else 0
            if run.new.id not in self._indexed or mark.sequence != run.sequence or last > mark.number:
                found.append(mark)
        return found[: limit or None]

    async def index(self, before: IndexMark, after: IndexMark, documents: Sequence[Document]) -> bool:
        mark, kept = self._indexed.get(before.run, (IndexMark(before.run, 0, 0), []))
        if mark != before or before.run not in self._runs:
            return False
        if any(document.kind == "run" for document in documents):
            kept = [(number, document) for number, document in kept if document.kind != "run"]
        for document in documents:
            self._last_document += 1
            kept = [*kept, (self._last_document, document)]
        self._indexed[before.run] = after, kept
        return True

    async def search(self, query: SearchQuery, skip: int = 0, take: int = 0) -> HitPage:
        found = []
        for id, (_, kept) in self._indexed.items():
            run = self._runs[id]
            facts = (
                (query.status, run.status),
                (query.workflow, run.new.workflow),
                (query.name, run.name),
                (query.run, id),
            )
            if all(wanted in ("", fact) for wanted, fact in facts):
                hits = [(number, row) for number, row in kept if _is_hit(query, row)]
                found += [
                    (row.time, number, Hit(id, run.name, run.new.workflow, run.status, row)) for number, row in hits
                ]
        found.sort(key=lambda item: item[:2], reverse=True)
        chosen = found[skip : skip + take if take else None]
        return HitPage(len(found), tuple(hit for _, _, hit in chosen))

    # Upkeep

    async def find_purgeable(self, wanted: PurgeFilter, limit: int = 0) -> list[str]:
        families: dict[str, list[_Run]] = {}
        for run in self._runs.values():
            families.setdefault(run.new.root or run.new.id, []).append(run)
        found: list[str] = []
        seen: Counter[str] = Counter()
        for root in reversed(families):
            top = self._runs.get(root)
            if top is None or any(
                not run.ended or self._held(run.owner, wanted.now) or run.ended >= wanted.before
                for run in families[root]
            ):
                continue
            seen[top.new.workflow] += 1
            if (
                seen[top.new.workflow] > wanted.keep
                and wanted.workflow in ("", top.new.workflow)
                and (not wanted.statuses or top.status in wanted.statuses)
            ):
                found.append(root)
        found.reverse()
        return found[: limit or None]

    async def purge(self, wanted: PurgeFilter, limit: int = 100) -> list[str]:
        roots = set(await self.find_purgeable(wanted, limit))
        gone = [run for run in self._runs.values() if (run.new.root or run.new.id) in roots]
        for run in gone:
            del self._runs[run.new.id], self._names[run.name]
            self._indexed.pop(run.new.id, None)
            self._keys.pop((run.new.workflow, run.new.key), None)
            self._activities.forget(run.new.id)
            for subscription in self._board.subscriptions(run.new.id):
                self._board.unsubscribe(run.new.id, Unsubscription(subscription.name, subscription.key))
        self._feed = [entry for entry in self._feed if entry[1].new.id in self._runs]
        self._board.drop_old(wanted.now - EVENTS_KEPT_MS)
        return [run.new.id for run in gone]

    async def list_programs(self, since: int) -> list[KeptProgram]:
        named = {run.new.program for run in self._runs.values()}
        named |= {row.program for row in self._registrations.rows("", history=False)}
        named |= {row.program for _, rows in self._schedules.values() for row in rows}
        kept = [
            KeptProgram(
                row.hash, row.workflow, row.version, row.hash in named or self._program_marks.get(row.hash, -1) >= since
            )
            for row in self._programs.values()
        ]
        return sorted(kept, key=lambda row: (row.workflow, row.version, row.hash))

    async def drop_programs(self, hashes: Sequence[str], since: int) -> list[str]:
        asked = set(hashes)
        gone = [row.hash for row in await self.list_programs(since) if row.hash in asked and not row.wanted]
        for hash in gone:
            del self._programs[hash]
            self._program_marks.pop(hash, None)
        return gone

    async def compact(self) -> None:
        pass  # what is gone takes no room

    async def summarise(self) -> StoreSummary:
        return StoreSummary(dict(sorted(Counter(run.status for run in self._runs.values()).items())), 0, 0, 0, 0)

    # Wake-ups

    def watch(self, callback: Callable[[frozenset[str]], None], advances: bool = True) -> Callable[[], None]:
        return self._watchers.add(callback, advances)


def _is_hit(query: SearchQuery, row: Document) -> bool:
    words = words_of(row.text)
    return (
        all(holds(words, phrase) for phrase in query.phrases)
        and (not query.kinds or row.kind in query.kinds)
        and query.stream in ("", row.stream)
        and (not query.step or row.step == query.step or row.step.endswith(f"/{query.step}"))
        and row.time >= query.since
        and (not query.until or row.time < query.until)
    )


def _giving_way(child: NewRun, names: dict[str, _Run], keys: dict[tuple[str, str], _Run]) -> NewRun:
    """Return a child without a name or key that is taken: its parent's commit can't be refused for it."""
    if child.name in names:
        child = replace(child, name="")
    if (child.workflow, child.key) in keys:
        child = replace(child, key="")
    return child
