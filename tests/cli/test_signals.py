"""Interrupting and killing the command: what it prints, what is kept, and how the run goes on."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
from pathlib import Path

import pytest

from .conftest import Start, Wfec, finish, read_output, read_until, steps_of
from .files import CHAIN, FAMILY, SLOW, under_way, write


@pytest.mark.acceptance("CLI-01", "CLI-05")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_suspends_the_run_and_the_printed_line_takes_it_to_the_same_end(
    folder: Path, processes: Start, wfec: Wfec, number: signal.Signals
) -> None:
    write(folder, SLOW)
    process = processes("run", "file.yaml", "--json", "--store", "sqlite:///runs.db", "--name", "my slow one")
    read_until(process, under_way)
    process.send_signal(number)
    result = finish(process)
    assert result.code == 130
    parked = result.lines[-1]
    assert (parked["type"], parked["status"]) == ("run.parked", "suspended")
    [resume] = [line for line in result.err.splitlines() if "wfec resume" in line]
    command = shlex.split(resume.partition("wfec ")[2])
    assert command == ["resume", "my slow one", "--store", "sqlite:///runs.db"]
    (folder / "go").touch()
    resumed = wfec(*command, "--json")
    assert (resumed.code, resumed.lines[-1]["outputs"]) == (0, {"done": "yes"})
    assert (folder / "ran.txt").read_text() == "before\nwent\nafter\n"


@pytest.mark.acceptance("CLI-05")
def test_a_second_signal_ends_the_command_at_once_and_the_run_goes_on_later(
    folder: Path, processes: Start, wfec: Wfec
) -> None:
    # A step that takes no notice of TERM holds the first signal up for its grace.
    text = SLOW.replace("echo waiting", "trap '' TERM; echo waiting")
    write(folder, text)
    process = processes("run", "file.yaml", "--json", "--name", "slow")
    read_until(process, under_way)
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    assert "SIGINT" in process.stderr.readline()
    while process.poll() is None:  # signals that come together count as one
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.1)
    ended = finish(process)
    assert (ended.code, ended.err.splitlines()[-1]) == (130, "go on with: wfec resume slow")
    (folder / "go").touch()
    assert wfec("resume", "slow", "--json").lines[-1]["outputs"] == {"done": "yes"}
    assert (folder / "ran.txt").read_text() == "before\nwent\nafter\n"


@pytest.mark.acceptance("CLI-05")
def test_nothing_of_a_step_is_left_when_the_command_was_interrupted(folder: Path, processes: Start) -> None:
    text = "workflow: {id: w, version: 1, steps: [{name: s, config: {run: 'echo $$; sleep 600'}}]}"
    process = processes("run", write(folder, text), "--json")
    lines = read_output(process)
    process.send_signal(signal.SIGINT)
    assert finish(process).code == 130
    with pytest.raises(ProcessLookupError):
        os.kill(int(lines[-1]["text"]), 0)


def test_an_interrupted_parent_and_its_child_are_resumed_together(folder: Path, processes: Start, wfec: Wfec) -> None:
    text = FAMILY.replace("echo working", "'echo waiting; while [ ! -e go ]; do sleep 0.05; done'")
    process = processes("run", write(folder, text), "--json", "--name", "parent")
    read_until(process, under_way)
    process.send_signal(signal.SIGINT)
    assert finish(process).code == 130
    assert {row["status"] for row in wfec("list", "-o", "json").json} == {"suspended"}
    (folder / "go").touch()
    resumed = wfec("resume", "parent", "--json")
    assert (resumed.code, resumed.lines[-1]["outputs"]) == (0, {"total": 2})
    assert {row["status"] for row in wfec("list", "-o", "json").json} == {"succeeded"}


@pytest.mark.acceptance("CLI-05")
def test_a_killed_command_leaves_a_run_that_resume_takes_over_at_once(
    folder: Path, processes: Start, wfec: Wfec
) -> None:
    write(folder, SLOW)
    process = processes("run", "file.yaml", "--json", "--name", "slow")
    read_until(process, under_way)
    process.kill()
    process.wait()
    (folder / "go").touch()
    resumed = wfec("resume", "slow", "--json")
    assert resumed.code == 0
    assert steps_of(resumed.lines) == [("long", "succeeded"), ("after", "succeeded"), ("return-1", "succeeded")]
    assert next(line["step"] for line in resumed.lines if line["type"] == "step.started") == "long"
    assert (folder / "ran.txt").read_text() == "before\nwent\nafter\n"


@pytest.mark.acceptance("CTL-01")
def test_a_run_with_a_live_owner_is_left_alone_by_resume(folder: Path, processes: Start, wfec: Wfec) -> None:
    process = processes("run", write(folder, SLOW), "--json", "--name", "slow")
    read_until(process, under_way)
    result = wfec("resume", "slow")
    assert result.code == 0
    assert "nothing changed" in result.err
    (folder / "go").touch()
    assert finish(process).lines[-1]["outputs"] == {"done": "yes"}
    assert (folder / "ran.txt").read_text() == "before\nwent\nafter\n"


def test_a_second_command_with_the_same_key_waits_for_the_first_ones_run(
    folder: Path, processes: Start, wfec: Wfec
) -> None:
    first = processes("run", write(folder, SLOW), "--json", "--key", "once")
    top = read_until(first, under_way)[0]["run"]
    second = processes("run", "file.yaml", "--json", "--key", "once")
    assert second.stderr is not None
    assert "already" in second.stderr.readline()
    (folder / "go").touch()
    ends = [finish(process).lines[-1] for process in (first, second)]
    assert [(end["run"], end["outputs"]) for end in ends] == [(top, {"done": "yes"})] * 2
    assert (folder / "ran.txt").read_text() == "before\nwent\nafter\n"


@pytest.mark.acceptance("CLI-05")
def test_a_run_that_ends_despite_the_signal_is_told_as_it_ended(folder: Path, wfec: Wfec) -> None:
    assert wfec("run", write(folder, CHAIN), "--timeout", "1h", "--json").lines[-1]["status"] == "succeeded"
