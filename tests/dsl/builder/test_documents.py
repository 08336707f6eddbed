"""The page about the builder tells the truth, and the example in Python is the one in YAML."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.test_docs import Block, blocks
from wfe_dsl.builder import generate, load_python
from wfe_dsl.compiler import compile_document, compile_file
from wfe_dsl.diagnostics.model import Diagnostics
from wfe_dsl.variables import Variables

ROOT = Path(__file__).resolve().parents[3]
BLOCKS = [block for block in blocks(ROOT / "docs" / "builder.md") if block.language == "python"]


@pytest.mark.parametrize("block", BLOCKS, ids=[str(block.line) for block in BLOCKS])
def test_a_snippet_of_the_page_runs_and_its_workflows_compile(
    block: Block, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "snippet.py"
    path.write_text(block.text, "utf-8")
    diagnostics = Diagnostics()
    tree = load_python(str(path), diagnostics)
    printed = capsys.readouterr().err  # standard output is for whoever asked
    assert tree is not None, [(one.code, one.message, one.span.line) for one in diagnostics.found]
    programs = compile_document(tree, diagnostics)
    if "BuildError" in block.text:
        assert "WFE0115" in printed
        assert "did you mean `build`?" in printed
    else:
        assert programs, [(one.code, one.message, one.span.line) for one in diagnostics.found]


@pytest.mark.acceptance("PRG-01")
def test_the_example_in_python_has_the_hash_of_the_one_in_yaml() -> None:
    diagnostics = Diagnostics()
    tree = load_python(str(ROOT / "examples" / "pipeline.py"), diagnostics)
    assert tree is not None
    [program] = compile_document(tree, diagnostics)
    [twin] = compile_file(str(ROOT / "examples" / "pipeline.yaml"), Variables(), diagnostics)
    assert diagnostics.found == []
    assert program.bytes == twin.bytes
    assert program.hash == twin.hash


def test_the_functions_are_those_of_the_library() -> None:
    assert generate.main(["--check"]) == 0
