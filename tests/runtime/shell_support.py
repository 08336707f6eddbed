"""What the tests of the shell executor share: contexts, a log that remembers, and looks at processes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop

from wfe_runtime.executors.contract import StepContext, StepResult
from wfe_runtime.executors.shell import ShellExecutor
from wfe_vm.program import Output

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}

both_loops = pytest.mark.parametrize("loop", list(LOOPS))
"""A test of both event loops, where a loop matters."""


class MemoryLog:
    """A log sink that keeps what it gets, and the largest piece. ``limit`` bytes make it full until drained."""

    def __init__(self, limit: int = 1 << 40) -> None:
        self.streams: dict[str, bytearray] = {}
        self.waiting = 0
        self.most_waiting = 0
        self.largest = 0
        self.drains = 0
        self.keeps = True
        self._limit = limit

    def write(self, stream: str, data: bytes) -> None:
        if self.keeps:
            self.streams.setdefault(stream, bytearray()).extend(data)
        self.waiting += len(data)
        self.most_waiting = max(self.most_waiting, self.waiting)
        self.largest = max(self.largest, len(data))

    @property
    def full(self) -> bool:
        return self.waiting >= self._limit

    async def drain(self) -> None:
        self.drains += 1
        await asyncio.sleep(0)
        self.waiting = 0

    def text(self, stream: str) -> str:
        return self.streams.get(stream, bytearray()).decode("utf-8", "replace")


def context(config: dict[str, Any], folder: Path | str = "/", **changes: Any) -> StepContext:
    """Return the context of an attempt of step ``build`` with this config."""
    fields: dict[str, Any] = {
        "run": "0197",
        "run_name": "deploy-1",
        "workflow": "deploy",
        "step": "fan[3]/build",
        "activation": 7,
        "attempt": 2,
        "type": "shell",
        "config": config,
        "inputs": None,
        "data": {},
        "outputs": (),
        "keep_stdout": True,
        "timeout_ms": 0,
        "folder": str(folder),
        "fence": 1,
        "log": MemoryLog(),
    }
    return StepContext(**(fields | changes))


def output(name: str, type: str, *path: str) -> Output:
    return Output(name, type, 0, path)


@asynccontextmanager
async def shell(folder: Path, grace_s: float = 5.0) -> AsyncIterator[ShellExecutor]:
    """Give an executor whose temporary files lie in ``folder``, and close it."""
    executor = ShellExecutor(grace_s=grace_s, scratch_parent=str(folder))
    try:
        yield executor
    finally:
        await executor.close()


def run_step(folder: Path, config: dict[str, Any], **changes: Any) -> StepResult:
    """Run one attempt on a loop of its own and return its result."""

    async def main() -> StepResult:
        async with shell(folder) as executor:
            return await executor.run(context(config, folder, **changes))

    return run_on("asyncio", main())


def run_on(loop: str, work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine on a new loop of that kind."""
    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        return runner.run(work)


def is_alive(process: int) -> bool:
    """Return whether a process is there and no zombie."""
    try:
        text = Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return text[text.rindex(")") + 2] not in "ZX"


async def until(condition: Callable[[], bool]) -> None:
    """Return once a condition holds; the test's own time limit ends a wait in vain."""
    while not condition():  # noqa: ASYNC110 - what is waited for happens in other processes
        await asyncio.sleep(0.005)


def open_descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))
