"""``schema``: printed or written to a file, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wfe_dsl.yaml_front.schema import workflow_schema

from .conftest import Wfec


@pytest.mark.acceptance("CLI-23")
def test_the_schema_is_printed_and_nothing_is_written(folder: Path, wfec: Wfec) -> None:
    assert wfec("schema").json == workflow_schema()
    assert os.listdir(folder) == []


def test_a_file_gets_the_same_bytes_and_replaces_what_was_there(folder: Path, wfec: Wfec) -> None:
    printed = wfec("schema").out
    (folder / "wfe.json").write_text("old")
    assert wfec("schema", "-o", "wfe.json").code == 0
    assert (folder / "wfe.json").read_text() == printed
    assert os.listdir(folder) == ["wfe.json"]


@pytest.mark.acceptance("CLI-01")
def test_a_file_that_cannot_be_written_is_5_and_leaves_nothing(folder: Path, wfec: Wfec) -> None:
    result = wfec("schema", "-o", "nowhere/wfe.json")
    assert (result.code, result.out) == (5, "")
    assert "nowhere/wfe.json" in result.err
    assert os.listdir(folder) == []
