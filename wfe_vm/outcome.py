"""How things end: the outcomes of a step, the states of a run, and the failure that both carry."""

from __future__ import annotations

from typing import Any, Final

import msgspec

__all__ = ["ERROR_KINDS", "FAILURE_KINDS", "RUN_STATUSES", "UNFINISHED_STATUSES", "Failure"]

RUN_STATUSES: Final = (
    "pending",
    "running",
    "waiting",
    "suspended",
    "cancelling",
    "succeeded",
    "failed",
    "aborted",
    "terminated",
)
UNFINISHED_STATUSES: Final = frozenset(RUN_STATUSES[:5])

FAILURE_KINDS: Final = ("exit", "signal", "throw", "fail", "refused")
"""The work said no."""
ERROR_KINDS: Final = ("timeout", "type", "null", "arithmetic", "limit", "lost", "executor", "internal")
"""The engine could not do it, or it took too long."""


class Failure(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Why something did not succeed.

    ``step`` is the path of the step where it began, ``child`` the run it began in if that is another.
    ``details`` hold what the kind has to add: ``limit_ms``, ``field``, ``expression``, ``line`` …
    ``causes`` are the other failures of the same block, or the one a timeout cut short.
    """

    kind: str
    message: str
    step: str = ""
    attempt: int = 0
    exit_code: int | None = None
    signal: str | None = None
    child: str | None = None
    stderr: str | None = None
    details: dict[str, Any] = {}
    causes: list[Failure] = []
    hook_errors: list[Failure] = []
