"""The step type `python`: a function, called with the inputs of the step."""

from __future__ import annotations

import pytest

from .support import everywhere, mistakes


@everywhere
@pytest.mark.parametrize("config", ["{call: 'package.module:function'}"])
def test_the_least_valid_forms_pass(config: str) -> None:
    assert mistakes("python", config) == []


@everywhere
@pytest.mark.parametrize(
    "config",
    [
        "{call: 'package.module:function', timeout: 5m}",
    ],
)
def test_every_key_is_taken(config: str) -> None:
    assert mistakes("python", config) == []


@everywhere
@pytest.mark.parametrize(
    ("config", "code"),
    [
        ("", "WFE0102"),
        ("{}", "WFE0502"),
        ("{cal: 'm:f'}", "WFE0101"),
        ("{call: [m, f]}", "WFE0103"),
        ("{call: }", "WFE0103"),
        ("{call: 'm:f', run: x}", "WFE0101"),
        ("{call: 'm:f', timeout: -1s}", "WFE0115"),
    ],
)
def test_a_mistake_is_one_error(config: str, code: str) -> None:
    assert mistakes("python", config) == [code]
