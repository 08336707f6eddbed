"""``explain``: what a diagnostic means, for people and as data."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wfe_dsl.diagnostics.codes import CODES

from .conftest import Wfec


@pytest.mark.acceptance("DIA-01", "CLI-23")
def test_a_code_is_explained_with_both_examples_and_nothing_is_written(folder: Path, wfec: Wfec) -> None:
    shown = wfec("explain", "WFE0101")
    assert shown.code == 0
    row = CODES["WFE0101"]
    assert shown.out.startswith(f"error[WFE0101]: {row.title}\n")
    for line in (row.wrong + row.right).splitlines():
        assert line in shown.out
    assert wfec("explain", "101", "-o", "json").json == {
        "code": "WFE0101", "severity": "error", "title": row.title,
        "why": row.why, "notation": "yaml", "wrong": row.wrong, "right": row.right,
    }  # fmt: skip
    assert os.listdir(folder) == []


def test_a_code_about_files_says_that_no_single_file_shows_it(wfec: Wfec) -> None:
    assert "No single file shows it" in wfec("explain", "WFE0020").out
    assert wfec("explain", "WFE0020", "-o", "json").json["wrong"] is None


def test_without_a_code_all_are_listed(wfec: Wfec) -> None:
    assert [row["code"] for row in wfec("explain", "-o", "json").json] == sorted(CODES)
    assert len(wfec("explain").out.splitlines()) == 1 + len(CODES)


@pytest.mark.acceptance("CLI-01")
def test_an_unknown_code_is_4_and_the_near_ones_are_named(wfec: Wfec) -> None:
    result = wfec("explain", "WFE0199")
    assert (result.code, result.out) == (4, "")
    assert "did you mean WFE0119 or WFE0109" in result.err
    assert "wfec explain` lists" in wfec("explain", "what\x1b[2J").err
