"""The step type `shell`: a script for a shell, or a file that holds one."""

from __future__ import annotations

import pytest

from tests.dsl.build import compile_text

from .support import everywhere, mistakes, written


@everywhere
@pytest.mark.parametrize("config", ["{run: make}", "{run: ''}"])
def test_the_least_valid_forms_pass(config: str) -> None:
    assert mistakes("shell", config) == []


@everywhere
@pytest.mark.parametrize(
    "config",
    [
        "{run: make, shell: bash, env: {A: b, N: 3, OFF: null}, working_dir: /src, timeout: 5m}",
        "{run: make, shell: [python3, -u, -c]}",
        "{run: 'echo ${{ inputs.region }}', env: {REGION: '${{ inputs.region }}'}}",
        "{run: make, env: '${{ inputs.anything }}'}",
    ],
)
def test_every_key_is_taken(config: str) -> None:
    assert mistakes("shell", config) == []


@everywhere
@pytest.mark.parametrize(
    ("config", "code"),
    [
        ("", "WFE0102"),
        ("{}", "WFE0503"),
        ("{env: {A: b}}", "WFE0503"),
        ("{run: make, file: make.sh}", "WFE0504"),
        ("{run: [make]}", "WFE0103"),
        ("{run: }", "WFE0103"),
        ("{rnu: make}", "WFE0101"),
        ("{run: make, image: debian}", "WFE0101"),
        ("{run: make, env: [A=1]}", "WFE0103"),
        ("{run: make, env: {A: [1]}}", "WFE0103"),
        ("{run: make, timeout: soon}", "WFE0115"),
        ("{run: make, shell: []}", "WFE0502"),
        ("{run: make, working_dir: [a]}", "WFE0103"),
        ("{run: make, sandbox: {network: false}}", "WFE0101"),
        ("{run: make, sandbox: {write: /tmp}}", "WFE0103"),
        ("{run: make, sandbox: {memory: much}}", "WFE0506"),
        ("{run: make, sandbox: {pids: many}}", "WFE0103"),
        ("{run: make, sandbox: true}", "WFE0103"),
        ("{run: make, working_dir: ((nowhere))}", "WFE0030"),
    ],
)
def test_a_mistake_is_one_error(config: str, code: str) -> None:
    assert mistakes("shell", config) == [code]


def test_a_file_that_is_not_there_yet_is_a_warning() -> None:
    assert mistakes("shell", "{file: no-such-script.sh}") == ["WFE0556"]


def test_artifacts_that_nothing_mounts_on_the_host_are_a_warning() -> None:
    assert mistakes("shell", "{run: make, inputs: {source: /src}}") == ["WFE0523"]


@pytest.mark.acceptance("YML-01")
def test_a_config_with_run_alone_makes_a_shell_step() -> None:
    text = written("shell", "{run: make}").replace("type: shell, ", "")
    assert text != written("shell", "{run: make}")
    programs, found = compile_text(text)
    assert found == []
    assert programs[0].program.steps[1].type == "shell"
