"""Files: what stands at their top, what they include, and which workflow wins."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wfe_dsl import nodes
from wfe_dsl.diagnostics.model import Diagnostic, Diagnostics
from wfe_dsl.source import MAX_SOURCE_BYTES
from wfe_dsl.variables import Variables
from wfe_dsl.yaml_front import load_yaml

from .yaml_support import codes, load, read_ok, wrap

STEPS = "steps: [{name: s, config: {run: echo NAME}}]"


def one(id: str, version: int = 1, run: str = "x") -> str:
    return f"  - {{id: {id}, version: {version}, steps: [{{name: s, config: {{run: echo {run}}}}}]}}\n"


class Files:
    """Files in memory, and how often each was read."""

    def __init__(self, **files: str | bytes) -> None:
        self.files = {name.replace("__", "/") + ".yaml": text for name, text in files.items()}
        self.reads: list[str] = []

    def read(self, path: str) -> bytes:
        name = os.path.relpath(path, "/project")
        self.reads.append(name)
        if name not in self.files:
            raise FileNotFoundError(2, "No such file or directory", path)
        text = self.files[name]
        return text if isinstance(text, bytes) else text.encode()

    def load(self, name: str = "/project/main.yaml") -> tuple[nodes.Document | None, list[Diagnostic]]:
        diagnostics = Diagnostics()
        return load_yaml(name, Variables(), diagnostics, read=self.read), diagnostics.found

    def ids(self) -> list[tuple[str, int]]:
        document, found = self.load()
        assert [(each.code, each.message) for each in found] == []
        assert document is not None
        return [(workflow.id, workflow.version) for workflow in document.workflows]


@pytest.mark.acceptance("YML-01")
def test_the_least_workflow_loads_and_its_step_is_a_shell_task() -> None:
    document = read_ok("workflow:\n  id: a\n  version: 3\n  steps:\n    - name: s\n      config:\n        run: make\n")
    (workflow,) = document.workflows
    assert (workflow.id, workflow.version, workflow.inputs, document.own) == ("a", 3, None, 1)
    body = workflow.steps[0].body
    assert isinstance(body, nodes.Task)
    assert body.type == "shell"


@pytest.mark.acceptance("YML-01")
@pytest.mark.parametrize("missing", ["id: a", "version: 1", STEPS])
def test_a_workflow_without_id_version_or_steps_is_an_error_at_the_map(missing: str) -> None:
    lines = [line for line in ("id: a", "version: 1", STEPS) if line != missing]
    _, found = load("workflow:\n" + "".join(f"  {line}\n" for line in lines))
    assert [(each.code, each.span.line, each.span.column) for each in found] == [("WFE0102", 2, 3)]
    assert missing.split(":")[0] in found[0].message


@pytest.mark.acceptance("YML-02")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("workflow: {id: a, version: 1, " + STEPS + "}\nworkflows:\n" + one("b"), [("WFE0106", 2)]),
        ("include: []\n", [("WFE0105", 1)]),
        ("workflows: []\n", [("WFE0107", 1)]),
        ("workflows:\n" + one("a") + one("a", run="y"), [("WFE0109", 3)]),
        ("workflows:\n" + one("a") + one("a", 2), []),
        ("id: a\nversion: 1\n" + STEPS + "\n", [("WFE0101", 1)]),
    ],
)
def test_the_top_of_a_file_has_either_one_workflow_or_several(text: str, expected: list[tuple[str, int]]) -> None:
    assert codes(text) == expected


@pytest.mark.acceptance("YML-02")
def test_several_workflows_stay_in_their_order_and_a_double_one_shows_both_places() -> None:
    document = read_ok("workflows:\n" + one("b") + one("a") + one("b", 2))
    assert [(workflow.id, workflow.version) for workflow in document.workflows] == [("b", 1), ("a", 1), ("b", 2)]
    _, found = load("workflows:\n" + one("a") + one("a"))
    assert [label.span.line for label in found[0].labels] == [2]


@pytest.mark.acceptance("YML-03")
def test_private_keys_and_keys_that_define_anchors_are_passed_over_and_others_are_not() -> None:
    body = "workflow:\n  id: a\n  version: 1\n  _note: [anything]\n  steps:\n    - {name: s, config: *c}\n"
    read_ok("_any: {thing: 1}\ndefinitions:\n  common: &c\n    run: make\n" + body)
    _, found = load("definitions:\n  common: 1\n_c: &c {run: make}\n" + body)
    assert [(each.code, each.span.line) for each in found] == [("WFE0101", 1)]
    _, found = load("_c: &c {run: make}\nworkflw: 1\n" + body)
    assert [(each.code, each.help) for each in found] == [("WFE0101", "did you mean `workflow`?")]


@pytest.mark.acceptance("YML-10")
def test_includes_are_relative_to_their_own_file_and_a_diamond_is_read_once() -> None:
    files = Files(
        main="include: [lib/a.yaml, lib/b.yaml]\nworkflows:\n" + one("main"),
        lib__a="include: [deep/c.yaml]\nworkflows:\n" + one("a"),
        lib__b="include: deep/../deep/c.yaml\nworkflows:\n" + one("b"),
        lib__deep__c="workflows:\n" + one("c"),
    )
    assert files.ids() == [("main", 1), ("a", 1), ("c", 1), ("b", 1)]
    assert sorted(files.reads) == ["lib/a.yaml", "lib/b.yaml", "lib/deep/c.yaml", "main.yaml"]


@pytest.mark.acceptance("YML-10")
def test_the_including_files_workflow_wins_and_of_two_includes_they_must_mean_the_same() -> None:
    files = Files(
        main="include: [a.yaml, b.yaml]\nworkflows:\n" + one("x", run="mine"),
        a="workflows:\n" + one("x", run="other") + one("y"),
        b="# moved\nworkflows:\n\n" + one("y"),
    )
    document, found = files.load()
    assert found == []
    assert document is not None
    assert [(workflow.id, workflow.span.source.name) for workflow in document.workflows] == [
        ("x", "/project/main.yaml"),
        ("y", "/project/a.yaml"),
    ]
    assert document.own == 1
    files.files["b.yaml"] = "workflows:\n" + one("y", run="other")
    _, found = files.load()
    assert [(each.code, each.span.source.name, each.span.line) for each in found] == [("WFE0126", "/project/b.yaml", 2)]
    assert [label.span.source.name for label in found[0].labels] == ["/project/a.yaml"]


@pytest.mark.acceptance("YML-10")
def test_a_missing_include_is_an_error_at_its_entry() -> None:
    files = Files(main="workflows:\n" + one("a") + "include:\n  - gone.yaml\n")
    _, found = files.load()
    assert [(each.code, each.span.line, each.span.column) for each in found] == [("WFE0019", 4, 5)]
    assert "gone.yaml" in found[0].message


@pytest.mark.acceptance("YML-10")
def test_a_cycle_of_includes_is_printed_once() -> None:
    files = Files(
        main="include: [a.yaml]\nworkflows:\n" + one("m"),
        a="include: [b.yaml]\nworkflows:\n" + one("a"),
        b="include: [a.yaml]\nworkflows:\n" + one("b"),
    )
    _, found = files.load()
    assert [(each.code, each.span.source.name) for each in found] == [("WFE0020", "/project/b.yaml")]
    assert "/project/a.yaml → /project/b.yaml → /project/a.yaml" in found[0].message
    files = Files(main="include: [./main.yaml]\nworkflows:\n" + one("m"))
    assert [each.code for each in files.load()[1]] == ["WFE0020"]


def test_chains_of_includes_are_bounded_and_a_ladder_of_diamonds_is_walked_once() -> None:
    chain = {f"f{n}": f"include: [f{n + 1}.yaml]\nworkflows:\n" + one(f"w{n}") for n in range(200)}
    files = Files(main="include: [f0.yaml]\nworkflows:\n" + one("m"), **chain)
    assert [each.code for each in files.load()[1]] == ["WFE0021"]
    ladder = {
        f"{side}{n}": f"include: [l{n + 1}.yaml, r{n + 1}.yaml]\nworkflows:\n" + one(f"{side}{n}")
        for n in range(30)
        for side in "lr"
    }
    files = Files(
        main="include: [l0.yaml]\nworkflows:\n" + one("m"),
        **ladder,
        l30="workflows:\n" + one("l30"),
        r30="workflows:\n" + one("r30"),
    )
    assert len(files.ids()) == 62


def test_mistakes_in_an_included_file_are_told_once_with_its_name() -> None:
    files = Files(
        main="include: [a.yaml, b.yaml]\nworkflows:\n" + one("m"),
        a="include: [c.yaml]\nworkflows:\n" + one("a"),
        b="include: [c.yaml]\nworkflows:\n" + one("b"),
        c="workflows:\n  - {id: c, version: 1, stepz: []}\n",
    )
    assert [(each.code, each.span.source.name, each.span.line) for each in files.load()[1]] == [
        ("WFE0101", "/project/c.yaml", 2)
    ]


@pytest.mark.acceptance("YML-08")
@pytest.mark.parametrize(
    ("data", "code", "line", "column"),
    [
        (b"workflow:\n  id: \xff\n", "WFE0002", 2, 7),
        (b"workflow:\n  id: \x00\n", "WFE0003", 2, 7),
        (b"#" * (MAX_SOURCE_BYTES + 1), "WFE0005", 1, 1),
    ],
)
def test_bytes_that_are_no_text_are_one_error_at_their_place(data: bytes, code: str, line: int, column: int) -> None:
    document, found = Files(main=data).load()
    assert document is None
    assert [(each.code, each.span.line, each.span.column) for each in found] == [(code, line, column)]


def test_a_file_that_can_not_be_read_is_an_error_that_names_it(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path):
        diagnostics = Diagnostics()
        assert load_yaml(str(path), Variables(), diagnostics) is None
        assert [each.code for each in diagnostics.found] == ["WFE0001"]
        assert str(path) in diagnostics.found[0].message


def test_a_file_on_disk_is_read_with_what_it_includes(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "b.yaml").write_text("workflows:\n" + one("b"))
    (tmp_path / "a.yaml").write_text("include: [((folder | lib))/b.yaml]\nworkflows:\n" + one("a"))
    diagnostics = Diagnostics()
    document = load_yaml(str(tmp_path / "a.yaml"), Variables(), diagnostics)
    assert diagnostics.found == []
    assert document is not None
    assert [workflow.id for workflow in document.workflows] == ["a", "b"]


@pytest.mark.acceptance("DIA-05")
def test_twenty_independent_mistakes_are_twenty_diagnostics_in_source_order() -> None:
    steps = "".join(f"- name: s{n}\n  timeout: {n} parsecs\n  config: {{run: echo}}\n" for n in range(20))
    diagnostics = Diagnostics()
    _, found = load(wrap(steps))
    diagnostics.found = list(reversed(found))
    assert [each.span.line for each in diagnostics.in_source_order()] == [6 + 3 * n for n in range(20)]
