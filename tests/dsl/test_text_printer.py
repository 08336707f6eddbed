"""What is printed as text reads back as an equal tree."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from tests.dsl.build import in_workflow
from tests.dsl.trees import CUSTOM_TYPE, documents
from tests.examples import examples
from wfe_dsl import nodes
from wfe_dsl.comments import Comments
from wfe_dsl.diagnostics.model import Diagnostics
from wfe_dsl.text_front import load_source, print_document
from wfe_dsl.variables import Variables
from wfe_dsl.yaml_front import load_yaml_text


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


def test_a_value_of_a_map_that_is_a_map_itself_stands_in_the_block_of_the_map() -> None:
    """The defaults take no expression for their whole environment, so that it can't be printed as one."""
    diagnostics = Diagnostics()
    keys = """defaults: {env: {names: "${{ {first: inputs.a, more: [1]} }}", last: x}}\ninputs: {a: string}\n"""
    written = in_workflow("- {name: a, config: {run: a}}\n", keys)
    tree = load_yaml_text(written, Variables(), diagnostics)
    assert tree is not None, diagnostics.found
    printed = print_document(tree, Comments())
    assert '    env {\n      names = {first: inputs.a, more: [1]}\n      last "x"\n    }\n' in printed
    assert nodes.structure(read(printed).workflows) == nodes.structure(tree.workflows)
