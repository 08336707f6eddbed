"""Workflow files that the benchmarks read: of any number of steps, in the manner of what people write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

__all__ = ["PAIRS", "rich_yaml_file", "text_file", "yaml_file"]

TEXT_HEAD = """\
workflow large version 1 {
  input region: string = "north"
"""
HEAD = """\
workflow:
  id: large
  version: 1
  inputs:
    region: {type: string, default: north}
  steps:
"""
RICH_HEAD = """\
workflow:
  id: rich
  version: 1
  inputs:
    region: {type: string, default: north}
    rows: {type: list<integer>, default: [1, 2, 3]}
  steps:
    - set: {total: 0}
"""
RICH_GROUP = 9
"""So many steps are in one group of the rich file."""


def yaml_file(steps: int) -> str:
    """Return a YAML file of that many steps, of ten lines each: scripts, outputs, conditions, expressions, retries."""
    return HEAD + "".join(_step(number) for number in range(steps))


def text_file(steps: int) -> str:
    """Return the same workflow in the text language, with as many lines to a step."""
    return TEXT_HEAD + "".join(_text_step(number) for number in range(steps)) + "}\n"


def rich_yaml_file(steps: int) -> str:
    """Return a YAML file of about so many steps of many kinds: with retries, records, hooks, loops and branches."""
    return RICH_HEAD + "".join(_rich_group(number) for number in range(steps // RICH_GROUP))


def _condition(number: int) -> str:
    earlier = max(0, number - 3)
    return f"steps.step{earlier}.status == 'succeeded'" if number % 4 == 0 and number else "inputs.region != ''"


def _text_step(number: int) -> str:
    return f"""\
  step step{number} = shell {{
    run "./build --part {number} --out build/{number}"
    env {{
      PART "{number}"
      REGION = inputs.region
    }}
    when {_condition(number)}
    timeout {30 + number % 7}s
    outputs {{ artifact{number}: string }}
  }}
"""


def _step(number: int) -> str:
    return f"""\
    - name: step{number}
      type: shell
      config:
        run: ./build --part {number} --out build/{number}
        env:
          PART: "{number}"
          REGION: ${{{{ inputs.region }}}}
      when: {_condition(number)}
      timeout: {30 + number % 7}s
      outputs: [{{name: artifact{number}, type: string}}]
"""


def _rich_group(number: int) -> str:
    return f"""\
    - name: fetch{number}
      when: inputs.region != 'south' && vars.total < {number + 10}
      timeout: {30 + number % 7}s
      retry: {{attempts: 5, interval: 1s, backoff: 2, max_interval: 30s, on: [failure, timeout]}}
      config:
        run: ./fetch --part {number} --to ${{{{ inputs.region }}}}/{number}
        env: {{PART: "{number}", SUM: '${{{{ vars.total + {number} }}}}'}}
      outputs:
        - {{name: rows{number}, type: 'list<{{id: integer, label: string?}}>'}}
        - {{name: size{number}, type: integer}}
      on_failure: {{name: tell{number}, config: {{run: 'echo ${{{{ error.message }}}}'}}}}
    - name: each{number}
      for_each: filter(outputs.rows{number} ?? [], r => r.id % 2 == 0)
      as: row
      limit: 4
      collect: {{labels{number}: steps.work{number}.output.label}}
      do:
        - name: work{number}
          retry: 3
          config: {{run: 'work ${{{{ row.label ?? "none" }}}}'}}
          outputs: [{{name: label, type: string}}]
    - name: choose{number}
      if: len(vars.labels{number}) > 2 || (outputs.size{number} ?? 0) >= {number}
      then:
        - set: {{total: vars.total + 1}}
      else:
        - name: small{number}
          config: {{run: "echo ${{{{ map(inputs.rows, x => x * {number}) }}}}"}}
    - name: loop{number}
      while: vars.total < {number}
      max_iterations: 10
      do:
        - set: {{total: vars.total + 1}}
"""


# Pairs of files in both notations, each of one sort of statement.

VARIABLES_HEAD: Final = (TEXT_HEAD + "  let total = 0\n", HEAD + "    - set: {total: 0}\n")


def _pair(text_group: str, yaml_group: str, groups: int) -> tuple[str, str]:
    """Return a text and a YAML file of so many groups, in which ``@`` stands for the number of the group."""
    text_head, yaml_head = VARIABLES_HEAD
    text = text_head + "".join(text_group.replace("@", str(number)) for number in range(groups)) + "}\n"
    return text, yaml_head + "".join(yaml_group.replace("@", str(number)) for number in range(groups))


def _steps(lines: int) -> tuple[str, str]:
    return text_file(lines // 10), yaml_file(lines // 10)


def _variables(lines: int) -> tuple[str, str]:
    text = """\
  let total = total + @
  step step@ = shell { run "./build --part @" }
"""
    yaml = """\
    - set: {total: vars.total + @}
    - {name: step@, type: shell, config: {run: ./build --part @}}
"""
    return _pair(text, yaml, lines // 2)


def _expressions(lines: int) -> tuple[str, str]:
    text = """\
  step step@ = shell {
    run "./build --part @ --to ${{ inputs.region }}/@"
    env {
      PART = total * 2 + @
      REGION = upper(inputs.region) + "-@"
    }
    when total >= @ && inputs.region != "south"
  }
  let total = total > @ ? total - 1 : len(inputs.region)
"""
    yaml = """\
    - name: step@
      type: shell
      config:
        run: ./build --part @ --to ${{ inputs.region }}/@
        env:
          PART: ${{ vars.total * 2 + @ }}
          REGION: ${{ upper(inputs.region) + "-@" }}
      when: vars.total >= @ && inputs.region != "south"
    - set: {total: 'vars.total > @ ? vars.total - 1 : len(inputs.region)'}
"""
    return _pair(text, yaml, lines // 9)


def _branches(lines: int) -> tuple[str, str]:
    text = """\
  if total > @ && inputs.region != "south" {
    step some@ = shell { run "./build --part @" }
  } else {
    step other@ = shell { run "./build --part @"; when inputs.region == "east" }
  }
  step last@ = shell { run "./build --part @"; when total >= @ }
"""
    yaml = """\
    - if: vars.total > @ && inputs.region != "south"
      then:
        - {name: some@, type: shell, config: {run: ./build --part @}}
      else:
        - {name: other@, type: shell, config: {run: ./build --part @}, when: inputs.region == "east"}
    - {name: last@, type: shell, config: {run: ./build --part @}, when: vars.total >= @}
"""
    return _pair(text, yaml, lines // 6)


PAIRS: Final[dict[str, Callable[[int], tuple[str, str]]]] = {
    "steps of ten lines": _steps,
    "a `let` on every second line": _variables,
    "an expression on most lines": _expressions,
    "an `if` or a `when` on most lines": _branches,
}
"""By what is in them: how to make a text file of about so many lines, and the same workflow in YAML."""
