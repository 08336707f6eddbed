"""The engine of a test: the library's, with a clock that jumps, mocked steps, crashes and a look at what was done.

Rules:

1. Nothing waits for real time: `advance` lets all go on until nothing does, and jumps to the next due time.
2. What real work there is (a process, a thread, a store) is waited for. Its limits of time are real ones.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, Final

from wfe_vm.outcome import Failure

from .. import faults
from ..engine import LEASE_MS
from ..errors import WfeError
from ..library.arguments import check_length
from ..library.engine import Engine, Reference
from ..library.lookup import find_run
from ..providers.contracts import Store
from .clock import JumpingClock
from .crash import Crashed, check_point, kill_engine, stop_advancing
from .history import History, read_history
from .mocks import Mock, Mocks, Outputs

__all__ = ["EngineUnderTest"]

QUIET_TURNS: Final = 5
"""For how many turns of the event loop nothing goes on: a store tells what is new at the turn after."""
PATIENT_TURNS: Final = 50
PAUSE_S: Final = 0.0005
"""Between two looks at work that does not end within PATIENT_TURNS: it is done outside of the event loop."""
MOST_JUMPS: Final = 100_000


class EngineUnderTest(Engine):
    """An engine on a clock of its own. Use it as any other: an async context manager."""

    def __init__(self, store: str | Store = "memory:", *, clock: JumpingClock | None = None, **options: Any) -> None:
        """``options`` are those of ``wfe_runtime.Engine``. Raises StoreError for a URL of no store."""
        self.clock = clock if clock is not None else JumpingClock()
        self._mocks = Mocks()
        middleware = [*options.pop("step_middleware", ()), self._mocks]
        super().__init__(store, clock=self.clock, step_middleware=middleware, **options)
        if isinstance(store, str) and store.startswith("memory:"):
            from ..providers import open_store

            self._store = open_store(store)  # one, which outlives a crash

    # Time

    async def settle(self) -> None:
        """Let all go on that can without the clock moving; what is due is done. Returns at once after a crash."""
        quiet = turns = 0
        while self._open is not None and quiet < QUIET_TURNS:
            core = self._open.core
            if core.timers.next_due() and core.timers.next_due() <= self.clock.now():
                core.timers.look()
            recovering = self._open.is_recovering
            quiet = quiet + 1 if core.is_idle and not recovering else 0
            turns += 1
            await asyncio.sleep(0 if quiet or turns < PATIENT_TURNS else PAUSE_S)

    async def advance(self, by: float | timedelta | None = None) -> int:
        """Let all go on until nothing does, and jump to the next due time, again and again.

        With ``by`` (seconds or a timedelta) only so far, and then to the end of it; without, until nothing is due any
        more: every timeout of a wait that nobody answers is then reached. Returns how many jumps that were. Raises
        WfeError (``endless``) where there is always a next time.
        """
        until = 0
        if by is not None:
            check_length("by", by)
            seconds = by.total_seconds() if isinstance(by, timedelta) else by
            if seconds < 0:
                raise ValueError(f"the clock does not go back: by has to be at least 0, not {by}")
            until = self.clock.now() + round(seconds * 1000)
        await self.settle()
        jumps = 0
        while (due := await self._next_due()) and (not until or due <= until):
            if jumps == MOST_JUMPS:
                raise WfeError("endless", f"something is due again after {jumps} jumps", "say how far: advance(by=…)")
            jumps += 1
            self.clock.jump_to(due)
            await self.settle()
        if until > self.clock.now():
            self.clock.jump_to(until)
        return jumps

    async def _next_due(self) -> int:
        """Return the next due time, of timers and of the schedules that the engine serves; 0 for none."""
        if self._open is None:
            return 0
        dues = [self._open.core.timers.next_due()]
        if self.fires_schedules:
            dues.append(await self._open.server.fire_due())
            await self.settle()
        return min(filter(None, dues), default=0)

    # Steps

    def mock(
        self,
        target: str,
        *,
        outputs: Outputs | None = None,
        raises: BaseException | Failure | None = None,
        times: int = 0,
    ) -> Mock:
        """Have steps end without being run: those of a type, or one by its path or name.

        They succeed with ``outputs``, or with what that function of the StepContext returns, or fail with ``raises``;
        ``times`` attempts, 0: all. The mock that was made last wins, and tells its ``calls``.
        """
        return self._mocks.add(Mock(target, outputs, raises, times))

    # Crashes

    @contextlib.asynccontextmanager
    async def crash_at(self, point: str, count: int = 1) -> AsyncIterator[None]:
        """Let the engine die the count-th time that a fault point is reached within the block; then start it again.

        What the block waits for is broken off then. Raises ValueError for an unknown point, AssertionError where it
        was not reached once nothing goes on any more.
        """
        check_point(point, count)
        opened = self._opened
        loop = asyncio.get_running_loop()
        dying: list[asyncio.Task[None]] = []

        def die() -> None:
            stop_advancing(opened.core)
            dying.append(loop.create_task(self._die()))
            task = asyncio.current_task(loop)
            if task is not None:
                task.add_done_callback(_see_end)
            raise Crashed(point)

        handle = loop.get_exception_handler()
        loop.set_exception_handler(lambda loop, about: _tell_others(loop, about, handle))
        faults.intercept(point, count, die)
        try:
            try:
                yield
            except Crashed:
                pass
            except WfeError as error:
                if not dying or error.code != "closed":
                    raise
            await self.settle()
        finally:
            faults.disarm()
            if dying:
                await dying[0]
            loop.set_exception_handler(handle)
        often = "" if count == 1 else f" {count} times"
        if not dying:
            raise AssertionError(f"the point {point} was not reached{often}")
        await self.restart()

    async def restart(self) -> None:
        """End the engine as SIGKILL would, if it lives, and start it again; its runs are taken up."""
        await self._die()
        self.clock.jump(LEASE_MS / 1000)  # this process lives, so what it had is free once its lease has run out
        await self.__aenter__()
        if self._recover:
            await self.recover()

    async def _die(self) -> None:
        opened, self._open = self._open, None
        if opened is not None:
            await opened.kill(kill_engine)

    # What was done

    async def history(self, run: Reference) -> History:
        """Return what a run has done so far, as it is committed. Raises NotFound for an unknown one."""
        row = await find_run(self.core.store, run if isinstance(run, str) else run.id)
        return await read_history(self.core.store, row.id, row.name)

    async def assert_ran(self, run: Reference, *steps: str) -> History:
        """Check that these steps of a run have ended, in this order, whatever ran between them."""
        history = await self.history(run)
        history.assert_ran(*steps)
        return history


def _see_end(task: asyncio.Task[Any]) -> None:
    """Keep the loop from telling that nobody has asked how a task ended."""
    if not task.cancelled():
        task.exception()


def _tell_others(loop: asyncio.AbstractEventLoop, about: dict[str, Any], handle: Any) -> None:
    """Handle what nobody has caught, but for the crash that was asked for."""
    if isinstance(about.get("exception"), Crashed):
        return
    if handle is not None:
        handle(loop, about)
    else:
        loop.default_exception_handler(about)
