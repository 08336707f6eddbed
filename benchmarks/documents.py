"""Workflow files that the benchmarks read: of any number of steps, in the manner of what people write."""

from __future__ import annotations

__all__ = ["yaml_file"]

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


def _step(number: int) -> str:
    earlier = max(0, number - 3)
    condition = f"steps.step{earlier}.status == 'succeeded'" if number % 4 == 0 and number else "inputs.region != ''"
    return f"""\
    - name: step{number}
      type: shell
      config:
        run: ./build --part {number} --out build/{number}
        env:
          PART: "{number}"
          REGION: ${{{{ inputs.region }}}}
      when: {condition}
      timeout: {30 + number % 7}s
      outputs: [{{name: artifact{number}, type: string}}]
"""
