"""Hooks and outcomes, on the machine alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from wfe_vm.commands import RunStep
from wfe_vm.events import Cancel

from .simulation import Fails, Simulation, compile_text

HOOKED = """
workflow:
  id: w
  version: 1
  steps:
    - name: build
      config: {{run: build}}
      {extra}
      on_success: {{name: cheer, config: {{run: a}}}}
      on_failure: {{name: mourn, config: {{run: a}}}}
      on_error: {{name: repair, config: {{run: a}}}}
      on_abort: {{name: tidy, config: {{run: a}}}}
      ensure: {{name: sweep, config: {{run: a}}}}
    - name: after
      config: {{run: after}}
"""


def simulate(folder: Path, text: str, script: dict[str, object] | None = None, **inputs: object) -> Simulation:
    """Run the workflow ``w`` of a text; ``script`` gives answers by path, success where it says nothing."""
    answers = dict(script or {})

    def answer(command: RunStep) -> object:
        found = answers.get(command.path, {})
        return found(command) if callable(found) else dict(found) if isinstance(found, dict) else found

    return Simulation(compile_text(folder, text)["w"], dict(inputs), answer)


@pytest.mark.acceptance("HKS-02", "HKS-05")
def test_a_success_runs_its_hook_and_ensure_before_the_next_step(tmp_path: Path) -> None:
    run = simulate(tmp_path, HOOKED.format(extra="")).finish()
    assert run.paths_run() == ["build", "build/on_success/cheer", "build/ensure/sweep", "after"]
    assert run.status == "succeeded"


@pytest.mark.acceptance("HKS-02", "HKS-03")
def test_a_failure_stays_a_failure_though_its_hook_succeeds(tmp_path: Path) -> None:
    run = simulate(tmp_path, HOOKED.format(extra=""), {"build": Fails()}).finish()
    assert run.paths_run() == ["build", "build/on_failure/mourn", "build/ensure/sweep"]
    assert run.status == "failed"
    assert run.error is not None
    assert (run.error.step, run.error.attempt, run.error.kind) == ("build", 1, "exit")


@pytest.mark.acceptance("HKS-02")
def test_an_error_goes_to_its_own_hook(tmp_path: Path) -> None:
    run = simulate(tmp_path, HOOKED.format(extra=""), {"build": Fails("error", "timeout", None)}).finish()
    assert run.paths_run() == ["build", "build/on_error/repair", "build/ensure/sweep"]


@pytest.mark.acceptance("HKS-02")
def test_an_error_goes_to_on_failure_where_there_is_no_on_error(tmp_path: Path) -> None:
    text = HOOKED.format(extra="").replace("      on_error: {name: repair, config: {run: a}}\n", "")
    run = simulate(tmp_path, text, {"build": Fails("error", "timeout", None)}).finish()
    assert run.paths_run() == ["build", "build/on_failure/mourn", "build/ensure/sweep"]


@pytest.mark.acceptance("HKS-02")
def test_a_skipped_step_runs_no_hook_and_the_next_step_runs(tmp_path: Path) -> None:
    run = simulate(tmp_path, HOOKED.format(extra="when: 'false'")).finish()
    assert run.paths_run() == ["after"]
    assert run.statuses()["build"] == "skipped"
    assert run.status == "succeeded"


@pytest.mark.acceptance("HKS-04")
def test_a_tolerated_failure_lets_later_steps_run_and_is_listed(tmp_path: Path) -> None:
    run = simulate(tmp_path, HOOKED.format(extra="continue_on_failure: true"), {"build": Fails()}).finish()
    assert run.paths_run() == ["build", "build/on_failure/mourn", "build/ensure/sweep", "after"]
    assert run.status == "succeeded"
    assert run.statuses()["build"] == "failed"
    assert [path for path, _ in run.state.tolerated] == ["build"]


@pytest.mark.acceptance("HKS-07")
def test_a_failing_hook_fails_the_step_that_had_succeeded(tmp_path: Path) -> None:
    run = simulate(tmp_path, HOOKED.format(extra=""), {"build/on_success/cheer": Fails()}).finish()
    assert run.paths_run() == ["build", "build/on_success/cheer", "build/ensure/sweep"]
    assert run.status == "failed"
    assert run.statuses()["build"] == "failed"
    assert run.error is not None
    assert run.error.step == "build/on_success/cheer"


@pytest.mark.acceptance("HKS-06", "HKS-07")
def test_a_failing_hook_of_a_failed_step_is_attached_and_ensure_still_runs_once(tmp_path: Path) -> None:
    script = {"build": Fails(), "build/on_failure/mourn": Fails(exit_code=7)}
    run = simulate(tmp_path, HOOKED.format(extra=""), script).finish()
    assert run.paths_run() == ["build", "build/on_failure/mourn", "build/ensure/sweep"]
    assert run.error is not None
    assert run.error.step == "build"
    assert [error.step for error in run.error.hook_errors] == ["build/on_failure/mourn"]


@pytest.mark.acceptance("HKS-08")
def test_a_hook_may_be_a_list_with_conditions_and_retries(tmp_path: Path) -> None:
    text = """
workflow:
  id: w
  version: 1
  steps:
    - name: build
      config: {run: a}
      on_failure:
        - {name: never, config: {run: a}, when: "false"}
        - {name: flaky, config: {run: a}, retry: 2}
        - parallel:
            - {name: left, config: {run: a}}
            - {name: right, config: {run: a}, ensure: {name: own, config: {run: a}}}
"""
    seen: list[int] = []

    def flaky(command: RunStep) -> object:
        seen.append(command.attempt)
        return Fails() if command.attempt == 1 else {}

    run = simulate(tmp_path, text, {"build": Fails(), "build/on_failure/flaky": flaky}).finish()
    assert seen == [1, 2]
    assert run.paths_run()[-3:] == [
        "build/on_failure/parallel-1/left",
        "build/on_failure/parallel-1/right",
        "build/on_failure/parallel-1/right/ensure/own",
    ]
    assert run.status == "failed"


@pytest.mark.acceptance("HKS-09")
def test_a_hook_reads_what_it_serves(tmp_path: Path) -> None:
    text = """
workflow:
  id: w
  version: 1
  steps:
    - name: build
      config: {run: a}
      on_failure:
        name: tell
        config: {run: a, env: {WHAT: "${{ outcome }} ${{ error.kind }} ${{ error.exit_code }} ${{ attempt }}"}}
"""
    run = simulate(tmp_path, text, {"build": Fails(exit_code=3)}).finish()
    assert run.ran[1].config["env"] == {"WHAT": "failure exit 3 1"}


@pytest.mark.acceptance("HKS-10", "HKS-12")
def test_a_failure_goes_up_through_every_block_with_its_hooks_and_the_runs_come_last(tmp_path: Path) -> None:
    text = """
workflow:
  id: w
  version: 1
  on_failure: {name: alarm, config: {run: a}}
  ensure: {name: lights_off, config: {run: a}}
  steps:
    - name: outer
      ensure: {name: close_outer, config: {run: a}}
      sequence:
        - name: middle
          on_failure: {name: close_middle, config: {run: a}}
          parallel:
            - {name: bad, config: {run: a}}
            - {name: good, config: {run: a}}
"""
    run = simulate(tmp_path, text, {"outer/middle/bad": Fails()}).finish()
    assert run.paths_run() == [
        "outer/middle/bad",
        "outer/middle/good",
        "outer/middle/on_failure/close_middle",
        "outer/ensure/close_outer",
        "on_failure/alarm",
        "ensure/lights_off",
    ]
    assert run.statuses()["outer"] == "failed"
    assert run.statuses()["outer/middle"] == "failed"
    assert run.error is not None
    assert run.error.step == "outer/middle/bad"


@pytest.mark.acceptance("HKS-11")
def test_a_cancel_runs_abort_hooks_and_ensure_from_the_inside_out(tmp_path: Path) -> None:
    text = """
workflow:
  id: w
  version: 1
  on_abort: {name: tell, config: {run: a}}
  steps:
    - name: outer
      on_abort: {name: close_outer, config: {run: a}}
      sequence:
        - name: work
          config: {run: a}
          retry: 5
          on_abort: {name: tidy, config: {run: a}}
          ensure: {name: sweep, config: {run: a}}
"""
    run = simulate(tmp_path, text, {"outer/work": None})
    run.settle()
    assert run.advance(Cancel(run.now, "enough"))
    assert run.status == "cancelling"
    run.finish()
    assert run.paths_run() == [
        "outer/work",
        "outer/work/on_abort/tidy",
        "outer/work/ensure/sweep",
        "outer/on_abort/close_outer",
        "on_abort/tell",
    ]
    assert run.status == "aborted"
    assert not run.advance(Cancel(run.now))


@pytest.mark.acceptance("HKS-13")
def test_terminate_stops_siblings_and_runs_only_ensure(tmp_path: Path) -> None:
    text = """
workflow:
  id: w
  version: 1
  on_failure: {name: never, config: {run: a}}
  ensure: {name: last, config: {run: a}}
  steps:
    - parallel:
        - name: bad
          config: {run: a}
          error_behavior: {type: terminate}
          on_failure: {name: not_this, config: {run: a}}
          ensure: {name: sweep, config: {run: a}}
        - name: slow
          config: {run: a}
          on_abort: {name: nor_this, config: {run: a}}
          ensure: {name: sweep_slow, config: {run: a}}
    - {name: after, config: {run: a}}
"""
    run = simulate(tmp_path, text, {"parallel-1/bad": Fails(), "parallel-1/slow": None}).finish()
    assert run.paths_run() == [
        "parallel-1/bad",
        "parallel-1/slow",
        "parallel-1/bad/ensure/sweep",
        "parallel-1/slow/ensure/sweep_slow",
        "ensure/last",
    ]
    assert run.status == "terminated"
