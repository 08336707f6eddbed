"""Workflow files that several tests run."""

from __future__ import annotations

from pathlib import Path

__all__ = ["CHAIN", "FAMILY", "FLAKY", "GREETING", "SLOW", "under_way", "write"]

GREETING = """
workflow:
  id: greeting
  version: 3
  inputs:
    name: {type: string, default: world}
    times: {type: integer, default: 1}
  outputs: {text: string, times: integer}
  steps:
    - name: greet
      config: {run: 'echo "Hello, $NAME"; echo "##wfe[output text=Hello, $NAME]"'}
      outputs: [{name: text, type: string}]
    - return: {text: outputs.text, times: inputs.times}
"""

FLAKY = """
workflow:
  id: flaky
  version: 1
  steps:
    - name: prepare
      config: {run: echo prepared >> prepared.txt}
    - name: deliver
      config: {run: 'echo no such parcel >&2; test -e delivered'}
"""

CHAIN = """
workflow:
  id: chain
  version: 1
  outputs: {last: string}
  steps:
    - {name: first, config: {run: echo first >> ran.txt}}
    - {name: second, config: {run: echo second >> ran.txt}}
    - {name: third, config: {run: 'echo third >> ran.txt; echo "last=end" >> "$WFE_OUTPUT"'}, outputs: [{name: last}]}
    - return: {last: outputs.last}
"""

SLOW = """
workflow:
  id: slow
  version: 1
  outputs: {done: string}
  steps:
    - {name: before, config: {run: echo before >> ran.txt}}
    - name: long
      config:
        run: |
          echo waiting
          while [ ! -e go ]; do sleep 0.05; done
          echo went >> ran.txt
    - {name: after, config: {run: 'echo after >> ran.txt; echo "done=yes" >> "$WFE_OUTPUT"'}, outputs: [{name: done}]}
    - return: {done: outputs.done}
"""

FAMILY = """
workflows:
  - id: main
    version: 1
    outputs: {total: integer}
    steps:
      - name: call
        type: workflow
        config: {workflow: child}
        inputs: {items: '[1, 2]'}
        outputs: [{name: total, type: integer}]
      - return: {total: outputs.total}
  - id: child
    version: 1
    inputs: {items: list<integer>}
    outputs: {total: integer}
    steps:
      - name: fan
        for_each: inputs.items
        do:
          - {name: work, config: {run: echo working}}
      - return: {total: len(inputs.items)}
"""


def write(folder: Path, text: str, name: str = "file.yaml") -> str:
    """Write a workflow file, and return its name."""
    (folder / name).write_text(text)
    return name


def under_way(line: dict[str, object]) -> bool:
    """Whether a line of a JSON stream says that the long step of SLOW is running."""
    return line["type"] == "step.output" and line["text"] == "waiting\n"
