"""The catalogue as ``explain`` shows it."""

from __future__ import annotations

import pytest

from wfe_dsl.diagnostics.codes import CODES, ROWS, Code
from wfe_dsl.diagnostics.explain import explanation, find_code, near_codes, row_object, summary_rows


@pytest.mark.acceptance("DIA-01")
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.code)
def test_an_explanation_holds_all_that_the_row_says(row: Code) -> None:
    text = "\n".join(explanation(row))
    for part in (row.code, row.severity, row.title, *row.wrong.split("\n"), *row.right.split("\n")):
        assert part.rstrip() in text
    assert " ".join(row.why.split()) in " ".join(text.split())
    assert row_object(row)["wrong"] == (row.wrong or None)


@pytest.mark.parametrize("text", ["WFE0101", "wfe0101", "wfe101", "0101", "101", " WFE-101 "])
def test_a_code_is_found_however_it_is_typed(text: str) -> None:
    assert find_code(text) is CODES["WFE0101"]


@pytest.mark.parametrize(
    ("text", "expected"), [("WFE0110 ", "WFE0110"), ("WEF0101", "WFE0101"), ("WFE0199", "WFE0109"), ("1O1", None)]
)
def test_codes_near_a_wrong_one_are_named_and_at_most_three(text: str, expected: str | None) -> None:
    near = near_codes(text)
    assert len(near) <= 3
    assert expected is None or expected in near


@pytest.mark.parametrize("text", ["", "retry", "-1", "99999", "WFE" * 100_000, "٣"])
def test_what_is_no_code_at_all_finds_nothing(text: str) -> None:
    assert find_code(text) is None
    assert near_codes(text) == [] or text == ""


def test_the_list_has_every_code_once_in_order() -> None:
    assert [code for code, _, _ in summary_rows()] == sorted(CODES)
