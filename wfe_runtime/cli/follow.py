"""Following a run in the foreground: shows it, waits for its end, and parks it when told to stop.

Owns what may end a foreground command: the run's end, a standstill, ``--timeout`` and signals. Signals
once: running steps are stopped, the run is suspended, durably, and the line that resumes it is printed.
Twice: the process ends at once; what was committed stays committed, and the kernel ends its steps.

A run stands still when nothing at hand can carry it on: it, or every child that it waits for, is
suspended and none of their steps runs any more.
"""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final

from wfe_vm.events import Started
from wfe_vm.outcome import UNFINISHED_STATUSES, Failure
from wfe_vm.phases import PARKED, WAIT_CHILD
from wfe_vm.state import Delta, Record, State

from ..engine import Engine, RunLost
from ..errors import WfeError
from ..providers import open_store
from ..providers.rows import RunRow
from ..result import RunResult, decode_event
from ..settings import Settings
from ..signals import ACTIVITY, OpenWait, goes_on_by_itself, open_waits, works_on_a_host
from ..undoing import left_to_undo
from . import exits
from .failures import describe_failure, next_steps, origin_of_failure, place_in
from .family import Family
from .output import print_at_once
from .signals import Interrupts
from .stores import keeps_runs, store_flag
from .texts import harmless
from .views import Parking, View

__all__ = ["Follower", "foreground"]

LOOK_AGAIN_SECONDS: Final = 0.05  # while a commit that nobody announces is under way
DETACHED_LOOK_SECONDS: Final = 0.5
ELSEWHERE_LOOK_SECONDS: Final = 1.0  # besides the store's own word that something changed


class Follower:
    """Listens to an engine and shows one run, and its children, in a view."""

    def __init__(self, view: View, settings: Settings) -> None:
        self._view = view
        self._settings = settings
        self._family = Family()
        self._row: RunRow | None = None
        self._waiting: list[Callable[[], None]] = []  # to be shown once the run's own first line was printed
        self._begun = False  # that line has been printed
        self._known: set[tuple[str, int, int]] = set()  # attempts under way that were shown with it
        self._last: dict[tuple[str, int], Record] = {}
        self._stirred = asyncio.Event()
        self.interrupts = Interrupts(self._on_signal, self._abandon)
        self._engine: Engine | None = None
        self._over = False  # the last line has been printed

    # As the engine's listener

    def advanced(self, run: RunRow, delta: Delta) -> None:
        self._stirred.set()
        if not self._begun:
            self._waiting.append(lambda: self.advanced(run, delta))
        elif self._family.has(run) and not self._over:
            self._show(run, delta)

    def printed(self, run: RunRow, step: str, attempt: int, stream: str, text: str) -> None:
        if not self._begun:
            self._waiting.append(lambda: self.printed(run, step, attempt, stream, text))
        elif self._family.has(run) and not self._over:
            self._view.output(run, self._family.prefix(run), step, attempt, stream, text, _now())

    def troubled(self, message: str) -> None:
        self._view.trouble(message)

    def _show(self, run: RunRow, delta: Delta) -> None:
        engine = self._at_work
        top = run.id == self._family.top
        prefix = self._family.prefix(run)
        if delta.sequence == 1 and not top:
            self._view.begun(run, prefix, _inputs(run), delta.time, False)
        for record in delta.records:
            if record.what == "started" and (run.id, record.activation, record.attempt) in self._known:
                continue  # committed while the runs under way were looked up
            self._family.note(run.id, record)
            if record.what == "started" or record.status in ("failed", "error"):
                self._last[run.id, record.activation] = record
            else:
                self._last.pop((run.id, record.activation), None)
            self._show_record(run, record)
        if delta.end is not None and not top and self._is_at_hand(run.id):
            result = engine.result_of(run.id)
            if result is not None:
                self._view.ended(run, prefix, result, delta.time)

    def _show_record(self, run: RunRow, record: Record) -> None:
        loaded = self._at_work.programs.get(run.program)
        number = -1 if loaded is None else loaded.step_of(record)
        kind = "" if loaded is None or number < 0 else loaded.program.steps[number].kind
        self._view.step(run, self._family.prefix(run), record, kind)

    @property
    def _at_work(self) -> Engine:
        if self._engine is None:
            raise RuntimeError("nothing is being followed yet")
        return self._engine

    def _is_at_hand(self, run: str) -> bool:
        return any(row.id == run for row in self._at_work.at_hand())

    # The command

    async def follow(
        self,
        engine: Engine,
        row: RunRow,
        *,
        timeout_ms: int = 0,
        no_wait: bool = False,
        until: str = "",
        again: bool = False,
    ) -> int:
        """Follow a run at hand to its end, or to where the command ends without it. Returns the exit code.

        ``again``: it was started earlier; ``until``: the step after which it will be suspended. Raises
        what stopped the engine, once that has been shown.
        """
        self._engine = engine
        self._row = row
        self._family.begin(row)
        rows = [other for other in engine.at_hand() if self._family.has(other)] if again else []
        under_way = await self._family.learn(engine.store, rows, rows)
        self._view.begun(row, "", _inputs(row), _now() if again else row.created, again)
        self._begun = True
        for run, record in under_way:
            self._known.add((run.id, record.activation, record.attempt))
            self._show_record(run, record)
        for show in self._waiting:
            show()
        self._waiting.clear()
        ended = asyncio.ensure_future(engine.wait(row.id))
        ended.add_done_callback(lambda _: self._stirred.set())
        try:
            return await self._follow(engine, row, ended, timeout_ms, no_wait, until)
        except WfeError as error:
            if not self._over:
                self._over = True
                self._show_breakdown(row, error)
            raise
        finally:
            if not ended.done():
                ended.cancel()
            await asyncio.gather(ended, return_exceptions=True)

    async def _follow(
        self,
        engine: Engine,
        row: RunRow,
        ended: asyncio.Future[RunResult | None],
        timeout_ms: int,
        no_wait: bool,
        until: str,
    ) -> int:
        deadline = time.monotonic() + timeout_ms / 1000 if timeout_ms else 0.0
        while True:
            if ended.done():
                return await self._end(engine, row, ended.result())
            if self.interrupts.name:
                return await self._interrupt(
                    engine, row, ended, f"interrupted by {self.interrupts.name}", exits.INTERRUPTED
                )
            if deadline and time.monotonic() >= deadline:
                return await self._interrupt(engine, row, ended, "the command's --timeout is over", exits.FAILED)
            motion = await self._motion(engine, row, no_wait)
            if motion in ("parked", "elsewhere"):
                return await self._park(engine, row, _reason(engine, row, motion, until), exits.PARKED)
            wait = deadline - time.monotonic() if deadline else None
            if motion == "busy":
                wait = LOOK_AGAIN_SECONDS if wait is None else min(wait, LOOK_AGAIN_SECONDS)
            await self._wait(wait)

    async def _wait(self, seconds: float | None) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stirred.wait(), seconds if seconds is None else max(seconds, 0))
        self._stirred.clear()

    async def _motion(self, engine: Engine, top: RunRow, no_wait: bool) -> str:
        """Say whether the runs can go on: moving, busy, parked, or elsewhere (only other hosts can go on)."""
        if not self._is_at_hand(top.id):
            return "moving"  # it has ended, and is about to be told
        rows = [row for row in engine.at_hand() if self._family.has(row)]
        if not no_wait and not any(engine.state_of(row.id).suspended for row in rows):
            return "moving"  # what is left to come will come by itself
        absent: list[str] = []
        for row in rows:
            state = engine.state_of(row.id)
            if engine.is_queued(row.id):
                continue  # the end of another run carries it on
            if engine.is_busy(row.id):
                return "busy"
            if state.end is not None:
                return "busy"
            waits = list(state.pointers.values())
            if works_on_a_host(state, engine.loaded_of(row.id).program):
                return "moving"
            if not state.suspended and (goes_on_by_itself(state) if no_wait else state.due() or state.waits):
                return "moving"
            children = [pointer.frames[-1].child for pointer in waits if pointer.wait == WAIT_CHILD]
            absent += [child for child in children if not self._is_at_hand(child)]
        if not absent:
            return "busy" if await self._are_told(engine, rows) else "parked"
        if not no_wait:
            return "moving"
        for child in absent:
            found = await engine.store.get_run(child)
            if found is None or found.status not in UNFINISHED_STATUSES or found.owner in ("", engine.host.id):
                return "busy"  # it is about to be here, or its end is
        return "elsewhere"

    async def _are_told(self, engine: Engine, rows: list[RunRow]) -> bool:
        """Say whether something waits in the inbox of runs that stand still, or has been taken in meanwhile."""
        before = [engine.state_of(row.id).sequence for row in rows]
        if await engine.store.read_inbox([row.id for row in rows]):
            return True
        return any(
            not self._is_at_hand(row.id) or engine.state_of(row.id).sequence != sequence
            for row, sequence in zip(rows, before, strict=True)
        )

    # Its ends

    async def _end(self, engine: Engine, row: RunRow, result: RunResult | None) -> int:
        if result is None:
            raise WfeError("internal", f"run {row.name} ended, and the store has no result of it")
        if not self._over:
            self._over = True
            self._view.ended(row, "", result, _now())
            errors = [f"warning: {harmless(warning)}" for warning in result.warnings]
            for passed in result.tolerated:
                why = passed.error.message if passed.error is not None else "it failed"
                errors.append(f"tolerated: {harmless(passed.step)}: {harmless(why)}")
            if result.status != "succeeded":
                errors += await self._told(engine, row, result.status, result.error)
            self._view.conclude([], errors)
        code = exits.code_of_status(result.status)
        return await self._await_detached(engine, code)

    async def _await_detached(self, engine: Engine, code: int) -> int:
        """Stay until the runs that are on their own have ended too; their ends don't count."""
        while True:
            moving = [row for row in engine.at_hand() if _moves(engine, row.id)]
            if not moving:
                return code
            if self.interrupts.name:
                await engine.suspend_all(f"interrupted by {self.interrupts.name}")
                self._view.conclude([], [f"run {row.name} is suspended; {self._resume_line(row)}" for row in moving])
                return exits.INTERRUPTED
            await self._wait(DETACHED_LOOK_SECONDS)

    async def _interrupt(
        self, engine: Engine, row: RunRow, ended: asyncio.Future[RunResult | None], reason: str, code: int
    ) -> int:
        """Suspend the run, durably, unless it ends before that."""
        await engine.suspend_all(reason)
        if not self._is_at_hand(row.id):
            return await self._end(engine, row, await ended)
        return await self._park(engine, row, reason, code)

    async def _park(self, engine: Engine, row: RunRow, reason: str, code: int) -> int:
        await engine.settled()
        self._over = True
        state = engine.state_of(row.id)
        waiting_for = [found for other in engine.at_hand() for found in self._waits(engine, other)]
        failure = next((record.error for record in self._parked_steps(state, row)), None)
        self._view.parked(row, Parking(state.status, reason, waiting_for, failure), _now())
        errors = [] if failure is None else await self._told(engine, row, "", failure)
        self._view.conclude([], [*errors, f"go on with: {self._resume_line(row)}"])
        return code

    def _waits(self, engine: Engine, row: RunRow) -> Iterator[dict[str, Any]]:
        """Say what a run that stands still waits for."""
        if not self._family.has(row):
            return
        state = engine.state_of(row.id)
        if engine.is_queued(row.id):
            yield {"kind": "group", "run": row.id, "name": row.name}
        for pointer in state.pointers.values():
            if pointer.wait == WAIT_CHILD and not self._is_at_hand(pointer.frames[-1].child):
                yield {"kind": "child", "run": row.id, "child": pointer.frames[-1].child}
        for wait in open_waits(state, engine.loaded_of(row.id).program):
            if wait.waiting is not None or wait.kind == ACTIVITY:
                yield _outside(row, wait, self._last.get((row.id, wait.activation)))
        if state.suspended:
            parked = [record.path for record in self._parked_steps(state, row)]
            by_hand = {"kind": "resume", "run": row.id, "name": row.name, "steps": parked}
            to_undo = left_to_undo(state, engine.loaded_of(row.id).program)
            yield {**by_hand, "to_undo": to_undo} if to_undo else by_hand

    def _parked_steps(self, state: State, row: RunRow) -> Iterator[Record]:
        for pointer in state.pointers.values():
            if pointer.wait == PARKED:
                record = self._last.get((row.id, pointer.frames[-1].id))
                if record is not None:
                    yield record

    async def _told(self, engine: Engine, row: RunRow, status: str, failure: Failure | None) -> list[str]:
        lines = []
        loaded = None
        if failure is not None:
            loaded = await origin_of_failure(engine.store, row, failure)
            lines = describe_failure(failure, "" if loaded is None else place_in(loaded, failure))
        if keeps_runs(self._settings.store):
            commands = next_steps(row, status, failure, store_flag(self._settings), loaded)
            lines += [f"{'next:' if not number else '     '} {command}" for number, command in enumerate(commands)]
        return lines

    def _abandon(self) -> None:
        """Leave at once, as a second signal asks for; how to go on is said if that takes no wait."""
        self._view.abandon()
        if self._row is not None and not self._over:
            print_at_once(f"go on with: {self._resume_line(self._row)}")

    def _resume_line(self, row: RunRow) -> str:
        if not keeps_runs(self._settings.store):
            return f"nothing: the store {self._settings.store} ends with this command"
        return f"wfec resume {shlex.quote(row.name)}{store_flag(self._settings)}"

    def _show_breakdown(self, row: RunRow, error: WfeError) -> None:
        """Close the stream where the engine can't go on; what it committed is in the store."""
        failure = Failure("executor" if exits.code_of(error) == exits.MISSING else "internal", error.message)
        where = "elsewhere" if isinstance(error, RunLost) else "stopped"
        parking = Parking(where, error.message, [{"kind": error.code, "run": row.id}], failure)
        self._view.parked(row, parking, _now())
        hint = [f"go on with: {self._resume_line(row)}"] if where == "stopped" else []
        self._view.conclude([], hint)

    async def wait_elsewhere(self, engine: Engine, row: RunRow, done: Callable[[RunRow], bool]) -> RunRow:
        """Wait until another process has brought a run to where ``done`` holds, and return it as it is then.

        If that process goes away before, the run is taken over: it is at hand then. Raises
        KeyboardInterrupt on a signal: the run is not ours to suspend.
        """
        stop_watching = engine.store.watch(lambda _: self._stirred.set())
        try:
            while True:
                now = await engine.store.get_run(row.id)
                if now is None or done(now):
                    return row if now is None else now
                try:
                    return await engine.take_over(row.id)
                except WfeError as error:
                    if error.code != "owned":
                        raise
                if self.interrupts.name:
                    raise KeyboardInterrupt
                await self._wait(ELSEWHERE_LOOK_SECONDS)
        finally:
            stop_watching()

    def _on_signal(self, name: str) -> None:
        self._view.trouble(f"{name}: stopping what runs and keeping the run; once more ends this at once")
        self._stirred.set()


async def foreground(
    settings: Settings,
    view: View,
    work: Callable[[Engine, Follower], Awaitable[int]],
) -> int:
    """Open an engine on the store, have ``work`` done with it, and close all again. Returns what it returns."""
    follower = Follower(view, settings)
    store = open_store(settings.store)
    engine = Engine(store, listener=follower, step_limit=settings.host_steps or None)
    try:
        with follower.interrupts.taken():
            async with engine:
                return await work(engine, follower)
    finally:
        view.close()
        await store.close()


def _moves(engine: Engine, run: str) -> bool:
    """Say whether a run at hand is on its way: neither suspended nor, having ended, waiting to be let go."""
    state = engine.state_of(run)
    return engine.is_busy(run) or not (state.suspended or state.end is not None)


def _outside(row: RunRow, wait: OpenWait, record: Record | None) -> dict[str, Any]:
    """Return what a run waits for from outside, as ``waiting_for`` lists it."""
    found: dict[str, Any] = {"kind": wait.kind, "run": row.id, "name": row.name}
    found.update(step=wait.path if record is None else record.path, since=wait.since, due=wait.due or None)
    waiting = wait.waiting
    if wait.kind == "event" and waiting is not None:
        found.update(event=waiting.name, key=waiting.key)
    elif waiting is not None:
        found.update(title=waiting.title, options=list(wait.options), assignees=list(waiting.assignees))
    return found


def _inputs(row: RunRow) -> dict[str, Any]:
    event = decode_event(row.inputs)
    return event.inputs if isinstance(event, Started) else {}


def _reason(engine: Engine, row: RunRow, motion: str, until: str) -> str:
    """Say in words why a run stands still."""
    if motion == "elsewhere":
        return "only another host can go on"
    if engine.is_queued(row.id):
        return "its concurrency group is full"
    state = engine.state_of(row.id)
    if any(pointer.wait == PARKED for pointer in state.pointers.values()):
        return "a step failed that suspends the run"
    if state.suspended:
        return f"stopped after step {until}" if until and not state.stop_after else "it was suspended"
    if any(engine.state_of(other.id).suspended for other in engine.at_hand()):
        return "a child that it waits for is suspended"
    return "only an event or an answer can go on"


def _now() -> int:
    return time.time_ns() // 1_000_000
