"""The operators of expressions, against an obvious oracle."""

import math
import operator
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vm.strategies import floats, integers, plain_values, texts
from wfe_vm import operators
from wfe_vm.errors import ExpressionError
from wfe_vm.limits import MAX_LIST_ITEMS, MAX_TEXT_LENGTH

LARGEST, SMALLEST = 2**63 - 1, -(2**63)
numbers = st.one_of(integers, st.integers(-5, 5), floats)


def kind_of_error(function, *arguments):
    with pytest.raises(ExpressionError) as caught:
        function(*arguments)
    assert caught.value.message
    return caught.value.code


def obviously_equal(left, right):
    if isinstance(left, bool) or isinstance(right, bool) or left is None or right is None:
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(obviously_equal, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(obviously_equal(left[key], right[key]) for key in left)
    return (type(left) in (int, float) and type(right) in (int, float) and left == right) or (
        type(left) is type(right) is str and left == right
    )


@pytest.mark.acceptance("EXP-03")
@given(plain_values, plain_values)
def test_equality_is_by_value_and_deep(left, right):
    assert operators.equal(left, right) is obviously_equal(left, right)
    assert operators.equal(left, left) is True


@pytest.mark.acceptance("EXP-03")
@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (5, 5.0, True),
        ("5", 5, False),
        (True, 1, False),
        (False, 0, False),
        (None, None, True),
        (None, False, False),
        ("", None, False),
        (2**53 + 1, float(2**53), False),
        ([1, {"a": [2]}], [1.0, {"a": [2.0]}], True),
        ([True], [1], False),
        ({"a": 1}, {"b": 1}, False),
        ({"a": None}, {}, False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ([1], [1, 2], False),
        ([], {}, False),
        (1, [1], False),
    ],
)
def test_equality_of_chosen_pairs(left, right, expected):
    assert operators.equal(left, right) is expected
    assert operators.equal(right, left) is expected


@pytest.mark.acceptance("EXP-12")
def test_deep_values_are_compared_without_recursion():
    one, other = None, None
    for _ in range(100_000):
        one, other = [one], [other]
    assert operators.equal(one, other)
    while one:  # taken apart by hand: dropping so deep a list would recurse in C
        one, other = one[0], other[0]


@pytest.mark.acceptance("EXP-12")
def test_values_that_hold_the_same_parts_again_and_again_are_compared_part_by_part():
    left, right, different = [1], [1], [2]
    for _ in range(50):
        left, right, different = [left, {"a": left}], [right, {"a": right}], [different, {"a": different}]
    assert operators.equal(left, right)
    assert not operators.equal(left, different)


@pytest.mark.acceptance("EXP-12")
def test_comparing_more_than_a_state_may_hold_is_an_error():
    left, right = ([[0] * 1_000_000 for _ in range(5)] for _ in range(2))
    assert kind_of_error(operators.equal, left, right) == "limit"


ORDERINGS = {
    operators.less: operator.lt,
    operators.less_equal: operator.le,
    operators.greater: operator.gt,
    operators.greater_equal: operator.ge,
}


@pytest.mark.acceptance("EXP-04")
@pytest.mark.parametrize("compare", ORDERINGS)
@given(left=numbers, right=numbers, one=texts, other=texts)
def test_numbers_and_texts_are_ordered_as_they_should_be(compare, left, right, one, other):
    assert compare(left, right) is ORDERINGS[compare](Fraction(left), Fraction(right))
    assert compare(one, other) is ORDERINGS[compare](list(map(ord, one)), list(map(ord, other)))
    assert compare(left, left) is ORDERINGS[compare](0, 0)


@pytest.mark.acceptance("EXP-04", "EXP-02")
@pytest.mark.parametrize("compare", ORDERINGS)
def test_other_pairs_have_no_order(compare):
    for left, right in [(1, "1"), (True, False), (1, True), ([], []), ({}, 1), ("a", 1.5)]:
        assert kind_of_error(compare, left, right) == "type"
        assert kind_of_error(compare, right, left) == "type"
    for other in (None, 1, "a", []):
        assert kind_of_error(compare, None, other) == "null"
        assert kind_of_error(compare, other, None) == "null"


ARITHMETIC = {
    operators.add: operator.add,
    operators.subtract: operator.sub,
    operators.multiply: operator.mul,
    operators.divide: operator.truediv,
    operators.remainder: operator.mod,
}


@pytest.mark.acceptance("EXP-07")
@pytest.mark.parametrize("compute", ARITHMETIC)
@given(left=numbers, right=numbers)
def test_arithmetic_is_exact_or_an_error(compute, left, right):
    try:
        expected = ARITHMETIC[compute](left, right)
    except ZeroDivisionError:
        expected = None
    fits = expected is not None and math.isfinite(expected)
    if not fits or (type(expected) is int and not SMALLEST <= expected <= LARGEST):
        assert kind_of_error(compute, left, right) == "arithmetic"
    else:
        found = compute(left, right)
        assert (type(found), found) == (type(expected), expected)
        assert math.isfinite(found)


@pytest.mark.acceptance("EXP-07")
def test_integers_end_at_64_bits():
    assert operators.add(LARGEST, 0) == LARGEST
    assert kind_of_error(operators.add, LARGEST, 1) == "arithmetic"
    assert kind_of_error(operators.subtract, SMALLEST, 1) == "arithmetic"
    assert kind_of_error(operators.multiply, SMALLEST, -1) == "arithmetic"
    assert kind_of_error(operators.negate, SMALLEST) == "arithmetic"
    assert operators.negate(LARGEST) == -LARGEST
    assert kind_of_error(operators.multiply, 1e308, 10) == "arithmetic"


@pytest.mark.acceptance("EXP-07")
def test_division_gives_a_number_and_the_remainder_takes_the_divisors_sign():
    assert type(operators.divide(6, 3)) is float
    assert operators.divide(7, 2) == 3.5
    assert [operators.remainder(*pair) for pair in [(7, 3), (-7, 3), (7, -3), (-7, -3)]] == [1, 2, -2, -1]
    for zero in (0, 0.0, -0.0):
        assert kind_of_error(operators.divide, 1, zero) == "arithmetic"
        assert kind_of_error(operators.remainder, 1, zero) == "arithmetic"


@pytest.mark.parametrize("compute", ARITHMETIC)
def test_arithmetic_takes_numbers_and_no_bools(compute):
    for left, right in [(1, "1"), (True, 1), (1.5, False), ([], 1), ({}, {}), ("a", ["b"])]:
        assert kind_of_error(compute, left, right) == "type"
    assert kind_of_error(compute, None, 1) == "null"
    assert kind_of_error(compute, 1, None) == "null"


def test_a_sign_needs_a_number():
    assert operators.negate(2.5) == -2.5
    assert kind_of_error(operators.negate, True) == "type"
    assert kind_of_error(operators.negate, "1") == "type"
    assert kind_of_error(operators.negate, None) == "null"


def test_plus_joins_texts_and_lists_and_changes_neither():
    left, right = [1], [2]
    assert operators.add(left, right) == [1, 2]
    assert (left, right) == ([1], [2])
    assert operators.add("a", "b") == "ab"


@pytest.mark.acceptance("EXP-12")
def test_what_grows_too_long_is_refused():
    half = "x" * (MAX_TEXT_LENGTH // 2)
    assert len(operators.add(half, half)) == MAX_TEXT_LENGTH
    assert kind_of_error(operators.add, half, half + "x") == "limit"
    assert kind_of_error(operators.join_text, [half, half, 1]) == "limit"
    items = [None] * MAX_LIST_ITEMS
    assert kind_of_error(operators.add, items, [1]) == "limit"


@pytest.mark.acceptance("EXP-08")
def test_in_finds_parts_elements_and_keys():
    assert operators.contained_in("bc", "abcd") is True
    assert operators.contained_in("cb", "abcd") is False
    assert operators.contained_in(1, [2, 1.0]) is True
    assert operators.contained_in(True, [1]) is False
    assert operators.contained_in(None, [None]) is True
    assert operators.contained_in([1], [[1]]) is True
    assert operators.contained_in("a", {"a": None}) is True
    assert operators.contained_in("b", {"a": "b"}) is False


@pytest.mark.acceptance("EXP-08")
def test_in_refuses_anything_else():
    for item, container in [(1, "1"), (1, {"1": 1}), ("a", 1), ("a", True), ([], "")]:
        assert kind_of_error(operators.contained_in, item, container) == "type"
    for item, container in [("a", None), (None, "a"), (None, {})]:
        assert kind_of_error(operators.contained_in, item, container) == "null"


@pytest.mark.acceptance("EXP-01", "EXP-02")
def test_members_and_elements_are_null_where_there_are_none():
    data = {"a": {"odd-key.with.dots": 1}, "l": [10, 20]}
    assert operators.member(data, "l") == [10, 20]
    assert operators.index(data["a"], "odd-key.with.dots") == 1
    assert [operators.index(data["l"], key) for key in (0, 1, 2, -1, 1.0, 0.5 + 0.5)] == [10, 20, None, None, 20, 20]
    for missing in (data, [1], "text", 5, None, True):
        assert operators.member(missing, "zz") is None
    for scalar in ("text", 5, None, True):
        assert operators.index(scalar, 0) is None
        assert operators.index(scalar, "a") is None


def test_an_index_of_a_wrong_kind_is_an_error():
    assert kind_of_error(operators.index, [1], "0") == "type"
    assert kind_of_error(operators.index, [1], 0.5) == "type"
    assert kind_of_error(operators.index, [1], True) == "type"
    assert kind_of_error(operators.index, {"0": 1}, 0) == "type"
    assert kind_of_error(operators.index, [1], None) == "null"
    assert kind_of_error(operators.index, {}, None) == "null"


def test_a_text_is_joined_of_any_values():
    parts = ["v", 1, None, True, 2.5, [1, "a"], {"b": None, "a": 1}]
    assert operators.join_text(parts) == 'v1true2.5[1,"a"]{"a":1,"b":null}'
    assert operators.join_text([]) == ""


def test_only_a_bool_is_a_condition():
    assert operators.check_bool(True) is True
    assert operators.check_bool(False) is False
    for value in (0, 1, "", "true", [], {}, 1.0):
        assert kind_of_error(operators.check_bool, value) == "type"
    assert kind_of_error(operators.check_bool, None) == "null"
