"""What the engine asks of an executor: the thing that does the work of one type of task."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Protocol

import msgspec

from wfe_vm.outcome import Failure
from wfe_vm.program import Output, SharedVolume

from ..masking import Masker

__all__ = ["Executor", "LogSink", "StepContext", "StepResult"]


class LogSink(Protocol):
    """Takes the output of one attempt. Never blocks; ``drain`` waits until the store has caught up."""

    def write(self, stream: str, data: bytes) -> None:
        """Take output of ``stdout``, ``stderr`` or ``log``; any bytes, cut anywhere."""

    @property
    def full(self) -> bool:
        """True while more is held in memory than should be: read nothing more until ``drain`` returns."""

    async def drain(self) -> None:
        """Return once little enough is held in memory. An executor calls it between reads."""


class StepContext(msgspec.Struct, frozen=True):
    """One attempt of one task. ``timeout_ms`` is for information: the engine cancels at the deadline.

    ``config``, ``inputs`` and ``data`` are this attempt's own: whoever changes what is in them changes no run.
    """

    run: str
    run_name: str
    workflow: str
    step: str  # path
    activation: int
    attempt: int
    type: str
    config: dict[str, Any]
    inputs: dict[str, Any] | None
    data: dict[str, Any]
    outputs: tuple[Output, ...]
    keep_stdout: bool
    timeout_ms: int
    folder: str  # the run's folder, absolute
    fence: int
    log: LogSink
    services: dict[str, str] = {}  # variables that tell where the services of the run are
    shared_volume: SharedVolume | None = None  # what the containers of the run have in common
    masker: Masker | None = None  # hides secrets in what an executor keeps of a stream before it is whole

    @property
    def idempotency_key(self) -> str:
        """The same over all attempts of an activation of the step, and nobody else's."""
        return f"{self.run}:{self.activation}"


class StepResult(msgspec.Struct, frozen=True, gc=False):
    """How an attempt ended: ``outcome`` is success, failure, error or abort.

    ``outputs`` are typed as declared where declared; the machine checks them again.
    """

    outcome: str
    outputs: dict[str, Any] = {}
    error: Failure | None = None
    stdout: str | None = None


class Executor(Protocol):
    """Runs tasks of the types in ``types``."""

    types: tuple[str, ...]

    def missing(self, config: dict[str, Any]) -> str | None:
        """Say what this host lacks to run such a task, in words for the user; None if nothing.

        An empty config asks for what every such task needs, whatever its own says.
        """

    def run(self, context: StepContext) -> StepResult | Awaitable[StepResult]:
        """Do the work. A result at once, or something to wait for.

        When the waiting task is cancelled (deadline, stop, shutdown) everything that was started is
        stopped and gone before CancelledError is raised again. Any other exception is a bug of the
        executor and ends the attempt in outcome error, kind ``internal``.

        An executor may have a method ``begin`` too, which is called instead: as this one, but the work has begun
        when it returns, and what it returns is waited for in any case, by a task that takes its first step.
        """

    async def close(self) -> None:
        """Let go of what is kept between steps."""
