"""Each construct has a form in the text language with the hash of its YAML form: the tables of its page."""

from __future__ import annotations

import re

import pytest

from tests.dsl.files import ROOT
from wfe_dsl import nodes
from wfe_dsl.compiler import compile_document
from wfe_dsl.diagnostics.model import Diagnostics
from wfe_dsl.text_front import load_source
from wfe_dsl.variables import Variables
from wfe_dsl.yaml_front import load_yaml_text
from wfe_dsl.yaml_front.step_keys import COMMON, COMPANIONS, KINDS, TASK_KEYS
from wfe_dsl.yaml_front.workflows import KEYS

PAGE = (ROOT / "docs" / "text-language.md").read_text()
ROWS = re.findall(r"^\| `(.+?)` \| `(.+?)` \|$", PAGE.partition("## Every construct")[2], re.MULTILINE)
INPUTS = "inputs: {name: string, count: integer, flag: bool, tags: list<string>}"
TEXT_INPUTS = "input { name: string, count: integer, flag: bool, tags: list<string> }"


def yaml_file(cell: str) -> str:
    if cell.startswith("{"):
        return f"workflow:\n  id: part\n  version: 1\n  {INPUTS}\n  steps:\n    - {cell}\n"
    step = "{fail: 'no ${{ error.message }}'}" if cell.startswith("outputs") else "{name: x, config: {run: make}}"
    given = "" if cell.startswith("inputs") else f"  {INPUTS}\n"
    return f"workflow:\n  id: part\n  version: 1\n{given}  {cell}\n  steps:\n    - {step}\n"


def text_file(yaml: str, cell: str) -> str:
    head, inputs, step = "workflow part version 1", TEXT_INPUTS, ""
    if not yaml.startswith("{"):
        step = 'fail "no ${{ error.message }}"' if yaml.startswith("outputs") else 'step x = shell "make"'
        inputs = "" if yaml.startswith("inputs") else inputs
    if cell.startswith(head):
        head, cell = cell, ""
    return f"{head} {{\n{inputs}\n{cell}\n{step}\n}}\n"


def programs(document: nodes.Document | None) -> list[str]:
    """Return the hashes of a tree; of one that no machine of this version can carry out, its structure."""
    assert document is not None
    found = compile_document(document, Diagnostics())
    return [one.hash for one in found] or [repr(nodes.structure(document.workflows))]


@pytest.mark.acceptance("TXT-01")
@pytest.mark.parametrize(("yaml", "text"), ROWS)
def test_a_construct_in_text_is_the_program_of_its_yaml(yaml: str, text: str) -> None:
    diagnostics = Diagnostics()
    first = load_yaml_text(yaml_file(yaml), Variables(), diagnostics)
    second = load_source(text_file(yaml, text), Variables(), diagnostics)
    assert [(one.code, one.message) for one in diagnostics.found] == []
    assert programs(first) == programs(second)


def test_the_page_has_every_kind_of_step_and_every_key() -> None:
    steps = "".join(yaml for yaml, _ in ROWS if yaml.startswith("{"))
    assert [key for key in (*KINDS, *COMMON, *TASK_KEYS, *COMPANIONS) if not re.search(rf"\b{key}:", steps)] == []
    keys = {yaml.partition(":")[0] for yaml, _ in ROWS if not yaml.startswith("{")}
    assert {*KEYS} - keys == {"id", "version", "steps"}
