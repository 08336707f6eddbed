"""The checks of a workflow: references, declarations, flow, children. One mistake gives one diagnostic."""

from __future__ import annotations

import pytest

from tests.dsl.build import codes, compile_text, compiled, in_workflow, only
from wfe_dsl.diagnostics.model import Diagnostic

ECHO = "config: {run: 'echo ${{ %s }}'}"


def task(name: str, reads: str = "", more: str = "") -> str:
    config = ECHO % reads if reads else "config: {run: 'true'}"
    return f"{{name: {name}, {config}{more}}}"


def giving(name: str, output: str, type: str = "") -> str:
    declared = f"{{name: {output}" + (f", type: {type}" if type else "") + "}"
    return task(name, more=f", outputs: [{declared}]")


def text_at(found: Diagnostic) -> str:
    span = found.span
    return span.source.lines[span.line - 1][span.column - 1 : span.end_column - 1]


# References


@pytest.mark.acceptance("DIA-09")
def test_a_reference_to_an_unknown_step_names_the_nearest() -> None:
    found = only(f"- {task('build')}\n- {task('test', 'steps.biuld.status')}")
    assert found.code == "WFE0203"
    assert found.help == "did you mean `build`?"
    assert text_at(found) == "biuld"


@pytest.mark.acceptance("DIA-09")
@pytest.mark.parametrize(
    ("steps", "code"),
    [
        (f"- {task('a', 'steps.b.status')}\n- {task('b')}", "WFE0204"),
        (f"- {task('a', 'steps.a.status')}", "WFE0204"),
        (f"- name: block\n  sequence:\n    - {task('a', 'steps.block.status')}", "WFE0204"),
        (f"- parallel:\n    - {task('a')}\n    - {task('b', 'steps.a.status')}", "WFE0205"),
        (f"- parallel:\n    - sequence: [{task('a')}]\n    - sequence: [{task('b', 'steps.a.status')}]", "WFE0205"),
        (f"- if: run.id == 'x'\n  then: [{task('a')}]\n  else: [{task('b', 'steps.a.status')}]", "WFE0205"),
        (f"- for_each: '[1]'\n  do:\n    - {task('a', 'steps.b.status')}\n    - {task('b')}", "WFE0204"),
        (f"- {task('a', 'outputs.x')}\n- {giving('b', 'x')}", "WFE0204"),
        (f"- parallel:\n    - {giving('a', 'x')}\n    - {task('b', 'outputs.x')}", "WFE0205"),
        (f"- {task('a', 'vars.x')}\n- set: {{x: '1'}}", "WFE0204"),
        ("- set: {x: vars.x}", "WFE0204"),
    ],
)
def test_a_reference_to_what_cannot_have_run_is_an_error_with_both_places(steps: str, code: str) -> None:
    found = only(steps)
    assert found.code == code
    assert len(found.labels) == 1


@pytest.mark.acceptance("DIA-09")
@pytest.mark.parametrize(
    "steps",
    [
        f"- {task('a')}\n- {task('b', 'steps.a.status')}",
        f"- parallel:\n    - {task('a')}\n    - {task('c')}\n- {task('b', 'steps.a.status')}",
        f"- {task('a')}\n- parallel:\n    - {task('b', 'steps.a.status')}\n    - {task('c')}",
        f"- name: a\n  config: {{run: 'true'}}\n  on_failure: {task('b', 'steps.a.status')}",
        f"- sequence: [{task('a')}]\n  ensure: {task('b', 'steps.a.status')}",
        f"- if: run.id == 'x'\n  then: [{task('a')}]\n- {task('b', 'steps.a.status')}",
        # A pass of a loop sees what the one before it left.
        f"- while: steps.a.output.n != 3\n  max_iterations: 9\n  do: [{task('a')}]",
        f"- until: steps.a.status == 'failed'\n  max_iterations: 9\n  do: [{task('a')}]",
        f"- until: run.id == 'x'\n  max_iterations: 9\n  do:\n    - {task('b', 'steps.a.status')}\n    - {task('a')}",
        f"- until: run.id == 'x'\n  max_iterations: 9\n  do:\n    - if: run.id == 'y'\n"
        f"      then: [{task('a')}]\n      else: [{task('b', 'steps.a.status')}]",
    ],
)
def test_a_reference_to_what_has_or_may_have_run_is_right(steps: str) -> None:
    assert codes(steps) == []


def test_a_pass_of_a_loop_around_it_is_nothing_to_an_iteration() -> None:
    steps = (
        "- until: run.id == 'x'\n  max_iterations: 9\n  do:\n    - for_each: '[1]'\n      do:\n"
        f"        - {task('a', 'steps.b.status')}\n        - {task('b')}"
    )
    assert codes(steps) == ["WFE0204"]


@pytest.mark.acceptance("DIA-09")
def test_what_may_be_skipped_is_optional() -> None:
    always = giving("a", "n", "integer")
    perhaps = f"{always[:-1]}, when: run.id == 'x'}}"
    for producer, certain in ((always, True), (perhaps, False)):
        steps = f"- {producer}\n- set: {{m: steps.a.output.n}}"
        found = compile_text(in_workflow(steps, "outputs: {n: integer, m: integer}"))[1]
        assert [one.code for one in found] == ([] if certain else ["WFE0410"])


def test_workflow_hooks_see_every_step() -> None:
    assert codes(f"- {task('a')}", f"on_failure: {task('tell', 'steps.a.status')}") == []


@pytest.mark.parametrize(
    ("reads", "code", "help"),
    [
        ("inputs.regoin", "WFE0206", "did you mean `region`?"),
        ("inputs.zzzzz", "WFE0206", "it declares region; declare it under `inputs:`"),
        ("region", "WFE0209", "did you mean `inputs.region`?"),
        ("input.region", "WFE0209", "did you mean `inputs`?"),
        ("github.ref", "WFE0209", "`run` tells of this run, `inputs` of what it was started with"),
        ("needs.build.result", "WFE0209", "what a step before has given is steps.NAME.output.VALUE"),
        (
            "staging",
            "WFE0209",
            "if a text is meant, quote it in the expression: 'staging'; else an expression starts at one of inputs, "
            "outputs, steps, vars, item, index, run, host",
        ),
        ("outputs.region", "WFE0207", "`region` is an input: write inputs.region"),
        ("outputs.imge", "WFE0207", "did you mean `image`?"),
        ("vars.imge", "WFE0208", "give it a value first: `set: {imge: …}`"),
        ("steps.build.outputs.image", "WFE0212", "did you mean `output`?"),
        ("steps.build.image", "WFE0212", "what a step gives is its output: steps.build.output.image"),
        ("run.nmae", "WFE0212", "did you mean `name`?"),
        ("outcome", "WFE0210", None),
        ("index", "WFE0210", None),
        ("item", "WFE0210", None),
        ("host", "WFE0213", None),
        ("steps", "WFE0212", None),
    ],
)
def test_a_name_that_means_nothing_is_told_with_a_cure(reads: str, code: str, help: str | None) -> None:
    found = only(f"- {giving('build', 'image')}\n- {task('test', reads)}", "inputs: {region: string}")
    assert found.code == code
    assert found.help
    assert help is None or found.help == help


@pytest.mark.acceptance("DIA-05")
def test_a_misspelt_name_is_told_once_however_often_it_is_used() -> None:
    steps = "".join(f"- {task(f's{number}', 'inputs.regoin + 1')}\n" for number in range(5))
    assert codes(steps, "inputs: {region: string}") == ["WFE0206"]


@pytest.mark.parametrize("reads", ["steps.work.status", "outputs.made", "vars.own"])
def test_what_lives_in_an_iteration_does_not_exist_outside(reads: str) -> None:
    steps = (
        "- name: fan\n  for_each: '[1, 2]'\n  do:\n"
        f"    - {giving('work', 'made')}\n    - set: {{own: item}}\n- {task('after', reads)}"
    )
    found = only(steps)
    assert found.code == "WFE0211"
    assert found.help == "gather it with `collect` on `fan`"


def test_what_is_collected_exists_outside() -> None:
    steps = (
        "- name: fan\n  for_each: '[1, 2]'\n  collect: {states: steps.work.status}\n"
        f"  do: [{task('work')}]\n- {task('after', 'len(vars.states) + len(steps.fan.output.states)')}"
    )
    assert codes(steps) == []


@pytest.mark.acceptance("EXP-21")
def test_a_data_key_is_an_output_then_a_step_then_an_input() -> None:
    steps = (
        f"- {giving('build', 'image')}\n- name: test\n  when: {{field: %s, is_null: false}}\n  config: {{run: 'true'}}"
    )
    for field in ("image", ".image", "build.image", "build.status", "build.stdout", "region", ".region"):
        assert codes(steps % field, "inputs: {region: string}") == []
    found = only(steps % "regoin", "inputs: {region: string}")
    assert (found.code, found.severity) == ("WFE0432", "error")


@pytest.mark.acceptance("YML-22")
def test_a_listed_input_that_nothing_gives_is_null_with_a_warning() -> None:
    found = only("- {name: t, config: {run: 'true'}, inputs: [{name: regoin}]}", "inputs: {region: string}")
    assert (found.code, found.severity) == ("WFE0216", "warning")


@pytest.mark.acceptance("EXP-19")
@pytest.mark.parametrize("operator", ["gt", "gte", "lt", "lte"])
@pytest.mark.parametrize("value", ["3", "m", "'${{ inputs.other }}'"])
def test_the_order_of_a_declared_text_is_no_structured_condition(operator: str, value: str) -> None:
    keys = "inputs: {name: string, other: string, anything: any}"
    step = "- {sleep: 1s, when: {field: inputs.%s, %s: %s}}"
    assert codes(step % ("name", operator, value), keys) == ["WFE0312"]
    assert codes(step % ("anything", operator, value), keys) == []
    assert codes("- {sleep: 1s, when: inputs.name > inputs.other}", keys) == []


@pytest.mark.acceptance("EXP-19")
@pytest.mark.parametrize(
    ("type", "expected"),
    [("integer", ["WFE0312"]), ("bool", ["WFE0312"]), ("string", []), ("list<string>", []), ("any", [])],
)
def test_contains_looks_into_texts_and_lists(type: str, expected: list[str]) -> None:
    assert codes("- {sleep: 1s, when: {field: inputs.x, contains: a}}", f"inputs: {{x: {type}}}") == expected


# Declarations


@pytest.mark.acceptance("TYP-07")
@pytest.mark.parametrize(
    "declaration",
    [
        "{type: integer, default: many}",
        "{type: integer, default: 1.5}",
        "{type: bool, default: 1}",
        "{type: list<string>, default: [a, 1]}",
        "{type: string, default: null}",
        "{type: string, default: c, enum: [a, b]}",
        "{type: integer, enum: [1, two]}",
        "{type: '{a: string}', default: {b: x}}",
    ],
)
def test_a_default_or_enum_that_does_not_fit_is_an_error(declaration: str) -> None:
    assert codes(f"- {task('a')}", f"inputs: {{x: {declaration}}}") == ["WFE0408"]


@pytest.mark.acceptance("TYP-07")
def test_a_default_fills_and_an_optional_input_may_be_missing() -> None:
    keys = (
        "inputs: {a: {type: integer, default: 1.0}, b: 'string?', c: {type: string, default: x, enum: [x, y]}, d: any}"
    )
    rows = {row.name: row for row in compiled(f"- {task('t')}", keys).program.inputs}
    assert (rows["a"].optional, rows["a"].default) == (True, 1)
    assert isinstance(rows["a"].default, int)
    assert (rows["b"].optional, rows["b"].default) == (True, None)
    assert rows["c"].enum == ("x", "y")
    assert rows["d"].optional


def test_a_type_that_cannot_be_read_is_told_at_its_characters() -> None:
    found = only(f"- {task('a')}", "inputs: {x: 'list<sting>'}")
    assert found.code == "WFE0330"
    assert text_at(found) == "sting"


@pytest.mark.acceptance("TYP-09")
def test_an_output_that_nothing_produces_is_an_error() -> None:
    found = only(f"- {giving('build', 'image')}", "outputs: {imge: string}")
    assert found.code == "WFE0401"
    assert found.help == "did you mean `image`, which a step gives?"
    inside = only(f"- name: fan\n  for_each: '[1]'\n  do: [{giving('build', 'image')}]", "outputs: {image: string}")
    assert inside.code == "WFE0401"
    assert inside.help == "each iteration of `fan` gives one: gather them with `collect: image`"


@pytest.mark.acceptance("TYP-09")
@pytest.mark.parametrize(
    "steps",
    [
        f"- {giving('build', 'x')}",
        f"- sequence: [{giving('build', 'x')}]",
        f"- parallel:\n    - {giving('build', 'x')}\n    - {task('b')}",
        "- set: {x: '1'}",
        "- for_each: '[1]'\n  collect: {x: item}\n  do: [{sleep: 1s}]",
        "- return: {x: '1'}",
        f"- name: a\n  config: {{run: 'true'}}\n  ensure: {giving('b', 'x')}",
    ],
)
def test_an_output_may_come_from_anywhere_at_the_runs_own_level(steps: str) -> None:
    assert codes(steps, "outputs: {x: any}") == []


def test_an_output_whose_only_producer_may_be_skipped_is_a_warning() -> None:
    steps = f"- {giving('build', 'x')[:-1]}, when: run.id == 'y'}}"
    found = only(steps, "outputs: {x: string}")
    assert (found.code, found.severity) == ("WFE0410", "warning")
    assert codes(steps, "outputs: {x: 'string?'}") == []
    both = f"- if: run.id == 'y'\n  then: [{giving('a', 'x')}]\n  else: [{giving('b', 'x')}]"
    assert codes(both, "outputs: {x: string}") == []


# Flow


@pytest.mark.acceptance("DIA-11")
@pytest.mark.parametrize(
    "steps",
    [
        f"- parallel:\n    - {giving('a', 'x')}\n    - {giving('b', 'x')}",
        f"- parallel:\n    - sequence: [{giving('a', 'x')}]\n    - if: run.id == 'y'\n      then: [{giving('b', 'x')}]",
        "- parallel:\n    - set: {x: '1'}\n    - set: {x: '2'}",
    ],
)
def test_two_branches_that_give_one_name_are_an_error_with_both_places(steps: str) -> None:
    found = only(steps)
    assert found.code == "WFE0402"
    assert found.labels[0].span.line < found.span.line


@pytest.mark.acceptance("DIA-11")
@pytest.mark.parametrize(
    "steps",
    [
        f"- {giving('a', 'x')}\n- {giving('b', 'x')}",
        f"- parallel:\n    - sequence: [{giving('a', 'x')}, {giving('b', 'x')}]\n    - {task('c')}",
        f"- parallel:\n    - {giving('a', 'x')}\n    - {giving('b', 'y')}\n- {giving('c', 'x')}",
        f"- for_each: '[1, 2]'\n  do: [{giving('a', 'x')}]",
        "- parallel:\n    - {for_each: '[1]', do: [{set: {x: '1'}}]}\n    - {for_each: '[1]', do: [{set: {x: '2'}}]}",
    ],
)
def test_one_after_the_other_may_give_one_name(steps: str) -> None:
    assert codes(steps) == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("for_each: '[1, 2]'\n  do: [{set: {x: '1'}}]", ["WFE0403"]),
        ("for_each: '[1, 2]'\n  limit: 4\n  do: [{set: {x: '1'}}]", ["WFE0403"]),
        ("for_each: '[1, 2]'\n  limit: 1\n  do: [{set: {x: '1'}}]", []),
        ("parallel:\n    - set: {x: '1'}\n    - sleep: 1s", ["WFE0403"]),
        ("while: vars.x < 3\n  max_iterations: 9\n  do: [{set: {x: vars.x + 1}}]", []),
        (
            "for_each: '[1, 2]'\n  do:\n    - while: item > 3\n      max_iterations: 3\n      do: [{set: {x: '1'}}]",
            ["WFE0403"],
        ),
        ("for_each: '[1, 2]'\n  do: [{set: {y: '1'}}]", []),
    ],
)
def test_a_concurrent_body_may_not_write_an_outer_variable(body: str, expected: list[str]) -> None:
    assert codes(f"- set: {{x: '0'}}\n- {body}") == expected


@pytest.mark.parametrize(
    "steps",
    [
        "- for_each: '[1]'\n  do: [{return: {}}]",
        "- parallel:\n    - sequence: [{return: {}}]\n    - sleep: 1s",
        "- name: a\n  config: {run: 'true'}\n  ensure: {return: {}}",
    ],
)
def test_return_beside_other_pointers_is_an_error(steps: str) -> None:
    assert codes(steps) == ["WFE0404"]


def test_return_in_a_loop_or_condition_is_right() -> None:
    assert codes("- while: run.id != ''\n  max_iterations: 3\n  do: [{if: run.id == 'x', then: [{return: {}}]}]") == []


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ("- return: {}\n- sleep: 1s\n- sleep: 2s", ["WFE0407"]),
        ("- fail: no\n- sleep: 1s", ["WFE0407"]),
        ("- {fail: no, when: run.id == 'x'}\n- sleep: 1s", []),
        ("- {fail: no, continue_on_failure: true}\n- sleep: 1s", []),
        ("- if: run.id == 'x'\n  then: [{fail: a}]\n  else: [{return: {}}]\n- sleep: 1s", ["WFE0407"]),
        ("- if: run.id == 'x'\n  then: [{fail: a}]\n- sleep: 1s", []),
        ("- while: 'true'\n  max_iterations: 5\n  do: [{sleep: 1s}]\n- sleep: 1s", ["WFE0407"]),
        ("- while: 'false'\n  max_iterations: 5\n  do: [{sleep: 1s}]\n- sleep: 1s", []),
        ("- until: run.id == 'x'\n  do: [{sleep: 1s}]", ["WFE0405"]),
    ],
)
def test_warnings_of_the_flow(steps: str, expected: list[str]) -> None:
    found = compile_text(in_workflow(steps))[1]
    assert [one.code for one in found] == expected
    assert all(one.severity == "warning" for one in found)


def test_return_gives_declared_outputs_of_their_types() -> None:
    assert codes("- return: {x: '1', y: '2'}", "outputs: {x: integer}") == ["WFE0411"]
    found = only("- return: {x: \"'text'\"}", "outputs: {x: integer}")
    assert (found.code, len(found.labels)) == ("WFE0409", 1)


@pytest.mark.acceptance("DIA-12")
@pytest.mark.parametrize(
    ("steps", "keys"),
    [
        (f"- {giving('a', 'x', 'string')}", "outputs: {x: integer}"),
        (f"- {giving('a', 'x', 'list<string>')}", "outputs: {x: list<number>}"),
        ("- set: {x: '1'}", "outputs: {x: string}"),
    ],
)
def test_a_producer_of_another_type_is_an_error_with_both_places(steps: str, keys: str) -> None:
    found = only(steps, keys)
    assert found.code == "WFE0409"
    assert found.labels[0].span.line == 4


# Conditions


@pytest.mark.parametrize(
    "steps",
    [
        "- {sleep: 1s, when: inputs.n}",
        "- {if: inputs.n, then: [{sleep: 1s}]}",
        "- {while: inputs.n, max_iterations: 3, do: [{sleep: 1s}]}",
        "- {until: inputs.n, max_iterations: 3, do: [{sleep: 1s}]}",
        "- {for_each: inputs.n, do: [{sleep: 1s}]}",
    ],
)
def test_a_condition_is_a_bool_and_what_is_iterated_a_list(steps: str) -> None:
    assert codes(steps, "inputs: {n: integer}") == ["WFE0312"]


def test_the_item_of_a_typed_list_has_its_type() -> None:
    steps = "- {for_each: inputs.names, as: name, do: [{set: {x: name + 1}}]}"
    assert len(codes(steps, "inputs: {names: list<string>}")) == 1
    assert codes(steps, "inputs: {names: list<integer>}") == []


@pytest.mark.acceptance("DIA-10")
@pytest.mark.parametrize(
    "condition",
    [
        "inputs.env == 'tset'",
        "run.id == 'x' && !('tset' != inputs.env)",
        "{field: env, equals: tset}",
        "{any: [{field: inputs.env, equals: test}, {field: inputs.env, not_equals: tset}]}",
    ],
)
def test_a_comparison_with_what_the_enum_has_not_is_a_warning(condition: str) -> None:
    keys = "inputs: {env: {type: string, enum: [test, live]}}"
    quoted = condition if condition.startswith("{") else '"' + condition + '"'
    found = only(f"- {{sleep: 1s, when: {quoted}}}", keys)
    assert (found.code, found.severity, found.help) == ("WFE0412", "warning", "did you mean `test`?")
    right = quoted.replace("tset", "live")
    assert codes(f"- {{sleep: 1s, when: {right}}}", keys) == []


# Children


def family(
    given: str, outputs: str = "", child: str = "inputs: {tag: string, count: {type: integer, default: 1}}"
) -> str:
    return f"""
workflows:
  - id: parent
    version: 1
    inputs: {{name: string, number: integer}}
    steps:
      - name: call
        type: workflow
        config: {{workflow: child}}
        {f"inputs: {{{given}}}" if given else ""}
        {f"outputs: {outputs}" if outputs else ""}
  - id: child
    version: 1
    {child}
    outputs: {{image: string}}
    steps: [{{name: make, config: {{run: "true"}}, outputs: [{{name: image, type: string}}]}}]
"""


@pytest.mark.acceptance("SUB-04", "DIA-12")
@pytest.mark.parametrize(
    ("given", "outputs", "code", "labelled"),
    [
        ("tag: inputs.number", "", "WFE0409", True),
        ("tga: inputs.name", "", "WFE0222", True),
        ("count: inputs.number", "", "WFE0223", True),
        ("", "", "WFE0223", True),
        ("tag: inputs.name", "[{name: image, type: integer}]", "WFE0409", True),
        ("tag: inputs.name", "[{name: imge}]", "WFE0224", True),
    ],
)
def test_what_goes_to_a_child_and_comes_from_it_is_checked(given: str, outputs: str, code: str, labelled: bool) -> None:
    _, found = compile_text(family(given, outputs))
    assert [one.code for one in found] == [code]
    assert bool(found[0].labels) is labelled
    assert found[0].help


def test_a_child_that_declares_no_inputs_takes_any() -> None:
    assert compile_text(family("whatever: inputs.name", child=""))[1] == []


@pytest.mark.acceptance("YML-23")
@pytest.mark.parametrize(
    "where",
    [
        "- {call}",
        "- parallel: [{call}]",
        "- {{for_each: '[1]', do: [{call}]}}",
        "- {{name: x, config: {{run: 'true'}}, ensure: {call}}}",
        "- {{if: run.id == 'x', then: [{{sleep: 1s}}], else: [{call}]}}",
    ],
)
@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_cycle_of_workflows_is_an_error_that_prints_it(where: str, length: int) -> None:
    names = ["one", "two", "three"][:length]
    text = "workflows:\n"
    for number, name in enumerate(names):
        following = names[(number + 1) % length]
        call = f"{{name: call, type: workflow, config: {{workflow: {following}}}}}"
        text += f"  - id: {name}\n    version: 1\n    steps:\n      {where.format(call=call)}\n"
    _, found = compile_text(text)
    assert [one.code for one in found] == ["WFE0220"]
    assert " -> ".join([*names, "one"]) in found[0].message
    assert len(found[0].labels) == length - 1


@pytest.mark.acceptance("YML-23")
def test_a_chain_a_diamond_and_an_id_outside_the_files_are_fine() -> None:
    def one(id: str, *calls: str) -> str:
        steps = [f"{{name: s{n}, type: workflow, config: {{workflow: {call}}}}}" for n, call in enumerate(calls)]
        return f"  - {{id: {id}, version: 1, steps: [{', '.join(steps) or '{sleep: 1s}'}]}}\n"

    text = "workflows:\n" + one("top", "left", "right") + one("left", "end") + one("right", "end") + one("end")
    programs, found = compile_text(text)
    assert found == []
    assert [one.program.workflow for one in programs] == ["top", "left", "right", "end"]
    outside = "workflows:\n" + one("top", "elsewhere, version: 3")
    assert compile_text(outside)[1] == []
    assert [one.code for one in compile_text("workflows:\n" + one("top", "elsewhere"))[1]] == ["WFE0221"]


def test_twenty_mistakes_are_twenty_diagnostics() -> None:
    steps = "".join(f"- {task(f's{number}', f'inputs.zzz{number}')}\n" for number in range(20))
    found = compile_text(in_workflow(steps, "inputs: {a: string}"))[1]
    assert len(found) == 20
    assert [one.span.line for one in found] == sorted(one.span.line for one in found)


def test_a_mistake_in_a_default_is_told_once_for_all_tasks() -> None:
    steps = "".join(f"- {task(f's{number}')}\n" for number in range(5))
    keys = "inputs: {a: string}\ndefaults: {env: {A: '${{ inputs.a - 1 }}'}}"
    assert len(codes(steps, keys)) == 1


# Names of variables


@pytest.mark.parametrize(
    ("name", "proposal"),
    [
        ("A B", "`A_B`"),
        ("A=B", "`A_B`"),
        ("1ST", "`_1ST`"),
        ("A\\0B", "`A_B`"),
        ("A\\tB", "`A_B`"),
        ("", ""),
        ("=", ""),
    ],
)
@pytest.mark.parametrize(
    ("steps", "head"),
    [
        ('- {name: build, config: {run: make, env: {"%s": x}}}', ""),
        ('- {name: build, type: deno, config: {script: "1", env: {"%s": x}}}', ""),
        ("- {name: build, config: {run: make}}", 'defaults: {env: {"%s": x}}'),
        (
            "- {name: build, config: {run: make}}",
            'services: {d: {image: p, ports: [1], readiness: {tcp: 1}, env: {"%s": x}}}',
        ),
    ],
    ids=["shell", "deno", "defaults", "service"],
)
def test_a_variable_that_no_shell_could_name_is_refused(steps: str, head: str, name: str, proposal: str) -> None:
    found = only(steps % name if "%" in steps else steps, head % name if head else "")
    assert (found.code, found.severity) == ("WFE0113", "error")
    assert found.help is not None
    assert found.help.endswith(proposal or "`=`")


@pytest.mark.parametrize("name", ["A", "_1", "a_b", "discovery.type", "X-Y", "ÄÖ"])
def test_a_variable_that_some_program_can_read_is_let_be(name: str) -> None:
    compiled(f'- {{name: a, config: {{run: make, env: {{"{name}": x}}}}}}')


MOMENTS = (
    "inputs: {at: string, since: integer, number: number, any: any, flag: bool, tags: list<string>, place: '{a: any}'}"
)


@pytest.mark.parametrize(
    "moment",
    [
        "inputs.flag",
        "inputs.tags",
        "inputs.place",
        "[inputs.at]",
        "{a: 1}",
        "'tomorrow'",
        "'2030-01-31'",
        "'2030-01-31T12:00:00'",
        "true",
        "1.5",
    ],
)
def test_a_sleep_until_what_is_never_a_time_is_an_error(moment: str) -> None:
    found = compile_text(in_workflow(f'- sleep_until: "{moment}"', MOMENTS))[1]
    assert [(one.code, one.severity) for one in found] == [("WFE0312", "error")]


@pytest.mark.parametrize(
    "moment", ["inputs.at", "inputs.any", "inputs.since", "'2030-01-31T12:00:00Z'", "1900000000000", "inputs.number"]
)
def test_a_sleep_until_what_may_be_a_time_is_taken(moment: str) -> None:
    assert compile_text(in_workflow(f'- sleep_until: "{moment}"', MOMENTS))[1] == []
