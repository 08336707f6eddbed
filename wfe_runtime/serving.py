"""Serving a store: a host takes up the runs that nobody has, and starts those whose schedule has come.

This file owns when it looks. What a run does then is the engine's; letting go of those that only wait is
``parking.py``'s. The rules:

* A run that is announced is looked for at once; that a host died nobody announces, so orphans are looked
  for by an index every ``SWEEP_SECONDS`` too. Parked runs are taken up only when they are due or were called.
* What a living host has is left to it, though the clock has jumped past its lease: see ``lease.py``.
* Of what this host can't run it keeps off: such a run stays for a host that can.
* A schedule is fired by whoever moves its due time on in the store; the others see that it was.
* The clock is looked at again every minute, so one that jumps is noticed; it never fires a time twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from wfe_vm.errors import MachineError
from wfe_vm.events import Started
from wfe_vm.ids import make_id

from . import faults
from .children import CANCEL_DEADLINE_MS
from .engine import Engine
from .errors import GroupFull, StoreError, WfeError
from .groups import place_of
from .inputs import check_inputs
from .lease import LeaseJudge
from .parking import Parking
from .programs import LoadedProgram
from .providers.rows import FINISHED, NewRun, ProgramRow, RunRow, ScheduleRow
from .result import encode_event
from .schedules import first_due, what_is_due

__all__ = ["Server", "register_schedules"]

SWEEP_SECONDS: Final = 1.0
AT_ONCE: Final = 100
PAUSE_SECONDS: Final = 0.02
LONGEST_SLEEP_SECONDS: Final = 60.0
SHORTEST_SLEEP_SECONDS: Final = 0.001

faults.declare("engine.before_fire", "a schedule has come, and nothing of its run is durable")
faults.declare("engine.after_fire", "the run of a schedule is durable, and nobody has it")


async def register_schedules(engine: Engine, programs: Sequence[ProgramRow], hashes: Sequence[str], folder: str) -> int:
    """Keep programs, and have runs of those with these hashes start when their schedules say. Returns how many times.

    Of several versions the highest counts; a workflow without a schedule is not started by itself any more.
    """
    await engine.programs.keep(programs, engine.clock.now())
    count = 0
    now = engine.clock.now()
    for hash in hashes:
        program = (await engine.programs.load(hash)).program
        rows = [
            ScheduleRow(
                workflow=program.workflow,
                version=program.version,
                position=position,
                program=hash,
                cron=one.cron,
                timezone=one.timezone,
                missed=one.missed,
                folder=folder,
                due=first_due(one.cron, one.timezone, now),
            )
            for position, one in enumerate(program.schedule)
        ]
        if await engine.store.keep_schedules(program.workflow, program.version, rows):
            count += len(rows)
    return count


class Server:
    """Serves a store with an engine that is open."""

    def __init__(self, engine: Engine, lacks: Callable[[LoadedProgram], list[str]] | None = None) -> None:
        """``lacks`` says in words what this host lacks for a program, if not only the engine's word counts."""
        self._engine = engine
        self._lacks = lacks or engine.missing
        self.parking = Parking(engine, self._take_parked)
        self._judge = LeaseJudge(engine.clock)
        self._taking = asyncio.Lock()
        self._announced = asyncio.Event()
        self._stirred = asyncio.Event()
        self._lacking: dict[str, tuple[str, list[str]]] = {}  # by id: the run's name, and what for

    @property
    def lacking(self) -> dict[str, list[str]]:
        """What this host lacks for the runs that it leaves to others, by their names."""
        return dict(self._lacking.values())

    @property
    def at_work(self) -> bool:
        """Whether runs are about to be looked for, or are being taken up."""
        return self._announced.is_set() or self._taking.locked() or self.parking.at_work

    async def serve(self, schedules: bool = True) -> None:
        """Serve until cancelled, with or without schedules. Raises what stopped the engine, or the store's error."""
        stop_watching = self._engine.store.watch(self._hear, advances=False)
        self._announced.set()
        duties: list[Coroutine[Any, Any, None]] = [self._take_up_forever(), self.parking.serve()]
        if schedules:
            duties.append(self._fire_forever())
        tasks = [asyncio.create_task(duty) for duty in duties]
        try:
            await asyncio.gather(*tasks)
        finally:
            stop_watching()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _hear(self, runs: frozenset[str]) -> None:
        if not runs or any(run.startswith("schedule:") for run in runs):
            self._stirred.set()
        if not runs or not all(map(self._engine.has, runs)):
            self._announced.set()

    def look_again(self) -> None:
        """Look again for all runs that were left: this host has something now that it lacked."""
        self._lacking.clear()
        self._announced.set()

    # Runs

    async def _take_up_forever(self) -> None:
        while True:
            self._engine.check_open()
            await self.take_up()
            await asyncio.sleep(PAUSE_SECONDS)  # what other hosts commit is announced too, and may be much
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._announced.wait(), SWEEP_SECONDS - PAUSE_SECONDS)

    async def take_up(self) -> int:
        """Take up what nobody has, or has called, and this host can run. Returns how many runs that were.

        What waits on behalf of a host that is gone waits on behalf of this one then.
        """
        engine = self._engine
        async with self._taking:
            self._announced.clear()
            taken = 0
            while True:
                limit = AT_ONCE + len(self._lacking)
                judged = self._judge.now()
                rows = await engine.store.list_orphans(judged, limit, engine.host.id)
                fresh = [row for row in rows if row.id not in self._lacking and not engine.has(row.id)]
                taken += await self._take_parked([row for row in fresh if row.parked])
                for row in fresh:
                    taken += not row.parked and await self.take(row)
                if not any(row.id not in self._lacking for row in fresh):
                    break
            if len(rows) < limit:  # of those that were left, others have some by now
                left = {row.id for row in rows}
                self._lacking = {run: lacks for run, lacks in self._lacking.items() if run in left}
            # It may be much, and an event for one of them does not wait for all of it: it is announced.
            return taken + await self.parking.inherit(judged, self._announced.is_set)

    async def _take_parked(self, rows: Sequence[RunRow]) -> int:
        """Take up runs that were parked, together; those that this host can't run are anybody's then."""
        taken = await asyncio.gather(*(self.take(row) for row in rows))
        return sum(taken)

    async def take(self, row: RunRow) -> bool:
        """Take up a run unless a living host has it, or something is lacking. Returns whether it was."""
        engine = self._engine
        try:
            lacks = self._lacks(await engine.programs.load(row.program))
            if not lacks:
                await engine.take_over(row.id, family=False)
                return True
        except (MachineError, WfeError) as error:
            if isinstance(error, StoreError) and error.code != "damaged":
                raise
            if isinstance(error, WfeError) and error.code in ("owned", "not-found"):
                return False
            engine.check_open()
            lacks = [str(error)]
            engine.listener.troubled(f"run {row.name} can't be taken up: {error}")
        self._lacking[row.id] = (row.name, lacks)
        if row.parked:
            await engine.store.release(row.id, engine.host.id)
        return False

    # Schedules

    async def _fire_forever(self) -> None:
        while True:
            self._stirred.clear()
            due = await self.fire_due()
            now = self._engine.clock.now()
            wait = LONGEST_SLEEP_SECONDS if not due else min(max((due - now) / 1000, 0), LONGEST_SLEEP_SECONDS)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stirred.wait(), max(wait, SHORTEST_SLEEP_SECONDS))

    async def fire_due(self) -> int:
        """Start the runs of all schedules that have come. Returns when the next one comes, 0 if none will."""
        now = self._engine.clock.now()
        following = []
        for row in await self._engine.store.list_schedules():
            try:
                following.append(await self._fire(row, now) if row.due <= now else row.due)
            except (MachineError, WfeError) as error:
                if isinstance(error, StoreError) and error.code != "damaged":
                    raise
                self._engine.listener.troubled(f"the schedule {row.cron} of {row.workflow} can't be kept: {error}")
        return min(following, default=0)

    async def _fire(self, row: ScheduleRow, now: int) -> int:
        """Start the runs of a schedule, each with its own move of the due time. Returns when it comes next."""
        due = what_is_due(row, now)
        if due.left_out:
            message = f"{due.left_out} times of the schedule {row.cron} of {row.workflow} were missed"
            self._engine.listener.troubled(message)
        loaded = await self._engine.programs.load(row.program)
        times: list[int | None] = [*due.times] or [None]
        for time, next_due in zip(times, [*due.times[1:], due.following], strict=True):
            new = None if time is None else self._new_run(row, loaded, time, now)
            if faults.armed is not None:
                faults.reach("engine.before_fire")
            try:
                created = await self._engine.store.fire_schedule(row, next_due, new)
            except GroupFull as full:
                self._engine.listener.troubled(full.message)
                created = None
            if faults.armed is not None:
                faults.reach("engine.after_fire")
            row = _moved(row, next_due)
            if created is not None and created.status not in FINISHED:
                await self.take(created)
        return due.following

    def _new_run(self, row: ScheduleRow, loaded: LoadedProgram, time: int, now: int) -> NewRun:
        program = loaded.program
        started = Started(now, check_inputs(program, {}), {})
        id = make_id(now, os.urandom(10))
        return NewRun(
            id=id,
            workflow=program.workflow,
            version=program.version,
            program=loaded.hash,
            inputs=encode_event(started),
            created=now,
            key=f"schedule {row.cron} {row.timezone} {time}",
            folder=row.folder,
            durability=program.durability or "sync",
            place=place_of(program, id, started, CANCEL_DEADLINE_MS),
        )


def _moved(row: ScheduleRow, due: int) -> ScheduleRow:
    fields: dict[str, Any] = {name: getattr(row, name) for name in row.__struct_fields__}
    return ScheduleRow(**{**fields, "due": due})
