"""Workers killed while they let go of runs, or take them up again: none is lost, and none goes on twice."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.cli.conftest import environment
from tests.crash.launcher import Launcher
from tests.crash.test_schedules_survive_kills import read_runs
from wfe_runtime.providers.rows import RunRow

LETTING_GO = ["engine.before_park", "engine.after_park"]
TAKING_UP = [
    "engine.before_inherit",
    "engine.before_due",
    "engine.after_claim",
    "engine.after_recovery",
    "engine.after_timer",
    "engine.before_delivery",
]
HASTY = """
import sys
from wfe_runtime import faults, parking
parking.QUIET_SECONDS = 0.0
parking.SHORTEST_WAIT_MS = 100
parking.AHEAD_MS = 50
from wfe_runtime.cli.main import main
main()
"""
"""A worker that lets go of what waits for a tenth of a second."""
WORKFLOWS = """
workflows:
  - id: naps
    version: 1
    steps:
      - {name: nap, sleep: 1500ms}
      - {name: work, config: {run: 'echo "$WFE_RUN_ID $WFE_ATTEMPT" >> done.txt'}}
  - id: waits
    version: 1
    steps:
      - {name: paid, wait: {event: paid, key: a}}
      - {name: work, config: {run: 'echo "$WFE_RUN_ID $WFE_ATTEMPT" >> done.txt'}}
"""


class Worker:
    """A worker on a folder's store."""

    def __init__(self, folder: Path, fault: str = "") -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-c", HASTY, "worker", "--json"],
            cwd=folder,
            env=environment(WFE_FAULT=fault),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdout is not None
        self.process.stdout.readline()  # it is ready

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=30)
        return self.process.returncode


@pytest.fixture(scope="module")
def launcher() -> Iterator[Launcher]:
    with Launcher() as launcher:
        yield launcher


def are_let_go_of(rows: Sequence[RunRow]) -> bool:
    return all(row.parked == 1 or row.ended for row in rows)


def are_over(rows: Sequence[RunRow]) -> bool:
    return all(row.status == "succeeded" for row in rows)


def until_all(folder: Path, worker: Worker, hold: Callable[[Sequence[RunRow]], bool]) -> bool:
    """Wait until something holds for the runs. Returns False where the worker died before."""
    while not hold(read_runs(folder)):
        if worker.process.poll() is not None:
            return False
        time.sleep(0.02)  # another process's progress shows in its file alone; without a pause we take its time
    return True


@pytest.mark.acceptance("ENG-01", "ENG-02", "EVT-06")
@pytest.mark.parametrize("count", [1, pytest.param(2, marks=pytest.mark.soak)])
@pytest.mark.parametrize("point", LETTING_GO + TAKING_UP)
def test_a_worker_that_is_killed_loses_no_parked_run_and_runs_none_twice(
    launcher: Launcher, tmp_path: Path, point: str, count: int
) -> None:
    (tmp_path / "file.yaml").write_text(WORKFLOWS)
    for name in ("naps", "naps", "waits", "waits"):
        assert launcher.run(tmp_path, "start", "file.yaml", name).code == 0
    first = Worker(tmp_path, f"{point}:{count}" if point in LETTING_GO else "")
    if until_all(tmp_path, first, are_let_go_of):
        os.kill(first.process.pid, signal.SIGKILL)
    first.process.communicate(timeout=30)
    assert first.process.returncode == -signal.SIGKILL
    assert launcher.run(tmp_path, "event", "paid", "--key", "a").code == 0
    workers = [Worker(tmp_path, "" if point in LETTING_GO else f"{point}:{count}"), Worker(tmp_path)]
    assert until_all(tmp_path, workers[1], are_over)
    assert {worker.stop() for worker in workers} <= {0, -signal.SIGKILL}
    done = (tmp_path / "done.txt").read_text().splitlines()
    assert {line.split()[0] for line in done} == {row.id for row in read_runs(tmp_path)}
    assert {line.split()[1] for line in done} == {"1"}
    connection = sqlite3.connect(tmp_path / ".wfe/wfe.db")
    assert connection.execute("SELECT count(*) FROM inbox").fetchone() == (0,)
    # A timer that had fired twice, or an event that was taken twice, would have left an advance more.
    advances = connection.execute("SELECT count(*) FROM journal GROUP BY run").fetchall()
    connection.close()
    assert advances == [(3,)] * 4
