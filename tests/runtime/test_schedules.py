"""When schedules come, in time zones whose days have 23 and 25 hours, and what becomes of what was missed."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from wfe_runtime.errors import WfeError
from wfe_runtime.providers.rows import ScheduleRow
from wfe_runtime.schedules import MOST_AT_ONCE, first_due, what_is_due

BERLIN = "Europe/Berlin"


def utc(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def wall(times: list[int], zone: str = BERLIN) -> list[str]:
    return [datetime.fromtimestamp(time / 1000, ZoneInfo(zone)).strftime("%d %H:%M%z") for time in times]


def coming(cron: str, after: str, count: int, zone: str = BERLIN) -> list[str]:
    times = []
    now = utc(after)
    for _ in range(count):
        now = first_due(cron, zone, now)
        times.append(now)
    return wall(times, zone)


def row(due: str, missed: str = "once", cron: str = "0 * * * *") -> ScheduleRow:
    return ScheduleRow("w", 1, 0, "h", cron, "UTC", missed, "/", utc(due))


def test_a_time_of_day_is_the_wall_clocks_of_its_zone_in_summer_and_winter() -> None:
    assert coming("0 9 * * *", "2026-03-28T00:00", 2) == ["28 09:00+0100", "29 09:00+0200"]
    assert coming("0 9 * * *", "2026-10-24T00:00", 2) == ["24 09:00+0200", "25 09:00+0100"]


def test_a_time_that_a_day_leaves_out_comes_right_after_the_gap() -> None:
    assert coming("30 2 * * *", "2026-03-28T12:00", 2) == ["29 03:00+0200", "30 02:30+0200"]


def test_a_time_that_a_day_has_twice_comes_once_the_first_time() -> None:
    assert coming("30 2 * * *", "2026-10-24T12:00", 2) == ["25 02:30+0200", "26 02:30+0100"]


def test_what_comes_every_hour_comes_at_each_instant_of_a_day_of_23_or_25_hours() -> None:
    assert coming("0 * * * *", "2026-03-29T00:00", 2) == ["29 03:00+0200", "29 04:00+0200"]
    assert coming("0 * * * *", "2026-10-24T23:30", 3) == ["25 02:00+0200", "25 02:00+0100", "25 03:00+0100"]


@pytest.mark.parametrize(
    ("cron", "spans"),
    [
        ("0 */2 * * *", [("2026-01-01T00:00", "2027-01-01T00:00")]),
        # What comes more often differs from day to day where the clock is changed alone.
        ("*/20 * * * *", [("2026-03-22T00:00", "2026-04-05T00:00"), ("2026-10-18T00:00", "2026-11-01T00:00")]),
        ("15,45 1-3 * * *", [("2026-03-22T00:00", "2026-04-05T00:00"), ("2026-10-18T00:00", "2026-11-01T00:00")]),
    ],
)
def test_no_time_comes_twice_and_none_goes_back_over_a_year(cron: str, spans: list[tuple[str, str]]) -> None:
    for begin, end in spans:
        now = last = utc(begin)
        while now < utc(end):
            now = first_due(cron, BERLIN, last)
            assert now > last
            last = now


@pytest.mark.parametrize(
    ("missed", "times", "left_out"),
    [("once", ["06:00"], 3), ("skip", [], 4), ("all", ["03:00", "04:00", "05:00", "06:00"], 0)],
)
def test_what_was_missed_is_made_up_for_by_the_declared_rule(missed: str, times: list[str], left_out: int) -> None:
    due = what_is_due(row("2026-05-05T03:00", missed), utc("2026-05-05T06:30"))
    assert due.times == [utc(f"2026-05-05T{time}") for time in times]
    assert (due.following, due.left_out) == (utc("2026-05-05T07:00"), left_out)


@pytest.mark.parametrize("missed", ["once", "skip", "all"])
def test_a_time_that_has_just_come_is_not_missed(missed: str) -> None:
    due = what_is_due(row("2026-05-05T03:00", missed), utc("2026-05-05T03:00"))
    assert (due.times, due.following, due.left_out) == ([utc("2026-05-05T03:00")], utc("2026-05-05T04:00"), 0)


def test_after_a_clock_that_went_back_nothing_is_due_and_the_next_time_stays() -> None:
    due = what_is_due(row("2026-05-05T03:00"), utc("2026-05-05T02:00"))
    assert (due.times, due.following) == ([], utc("2026-05-05T03:00"))


def test_of_very_many_missed_times_the_last_ones_are_made_up_for() -> None:
    due = what_is_due(row("2026-01-01T00:00", "all"), utc("2026-05-05T06:30"))
    assert (len(due.times), due.times[-1]) == (MOST_AT_ONCE, utc("2026-05-05T06:00"))
    assert due.left_out == 124 * 24 + 7 - MOST_AT_ONCE


def test_a_zone_that_this_host_does_not_know_is_named() -> None:
    with pytest.raises(WfeError, match="Atlantis/Center is not known on this host"):
        first_due("0 * * * *", "Atlantis/Center", 0)
