"""Where ``${{ … }}`` begin and end in a text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wfe_dsl.embedded import OPENING, expression_end, expression_regions


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("${{ a }} b }}", " a "),
        ("${{ '}}' + a }}", " '}}' + a "),
        ('${{ "it\\"s }}" }}', ' "it\\"s }}" '),
        ("${{ {a: {b: 1}} }}", " {a: {b: 1}} "),
        ("${{{a: 1}}}", "{a: 1}"),
        ("${{ {a: 'x } }} y", " {a: 'x } "),
        ("${{}}", ""),
    ],
)
def test_an_expression_ends_at_the_braces_that_are_of_no_string_and_no_map(text: str, inside: str) -> None:
    assert text[3 : expression_end(text, 3)] == inside


@pytest.mark.parametrize("text", ["${{ a", "${{ a }", "${{ '}}'", "${{ {a: 1}}"])
def test_an_expression_without_its_end_reaches_to_the_end_of_the_text(text: str) -> None:
    assert expression_end(text, 3) == -1
    assert expression_regions("x " + text) == [(2, 2 + len(text))]


def test_all_expressions_of_a_text_are_found_in_order() -> None:
    assert expression_regions("a ${{ b }}${{ '${{' }} c") == [(2, 10), (10, 22)]
    assert expression_regions("a $ {{ b }}") == []


@given(st.text("${}'\"\\ a\n", max_size=30))
def test_regions_begin_at_an_opening_end_at_a_closing_and_never_overlap(text: str) -> None:
    last = 0
    for start, end in expression_regions(text):
        assert last <= start < end <= len(text)
        assert text.startswith(OPENING, start)
        assert text.endswith("}}", start + 3, end) or end == len(text)
        last = end
