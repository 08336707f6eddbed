"""Runs of one concurrency group whose processes are killed: slots in use equal the runs that have one, always."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.launcher import Command, Launcher, Outcome
from wfe_runtime import (
    engine,  # noqa: F401 - declares its points
    faults,
)
from wfe_runtime.providers import open_store
from wfe_runtime.providers.rows import FINISHED, RunFilter, RunRow

POINTS = [
    "engine.before_create",
    "engine.after_create",
    "engine.before_commit",
    "engine.after_commit",
    "engine.after_step",
    *sorted(
        name
        for name in faults.points()
        if name.startswith("sqlite.") and name not in ("sqlite.after_signals", "sqlite.after_schedule")
    ),
]
ALONE = """
workflow:
  id: w
  version: 1
  concurrency: {group: g, limit: 2}
  steps:
    - {name: one, config: {run: 'sleep 0.02'}}
    - {name: two, config: {run: 'sleep 0.02'}}
"""


@pytest.fixture(scope="module")
def launchers() -> Iterator[list[Launcher]]:
    with Launcher() as first, Launcher() as second, Launcher() as third:
        yield [first, second, third]


def check_slots(folder: Path, limit: int) -> list[RunRow]:
    """Hold the places in the store to the runs there are. Returns the runs."""

    async def read() -> list[RunRow]:
        store = open_store(f"sqlite:///{folder / '.wfe/wfe.db'}")
        await store.open()
        try:
            while True:
                runs = await store.list_runs(RunFilter())
                places = await store.list_places("g")
                if runs == await store.list_runs(RunFilter()):
                    break  # nobody wrote between the two
        finally:
            await store.close()
        assert {place.run for place in places} == {run.id for run in runs if run.status not in FINISHED}
        assert sum(place.state == "held" for place in places) <= limit
        begun = {run.id for run in runs if run.sequence and run.status not in FINISHED}
        assert begun <= {place.run for place in places if place.state == "held"}, "who has begun has a slot"
        return runs

    return asyncio.run(read())


def finish(launcher: Launcher, folder: Path) -> Outcome:
    """Go on with the run named first, or start it where nothing of it is durable."""
    if (folder / ".wfe/wfe.db").exists() and check_slots(folder, 1):
        return launcher.run(folder, "resume", "first", "--json")
    return launcher.run(folder, "run", "file.yaml", "--json", "--name", "first")


@pytest.mark.acceptance("CTL-16", "ENG-01")
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("point", POINTS)
def test_a_holder_that_is_killed_at_a_point_keeps_its_slot_until_it_has_ended(
    launchers: list[Launcher], tmp_path: Path, point: str, count: int
) -> None:
    (tmp_path / "file.yaml").write_text(ALONE.replace("limit: 2", "limit: 1"))
    launcher = launchers[0]
    killed = launcher.run(tmp_path, "run", "file.yaml", "--json", "--name", "first", fault=f"{point}:{count}")
    assert killed.code in (0, -signal.SIGKILL)
    if killed.code:
        runs = check_slots(tmp_path, 1) if (tmp_path / ".wfe/wfe.db").exists() else []
        if runs and runs[0].status not in FINISHED:
            second = launcher.run(tmp_path, "run", "file.yaml", "--json", "--no-wait", "--name", "second")
            assert (second.code, second.last["waiting_for"][0]["kind"]) == (6, "group")
            why = launcher.run(tmp_path, "why", "second", "-o", "json").last["waiting_for"]
            assert [(reason["kind"], reason["holders"][0]["name"]) for reason in why] == [("group", "first")]
        assert finish(launcher, tmp_path).code == 0
        if any(run.name == "second" for run in check_slots(tmp_path, 1)):
            assert launcher.run(tmp_path, "resume", "second", "--json").code == 0
    assert launcher.run(tmp_path, "run", "file.yaml", "--json", "--name", "third").code == 0
    assert {run.status for run in check_slots(tmp_path, 1)} == {"succeeded"}


@pytest.mark.acceptance("CTL-16")
@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("point", ["sqlite.after_place", "sqlite.before_commit", "sqlite.after_commit"])
def test_a_retry_that_is_killed_at_a_point_leaves_no_slot_in_use(
    launchers: list[Launcher], tmp_path: Path, point: str, count: int
) -> None:
    text = ALONE.replace("limit: 2", "limit: 1").replace("{run: 'sleep 0.02'}}", "{run: '[ -e good ]'}}", 1)
    (tmp_path / "file.yaml").write_text(text)
    launcher = launchers[0]
    assert launcher.run(tmp_path, "run", "file.yaml", "--json", "--name", "first").code == 1
    (tmp_path / "good").touch()
    launcher.run(tmp_path, "retry", "first", "--json", fault=f"{point}:{count}")
    outcome = launcher.run(tmp_path, "inspect", "first", "--json").last
    verb = "retry" if outcome["status"] == "failed" else "resume"
    assert launcher.run(tmp_path, verb, "first", "--json").code == 0
    assert launcher.run(tmp_path, "run", "file.yaml", "--json", "--name", "second").code == 0
    assert {run.status for run in check_slots(tmp_path, 1)} == {"succeeded"}


def kill_at_random(launchers: list[Launcher], folder: Path, kills: int, seed: int) -> None:
    """Kill commands of one group, several at a time, at random instants; hold the slots to the runs after each."""
    chance = random.Random(seed)
    (folder / "file.yaml").write_text(ALONE)
    left = kills
    number = 0
    while left > 0:
        commands: list[Command] = []
        is_new = not (folder / ".wfe/wfe.db").exists()
        runs = [] if is_new else [run.name for run in check_slots(folder, 2) if run.status not in FINISHED]
        for launcher in launchers:
            if runs and chance.random() < 0.7:
                argv = ("resume", runs.pop(chance.randrange(len(runs))))
            else:
                number += 1
                argv = ("run", "file.yaml", "--name", f"run-{number}")
            commands.append(launcher.start(folder, *argv, "--json"))
        # The instant is what is tested here: nothing is waited for.
        time.sleep(chance.uniform(0.05, 1.0))
        for command in commands:
            command.kill()
        killed = sum(command.wait().code == -signal.SIGKILL for command in commands)
        if (folder / ".wfe/wfe.db").exists() and check_slots(folder, 2):  # else they died before there was any run
            left -= killed
    while unfinished := [run for run in check_slots(folder, 2) if run.status not in FINISHED]:
        unfinished.sort(key=lambda run: run.place != "held")  # the others wait for these
        commands = [
            launcher.start(folder, "resume", run.name) for launcher, run in zip(launchers, unfinished, strict=False)
        ]
        assert [command.wait().code for command in commands] == [0] * len(commands)
    assert {run.status for run in check_slots(folder, 2)} == {"succeeded"}


@pytest.mark.acceptance("CTL-16")
def test_slots_in_use_equal_their_holders_however_processes_are_killed(
    launchers: list[Launcher], tmp_path: Path
) -> None:
    kill_at_random(launchers, tmp_path, kills=5, seed=1)


KILLS = int(os.environ.get("WFE_TEST_KILLS", "20"))
"""A thousand take a quarter of an hour."""


@pytest.mark.soak
@pytest.mark.acceptance("CTL-16")
def test_slots_in_use_equal_their_holders_after_many_random_kills(launchers: list[Launcher], tmp_path: Path) -> None:
    kill_at_random(launchers, tmp_path, kills=KILLS, seed=2)
