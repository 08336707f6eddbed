"""What undoes a step, and what can set it off."""

from __future__ import annotations

import pytest

from tests.dsl.build import compile_text, in_workflow
from wfe_vm.verify import verify

UNDO = "compensate: {name: undo, config: {run: make}}"
TASK = f"{{name: t, config: {{run: make}}, {UNDO}}}"
BARE = "{name: t, config: {run: make}}"


def codes(steps: str, keys: str = "") -> list[str]:
    return [one.code for one in compile_text(in_workflow(steps, keys))[1]]


@pytest.mark.acceptance("DIA-13")
@pytest.mark.parametrize(
    "steps",
    [
        f"- saga: [{BARE}]",
        f"- saga: [{{if: run.id == 'x', then: [{BARE}]}}]",
        f"- saga: [{{for_each: '[1]', do: [{BARE}]}}]",
        "- saga: [{name: t, type: workflow, config: {workflow: other, version: 1}}]",
    ],
)
def test_a_step_in_a_saga_that_nothing_undoes_is_a_warning(steps: str) -> None:
    assert codes(steps) == ["WFE0420"]


@pytest.mark.acceptance("DIA-13")
@pytest.mark.parametrize(
    "steps",
    [
        f"- saga: [{TASK}]",
        f"- saga: [{{name: block, sequence: [{BARE}], {UNDO}}}]",
        "- saga: [{sleep: 1s}, {set: {x: '1'}}]",
        f"- saga: [{{sleep: 1s, on_failure: {BARE}}}]",
        f"- saga: [{{sleep: 1s}}]\n  ensure: {BARE}",
    ],
)
def test_what_is_undone_with_its_block_or_leaves_nothing_or_is_a_hook_needs_none(steps: str) -> None:
    assert codes(steps) == []


@pytest.mark.parametrize(
    ("steps", "keys"),
    [
        (f"- {TASK}", ""),
        (f"- sequence: [{TASK}]", ""),
        (f"- saga: [{{sleep: 1s}}]\n  on_failure: {TASK}", ""),
        (f"- {TASK}\n- saga: [{{fail: no, error_behavior: compensate}}]", ""),
        ("- {sleep: 1s}", f"error_behavior: compensate\nensure: {TASK}"),
        (f"- saga: [{{sleep: 1s, compensate: {TASK}}}]", ""),
    ],
)
def test_a_compensation_that_nothing_can_set_off_is_a_warning(steps: str, keys: str) -> None:
    assert codes(steps, keys) == ["WFE0421"]


@pytest.mark.parametrize(
    ("steps", "keys"),
    [
        (f"- {TASK}", "error_behavior: compensate"),
        (f"- {TASK}\n- {{fail: no, error_behavior: compensate}}", ""),
        (f"- {{sleep: 1s, on_success: {TASK}}}\n- {{fail: no, error_behavior: compensate}}", ""),
        (f"- saga: [{{sleep: 1s, compensate: {{saga: [{TASK}]}}}}]", ""),
    ],
)
def test_the_run_or_a_saga_inside_a_compensation_sets_one_off(steps: str, keys: str) -> None:
    assert codes(steps, keys) == []


def test_to_be_undone_after_a_failure_without_saying_how_is_a_warning() -> None:
    assert codes("- {name: t, config: {run: make}, compensate_on_failure: true}") == ["WFE0422"]


def test_only_what_something_can_set_off_is_part_of_the_program() -> None:
    programs, _ = compile_text(in_workflow(f"- {TASK}"))
    assert programs[0].program.steps[1].compensation == -1
    programs, _ = compile_text(in_workflow(f"- saga: [{TASK}]"))
    assert programs[0].program.steps[2].compensation > 0


@pytest.mark.parametrize(
    "block",
    [
        f"parallel: [{BARE}, {{sleep: 1s}}]",
        f"race: [{BARE}, {{sleep: 1s}}]",
        f"for_each: '[1]', do: [{BARE}]",
        f"for_each: '[1]', collect: {{all: item}}, do: [{BARE}]",
        f"if: run.id == 'x', then: [{{parallel: [{BARE}, {{sleep: 1s}}]}}]",
    ],
)
def test_a_block_in_a_compensation_that_nothing_can_set_off_compiles(block: str) -> None:
    programs, found = compile_text(in_workflow(f"- {{name: u, config: {{run: make}}, compensate: {{{block}}}}}"))
    assert [one.code for one in found] == ["WFE0421"]
    assert verify(programs[0].program) == []
