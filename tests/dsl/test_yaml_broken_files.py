"""A corpus of broken files, one mistake each: ``# expect: CODE LINE`` is the first line of each."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from wfe_dsl.diagnostics.codes import CODES
from wfe_dsl.diagnostics.model import Diagnostics
from wfe_dsl.diagnostics.render_text import render_text
from wfe_dsl.variables import Variables
from wfe_dsl.yaml_front import load_yaml

FOLDER = Path(__file__).parent.parent / "data" / "broken"
EXPECTATION = re.compile(r"# expect: (WFE\d{4}) (\d+)\n")
# The other sections, and what shells make of a script, are found by the passes after the front end.
FRONT_END = ("WFE00", "WFE01", "WFE050", "WFE052")
FOUND_LATER = {"114-variable-with-a-blank-in-its-name"}  # with a code of the front end, in the tree of every notation


def expectation(path: Path) -> tuple[str, int]:
    found = EXPECTATION.match(path.read_text("utf-8"))
    assert found is not None, f"{path.name} does not begin with `# expect: CODE LINE`"
    return found[1], int(found[2])


FILES = sorted(
    path
    for path in FOLDER.glob("*.yaml")
    if expectation(path)[0].startswith(FRONT_END) and path.stem not in FOUND_LATER
)


@pytest.mark.acceptance("DIA-05", "CLI-08")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_broken_file_gets_one_diagnostic_with_the_right_code_at_the_right_line(path: Path) -> None:
    diagnostics = Diagnostics()
    load_yaml(str(path), Variables(), diagnostics)
    assert [(found.code, found.span.line) for found in diagnostics.found] == [expectation(path)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_broken_file_is_drawn_with_its_code_line_and_cause(path: Path) -> None:
    diagnostics = Diagnostics()
    load_yaml(str(path), Variables(), diagnostics)
    code, line = expectation(path)
    drawn = render_text(diagnostics.found)
    assert drawn.startswith(f"{CODES[code].severity}[{code}]: ")
    assert f"{path.name}:{line}:" in drawn
    assert "^" in drawn


def test_there_are_enough_broken_files() -> None:
    assert len(FILES) >= 65
