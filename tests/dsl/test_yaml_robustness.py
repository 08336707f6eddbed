"""Whatever a file holds, the front end answers with diagnostics: no exception, no hang, no second tree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from wfe_dsl.diagnostics.model import Diagnostics
from wfe_dsl.diagnostics.render_github import render_github
from wfe_dsl.diagnostics.render_json import render_json
from wfe_dsl.diagnostics.render_sarif import render_sarif
from wfe_dsl.diagnostics.render_text import render_text
from wfe_dsl.variables import Variables
from wfe_dsl.yaml_front import load_yaml_text
from wfe_dsl.yaml_front.step_keys import KNOWN
from wfe_dsl.yaml_front.step_types import STEP_TYPES

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
SOURCES = [path.read_text("utf-8") for path in sorted(EXAMPLES.glob("*.yaml"))]
FRAGMENTS = (
    "\n", "  ", "- ", ": ", "[", "]", "{", "}", "'", '"', "|", ">", "&a", "*a", "<<: *a", "!t", "---", "#", "\t",
    "((x))", "${{ ", " }}", "((", "$((", "when:", "config:", "steps:", "null", "\x00", "😀", "\r", "\u2028", "%", "? ",
)  # fmt: skip


def check(text: str) -> None:
    """Load a text and draw what is wrong with it in every form."""
    diagnostics = Diagnostics()
    load_yaml_text(text, Variables([("x", "1")]), diagnostics, read=no_file)
    found = diagnostics.in_source_order()
    for one in found:
        assert one.span.line >= 1
        assert one.span.column >= 1
        assert one.message
    render_text(found, colour=True)
    render_json(found)
    render_sarif(found, "0")
    assert len(render_github(found).splitlines()) == len(found)


def no_file(path: str) -> bytes:
    raise FileNotFoundError(2, "No such file or directory", path)


def test_there_are_examples_to_break() -> None:
    assert SOURCES


@settings(max_examples=examples(100), deadline=None)
@given(st.data())
def test_a_mutated_file_gets_diagnostics_and_nothing_else(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(SOURCES))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.integers(0, 12)))
        text = text[:start] + data.draw(st.sampled_from(FRAGMENTS)) + text[end:]
    check(text)


@settings(max_examples=examples(100), deadline=None)
@given(st.text(max_size=80))
def test_any_text_gets_diagnostics_and_nothing_else(text: str) -> None:
    check(text)


KEYS = sorted(KNOWN | {key for row in STEP_TYPES.values() for key in row.keys} | {"field", "all", "equals", "steps"})
SCALARS = st.sampled_from(
    [None, True, 0, -1, 3.5, "", "x", "a b", "5s", "((x))", "((nope))", "${{ inputs.x }}", "${{ ", *STEP_TYPES]
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=examples(150), deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=6), VALUES)
def test_any_value_at_any_key_gets_diagnostics_and_nothing_else(step: dict[str, Any], other: Any) -> None:
    workflow = {"id": "a", "version": 1, "inputs": {"x": "any"}, "steps": [step], "ensure": step, "defaults": other}
    check(yaml.safe_dump({"workflow": workflow}))


@pytest.mark.parametrize("key", ["workflow", "workflows", "include"])
@settings(max_examples=examples(25), deadline=None)
@given(VALUES)
def test_any_value_at_the_top_gets_diagnostics_and_nothing_else(key: str, value: Any) -> None:
    check(yaml.safe_dump({key: value}))
