"""Group commit: what has advanced while one commit was under way forms the next.

This file owns the runs that wait to be committed, the commit that is under way, and what is durable and not carried
out. It knows nothing of what happens to a run before and after: the engine is told of each, in the order of the
batches, once the store has answered. A run is in one of the three only: a commit of it begins when all of the one
before is carried out.
"""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from math import inf
from time import monotonic
from typing import Final

from wfe_vm.commands import Command
from wfe_vm.errors import InternalError
from wfe_vm.state import Delta

from . import faults
from .active import ActiveRun
from .errors import StoreError
from .providers.contracts import Store
from .providers.rows import RunCommit

__all__ = ["UNFIT", "Committer"]

UNFIT: Final = (InternalError, TypeError, ValueError, OverflowError, RecursionError)
"""What is raised where one run's data can't go on, and no other run is concerned."""

REFUSALS: Final = (StoreError, ValueError, TypeError)
"""What a store raises for a batch that it has not committed."""

UNBOUNDED: Final = inf

for _name, _meaning in {
    "engine.before_commit": "a batch of advances was put together, the store has not got it yet",
    "engine.after_commit": "the batch is durable, nothing was told and no command carried out",
    "engine.after_commands": "the batch is durable, and what it asked for was begun",
}.items():
    faults.declare(_name, _meaning)


Advanced = tuple[ActiveRun, list[Delta], list[Command]]
"""A run that has advanced, what is to be told of that and what it asks for."""


class Committer:
    """Commits the runs of one engine."""

    def __init__(
        self,
        store: Store,
        accepted: Callable[[ActiveRun, list[Delta], list[Command]], None],
        refused: Callable[[ActiveRun, Exception | None], None],
    ) -> None:
        """``accepted`` is told what of a run is durable and what it asks for; ``refused`` why a run can't go on here,

        with None where another host has it.
        """
        self._store = store
        self._accepted = accepted
        self._refused = refused
        self.waiting: dict[str, ActiveRun] = {}
        """The runs of the next batch, by id."""
        self.durable: deque[Advanced] = deque()
        """What is durable, of which nothing was told and nothing carried out yet."""
        self._under_way = False
        self._listening: Future[None] | None = None  # to the end of the commit that is under way
        self._seconds = UNBOUNDED  # of carrying out that are worth a commit of their own: as many as it takes
        self._carried = 0.0  # seconds of carrying out since the last commit began

    def discard(self, run: str) -> None:
        """Have a run not committed."""
        self.waiting.pop(run, None)

    async def passed(self) -> None:
        """Return once the commit that is under way, if one is, has ended."""
        if self._under_way:
            if self._listening is None:
                self._listening = asyncio.get_running_loop().create_future()
            await asyncio.wait({self._listening})

    async def commit(self) -> None:
        """Commit what waits, as one batch, and carry out what is durable. The loop has a turn if the store takes one.

        Carrying out comes first, and gives more to commit, until it has taken as long as a commit does: then one
        batch is carried out while the other is on its way to the disk. Raises StoreError for what is not the fault of
        one run.
        """
        self._carry_out(self._seconds - self._carried)
        taken, commits = self._take()
        if not taken:
            self._carry_out(UNBOUNDED)
            return
        self._under_way = True
        try:
            if faults.armed is not None:
                faults.reach("engine.before_commit")
            given = self._begin(commits)
            try:
                answers: Sequence[bool | Exception] = await given
            except REFUSALS as error:
                answers = await self._commit_apart(commits, error)
            if faults.armed is not None:
                faults.reach("engine.after_commit")
        except BaseException:
            for active, _, _ in taken:
                active.in_flight = False
            raise
        finally:
            self._under_way = False
            if self._listening is not None:
                self._listening.set_result(None)
                self._listening = None
        for entry, commit, answer in zip(taken, commits, answers, strict=True):
            active = entry[0]
            if answer is True:
                active.committed = commit.sequence
                self.durable.append(entry)
            else:
                active.in_flight = False
                self._refused(active, answer if isinstance(answer, Exception) else None)

    def _take(self) -> tuple[list[Advanced], list[RunCommit]]:
        """Return what is to be told and asked of the runs that wait, and their commits."""
        batch, self.waiting = self.waiting, {}
        taken: list[Advanced] = []
        commits: list[RunCommit] = []
        for active in batch.values():
            if active.in_flight:
                self.waiting[active.id] = active  # what of it is durable is carried out first
                continue
            if active.dropped:
                continue
            try:
                commit, deltas, commands = active.take_commit()
            except UNFIT as error:
                self._refused(active, error)
                continue
            commits.append(commit)
            taken.append((active, deltas, commands))
            active.in_flight = True
        return taken, commits

    def _begin(self, commits: list[RunCommit]) -> Awaitable[list[bool]]:
        """Give a batch to the store; where that takes time, carry out what is durable meanwhile, and learn how long."""
        began = monotonic()
        try:
            given = self._store.commit(commits)
        except REFUSALS as error:
            return _raise(error)
        if not isinstance(given, Future) or given.done():
            self._seconds = UNBOUNDED
            return given
        self._carried = 0.0
        self._carry_out(UNBOUNDED)
        if given.done():
            self._seconds = min(self._seconds, monotonic() - began)
            return given
        return self._time(given, began)

    async def _time(self, given: Future[list[bool]], began: float) -> list[bool]:
        answers = await given
        self._seconds = monotonic() - began
        return answers

    def _carry_out(self, seconds: float) -> None:
        """Carry out what is durable, until that has taken so long."""
        durable = self.durable
        if not durable:
            return
        began = now = monotonic()
        while durable and now - began < seconds:
            active, deltas, commands = durable.popleft()
            active.in_flight = False
            self._accepted(active, deltas, commands)
            now = monotonic()
        self._carried += now - began
        if not durable and faults.armed is not None:
            faults.reach("engine.after_commands")

    async def store(self, commits: Sequence[RunCommit]) -> Sequence[bool | Exception]:
        """Give commits to the store, and return for each whether it was accepted, or why it never can be.

        Raises StoreError for what is not the fault of one of them.
        """
        try:
            return await self._store.commit(commits)
        except REFUSALS as error:
            return await self._commit_apart(commits, error)

    async def _commit_apart(
        self, commits: Sequence[RunCommit], error: StoreError | ValueError | TypeError
    ) -> Sequence[bool | Exception]:
        """Give commits to the store one by one, where one of them led to this error; else raise it."""
        if isinstance(error, StoreError) and error.code != "value":
            raise error
        if len(commits) == 1:
            return [error]
        answers: list[bool | Exception] = []
        for commit in commits:
            answers += await self.store([commit])
        return answers


async def _raise(error: Exception) -> list[bool]:
    raise error
