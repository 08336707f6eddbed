"""Graphs: every construct is drawn, in four forms that their tools can read, whatever the names."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Callable

import pytest

from wfe_dsl.graph import Graph, Status, graph_object, graph_of
from wfe_dsl.graph_dot import dot
from wfe_dsl.graph_mermaid import mermaid
from wfe_dsl.graph_svg import svg

from .build import compile_text, compiled
from .constructs import EVERY, INPUTS, hostile_program, program_of_later_kinds

FAMILY = """
workflows:
  - {id: main, version: 1, steps: [{name: call, type: workflow, config: {workflow: part}}]}
  - {id: part, version: 3, steps: [{name: work, config: {run: a}}]}
"""
Render = Callable[[Graph], str]


def everything() -> Graph:
    found = compiled(EVERY, INPUTS)
    return graph_of([(found.program, found.source_map), (program_of_later_kinds(), None)])


def names(value: object) -> set[str]:
    """Return the names of all steps in a graph's data."""
    if isinstance(value, list):
        return set().union(*map(names, value))
    if isinstance(value, dict):
        own = {value["name"]} if "name" in value else set()
        return own.union(*map(names, value.values()))
    return set()


def edges(graph: Graph) -> set[tuple[str, str, str, str]]:
    """Return the edges by the names of their steps."""
    known: dict[str, str] = {}

    def note(value: object) -> None:
        if isinstance(value, list):
            for item in value:
                note(item)
        elif isinstance(value, dict):
            if "name" in value:
                known[value["id"]] = value["name"]
            for item in value.values():
                note(item)

    note(graph_object(graph)["workflows"])
    return {(known[edge.source], known[edge.target], edge.label, edge.kind) for edge in graph.edges}


# A reading of each language that is strict about what could go wrong: quotes, nesting and ids.

MERMAID = re.compile(
    r"flowchart TB"
    r"|\s*subgraph (?P<open>\w+)\[\"[^\"]+\"\]"
    r"|\s*(?P<close>end)"
    r"|\s*(?P<node>w\d+s\d+)(?:\[\[?|\{\{|\(\[|\(\(|\[/)\"[^\"<>`|{}\[\]\\]*(?:<br/>[^\"<>`|{}\[\]\\]*)*\""
    r"(?:\]\]?|\}\}|\]\)|\)\)|/\])(?::::\w+)?"
    r"|  (?P<from>w\d+s\d+) (?:-->|-\.->|==>)(?:\|\"[^\"|<>]+\"\|)? (?P<to>w\d+s\d+)"
    r"|  classDef \w+ [\w#:,]+"
)
QUOTED = r'"(?:[^"\\\x00-\x1f\x7f]|\\.)*"'
ATTRIBUTES = rf"\w+=(?:{QUOTED}|\w+)(?: \w+=(?:{QUOTED}|\w+))*"
DOT = re.compile(
    r"digraph workflows (?P<graph>\{)"
    r"|\s*subgraph (?P<open>cluster_\w+) \{"
    r"|\s*(?P<close>\})"
    rf"|\s*(?:graph|node|edge) \[{ATTRIBUTES}\];"
    rf"|\s*label={QUOTED};(?: style=\w+;)?"
    rf"|\s*(?P<node>w\d+s\d+) \[{ATTRIBUTES}\];"
    rf"|  (?P<from>w\d+s\d+) -> (?P<to>w\d+s\d+)(?: \[{ATTRIBUTES}\])?;"
)


def check_lines(text: str, grammar: re.Pattern[str]) -> int:
    """Hold a text against a grammar of lines; returns how many nodes it has."""
    assert text.endswith("\n")
    depth, found, ids, used = 0, set(), set(), set()
    for line in text[:-1].split("\n"):
        match = grammar.fullmatch(line)
        assert match, line
        groups = match.groupdict()
        depth += bool(groups["open"] or groups.get("graph")) - bool(groups["close"])
        assert depth >= 0
        if groups["open"]:
            assert groups["open"] not in ids
            ids.add(groups["open"])
        if groups["node"]:
            assert groups["node"] not in found
            found.add(groups["node"])
        used |= {groups["from"], groups["to"]} - {None}
    assert depth == 0
    assert used <= found
    return len(found)


def check_mermaid(text: str) -> int:
    return check_lines(text, MERMAID)


def check_dot(text: str) -> int:
    return check_lines(text, DOT)


def check_svg(text: str) -> int:
    root = ET.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert tags <= {"svg", "defs", "marker", "path", "rect", "g", "title", "text", "line"}
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for rect in root.iter("{http://www.w3.org/2000/svg}rect"):
        x, y, w, h = (float(rect.attrib.get(name, 0)) for name in ("x", "y", "width", "height"))
        assert x >= 0
        assert y >= 0
        assert x + w <= width + 1
        assert y + h <= height + 1
    return sum(1 for _ in root.iter("{http://www.w3.org/2000/svg}title"))


FORMS = pytest.mark.parametrize(
    ("render", "check"), [(mermaid, check_mermaid), (dot, check_dot), (svg, check_svg)], ids=["mermaid", "dot", "svg"]
)


@pytest.mark.acceptance("CLI-12")
@FORMS
def test_every_step_of_every_construct_is_a_box_in_every_form(render: Render, check: Callable[[str], int]) -> None:
    graph = everything()
    wanted = names(graph_object(graph)["workflows"])
    text = render(graph)
    assert check(text) == len(compiled(EVERY, INPUTS).program.steps) - 1 + len(program_of_later_kinds().steps) - 1
    assert [name for name in wanted if name not in text] == []


@pytest.mark.acceptance("CLI-12")
def test_the_json_form_has_each_step_once_with_its_kind_and_parts() -> None:
    content = json.loads(json.dumps(graph_object(everything())))
    steps = {step["name"]: step for step in content["workflows"][0]["steps"]}
    assert steps["grid"]["kind"] == "matrix"
    assert [part["part"] for part in steps["pick"]["parts"]] == ["case 1", "case 2", "default"]
    assert steps["call"]["calls"] == {"workflow": "child", "version": 2}
    assert steps["seq"]["source"].startswith("test.yaml:")
    kinds = {step["name"]: step["kind"] for step in content["workflows"][1]["steps"]}
    assert kinds == {"contest": "race", "trip": "saga", "paid": "wait"}


def test_the_edges_lead_from_what_may_be_last_to_what_follows() -> None:
    found = edges(everything())
    for expected in (
        ("seq", "a1", "", "flow"),
        ("a1", "par", "", "flow"),
        ("b1", "cond", "", "flow"),
        ("b2", "cond", "", "flow"),
        ("cond", "c3", "else", "flow"),
        ("half", "pick", "else", "flow"),
        ("d1", "pick", "", "flow"),
        ("pick", "e2", "case 2", "flow"),
        ("f1", "again", "again", "back"),
        ("again", "till", "done", "flow"),
        ("h1", "h2", "on_failure", "aside"),
        ("each", "h3", "ensure", "aside"),
        ("stop", "halt", "then", "flow"),
        ("stop", "back", "else", "flow"),
        ("book", "unbook", "compensate", "aside"),
        ("paid", "remind", "on_timeout", "aside"),
    ):
        assert expected in found
    assert not [edge for edge in found if edge[0] in ("halt", "back", "h2", "h3")]


def test_a_call_of_a_workflow_that_is_drawn_too_is_an_edge() -> None:
    programs, _ = compile_text(FAMILY)
    found = edges(graph_of([(one.program, one.source_map) for one in programs]))
    assert found == {("call", "work", "calls", "call")}


@pytest.mark.acceptance("CLI-12")
@FORMS
def test_a_runs_graph_carries_statuses(render: Render, check: Callable[[str], int]) -> None:
    found = compiled(EVERY, INPUTS)
    statuses = {2: Status((("succeeded", 1),)), 4: Status((("failed", 1), ("succeeded", 5)))}
    graph = graph_of([(found.program, found.source_map)], statuses, "demo-1 failed")
    text = render(graph)
    check(text)
    for word in ("demo-1 failed", "succeeded", "failed 1, succeeded 5"):
        assert word in text
    boxes = graph_object(graph)["workflows"][0]["steps"]
    assert boxes[0]["parts"][0]["steps"][0]["status"] == "succeeded"
    assert boxes[1]["parts"][0]["steps"][0]["status"] == "failed"
    assert boxes[1]["parts"][0]["steps"][0]["counts"] == {"failed": 1, "succeeded": 5}
    assert boxes[2]["status"] is None


@pytest.mark.acceptance("CLI-12", "SEC-10")
@FORMS
def test_hostile_names_are_escaped(render: Render, check: Callable[[str], int]) -> None:
    text = render(graph_of([(hostile_program(), None)]))
    assert check(text) == 5
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "<script>" not in text or render is dot


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
@pytest.mark.acceptance("CLI-12")
def test_graphviz_reads_what_is_written_for_it() -> None:
    for graph in (everything(), graph_of([(hostile_program(), None)])):
        done = subprocess.run(["dot", "-Tplain"], input=dot(graph), capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
