"""Static types: what is known of an expression's value, and what is certain to fail."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dsl.evaluate import evaluate
from tests.dsl.places import columns, expression, mixed
from wfe_dsl.diagnostics.model import Diagnostics
from wfe_dsl.infer import infer, infer_as
from wfe_dsl.nodes import Index, Member, Name
from wfe_vm.errors import ExpressionError
from wfe_vm.typeterms import ANY, BOOL, check_value, list_of, parse_type, print_type

TYPES = {
    "n": "integer",
    "x": "number",
    "s": "string",
    "b": "bool",
    "any": "any",
    "o": "string?",
    "ns": "list<integer>",
    "ss": "list<string>",
    "m": "map<integer>",
    "r": "{a: integer, b: {c: string?}, d-e: list<{f: bool}>}",
    "ro": "{a: integer}?",
}


class NamedTypes:
    """A scope of names with types, members by those types; anything else is ``any``."""

    def __init__(self, types):
        self.types = types

    def lookup(self, head, path):
        found = self.types.get(head.name)
        return (ANY, len(path)) if found is None else (found, 0)


SCOPE = NamedTypes({name: parse_type(text) for name, text in TYPES.items()})


def found(text):
    """Return the type of an expression and what was said of it."""
    diagnostics = Diagnostics()
    type = infer(expression(text), SCOPE, diagnostics)
    return type, diagnostics.found


def type_of(text):
    type, said = found(text)
    assert said == []
    return print_type(type)


def only(text):
    """Return the one thing said of an expression."""
    said = found(text)[1]
    assert len(said) == 1, [diagnostic.message for diagnostic in said]
    return said[0]


@pytest.mark.parametrize(
    ("text", "type"),
    [
        ("null", "null"),
        ("1", "integer"),
        ("1.0", "number"),
        ("'a'", "string"),
        ("true", "bool"),
        ("[1, 2]", "list<integer>"),
        ("[1, 2.5]", "list<number>"),
        ("[1, null]", "list<integer?>"),
        ("[]", "list<any>"),
        ("[1, 'a']", "list<any>"),
        ("{a: 1, b: 'x'}", "{a: integer, b: string}"),
        ("n + n", "integer"),
        ("n + x", "number"),
        ("n / n", "number"),
        ("n % n", "integer"),
        ("-x", "number"),
        ("s + s", "string"),
        ("ns + ns", "list<integer>"),
        ("ns + [1.5]", "list<number>"),
        ("any + n", "number"),
        ("any + s", "string"),
        ("any - any", "number"),
        ("n < x", "bool"),
        ("s in ss", "bool"),
        ("b && !b", "bool"),
        ("o ?? 'd'", "string"),
        ("null ?? n", "integer"),
        ("o ?? n", "any"),
        ("b ? n : x", "number"),
        ("b ? n : null", "integer?"),
        ("r.a", "integer"),
        ("r.b.c", "string?"),
        ("r['a']", "integer"),
        ("r.d-e[0].f", "bool?"),
        ("ro.a", "integer?"),
        ("m.zz", "integer?"),
        ("m[s]", "integer?"),
        ("ns[n]", "integer?"),
        ("any.a[0].b", "any"),
        ("unknown.a", "any"),
        ("{a: 1}.a", "integer"),
        ("len(s)", "integer"),
        ("first(ns)", "integer?"),
        ("max(ns)", "integer?"),
        ("max(n, x)", "number"),
        ("sum(ns)", "integer"),
        ("sum([1.5])", "number"),
        ("sort(ss)", "list<string>"),
        ("slice(s, 1)", "string"),
        ("flatten([ns, ns])", "list<integer>"),
        ("merge({a: 1}, {b: 's'})", "{a: integer, b: string}"),
        ("values(m)", "list<integer>"),
        ("round(x)", "integer"),
        ("round(x, 2)", "number"),
        ("default(o, 'x')", "string"),
        ("index_of(ss, s)", "integer?"),
        ("json(s)", "any"),
        ("map(ns, i => i / 2)", "list<number>"),
        ("map(ss, s => len(s))", "list<integer>"),
        ("filter(ns, i => i > 1)", "list<integer>"),
        ("map(r.d-e, item => item.f)", "list<bool>"),
        ("host.has('docker')", "bool"),
        ("matches(s, '^v[0-9]+$')", "bool"),
    ],
)
def test_types_are_inferred(text, type):
    assert type_of(text) == type


@pytest.mark.acceptance("EXP-04", "EXP-05", "EXP-08", "EXP-09")
@pytest.mark.parametrize(
    ("text", "code", "place", "said"),
    [
        ("s > n", "WFE0312", (1, 6), "number(x)"),
        ("b < 'a'", "WFE0312", (1, 2), "two numbers or two strings"),
        ("n + s", "WFE0312", (1, 6), "string(x)"),
        ("ns - n", "WFE0312", (1, 3), "two numbers"),
        ("n && b", "WFE0312", (1, 2), "bool"),
        ("b || s", "WFE0312", (6, 7), "bool"),
        ("n ? 1 : 2", "WFE0312", (1, 2), "bool"),
        ("!n", "WFE0312", (2, 3), "bool"),
        ("!s == 'a'", "WFE0312", (2, 3), "!(a == b)"),
        ("-s", "WFE0312", (2, 3), "number"),
        ("n in s", "WFE0312", (1, 2), "string"),
        ("s in n", "WFE0312", (6, 7), "look in"),
        ("m contains n", "WFE0312", (12, 13), "string"),
        ("ns['a']", "WFE0312", (4, 7), "integer"),
        ("m[0]", "WFE0312", (3, 4), "string"),
        ("filter(ns, i => i)", "WFE0312", (17, 18), "bool"),
        ("null + 1", "WFE0313", (1, 5), "??"),
        ("n < null", "WFE0313", (5, 9), "??"),
        ("len(null)", "WFE0313", (5, 9), "??"),
        ("null && b", "WFE0313", (1, 5), "??"),
        ("length(s)", "WFE0310", (1, 7), "`len`"),
        ("startswith(s, 'a')", "WFE0310", (1, 11), "`starts_with`"),
        ("always()", "WFE0310", (1, 7), "`ensure` of the step before"),
        ("nonsense(s)", "WFE0310", (1, 9), "functions are"),
        ("s.upper()", "WFE0310", (1, 8), ""),
        ("len()", "WFE0311", (1, 6), "1 argument"),
        ("len(s, s)", "WFE0311", (1, 10), "2 arguments"),
        ("min()", "WFE0311", (1, 6), "1 or more"),
        ("round(x, 1, 2)", "WFE0311", (1, 15), "1 to 2"),
        ("map(ns)", "WFE0311", (1, 8), "x => "),
        ("filter(ns, b)", "WFE0311", (1, 14), "x => "),
        ("lower(n)", "WFE0314", (7, 8), "needs string as its text"),
        ("sum(ss)", "WFE0314", (5, 7), "list<number>"),
        ("map(s, c => c)", "WFE0314", (5, 6), "list"),
        ("host.has(s)", "WFE0314", (1, 12), "written out"),
        ("matches(s, '(a+')", "WFE0315", (13, 14), "without its"),
        (r"matches(s, 'x(a)\\1')", "WFE0315", (12, 21), "back-references"),
        ("matches(s, 'ab(?=c)')", "WFE0315", (15, 16), "look-around"),
        ("duration('5 min')", "WFE0316", (10, 17), "did you mean `5m`"),
        ("r.aa", "WFE0317", (3, 5), "it has a, b, d-e"),
        ("r.b.cc.d", "WFE0317", (5, 7), "no `cc`"),
        ("s.size", "WFE0317", (3, 7), "string"),
        ("ns.length", "WFE0317", (4, 10), "len(x)"),
        ("r.d-e.f", "WFE0317", (7, 8), "map(x, item => item.f)"),
        ("n[0]", "WFE0317", (1, 5), "no elements"),
        ("n / 0", "WFE0318", (5, 6), "zero"),
        ("n % 0.0", "WFE0318", (5, 8), "zero"),
        ("n == s", "WFE0319", (1, 7), "always false"),
        ("b != 1", "WFE0319", (1, 7), "always true"),
        ("n in ss", "WFE0319", (1, 8), "always false"),
        ("ns[-1]", "WFE0320", (4, 6), "last(x)"),
    ],
)
def test_what_is_certain_to_fail_is_told_where_it_stands(text, code, place, said):
    diagnostic = only(text)
    assert diagnostic.code == code
    assert columns(diagnostic.span) == place
    assert said in f"{diagnostic.message} {diagnostic.help}"


def test_one_mistake_is_told_once():
    assert only("len(s - 1) > 2").code == "WFE0312"
    assert only("-s < 'a'").code == "WFE0312"
    assert only("r.zz.y[0].z == 'a' || b").code == "WFE0317"
    assert only("map(nonsense(s), x => x.y + 1)[0] + 1").code == "WFE0310"
    assert [said.code for said in found("(s - 1) * 2 + r.zz.y")[1]] == ["WFE0312", "WFE0317"]


@pytest.mark.parametrize(
    "text",
    [
        "any < s",
        "any.x + 1",
        "o + 's'",
        "first(ss) + 'a'",
        "o == null",
        "n == null",
        "n == 1.0",
        "any in any",
        "any + any",
    ],
)
def test_what_may_go_well_is_not_told(text):
    assert found(text)[1] == []


def test_a_text_is_a_string_whatever_is_in_it():
    diagnostics = Diagnostics()
    assert infer(mixed("a ${{ n }} ${{ null }}"), SCOPE, diagnostics) == parse_type("string")
    assert diagnostics.found == []
    infer(mixed("a ${{ lower(n) }}"), SCOPE, diagnostics)
    assert [said.code for said in diagnostics.found] == ["WFE0314"]


def test_a_wanted_type_is_held_against_the_whole():
    def said(text, wanted):
        diagnostics = Diagnostics()
        infer_as(expression(text), wanted, "`when`", SCOPE, diagnostics)
        return [(diagnostic.code, diagnostic.message) for diagnostic in diagnostics.found]

    assert said("n > 1", BOOL) == []
    assert said("any", BOOL) == []
    assert said("n", BOOL) == [("WFE0312", "`when` needs bool, and this is integer")]
    assert said("null", BOOL) == [("WFE0313", "`when` needs bool, and this is null")]
    assert said("ns", list_of(ANY)) == []


def test_a_scope_answers_for_as_much_of_a_path_as_it_knows():
    asked = []

    class Steps:
        def lookup(self, head, path):
            asked.append((head.name, len(path)))
            assert isinstance(head, Name)
            assert all(isinstance(access, Member | Index) for access in path)
            return (parse_type("{tag: string}"), 2)

    diagnostics = Diagnostics()
    found = infer(expression("map([1], i => steps.build.output.tag)"), Steps(), diagnostics)
    assert print_type(found) == "list<string>"
    assert asked == [("steps", 3)]
    infer(expression("steps.build.output.tga"), Steps(), diagnostics)
    assert [(said.code, said.help) for said in diagnostics.found] == [("WFE0317", "did you mean `tag`?")]


VALUES = {
    "n": st.integers(-5, 5),
    "x": st.sampled_from([0.5, -1.0, 2]),
    "s": st.sampled_from(["", "a", "12"]),
    "b": st.booleans(),
    "any": st.sampled_from([None, 1, "a", [1], {"a": 1}]),
    "o": st.sampled_from([None, "a"]),
    "ns": st.lists(st.integers(-3, 3), max_size=3),
    "ss": st.lists(st.sampled_from(["", "b"]), max_size=3),
    "m": st.dictionaries(st.sampled_from(["a", "b"]), st.integers(0, 3)),
    "r": st.just({"a": 1, "b": {"c": None}, "d-e": [{"f": True}]}),
    "ro": st.sampled_from([None, {"a": 2}]),
}
atoms = st.sampled_from(
    [*TYPES, "1", "2.5", "'b'", "null", "[]", "[n, 'a']", "r.a", "r.b.c", "ro.a", "m.a", "ns[0]", "any.a"]
)
binaries = st.sampled_from(["+", "-", "*", "/", "%", "==", "!=", "<", ">=", "&&", "||", "??", "in", "contains"])
calls = st.sampled_from(
    ["len", "first", "max", "sum", "sort", "unique", "reverse", "flatten", "values", "keys", "round", "string"]
)
compounds = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.tuples(inner, binaries, inner).map(lambda parts: f"({' '.join(parts)})"),
        st.tuples(calls, inner).map(lambda parts: f"{parts[0]}({parts[1]})"),
        st.tuples(inner, inner, inner).map(lambda parts: f"({parts[0]} ? {parts[1]} : {parts[2]})"),
        st.tuples(inner, inner).map(lambda parts: f"map({parts[0]}, n => {parts[1]})"),
        st.tuples(inner, inner).map(lambda parts: f"default({parts[0]}, {parts[1]})"),
        st.tuples(inner, inner).map(lambda parts: f"max({parts[0]}, {parts[1]})"),
        st.tuples(inner, inner).map(lambda parts: f"[{parts[0]}, {parts[1]}]"),
        st.tuples(inner, inner).map(lambda parts: f"{{k: {parts[0]}, l: {parts[1]}}}.k"),
    ),
    max_leaves=6,
)


@given(compounds, st.fixed_dictionaries(VALUES))
def test_a_value_is_of_the_type_that_was_inferred_and_errors_told_are_certain(text, names):
    type, said = found(text)
    try:
        value = evaluate(expression(text), names)
    except (ExpressionError, TypeError):  # the evaluator's own map() does not check for lists
        return
    if not said:
        assert check_value(value, type) == [], (text, print_type(type))
