"""Group commit: what has advanced while one commit was under way forms the next.

This file owns the runs that wait to be committed, and the commit that is under way. It knows nothing of what
happens to a run before and after: the engine is told of each, in the order of the batch, once the store has answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
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

for _name, _meaning in {
    "engine.before_commit": "a batch of advances was put together, the store has not got it yet",
    "engine.after_commit": "the batch is durable, nothing was told and no command carried out",
    "engine.after_commands": "the batch is durable, and what it asked for was begun",
}.items():
    faults.declare(_name, _meaning)


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
        self._under_way = False
        self._listening: asyncio.Future[None] | None = None  # to the end of the commit that is under way

    def add(self, active: ActiveRun) -> None:
        """Have a run committed with the next batch."""
        self.waiting[active.id] = active

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
        """Commit what waits, as one batch; the loop gets a turn only where the store takes one.

        Raises StoreError for what is not the fault of one run.
        """
        batch, self.waiting = self.waiting, {}
        taken: list[tuple[ActiveRun, list[Delta], list[Command]]] = []
        commits: list[RunCommit] = []
        for active in batch.values():
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
        if not taken:
            return
        self._under_way = True
        try:
            if faults.armed is not None:
                faults.reach("engine.before_commit")
            try:
                answers: Sequence[bool | Exception] = await self._store.commit(commits)
            except (StoreError, ValueError, TypeError) as error:
                answers = await self._commit_apart(commits, error)
            if faults.armed is not None:
                faults.reach("engine.after_commit")
        finally:
            for active, _, _ in taken:
                active.in_flight = False
            self._under_way = False
            if self._listening is not None:
                self._listening.set_result(None)
                self._listening = None
        for (active, deltas, commands), commit, answer in zip(taken, commits, answers, strict=True):
            if answer is True:
                active.committed = commit.sequence
                self._accepted(active, deltas, commands)
            else:
                self._refused(active, answer if isinstance(answer, Exception) else None)
        if faults.armed is not None:
            faults.reach("engine.after_commands")

    async def store(self, commits: Sequence[RunCommit]) -> Sequence[bool | Exception]:
        """Give commits to the store, and return for each whether it was accepted, or why it never can be.

        Raises StoreError for what is not the fault of one of them.
        """
        try:
            return await self._store.commit(commits)
        except (StoreError, ValueError, TypeError) as error:
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
