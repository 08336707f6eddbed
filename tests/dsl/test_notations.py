"""A help is said in the notation of the file: no key of YAML is left over in one for the text language."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import wfe_dsl
from tests.dsl.build import compile_text, in_workflow
from wfe_dsl.builder import Workflow, compile_workflows
from wfe_dsl.diagnostics.model import Diagnostic, Diagnostics
from wfe_dsl.diagnostics.notations import HELPS, in_notation
from wfe_dsl.text_front import load_source
from wfe_dsl.variables import Variables
from wfe_dsl.yaml_front.step_types import STEP_TYPES

PACKAGE = Path(wfe_dsl.__file__).parent
FRAGMENT = re.compile(r"`(?:- )?[a-z_]+:(?: [^`]*)?`")
YAML_ALONE = (
    # Said of nothing but the notation itself, by its own reader.
    "reader.py",
    "syntax.py",
    "documents.py",
    "conditions.py",
    "key_help.py",
)
WITHOUT_COUNTERPART = (
    "a step is a map that begins with `name:`",
    "each step begins with `- name:`",
)


def texts_of(path: Path) -> Iterator[str]:
    """Return each text of a module but for its docstrings; what is put into one is a ``NAME``."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    documented = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    parts = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in nodes:
        if id(node) in documented or id(node) in parts:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "NAME" for part in node.values)


def written_helps() -> Iterator[str]:
    """Return each text of a pass that shows something as YAML."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.name in YAML_ALONE or path.name.startswith("rows_") or path.parent.name in ("text_front", "builder"):
            continue
        if path.name != "notations.py":
            yield from (text for text in texts_of(path) if FRAGMENT.search(text) and text not in WITHOUT_COUNTERPART)


@pytest.mark.parametrize("help", sorted(set(written_helps())))
def test_each_help_has_a_form_in_the_text_language_and_in_python(help: str) -> None:
    text = in_notation("a.wfe", "", help)[1]
    # What is declared has a colon in the text language too.
    without = re.sub(r"`(?:input|output) [^`]*`|`outputs \{ [^`]* \}`", "", text)
    assert not FRAGMENT.search(without)
    python = in_notation("a.py", "", help)[1]
    assert not FRAGMENT.search(python)
    assert in_notation("a.yaml", "", help)[1] == help


def test_each_row_is_of_use() -> None:
    written = [text for path in PACKAGE.rglob("*.py") if path.name != "notations.py" for text in texts_of(path)]
    lists = [f"it has: {', '.join(sorted(step_type.keys))}" for step_type in STEP_TYPES.values()]
    rows = [row[0] for row in HELPS]
    patterns = {row: re.compile(re.escape(row).replace(r"\*", ".*")) for row in rows}
    assert [row for row, pattern in patterns.items() if not any(map(pattern.search, (*written, *lists)))] == []


@pytest.mark.parametrize(
    ("help", "text", "python"),
    [
        ("as in `timeout: 1d`", "as in `timeout 1d`", 'as in `timeout="1d"`'),
        ("as in `ports: [5432]`", "as in `ports [5432]`", "as in `ports=[5432]`"),
        ("as in `requires: [docker]`", 'as in `requires ["docker"]`', 'as in `requires=["docker"]`'),
        (
            "as in `http: {port: 8080, path: /a}`",
            'as in `http { port 8080; path "/a" }`',
            'as in `http={"port": 8080, "path": "/a"}`',
        ),
        ("as in `push: true`", "as in `push true`", "as in `push=True`"),
        ("give `else: x`", 'give `else "x"`', 'give `else_="x"`'),
        ("did you mean `key`?", "did you mean `key`?", "did you mean `key`?"),
        ("a text `: ` of no meaning", "a text `: ` of no meaning", "a text `: ` of no meaning"),
    ],
)
def test_a_key_and_its_value_are_spelt_by_one_rule(help: str, text: str, python: str) -> None:
    assert in_notation("a.wfe", "", help)[1] == text
    assert in_notation("a.py", "", help)[1] == python


def in_yaml(step: str) -> Diagnostic:
    return compile_text(in_workflow(step))[1][0]


def in_text(lines: str) -> Diagnostic:
    diagnostics = Diagnostics()
    load_source(f"workflow a version 1 {{\n{lines}\n}}\n", Variables(), diagnostics)
    return diagnostics.found[0]


def in_python(wf: Workflow) -> Diagnostic:
    diagnostics = Diagnostics()
    compile_workflows(wf, diagnostics=diagnostics)
    return diagnostics.found[0]


@pytest.mark.acceptance("DIA-02")
def test_one_mistake_has_one_code_and_a_cure_in_each_notation() -> None:
    wf = Workflow("a", 1)
    wf.container("build", None, run="make")
    found = [
        in_yaml("- {name: build, type: container, config: {run: make}}"),
        in_text('step build = container { run "make" }'),
        in_python(wf),
    ]
    assert {one.code for one in found} == {"WFE0502"}
    assert [one.help.removeprefix("add it, as in ") for one in found] == [
        "`image: debian:12`",
        '`image "debian:12"`',
        '`image="debian:12"`',
    ]
