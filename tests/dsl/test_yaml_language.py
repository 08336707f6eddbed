"""The language's tables, read by YAML: a file for each part of the language, and each construct of a step."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wfe_dsl import nodes
from wfe_dsl.compiler import compile_file, read_document
from wfe_dsl.diagnostics.model import Diagnostics
from wfe_dsl.resolve import all_steps, kind_of
from wfe_dsl.variables import Variables
from wfe_dsl.yaml_front.step_keys import COMMON, KINDS, TASK_KEYS
from wfe_dsl.yaml_front.workflows import KEYS

from .yaml_support import first_step, show

FOLDER = Path(__file__).resolve().parents[1] / "data" / "language"
FILES = sorted(FOLDER.glob("*.yaml"))


def read(path: Path) -> tuple[nodes.Document, Diagnostics]:
    diagnostics = Diagnostics()
    document = read_document(str(path), Variables(), diagnostics)
    assert document is not None
    return document, diagnostics


def steps_in(path: Path) -> list[nodes.Step]:
    return [step for workflow in read(path)[0].workflows for step in all_steps(workflow)]


@pytest.mark.acceptance("YML-01")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_of_each_part_of_the_language_is_read_without_a_word(path: Path) -> None:
    assert read(path)[1].found == []


@pytest.mark.acceptance("YML-01")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_of_each_part_of_the_language_compiles_where_a_machine_can_carry_it_out(path: Path) -> None:
    diagnostics = Diagnostics()
    programs = compile_file(str(path), Variables(), diagnostics)
    told = [one.code for one in diagnostics.found if one.severity != "note"]
    assert told == []
    assert programs


def test_the_files_have_every_key_of_a_workflow_and_of_a_step() -> None:
    text = "".join(path.read_text() for path in FILES)
    keys = {*KEYS, *COMMON, *TASK_KEYS, *KINDS, *(key for row in KINDS.values() for key in row)}
    assert [key for key in sorted(keys) if f"{key}:" not in text] == []


def test_the_files_have_every_kind_of_step() -> None:
    assert {kind_of(step) for path in FILES for step in steps_in(path)} == {*KINDS, "task", "workflow"}


def names(steps: tuple[nodes.Step, ...] | None) -> list[str | None]:
    return [step.name for step in steps or ()]


Seen = Callable[[Any], object]

CONSTRUCTS: dict[str, tuple[str, type[nodes.Node], Seen, object]] = {
    "a task": (
        "{name: t, type: deno, config: {script: x}}",
        nodes.Task,
        lambda body: (body.type, show(body.config)),
        ("deno", '{script: "x"}'),
    ),
    "a task without its type": (
        "{name: t, config: {run: make}}",
        nodes.Task,
        lambda body: (body.type, show(body.config)),
        ("shell", '{run: "make"}'),
    ),
    "a sequence": ("{sequence: [{name: a, sleep: 1s}]}", nodes.Sequence, lambda body: names(body.steps), ["a"]),
    "a parallel": (
        "{parallel: [{name: a, sleep: 1s}, {name: b, sleep: 1s}]}",
        nodes.Parallel,
        lambda body: (names(body.steps), body.limit, body.fail_fast),
        (["a", "b"], 0, "never"),
    ),
    "a parallel with a limit": (
        "{parallel: {steps: [{name: a, sleep: 1s}], limit: 4, fail_fast: stop}}",
        nodes.Parallel,
        lambda body: (names(body.steps), body.limit, body.fail_fast),
        (["a"], 4, "stop"),
    ),
    "an if": (
        "{if: x == 1, then: [{name: a, sleep: 1s}], else: [{name: b, sleep: 1s}]}",
        nodes.If,
        lambda body: (show(body.test), names(body.then), names(body.otherwise)),
        ("(x == 1)", ["a"], ["b"]),
    ),
    "a switch": (
        "{switch: x, cases: {one: [{name: a, sleep: 1s}], 2: [{name: b, sleep: 1s}]}, default: [{name: c, sleep: 1s}]}",
        nodes.Switch,
        lambda body: (
            show(body.subject),
            [(case.value.value, names(case.steps)) for case in body.cases],
            names(body.default),
        ),
        ("x", [("one", ["a"]), (2, ["b"])], ["c"]),
    ),
    "a while": (
        "{while: x, do: [{name: a, sleep: 1s}], max_iterations: 5}",
        nodes.While,
        lambda body: (show(body.test), names(body.body), body.until, body.max_iterations),
        ("x", ["a"], False, 5),
    ),
    "an until": (
        "{until: x, do: [{name: a, sleep: 1s}]}",
        nodes.While,
        lambda body: (show(body.test), names(body.body), body.until, body.max_iterations),
        ("x", ["a"], True, 0),
    ),
    "a for_each": (
        "{for_each: x, as: one, do: [{name: a, sleep: 1s}], limit: 3, fail_fast: true, collect: all}",
        nodes.ForEach,
        lambda body: (show(body.items), body.variable, names(body.body), body.limit, body.fail_fast, body.collect.name),
        ("x", "one", ["a"], 3, "cancel", "all"),
    ),
    "a matrix": (
        "{matrix: {b: [1], a: x}, do: [{name: c, sleep: 1s}]}",
        nodes.Matrix,
        lambda body: ([(name, show(axis)) for name, _, axis in body.axes], body.variable, names(body.body), body.limit),
        ([("b", "[1]"), ("a", "x")], "matrix", ["c"], None),
    ),
    "a wait": (
        "{wait: {event: paid, key: 'k-${{ x }}', since: now, timeout: 1d, on_timeout: [{name: a, sleep: 1s}]}}",
        nodes.Wait,
        lambda body: (body.event, show(body.key), show(body.since), body.timeout_ms, names(body.on_timeout)),
        ("paid", 'text("k-", x)', '"now"', 86_400_000, ["a"]),
    ),
    "a wait for any key": (
        "{wait: {event: paid}}",
        nodes.Wait,
        lambda body: (body.event, body.key, body.since, body.timeout_ms, body.on_timeout),
        ("paid", None, None, None, None),
    ),
    "a sleep": ("{sleep: 30s}", nodes.Sleep, lambda body: (body.duration_ms, body.until), (30_000, None)),
    "a sleep until a time": (
        "{sleep_until: x}",
        nodes.Sleep,
        lambda body: (body.duration_ms, show(body.until)),
        (None, "x"),
    ),
    "a publish": (
        "{publish: {event: built, key: k, data: {n: '${{ x }}'}}}",
        nodes.Publish,
        lambda body: (body.event, show(body.key), show(body.data)),
        ("built", '"k"', "{n: x}"),
    ),
    "an approval": (
        "{approve: {title: 'Ship ${{ x }}?', options: [a, b], reject: [b], assignees: [ops], timeout: 1h}}",
        nodes.Approve,
        lambda body: (show(body.title), body.options, body.reject, list(map(show, body.assignees)), body.timeout_ms),
        ('text("Ship ", x, "?")', ("a", "b"), ("b",), ['"ops"'], 3_600_000),
    ),
    "an approval in one line": (
        "{approve: Ship it?}",
        nodes.Approve,
        lambda body: (show(body.title), body.options, body.reject, body.on_timeout),
        ('"Ship it?"', ("approve", "reject"), ("reject",), None),
    ),
    "a saga": ("{saga: [{name: a, sleep: 1s}]}", nodes.Saga, lambda body: names(body.steps), ["a"]),
    "a race": (
        "{race: [{name: a, sleep: 1s}, {name: b, sleep: 1s}]}",
        nodes.Race,
        lambda body: names(body.steps),
        ["a", "b"],
    ),
    "a set": (
        "{set: {a: 1 + x, b: 'y'}}",
        nodes.Set,
        lambda body: [(name, show(value)) for name, _, value in body.entries],
        [("a", "(1 + x)"), ("b", "y")],
    ),
    "a return": (
        "{return: {a: x}}",
        nodes.Return,
        lambda body: [(name, show(value)) for name, _, value in body.entries],
        [("a", "x")],
    ),
    "a fail": ("{fail: 'no ${{ x }}'}", nodes.Fail, lambda body: show(body.message), 'text("no ", x)'),
}


@pytest.mark.acceptance("YML-16")
@pytest.mark.parametrize("construct", CONSTRUCTS)
def test_each_construct_of_a_step_is_read_as_what_it_is(construct: str) -> None:
    written, kind, seen, expected = CONSTRUCTS[construct]
    body = first_step(f"- {written}").body
    assert isinstance(body, kind)
    assert seen(body) == expected


def test_every_kind_of_step_stands_among_the_constructs() -> None:
    read_as = {kind_of(first_step(f"- {written}")) for written, *_ in CONSTRUCTS.values()}
    assert read_as == {*KINDS, "task"}
