"""What `((x))` and `${{ e }}` become in configuration, scripts, literals and expressions of a YAML file."""

from __future__ import annotations

import json
from typing import Any

import pytest

from wfe_dsl import nodes
from wfe_dsl.variables import Variables

from .yaml_support import codes, first_step, load, show, steps_of, wrap


def config(line: str, variables: Variables | None = None, keys: str = "inputs: {inp: string, n: integer}") -> str:
    """Return what `working_dir` becomes."""
    step = first_step(f"- name: a\n  config:\n    run: 'true'\n    working_dir: {line}", keys, variables)
    assert isinstance(step.body, nodes.Task)
    return show(next(value for key, _, value in step.body.config.entries if key == "working_dir"))


def run(script: str, variables: Variables | None = None) -> str:
    step = first_step(f"- name: a\n  config:\n    run: {script}", "inputs: {inp: string}", variables)
    assert isinstance(step.body, nodes.Task)
    return show(step.body.config.entries[0][2])


def condition(text: str, variables: Variables | None = None) -> str:
    step = first_step(
        f"- name: a\n  when: {text}\n  config: {{run: 'true'}}", "inputs: {inp: string, n: integer}", variables
    )
    return show(step.when)


def given(**values: Any) -> Variables:
    return Variables(file=values)


@pytest.mark.acceptance("YML-11")
@pytest.mark.parametrize(
    ("value", "alone", "inside"),
    [
        ("t", '"t"', '"x-t"'),
        ("1", '"1"', '"x-1"'),
        (5, '"5"', '"x-5"'),
        (1.5, '"1.5"', '"x-1.5"'),
        (True, '"true"', '"x-true"'),
    ],
)
def test_a_variable_alone_or_in_a_text_gives_its_value(value: Any, alone: str, inside: str) -> None:
    assert config("((v))", given(v=value)) == alone
    assert config("x-((v))", given(v=value)) == inside


@pytest.mark.acceptance("YML-11")
def test_a_list_or_map_inside_a_text_is_json_and_null_is_empty() -> None:
    assert config("x((v))", given(v=[1, "ä"])) == '"x[1,\\"ä\\"]"'
    assert config("x((v))", given(v={"k": None})) == '"x{\\"k\\":null}"'
    assert config("x((v))y", given(v=None)) == '"xy"'


@pytest.mark.acceptance("YML-11")
def test_a_variable_alone_may_be_any_structure_where_one_is_wanted() -> None:
    step = first_step(
        "- name: a\n  type: deno\n  config:\n    script: x\n    env: ((env))\n"
        "    permissions: ((rights))\n    modules: ((mods))",
        variables=given(env={"A": 1, "B": None}, rights={"net": ["x.org"]}, mods=["npm:a@1"]),
    )
    assert isinstance(step.body, nodes.Task)
    assert show(step.body.config) == (
        '{script: "x", env: {A: "1", B: null}, permissions: {net: ["x.org"]}, modules: ["npm:a@1"]}'
    )


def test_a_variable_may_fill_a_literal_of_every_kind() -> None:
    step = first_step(
        "- name: ((name))\n  timeout: ((t))\n  retry: ((r))\n  continue_on_failure: ((c))\n  config: {run: 'true'}",
        variables=given(name="x-1", t="5s", r=2, c=True),
    )
    assert (step.name, step.timeout_ms, step.continue_on_failure) == ("x-1", 5000, True)
    assert step.retry is not None
    assert step.retry.attempts == 2


def test_a_variable_may_hold_the_list_of_a_loop() -> None:
    step = first_step("- for_each: ((l))\n  do: [{name: a, config: {run: 'true'}}]", variables=given(l=["inputs.x", 1]))
    assert isinstance(step.body, nodes.ForEach)
    assert show(step.body.items) == '["inputs.x", 1]'


@pytest.mark.acceptance("YML-12")
def test_sources_win_in_their_order_and_the_default_comes_last() -> None:
    every = Variables([("inp", "flag")], {"inp": "file"}, {"inp": "config"})
    assert config("((inp | d))", every) == '"flag"'
    assert config("((inp | d))", Variables((), {"inp": "file"}, {"inp": "config"})) == '"file"'
    assert config("((inp | d))", Variables((), None, {"inp": "config"})) == '"config"'
    assert config("((inp | d))") == "inputs.inp"
    assert config("((other | d))") == '"d"'
    assert config("((a.b.c))/((a.b.d | 7))/((inp))", given(a={"b": {"c": "x"}})) == 'text("x/7/", inputs.inp)'


@pytest.mark.acceptance("YML-13")
@pytest.mark.parametrize(
    "value", ["a: x", "# no comment", "'\"", "two\nlines", "((y))", "${{ z }}", "\\((", "- a", "$(id)"]
)
def test_whatever_a_value_holds_it_stays_one_text_expanded_once(value: str) -> None:
    assert config("((v))", given(v=value, y="no")) == json.dumps(value)
    assert config("'<((v))>'", given(v=value, y="no")) == json.dumps(f"<{value}>")
    assert run("echo ((v))", given(v=value, y="no")) == json.dumps(f"echo {value}")
    assert condition("inputs.inp == ((v))", given(v=value, y="no")) == f"(inputs.inp == {json.dumps(value)})"
    assert config("'<((v))${{ inputs.n }}'", given(v=value, y="no")) == f"text({json.dumps('<' + value)}, inputs.n)"


@pytest.mark.acceptance("YML-14")
def test_shell_arithmetic_comments_and_escapes_are_left_alone() -> None:
    assert run("echo $((i + 1)) $((v)) # ((v)) in yaml", given(v=1)) == '"echo $((i + 1)) $((v))"'
    assert run("'echo \\((v)) ((v))'", given(v=1)) == '"echo ((v)) 1"'
    assert config("'\\((v))'", given(v=1)) == '"((v))"'


@pytest.mark.acceptance("YML-14")
def test_an_unknown_variable_is_left_alone_with_a_warning_in_a_shell_script_and_an_error_elsewhere() -> None:
    text = wrap("- name: a\n  config:\n    run: if ((ready)); then echo ((v)); fi")
    document, found = load(text, given(v="x", read="y"))
    assert [(one.code, one.severity, one.span.column) for one in found] == [("WFE0032", "warning", 17)]
    assert document is not None
    body = document.workflows[0].steps[0].body
    assert isinstance(body, nodes.Task)
    assert show(body.config) == '{run: "if ((ready)); then echo x; fi"}'
    _, found = load(wrap("- name: a\n  config:\n    run: 'true'\n    working_dir: x/((vv))/((nope))"), given(v1="x"))
    assert [(one.code, one.span.line, one.span.column, one.help) for one in found] == [
        ("WFE0030", 8, 24, "did you mean `v1`?"),
        ("WFE0030", 8, 31, "give it with `--var nope=…`; these exist: v1"),
    ]


@pytest.mark.acceptance("YML-15")
def test_a_declared_input_is_the_value_of_the_run_and_stays_data_in_a_script() -> None:
    assert config("((n))") == "inputs.n"
    assert config("((inp.a.0.b-c))") == "inputs.inp.a[0].b-c"
    assert run("echo ((inp)) done") == 'text("echo ", inputs.inp, " done")'
    assert run("((inp))") == "text(inputs.inp)"
    assert run("${{ inputs.inp }}") == "text(inputs.inp)"
    assert condition("((n)) > 3 && ((inp)) == 'x'") == '((inputs.n > 3) && (inputs.inp == "x"))'


@pytest.mark.acceptance("YML-15")
@pytest.mark.parametrize(
    "line",
    ["timeout: ((inp))", "name: x-((inp))", "timeout: ${{ inputs.inp }}", "retry: {attempts: ((n))}"],
)
def test_an_input_of_the_run_can_not_fill_a_literal(line: str) -> None:
    body = f"- {line}\n" + ("" if line.startswith("name") else "  name: a\n") + "  config: {run: 'true'}"
    assert [code for code, _ in codes(wrap(body, "inputs: {inp: string, n: integer}"))] == ["WFE0031"]


def test_an_input_of_the_run_is_never_put_into_a_script_of_another_language() -> None:
    text = wrap("- name: a\n  type: deno\n  config: {script: 'log((inp))'}", "inputs: {inp: string}")
    assert codes(text) == []  # a call with parentheses
    text = wrap("- name: a\n  type: deno\n  config: {script: 'const x = ((inp))'}", "inputs: {inp: string}")
    assert [code for code, _ in codes(text)] == ["WFE0031"]


def test_a_script_of_another_language_takes_variables_and_keeps_expressions_as_they_are() -> None:
    step = first_step(
        "- name: a\n  type: deno\n  config: {script: 'log(`${{a: 1}.a} ${{ x }}`, \"((v))\")'}", variables=given(v="x")
    )
    assert isinstance(step.body, nodes.Task)
    assert show(step.body.config) == '{script: "log(`${{a: 1}.a} ${{ x }}`, \\"x\\")"}'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("((v))", "5"),
        ("((v)) > inputs.n", "(5 > inputs.n)"),
        ("${{ ((v)) > inputs.n }}", "(5 > inputs.n)"),
        ("((inputs.inp))", "inputs.inp"),
        ("((inputs.n)) > 1", "(inputs.n > 1)"),
        ("len((l)) == 1", None),
        ("((l))[0] == 1", "([1, {k: null}][0] == 1)"),
        ("((q)) == inputs.inp", '("\\"\'\\n😀" == inputs.inp)'),
        ("((missing | 7)) == inputs.n", "(7 == inputs.n)"),
        ("!((f))", "!false"),
        ("'<((q))>' == inputs.inp", '("<\\"\'\\n😀>" == inputs.inp)'),
        ('"<((q))>" == inputs.inp', '("<\\"\'\\n😀>" == inputs.inp)'),
    ],
)
def test_a_variable_in_an_expression_is_a_constant(text: str, expected: str | None) -> None:
    variables = given(v=5, l=[1, {"k": None}], q="\"'\n😀", f=False)
    if expected is None:  # the parentheses of a call: `l` is a name then
        expected = "(len(l) == 1)"
    assert condition(json.dumps(text), variables) == expected


def test_expressions_of_a_text_are_cut_where_variables_stand() -> None:
    variables = given(v="V")
    assert config("'${{ inputs.inp }}'") == "inputs.inp"
    assert config("'${{ inputs.inp }}((v))'", variables) == 'text(inputs.inp, "V")'
    assert config("'a${{ inputs.inp + ((v)) }}b((v))c'", variables) == 'text("a", (inputs.inp + "V"), "bVc")'
    assert config("'${{ {a: ((v))}.a }}'", variables) == '{a: "V"}.a'
    assert config("'${{ \"}}((v))\" }}-'", variables) == 'text("}}V", "-")'


def test_numbers_in_an_environment_stay_as_they_are_written() -> None:
    step = steps_of("- name: a\n  config:\n    run: 'true'\n    env: {A: 1.10, B: 007, C: true, D: null, E: 0x1F}")[0]
    assert isinstance(step.body, nodes.Task)
    assert show(step.body.config) == '{run: "true", env: {A: "1.10", B: "007", C: "true", D: null, E: "0x1F"}}'


def test_a_variable_in_an_expression_leaves_every_span_in_its_place() -> None:
    _, found = load(wrap("- name: a\n  when: ((v)) == 1 + inputs.\n  config: {run: 'true'}"), given(v="long value"))
    assert len(found) == 1
    assert found[0].span.line == 6
    assert found[0].span.column >= 21


def test_a_text_of_very_many_references_takes_time_in_proportion() -> None:
    text = "((v)) and " * 100_000
    assert config(f"'{text}'", given(v="x" * 20)).count("and") == 100_000
