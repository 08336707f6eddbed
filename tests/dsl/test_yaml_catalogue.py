"""Every row of the catalogue that the YAML front end raises: its example raises it, the corrected form does not."""

from __future__ import annotations

import pytest

from wfe_dsl.diagnostics.codes import CODES, Code
from wfe_dsl.diagnostics.model import Diagnostic, Diagnostics
from wfe_dsl.variables import Variables
from wfe_dsl.yaml_front import load_yaml_text

FRONT_END = [row for row in CODES.values() if row.code[3:5] in ("00", "01") or "WFE0501" <= row.code <= "WFE0506"]
SHOWN = [row for row in FRONT_END if row.wrong]
# Bytes, sizes and several files: shown in test_yaml_documents and test_source.
SHOWN_ELSEWHERE = {"WFE0001", "WFE0002", "WFE0005", "WFE0020", "WFE0021", "WFE0126"}


def diagnose(text: str) -> list[Diagnostic]:
    diagnostics = Diagnostics()
    load_yaml_text(text, Variables(), diagnostics, name="example.yaml")
    return diagnostics.found


@pytest.mark.acceptance("DIA-01", "DIA-05")
@pytest.mark.parametrize("row", SHOWN, ids=lambda row: row.code)
def test_the_wrong_example_of_a_code_raises_that_code_once_and_nothing_else(row: Code) -> None:
    assert [found.code for found in diagnose(row.wrong)] == [row.code]


@pytest.mark.acceptance("DIA-01")
@pytest.mark.parametrize("row", SHOWN, ids=lambda row: row.code)
def test_the_right_example_of_a_code_raises_nothing_in_the_front_end(row: Code) -> None:
    assert diagnose(row.right) == []


def test_every_code_of_the_front_end_has_an_example_or_a_test_with_files() -> None:
    assert {row.code for row in FRONT_END} - {row.code for row in SHOWN} == SHOWN_ELSEWHERE


def test_every_code_stands_in_the_section_that_its_number_says() -> None:
    codes = list(CODES)
    assert len(set(codes)) == len(codes)
    assert all(row.severity in ("error", "warning", "note") and row.title and row.why for row in CODES.values())
