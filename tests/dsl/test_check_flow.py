"""Flow through every kind of block: what is never reached, who writes at once, what a compensation gives."""

from __future__ import annotations

import pytest

from tests.dsl.build import compile_text, in_workflow
from wfe_dsl.diagnostics.model import Diagnostic

STOP = "{fail: no}"
WAIT = "{sleep: 1s}"


ADVICE = {"WFE0420", "WFE0421", "WFE0422", "WFE0450"}
"""What is said of sagas, compensations and events that could do more: other tests are about that."""


def looked_at(diagnostics: list[Diagnostic]) -> list[Diagnostic]:
    return [one for one in diagnostics if one.code not in ADVICE]


def found(steps: str, keys: str = "") -> list[Diagnostic]:
    """Return what is wrong with a workflow, but for kinds of steps that no machine carries out yet."""
    return looked_at(compile_text(in_workflow(steps, keys))[1])


def codes(steps: str, keys: str = "") -> list[str]:
    return [one.code for one in found(steps, keys)]


def task(name: str, more: str = "") -> str:
    return f"{{name: {name}, config: {{run: 'true'}}{more}}}"


def reading(name: str, path: str) -> str:
    return f"{{name: {name}, config: {{run: 'echo ${{{{ {path} }}}}'}}}}"


def giving(name: str, output: str) -> str:
    return task(name, f", outputs: [{{name: {output}}}]")


# What is never reached


@pytest.mark.acceptance("DIA-10")
@pytest.mark.parametrize(
    "step",
    [
        "{return: {}}",
        STOP,
        f"{{sequence: [{WAIT}, {STOP}]}}",
        f"{{saga: [{WAIT}, {STOP}]}}",
        f"{{parallel: [{WAIT}, {STOP}]}}",
        f"{{race: [{STOP}, {{sequence: [{STOP}]}}]}}",
        f"{{if: run.id == 'x', then: [{STOP}], else: [{STOP}]}}",
        f"{{if: true, then: [{STOP}]}}",
        f"{{if: false, then: [{WAIT}], else: [{STOP}]}}",
        f"{{switch: run.id, cases: {{a: [{STOP}], b: [{WAIT}, {STOP}]}}, default: [{STOP}]}}",
        f"{{while: true, max_iterations: 5, do: [{WAIT}]}}",
        f"{{until: false, max_iterations: 5, do: [{WAIT}]}}",
        f"{{until: run.id == 'x', max_iterations: 5, do: [{STOP}]}}",
        f"{{for_each: [a], do: [{STOP}]}}",
        f"{{matrix: {{os: [a, b], arch: [c]}}, do: [{STOP}]}}",
        f"{{sequence: [{WAIT}], ensure: {STOP}}}",
        task("t", f", on_success: [{WAIT}, {STOP}]"),
        f"{{sequence: [{{if: run.id == 'x', then: [{STOP}], else: [{{switch: run.id, cases: {{a: [{STOP}]}}, "
        f"default: [{STOP}]}}]}}]}}",
    ],
)
def test_what_follows_a_step_that_never_goes_on_is_never_reached(step: str) -> None:
    (one,) = found(f"- {step}\n- {{name: after, sleep: 1s}}\n- {{name: later, sleep: 1s}}")
    assert (one.code, one.severity) == ("WFE0407", "warning")
    assert "`after`" in one.message
    assert len(one.labels) == 1


@pytest.mark.acceptance("DIA-10")
@pytest.mark.parametrize(
    "step",
    [
        "{fail: no, when: run.id == 'x'}",
        "{fail: no, continue_on_failure: true}",
        f"{{sequence: [{STOP}], when: run.id == 'x'}}",
        f"{{sequence: [{STOP}], continue_on_failure: true}}",
        f"{{race: [{WAIT}, {STOP}]}}",
        f"{{if: run.id == 'x', then: [{STOP}]}}",
        f"{{if: false, then: [{STOP}]}}",
        f"{{switch: run.id, cases: {{a: [{STOP}]}}}}",
        f"{{switch: run.id, cases: {{a: [{STOP}], b: [{WAIT}]}}, default: [{STOP}]}}",
        f"{{while: false, max_iterations: 5, do: [{STOP}]}}",
        f"{{while: run.id == 'x', max_iterations: 5, do: [{STOP}]}}",
        f"{{until: true, max_iterations: 5, do: [{WAIT}]}}",
        f"{{for_each: inputs.list, do: [{STOP}]}}",
        f"{{for_each: [], do: [{STOP}]}}",
        f"{{matrix: {{os: inputs.list}}, do: [{STOP}]}}",
        f"{{wait: {{event: e, timeout: 1s, on_timeout: {STOP}}}}}",
        task("t", f", on_failure: {STOP}"),
        task("t", ", ensure: {fail: no, when: run.id == 'x'}"),
        task("t", f", on_success: {STOP}, continue_on_failure: true"),
    ],
)
def test_a_step_that_may_go_on_is_followed(step: str) -> None:
    assert codes(f"- {step}\n- {{name: after, sleep: 1s}}", "inputs: {list: list<string>}") == []


@pytest.mark.acceptance("DIA-10")
@pytest.mark.parametrize(
    "around",
    [
        "{{sequence: [{steps}]}}",
        "{{saga: [{steps}]}}",
        "{{race: [{{sequence: [{steps}]}}, {{sleep: 1s}}]}}",
        "{{if: run.id == 'x', then: [{steps}]}}",
        "{{if: run.id == 'x', then: [{{sleep: 1s}}], else: [{steps}]}}",
        "{{switch: run.id, cases: {{a: [{steps}]}}}}",
        "{{switch: run.id, cases: {{a: [{{sleep: 1s}}]}}, default: [{steps}]}}",
        "{{while: run.id == 'x', max_iterations: 5, do: [{steps}]}}",
        "{{for_each: inputs.list, do: [{steps}]}}",
        "{{matrix: {{a: inputs.list}}, do: [{steps}]}}",
        "{{wait: {{event: e, timeout: 1s, on_timeout: [{steps}]}}}}",
        "{{sleep: 1s, on_failure: [{steps}]}}",
        "{{sleep: 1s, compensate: [{steps}]}}",
    ],
)
def test_every_list_of_steps_is_looked_at(around: str) -> None:
    steps = f"{STOP}, {{name: after, sleep: 1s}}"
    assert codes("- " + around.format(steps=steps), "inputs: {list: list<string>}") == ["WFE0407"]


# Who writes at once


@pytest.mark.acceptance("DIA-11")
@pytest.mark.parametrize("kind", ["parallel", "race"])
@pytest.mark.parametrize(
    ("first", "second"),
    [
        (giving("a", "x"), giving("b", "x")),
        ("{set: {x: '1'}}", "{set: {x: '2'}}"),
        (f"{{sequence: [{giving('a', 'x')}]}}", f"{{if: run.id == 'y', then: [{giving('b', 'x')}]}}"),
        (f"{{switch: run.id, cases: {{a: [{giving('a', 'x')}]}}}}", giving("b", "x")),
        (task("a", f", on_failure: {giving('c', 'x')}"), giving("b", "x")),
        (
            "{for_each: [1], collect: {x: item}, do: [{sleep: 1s}]}",
            "{matrix: {a: [1]}, collect: {x: matrix.a}, do: [{sleep: 1s}]}",
        ),
    ],
)
def test_two_branches_of_a_parallel_or_a_race_that_write_one_name_are_an_error(
    kind: str, first: str, second: str
) -> None:
    (one,) = found(f"- {kind}:\n    - {first}\n    - {second}")
    assert (one.code, len(one.labels)) == ("WFE0402", 1)


@pytest.mark.acceptance("DIA-11")
@pytest.mark.parametrize(
    "body",
    [
        "for_each: [1, 2]\n  do: [{set: {x: item}}]",
        "matrix: {a: [1, 2]}\n  do: [{set: {x: matrix.a}}]",
        "matrix: {a: [1, 2]}\n  do: [{sequence: [{set: {x: matrix.a}}]}]",
        "race:\n    - set: {x: '1'}\n    - sleep: 1s",
        "parallel:\n    - {switch: run.id, cases: {a: [{set: {x: '1'}}]}}\n    - sleep: 1s",
    ],
)
def test_a_concurrent_body_that_writes_an_outer_variable_is_an_error(body: str) -> None:
    assert codes(f"- set: {{x: '0'}}\n- {body}") == ["WFE0403"]


@pytest.mark.acceptance("DIA-11")
@pytest.mark.parametrize(
    "steps",
    [
        f"- race:\n    - {giving('a', 'x')}\n    - {giving('b', 'y')}\n- {giving('c', 'x')}",
        f"- matrix: {{a: [1, 2]}}\n  do: [{giving('a', 'x')}]",
        "- set: {x: '0'}\n- matrix: {a: [1, 2]}\n  limit: 1\n  do: [{set: {x: matrix.a}}]",
        f"- switch: run.id\n  cases: {{a: [{giving('a', 'x')}], b: [{giving('b', 'x')}]}}",
        # Compensations run one after another.
        f"- saga:\n    - parallel:\n        - {task('a', ', compensate: ' + giving('c', 'x'))}\n"
        f"        - {task('b', ', compensate: ' + giving('d', 'x'))}",
        f"- saga:\n    - parallel:\n        - {task('a', ', compensate: {set: {x: vars.x + 1}}')}\n"
        f"        - {task('b', ', compensate: {set: {x: vars.x + 1}}')}".replace("- saga", "- set: {x: '0'}\n- saga"),
    ],
)
def test_what_runs_one_after_another_may_write_one_name(steps: str) -> None:
    assert codes(steps) == []


@pytest.mark.acceptance("DIA-12")
@pytest.mark.parametrize(
    ("collect", "expected"),
    [("{x: item}", []), ("x", ["WFE0409"]), ("{x: string(item)}", ["WFE0409"])],
)
def test_what_is_collected_has_the_type_of_a_list(collect: str, expected: list[str]) -> None:
    steps = f"- {{for_each: '[1, 2]', collect: {collect}, do: [{WAIT}]}}"
    assert codes(steps, "outputs: {x: list<integer>}") == expected


# References into other parts


@pytest.mark.acceptance("DIA-09")
@pytest.mark.parametrize(
    "steps",
    [
        f"- switch: run.id\n  cases:\n    a: [{task('a')}]\n    b: [{reading('b', 'steps.a.status')}]",
        f"- switch: run.id\n  cases: {{a: [{task('a')}]}}\n  default: [{reading('b', 'steps.a.status')}]",
        f"- switch: run.id\n  cases: {{a: [{giving('a', 'x')}]}}\n  default: [{reading('b', 'outputs.x')}]",
        f"- race: [{task('a')}, {reading('b', 'steps.a.status')}]",
        f"- race: [{giving('a', 'x')}, {reading('b', 'outputs.x')}]",
        f"- parallel: [{{sequence: [{task('a')}]}}, {{saga: [{reading('b', 'steps.a.status')}]}}]",
    ],
)
def test_a_step_of_another_case_or_branch_has_not_run(steps: str) -> None:
    (one,) = found(steps)
    assert (one.code, len(one.labels)) == ("WFE0205", 1)


@pytest.mark.acceptance("DIA-09")
@pytest.mark.parametrize(
    "steps",
    [
        f"- switch: run.id\n  cases: {{a: [{task('a')}]}}\n- {reading('b', 'steps.a.status')}",
        f"- race: [{task('a')}, {WAIT}]\n- {reading('b', 'steps.a.status')}",
        f"- wait: {{event: e, timeout: 1s, on_timeout: [{task('a')}]}}\n- {reading('b', 'steps.a.status')}",
        f"- saga: [{task('a', ', compensate: ' + reading('u', 'steps.a.status'))}]",
    ],
)
def test_a_step_of_a_part_that_has_ended_may_have_run(steps: str) -> None:
    assert codes(steps) == []


def undone(step: str, around: str = "", after: str = "") -> str:
    """Return a saga whose first step is undone by `undo`, which gives `x`; a step is around and one after it."""
    charge = task("charge", ", compensate: " + giving("undo", "x"))
    return f"- name: order\n  saga:\n    - {charge}\n    - {step}\n{around}- {after or WAIT}"


@pytest.mark.acceptance("DIA-09")
@pytest.mark.parametrize("path", ["steps.undo.status", "outputs.x"])
@pytest.mark.parametrize(
    "place",
    [
        "inside",
        "after",
        "own hook",
        "on_success",
        "on_failure",
        "ensure",
        "after a tolerant block",
        "another compensation",
    ],
)
def test_what_a_compensation_gives_stays_within_it(path: str, place: str) -> None:
    reader = reading("look", path)
    steps = {
        "inside": undone(reader),
        "after": undone(WAIT, after=reader),
        "own hook": f"- saga:\n    - {task('charge', ', compensate: ' + giving('undo', 'x') + ', ensure: ' + reader)}",
        "on_success": undone(WAIT, f"  on_success: {reader}\n"),
        "on_failure": undone(WAIT, f"  on_failure: {reader}\n"),
        "ensure": undone(WAIT, f"  ensure: {reader}\n"),
        "after a tolerant block": undone(WAIT, "  continue_on_failure: true\n", reader),
        "another compensation": undone(task("pack", f", compensate: {reader}")),
    }[place]
    (one,) = found(steps)
    assert (one.code, len(one.labels)) == ("WFE0205", 1)
    assert "compensation" in one.message
    assert one.help


@pytest.mark.acceptance("DIA-09")
@pytest.mark.parametrize("path", ["steps.undo.status", "outputs.x"])
def test_a_later_step_of_a_compensation_sees_what_an_earlier_one_gave(path: str) -> None:
    reader = reading("look", path)
    assert codes(f"- saga: [{task('charge', ', compensate: [' + giving('undo', 'x') + f', {reader}]')}]") == []


# Loops and retries


@pytest.mark.acceptance("DIA-13", "YML-19")
@pytest.mark.parametrize(
    ("keys", "step"),
    [
        ("", "retry: 0"),
        ("", "retry: {attempts: 0}"),
        ("", "error_behavior: {type: retry, max_retries: 0}"),
        ("error_behavior: {type: retry, max_retries: 0}", ""),
        ("defaults: {retry: 0}", ""),
    ],
)
def test_a_retry_without_an_end_is_a_warning(keys: str, step: str) -> None:
    (one,) = found(f"- {task('t', f', {step}' if step else '')}", keys)
    assert (one.code, one.severity) == ("WFE0118", "warning")


@pytest.mark.acceptance("DIA-13")
@pytest.mark.parametrize("step", ["retry: {attempts: 0, max_elapsed: 1h}", "retry: 0, total_timeout: 1h", "retry: 5"])
def test_a_retry_that_a_time_or_a_number_ends_is_none(step: str) -> None:
    assert codes(f"- {task('t', f', {step}')}") == []


@pytest.mark.acceptance("DIA-13")
def test_a_loop_without_a_bound_is_a_warning_wherever_it_stands() -> None:
    loop = "{while: run.id == 'x', do: [{sleep: 1s}]}"
    for steps in (
        f"- {loop}",
        f"- saga: [{loop}]",
        f"- race: [{loop}]",
        f"- {{sleep: 1s, compensate: {loop}}}",
        f"- {{wait: {{event: e, timeout: 1s, on_timeout: {loop}}}}}",
    ):
        assert codes(steps) == ["WFE0405"]


# Children


@pytest.mark.acceptance("YML-23")
@pytest.mark.parametrize(
    "around",
    [
        "{{switch: run.id, cases: {{a: [{call}]}}}}",
        "{{switch: run.id, cases: {{a: [{{sleep: 1s}}]}}, default: [{call}]}}",
        "{{matrix: {{a: [1]}}, do: [{call}]}}",
        "{{while: run.id == 'x', max_iterations: 5, do: [{call}]}}",
        "{{race: [{call}]}}",
        "{{saga: [{call}]}}",
        "{{sequence: [{call}]}}",
        "{{wait: {{event: e, timeout: 1s, on_timeout: {call}}}}}",
        "{{approve: {{title: x, timeout: 1s, on_timeout: [{call}]}}}}",
        "{{sleep: 1s, compensate: {call}}}",
        "{{sleep: 1s, on_error: {call}}}",
        "{{sleep: 1s, on_abort: [{{parallel: [{call}]}}]}}",
    ],
)
def test_a_circle_of_workflows_is_seen_through_every_kind_of_step(around: str) -> None:
    text = "workflows:\n"
    for name, other in (("one", "two"), ("two", "one")):
        step = around.format(call=f"{{name: call, type: workflow, config: {{workflow: {other}}}}}")
        text += f"  - {{id: {name}, version: 1, steps: [{step}]}}\n"
    seen = looked_at(compile_text(text)[1])
    assert [one.code for one in seen] == ["WFE0220"]
    assert "one -> two -> one" in seen[0].message


@pytest.mark.acceptance("YML-23")
def test_a_circle_through_the_hooks_of_a_workflow_is_seen() -> None:
    call = "{name: call, type: workflow, config: {workflow: demo}}"
    assert codes(f"- {WAIT}", f"on_failure: {call}") == ["WFE0220"]


@pytest.mark.parametrize(
    ("keys", "command"),
    [
        ("event: paid", "wfec event paid"),
        ("event: paid, key: order 7", "wfec event paid --key 'order 7'"),
        ("event: paid, key: '${{ run.id }}'", "wfec event paid --key KEY"),
    ],
)
def test_the_command_that_ends_a_wait_names_its_key(keys: str, command: str) -> None:
    found = compile_text(in_workflow(f"- wait: {{{keys}, timeout: 1h}}"))[1]
    assert [(one.code, one.help) for one in found] == [("WFE0450", f"it may come from elsewhere: {command}")]
