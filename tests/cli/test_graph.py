"""``graph``: of files and of runs, without a trace."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from .conftest import Wfec
from .files import FAMILY, FLAKY, GREETING, write


@pytest.mark.acceptance("CLI-12", "CLI-23")
@pytest.mark.parametrize(
    ("form", "start"), [("mermaid", "flowchart TB\n"), ("dot", "digraph "), ("svg", "<svg "), ("json", '{"workflows":')]
)
def test_a_file_is_drawn_in_four_forms_and_nothing_is_written(folder: Path, wfec: Wfec, form: str, start: str) -> None:
    shown = wfec("graph", write(folder, GREETING), "--format", form)
    assert (shown.code, shown.err) == (0, "")
    assert shown.out.startswith(start)
    assert "greet" in shown.out
    assert os.listdir(folder) == ["file.yaml"]


def test_a_compiled_file_is_drawn_as_its_source_is(folder: Path, wfec: Wfec) -> None:
    write(folder, FAMILY)
    wfec("compile", "file.yaml", "-o", "out.wfc")
    os.rename("file.yaml", "elsewhere.yaml")
    assert wfec("graph", "out.wfc").out == wfec("graph", "elsewhere.yaml").out


def test_one_workflow_of_several_can_be_asked_for(folder: Path, wfec: Wfec) -> None:
    write(folder, FAMILY)
    assert [graph["workflow"] for graph in wfec("graph", "file.yaml", "--format", "json").json["workflows"]] == [
        "main", "child",
    ]  # fmt: skip
    [one] = wfec("graph", "file.yaml", "child", "--format", "json").json["workflows"]
    assert one["workflow"] == "child"
    assert wfec("graph", "file.yaml", "chidl").code == 4


@pytest.mark.acceptance("CLI-12")
def test_a_runs_graph_has_its_statuses_and_needs_no_source(folder: Path, wfec: Wfec) -> None:
    assert wfec("run", write(folder, FLAKY), "--name", "parcel").code == 1
    (folder / "file.yaml").unlink()
    content = wfec("graph", "parcel", "--format", "json").json
    [workflow] = content["workflows"]
    assert workflow["status"] == "parcel failed"
    assert {step["name"]: step["status"] for step in workflow["steps"]} == {"prepare": "succeeded", "deliver": "failed"}
    assert "failed" in wfec("graph", "parcel").out


def test_a_step_that_ran_many_times_counts_them(folder: Path, wfec: Wfec) -> None:
    assert wfec("run", write(folder, FAMILY), "--name", "family").code == 0
    [child] = [row for row in wfec("list", "-o", "json").json if row["workflow"] == "child"]
    content = json.loads(wfec("graph", child["id"], "--format", "json").out)
    [fan, _] = content["workflows"][0]["steps"]
    assert fan["parts"][0]["steps"][0]["counts"] == {"succeeded": 2}


@pytest.mark.acceptance("CLI-01")
def test_what_is_not_there_is_4_and_leaves_no_store_behind(folder: Path, wfec: Wfec) -> None:
    assert wfec("graph", "nowhere.yaml").code == 4
    assert wfec("graph", "nobody-1").code == 4
    assert wfec("graph", "nobody-1", "workflow").code == 2
    assert os.listdir(folder) == []


@pytest.mark.acceptance("SEC-10")
def test_a_hostile_file_ends_in_its_mistakes_within_the_limits(folder: Path, wfec: Wfec) -> None:
    write(folder, "a: &a [x]\n" + "".join(f"k{n}: &k{n} [*a, *a]\n" for n in range(3)) + "workflow: " + "[" * 200)
    result = wfec("graph", "file.yaml")
    assert (result.code, result.out) == (3, "")
    secret = write(folder, "not: a workflow\n", "secret.yaml")
    write(folder, f"include: [{secret}]\n" + GREETING)
    assert wfec("graph", "file.yaml").code == 3
