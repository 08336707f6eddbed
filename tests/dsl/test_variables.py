"""Load-time variables: their sources, and how references are found."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wfe_dsl.variables import NO_DEFAULT, Variables, VariablesError, find_references, parse_config, typed


def value(variables: Variables, name: str) -> Any:
    there, found = variables.lookup(tuple(name.split(".")))
    return found if there else "absent"


@pytest.mark.acceptance("YML-12")
def test_flags_go_before_the_file_and_the_file_before_the_configuration() -> None:
    variables = Variables(
        [("a", "flag"), ("m.x", "flag")],
        {"a": "file", "b": "file", "m": {"x": "file", "y": "file"}},
        {"a": "config", "b": "config", "c": "config", "m": {"y": "config", "z": "config"}},
    )
    assert [value(variables, name) for name in "abcd"] == ["flag", "file", "config", "absent"]
    assert value(variables, "m") == {"x": "flag", "y": "file", "z": "config"}


def test_a_stronger_scalar_hides_a_weaker_map_as_a_whole() -> None:
    variables = Variables([("m", "flag")], {"m": {"x": 1}})
    assert value(variables, "m") == "flag"
    assert value(variables, "m.x") == "absent"


@pytest.mark.acceptance("YML-12")
def test_dots_reach_into_maps_and_digits_into_lists() -> None:
    variables = Variables([("a.b.c", "1")], {"l": [{"x": "first"}]})
    assert value(variables, "a.b.c") == 1
    assert value(variables, "l.0.x") == "first"
    assert value(variables, "l.1.x") == "absent"
    assert variables.names() == ["a.b.c", "l"]


@pytest.mark.parametrize(
    "assignments", [[("a", "1"), ("a.b", "2")], [("a.b", "1"), ("a", "2")], [("", "1")], [("a..b", "1")]]
)
def test_contradicting_assignments_are_refused(assignments: list[tuple[str, str]]) -> None:
    with pytest.raises(VariablesError):
        Variables(assignments)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("42", 42), ("-7", -7), ("3.5", 3.5), ("true", True), ("false", False), ("null", None), ("0", 0),
        ("9007199254740992", 2**53),
        ("007", "007"), ("1.10", "1.10"), ("12e3", "12e3"), ("nan", "nan"), ("+1", "+1"), ("-0", "-0"), ("", ""),
        ("9007199254740993", "9007199254740993"), ("True", "True"), ("1_000", "1_000"), (" 1", " 1"),
        ("9" * 400, "9" * 400),
    ],
)  # fmt: skip
def test_a_text_is_typed_only_where_printing_gives_it_back(text: str, found: Any) -> None:
    assert typed(text) == found
    assert type(typed(text)) is type(found)


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"a": NaN}', "5", "[" * 100_000])
def test_a_configuration_that_is_no_json_object_is_refused_by_name(text: str) -> None:
    with pytest.raises(VariablesError, match="WFE_CONFIG"):
        parse_config(text)


def test_a_configuration_is_a_json_object() -> None:
    assert parse_config('{"a": {"b": [1, null]}}') == {"a": {"b": [1, None]}}


@pytest.mark.acceptance("YML-12", "YML-14")
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("((a))", [("a", NO_DEFAULT)]),
        ("x((a.b-c.d_e))y(( b ))", [("a.b-c.d_e", NO_DEFAULT), ("b", NO_DEFAULT)]),
        ("(((a)))", [("a", NO_DEFAULT)]),
        ("((a | x y))", [("a", "x y")]),
        ("((a|5))", [("a", 5)]),
        ('((a | "5"))', [("a", "5")]),
        ('((a | "x)) y"))', [("a", "x)) y")]),
        ("((a | [1, 2]))", [("a", [1, 2])]),
        ("((a | null)) ((b | ))", [("a", None), ("b", "")]),
        ("$((a)) $((i + 1)) $(( (a) + ((b)) )) ((c))", [("c", NO_DEFAULT)]),
        ("$((never closed ((a))", []),
        ("\\((a)) ((b))", [("", NO_DEFAULT), ("b", NO_DEFAULT)]),
        ("((a || b)) ((1)) ((a b)) (a) (( )) ((a)", []),
        ("((i++)) ((x > 3))", []),
    ],
)
def test_references_are_found_and_what_only_looks_like_one_is_not(text: str, found: list[tuple[str, Any]]) -> None:
    assert [(".".join(one.path), one.default) for one in find_references(text)] == found


def test_in_code_a_call_with_parentheses_is_no_reference() -> None:
    assert [one.path for one in find_references("f((x)) + a[0]((y)) + ((z))", code=True)] == [("z",)]


@given(st.text(alphabet="(a|)$\\ .\"'", max_size=40))
def test_any_text_is_searched_without_error_and_references_do_not_overlap(text: str) -> None:
    end = 0
    for reference in find_references(text):
        assert end <= reference.start < reference.end <= len(text)
        end = reference.end


@pytest.mark.parametrize("text", ["((a | " * 20_000, "$((1))" * 100_000, "((" * 200_000, "$((" * 200_000])
def test_a_hostile_text_is_searched_in_bounded_time(text: str) -> None:
    assert len(find_references(text)) < len(text)
