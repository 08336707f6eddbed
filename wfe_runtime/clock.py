"""The engine's sense of time, in one place so that tests can replace it."""

from __future__ import annotations

import time
from typing import Protocol

__all__ = ["Clock", "SystemClock"]


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> int:
        """Return the time of day, in epoch milliseconds."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> int:
        """Return the time of day, in epoch milliseconds."""
        return time.time_ns() // 1_000_000
