"""``event``, ``approve``, ``why``, and a run that stands still until something comes from outside."""

from __future__ import annotations

import getpass
from pathlib import Path

import pytest

from .conftest import Start, Wfec, finish, read_until
from .files import SLOW, under_way, write

WAITING = """
workflow:
  id: order
  version: 1
  outputs: {got: any}
  steps:
    - {name: paid, wait: {event: paid, key: a}}
    - name: ask
      approve: {title: Ship it?, options: [go, never], reject: [never], assignees: [ops]}
    - set: {got: '[steps.paid.output.data, steps.ask.output.by]'}
"""
CHILD = """
  - id: inner
    version: 1
    steps: [{name: heard, wait: {event: heard, timeout: 1d}}]
"""
OUTER = f"""
workflows:
  - id: outer
    version: 1
    steps: [{{name: call, type: workflow, config: {{workflow: inner}}}}]{CHILD}"""
MANY = f"""
workflows:
  - id: many
    version: 1
    steps:
      - parallel:
          - {{name: once, approve: Ship?}}
          - for_each: '[1, 2]'
            do: [{{name: each, approve: Pay?}}]
          - {{name: flaky, config: {{run: exit 1}}, retry: {{attempts: 2, interval: 1h}}}}
          - {{name: nap, sleep: 1h}}
          - {{name: call, type: workflow, config: {{workflow: inner}}}}{CHILD}"""


@pytest.mark.acceptance("EVT-01", "EVT-16", "CLI-15", "CLI-17")
def test_a_run_is_parked_until_its_event_and_its_answer_have_come(folder: Path, wfec: Wfec) -> None:
    parked = wfec("run", write(folder, WAITING), "--no-wait", "--json")
    assert (parked.code, parked.lines[-1]["type"], parked.lines[-1]["status"]) == (6, "run.parked", "waiting")
    (waiting,) = parked.lines[-1]["waiting_for"]
    assert (waiting["kind"], waiting["step"], waiting["event"], waiting["key"]) == ("event", "paid", "paid", "a")
    assert "WFE0450" not in parked.err
    (reason,) = wfec("why", "order-1", "-o", "json").json["waiting_for"]
    assert (reason["kind"], reason["command"]) == ("event", "wfec event paid --key a")
    assert reason["since"] == waiting["since"]
    assert "the event paid with the key a" in wfec("why", "order").out
    (live,) = wfec("inspect", "order-1", "--json").json["live"]
    assert (live["waits_for"], live["event"], live["key"]) == ("an event", "paid", "a")

    assert wfec("event", "paid", "--key", "b", "--data", "1").code == 0
    assert wfec("resume", "order-1", "--no-wait").code == 6
    first = wfec("event", "paid", "--key", "a", "--data", "[5]", "--id", "e1", "--json")
    again = wfec("event", "paid", "--key", "a", "--data", "[5]", "--id", "e1", "--json")
    assert (first.code, first.json["new"], again.code, again.json["new"]) == (0, True, 0, False)
    parked = wfec("resume", "order-1", "--no-wait", "--json")
    assert (parked.code, parked.lines[-1]["waiting_for"][0]["title"]) == (6, "Ship it?")
    (reason,) = wfec("why", "order-1", "-o", "json").json["waiting_for"]
    assert (reason["kind"], reason["ended_by"], reason["options"]) == ("approval", "ops", ["go", "never"])
    assert "to: Ship it? (go, never)" in wfec("inspect", "order-1").out

    refused = wfec("approve", "order-1", "--option", "perhaps")
    assert (refused.code, "go, never" in refused.err) == (2, True)
    answered = wfec("approve", "order-1/ask", "--option", "go", "--json").json
    assert (answered["changed"], answered["by"]) == (True, getpass.getuser())
    second = wfec("approve", "order-1", "--option", "never")
    assert (second.code, "answered go before" in second.err) == (1, True)
    ended = wfec("resume", "order-1", "--json")
    assert ended.lines[-1]["outputs"] == {"got": [[5], getpass.getuser()]}
    late = wfec("approve", "order-1", "--option", "never")
    assert (late.code, "answered go before" in late.err) == (1, True)
    assert wfec("approve", "order-1/paid", "--option", "go").code == 4
    assert wfec("why", "order-1", "-o", "json").json["waiting_for"] == []


@pytest.mark.acceptance("EVT-01")
def test_a_run_in_the_foreground_goes_on_with_what_other_processes_tell_it(
    folder: Path, wfec: Wfec, processes: Start
) -> None:
    process = processes("run", write(folder, WAITING), "--json")
    read_until(process, lambda line: line["type"] == "step.started" and line["step"] == "paid")
    assert wfec("event", "paid", "--key", "a", "--data", '"cash"').code == 0
    read_until(process, lambda line: line["type"] == "step.started" and line["step"] == "ask")
    assert wfec("approve", "order-1", "--option", "never").code == 0
    result = finish(process)
    assert result.code == 1
    error = result.lines[-1]["error"]
    assert (error["kind"], error["details"]["by"]) == ("refused", getpass.getuser())


@pytest.mark.acceptance("CLI-15")
def test_why_tells_of_everything_that_a_run_waits_for(folder: Path, wfec: Wfec, processes: Start) -> None:
    process = processes("run", write(folder, MANY), "many", "--json", "--name", "nap")
    left = {"heard", "flaky"}

    def all_there(line: dict[str, object]) -> bool:
        if line["type"] in ("step.started", "step.ended"):
            wanted = "step.ended" if str(line["step"]).endswith("flaky") else "step.started"
            left.difference_update({str(line["step"]).rpartition("/")[2]} if line["type"] == wanted else ())
        return not left

    read_until(process, all_there)
    found = wfec("why", "nap", "-o", "json").json["waiting_for"]
    kinds = sorted(reason["kind"] for reason in found)
    assert kinds == ["approval", "approval", "approval", "child", "event", "retry", "timer"]
    assert all(reason["since"] and reason["ended_by"] for reason in found)
    assert {reason["step"] for reason in found} >= {"parallel-1/for_each-1[0]/each", "parallel-1/for_each-1[1]/each"}
    several = wfec("approve", "nap", "--option", "approve")
    assert (several.code, "parallel-1/for_each-1[0]/each" in several.err) == (2, True)
    assert wfec("approve", "nap/parallel-1/for_each-1[1]/each", "--option", "approve").code == 0
    process.terminate()
    finish(process)
    kinds = [reason["kind"] for reason in wfec("why", "nap", "-o", "json").json["waiting_for"]]
    assert kinds[0] == "suspended"
    assert "waits for a resume" in wfec("why", "nap").out


def test_a_parent_is_parked_where_only_its_child_s_event_can_go_on(folder: Path, wfec: Wfec) -> None:
    parked = wfec("run", write(folder, OUTER), "outer", "--no-wait", "--json")
    assert (parked.code, [reason["kind"] for reason in parked.lines[-1]["waiting_for"]]) == (6, ["event"])
    assert [reason["kind"] for reason in wfec("why", "outer-1", "-o", "json").json["waiting_for"]] == ["child", "event"]
    assert wfec("event", "heard").code == 0
    assert wfec("resume", "outer-1").code == 0


@pytest.mark.acceptance("CLI-15")
def test_a_run_is_parked_where_only_a_worker_can_go_on(folder: Path, wfec: Wfec) -> None:
    text = """
workflow:
  id: paid
  version: 1
  steps:
    - {name: charge, type: activity, config: {activity: charge-card}}
"""
    parked = wfec("run", write(folder, text), "--no-wait", "--json")
    assert (parked.code, [reason["kind"] for reason in parked.lines[-1]["waiting_for"]]) == (6, ["activity"])
    assert "paid-1/charge waits for the work of an activity" in wfec("why", "paid-1").out
    assert wfec("terminate", "paid-1").code == 0


def test_a_run_that_takes_an_event_that_is_there_already_is_not_parked(folder: Path, wfec: Wfec) -> None:
    text = """
workflow:
  id: own
  version: 1
  steps:
    - {publish: {event: e}}
    - {wait: {event: e}}
    - {sleep: 1ms}
"""
    assert wfec("run", write(folder, text), "--no-wait").code == 0


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (("event", "paid", "--data", "{"), 2),
        (("event", ""), 2),
        (("event", "paid", "--key", "k" * 2000), 2),
        (("approve", "nobody", "--option", "go"), 4),
        (("why", "nobody"), 4),
    ],
)
def test_what_can_not_be_done_is_refused_with_its_reason(
    folder: Path, wfec: Wfec, argv: tuple[str, ...], code: int
) -> None:
    result = wfec(*argv)
    assert (result.code, result.out) == (code, "")
    assert result.err.startswith("wfec: ")


def test_data_of_an_event_that_has_a_key_twice_is_refused(wfec: Wfec) -> None:
    result = wfec("event", "paid", "--data", '{"amount": 1, "amount": 2}')
    assert result.code == 2
    assert "--data: the key 'amount' is given twice" in result.err


def test_why_names_the_step_that_a_running_run_is_at_with_its_attempt_and_since_when(
    folder: Path, processes: Start, wfec: Wfec
) -> None:
    process = processes("run", write(folder, SLOW), "--json", "--name", "busy")
    read_until(process, under_way)
    (reason,) = wfec("why", "busy", "-o", "json").json["waiting_for"]
    (step,) = [found for found in wfec("inspect", "busy", "--json").json["steps"] if found["step"] == "long"]
    assert (reason["kind"], reason["step"], reason["attempt"]) == ("step", "long", 1)
    assert reason["since"] == step["attempts"][-1]["started"]
    assert "busy/long waits for the end of attempt 1 at that step since " in wfec("why", "busy").out
    (folder / "go").touch()
    assert finish(process).code == 0
    assert wfec("why", "busy", "-o", "json").json["waiting_for"] == []


def test_why_of_a_run_whose_process_is_gone_says_who_can_end_its_step(
    folder: Path, processes: Start, wfec: Wfec
) -> None:
    process = processes("run", write(folder, SLOW), "--json", "--name", "busy")
    read_until(process, under_way)
    process.kill()
    process.wait()
    (reason,) = wfec("why", "busy", "-o", "json").json["waiting_for"]
    assert (reason["kind"], reason["command"]) == ("step", "wfec resume busy")


def test_an_id_that_another_event_has_is_warned_of(wfec: Wfec) -> None:
    first = wfec("event", "paid", "--data", "1", "--id", "e1")
    again = wfec("event", "paid", "--data", "1", "--id", "e1")
    assert (first.code, first.err, again.code, again.err) == (0, "", 0, "")
    for other in (("sent", "--data", "1"), ("paid", "--data", "2"), ("paid", "--data", "1", "--key", "k")):
        dropped = wfec("event", *other, "--id", "e1")
        assert (dropped.code, "this one was dropped" in dropped.err) == (0, True)
        assert wfec("event", *other, "--id", "e1", "--json").json["same"] is False
