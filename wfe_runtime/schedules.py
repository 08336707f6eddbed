"""When schedules come: cron expressions in a time zone, as times, and what is done about those that were missed.

This file owns the arithmetic. It reads no clock and no store. The rules, those of cron on Debian:

* An expression with fixed minute and hour means the wall clock's: on the day on which that time does not exist
  it comes at the first instant after the gap, on the day on which it comes twice, once, the first time.
* One that comes every hour or oftener comes at each such instant that passes.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from .errors import WfeError
from .providers.rows import ScheduleRow

__all__ = ["MISSED_AFTER_MS", "Due", "first_due", "what_is_due"]

MISSED_AFTER_MS: Final = 60_000
"""A time that nobody was there for so long is missed; a worker that is there fires it at once."""

MOST_AT_ONCE: Final = 1_000
"""Runs for times that were missed; of more than these the oldest are left out."""


class Due:
    """What a schedule that has come asks for: a run for each of ``times``, then the next time is ``following``."""

    __slots__ = ("following", "left_out", "times")

    def __init__(self, times: list[int], following: int, left_out: int) -> None:
        self.times = times
        self.following = following
        self.left_out = left_out


def first_due(cron: str, timezone: str, now: int) -> int:
    """Return the first time after ``now``. Raises WfeError (``schedule``) for what is no such time here."""
    return next(_times(cron, timezone, now))


def what_is_due(row: ScheduleRow, now: int) -> Due:
    """Return what is to be done about a schedule whose time has come. Raises WfeError (``schedule``)."""
    passed: list[int] = []
    left_out = 0
    following = row.due
    times = _times(row.cron, row.timezone, row.due)
    while following <= now:
        if len(passed) == MOST_AT_ONCE:
            passed.pop(0)
            left_out += 1
        passed.append(following)
        following = next(times)
    if row.missed == "all" or not passed:
        return Due(passed, following, left_out)
    if row.missed == "skip" and now - passed[-1] > MISSED_AFTER_MS:
        return Due([], following, left_out + len(passed))
    return Due(passed[-1:], following, left_out + len(passed) - 1)


def _times(cron: str, timezone: str, after: int) -> Iterator[int]:
    """Give the times after one, in epoch milliseconds."""
    try:
        zone = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise WfeError("schedule", f"the time zone {timezone} is not known on this host: {error}") from None
    start = datetime.fromtimestamp(after / 1000, UTC).astimezone(zone)
    last = after
    try:
        for moment in CronSim(cron, start):
            time = round(moment.astimezone(UTC).timestamp() * 1000)
            if time > last:  # strictly: an hour that comes twice is no reason to go back
                last = time
                yield time
    except CronSimError as error:
        raise WfeError("schedule", f"{cron} is no cron expression: {error}") from None
    raise WfeError("schedule", f"{cron} never comes")
