"""An engine is killed around the transaction of a step: its rows are there once, and never without its end."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.crash.transaction_child import STEPS

POINTS = ["transactions.after_work", "transactions.after_commit", "engine.after_step", "engine.after_commit"]


@pytest.mark.acceptance("ENG-01", "ENG-06")
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("point", [*POINTS, "engine.after_advance", "sqlite.before_commit", "sqlite.after_commit"])
def test_a_transaction_step_takes_place_exactly_once(tmp_path: Path, point: str, count: int) -> None:
    path = tmp_path / "runs.db"
    count += 4 if point.startswith("sqlite") else 0  # before that the store is made, and the run
    command = [sys.executable, "-m", "tests.crash.transaction_child", f"sqlite:///{path}"]
    killed = subprocess.run(command, env={**os.environ, "WFE_FAULT": f"{point}:{count}"}, timeout=60, check=False)
    assert killed.returncode == -signal.SIGKILL
    finished = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (finished.stdout, finished.stderr) == ("succeeded\n", "")
    connection = sqlite3.connect(path)
    assert [n for (n,) in connection.execute("SELECT n FROM bookings ORDER BY rowid")] == list(range(STEPS))
    connection.close()
