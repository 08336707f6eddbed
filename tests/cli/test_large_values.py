"""Large values through the whole: a step gives one, expressions look inside, others get it, and people see it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from .conftest import Wfec, finish, spawn
from .files import write

LARGE = """
workflow:
  id: large
  version: 1
  inputs: {{count: integer, note: {{type: string, default: ""}}}}
  outputs: {{log: string, length: integer, same: bool, row: string, seen: integer}}
  steps:
    - name: make
      config:
        run: |
          printf log= >> "$WFE_OUTPUT"
          head -c $COUNT /dev/zero | tr '\\0' x >> "$WFE_OUTPUT"
      outputs: [{{name: log, type: string}}]
    - name: rows
      config:
        run: |
          awk 'BEGIN {{ printf "{{\\"rows\\": ["; for (i = 0; i < 20000; i++) printf "%s{{\\"name\\": \\"row %d\\"}}", i ? "," : "", i; print "]}}" }}' > "$WFE_OUTPUT_JSON"
      outputs: [{{name: rows, type: "list<any>"}}]
    - name: use
      config: {{run: 'echo "seen=$(cat "${{GIVEN_FILE:-/dev/null}}" | wc -c)" >> "$WFE_OUTPUT"'}}
      inputs: {{given: outputs.log}}
      outputs: [{{name: seen, type: integer}}]
    - {{name: pause, {pause}}}
    - return:
        log: outputs.log
        length: len(outputs.log)
        same: outputs.log == outputs.log && starts_with(outputs.log, "xxx")
        row: outputs.rows[19999].name
        seen: outputs.seen
"""  # noqa: E501 - one line of awk


def workflow(pause: str = "set: {ready: 'true'}") -> str:
    return LARGE.format(pause=pause)


@pytest.mark.acceptance("EXP-22", "STO-10")
def test_expressions_steps_and_results_have_a_large_value_as_they_have_a_small_one(folder: Path, wfec: Wfec) -> None:
    write(folder, workflow())
    ended = wfec("run", "file.yaml", "-i", "count=1048576", "--json").lines[-1]
    assert ended["status"] == "succeeded", ended["error"]
    text = "x" * 1048576
    wanted = {"log": text, "length": len(text), "same": True, "row": "row 19999", "seen": len(text)}
    assert ended["outputs"] == wanted
    assert [warning.partition(":")[0] for warning in ended["warnings"]] == [
        "output log of step make has 1048576 bytes",
        "output rows of step rows has 308893 bytes",
    ]
    found = wfec("inspect", "large-1", "--json").json
    assert (found["outputs"], found["warnings"]) == (wanted, ended["warnings"])
    assert found["steps"][0]["attempts"][0]["outputs"] == {"log": text}


@pytest.mark.acceptance("EXP-22")
def test_a_run_that_another_process_takes_up_has_its_large_values(folder: Path, wfec: Wfec) -> None:
    write(folder, workflow("wait: {event: go}"))
    parked = wfec("run", "file.yaml", "-i", "count=300000", "--no-wait", "--json")
    assert parked.code == 6
    assert wfec("event", "go").code == 0
    ended = finish(spawn(folder, "resume", "large-1", "--json")).lines[-1]
    assert ended["status"] == "succeeded", ended["error"]
    assert (ended["outputs"]["length"], ended["outputs"]["row"]) == (300_000, "row 19999")


@pytest.mark.acceptance("STO-10")
def test_a_value_just_under_the_limit_is_told_whole_and_brings_no_warning(folder: Path, wfec: Wfec) -> None:
    text = workflow().replace("20000", "20")
    write(folder, text.replace("19999", "19"))
    lines = wfec("run", "file.yaml", "-i", "count=262144", "--json").lines
    assert lines[-1]["warnings"] == []
    [made] = [line for line in lines if line["type"] == "step.ended" and line["step"] == "make"]
    assert len(made["outputs"]["log"]) == 262_144


def test_a_large_value_is_told_of_by_size_and_hash_and_printed_when_asked_for(folder: Path, wfec: Wfec) -> None:
    write(folder, workflow())
    lines = wfec("run", "file.yaml", "-i", "count=1048576", "--json").lines
    hash = hashlib.sha256(b"x" * 1048576).hexdigest()
    [made] = [line for line in lines if line["type"] == "step.ended" and line["step"] == "make"]
    assert made["outputs"] == {"log": {"kind": "string", "bytes": 1048576, "sha256": hash}}
    told = f"  log: a string of 1048576 bytes, sha256 {hash}; wfec inspect large-1 --value outputs.log"
    assert told in wfec("inspect", "large-1").out.splitlines()
    assert told.replace("large-1", "large-2") in wfec("run", "file.yaml", "-i", "count=1048576").out.splitlines()
    for path in ("outputs.log", "make.log"):
        assert wfec("inspect", "large-1", "--value", path).out == "x" * 1048576
    assert wfec("inspect", "large-1", "--value", "outputs.length").out == "1048576\n"
    assert len(json.loads(wfec("inspect", "large-1", "--value", "rows.rows").out)) == 20_000
    missing = wfec("inspect", "large-1", "--value", "make.lag")
    assert (missing.code, missing.out) == (4, "")
    assert "did you mean `make.log`?" in missing.err


def test_a_large_input_is_warned_of_by_its_name(folder: Path, wfec: Wfec) -> None:
    write(folder, workflow())
    (folder / "inputs.json").write_text(json.dumps({"count": 3, "note": "n" * 300_000}))
    ended = wfec("run", "file.yaml", "--inputs", "inputs.json", "--json").lines[-1]
    assert ended["warnings"][0].startswith("input note has 300000 bytes: over 262144 bytes a value is stored apart")
    assert wfec("inspect", "large-1", "--value", "inputs.note").out == "n" * 300_000


def test_a_large_payload_of_an_event_reaches_the_run_and_an_exported_store(folder: Path, wfec: Wfec) -> None:
    write(
        folder,
        """
workflow:
  id: waiter
  version: 1
  outputs: {got: integer}
  steps:
    - {name: news, wait: {event: news}}
    - return: {got: len(steps.news.output.data.text)}
""",
    )
    assert wfec("run", "file.yaml", "--no-wait").code == 6
    assert wfec("event", "news", "--data", json.dumps({"text": "t" * 400_000})).code == 0
    ended = wfec("resume", "waiter-1", "--json").lines[-1]
    assert (ended["status"], ended["outputs"]) == ("succeeded", {"got": 400_000})
    assert ended["warnings"][0].startswith("output data of step news has 400011 bytes")
    assert wfec("export", "waiter-1", "-o", "copy.db").code == 0
    copied = wfec("inspect", "waiter-1", "--store", "sqlite:///copy.db", "--value", "news.data").json
    assert copied == {"text": "t" * 400_000}


@pytest.mark.soak
@pytest.mark.acceptance("STO-10")
def test_a_value_larger_than_any_state_may_be_comes_back_to_the_last_byte(folder: Path, wfec: Wfec) -> None:
    write(folder, workflow())
    count = 100_000_000
    assert wfec("run", "file.yaml", "-i", f"count={count}").code == 0
    assert wfec("inspect", "large-1", "--value", "outputs.seen").out == f"{count}\n"
    assert wfec("inspect", "large-1", "--value", "make.log").out == "x" * count
    assert (folder / ".wfe" / "wfe.db").stat().st_size < 1.1 * count
