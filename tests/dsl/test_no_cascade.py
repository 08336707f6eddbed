"""One mistake, one error: what could not be read is not missed elsewhere, and independent mistakes are all told."""

from __future__ import annotations

import textwrap

import pytest

from .build import compile_text

GOOD = """\
workflows:
  - id: main
    version: 1
    inputs: {version: string}
    outputs: {images: list<string>, note: string}
    steps:
      - set: {tag: inputs.version}
      - name: fan
        for_each: '["a", "b"]'
        as: service
        collect: {images: steps.build.output.image}
        do:
          - name: build
            type: workflow
            config: {workflow: child}
            inputs: {service: service, tag: vars.tag}
      - name: announce
        type: shell
        config: {run: make}
        outputs: [{name: note, type: string}]
      - return: {images: vars.images, note: outputs.note}
  - id: child
    version: 1
    inputs: {service: string, tag: string}
    outputs: {image: string}
    steps:
      - name: make
        config: {run: make}
        outputs: [{name: image, type: string}]
"""


def errors(text: str) -> list[str]:
    return [found.code for found in compile_text(text)[1] if found.severity == "error"]


def test_the_file_to_break_has_no_mistake() -> None:
    assert compile_text(GOOD)[1] == []


@pytest.mark.acceptance("DIA-05")
@pytest.mark.parametrize(
    ("written", "instead", "code"),
    [
        ("outputs: {images: list", "ouptuts: {images: list", "WFE0101"),
        ("outputs: {images: list<string>, note: string}", "", "WFE0411"),
        ("outputs: {images: list<string>, note: string}", "outputs: 42", "WFE0103"),
        ("    steps:\n      - set", "    stesp:\n      - set", "WFE0101"),
        ("    steps:\n      - set", "    works:\n      - set", "WFE0101"),
        ("- set:", "- assign:", "WFE0101"),
        ("- set: {tag: inputs.version}", "- set: tag", "WFE0103"),
        ("for_each:", "foreach:", "WFE0101"),
        ("as: service", "at: service", "WFE0101"),
        ("as: service", "as:", "WFE0103"),
        ("as: service", "as: the service", "WFE0113"),
        ("collect: {images: steps.build.output.image}", "collect: [images]", "WFE0103"),
        ("do:\n", "body:\n", "WFE0101"),
        ("name: build", "nmae: build", "WFE0101"),
        ("name: build", "name:", "WFE0103"),
        ("name: build", "name: the build", "WFE0113"),
        ("name: build", "name: !x build", "WFE0010"),
        ("type: workflow", "tpye: workflow", "WFE0101"),
        ("type: workflow", "kind: workflow", "WFE0101"),
        ("config: {workflow: child}", "confg: {workflow: child}", "WFE0101"),
        ("config: {workflow: child}", "config: {worfklow: child}", "WFE0101"),
        ("config: {workflow: child}", "config: {id: child}", "WFE0101"),
        ("config: {workflow: child}", "config: {workflow: 'a child'}", "WFE0113"),
        ("config: {workflow: child}", "config: {workflow: child, version: one}", "WFE0103"),
        ("inputs: {service: service, tag: vars.tag}", "input: {service: service, tag: vars.tag}", "WFE0101"),
        ("inputs: {service: service, tag: vars.tag}", "inputs: everything", "WFE0103"),
        ("inputs: {service: service, tag: vars.tag}", "inputs: {}", "WFE0223"),
        ("inputs: {service: service, tag: vars.tag}", "inputs: *shared", "WFE0009"),
        ("outputs: [{name: note, type: string}]", "output: [{name: note, type: string}]", "WFE0101"),
        ("outputs: [{name: note, type: string}]", "outputs: {note: string}", "WFE0103"),
        ("outputs: [{name: note, type: string}]", "outputs: [{nmae: note, type: string}]", "WFE0101"),
        ("return: {images: vars.images, note:", "return: {images: vars.images, noet:", "WFE0411"),
        ("inputs: {service: string, tag: string}", "inputs: [service, tag]", "WFE0103"),
        ("outputs: [{name: image, type: string}]", "outputs: !x [{name: image}]", "WFE0010"),
    ],
)
def test_one_mistake_is_one_error(written: str, instead: str, code: str) -> None:
    assert GOOD.count(written) == 1
    assert errors(GOOD.replace(written, instead)) == [code]


@pytest.mark.acceptance("DIA-05")
def test_keys_of_a_workflow_at_the_top_of_the_file_are_one_mistake() -> None:
    inner = GOOD.split("  - id: child\n")[1]
    assert errors("id: child\n" + textwrap.dedent(inner)) == ["WFE0101"]


@pytest.mark.acceptance("DIA-05")
def test_an_alias_without_anchor_is_told_once_however_often_it_is_used() -> None:
    steps = "".join(f"    - {{name: s{number}, config: *shell}}\n" for number in range(5))
    assert errors("workflow:\n  id: demo\n  version: 1\n  steps:\n" + steps) == ["WFE0009"]


def test_what_a_step_whose_config_can_not_be_read_would_give_is_not_missed() -> None:
    text = """\
workflow:
  id: demo
  version: 1
  steps:
    - {name: fast, config: {run: make, sandbox: {net: [none]}}, outputs: [{name: image}]}
    - {name: use, when: steps.fast.status == "succeeded", inputs: {image: outputs.image}, config: {run: make}}
"""
    assert errors(text) == ["WFE0103"]


@pytest.mark.acceptance("DIA-05")
def test_mistakes_that_have_nothing_to_do_with_each_other_are_all_told() -> None:
    text = """\
workflow:
  id: demo
  version: 1
  inputs: {count: integer, when: strin}
  outputs: {image: string}
  steps:
    - {name: a, timeuot: 5s, config: {run: make}}
    - {name: b, timeout: soon, config: {run: make}}
    - {name: c, when: steps.nothing.status == "x", config: {run: make}}
    - {name: d, when: inputs.count == , config: {run: make}}
    - {name: e, when: inputs.cuont > 1, config: {run: make}}
    - {name: f, when: vars.unset == 1, config: {run: make}}
    - {name: g, when: outputs.unlisted == 1, config: {run: make}}
    - {name: h, type: shel, config: {run: make}}
    - {name: i, config: {run: make, evn: {}}}
    - {name: j, config: {run: "echo '${{ inputs.count }}'"}}
    - {name: a, config: {run: make}}
    - {name: k, when: inputs.count > 'x', config: {run: make}}
    - parallel: [{name: l, config: {run: make}}, {name: m, when: steps.l.status == "x", config: {run: make}}]
    - {name: n, retry: {attempts: many}, config: {run: make}}
    - {name: o, on_crash: repeat, config: {run: make}}
    - {name: p, config: {run: make, file: x}}
    - {name: q, when: lenght(inputs.count) > 1, config: {run: make}}
    - {name: r, outputs: [{name: x, type: integr}], config: {run: make}}
    - {name: s, when: {field: inputs.count}, config: {run: make}}
"""
    assert sorted(errors(text)) == sorted(
        [
            "WFE0101", "WFE0115", "WFE0203", "WFE0301", "WFE0206", "WFE0208", "WFE0207", "WFE0501", "WFE0101",
            "WFE0551", "WFE0201", "WFE0312", "WFE0205", "WFE0103", "WFE0117", "WFE0504", "WFE0310", "WFE0330",
            "WFE0120", "WFE0330", "WFE0401",
        ]
    )  # fmt: skip


@pytest.mark.parametrize("options", ["go", "{go: stop}", "[]", "${{ inputs.options }}", "((options))"])
def test_options_that_can_not_be_read_do_not_make_the_refusal_wrong(options: str) -> None:
    step = f"{{approve: {{title: Ship?, options: {options!r}, reject: [stop], timeout: 1h}}}}"
    if options[0] in "[{":
        step = step.replace(repr(options), options)
    file = f"workflow: {{id: w, version: 1, steps: [{step}]}}\n"
    assert len(errors(file)) == 1
