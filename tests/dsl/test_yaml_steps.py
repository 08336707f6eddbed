"""Steps in YAML: their kinds, common keys, recovery, data, and what is refused."""

from __future__ import annotations

import pytest

from wfe_dsl import nodes

from .yaml_support import codes, first_step, load, show, steps_of, workflow_of, wrap

RUN = "config: {run: make}"
TASK = f"{{name: t, {RUN}}}"


def mistakes(steps: str, keys: str = "") -> list[str]:
    return [code for code, _ in codes(wrap(steps, keys))]


def test_blocks_are_built_as_they_are_written() -> None:
    step = first_step(
        "- name: fan\n  parallel:\n    limit: 4\n    fail_fast: stop\n    steps:\n"
        f"      - sequence: [{TASK}, {{name: u, {RUN}}}]\n      - {{name: v, {RUN}}}"
    )
    body = step.body
    assert isinstance(body, nodes.Parallel)
    assert (step.name, body.limit, body.fail_fast) == ("fan", 4, "stop")
    inner = body.steps[0].body
    assert isinstance(inner, nodes.Sequence)
    assert [one.name for one in inner.steps] == ["t", "u"]
    assert body.steps[0].name is None


@pytest.mark.parametrize(
    ("written", "meant"),
    [("false", "never"), ("true", "cancel"), ("never", "never"), ("cancel", "cancel"), ("stop", "stop")],
)
def test_fail_fast_has_three_values_and_two_older_spellings(written: str, meant: str) -> None:
    body = first_step(f"- parallel: {{fail_fast: {written}, steps: [{TASK}]}}").body
    assert isinstance(body, nodes.Parallel)
    assert body.fail_fast == meant


def test_if_while_and_until_hold_expressions_and_steps() -> None:
    steps = steps_of(
        f"- if: inputs.n > 1\n  then: [{TASK}]\n  else: [{{name: e, {RUN}}}]\n"
        f"- while: ${{{{ inputs.n < 3 }}}}\n  do: [{{name: w, {RUN}}}]\n  max_iterations: 9\n"
        f"- until: steps.u.output.done\n  do: [{{name: u, {RUN}}}]\n- if: true\n  then: [{{name: x, {RUN}}}]\n",
        "inputs: {n: integer}",
    )
    choice, loop, repeat, constant = (step.body for step in steps)
    assert isinstance(choice, nodes.If)
    assert show(choice.test) == "(inputs.n > 1)"
    assert [step.name for step in (*choice.then, *choice.otherwise)] == ["t", "e"]
    assert isinstance(loop, nodes.While)
    assert (show(loop.test), loop.until, loop.max_iterations) == ("(inputs.n < 3)", False, 9)
    assert isinstance(repeat, nodes.While)
    assert (show(repeat.test), repeat.until, repeat.max_iterations) == ("steps.u.output.done", True, 0)
    assert isinstance(constant, nodes.If)
    assert show(constant.test) == "true"


def test_for_each_has_its_variable_limit_and_collect() -> None:
    bodies = [
        step.body
        for step in steps_of(
            f"- for_each: inputs.l\n  do: [{TASK}]\n"
            f"- for_each: [a, '${{{{ inputs.x }}}}', 5]\n  as: region\n  limit: 3\n  fail_fast: true\n"
            f"  collect: all\n  do: [{{name: u, {RUN}}}]\n"
            f"- for_each: inputs.l\n  collect: {{one: steps.v.output.y}}\n  do: [{{name: v, {RUN}}}]\n",
            "inputs: {l: list<string>, x: string}",
        )
    ]
    plain, full, value = bodies
    assert isinstance(plain, nodes.ForEach)
    assert (show(plain.items), plain.variable, plain.limit, plain.fail_fast) == ("inputs.l", "item", None, "never")
    assert plain.collect is None
    assert isinstance(full, nodes.ForEach)
    assert (show(full.items), full.variable, full.limit) == ('["a", inputs.x, 5]', "region", 3)
    assert full.fail_fast == "cancel"
    assert full.collect is not None
    assert (full.collect.name, full.collect.expression) == ("all", None)
    assert isinstance(value, nodes.ForEach)
    assert value.collect is not None
    assert (value.collect.name, show(value.collect.expression)) == ("one", "steps.v.output.y")


def test_set_return_fail_and_sleep() -> None:
    steps = steps_of(
        "- set: {a: 1, b: '\"x\" + inputs.s', c: [x, '${{ inputs.s }}'], d: null}\n- sleep: 1h30m\n- sleep: 5\n"
        "- sleep_until: inputs.s\n- fail: no ${{ inputs.s }}\n- return: {o: vars.a}\n- return:\n",
        "inputs: {s: string}",
    )
    assert [type(step.body).__name__ for step in steps] == [
        "Set",
        "Sleep",
        "Sleep",
        "Sleep",
        "Fail",
        "Return",
        "Return",
    ]
    values, long, short, until, failure, result, empty = (step.body for step in steps)
    assert isinstance(values, nodes.Set)
    assert {name: show(value) for name, _, value in values.entries} == {
        "a": "1",
        "b": '("x" + inputs.s)',
        "c": '["x", inputs.s]',
        "d": "null",
    }
    assert isinstance(long, nodes.Sleep)
    assert isinstance(short, nodes.Sleep)
    assert (long.duration_ms, short.duration_ms) == (5_400_000, 5)
    assert isinstance(until, nodes.Sleep)
    assert (until.duration_ms, show(until.until)) == (None, "inputs.s")
    assert isinstance(failure, nodes.Fail)
    assert show(failure.message) == 'text("no ", inputs.s)'
    assert isinstance(result, nodes.Return)
    assert [(name, show(value)) for name, _, value in result.entries] == [("o", "vars.a")]
    assert isinstance(empty, nodes.Return)
    assert empty.entries == ()


@pytest.mark.acceptance("YML-19")
@pytest.mark.parametrize(
    ("written", "attempts", "interval"),
    [
        ("retry: 3", 3, 1000),
        ("retry: {attempts: 5, interval: 2s}", 5, 2000),
        ("error_behavior: {type: retry}", 4, 60_000),
        ("error_behavior: retry", 4, 60_000),
        ("error_behavior: {type: retry, interval: 5s, max_retries: 1}", 2, 5000),
    ],
)
def test_both_spellings_of_a_retry_count_all_attempts(written: str, attempts: int, interval: int) -> None:
    retry = first_step(f"- {{name: t, {RUN}, {written}}}").retry
    assert retry is not None
    assert (retry.attempts, retry.interval_ms, retry.outcomes) == (attempts, interval, ("failure", "error", "timeout"))


def test_every_setting_of_a_retry_is_kept() -> None:
    retry = first_step(
        f"- name: t\n  {RUN}\n  retry: {{attempts: 9, interval: 1s, backoff: 1.5, max_interval: 1m, jitter: 0.2,"
        " on: [75, timeout, failure, 2], max_elapsed: 1h}"
    ).retry
    assert retry is not None
    assert (retry.backoff, retry.max_interval_ms, retry.jitter, retry.max_elapsed_ms) == (1.5, 60_000, 0.2, 3_600_000)
    assert (retry.outcomes, retry.exit_codes) == (("failure", "timeout"), (2, 75))


@pytest.mark.acceptance("YML-19")
@pytest.mark.parametrize(
    "written", ["error_behavior: {type: retry, max_retries: 0}", "retry: 0", "retry: {attempts: 0}"]
)
def test_no_number_of_retries_is_one_without_end(written: str) -> None:
    retry = first_step(f"- {{name: t, {RUN}, {written}}}").retry
    assert retry is not None
    assert retry.attempts == 0


@pytest.mark.acceptance("YML-19")
@pytest.mark.parametrize("kind", ["suspend", "terminate"])
def test_error_behavior_serves_steps_blocks_and_workflows_in_both_forms(kind: str) -> None:
    workflow = workflow_of(
        wrap(
            f"- {{name: t, {RUN}, error_behavior: {{type: {kind}}}}}\n"
            f"- {{sequence: [{{name: u, {RUN}}}], error_behavior: {kind}}}",
            f"error_behavior: {kind}\ndefaults: {{error_behavior: {{type: {kind}}}}}",
        )
    )
    assert workflow.defaults is not None
    given = [
        workflow.error_behavior,
        workflow.defaults.error_behavior,
        *(step.error_behavior for step in workflow.steps),
    ]
    assert [behavior.type for behavior in given if behavior] == [kind] * 4


@pytest.mark.acceptance("YML-19")
def test_another_error_behavior_is_an_error_that_names_it() -> None:
    _, found = load(wrap(f"- {{name: t, {RUN}, error_behavior: {{type: ignore}}}}"))
    assert [one.code for one in found] == ["WFE0117"]
    assert "`ignore`" in found[0].message
    assert "suspend" in (found[0].help or "")


def test_a_workflows_older_retry_is_its_own_and_not_its_behavior() -> None:
    workflow = workflow_of(wrap(f"- {TASK}", "error_behavior: {type: retry, max_retries: 2}"))
    assert workflow.error_behavior is None
    assert workflow.retry is not None
    assert workflow.retry.attempts == 3


def test_the_timeout_of_step_and_config_are_one_and_the_smaller_counts() -> None:
    steps = steps_of(
        "- {name: a, timeout: 5s, config: {run: x, timeout: 3s}}\n"
        "- {name: b, timeout: 1s, config: {run: x, timeout: 3s}}\n"
        "- {name: c, config: {run: x, timeout: 3s}}\n- {name: d, total_timeout: 1h, config: {run: x}}\n"
    )
    assert [step.timeout_ms for step in steps] == [3000, 1000, 3000, None]
    assert steps[3].total_timeout_ms == 3_600_000
    for step in steps:
        assert isinstance(step.body, nodes.Task)
        assert [key for key, _, _ in step.body.config.entries] == ["run"]


def test_hooks_are_a_step_or_a_list_of_steps_at_every_level() -> None:
    workflow = workflow_of(
        wrap(
            f"- name: t\n  {RUN}\n  on_failure: {{name: n, {RUN}, ensure: {{name: deep, {RUN}}}}}\n"
            f"  ensure: [{{name: e1, {RUN}}}, {{name: e2, {RUN}}}]\n- parallel: [{{name: p, {RUN}}}]\n"
            f"  on_success: {{sleep: 1s}}\n  on_error: {{name: pe, {RUN}}}\n  on_abort: {{name: pa, {RUN}}}",
            f"ensure: {{name: last, {RUN}}}",
        )
    )
    task, block = workflow.steps
    assert task.hooks is not None
    assert [step.name for step in task.hooks.on_failure] == ["n"]
    assert [step.name for step in task.hooks.ensure] == ["e1", "e2"]
    assert task.hooks.on_failure[0].hooks is not None
    assert block.hooks is not None
    assert [len(hook) for hook in (block.hooks.on_success, block.hooks.on_error, block.hooks.on_abort)] == [1, 1, 1]
    assert workflow.hooks is not None
    assert workflow.hooks.ensure[0].name == "last"


@pytest.mark.acceptance("YML-22")
def test_list_form_inputs_are_places_in_the_data() -> None:
    step = first_step(
        "- name: t\n  config: {run: make}\n  inputs:\n    - name: version\n    - {name: a, path: build.image}\n"
        "    - {name: b, path: inputs.x, json_path: '$.y[0]'}\n    - {name: c, json_path: '$.report.lines'}\n"
        "    - {name: d, path: .outputs.z}\n"
    )
    assert step.inputs is not None
    assert {name: show(value) for name, _, value in step.inputs} == {
        "version": "@version",
        "a": "@build.image",
        "b": "inputs.x.y[0]",
        "c": "@report.lines",
        "d": "outputs.z",
    }


def test_map_form_inputs_are_expressions_and_outputs_have_types_and_paths() -> None:
    step = first_step(
        "- name: t\n  config: {run: make}\n  inputs: {a: inputs.x + 1, b: '${{ inputs.x }}', c: [x], d: 5}\n"
        "  outputs:\n    - name: o\n    - {name: p, type: 'list<string>', path: a.b}\n"
        "    - {name: q, type: {host: string, port: integer?}}"
    )
    assert step.inputs is not None
    assert {name: show(value) for name, _, value in step.inputs} == {
        "a": "(inputs.x + 1)",
        "b": "inputs.x",
        "c": '["x"]',
        "d": "5",
    }
    assert [(one.name, one.type and one.type.text, one.path) for one in step.outputs] == [
        ("o", None, ()),
        ("p", "list<string>", ("a", "b")),
        ("q", "{host: string, port: integer?}", ()),
    ]


def test_declarations_of_a_workflow_have_types_defaults_and_enums() -> None:
    workflow = workflow_of(
        wrap(
            f"- {TASK}",
            "name: Demo\ndescription: What it does\ntimeout: 1h\ndurability: group(20ms)\nrequires: [docker]\n"
            "inputs:\n  a: string\n  b: {type: 'list<string>', default: [x], description: d}\n"
            "  c: {type: string, enum: [p, q], default: ((v | q))}\n  e: {type: integer?, default: null}\n"
            "outputs: {o: 'map<any>'}\n"
            "defaults: {timeout: 5m, retry: 2, env: {A: 1.10, B: '${{ inputs.a }}'},"
            " working_dir: src, shell: [bash, -eu]}",
        )
    )
    assert workflow.inputs is not None
    assert [(one.name, one.type.text, one.default and show(one.default), one.enum) for one in workflow.inputs] == [
        ("a", "string", None, ()),
        ("b", "list<string>", '["x"]', ()),
        ("c", "string", '"q"', ("p", "q")),
        ("e", "integer?", "null", ()),
    ]
    assert [(one.name, one.type.text) for one in workflow.outputs] == [("o", "map<any>")]
    assert (workflow.name, workflow.description, workflow.timeout_ms) == ("Demo", "What it does", 3_600_000)
    assert (workflow.durability, [name for name, _ in workflow.requires]) == ("group(20ms)", ["docker"])
    defaults = workflow.defaults
    assert defaults is not None
    assert (defaults.timeout_ms, defaults.retry and defaults.retry.attempts) == (300_000, 2)
    assert show(defaults.env) == '{A: "1.10", B: inputs.a}'
    assert (show(defaults.working_dir), show(defaults.shell)) == ('"src"', '["bash", "-eu"]')


@pytest.mark.acceptance("YML-16")
@pytest.mark.parametrize(
    ("step", "code", "names"),
    [
        ("{name: t}", "WFE0110", []),
        (f"{{name: t, type: shell, {RUN}, parallel: [{TASK}]}}", "WFE0111", ["type", "parallel"]),
        (f"{{while: x, until: y, do: [{TASK}]}}", "WFE0111", ["while", "until"]),
        ("{name: t, config: {script: x}}", "WFE0110", ["type"]),
        (f"{{name: t, type: shel, {RUN}}}", "WFE0501", ["shel"]),
        (f"{{{RUN}}}", "WFE0112", ["name"]),
    ],
)
def test_a_step_that_is_nothing_or_two_things_is_an_error_that_names_them(
    step: str, code: str, names: list[str]
) -> None:
    _, found = load(wrap(f"- {step}"))
    assert [one.code for one in found] == [code]
    assert all(f"`{name}`" in found[0].message for name in names)


def test_an_unknown_type_gets_the_near_name_or_the_known_ones() -> None:
    _, found = load(wrap(f"- {{name: t, type: contaner, {RUN}}}\n- {{name: u, type: lambda, {RUN}}}"))
    assert found[0].help == "did you mean `container`?"
    assert "shell" in (found[1].help or "")


def test_an_installed_step_type_is_taken_with_any_config() -> None:
    document, found = load(
        wrap("- {name: t, type: spark, config: {job: '${{ inputs.x }}', n: [1]}}"), step_types=["spark"]
    )
    assert found == []
    assert document is not None
    body = document.workflows[0].steps[0].body
    assert isinstance(body, nodes.Task)
    assert show(body.config) == "{job: inputs.x, n: [1]}"


@pytest.mark.acceptance("YML-20")
@pytest.mark.parametrize(
    "place",
    [
        "on_failure: {name: h, type: shell}",
        "ensure: [{name: h, type: shell}]",
        "on_success: {name: h, type: shell, config: {}}",
    ],
)
def test_hooks_are_checked_by_the_same_rules(place: str) -> None:
    assert mistakes(f"- {{name: t, {RUN}, {place}}}") in (["WFE0102"], ["WFE0503"])


@pytest.mark.parametrize(
    "step",
    [
        "{parallel: [{name: h, type: shell}]}",
        "{if: x, then: [{name: h, type: shell}]}",
        "{while: x, do: [{name: h, type: shell}]}",
        "{for_each: x, do: [{name: h, type: shell}]}",
        "{sequence: [{name: h, type: shell}]}",
    ],
)
def test_inner_steps_are_checked_by_the_same_rules(step: str) -> None:
    assert mistakes(f"- {step}") == ["WFE0102"]


@pytest.mark.acceptance("YML-03", "DIA-05")
@pytest.mark.parametrize(
    ("steps", "help"),
    [
        (f"- {{nmae: t, {RUN}}}", "name"),
        ("- {name: t, config: {rnu: make}, type: shell}", "run"),
        (f"- {{if: x, thne: [{TASK}]}}", "then"),
        (f"- {{paralel: [{TASK}]}}", "parallel"),
        (f"- {{for_each: x, od: [{TASK}]}}", "do"),
        (f"- {{name: t, {RUN}, retry: {{atempts: 3}}}}", "attempts"),
        (f"- {{name: t, {RUN}, on_failre: {TASK}}}", "on_failure"),
        (f"- {{name: t, {RUN}, outputs: [{{nam: x}}]}}", "name"),
    ],
)
def test_a_misspelt_key_is_one_error_with_the_right_key(steps: str, help: str) -> None:
    _, found = load(wrap(steps))
    assert [(one.code, one.help) for one in found] == [("WFE0101", f"did you mean `{help}`?")]


@pytest.mark.parametrize(
    ("step", "help"),
    [
        (f"- {{name: a, needs: [b], {RUN}}}", "steps run one after another, in the order of the file"),
        (f"- {{name: a, continue-on-error: true, {RUN}}}", "write `continue_on_failure: true`"),
        (f"- {{name: a, timeout-minutes: 5, {RUN}}}", "write `timeout: 5m`"),
        (f"- {{name: a, retry_policy: {{maximum_attempts: 3}}, {RUN}}}", "write `retry: {attempts: 3, interval: 5s}`"),
        (f"- {{name: a, retry: {{maximum_attempts: 3}}, {RUN}}}", "write `attempts: 3`, the first included"),
        ("- {name: a, uses: actions/checkout@v4}", "there are no actions"),
        ("- {wait_for: paid}", "write `wait: {event: paid}`"),
        ("- {wait: paid}", "write `wait: {event: paid}`"),
        ("- {publish: shipped}", "write `publish: {event: shipped}`"),
        ("- {wait: {signal: paid}}", "write `event: paid`"),
        ("- {publish: {event: paid, payload: 5}}", "write `data: {amount: 5}`"),
        ("- {approve: {question: Ship?}}", "write `title: Ship it?`"),
        ("- {for_each: [1], steps: [{sleep: 1s}]}", "the steps of a loop stand under `do:`"),
        ("- {if: 1 == 1, steps: [{sleep: 1s}]}", "those of an `if` under `then:`"),
        (f"- {{name: a, if: 1 == 1, {RUN}}}", "the condition of a single step is `when:`"),
        (f"- {{name: a, for_each: [1], {RUN}}}", "what is done in each pass stands under `do:`"),
        (f"- {{name: a, type: bash, {RUN}}}", "write `type: shell`, and `shell: bash` in its config"),
        ("- {name: a, type: docker, config: {image: a}}", "write `type: container`"),
    ],
)
def test_what_another_system_calls_a_thing_is_one_error_that_says_what_it_is_here(step: str, help: str) -> None:
    _, found = load(wrap(step))
    assert len(found) == 1, found
    assert found[0].help is not None
    assert help in found[0].help


@pytest.mark.parametrize(
    ("text", "help"),
    [
        ("on: push\nworkflow: {id: a, version: 1, steps: [{sleep: 1s}]}", "runs are started by `wfec run`"),
        ("jobs: {build: {}}\nworkflow: {id: a, version: 1, steps: [{sleep: 1s}]}", "its parts are `steps:`"),
        (wrap("- {sleep: 1s}", "cron: 0 4 * * *"), "write `schedule: [{cron: '0 4 * * *'}]`"),
        (wrap("- {sleep: 1s}", "concurrency: {group: a, cancel-in-progress: true}"), "write `on_full: cancel_running`"),
        (wrap("- {sleep: 1s}", "inputs: {a: {type: string, required: true}}"), "what may be left out has a `default`"),
    ],
)
def test_a_key_of_another_system_around_the_steps_says_where_it_is_here(text: str, help: str) -> None:
    _, found = load(text)
    assert len(found) == 1, found
    assert help in (found[0].help or "")


def test_a_key_of_a_config_at_the_step_is_sent_to_its_place() -> None:
    _, found = load(wrap("- {name: t, run: make}"))
    assert [(one.code, one.help) for one in found] == [("WFE0101", "`run` belongs under `config:`")]


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (f"{{name: t, {RUN}, do: []}}", ["WFE0124"]),
        (f"{{parallel: [{TASK}], limit: 4}}", ["WFE0124"]),
        (f"{{parallel: [{TASK}], inputs: {{}}}}", ["WFE0124"]),
        (f"{{parallel: [{TASK}], outputs: []}}", ["WFE0124"]),
        (f"{{sequence: [{TASK}], on_crash: fail}}", ["WFE0124"]),
        (f"{{name: t, {RUN}, cases: {{}}}}", ["WFE0124"]),
        ("{sequence: []}", ["WFE0108"]),
        ("{sequence: }", ["WFE0108"]),
        ("{sequence: 5}", ["WFE0103"]),
        ("{sequence: {name: x}}", ["WFE0103"]),
        ("{sequence: [text]}", ["WFE0103"]),
        ("{if: x}", ["WFE0102"]),
        ("{while: x}", ["WFE0102"]),
        ("{parallel: {limit: 2}}", ["WFE0102"]),
        (f"{{parallel: {{limit: 0, steps: [{TASK}]}}}}", ["WFE0116"]),
        (f"{{parallel: {{limit: two, steps: [{TASK}]}}}}", ["WFE0103"]),
        (f"{{for_each: x, limit: -1, do: [{TASK}]}}", ["WFE0116"]),
        (f"{{for_each: x, as: a b, do: [{TASK}]}}", ["WFE0113"]),
        (f"{{for_each: x, collect: {{a: x, b: y}}, do: [{TASK}]}}", ["WFE0103"]),
        (f"{{while: x, max_iterations: 0, do: [{TASK}]}}", ["WFE0116"]),
        ("{set: {}}", ["WFE0103"]),
        ("{set: [a]}", ["WFE0103"]),
        ("{set: {a b: 1}}", ["WFE0113"]),
        ("{return: [a]}", ["WFE0103"]),
        ("{fail: [a]}", ["WFE0103"]),
        ("{sleep: soon}", ["WFE0115"]),
        ("{sleep: }", ["WFE0115"]),
        ("{sleep: -5s}", ["WFE0115"]),
        ("{sleep: {}}", ["WFE0103"]),
        (f"{{name: t, {RUN}, timeout: 0}}", ["WFE0115"]),
        (f"{{name: t, {RUN}, timeout: true}}", ["WFE0103"]),
        (f"{{name: t, {RUN}, continue_on_failure: 1}}", ["WFE0103"]),
        (f"{{name: t, {RUN}, on_crash: maybe}}", ["WFE0117"]),
        (f"{{name: t, {RUN}, retry: {{}}}}", ["WFE0102"]),
        (f"{{name: t, {RUN}, retry: -1}}", ["WFE0116"]),
        (f"{{name: t, {RUN}, retry: often}}", ["WFE0103"]),
        (f"{{name: t, {RUN}, retry: {{attempts: 2, jitter: 2}}}}", ["WFE0116"]),
        (f"{{name: t, {RUN}, retry: {{attempts: 2, backoff: 0.5}}}}", ["WFE0116"]),
        (f"{{name: t, {RUN}, retry: {{attempts: 2, on: [aborted]}}}}", ["WFE0117"]),
        (f"{{name: t, {RUN}, retry: {{attempts: 2, on: [300]}}}}", ["WFE0116"]),
        (f"{{name: t, {RUN}, retry: {{attempts: 2, on: []}}}}", ["WFE0116"]),
        (f"{{name: t, {RUN}, retry: 2, error_behavior: {{type: retry}}}}", ["WFE0119"]),
        (f"{{name: t, {RUN}, error_behavior: {{type: suspend, interval: 5s}}}}", ["WFE0124"]),
        (f"{{name: t, {RUN}, error_behavior: {{}}}}", ["WFE0102"]),
        (f"{{name: t, {RUN}, inputs: [{{name: a}}, {{name: a}}]}}", ["WFE0127"]),
        (f"{{name: t, {RUN}, inputs: [a]}}", ["WFE0103"]),
        (f"{{name: t, {RUN}, outputs: {{a: string}}}}", ["WFE0103"]),
        (f"{{name: t, {RUN}, outputs: [{{name: a, path: x..y}}]}}", ["WFE0122"]),
        (f"{{name: '', {RUN}}}", ["WFE0113"]),
        (f"{{name: [t], {RUN}}}", ["WFE0103"]),
        (f"{{name: {'x' * 300}, {RUN}}}", ["WFE0113"]),
        ("text", ["WFE0103"]),
        ("", ["WFE0103"]),
    ],
)
def test_a_mistake_in_a_step_is_one_error(step: str, expected: list[str]) -> None:
    assert mistakes(f"- {step}") == expected


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("inputs: [a]", ["WFE0103"]),
        ("inputs: {a: }", ["WFE0103"]),
        ("inputs: {a: {default: 1}}", ["WFE0102"]),
        ("inputs: {a: {host: string}}", ["WFE0101"]),
        ("inputs: {a: {type: string, enum: []}}", ["WFE0116"]),
        ("inputs: {a: {type: string, enum: x}}", ["WFE0103"]),
        ("inputs: {a b: string}", ["WFE0113"]),
        ("timeout: long", ["WFE0115"]),
        ("durability: fast", ["WFE0117"]),
        ("durability: group(x)", ["WFE0115"]),
        ("requires: docker", ["WFE0103"]),
        ("defaults: {tiemout: 5s}", ["WFE0101"]),
        ("defaults: {env: [A]}", ["WFE0103"]),
        ("retry: 3", ["WFE0101"]),
        ("name: [a]", ["WFE0103"]),
    ],
)
def test_a_mistake_in_a_workflow_is_one_error(keys: str, expected: list[str]) -> None:
    assert mistakes(f"- {TASK}", keys) == expected


@pytest.mark.parametrize("version", ["'1'", "1.5", "one", "true", "-1", "[1]", "99999999999"])
def test_a_version_is_an_integer(version: str) -> None:
    text = f"workflow: {{id: a, version: {version}, steps: [{TASK}]}}\n"
    assert [code for code, _ in codes(text)] in (["WFE0103"], ["WFE0116"])


@pytest.mark.acceptance("PAR-06", "YML-16")
@pytest.mark.parametrize(
    ("step", "codes"),
    [
        ("{switch: x}", ["WFE0102"]),
        ("{switch: x, cases: {}}", ["WFE0108"]),
        ("{switch: x, cases: {a: []}}", ["WFE0108"]),
        (f"{{switch: x, case: {{a: [{TASK}]}}}}", ["WFE0101"]),
        (f"{{matrix: {{}}, do: [{TASK}]}}", ["WFE0103"]),
        ("{matrix: {a: [1]}}", ["WFE0102"]),
        ("{race: []}", ["WFE0108"]),
        ("{saga: []}", ["WFE0108"]),
        ("{wait: e}", ["WFE0103"]),
        ("{wait: {evnt: e}}", ["WFE0101"]),
        ("{wait: {key: e}}", ["WFE0102"]),
        ("{wait: {event: e, since: []}}", ["WFE0103"]),
        (f"{{wait: {{event: e, on_timeout: {TASK}}}}}", ["WFE0505"]),
        ("{wait: {event: e, timeout: soon}}", ["WFE0115"]),
        ("{approve: {options: [a]}}", ["WFE0102"]),
        ("{approve: {title: x, options: []}}", ["WFE0116"]),
        ("{approve: {title: x, options: [yes, no], reject: [nope]}}", ["WFE0117"]),
        ("{publish: {key: a}}", ["WFE0102"]),
        (f"{{name: t, {RUN}, compensate: []}}", ["WFE0108"]),
        (f"{{name: t, {RUN}, compensate_on_failure: perhaps}}", ["WFE0103"]),
    ],
)
def test_a_mistake_in_a_newer_kind_is_told_once(step: str, codes: list[str]) -> None:
    assert mistakes(f"- {step}") == codes


def test_a_step_without_a_type_is_told_which_it_may_have() -> None:
    _, [found] = load(wrap("- {name: a, config: {file: build.sh}}"))
    assert (found.code, found.help) == (
        "WFE0110",
        "write `type: shell`, `type: deno` or another; it may be left out where `config` has `run`",
    )
