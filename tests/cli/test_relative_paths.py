"""Paths that a definition names: relative to the file that names them, and not needed once it is compiled."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .conftest import Wfec

MAIN = """
include: [library/steps.yaml]
workflows:
  - id: main
    version: 1
    outputs: {own: string, far: string, here: string}
    steps:
      - {name: own, type: shell, config: {file: scripts/own.sh}, outputs: [{name: said, type: string}]}
      - {name: call, type: workflow, config: {workflow: far}}
      - name: here
        config: {working_dir: below, run: 'echo "##wfe[output here=${PWD##*/}]"'}
        outputs: [{name: here, type: string}]
      - return: {own: steps.own.output.said, far: steps.call.output.far, here: steps.here.output.here}
"""
STEPS = """
workflows:
  - id: far
    version: 1
    outputs: {far: string}
    steps:
      - {name: work, type: shell, config: {file: scripts/own.sh}, outputs: [{name: said, type: string}]}
      - return: {far: steps.work.output.said}
"""


@pytest.fixture
def project(folder: Path) -> Path:
    """A definition with includes and scripts, in a folder that is not the current one."""
    project = folder / "project"
    for below, text, word in (("", MAIN, "near"), ("library", STEPS, "far")):
        (project / below / "scripts").mkdir(parents=True)
        (project / below / ("steps.yaml" if below else "main.yaml")).write_text(text)
        (project / below / "scripts/own.sh").write_text(f'echo "##wfe[output said={word}]"\n')
    (folder / "below").mkdir()
    # What stands in the current folder under the same names is not what was meant.
    for decoy in ("library", "scripts"):
        (folder / decoy).mkdir()
    (folder / "scripts/own.sh").write_text('echo "##wfe[output said=decoy]"\n')
    (folder / "library/steps.yaml").write_text(STEPS.replace("steps.work.output.said", "'decoy'"))
    return project


EXPECTED = {"own": "near", "far": "far", "here": "below"}


@pytest.mark.acceptance("SEC-11")
def test_includes_and_files_are_found_beside_the_file_that_names_them_and_folders_of_work_in_the_runs(
    project: Path, wfec: Wfec
) -> None:
    result = wfec("run", "project/main.yaml", "main", "--json")
    assert (result.code, result.lines[-1]["outputs"]) == (0, EXPECTED)


@pytest.mark.acceptance("SEC-11", "CLI-09")
def test_a_compiled_program_carries_its_scripts_and_reads_nothing_beside_it(
    project: Path, folder: Path, wfec: Wfec
) -> None:
    assert wfec("compile", "project/main.yaml", "-o", "moved.wfc").code == 0
    shutil.rmtree(project)
    shutil.rmtree(folder / "scripts")
    result = wfec("run", "moved.wfc", "main", "--json")
    assert (result.code, result.lines[-1]["outputs"]) == (0, EXPECTED)


@pytest.mark.acceptance("SEC-11")
def test_a_run_that_was_parked_goes_on_without_its_sources_from_any_folder(
    project: Path, folder: Path, wfec: Wfec, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert wfec("run", "project/main.yaml", "main", "--until", "own", "--name", "moved").code == 6
    shutil.rmtree(project)
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    result = wfec("resume", "moved", "--json", "--store", f"sqlite:///{folder}/.wfe/wfe.db")
    assert (result.code, result.lines[-1]["outputs"]) == (0, EXPECTED)
