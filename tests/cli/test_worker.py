"""`start` and `worker`: runs that nobody follows, and schedules that hold while a worker serves the store."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import Wfec, environment
from .files import write

GREET = """
workflow:
  id: greet
  version: 1
  inputs: {name: {type: string, default: world}}
  outputs: {said: string}
  steps:
    - {name: hello, config: {run: 'echo "##wfe[output said=hello $NAME]"'}, outputs: [{name: said, type: string}]}
"""


class Worker:
    """A worker under way."""

    def __init__(self, folder: Path, *argv: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "wfe_runtime", "worker", "--json", *argv],
            cwd=folder,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def until(self, type: str) -> dict[str, object]:
        """Read what it says up to a line of that type, and return that."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            said: dict[str, object] = json.loads(line)
            if said["type"] == type:
                return said
        raise AssertionError(f"the worker ended without {type}: {self.process.communicate()[1]}")

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """End it by a signal. Returns its exit code and what it said of trouble."""
        self.process.send_signal(number)
        _, err = self.process.communicate(timeout=30)
        return self.process.returncode, err


@pytest.fixture
def workers(folder: Path) -> Iterator[list[Worker]]:
    made: list[Worker] = []
    yield made
    for worker in made:
        if worker.process.poll() is None:
            worker.process.kill()
        worker.process.communicate()


@pytest.mark.acceptance("ENG-07")
def test_a_started_run_waits_for_a_worker_which_brings_it_to_its_end(
    folder: Path, wfec: Wfec, workers: list[Worker]
) -> None:
    write(folder, GREET)
    started = wfec("start", "file.yaml", "-i", "name=you", "--name", "first", "--json")
    assert (started.code, started.json["name"], started.json["status"]) == (0, "first", "pending")
    again = wfec("start", "file.yaml", "-i", "name=you", "--key", "k")
    assert "run greet-1 is pending; a worker takes it up: wfec worker" in again.out
    assert wfec("start", "file.yaml", "-i", "name=me", "--key", "k").code == 2
    assert "a process that takes it up: wfec resume first" in wfec("why", "first").out
    workers.append(Worker(folder))
    workers[0].until("worker.ready")
    assert {workers[0].until("run.ended")["name"] for _ in range(2)} == {"first", "greet-1"}
    assert wfec("inspect", "first", "--json").json["outputs"] == {"said": "hello you"}
    later = wfec("start", "file.yaml", "--json").json
    assert workers[0].until("run.ended")["run"] == later["run"]
    code, err = workers[0].stop()
    assert (code, "letting go of the runs" in err) == (0, True)


@pytest.mark.acceptance("CLI-18")
def test_a_registered_workflow_is_started_by_its_name_and_an_unknown_one_stores_nothing(
    folder: Path, wfec: Wfec, workers: list[Worker]
) -> None:
    unknown = wfec("start", "greet")
    assert (unknown.code, "no workflow 'greet' is registered" in unknown.err) == (4, True)
    assert list(folder.iterdir()) == []
    write(folder, GREET)
    write(folder, GREET.replace("version: 1", "version: 2").replace("=hello", "=welcome"), "next.yaml")
    for file in ("file.yaml", "next.yaml", "file.yaml"):
        assert wfec("start", file).code == 0
    (folder / "greet").mkdir()
    started = wfec("start", "greet", "-i", "name=you", "--json")
    assert (started.code, started.json["status"]) == (0, "pending")
    assert wfec("start", "greet", "-i", "nam=you").code == 2
    near = wfec("start", "graet")
    assert (near.code, "greet" in near.err) == (4, True)
    assert wfec("start", "greet", "other").code == 2
    assert wfec("start", "greet", "--replace").code == 2
    assert len(wfec("list", "-o", "ids").out.split()) == 4
    workers.append(Worker(folder))
    assert {workers[0].until("run.ended")["status"] for _ in range(4)} == {"succeeded"}
    found = wfec("inspect", started.json["run"], "--json").json
    assert (found["version"], found["outputs"]) == (2, {"said": "welcome you"})


@pytest.mark.acceptance("PRG-13")
@pytest.mark.parametrize("verb", ["start", "worker"])
def test_a_changed_file_of_the_same_version_is_registered_only_if_it_is_to_replace_the_other(
    folder: Path, wfec: Wfec, workers: list[Worker], verb: str
) -> None:
    write(folder, GREET)
    before = wfec("start", "file.yaml", "--json").json["run"]
    write(folder, GREET.replace("=hello", "=welcome"))
    refused = wfec(verb, "file.yaml")
    assert refused.code == 2
    assert "greet version 1 is registered with another program" in refused.err
    assert "--replace" in refused.err
    assert wfec("list", "-o", "ids").out.split() == [before]
    if verb == "start":
        assert wfec("start", "file.yaml", "--replace").code == 0
        workers.append(Worker(folder))
    else:
        workers.append(Worker(folder, "file.yaml", "--replace"))
        workers[0].until("worker.ready")
    after = wfec("start", "greet", "--json").json["run"]
    for run in (before, after):  # they run side by side, and either may end first
        while wfec("inspect", run, "--json").json["status"] != "succeeded":
            workers[0].until("run.ended")
    said = {run: wfec("inspect", run, "--json").json["outputs"]["said"] for run in (before, after)}
    assert said == {before: "hello world", after: "welcome world"}


@pytest.mark.acceptance("ENG-15")
def test_a_worker_that_is_told_to_stop_lets_go_of_its_runs_and_another_goes_on_at_once(
    folder: Path, wfec: Wfec, workers: list[Worker]
) -> None:
    write(folder, "workflow: {id: w, version: 1, steps: [{name: gate, config: {run: 'test -e go || sleep 60'}}]}")
    run = wfec("start", "file.yaml", "--json").json["run"]
    workers.append(Worker(folder))
    workers[0].until("run.started")
    assert workers[0].stop()[0] == 0
    assert wfec("inspect", "w-1", "--json").json["owner"] is None
    (folder / "go").touch()
    workers.append(Worker(folder))
    assert workers[1].until("run.ended") | {"time": 0} == {
        "type": "run.ended",
        "time": 0,
        "run": run,
        "name": "w-1",
        "status": "succeeded",
    }


@pytest.mark.acceptance("ENG-02")
def test_a_worker_takes_over_from_one_that_was_killed(folder: Path, wfec: Wfec, workers: list[Worker]) -> None:
    write(folder, "workflow: {id: w, version: 1, steps: [{name: gate, config: {run: 'test -e go || sleep 60'}}]}")
    wfec("start", "file.yaml")
    workers += [Worker(folder), Worker(folder)]
    workers[1].until("worker.ready")
    workers[0].until("worker.ready")

    def owner() -> str | None:
        found: str | None = wfec("inspect", "w-1", "--json").json["owner"]
        return found

    while owner() is None or wfec("inspect", "w-1", "--json").json["status"] != "running":
        pass
    first = next(number for number, worker in enumerate(workers) if f"-{worker.process.pid}-" in str(owner()))
    (folder / "go").touch()
    workers[first].process.kill()
    assert workers[1 - first].until("run.ended")["status"] == "succeeded"


@pytest.mark.acceptance("ENG-16")
def test_why_says_which_executor_a_run_in_the_queue_waits_for(folder: Path, wfec: Wfec) -> None:
    write(folder, "workflow: {id: w, version: 1, steps: [{name: build, type: git-repo, config: {run: make}}]}")
    assert wfec("start", "file.yaml").code == 0
    why = wfec("why", "w-1")
    assert "a host that has what it needs" in why.out
    assert "no executor for steps of type git-repo (step build)" in why.out


def test_a_worker_keeps_the_schedules_of_its_files(folder: Path, wfec: Wfec, workers: list[Worker]) -> None:
    write(folder, GREET.replace("  steps:", "  schedule: [{cron: '*/5 * * * *'}]\n  steps:"))
    workers.append(Worker(folder, "file.yaml"))
    workers[0].until("worker.ready")
    assert workers[0].stop(signal.SIGINT)[0] == 0
    connection = sqlite3.connect(folder / ".wfe/wfe.db")
    rows = connection.execute("SELECT workflow, version, cron, timezone, missed, due % 300000 FROM schedules")
    assert rows.fetchall() == [("greet", 1, "*/5 * * * *", "UTC", "once", 0)]
    connection.close()


def test_a_store_in_memory_takes_no_runs_for_others(folder: Path, wfec: Wfec) -> None:
    write(folder, GREET)
    for verb in ("start", "worker"):
        assert wfec(verb, "file.yaml", "--store", "memory:").code == 5
