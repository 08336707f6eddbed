"""What is printed as Python makes, when it is run, an equal tree."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from tests.dsl.trees import CUSTOM_TYPE, documents
from tests.examples import examples
from tests.test_docs import Block, as_file, of
from wfe_dsl import nodes
from wfe_dsl.builder import load_python, print_document
from wfe_dsl.comments import Comments
from wfe_dsl.diagnostics.model import Diagnostics
from wfe_dsl.variables import Variables
from wfe_dsl.yaml_front import load_yaml, load_yaml_text
from wfe_dsl.yaml_front.comments import read_comments

ROOT = Path(__file__).resolve().parents[3]
FILES = [*sorted((ROOT / "examples").glob("*.yaml")), ROOT / "workflows.yaml"]
NUMBERS = itertools.count()


def run(folder: Path, source: str, variables: Variables | None = None) -> nodes.Document:
    """Run source of Python, and return the tree that it makes without a mistake."""
    path = folder / f"flow_{next(NUMBERS)}.py"
    path.write_text(source, "utf-8")
    diagnostics = Diagnostics()
    document = load_python(str(path), diagnostics, variables, step_types=(CUSTOM_TYPE,))
    assert [(one.code, one.message, one.span.line) for one in diagnostics.found if one.severity == "error"] == [], (
        source
    )
    assert document is not None
    return document


@pytest.mark.acceptance("TXT-02")
@settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=examples(25))
@given(document=documents())
def test_running_what_is_printed_makes_an_equal_tree(
    tmp_path_factory: pytest.TempPathFactory, document: nodes.Document
) -> None:
    printed = print_document(document, Comments())
    again = run(tmp_path_factory.getbasetemp(), printed)
    assert nodes.structure(again.workflows) == nodes.structure(document.workflows), printed
    assert print_document(again, Comments()) == printed


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_a_file_printed_as_python_makes_an_equal_tree_with_all_its_comments(path: Path, tmp_path: Path) -> None:
    tree = load_yaml(str(path), Variables(), Diagnostics())
    assert tree is not None
    comments = read_comments(path.read_text("utf-8"))
    printed = print_document(tree, comments)
    assert nodes.structure(run(tmp_path, printed)) == nodes.structure(tree)
    texts = [text for lines in comments.before.values() for text in lines] + list(comments.beside.values())
    assert [text for text in (*texts, *comments.end) if text and f"# {text}" not in printed] == []


@pytest.mark.parametrize("block", of("yaml"))
def test_a_workflow_of_the_documents_printed_as_python_makes_an_equal_tree(block: Block, tmp_path: Path) -> None:
    diagnostics = Diagnostics()
    tree = load_yaml_text(as_file(block), Variables(), diagnostics)
    if tree is not None and not diagnostics.has_errors:
        assert nodes.structure(run(tmp_path, print_document(tree, Comments()))) == nodes.structure(tree)


def test_included_workflows_stay_included(tmp_path: Path) -> None:
    text = "include: [child.yaml]\nworkflow: {id: a, version: 1, steps: [{name: x, config: {run: make}}]}\n"
    (tmp_path / "child.yaml").write_text(text.replace("include: [child.yaml]\n", "").replace("id: a", "id: b"))
    tree = load_yaml_text(text, Variables(), Diagnostics(), path=str(tmp_path / "a.yaml"))
    assert tree is not None
    again = run(tmp_path, print_document(tree, Comments()))
    assert (again.own, nodes.structure(again)) == (1, nodes.structure(tree))
