"""``diff``: of files, compiled files and runs; and which runs could move."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .conftest import Wfec
from .files import CHAIN, FAMILY, FLAKY, write


@pytest.mark.acceptance("CLI-23")
def test_equal_files_are_0_and_others_1_and_nothing_is_written(folder: Path, wfec: Wfec) -> None:
    write(folder, CHAIN, "one.yaml")
    write(folder, "# a comment\n" + CHAIN, "two.yaml")
    write(folder, CHAIN.replace("echo second", "echo 2nd"), "three.yaml")
    same = wfec("diff", "one.yaml", "two.yaml")
    assert (same.code, same.out) == (0, "chain: same\n")
    other = wfec("diff", "one.yaml", "three.yaml")
    assert other.code == 1
    assert "  ~ second: config.run: echo second >> ran.txt → echo 2nd >> ran.txt" in other.out
    [found] = wfec("diff", "one.yaml", "three.yaml", "-o", "json").json
    assert found["changes"] == [
        {
            "what": "changed", "step": "second", "field": "config.run",
            "old": "echo second >> ran.txt", "new": "echo 2nd >> ran.txt",
        }
    ]  # fmt: skip
    assert sorted(os.listdir(folder)) == ["one.yaml", "three.yaml", "two.yaml"]


def test_a_compiled_file_is_compared_with_its_source_and_workflows_come_and_go(folder: Path, wfec: Wfec) -> None:
    write(folder, FAMILY)
    wfec("compile", "file.yaml", "-o", "out.wfc")
    assert wfec("diff", "out.wfc", "file.yaml").out == "main: same\nchild: same\n"
    write(folder, FAMILY.replace("id: child", "id: kid").replace("workflow: child", "workflow: kid"), "new.yaml")
    result = wfec("diff", "file.yaml", "new.yaml")
    assert result.code == 1
    assert "child: removed" in result.out
    assert "kid: added" in result.out
    assert wfec("diff", "file.yaml", "new.yaml", "nobody").code == 4


def test_a_run_is_compared_with_what_its_file_has_become(folder: Path, wfec: Wfec) -> None:
    wfec("run", write(folder, FLAKY), "--name", "parcel")
    assert wfec("diff", "parcel", "file.yaml").code == 0
    write(folder, FLAKY.replace("test -e delivered", "true"))
    result = wfec("diff", "parcel", "file.yaml")
    assert result.code == 1
    assert "~ deliver: config.run" in result.out


def test_runs_that_could_go_on_with_the_new_file_are_told_and_why_others_cannot(folder: Path, wfec: Wfec) -> None:
    wfec("run", write(folder, FLAKY), "--name", "parcel")
    wfec("compile", "file.yaml", "-o", "old.wfc")
    write(folder, FLAKY.replace("test -e delivered", "true"), "good.yaml")
    write(folder, FLAKY.replace("name: deliver", "name: carry"), "bad.yaml")
    assert "run parcel (failed): could go on with it" in wfec("diff", "old.wfc", "good.yaml", "--runs").out
    result = wfec("diff", "old.wfc", "bad.yaml", "--runs")
    assert "run parcel (failed): can't" in result.out
    assert "    deliver: the new program has no such step" in result.out
    [found] = wfec("diff", "old.wfc", "bad.yaml", "--runs", "-o", "json").json
    assert [(run["name"], run["possible"]) for run in found["runs"]] == [("parcel", False)]


def test_without_a_store_there_are_no_runs_and_none_is_made(folder: Path, wfec: Wfec) -> None:
    write(folder, CHAIN)
    assert wfec("diff", "file.yaml", "file.yaml", "--runs").code == 0
    assert wfec("diff", "file.yaml", "nobody-1").code == 4
    assert os.listdir(folder) == ["file.yaml"]
