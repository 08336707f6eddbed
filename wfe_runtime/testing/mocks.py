"""Steps that are mocked: what they give instead of being run, and with what they were called.

Step middleware, the innermost, so what a mock gives is held to the step's declared outputs as any result is, and goes
through whatever other middleware there is. The mock that was made last wins.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from wfe_vm.outcome import ERROR_KINDS, Failure

from ..executors.contract import StepContext, StepResult
from ..library.arguments import check_text
from .history import is_named

__all__ = ["Mock", "Mocks"]

Outputs = Mapping[str, Any] | Callable[[StepContext], Any]


class Mock:
    """What stands for some steps. ``calls`` are the attempts that it has answered, in order."""

    def __init__(
        self, target: str, outputs: Outputs | None, raises: BaseException | Failure | None, times: int
    ) -> None:
        """As ``EngineUnderTest.mock``."""
        check_text("target", target)
        if not target:
            raise ValueError("target is the type of steps, or the path or name of one, and empty")
        if outputs is not None and not callable(outputs) and not isinstance(outputs, Mapping):
            raise TypeError(f"outputs has to be a map or a function of the StepContext, not {outputs!r}")
        if raises is not None and not isinstance(raises, (BaseException, Failure)):
            raise TypeError(f"raises has to be an exception, as in OSError('no tape'), or a Failure, not {raises!r}")
        if outputs is not None and raises is not None:
            raise ValueError(f"the mock of {target} can't both give outputs and raise")
        if times < 0:
            raise ValueError(f"the mock of {target} can't be used {times} times; 0 is for ever")
        self.target = target
        self.calls: list[StepContext] = []
        self._outputs = outputs if outputs is not None else {}
        self._raises = raises
        self._times = times

    def __repr__(self) -> str:
        return f"<mock of {self.target}, called {len(self.calls)} times>"

    def answers(self, context: StepContext) -> bool:
        """Say whether this attempt is for this mock."""
        left = not self._times or len(self.calls) < self._times
        return left and (context.type == self.target or is_named(context.step, self.target))

    async def answer(self, context: StepContext) -> StepResult:
        """End an attempt."""
        self.calls.append(context)
        if self._raises is not None:
            return _failed(self._raises)
        if not callable(self._outputs):
            return StepResult("success", dict(self._outputs))
        try:
            given = self._outputs(context)
            if inspect.isawaitable(given):
                given = await given
        except Exception as error:  # whatever a test's function raises is how the step fails
            return _failed(error)
        return StepResult("success", dict(given or {}))


class Mocks:
    """All mocks of an engine, as one step middleware."""

    def __init__(self) -> None:
        self._mocks: list[Mock] = []

    def add(self, mock: Mock) -> Mock:
        """Have a mock answer before those that are there."""
        self._mocks.insert(0, mock)
        return mock

    async def __call__(
        self, context: StepContext, call_next: Callable[[StepContext], Awaitable[StepResult]]
    ) -> StepResult:
        for mock in self._mocks:
            if mock.answers(context):
                return await mock.answer(context)
        return await call_next(context)


def _failed(error: BaseException | Failure) -> StepResult:
    if not isinstance(error, Failure):
        error = Failure("throw", f"{type(error).__name__}: {error}")
    return StepResult("error" if error.kind in ERROR_KINDS else "failure", error=error)
