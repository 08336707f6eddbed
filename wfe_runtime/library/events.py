"""What happened to runs, for those who subscribe: each event once, in the order of the commits.

Rules:

1. Events are read from what is committed, so nothing is told that was rolled back, what another process of the store
   did is told too, and a subscriber that was away goes on after the last event it has seen.
2. Nobody waits for a subscriber, and nothing is kept for one: each reads at its own pace. One that is too far behind
   skips what it missed, and is told how much that was.
"""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Any, Final

import msgspec

from wfe_vm.outcome import Failure
from wfe_vm.state import Delta, Record, decode_delta

from ..errors import NotFound
from ..providers.contracts import Store
from ..providers.rows import FINISHED, FeedRow

__all__ = ["LifecycleEvent", "Subscription"]

PAGE: Final = 200
BACKLOG: Final = 100_000
"""How many advances a subscriber may be behind before it skips."""


class LifecycleEvent(msgspec.Struct, frozen=True):
    """Something that happened to a run, durably.

    ``type`` is run.started, run.suspended, run.resumed, run.cancelling, run.reopened, run.ended, step.started,
    step.ended (once an attempt; skipped steps have only this), step.changed (a hook failed a step that had
    succeeded), or missed: then ``missed`` advances were skipped, and the rest is empty.
    """

    type: str
    id: str = ""
    time: int = 0
    run: str = ""
    name: str = ""
    workflow: str = ""
    version: int = 0
    parent: str = ""
    root: str = ""
    step: str = ""
    attempt: int = 0
    status: str = ""
    outputs: dict[str, Any] = {}
    error: Failure | None = None
    missed: int = 0


class Subscription(AsyncIterator[LifecycleEvent]):
    """The events of one run, from its start to its end, or of all runs from now on: an async iterator.

    ``async with`` begins a subscription to all where the block is entered, ``async for`` alone at its first turn. It
    ends with ``close``, with the engine, and once nobody holds it any more, as after a ``break`` out of its loop.
    """

    def __init__(self, store: Store, run: str = "", after: str = "", backlog: int = BACKLOG) -> None:
        """``after``: the id of an event, after which to go on. ``backlog``: how many advances it may be behind."""
        self._store = store
        self._run = run
        self._after = after
        self._backlog = backlog
        self._position = 0  # of all runs: in the feed; of one: the sequence
        self._skipped = -1  # how many events of the first advance were seen before
        self._waiting: deque[LifecycleEvent] = deque()
        self._statuses: dict[str, str] = {}
        self._stirred = asyncio.Event()
        self._unwatch: Any = None
        self._opened = False
        self._closed = False
        self._about: FeedRow | None = None

    async def __aenter__(self) -> Subscription:
        await self._open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> LifecycleEvent:
        if not self._opened:
            await self._open()
        while not self._waiting:
            if self._closed:
                raise StopAsyncIteration
            self._stirred.clear()
            if not await self._read():
                await self._stirred.wait()
        event = self._waiting.popleft()
        if event.type == "run.ended" and event.run == self._run:
            self.close()
        return event

    def close(self) -> None:
        """End the subscription; who iterates gets what was read, and then the end."""
        self._closed = True
        if self._unwatch is not None:
            self._unwatch()
            self._unwatch = None
        self._stirred.set()

    async def _open(self) -> None:
        self._opened = True
        self._unwatch = _watch_for(self, self._store)
        run, sequence, number = _place_of(self._after)
        if self._run:
            row = await self._store.get_run(self._run)
            if row is None or (run and run != self._run):
                raise NotFound(f"no run has the id {self._run}" if row is None else f"{self._after} is of another run")
            self._about = FeedRow(0, row.id, row.name, row.workflow, row.version, row.parent, row.root, 0, 0, b"")
            self._position = max(sequence - 1, 0)
        elif run:
            self._position = await self._store.feed_position(run, sequence) - 1
            if self._position < 0:
                raise NotFound(f"the store has no event {self._after}")
        else:
            self._position = await self._store.feed_position()
        self._skipped = number

    def hear(self, runs: frozenset[str]) -> None:
        """Learn that something was committed of these runs; of which is not known where there are none."""
        if not self._run or not runs or self._run in runs:
            self._stirred.set()

    async def _read(self) -> bool:
        """Read on. Returns whether there was something."""
        if self._run:
            return await self._read_run()
        rows = await self._store.read_feed(self._position, PAGE)
        if len(rows) == PAGE:
            behind = await self._store.feed_position() - self._position
            if behind > self._backlog:
                self._position += behind
                self._skipped = -1
                self._statuses.clear()
                self._waiting.append(LifecycleEvent("missed", missed=behind))
                return True
        for row in rows:
            self._position = row.number
            await self._take(row)
        return bool(rows)

    async def _read_run(self) -> bool:
        about = self._about
        assert about is not None
        rows = await self._store.read_journal(self._run, self._position, PAGE)
        for row in rows:
            self._position = row.sequence
            await self._take(msgspec.structs.replace(about, sequence=row.sequence, time=row.time, delta=row.delta))
        return bool(rows)

    async def _take(self, row: FeedRow) -> None:
        before = self._statuses.get(row.run)
        if before is None:
            before = await self._status_before(row)
        delta = decode_delta(row.delta)
        events = _events_of(row, delta, before)
        if delta.status in FINISHED:
            self._statuses.pop(row.run, None)
        else:
            self._statuses[row.run] = delta.status
        seen, self._skipped = self._skipped + 1, -1
        self._waiting.extend(events[seen:])

    async def _status_before(self, row: FeedRow) -> str:
        if row.sequence <= 1:
            return "pending"
        rows = await self._store.read_journal(row.run, row.sequence - 2, 1)
        return decode_delta(rows[0].delta).status if rows else "running"


def _watch_for(subscription: Subscription, store: Store) -> Callable[[], None]:
    """Have a subscription hear of commits as long as somebody holds it: the store does not. Returns how to stop it."""
    held = weakref.ref(subscription)

    def hear(runs: frozenset[str]) -> None:
        listening = held()
        if listening is None:
            stop()
        else:
            listening.hear(runs)

    stop = store.watch(hear)
    return stop


def _place_of(id: str) -> tuple[str, int, int]:
    """Return the run, the sequence and the number within the advance of an event; nothing for an empty id."""
    if not id:
        return "", 0, -1
    run, _, rest = id.partition(":")
    sequence, _, number = rest.partition(":")
    if not run or not sequence.isdecimal() or not number.isdecimal():
        raise NotFound(f"{id!r} is not the id of an event")
    return run, int(sequence), int(number)


def _events_of(row: FeedRow, delta: Delta, before: str) -> list[LifecycleEvent]:
    """Return what an advance says, in order: that the run goes on, what its steps did, that it stops."""
    events: list[LifecycleEvent] = []
    status = delta.status

    def tell(type: str, time: int, **more: Any) -> None:
        events.append(
            LifecycleEvent(
                type,
                f"{row.run}:{row.sequence}:{len(events)}",
                time,
                row.run,
                row.name,
                row.workflow,
                row.version,
                row.parent,
                row.root,
                **more,
            )
        )

    if row.sequence == 1:
        tell("run.started", row.time, status=status)
    elif before in FINISHED and status not in FINISHED:
        tell("run.reopened", row.time, status=status)
    elif before == "suspended" and status not in ("suspended", "terminated"):
        tell("run.resumed", row.time, status=status)
    for record in delta.records:
        tell(f"step.{record.what}", record.time, **_of_step(record))
    if status != before:
        if status in ("suspended", "cancelling"):
            tell(f"run.{status}", row.time, status=status)
        elif status in FINISHED and delta.end is not None:
            tell("run.ended", row.time, status=status, outputs=delta.end[1], error=delta.end[2])
    return events


def _of_step(record: Record) -> dict[str, Any]:
    return {
        "step": record.path,
        "attempt": record.attempt,
        "status": record.status or "running",
        "outputs": record.outputs or {},
        "error": record.error,
    }
