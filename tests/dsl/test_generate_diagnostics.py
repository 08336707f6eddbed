"""The reference page of the diagnostics equals the catalogue, and shows each row whole."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from wfe_dsl.diagnostics.codes import ROWS, Code
from wfe_dsl.diagnostics.generate import generated_files, main

ROOT = Path(__file__).resolve().parents[2]
NAME = "docs/reference/diagnostics.md"
PAGE = generated_files()[NAME]


@pytest.mark.acceptance("DIA-01")
def test_the_page_in_the_repository_is_what_would_be_written(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"], ROOT) == 0, capsys.readouterr().out


@pytest.mark.acceptance("DIA-01")
def test_every_code_has_an_entry_with_its_severity_and_its_reason_in_the_order_of_the_codes() -> None:
    entries = re.findall(r"^### (WFE\d{4})\n\n\*\*.+\*\* \((error|warning|note)\)\. \S", PAGE, re.MULTILINE)
    assert entries == sorted((row.code, row.severity) for row in ROWS)


def test_every_entry_is_linked_from_the_list_of_its_section() -> None:
    assert sorted(re.findall(r"^\* \[(WFE\d{4})\]\(#wfe\d{4}\): ", PAGE, re.MULTILINE)) == sorted(
        row.code for row in ROWS
    )


def test_every_section_has_a_name() -> None:
    assert "## Codes WFE" not in PAGE


@pytest.mark.parametrize("row", [row for row in ROWS if row.wrong], ids=lambda row: row.code)
def test_an_entry_shows_what_is_wrong_and_what_is_right(row: Code) -> None:
    entry = PAGE.split(f"### {row.code}\n")[1].split("\n### ")[0]
    wrong, right = entry.split("\nRight:\n")
    for example, part in ((row.wrong, wrong), (row.right, right)):
        first = example.split("\n", 1)[0]
        assert re.search(rf"```{row.notation}\n{re.escape(first)}", part)


def test_blocks_are_closed_and_nothing_unseen_is_in_the_page() -> None:
    fence = ""
    for line in PAGE.splitlines():
        found = re.fullmatch(r"(`{3,})(\w+)?", line)
        if found is not None and not fence:
            assert found[2], line
            fence = found[1]
        elif line == fence:
            fence = ""
    assert fence == ""
    assert re.search(r"[^\n\t\x20-\x7e\u00a0-\uffff]", PAGE) is None


def test_a_second_writing_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], tmp_path) == 0
    assert capsys.readouterr().out == f"wrote {NAME}\n"
    assert main([], tmp_path) == 0
    assert capsys.readouterr().out == ""
    assert (tmp_path / NAME).read_bytes() == PAGE.encode()


def test_check_writes_nothing_and_says_what_to_do_for_a_page_that_differs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--check"], tmp_path) == 1
    assert not (tmp_path / NAME).exists()
    said = capsys.readouterr().out
    assert NAME in said
    assert "python -m wfe_dsl.diagnostics.generate" in said
