"""The expression language: what a text means, where it stands, and what is wrong with it."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.dsl.evaluate import evaluate
from tests.dsl.places import columns, expression, failed, mixed, span_of
from tests.dsl.reference_grammar import NotInTheLanguage, read, shape
from tests.examples import examples
from wfe_dsl import nodes
from wfe_dsl.diagnostics.codes import CODES
from wfe_dsl.diagnostics.model import Diagnostics
from wfe_dsl.expression_parser import read_expression
from wfe_dsl.expressions import parse_expression, parse_text
from wfe_vm.errors import ExpressionError
from wfe_vm.limits import MAX_EXPRESSION_DEPTH, MAX_EXPRESSION_LENGTH, MAX_EXPRESSION_NESTING

DATA = {
    "inputs": {"a": {"b": {"c": [{"d": 7}]}}, "odd": {"odd-key.with.dots": 1}, "n": 3, "s": "text"},
    "steps": {"build-image": {"output": {"tag-2": "v1"}}},
    "x": 1,
    "y": 2,
    "nothing": None,
}


def value_of(text):
    return evaluate(expression(text), DATA)


def error_kind_of(text):
    with pytest.raises(ExpressionError) as caught:
        value_of(text)
    return caught.value.code


# What texts mean


@pytest.mark.acceptance("EXP-01")
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("null", None),
        ("true", True),
        ("false", False),
        ("42", 42),
        ("-42", -42),
        ("- 42", -42),
        ("2.50", 2.5),
        ("1e3", 1000.0),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("'a\"b'", 'a"b'),
        (r'"a\n\t\\\"\'\/\u0041\u{1F600}\ud83d\ude00"', "a\n\t\\\"'/A\U0001f600\U0001f600"),
        ("[1, 'a', [], ]", [1, "a", []]),
        ("{a: 1, 'b c': 2, d-e2: 3, in: 4, true: 5,}", {"a": 1, "b c": 2, "d-e2": 3, "in": 4, "true": 5}),
        ("{}", {}),
        ("inputs.a.b.c[0].d", 7),
        ('inputs.odd["odd-key.with.dots"]', 1),
        ("steps.build-image.output.tag-2", "v1"),
        ("inputs\n  .a\n  .b == null", False),
    ],
)
def test_values_are_written_as_one_would_expect(text, value):
    found = value_of(text)
    assert (type(found), found) == (type(value), value)


@pytest.mark.acceptance("EXP-02")
def test_what_is_missing_is_null_and_null_is_no_value():
    for text in ("inputs.zz", "inputs.zz.yy[3].x", "inputs.a.b.c[9]", "inputs.n.x", "inputs.s[0]", "inputs['zz']"):
        assert value_of(text) is None
        assert value_of(f"{text} ?? 'd'") == "d"
    for text in ("inputs.zz + 1", "1 < inputs.zz", "len(inputs.zz)", "inputs.zz && true", "-nothing"):
        assert error_kind_of(text) == "null"


@pytest.mark.acceptance("EXP-05")
def test_only_what_decides_is_evaluated():
    assert value_of("false && 1 / 0 > 1") is False
    assert value_of("true || 1 / 0 > 1") is True
    assert value_of("true ? 1 : 1 / 0") == 1
    assert value_of("false ? 1 / 0 : 2") == 2
    assert value_of("0 ?? 1 / 0") == 0
    assert value_of("false ?? true") is False
    assert error_kind_of("true && 1 / 0 > 1") == "arithmetic"
    assert error_kind_of("1 && true") == "type"
    assert error_kind_of("true && 'x'") == "type"
    assert error_kind_of("'x' ? 1 : 2") == "type"


@pytest.mark.acceptance("EXP-05")
def test_words_and_signs_for_logic_are_the_same():
    assert shape(expression("a and b or not c")) == shape(expression("a && b || !c"))
    assert shape(expression("contains(a, b)")) == shape(expression("a contains b"))


LEVELS = [["??"], ["||"], ["&&"], ["==", "!="], ["<", "<=", ">", ">=", "in", "contains"], ["+", "-"], ["*", "/", "%"]]
PAIRS = [
    (one, other, first, second)
    for first, level in enumerate(LEVELS)
    for one in level
    for second, other_level in enumerate(LEVELS)
    for other in other_level
]


@pytest.mark.acceptance("EXP-06")
def test_every_pair_of_operators_groups_by_the_table():
    a, b, c = ("name", "a"), ("name", "b"), ("name", "c")
    for one, other, first, second in PAIRS:
        grouped = (one, a, (other, b, c)) if second > first else (other, (one, a, b), c)
        assert shape(expression(f"a {one} b {other} c")) == grouped
    for operator in [operator for level in LEVELS for operator in level]:
        assert shape(expression(f"!a {operator} -b")) == (operator, ("!", a), ("-", b))
        assert shape(expression(f"a {operator} b.x[c]")) == (operator, a, ("index", ("member", b, "x"), c))
        assert shape(expression(f"a ? b {operator} c : c")) == ("?:", a, (operator, b, c), c)
        choice = ("?:", (operator, a, b), b, (operator, c, a))
        assert shape(expression(f"a {operator} b ? b : c {operator} a")) == choice
    assert shape(expression("a ? b : c ? a : b")) == ("?:", a, b, ("?:", c, a, b))
    assert shape(expression("not a.b")) == ("!", ("member", a, "b"))
    assert shape(expression("- -a")) == ("-", ("-", a))
    assert shape(expression("--5")) == ("-", ("literal", "int", -5))


def test_a_hyphen_belongs_to_a_name_only_directly_after_a_dot():
    assert shape(expression("x-1")) == ("-", ("name", "x"), ("literal", "int", 1))
    assert shape(expression("x.a-1")) == ("member", ("name", "x"), "a-1")
    assert shape(expression("x.a -1")) == ("-", ("member", ("name", "x"), "a"), ("literal", "int", 1))
    assert shape(expression("x.a-(1)")) == ("-", ("member", ("name", "x"), "a"), ("literal", "int", 1))
    assert shape(expression("x.2nd.and.größe")) == (
        "member",
        ("member", ("member", ("name", "x"), "2nd"), "and"),
        "größe",
    )


@pytest.mark.acceptance("EXP-10")
def test_a_bound_variable_hides_an_outer_one_and_ends_with_its_body():
    assert value_of("map([10, 20], x => x + y)") == [12, 22]
    assert value_of("filter([1, 2, 3], x => x > y)") == [3]
    assert value_of("map([[1, 2], [3]], x => map(x, x => x * 2))") == [[2, 4], [6]]
    assert value_of("[map([5], x => x), x]") == [[5], 1]


# The grammar is the reference

WORDS = (
    "a", "b.c", "steps.d-1", "x.2e", ".f", "1", "2.5", "007", "1e3", "9223372036854775808", "'s'",
    '"q\\n"', "true", "null", "+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "&&", "||",
    "??", "?", ":", "!", "not", "and", "or", "in", "contains", "(", ")", "[", "]", "{", "}", ",", "=>",
    "x =>", "len(", "map(", "contains(", "host.has(", "k:", "k-1:", "in:", "-1", ".0", "=", "$",
)  # fmt: skip

operands = st.sampled_from(
    ["a", "b.c", "1", "2.5", "'s'", "true", "null", "x.d-e", "[1, a]", "{k: 1, l-m: a}", "[]", "{}"]
)


def larger(inner):
    binary = st.sampled_from([operator for level in LEVELS for operator in level] + ["and", "or"])
    return st.one_of(
        st.tuples(inner, binary, inner).map(" ".join),
        st.tuples(st.sampled_from(["!", "not ", "-", "- "]), inner).map("".join),
        inner.map(lambda text: f"({text})"),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]})[{pair[1]}]"),
        inner.map(lambda text: f"({text}).m-1"),
        st.tuples(inner, inner, inner).map(lambda parts: f"{parts[0]} ? {parts[1]} : {parts[2]}"),
        st.tuples(inner, inner).map(lambda pair: f"f({pair[0]}, {pair[1]},)"),
        st.tuples(inner, inner).map(lambda pair: f"filter({pair[0]}, v => {pair[1]})"),
        st.tuples(inner, inner).map(lambda pair: f"{{k: {pair[0]}, 'l': {pair[1]}}}"),
    )


def compare_with_the_grammar(text):
    diagnostics = Diagnostics()
    found = parse_expression(text, span_of(text), diagnostics)
    try:
        expected = read(text)
    except NotInTheLanguage:
        assert found is None
        assert len(diagnostics.found) == 1
    else:
        assert diagnostics.found == []
        assert shape(found) == expected


@pytest.mark.acceptance("EXP-06")
@given(st.recursive(operands, larger, max_leaves=10))
def test_well_formed_expressions_are_read_as_the_grammar_reads_them(text):
    read(text)
    compare_with_the_grammar(text)


@settings(max_examples=examples(500))
@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=8), st.sampled_from([" ", "", "\n"]))
@example(["{", "a", "-", "1", ".5", ":", "1", "}"], "")
@example(["a", "?", "b.c", ":", "1"], "")
@example(["1", "and", "a"], "")
@example(["1", "in", "[", "]"], "")
@example(["{", "contains", ":", "1", "}"], " ")
@example(["-", "9223372036854775808"], "")
def test_any_row_of_words_is_taken_or_refused_as_by_the_grammar(words, glue):
    compare_with_the_grammar(glue.join(words))


@settings(max_examples=examples(300))
@given(st.text(st.sampled_from("ab1.-'\"\\{}[]()?:=<>!&|+*/%$ \nü"), max_size=12))
def test_any_text_is_taken_or_refused_as_by_the_grammar(text):
    try:
        expected = read(text)
    except (NotInTheLanguage, SyntaxError):  # the reference leaves escapes to Python, which knows others
        expected = None
    if "\\" not in text and "${{" not in text:
        found = read_expression(text)
        assert isinstance(found, tuple) is (expected is not None)


# Places


def test_every_part_knows_where_it_stands():
    found = expression("inputs.regions[0] == 'eu' && len(x) > 2")
    assert columns(found.span) == (1, 40)
    equality, comparison = found.left, found.right
    assert columns(equality.span) == (1, 26)
    assert columns(equality.left.span) == (1, 18)
    assert columns(equality.left.target.name_span) == (8, 15)
    assert columns(equality.right.span) == (22, 26)
    assert columns(comparison.left.function_span) == (30, 33)
    assert columns(comparison.left.span) == (30, 36)
    assert columns(comparison.right.span) == (39, 40)
    entries = expression("{a: 1, 'b': x}").entries
    assert [(key, columns(span)) for key, span, _ in entries] == [("a", (2, 3)), ("b", (8, 11))]


def test_equal_texts_are_read_once_and_keep_their_own_places():
    text = "inputs.name == 'x'"
    first, second = mixed(f"a ${{{{{text}}}}}"), mixed(f"longer ${{{{{text}}}}}")
    assert read_expression(text) is read_expression(text)
    assert columns(first.parts[1].left.span) == (6, 17)
    assert columns(second.parts[1].left.span) == (11, 22)
    assert shape(first.parts[1]) == shape(second.parts[1])


# Texts with expressions in them


def test_a_text_without_expressions_is_a_literal():
    for text in ("", "plain", "$NAME ${NAME} {{x}} }} $ {", "$((1 + 2))"):
        found = mixed(text)
        assert isinstance(found, nodes.Literal)
        assert found.value == text


def test_a_text_that_is_one_expression_is_that_expression():
    found = mixed("${{ inputs.n }}")
    assert isinstance(found, nodes.Member)
    assert evaluate(found, DATA) == 3


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("v${{ inputs.n }}.${{x}}", "v3.1"),
        (" ${{ inputs.n }}", " 3"),
        ("${{ nothing }}!", "!"),
        ('${{ \'}}\' }}${{ "a}}\\"}}" }}', '}}a}}"}}'),
        ("${{ {a: {b: 1}}}} ${{ {} }}", '{"a":{"b":1}} {}'),
        ("${{ {a: 1}.a }}}", "1}"),
        ("$${{x}}", "$1"),
    ],
)
def test_expressions_inside_a_text_end_where_they_should(text, value):
    found = mixed(text)
    assert isinstance(found, nodes.Text)
    assert evaluate(found, DATA) == value


def test_each_bad_expression_of_a_text_is_told_once():
    diagnostics = Diagnostics()
    text = "${{ 1 + }} and ${{ x }} and ${{ ) }} and ${{ y"
    parse_text(text, span_of(text), diagnostics)
    assert [(found.code, found.span.column) for found in diagnostics.found] == [
        ("WFE0301", 7),
        ("WFE0301", 33),
        ("WFE0302", 42),
    ]


def test_an_expression_may_stand_in_one_pair_of_braces():
    assert shape(expression("  ${{ x + 1 }}\n")) == shape(expression("x + 1"))


@pytest.mark.parametrize("text", ["${{ x }} + 1", "x == '${{ y }}'", "${{ x }}${{ y }}", "${{ '${{' }}"])
def test_braces_have_no_place_inside_an_expression(text):
    assert failed(text).code == "WFE0303"


# What is wrong


@pytest.mark.parametrize(
    ("text", "code", "place", "said"),
    [
        ("", "WFE0307", (1, 1), "empty"),
        ("   ", "WFE0307", (1, 4), "empty"),
        ("1 +", "WFE0301", (3, 4), "a value is expected"),
        ("a b", "WFE0301", (3, 4), "quotes"),
        ("(1 + 2", "WFE0301", (1, 2), "never closed"),
        ("len([1, 2)", "WFE0301", (10, 11), "`]`"),
        ("f(g(1)", "WFE0301", (2, 3), "never closed"),
        ("{a: 1", "WFE0301", (1, 2), "never closed"),
        ("{a 1}", "WFE0301", (4, 5), "`:`"),
        ("{1: 2}", "WFE0301", (2, 3), "a key"),
        ("1)", "WFE0301", (2, 3), "without its"),
        ("a ? b", "WFE0301", (5, 6), "test ? then : otherwise"),
        ("a = 1", "WFE0301", (3, 4), "write `==`"),
        ("a === 1", "WFE0301", (3, 6), "`==`"),
        ("a & b", "WFE0301", (3, 4), "`&&`"),
        ("a // b", "WFE0301", (4, 5), "div(a, b)"),
        ("a <> b", "WFE0301", (4, 5), "`!=`"),
        ("a?.b", "WFE0301", (3, 5), "null"),
        ("$HOME", "WFE0301", (1, 2), "shell"),
        ("a.", "WFE0301", (2, 3), "name"),
        ("a.0", "WFE0301", (2, 4), "[0]"),
        ("a not in b", "WFE0301", (3, 6), "not (item in list)"),
        ("True", "WFE0301", (1, 5), "`true`"),
        ("x(1)(2)", "WFE0301", (1, 5), "functions"),
        ("“a”", "WFE0301", (1, 2), "strings stand in"),
        ("a\x00b", "WFE0301", (2, 3), "U+0000"),
        ("'abc", "WFE0304", (1, 2), "never closed"),
        ("'a\nb'", "WFE0304", (1, 2), "never closed"),
        (r"'a\d'", "WFE0304", (3, 5), "`\\\\`"),
        (r"'\ud800'", "WFE0304", (1, 9), "half a character"),
        (r"'\u{110000}'", "WFE0304", (2, 12), "unknown escape"),
        ("5m", "WFE0305", (1, 3), 'duration("5m")'),
        ("007", "WFE0305", (1, 4), "begins with 0"),
        ("2030-01-01", "WFE0305", (1, 11), "quotes of its own within the expression: '2030-01-01'"),
        ("inputs.at < 2030-12-25T08:30:00Z", "WFE0305", (13, 33), "'2030-12-25T08:30:00Z'"),
        ("2030-12-25t08:30+01:00", "WFE0305", (1, 23), "'2030-12-25t08:30+01:00'"),
        ("9223372036854775808", "WFE0305", (1, 20), "64 bits"),
        ("- 1 - 9223372036854775809", "WFE0305", (7, 26), "64 bits"),
        ("1e999", "WFE0305", (1, 6), "64 bits"),
        ("9" * 5000, "WFE0305", (1, 5001), "64 bits"),
        ("{a: 1, 'a': 2}", "WFE0308", (8, 11), "twice"),
        ("x => 1", "WFE0309", (3, 5), "map(list"),
        ("len(x => 1)", "WFE0309", (5, 11), "map(list"),
        ("map(x => 1, [1])", "WFE0309", (5, 11), "second argument"),
        ("contains(a)", "WFE0311", (1, 12), "2 arguments"),
    ],
)
def test_what_is_no_expression_is_told_at_its_place_with_a_cure(text, code, place, said):
    found = failed(text)
    assert (found.code, columns(found.span)) == (code, place)
    assert said in f"{found.message} {found.help} {found.fix and found.fix.text}"


@pytest.mark.parametrize(
    ("text", "cured"), [("a === b", "a == b"), ("None", "null"), ("xs.0", "xs[0]"), ("a = b", "a == b")]
)
def test_a_certain_fix_makes_the_text_right(text, cured):
    fix = failed(text).fix
    assert text[: fix.span.column - 1] + fix.text + text[fix.span.end_column - 1 :] == cured
    expression(cured)


@pytest.mark.acceptance("EXP-12")
@pytest.mark.parametrize(
    "text",
    [
        "(" * 10_000 + "1" + ")" * 10_000,
        "[" * 10_000,
        "!" * 10_000 + "true",
        "- " * 10_000 + "x",
        "a ? " * 10_000,
        "a" + ".b" * 10_000,
        "a" + "[0]" * 10_000,
        " + ".join(["x"] * 10_000),
        "f(" * 10_000,
        "{a: " * 10_000,
        "a ?? " * 10_000 + "b",
        "[" + "1, " * 40_000 + "]",
    ],
)
def test_an_expression_nested_or_chained_too_deep_is_a_limit_error(text):
    assert failed(text).code == "WFE0306"


@pytest.mark.acceptance("EXP-12")
def test_expressions_up_to_the_limits_are_taken():
    depth = MAX_EXPRESSION_NESTING - 1
    expression("(" * depth + "1" + ")" * depth)
    expression("[" * depth + "]" * depth)
    expression(" + ".join(["x"] * MAX_EXPRESSION_DEPTH))
    expression("[" + ", ".join(["1"] * 10_000) + "]")
    assert len(expression("'" + "x" * (MAX_EXPRESSION_LENGTH - 2) + "'").value) == MAX_EXPRESSION_LENGTH - 2


def test_every_code_that_the_parser_gives_is_in_the_catalogue():
    for number in range(1, 12):
        assert CODES[f"WFE03{number:02}"].severity == "error"
