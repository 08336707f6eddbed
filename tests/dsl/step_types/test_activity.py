"""The step type `activity`: work that workers elsewhere fetch, do and complete."""

from __future__ import annotations

import pytest

from .support import everywhere, mistakes


@everywhere
@pytest.mark.parametrize("config", ["{activity: charge-card}"])
def test_the_least_valid_forms_pass(config: str) -> None:
    assert mistakes("activity", config) == []


@everywhere
@pytest.mark.parametrize(
    "config",
    [
        "{activity: charge-card, timeout: 10m}",
    ],
)
def test_every_key_is_taken(config: str) -> None:
    assert mistakes("activity", config) == []


@everywhere
@pytest.mark.parametrize(
    ("config", "code"),
    [
        ("", "WFE0102"),
        ("{}", "WFE0502"),
        ("{activty: charge}", "WFE0101"),
        ("{activity: }", "WFE0103"),
        ("{activity: charge card}", "WFE0113"),
        ("{activity: [a]}", "WFE0103"),
        ("{activity: '${{ inputs.region }}'}", "WFE0031"),
        ("{activity: charge, run: x}", "WFE0101"),
        ("{activity: charge, timeout: long}", "WFE0115"),
    ],
)
def test_a_mistake_is_one_error(config: str, code: str) -> None:
    assert mistakes("activity", config) == [code]


def test_what_it_is_given_are_the_inputs_of_the_step() -> None:
    assert mistakes("activity", "{activity: charge}", ", inputs: {place: inputs.region, sum: inputs.count * 2}") == []
    assert mistakes("activity", "{activity: charge}", ", inputs: {place: inputs.regoin}") == ["WFE0206"]
