"""Letting go of runs that only wait, and taking them up again in time: what waits costs an engine no memory.

This file owns which runs an engine lets go of, and when those that are due are taken up. It knows the store's rows
and an engine's runs, and no program. The rules:

* Only a run is let go of of which nothing is under way here, and whose store has all that it waits for. It stays
  this host's: its lease covers what it has let go of, so of several engines none takes what another looks after.
  A suspended run waits for what it is told, too, once its last step has ended.
* Only an engine that serves its store lets go of runs: one that does not would never hear of them again.
* A run is parked once it has stood still for a while, and not for a short wait: that costs more than it saves.
* Runs that are due are taken up some time ahead, and fire by the engine's own timers. Whoever takes a run up claims
  it first: what two engines would both do, one does.
* Nothing is looked for at intervals. The engine sleeps until the first of its parked runs is nearly due; that one of
  them was told something, it hears by the store's announcements (``serving.py``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import islice
from typing import Final

from wfe_vm.phases import (
    PARKED,
    READY,
    WAIT_ANSWER,
    WAIT_CHILD,
    WAIT_EVENT,
    WAIT_FORK,
    WAIT_STEP,
    WAIT_TIMER,
    WAIT_UNDO,
)

from . import faults
from .active import ActiveRun
from .engine import PARKED_RUNS, Engine
from .errors import StoreError
from .providers.rows import Parked, RunRow
from .signals import ACTIVITY

__all__ = ["Parking", "only_waits"]

QUIET_SECONDS: Final = 1.0
"""For how long a run has stood still before it is let go of."""
SHORTEST_WAIT_MS: Final = 5_000
"""What is due sooner is not let go of."""
AHEAD_MS: Final = 2_000
"""How long before its time a run is taken up: as much as many of one time can need for it."""
AT_ONCE: Final = 500
"""Runs that are let go of, or taken up, together."""

_WAITS: Final = frozenset({WAIT_CHILD, WAIT_TIMER, WAIT_FORK, WAIT_EVENT, WAIT_ANSWER, WAIT_UNDO})
_WAITS_SUSPENDED: Final = _WAITS | {READY, PARKED}
"""What of a suspended run is to go on, or to be tried again, does so with the resume."""

for _name, _meaning in {
    "engine.before_park": "a run stands still, and its engine is about to let go of it",
    "engine.after_park": "a run is parked, durably, and its engine knows it no more",
    "engine.before_due": "the time of parked runs is near, and nobody has claimed them yet",
    "engine.before_inherit": "parked runs of a host that is gone are about to get another one",
}.items():
    faults.declare(_name, _meaning)


def only_waits(active: ActiveRun) -> bool:
    """Say whether nothing of a run at hand is under way here, and its store has all that it waits for."""
    state, program = active.state, active.loaded.program
    waits = _WAITS_SUSPENDED if state.suspended else _WAITS
    for pointer in state.pointers.values():  # first, since most runs have a step under way
        if pointer.wait not in waits and (
            pointer.wait != WAIT_STEP or program.steps[pointer.frames[-1].step].type != ACTIVITY
        ):
            return False
    if active.is_busy or active.dropped or program.services:
        return False
    return state.end is None and state.sequence > 0


class Parking:
    """The runs that an engine lets go of, and takes up again by ``take``, which says how many it could."""

    def __init__(self, engine: Engine, take: Callable[[Sequence[RunRow]], Awaitable[int]]) -> None:
        self._engine = engine
        self._take = take
        self._quiet: dict[str, tuple[ActiveRun, float]] = {}  # since when they stand still, the longest first
        self._stirred = asyncio.Event()
        self._sweep: asyncio.TimerHandle | None = None
        self._looking = True
        self._letting_go = False

    @property
    def at_work(self) -> bool:
        """Whether runs are being let go of, or parked ones are about to be looked for, or being taken up."""
        return self._looking or self._letting_go

    async def serve(self) -> None:
        """Let go of runs and take them up until cancelled. Raises StoreError."""
        engine = self._engine
        engine.rested, engine.woken = self._consider, self.look
        try:
            for active in engine.runs_at_hand():
                self._consider(active)
            while True:
                self._stirred.clear()
                self._letting_go = True
                await self._let_go()
                self._letting_go = False
                if self._looking:
                    await self._take_due()
                    self._looking = self._stirred.is_set()
                await self._stirred.wait()
        finally:
            engine.rested = engine.woken = None
            self._letting_go = False
            engine.timers.set(PARKED_RUNS, 0)
            self._disarm()
            self._quiet.clear()

    def look(self) -> None:
        """Have the due times of parked runs looked at: the first has come, or there may be others."""
        self._looking = True
        self._stirred.set()

    async def inherit(self, judged: int, pressed: Callable[[], bool]) -> int:
        """Take in what hosts that are gone have parked, until there is no more or something else presses.

        A host is gone whose lease was over at the time ``judged``. Returns how many runs that were.
        """
        engine = self._engine
        count = turns = 0
        if faults.armed is not None:
            faults.reach("engine.before_inherit")
        while got := await engine.store.inherit(engine.host.id, judged, AT_ONCE):
            count += got
            turns += 1
            engine.has_parked = True
            await engine.hold_lease()  # an engine that had no run has not renewed it
            if got < AT_ONCE or turns % 16 == 1:
                self.look()  # they come in the order of their due times
            if got < AT_ONCE or pressed():
                break
        return count

    # Letting go

    def _consider(self, active: ActiveRun) -> None:
        """Note that a run may stand still from now on."""
        if only_waits(active):
            self._quiet.pop(active.id, None)  # it is the last one now
            self._quiet[active.id] = (active, asyncio.get_running_loop().time())
            self._arm(QUIET_SECONDS)

    def _arm(self, seconds: float) -> None:
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(seconds, self._stir)

    def _disarm(self) -> None:
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None

    def _stir(self) -> None:
        self._sweep = None
        self._stirred.set()

    async def _let_go(self) -> None:
        """Let go of the runs that have stood still for long enough."""
        engine = self._engine
        time = asyncio.get_running_loop().time
        while self._quiet and next(iter(self._quiet.values()))[1] <= time() - QUIET_SECONDS:
            resting: list[Parked] = []
            now = engine.clock.now()
            for run, (active, since) in list(islice(self._quiet.items(), AT_ONCE)):
                if since > time() - QUIET_SECONDS:
                    break
                del self._quiet[run]
                due = engine.due_of(active)
                if only_waits(active) and not 0 < due < now + SHORTEST_WAIT_MS:
                    resting.append(Parked(run, active.committed, active.row.fence, due))
            if resting:
                await self._park(resting)
        if self._quiet:
            self._arm(max(next(iter(self._quiet.values()))[1] + QUIET_SECONDS - time(), 0))

    async def _park(self, resting: Sequence[Parked]) -> None:
        """Forget runs, then park them: who asks for one from here on finds it as any run that is not at hand.

        One that was told something meanwhile is taken up again at once.
        """
        engine = self._engine
        if faults.armed is not None:
            faults.reach("engine.before_park")
        engine.has_parked = True
        for one in resting:
            engine.let_go(one.run)
        try:
            answers = await engine.store.park(engine.host.id, resting)
        except StoreError as error:
            engine.fail(error)  # they are not at hand any more, and nobody would take them up
            raise
        if faults.armed is not None:
            faults.reach("engine.after_park")
        told = [one.run for one, parked in zip(resting, answers, strict=True) if not parked]
        if told:
            rows = [await engine.store.get_run(run) for run in told]
            await self._take([row for row in rows if row is not None and row.owner == engine.host.id])
        dues = [one.due for one, parked in zip(resting, answers, strict=True) if parked and one.due]
        if dues:
            self._wake_at(min(dues))

    # Taking up

    async def _take_due(self) -> None:
        """Take up the parked runs that are nearly due, and sleep until the next one is."""
        engine = self._engine
        while True:
            rows = await engine.store.list_due(engine.host.id, engine.clock.now() + AHEAD_MS, AT_ONCE)
            if rows:
                if faults.armed is not None:
                    faults.reach("engine.before_due")
                await self._take(rows)
            if len(rows) < AT_ONCE:
                break
        engine.timers.set(PARKED_RUNS, 0)
        due = await engine.store.next_due(engine.host.id)
        if due:
            self._wake_at(due)

    def _wake_at(self, due: int) -> None:
        """Look again when a run is nearly due, unless that is done before."""
        timers = self._engine.timers
        wake = max(due - AHEAD_MS, 1)
        before = timers.due_of(PARKED_RUNS)
        if not before or wake < before:
            timers.set(PARKED_RUNS, wake)
