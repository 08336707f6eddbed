"""A clock that stands still until a test moves it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

__all__ = ["JumpingClock"]

BEGINNING: Final = datetime(2030, 1, 1, tzinfo=UTC)


class JumpingClock:
    """A clock for an engine. It stands still, and goes forward only."""

    def __init__(self, start: datetime = BEGINNING) -> None:
        """``start`` is the time that it shows first; one without a time zone is local time."""
        self._time = round(start.timestamp() * 1000)

    def now(self) -> int:
        """Return the time of day, in epoch milliseconds."""
        return self._time

    @property
    def time(self) -> datetime:
        """What it shows, in UTC."""
        return datetime.fromtimestamp(self._time / 1000, UTC)

    def jump(self, by: float | timedelta) -> None:
        """Go forward by seconds or a timedelta. An engine sees it when ``advance`` or ``settle`` is called."""
        seconds = by.total_seconds() if isinstance(by, timedelta) else by
        self.jump_to(self._time + round(seconds * 1000))

    def jump_to(self, time: int) -> None:
        """Go forward to a time in epoch milliseconds. Raises ValueError for one that is past."""
        if time < self._time:
            raise ValueError(f"the clock can't go back, by {(self._time - time) / 1000:g} seconds")
        self._time = time
