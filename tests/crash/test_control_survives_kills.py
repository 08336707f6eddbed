"""Who asks something of a run is killed at every point of a write: what was asked holds, or was never asked."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.launcher import Launcher
from wfe_runtime import faults

POINTS = sorted(name for name in faults.points() if name.startswith("sqlite."))
WAITING = """
workflow:
  id: w
  version: 1
  steps:
    - {name: first, wait: {event: go}}
    - {name: last, config: {run: echo last >> ran.txt}}
"""


FAILING = """
workflow:
  id: w
  version: 1
  steps:
    - {name: first, config: {run: echo first >> ran.txt}}
    - {name: second, config: {run: exit 3}}
"""


@pytest.fixture(scope="module")
def launcher() -> Iterator[Launcher]:
    with Launcher() as launcher:
        yield launcher


@pytest.mark.acceptance("CTL-01", "CTL-02")
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("point", [*POINTS, "engine.after_claim", "engine.after_advance", "engine.after_commit"])
def test_a_suspend_that_is_killed_has_suspended_the_run_for_good_or_can_be_asked_again(
    launcher: Launcher, tmp_path: Path, point: str, count: int
) -> None:
    (tmp_path / "file.yaml").write_text(WAITING)
    assert launcher.run(tmp_path, "run", "file.yaml", "--no-wait", "--name", "w").code == 6
    outcome = launcher.run(tmp_path, "suspend", "w", fault=f"{point}:{count}")
    assert outcome.code in (0, -signal.SIGKILL)
    again = launcher.run(tmp_path, "suspend", "w", "--json")
    assert (again.code, again.last["status"]) == (0, "suspended")
    assert launcher.run(tmp_path, "event", "go").code == 0
    inspected = launcher.run(tmp_path, "inspect", "w", "--json").last
    assert (inspected["status"], [asked["what"] for asked in inspected["requests"]]) == ("suspended", ["suspend"])
    assert launcher.run(tmp_path, "resume", "w").code == 0
    assert (tmp_path / "ran.txt").read_text() == "last\n"


@pytest.mark.acceptance("CTL-10")
@pytest.mark.parametrize("point", [*POINTS, "moving.before_commit", "moving.after_commit"])
def test_a_run_whose_move_is_killed_has_the_old_program_or_the_new_one_and_is_whole(
    launcher: Launcher, tmp_path: Path, point: str
) -> None:
    (tmp_path / "file.yaml").write_text(FAILING)
    assert launcher.run(tmp_path, "run", "file.yaml", "--name", "w").code == 1
    old = launcher.run(tmp_path, "inspect", "w", "--json").last
    mended = FAILING.replace("  steps:", "  steps:\n    - set: {x: '1'}").replace("exit 3", "echo second >> ran.txt")
    (tmp_path / "file.yaml").write_text(mended.replace("version: 1", "version: 2"))
    counted = launcher.run(tmp_path, "compile", "file.yaml", "-o", "out.wfc", "--hash")
    new = counted.out.split()[-1]
    count = 1
    while True:
        outcome = launcher.run(tmp_path, "retry", "w", "--program", "file.yaml", fault=f"{point}:{count}")
        if outcome.code != -signal.SIGKILL:
            break
        found = launcher.run(tmp_path, "inspect", "w", "--json").last
        assert (found["program"], found["version"]) in ((old["program"], 1), (new, 2))
        moves = [asked for asked in found["requests"] if asked["what"] == "move"]
        assert len(moves) == (found["program"] == new)
        count += 1
        if found["status"] == "running":  # it was moved and reopened before its process was killed
            outcome = launcher.run(tmp_path, "resume", "w")
            break
    assert outcome.code == 0
    found = launcher.run(tmp_path, "inspect", "w", "--json").last
    assert (found["status"], found["program"], found["version"]) == ("succeeded", new, 2)
    assert (tmp_path / "ran.txt").read_text().splitlines()[0] == "first"
    assert (tmp_path / "ran.txt").read_text().count("first") == 1


@pytest.mark.acceptance("STO-12")
@pytest.mark.parametrize("point", [*POINTS, "purging.after_purge"])
def test_a_purge_that_is_killed_has_cleared_out_whole_families_or_none(
    launcher: Launcher, tmp_path: Path, point: str
) -> None:
    (tmp_path / "file.yaml").write_text(FAILING)
    for name in ("one", "two"):
        assert launcher.run(tmp_path, "run", "file.yaml", "--name", name).code == 1
    outcome = launcher.run(tmp_path, "store", "purge", "--older-than", "0", "--yes", fault=f"{point}:1")
    assert outcome.code in (0, -signal.SIGKILL)
    for name in ("one", "two"):
        inspected = launcher.run(tmp_path, "inspect", name, "--json")
        assert inspected.code in (0, 4)
        if not inspected.code:
            assert [step["step"] for step in inspected.last["steps"]] == ["first", "second"]
            assert launcher.run(tmp_path, "logs", name).code == 0
    assert launcher.run(tmp_path, "store", "purge", "--older-than", "0", "--yes").code == 0
    assert launcher.run(tmp_path, "list", "-o", "ids").out == ""
    assert launcher.run(tmp_path, "store", "compact").code == 0
