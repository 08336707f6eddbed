"""``new``: a starter that is clean, runs, and takes no other file's place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wfe_dsl.starters import STARTERS

from .conftest import Wfec


@pytest.mark.parametrize("kind", STARTERS)
def test_a_starter_checks_clean_and_runs_as_it_is(folder: Path, wfec: Wfec, kind: str) -> None:
    assert wfec("new", "my-flow", "--kind", kind).code == 0
    assert os.listdir(folder) == ["my-flow.yaml"]
    assert wfec("check", "my-flow.yaml", "--strict").out == "no mistakes in 1 file\n"
    assert wfec("run", "my-flow.yaml", "--store", "memory:").code == 0


@pytest.mark.parametrize("suffix", [".wfe", ".py"])
@pytest.mark.parametrize("kind", STARTERS)
def test_a_starter_is_the_same_workflow_in_each_notation(folder: Path, wfec: Wfec, kind: str, suffix: str) -> None:
    assert wfec("new", "my-flow", "--kind", kind).code == 0
    assert wfec("new", "my-flow", "--kind", kind, "-o", f"my-flow{suffix}").code == 0
    assert sorted(os.listdir(folder)) == sorted(["my-flow.yaml", f"my-flow{suffix}"])
    assert wfec("check", f"my-flow{suffix}", "--strict").out == "no mistakes in 1 file\n"
    assert f"wfec run my-flow{suffix}" in (folder / f"my-flow{suffix}").read_text()
    hashes = wfec("compile", "my-flow.yaml", "--hash").out
    assert wfec("compile", f"my-flow{suffix}", "--hash").out == hashes


def test_a_file_that_is_there_is_left_as_it_is(folder: Path, wfec: Wfec) -> None:
    (folder / "main.yaml").write_text("mine")
    result = wfec("new")
    assert (result.code, result.out) == (2, "")
    assert "main.yaml is there already" in result.err
    assert (folder / "main.yaml").read_text() == "mine"
    assert os.listdir(folder) == ["main.yaml"]


@pytest.mark.acceptance("CLI-01")
@pytest.mark.parametrize(
    ("argv", "code"), [(("a b",), 2), (("../up",), 2), (("a", "-o", "a.txt"), 2), (("a", "-o", "no/where.yaml"), 5)]
)
def test_what_cannot_be_written_leaves_nothing(folder: Path, wfec: Wfec, argv: tuple[str, ...], code: int) -> None:
    result = wfec("new", *argv)
    assert (result.code, result.out) == (code, "")
    assert os.listdir(folder) == []
