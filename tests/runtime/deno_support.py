"""What the tests of the deno executor share."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from wfe_runtime.executors.contract import StepResult
from wfe_runtime.executors.deno import DenoExecutor

from .shell_support import MemoryLog, context, is_alive, run_on

NEIGHBOUR = "await new Promise((done) => setTimeout(done, 20)); output('well', inputs().n + 1)"
"""A script that has to end well whatever another does."""


@asynccontextmanager
async def deno(ahead: int = 0) -> AsyncIterator[DenoExecutor]:
    """Give an executor that starts so many processes ahead, and close it."""
    executor = DenoExecutor(ahead=ahead)
    try:
        yield executor
    finally:
        await executor.close()


def run_script(folder: Path, script: str, config: dict[str, Any] | None = None, **changes: Any) -> StepResult:
    """Run one attempt of a script on a loop of its own and return its result."""
    return run_with(lambda executor: executor.run(script_context(folder, script, config, **changes)))


def run_with(work: Callable[[DenoExecutor], Coroutine[Any, Any, Any]], ahead: int = 0) -> Any:
    """Run a coroutine with an executor on a loop of its own."""

    async def main() -> Any:
        async with deno(ahead) as executor:
            return await work(executor)

    return run_on("uvloop", main())


def script_context(folder: Path, script: str, config: dict[str, Any] | None = None, **changes: Any) -> Any:
    return context({"script": script, **(config or {})}, folder, **{"type": "deno", **changes})


def deno_children() -> set[int]:
    """Return the Deno processes that this process has started and that live."""
    found = set()
    for task in os.listdir("/proc/self/task"):
        with open(f"/proc/self/task/{task}/children") as file:
            found |= {int(process) for process in file.read().split()}
    return {process for process in found if is_alive(process) and b"deno_boot.js" in command_of(process)}


def command_of(process: int) -> bytes:
    try:
        with open(f"/proc/{process}/cmdline", "rb") as file:
            return file.read()
    except OSError:
        return b""


def attempt(
    folder: Path, script: str, config: dict[str, Any] | None = None, log: MemoryLog | None = None
) -> StepResult:
    """Run a hostile script and a neighbour, and return how the hostile one ended."""

    async def work(executor: DenoExecutor) -> list[StepResult]:
        hostile = script_context(folder, script, config, step="hostile", log=log or MemoryLog())
        neighbour = script_context(folder, NEIGHBOUR, step="neighbour", inputs={"n": 1})
        return list(await asyncio.gather(executor.run(hostile), executor.run(neighbour)))

    result, neighbour = run_with(work)
    assert neighbour.outputs == {"well": 2}
    assert deno_children() == set()
    return result


def shown(result: StepResult) -> str:
    return f"{result.outcome} {result.outputs} {result.error} {result.stdout}"
