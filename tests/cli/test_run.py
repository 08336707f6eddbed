"""``run``: which workflow, with which inputs, what it shows, and what it exits with."""

from __future__ import annotations

import io
import json
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .conftest import Result, Start, Wfec, environment, finish, steps_of
from .files import CHAIN, FAMILY, FLAKY, GREETING, write


def runs(wfec: Wfec) -> list[dict[str, Any]]:
    found = wfec("list", "-o", "json").json
    assert isinstance(found, list)
    return found


@pytest.mark.acceptance("CLI-01", "CLI-03")
def test_a_run_that_succeeds_exits_with_0_and_ends_its_stream_with_its_outputs(folder: Path, wfec: Wfec) -> None:
    result = wfec("run", write(folder, GREETING), "--json", "-i", "name=Ada")
    lines = result.lines
    assert result.code == 0
    assert [line["type"] for line in lines if line["type"] != "step.output"] == [
        "run.started", "step.started", "step.ended", "step.started", "step.ended", "run.ended",
    ]  # fmt: skip
    printed = [line for line in lines if line["type"] == "step.output"]
    assert {(line["step"], line["stream"]) for line in printed} == {("greet", "stdout")}
    assert "".join(line["text"] for line in printed).startswith("Hello, Ada\n")
    assert len({line["run"] for line in lines}) == 1
    assert all(isinstance(line["time"], int) for line in lines)
    assert all(line["attempt"] == 1 for line in lines if line["type"].startswith("step."))
    ended = lines[-1]
    assert (ended["status"], ended["error"]) == ("succeeded", None)
    assert ended["outputs"] == {"text": "Hello, Ada", "times": 1}
    assert isinstance(ended["duration_ms"], int)
    assert (ended["tolerated"], ended["compensated"], ended["warnings"]) == ([], False, [])


@pytest.mark.parametrize(
    ("step", "helps"),
    [
        ("{name: stop, fail: too big}", "wfec inspect r-1"),
        ("{name: stop, set: {x: 1 / inputs.n}}", "wfec inspect r-1"),
        ("{name: stop, config: {run: exit 3}}", "wfec logs r-1 stop"),
        ("{name: stop, type: workflow, config: {workflow: child}}", "wfec logs r-1 stop/inner"),
        ("{name: stop, type: workflow, config: {workflow: refuser}}", "wfec inspect r-1"),
    ],
)
def test_what_to_do_next_names_a_log_only_where_the_failed_step_has_one(
    folder: Path, wfec: Wfec, step: str, helps: str
) -> None:
    text = f"""
workflows:
  - {{id: r, version: 1, inputs: {{n: {{type: integer, default: 0}}}}, steps: [{step}]}}
  - {{id: child, version: 1, steps: [{{name: inner, config: {{run: exit 3}}}}]}}
  - {{id: refuser, version: 1, steps: [{{name: inner, fail: too small}}]}}
"""
    result = wfec("run", write(folder, text), "r")
    assert result.code == 1
    assert f"next: {helps}\n      wfec retry r-1\n" in result.err


@pytest.mark.acceptance("CLI-01", "CLI-03")
def test_a_run_that_fails_exits_with_1_and_says_what_where_and_what_next(folder: Path, wfec: Wfec) -> None:
    write(folder, FLAKY)
    result = wfec("run", "file.yaml", "--name", "parcel")
    assert result.code == 1
    for part in ("deliver", "1", "file.yaml:8:", "no such parcel", "wfec logs parcel deliver", "wfec retry parcel"):
        assert part in result.err
    lines = wfec("run", "file.yaml", "--json").lines
    [failed] = [line for line in lines if line["type"] == "step.ended" and line["step"] == "deliver"]
    assert failed["status"] == "failed"
    assert (failed["error"]["kind"], failed["error"]["exit_code"]) == ("exit", 1)
    assert (lines[-1]["type"], lines[-1]["status"], lines[-1]["outputs"]) == ("run.ended", "failed", {})
    assert (lines[-1]["error"]["step"], lines[-1]["error"]["exit_code"]) == ("deliver", 1)


def test_plain_lines_tell_durations_steps_output_and_the_outputs_at_the_end(folder: Path, wfec: Wfec) -> None:
    out = wfec("run", write(folder, GREETING)).out.splitlines()
    assert any(line.endswith("greet  succeeded") for line in out)
    assert "greet | Hello, world" in out
    assert out[-2:] == ["  text: Hello, world", "  times: 1"]


@pytest.mark.acceptance("CLI-02")
@pytest.mark.parametrize(
    ("ids", "argv", "code", "chosen"),
    [
        (["only"], (), 0, "only"),
        (["a", "ci", "b"], (), 0, "ci"),
        (["a", "main", "b"], (), 0, "main"),
        (["a", "b"], ("b",), 0, "b"),
        (["a", "b"], (), 2, None),
        (["a", "b"], ("c",), 4, None),
    ],
)
def test_the_workflow_is_the_only_one_or_the_one_named_or_ci_or_main(
    folder: Path, wfec: Wfec, ids: list[str], argv: tuple[str, ...], code: int, chosen: str | None
) -> None:
    text = "workflows:\n" + "".join(
        f"  - {{id: {id}, version: 1, steps: [{{name: s, config: {{run: echo hi}}}}]}}\n" for id in ids
    )
    result = wfec("run", write(folder, text), *argv, "--json")
    assert result.code == code
    if chosen is None:
        assert result.out == ""
        assert "a, b" in result.err
    else:
        assert result.lines[0]["workflow"] == chosen


@pytest.mark.acceptance("CLI-02")
def test_of_several_versions_the_highest_runs_and_included_workflows_do_not_count(folder: Path, wfec: Wfec) -> None:
    step = "steps: [{name: s, config: {run: echo hi}}]"
    write(folder, f"workflow: {{id: ci, version: 1, {step}}}\n", "other.yaml")
    both = f"  - {{id: mine, version: 2, {step}}}\n  - {{id: mine, version: 10, {step}}}\n"
    write(folder, f"include: [other.yaml]\nworkflows:\n{both}")
    first = wfec("run", "file.yaml", "--json").lines[0]
    assert (first["workflow"], first["version"]) == ("mine", 10)
    assert wfec("compile", "file.yaml", "-o", "out.wfc").code == 0
    first = wfec("run", "out.wfc", "--json").lines[0]
    assert (first["workflow"], first["version"]) == ("mine", 10)


@pytest.mark.acceptance("CLI-09")
def test_a_compiled_file_runs_without_its_source_to_the_same_outputs(folder: Path, wfec: Wfec) -> None:
    write(folder, GREETING)
    from_source = wfec("run", "file.yaml", "--json", "-i", "times=4").lines[-1]["outputs"]
    assert wfec("compile", "file.yaml", "-o", "out.wfc").code == 0
    (folder / "file.yaml").unlink()
    compiled = wfec("run", "out.wfc", "--json", "-i", "times=4")
    assert (compiled.code, compiled.lines[-1]["outputs"]) == (0, from_source)


@pytest.mark.acceptance("CLI-01")
def test_a_definition_with_errors_exits_with_3_and_shows_them_on_stderr(folder: Path, wfec: Wfec) -> None:
    result = wfec("run", write(folder, "workflow: {id: w, version: 1, steps: [{name: a, tipe: shell}]}"), "--json")
    assert (result.code, result.out) == (3, "")
    assert "file.yaml:1:" in result.err
    assert not (folder / ".wfe").exists()


@pytest.mark.acceptance("CLI-01")
def test_a_damaged_compiled_file_is_a_definition_with_errors(folder: Path, wfec: Wfec) -> None:
    write(folder, GREETING)
    wfec("compile", "file.yaml", "-o", "out.wfc")
    data = bytearray((folder / "out.wfc").read_bytes())
    data[-3] ^= 1
    (folder / "out.wfc").write_bytes(data)
    assert wfec("run", "out.wfc").code == 3


@pytest.mark.acceptance("CLI-01")
@pytest.mark.parametrize("verb", ["run", "check", "compile", "disasm"])
def test_a_path_that_is_not_there_exits_with_4_and_names_a_near_one(folder: Path, wfec: Wfec, verb: str) -> None:
    write(folder, GREETING, "deploy.yaml")
    result = wfec(verb, "deplyo.yaml", *(("--hash",) if verb == "compile" else ()))
    assert result.code == 4
    assert "deploy.yaml" in result.err


def test_a_folder_or_a_file_of_another_kind_is_refused_with_2(folder: Path, wfec: Wfec) -> None:
    (folder / "notes.txt").write_text("hello")
    assert wfec("run", ".").code == 2
    assert wfec("run", "notes.txt").code == 2


@pytest.mark.acceptance("CLI-01")
def test_a_store_that_cannot_be_used_exits_with_5_and_names_the_cure(folder: Path, wfec: Wfec) -> None:
    write(folder, GREETING)
    (folder / "notes.db").write_text("this is no database, but a text that is long enough to be looked at closely")
    result = wfec("run", "file.yaml", "--store", "sqlite:///notes.db", "--json")
    assert (result.code, result.out) == (5, "")
    assert "notes.db" in result.err
    assert wfec("run", "file.yaml", "--store", "sqlit:///x.db").code == 5


@pytest.mark.acceptance("CLI-01")
def test_a_step_type_without_an_executor_is_refused_before_anything_is_stored(folder: Path, wfec: Wfec) -> None:
    write(folder, "workflow: {id: w, version: 1, steps: [{name: build, type: git-repo, config: {run: make}}]}")
    result = wfec("run", "file.yaml", "--json")
    assert (result.code, result.out) == (5, "")
    assert "git-repo" in result.err
    assert runs(wfec) == []


INPUTS = """
workflow:
  id: typed
  version: 1
  inputs:
    n: {type: integer, default: 0}
    s: {type: string, default: ""}
    l: {type: list<integer>, default: []}
    x: {type: any, default: null}
    b: {type: bool, default: false}
    e: {type: string, default: a, enum: [a, b]}
  outputs: {n: integer, s: string, l: list<integer>, x: any, b: bool, e: string}
  steps:
    - return: {n: inputs.n, s: inputs.s, l: inputs.l, x: inputs.x, b: inputs.b, e: inputs.e}
"""


@pytest.mark.acceptance("CLI-04")
@pytest.mark.parametrize(
    ("argument", "name", "value"),
    [
        ("n=5", "n", 5),
        ("n=-5", "n", -5),
        ("s=5", "s", "5"),
        ("s=", "s", ""),
        ("s=a=b", "s", "a=b"),
        ("s=$(touch pwned)'\"`\n", "s", "$(touch pwned)'\"`\n"),
        ("l=[1]", "l", [1]),
        ("x=a=b", "x", "a=b"),
        ('x={"k": [1, null]}', "x", {"k": [1, None]}),
        ('x="5"', "x", "5"),
        ("x=5", "x", 5),
        ("b=true", "b", True),
    ],
)
def test_an_input_is_read_by_its_declared_type(folder: Path, wfec: Wfec, argument: str, name: str, value: Any) -> None:
    result = wfec("run", write(folder, INPUTS), "-i", argument, "--json", "--store", "memory:")
    assert result.code == 0
    assert result.lines[-1]["outputs"][name] == value


@pytest.mark.acceptance("CLI-04")
@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("-i", "n"), "'n'"),
        (("-i", "n=many"), "n:"),
        (("-i", "n=1.5"), "n:"),
        (("-i", "m=1"), "it declares"),
        (("-i", "l=[1, 'a']"), "l:"),
        (("-i", 'l=["a"]'), "l[0]"),
        (("-i", "b=yes"), "b:"),
        (("-i", "e=c"), "e:"),
        (("-i", 'x={"k"'), "x:"),
        (("-i", "n=9223372036854775808"), "n: 9223372036854775808 does not fit into 64 bits"),
        (("-i", "l=a"), 'list<integer> is written as JSON, like ["a", "b"]'),
        (("-i", "s=\udcff"), "not valid text"),
        (("--inputs", "list.json"), "--inputs list.json holds no map\n  it is a JSON object or a YAML map from names"),
        (("--inputs", "empty.yaml"), "--inputs empty.yaml is empty\n  it is a JSON object or a YAML map from names"),
        (("--inputs", "broken.yaml"), "broken.yaml:2:"),
        (("--inputs", "twice.yaml"), "twice.yaml:2:1"),
        (
            ("--inputs", "twice.json"),
            "--inputs twice.json:3:3: the key 'k' is given twice, at line 2, column 9 and at line 3, column 3",
        ),
        (("-i", 'x=[{"k": {"k": 1}, "q": ["k"], "\\u006b": 2}]'), "x: the key 'k' is given twice, at line 1, column 3"),
    ],
)
def test_a_bad_input_exits_with_2_names_it_and_stores_nothing(
    folder: Path, wfec: Wfec, arguments: tuple[str, ...], named: str
) -> None:
    write(folder, INPUTS)
    (folder / "list.json").write_text("[1]")
    (folder / "broken.yaml").write_text("a: [1\n")
    (folder / "twice.yaml").write_text("n: 1\nn: 2\n")
    (folder / "twice.json").write_text('{"n": 1,\n  "x": {"k": "}",\n  "k": 2}}')
    (folder / "empty.yaml").touch()
    result = wfec("run", "file.yaml", *arguments, "--json")
    assert (result.code, result.out) == (2, "")
    assert named in result.err
    assert not (folder / ".wfe").exists()


@pytest.mark.acceptance("CLI-04")
def test_every_bad_input_is_named_at_once(folder: Path, wfec: Wfec) -> None:
    declared = "inputs: {a: integer, b: string, c: bool}"
    text = f"workflow: {{id: w, version: 1, {declared}, steps: [{{name: s, config: {{run: 'true'}}}}]}}"
    result = wfec("run", write(folder, text), "-i", "a=x", "-i", "d=1", "-i", "c=5")
    assert result.code == 2
    problems = [line.strip() for line in result.err.splitlines()[1:]]
    assert sorted(problem.partition(":")[0] for problem in problems) == ["a", "b", "c", "d"]


@pytest.mark.acceptance("CLI-04")
@pytest.mark.parametrize("text", ['{"n": 3, "s": "x"}', "n: 3\ns: x\n", "{n: 3, s: x}"])
def test_inputs_come_from_a_file_or_standard_input_and_the_command_line_goes_before(
    folder: Path, wfec: Wfec, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    write(folder, INPUTS)
    (folder / "given").write_text(text)
    outputs = wfec("run", "file.yaml", "--inputs", "given", "-i", "s=y", "--json").lines[-1]["outputs"]
    assert (outputs["n"], outputs["s"]) == (3, "y")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert wfec("run", "file.yaml", "--inputs", "-", "--json").lines[-1]["outputs"]["s"] == "x"
    assert wfec("run", "file.yaml", "--inputs", "nowhere").code == 4
    monkeypatch.setattr("sys.stdin", None)  # what Python makes of a standard input that the caller closed
    closed = wfec("run", "file.yaml", "--inputs", "-")
    assert (closed.code, "standard input is closed" in closed.err) == (2, True)


def test_inputs_that_nobody_declared_are_typed_as_undeclared_outputs_are(folder: Path, wfec: Wfec) -> None:
    text = "workflow: {id: w, version: 1, outputs: {v: any}, steps: [{return: {v: inputs}}]}"
    given = ["-i", "a=007", "-i", "b=42", "-i", "c=true", "-i", "d=1.10"]
    outputs = wfec("run", write(folder, text), *given, "--json").lines[-1]["outputs"]
    assert outputs["v"] == {"a": "007", "b": 42, "c": True, "d": "1.10"}


def test_load_time_variables_come_from_flags_a_file_and_the_environment_in_this_order(
    folder: Path, wfec: Wfec, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, "workflow: {id: w, version: 1, steps: [{name: s, config: {run: 'echo ((a)) ((b.c)) ((d))'}}]}")
    (folder / "vars.yaml").write_text("{a: file, b: {c: file}, d: file}")
    monkeypatch.setenv("WFE_CONFIG", '{"a": "config", "d": "config"}')
    out = wfec("run", "file.yaml", "--var", "a=flag", "--vars-file", "vars.yaml").out
    assert "s | flag file file" in out
    monkeypatch.setenv("WFE_CONFIG", "[]")
    assert wfec("run", "file.yaml").code == 2
    assert wfec("run", "file.yaml", "--var", "novalue").code == 2


@pytest.mark.acceptance("CLI-06")
def test_until_suspends_after_the_step_with_6_and_resume_goes_on(folder: Path, wfec: Wfec) -> None:
    result = wfec("run", write(folder, CHAIN), "--until", "second", "--name", "half", "--json")
    assert result.code == 6
    assert (result.lines[-1]["type"], result.lines[-1]["status"]) == ("run.parked", "suspended")
    assert result.lines[-1]["waiting_for"][0]["kind"] == "resume"
    assert "wfec resume half" in result.err
    assert (folder / "ran.txt").read_text() == "first\nsecond\n"
    resumed = wfec("resume", "half", "--json")
    assert (resumed.code, resumed.lines[-1]["outputs"]) == (0, {"last": "end"})
    assert (folder / "ran.txt").read_text() == "first\nsecond\nthird\n"


def test_until_a_step_that_is_passed_in_the_first_advance_still_stops_there(folder: Path, wfec: Wfec) -> None:
    text = (
        "workflow: {id: w, version: 1, steps: [{name: early, set: {x: '1'}}, {name: late, config: {run: echo late}}]}"
    )
    result = wfec("run", write(folder, text), "--until", "early", "--json")
    assert result.code == 6
    assert steps_of(result.lines) == [("early", "succeeded")]


def test_until_an_unknown_step_is_refused_with_near_names(folder: Path, wfec: Wfec) -> None:
    result = wfec("run", write(folder, CHAIN), "--until", "secondd")
    assert result.code == 2
    assert "second" in result.err.splitlines()[-1]
    assert not (folder / ".wfe").exists()


@pytest.mark.acceptance("CLI-06")
def test_timeout_bounds_the_command_and_suspends_the_run_with_1(folder: Path, wfec: Wfec) -> None:
    text = "workflow: {id: w, version: 1, steps: [{name: nap, sleep: 1h}]}"
    result = wfec("run", write(folder, text), "--timeout", "50ms", "--name", "napping", "--json")
    assert (result.code, result.lines[-1]["type"], result.lines[-1]["status"]) == (1, "run.parked", "suspended")
    assert runs(wfec)[0]["status"] == "suspended"


@pytest.mark.acceptance("CLI-06", "CTL-13")
@pytest.mark.parametrize("name", ["", " ", "a\nb", "a/b", "x" * 201])
def test_a_name_that_can_name_no_run_is_refused(folder: Path, wfec: Wfec, name: str) -> None:
    assert wfec("run", write(folder, GREETING), "--name", name).code == 2


@pytest.mark.acceptance("CLI-06", "CTL-13")
def test_a_name_that_is_taken_is_refused_with_2_and_starts_nothing(folder: Path, wfec: Wfec) -> None:
    write(folder, GREETING)
    assert wfec("run", "file.yaml", "--name", "mine").code == 0
    result = wfec("run", "file.yaml", "--name", "mine", "--json")
    assert (result.code, result.out) == (2, "")
    assert "'mine'" in result.err
    assert [row["name"] for row in runs(wfec)] == ["mine"]


@pytest.mark.acceptance("CLI-06", "CTL-12")
def test_a_key_starts_one_run_and_later_gives_its_result(folder: Path, wfec: Wfec) -> None:
    write(folder, CHAIN)
    first = wfec("run", "file.yaml", "--key", "today", "--json").lines
    second = wfec("run", "file.yaml", "--key", "today", "--json")
    assert second.code == 0
    assert second.lines[-1]["run"] == first[0]["run"]
    assert second.lines[-1]["outputs"] == {"last": "end"}
    assert "was started with this key already" in second.err
    assert (folder / "ran.txt").read_text() == "first\nsecond\nthird\n"


@pytest.mark.acceptance("CTL-12")
def test_a_key_with_other_inputs_is_refused_naming_the_difference(folder: Path, wfec: Wfec) -> None:
    write(folder, GREETING)
    assert wfec("run", "file.yaml", "--key", "k", "-i", "name=Ada").code == 0
    result = wfec("run", "file.yaml", "--key", "k", "-i", "name=Bob")
    assert result.code == 2
    assert "Ada" in result.err
    assert "Bob" in result.err
    assert len(runs(wfec)) == 1


@pytest.mark.acceptance("CLI-07")
def test_the_default_store_lies_under_the_current_folder_and_is_the_owners_alone(folder: Path, wfec: Wfec) -> None:
    assert wfec("run", write(folder, GREETING)).code == 0
    assert stat.S_IMODE((folder / ".wfe").stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / ".wfe" / "wfe.db").stat().st_mode) == 0o600


@pytest.mark.acceptance("CLI-07")
def test_a_store_in_memory_leaves_nothing_on_disk(folder: Path, wfec: Wfec) -> None:
    result = wfec("run", write(folder, FLAKY), "--store", "memory:")
    assert result.code == 1
    assert sorted(path.name for path in folder.iterdir()) == ["file.yaml", "prepared.txt"]
    assert "wfec retry" not in result.err


@pytest.mark.acceptance("CLI-07")
def test_two_runs_at_once_on_one_store_both_end(folder: Path, wfec: Wfec, processes: Start) -> None:
    write(folder, CHAIN)
    both = [processes("run", "file.yaml", "--json") for _ in range(2)]
    results: list[Result] = [finish(process) for process in both]
    assert [(result.code, result.lines[-1]["status"]) for result in results] == [(0, "succeeded")] * 2
    assert sorted(row["name"] for row in runs(wfec)) == ["chain-1", "chain-2"]


def test_a_child_has_lines_of_its_own_run_and_the_last_line_is_the_parents(folder: Path, wfec: Wfec) -> None:
    lines = wfec("run", write(folder, FAMILY), "--json").lines
    top = lines[0]["run"]
    [child] = {line["run"] for line in lines} - {top}
    *passes, fan, returned = steps_of([line for line in lines if line["run"] == child])
    assert sorted(passes) == [("fan[0]/work", "succeeded"), ("fan[1]/work", "succeeded")]  # whichever ends first
    assert [fan, returned] == [("fan", "succeeded"), ("return-1", "succeeded")]
    assert (lines[-1]["type"], lines[-1]["run"], lines[-1]["outputs"]) == ("run.ended", top, {"total": 2})
    ends = [line["run"] for line in lines if line["type"] == "run.ended"]
    assert ends == [child, top]


def test_a_childs_failure_is_told_with_its_path_and_its_place_in_the_file(folder: Path, wfec: Wfec) -> None:
    text = """
workflows:
  - id: main
    version: 1
    steps: [{name: call, type: workflow, config: {workflow: child}}]
  - id: child
    version: 1
    steps:
      - name: fan
        for_each: '[1]'
        do: [{name: work, config: {run: echo broken >&2; exit 9}}]
"""
    result = wfec("run", write(folder, text))
    assert result.code == 1
    assert "call/fan[0]/work" in result.err
    assert "file.yaml:11:" in result.err
    assert "call/fan[0]/work | broken" in result.out


def test_a_failing_expression_is_told_with_the_place_of_the_expression(folder: Path, wfec: Wfec) -> None:
    text = """
workflow:
  id: w
  version: 1
  inputs: {n: {type: integer, default: 0}}
  outputs: {q: number}
  steps:
    - name: split
      set: {q: 1 / inputs.n}
    - return: {q: vars.q}
"""
    result = wfec("run", write(folder, text))
    assert result.code == 1
    assert "file.yaml:9:" in result.err
    lines = wfec("run", "file.yaml", "--json").lines
    assert [lines[0]["type"], lines[-1]["type"]] == ["run.started", "run.ended"]
    assert lines[-1]["error"]["kind"] == "arithmetic"


def test_a_step_that_suspends_the_run_exits_with_6_and_a_skipped_one_has_only_its_end(folder: Path, wfec: Wfec) -> None:
    text = """
workflow:
  id: w
  version: 1
  steps:
    - {name: never, when: 'false', config: {run: echo never}}
    - {name: shaky, config: {run: test -e ok}, error_behavior: {type: suspend}}
"""
    result = wfec("run", write(folder, text), "--json", "--name", "shaky")
    assert result.code == 6
    parked = result.lines[-1]
    assert (parked["type"], parked["status"], parked["waiting_for"][0]["steps"]) == (
        "run.parked",
        "suspended",
        ["shaky"],
    )
    assert parked["error"]["step"] == "shaky"
    assert [line["type"] for line in result.lines if line.get("step") == "never"] == ["step.ended"]
    [reason] = wfec("why", "shaky", "-o", "json").json["waiting_for"]
    assert [(one["step"], one["error"]["kind"]) for one in reason["failed"]] == [("shaky", "exit")]
    assert "; shaky failed: sh exited with code 1; can be ended by somebody who resumes it" in wfec("why", "shaky").out
    [live] = wfec("inspect", "shaky", "--json").json["live"]
    assert (live["step"], live["error"]["exit_code"]) == ("shaky", 1)
    assert "\n    shaky: sh exited with code 1\n" in wfec("inspect", "shaky").out
    (folder / "ok").touch()
    resumed = wfec("resume", "shaky", "--json")
    assert (resumed.code, resumed.lines[-1]["status"]) == (0, "succeeded")
    again = wfec("resume", "shaky")
    assert (again.code, again.err) == (0, "wfec: run shaky has ended already; there is nothing to resume\n")
    assert again.out.startswith("run shaky succeeded after ")


def test_a_tolerated_failure_is_listed_and_the_run_succeeds(folder: Path, wfec: Wfec) -> None:
    text = "workflow: {id: w, version: 1, steps: [{name: soft, config: {run: exit 3}, continue_on_failure: true}]}"
    result = wfec("run", write(folder, text), "--json")
    assert result.code == 0
    assert [row["step"] for row in result.lines[-1]["tolerated"]] == ["soft"]
    assert "tolerated: soft" in wfec("run", "file.yaml").err


@pytest.mark.acceptance("SEC-05")
def test_what_a_step_prints_can_forge_no_line_of_ours_and_steers_no_terminal(folder: Path, wfec: Wfec) -> None:
    text = r"""
workflow:
  id: w
  version: 1
  steps:
    - name: nasty
      config:
        run: |
          printf 'one\r\033[2Jrun w-1 succeeded\n::error::forged\n{"type":"run.ended"}\n\302\233x\342\200\256y\n'
          printf '\033]0;title\007' >&2
          exit 1
"""
    result = wfec("run", write(folder, text))
    assert result.code == 1
    shown = result.out + result.err
    assert not any(ord(letter) < 32 and letter != "\n" for letter in shown)
    assert not {"\x9b", "\u202e", "\x7f"} & set(shown)
    assert not any(line.startswith(("::error", "{", "run w-1 succeeded")) for line in shown.splitlines())
    lines = wfec("run", "file.yaml", "--json").lines
    assert [line["type"] for line in lines].count("run.ended") == 1
    printed = "".join(line["text"] for line in lines if line["type"] == "step.output" and line["stream"] == "stdout")
    assert '{"type":"run.ended"}' in printed


def test_the_hostile_value_arrives_verbatim_and_nothing_of_it_is_executed(folder: Path, wfec: Wfec) -> None:
    text = """
workflow:
  id: w
  version: 1
  inputs: {x: string}
  outputs: {seen: string}
  steps:
    - name: s
      config: {run: 'printf "%s" "${{ inputs.x }}" > seen; echo "seen=ok" >> "$WFE_OUTPUT"'}
      outputs: [{name: seen}]
    - return: {seen: outputs.seen}
"""
    hostile = "$(touch pwned) `touch pwned` \"'\n; touch pwned #"
    assert wfec("run", write(folder, text), "-i", f"x={hostile}").code == 0
    assert (folder / "seen").read_text() == hostile
    assert not (folder / "pwned").exists()


def test_the_stream_is_utf8_whatever_the_locale(folder: Path, processes: Start) -> None:
    from .conftest import environment

    write(folder, GREETING)
    process = processes("run", "file.yaml", "--json", "-i", "name=Zoë", env=environment(PYTHONIOENCODING="ascii"))
    result = finish(process)
    assert json.loads(result.out.splitlines()[-1])["outputs"]["text"] == "Hello, Zoë"


@pytest.mark.acceptance("PAR-01")
def test_as_many_branches_as_the_limit_says_are_under_way_at_once(folder: Path, wfec: Wfec) -> None:
    """Each waits for all others, so ten that ran one after another, or nine at once, would never end."""
    (folder / "here").mkdir()
    meet = "touch here/$NUMBER; while [ $(ls here | wc -l) -lt 10 ]; do sleep 0.02; done"
    branches = "".join(
        f"        - {{name: s{number}, config: {{env: {{NUMBER: '{number}'}}, run: '{meet}'}}}}\n"
        for number in range(10)
    )
    text = "workflow:\n  id: w\n  version: 1\n  steps:\n    - parallel:\n        limit: 10\n        steps:\n" + branches
    result = wfec("run", write(folder, text), "--timeout", "60s")
    assert result.code == 0, result


@pytest.mark.acceptance("SHL-13", "SHL-14")
def test_fifty_megabytes_of_any_bytes_break_no_run_and_are_no_part_of_its_state(folder: Path, wfec: Wfec) -> None:
    text = """
workflow:
  id: w
  version: 1
  steps:
    - name: flood
      config:
        shell: [python3, -c]
        run: |
          import sys
          for _ in range(500):
              sys.stdout.buffer.write((b"\\xff\\xfe\\x00" + b"x" * 996 + b"\\n") * 100)
    - {name: after, config: {run: echo after}}
"""
    write(folder, text)
    command = [sys.executable, "-m", "wfe_runtime", "run", "file.yaml", "--json"]
    done = subprocess.run(command, cwd=folder, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (0, b"")
    store = sqlite3.connect(folder / ".wfe" / "wfe.db")
    ((journal,),) = store.execute("SELECT sum(length(delta)) FROM journal")
    ((state,),) = store.execute("SELECT coalesce(sum(length(state)), 0) FROM snapshots")
    ((result,),) = store.execute("SELECT sum(length(result)) FROM results")
    ((logged,),) = store.execute("SELECT sum(length(CAST(text AS BLOB))) FROM logs")
    store.close()
    assert journal + state + result < 4096
    assert logged >= 50_000_000
