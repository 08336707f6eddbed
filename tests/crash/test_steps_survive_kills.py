"""Commands killed between a step and its hooks, amid a wide block, deep in a loop, and while a retry waits."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.crash.launcher import Launcher, Outcome
from tests.crash.pipelines import APPEND, Attempt, Journal, count_effects, read_journal

NAME = "killed"
RUN, RESUME = ("run", "file.yaml", "--json", "--name", NAME), ("resume", NAME, "--json")


@pytest.fixture(scope="module")
def launcher() -> Iterator[Launcher]:
    with Launcher() as launcher:
        yield launcher


def workflow(steps: str) -> str:
    return f"_run: &run {{run: '{APPEND}'}}\nworkflow:\n  id: main\n  version: 1\n  steps:\n{steps}"


HOOKED = workflow("""
    - name: works
      config: *run
      on_success: {name: cheer, config: *run}
      ensure: {name: sweep, config: *run}
    - name: fails
      continue_on_failure: true
      config: {run: 'printf "%s %s %s\\n" "$WFE_RUN_ID" "$WFE_STEP" "$WFE_ATTEMPT" >> effects.txt; exit 7'}
      on_failure: {name: mourn, config: *run}
      ensure: {name: tidy, config: *run}
    - {name: last, config: *run}
""")
HOOKS = ["works", "works/on_success/cheer", "works/ensure/sweep"]
HOOKS += ["fails", "fails/on_failure/mourn", "fails/ensure/tidy", "last"]


def committed(journal: Journal, folder: Path) -> dict[Attempt, int]:
    """Return how many effects each attempt has left whose end is durable."""
    effects = count_effects(folder)
    return {attempt: effects[attempt] for attempt in journal.ended}


def check_kept(before: dict[Attempt, int], folder: Path) -> None:
    """Hold that what had ended before a kill was not run again."""
    effects = count_effects(folder)
    assert {attempt: (count, effects[attempt]) for attempt, count in before.items() if effects[attempt] != count} == {}


@pytest.mark.acceptance("HKS-15")
@pytest.mark.parametrize(
    "point",
    [
        "engine.after_commit",
        pytest.param("engine.before_step", marks=pytest.mark.soak),
        pytest.param("engine.after_step", marks=pytest.mark.soak),
    ],
)
def test_a_run_killed_around_a_hook_runs_each_hook_and_no_committed_one_again(
    launcher: Launcher, tmp_path: Path, point: str
) -> None:
    for count in range(1, len(HOOKS) + 1):
        folder = tmp_path / str(count)
        folder.mkdir()
        (folder / "file.yaml").write_text(HOOKED)
        killed = launcher.run(folder, *RUN, fault=f"{point}:{count}")
        assert killed.code == -signal.SIGKILL
        before = committed(read_journal(folder), folder)
        resumed = launcher.run(folder, *RESUME)
        assert (resumed.code, resumed.last["status"]) == (0, "succeeded"), resumed
        check_kept(before, folder)
        effects = count_effects(folder)
        assert sorted({step for _, step, _ in effects}) == sorted(HOOKS)
        again = [step for (_, step, _), number in effects.items() if number > 1]
        # Only what was at work when the process died may have run twice: one step.
        assert len(again) <= 1
        ended = [record.path for _, record in read_journal(folder).records if record.what == "ended"]
        assert [path for path in ended if path in HOOKS] == sorted(ended, key=ended.index)


def kill_often(launcher: Launcher, folder: Path, text: str, fault: str) -> tuple[Outcome, int]:
    """Kill each process at a fault until one comes through. Returns how that ended, and how many were killed."""
    (folder / "file.yaml").write_text(text)
    kills = 0
    before: dict[Attempt, int] = {}
    while True:
        outcome = launcher.run(folder, *(RESUME if kills else RUN), fault=fault)
        check_kept(before, folder)
        if outcome.code != -signal.SIGKILL:
            return outcome, kills
        kills += 1
        before = committed(read_journal(folder), folder)
        assert kills < 100, "it gets no further"


@pytest.mark.acceptance("PAR-19")
def test_a_block_of_fifty_branches_that_is_killed_again_and_again_runs_no_ended_one_again_and_joins_once(
    launcher: Launcher, tmp_path: Path
) -> None:
    # With fewer at once than end before a kill, some of the ends were durable before others could begin.
    branches = "".join(f"          - {{name: b{number}, config: *run}}\n" for number in range(50))
    block = f"    - name: wide\n      parallel:\n        limit: 5\n        steps:\n{branches}"
    text = workflow(f"{block}    - {{name: joined, config: *run}}\n")
    outcome, kills = kill_often(launcher, tmp_path, text, "engine.after_step:15")
    assert (outcome.last["status"], kills > 1) == ("succeeded", True), outcome
    journal = read_journal(tmp_path)
    ended = [record.path for _, record in journal.records if record.what == "ended"]
    assert sorted(ended) == sorted([*(f"wide/b{number}" for number in range(50)), "wide", "joined"])
    assert {step for _, step, _ in count_effects(tmp_path)} == {path for path in ended if path != "wide"}
    assert ended[-2:] == ["wide", "joined"]


@pytest.mark.acceptance("PAR-19")
def test_a_loop_that_is_killed_deep_in_it_runs_no_ended_pass_again(launcher: Launcher, tmp_path: Path) -> None:
    passes = int(os.environ.get("WFE_TEST_PASSES", "60"))
    text = workflow(f"""
    - set: {{n: 0}}
    - name: loop
      while: vars.n < {passes}
      do:
        - set: {{n: vars.n + 1}}
        - {{name: pass, config: *run}}
    - {{name: joined, config: *run}}
""")
    outcome, kills = kill_often(launcher, tmp_path, text, f"engine.after_step:{passes * 2 // 5}")
    assert (outcome.last["status"], kills) == ("succeeded", 2), outcome
    records = read_journal(tmp_path).records
    ended = [record.path for _, record in records if record.what == "ended" and record.path.endswith("/pass")]
    assert len(ended) == passes
    assert [record.path for _, record in records if record.what == "ended"].count("joined") == 1
    # The pass that was at work at each kill ran again, and no other.
    assert sum(count_effects(tmp_path).values()) == passes + 1 + kills


@pytest.mark.acceptance("RTY-05")
def test_a_process_that_is_killed_while_a_retry_waits_leaves_the_next_attempt_when_it_was_due(
    launcher: Launcher, tmp_path: Path
) -> None:
    (tmp_path / "file.yaml").write_text(
        workflow(f"""
    - name: flaky
      config: {{run: '{APPEND}; [ "$WFE_ATTEMPT" -ge 3 ]'}}
      retry: {{attempts: 4, interval: 300ms}}
""")
    )
    # Its start and its first failure are a commit each.
    killed = launcher.run(tmp_path, *RUN, fault="engine.after_commands:2")
    assert killed.code == -signal.SIGKILL
    [row] = read_journal(tmp_path).runs
    due = row.due
    assert due > 0
    assert sum(count_effects(tmp_path).values()) == 1
    suspended = launcher.run(tmp_path, "inspect", NAME, "--json")
    assert suspended.last["due"] == due, "to look at it changes nothing"
    resumed = launcher.run(tmp_path, *RESUME)
    assert resumed.code == 0, resumed
    records = [record for _, record in read_journal(tmp_path).records if record.path == "flaky"]
    began = [record.time for record in records if record.what == "started"]
    assert [record.attempt for record in records if record.what == "ended"] == [1, 2, 3]
    assert began[1] >= due, "not before its time, whoever waits"
    assert all(after - before >= 300 for before, after in pairwise(began))
    assert sorted(count_effects(tmp_path).values()) == [1, 1, 1]
