"""What is printed as Python makes, when it is run, an equal tree."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from tests.dsl.trees import CUSTOM_TYPE, documents
from wfe_dsl import nodes
from wfe_dsl.builder import load_python, print_document
from wfe_dsl.comments import Comments
from wfe_dsl.diagnostics.model import Diagnostics
from wfe_dsl.variables import Variables

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
@settings(suppress_health_check=list(HealthCheck), deadline=None)
@given(document=documents())
def test_running_what_is_printed_makes_an_equal_tree(
    tmp_path_factory: pytest.TempPathFactory, document: nodes.Document
) -> None:
    printed = print_document(document, Comments())
    again = run(tmp_path_factory.getbasetemp(), printed)
    assert nodes.structure(again.workflows) == nodes.structure(document.workflows), printed
    assert print_document(again, Comments()) == printed
