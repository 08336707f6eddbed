"""A retry of a parent whose child can't be reopened."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Wfec
from .files import write

FAMILY = """
workflows:
  - id: main
    version: 1
    steps:
      - {name: call, type: workflow, config: {workflow: child}}
  - id: child
    version: 1
    steps:
      - {name: first, config: {run: echo first}}
      - {name: second, config: {run: exit 3}, error_behavior: {type: suspend}}
"""


@pytest.mark.acceptance("SUB-03", "SUB-10")
def test_the_retry_of_a_parent_whose_child_was_terminated_ends_and_does_not_wait_for_ever(
    folder: Path, wfec: Wfec
) -> None:
    write(folder, FAMILY)
    assert wfec("run", "file.yaml", "main", "--name", "p").code == 6
    child = next(row["id"] for row in wfec("list", "-o", "json").json if row["workflow"] == "child")
    assert wfec("terminate", child).code == 0
    assert wfec("resume", "p").code == 1
    result = wfec("retry", "p")
    assert result.code == 1
    assert "call" in result.err
