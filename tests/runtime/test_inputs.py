"""What a run is started with: defaults, what is missing, and what a child takes of its parent's without being told."""

from __future__ import annotations

from typing import Any

import pytest

from tests.dsl.build import compile_text
from wfe_runtime.errors import InputError
from wfe_runtime.inputs import check_inputs
from wfe_vm.program import Program


def program(declarations: str) -> Program:
    programs, found = compile_text(
        f"workflow:\n  id: demo\n  version: 1\n{declarations}  steps: [{{name: work, config: {{run: make}}}}]\n"
    )
    assert found == []
    return programs[0].program


DECLARED = (
    "  inputs:\n"
    "    region: {type: string, default: eu}\n"
    "    note: {type: string?, default: none}\n"
    "    count: integer\n"
    "    extra: any?\n"
)


def test_what_is_not_given_has_its_default_or_is_null() -> None:
    complete = check_inputs(program(DECLARED), {"count": 3})
    assert complete == {"region": "eu", "note": "none", "count": 3, "extra": None}


def test_null_that_is_written_is_a_value_and_no_default_takes_its_place() -> None:
    assert check_inputs(program(DECLARED), {"count": 3, "note": None})["note"] is None
    with pytest.raises(InputError, match="count"):
        check_inputs(program(DECLARED), {"count": None})


def test_a_child_without_written_inputs_takes_its_defaults_where_its_parent_has_null() -> None:
    seen = {"region": None, "note": None, "count": 3, "extra": None, "other": 1}
    complete = check_inputs(program(DECLARED), seen, ignore_unknown=True)
    assert complete == {"region": "eu", "note": "none", "count": 3, "extra": None}


def test_a_child_without_written_inputs_misses_what_its_parent_has_as_null() -> None:
    with pytest.raises(InputError) as caught:
        check_inputs(program(DECLARED), {"count": None}, ignore_unknown=True)
    (problem,) = caught.value.problems
    assert problem.startswith("count: missing")


def test_a_child_that_declares_no_inputs_gets_no_nulls_either() -> None:
    assert check_inputs(program(""), {"region": None, "count": 3}, ignore_unknown=True) == {"count": 3}


@pytest.mark.acceptance("TYP-05", "TYP-06")
def test_everything_that_is_wrong_with_the_inputs_is_said_at_once() -> None:
    with pytest.raises(InputError) as caught:
        check_inputs(program(DECLARED), {"regoin": "eu", "count": "many"})
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["regoin", "count"]
    assert "region" in caught.value.problems[0]


@pytest.mark.parametrize(
    ("value", "path", "why"),
    [
        ({"a": [1, {2}]}, "extra.a[1]", "set"),
        ((1, 2), "extra", "tuple"),
        (object(), "extra", "object"),
        (float("nan"), "extra", "no number"),
        (2**63, "extra", "64 bits"),
        ("half \ud800", "extra", "lone surrogate"),
        ({1: 2}, "extra", "keys are strings"),
    ],
)
@pytest.mark.parametrize("declarations", [DECLARED, ""], ids=["declared", "open"])
def test_a_value_that_no_run_can_keep_is_refused_by_its_path(
    declarations: str, value: object, path: str, why: str
) -> None:
    with pytest.raises(InputError) as caught:
        check_inputs(program(declarations), {"count": 1, "extra": value})
    (problem,) = caught.value.problems
    assert problem.startswith(f"{path}: ")
    assert why in problem


@pytest.mark.acceptance("TYP-05")
@pytest.mark.parametrize("given", [[], [1], "count=1", 1, [("count", 1)]], ids=repr)
@pytest.mark.parametrize("declarations", [DECLARED, ""], ids=["declared", "open"])
def test_inputs_that_are_no_map_are_refused(declarations: str, given: Any) -> None:
    with pytest.raises(InputError, match=f"they are a {type(given).__name__}, and have to be a map"):
        check_inputs(program(declarations), given)


@pytest.mark.acceptance("TYP-06")
def test_a_workflow_that_declares_no_inputs_takes_any_map() -> None:
    given = {"anything": [1, {"goes": None}], "regoin": "eu"}
    assert check_inputs(program(""), given) == given


def test_a_number_that_is_none_is_refused_where_an_integer_is_declared() -> None:
    with pytest.raises(InputError, match="count: nan is no number"):
        check_inputs(program(DECLARED), {"count": float("nan")})
