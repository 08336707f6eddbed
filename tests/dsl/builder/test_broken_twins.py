"""Each broken file of YAML that Python can say at all has the same mistake there, in the caller's file."""

from __future__ import annotations

import json
import keyword
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.dsl import test_broken_corpus as broken_yaml
from wfe_dsl.builder import load_python
from wfe_dsl.compiler import compile_document
from wfe_dsl.diagnostics.model import Diagnostic, Diagnostics
from wfe_dsl.source import SourceFile
from wfe_dsl.yaml_front.reader import read_yaml
from wfe_dsl.yaml_front.step_keys import HOOKS, KINDS, UNDER_CONFIG
from wfe_dsl.yaml_front.tree import Listing, Mapping, Node, Scalar

BLOCKS = ("sequence", "parallel", "race", "saga")
CALLS = {
    "set": "set",
    "return": "return_",
    "fail": "fail",
    "sleep": "sleep",
    "sleep_until": "sleep_until",
    "while": "while_",
    "until": "until",
    "for_each": "for_each",
    "matrix": "matrix",
}
SIGNALS = {"wait": ("wait_for", "event"), "approve": ("approve", "title"), "publish": ("publish", "event")}


class Inexpressible(Exception):
    """The builder has no call for it."""


def plain(node: Node) -> Any:
    if isinstance(node, Mapping):
        return {key: plain(entry.value) for key, entry in node.entries.items()}
    if isinstance(node, Listing):
        return [plain(item) for item in node.items]
    if isinstance(node, Scalar):
        return node.value
    raise Inexpressible


def value_of(case: str) -> Any:
    """Return the value that a key of ``cases`` stands for."""
    try:
        return json.loads(case)
    except ValueError:
        return case


def keywords(values: dict[str, Any]) -> Iterator[str]:
    for key, value in values.items():
        if not key.isidentifier():
            raise Inexpressible
        yield f"{key}_={value!r}" if keyword.iskeyword(key) else f"{key}={value!r}"


class Writer:
    """Writes the calls that make a workflow, one a line."""

    def __init__(self) -> None:
        self.lines = ["from wfe_dsl.builder import Workflow", ""]
        self.steps = 0

    def workflow(self, data: dict[str, Any], name: str) -> None:
        rest = {key: value for key, value in data.items() if key not in ("id", "version", "steps", *HOOKS)}
        if not isinstance(data.get("steps"), list):
            raise Inexpressible
        arguments = [repr(data[key]) for key in ("id", "version") if key in data]
        if len(arguments) < 2:
            raise Inexpressible
        self.lines.append(f"{name} = Workflow({', '.join([*arguments, *keywords(rest)])})")
        for step in data["steps"]:
            self.step(step, name, "")
        for hook in HOOKS:
            if hook in data:
                self.block(f"with {name}.{hook}():", data[hook], name, "")

    def block(self, head: str, steps: Any, name: str, indent: str) -> None:
        self.lines.append(indent + head)
        inner = steps if isinstance(steps, list) else [steps]
        if not inner:
            self.lines.append(f"{indent}    pass")
        for step in inner:
            self.step(step, name, indent + "    ")

    def step(self, step: Any, name: str, indent: str) -> None:
        if not isinstance(step, dict):
            raise Inexpressible
        kinds = [key for key in KINDS if key in step]
        if len(kinds) > 1 or (kinds and "type" in step):
            raise Inexpressible
        self.steps += 1
        own = f"step_{self.steps}"
        hooks = {key: step[key] for key in (*HOOKS, "compensate") if key in step}
        rest = {key: value for key, value in step.items() if key not in (*hooks, *kinds)}
        if not kinds:
            # A call always has a configuration, of which its keywords are a part.
            if not {"name", "config"} <= rest.keys() or UNDER_CONFIG.keys() & rest.keys():
                raise Inexpressible
            given = [repr(rest.pop("name")), *([repr(rest.pop("type"))] if "type" in rest else [])]
            self.lines.append(f"{indent}{own} = {name}.task({', '.join([*given, *keywords(rest)])})")
        else:
            self.kind(kinds[0], step[kinds[0]], rest, name, own, indent)
        for key, steps in hooks.items():
            call = "compensate_with" if key == "compensate" else key
            self.block(f"with {own}.{call}():", steps, name, indent)

    def kind(self, kind: str, value: Any, rest: dict[str, Any], name: str, own: str, indent: str) -> None:
        if kind in BLOCKS:
            options = {} if isinstance(value, list) else dict(value or {})
            steps = value if isinstance(value, list) else options.pop("steps", None)
            if not isinstance(steps, list) or {"limit", "fail_fast"} & rest.keys():
                raise Inexpressible
            self.lines.append(f"{indent}{own} = {name}.{kind}({', '.join(keywords({**rest, **options}))})")
            self.block(f"with {own}:", steps, name, indent)
        elif kind == "if":
            branches = [rest.pop(key, None) for key in ("then", "else")]
            self.lines.append(f"{indent}{own} = {name}.if_({', '.join([repr(value), *keywords(rest)])})")
            self.block(f"with {own}:", branches[0] or [], name, indent)
            if branches[1] is not None:
                self.block(f"with {name}.else_():", branches[1], name, indent)
        elif kind == "switch":
            cases, default = rest.pop("cases", None), rest.pop("default", None)
            if not isinstance(cases, dict):
                raise Inexpressible
            self.lines.append(f"{indent}{own} = {name}.switch({', '.join([repr(value), *keywords(rest)])})")
            self.lines.append(f"{indent}with {own}:")
            self.lines.append(f"{indent}    pass")
            for case, steps in cases.items():
                self.block(f"with {own}.case({value_of(case)!r}):", steps, name, f"{indent}    ")
            if default is not None:
                self.block(f"with {own}.default():", default, name, f"{indent}    ")
        elif kind in SIGNALS:
            self.signal(kind, value, rest, name, own, indent)
        else:
            body = rest.pop("do", None)
            call = f"{name}.{CALLS[kind]}({', '.join([repr(value), *keywords(rest)])})"
            self.lines.append(f"{indent}{own} = {call}")
            if kind in ("while", "until", "for_each", "matrix"):
                self.block(f"with {own}:", body or [], name, indent)

    def signal(self, kind: str, value: Any, rest: dict[str, Any], name: str, own: str, indent: str) -> None:
        call, first = SIGNALS[kind]
        options = {first: value} if isinstance(value, str) else dict(value or {})
        if first not in options:
            raise Inexpressible
        late = options.pop("on_timeout", None)
        arguments = [repr(options.pop(first)), *keywords({**rest, **options})]
        self.lines.append(f"{indent}{own} = {name}.{call}({', '.join(arguments)})")
        if late is not None:
            self.block(f"with {own}.on_timeout():", late, name, indent)


def in_python(path: Path) -> str:
    """Return a file of the corpus as calls of the builder. Raises Inexpressible where it has none for it."""
    diagnostics = Diagnostics()
    root = read_yaml(SourceFile.from_text(path.name, path.read_text()), diagnostics).root
    if root is None or diagnostics.has_errors:
        raise Inexpressible  # a mistake of the notation itself
    data = plain(root)
    workflows = data.pop("workflows", None) or [data.pop("workflow", None)]
    if data or not all(isinstance(workflow, dict) for workflow in workflows):
        raise Inexpressible
    writer = Writer()
    for number, workflow in enumerate(workflows):
        writer.workflow(workflow, f"wf{number}")
    return "\n".join([*writer.lines, ""])


def twins() -> Iterator[tuple[Path, str]]:
    for path in broken_yaml.YAML_FILES:
        try:
            yield path, in_python(path)
        except Inexpressible:
            continue


TWINS = list(twins())


def first_line(diagnostic: Diagnostic) -> str:
    """Return what stands at a diagnostic's place, up to the end of its first line."""
    span = diagnostic.span
    line = span.source.lines[span.line - 1]
    return line[span.column - 1 : span.end_column - 1 if span.line == span.end_line else None]


def errors_of(path: Path) -> list[Diagnostic]:
    diagnostics = Diagnostics()
    tree = load_python(str(path), diagnostics)
    if tree is not None:
        compile_document(tree, diagnostics)
    return [found for found in diagnostics.found if found.severity == "error"]


@pytest.mark.acceptance("BLD-03", "DIA-02")
@pytest.mark.parametrize(("path", "text"), TWINS, ids=[path.stem for path, _ in TWINS])
def test_a_mistake_of_the_corpus_has_its_code_in_python_too(path: Path, text: str, tmp_path: Path) -> None:
    file = tmp_path / "twin.py"
    file.write_text(text)
    [error] = errors_of(file)
    [yaml] = broken_yaml.errors_of(path)
    assert error.code == yaml.code == broken_yaml.expected_of(path)[0]
    # A wait's own keys are keywords of one call there, so it is the step that has not got one.
    assert error.message == yaml.message or (error.code == "WFE0101" and error.message.startswith("a step has no key"))
    assert error.span.source.path == str(file)
    assert not re.search(r"`[a-z_]+:(?: [^`]*)?`", error.help)
    blamed = re.search(r"\w+", first_line(yaml).lower())
    assert blamed is None or blamed[0] in error.span.source.lines[error.span.line - 1].lower()


def test_most_of_the_corpus_can_be_said_in_python() -> None:
    assert len(TWINS) >= 70
