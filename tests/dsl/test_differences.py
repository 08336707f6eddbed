"""What changed between two programs, step by step and field by field."""

from __future__ import annotations

from typing import Any

import pytest

from wfe_dsl.differences import change_lines, changes_between

from .build import compiled
from .constructs import EVERY, INPUTS, hostile_program

BASE = """
- {name: a, config: {run: a, env: {K: '1'}}, outputs: [{name: o, type: string}]}
- {name: b, when: inputs.n > 1, config: {run: b}, retry: 2, timeout: 5s}
- {if: inputs.n > 2, then: [{name: c, config: {run: c}}], else: [{name: d, config: {run: d}}]}
"""
KEYS = "inputs: {n: integer}"


def changes(new: str, old: str = BASE, keys: str = KEYS, new_keys: str = KEYS) -> list[tuple[Any, ...]]:
    before, after = compiled(old, keys), compiled(new, new_keys)
    found = changes_between((before.program, before.source_map), (after.program, after.source_map))
    assert len(list(change_lines(found))) == len(found)
    return [(one.what, one.step, one.field, one.old, one.new) for one in found]


def test_layout_comments_and_the_order_of_keys_change_nothing() -> None:
    assert changes("# a comment\n" + BASE.replace("config: {run: b}, retry: 2", "retry: 2, config: {run: b}")) == []
    assert changes(EVERY, EVERY, INPUTS, INPUTS) == []


@pytest.mark.parametrize(
    ("written", "instead", "expected"),
    [
        ("inputs.n > 1,", "inputs.n > 7,", ("changed", "b", "when", "inputs.n > 1", "inputs.n > 7")),
        ("when: inputs.n > 1, ", "", ("changed", "b", "when", "inputs.n > 1", None)),
        ("run: c", "run: other", ("changed", "if-1/c", "config.run", "c", "other")),
        ("K: '1'", "K: '2'", ("changed", "a", "config.env.K", "1", "2")),
        ("timeout: 5s", "timeout: 6s", ("changed", "b", "timeout_ms", 5000, 6000)),
        ("if: inputs.n > 2", "if: inputs.n > 3", ("changed", "if-1", "if", "inputs.n > 2", "inputs.n > 3")),
        ("type: string", "type: integer", ("changed", "a", "outputs.o", "string", "integer")),
        ("{name: d, config: {run: d}}", "{name: e, config: {run: d}}", ("renamed", "if-1/e", "", "if-1/d", "if-1/e")),
        ("{name: c, config", "{name: c, type: deno, config", None),
    ],
)
def test_a_change_is_told_by_the_languages_word_with_both_values(
    written: str, instead: str, expected: tuple[Any, ...] | None
) -> None:
    new = BASE.replace(written, instead)
    if expected is None:
        new = new.replace("run: c", "script: c")
        assert ("changed", "if-1/c", "type", "shell", "deno") in changes(new)
    else:
        assert changes(new) == [expected]


def test_retries_are_told_as_a_whole() -> None:
    [(what, step, field, old, new)] = changes(BASE.replace("retry: 2", "retry: 3"))
    assert (what, step, field) == ("changed", "b", "retry")
    assert (old["attempts"], new["attempts"]) == (2, 3)


def test_steps_that_came_went_and_moved_are_told() -> None:
    new = BASE.replace("- {name: b,", "- {name: n, sleep: 1s}\n- {name: b,").replace(
        ", else: [{name: d, config: {run: d}}]", ""
    )
    assert changes(new) == [("added", "n", "", None, "sleep"), ("removed", "if-1/d", "", "shell", None)]
    one, two, three = BASE.strip().split("\n")
    assert [found[:2] for found in changes("\n".join((two, three, one)))] == [("moved", "a")]
    swapped = BASE.replace("name: c", "name: x").replace("name: d", "name: c").replace("name: x", "name: d")
    swapped = swapped.replace("run: c", "run: x").replace("run: d", "run: c").replace("run: x", "run: d")
    assert {found[:2] for found in changes(swapped)} == {("moved", "if-1/d"), ("moved", "if-1/c")}


def test_a_made_up_name_that_counts_differently_is_no_change() -> None:
    new = "- {if: inputs.n > 9, then: [{name: z, config: {run: z}}]}\n" + BASE.lstrip("\n")
    assert changes(new) == [("added", "if-1", "", None, "if"), ("added", "if-1/z", "", None, "shell")]


def test_the_workflows_own_part_is_compared() -> None:
    found = changes(BASE, new_keys="inputs: {n: integer, m: {type: string, default: x}}\nrequires: [docker]")
    assert ("changed", "", "inputs.m", None, {"type": "string", "default": "x"}) in found
    assert ("changed", "", "requires", [], ["docker"]) in found


def test_what_lies_around_the_steps_is_compared() -> None:
    around = "\nconcurrency: 'deploy-{0}'\nservices: {{db: {{image: 'postgres:{1}', env: {{A: '{2}'}}}}}}"
    found = changes(BASE, keys=KEYS + around.format(1, 16, 1), new_keys=KEYS + around.format(2, 17, 1))
    assert {one[2] for one in found} >= {"services.db"}
    assert any("deploy-2" in str(one[4]) for one in found)


def test_permissions_are_told_one_by_one() -> None:
    deno = "- {{name: a, type: deno, config: {{script: s, permissions: {{net: [{0}]}}}}}}"
    assert changes(deno.format("b.example"), deno.format("a.example")) == [
        ("changed", "a", "config.permissions.net", "['a.example']", "['b.example']")
    ]


def test_hostile_programs_are_compared_all_the_same() -> None:
    old = compiled(BASE, KEYS)
    assert changes_between((old.program, old.source_map), (hostile_program(), None))
