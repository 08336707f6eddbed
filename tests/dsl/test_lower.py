"""What a workflow compiles to: layouts that the verifier accepts and the machine runs as meant."""

from __future__ import annotations

from typing import Any

import pytest

from tests.dsl.build import Ended, compile_text, compiled, in_workflow, run
from wfe_vm import opcodes as op
from wfe_vm.program import unpack_code


def value(expression: str, inputs: dict[str, Any] | None = None, keys: str = "") -> Any:
    """Return what an expression gives, or the kind of its error."""
    ended = run(compiled(f"- set: {{x: {quoted(expression)}}}", f"outputs: {{x: any}}\n{keys}"), inputs)
    return ended.outputs.get("x") if ended.error is None else ended.error.kind


def quoted(expression: str) -> str:
    return "'" + expression.replace("'", "''") + "'"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("1 + 2 * 3", 7),
        ("-inputs.n", -2),
        ("!(inputs.n == 2)", False),
        ("inputs.n % 3", 2),
        ("'a' in ['a', 'b']", True),
        ("['a', 'b'] contains 'c'", False),
        ("{b: inputs.n, a: [1, inputs.n]}", {"a": [1, 2], "b": 2}),
        ("inputs.deep.list[inputs.n].name", "third"),
        ('inputs["odd key"]', 5),
        ("inputs.deep.missing", None),
        ("inputs.n > 1 ? 'many' : 'one'", "many"),
        ("map(filter([1, 2, 3], x => x != inputs.n), x => x * 10)", [10, 30]),
        ("map([1, 2], x => map([10, 20], y => x * y))", [[10, 20], [20, 40]]),
        ("map([1], x => map([2], x => x))", [[2]]),
        ("len(keys(inputs.deep))", 1),
        ("run.id", "r1"),
        ("run.workflow", "demo"),
        ("host.has('docker')", None),
    ],
)
def test_an_expression_gives_its_value(expression: str, expected: Any) -> None:
    inputs = {"n": 2, "deep": {"list": [{}, {}, {"name": "third"}]}, "odd key": 5}
    assert value(expression, inputs) == expected


@pytest.mark.acceptance("EXP-05")
@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("inputs.no && inputs.text < 1", False),
        ("inputs.yes || inputs.text < 1", True),
        ("inputs.yes and inputs.yes", True),
        ("inputs.no or inputs.no", False),
        ("not inputs.no", True),
        ("inputs.n ?? inputs.text < 1", 1),
        ("inputs.missing ?? 7", 7),
        ("inputs.yes ? 1 : inputs.text < 1", 1),
        ("inputs.no ? inputs.text < 1 : 2", 2),
        ("inputs.yes && inputs.n", "type"),
        ("inputs.n && inputs.yes", "type"),
        ("inputs.no || inputs.text", "type"),
        ("inputs.text || inputs.yes", "type"),
        ("inputs.text ? 1 : 2", "type"),
        ("inputs.yes && inputs.missing", "null"),
        ("inputs.yes && inputs.text < 1", "type"),
    ],
)
def test_only_what_decides_is_evaluated_and_has_to_be_a_bool(expression: str, expected: Any) -> None:
    assert value(expression, {"yes": True, "no": False, "n": 1, "text": "a"}) == expected


@pytest.mark.acceptance("EXP-05")
def test_the_words_and_the_signs_are_one_program() -> None:
    words = compiled("- {sleep: 1s, when: not (inputs.a and inputs.b or inputs.c)}")
    signs = compiled("- {sleep: 1s, when: '!(inputs.a && inputs.b || inputs.c)'}")
    assert words.hash == signs.hash


def test_a_bool_whose_form_says_so_is_not_checked_again() -> None:
    words = unpack_code(compiled("- {sleep: 1s, when: inputs.a == 1 && inputs.b == 2}").program.code)
    assert op.CHECK_BOOL not in words


@pytest.mark.acceptance("EXP-13")
def test_a_skipped_step_gives_null_and_says_that_it_was_skipped() -> None:
    steps = """
- {name: build, when: inputs.go == true, config: {run: 'true'}, outputs: [{name: n, type: integer}]}
- set: {status: steps.build.status, n: steps.build.output.n ?? 7, null_again: outputs.n}
- {name: leaf, when: {field: n, gt: 1}, config: {run: 'true'}}
- set: {leaf: steps.leaf.status}
"""
    keys = "outputs: {status: string, n: 'integer?', null_again: 'integer?', leaf: string}"
    program = compiled(steps, keys)
    skipped = run(program, {"go": False})
    assert skipped.outputs == {"status": "skipped", "n": 7, "null_again": None, "leaf": "skipped"}
    done = run(program, {"go": True}, {"build": {"n": 3}})
    assert done.outputs["leaf"] == "succeeded"


@pytest.mark.acceptance("EXP-13", "EXP-14")
def test_a_comparison_that_needs_a_skipped_value_ends_its_step_in_error() -> None:
    steps = """
- {name: build, when: inputs.go == true, config: {run: 'true'}, outputs: [{name: n}]}
- {name: after, when: outputs.n > 1, config: {run: 'true'}}
"""
    program = compiled(steps)
    ended = run(program, {"go": False})
    assert (ended.status, ended.error.kind, ended.error.step) == ("failed", "null", "after")
    position = program.source_map.position_at(ended.error.details["pc"])
    assert position is not None
    assert position[1] == 6


@pytest.mark.acceptance("EXP-14")
@pytest.mark.parametrize(
    "steps",
    [
        "- {name: bad, when: inputs.x < 1, config: {run: 'true'}}",
        "- {name: bad, config: {run: 'echo ${{ inputs.x - 1 }}'}}",
        "- {name: bad, config: {run: 'true', env: {A: '${{ inputs.x - 1 }}'}}}",
        "- {name: bad, config: {run: 'true'}, inputs: {a: inputs.x - 1}}",
        "- {name: bad, if: inputs.x - 1 == 0, then: [{sleep: 1s}]}",
        "- {name: bad, while: inputs.x < 1, max_iterations: 3, do: [{set: {a: '1'}}]}",
        "- {name: bad, until: inputs.x < 1, max_iterations: 3, do: [{set: {a: '1'}}]}",
        "- {name: bad, for_each: inputs.x, do: [{sleep: 1s}]}",
        "- {name: bad, for_each: '[1]', collect: {c: inputs.x - 1}, do: [{set: {a: '1'}}]}",
        "- {name: bad, set: {a: inputs.x - 1}}",
        "- {name: bad, return: {a: inputs.x - 1}}",
        "- {name: bad, fail: '${{ inputs.x - 1 }}'}",
        "- {name: bad, sleep_until: inputs.x - 1}",
        "- {name: bad, type: workflow, config: {workflow: w, version: 1}, inputs: {a: inputs.x - 1}}",
    ],
)
def test_an_error_in_an_expression_ends_its_step_and_says_where(steps: str) -> None:
    program = compiled(steps, "outputs: {a: any}" if "return" in steps else "")
    ended = run(program, {"x": "text"})
    assert (ended.status, ended.error.kind) == ("failed", "type")
    assert ended.error.step.startswith("bad")
    assert program.source_map.position_at(ended.error.details["pc"]) is not None


def task_of(steps: str, name: str, inputs: dict[str, Any], results: Any = None, keys: str = "") -> Any:
    return run(compiled(steps, keys), inputs, results).tasks[name]


def test_a_wholly_constant_config_is_one_constant() -> None:
    program = compiled("- {name: a, config: {run: 'true', env: {B: '2', A: '1'}}}").program
    assert {"run": "true", "env": {"A": "1", "B": "2"}} in program.constants


def test_a_shell_task_gets_its_expressions_beside_its_script_and_the_runs_data() -> None:
    steps = """
- {name: build, config: {run: 'true'}, outputs: [{name: image}]}
- {name: push, config: {run: 'echo ${{ inputs.a }} "${{ outputs.image }}"'}, inputs: {b: inputs.a + 1}}
"""
    command = task_of(steps, "push", {"a": 1, "image": "hidden"}, {"build": {"image": "app:1"}})
    assert command.config["run"] == 'echo "${WFE_EXPR_1}" "${WFE_EXPR_2}"'
    assert command.config["expressions"] == {"WFE_EXPR_1": 1, "WFE_EXPR_2": "app:1"}
    assert command.inputs == {"b": 2}
    assert command.data == {"a": 1, "image": "app:1"}


def test_a_task_without_inputs_says_that_none_were_written() -> None:
    assert task_of("- {name: a, config: {run: 'true'}}", "a", {"x": 1}).inputs is None


def test_data_of_another_branch_is_not_seen() -> None:
    steps = """
- {name: before, config: {run: 'true'}, outputs: [{name: early}]}
- parallel:
    - {name: one, config: {run: 'true'}, outputs: [{name: x}]}
    - sequence:
        - {name: two, config: {run: 'true'}, outputs: [{name: y}]}
        - {name: three, config: {run: 'true'}}
- {name: after, config: {run: 'true'}}
"""
    ended = run(compiled(steps), {}, {"before": {"early": 1}, "one": {"x": 2}, "two": {"y": 3}})
    seen = {path.rpartition("/")[2]: command.data for path, command in ended.tasks.items()}
    assert seen["one"] == {"early": 1}
    assert seen["three"] == {"early": 1, "y": 3}
    assert seen["after"] == {"early": 1, "x": 2, "y": 3}


def test_an_iteration_sees_its_own_outputs_over_outer_ones() -> None:
    steps = """
- {name: before, config: {run: 'true'}, outputs: [{name: x}]}
- for_each: '[1]'
  do:
    - {name: first, config: {run: 'true'}}
    - {name: second, config: {run: 'true'}, outputs: [{name: x}]}
    - {name: third, config: {run: 'true'}}
"""
    ended = run(compiled(steps), {}, {"before": {"x": "outer"}, "second": {"x": "inner"}})
    seen = {path.rpartition("/")[2]: command.data for path, command in ended.tasks.items()}
    assert (seen["first"], seen["third"]) == ({"x": "outer"}, {"x": "inner"})


def test_stdout_is_kept_where_an_expression_reads_it_and_nowhere_else() -> None:
    steps = """
- {name: a, config: {run: 'true'}}
- {name: b, config: {run: 'true'}}
- {name: c, when: {field: b.stdout, equals: hi}, config: {run: 'true'}}
- set: {x: steps.b.stdout, c: steps.c.status}
"""
    program = compiled(steps, "outputs: {x: 'string?', c: string}")
    assert [row.keep_stdout for row in program.program.steps[1:4]] == [False, True, False]
    assert run(program, {}, {"b": {"stdout": "hi"}}).outputs == {"x": "hi", "c": "succeeded"}


def test_loops_conditions_and_collected_lists() -> None:
    steps = """
- set: {n: '0', log: '[]'}
- while: vars.n < 3
  max_iterations: 10
  do: [{set: {n: vars.n + 1, log: 'vars.log + [vars.n]'}}]
- until: vars.n >= 5
  max_iterations: 10
  do: [{set: {n: vars.n + 1}}]
- name: fan
  for_each: vars.log
  as: entry
  collect: {twice: vars.double}
  do: [{set: {double: entry * 2 + index}}]
- name: serial
  for_each: '[1, 2, 3]'
  limit: 1
  do: [{set: {n: vars.n + item}}]
- if: vars.n > 10
  then: [{set: {size: "'big'"}}]
  else: [{set: {size: "'small'"}}]
- set: {same: vars.twice == steps.fan.output.twice}
"""
    ended = run(compiled(steps, "outputs: {n: any, log: any, twice: any, size: any, same: any}"))
    assert ended.outputs == {"n": 11, "log": [0, 1, 2], "twice": [0, 3, 6], "size": "big", "same": True}


def test_collect_by_name_gathers_each_iterations_flat_outputs() -> None:
    steps = """
- name: fan
  for_each: '[1, 2]'
  collect: all
  do: [{name: work, config: {run: 'true'}, outputs: [{name: b}, {name: a}]}]
"""
    ended = run(compiled(steps, "outputs: {all: list<any>}"), {}, {"work": {"a": 1, "b": 2}})
    assert ended.outputs == {"all": [{"a": 1, "b": 2}, {"a": 1, "b": 2}]}


def test_a_set_evaluates_all_before_it_assigns() -> None:
    steps = "- set: {a: '1', b: '2'}\n- set: {a: vars.b, b: vars.a}"
    assert run(compiled(steps, "outputs: {a: any, b: any}")).outputs == {"a": 2, "b": 1}


def test_return_ends_the_run_with_its_outputs() -> None:
    steps = "- if: inputs.early == true\n  then: [{return: {x: \"'early'\"}}]\n- set: {x: \"'late'\"}"
    program = compiled(steps, "outputs: {x: string}")
    assert [run(program, {"early": early}).outputs for early in (True, False)] == [{"x": "early"}, {"x": "late"}]


def test_a_workflow_without_declared_outputs_gives_none() -> None:
    assert run(compiled("- set: {x: '1'}")).outputs == {}


def test_hooks_know_what_they_serve() -> None:
    steps = """
- name: bad
  fail: no ${{ inputs.why }}
  continue_on_failure: true
  on_failure:
    name: tell
    config: {run: 'echo ${{ outcome }} ${{ error.message }} ${{ attempt }} ${{ steps.bad.error.kind }}'}
"""
    command = task_of(steps, "bad/on_failure/tell", {"why": "way"})
    assert list(command.config["expressions"].values()) == ["failure", "no way", 1, "fail"]


def test_a_hook_inside_a_hook_knows_the_inner_step() -> None:
    steps = """
- name: outer
  fail: outer
  continue_on_failure: true
  on_failure:
    name: inner
    fail: inner
    on_failure: {name: tell, config: {run: 'echo ${{ error.message }}'}}
"""
    ended: Ended = run(compiled(steps))
    command = ended.tasks["outer/on_failure/inner/on_failure/tell"]
    assert command.config["expressions"] == {"WFE_EXPR_1": "inner"}


# Policies


@pytest.mark.acceptance("YML-19")
def test_defaults_serve_tasks_alone_and_give_way_to_their_own_keys() -> None:
    keys = """defaults:
  timeout: 5m
  retry: {attempts: 4, interval: 2s}
  error_behavior: {type: suspend}
  env: {A: base, B: base}
  working_dir: there
  shell: bash"""
    steps = """
- {name: plain, config: {run: 'true'}}
- name: own
  timeout: 1s
  retry: 2
  error_behavior: {type: terminate}
  config: {run: 'true', env: {B: own, C: own}, working_dir: here, shell: dash}
  ensure: {name: hook, config: {run: 'true'}}
- {name: block, sequence: [{sleep: 1s}]}
"""
    program = compiled(steps, keys)
    rows = {row.name: row for row in program.program.steps}
    assert (rows["plain"].timeout_ms, rows["own"].timeout_ms, rows["hook"].timeout_ms) == (300_000, 1000, 300_000)
    assert (rows["block"].timeout_ms, rows["sleep-1"].timeout_ms, rows["block"].retry) == (0, 0, None)
    assert [rows[name].retry.attempts for name in ("plain", "own", "hook")] == [4, 2, 4]
    assert [rows[name].exhausted for name in ("plain", "own", "block")] == ["suspend", "terminate", "fail"]
    ended = run(program)
    assert ended.tasks["plain"].config == {
        "run": "true",
        "env": {"A": "base", "B": "base"},
        "working_dir": "there",
        "shell": "bash",
    }
    assert ended.tasks["own"].config["env"] == {"A": "base", "B": "own", "C": "own"}
    assert (ended.tasks["own"].config["working_dir"], ended.tasks["own"].config["shell"]) == ("here", "dash")


@pytest.mark.acceptance("YML-19")
def test_the_workflows_older_error_behavior_serves_its_tasks() -> None:
    steps = """
- {name: plain, config: {run: 'true'}}
- {name: other, error_behavior: {type: suspend}, config: {run: 'true'}}
- {name: block, sequence: [{sleep: 1s}]}
"""
    rows = {row.name: row for row in compiled(steps, "error_behavior: {type: retry}").program.steps}
    retry = rows["plain"].retry
    assert retry is not None
    assert (retry.attempts, retry.interval_ms) == (4, 60_000)
    assert (rows["other"].retry, rows["other"].exhausted) == (None, "suspend")
    assert rows["block"].retry is None
    later = {row.name: row for row in compiled(steps, "error_behavior: {type: suspend}").program.steps}
    assert [later[name].exhausted for name in ("plain", "block", "demo")] == ["suspend", "fail", "fail"]


def test_blocks_carry_their_limits() -> None:
    steps = """
- {name: a, parallel: {steps: [{sleep: 1s}, {sleep: 2s}], limit: 4, fail_fast: stop}}
- {name: b, for_each: '[1]', do: [{sleep: 1s}]}
- {name: c, for_each: '[1]', limit: 3, fail_fast: cancel, do: [{sleep: 1s}]}
- {name: d, while: run.id == '', max_iterations: 7, do: [{sleep: 1s}]}
"""
    rows = {row.name: row for row in compiled(steps, "timeout: 1h").program.steps}
    assert (rows["a"].limit, rows["a"].fail_fast, len(rows["a"].branches)) == (4, "stop", 2)
    assert (rows["b"].limit, rows["b"].fail_fast) == (16, "never")
    assert (rows["c"].limit, rows["c"].fail_fast) == (3, "cancel")
    assert rows["d"].max_passes == 7
    assert rows["demo"].timeout_ms == 3_600_000


# Children


def test_a_child_in_the_same_files_is_pinned_and_given_what_it_declares() -> None:
    text = """
workflows:
  - id: parent
    version: 1
    inputs: {tag: string, other: string}
    steps:
      - {name: make, config: {run: 'true'}, outputs: [{name: image}]}
      - {name: bare, type: workflow, config: {workflow: child}}
      - {name: given, type: workflow, config: {workflow: child, version: 1}, inputs: {tag: inputs.other}}
      - {name: outside, type: workflow, config: {workflow: elsewhere, version: 5, detach: true}}
  - {id: child, version: 1, inputs: {tag: string}, steps: [{sleep: 1s}]}
  - {id: child, version: 2, inputs: {tag: string, image: any, extra: string?}, steps: [{sleep: 1s}]}
"""
    (parent, first, second), found = compile_text(text)
    assert found == []
    bare, given, outside = (row.child for row in parent.program.steps if row.child is not None)
    assert (bare.version, bare.program, bare.implicit_inputs) == (2, second.hash, True)
    assert (given.version, given.program, given.implicit_inputs) == (1, first.hash, False)
    assert (outside.workflow, outside.version, outside.program) == ("elsewhere", 5, "")
    assert (outside.detach, outside.implicit_inputs) == (True, True)


def test_a_written_version_is_the_same_program_as_the_highest_by_default() -> None:
    text = """
workflows:
  - id: parent
    version: 1
    steps: [{{name: call, type: workflow, config: {{workflow: child{}}}}}]
  - {{id: child, version: 2, steps: [{{sleep: 1s}}]}}
"""
    without, with_version = (compile_text(text.format(more))[0][0].hash for more in ("", ", version: 2"))
    assert without == with_version


def test_what_asks_for_the_host_is_listed() -> None:
    steps = "- {sleep: 1s, when: host.has('docker') && !host.has('deno')}"
    assert compiled(steps).program.host_names == ("deno", "docker")


def test_the_source_map_leads_from_code_to_the_lines() -> None:
    text = in_workflow("- name: a\n  when: inputs.x == 1\n  config:\n    run: echo ${{ inputs.y }}\n- fail: no")
    (program,), _ = compile_text(text)
    map = program.source_map
    assert map.files == ("test.yaml",)
    assert [position[1] for position in map.steps] == [2, 5, 9]
    lines = {position[1] for _, position in map.code}
    assert lines >= {5, 6, 8, 9}
