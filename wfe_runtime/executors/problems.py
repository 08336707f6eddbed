"""Why a task can't be run or its results can't be taken, on the way to becoming a ``Failure``.

The parts of an executor raise ``TaskProblem``; only the executor itself knows the step and makes the
failure of it. A problem is the workflow's or the host's, never a bug of ours: those stay exceptions.
"""

from __future__ import annotations

from typing import Any

from wfe_vm.outcome import Failure

from .contract import StepContext

__all__ = ["TaskProblem"]


class TaskProblem(Exception):
    """An attempt ends in outcome error. ``kind`` is one of ``wfe_vm.outcome.ERROR_KINDS``."""

    def __init__(self, kind: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.details = details

    def to_failure(self, context: StepContext, stderr: str | None = None) -> Failure:
        """Return the failure of this attempt."""
        return Failure(
            kind=self.kind,
            message=self.message,
            step=context.step,
            attempt=context.attempt,
            stderr=stderr,
            details=self.details,
        )
