"""An engine as a program that embeds it has it: workflows compiled from text, steps done in this process."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import msgspec

from tests.dsl.build import compile_text
from wfe_runtime.engine import Engine
from wfe_runtime.executors import ExecutorRegistry
from wfe_runtime.executors.contract import StepContext, StepResult
from wfe_runtime.lifecycle import Listener
from wfe_runtime.providers.contracts import Store
from wfe_runtime.providers.rows import ProgramRow, RunCommit, RunFilter, RunRow
from wfe_runtime.result import RunResult
from wfe_runtime.serving import Server
from wfe_vm.outcome import Failure

__all__ = [
    "CHAIN",
    "ONE",
    "Clock",
    "GatedStore",
    "Held",
    "MakeStore",
    "Work",
    "Workflows",
    "embedded",
    "ends_well",
    "fails",
    "gives",
    "kill",
    "open_engine",
    "result_of",
    "row_of",
    "serving",
    "statuses",
    "turns",
    "until",
]

Answer = StepResult | Awaitable[StepResult]

MakeStore = Callable[[], Any]
"""Gives a store, not opened, on the same content each time."""

CHAIN = """
workflow:
  id: chain
  version: 1
  outputs: {last: string}
  steps:
    - {name: first, config: {run: make}}
    - {name: second, config: {run: make}}
    - {name: third, config: {run: make}, outputs: [{name: last, type: string}]}
    - return: {last: outputs.last}
"""

ONE = "workflow: {id: one, version: 1, steps: [{name: only, config: {run: make}}]}"


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.time = 1_800_000_000_000

    def now(self) -> int:
        return self.time


class Workflows:
    """The workflows of a YAML text, as a store keeps them."""

    def __init__(self, text: str) -> None:
        compiled, found = compile_text(text)
        assert [one for one in found if one.severity == "error"] == [], [(one.code, one.message) for one in found]
        self.rows = [
            ProgramRow(
                one.hash,
                one.program.workflow,
                one.program.version,
                one.bytes,
                msgspec.msgpack.encode(one.source_map),
            )
            for one in compiled
        ]
        self.hashes = {one.program.workflow: one.hash for one in compiled}
        self.programs = {one.program.workflow: one.program for one in compiled}

    async def start(self, engine: Engine, workflow: str = "", inputs: dict[str, Any] | None = None, **more: Any) -> str:
        """Start the run of a workflow, the first one if none is named. Returns its id."""
        hash = self.hashes[workflow] if workflow else self.rows[0].hash
        row = await engine.start(self.rows, hash, inputs or {}, **more)
        return row.id


def gives(**outputs: Any) -> StepResult:
    return StepResult("success", outputs)


def fails(message: str = "it said no", outcome: str = "failure") -> StepResult:
    kind = "exit" if outcome == "failure" else "executor"
    return StepResult(outcome, error=Failure(kind, message, exit_code=1 if outcome == "failure" else None))


def ends_well(context: StepContext) -> StepResult:
    return gives(last="end") if context.step == "third" else gives()


class Work:
    """The executor of shell steps, done by a function of the step's context; without one all of them succeed."""

    types: tuple[str, ...] = ("shell",)

    def __init__(self, do: Callable[[StepContext], Answer] = lambda _: gives()) -> None:
        self.do = do
        self.begun: list[StepContext] = []
        self.closed = 0

    def missing(self, config: dict[str, Any]) -> str | None:
        return None

    def run(self, context: StepContext) -> Answer:
        self.begun.append(context)
        return self.do(context)

    async def close(self) -> None:
        self.closed += 1

    @property
    def paths(self) -> list[str]:
        """The paths of the steps that were begun, in order."""
        return [context.step for context in self.begun]


class Held:
    """Steps that are under way until they are let go."""

    def __init__(self) -> None:
        self._futures: dict[tuple[str, str], asyncio.Future[StepResult]] = {}
        self._stirred = asyncio.Event()
        self.stopped: list[str] = []

    async def __call__(self, context: StepContext) -> StepResult:
        key = (context.run, context.step)
        future: asyncio.Future[StepResult] = asyncio.get_running_loop().create_future()
        self._futures[key] = future
        self._stirred.set()
        try:
            return await future
        except asyncio.CancelledError:
            self.stopped.append(context.step)
            self._stirred.set()
            raise
        finally:
            if self._futures.get(key) is future:
                del self._futures[key]

    async def under_way(self, count: int) -> list[str]:
        """Wait until so many steps are under way, and return their paths."""
        while len(self._futures) < count:
            self._stirred.clear()
            await self._stirred.wait()
        return sorted(step for _, step in self._futures)

    async def holds(self, run: str, step: str) -> None:
        """Wait until that step of a run is under way."""
        while (run, step) not in self._futures:
            self._stirred.clear()
            await self._stirred.wait()

    async def have_stopped(self, *steps: str) -> None:
        """Wait until these steps, and no others, have been stopped."""
        async with asyncio.timeout(30):
            while len(self.stopped) < len(steps):
                self._stirred.clear()
                await self._stirred.wait()
        assert self.stopped == list(steps)

    def let_go(self, step: str = "", result: StepResult | None = None) -> None:
        """End the steps of that path, or all that are under way."""
        for key, future in list(self._futures.items()):
            if step in ("", key[1]) and not future.done():
                future.set_result(result or gives())
                del self._futures[key]


class GatedStore:
    """A store whose commits are counted, and may be held back, or refused by whoever tests."""

    def __init__(self, inner: Store) -> None:
        self._inner = inner
        self.commits: list[list[RunCommit]] = []
        self.before: Callable[[Sequence[RunCommit]], Awaitable[None] | None] = lambda _: None
        self.after: Callable[[Sequence[RunCommit]], Awaitable[None] | None] = lambda _: None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def commit(self, commits: Sequence[RunCommit]) -> Awaitable[list[bool]]:
        return asyncio.ensure_future(self._commit(commits))

    async def _commit(self, commits: Sequence[RunCommit]) -> list[bool]:
        await _maybe(self.before(commits))
        self.commits.append(list(commits))
        answers = await self._inner.commit(commits)
        await _maybe(self.after(commits))
        return answers


async def _maybe(waiting: Awaitable[None] | None) -> None:
    if waiting is not None:
        await waiting


@contextlib.asynccontextmanager
async def embedded(
    store: Any,
    work: Work | Callable[[StepContext], Answer] | None = None,
    *,
    clock: Clock | None = None,
    listener: Listener | None = None,
    step_limit: int | None = None,
) -> AsyncIterator[Engine]:
    """An engine on a store, whose steps are done by ``work``."""
    executor = work if isinstance(work, Work) else Work(work) if work is not None else Work()
    engine = Engine(store, ExecutorRegistry([executor]), clock=clock, listener=listener, step_limit=step_limit)
    async with engine:
        yield engine


async def open_engine(store: Any, work: Work, clock: Clock) -> Engine:
    """An engine that is to be killed."""
    return await Engine(store, ExecutorRegistry([work]), clock=clock).__aenter__()


@contextlib.asynccontextmanager
async def serving(engine: Engine) -> AsyncIterator[Server]:
    """A server at work on what an engine's store has."""
    server = Server(engine)
    task = asyncio.ensure_future(server.serve())
    try:
        yield server
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def kill(engine: Engine) -> None:
    """End the only engine as SIGKILL would, as far as one process can: nothing is written, let go of or left in order.

    Its lease has to run out before another takes its runs over: this process lives.
    """
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    engine._closing = True
    engine._timers.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for active in engine._active.values():
        active.finished.cancel()
    await engine.store.close()


async def turns(count: int = 50) -> None:
    """Let whatever can go on do so."""
    for _ in range(count):
        await asyncio.sleep(0)


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something holds in the store that nobody tells of."""
    async with asyncio.timeout(30):
        while not await holds():  # noqa: ASYNC110 - what is waited for is in the store
            await asyncio.sleep(0.001)


async def result_of(engine: Engine, run: str) -> RunResult:
    """Wait for the end of a run."""
    result = await asyncio.wait_for(engine.wait(run), 30)
    assert result is not None
    return result


async def row_of(store: Any, run: str) -> RunRow:
    row: RunRow | None = await store.get_run(run)
    assert row is not None
    return row


async def statuses(store: Any) -> dict[str, int]:
    """Count the runs of a store by status."""
    found: dict[str, int] = {}
    for row in await store.list_runs(RunFilter()):
        found[row.status] = found.get(row.status, 0) + 1
    return found
