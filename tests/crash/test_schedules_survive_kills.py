"""Workers killed while they fire a schedule: each time starts one run, and none is forgotten."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import environment
from wfe_runtime.providers import open_store
from wfe_runtime.providers.rows import RunFilter, RunRow

POINTS = [
    "engine.before_fire",
    "engine.after_fire",
    "sqlite.after_begin",
    "sqlite.after_schedule",
    "sqlite.before_commit",
    "sqlite.after_commit",
    "sqlite.after_announce",
    "engine.after_claim",
]
HOURLY = """
workflow:
  id: hourly
  version: 1
  schedule: [{cron: "0 * * * *", missed: all}]
  steps:
    - {name: work, config: {run: 'echo "$WFE_RUN_ID" >> done.txt'}}
"""
HOUR = 3_600_000


def serve(folder: Path, runs: int, fault: str = "") -> int:
    """Run a worker until so many runs have succeeded, or it was killed. Returns its exit code."""
    process = subprocess.Popen(
        [sys.executable, "-m", "wfe_runtime", "worker", "file.yaml", "--json"],
        cwd=folder,
        env=environment(WFE_FAULT=fault),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    for _ in process.stdout:
        if sum(run.status == "succeeded" for run in read_runs(folder)) == runs:
            process.send_signal(signal.SIGTERM)
            break
    process.communicate(timeout=30)
    return process.returncode


def read_runs(folder: Path) -> list[RunRow]:
    async def read() -> list[RunRow]:
        store = open_store(f"sqlite:///{folder / '.wfe/wfe.db'}")
        await store.open()
        try:
            return await store.list_runs(RunFilter())
        finally:
            await store.close()

    return asyncio.run(read())


@pytest.mark.acceptance("EVT-13", "ENG-01")
@pytest.mark.parametrize("count", [1, pytest.param(2, marks=pytest.mark.soak)])
@pytest.mark.parametrize("point", POINTS)
def test_a_worker_that_is_killed_while_it_fires_leaves_each_time_one_run(
    tmp_path: Path, point: str, count: int
) -> None:
    (tmp_path / "file.yaml").write_text(HOURLY)
    assert serve(tmp_path, 0) == 0
    connection = sqlite3.connect(tmp_path / ".wfe/wfe.db")
    connection.execute("UPDATE schedules SET due = due - ?", (3 * HOUR,))
    connection.commit()
    connection.close()
    # The first transactions of a worker are not those that fire: it joins, and registers its file.
    assert serve(tmp_path, 3, f"{point}:{count + 3 if point.startswith('sqlite.') else count}") in (0, -signal.SIGKILL)
    if sum(run.status == "succeeded" for run in read_runs(tmp_path)) < 3:
        assert serve(tmp_path, 3) == 0
    runs = read_runs(tmp_path)
    assert [run.status for run in runs] == ["succeeded"] * 3
    assert len({run.key for run in runs}) == 3
    assert set((tmp_path / "done.txt").read_text().split()) == {run.id for run in runs}
    assert os.listdir(tmp_path / ".wfe") == ["wfe.db"]
