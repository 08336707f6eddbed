"""Workflow files that the benchmarks read: of any number of steps, in the manner of what people write."""

from __future__ import annotations

__all__ = ["text_file", "yaml_file"]

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


def yaml_file(steps: int) -> str:
    """Return a YAML file of that many steps, of ten lines each: scripts, outputs, conditions, expressions, retries."""
    return HEAD + "".join(_step(number) for number in range(steps))


def text_file(steps: int) -> str:
    """Return the same workflow in the text language, with as many lines to a step."""
    return TEXT_HEAD + "".join(_text_step(number) for number in range(steps)) + "}\n"


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
