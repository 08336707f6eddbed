"""``plan``: told and not done."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .conftest import Wfec
from .files import FAMILY, GREETING, write

TOUCHING = """
workflow:
  id: touch
  version: 1
  inputs: {really: bool, n: integer}
  steps: [{name: make, when: inputs.really, config: {run: touch made}}]
"""


@pytest.mark.acceptance("CLI-23")
def test_a_plan_runs_nothing_and_writes_nothing(folder: Path, wfec: Wfec) -> None:
    shown = wfec("plan", write(folder, TOUCHING), "-i", "really=true")
    assert shown.code == 0
    assert "└─ make: shell; when inputs.really → true" in shown.out
    assert "input n is not given" in shown.out
    assert "└─ - make" in wfec("plan", "file.yaml", "-i", "really=false").out
    assert "└─ ? make" in wfec("plan", "file.yaml").out
    assert os.listdir(folder) == ["file.yaml"]


def test_a_plan_as_data_has_children_unfolded_from_a_compiled_file_too(folder: Path, wfec: Wfec) -> None:
    plan = wfec("plan", write(folder, FAMILY), "-o", "json").json
    assert plan["steps"][0]["calls"]["plan"]["steps"][0]["items"] == 2
    wfec("compile", "file.yaml", "-o", "out.wfc")
    assert wfec("plan", "out.wfc", "-o", "json").json == plan
    assert wfec("plan", "file.yaml", "child", "-o", "json").json["workflow"] == "child"


@pytest.mark.acceptance("CLI-01")
def test_inputs_are_held_against_what_is_declared(folder: Path, wfec: Wfec) -> None:
    write(folder, GREETING)
    for wrong in ("times=many", "tims=3"):
        result = wfec("plan", "file.yaml", "-i", wrong)
        assert (result.code, result.out) == (2, "")
        assert wrong.partition("=")[0] in result.err
    (folder / "in.json").write_text('{"times": 4}')
    assert "input times = 4" in wfec("plan", "file.yaml", "--inputs", "in.json").out
    assert wfec("plan", "nowhere.yaml").code == 4
    assert wfec("plan", "file.yaml", "greting").code == 4


def test_of_several_workflows_one_has_to_be_named(folder: Path, wfec: Wfec) -> None:
    steps = "steps: [{name: s, config: {run: echo hi}}]"
    write(folder, f"workflows: [{{id: a, version: 1, {steps}}}, {{id: b, version: 1, {steps}}}]")
    result = wfec("plan", "file.yaml")
    assert (result.code, "say which: wfec plan file.yaml a" in result.err) == (2, True)


@pytest.mark.acceptance("SEC-10")
def test_a_hostile_file_ends_in_its_mistakes(folder: Path, wfec: Wfec) -> None:
    write(folder, "workflow: " + "[" * 500)
    assert wfec("plan", "file.yaml").code == 3
