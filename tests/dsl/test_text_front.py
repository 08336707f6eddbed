"""The text language: its example, what strings and raw blocks mean, and how its mistakes are told."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.dsl.test_text_printer import read
from tests.dsl.yaml_support import workflow_of, wrap
from wfe_dsl import nodes
from wfe_dsl.diagnostics.model import Diagnostic, Diagnostics
from wfe_dsl.text_front import load_source
from wfe_dsl.variables import Variables

EXAMPLE = """\
workflow deploy version 3 "Build, test, deploy" {
  input  env: string = "staging" in ["staging", "production"]
  input  regions: list<string>
  output image: string
  output rollouts: list<any>

  defaults { timeout 10m; retry 3 every 5s backoff 2 }

  step lint = shell "ruff check ."

  parallel limit 2 {
    step unit  = shell { run "pytest -q"; timeout 5m }
    step types = shell "mypy ."
  }

  step build = shell {
    run ```
      docker build -t "app:$TAG" .
      echo "##wfe[output image=app:$TAG]"
    ```
    env { TAG = run.id }
    outputs { image: string }
    on failure { step notify = deno { file "notify.ts"; permissions { net ["hooks.example.com"] } } }
    ensure     { step logout = shell "docker logout" }
  }

  if inputs.env == "production" {
    wait event "approved" key run.id timeout 1d
  }

  saga {
    for region in inputs.regions limit 4 collect rollouts {
      call rollout version 2 (region: region, image: steps.build.output.image)
        compensate { call rollback version 2 (region: region) }
    }
  }

  return { image: steps.build.output.image, rollouts: rollouts }
}
"""
IN_YAML = """\
workflow:
  id: deploy
  version: 3
  name: Build, test, deploy
  inputs:
    env: {type: string, default: staging, enum: [staging, production]}
    regions: list<string>
  outputs: {image: string, rollouts: list<any>}
  defaults: {timeout: 10m, retry: {attempts: 3, interval: 5s, backoff: 2}}
  steps:
    - {name: lint, config: {run: ruff check .}}
    - parallel:
        limit: 2
        steps:
          - {name: unit, timeout: 5m, config: {run: pytest -q}}
          - {name: types, config: {run: mypy .}}
    - name: build
      config:
        run: |
          docker build -t "app:$TAG" .
          echo "##wfe[output image=app:$TAG]"
        env: {TAG: '${{ run.id }}'}
      outputs: [{name: image, type: string}]
      on_failure:
        {name: notify, type: deno, config: {file: notify.ts, permissions: {net: [hooks.example.com]}}}
      ensure: {name: logout, config: {run: docker logout}}
    - if: inputs.env == "production"
      then:
        - wait: {event: approved, key: '${{ run.id }}', timeout: 1d}
    - saga:
        - for_each: inputs.regions
          as: region
          limit: 4
          collect: rollouts
          do:
            - name: rollout
              type: workflow
              config: {workflow: rollout, version: 2}
              inputs: {region: region, image: steps.build.output.image}
              compensate:
                {name: rollback, type: workflow, config: {workflow: rollback, version: 2}, inputs: {region: region}}
    - return: {image: steps.build.output.image, rollouts: vars.rollouts}
"""


def mistakes(text: str) -> list[Diagnostic]:
    diagnostics = Diagnostics()
    load_source(text, Variables(), diagnostics)
    return diagnostics.in_source_order()


def within(lines: str) -> str:
    return f"workflow a version 1 {{\n{lines}\n}}\n"


def told(lines: str) -> list[tuple[str, int, int]]:
    """Return the codes and places of the mistakes in a workflow, whose first line is 1."""
    return [(found.code, found.span.line - 1, found.span.column) for found in mistakes(within(lines))]


@pytest.mark.acceptance("TXT-01")
def test_the_example_of_the_language_is_the_tree_of_its_yaml_form() -> None:
    assert nodes.structure(read(EXAMPLE).workflows[0]) == nodes.structure(workflow_of(IN_YAML))


def config_of(text: str) -> nodes.Expression:
    body = read(within(text)).workflows[0].steps[0].body
    assert isinstance(body, nodes.Task)
    return body.config.entries[0][2]


@pytest.mark.acceptance("TXT-05")
def test_a_raw_block_reaches_the_step_letter_by_letter_without_its_common_indentation() -> None:
    found = config_of(
        "step b = shell {\n    run ```\n      a \"$X\" 'y' # {z} \\n\n        deep\n\n      end\n    ```\n  }"
    )
    assert isinstance(found, nodes.Literal)
    assert found.value == "a \"$X\" 'y' # {z} \\n\n  deep\n\nend\n"


@pytest.mark.acceptance("TXT-05")
def test_a_string_has_escapes_and_expressions() -> None:
    escaped = config_of(r'step b = shell "a\tb\u0041\"c\""')
    assert isinstance(escaped, nodes.Literal)
    assert escaped.value == 'a\tbA"c"'
    assert nodes.structure(config_of('step b = shell "go ${{ inputs.x }}"')) == nodes.structure(
        workflow_of(wrap("- name: b\n  config: {run: 'go ${{ inputs.x }}'}")).steps[0].body.config.entries[0][2]
    )


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ('step b shell "y"', ("WFE0600", 1, 8)),
        ('step if = shell "y"', ("WFE0603", 1, 6)),
        ('step b = shel "y"', ("WFE0501", 1, 10)),
        ('step b = shell { rnu "y" }', ("WFE0101", 1, 18)),
        ('step b = shell {\n  run "y\n}', ("WFE0304", 2, 7)),
        ('step b = shell {\n  run "y"\nstep c = shell "z"', ("WFE0601", 1, 16)),
        ('  parallel {\n    step b = shell "y"\n  step c = shell "z"', ("WFE0601", 1, 12)),
        ("step b = shell {\n  run ```\n  x\n}", ("WFE0602", 2, 7)),
        ('let x = (1 + 2\nstep c = shell "z"', ("WFE0601", 1, 9)),
        ('step b = shell { env { A run.id }; run "x" }', ("WFE0604", 1, 26)),
        ('step b = shell { run "y"; timeout soon }', ("WFE0115", 1, 35)),
    ],
)
def test_one_mistake_is_told_once_where_it_is(lines: str, expected: tuple[str, int, int]) -> None:
    assert told(lines) == [expected]
    assert all(found.help for found in mistakes(within(lines)))


@pytest.mark.acceptance("TXT-06")
def test_three_mistakes_are_three_diagnostics() -> None:
    lines = 'let x 1\nstep ok = shell "x"\nstep if = shell "y"\nwait "x"'
    assert told(lines) == [("WFE0600", 1, 7), ("WFE0603", 3, 6), ("WFE0600", 4, 6)]


def test_a_bare_name_is_a_variable_where_nothing_nearer_has_that_name() -> None:
    short = "let x = 1; for x in [x] collect all = x { let y = x }; let z = map([x], x => x), w = all"
    long = "let x = 1; for x in [vars.x] collect all = x { let y = x }; let z = map([vars.x], x => x), w = vars.all"
    assert nodes.structure(read(within(short)).workflows) == nodes.structure(read(within(long)).workflows)


def test_a_name_that_is_hidden_twice_is_a_variable_again_after_both() -> None:
    short = "let x = 1; for x in [x] { let y = map([x], x => x) + [x] }; let z = x"
    long = "let x = 1; for x in [vars.x] { let y = map([x], x => x) + [x] }; let z = vars.x"
    assert nodes.structure(read(within(short)).workflows) == nodes.structure(read(within(long)).workflows)


@pytest.mark.acceptance("TXT-04")
@pytest.mark.parametrize(
    ("lines", "line"),
    [
        ("let x = [\n  true,\n  false\n]", "let x = [true, false]"),
        ("let x = (1 == 2\n  and 2 == 3\n  or not\n true)", "let x = (1 == 2 and 2 == 3 or not true)"),
        ("step b = shell { run make; shell [\n sh,\n step\n] }", "step b = shell { run make; shell [sh, step] }"),
        ("call a (x: 1\n  + 2\n, y: 3)", "call a (x: 1 + 2, y: 3)"),
        ("output x: {a: string, # a\n  b: any}", "output x: {a: string, b: any}"),
    ],
)
def test_in_brackets_a_newline_is_a_blank(lines: str, line: str) -> None:
    more = '\nstep s = shell "make"'
    assert nodes.structure(read(within(lines + more)).workflows) == nodes.structure(read(within(line + more)).workflows)


def test_what_begins_a_step_is_a_key_in_quotes_only_however_lines_are_cut() -> None:
    for gap in (" ", "\n"):
        assert {code for code, _, _ in told(f"step a = mail {{{gap}fail 5{gap}}}")} & {"WFE0600", "WFE0601"}
        assert [code for code, _, _ in told(f'step a = mail {{{gap}"fail" 5{gap}}}')] == ["WFE0501"]


def test_after_an_equals_sign_a_hyphen_is_a_minus() -> None:
    head = "step b = shell {"
    less, size = config_of(f"{head} working_dir = 7-5; run x }}"), config_of(f"{head} run = 7m }}")
    assert isinstance(less, nodes.Binary)
    assert isinstance(size, nodes.Literal)
    assert size.value == "7m"


WORDS = [
    "step",
    "x",
    "=",
    "shell",
    "workflow",
    "version",
    "let",
    "if",
    "else",
    "for",
    "in",
    "retry",
    "on",
    "compensate",
    "1",
    "5m",
    ".y",
    "((x))",
    "==",
    "?",
    ":",
    ",",
    ";",
    "{",
    "}",
    "(",
    "[",
    "]",
    ")",
    '"',
    "'",
    "```",
    '"a"',
    "\n",
]


@pytest.mark.acceptance("TXT-07")
@settings(suppress_health_check=list(HealthCheck), deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=40).map(" ".join) | st.text(max_size=40))
def test_any_tokens_and_any_text_give_diagnostics_and_never_an_exception(text: str) -> None:
    mistakes(text)
    mistakes(within(text))


@pytest.mark.acceptance("TXT-07")
@pytest.mark.parametrize("unit", ["sequence { ", "let x = (", "step x = y { a [", "call x (a: {", "if a { "])
def test_ten_thousand_nested_brackets_are_refused(unit: str) -> None:
    assert mistakes(within(unit * 10_000))
    assert mistakes(within("let x = " + unit[-2:].strip() * 10_000))
