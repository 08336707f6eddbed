"""Middleware: async functions around steps and around runs, for tracing, metrics and the like.

Rules:

1. The first that was given is the outermost. Each gets the call and what is within it, and returns its result.
2. Around a step it may change what the step is given and what becomes of it; what it raises is the step's error.
3. Around a run it only watches: the run goes on whatever it does, and what it raises is reported and no more.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from wfe_vm.outcome import Failure

from ..errors import WfeError, keepable, words_of
from ..executors import ExecutorRegistry
from ..executors.contract import Executor, StepContext, StepResult
from ..result import RunResult

__all__ = ["MiddlewareRegistry", "RunCall", "RunMiddleware", "RunNext", "StepMiddleware", "StepNext", "around_run"]

StepNext = Callable[[StepContext], Awaitable[StepResult]]
"""What middleware around a step calls for the attempt, or for the middleware within it."""
StepMiddleware = Callable[[StepContext, StepNext], Awaitable[StepResult]]


class RunCall(msgspec.Struct, frozen=True):
    """A run that this engine advances. ``resumed``: it had begun before, and was taken over."""

    run: str
    name: str
    workflow: str
    version: int
    inputs: dict[str, Any]
    parent: str = ""
    resumed: bool = False


RunNext = Callable[[RunCall], Awaitable[RunResult]]
"""What middleware around a run calls for its end."""
RunMiddleware = Callable[[RunCall, RunNext], Awaitable[RunResult]]


class MiddlewareRegistry(ExecutorRegistry):
    """Executors with middleware around them; without any they are as they were."""

    def __init__(self, extra: Sequence[Executor], middleware: list[StepMiddleware]) -> None:
        """``middleware`` may grow afterwards."""
        super().__init__(extra)
        self._middleware = middleware
        self._wrapped: dict[str, _Wrapped] = {}

    def for_type(self, type: str) -> Executor | None:
        """As ``ExecutorRegistry.for_type``."""
        executor = super().for_type(type)
        if executor is None or not self._middleware:
            return executor
        wrapped = self._wrapped.get(type)
        if wrapped is None:
            wrapped = self._wrapped[type] = _Wrapped(executor, self._middleware)
        return wrapped


class _Wrapped:
    """An executor with middleware around each attempt."""

    def __init__(self, executor: Executor, middleware: list[StepMiddleware]) -> None:
        self.types = executor.types
        self._executor = executor
        self._middleware = middleware

    def missing(self, config: dict[str, Any]) -> str | None:
        return self._executor.missing(config)

    async def run(self, context: StepContext) -> StepResult:
        """Run the attempt through all of it."""
        return await self._from(0, context)

    async def close(self) -> None:
        """The executor is closed by its registry."""

    async def _from(self, number: int, context: StepContext) -> StepResult:
        if number == len(self._middleware):
            result = self._executor.run(context)
            return result if isinstance(result, StepResult) else await result
        middleware = self._middleware[number]
        inner: list[StepResult] = []

        async def call_next(context: StepContext) -> StepResult:
            inner.append(await self._from(number + 1, context))
            return inner[-1]

        try:
            result = await middleware(context, call_next)
        except Exception as error:  # whatever a stranger's function raises
            tail = keepable("".join(traceback.format_exception(error)[-3:]))
            message = f"the middleware {_name_of(middleware)} raised {type(error).__name__}: {words_of(error)}"
            return StepResult("error", error=Failure("internal", message, details={"traceback": tail}))
        if isinstance(result, StepResult):
            return result
        message = f"the middleware {_name_of(middleware)} returned no StepResult; it has to return what call_next gives"
        return StepResult("error", error=Failure("internal", message))


async def around_run(
    middleware: Sequence[RunMiddleware],
    call: RunCall,
    wait: Callable[[], Awaitable[RunResult]],
    troubled: Callable[[str], None],
) -> None:
    """Call run middleware around a run whose end ``wait`` waits for."""

    async def run_from(number: int, call: RunCall) -> RunResult:
        if number == len(middleware):
            return await wait()
        return await middleware[number](call, lambda call: run_from(number + 1, call))

    try:
        await run_from(0, call)
    except asyncio.CancelledError:
        raise
    except Exception as error:  # whatever a stranger's function raises
        if isinstance(error, WfeError) and error.code == "closed":
            return  # the engine was left before the run ended, and the middleware let that through
        troubled(f"the middleware around run {call.name} raised {type(error).__name__}: {words_of(error)}")


def _name_of(function: Callable[..., Any]) -> str:
    return str(getattr(function, "__qualname__", type(function).__qualname__))
