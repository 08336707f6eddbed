"""Serving a store: a host takes up the runs that nobody has, and starts those whose schedule has come.

This file owns when it looks. What a run does then is the engine's. The rules:

* A run that is announced is looked for at once; that a host died nobody announces, so orphans are looked
  for by an index every ``SWEEP_SECONDS`` too.
* Of what this host can't run it keeps off: such a run stays for a host that can.
* A schedule is fired by whoever moves its due time on in the store; the others see that it was.
* The clock is looked at again every minute, so one that jumps is noticed; it never fires a time twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Sequence
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
from .programs import LoadedProgram
from .providers.contracts import FINISHED, NewRun, ProgramRow, RunRow, ScheduleRow
from .result import encode_event
from .schedules import first_due, what_is_due

__all__ = ["Server", "register_schedules"]

SWEEP_SECONDS: Final = 1.0
PAUSE_SECONDS: Final = 0.02
LONGEST_SLEEP_SECONDS: Final = 60.0
SHORTEST_SLEEP_SECONDS: Final = 0.001

faults.declare("engine.before_fire", "a schedule has come, and nothing of its run is durable")
faults.declare("engine.after_fire", "the run of a schedule is durable, and nobody has it")


async def register_schedules(engine: Engine, programs: Sequence[ProgramRow], hashes: Sequence[str], folder: str) -> int:
    """Keep programs, and have runs of those with these hashes start when their schedules say. Returns how many times.

    Of several versions the highest counts; a workflow without a schedule is not started by itself any more.
    """
    await engine.store.put_programs(programs, engine.clock.now())
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
    """Serves a store with an engine that is open. ``lacking`` says of runs, by name, why this host leaves them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._announced = asyncio.Event()
        self._stirred = asyncio.Event()
        self._lacking: dict[str, list[str]] = {}
        self.lacking: dict[str, list[str]] = {}

    async def serve(self) -> None:
        """Serve until cancelled. Raises what stopped the engine, or the store's error."""
        stop_watching = self._engine.store.watch(self._hear)
        tasks = [asyncio.create_task(self._take_up_forever()), asyncio.create_task(self._fire_forever())]
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
        if not runs or not runs <= {row.id for row in self._engine.at_hand()}:
            self._announced.set()

    # Runs

    async def _take_up_forever(self) -> None:
        while True:
            self._engine.check_open()
            self._announced.clear()
            await self.take_up()
            await asyncio.sleep(PAUSE_SECONDS)  # what other hosts commit is announced too, and may be much
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._announced.wait(), SWEEP_SECONDS - PAUSE_SECONDS)

    async def take_up(self) -> int:
        """Take up what nobody has and this host can run. Returns how many runs that were."""
        taken = 0
        while True:
            rows = await self._engine.store.list_orphans(self._engine.clock.now(), 100 + len(self._lacking))
            fresh = [row for row in rows if row.id not in self._lacking]
            for row in fresh:
                taken += await self._take(row)
            if not any(row.id not in self._lacking for row in fresh):
                return taken

    async def _take(self, row: RunRow) -> bool:
        engine = self._engine
        try:
            lacks = engine.missing(await engine.programs.load(row.program))
            if not lacks:
                await engine.take_over(row.id)
                return True
        except (MachineError, WfeError) as error:
            if isinstance(error, StoreError) and error.code != "damaged":
                raise
            if isinstance(error, WfeError) and error.code in ("owned", "not-found"):
                return False
            engine.check_open()
            lacks = [str(error)]
            engine.listener.troubled(f"run {row.name} can't be taken up: {error}")
        self._lacking[row.id] = lacks
        self.lacking[row.name] = lacks
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
                await self._take(created)
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
