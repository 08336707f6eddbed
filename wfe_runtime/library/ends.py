"""Waiting for the ends of runs, whichever process advances them."""

from __future__ import annotations

import asyncio

from ..engine import Engine, RunLost
from ..errors import NotFound, WfeError
from ..providers.rows import FINISHED
from ..result import RunResult, decode_result

__all__ = ["Ends"]


class Ends:
    """Those who wait in one engine."""

    def __init__(self, core: Engine) -> None:
        self._core = core
        self._waiting: set[asyncio.Event] = set()
        self._closed = False

    async def wait(self, run: str) -> RunResult:
        """Return how a run ends, also if it is handed on meanwhile.

        Raises NotFound for an unknown run, WfeError (``closed``) where the engine is closed before.
        """
        stirred = asyncio.Event()

        def hear(runs: frozenset[str]) -> None:
            if not runs or run in runs:
                stirred.set()

        stop = self._core.store.watch(hear)
        self._waiting.add(stirred)
        try:
            while True:
                stirred.clear()
                if self._core.has(run):
                    found = await self._wait_here(run)
                    if found is not None:
                        return found
                row = await self._core.store.get_run(run)
                if row is None:
                    raise NotFound(f"no run has the id {run}")
                if row.status in FINISHED and row.result:
                    return decode_result(row.result)
                if self._closed:
                    raise _closed()
                await stirred.wait()
        finally:
            self._waiting.discard(stirred)
            stop()

    def close(self) -> None:
        """Tell all that wait that nothing will come."""
        self._closed = True
        for stirred in self._waiting:
            stirred.set()

    async def _wait_here(self, run: str) -> RunResult | None:
        """Return the end of a run at hand; None where another process takes it over first."""
        try:
            return await self._core.wait(run)
        except RunLost:
            return None
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise _closed() from None


def _closed() -> WfeError:
    return WfeError("closed", "the engine was closed before the run ended", "its store keeps the run")
