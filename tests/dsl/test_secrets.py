"""Secrets: how they are declared, where they may stand, and what the program says of them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.dsl.build import codes, compiled
from wfe_vm.commands import RunStep
from wfe_vm.events import Started
from wfe_vm.machine import Machine
from wfe_vm.program import Program, Secret, SecretUse

from .yaml_support import workflow_of, wrap

TOKEN = "secrets: {token: {env: DEPLOY_TOKEN}}"
READS = "- {name: push, config: {run: make, env: {TOKEN: '${{ secrets.token }}'}}}"


def config_of(program: Program, **inputs: Any) -> dict[str, Any]:
    """Return what the first step's executor is asked to do before any secret is put in."""
    machine = Machine(program)
    (command,) = machine.advance(machine.new_state("r1", "demo-1", ""), Started(1000, inputs)).commands
    assert isinstance(command, RunStep)
    return command.config


def test_a_secret_comes_from_a_variable_a_file_or_a_command() -> None:
    keys = "secrets: {c: {command: [pass, show, deploy]}, b: {file: run/token}, a: {env: DEPLOY_TOKEN}}"
    steps = "- {name: t, config: {run: x, env: {A: '${{ secrets.a }}'}}}"
    assert compiled(steps, keys).program.secrets == (
        Secret("a", env="DEPLOY_TOKEN"),
        Secret("b", file="run/token"),
        Secret("c", command=("pass", "show", "deploy")),
    )
    assert [secret.name for secret in workflow_of(wrap(steps, keys)).secrets] == ["c", "b", "a"]


def test_the_program_and_what_it_asks_for_hold_no_more_than_the_place_of_a_secret() -> None:
    steps = "- {name: push, config: {run: make, env: {HEADER: 'Bearer ${{ secrets.token }} ${{ inputs.n }}', N: '1'}}}"
    program = compiled(steps, f"inputs: {{n: integer}}\n{TOKEN}").program
    assert program.secret_uses == (SecretUse(1, ("env", "HEADER"), ("", "token", "", "")),)
    assert config_of(program, n=7)["env"] == {"HEADER": ["Bearer ", None, " ", "7"], "N": "1"}


def test_a_secret_in_a_script_is_read_from_a_variable() -> None:
    program = compiled("- {name: push, config: {run: 'curl -H ${{ secrets.token }} x'}}", TOKEN).program
    assert program.secret_uses == (SecretUse(1, ("expressions", "WFE_EXPR_1"), ("token",)),)
    assert config_of(program)["run"] == 'curl -H "${WFE_EXPR_1}" x'


def test_a_secret_of_the_defaults_is_given_to_each_task() -> None:
    keys = f"{TOKEN}\ndefaults: {{env: {{TOKEN: '${{{{ secrets.token }}}}'}}}}"
    steps = "- {name: a, config: {run: x}}\n- {name: b, config: {run: x, env: {TOKEN: none}}}"
    assert compiled(steps, keys).program.secret_uses == (SecretUse(1, ("env", "TOKEN"), ("token",)),)


@pytest.mark.parametrize(
    ("step", "code"),
    [
        (READS.replace("token }}", "tokn }}"), "WFE0480"),
        (READS.replace("secrets.token", "secrets"), "WFE0212"),
        (READS.replace("secrets.token", "upper(secrets.token)"), "WFE0481"),
        (READS.replace("secrets.token", "secrets.token.x"), "WFE0481"),
        ("- {name: t, when: secrets.token == 'x', config: {run: x}}", "WFE0481"),
        ("- {name: t, when: {field: secrets.token, equals: x}, config: {run: x}}", "WFE0481"),
        ("- {name: t, inputs: {a: secrets.token}, config: {run: x}}", "WFE0481"),
        ("- {set: {a: secrets.token}}", "WFE0481"),
        ("- {fail: 'no ${{ secrets.token }}'}", "WFE0481"),
        ("- {name: t, type: container, config: {image: a, command: [a, '${{ secrets.token }}']}}", "WFE0482"),
        ("- {name: t, type: container, config: {image: 'a:${{ secrets.token }}', run: x}}", "WFE0482"),
        ("- {name: t, config: {run: x, working_dir: '${{ secrets.token }}'}}", "WFE0482"),
    ],
)
def test_a_secret_stands_in_what_a_task_reads_and_nowhere_else(step: str, code: str) -> None:
    assert codes(step, TOKEN) == [code]


def test_a_service_is_given_no_secret() -> None:
    keys = f"{TOKEN}\nservices: {{db: {{image: a, env: {{P: '${{{{ secrets.token }}}}'}}}}}}"
    assert codes("- {name: a, config: {run: x}}", keys) == ["WFE0430"]


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("{}", "WFE0483"),
        ("{env: A, file: b}", "WFE0483"),
        ("{command: []}", "WFE0103"),
        ("{env: ''}", "WFE0103"),
        ("{command: pass show}", "WFE0103"),
        ("{environment: A}", "WFE0101"),
        ("TOKEN", "WFE0103"),
    ],
)
def test_a_mistake_in_a_secret_is_one_error(written: str, code: str) -> None:
    assert codes(READS, f"secrets: {{token: {written}}}") == [code]


def test_each_place_that_must_not_have_a_secret_is_a_mistake_of_its_own() -> None:
    wrong = "- {name: a, when: secrets.token == 'x', config: {run: x}}\n- {set: {b: secrets.token}}"
    assert codes(wrong, TOKEN) == ["WFE0481", "WFE0481"]
    unknown = "- {set: {b: secrets.tken == 'x'}}\n- {set: {c: secrets.tken}}"
    assert codes(unknown, TOKEN) == ["WFE0480"]
