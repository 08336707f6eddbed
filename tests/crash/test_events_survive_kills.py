"""Whoever publishes or waits is killed at every point of a write: no event is lost, and none is taken twice."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.launcher import Launcher
from wfe_runtime import faults
from wfe_runtime.providers import open_store

POINTS = sorted(name for name in faults.points() if name.startswith("sqlite.") and name != "sqlite.after_guard")
POINTS.remove("sqlite.after_journal")  # of commits of runs alone, likewise
POINTS.remove("sqlite.after_place")
POINTS.remove("sqlite.after_schedule")
WAITING = """
workflow:
  id: w
  version: 1
  outputs: {got: list<any>}
  steps:
    - {name: first, wait: {event: paid, key: a}}
    - {name: second, wait: {event: paid, key: a}}
    - set: {got: '[steps.first.output.data, steps.second.output.data]'}
"""


@pytest.fixture(scope="module")
def launcher() -> Iterator[Launcher]:
    with Launcher() as launcher:
        yield launcher


def ids_in(folder: Path) -> list[str]:
    """Return the ids of the published events."""

    async def read() -> list[str]:
        store = open_store(f"sqlite:///{folder / '.wfe/wfe.db'}")
        await store.open()
        try:
            return [event.id for event in await store.read_events("paid", "a")]
        finally:
            await store.close()

    return asyncio.run(read())


def publish(launcher: Launcher, folder: Path, number: int, fault: str = "") -> int:
    argv = ("event", "paid", "--key", "a", "--data", str(number), "--id", f"e{number}")
    return launcher.run(folder, *argv, fault=fault).code


@pytest.mark.acceptance("EVT-03")
@pytest.mark.parametrize("point", POINTS)
def test_an_event_whose_publisher_is_killed_and_tries_again_is_taken_once(
    launcher: Launcher, tmp_path: Path, point: str
) -> None:
    (tmp_path / "file.yaml").write_text(WAITING)
    assert launcher.run(tmp_path, "run", "file.yaml", "--no-wait", "--name", "waiting").code == 6
    assert publish(launcher, tmp_path, 1, f"{point}:1") == -signal.SIGKILL
    assert publish(launcher, tmp_path, 1) == 0
    assert publish(launcher, tmp_path, 2) == 0
    assert ids_in(tmp_path) == ["e1", "e2"]
    ended = launcher.run(tmp_path, "resume", "waiting", "--json")
    assert (ended.code, ended.last["outputs"]) == (0, {"got": [1, 2]})


@pytest.mark.acceptance("EVT-03")
@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("point", [*POINTS, "engine.after_commit", "engine.before_delivery", "engine.after_advance"])
def test_a_run_that_is_killed_while_it_takes_its_events_takes_each_once(
    launcher: Launcher, tmp_path: Path, point: str, count: int
) -> None:
    (tmp_path / "file.yaml").write_text(WAITING)
    assert launcher.run(tmp_path, "run", "file.yaml", "--no-wait", "--name", "waiting").code == 6
    for number in (1, 2, 3):
        assert publish(launcher, tmp_path, number) == 0
    outcome = launcher.run(tmp_path, "resume", "waiting", "--json", fault=f"{point}:{count}")
    if outcome.code == -signal.SIGKILL:
        outcome = launcher.run(tmp_path, "resume", "waiting", "--json")
    assert outcome.code == 0
    inspected = launcher.run(tmp_path, "inspect", "waiting", "--json").last
    assert (inspected["status"], inspected["outputs"]) == ("succeeded", {"got": [1, 2]})
