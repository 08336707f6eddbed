"""From a YAML text to the plain tree: values, spans, merge keys, and what is refused."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from wfe_dsl.diagnostics.labels import all_labels
from wfe_dsl.diagnostics.model import Diagnostic, Diagnostics
from wfe_dsl.source import SourceFile, Span
from wfe_dsl.yaml_front.reader import read_yaml
from wfe_dsl.yaml_front.tree import Broken, Listing, Mapping, Node, Scalar

from .yaml_support import load, read_ok, wrap


def read(text: str) -> tuple[Mapping | None, list[Diagnostic]]:
    diagnostics = Diagnostics()
    return read_yaml(SourceFile.from_text("test.yaml", text), diagnostics).root, diagnostics.found


def plain(node: Node | None) -> Any:
    match node:
        case Mapping():
            return {key: plain(entry.value) for key, entry in node.entries.items()}
        case Listing():
            return [plain(item) for item in node.items]
        case Scalar():
            return node.value
        case Broken():
            return "broken"
    return None


def value_of(text: str) -> Any:
    root, found = read(f"x: {text}\n")
    assert found == []
    return plain(root)["x"]


def place(span: Span) -> tuple[int, int, int, int]:
    return span.line, span.column, span.end_line, span.end_column


@pytest.mark.acceptance("YML-06")
@pytest.mark.parametrize(
    "text",
    [
        "on",
        "off",
        "yes",
        "no",
        "y",
        "12:30:45",
        "2026-01-01",
        "1_000",
        "0b11",
        "0o8",
        "+-1",
        "1e",
        "0x",
        ".",
        "-",
        "=",
        "tRUE",
    ],
)
def test_what_only_older_yaml_reads_otherwise_is_a_text(text: str) -> None:
    assert value_of(text if text != "-" else "'-'") == text


@pytest.mark.acceptance("YML-06")
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True), ("False", False), ("null", None), ("~", None), ("", None), ("0x1F", 31), ("0o17", 15),
        ("1e3", 1000.0), ("-7", -7), ("+7", 7), ("007", 7), ("1.10", 1.1), (".5", 0.5), ("5.", 5.0),
        ("9223372036854775807", 2**63 - 1), ("-9223372036854775808", -(2**63)),
    ],
)  # fmt: skip
def test_plain_scalars_follow_the_core_schema(text: str, value: Any) -> None:
    found = value_of(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("quoted", ["'true'", '"1"', "'~'", '"null"'])
def test_a_quoted_scalar_is_a_text(quoted: str) -> None:
    assert value_of(quoted) == quoted[1:-1]


@pytest.mark.parametrize("text", ["9223372036854775808", ".inf", "-.INF", ".nan", "1e999", "1" * 5000])
def test_a_number_that_no_value_can_hold_is_an_error_where_it_stands(text: str) -> None:
    root, found = read(f"a: 1\nx: {text}\n")
    assert [(one.code, one.span.line, one.span.column) for one in found] == [("WFE0017", 2, 4)]
    assert plain(root) == {"a": 1, "x": "broken"}


@pytest.mark.acceptance("YML-04")
def test_anchors_stand_for_equal_values_of_every_kind() -> None:
    root, found = read("a: &t text\nb: &l [1, 2]\nc: &m {k: v}\nd: [*t, *l, *m]\n")
    assert found == []
    assert plain(root)["d"] == ["text", [1, 2], {"k": "v"}]


@pytest.mark.acceptance("YML-04")
def test_merging_is_shallow_own_keys_win_and_the_earlier_map_wins() -> None:
    root, found = read(
        "a: &a {x: 1, y: {p: 1}}\nb: &b {x: 2, z: 3}\n"
        "one: {<<: *a, y: {q: 2}}\nseveral: {<<: [*b, *a], w: 0}\nquoted: {'<<': 1}\n"
    )
    assert found == []
    assert plain(root)["one"] == {"x": 1, "y": {"q": 2}}
    assert plain(root)["several"] == {"x": 2, "z": 3, "y": {"p": 1}, "w": 0}
    assert plain(root)["quoted"] == {"<<": 1}


@pytest.mark.acceptance("YML-04")
def test_two_uses_of_an_anchor_share_nothing() -> None:
    root, _ = read("a: &a {x: [1]}\nb: *a\nc: *a\n")
    assert root is not None
    first, second = root.get("b"), root.get("c")
    assert isinstance(first, Mapping)
    first.entries.clear()
    assert plain(second) == {"x": [1]}
    assert plain(root.get("a")) == {"x": [1]}


@pytest.mark.acceptance("YML-05")
def test_a_duplicate_key_is_an_error_that_shows_both_places() -> None:
    root, found = read("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n")
    assert [(one.code, place(one.span)) for one in found] == [("WFE0014", (5, 3, 5, 4))]
    assert [place(label.span) for label in found[0].labels] == [(3, 3, 3, 4)]
    assert plain(root) == {"a": 1, "b": {"c": 1, "d": 2}}


@pytest.mark.acceptance("DIA-03")
def test_a_value_brought_in_by_an_alias_has_its_definitions_span_and_knows_the_alias() -> None:
    root, _ = read("_a: &inner\n  k: v\n_b: &outer\n  x: *inner\nuse: *outer\n")
    assert root is not None
    use = root.get("use")
    assert isinstance(use, Mapping)
    x = use.get("x")
    assert isinstance(x, Mapping)
    span = x.entries["k"].value.span
    assert place(span) == (2, 6, 2, 7)
    assert span.via is not None
    assert place(span.via) == (4, 6, 4, 12)
    assert span.via.via is not None
    assert place(span.via.via) == (5, 6, 5, 12)


@pytest.mark.acceptance("DIA-03")
def test_a_mistake_in_a_merged_map_is_shown_at_its_definition_and_at_its_use() -> None:
    text = "_shared: &shared\n  timeout: 5 parsecs\n" + wrap("- name: a\n  <<: *shared\n  config: {run: 'true'}\n")
    _, found = load(text)
    assert [(one.code, one.span.line) for one in found] == [("WFE0115", 2)]
    assert [label.span.line for label in all_labels(found[0])] == [8]


def test_spans_cover_blocks_flows_and_block_scalars_without_what_follows() -> None:
    root, _ = read("a:\n  b: 1\n  c: |\n    x\n    y\n\n# a comment\nd: [1,\n  2]\ne: 'q'\nf:\n")
    assert root is not None
    spans = {key: place(entry.value.span) for key, entry in root.entries.items()}
    assert spans == {
        "a": (2, 3, 5, 6),
        "d": (8, 4, 9, 5),
        "e": (10, 4, 10, 7),
        "f": (11, 3, 11, 3),
    }
    block = root.get("a")
    assert isinstance(block, Mapping)
    assert place(block.entries["c"].value.span) == (3, 6, 5, 6)
    assert place(block.entries["c"].key_span) == (3, 3, 3, 4)


@pytest.mark.acceptance("YML-07")
@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a: &a [*a]\n", "WFE0008"),
        ("a: " + "[" * 10_000 + "]" * 10_000 + "\n", "WFE0006"),
        ("a: " + "[" * 5_000_000, "WFE0006"),
        ("a: " + "{a: " * 100 + "1" + "}" * 100, "WFE0006"),
        ("".join(f"{' ' * depth}a:\n" for depth in range(1000)), "WFE0006"),
        ("a0: &a0 {k: 1}\n" + "".join(f"a{n + 1}: &a{n + 1} {{k: *a{n}}}\n" for n in range(70)), "WFE0006"),
        ("a: *nothing\n", "WFE0009"),
    ],
)
def test_what_would_exhaust_the_reader_is_refused_with_one_error(text: str, code: str) -> None:
    _, found = read(text)
    assert [one.code for one in found] == [code]


@pytest.mark.acceptance("YML-07")
def test_a_hundred_thousand_aliased_values_are_taken_and_more_are_not() -> None:
    rows = "a: &a [" + ", ".join(["1"] * 99) + "]\n"
    root, found = read(rows + "b: [" + ", ".join(["*a"] * 1000) + "]\n")
    assert found == []
    assert len(plain(root)["b"]) == 1000
    _, found = read(rows + "b: [" + ", ".join(["*a"] * 1001) + "]\n")
    assert [one.code for one in found] == ["WFE0007"]


@pytest.mark.acceptance("YML-08")
@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        ("a: b: c\n", "WFE0004", 1, 5),
        ("a: 'open\nb: 1\n", "WFE0004", 1, 4),
        ("a: [1, 2\nb: 1\n", "WFE0004", 2, 2),
        ("a: 1\n b: 2\n", "WFE0004", 2, 3),
        ("a:\n\tb: 1\n", "WFE0018", 2, 1),
        ("a: @x\n", "WFE0004", 1, 4),
        ('a: "\\q"\n', "WFE0004", 1, 5),
    ],
)
def test_broken_syntax_is_one_error_at_line_and_column(text: str, code: str, line: int, column: int) -> None:
    root, found = read(text)
    assert root is None
    assert [(one.code, one.span.line, one.span.column) for one in found] == [(code, line, column)]


@pytest.mark.acceptance("YML-08")
@pytest.mark.parametrize(
    "value", ["{run: echo ${{ inputs.x }}}", '{run: echo "a ${{ inputs.x }}"}', "[${{ inputs.x }}]"]
)
def test_an_expression_without_quotes_in_brackets_is_told_of_as_such(value: str) -> None:
    _, [found] = read(f"a: {value}\n")
    assert (found.code, found.span.column) == ("WFE0004", value.index("${{") + 5)
    assert found.help.startswith("in a list or map in brackets, a text with `${{ … }}` in it needs quotes")
    _, [other] = read("a: {b: '${{ inputs.x }}'\n")
    assert other.help == "a list or map in brackets is not closed, or a text in it needs quotes"


@pytest.mark.acceptance("YML-08")
def test_a_byte_order_mark_and_crlf_change_nothing() -> None:
    text = wrap("- name: a\n  config:\n    run: |\n      one\n      two\n")
    plain_step = read_ok(text).workflows[0].steps[0]
    other = read_ok("\ufeff" + text.replace("\n", "\r\n")).workflows[0].steps[0]
    assert place(other.span) == place(plain_step.span)
    assert other.body.config.entries[0][2].value == plain_step.body.config.entries[0][2].value == "one\ntwo\n"


@pytest.mark.acceptance("YML-09")
@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a: !!python/object/apply:os.system ['touch pwned']\n", "WFE0010"),
        ("a: !x 1\n", "WFE0010"),
        ("a: !!str 1\n", "WFE0010"),
        ("!!map {a: 1}\n", "WFE0010"),
        ("a: 1\n---\nb: 2\n", "WFE0011"),
        ("- a\n", "WFE0013"),
        ("text\n", "WFE0013"),
        ("5\n", "WFE0013"),
        ("", "WFE0012"),
        ("# only a comment\n", "WFE0012"),
        ("---\n", "WFE0012"),
        ("? [a]\n: 1\n", "WFE0015"),
        ("? {a: 1}\n: {b: 2}\nc: 1\n", "WFE0015"),
    ],
)
def test_what_is_no_plain_data_is_one_clear_error(text: str, code: str) -> None:
    _, found = read(text)
    assert [one.code for one in found] == [code]


def test_keys_are_texts_as_they_are_written() -> None:
    root, found = read("on: 1\n1: 2\ntrue: 3\n1.10: 4\n'': 5\n")
    assert found == []
    assert plain(root) == {"on": 1, "1": 2, "true": 3, "1.10": 4, "": 5}


@pytest.mark.parametrize("on", [True, False])
def test_the_garbage_collector_is_as_before_after_loading(on: bool) -> None:
    was_on = gc.isenabled()
    try:
        (gc.enable if on else gc.disable)()
        load("- broken")
        assert gc.isenabled() is on
    finally:
        (gc.enable if was_on else gc.disable)()
