"""Plans: what would run, as far as constants and inputs decide it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from wfe_dsl.plan import MOST_STEPS, plan_of
from wfe_dsl.plan_text import plan_lines

from .build import compile_text, compiled
from .constructs import EVERY, INPUTS, hostile_program

GIVEN = {"x": 5, "tags": ["a", "b", "c"], "note": None}


def steps_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    pending = [*plan["steps"], *(step for part in plan["hooks"] for step in part["steps"])]
    while pending:
        step = pending.pop()
        yield step
        pending += [inner for part in step["parts"] for inner in part["steps"]]
        if step.get("calls") and step["calls"]["plan"]:
            pending += step["calls"]["plan"]["steps"]


def planned(steps: str, inputs: dict[str, Any], keys: str = INPUTS, complete: bool = True) -> dict[str, dict[str, Any]]:
    found = compiled(steps, keys)
    plan = plan_of(found.program, found.source_map, inputs, complete, {})
    return {step["name"]: step for step in steps_of(plan)}


def test_inputs_decide_branches_cases_loops_and_items() -> None:
    steps = planned(EVERY, GIVEN)
    runs = {name: step["runs"] for name, step in steps.items()}
    assert {name for name, value in runs.items() if value is False} == {"c1", "c2", "e1", "e2", "f1"}
    assert {name for name, value in runs.items() if value is None} == {"h1", "h2", "h3", "halt"}
    assert steps["cond"]["expressions"]["if"]["value"] is False
    assert (steps["each"]["items"], steps["grid"]["items"]) == (2, 6)
    assert (steps["each"]["at_once"], steps["again"]["most_passes"]) == (2, 3)


def test_without_inputs_what_depends_on_them_is_left_open() -> None:
    steps = planned(EVERY, {}, complete=False)
    assert {steps[name]["runs"] for name in ("c1", "c3", "d1", "e1", "e3", "f1", "i1")} == {None}
    assert {steps[name]["runs"] for name in ("a1", "b1", "g1", "nap")} == {True}
    assert (steps["grid"]["items"], steps["each"]["items"]) == (None, 2)
    assert steps["cond"]["expressions"]["if"] == {
        "expression": "inputs.x > 3 && (inputs.note ?? '') != ''", "known": False, "value": None,
    }  # fmt: skip


def test_a_condition_decides_a_step_and_all_that_lies_inside_it() -> None:
    steps = planned(
        "- name: a\n  when: inputs.x > 9\n"
        "  sequence: [{name: b, config: {run: a}, ensure: {name: c, config: {run: a}}}]\n"
        "- {name: d, when: steps.b.status == 'x', config: {run: a}}\n"
        "- {name: e, when: inputs.x / (inputs.x - 5) > 1, config: {run: a}}",
        GIVEN,
    )
    assert [steps[name]["runs"] for name in "abcde"] == [False, False, False, None, False]
    assert "zero" in steps["e"]["when"]["problem"]


def test_policies_and_permissions_are_told() -> None:
    steps = planned(
        "- name: a\n  type: deno\n"
        "  config: {script: s, permissions: {net: [a.example], run: true}}\n"
        "  retry: {attempts: 4, interval: 2s, backoff: 3}\n  timeout: 5s\n  total_timeout: 1m\n"
        "  error_behavior: suspend\n  continue_on_failure: true\n",
        GIVEN,
    )
    step = steps["a"]
    assert step["permissions"] == {"net": ["a.example"], "run": True}
    assert (step["retry"]["attempts"], step["retry"]["interval_ms"], step["retry"]["backoff"]) == (4, 2000, 3.0)
    assert (step["timeout_ms"], step["total_timeout_ms"]) == (5000, 60_000)
    assert (step["then"], step["continue_on_failure"]) == ("suspend", True)


FAMILY = """
workflows:
  - id: main
    version: 1
    inputs: {n: integer}
    steps:
      - {name: call, type: workflow, config: {workflow: part}, inputs: {n: inputs.n + 1, s: run.id}}
      - {name: first, config: {run: a}}
  - id: part
    version: 1
    inputs: {n: integer, s: string, d: {type: integer, default: 7}}
    steps:
      - {name: work, when: inputs.n == 3 && inputs.d == 7, config: {run: a}}
      - {name: other, when: inputs.s == 'x', config: {run: a}}
"""


def test_called_workflows_are_unfolded_with_the_inputs_they_would_get() -> None:
    programs, _ = compile_text(FAMILY)
    children = {one.hash: (one.program, one.source_map) for one in programs}
    plan = plan_of(programs[0].program, None, {"n": 2}, True, children)
    steps = {step["name"]: step for step in steps_of(plan)}
    assert steps["work"]["runs"] is True
    assert steps["other"]["runs"] is None
    assert steps["call"]["calls"]["plan"]["unknown_inputs"] == ["s"]


def test_workflows_that_call_each_other_from_many_places_do_not_grow_without_bound() -> None:
    levels = "workflows:\n"
    for level in range(24):
        calls = "".join(
            f"      - {{name: c{number}, type: workflow, config: {{workflow: w{level + 1}, version: 1}}}}\n"
            for number in (1, 2)
        )
        levels += f"  - id: w{level}\n    version: 1\n    steps:\n{calls}"
    levels += "  - id: w24\n    version: 1\n    steps: [{sleep: 1s}]\n"
    programs, _ = compile_text(levels)
    children = {one.hash: (one.program, one.source_map) for one in programs}
    plan = plan_of(programs[0].program, None, {}, True, children)
    assert sum(1 for _ in steps_of(plan)) < 3 * MOST_STEPS


def test_the_tree_marks_what_is_skipped_and_what_is_open() -> None:
    found = compiled(EVERY, INPUTS)
    lines = list(plan_lines(plan_of(found.program, found.source_map, GIVEN, True, {})))
    assert lines[0] == "demo version 1"
    assert "├─ cond: if, inputs.x > 3 && (inputs.note ?? '') != '' → false" in lines
    assert "│  ├─ then (not taken)" in lines
    assert "│  │  ├─ - c1: shell" in lines
    assert "│  ├─ ? h1: shell; when letter != 'q'" in lines
    assert "├─ nap: sleep, 1h30m" in lines
    assert lines[-1] == "└─ back: return"


def test_hostile_texts_make_a_plan_all_the_same() -> None:
    assert len(list(plan_lines(plan_of(hostile_program(), None, {}, False, {})))) > 5
