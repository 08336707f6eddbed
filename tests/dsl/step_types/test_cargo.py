"""The step types `cargo-…`: a command of cargo each."""

from __future__ import annotations

import pytest

from .support import everywhere, mistakes

TYPES = [
    "cargo-build",
    "cargo-test",
    "cargo-check",
    "cargo-clippy",
    "cargo-fmt",
    "cargo-doc",
    "cargo-publish",
    "cargo-audit",
    "cargo-deny",
    "cargo-nextest",
    "cargo-llvm-cov",
    "cargo-doc-mdx",
]


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
        "{package: p, features: [a, b], all_features: false, no_default_features: true}",
        "{release: true, target: wasm32-wasip1, working_dir: crates, output_dir: out}",
        "{profile: ci, toolchain: nightly, extra_args: [-q, --locked], env: {RUSTFLAGS: -Cx}}",
        "{package: '${{ inputs.region }}', timeout: 20m}",
    ],
)
def test_every_key_is_taken(type: str, config: str) -> None:
    assert mistakes(type, config) == []


@everywhere
@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize(
    ("config", "code"),
    [
        ("{featurs: [a]}", "WFE0101"),
        ("{features: a}", "WFE0103"),
        ("{release: maybe}", "WFE0103"),
        ("{extra_args: -q}", "WFE0103"),
        ("{env: [A]}", "WFE0103"),
        ("{package: [p]}", "WFE0103"),
        ("{timeout: long}", "WFE0115"),
        ("text", "WFE0103"),
    ],
)
def test_a_mistake_is_one_error(type: str, config: str, code: str) -> None:
    assert mistakes(type, config) == [code]


def test_there_are_twelve_of_them_and_no_other() -> None:
    assert len(TYPES) == 12
    assert mistakes("cargo-run", "{package: p}") == ["WFE0501"]
