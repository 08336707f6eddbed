"""When a command ends before its run: standstills, stores that give up, children left behind, other hosts."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from wfe_runtime.providers import open_store
from wfe_runtime.providers.rows import Host

from .conftest import Start, Wfec, environment, finish, steps_of
from .files import CHAIN, FAMILY, write

STORE = "sqlite:///.wfe/wfe.db"


def test_a_child_that_suspends_itself_parks_the_command_and_is_resumed_with_its_parent(
    folder: Path, wfec: Wfec
) -> None:
    text = FAMILY.replace("config: {run: echo working}", "config: {run: test -e ok}, error_behavior: {type: suspend}")
    result = wfec("run", write(folder, text), "--name", "parent", "--json")
    assert result.code == 6
    parked = result.lines[-1]
    assert (parked["type"], parked["reason"]) == ("run.parked", "a child that it waits for is suspended")
    [waits] = parked["waiting_for"]
    assert (waits["kind"], sorted(waits["steps"])) == ("resume", ["fan[0]/work", "fan[1]/work"])
    (folder / "ok").touch()
    resumed = wfec("resume", "parent", "--json")
    assert (resumed.code, resumed.lines[-1]["outputs"]) == (0, {"total": 2})


def test_siblings_of_a_step_that_suspends_the_run_end_before_the_command_does(folder: Path, wfec: Wfec) -> None:
    text = """
workflow:
  id: w
  version: 1
  steps:
    - name: both
      parallel:
        - {name: quick, config: {run: 'touch failed; test -e ok'}, error_behavior: {type: suspend}}
        - {name: steady, config: {run: 'while [ ! -e failed ]; do sleep 0.02; done; sleep 0.1; echo once >> ran.txt'}}
"""
    result = wfec("run", write(folder, text), "--name", "w", "--json")
    assert result.code == 6
    assert sorted(steps_of(result.lines)) == [("both/quick", "failed"), ("both/steady", "succeeded")]
    (folder / "ok").touch()
    assert wfec("resume", "w").code == 0
    assert (folder / "ran.txt").read_text() == "once\n"


def test_no_wait_still_waits_for_steps_and_timers(folder: Path, wfec: Wfec) -> None:
    text = "workflow: {id: w, version: 1, steps: [{name: nap, sleep: 50ms}, {name: s, config: {run: sleep 0.05}}]}"
    assert wfec("run", write(folder, text), "--no-wait", "--json").lines[-1]["status"] == "succeeded"


def test_a_detached_child_is_not_in_the_stream_and_is_waited_for(folder: Path, wfec: Wfec) -> None:
    text = """
workflows:
  - id: main
    version: 1
    steps: [{name: call, type: workflow, config: {workflow: child, detach: true}}]
  - id: child
    version: 1
    steps: [{name: work, config: {run: 'sleep 0.2; exit 3'}}]
"""
    result = wfec("run", write(folder, text), "--json")
    assert result.code == 0
    assert {line["run"] for line in result.lines} == {result.lines[0]["run"]}
    assert result.lines[-1]["type"] == "run.ended"
    rows = wfec("list", "-o", "json").json
    assert sorted((row["workflow"], row["status"]) for row in rows) == [("child", "failed"), ("main", "succeeded")]


@pytest.mark.acceptance("CLI-01", "CLI-03")
def test_a_store_that_gives_up_in_the_middle_ends_the_stream_and_exits_with_5_and_the_run_goes_on_later(
    folder: Path, processes: Start, wfec: Wfec
) -> None:
    write(folder, CHAIN)
    process = processes(
        "run", "file.yaml", "--name", "chain", "--json", env=environment(WFE_FAULT="sqlite.before_commit:4:enospc")
    )
    result = finish(process)
    assert result.code == 5
    assert "Traceback" not in result.err
    assert "wfe.db" in result.err
    assert [result.lines[0]["type"], result.lines[-1]["type"]] == ["run.started", "run.parked"]
    resumed = wfec("resume", "chain", "--json")
    assert (resumed.code, resumed.lines[-1]["outputs"]) == (0, {"last": "end"})


def test_a_run_of_another_machine_is_taken_over_when_its_lease_is_over(folder: Path, wfec: Wfec) -> None:
    assert wfec("run", write(folder, CHAIN), "--until", "first", "--name", "chain").code == 6
    [id] = wfec("list", "-o", "ids").out.split()

    async def claim_elsewhere() -> None:
        import time

        store = open_store(STORE)
        await store.open()
        try:
            now = time.time_ns() // 1_000_000
            await store.join(Host("elsewhere-1-x", "another machine", 1, 1), 1_000, now)
            assert await store.claim(id, "elsewhere-1-x", now) is not None
        finally:
            await store.close()

    asyncio.run(claim_elsewhere())
    assert wfec("resume", "chain", "--json").lines[-1]["outputs"] == {"last": "end"}


def test_a_step_that_prints_a_great_deal_of_anything_breaks_neither_command_nor_run(folder: Path, wfec: Wfec) -> None:
    text = "workflow: {id: w, version: 1, steps: [{name: s, config: {run: 'head -c 3000000 /dev/urandom'}}]}"
    result = wfec("run", write(folder, text), "--json")
    assert (result.code, result.lines[-1]["status"]) == (0, "succeeded")
    plain = wfec("run", "file.yaml")
    assert plain.code == 0
    assert not any(ord(letter) < 32 and letter not in "\n\t" for letter in plain.out)


@pytest.mark.acceptance("CTL-15")
def test_a_run_whose_group_is_full_says_who_has_the_slot_and_a_rejected_one_is_not_stored(
    folder: Path, wfec: Wfec
) -> None:
    step = "{name: gate, wait: {event: go}}"
    write(folder, f"workflow: {{id: w, version: 1, concurrency: g, steps: [{step}]}}")
    assert wfec("run", "file.yaml", "--no-wait", "--name", "holder").code == 6
    parked = wfec("run", "file.yaml", "--no-wait", "--name", "second", "--json")
    assert (parked.code, parked.lines[-1]["waiting_for"][0]["kind"]) == (6, "group")
    assert "a slot of the concurrency group 'g', limit 1, held by holder" in parked.err
    why = wfec("why", "second")
    assert "run second is pending" in why.out
    assert "waits for a slot of the concurrency group g (limit 1: holder)" in why.out
    assert "wfec why holder" in why.out
    inspected = wfec("inspect", "second", "--json").lines[-1]
    assert (inspected["place"], inspected["queued_behind"]) == ("waiting", ["holder"])
    assert "held by holder" in wfec("inspect", "second").out
    refused = wfec("suspend", "second")
    assert (refused.code, "has not begun" in refused.err) == (6, True)
    write(folder, f"workflow: {{id: w, version: 1, concurrency: {{group: g, on_full: reject}}, steps: [{step}]}}")
    rejected = wfec("run", "file.yaml", "--name", "third")
    assert rejected.code == 6
    assert "run holder has a slot" in rejected.err
    assert wfec("inspect", "third").code == 4
    assert wfec("cancel", "second", "--json").lines[-1]["status"] == "aborted"
    assert wfec("terminate", "holder", "--json").lines[-1]["status"] == "terminated"


WAITING = """
workflow:
  id: w
  version: 1
  steps:
    - {name: first, wait: {event: go}}
    - {name: last, config: {run: echo last}}
"""


@pytest.mark.acceptance("PRG-07")
@pytest.mark.parametrize("verb", ["resume", "inspect", "suspend", "cancel", "terminate", "graph"])
def test_a_run_whose_stored_program_was_altered_is_refused_by_name_and_why_tells_it(
    folder: Path, wfec: Wfec, verb: str
) -> None:
    wfec("run", write(folder, WAITING), "--no-wait", "--name", "w")
    with sqlite3.connect(folder / ".wfe/wfe.db") as connection:
        connection.execute("UPDATE programs SET program = CAST(program || x'00' AS BLOB)")
    connection.close()
    result = wfec(verb, "w")
    assert (result.code, result.out) == (5, "")
    assert "of workflow w has been altered, and is not run" in result.err
    [reason] = wfec("why", "w", "-o", "json").json["waiting_for"]
    assert (reason["kind"], "has been altered" in reason["lacks"][0]) == ("host", True)


def test_a_run_whose_stored_inputs_can_not_be_read_is_a_damaged_store_and_no_bug(folder: Path, wfec: Wfec) -> None:
    wfec("run", write(folder, WAITING), "--no-wait", "--name", "w")
    with sqlite3.connect(folder / ".wfe/wfe.db") as connection:
        connection.execute("UPDATE run_details SET inputs = x'c1'")
    connection.close()
    for verb in ("resume", "inspect"):
        result = wfec(verb, "w")
        assert (result.code, "can't be read" in result.err) == (5, True), result
