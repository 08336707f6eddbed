"""Diagnostics as text, JSON, SARIF and GitHub annotations."""

from __future__ import annotations

import json
import re

import msgspec
import pytest

from wfe_dsl.diagnostics.model import Diagnostic, Fix, Label
from wfe_dsl.diagnostics.render_github import render_github
from wfe_dsl.diagnostics.render_json import render_json
from wfe_dsl.diagnostics.render_sarif import render_sarif
from wfe_dsl.diagnostics.render_text import render_text, summary
from wfe_dsl.source import SourceFile, Span

from .yaml_support import load, wrap


def at(text: str, word: str, **fields: object) -> Diagnostic:
    source = SourceFile.from_text("dir/test.yaml", text)
    start = source.text.index(word)
    span = source.span_at(start, start + len(word))
    given = {"code": "WFE0101", "message": "a message", "span": span, "help": "a help", **fields}
    return Diagnostic(**given)


def rows(diagnostic: Diagnostic) -> tuple[str, str]:
    """Return the source line and the carets under it, without the margin."""
    lines = render_text([diagnostic]).split("\n")
    number = next(index for index, line in enumerate(lines) if line.lstrip()[:1].isdigit())
    return lines[number].split("| ", 1)[1], lines[number + 1].split("| ", 1)[1]


def test_a_diagnostic_is_drawn_with_place_line_carets_and_help() -> None:
    _, found = load(wrap("- name: greet\n  timeuot: 5s\n  config: {run: make}"))
    assert render_text(found) == (
        "error[WFE0101]: a step has no key `timeuot`\n"
        "  --> test.yaml:6:7\n"
        "   |\n"
        " 6 |       timeuot: 5s\n"
        "   |       ^^^^^^^\n"
        "   |\n"
        "   = help: did you mean `timeout`?\n\n"
    )


def test_labels_are_drawn_in_line_order_with_what_they_say() -> None:
    _, found = load(wrap("- name: greet\n  timeout: 1s\n  on_crash: fail\n  config: {run: make}\n  timeout: 2s"))
    drawn = render_text(found).split("\n")
    assert drawn[3:9] == [
        " 6 |       timeout: 1s",
        "   |       ------- first here",
        "...",
        " 9 |       timeout: 2s",
        "   |       ^^^^^^^",
        "   |",
    ]


def test_a_label_in_another_file_is_drawn_with_its_place() -> None:
    other = SourceFile.from_text("other.yaml", "one\ntwo\n").span_at(4, 7)
    drawn = render_text([at("abc\n", "b", labels=(Label(other, "the other one"),))])
    assert "::: other.yaml:2:1" in drawn
    assert " 2 | two\n   | --- the other one" in drawn


@pytest.mark.acceptance("DIA-06")
@pytest.mark.parametrize(
    ("line", "word", "source", "carets"),
    [
        ("a\tb\tWORD", "WORD", "a   b   WORD", "        ^^^^"),
        ("\tab\tWORD", "WORD", "    ab  WORD", "        ^^^^"),
        ("日本 WORD", "WORD", "日本 WORD", "     ^^^^"),
        ("x 日本 y", "日本", "x 日本 y", "  ^^^^"),
        ("e\u0301e\u0301 WORD", "WORD", "e\u0301e\u0301 WORD", "   ^^^^"),
        ("👍 WORD", "WORD", "👍 WORD", "   ^^^^"),
        ("a\u200bb WORD", "WORD", "a\u200bb WORD", "   ^^^^"),
        ("a\x1b[31m WORD", "WORD", "a\\x1b[31m WORD", "          ^^^^"),
        ("a\u202eb WORD", "WORD", "a\\u202eb WORD", "         ^^^^"),
    ],
)
def test_carets_stand_under_the_right_letters(line: str, word: str, source: str, carets: str) -> None:
    assert rows(at(line + "\nnext", word)) == (source, carets)


@pytest.mark.acceptance("DIA-06")
@pytest.mark.parametrize("filler", ["x", "日", "\t", "e\u0301"])
def test_a_very_long_line_is_cut_to_a_window_around_the_place(filler: str) -> None:
    line, carets = rows(at(filler * 500_000 + "WORD" + filler * 500_000, "WORD"))
    assert "WORD" in line
    assert len(line) <= 260
    assert carets.strip() == "^^^^"


@pytest.mark.acceptance("DIA-06")
@pytest.mark.parametrize("length", [59, 60, 100, 120])
def test_a_line_that_fits_is_shown_whole_wherever_the_place_is(length: int) -> None:
    line = "x" * (length - 4) + "WORD"
    assert rows(at(line + "\nnext", "WORD")) == (line, " " * (length - 4) + "^^^^")


@pytest.mark.acceptance("DIA-06")
def test_a_cut_line_shows_where_something_was_left_out() -> None:
    line, carets = rows(at("x" * 200 + "WORD" + "y" * 200, "WORD"))
    assert line == "…" + "x" * 29 + "WORD" + "y" * 86 + "…"
    assert carets == " " * 30 + "^^^^"
    assert rows(at("WORD" + "y" * 200, "WORD"))[0] == "WORD" + "y" * 116 + "…"


@pytest.mark.acceptance("DIA-06")
def test_a_label_far_from_the_place_in_a_cut_line_gets_a_window_of_its_own() -> None:
    found = at("FIRST " + "x" * 200 + " WORD", "WORD")
    source = found.span.source
    near, far = source.span_at(200, 203), source.span_at(0, 5)
    for label, drawn in ((near, 1), (far, 2)):
        lines = render_text([msgspec.structs.replace(found, labels=(Label(label, "here"),))]).split("\n")
        shown = [line for line in lines if line.startswith(" 1 | ")]
        assert len(shown) == drawn
        for index, line in enumerate(lines):
            marks = line.removeprefix("   | ")
            if line.startswith("   | ") and marks.strip():
                cell = len(marks) - len(marks.lstrip())
                above = next(text for text in reversed(lines[:index]) if text.startswith(" 1 | ")).removeprefix(" 1 | ")
                word = {"^": "WORD", "-": "FIRST" if label is far else "xxx"}[marks.strip()[0]]
                assert above[cell:].startswith(word)


def test_a_stretch_of_several_lines_is_marked_to_the_end_of_its_first() -> None:
    assert rows(at("a: one\n  two\n", "one\n  two")) == ("a: one", "   ^^^")


def test_an_empty_stretch_and_one_at_the_end_of_the_file_have_one_caret() -> None:
    source = SourceFile.from_text("a", "key:\n")
    places = ((Span(source, 1, 5, 1, 5), "    ^"), (Span(source, 2, 1, 2, 1), "^"), (Span(source, 9, 1, 9, 2), "^"))
    for span, carets in places:
        drawn = render_text([Diagnostic("WFE0101", "m", span, "h")])
        assert drawn.split("\n")[4].split("|", 1)[1][1:] == carets


@pytest.mark.acceptance("DIA-06")
def test_there_is_colour_only_where_it_is_asked_for_and_it_changes_nothing_else() -> None:
    diagnostic = at("some text", "text", help="a\nb", labels=())
    assert "\x1b" not in render_text([diagnostic])
    assert re.sub("\x1b\\[[0-9;]*m", "", render_text([diagnostic], colour=True)) == render_text([diagnostic])


def test_a_message_can_not_break_the_drawing_or_steer_the_terminal() -> None:
    drawn = render_text([at("x", "x", message="a\nb\x1b[2J")])
    assert drawn.startswith("error[WFE0101]: a\\nb\\x1b[2J\n")


def test_a_summary_counts_by_severity() -> None:
    found = [at("x", "x"), at("x", "x"), at("x", "x", code="WFE0118")]
    assert summary(found) == "2 errors, 1 warning"
    assert summary([]) == ""


@pytest.mark.acceptance("DIA-07")
def test_json_has_the_fields_of_the_contract_with_positions_from_one() -> None:
    diagnostic = at("ab\ncd ef", "cd", help="do this")
    assert json.loads(render_json([diagnostic])) == [
        {
            "code": "WFE0101",
            "severity": "error",
            "file": "dir/test.yaml",
            "line": 2,
            "column": 1,
            "end_line": 2,
            "end_column": 3,
            "message": "a message",
            "help": "do this",
            "fix": None,
        }
    ]
    fixed = at("ab", "b", fix=Fix(diagnostic.span, "x"))
    assert json.loads(render_json([fixed]))[0]["fix"] == {
        "line": 2,
        "column": 1,
        "end_line": 2,
        "end_column": 3,
        "text": "x",
    }
    assert json.loads(render_json([])) == []


@pytest.mark.acceptance("DIA-07")
def test_github_annotations_are_one_a_line_whatever_the_messages_hold() -> None:
    found = [at("ab cd", "cd", message="a\nb: 100%, c", help="d\r\ne"), at("x", "x", code="WFE0118")]
    assert render_github(found) == (
        "::error file=dir/test.yaml,line=1,endLine=1,col=4,endColumn=6,title=WFE0101::"
        "a%0Ab: 100%25, c%0Ahelp: d%0D%0Ae\n"
        "::warning file=dir/test.yaml,line=1,endLine=1,col=1,endColumn=2,title=WFE0118::a message%0Ahelp: a help\n"
    )


@pytest.mark.parametrize("sign", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1b[31m"])
def test_no_sign_that_some_reader_takes_for_a_line_end_forges_an_annotation(sign: str) -> None:
    drawn = render_github([at("x", "x", message=f"no key `a{sign}::error::forged`")])
    assert len(drawn.splitlines()) == 1
    assert sign not in drawn


@pytest.mark.acceptance("DIA-07")
def test_sarif_has_one_run_with_its_rules_results_and_related_places() -> None:
    text = "_a: &a {timeout: 5 parsecs}\n" + wrap("- name: t\n  <<: *a\n  config: {run: make}")
    _, found = load(text)
    log = json.loads(render_sarif(found, "1.2.3"))
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    assert run["tool"]["driver"]["version"] == "1.2.3"
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["WFE0115"]
    (result,) = run["results"]
    assert (result["ruleId"], result["ruleIndex"], result["level"]) == ("WFE0115", 0, "error")
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "test.yaml"
    assert place["region"] == {"startLine": 1, "startColumn": 18, "endLine": 1, "endColumn": 27}
    assert [one["physicalLocation"]["region"]["startLine"] for one in result["relatedLocations"]] == [7]


def test_a_file_name_with_odd_letters_is_a_valid_uri_in_sarif() -> None:
    source = SourceFile.from_text("a b/ä:%.yaml", "x")
    log = json.loads(render_sarif([Diagnostic("WFE0101", "m", source.span_at(0, 1), "h")], "1"))
    uri = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == "a%20b/%C3%A4%3A%25.yaml"
