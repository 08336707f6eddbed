"""An expression's canonical text means what the expression means, and has no parenthesis too many."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dsl.places import expression, span_of
from tests.dsl.test_expressions import larger, operands
from wfe_dsl import nodes
from wfe_dsl.diagnostics.model import Diagnostics
from wfe_dsl.expression_printer import NoSpelling, print_expression, print_literal, print_text
from wfe_dsl.expressions import parse_expression, parse_text
from wfe_dsl.nodes import structure


@pytest.mark.acceptance("EXP-06")
@pytest.mark.parametrize(
    "text",
    [
        "a ?? b ?? c",
        "a ? b : c ? d : e",
        "(a ? b : c) ? d : e",
        "a - (b - c)",
        "a - b - c",
        "!(a && b) || c",
        "(a + b).x",
        "(1).x",
        "-1",
        "a[\"it's\"].b-c['1'][0]",
        "{a-b: 1, 'x y': [1, 2]}",
        "map(xs, x => x > 1 ? 'a' : 'b')",
        "x in [1] == true",
        "host.has('docker')",
        "inputs.in",
    ],
)
def test_what_is_canonical_is_printed_as_it_is_written(text):
    assert print_expression(expression(text)) == text


@pytest.mark.acceptance("EXP-06")
@given(st.recursive(operands, larger, max_leaves=10))
def test_reading_what_is_printed_gives_an_equal_tree(text):
    diagnostics = Diagnostics()
    found = parse_expression(text, span_of(text), diagnostics)
    if found is None:
        return
    printed = print_expression(found)
    assert structure(expression(printed)) == structure(found)
    assert print_expression(expression(printed)) == printed


@given(st.text(st.sampled_from("ab'\"\\${}\n\té😀 "), max_size=12))
def test_any_text_can_be_printed_as_an_expression_and_as_a_text(text):
    literal = nodes.Literal(span=span_of("x")(0, 1), value=text)
    assert expression(print_literal(text)).value == text
    printed = print_text(literal)
    diagnostics = Diagnostics()
    found = parse_text(printed, span_of(printed), diagnostics)
    assert diagnostics.found == []
    parts = found.parts if isinstance(found, nodes.Text) else (found,)
    assert "".join(part.value for part in parts) == text


def test_what_has_no_text_of_its_own_is_named():
    span = span_of("x")(0, 1)
    inner = nodes.DataKey(span=span, name="a")
    with pytest.raises(NoSpelling) as raised:
        print_expression(nodes.ListExpression(span=span, items=(inner,)))
    assert raised.value.node is inner
