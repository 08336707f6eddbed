"""``check`` over the corpus of broken files and over the project's own, in one process."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from wfe_runtime.cli.main import run

ROOT = Path(__file__).resolve().parents[2]
BROKEN = ROOT / "tests" / "data" / "broken"


def check(capsys: pytest.CaptureFixture[str], arguments: Sequence[str]) -> tuple[int, list[dict[str, Any]]]:
    code = run(["check", *arguments, "--format", "json"])
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, list)
    return code, found


@pytest.mark.acceptance("CLI-08", "DIA-05", "DIA-07")
def test_check_of_all_broken_files_blames_each_once_at_its_line_with_a_cure(capsys: pytest.CaptureFixture[str]) -> None:
    code, found = check(capsys, [str(BROKEN)])
    assert code == 3
    expected = {}
    for path in BROKEN.rglob("*.yaml"):
        expectation = re.match(r"# expect: (WFE\d{4}) (\d+)", path.read_text())
        assert expectation is not None
        expected[str(path)] = (expectation[1], int(expectation[2]))
    errors = [one for one in found if one["severity"] == "error"]
    assert {one["file"]: (one["code"], one["line"]) for one in errors} == expected
    assert len(errors) == len(expected)
    for one in found:
        text = Path(one["file"]).read_text().split("\n")
        assert 1 <= one["line"] <= one["end_line"] <= len(text)
        assert 1 <= one["column"] <= len(text[one["line"] - 1]) + 1
        assert 1 <= one["end_column"] <= len(text[one["end_line"] - 1]) + 1
        assert one["help"]


def test_check_finds_nothing_in_the_examples_and_in_the_projects_own_pipeline(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert check(capsys, [str(ROOT / "examples"), str(ROOT / "workflows.yaml"), "--strict"]) == (0, [])
