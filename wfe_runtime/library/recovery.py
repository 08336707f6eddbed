"""Taking up the runs of a store that nobody advances: their process is gone, or none has had them yet.

A run that needs what is not here (an executor, a function by its registered name) stays for a host that has it; it is
looked at again when a function is registered. A suspended run stays suspended.
"""

from __future__ import annotations

import asyncio
from typing import Final

from wfe_vm.outcome import UNFINISHED_STATUSES

from ..engine import Engine
from ..errors import StoreError, WfeError
from ..executors.python import PythonExecutor
from ..programs import LoadedProgram
from ..providers.contracts import RunFilter, RunRow
from .functions import registered_calls

__all__ = ["Recovery", "lacking"]

TAKEN_UP: Final = tuple(sorted(UNFINISHED_STATUSES - {"suspended"}))


class Recovery:
    """Takes up runs for one engine. ``waiting`` are those it can't run, by name, and what they lack."""

    def __init__(self, core: Engine, python: PythonExecutor) -> None:
        self._core = core
        self._python = python
        self.waiting: dict[str, list[str]] = {}
        self._one_at_a_time = asyncio.Lock()

    async def take_up(self) -> int:
        """Take up what can be, after any that is under way. Returns how many runs that were. Raises StoreError."""
        async with self._one_at_a_time:
            self.waiting = {}
            taken = 0
            for row in reversed(await self._core.store.list_runs(RunFilter(statuses=TAKEN_UP))):
                taken += await self.take(row)
            return taken

    async def take(self, row: RunRow) -> bool:
        """Take up one run, unless a live process has it or something is lacking. Returns whether it was."""
        if self._core.has(row.id) or row.owner == self._core.host.id:
            return False
        try:
            lacks = lacking(self._core, self._python, await self._core.programs.load(row.program))
            if lacks:
                self.waiting[row.name] = lacks
                return False
            await self._core.take_over(row.id)
        except WfeError as error:
            if isinstance(error, StoreError) and error.code != "damaged":
                raise
            if error.code not in ("owned", "not-found"):
                self.waiting[row.name] = [error.message]
                self._core.listener.troubled(f"run {row.name} can't be taken up: {error}")
            return False
        return True


def lacking(core: Engine, python: PythonExecutor, loaded: LoadedProgram) -> list[str]:
    """Say in words what this host lacks to run a program."""
    calls = sorted(name for name in registered_calls(loaded.program) if not python.knows(name))
    return [*core.missing(loaded), *(f"no Python function is registered as {name}" for name in calls)]
