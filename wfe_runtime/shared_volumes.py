"""The shared volumes of runs, as their engine sees them: kept as long as a run may go on, gone when it has ended.

Owns when a volume is removed. How is ``executors.shared_volume``'s, and that it is made the executor's.

Rules:

1. Parked, suspended or left by a killed process: a run's volume stays, for its steps are not executed again.
2. With the end of the first run that has one here, those are removed too that a killed process has left though their
   runs have ended. A volume of a run that this store does not know is nobody's business here.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable

from wfe_vm.program import Program

from .executors.container_cli import CLI_NAMES, ContainerCli, find_cli, uncancelled
from .executors.launch import Launcher
from .executors.problems import TaskProblem
from .executors.shared_volume import reap_volumes, remove_volume

__all__ = ["SharedVolumes"]


class SharedVolumes:
    """Removes the volumes of runs that end here."""

    def __init__(self, has_ended: Callable[[str], Awaitable[bool]], troubled: Callable[[str], None]) -> None:
        """``has_ended`` says whether the store has the end of a run; ``troubled`` is told what can't be removed."""
        self._has_ended = has_ended
        self._troubled = troubled
        self._launcher = Launcher()
        self._clis: list[ContainerCli] | None = None
        self._ending: set[asyncio.Task[None]] = set()

    def end(self, run: str, program: Program) -> None:
        """Have the volume of a run removed that has ended; ``close`` waits for that."""
        if program.shared_volume is None:
            return
        ending = asyncio.get_running_loop().create_task(self._end(run))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    async def close(self) -> None:
        """Return when the volumes of all runs that have ended are removed."""
        while self._ending:
            await uncancelled(_all_done(list(self._ending)))
        self._launcher.close()

    async def _end(self, run: str) -> None:
        first = self._clis is None
        if self._clis is None:
            self._clis = self._engines()
        for cli in self._clis:
            try:
                problem = await remove_volume(cli, run)
                if first:
                    await reap_volumes(cli, self._has_ended)
            except TaskProblem as error:
                problem = error.message
            if problem:
                self._troubled(f"the shared volume of the run {run} may be left: {problem}")

    def _engines(self) -> list[ContainerCli]:
        """Return the commands that a step may have used: each may choose its own."""
        found: list[ContainerCli] = []
        for name in CLI_NAMES:
            try:
                found.append(ContainerCli(find_cli(name, os.environ.get("PATH", os.defpath)), self._launcher))
            except TaskProblem:
                continue
        return found


async def _all_done(tasks: list[asyncio.Task[None]]) -> None:
    await asyncio.wait(tasks)
