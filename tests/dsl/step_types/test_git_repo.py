"""The step type `git-repo`: a clone of a repository."""

from __future__ import annotations

import pytest

from .support import config_of, everywhere, mistakes


@everywhere
@pytest.mark.parametrize("config", ["{run: 'https://example.com/app.git'}", "{script: 'https://example.com/app.git'}"])
def test_the_least_valid_forms_pass(config: str) -> None:
    assert mistakes("git-repo", config) == []


@everywhere
@pytest.mark.parametrize(
    "config",
    [
        "{run: 'https://example.com/app.git', branch: main, commit: 1a2b3c, depth: 1, working_dir: app, timeout: 5m}",
        "{run: 'https://example.com/app.git', input: key}",
        "{run: 'https://example.com/${{ inputs.region }}.git'}",
    ],
)
def test_every_key_is_taken(config: str) -> None:
    assert mistakes("git-repo", config) == []


@everywhere
@pytest.mark.parametrize(
    ("config", "code"),
    [
        ("", "WFE0102"),
        ("{}", "WFE0503"),
        ("{branch: main}", "WFE0503"),
        ("{run: a, script: b}", "WFE0504"),
        ("{run: [a]}", "WFE0103"),
        ("{run: a, depth: all}", "WFE0103"),
        ("{run: a, depth: -1}", "WFE0116"),
        ("{run: a, brnach: x}", "WFE0101"),
        ("{run: a, timeout: long}", "WFE0115"),
    ],
)
def test_a_mistake_is_one_error(config: str, code: str) -> None:
    assert mistakes("git-repo", config) == [code]


def test_script_is_another_spelling_of_run() -> None:
    assert config_of("git-repo", "{script: 'https://example.com/r.git'}") == '{run: "https://example.com/r.git"}'
