"""Branches, loops, fan-out, data and sub-workflows, on the machine alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from wfe_vm.commands import RunStep
from wfe_vm.events import Cancel, ChildEnded, Resume, Terminate
from wfe_vm.outcome import Failure

from .simulation import Fails, Simulation, compile_text
from .test_hooks import simulate


def workflow(steps: str, head: str = "") -> str:
    """Return a file with one workflow ``w`` of these steps."""
    indented = "\n".join(f"    {line}" for line in steps.strip().splitlines())
    return f"workflow:\n  id: w\n  version: 1\n{head}\n  steps:\n{indented}\n"


@pytest.mark.acceptance("PAR-01", "PAR-03")
def test_branches_run_together_each_once_and_the_join_waits_for_all(tmp_path: Path) -> None:
    text = workflow(
        """
- parallel:
    - {name: a, config: {run: a}, outputs: [{name: x, type: integer}]}
    - sequence: [{name: b, config: {run: a}}, {name: c, config: {run: a}}]
- {name: after, config: {run: a}, inputs: {x: outputs.x}}
"""
    )
    run = simulate(tmp_path, text, {"parallel-1/a": None})
    run.settle()
    assert run.paths_run() == ["parallel-1/a", "parallel-1/sequence-1/b", "parallel-1/sequence-1/c"]
    run.end("parallel-1/a", {"x": 5})
    run.finish()
    assert run.paths_run()[-1] == "after"
    assert run.ran[-1].inputs == {"x": 5}
    assert run.status == "succeeded"


@pytest.mark.acceptance("PAR-02")
@pytest.mark.parametrize("block", ["parallel: {limit: 2, steps: [%s]}", "for_each: range(6)\n  limit: 2\n  do: [%s]"])
def test_never_more_than_the_limit_run_at_once(tmp_path: Path, block: str) -> None:
    if block.startswith("parallel"):
        inner = ", ".join(f"{{name: s{n}, config: {{run: a}}}}" for n in range(6))
    else:
        inner = "{name: s, config: {run: a}}"
    most = 0

    def count(command: RunStep) -> None:
        return None

    program = compile_text(tmp_path, workflow(f"- name: block\n  {block % inner}"))["w"]
    run = Simulation(program, {}, count)
    for _ in range(6):
        most = max(most, len(run.running))
        run.end(next(iter(run.running.values())).path, {})
    assert (most, len(run.ran), run.status) == (2, 6, "succeeded")


@pytest.mark.acceptance("PAR-02")
def test_without_a_limit_a_fan_out_is_bounded_all_the_same(tmp_path: Path) -> None:
    text = workflow("- {name: fan, for_each: range(1000), do: [{name: s, config: {run: a}}]}")
    run = Simulation(compile_text(tmp_path, text)["w"], {}, lambda command: None)
    assert len(run.running) == 16


FAIL_FAST = """
- name: block
  parallel:
    limit: 2
    fail_fast: {mode}
    steps:
      - {{name: bad, config: {{run: a}}}}
      - {{name: slow, config: {{run: a}}, on_abort: {{name: tidy, config: {{run: a}}}}}}
      - {{name: late, config: {{run: a}}}}
"""


@pytest.mark.acceptance("PAR-04")
@pytest.mark.parametrize(
    ("mode", "after_failure"),
    [
        ("never", ["block/late"]),
        ("false", ["block/late"]),
        ("stop", []),
        ("cancel", ["block/slow/on_abort/tidy"]),
        ("true", ["block/slow/on_abort/tidy"]),
    ],
)
def test_a_failing_branch_has_the_others_finish_stop_or_be_cancelled(
    tmp_path: Path, mode: str, after_failure: list[str]
) -> None:
    run = simulate(tmp_path, workflow(FAIL_FAST.format(mode=mode)), {"block/bad": Fails(), "block/slow": None})
    run.settle()
    if mode in ("never", "false", "stop"):
        run.end("block/slow", {})
    run.finish()
    assert run.paths_run()[2:] == after_failure
    assert run.status == "failed"
    assert run.error is not None
    assert run.error.step == "block/bad"


@pytest.mark.acceptance("PAR-04")
def test_the_first_failure_decides_and_the_others_are_its_causes(tmp_path: Path) -> None:
    text = workflow("- {name: fan, for_each: range(3), do: [{name: s, config: {run: a}}]}")
    run = simulate(tmp_path, text, {f"fan[{n}]/s": Fails() for n in range(3)}).finish()
    assert run.error is not None
    assert run.error.step == "fan[0]/s"
    assert [cause.step for cause in run.error.causes] == ["fan[1]/s", "fan[2]/s"]


@pytest.mark.acceptance("PAR-05")
@pytest.mark.parametrize(("n", "ran"), [(1, ["if-1/low", "after"]), (9, ["if-1/high", "after"])])
def test_if_takes_one_branch(tmp_path: Path, n: int, ran: list[str]) -> None:
    text = workflow(
        """
- if: inputs.n < 5
  then: [{name: low, config: {run: a}}]
  else: [{name: high, config: {run: a}}]
- {name: after, config: {run: a}}
""",
        "  inputs: {n: integer}",
    )
    assert simulate(tmp_path, text, n=n).finish().paths_run() == ran


@pytest.mark.acceptance("PAR-07", "PAR-08")
def test_while_tests_before_and_until_after_each_pass(tmp_path: Path) -> None:
    text = workflow(
        """
- set: {i: "0", j: "0"}
- name: never
  while: "false"
  max_iterations: 9
  do: [{name: no, config: {run: a}}]
- name: thrice
  while: vars.i < 3
  max_iterations: 9
  do:
    - {name: body, config: {run: a}}
    - set: {i: vars.i + 1}
- name: once
  until: "true"
  max_iterations: 9
  do: [{name: last, config: {run: a}}]
"""
    )
    run = simulate(tmp_path, text).finish()
    assert run.paths_run() == ["thrice[0]/body", "thrice[1]/body", "thrice[2]/body", "once[0]/last"]
    assert run.status == "succeeded"


@pytest.mark.acceptance("PAR-09")
def test_a_loop_that_reaches_its_bound_ends_in_error(tmp_path: Path) -> None:
    text = workflow("- {name: loop, while: 'true', max_iterations: 3, do: [{name: body, config: {run: a}}]}")
    run = simulate(tmp_path, text).finish()
    assert run.status == "failed"
    assert run.error is not None
    assert (run.error.kind, run.error.step) == ("limit", "loop")
    assert "3" in run.error.message


@pytest.mark.acceptance("PAR-10", "PAR-14")
def test_collect_is_in_input_order_however_the_items_end_and_null_where_one_was_tolerated(tmp_path: Path) -> None:
    text = workflow(
        """
- name: fan
  for_each: inputs.items
  as: item
  collect: {doubled: steps.work.output.n}
  do:
    - {name: work, config: {run: a, env: {N: "${{ item }}", I: "${{ index }}"}}, continue_on_failure: true}
- return: {doubled: vars.doubled, same: steps.fan.output.doubled}
""",
        "  inputs: {items: list<integer>}\n  outputs: {doubled: list<any>, same: list<any>}",
    )
    run = Simulation(compile_text(tmp_path, text)["w"], {"items": [10, 2, 3]}, lambda command: None)
    assert [command.config["env"] for command in run.ran] == [
        {"N": "10", "I": "0"},
        {"N": "2", "I": "1"},
        {"N": "3", "I": "2"},
    ] or [command.config["env"] for command in run.ran] == [
        {"N": 10, "I": 0},
        {"N": 2, "I": 1},
        {"N": 3, "I": 2},
    ]
    run.end("fan[2]/work", {"n": 6})
    run.end("fan[1]/work", Fails())
    run.end("fan[0]/work", {"n": 20})
    run.finish()
    assert run.status == "succeeded"
    assert run.outputs == {"doubled": [20, None, 6], "same": [20, None, 6]}


@pytest.mark.acceptance("PAR-11")
def test_an_empty_list_runs_nothing_and_null_is_an_error(tmp_path: Path) -> None:
    text = workflow(
        """
- {name: fan, for_each: inputs.items, collect: {all: item}, do: [{name: s, config: {run: a}}]}
- return: {all: vars.all}
""",
        "  inputs: {items: 'list<any>?'}\n  outputs: {all: list<any>}",
    )
    run = simulate(tmp_path, text, items=[]).finish()
    assert (run.paths_run(), run.status, run.outputs) == ([], "succeeded", {"all": []})
    run = simulate(tmp_path, text, items=None).finish()
    assert run.error is not None
    assert (run.status, run.error.kind, run.error.step) == ("failed", "null", "fan")


@pytest.mark.acceptance("PAR-16")
def test_names_mean_the_nearest_iteration(tmp_path: Path) -> None:
    text = workflow(
        """
- name: outer
  for_each: "['a', 'b']"
  as: letter
  limit: 1
  do:
    - {name: first, config: {run: a}}
    - name: inner
      for_each: "[1, 2]"
      limit: 1
      do:
        - {name: work, config: {run: a}, inputs: {v: "steps.first.output.v + string(item) + letter"}}
"""
    )
    run = simulate(tmp_path, text, {"outer[0]/first": {"v": "x"}, "outer[1]/first": {"v": "y"}}).finish()
    assert [command.inputs["v"] for command in run.ran if "work" in command.path] == ["x1a", "x2a", "y1b", "y2b"]
    assert [command.path for command in run.ran if "work" in command.path] == [
        "outer[0]/inner[0]/work",
        "outer[0]/inner[1]/work",
        "outer[1]/inner[0]/work",
        "outer[1]/inner[1]/work",
    ]


@pytest.mark.acceptance("PAR-18")
def test_return_ends_the_run_well_through_its_hooks_and_fail_fails_it(tmp_path: Path) -> None:
    text = workflow(
        """
- name: block
  ensure: {name: sweep, config: {run: a}}
  sequence:
    - if: inputs.good
      then: [{name: done, return: {answer: "42"}}]
      else: [{name: bad, fail: "no ${{ inputs.good }}"}]
- {name: after, config: {run: a}}
""",
        "  inputs: {good: bool}\n  outputs: {answer: integer?}",
    )
    run = simulate(tmp_path, text, good=True).finish()
    assert (run.paths_run(), run.status, run.outputs) == (["block/ensure/sweep"], "succeeded", {"answer": 42})
    run = simulate(tmp_path, text, good=False).finish()
    assert run.error is not None
    assert (run.status, run.error.kind, run.error.message) == ("failed", "fail", "no false")


@pytest.mark.acceptance("TYP-10", "TYP-08")
def test_an_output_of_a_wrong_type_ends_the_step_in_error_and_stores_nothing_of_it(tmp_path: Path) -> None:
    text = workflow(
        "- {name: a, config: {run: a}, continue_on_failure: true, outputs: [{name: n, type: integer}]}\n"
        "- return: {n: outputs.n ?? -1}",
        "  outputs: {n: integer}",
    )
    run = simulate(tmp_path, text, {"a": {"n": "abc"}}).finish()
    assert (run.statuses()["a"], run.outputs) == ("error", {"n": -1})
    error = next(record.error for record in run.records if record.path == "a" and record.what == "ended")
    assert error is not None
    assert error.kind == "type"
    assert "n" in error.message


@pytest.mark.acceptance("EXP-14")
def test_an_expression_that_fails_ends_its_step_in_error_and_siblings_keep_their_results(tmp_path: Path) -> None:
    text = workflow(
        """
- parallel:
    - {name: bad, config: {run: a}, when: inputs.n / inputs.zero > 1}
    - {name: good, config: {run: a}, outputs: [x]}
""",
        "  inputs: {n: integer, zero: integer}",
    )
    text = text.replace("outputs: [x]", "outputs: [{name: x}]")
    run = simulate(tmp_path, text, {"parallel-1/good": {"x": 1}}, n=1, zero=0).finish()
    assert run.statuses() == {"parallel-1/bad": "error", "parallel-1/good": "succeeded", "parallel-1": "error"}
    assert run.error is not None
    assert run.error.kind == "arithmetic"
    assert "pc" in run.error.details


@pytest.mark.acceptance("MCH-11")
def test_a_loop_without_an_end_ends_the_run_in_error_naming_the_limit(tmp_path: Path) -> None:
    text = workflow("- {name: spin, while: 'true', do: [{name: s, set: {x: '1'}}]}")
    program = compile_text(tmp_path, text)["w"]
    from wfe_vm.events import Started
    from wfe_vm.machine import Machine

    machine = Machine(program, max_instructions=10_000)
    state = machine.new_state("r", "r", "h")
    machine.advance(state, Started(1, {}))
    assert state.status == "failed"
    assert state.end is not None
    assert state.end[2] is not None
    assert (state.end[2].kind, state.pointers) == ("limit", {})
    assert "10000" in state.end[2].message


def passes_until_the_limit(tmp_path: Path, value: str) -> int:
    """Return how many passes a loop comes to that sets a variable to a value in each, until it ends by the limit."""
    from wfe_vm.events import Started
    from wfe_vm.machine import Machine

    head = "  inputs: {many: 'list<any>', same: 'list<any>', text: string}"
    text = workflow(f"- {{name: spin, while: 'true', do: [{{name: s, set: {{x: {value}}}}}]}}", head)
    machine = Machine(compile_text(tmp_path, text)["w"], max_instructions=20_000)
    state = machine.new_state("r", "r", "h")
    many = [[number] for number in range(3200)]
    inputs = {"many": many, "same": [list(item) for item in many], "text": "x" * 320_000}
    machine.advance(state, Started(1, inputs))
    assert state.end is not None
    failure = state.end[2]
    assert failure is not None
    assert failure.kind == "limit", failure
    assert "work on large values" in failure.message
    found = re.search(r"spin\[(\d+)\]", failure.step)
    assert found is not None, failure
    return int(found[1])


@pytest.mark.acceptance("MCH-11")
@pytest.mark.parametrize(
    "value",
    [
        "'${{ inputs.many }}'",
        "'${{ len(inputs.many + [1]) }}'",
        "'${{ len(inputs.text + \"x\") }}'",
        "'${{ inputs.many == inputs.same }}'",
        "'${{ inputs.many != inputs.same }}'",
        "'${{ [-1] in inputs.many }}'",
        "'${{ -1 in inputs.many }}'",
        "'${{ index_of(inputs.many, [-1]) }}'",
        "'${{ len(unique(inputs.many)) }}'",
        "'${{ len(reverse(inputs.many)) }}'",
        "'${{ len(to_json(inputs.many)) }}'",
        "'${{ len(upper(inputs.text)) }}'",
    ],
)
def test_work_on_large_values_counts_as_many_instructions(tmp_path: Path, value: str) -> None:
    assert passes_until_the_limit(tmp_path, value) < passes_until_the_limit(tmp_path, "1") / 3


@pytest.mark.acceptance("MCH-12")
def test_a_result_over_the_limit_on_state_ends_its_step_in_error(tmp_path: Path) -> None:
    from wfe_vm.events import Started, StepEnded
    from wfe_vm.machine import Machine

    program = compile_text(tmp_path, workflow("- {name: a, config: {run: a}}"))["w"]
    machine = Machine(program, max_state_bytes=10_000)
    state = machine.new_state("r", "r", "h")
    machine.advance(state, Started(1, {}))
    machine.advance(state, StepEnded(2, 2, 1, "success", {"w": "y", "x": "y" * 20_000}))
    assert state.end is not None
    assert state.end[2] is not None
    assert (state.end[0], state.end[2].kind, state.end[2].step) == ("failed", "limit", "a")
    assert "the result of a of 20036 bytes, of which x has 20005 brings" in state.end[2].message
    assert len(state.snapshot()) < 2_000


@pytest.mark.acceptance("MCH-12")
def test_a_result_larger_than_any_state_names_its_step_and_field(tmp_path: Path) -> None:
    from wfe_vm.events import Started, StepEnded
    from wfe_vm.machine import Machine

    machine = Machine(compile_text(tmp_path, workflow("- {name: a, config: {run: a}}"))["w"])
    state = machine.new_state("r", "r", "h")
    machine.advance(state, Started(1, {}))
    machine.advance(state, StepEnded(2, 2, 1, "success", {"w": "y", "rows": ["y" * 1000] * 100_000}))
    assert state.end is not None
    assert state.end[2] is not None
    assert (state.end[2].kind, state.end[2].step) == ("limit", "a")
    assert "the result of a, of which rows alone is too large: " in state.end[2].message


@pytest.mark.acceptance("MCH-10")
def test_a_long_loop_leaves_a_state_of_constant_size(tmp_path: Path) -> None:
    text = workflow(
        """
- set: {i: "0"}
- name: loop
  while: vars.i < inputs.n
  max_iterations: 1000000
  do:
    - {name: count, set: {i: vars.i + 1}}
    - {name: nap, sleep: 1s}
""",
        "  inputs: {n: integer}",
    )
    sizes = []
    run = Simulation(compile_text(tmp_path, text)["w"], {"n": 300})
    while run.ended is None:
        sizes.append(len(run.state.snapshot()))
        run.now = run.state.due()
        from wfe_vm.events import Tick

        run.advance(Tick(run.now))
    assert max(sizes[1:]) - min(sizes[1:]) <= 16


FAMILY = """
workflows:
  - id: w
    version: 1
    outputs: {got: integer}
    steps:
      - name: call
        type: workflow
        config: {workflow: child}
        inputs: {n: "20"}
        retry: 2
        outputs: [{name: got, type: integer}]
        on_failure: {name: tell, config: {run: a}}
  - id: child
    version: 3
    inputs: {n: integer}
    outputs: {got: integer}
    steps:
      - {name: work, config: {run: a}, outputs: [{name: got, type: integer}]}
"""


def child_ended(run: Simulation, status: str, outputs: dict[str, object] | None = None) -> ChildEnded:
    start = run.children[-1]
    error = None if status == "succeeded" else Failure("exit", "no", "work", 1, exit_code=2)
    return ChildEnded(run.now, start.activation, start.attempt, start.child, status, outputs or {}, error)


@pytest.mark.acceptance("SUB-01")
def test_a_child_is_asked_for_with_its_inputs_and_gives_its_outputs(tmp_path: Path) -> None:
    run = simulate(tmp_path, FAMILY)
    assert [(start.path, start.inputs) for start in run.children] == [("call", {"n": 20})]
    assert run.status == "running"
    assert run.advance(child_ended(run, "succeeded", {"got": 21}))
    assert (run.status, run.outputs) == ("succeeded", {"got": 21})


@pytest.mark.acceptance("SUB-03", "SUB-10")
def test_a_childs_failure_is_the_steps_with_its_path_and_a_retry_starts_another_child(tmp_path: Path) -> None:
    run = simulate(tmp_path, FAMILY)
    run.advance(child_ended(run, "failed"))
    run.finish()
    assert len({start.child for start in run.children}) == 2
    run.advance(child_ended(run, "failed"))
    run.finish()
    assert run.paths_run() == ["call/on_failure/tell"]
    assert run.error is not None
    assert (run.status, run.error.step, run.error.exit_code) == ("failed", "call/work", 2)
    assert run.error.child == run.children[-1].child


@pytest.mark.acceptance("SUB-03")
@pytest.mark.parametrize("status", ["aborted", "terminated"])
def test_a_child_that_is_stopped_by_others_fails_the_parent_and_never_hangs_it(tmp_path: Path, status: str) -> None:
    run = simulate(tmp_path, FAMILY)
    run.advance(child_ended(run, status))
    run.finish()
    assert run.status == "failed"
    assert run.statuses()["call"] == "aborted"


@pytest.mark.acceptance("SUB-07")
def test_cancel_stops_the_child_and_terminate_does_so_at_once(tmp_path: Path) -> None:
    run = simulate(tmp_path, FAMILY)
    run.advance(Cancel(run.now))
    assert [stop.hard for stop in run.stopped_children] == [False]
    run.finish()
    assert run.status == "aborted"
    run = simulate(tmp_path, FAMILY)
    run.advance(Terminate(run.now))
    assert [stop.hard for stop in run.stopped_children] == [True]
    assert run.status == "terminated"


@pytest.mark.acceptance("SUB-08")
def test_a_detached_child_is_started_and_not_waited_for(tmp_path: Path) -> None:
    text = FAMILY.replace("config: {workflow: child}", "config: {workflow: child}\n        detach: true")
    text = text.replace("detach: true", "").replace("{workflow: child}", "{workflow: child, detach: true}")
    text = text.replace("    outputs: {got: integer}\n    steps:\n      - name: call", "    steps:\n      - name: call")
    text = text.replace("        outputs: [{name: got, type: integer}]\n        on_failure", "        on_failure", 1)
    run = simulate(tmp_path, text).finish()
    assert (len(run.children), run.status) == (1, "succeeded")


def test_stop_after_suspends_the_run_once_the_step_has_been_left(tmp_path: Path) -> None:
    text = workflow("- {name: a, config: {run: a}}\n- {name: b, config: {run: a}}\n- {name: c, config: {run: a}}")
    run = Simulation(compile_text(tmp_path, text)["w"], {}, lambda command: None)
    run.state.stop_after = "b"
    run.end("a", {})
    run.end("b", {})
    assert (run.status, run.paths_run()) == ("suspended", ["a", "b"])
    assert run.advance(Resume(run.now))
    run.end("c", {})
    assert run.status == "succeeded"


SWITCH = """
- {{set: {{subject: {subject}}}}}
- name: choose
  switch: vars.subject
  cases:
    1: [{{name: one, config: {{run: a}}}}, {{name: one-more, config: {{run: a}}}}]
    "7": [{{name: text, config: {{run: a}}}}]
    yes: [{{name: word, config: {{run: a}}}}]
    true: [{{name: truth, config: {{run: a}}}}]
  default: [{{name: other, config: {{run: a}}}}]
- {{name: after, config: {{run: a}}}}
"""


@pytest.mark.acceptance("PAR-06")
@pytest.mark.parametrize(
    ("subject", "ran"),
    [
        ("1", ["one", "one-more"]),
        ("1.0", ["one", "one-more"]),
        ("\"'7'\"", ["text"]),
        ("7", ["other"]),
        ("\"'yes'\"", ["word"]),
        ("1 == 1", ["truth"]),
        ("2", ["other"]),
        ("~", ["other"]),
    ],
)
def test_a_switch_runs_the_one_case_that_is_equal_by_value(tmp_path: Path, subject: str, ran: list[str]) -> None:
    run = simulate(tmp_path, workflow(SWITCH.format(subject=subject)), {}).finish()
    assert run.paths_run() == [*(f"choose/{name}" for name in ran), "after"]


def test_a_switch_that_nothing_fits_runs_nothing(tmp_path: Path) -> None:
    text = workflow(SWITCH.format(subject="2").replace("  default: [{name: other, config: {run: a}}]\n", ""))
    run = simulate(tmp_path, text, {}).finish()
    assert run.paths_run() == ["after"]
    assert run.statuses()["choose"] == "succeeded"


@pytest.mark.acceptance("PAR-15", "PAR-11")
def test_a_matrix_has_a_pass_for_each_combination_in_the_order_of_the_axes(tmp_path: Path) -> None:
    text = workflow(
        """
- matrix: {os: [debian, alpine], py: [3.11, 3.12]}
  limit: 1
  collect: {all: "matrix.os + string(matrix.py)"}
  do: [{name: work, config: {run: a}, inputs: {os: matrix.os, py: matrix.py}}]
- {matrix: {none: [], py: [1]}, do: [{name: never, config: {run: a}}]}
- return: {all: vars.all}
""",
        "  outputs: {all: list<string>}",
    )
    run = simulate(tmp_path, text, {}).finish()
    assert run.outputs == {"all": ["debian3.11", "debian3.12", "alpine3.11", "alpine3.12"]}
    assert [command.inputs for command in run.ran][1] == {"os": "debian", "py": 3.12}
