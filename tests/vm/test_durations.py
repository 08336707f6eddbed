"""Durations as they are written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wfe_vm.durations import MAX_DURATION_MS, DurationError, format_duration, parse_duration


@pytest.mark.acceptance("YML-18")
@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("500ms", 500), ("30s", 30_000), ("5m", 300_000), ("2h", 7_200_000), ("1d", 86_400_000),
        ("1h30m", 5_400_000), ("1.5s", 1500), ("500", 500), ("0", 0), ("0s", 0), ("1d2h3m4s5ms", 93_784_005),
        ("0.5d", 43_200_000), ("1.5h30m", 7_200_000), ("36500d", MAX_DURATION_MS), ("0.001s", 1),
    ],
)  # fmt: skip
def test_a_duration_means_so_many_milliseconds(text: str, milliseconds: int) -> None:
    assert parse_duration(text) == milliseconds


@pytest.mark.acceptance("YML-18")
@pytest.mark.parametrize(
    "text",
    [
        "1 hour", "-5s", "5x", "", " ", "5 s", "s", "1.5", "1.s", ".5s", "1m1h", "1m1m", "1e3", "0x10", "1h 30m",
        "36501d", "9" * 40, "9" * 100_000, "9" * 40 + "s", "0.5ms", "1.0001s", "٣s", "5S", "1s ", "1,5s", "NaN",
    ],
)  # fmt: skip
def test_what_is_no_duration_is_an_error_that_says_how_to_write_one(text: str) -> None:
    with pytest.raises(DurationError) as caught:
        parse_duration(text)
    assert caught.value.help
    assert len(caught.value.message) < 120


@pytest.mark.parametrize(
    ("text", "cure"),
    [
        ("1 hour", "`1h`"),
        ("5 minutes", "`5m`"),
        ("10 SECONDS", "`10s`"),
        ("5M", "`5m`"),
        ("7 msec", "`7ms`"),
        ("2 Days", "`2d`"),
    ],
)
def test_words_for_a_unit_are_answered_with_the_unit(text: str, cure: str) -> None:
    with pytest.raises(DurationError) as caught:
        parse_duration(text)
    assert cure in caught.value.help


@given(st.integers(0, MAX_DURATION_MS))
def test_a_formatted_duration_reads_as_the_same_length(milliseconds: int) -> None:
    assert parse_duration(format_duration(milliseconds)) == milliseconds


def test_a_unit_that_is_none_is_not_taken_for_one_with_its_letter() -> None:
    with pytest.raises(DurationError) as caught:
        parse_duration("2 months")
    assert "did you mean" not in caught.value.help
