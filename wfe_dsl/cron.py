"""Whether a cron expression and a time zone are ones: five fields, a time that comes, a zone that is known.

Times themselves are computed where runs are started, by the same library. It and the time zones are imported only
where a file has a schedule: few have.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from .suggest import nearest

__all__ = ["CRON_HELP", "MISSED", "cron_problem", "timezone_problem"]

MISSED: Final = ("skip", "once", "all")
"""What may become of times at which nobody was there to start the run."""

CRON_HELP: Final = "five fields: minute, hour, day of month, month, day of week, as in `30 6 * * mon-fri`"
FIELDS: Final = 5
NICKNAMES: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


def cron_problem(text: str) -> str | None:
    """Say what is wrong with a cron expression, None where nothing is."""
    from cronsim import CronSim, CronSimError

    if text.strip() in NICKNAMES:
        return f"write it as `{NICKNAMES[text.strip()]}`"
    fields = len(text.split())
    if fields != FIELDS:
        return f"it has {fields} field{'' if fields == 1 else 's'}, and a cron expression has {FIELDS}"
    try:
        next(CronSim(text, datetime(2024, 1, 1, tzinfo=UTC)))
    except CronSimError as error:
        return f"{str(error).replace('Bad', 'this is no')}"
    except StopIteration:
        return "no day of any year fits it"
    return None


def timezone_problem(name: str) -> str | None:
    """Say what is wrong with the name of a time zone, with a near one; None where nothing is."""
    import zoneinfo

    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        pass
    else:
        return None
    guess = nearest(name, sorted(zoneinfo.available_timezones()))
    return f"did you mean `{guess}`?" if guess else "as in `Europe/Berlin` or `UTC`"
