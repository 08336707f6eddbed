"""Retries, limits of time, suspension and reopening, on the machine alone."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from wfe_vm.commands import RunStep
from wfe_vm.events import Cancel, Resume, Retry, Started, StepEnded, Suspend, Terminate, Tick

from .simulation import Fails, Simulation
from .test_hooks import simulate

RETRIED = """
workflow:
  id: w
  version: 1
  steps:
    - name: flaky
      config: {{run: a}}
      retry: {retry}
      on_failure: {{name: mourn, config: {{run: a}}}}
"""


def starts(run: Simulation, path: str) -> list[int]:
    """Return when each attempt of a step began, in milliseconds after the first."""
    times = [record.time for record in run.records if record.what == "started" and record.path == path]
    return [time - times[0] for time in times]


@pytest.mark.acceptance("RTY-01")
def test_a_step_that_fails_once_succeeds_in_its_second_attempt_and_both_are_listed(tmp_path: Path) -> None:
    run = simulate(
        tmp_path, RETRIED.format(retry="3"), {"flaky": lambda command: Fails() if command.attempt == 1 else {}}
    ).finish()
    assert run.status == "succeeded"
    ended = [(found.attempt, found.status) for found in run.records if (found.what, found.path) == ("ended", "flaky")]
    assert ended == [(1, "failed"), (2, "succeeded")]


@pytest.mark.acceptance("RTY-02", "RTY-04")
def test_attempts_are_the_total_and_the_hook_comes_once_after_the_last(tmp_path: Path) -> None:
    run = simulate(tmp_path, RETRIED.format(retry="{attempts: 3, interval: 1s}"), {"flaky": Fails()}).finish()
    assert run.paths_run() == ["flaky", "flaky", "flaky", "flaky/on_failure/mourn"]
    assert run.status == "failed"


@pytest.mark.acceptance("RTY-02")
def test_the_older_spelling_counts_retries_and_not_attempts(tmp_path: Path) -> None:
    text = RETRIED.format(retry="1").replace("retry: 1", "error_behavior: {type: retry, interval: 1s, max_retries: 3}")
    run = simulate(tmp_path, text, {"flaky": Fails()}).finish()
    assert run.paths_run().count("flaky") == 4


@pytest.mark.acceptance("RTY-03")
def test_delays_grow_by_the_factor_up_to_their_bound(tmp_path: Path) -> None:
    retry = "{attempts: 6, interval: 1s, backoff: 2, max_interval: 5s}"
    run = simulate(tmp_path, RETRIED.format(retry=retry), {"flaky": Fails()}).finish()
    times = starts(run, "flaky")
    assert [after - before for before, after in pairwise(times)] == [1000, 2000, 4000, 5000, 5000]


@pytest.mark.acceptance("RTY-03", "MCH-14")
def test_jitter_stays_within_its_bounds_and_is_the_same_when_computed_again(tmp_path: Path) -> None:
    retry = "{attempts: 20, interval: 1s, jitter: 0.5}"
    runs = [simulate(tmp_path, RETRIED.format(retry=retry), {"flaky": Fails()}).finish() for _ in range(2)]
    assert starts(runs[0], "flaky") == starts(runs[1], "flaky")
    times = starts(runs[0], "flaky")
    delays = [after - before for before, after in pairwise(times)]
    assert all(500 <= delay <= 1500 for delay in delays)
    assert len(set(delays)) > 10


@pytest.mark.acceptance("RTY-06")
@pytest.mark.parametrize(
    ("on", "answer", "attempts"),
    [
        ("[failure]", Fails(), 2),
        ("[failure]", Fails("error", "executor", None), 1),
        ("[error]", Fails("error", "executor", None), 2),
        ("[error]", Fails("error", "timeout", None), 1),
        ("[timeout]", Fails("error", "timeout", None), 2),
        ("[75]", Fails(exit_code=75), 2),
        ("[75]", Fails(exit_code=1), 1),
    ],
)
def test_only_what_on_names_is_tried_again(tmp_path: Path, on: str, answer: Fails, attempts: int) -> None:
    run = simulate(tmp_path, RETRIED.format(retry=f"{{attempts: 2, on: {on}}}"), {"flaky": answer}).finish()
    assert run.paths_run().count("flaky") == attempts


@pytest.mark.acceptance("RTY-07")
def test_no_attempt_starts_after_max_elapsed(tmp_path: Path) -> None:
    retry = "{attempts: 0, interval: 10s, max_elapsed: 35s}"
    run = simulate(tmp_path, RETRIED.format(retry=retry), {"flaky": Fails()}).finish()
    assert starts(run, "flaky") == [0, 10_000, 20_000, 30_000]


@pytest.mark.acceptance("RTY-09")
def test_a_blocks_limit_aborts_what_runs_inside_and_ends_it_in_error(tmp_path: Path) -> None:
    text = """
workflow:
  id: w
  version: 1
  steps:
    - name: block
      timeout: 5s
      on_error: {name: late, config: {run: a}}
      parallel:
        - name: slow
          config: {run: a}
          on_abort: {name: tidy, config: {run: a}}
        - sleep: 1h
          name: nap
"""
    run = simulate(tmp_path, text, {"block/slow": None}).finish()
    assert run.paths_run() == ["block/slow", "block/slow/on_abort/tidy", "block/on_error/late"]
    assert run.status == "failed"
    assert run.error is not None
    assert (run.error.kind, run.error.step, run.error.details["limit_ms"]) == ("timeout", "block", 5000)
    assert run.statuses()["block/nap"] == "aborted"


@pytest.mark.acceptance("RTY-09")
def test_the_runs_own_limit_fails_it(tmp_path: Path) -> None:
    text = "workflow: {id: w, version: 1, timeout: 2s, steps: [{name: slow, config: {run: a}}]}"
    run = simulate(tmp_path, text, {"slow": None}).finish()
    assert run.status == "failed"
    assert run.error is not None
    assert run.error.kind == "timeout"


def test_a_limit_over_all_attempts_ends_a_step_that_waits_to_be_tried_again(tmp_path: Path) -> None:
    text = RETRIED.format(retry="{attempts: 9, interval: 10s}").replace("retry:", "total_timeout: 25s\n      retry:")
    run = simulate(tmp_path, text, {"flaky": Fails()}).finish()
    assert run.paths_run() == [*["flaky"] * 3, "flaky/on_failure/mourn"]
    assert run.error is not None
    assert run.error.kind == "timeout"
    assert [cause.kind for cause in run.error.causes] == ["exit"]


@pytest.mark.acceptance("RTY-11")
def test_a_block_is_tried_again_from_its_start(tmp_path: Path) -> None:
    text = """
workflow:
  id: w
  version: 1
  steps:
    - name: block
      retry: {attempts: 2, interval: 1s}
      sequence:
        - {name: first, config: {run: a}}
        - {name: second, config: {run: a}, retry: 2}
"""
    run = simulate(tmp_path, text, {"block/second": Fails()}).finish()
    assert run.paths_run() == ["block/first", *["block/second"] * 2] * 2
    assert run.status == "failed"


@pytest.mark.acceptance("RTY-12", "CTL-02")
def test_a_suspended_run_starts_nothing_and_makes_up_for_it_on_resume(tmp_path: Path) -> None:
    run = simulate(tmp_path, RETRIED.format(retry="{attempts: 2, interval: 10s}"), {"flaky": Fails()})
    run.settle()
    assert run.status == "waiting"
    assert run.advance(Suspend(run.now))
    assert not run.advance(Suspend(run.now))
    assert run.state.due() == 0
    assert not run.advance(Tick(run.now + 60_000))
    run.now += 60_000
    assert run.advance(Resume(run.now))
    run.finish()
    assert starts(run, "flaky") == [0, 60_000]


@pytest.mark.acceptance("CTL-02", "HKS-14")
def test_a_step_that_ends_while_suspended_counts_and_nothing_follows_until_resume(tmp_path: Path) -> None:
    text = "workflow: {id: w, version: 1, steps: [{name: a, config: {run: a}}, {name: b, config: {run: b}}]}"
    run = simulate(tmp_path, text, {"a": None})
    run.advance(Suspend(run.now))
    run.end("a", {})
    assert run.statuses() == {"a": "succeeded"}
    assert (run.status, run.paths_run()) == ("suspended", ["a"])
    run.advance(Resume(run.now))
    run.finish()
    assert (run.status, run.paths_run()) == ("succeeded", ["a", "b"])


@pytest.mark.acceptance("HKS-13", "CTL-05")
def test_suspend_by_failure_parks_at_the_step_and_resume_tries_it_afresh(tmp_path: Path) -> None:
    text = """
workflow:
  id: w
  version: 1
  steps:
    - name: risky
      config: {run: a}
      retry: 2
      error_behavior: {type: suspend}
      ensure: {name: sweep, config: {run: a}}
    - {name: after, config: {run: a}}
"""
    broken = True
    run = simulate(tmp_path, text, {"risky": lambda command: Fails() if broken else {}}).finish()
    assert (run.status, run.paths_run()) == ("suspended", ["risky", "risky"])
    broken = False
    run.advance(Resume(run.now))
    run.finish()
    assert run.paths_run() == ["risky", "risky", "risky", "risky/ensure/sweep", "after"]
    assert run.status == "succeeded"


def test_a_parked_run_that_is_cancelled_runs_its_hooks(tmp_path: Path) -> None:
    text = """
workflow:
  id: w
  version: 1
  steps:
    - name: risky
      config: {run: a}
      error_behavior: {type: suspend}
      on_abort: {name: tidy, config: {run: a}}
"""
    run = simulate(tmp_path, text, {"risky": Fails()}).finish()
    run.advance(Cancel(run.now))
    run.finish()
    assert (run.status, run.paths_run()) == ("aborted", ["risky", "risky/on_abort/tidy"])


REOPENED = """
workflow:
  id: w
  version: 1
  outputs: {sum: integer}
  steps:
    - {name: before, config: {run: a}}
    - name: fan
      for_each: "[10, 20, 30]"
      fail_fast: cancel
      collect: {parts: steps.work.output.n}
      do:
        - {name: prepare, config: {run: a}}
        - {name: work, config: {run: a}, outputs: [{name: n, type: integer}]}
    - name: add
      config: {run: a}
      outputs: [{name: sum, type: integer}]
      inputs: {parts: vars.parts}
"""


@pytest.mark.acceptance("CTL-06")
def test_retry_of_a_failed_run_runs_only_what_failed_or_was_aborted_with_it(tmp_path: Path) -> None:
    broken = True

    def work(number: int) -> object:
        def answer(command: RunStep) -> object:
            if not broken:
                return {"n": number}
            return {1: {"n": 1}, 2: Fails(), 3: None}[number]

        return answer

    script = {f"fan[{n - 1}]/work": work(n) for n in (1, 2, 3)} | {
        "add": lambda command: {"sum": sum(command.inputs["parts"])}
    }
    run = simulate(tmp_path, REOPENED, script).finish()
    assert run.status == "failed"
    done = len(run.ran)
    broken = False
    run.ended = None
    assert run.advance(Retry(run.now, "fixed"))
    run.finish()
    assert run.status == "succeeded"
    assert run.paths_run()[done:] == ["fan[1]/work", "fan[2]/work", "add"]
    assert run.outputs == {"sum": 6}


@pytest.mark.acceptance("CTL-07")
def test_a_run_that_succeeded_or_was_terminated_is_not_reopened(tmp_path: Path) -> None:
    text = "workflow: {id: w, version: 1, steps: [{name: a, config: {run: a}}]}"
    assert not simulate(tmp_path, text).finish().advance(Retry(5_000_000))
    run = simulate(tmp_path, text, {"a": None})
    run.advance(Terminate(run.now))
    assert run.status == "terminated"
    assert not run.advance(Retry(run.now))


def test_retry_of_a_step_whose_hook_failed_runs_the_step_again(tmp_path: Path) -> None:
    text = """
workflow:
  id: w
  version: 1
  steps:
    - name: a
      config: {run: a}
      ensure:
        parallel: [{name: x, config: {run: a}}, {name: y, config: {run: a}}]
"""
    broken = True
    run = simulate(tmp_path, text, {"a/ensure/parallel-1/x": lambda command: Fails() if broken else {}}).finish()
    assert run.status == "failed"
    broken = False
    run.ended = None
    run.advance(Retry(run.now))
    run.finish()
    assert run.status == "succeeded"
    assert run.paths_run().count("a") == 2


@pytest.mark.acceptance("MCH-07")
def test_late_repeated_and_foreign_events_are_stale(tmp_path: Path) -> None:
    text = "workflow: {id: w, version: 1, steps: [{name: a, config: {run: a}, retry: 2}, {name: b, config: {run: b}}]}"
    run = simulate(tmp_path, text, {"a": None, "b": None})
    first = run.ran[0]
    ended = StepEnded(run.now, first.activation, 1, "success", {})
    assert not run.advance(StepEnded(run.now, first.activation, 2, "success", {}))
    assert not run.advance(StepEnded(run.now, 99, 1, "success", {}))
    assert run.advance(ended)
    assert not run.advance(ended)
    assert not run.advance(Started(run.now, {}))
    run.end("b", {})
    assert run.status == "succeeded"
    assert not run.advance(ended)
    assert not run.advance(Cancel(run.now))
    assert not run.advance(Resume(run.now))


def test_what_was_under_way_is_asked_for_again_by_a_host_that_takes_over(tmp_path: Path) -> None:
    text = """
workflow:
  id: w
  version: 1
  steps:
    - set: {x: 1 + 2}
    - parallel:
        - {name: a, config: {run: a, env: {X: "${{ vars.x }}"}}}
        - sleep: 1h
"""
    run = simulate(tmp_path, text, {"parallel-1/a": None})
    before = run.state.snapshot()
    again = run.machine.recover(run.state)
    assert again == run.ran
    assert run.state.snapshot() == before


def test_a_run_that_was_cancelled_between_two_steps_goes_on_there_when_it_is_retried(tmp_path: Path) -> None:
    text = """
workflow:
  id: w
  version: 1
  steps:
    - {name: a, config: {run: a}}
    - name: fan
      for_each: range(2)
      do: [{name: b, config: {run: b}}, {name: c, config: {run: c}}]
    - {name: d, config: {run: d}}
"""
    run = simulate(tmp_path, text, {"fan[0]/b": None})
    run.settle()
    run.advance(Suspend(run.now))
    run.end("fan[0]/b", {})
    run.advance(Cancel(run.now))
    run.finish()
    assert run.status == "aborted"
    before = run.paths_run()
    run.ended = None
    assert run.advance(Retry(run.now))
    run.finish()
    assert run.status == "succeeded"
    assert run.paths_run()[len(before) :] == ["fan[0]/c", "d"]


TWO_SLOW_BLOCKS = """
workflow:
  id: w
  version: 1
  steps:
    - parallel:
        - {name: first, sequence: [{name: a, sleep: 1h}], timeout: 1s, error_behavior: {type: suspend}}
        - {name: second, sequence: [{name: b, sleep: 1h}], timeout: 1s, error_behavior: {type: suspend}}
"""


@pytest.mark.acceptance("CTL-05", "RTY-09")
def test_a_block_that_runs_out_of_time_before_its_first_step_is_tried_afresh_with_the_resume(tmp_path: Path) -> None:
    run = simulate(tmp_path, TWO_SLOW_BLOCKS)
    run.now += 1000
    run.advance(Tick(run.now))  # the first one parks the run
    assert run.advance(Resume(run.now))  # the second one's time is up as well: before the first one has begun
    assert run.status == "suspended"
    run.now += 1000
    assert run.advance(Resume(run.now))  # the first one's time is up before it came to a step
    assert run.status == "suspended"
    run.now += 500
    assert run.advance(Resume(run.now))
    begun = [record.attempt for record in run.records if record.what == "started" and record.path.endswith("first")]
    assert begun == [1, 2, 3]
