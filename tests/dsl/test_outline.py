"""A program's steps as they lie inside one another, from its table and code alone."""

from __future__ import annotations

import msgspec
import pytest

from wfe_dsl.outline import Outline, TooDeep, outline_of, spell
from wfe_vm.program import Program

from .build import compiled
from .constructs import EVERY, INPUTS, program_of_later_kinds


def parts(outline: Outline) -> dict[str, list[tuple[str, list[str]]]]:
    """Return the parts of each step that has any, with the names of the steps in them."""
    return {
        step.row.name: [(part.name, [outline.steps[index].row.name for index in part.steps]) for part in step.parts]
        for step in outline.steps[1:]
        if step.parts
    }


def every() -> Outline:
    found = compiled(EVERY, INPUTS)
    return outline_of(found.program, found.source_map)


def test_every_construct_shows_what_lies_in_which_part_of_it() -> None:
    assert parts(every()) == {
        "seq": [("body", ["a1"])],
        "par": [("branch", ["b1"]), ("branch", ["b2"])],
        "cond": [("then", ["c1", "c2"]), ("else", ["c3"])],
        "half": [("then", ["d1"])],
        "pick": [("case 1", ["e1"]), ("case 2", ["e2"]), ("default", ["e3"])],
        "again": [("body", ["f1"])],
        "till": [("body", ["g1"])],
        "each": [("body", ["h1"]), ("ensure", ["h3"])],
        "h1": [("on_failure", ["h2"])],
        "grid": [("body", ["i1"])],
        "stop": [("then", ["halt"])],
    }


def test_the_kinds_that_wait_race_and_undo_show_their_parts_by_their_paths() -> None:
    assert parts(outline_of(program_of_later_kinds())) == {
        "contest": [("branch", ["j1"]), ("branch", ["j2"])],
        "trip": [("body", ["book"])],
        "book": [("compensate", ["unbook"])],
        "paid": [("on_timeout", ["remind"])],
    }


def test_each_step_has_its_expressions_by_the_languages_word_for_them() -> None:
    fields = {
        step.row.name: {word: spell(value) for word, value in step.fields.items() if word != "config"}
        for step in every().steps
    }
    assert fields["cond"] == {"if": "inputs.x > 3 && (inputs.note ?? '') != ''"}
    assert fields["pick"] == {"switch": "inputs.x"}
    assert fields["again"] == {"while": "inputs.x < 2"}
    assert fields["till"] == {"until": "steps.g1.status == 'succeeded'"}
    assert fields["each"] == {"for_each": "['a', 'b']", "collect": "letter + string(index)"}
    assert fields["grid"] == {"matrix": "{os: ['a', 'b'], py: inputs.tags}"}
    assert fields["let"] == {"set": "{y: filter(inputs.tags, x => starts_with(x, 'v')), z: 'k'}"}
    assert fields["call"] == {"inputs": "{a: vars.y}"}
    assert fields["nap"] == {"sleep": "5400000"}
    assert fields["halt"] == {"fail": '"over ${{ inputs.x }}"'}
    assert fields["back"] == {"return": "{}"}


def test_a_matrix_is_called_one_although_the_machine_knows_none() -> None:
    kinds = {step.row.name: (step.kind, step.row.kind) for step in every().steps}
    assert kinds["grid"] == ("matrix", "for_each")
    assert kinds["each"] == ("for_each", "for_each")


def test_a_block_named_like_a_hook_is_not_taken_for_one() -> None:
    outline = outline_of(compiled("- {name: on_failure, sequence: [{name: a, config: {run: a}}]}").program)
    assert parts(outline) == {"on_failure": [("body", ["a"])]}
    assert outline.steps[0].parts[0].name == "body"


def test_hooks_of_the_run_and_of_a_loop_are_told_from_their_bodies() -> None:
    steps = (
        "- {name: w, while: 'true', max_iterations: 1, do: [{name: a, config: {run: a}}], ensure: {name: b, sleep: 1s}}"
    )
    outline = outline_of(compiled(steps, "on_failure: {name: c, config: {run: a}}").program)
    assert parts(outline)["w"] == [("body", ["a"]), ("ensure", ["b"])]
    assert [part.name for part in outline.steps[0].parts] == ["body", "on_failure"]


def test_a_program_that_nests_deeper_than_any_text_is_refused() -> None:
    program = compiled("- {name: a, sequence: [{name: b, config: {run: a}}]}").program
    rows = list(program.steps[:2])
    rows += [msgspec.structs.replace(program.steps[1], parent=index) for index in range(1, 5000)]
    deep: Program = msgspec.structs.replace(program, steps=tuple(rows))
    with pytest.raises(TooDeep):
        outline_of(deep)
