"""Races, on the machine alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from wfe_vm.events import Cancel, Resume, Retry, Suspend, Tick

from .simulation import Fails
from .test_blocks import workflow
from .test_hooks import simulate

TWO = """
- name: first-to-end
  race:
    - {name: left, config: {run: a}, outputs: [{name: l}], on_abort: {name: tidy, config: {run: a}}}
    - {name: right, config: {run: a}, outputs: [{name: r}], ensure: {name: sweep, config: {run: a}}}
- name: after
  config: {run: a}
  inputs: {l: outputs.l, r: outputs.r, left: steps.left.status, right: steps.right.status, own: steps.left.output.l}
"""
LEFT, RIGHT = "first-to-end/left", "first-to-end/right"


@pytest.mark.acceptance("PAR-17")
def test_the_first_success_stops_the_others_and_their_hooks_are_done_before_the_next_step(tmp_path: Path) -> None:
    run = simulate(tmp_path, workflow(TWO), {LEFT: None, RIGHT: None, f"{LEFT}/on_abort/tidy": None})
    run.end(RIGHT, {"r": 2})
    run.settle()
    assert run.paths_run() == [LEFT, RIGHT, f"{RIGHT}/ensure/sweep", f"{LEFT}/on_abort/tidy"]
    assert run.statuses()[LEFT] == "aborted"
    run.end(f"{LEFT}/on_abort/tidy", {})
    run.finish()
    assert run.paths_run()[-1] == "after"
    assert run.ran[-1].inputs == {"l": None, "r": 2, "left": "aborted", "right": "succeeded", "own": None}
    assert run.status == "succeeded"


@pytest.mark.acceptance("PAR-17")
def test_a_failure_does_not_decide_and_only_all_failures_fail_the_race(tmp_path: Path) -> None:
    run = simulate(tmp_path, workflow(TWO), {LEFT: Fails(), RIGHT: None})
    run.settle()
    assert run.status == "running"
    run.end(RIGHT, {"r": 1})
    assert run.finish().status == "succeeded"
    run = simulate(tmp_path, workflow(TWO), {LEFT: Fails(), RIGHT: Fails(kind="throw")}).finish()
    assert (run.status, run.statuses()["first-to-end"]) == ("failed", "failed")
    assert run.error is not None
    assert (run.error.step, [cause.step for cause in run.error.causes]) == (LEFT, [RIGHT])


@pytest.mark.acceptance("PAR-17")
def test_of_two_successes_in_one_advance_the_first_in_the_file_wins(tmp_path: Path) -> None:
    text = workflow(
        """
- race:
    - {name: long, for_each: "[1]", collect: {longs: item}, do: [{sleep: 2s}]}
    - name: inner
      race: [{name: short, for_each: "[1]", collect: {shorts: item}, do: [{sleep: 1s}]}, {sleep: 500ms}]
- {name: after, config: {run: a}, inputs: {long: steps.long.output.longs, short: steps.short.output.shorts}}
"""
    )
    run = simulate(tmp_path, text)
    run.now += 60_000  # nobody was there to see any of them
    run.advance(Tick(run.now))
    assert run.ran[-1].inputs == {"long": [1], "short": None}
    run = simulate(tmp_path, text).finish()  # and here somebody was
    assert run.ran[-1].inputs == {"long": None, "short": None}


@pytest.mark.acceptance("PAR-17")
def test_two_that_end_while_the_run_is_suspended_are_decided_in_the_order_of_the_file(tmp_path: Path) -> None:
    run = simulate(tmp_path, workflow(TWO), {LEFT: None, RIGHT: None})
    run.advance(Suspend(run.now))
    run.end(RIGHT, {"r": 2})
    run.end(LEFT, {"l": 1})
    run.advance(Resume(run.now))
    run.finish()
    # Both have succeeded, and the one that lost gives nothing.
    assert run.ran[-1].inputs == {"l": 1, "r": None, "left": "succeeded", "right": "succeeded", "own": 1}


@pytest.mark.acceptance("PAR-17")
def test_a_loser_leaves_none_of_its_outputs_however_far_it_came(tmp_path: Path) -> None:
    text = workflow(
        """
- race:
    - sequence:
        - {name: done, config: {run: a}, outputs: [{name: d}]}
        - {name: slow, config: {run: a}}
    - {name: quick, config: {run: a}}
- {name: after, config: {run: a}, inputs: {flat: outputs.d, own: steps.done.output.d, status: steps.done.status}}
"""
    )
    run = simulate(
        tmp_path, text, {"race-1/sequence-1/done": {"d": 1}, "race-1/sequence-1/slow": None, "race-1/quick": None}
    )
    run.settle()
    run.end("race-1/quick", {})
    run.finish()
    assert run.ran[-1].inputs == {"flat": None, "own": None, "status": "succeeded"}


def test_a_skipped_or_tolerated_step_does_not_win(tmp_path: Path) -> None:
    text = workflow(
        """
- race:
    - {name: skipped, when: "false", config: {run: a}}
    - {name: tolerated, continue_on_failure: true, config: {run: a}}
    - {name: real, config: {run: a}}
"""
    )
    run = simulate(tmp_path, text, {"race-1/tolerated": Fails(), "race-1/real": None})
    run.settle()
    assert run.status == "running"
    run.end("race-1/real", {})
    run.finish()
    assert run.statuses()["race-1/real"] == "succeeded"
    assert (run.status, len(run.state.tolerated)) == ("succeeded", 1)


@pytest.mark.acceptance("HKS-10")
def test_a_races_hooks_run_once_on_its_outcome_after_all_its_branches(tmp_path: Path) -> None:
    text = workflow(TWO.replace("  race:", "  on_success: {name: cheer, config: {run: a}}\n  race:"))
    run = simulate(tmp_path, text, {LEFT: None}).finish()
    assert run.paths_run()[-3:] == [f"{LEFT}/on_abort/tidy", "first-to-end/on_success/cheer", "after"]


def test_a_race_is_cancelled_and_taken_up_again_with_all_its_branches(tmp_path: Path) -> None:
    run = simulate(tmp_path, workflow(TWO), {LEFT: None, RIGHT: None})
    run.advance(Cancel(run.now))
    run.finish()
    assert run.status == "aborted"
    before = len(run.ran)
    run.ended = None
    assert run.advance(Retry(run.now))
    run.end(LEFT, {"l": 1})
    assert run.finish().status == "succeeded"
    assert run.paths_run()[before:] == [LEFT, RIGHT, f"{RIGHT}/ensure/sweep", "after"]


def test_a_race_that_failed_is_run_again_by_all_who_failed(tmp_path: Path) -> None:
    broken = True
    answers = {path: lambda command: Fails() if broken else None for path in (LEFT, RIGHT)}
    run = simulate(tmp_path, workflow(TWO), answers).finish()
    assert run.status == "failed"
    broken = False
    run.ended = None
    assert run.advance(Retry(run.now))
    run.settle()
    run.end(RIGHT, {"r": 4})
    assert run.finish().status == "succeeded"
    assert run.ran[-1].inputs is not None
    assert run.ran[-1].inputs["r"] == 4
