"""The step types `rust-install` and `rustup-…`: what a toolchain is made of."""

from __future__ import annotations

import pytest

from .support import everywhere, mistakes

TYPES = ["rust-install", "rustup-toolchain", "rustup-component", "rustup-target"]


@everywhere
@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize("config", ["", "{}"])
def test_the_least_valid_forms_pass(type: str, config: str) -> None:
    assert mistakes(type, config) == []


@everywhere
@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize(
    "config",
    [
        "{toolchain: stable, components: [clippy, rustfmt], targets: [x86_64-unknown-linux-musl], profile: minimal}",
        "{default_toolchain: stable, extra_args: [-q], timeout: 10m}",
    ],
)
def test_every_key_is_taken(type: str, config: str) -> None:
    assert mistakes(type, config) == []


@everywhere
@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize(
    ("config", "code"),
    [
        ("{toolchian: stable}", "WFE0101"),
        ("{components: clippy}", "WFE0103"),
        ("{targets: {a: b}}", "WFE0103"),
        ("{toolchain: [stable]}", "WFE0103"),
        ("{timeout: long}", "WFE0115"),
        ("{package: p}", "WFE0101"),
    ],
)
def test_a_mistake_is_one_error(type: str, config: str, code: str) -> None:
    assert mistakes(type, config) == [code]
