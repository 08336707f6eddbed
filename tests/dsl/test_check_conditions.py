"""Conditions of which the result is known before the run: never null, no such choice, two values at once."""

from __future__ import annotations

import pytest

from tests.dsl.build import compile_text, in_workflow

KEYS = """\
inputs:
  env: {type: string, enum: [test, live]}
  count: {type: integer, default: 3}
  note: string?
  anything: any
  place: '{host: string, port: integer?}'
  tags: list<string>"""


def found(condition: str) -> list[tuple[str, str]]:
    """Return the codes and severities of what is wrong with a condition."""
    written = condition if condition.startswith("{") else '"' + condition + '"'
    steps = f"- {{name: t, when: {written}, config: {{run: 'true'}}, outputs: [{{name: built, type: string}}]}}"
    before = "- {name: first, config: {run: 'true'}, outputs: [{name: image, type: string}]}\n"
    return [(one.code, one.severity) for one in compile_text(in_workflow(before + steps, KEYS))[1]]


@pytest.mark.acceptance("DIA-10")
@pytest.mark.parametrize(
    "condition",
    [
        "{field: inputs.env, is_null: true}",
        "{field: env, is_null: true}",
        "{field: inputs.env, is_not_null: false}",
        "{field: inputs.env, equals: null}",
        "inputs.env == null",
        "null == inputs.count",
        "inputs.place == null",
        "inputs.place.host == null",
        "run.id == 'x' || inputs.env == null",
        "{any: [{field: inputs.note, is_null: true}, {field: inputs.tags, is_null: true}]}",
        "{one_of: [{field: inputs.note, is_null: true}, {field: inputs.tags, is_null: true}]}",
        "{not: {field: inputs.count, is_null: true}}",
        # Two values at once.
        "inputs.note == 'a' && inputs.note == 'b'",
        "inputs.note == 'a' && run.id == 'x' && 'b' == inputs.note",
        "{all: [{field: inputs.note, equals: a}, {field: inputs.note, equals: b}]}",
        "{all: [{field: image, equals: a}, {field: inputs.count, gt: 3}, {field: image, equals: b}]}",
    ],
)
def test_a_condition_that_never_holds_is_a_warning(condition: str) -> None:
    assert found(condition) == [("WFE0433", "warning")]


@pytest.mark.acceptance("DIA-10")
@pytest.mark.parametrize(
    "condition",
    [
        "{field: inputs.note, is_null: true}",
        "{field: inputs.anything, is_null: true}",
        "{field: inputs.env, is_not_null: true}",
        "{field: inputs.env, is_null: false}",
        "{field: inputs.count, gt: 3}",
        "inputs.place.port == null",
        "inputs.tags[0] == null",
        "inputs.note != null",
        # A step may end without what it declares.
        "steps.first.output.image == null",
        "{field: image, is_null: true}",
        "inputs.note == 'a' || inputs.note == 'b'",
        "inputs.note == 'a' && inputs.note == 'a'",
        "inputs.note == 'a' && inputs.anything == 'b'",
        "inputs.count == 1 && inputs.count != 2",
    ],
)
def test_a_condition_that_may_hold_is_left_alone(condition: str) -> None:
    assert found(condition) == []


@pytest.mark.acceptance("DIA-10")
@pytest.mark.parametrize(
    "condition",
    [
        "inputs.env == 'prod'",
        "'prod' == inputs.env",
        "inputs.env in ['test', 'prod']",
        "{field: inputs.env, equals: prod}",
        "{none: [{field: env, equals: prod}]}",
        "{one_of: [{field: env, equals: prod}, {field: env, equals: test}]}",
    ],
)
def test_a_value_that_the_enum_has_not_is_a_warning(condition: str) -> None:
    assert found(condition) == [("WFE0412", "warning")]


@pytest.mark.acceptance("DIA-10")
@pytest.mark.parametrize("place", ["when", "if", "while", "until"])
def test_every_condition_of_a_step_is_looked_at(place: str) -> None:
    steps = {
        "when": "- {sleep: 1s, when: inputs.env == null}",
        "if": "- {if: inputs.env == null, then: [{sleep: 1s}]}",
        "while": "- {while: inputs.env == null, max_iterations: 3, do: [{sleep: 1s}]}",
        "until": "- {until: inputs.env == null, max_iterations: 3, do: [{sleep: 1s}]}",
    }[place]
    (one,) = compile_text(in_workflow(steps, KEYS))[1]
    assert one.code == "WFE0433"
    assert one.help == "declare it string? if it may be missing, or leave the condition out"
    assert [label.span.line for label in one.labels] == [5]
