"""From which program a workflow is started: registrations, as the store has them.

Owns how a version is chosen and what is said where there is none. Programs themselves are the store's.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from .clock import Clock
from .errors import NotFound, WfeError
from .programs import LoadedProgram, ProgramCache
from .providers.contracts import Store
from .providers.rows import ProgramRow, Registration

__all__ = ["Registry"]


class Registry:
    """The registrations of a store. ``who`` is what the history says of changes made through it."""

    def __init__(self, store: Store, programs: ProgramCache, clock: Clock, who: str) -> None:
        self._store = store
        self._programs = programs
        self._clock = clock
        self._who = who

    async def add(self, rows: Sequence[ProgramRow], replace: bool) -> list[Registration]:
        """Keep programs, and have new runs of their versions start from them. Returns their registrations.

        Raises WfeError (``registered``) where a version has another program, unless it is to be replaced.
        """
        now = self._clock.now()
        await self._store.put_programs(rows, now)
        wanted = [Registration(row.workflow, row.version, row.hash, now, self._who) for row in rows]
        in_the_way = await self._store.register(wanted, replace)
        if in_the_way and not replace:
            first = in_the_way[0]
            raise WfeError(
                "registered",
                f"{first.workflow} version {first.version} is registered with another program ({first.program[:12]})",
                "give the changed workflow another version, or register it with replace=True: "
                "new runs use it then, and those in flight keep theirs",
            )
        return wanted

    async def remove(self, workflow: str, version: int) -> bool:
        """Start no more runs of a workflow's version. Returns whether it was registered.

        Raises WfeError (``pinned``) while a run of its program has not ended.
        """
        removed = Registration(workflow, version, "", self._clock.now(), self._who)
        answer = await self._store.unregister(removed)
        if answer.pinned_by:
            raise WfeError(
                "pinned",
                f"{workflow} version {version} can't be removed: run {answer.pinned_by} has not ended",
                "wait for its end, or end it with cancel or terminate",
            )
        return answer.found

    async def rows(self, workflow: str = "", history: bool = False) -> list[Registration]:
        """Return what is registered, or all that ever was said."""
        return await self._store.list_registrations(workflow, history)

    async def find(self, workflow: str, version: int | None) -> LoadedProgram:
        """Return the program of a workflow's version, of the highest if none is given.

        Raises NotFound, with names that are near or the versions that there are.
        """
        rows = await self._store.list_registrations(workflow)
        found = [row for row in rows if version in (None, row.version)]
        if found:
            return await self._programs.load(found[-1].program)
        if rows:
            versions = ", ".join(str(row.version) for row in rows)
            raise NotFound(f"{workflow} has no version {version}; registered are {versions}")
        names = sorted({row.workflow for row in await self._store.list_registrations()})
        raise NotFound(
            f"no workflow {workflow!r} is registered; there are {', '.join(names) or 'none'}",
            difflib.get_close_matches(workflow, names, n=3),
        )
