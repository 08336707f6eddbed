"""Claims: what this host makes its own in the store, as it is taken in from there.

This file owns that a run is claimed before it is loaded, that one at a time takes it in, and what of it is to be asked
for again. It knows neither timers nor executors, and nothing of the runs below a run.

Rules:

1. A claim that comes to nothing is given back: a run that can't be loaded here is left to others.
2. Whoever comes second, while a run is being taken in, finds it at hand.
3. What was under way when the last owner stopped is asked for again only as far as it still is.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from typing import NamedTuple
from weakref import WeakValueDictionary

from wfe_vm.commands import RunStep, StartChild, StopChild, StopStep
from wfe_vm.events import StepEnded, Suspend
from wfe_vm.outcome import Failure
from wfe_vm.state import State

from . import faults
from .active import ActiveRun
from .binding import Detached
from .clock import Clock
from .commit import UNFIT
from .errors import NotFound, StoreError, WfeError
from .inbox import check_posts
from .loading import load_run_state
from .programs import LoadedProgram, ProgramCache
from .providers.contracts import Store
from .providers.rows import InboxRow, RunCommit, RunRow

__all__ = ["Claimed", "Claims", "to_recover", "unless_owned"]

for _name, _meaning in {
    "engine.before_child": "a child run is durable, and has not begun",
    "engine.after_claim": "a run was claimed, and is not loaded yet",
}.items():
    faults.declare(_name, _meaning)


class Claimed(NamedTuple):
    """A run that is this host's, as the store has it."""

    row: RunRow
    loaded: LoadedProgram
    state: State
    snapshot_bytes: int = 0
    delta_bytes: int = 0
    posts: Sequence[InboxRow] = ()
    """What its inbox held when it was claimed."""


@contextlib.contextmanager
def unless_owned(*codes: str) -> Iterator[None]:
    """Leave a run to the living host that has it, or for another of these reasons."""
    try:
        yield
    except WfeError as error:
        if error.code not in ("owned", *codes):
            raise


def to_recover(
    active: ActiveRun, under_way: set[tuple[int, int]], now: int
) -> list[StepEnded | RunStep | StopStep | StartChild | StopChild]:
    """Return what of a run is to be asked for again, of what was under way; what is not, ends instead.

    Whether the children that it waits for are there is the caller's to find out.
    """
    steps = active.loaded.program.steps
    asked: list[StepEnded | RunStep | StopStep | StartChild | StopChild] = []
    for command in active.loaded.machine.recover(active.state):
        if not isinstance(command, (RunStep, StopStep, StartChild, StopChild)):
            continue
        if (command.activation, command.attempt) not in under_way:
            continue
        if isinstance(command, RunStep) and steps[command.step].on_crash == "fail":
            message = f"the process that ran {command.path} is gone, and the step says on_crash: fail"
            lost = Failure("lost", message, command.path)
            asked.append(StepEnded(now, command.activation, command.attempt, "error", {}, lost))
        else:
            asked.append(command)
    return asked


class Claims:
    """The claims of one engine."""

    def __init__(
        self,
        store: Store,
        programs: ProgramCache,
        detached: Detached,
        clock: Clock,
        host: str,
        at_hand: Mapping[str, ActiveRun],
        take_in: Callable[[Claimed], tuple[ActiveRun, list[StartChild]]],
        commit: Callable[[Sequence[RunCommit]], Awaitable[object]],
    ) -> None:
        """``take_in`` has a run at hand and goes on with it; it returns it with the children that it waits for.

        ``commit`` commits a run that is not at hand.
        """
        self._store = store
        self._programs = programs
        self._detached = detached
        self._clock = clock
        self._host = host
        self._at_hand = at_hand
        self._take_in = take_in
        self._commit = commit
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def take(self, run: str) -> tuple[ActiveRun, list[StartChild] | None]:
        """Claim and load a run, and go on with it.

        Returns it with the children that it waits for, None in their place if it was at hand before. Raises
        NotFound for an unknown run, WfeError (``owned``) where a live host has it.
        """
        async with self._alone(run):
            active = self._at_hand.get(run)
            if active is not None:
                return active, None
            return self._take_in(await self._claim(run))

    async def take_child(self, child: str) -> None:
        """Go on with a child that was created as this host's, unless it has begun already or is another's now."""
        async with self._alone(child):
            if faults.armed is not None:
                faults.reach("engine.before_child")
            row = await self._store.get_run(child)
            if row is None or row.owner != self._host or row.sequence or child in self._at_hand:
                return
            loaded = await self._programs.load(row.program)
            await self._detached.bind(loaded)
            self._take_in(Claimed(row, loaded, State(row.id, row.name, row.program)))

    async def release(self, run: str) -> None:
        """Leave a run to others."""
        await self._store.release(run, self._host)

    async def suspend(self, active: ActiveRun, why: WfeError) -> None:
        """Suspend a run that was let go of, as the store has it. Where even that fails, it is only given up."""
        async with self._alone(active.id):
            row = await self._store.claim(active.id, self._host, self._clock.now())
            stored = None if row is None else await self._store.load_state(active.id)
            if row is None or stored is None:
                return
            try:
                again = ActiveRun(row, active.loaded, load_run_state(stored)[0], 0, 0)
                again.advance(Suspend(self._clock.now(), why.message))
                again.releases = True
                await self._commit([again.take_commit()[0]])
            except (*UNFIT, StoreError):
                await self.release(active.id)

    @contextlib.asynccontextmanager
    async def _alone(self, run: str) -> AsyncIterator[None]:
        """Let one at a time take a run in."""
        lock = self._locks.get(run)
        if lock is None:
            lock = self._locks[run] = asyncio.Lock()
        async with lock:
            yield

    async def _claim(self, run: str) -> Claimed:
        row = await self._store.claim(run, self._host, self._clock.now())
        if row is None:
            present = await self._store.get_run(run)
            if present is None:
                raise NotFound(f"no run has the id {run}")
            raise WfeError("owned", f"run {present.name} is being advanced by a live process", None)
        if faults.armed is not None:
            faults.reach("engine.after_claim")
        self._programs.expect(row.program)
        try:
            stored = await self._store.load_state(row.id)
            if stored is None:
                raise NotFound(f"no run has the id {run}")
            state, snapshot_bytes, delta_bytes = load_run_state(stored)
            loaded = await self._programs.load(row.program)
            await self._detached.bind(loaded)
            posts = await self._store.read_inbox([run])
            check_posts(row, posts)
        except BaseException:
            self._programs.expect_no_more(row.program)
            with contextlib.suppress(StoreError):
                await self.release(run)
            raise
        return Claimed(row, loaded, state, snapshot_bytes, delta_bytes, posts)
