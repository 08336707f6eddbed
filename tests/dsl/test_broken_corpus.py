"""Every broken file of the corpus, through the whole compiler: one mistake, one error, at the right line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from wfe_dsl.compiler import compile_file
from wfe_dsl.diagnostics.model import Diagnostics
from wfe_dsl.variables import Variables

from .later import is_of_a_later_kind

FOLDER = Path(__file__).resolve().parents[1] / "data" / "broken"
FILES = sorted(FOLDER.rglob("*.yaml"))


def test_the_corpus_has_a_hundred_files_and_more() -> None:
    assert len(FILES) >= 100


@pytest.mark.acceptance("DIA-05")
@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_one_mistake_is_one_error_at_its_line_with_a_cure(path: Path) -> None:
    expected = re.fullmatch(r"# expect: (WFE\d{4}) (\d+)", path.read_text().split("\n", 1)[0])
    assert expected is not None, "the first line says what is expected"
    diagnostics = Diagnostics()
    programs = compile_file(str(path), Variables(), diagnostics)
    errors = [found for found in diagnostics.found if found.severity == "error" and not is_of_a_later_kind(found)]
    assert [(found.code, str(found.span.line)) for found in errors] == [expected.groups()]
    assert errors[0].help
    assert errors[0].span.source.path == str(path)
    assert programs == []
