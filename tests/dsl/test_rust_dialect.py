"""Files of the Rust dialect load unchanged, mean what they meant, and have the mistakes that its users rely on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dsl.build import compile_text, in_workflow
from wfe_dsl import nodes
from wfe_dsl.compiler import compile_file, read_document
from wfe_dsl.diagnostics.model import Diagnostics
from wfe_dsl.resolve import all_steps
from wfe_dsl.variables import Variables
from wfe_dsl.yaml_front.step_types import STEP_TYPES

from .yaml_support import first_step, show, workflow_of, wrap

FOLDER = Path(__file__).resolve().parents[1] / "data" / "rust_dialect"
FILES = sorted(FOLDER.glob("*.yaml"))
OURS = {"python", "container", "activity"}
"""Step types that the Rust dialect has not."""


def read(path: Path) -> nodes.Document:
    document = read_document(str(path), Variables(), Diagnostics())
    assert document is not None
    return document


@pytest.mark.acceptance("YML-22")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_of_the_rust_dialect_compiles_unchanged(path: Path) -> None:
    diagnostics = Diagnostics()
    programs = compile_file(str(path), Variables(), diagnostics)
    assert len(programs) == len(read(path).workflows)
    # What it says may be null is so there too, and told there by nobody.
    assert {found.code for found in diagnostics.found} <= {"WFE0410"}


@pytest.mark.acceptance("YML-22")
def test_the_files_have_every_step_type_of_the_dialect() -> None:
    seen = {
        step.body.type
        for path in FILES
        for workflow in read(path).workflows
        for step in all_steps(workflow)
        if isinstance(step.body, nodes.Task)
    }
    assert seen == set(STEP_TYPES) - OURS


@pytest.mark.acceptance("YML-22")
@pytest.mark.parametrize(
    ("item", "meant"),
    [
        ("{name: region}", "@region"),
        ("{name: x, path: region}", "@region"),
        ("{name: x, path: inputs.region}", "inputs.region"),
        ("{name: x, path: .inputs.region}", "inputs.region"),
        ("{name: x, path: outputs.image}", "outputs.image"),
        ("{name: x, path: build.image}", "@build.image"),
        ("{name: x, json_path: $.build.report.total}", "@build.report.total"),
        ("{name: x, json_path: '$.items[0].name'}", "@items[0].name"),
        ("{name: x, path: build, json_path: $.report}", "@build.report"),
        ("{name: x, path: build, json_path: report}", "@build.report"),
        ("{name: x, path: build, json_path: $}", "@build"),
    ],
)
def test_a_listed_input_is_a_place_in_the_data(item: str, meant: str) -> None:
    step = first_step(f"- {{name: t, config: {{run: make}}, inputs: [{item}]}}")
    assert step.inputs is not None
    assert [show(value) for _, _, value in step.inputs] == [meant]


@pytest.mark.acceptance("YML-22")
def test_hooks_are_single_steps_and_an_anchor_may_stand_at_the_top_of_a_file() -> None:
    text = "common: &common {type: shell, config: {run: make}}\n" + wrap(
        "- <<: *common\n  name: t\n  on_success: {<<: *common, name: a}\n  on_failure: {<<: *common, name: b}\n"
        "  ensure: {<<: *common, name: c}"
    )
    hooks = workflow_of(text).steps[0].hooks
    assert hooks is not None
    assert [step.name for step in (*hooks.on_success, *hooks.on_failure, *hooks.ensure)] == ["a", "b", "c"]


def hooked(step: str) -> str:
    return f"- {{name: t, type: shell, config: {{run: make}}, on_failure: {step}}}"


SHELL = "type: shell, config: {run: make}"
KEYS = "inputs: {region: string, count: number, ready: bool, tags: list<string>}"

MISTAKES = {
    "no steps": ("steps: []", "WFE0108"),
    "two steps of one name": (f"- {{name: t, {SHELL}}}\n- {{name: t, {SHELL}}}", "WFE0201"),
    "a hook with the name of a step": (hooked(f"{{name: t, {SHELL}}}"), "WFE0201"),
    "a branch with the name of a step": (
        f"- {{name: t, {SHELL}}}\n- {{name: p, parallel: [{{name: t, {SHELL}}}]}}",
        "WFE0201",
    ),
    "neither a type nor branches": ("- {name: t}", "WFE0110"),
    "a type and branches": (f"- {{name: t, {SHELL}, parallel: [{{name: u, {SHELL}}}]}}", "WFE0111"),
    "no config": ("- {name: t, type: shell}", "WFE0102"),
    "no config in a hook": (hooked("{name: u, type: deno}"), "WFE0102"),
    "no required key": ("- {name: t, type: containerd, config: {run: make}}", "WFE0502"),
    "a push without tags": (
        "- {name: t, type: buildkit, config: {dockerfile: D, context: ., push: true}}",
        "WFE0505",
    ),
    "a bad network": ("- {name: t, type: containerd, config: {image: i, run: x, network: lan}}", "WFE0117"),
    "a bad pull": ("- {name: t, type: containerd, config: {image: i, run: x, pull: daily}}", "WFE0117"),
    "an unknown error behaviour": (f"- {{name: t, {SHELL}, error_behavior: {{type: ignore}}}}", "WFE0117"),
    "a condition on an undeclared input": (
        f"- {{name: t, {SHELL}, when: {{field: inputs.place, equals: x}}}}",
        "WFE0206",
    ),
    "a condition on an output that nobody produces": (
        f"- {{name: t, {SHELL}, when: {{field: outputs.image, equals: x}}}}",
        "WFE0207",
    ),
    "a condition on a key that nobody produces": (
        f"- {{name: t, {SHELL}, when: {{field: .image, equals: x}}}}",
        "WFE0432",
    ),
    "the order of a text": (f"- {{name: t, {SHELL}, when: {{field: inputs.region, gt: 3}}}}", "WFE0312"),
    "the order of a bool": (f"- {{name: t, {SHELL}, when: {{field: inputs.ready, lte: 3}}}}", "WFE0312"),
    "the order of a list": (f"- {{name: t, {SHELL}, when: {{field: inputs.tags, gte: 3}}}}", "WFE0312"),
    "a number that contains": (f"- {{name: t, {SHELL}, when: {{field: inputs.count, contains: 3}}}}", "WFE0312"),
    "a bool that contains": (f"- {{name: t, {SHELL}, when: {{field: inputs.ready, contains: x}}}}", "WFE0312"),
    "two combinators": (
        f"- {{name: t, {SHELL}, when: {{all: [{{field: inputs.region, equals: a}}], any: []}}}}",
        "WFE0121",
    ),
    "two operators": (f"- {{name: t, {SHELL}, when: {{field: inputs.count, gt: 1, lt: 5}}}}", "WFE0121"),
    "no operator": (f"- {{name: t, {SHELL}, when: {{field: inputs.count}}}}", "WFE0120"),
    "an empty condition": (f"- {{name: t, {SHELL}, when: {{}}}}", "WFE0120"),
    "a variable without a value": ("- {name: t, type: shell, config: {run: make, working_dir: ((place))}}", "WFE0030"),
    "an unknown step type": ("- {name: t, type: shel, config: {run: make}}", "WFE0501"),
}


@pytest.mark.acceptance("YML-20", "YML-21", "YML-22")
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_that_its_users_rely_on_is_one_error(mistake: str) -> None:
    steps, code = MISTAKES[mistake]
    text = in_workflow(steps, KEYS)
    if steps.startswith("steps:"):
        text = f"workflow: {{id: demo, version: 1, {steps}}}\n"
    found = compile_text(text)[1]
    assert [(one.code, one.severity) for one in found] == [(code, "error")]


@pytest.mark.acceptance("YML-22")
def test_a_declared_output_that_no_step_lists_and_a_workflow_given_twice_are_errors() -> None:
    step = f"- {{name: t, {SHELL}, outputs: [{{name: image}}]}}"
    assert [one.code for one in compile_text(in_workflow(step, "outputs: {digest: string}"))[1]] == ["WFE0401"]
    one = f"{{id: a, version: 1, steps: [{{name: t, {SHELL}}}]}}"
    assert [found.code for found in compile_text(f"workflows: [{one}, {one}]")[1]] == ["WFE0109"]


@pytest.mark.acceptance("YML-22")
def test_an_output_that_the_child_does_not_declare_is_a_warning() -> None:
    text = f"""
workflows:
  - id: parent
    version: 1
    steps: [{{name: call, type: workflow, config: {{workflow: child}}, outputs: [{{name: image}}]}}]
  - {{id: child, version: 1, steps: [{{name: t, {SHELL}}}]}}
"""
    programs, found = compile_text(text)
    assert [(one.code, one.severity) for one in found] == [("WFE0224", "warning")]
    assert len(programs) == 2


@pytest.mark.parametrize("path", ["report.totals[0]", "report..totals", "$.a b"])
def test_the_path_of_an_output_is_names_with_dots(path: str) -> None:
    found = compile_text(in_workflow(f"- {{name: t, {SHELL}, outputs: [{{name: x, json_path: '{path}'}}]}}"))[1]
    assert [one.code for one in found] == ["WFE0122"]
