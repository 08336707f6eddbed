"""Expressions come back from a program's code as they were written."""

from __future__ import annotations

import msgspec
import pytest

from wfe_dsl.code_reader import CodeReader
from wfe_dsl.outline import spell

from .build import compiled

INPUTS = "inputs: {n: integer, s: string, l: list<string>, m: map<any>, o: string?}"
SAME = (
    "inputs.n > 3",
    "inputs.n > 3 && inputs.s != 'a' || inputs.n == 5",
    "(inputs.o ?? 'none') == 'none'",
    "!(inputs.n == 1 && inputs.s == 'b')",
    "inputs.n > 3 ? inputs.s == 'a' : inputs.n < (inputs.o == null ? 2 : 1)",
    "len(filter(inputs.l, x => x == inputs.s)) > 0",
    "filter(map(inputs.l, x => map(inputs.l, y => y + x)), x => len(x) > 1) == []",
    "'v' in inputs.l",
    "inputs.m.a.b == [1, 2, inputs.n] || inputs.m['x y'] == {a: inputs.n, b: 'c'}",
    "inputs.l[inputs.n] == inputs.s",
    "-inputs.n % 3 == 1 - (2 - inputs.n) * 4",
    "host.has('docker')",
    "starts_with(run.id, 'a')",
    "steps.first.output.x == steps.first.status",
    "outputs.x == null",
    "len(outputs) == 1",
    "vars.v == 1",
    "matches(inputs.s, '^v[0-9]+$')",
)
STEPS = """
- {{name: first, config: {{run: a}}, outputs: [{{name: x}}]}}
- {{set: {{v: 1}}}}
- {{name: probe, when: "{expression}", config: {{run: a}}}}
"""


def reader_of(steps: str, keys: str = INPUTS, with_map: bool = True) -> CodeReader:
    found = compiled(steps, keys)
    return CodeReader(found.program, found.source_map if with_map else None)


def index_of(reader: CodeReader, name: str) -> int:
    return next(index for index, row in enumerate(reader.program.steps) if row.name == name)


def spelt(reader: CodeReader, name: str) -> dict[str, str]:
    return {word: spell(value) for word, value in reader.fields(index_of(reader, name)).items()}


@pytest.mark.parametrize("expression", SAME)
def test_a_condition_comes_back_as_it_was_written(expression: str) -> None:
    reader = reader_of(STEPS.format(expression=expression))
    condition = reader.condition(index_of(reader, "probe"))
    assert condition is not None
    assert spell(condition) == expression


def test_a_step_without_a_condition_has_none() -> None:
    reader = reader_of("- {name: a, config: {run: a}}")
    assert reader.condition(1) is None


def test_what_a_task_is_given_comes_back_as_config_and_inputs() -> None:
    reader = reader_of(
        "- {name: a, type: deno, config: {script: s, env: {A: 'x${{ inputs.n }}'}}, inputs: {k: inputs.s}}"
    )
    found = spelt(reader, "a")
    assert found["config"] == "{env: {A: \"x${{ inputs.n }}\"}, script: 's'}"
    assert found["inputs"] == "{k: inputs.s}"


def test_names_of_variables_and_items_come_from_the_source_map_and_are_slots_without() -> None:
    steps = (
        "- {set: {v: 1}}\n- {name: e, for_each: inputs.l, as: one, do: [{name: a, when: one == 'x', config: {run: a}}]}"
    )
    steps += "\n- {name: p, when: vars.v == 1, config: {run: a}}"
    for with_map, item, variable in ((True, "one", "vars.v"), (False, "item", "vars.slot-0-")):
        reader = reader_of(steps, with_map=with_map)
        inner, outer = (reader.condition(index_of(reader, name)) for name in ("a", "p"))
        assert inner is not None
        assert outer is not None
        assert spell(inner) == f"{item} == 'x'"
        assert spell(outer).startswith(variable)


def test_sibling_loops_that_share_slots_keep_their_names_apart() -> None:
    loop = "- {{name: e{0}, for_each: inputs.l, as: {0}, do: [{{name: t{0}, when: {0} == 'x', config: {{run: a}}}}]}}\n"
    reader = reader_of(loop.format("first") + loop.format("second"))
    for name in ("first", "second"):
        condition = reader.condition(index_of(reader, f"t{name}"))
        assert condition is not None
        assert spell(condition) == f"{name} == 'x'"


def test_what_hooks_may_ask_has_its_own_names() -> None:
    reader = reader_of(
        "- name: a\n  config: {run: a}\n"
        "  on_failure: {name: h, when: error.kind == 'exit' && attempt > 1, config: {run: a}}"
    )
    condition = reader.condition(index_of(reader, "h"))
    assert condition is not None
    assert spell(condition) == "error.kind == 'exit' && attempt > 1"


def test_code_of_a_shape_that_no_compiler_makes_is_left_out_and_raises_nothing() -> None:
    program = compiled("- {name: a, when: 'inputs.n > 3 ? true : inputs.n < 1', config: {run: a}}", INPUTS).program
    for cut in range(0, len(program.code), 4):
        for word in (b"\x00\x00\x00\x00", b"\x29\x00\x00\x00", b"\x30\x00\x00\x00"):
            broken = program.code[:cut] + word + program.code[cut + 4 :]
            reader = CodeReader(msgspec.structs.replace(program, code=broken))
            reader.condition(1)
            reader.fields(1)
            reader.fields(0, program.steps[0].exit)
