"""Type terms: reading and printing them, values against them, texts read by them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vm.strategies import plain_values
from wfe_vm.typeterms import (
    ANY,
    BOOL,
    INTEGER,
    NULL,
    NUMBER,
    STRING,
    TextValueError,
    Type,
    TypeTermError,
    accepts,
    check_value,
    coerce,
    is_optional,
    join,
    list_of,
    map_of,
    optional,
    parse_type,
    print_type,
    read_text,
    read_undeclared,
    record_of,
    required,
)

field_names = st.from_regex(r"[a-z_0-9][a-z0-9_-]{0,4}", fullmatch=True)
types = st.recursive(
    st.sampled_from([STRING, NUMBER, INTEGER, BOOL, ANY]),
    lambda inner: st.one_of(
        inner.map(list_of),
        inner.map(map_of),
        inner.map(optional),
        st.dictionaries(field_names, inner, max_size=3).map(record_of),
    ),
    max_leaves=6,
)


def values_of(type):
    """Return a strategy of values of a type, some of them with whole floats for integers."""
    strategies = {
        "string": st.text(max_size=3),
        "number": st.one_of(st.integers(-9, 9), st.sampled_from([0.5, -2.25])),
        "integer": st.one_of(st.integers(-9, 9), st.sampled_from([1.0, -3.0])),
        "bool": st.booleans(),
        "any": st.sampled_from([None, 1, "a", [None], {"x": 2.5}]),
    }
    if type.kind == "list":
        found = st.lists(values_of(type.element), max_size=3)
    elif type.kind == "map":
        found = st.dictionaries(st.text(max_size=3), values_of(type.element), max_size=3)
    elif type.kind == "record":
        found = st.fixed_dictionaries({name: values_of(field) for name, field in type.fields})
    else:
        found = strategies[type.kind]
    return st.one_of(st.none(), found) if type.optional else found


@pytest.mark.acceptance("TYP-01")
@given(types)
def test_a_type_that_was_printed_is_read_as_the_same(type):
    text = print_type(type)
    assert parse_type(text) == type
    assert print_type(parse_type(text)) == text
    spaced = "".join(f" {letter}\n" if letter in "<>{}:,?" else letter for letter in text)
    assert parse_type(f"\t{spaced} ") == type


@pytest.mark.acceptance("TYP-01")
def test_types_read_as_they_are_written():
    assert parse_type("list<map<list<string?>>>?") == Type("list", True, map_of(list_of(Type("string", optional=True))))
    assert print_type(parse_type("{ b : integer? , a:{c: bool},}")) == "{a: {c: bool}, b: integer?}"
    assert print_type(parse_type("any?")) == "any"
    assert print_type(parse_type("{}")) == "{}"


@pytest.mark.acceptance("TYP-02")
@pytest.mark.parametrize(
    ("text", "code", "offset", "end"),
    [
        ("strin", "unknown-type", 0, 5),
        ("list<int>", "unknown-type", 5, 8),
        ("set<string>", "unknown-generic", 0, 3),
        ("string<any>", "unknown-generic", 0, 6),
        ("list", "missing-element", 0, 4),
        ("map?", "missing-element", 0, 3),
        ("", "empty", 0, 0),
        ("  ", "empty", 0, 2),
        ("list<string", "unclosed", 4, 5),
        ("list<", "unclosed", 5, 5),
        ("{a: string", "unclosed", 0, 1),
        ("{a", "unclosed", 0, 1),
        ("{", "unclosed", 0, 1),
        ("list<string}", "unexpected", 11, 12),
        ("string, bool", "unexpected", 6, 7),
        ("string??", "unexpected", 7, 8),
        ("[string]", "unexpected", 0, 1),
        ("{a string}", "unexpected", 3, 9),
        ("{: string}", "unexpected", 1, 2),
        ("list<>", "unexpected", 5, 6),
        ("{a: string, a: bool}", "duplicate-field", 12, 13),
        ("list<" * 10_000, "too-deep", 325, 326),
    ],
)
def test_what_is_no_type_is_refused_with_a_code_of_its_own(text, code, offset, end):
    with pytest.raises(TypeTermError) as caught:
        parse_type(text)
    assert (caught.value.code, caught.value.offset, caught.value.end) == (code, offset, end)


def test_other_languages_names_are_answered_with_ours():
    for name, ours in [("int", "integer"), ("Boolean", "bool"), ("object", "map<any>"), ("String", "string")]:
        with pytest.raises(TypeTermError) as caught:
            parse_type(name)
        assert ours in caught.value.help


@pytest.mark.acceptance("TYP-03")
@pytest.mark.parametrize(
    ("type", "fits", "refused"),
    [
        ("string", ["", "a"], [1, True, None, ["a"], {}]),
        ("number", [1, 2.78, -(2**63)], ["1", True, None, float("nan"), float("inf"), 2**63]),
        ("integer", [1, 1.0, -0.0, 2**63 - 1], [2.78, "1", True, None, 1e300, 2**63]),
        ("bool", [True, False], [0, 1, "true", None]),
        ("any", [None, 1, "a", [None], {}], [float("nan")]),
        ("string?", [None, "a"], [1, []]),
        ("list<integer>", [[], [1, 2.0]], [None, {}, [1, "a"], [None], "ab"]),
        ("list<integer?>?", [None, [None, 1]], [[1.5]]),
        ("map<bool>", [{}, {"a": True}], [[], {"a": 1}, {"a": None}]),
        (
            "{a: string, b: integer?}",
            [{"a": "x"}, {"a": "x", "b": None, "c": 1}],
            [{}, {"a": None}, {"a": "x", "b": "y"}, []],
        ),
    ],
)
def test_a_type_takes_its_values_and_no_others(type, fits, refused):
    for value in fits:
        assert check_value(value, parse_type(type)) == []
    for value in refused:
        assert check_value(value, parse_type(type)) != []


@pytest.mark.acceptance("TYP-04")
def test_a_problem_carries_its_path():
    type = parse_type("{regions: list<{name: string, tags: map<string>?}>}")
    value = {"regions": [{"name": "a"}, {"name": "b", "tags": {"x y": 1}}, {"name": None}, {}]}
    assert [problem.told_of("input").partition(":")[0] for problem in check_value(value, type)] == [
        'input.regions[1].tags["x y"]',
        "input.regions[2].name",
        "input.regions[3].name",
    ]
    assert str(check_value(value, type)[1]) == "regions[2].name: null, where string is needed"
    assert len(check_value(["x"] * 1000, list_of(BOOL))) == 20


@given(types.flatmap(lambda type: st.tuples(st.just(type), values_of(type))))
def test_what_fits_a_type_still_fits_when_coerced_and_is_not_changed_in_place(pair):
    type, value = pair
    assert check_value(value, type) == []
    before = repr(value)
    coerced = coerce(value, type)
    assert check_value(coerced, type) == []
    assert coerced == value
    assert repr(value) == before
    assert coerce(coerced, type) is coerced


def test_a_whole_number_becomes_an_integer_where_one_is_declared():
    type = parse_type("{n: integer, l: list<integer?>, x: number, m: map<integer>}")
    value = {"n": 1.0, "l": [None, 2.0], "x": 3.0, "m": {"a": 4.0}}
    assert repr(coerce(value, type)) == "{'n': 1, 'l': [None, 2], 'x': 3.0, 'm': {'a': 4}}"


@given(types, plain_values)
def test_a_value_is_taken_by_the_optional_type_exactly_if_null_or_taken_by_the_inner(type, value):
    expected = value is None or check_value(value, required(type)) == []
    assert (check_value(value, optional(type)) == []) is expected
    assert is_optional(optional(type))


@given(types, types, st.data())
def test_the_join_of_two_types_takes_the_values_of_both(one, other, data):
    joined = join(one, other)
    assert check_value(data.draw(values_of(one)), joined) == []
    assert check_value(data.draw(values_of(other)), joined) == []
    assert join(one, one) == one
    assert accepts(joined, one)
    assert accepts(joined, other)


@given(types, types, st.data())
def test_a_type_refuses_another_only_where_no_value_fits(target, source, data):
    value = data.draw(values_of(source))
    if not accepts(target, source) and value not in (None, [], {}) and source.element is None:
        assert check_value(value, target) != []


def test_assignability():
    def fits(target, source):
        return accepts(parse_type(target), parse_type(source))

    assert fits("number", "integer")
    assert fits("integer", "number")
    assert fits("string", "string?")
    assert fits("map<any>", "{a: string}")
    assert fits("{a: string}", "map<string>")
    assert fits("{a: string, b: bool?}", "{a: string, c: integer}")
    assert not fits("string", "integer")
    assert not fits("list<string>", "list<integer>")
    assert not fits("{a: string}", "{b: string}")
    assert not fits("{a: string}", "map<bool>")
    assert not fits("bool", "number")
    assert not accepts(STRING, NULL)
    assert accepts(optional(STRING), NULL)
    assert join(NULL, STRING) == optional(STRING)
    assert join(INTEGER, NUMBER) == NUMBER
    assert join(STRING, BOOL) == ANY


@pytest.mark.acceptance("TYP-10", "SHL-05")
@pytest.mark.parametrize(
    ("type", "text", "value"),
    [
        ("string", "007", "007"),
        ("string", " null ", " null "),
        ("string?", "null", "null"),
        ("integer", " 42\n", 42),
        ("integer", "007", 7),
        ("integer", "-1", -1),
        ("integer", "2.0", 2),
        ("integer", "9223372036854775807", 2**63 - 1),
        ("number", "12e3", 12000.0),
        ("number", "+5", 5),
        ("number", "1.10", 1.1),
        ("bool", "true", True),
        ("bool", " false ", False),
        ("integer?", "", None),
        ("integer?", "null", None),
        ("integer?", "5", 5),
        ("list<integer>", "[1, 2.0]", [1, 2]),
        ("map<any>", '{"a": null}', {"a": None}),
        ("{a: string}", '{"a": "x"}', {"a": "x"}),
        ("any", "42", 42),
        ("any", "007", "007"),
    ],
)
def test_a_declared_type_decides_how_a_text_is_read(type, text, value):
    found = read_text(text, parse_type(type))
    assert repr(found) == repr(value)


@pytest.mark.acceptance("TYP-10")
@pytest.mark.parametrize(
    ("type", "text"),
    [
        ("integer", "abc"),
        ("integer", "1.5"),
        ("integer", ""),
        ("integer", "9223372036854775808"),
        ("integer", "9" * 5000),
        ("integer", "1_000"),
        ("integer", "٣"),
        ("number", "nan"),
        ("number", "inf"),
        ("number", "1e999"),
        ("number", "0x10"),
        ("bool", "yes"),
        ("bool", "1"),
        ("list<integer>", "1,2"),
        ("list<integer>", '["a"]'),
        ("map<any>", "[]"),
        ("{a: string}", "{}"),
    ],
)
def test_a_text_that_is_no_value_of_the_type_is_refused_in_words(type, text):
    with pytest.raises(TextValueError, match=r"\w"):
        read_text(text, parse_type(type))


@pytest.mark.acceptance("SHL-05")
@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("false", False), ("null", None), ("42", 42), ("-1", -1), ("0", 0), ("3.14", 3.14), ("-2.5", -2.5),
     (str(2**53), 2**53)],
)  # fmt: skip
def test_an_undeclared_text_is_typed_where_printing_gives_it_back(text, value):
    assert repr(read_undeclared(text)) == repr(value)


@pytest.mark.acceptance("SHL-05")
@pytest.mark.parametrize(
    "text",
    ["007", "12e3", "nan", "+5", "1.10", "1.2.3", str(2**53 + 1), "-0", "", " 42", "True", "NULL", "inf", "1e5",
     "0x1", ".5", "5.", "1_000", "٣", "9" * 10_000, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4", "1234567e12", "[1]",
     '{"a": 1}', "0.00001"],
)  # fmt: skip
def test_an_undeclared_text_stays_text_where_a_value_would_lose_something(text):
    assert read_undeclared(text) == text
