"""How things look as text."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wfe_runtime.cli.texts import clip, format_span, harmless, harmless_lines, to_json, to_table, to_text


@pytest.mark.acceptance("SEC-05")
@given(st.text(alphabet=st.characters(blacklist_categories=())))
def test_no_text_steers_a_terminal_or_breaks_a_line_once_it_is_harmless(text: str) -> None:
    shown = harmless(text)
    assert len(shown.splitlines() or [""]) == 1
    assert not {unicodedata.category(letter) for letter in shown.replace("\t", "")} & {"Cc", "Cs", "Zl", "Zp"}
    assert not {unicodedata.bidirectional(letter) for letter in shown} & {
        "RLO",
        "LRO",
        "RLE",
        "LRE",
        "RLI",
        "LRI",
        "FSI",
    }
    shown.encode()


@given(st.text())
def test_lines_are_split_at_every_end_that_a_terminal_knows(text: str) -> None:
    lines = harmless_lines(text)
    assert all("\n" not in line and "\r" not in line for line in lines)
    assert "".join(lines) == harmless(text.replace("\r\n", "").replace("\n", "").replace("\r", ""))


@pytest.mark.acceptance("SEC-05")
@given(st.text())
def test_a_json_line_is_one_line_to_every_reader_and_means_what_it_meant(text: str) -> None:
    shown = to_json({"text": text})
    assert len(shown.splitlines()) == 1
    assert json.loads(shown) == {"text": text}
    assert not {unicodedata.category(letter) for letter in shown} & {"Cc", "Zl", "Zp"}


@pytest.mark.parametrize(
    ("milliseconds", "shown"),
    [
        (-5, "0.0s"), (0, "0.0s"), (12_340, "12.3s"), (59_949, "59.9s"), (59_950, "1m00s"), (125_000, "2m05s"),
        (3_600_000, "1h00m"), (11_040_000, "3h04m"), (183_600_000, "2d03h"),
    ],
)  # fmt: skip
def test_a_length_of_time_is_short(milliseconds: int, shown: str) -> None:
    assert format_span(milliseconds) == shown


def test_a_table_has_even_columns_and_harmless_cells() -> None:
    assert to_table(("a", "long"), [("x\ny", "1"), ("z", "")]) == ["A     LONG", "x\\ny  1", "z"]


@pytest.mark.parametrize(
    ("text", "width", "shown"), [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("abc", 1, "…"), ("a", 0, "")]
)
def test_what_is_too_long_is_clipped(text: str, width: int, shown: str) -> None:
    assert clip(text, width) == shown


def test_a_value_that_is_no_text_is_shown_as_json() -> None:
    assert [to_text(value) for value in ("a\n", None, [1, {"k": "ü"}])] == ["a\\n", "null", '[1,{"k":"ü"}]']
