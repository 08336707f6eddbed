"""What is printed as text reads back as an equal tree."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from tests.dsl.trees import CUSTOM_TYPE, documents
from tests.examples import examples
from wfe_dsl import nodes
from wfe_dsl.comments import Comments
from wfe_dsl.diagnostics.model import Diagnostics
from wfe_dsl.text_front import load_source, print_document
from wfe_dsl.variables import Variables


def read(text: str) -> nodes.Document:
    diagnostics = Diagnostics()
    document = load_source(text, Variables(), diagnostics, step_types=(CUSTOM_TYPE,))
    assert [(found.code, found.message, found.span.line) for found in diagnostics.found] == []
    assert document is not None
    return document


@pytest.mark.acceptance("TXT-02")
@settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=examples(25))
@given(documents())
def test_reading_what_is_printed_gives_an_equal_tree(document: nodes.Document) -> None:
    printed = print_document(document, Comments())
    again = read(printed)
    assert nodes.structure(again.workflows) == nodes.structure(document.workflows)
    assert print_document(again, Comments()) == printed
