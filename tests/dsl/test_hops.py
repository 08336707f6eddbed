"""From YAML to text to Python and back: the same programs at every hop, whatever the file or tree."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.dsl.files import ROOT
from tests.dsl.trees import CUSTOM_TYPE, documents
from tests.examples import examples
from wfe_dsl import nodes
from wfe_dsl.builder import load_python
from wfe_dsl.comments import Comments
from wfe_dsl.compiler import compile_document, compile_file
from wfe_dsl.diagnostics.model import Diagnostics
from wfe_dsl.rewriting import NOTATIONS, Place, convert, format_file
from wfe_dsl.text_front import load_source
from wfe_dsl.variables import Variables
from wfe_dsl.yaml_front import load_yaml_text

DATA = ROOT / "tests" / "data"
CASES = {
    f"{path.parent.name}/{path.name}": path
    for path in (*sorted((DATA / "language").glob("*.yaml")), *sorted((DATA / "rust_dialect").glob("*.yaml")))
}
WAYS = [way for way in itertools.permutations(("yaml", "wfe", "python")) if way[0] == "yaml"]
NUMBERS = itertools.count()


def hop(text: str, beside: Path, source: str, to: str) -> str:
    """Return a text in another notation, with places in the folder of a file, so that what it names is found."""

    def place(notation: str) -> Place:
        suffix = NOTATIONS[notation].suffixes[0]
        return Place(f"hop{suffix}", str(beside.with_name(f"hop{suffix}")))

    diagnostics = Diagnostics()
    result = convert(text, place(source), to, place(to), Variables(), diagnostics)
    assert result is not None, [(one.code, one.message, one.span.line) for one in diagnostics.found]
    return result


def hashes(document: nodes.Document | None) -> list[str]:
    diagnostics = Diagnostics()
    assert document is not None
    found = [one.hash for one in compile_document(document, diagnostics)]
    assert [(one.code, one.message) for one in diagnostics.found if one.severity == "error"] == []
    assert found
    return sorted(found)


@pytest.mark.acceptance("TXT-02", "CLI-10")
@pytest.mark.parametrize("way", WAYS, ids="-".join)
@pytest.mark.parametrize("name", CASES)
def test_each_part_of_the_language_goes_through_every_notation_and_comes_back(name: str, way: tuple[str, ...]) -> None:
    # Each conversion compares the hashes of all programs before and after, and refuses where they differ.
    path = CASES[name]
    first = text = hop(path.read_text(), path, "yaml", "yaml")
    for source, to in itertools.pairwise((*way, *reversed(way[:-1]))):
        text = hop(text, path, source, to)
    documents = [load_yaml_text(one, Variables(), Diagnostics(), path=str(path)) for one in (first, text)]
    before, after = [one and nodes.structure(one.workflows) for one in documents]
    assert before
    assert before == after


@pytest.mark.acceptance("TXT-03")
@pytest.mark.parametrize("name", CASES)
def test_formatting_each_part_of_the_language_twice_changes_nothing(name: str) -> None:
    path = CASES[name]
    text = hop(path.read_text(), path, "yaml", "wfe")
    there = Place("hop.wfe", str(path.with_name("hop.wfe")))
    once = format_file(text, there, Variables(), Diagnostics())
    assert once is not None
    assert format_file(once, there, Variables(), Diagnostics()) == once


@pytest.mark.acceptance("TXT-01")
def test_the_example_of_the_language_compiles_without_an_error_or_a_warning() -> None:
    diagnostics = Diagnostics()
    [compiled] = compile_file(str(DATA / "text" / "deploy.wfe"), Variables(), diagnostics)
    assert [one.code for one in diagnostics.found if one.severity != "note"] == []
    assert compiled.program.workflow == "deploy"


READERS = {
    "yaml": lambda text, path, diagnostics: load_yaml_text(text, Variables(), diagnostics, step_types=(CUSTOM_TYPE,)),
    "wfe": lambda text, path, diagnostics: load_source(text, Variables(), diagnostics, step_types=(CUSTOM_TYPE,)),
    "python": lambda text, path, diagnostics: load_python(str(path), diagnostics, step_types=(CUSTOM_TYPE,)),
}


def written_and_read(document: nodes.Document, notation: str, folder: Path) -> nodes.Document:
    """Return the tree of what a tree is printed as."""
    text = NOTATIONS[notation].print(document, Comments())
    path = folder / f"hop_{next(NUMBERS)}{NOTATIONS[notation].suffixes[0]}"
    path.write_text(text)
    diagnostics = Diagnostics()
    again = READERS[notation](text, path, diagnostics)
    assert [(one.code, one.message) for one in diagnostics.found if one.severity == "error"] == [], text
    assert again is not None
    return again


@pytest.mark.acceptance("TXT-02")
@settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=examples(20))
@given(document=documents())
def test_any_tree_is_the_same_after_every_hop(
    tmp_path_factory: pytest.TempPathFactory, document: nodes.Document
) -> None:
    folder = tmp_path_factory.getbasetemp()
    wanted = nodes.structure(document.workflows)
    for notation in ("yaml", "wfe", "python", "yaml", "python", "wfe", "yaml"):
        document = written_and_read(document, notation, folder)
        assert nodes.structure(document.workflows) == wanted, notation


# Workflows that compile, of every kind of step, in any order and nesting.

LEAVES: tuple[dict[str, Any], ...] = (
    {"config": {"run": "echo ${{ inputs.name }}", "env": {"A": "${{ inputs.count + 1 }}", "B": "b"}}},
    {"config": {"run": "make"}, "when": "inputs.count > 3", "timeout": "5m", "retry": {"attempts": 3, "on": ["error"]}},
    {"config": {"run": "make"}, "outputs": [{"name": "image", "type": "string"}], "continue_on_failure": True},
    {"type": "python", "config": {"call": "statistics:mean"}, "inputs": {"data": "[1, inputs.count]"}},
    {"type": "workflow", "config": {"workflow": "child", "version": 2}, "inputs": {"a": "inputs.name"}},
    {"fail": "no ${{ inputs.name }}", "when": "inputs.count == 7"},
    {"sleep": "1h30m"},
    {"sleep_until": "inputs.name"},
    {"wait": {"event": "paid", "key": "${{ run.id }}", "timeout": "1d"}},
    {"approve": {"title": "Ship ${{ inputs.name }}?", "options": ["go", "stop"], "reject": ["stop"]}},
    {"publish": {"event": "built", "data": {"n": "${{ inputs.count }}"}}},
)
BLOCKS: tuple[tuple[dict[str, Any], tuple[str, ...]], ...] = (
    ({}, ("sequence",)),
    ({}, ("race",)),
    ({"error_behavior": "compensate"}, ("saga",)),
    ({}, ("parallel",)),
    ({"parallel": {"limit": 2, "fail_fast": "cancel"}}, ("parallel", "steps")),
    ({"if": "inputs.count > 1"}, ("then",)),
    ({"if": "inputs.name == 'a'", "else": [{"sleep": 5}]}, ("then",)),
    ({"switch": "inputs.name", "cases": {}}, ("cases", "live")),
    ({"while": "inputs.count < 2", "max_iterations": 3}, ("do",)),
    ({"until": "inputs.count < 2", "max_iterations": 3}, ("do",)),
    ({"for_each": "inputs.tags", "as": "tag", "limit": 2}, ("do",)),
    ({"matrix": {"os": ["a", "b"], "tag": "inputs.tags"}}, ("do",)),
)
HOOKED = ("on_failure", "ensure", "on_success", "")


def with_names(step: dict[str, Any], numbers: Any) -> dict[str, Any]:
    """Return a step with names of its own, and so with all in it."""

    def named(value: Any) -> Any:
        if isinstance(value, list):
            return [with_names(item, numbers) if isinstance(item, dict) else item for item in value]
        return {key: named(item) for key, item in value.items()} if isinstance(value, dict) else value

    inner = {key: named(value) if key not in ("config", "outputs") else value for key, value in step.items()}
    number = next(numbers)
    if "outputs" in inner:  # those of steps that run together have to differ
        inner["outputs"] = [{**one, "name": f"{one['name']}{number}"} for one in inner["outputs"]]
    return {"name": f"s{number}", **inner}


@st.composite
def blocks(draw: Any, inner: st.SearchStrategy[Any]) -> dict[str, Any]:
    """A block of steps, some with a hook."""
    head, place = draw(st.sampled_from(BLOCKS))
    steps = draw(st.lists(inner, min_size=1, max_size=3))
    hook = draw(st.sampled_from(HOOKED))
    block: dict[str, Any] = {**head, **({hook: [{"config": {"run": "echo"}}]} if hook else {})}
    if len(place) == 1:
        return {**block, place[0]: steps}
    return {**block, place[0]: {**head.get(place[0], {}), place[1]: steps}}


steps = st.recursive(st.sampled_from(LEAVES), blocks, max_leaves=8)


@pytest.mark.acceptance("TXT-02")
@settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=examples(20))
@given(given_steps=st.lists(steps, min_size=1, max_size=4))
def test_any_workflow_has_one_hash_at_every_hop(
    tmp_path_factory: pytest.TempPathFactory, given_steps: list[dict[str, Any]]
) -> None:
    folder = tmp_path_factory.getbasetemp()
    numbers = itertools.count()
    inputs = {"name": "string", "count": "integer", "tags": "list<string>"}
    written = {"id": "a", "version": 1, "inputs": inputs, "steps": [with_names(one, numbers) for one in given_steps]}
    document = load_yaml_text(yaml.safe_dump({"workflow": written}, sort_keys=False), Variables(), Diagnostics())
    wanted = hashes(document)
    assert document is not None
    for notation in ("wfe", "python", "yaml", "python", "wfe", "yaml"):
        document = written_and_read(document, notation, folder)
        assert hashes(document) == wanted, notation
