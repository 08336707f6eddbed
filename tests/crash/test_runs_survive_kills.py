"""Commands killed at every named point and at random instants, resumed each time: nothing lost, nothing done twice.

What is held to be true after each kill, whatever was killed and when:

* the run ends succeeded, with the outputs and the history of a run that nobody disturbed;
* every effect is there, and none was there before it was durable that its step would run;
* an attempt whose end was durable at the kill has not one effect more afterwards.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import environment
from tests.crash.launcher import Launcher, Outcome
from tests.crash.pipelines import (
    Attempt,
    Journal,
    count_effects,
    every_construct,
    many_steps,
    read_journal,
    steps_left,
)
from wfe_runtime import (
    engine,  # noqa: F401 - declares its points
    faults,
)

POINTS = sorted(name for name in faults.points() if name.startswith(("engine.", "sqlite.")))
# See test_schedules_survive_kills.py and test_parked_runs_survive_kills.py for what only a worker reaches.
POINTS = [name for name in POINTS if not name.endswith(("_fire", "_schedule", "_park", "_due", "_inherit"))]
RESUMING = ["engine.after_claim", "engine.after_recovery"]
"""Points that only a process reaches that takes a run over."""
NAME = "killed"
LATE = 0  # as a count: late in the run
SMALL = many_steps(sequence=8, branches=(3, 3), items=6, child=5)
LARGE = many_steps(sequence=40, branches=(6, 6, 6, 6, 6), items=30, child=20)


class Undisturbed:
    """A run that nobody killed."""

    def __init__(self, launcher: Launcher, folder: Path, text: str) -> None:
        (folder / "file.yaml").write_text(text)
        began = time.monotonic()
        outcome = launcher.run(folder, "run", "file.yaml", "--json", "--name", NAME, count=True)
        self.seconds = time.monotonic() - began
        assert outcome.code == 0, outcome
        journal = read_journal(folder)
        self.outputs: dict[str, Any] = outcome.last["outputs"]
        self.reached = outcome.reached
        self.history = journal.history()
        self.effects = journal.named(count_effects(folder))
        assert set(self.effects.values()) == {1}


@pytest.fixture(scope="module")
def launcher() -> Iterator[Launcher]:
    with Launcher() as launcher:
        yield launcher


@pytest.fixture(scope="module")
def undisturbed(launcher: Launcher, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    return Undisturbed(launcher, tmp_path_factory.mktemp("undisturbed"), every_construct())


class Ledger:
    """What was durable at each kill, and what had been done by then."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._done: dict[Attempt, int] = {}
        self.kills = 0

    def note(self) -> Journal:
        """Read what a killed process has left, before anything goes on."""
        self.kills += 1
        journal = read_journal(self._folder)
        effects = count_effects(self._folder)
        assert effects.keys() <= journal.started, "nothing is done before it is durable that it will be"
        for attempt in journal.ended:
            self._done.setdefault(attempt, effects[attempt])
        return journal

    def check(self, ended: Outcome, expected: Undisturbed) -> None:
        """Hold the run, which has been gone on with to its end, to what is true of every run."""
        assert (ended.code, ended.last["status"]) == (0, "succeeded"), ended
        assert ended.last["outputs"] == expected.outputs
        effects = count_effects(self._folder)
        again = {attempt: (count, effects[attempt]) for attempt, count in self._done.items()}
        assert {attempt: counts for attempt, counts in again.items() if counts[0] != counts[1]} == {}
        journal = read_journal(self._folder)
        assert [row.status for row in journal.runs] == ["succeeded"] * len(journal.runs)
        assert journal.history() == expected.history
        named = journal.named(effects)
        assert named.keys() == expected.effects.keys()
        assert max(named.values()) <= 1 + self.kills


def go_on(run: Callable[..., Outcome], journal: Journal, fault: str = "") -> Outcome:
    """Resume the run, or start it where nothing of it was durable."""
    if journal.runs:
        return run("resume", NAME, "--json", fault=fault)
    return run("run", "file.yaml", "--json", "--name", NAME, fault=fault)


def kill_at(launcher: Launcher, folder: Path, undisturbed: Undisturbed, point: str, count: int) -> None:
    (folder / "file.yaml").write_text(every_construct())

    def run(*argv: str, fault: str = "") -> Outcome:
        return launcher.run(folder, *argv, fault=fault)

    times = undisturbed.reached.get(point, 0)
    ledger = Ledger(folder)
    if point in RESUMING:
        assert run("run", "file.yaml", "--json", "--name", NAME, fault="engine.after_step:6").code == -signal.SIGKILL
        journal = ledger.note()
        killed = go_on(run, journal, fault=f"{point}:{count or 2}")
    else:
        killed = run("run", "file.yaml", "--json", "--name", NAME, fault=f"{point}:{count or max(times * 4 // 5, 1)}")
    if killed.code != -signal.SIGKILL:
        # How often a point is reached depends on how advances fall into batches, but for the first few times.
        assert count == LATE or count > times // 2
        ledger.check(killed, undisturbed)
        return
    ledger.check(go_on(run, ledger.note()), undisturbed)


@pytest.mark.acceptance("ENG-01", "ENG-06", "ENG-07", "SUB-02", "STO-04")
@pytest.mark.parametrize("count", [2, LATE], ids=["second", "late"])
@pytest.mark.parametrize("point", POINTS)
def test_a_run_killed_at_a_point_is_resumed_to_the_same_end(
    launcher: Launcher, tmp_path: Path, undisturbed: Undisturbed, point: str, count: int
) -> None:
    if point not in RESUMING and count == 2 and undisturbed.reached[point] == 1:
        count = 1
    kill_at(launcher, tmp_path, undisturbed, point, count)


@pytest.mark.soak
@pytest.mark.parametrize("count", [4, 13])
@pytest.mark.parametrize("point", POINTS)
def test_a_run_killed_at_a_point_any_time_is_resumed_to_the_same_end(
    launcher: Launcher, tmp_path: Path, undisturbed: Undisturbed, point: str, count: int
) -> None:
    kill_at(launcher, tmp_path, undisturbed, point, count)


def test_every_point_is_reached_by_the_pipeline_that_is_killed_at_it(undisturbed: Undisturbed) -> None:
    assert sorted([*undisturbed.reached, *RESUMING]) == POINTS


@pytest.mark.acceptance("ENG-01")
def test_a_command_that_the_environment_has_killed_is_resumed_to_the_same_end(
    launcher: Launcher, tmp_path: Path, undisturbed: Undisturbed
) -> None:
    (tmp_path / "file.yaml").write_text(every_construct())
    ledger = Ledger(tmp_path)
    killed = subprocess.run(
        [sys.executable, "-m", "wfe_runtime", "run", "file.yaml", "--name", NAME],
        cwd=tmp_path,
        env=environment(WFE_FAULT="engine.after_commit:7", TMPDIR=launcher.temporary),
        capture_output=True,
    )
    assert killed.returncode == -signal.SIGKILL
    assert ledger.note().runs
    ledger.check(launcher.run(tmp_path, "resume", NAME, "--json"), undisturbed)


@pytest.mark.acceptance("ENG-01")
@pytest.mark.parametrize("point", ["engine.after_advance", "engine.after_commit", "sqlite.after_commit"])
def test_a_run_whose_every_process_is_killed_after_a_few_steps_still_ends_as_it_should(
    launcher: Launcher, tmp_path: Path, undisturbed: Undisturbed, point: str
) -> None:
    (tmp_path / "file.yaml").write_text(every_construct())
    ledger = Ledger(tmp_path)
    journal = Journal([], [])
    while True:
        outcome = go_on(lambda *argv, fault: launcher.run(tmp_path, *argv, fault=fault), journal, f"{point}:9")
        if outcome.code != -signal.SIGKILL:
            break
        journal = ledger.note()
        assert ledger.kills < 20, "it gets no further"
    assert ledger.kills > 1
    ledger.check(outcome, undisturbed)


def kill_at_random(
    start: Callable[..., tuple[int, Callable[[], Outcome]]],
    folders: Iterator[Path],
    text: str,
    expected: Undisturbed,
    kills: int,
    seed: int,
) -> None:
    """Kill commands until that many have been, each time going on with the run; begin another where one has ended."""
    chance = random.Random(seed)
    left = kills
    while left > 0:
        folder = next(folders)
        (folder / "file.yaml").write_text(text)
        ledger = Ledger(folder)
        journal = Journal([], [])
        while True:
            argv = ("resume", NAME, "--json") if journal.runs else ("run", "file.yaml", "--json", "--name", NAME)
            pid, wait = start(folder, *argv)
            if left > 0:
                # The instant is what is tested here: nothing is waited for.
                time.sleep(chance.uniform(0, expected.seconds))
                with contextlib.suppress(ProcessLookupError):  # it has ended, or has no group of its own yet
                    (os.killpg if chance.random() < 0.5 else os.kill)(pid, signal.SIGKILL)
            outcome = wait()
            if outcome.code != -signal.SIGKILL:
                break
            left -= 1
            journal = ledger.note()
        ledger.check(outcome, expected)
        assert ledger.kills > 0 or left > 0
        runs = read_journal(folder).runs
        deadline = time.monotonic() + 10
        while steps_left(runs) and time.monotonic() < deadline:
            time.sleep(0.05)  # for the kernel, which is ending them
        assert steps_left(runs) == []


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[Path]:
    def made() -> Iterator[Path]:
        for number in range(1000):
            folder = tmp_path / str(number)
            folder.mkdir()
            yield folder

    return made()


@pytest.mark.acceptance("ENG-01")
def test_a_run_killed_at_random_instants_is_resumed_to_the_same_end(
    launcher: Launcher, folders: Iterator[Path], tmp_path_factory: pytest.TempPathFactory
) -> None:
    expected = Undisturbed(launcher, tmp_path_factory.mktemp("small"), SMALL)
    assert len(expected.effects) == 25

    def start(folder: Path, *argv: str) -> tuple[int, Callable[[], Outcome]]:
        command = launcher.start(folder, *argv)
        return command.pid, command.wait

    kill_at_random(start, folders, SMALL, expected, kills=5, seed=3)


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_run_of_120_steps_killed_at_many_random_instants_is_resumed_to_the_same_end(
    launcher: Launcher, folders: Iterator[Path], tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    expected = Undisturbed(launcher, tmp_path_factory.mktemp("large"), LARGE)
    assert len(expected.effects) == 120

    def start(folder: Path, *argv: str) -> tuple[int, Callable[[], Outcome]]:
        process = subprocess.Popen(
            [sys.executable, "-m", "wfe_runtime", *argv],
            cwd=folder,
            env=environment(TMPDIR=launcher.temporary),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

        def wait() -> Outcome:
            out, err = process.communicate()
            return Outcome(process.returncode, out, err, {})

        return process.pid, wait

    # A command of its own takes longer to begin than one that was forked: that time is to be hit too.
    began = time.monotonic()
    pid, wait = start(next(folders), "--version")
    assert wait().code == 0, pid
    expected.seconds += time.monotonic() - began
    kill_at_random(start, folders, LARGE, expected, kills=int(os.environ.get("WFE_TEST_KILLS", "25")), seed=seed)


def test_the_lines_of_a_step_that_ran_twice_are_counted(tmp_path: Path) -> None:
    (tmp_path / "effects.txt").write_text("r a 1\nr a 1\nr b[0]/c 2\n")
    assert count_effects(tmp_path) == Counter({("r", "a", 1): 2, ("r", "b[0]/c", 2): 1})
