"""Sagas, on the machine alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from wfe_vm.commands import RunStep
from wfe_vm.events import Cancel, Resume, Retry, Suspend, Terminate, Tick
from wfe_vm.machine import Machine

from .simulation import Fails, Simulation
from .test_blocks import workflow
from .test_hooks import simulate


def step(name: str, more: str = "") -> str:
    """Return a step that `u-NAME` undoes."""
    return f"{{name: {name}, config: {{run: a}}, compensate: {{name: u-{name}, config: {{run: a}}}}{more}}}"


def names(run: Simulation) -> list[str]:
    """Return the last names of the steps that were asked for, in order."""
    return [path.rpartition("/")[2] for path in run.paths_run()]


def compensated(run: Simulation) -> bool:
    assert run.ended is not None
    assert run.ended.compensated == run.state.compensated
    return run.ended.compensated


def again(run: Simulation) -> None:
    run.ended = None
    assert run.advance(Retry(run.now))


@pytest.mark.acceptance("SAG-01")
def test_nothing_is_undone_where_all_went_well_and_nothing_is_kept(tmp_path: Path) -> None:
    text = workflow(f"- saga: [{step('a')}, {{saga: [{step('b')}]}}]\n- {step('c')}")
    run = simulate(tmp_path, text, {"saga-1/saga-2/b": None})
    run.settle()
    assert len(run.state.registered) == 1
    run.end("saga-1/saga-2/b", {})
    assert run.state.registered == {}
    run.finish()
    assert (run.status, names(run), compensated(run)) == ("succeeded", ["a", "b", "c"], False)


SAG_02 = f"""
- {step("A")}
- name: trip
  EXTRA
  saga:
    - {step("B")}
    - {step("F")}
    - {step("C")}
- {{name: T, config: {{run: a}}}}
"""


@pytest.mark.acceptance("SAG-02")
@pytest.mark.parametrize(
    ("extra", "on_failure", "ran", "status", "undone"),
    [
        ("when: 'true'", "", ["A", "B", "F", "u-B"], "failed", True),
        ("when: 'true'", ", compensate_on_failure: true", ["A", "B", "F", "u-F", "u-B"], "failed", True),
        ("continue_on_failure: true", "", ["A", "B", "F", "u-B", "T"], "succeeded", False),
    ],
)
def test_a_saga_that_fails_undoes_what_succeeded_in_it_and_nothing_else(
    tmp_path: Path, extra: str, on_failure: str, ran: list[str], status: str, undone: bool
) -> None:
    text = workflow(SAG_02.replace("EXTRA", extra).replace(step("F"), step("F", on_failure)))
    run = simulate(tmp_path, text, {"trip/F": Fails()}).finish()
    assert (names(run), run.status, compensated(run)) == (ran, status, undone)


@pytest.mark.acceptance("SAG-03")
@pytest.mark.parametrize("inner", ["", "if"])
def test_compensations_run_in_reverse_and_the_steps_of_each_in_its_own_order(tmp_path: Path, inner: str) -> None:
    several = "{name: s3, config: {run: a}, compensate: [{name: x, config: {run: a}}, {name: y, config: {run: a}}]}"
    steps = f"{step('s2')}, {several}, {step('s4')}"
    if inner:
        steps = f"{{name: if-1, if: 'true', then: [{steps}]}}"
    prefix = "saga-1/if-1" if inner else "saga-1"
    text = workflow(f"- saga: [{step('s1')}, {steps}]")
    run = simulate(tmp_path, text, {f"{prefix}/s4": Fails()}).finish()
    assert names(run) == ["s1", "s2", "s3", "s4", "x", "y", "u-s2", "u-s1"]
    assert run.paths_run()[4] == f"{prefix}/s3/compensate/x"


@pytest.mark.acceptance("SAG-04")
def test_branches_are_undone_in_the_reverse_order_of_their_commits_and_not_of_clocks(tmp_path: Path) -> None:
    text = workflow(f"- saga: [{{parallel: [{step('a')}, {step('b')}, {step('c')}, {{name: f, config: {{run: a}}}}]}}]")
    run = simulate(tmp_path, text, {f"saga-1/parallel-1/{name}": None for name in "abcf"})
    for name in "bca":
        run.end(f"saga-1/parallel-1/{name}", {})
        run.now -= 500_000  # the next host's clock is behind
    run.end("saga-1/parallel-1/f", Fails())
    run.finish()
    assert names(run)[4:] == ["u-a", "u-c", "u-b"]


@pytest.mark.acceptance("SAG-05")
def test_what_is_to_be_undone_survives_in_the_state_and_goes_with_the_end_of_its_compensation(tmp_path: Path) -> None:
    text = workflow(f"- saga: [{step('a')}, {step('b')}, {{name: f, config: {{run: a}}}}]")
    run = simulate(tmp_path, text, {"saga-1/f": None})
    run.settle()
    assert len(run.state.registered) == 2
    run.script = lambda command: None
    run.end("saga-1/f", Fails())
    assert names(run)[3:] == ["u-b"]
    # A host that takes over asks for the compensation under way, and for nothing that was done.
    assert [command.path for command in run.machine.recover(run.state) if isinstance(command, RunStep)] == [
        "saga-1/b/compensate/u-b"
    ]
    run.end("saga-1/b/compensate/u-b", {})
    assert (names(run)[3:], len(run.state.registered)) == (["u-b", "u-a"], 1)


@pytest.mark.acceptance("SAG-06")
def test_an_inner_saga_is_undone_first_or_in_its_place_if_it_had_succeeded(tmp_path: Path) -> None:
    text = workflow(f"- saga: [{step('a')}, {{saga: [{step('b')}, {step('c')}]}}, {step('d')}, {step('e')}]")
    run = simulate(tmp_path, text, {"saga-1/saga-2/c": Fails()}).finish()
    assert names(run) == ["a", "b", "c", "u-b", "u-a"]
    run = simulate(tmp_path, text, {"saga-1/e": Fails()}).finish()
    assert names(run) == ["a", "b", "c", "d", "e", "u-d", "u-c", "u-b", "u-a"]


CANCELLED = f"""
- name: trip
  on_abort: {{name: after, config: {{run: a}}}}
  saga:
    - {step("a")}
    - {{name: slow, config: {{run: a}}, on_abort: {{name: tidy, config: {{run: a}}}}}}
"""


@pytest.mark.acceptance("SAG-07")
def test_a_cancel_runs_abort_hooks_then_compensations_and_then_the_run_is_aborted(tmp_path: Path) -> None:
    run = simulate(tmp_path, workflow(CANCELLED), {"trip/slow": None})
    run.settle()
    run.advance(Cancel(run.now))
    run.finish()
    assert names(run) == ["a", "slow", "tidy", "u-a", "after"]
    assert (run.status, compensated(run)) == ("aborted", True)


@pytest.mark.acceptance("SAG-07")
@pytest.mark.parametrize("stuck", ["trip/slow/on_abort/tidy", "trip/a/compensate/u-a"])
def test_the_deadline_of_a_cancel_cuts_all_but_the_compensations(tmp_path: Path, stuck: str) -> None:
    run = simulate(tmp_path, workflow(CANCELLED), {"trip/slow": None, stuck: None})
    run.settle()
    run.advance(Cancel(run.now, "stop", run.now + 1000))
    run.settle()
    assert run.paths_run()[-1] == stuck
    run.now += 1000
    run.advance(Tick(run.now))
    run.settle()
    if stuck.endswith("u-a"):
        assert run.stopped[1:] == []
        run.end(stuck, {})
    run.finish()
    # Past the deadline nothing but the compensation runs.
    assert names(run) == ["a", "slow", "tidy", "u-a"]
    assert (run.status, compensated(run)) == ("aborted", True)


@pytest.mark.acceptance("SAG-07")
def test_a_failure_that_terminates_runs_ensure_and_no_compensation(tmp_path: Path) -> None:
    fatal = "{name: f, config: {run: a}, error_behavior: terminate, ensure: {name: sweep, config: {run: a}}}"
    run = simulate(tmp_path, workflow(f"- saga: [{step('a')}, {fatal}]"), {"saga-1/f": Fails()}).finish()
    assert (names(run), run.status, compensated(run)) == (["a", "f", "sweep"], "terminated", False)
    assert run.state.registered == {}


@pytest.mark.acceptance("SAG-07")
@pytest.mark.parametrize("undoing", [False, True])
def test_the_verb_terminate_runs_nothing_not_even_what_is_left_to_undo(tmp_path: Path, undoing: bool) -> None:
    answers = {"trip/a/compensate/u-a": None, "trip/slow": Fails() if undoing else None}
    run = simulate(tmp_path, workflow(CANCELLED), answers)
    run.settle()
    before = names(run)
    run.advance(Terminate(run.now))
    run.finish()
    assert (names(run), run.status, run.state.registered) == (before, "terminated", {})
    assert set(run.state.scopes) == {0}


@pytest.mark.acceptance("SAG-08")
def test_a_compensation_that_fails_is_tried_again_and_then_parks_the_run_to_go_on_there(tmp_path: Path) -> None:
    undo = "compensate: [{name: x, config: {run: a}}, {name: y, config: {run: a}, retry: 2}]"
    text = workflow(f"- saga: [{step('a')}, {{name: b, config: {{run: a}}, {undo}}}, {{name: f, config: {{run: a}}}}]")
    broken = True
    answers = {"saga-1/f": Fails(), "saga-1/b/compensate/y": lambda command: Fails() if broken else {}}
    run = simulate(tmp_path, text, answers).finish()
    assert (names(run)[3:], run.status) == (["x", "y", "y"], "suspended")
    assert len(run.state.registered) == 2
    run.advance(Resume(run.now))
    run.finish()
    assert (names(run)[3:], run.status) == (["x", "y", "y", "y", "y"], "suspended")
    broken = False
    run.advance(Resume(run.now))
    run.finish()
    assert names(run)[3:] == ["x", *["y"] * 5, "u-a"]
    assert (run.status, compensated(run)) == ("failed", True)
    assert run.error is not None
    assert run.error.step == "saga-1/f"


@pytest.mark.acceptance("SAG-08")
def test_a_compensation_may_have_hooks_and_a_hook_that_fails_holds_it_up_as_well(tmp_path: Path) -> None:
    undo = "compensate: {name: x, config: {run: a}, ensure: {name: sweep, config: {run: a}}}"
    text = workflow(f"- saga: [{{name: b, config: {{run: a}}, {undo}}}, {{name: f, config: {{run: a}}}}]")
    broken = True
    sweep = "saga-1/b/compensate/x/ensure/sweep"
    run = simulate(tmp_path, text, {"saga-1/f": Fails(), sweep: lambda command: Fails() if broken else {}}).finish()
    assert run.status == "suspended"
    broken = False
    run.advance(Resume(run.now))
    run.finish()
    assert (names(run)[2:], run.status) == (["x", "sweep", "x", "sweep"], "failed")


def test_a_compensation_may_pass_over_a_failure(tmp_path: Path) -> None:
    undo = "compensate: [{name: x, config: {run: a}, continue_on_failure: true}, {name: y, config: {run: a}}]"
    text = workflow(f"- saga: [{{name: b, config: {{run: a}}, {undo}}}, {{name: f, config: {{run: a}}}}]")
    run = simulate(tmp_path, text, {"saga-1/f": Fails(), "saga-1/b/compensate/x": Fails()}).finish()
    assert (names(run), run.status, compensated(run)) == (["b", "f", "x", "y"], "failed", True)


@pytest.mark.acceptance("SAG-09")
def test_a_compensation_reads_everything_as_it_was_when_its_step_succeeded(tmp_path: Path) -> None:
    text = workflow(
        """
- set: {state: "'before'"}
- saga:
    - name: fan
      for_each: "['x', 'y']"
      limit: 1
      do:
        - name: work
          config: {run: a}
          outputs: [{name: n, type: integer}]
          compensate:
            - name: undo
              config: {run: "echo ${{ vars.state }}"}
              inputs: {item: item, index: index, own: steps.work.output.n, flat: outputs.n, given: inputs.given}
            - {name: tell, config: {run: a}, inputs: {before: steps.undo.status}}
        - set: {state: "'changed by ' + item"}
    - {name: f, config: {run: a}}
"""
    )
    count = iter((1, 2))
    answers = {f"saga-1/fan[{n}]/work": lambda command: {"n": next(count)} for n in (0, 1)} | {"saga-1/f": Fails()}
    run = simulate(tmp_path, text, answers, given=7).finish()
    undone = [command for command in run.ran if "/compensate/" in command.path]
    assert [command.path for command in undone] == [
        f"saga-1/fan[{n}]/work/compensate/{name}" for n in (1, 0) for name in ("undo", "tell")
    ]
    assert undone[0].inputs == {"item": "y", "index": 1, "own": 2, "flat": 2, "given": 7}
    assert undone[1].inputs == {"before": "succeeded"}
    assert undone[2].inputs == {"item": "x", "index": 0, "own": 1, "flat": 1, "given": 7}
    expressions = [command.config["expressions"] for command in (undone[0], undone[2])]
    assert [list(values.values()) for values in expressions] == [["changed by x"], ["before"]]
    assert set(run.state.scopes) == {0}


@pytest.mark.acceptance("SAG-10")
def test_a_fan_out_in_a_saga_lets_running_items_end_and_undoes_those_that_did(tmp_path: Path) -> None:
    text = workflow(f"- saga: [{{name: fan, for_each: range(5), limit: 3, fail_fast: stop, do: [{step('s')}]}}]")
    run = simulate(tmp_path, text, {f"saga-1/fan[{n}]/s": None for n in range(5)})
    run.end("saga-1/fan[2]/s", Fails())
    run.end("saga-1/fan[0]/s", {})
    run.end("saga-1/fan[1]/s", {})
    run.finish()
    assert run.paths_run()[3:] == ["saga-1/fan[1]/s/compensate/u-s", "saga-1/fan[0]/s/compensate/u-s"]


@pytest.mark.acceptance("SAG-11", "RTY-11")
@pytest.mark.parametrize("inner", ["", "if"])
def test_a_saga_that_is_retried_is_undone_before_each_new_attempt(tmp_path: Path, inner: str) -> None:
    steps = f"{step('B')}, {step('F')}, {step('C')}"
    if inner:
        steps = f"{{name: if-1, if: 'true', then: [{steps}]}}"
    text = workflow(f"- {step('A')}\n- {{name: trip, retry: 3, saga: [{steps}]}}\n- {{name: T, config: {{run: a}}}}")
    left = [Fails(), Fails(), {}]
    run = simulate(tmp_path, text, {f"trip/{'if-1/' if inner else ''}F": lambda command: left.pop(0)}).finish()
    assert names(run) == ["A", *["B", "F", "u-B"] * 2, "B", "F", "C", "T"]
    assert (run.status, compensated(run)) == ("succeeded", False)


WHOLE = f"""
- {step("a")}
- for_each: range(2)
  name: fan
  limit: 1
  do: [{step("b")}]
- saga: [{step("c")}]
- {{name: f, config: {{run: a}}EXTRA}}
"""


@pytest.mark.acceptance("SAG-12")
@pytest.mark.parametrize("where", ["step", "workflow", "block"])
def test_error_behavior_compensate_outside_of_any_saga_undoes_the_whole_run(tmp_path: Path, where: str) -> None:
    head = "  error_behavior: {type: compensate}\n" if where == "workflow" else ""
    head += "  ensure: {name: last, config: {run: a}}"
    steps = WHOLE.replace("EXTRA", ", error_behavior: compensate" if where == "step" else "")
    if where == "block":
        steps = steps.replace("{name: f, config: {run: a}}", "{error_behavior: compensate, sequence: [{fail: no}]}")
    run = simulate(tmp_path, workflow(steps, head), {"f": Fails()}).finish()
    undone = [path for path in run.paths_run() if "/compensate/" in path]
    assert undone == [
        "saga-1/c/compensate/u-c",
        "fan[1]/b/compensate/u-b",
        "fan[0]/b/compensate/u-b",
        "a/compensate/u-a",
    ]
    assert (names(run)[-1], run.status, compensated(run)) == ("last", "failed", True)


@pytest.mark.acceptance("SAG-12")
def test_without_it_a_failure_or_a_cancel_undoes_the_sagas_it_leaves_and_not_the_run(tmp_path: Path) -> None:
    asking = "{name: asks, config: {run: a}, error_behavior: compensate}"
    steps = f"- {step('a')}\n- saga: [{step('b')}, {{name: f, config: {{run: a}}}}]\n- {asking}"
    run = simulate(tmp_path, workflow(steps), {"saga-1/f": Fails()}).finish()
    assert names(run) == ["a", "b", "f", "u-b"]
    run = simulate(tmp_path, workflow(steps), {"saga-1/f": None})
    run.settle()
    run.advance(Cancel(run.now))
    assert names(run.finish()) == ["a", "b", "f", "u-b"]
    run = simulate(tmp_path, workflow(steps), {"asks": None})
    run.settle()
    run.advance(Cancel(run.now))
    assert names(run.finish()) == ["a", "b", "f", "asks", "u-b", "u-a"]
    assert (run.status, compensated(run)) == ("aborted", True)


@pytest.mark.acceptance("SAG-13")
def test_only_a_success_registers_and_a_failure_passed_over_undoes_nothing(tmp_path: Path) -> None:
    steps = ", ".join(
        (
            step("skipped", ", when: 'false'"),
            step("flaky", ", retry: 3"),
            step("tolerated", ", continue_on_failure: true"),
            "{name: g, config: {run: a}}",
        )
    )
    answers: dict[str, Any] = {
        "saga-1/flaky": lambda command: Fails() if command.attempt < 3 else {},
        "saga-1/tolerated": Fails(),
    }
    run = simulate(tmp_path, workflow(f"- saga: [{steps}]"), answers).finish()
    assert (names(run), run.status) == ([*["flaky"] * 3, "tolerated", "g"], "succeeded")
    run = simulate(tmp_path, workflow(f"- saga: [{steps}]"), answers | {"saga-1/g": Fails()}).finish()
    assert names(run)[-2:] == ["g", "u-flaky"]


@pytest.mark.acceptance("SAG-14")
def test_a_failing_step_deep_inside_with_an_undo_of_several_steps_is_undone_once(tmp_path: Path) -> None:
    undo = "compensate_on_failure: true, compensate: [{name: x, config: {run: a}}, {name: y, config: {run: a}}]"
    text = workflow(
        f"""
- saga:
    - name: fan
      for_each: range(2)
      do:
        - name: pick
          switch: item
          cases:
            1: [{{name: s, config: {{run: a}}, {undo}}}]
"""
    )
    run = simulate(tmp_path, text, {"saga-1/fan[1]/pick/s": Fails()}).finish()
    assert (names(run), run.status) == (["s", "x", "y"], "failed")


@pytest.mark.acceptance("SAG-15")
def test_a_step_that_parks_in_a_saga_undoes_nothing_unless_the_run_is_cancelled_there(tmp_path: Path) -> None:
    text = workflow(f"- saga: [{step('a')}, {step('b', ', error_behavior: suspend')}, {step('c')}]")
    broken = True
    answers = {"saga-1/b": lambda command: Fails() if broken else {}}
    run = simulate(tmp_path, text, answers).finish()
    assert (names(run), run.status) == (["a", "b"], "suspended")
    broken = False
    run.advance(Resume(run.now))
    assert (names(run.finish()), run.status) == (["a", "b", "b", "c"], "succeeded")
    broken = True
    run = simulate(tmp_path, text, answers).finish()
    run.advance(Cancel(run.now))
    assert (names(run.finish()), run.status, compensated(run)) == (["a", "b", "u-a"], "aborted", True)


def test_a_retry_of_the_run_starts_a_compensated_saga_over(tmp_path: Path) -> None:
    text = workflow(f"- {step('a')}\n- saga: [{step('b')}, {{sequence: [{{name: f, config: {{run: a}}}}]}}]")
    broken = True
    run = simulate(tmp_path, text, {"saga-1/sequence-1/f": lambda command: Fails() if broken else {}}).finish()
    assert (names(run), run.status) == (["a", "b", "f", "u-b"], "failed")
    broken = False
    again(run)
    run.finish()
    assert (names(run)[4:], run.status, compensated(run)) == (["b", "f"], "succeeded", False)


def test_a_retry_goes_on_in_a_saga_that_had_nothing_to_undo(tmp_path: Path) -> None:
    text = workflow("- saga: [{name: a, config: {run: a}}, {name: f, config: {run: a}}]")
    broken = True
    run = simulate(tmp_path, text, {"saga-1/f": lambda command: Fails() if broken else {}}).finish()
    broken = False
    again(run)
    assert (names(run.finish()), run.status) == (["a", "f", "f"], "succeeded")


def test_a_retry_of_a_run_that_was_undone_as_a_whole_starts_it_over(tmp_path: Path) -> None:
    broken = True
    text = workflow(f"- {step('a')}\n- {{name: f, config: {{run: a}}}}", "  error_behavior: {type: compensate}")
    run = simulate(tmp_path, text, {"f": lambda command: Fails() if broken else {}}).finish()
    assert names(run) == ["a", "f", "u-a"]
    broken = False
    again(run)
    assert (names(run.finish()), run.status) == (["a", "f", "u-a", "a", "f"], "succeeded")


def test_what_was_kept_for_the_run_is_undone_when_a_retried_run_fails_in_the_end(tmp_path: Path) -> None:
    broken = True
    asking = "{name: asks, config: {run: a}, error_behavior: compensate}"
    text = workflow(f"- {step('a')}\n- {{name: f, config: {{run: a}}}}\n- {asking}")
    run = simulate(tmp_path, text, {"f": lambda command: Fails() if broken else {}, "asks": Fails()}).finish()
    assert (names(run), run.status, compensated(run)) == (["a", "f"], "failed", False)
    broken = False
    again(run)
    assert (names(run.finish()), compensated(run)) == (["a", "f", "f", "asks", "u-a"], True)


def test_undoing_stands_still_while_the_run_is_suspended(tmp_path: Path) -> None:
    text = workflow(f"- saga: [{step('a')}, {step('b')}, {{name: f, config: {{run: a}}}}]")
    run = simulate(tmp_path, text, {"saga-1/f": Fails(), "saga-1/b/compensate/u-b": None})
    run.settle()
    assert run.advance(Suspend(run.now))
    run.end("saga-1/b/compensate/u-b", {})
    assert (names(run)[-1], run.status) == ("u-b", "suspended")
    run.advance(Resume(run.now))
    assert (names(run.finish())[-1], run.status) == ("u-a", "failed")


def test_a_saga_in_a_losing_branch_of_a_race_is_undone(tmp_path: Path) -> None:
    slow = f"{{saga: [{step('a')}, {{name: slow, config: {{run: a}}}}]}}"
    text = workflow(f"- race: [{slow}, {{name: quick, config: {{run: a}}}}]\n- {{name: T, config: {{run: a}}}}")
    run = simulate(tmp_path, text, {"race-1/saga-1/slow": None, "race-1/quick": None})
    run.settle()
    run.end("race-1/quick", {})
    run.finish()
    assert (names(run)[3:], run.status, compensated(run)) == (["u-a", "T"], "succeeded", False)


def test_a_limit_of_time_fails_a_saga_and_does_not_cut_its_undoing(tmp_path: Path) -> None:
    text = workflow(f"- {{name: trip, timeout: 5s, saga: [{step('a')}, {{name: f, config: {{run: a}}}}]}}")
    run = simulate(tmp_path, text, {"trip/f": None, "trip/a/compensate/u-a": None})
    run.settle()
    run.now += 5000
    run.advance(Tick(run.now))
    run.settle()
    run.now += 60_000
    run.advance(Tick(run.now))
    assert run.status == "running"
    run.end("trip/a/compensate/u-a", {})
    run.finish()
    assert run.error is not None
    assert (run.status, run.error.kind, compensated(run)) == ("failed", "timeout", True)


def test_a_block_with_a_compensation_is_undone_as_a_whole_before_its_parts(tmp_path: Path) -> None:
    block = f"{{name: block, compensate: {{name: u-block, config: {{run: a}}}}, sequence: [{step('a')}]}}"
    run = simulate(
        tmp_path, workflow(f"- saga: [{block}, {{name: f, config: {{run: a}}}}]"), {"saga-1/f": Fails()}
    ).finish()
    assert names(run) == ["a", "f", "u-block", "u-a"]


def test_a_compensation_may_hold_blocks_loops_and_a_saga_of_its_own(tmp_path: Path) -> None:
    text = workflow(
        """
- saga:
    - name: a
      config: {run: a}
      compensate:
        - name: fan
          for_each: "['p', 'q']"
          do: [{name: each, config: {run: a}, inputs: {item: item}}]
        - name: own
          continue_on_failure: true
          saga:
            - {name: inner, config: {run: a}, compensate: {name: u-inner, config: {run: a}}}
            - {name: bad, config: {run: a}}
    - {name: f, config: {run: a}}
"""
    )
    run = simulate(tmp_path, text, {"saga-1/f": Fails(), "saga-1/a/compensate/own/bad": Fails()}).finish()
    assert run.paths_run()[2:] == [
        "saga-1/a/compensate/fan[0]/each",
        "saga-1/a/compensate/fan[1]/each",
        "saga-1/a/compensate/own/inner",
        "saga-1/a/compensate/own/bad",
        "saga-1/a/compensate/own/inner/compensate/u-inner",
    ]
    assert (run.status, compensated(run), set(run.state.scopes)) == ("failed", True, {0})


@pytest.mark.acceptance("HKS-10")
def test_a_sagas_hooks_run_once_after_it_was_undone(tmp_path: Path) -> None:
    hooks = "on_failure: {name: mourn, config: {run: a}}, ensure: {name: sweep, config: {run: a}}"
    text = workflow(f"- {{name: trip, {hooks}, saga: [{step('a')}, {{name: f, config: {{run: a}}}}]}}")
    run = simulate(tmp_path, text, {"trip/f": Fails()}).finish()
    assert names(run) == ["a", "f", "u-a", "mourn", "sweep"]


def test_what_is_kept_for_undoing_counts_towards_the_size_of_the_state(tmp_path: Path) -> None:
    undo = "compensate: {name: undo, config: {run: a}, inputs: {own: steps.s.output.big}}"
    text = workflow(
        f"- {{name: wait, config: {{run: a}}}}\n"
        f"- saga: [{{name: fan, for_each: range(100), limit: 1, do: [{{name: s, config: {{run: a}}, {undo}}}]}}]"
    )
    run = simulate(tmp_path, text, {"wait": None} | {f"saga-1/fan[{n}]/s": {"big": "x" * 1000} for n in range(100)})
    run.machine = Machine(run.program, max_state_bytes=50_000)
    run.end("wait", {})
    run.finish()
    assert run.error is not None
    assert (run.status, run.error.kind) == ("failed", "limit")
    done = [record for record in run.records if (record.what, record.status) == ("ended", "succeeded")]
    undone = [command for command in run.ran if command.path.endswith("/undo")]
    assert 20 < len(undone) == len([record for record in done if record.path.endswith("/s")])
