"""Plain values: what may be kept in a run, how large it is, how it is shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vm.strategies import plain_values
from wfe_vm.errors import ExpressionError
from wfe_vm.limits import LARGEST_INTEGER, MAX_INLINE_BYTES, MAX_NESTING, SMALLEST_INTEGER
from wfe_vm.values import check_plain, describe, kind_of, member_path, parse_json, print_json, size_of


def nested(depth, inside=None):
    for _ in range(depth):
        inside = [inside]
    return inside


@given(plain_values)
def test_plain_values_are_found_plain_and_survive_json(value):
    assert check_plain(value) is None
    assert parse_json(print_json(value)) == value


@pytest.mark.acceptance("TYP-03")
@pytest.mark.parametrize(
    ("value", "path", "said"),
    [
        (float("nan"), "", "no number"),
        ({"a": [1, float("inf")]}, ".a[1]", "no number"),
        ({"a": {"b c": 2**63}}, '.a["b c"]', "64 bits"),
        ([SMALLEST_INTEGER - 1], "[0]", "64 bits"),
        ({"a": object()}, ".a", "no plain value"),
        ([(1, 2)], "[0]", "no plain value"),
        ({1: 2}, "", "keys are strings"),
    ],
)
def test_what_no_run_can_keep_is_named_with_its_path(value, path, said):
    problem = check_plain(value)
    assert problem.path == path
    assert said in problem.message


@pytest.mark.acceptance("STO-09")
def test_half_characters_are_refused_with_their_path():
    assert check_plain({"a": ["ok", "bad \ud800"]}).path == ".a[1]"
    assert check_plain([[1], {"odd key": {"b": [[], [0, 2**64]]}}]).path == '[1]["odd key"].b[1][1]'
    assert check_plain([{"a": {1: 2}}]).path == "[0].a"
    assert "surrogate" in check_plain({"\udfff": 1}).message
    assert check_plain(["\U0001f600", "a\0b", "", "ü"]) is None


@pytest.mark.acceptance("TYP-11")
def test_integers_to_the_bounds_of_64_bits_are_plain_and_exact_in_json():
    bounds = [LARGEST_INTEGER, SMALLEST_INTEGER, 0.1, 1e300, -0.0, "1234567890123456789"]
    assert check_plain(bounds) is None
    assert parse_json(print_json(bounds)) == bounds
    assert print_json(bounds) == '[9223372036854775807,-9223372036854775808,0.1,1e300,-0.0,"1234567890123456789"]'


def test_nesting_is_bounded_and_never_recursed_through():
    assert check_plain(nested(MAX_NESTING)) is None
    assert "nested" in check_plain(nested(MAX_NESTING + 1)).message
    assert "nested" in check_plain(nested(100_000)).message
    with pytest.raises(ExpressionError) as caught:
        size_of(nested(100_000))
    assert caught.value.code == "limit"
    with pytest.raises(ValueError, match="nested"):
        parse_json("[" * 100_000 + "]" * 100_000)


def test_a_value_of_shared_parts_is_measured_at_its_full_size():
    value = ["x" * 1000]
    for _ in range(60):
        value = [value, value]
    with pytest.raises(ExpressionError) as caught:
        size_of(value)
    assert caught.value.code == "limit"


@given(plain_values, plain_values, st.integers(1, 4))
def test_parts_that_a_value_holds_many_times_count_each_time(one, other, times):
    shared = [one, other] * times
    value = [[shared, {"a": shared, "b": one}, [shared] * times] for _ in range(20)] * 20
    assert size_of(value) == size_of(parse_json(print_json(value)))


def test_of_a_large_text_a_share_counts_of_large_lists_all():
    small, large = "x" * MAX_INLINE_BYTES, "x" * (MAX_INLINE_BYTES + 16 * 1000)
    assert size_of(small) == MAX_INLINE_BYTES + 5
    assert size_of(large) == MAX_INLINE_BYTES + 1000 + 5
    assert size_of({"a": large}) - size_of({"a": ""}) == MAX_INLINE_BYTES + 1000
    assert size_of([[large, 1], small]) - size_of([["", 1], ""]) == 2 * MAX_INLINE_BYTES + 1000
    assert size_of(["x" * 1000] * 1000) > 1000 * 1000


@given(plain_values)
def test_the_size_of_a_value_is_near_that_of_its_encoding(value):
    written = len(print_json(value).encode())
    assert size_of(value) >= written / 8
    assert size_of(value) <= 12 * written + 16


def test_a_message_shows_what_kind_of_value_it_is_about():
    assert describe(None) == "null"
    assert describe(True) == "the bool true"
    assert describe(7) == "the integer 7"
    assert describe(7.5) == "the number 7.5"
    assert describe("a\nb") == 'the string "a\\nb"'
    assert len(describe("x" * 1000)) < 60
    assert describe([1]) == "a list of 1 item"
    assert describe({}) == "a map of 0 items"
    assert describe("\ud800") == 'the string "?"'
    assert [kind_of(value) for value in (None, True, 1, 1.5, "", [], {})] == [
        "null",
        "bool",
        "integer",
        "number",
        "string",
        "list",
        "map",
    ]


def test_paths_read_as_they_are_written_in_expressions():
    assert member_path(member_path("regions", 2), "name") == "regions[2].name"
    assert member_path("a", "b-c") == "a.b-c"
    assert member_path("a", "b.c") == 'a["b.c"]'
    assert member_path("a", "") == 'a[""]'


@pytest.mark.parametrize("text", ["", "{", "NaN", "1e999", "[1,]", '"\\ud800"', "1 2", "18446744073709551616"])
def test_what_is_no_json_of_plain_values_is_refused_with_a_reason(text):
    with pytest.raises(ValueError, match=r"\w"):
        parse_json(text)


@given(st.text())
def test_any_text_is_written_and_read_back(text):
    if check_plain(text) is None:
        assert parse_json(print_json(text)) == text
