"""Waits for events, approvals and publishing, on the machine alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from wfe_vm.events import Answered, Cancel, EventArrived, Resume, Retry, Suspend, Terminate, Tick

from .simulation import Board, Fails, Simulation, compile_text
from .test_blocks import workflow


def start(folder: Path, steps: str, head: str = "", board: Board | None = None, **options: Any) -> Simulation:
    return Simulation(compile_text(folder, workflow(steps, head))["w"], board=board, **options).settle()


def answer(run: Simulation, option: str, by: str = "ann") -> bool:
    """Answer the only open approval."""
    (open_one,) = [(activation, row) for activation, row in run.state.waits.items() if row.kind == "approval"]
    changed = run.advance(Answered(run.now, open_one[0], open_one[1].attempt, option, by))
    run.settle()
    return changed


ONE_WAIT = "- {name: w, wait: {event: paid, key: a7}}\n- set: {got: steps.w.output}"
GOT = "  outputs: {got: any}"


@pytest.mark.acceptance("EVT-01")
def test_a_wait_goes_on_with_the_data_of_the_event_of_its_name_and_key(tmp_path: Path) -> None:
    run = start(tmp_path, ONE_WAIT, GOT)
    assert run.status == "waiting"
    for name, key in (("paid", ""), ("paid", "a"), ("paid", "A7"), ("Paid", "a7"), ("pai", "a7"), ("paid", "a77")):
        run.publish(name, 1, key)
        assert run.status == "waiting"
    run.publish("paid", {"amount": 5}, "a7")
    assert run.status == "succeeded"
    assert run.outputs == {"got": {"data": {"amount": 5}, "timed_out": False}}


@pytest.mark.acceptance("EVT-02")
@pytest.mark.parametrize(
    ("since", "taken"), [("run", "during"), ("now", "after"), ("1970-01-01T00:00:00Z", "before"), (None, "during")]
)
def test_since_says_from_when_on_events_are_taken(tmp_path: Path, since: str | None, taken: str) -> None:
    board = Board()
    board.publish("paid", "", 500, "before")
    clause = "" if since is None else f", since: '{since}'"
    steps = f"- {{name: first, config: {{run: a}}}}\n- {{name: w, wait: {{event: paid{clause}}}}}\n"
    run = start(tmp_path, steps + "- set: {got: steps.w.output.data}", GOT, board, script=lambda _: None)
    run.publish("paid", "during")
    run.end("first", {})
    run.settle()
    run.publish("paid", "after")
    assert run.outputs == {"got": taken}


def test_a_since_that_is_no_time_when_the_wait_is_reached_is_an_error(tmp_path: Path) -> None:
    run = start(tmp_path, "- {name: w, wait: {event: paid, since: '${{ run.name }}'}}")
    assert run.error is not None
    assert (run.error.kind, run.error.step) == ("type", "w")
    assert run.board.asked == {}


@pytest.mark.acceptance("EVT-04")
def test_a_loop_takes_a_burst_of_events_one_by_one_in_their_order(tmp_path: Path) -> None:
    steps = """
- set: {all: '[]'}
- while: len(vars.all) < 200
  max_iterations: 200
  do:
    - {name: w, wait: {event: tick}}
    - set: {all: 'vars.all + [steps.w.output.data]'}
"""
    run = start(tmp_path, steps, "  outputs: {all: list<any>}")
    for number in range(250):
        run.publish("tick", number)
    assert run.outputs == {"all": list(range(200))}


@pytest.mark.acceptance("EVT-05")
def test_waits_on_one_name_and_key_take_successive_events_in_the_order_they_were_reached(tmp_path: Path) -> None:
    board = Board()
    for number in range(1, 6):
        board.publish("tick", "", 500, number)
    waits = "\n".join(f"- {{name: w{n}, wait: {{event: tick, since: '1970-01-01T00:00:00Z'}}}}" for n in range(5))
    values = ", ".join(f"steps.w{n}.output.data" for n in range(5))
    run = start(tmp_path, f"{waits}\n- set: {{got: '[{values}]'}}", GOT, board)
    assert run.outputs == {"got": [1, 2, 3, 4, 5]}
    branches = "\n".join(f"    - {{name: w{n}, wait: {{event: tick}}}}" for n in range(3))
    values = ", ".join(f"steps.w{n}.output.data" for n in range(3))
    run = start(tmp_path, f"- parallel:\n{branches}\n- set: {{got: '[{values}]'}}", GOT)
    for number in range(3):
        run.publish("tick", number)
    assert run.outputs == {"got": [0, 1, 2]}


@pytest.mark.acceptance("EVT-08")
def test_a_suspended_run_takes_its_event_and_goes_on_once_it_is_resumed(tmp_path: Path) -> None:
    run = start(tmp_path, ONE_WAIT, GOT)
    run.advance(Suspend(run.now))
    run.publish("paid", 5, "a7")
    assert run.status == "suspended"
    run.advance(Resume(run.now))
    run.settle()
    assert run.outputs["got"]["data"] == 5
    run.pending.append(EventArrived(run.now, 2, 1, 9, "paid", "a7", 6))
    assert run.settle().status == "succeeded"


def test_an_event_that_came_while_the_run_was_suspended_counts_before_the_time_that_is_over(tmp_path: Path) -> None:
    run = start(tmp_path, "- {name: w, wait: {event: paid, timeout: 1m}}\n- set: {got: steps.w.output.data}", GOT)
    run.advance(Suspend(run.now))
    run.publish("paid", 5)
    run.now += 3_600_000
    assert not run.advance(Tick(run.now))
    run.advance(Resume(run.now))
    assert run.settle().outputs == {"got": 5}


ON_TIMEOUT = """
- name: w
  wait: {event: paid, timeout: 5m, on_timeout: [{name: late, config: {run: a}}]}
- set: {got: steps.w.output}
- {name: again, wait: {event: paid}}
- set: {got: '[vars.got, steps.again.output.data]'}
"""


@pytest.mark.acceptance("EVT-09")
def test_the_end_of_a_wait_s_time_runs_its_steps_and_is_a_success_that_says_so(tmp_path: Path) -> None:
    run = start(tmp_path, ON_TIMEOUT, GOT)
    run.finish()
    assert run.paths_run() == ["w/on_timeout/late"]
    assert run.statuses()["w"] == "succeeded"
    run.publish("paid", "late")  # is not the first wait's any more
    assert run.outputs == {"got": [{"data": None, "timed_out": True}, "late"]}


@pytest.mark.acceptance("EVT-09")
def test_without_such_steps_it_is_an_error_of_kind_timeout_and_a_retry_waits_afresh(tmp_path: Path) -> None:
    run = start(tmp_path, "- {name: w, wait: {event: paid, key: k, timeout: 5m}}").finish()
    assert run.error is not None
    assert (run.status, run.error.kind, run.error.step) == ("failed", "timeout", "w")
    assert "no event paid with the key k came" in run.error.message
    assert (run.state.waits, run.board.asked) == ({}, {})
    steps = "- {name: w, wait: {event: paid, timeout: 5m}, retry: {attempts: 2, interval: 0}}"
    run = start(tmp_path, f"{steps}\n- set: {{got: steps.w.output.data}}", GOT)
    run.now += 300_000
    run.advance(Tick(run.now))
    run.settle()
    assert [row.attempt for row in run.state.waits.values()] == [2]
    run.publish("paid", "second")
    assert run.outputs == {"got": "second"}


@pytest.mark.acceptance("EVT-09")
def test_what_was_delivered_to_a_wait_whose_time_is_over_is_kept_for_the_next_one(tmp_path: Path) -> None:
    run = start(tmp_path, ON_TIMEOUT, GOT, script=lambda _: None)
    delivered = run.board.publish("paid", "", run.now, "in time")
    run.now += 300_000
    run.advance(Tick(run.now))
    assert [run.advance(event) for event in delivered] == [False]
    run.end("w/on_timeout/late", {})
    run.settle()
    assert run.outputs == {"got": [{"data": None, "timed_out": True}, "in time"]}


def test_steps_for_the_end_of_the_time_that_fail_fail_the_wait(tmp_path: Path) -> None:
    run = start(tmp_path, ON_TIMEOUT, GOT, script=lambda _: Fails()).finish()
    assert run.status == "failed"
    assert run.statuses()["w"] == "failed"


@pytest.mark.acceptance("EVT-10")
def test_parallel_waits_on_different_keys_take_each_its_own(tmp_path: Path) -> None:
    branches = "\n".join(f"    - {{name: w{n}, wait: {{event: e, key: k{n}}}}}" for n in range(5))
    values = ", ".join(f"steps.w{n}.output.data" for n in range(5))
    run = start(tmp_path, f"- parallel:\n{branches}\n- set: {{got: '[{values}]'}}", GOT)
    for number in (3, 0, 4, 1, 2):
        run.publish("e", number, f"k{number}")
    assert run.outputs == {"got": [0, 1, 2, 3, 4]}


CANCELLED_BRANCH = """
- name: both
  continue_on_failure: true
  parallel:
    fail_fast: cancel
    steps:
      - {name: first, wait: {event: paid}}
      - sequence: [{name: bad, config: {run: a}}, {name: never, config: {run: a}}]
- {name: second, wait: {event: paid}}
- set: {got: steps.second.output.data}
"""


@pytest.mark.acceptance("EVT-10")
def test_a_cancelled_wait_takes_nothing_afterwards(tmp_path: Path) -> None:
    run = start(tmp_path, CANCELLED_BRANCH, GOT, script=lambda _: None)
    delivered = run.board.publish("paid", "", run.now, "for the second")
    run.end("both/sequence-1/bad", Fails())
    assert run.statuses()["both/first"] == "aborted"
    assert [run.advance(event) for event in delivered] == [False]
    run.settle()
    assert run.outputs == {"got": "for the second"}


def test_the_next_in_the_queue_is_delivered_to_when_the_first_is_cancelled(tmp_path: Path) -> None:
    steps = """
- parallel:
    - sequence:
        - {name: short, wait: {event: paid, since: now, timeout: 1m, on_timeout: {sleep: 0s}}}
    - sequence:
        - {name: long, wait: {event: paid, since: now}}
- set: {got: '[steps.short.output.timed_out, steps.long.output.data]'}
"""
    run = start(tmp_path, steps, GOT)
    run.finish()
    assert run.status == "waiting"
    run.publish("paid", 1)
    assert run.outputs == {"got": [True, 1]}


@pytest.mark.acceptance("EVT-15")
@pytest.mark.parametrize("end", [Cancel, Terminate])
def test_the_end_of_a_run_takes_its_timers_and_subscriptions_along(tmp_path: Path, end: Any) -> None:
    run = start(tmp_path, "- {name: w, wait: {event: paid, timeout: 5m}}")
    assert (run.board.asked.keys(), len(run.state.timers)) == ({("paid", "")}, 1)
    sequence = run.state.sequence
    run.advance(end(run.now))
    assert run.state.sequence == sequence + 1
    assert run.ended is not None
    assert (run.board.asked, run.state.waits, run.state.timers) == ({}, {}, {})
    assert run.statuses()["w"] == "aborted"


HUNG = """
- saga:
    - {{name: a, config: {{run: a}}, compensate: {{name: undo-a, {undo}}}}}
    - name: w
      wait: {{event: paid, timeout: 5m}}
      on_abort: {hook}
"""


@pytest.mark.acceptance("EVT-15", "CTL-11")
@pytest.mark.parametrize("registered", [True, False], ids=["to undo", "nothing to undo"])
@pytest.mark.parametrize(
    "hook",
    [
        "{name: h, wait: {event: late, timeout: 5m}}",
        "{name: h, approve: {title: really, timeout: 5m}}",
        "{name: h, sleep: 5m}",
        "{name: h, sequence: [{name: i, retry: 3, wait: {event: late, timeout: 5m}}, {name: j, config: {run: j}}]}",
        "{name: h, wait: {event: late, timeout: 1s, on_timeout: [{name: i, wait: {event: later}}]}}",
        "{name: h, parallel: [{name: i, wait: {event: late}}, {name: j, sleep: 5m}, {name: k, wait: {event: late}}]}",
        "{name: h, race: [{name: i, wait: {event: late}}, {name: j, approve: {title: really}}]}",
        "{name: h, saga: [{name: i, wait: {event: late}, on_abort: {name: j, wait: {event: later}}}]}",
        "{name: h, for_each: '[1, 2]', do: [{name: i, timeout: 9m, wait: {event: late, key: '${{ item }}'}}]}",
    ],
)
def test_past_the_deadline_of_a_cancel_no_wait_and_no_timer_of_a_hook_is_left(
    tmp_path: Path, hook: str, registered: bool
) -> None:
    text = HUNG.format(hook=hook, undo="config: {run: a}")
    if not registered:
        text = text.replace(
            "- {name: a, config: {run: a}, compensate: {name: undo-a, config: {run: a}}}", "- {sleep: 0}"
        )
    run = start(tmp_path, text)
    run.advance(Cancel(run.now, "enough", run.now + 10_000))
    run.settle()
    if "on_timeout" in hook:
        run.now += 1000
        run.advance(Tick(run.now))
        run.settle()
    assert run.ended is None
    assert "w" not in {row.name for row in run.state.waits.values()}
    run.now += 10_000
    run.advance(Tick(run.now))
    assert (run.board.asked, run.state.waits) == ({}, {})
    assert run.state.timers == {}
    run.finish()
    assert run.status == "aborted"
    assert ("undo-a" in {path.rpartition("/")[2] for path in run.paths_run()}) == registered
    assert run.publish("late").status == "aborted"


@pytest.mark.acceptance("EVT-15", "CTL-11", "SAG-07")
def test_past_the_deadline_of_a_cancel_a_compensation_may_still_wait(tmp_path: Path) -> None:
    run = start(tmp_path, HUNG.format(hook="{name: h, wait: {event: late}}", undo="wait: {event: back, timeout: 5m}"))
    run.advance(Cancel(run.now, "enough", run.now + 10_000))
    run.settle()
    run.now += 10_000
    run.advance(Tick(run.now))
    assert run.board.asked.keys() == {("back", "")}
    assert len(run.state.timers) == 1
    run.publish("back")
    run.finish()
    assert (run.status, run.board.asked, run.state.timers) == ("aborted", {}, {})


def test_publishing_ends_the_step_with_the_id_that_belongs_to_it(tmp_path: Path) -> None:
    steps = "- {name: p, publish: {event: done, key: '${{ 7 }}', data: {a: '${{ 1 + 1 }}'}}}"
    steps += "\n- set: {got: steps.p.output.id}"
    first, second = start(tmp_path, steps, GOT), start(tmp_path, steps, GOT)
    assert first.board.events == [("done", "7", first.now, {"a": 2})]
    assert first.outputs == second.outputs
    assert len(first.outputs["got"]) == 26


def test_a_run_may_wait_for_what_it_publishes_itself(tmp_path: Path) -> None:
    steps = """
- {publish: {event: e, data: before}}
- {name: a, wait: {event: e}}
- parallel:
    - {name: b, wait: {event: e, since: now}}
    - {publish: {event: e, data: beside}}
- set: {got: '[steps.a.output.data, steps.b.output.data]'}
"""
    assert start(tmp_path, steps, GOT).outputs == {"got": ["before", "beside"]}


ASK = """
- name: ask
  approve: {title: 'Ship ${{ run.name }}?', options: [go, later, never], reject: [never], assignees: [ops]}
- set: {got: steps.ask.output}
"""


@pytest.mark.acceptance("EVT-16")
def test_an_approval_waits_for_one_of_its_options_and_says_who_chose_it_and_when(tmp_path: Path) -> None:
    run = start(tmp_path, ASK, GOT)
    (row,) = run.state.waits.values()
    assert (run.status, row.title, row.assignees) == ("waiting", "Ship run-1?", ("ops",))
    assert not answer(run, "perhaps")
    assert answer(run, "later")
    expected = {"option": "later", "by": "ann", "at": "1970-01-01T00:16:40.000Z", "timed_out": False}
    assert run.outputs == {"got": expected}


@pytest.mark.acceptance("EVT-16")
def test_a_refusing_option_is_a_failure_that_says_who_refused(tmp_path: Path) -> None:
    run = start(tmp_path, ASK, GOT)
    answer(run, "never", "bob")
    assert run.error is not None
    assert (run.status, run.error.kind, run.error.step) == ("failed", "refused", "ask")
    assert run.error.message == "bob answered never to: Ship run-1?"
    assert run.error.details["option"] == "never"


@pytest.mark.acceptance("EVT-16")
def test_of_two_answers_the_first_stands(tmp_path: Path) -> None:
    steps = "- parallel:\n    - {name: ask, approve: Ship?}\n    - {name: w, wait: {event: e}}"
    run = start(tmp_path, f"{steps}\n- set: {{got: steps.ask.output.by}}", GOT)
    (activation,) = [number for number, row in run.state.waits.items() if row.kind == "approval"]
    assert run.advance(Answered(run.now, activation, 1, "approve", "ann"))
    assert not run.advance(Answered(run.now, activation, 1, "reject", "bob"))
    assert run.publish("e").outputs == {"got": "ann"}


@pytest.mark.acceptance("EVT-16", "EVT-17")
def test_an_approval_whose_time_is_over_takes_its_other_way_and_each_round_asks_anew(tmp_path: Path) -> None:
    steps = """
- name: ask
  approve: {title: Ship?, timeout: 1h, on_timeout: [{name: nobody, config: {run: a}}]}
- set: {got: steps.ask.output}
"""
    run = start(tmp_path, steps, GOT).finish()
    assert run.outputs == {"got": {"option": None, "by": None, "at": None, "timed_out": True}}
    run = start(tmp_path, "- {name: round, retry: {attempts: 3, interval: 0}, sequence: [{name: ask, approve: Ship?}]}")
    asked = set()
    for _ in range(3):
        run.finish()
        asked |= run.state.waits.keys()
        answer(run, "reject")
    assert (len(asked), run.finish().status) == (3, "failed")


def test_a_wait_that_failed_waits_again_when_its_run_is_retried(tmp_path: Path) -> None:
    run = start(tmp_path, "- {name: w, wait: {event: paid, timeout: 5m}}\n- set: {got: steps.w.output.data}", GOT)
    run.finish()
    run.ended = None
    run.advance(Retry(run.now))
    assert run.status == "waiting"
    assert run.publish("paid", 3).outputs == {"got": 3}
