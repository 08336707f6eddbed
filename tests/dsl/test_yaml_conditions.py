"""Structured conditions, as the expressions they mean."""

from __future__ import annotations

import sys

import pytest

from wfe_dsl.variables import Variables

from .yaml_support import first_step, load, show, wrap


def condition(text: str, variables: Variables | None = None) -> str:
    return show(
        first_step(f"- name: a\n  when: {text}\n  config: {{run: 'true'}}", "inputs: {n: number}", variables).when
    )


def mistakes(text: str) -> list[tuple[str, int]]:
    _, found = load(wrap(f"- name: a\n  when: {text}\n  config: {{run: 'true'}}"))
    return [(one.code, one.span.column - len("      when: x")) for one in found]


@pytest.mark.acceptance("EXP-15", "EXP-16", "EXP-17")
@pytest.mark.parametrize(
    ("leaf", "expected"),
    [
        ("equals: 5", "(inputs.x == 5)"),
        ("equals: null", "(inputs.x == null)"),
        ("not_equals: a", '((inputs.x != null) && (inputs.x != "a"))'),
        ("not_equals: null", "(inputs.x != null)"),
        ("gt: 3.5", "((inputs.x != null) && (inputs.x > 3.5))"),
        ("gte: 3", "((inputs.x != null) && (inputs.x >= 3))"),
        ("lt: b", '((inputs.x != null) && (inputs.x < "b"))'),
        ("lte: 3", "((inputs.x != null) && (inputs.x <= 3))"),
        ("contains: a", '((inputs.x != null) && (inputs.x contains "a"))'),
        ("is_null: true", "(inputs.x == null)"),
        ("is_null: false", "(inputs.x != null)"),
        ("is_not_null: true", "(inputs.x != null)"),
        ("is_not_null: false", "(inputs.x == null)"),
        ("equals: [1, {a: b}]", '(inputs.x == [1, {a: "b"}])'),
        ("equals: true", "(inputs.x == true)"),
        ("equals: '5'", '(inputs.x == "5")'),
        ("gt: ((limit))", "((inputs.x != null) && (inputs.x > 7))"),
        ("gt: '${{ inputs.n }}'", "((inputs.x != null) && (inputs.x > inputs.n))"),
        ("equals: ((n))", "(inputs.x == inputs.n)"),
    ],
)
def test_a_leaf_is_a_comparison_that_a_missing_field_fails(leaf: str, expected: str) -> None:
    assert condition(f"{{field: inputs.x, {leaf}}}", Variables([("limit", "7")])) == expected


@pytest.mark.acceptance("EXP-18")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{all: []}", "true"),
        ("{any: []}", "false"),
        ("{none: []}", "true"),
        ("{one_of: []}", "false"),
        ("{all: [{field: a, equals: 1}]}", "(@a == 1)"),
        ("{all: [a, b, c]}", "((a && b) && c)"),
        ("{any: [a, b]}", "(a || b)"),
        ("{none: [a, b]}", "!(a || b)"),
        ("{one_of: [a, {field: b, equals: 1}]}", "one_of([a, (@b == 1)])"),
        ("{not: {field: a, gt: 1}}", "!((@a != null) && (@a > 1))"),
        ("{not: {not: {all: []}}}", "!!true"),
        ("{any: [{none: [{field: a, is_null: true}]}, {not: b}]}", "(!(@a == null) || !b)"),
    ],
)
def test_combinators_are_what_their_names_say_and_nest(text: str, expected: str) -> None:
    assert condition(text) == expected


@pytest.mark.acceptance("EXP-21")
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("inputs.a", "inputs.a"),
        (".inputs.a", "inputs.a"),
        (".outputs.a", "outputs.a"),
        ("build", "@build"),
        (".build.image", "@build.image"),
        ("list.0.name", "@list[0].name"),
        ("list[0].name", "@list[0].name"),
        ("steps.build-image.output.x", "steps.build-image.output.x"),
        ('m["odd key"]', "@m.odd key"),
        ("run-tests.stdout", "@run-tests.stdout"),
        ("größe.x", "@größe.x"),
    ],
)
def test_a_field_path_means_the_same_with_and_without_its_dot(path: str, expected: str) -> None:
    assert condition(f"{{field: '{path}', is_null: true}}") == f"({expected} == null)"
    assert condition(f"{{field: '.{path.removeprefix('.')}', is_null: true}}") == f"({expected} == null)"


@pytest.mark.acceptance("EXP-20")
@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{field: a, gt: 1, ^lt: 5}", "WFE0121"),
        ("{lt: 5, ^gt: 1, field: a}", "WFE0121"),
        ("{all: [], ^any: []}", "WFE0121"),
        ("{field: a, ^all: []}", "WFE0121"),
        ("{all: [], ^equals: 1}", "WFE0121"),
        ("{^field: a}", "WFE0120"),
        ("{^equals: 1}", "WFE0120"),
        ("^{}", "WFE0120"),
        ("{field: a, ^like: 1}", "WFE0101"),
        ("{field: a, ^equal: 1}", "WFE0101"),
        ("{^feild: a, equals: 1}", "WFE0101"),
        ("{field: a, is_null: ^1}", "WFE0103"),
        ("{field: a, is_null: ^'yes'}", "WFE0103"),
        ("{field: ^[a], equals: 1}", "WFE0103"),
        ("{field: ^., equals: 1}", "WFE0122"),
        ("{field: ^a..b, equals: 1}", "WFE0122"),
        ("{field: ^'a b', equals: 1}", "WFE0122"),
        ("{field: ^'', equals: 1}", "WFE0122"),
        ("{field: a, gt: ^[1]}", "WFE0123"),
        ("{field: a, lte: ^true}", "WFE0123"),
        ("{field: a, gt: ^null}", "WFE0123"),
        ("{all: ^{field: a, equals: 1}}", "WFE0103"),
        ("{not: ^[a]}", "WFE0103"),
        ("^[a, b]", "WFE0103"),
        ("^''", "WFE0103"),
    ],
)
def test_a_wrong_condition_is_one_error_at_the_offending_place(text: str, code: str) -> None:
    assert mistakes(text.replace("^", "")) == [(code, text.index("^"))]


def test_a_condition_of_a_thousand_parts_is_not_a_thousand_levels_deep() -> None:
    parts = ", ".join(f"{{field: f{n}, equals: {n}}}" for n in range(5000))
    shown = condition(f"{{all: [{parts}]}}")
    assert shown.count("&&") == 4999
    assert sys.getrecursionlimit() < 5000
