"""The step type `workflow`: a workflow of these files, or one that is registered."""

from __future__ import annotations

import pytest

from .support import config_of, everywhere, mistakes


@everywhere
@pytest.mark.parametrize("config", ["{workflow: child, version: 1}"])
def test_the_least_valid_forms_pass(config: str) -> None:
    assert mistakes("workflow", config) == []


@everywhere
@pytest.mark.parametrize(
    "config",
    [
        "{workflow: child, version: 3, detach: true, timeout: 1h, inputs: {a: inputs.region}}",
        "{workflow: child, workflow_version: 3}",
    ],
)
def test_every_key_is_taken(config: str) -> None:
    assert mistakes("workflow", config) == []


@everywhere
@pytest.mark.parametrize(
    ("config", "code"),
    [
        ("", "WFE0102"),
        ("{}", "WFE0502"),
        ("{version: 1}", "WFE0502"),
        ("{workflw: child, version: 1}", "WFE0101"),
        ("{workflow: a b, version: 1}", "WFE0113"),
        ("{workflow: [a], version: 1}", "WFE0103"),
        ("{workflow: a, version: one}", "WFE0103"),
        ("{workflow: a, version: -1}", "WFE0116"),
        ("{workflow: a, version: 1.5}", "WFE0103"),
        ("{workflow: a, version: 1, workflow_version: 1}", "WFE0504"),
        ("{workflow: '${{ inputs.region }}', version: 1}", "WFE0031"),
        ("{workflow: ((region)), version: 1}", "WFE0031"),
        ("{workflow: a, version: 1, detach: later}", "WFE0103"),
        ("{workflow: a, version: 1, detach: '${{ inputs.anything }}'}", "WFE0225"),
        ("{workflow: a, version: 1, inputs: [b]}", "WFE0103"),
        ("{workflow: a, version: 1, inputs: {b: inputs.regoin}}", "WFE0206"),
    ],
)
def test_a_mistake_is_one_error(config: str, code: str) -> None:
    assert mistakes("workflow", config) == [code]


def test_workflow_version_is_the_older_spelling_of_version() -> None:
    assert config_of("workflow", "{workflow: a, workflow_version: 2}") == '{workflow: "a", version: 2}'


def test_a_child_outside_the_files_without_a_version_is_a_warning() -> None:
    assert mistakes("workflow", "{workflow: elsewhere}") == ["WFE0221"]


def test_inputs_stand_on_the_step_or_in_the_config_but_not_in_both() -> None:
    given = "{a: inputs.region}"
    assert mistakes("workflow", "{workflow: a, version: 1}", f", inputs: {given}") == []
    assert mistakes("workflow", f"{{workflow: a, version: 1, inputs: {given}}}") == []
    assert mistakes("workflow", f"{{workflow: a, version: 1, inputs: {given}}}", f", inputs: {given}") == ["WFE0504"]
