"""The functions of expressions: every one as its row says, and its errors."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dsl.evaluate import evaluate
from tests.dsl.places import expression
from tests.vm.strategies import plain_values, texts
from wfe_vm.errors import ExpressionError
from wfe_vm.library import FUNCTIONS_BY_NAME, FUNCTIONS_BY_NUMBER, call
from wfe_vm.limits import MAX_LIST_ITEMS, MAX_TEXT_LENGTH
from wfe_vm.operators import equal
from wfe_vm.typeterms import check_value
from wfe_vm.values import check_plain

FROZEN_NUMBERS = [
    "len", "lower", "upper", "trim", "starts_with", "ends_with", "replace", "split", "join", "keys", "values",
    "first", "last", "min", "max", "sum", "abs", "floor", "ceil", "round", "div", "range", "sort", "unique",
    "reverse", "flatten", "slice", "merge", "json", "to_json", "duration", "matches", "string", "number",
    "integer", "bool", "type_of", "one_of", "default", "index_of", "combinations",
]  # fmt: skip
EXAMPLES = [example for row in FUNCTIONS_BY_NUMBER.values() for example in row.examples]
A_VALUE_OF = {"string": "a", "number": 1.5, "integer": 2, "bool": True, "list": ["a"], "map": {"a": 1}, "any": "a"}


def value_of(name, *arguments):
    return FUNCTIONS_BY_NAME[name].call(list(arguments))


def error_kind_of(name, *arguments):
    with pytest.raises(ExpressionError) as caught:
        value_of(name, *arguments)
    assert caught.value.message
    return caught.value.code


def test_the_numbers_that_programs_hold_are_never_changed():
    assert [FUNCTIONS_BY_NUMBER[number].name for number in range(1, len(FROZEN_NUMBERS) + 1)] == FROZEN_NUMBERS
    assert len(FUNCTIONS_BY_NAME) == len(FUNCTIONS_BY_NUMBER) >= len(FROZEN_NUMBERS)


@pytest.mark.acceptance("EXP-09")
@pytest.mark.parametrize(("text", "result"), EXAMPLES, ids=[text for text, _ in EXAMPLES])
def test_every_function_does_what_its_examples_say(text, result):
    found = evaluate(expression(text), {})
    assert json.dumps(found, sort_keys=True, separators=(",", ":"), ensure_ascii=False) == result


@pytest.mark.acceptance("EXP-09")
@pytest.mark.parametrize("name", FUNCTIONS_BY_NAME)
def test_every_function_has_a_row_that_documents_it(name):
    row = FUNCTIONS_BY_NAME[name]
    assert row.doc.endswith(".")
    assert row.examples
    assert all(text.startswith(f"{name}(") for text, _ in row.examples)


@pytest.mark.acceptance("EXP-09")
@pytest.mark.parametrize("name", FUNCTIONS_BY_NAME)
def test_every_function_refuses_null_wrong_types_and_wrong_counts(name):
    row = FUNCTIONS_BY_NAME[name]
    good = [A_VALUE_OF[parameter.types[0].kind] for parameter in row.parameters]
    for position, parameter in enumerate(row.parameters):
        kinds = {type.kind for type in parameter.types}
        if "any" in kinds:
            continue
        assert error_kind_of(name, *good[:position], None, *good[position + 1 :]) == "null"
        for kind in {"string", "bool", "list", "map"} - kinds:
            assert error_kind_of(name, *good[:position], A_VALUE_OF[kind], *good[position + 1 :]) == "type"
    assert not row.accepts(row.least - 1)
    assert error_kind_of(name, *good[: row.least - 1]) == "type"
    if row.most is not None:
        assert not row.accepts(row.most + 1)
        assert error_kind_of(name, *good, "a") == "type"


@given(st.sampled_from(sorted(FUNCTIONS_BY_NAME)), st.lists(plain_values, min_size=1, max_size=3))
def test_any_arguments_give_a_plain_value_of_the_declared_type_or_an_expression_error(name, arguments):
    row = FUNCTIONS_BY_NAME[name]
    before = repr(arguments)
    kind = None
    try:
        result = row.call(list(arguments))
    except ExpressionError as error:
        kind = error.code
    else:
        assert check_plain(result) is None
        assert check_value(result, row.result) == []
    assert kind in (None, "type", "null", "arithmetic", "limit")
    assert repr(arguments) == before


def test_functions_are_called_by_number():
    assert call(1, ["abc"]) == 3
    with pytest.raises(KeyError):
        call(9999, [])


def test_a_whole_number_is_an_integer_where_one_is_needed():
    assert value_of("div", 7.0, 2) == 3
    assert value_of("range", 2.0) == [0, 1]
    assert error_kind_of("div", 7.5, 2) == "type"
    assert error_kind_of("range", 1e300) == "type"


@pytest.mark.acceptance("EXP-09")
def test_empty_lists_and_texts():
    assert value_of("first", []) is None
    assert value_of("last", []) is None
    assert value_of("min", []) is None
    assert value_of("sum", []) == 0
    assert value_of("join", [], ",") == ""
    assert value_of("split", "", ",") == [""]
    assert value_of("split", "  ") == []
    assert value_of("replace", "", "a", "b") == ""
    assert value_of("sort", []) == []
    assert value_of("flatten", []) == []
    assert value_of("keys", {}) == []
    assert error_kind_of("split", "a", "") == "type"
    assert error_kind_of("replace", "a", "", "b") == "type"


def test_order_is_among_numbers_or_texts_only():
    assert value_of("sort", [2, 1.5, -1]) == [-1, 1.5, 2]
    assert value_of("min", "b", "a") == "a"
    assert error_kind_of("sort", [1, "a"]) == "type"
    assert error_kind_of("sort", [True, False]) == "type"
    assert error_kind_of("max", [1, None]) == "null"
    assert error_kind_of("max", [[1], [2]]) == "type"
    assert error_kind_of("min", 1, "a") == "type"
    assert error_kind_of("min", 1) == "type"


@given(st.lists(plain_values, max_size=6))
def test_unique_keeps_the_first_of_equal_items(items):
    expected = []
    for item in items:
        if not any(equal(item, kept) for kept in expected):
            expected.append(item)
    assert repr(value_of("unique", items)) == repr(expected)


@given(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1))
def test_a_whole_quotient_and_the_remainder_belong_together(left, right):
    if right == 0 or not -(2**63) <= left // right < 2**63:
        assert error_kind_of("div", left, right) == "arithmetic"
    else:
        assert value_of("div", left, right) * right + left % right == left


def test_rounding_takes_halves_away_from_zero():
    halves = (0.5, 1.5, 2.5, -0.5, -2.5, 0.49999999999999994)
    assert [value_of("round", value) for value in halves] == [1, 2, 3, -1, -3, 0]
    assert [value_of("round", 2.675, digits) for digits in (2, 1)] == [2.68, 2.7]
    assert value_of("round", 1e300, 2) == 1e300
    assert value_of("round", 5, 2) == 5
    assert value_of("round", 1.5, 0) == 2
    assert error_kind_of("round", 1e300) == "arithmetic"
    assert error_kind_of("floor", 1e19) == "arithmetic"
    assert error_kind_of("abs", -(2**63)) == "arithmetic"
    assert error_kind_of("round", 1.5, 16) == "type"


def test_sums_stay_within_64_bits():
    assert error_kind_of("sum", [2**63 - 1, 1]) == "arithmetic"
    assert error_kind_of("sum", [1, "2"]) == "type"
    assert error_kind_of("sum", [1, None]) == "null"


def test_conversions_never_guess():
    assert value_of("integer", " 12 ") == 12
    assert value_of("number", "1e3") == 1000.0
    assert value_of("bool", "false") is False
    for text in ("", "abc", "1.5", "0x10", "1_000", "9223372036854775808", "nan"):
        assert error_kind_of("integer", text) == "type"
    assert error_kind_of("integer", 1.5) == "type"
    assert error_kind_of("integer", 1e19) == "arithmetic"
    assert error_kind_of("number", "inf") == "type"
    assert error_kind_of("bool", "yes") == "type"
    assert error_kind_of("json", "{") == "type"
    assert error_kind_of("json", "[NaN]") == "type"


@given(plain_values)
def test_json_that_was_written_is_read_back(value):
    assert equal(value_of("json", value_of("to_json", value)), value)


@given(texts, texts)
def test_a_part_is_found_where_it_is(text, part):
    found = value_of("index_of", text, part)
    assert (found is not None) is (part in text)
    if found is not None:
        assert value_of("slice", text, found, found + len(part)) == part


@pytest.mark.acceptance("EXP-09")
def test_durations_are_milliseconds():
    assert value_of("duration", "1h30m") == 5_400_000
    assert value_of("duration", "250") == 250
    for bad in ("", "5 minutes", "1m1h", "-1s", "1" * 200, "99999999d"):
        assert error_kind_of("duration", bad) == "type"
    assert error_kind_of("duration", -1) == "type"


@pytest.mark.acceptance("EXP-11")
def test_a_pattern_from_data_that_is_none_is_a_type_error_with_its_place():
    assert error_kind_of("matches", "a", "(") == "type"
    assert error_kind_of("matches", "a", r"(a)\1") == "type"
    assert error_kind_of("matches", "a" * 100_000, "b") == "limit"
    with pytest.raises(ExpressionError, match="character 3"):
        value_of("matches", "a", "ab[")


@pytest.mark.acceptance("EXP-12")
def test_what_grows_too_large_is_a_limit_error():
    text = "x" * (MAX_TEXT_LENGTH // 2 + 1)
    assert error_kind_of("replace", text, "x", "xx") == "limit"
    assert error_kind_of("join", [text, text]) == "limit"
    assert error_kind_of("join", [""] * 20, text) == "limit"
    assert error_kind_of("range", MAX_LIST_ITEMS + 1) == "limit"
    assert error_kind_of("range", -(2**63), 2**63 - 1) == "limit"
    assert error_kind_of("split", "," * (MAX_LIST_ITEMS + 5), ",") == "limit"
    assert error_kind_of("flatten", [[0] * MAX_LIST_ITEMS, 1]) == "limit"
    nested = []
    for _ in range(1000):
        nested = [nested]
    assert error_kind_of("to_json", nested) == "limit"
    assert error_kind_of("unique", nested) == "limit"
    assert error_kind_of("string", nested) == "limit"
