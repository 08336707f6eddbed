"""What the tests of the deno executor share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from wfe_runtime.executors.contract import StepResult
from wfe_runtime.executors.deno import DenoExecutor

from .shell_support import context, run_on


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
