"""Workflows of the library's tests, as texts."""

from __future__ import annotations

from typing import Final

__all__ = ["APPROVAL", "DOUBLE", "HOLD", "PARENT", "TWO", "WAITS", "calls"]


def calls(function: str, id: str = "work", version: int = 1, **keys: str) -> str:
    """Return a workflow of one python step that takes and gives a number."""
    more = "".join(f"\n      {key}: {value}" for key, value in keys.items())
    return f"""
workflow:
  id: {id}
  version: {version}
  inputs: {{n: integer}}
  outputs: {{n: integer}}
  steps:
    - name: call
      type: python
      config: {{call: {function}}}
      inputs: {{n: inputs.n}}
      outputs: [{{name: n, type: integer}}]{more}
"""


DOUBLE: Final = calls("double", "double")
HOLD: Final = calls("hold", "hold")

TWO: Final = """
workflow:
  id: two
  version: 1
  inputs: {n: integer}
  outputs: {n: integer}
  steps:
    - name: first
      type: python
      config: {call: double}
      inputs: {n: inputs.n}
      outputs: [{name: n, type: integer}]
    - name: never
      when: inputs.n > 1000
      type: python
      config: {call: double}
      inputs: {n: inputs.n}
    - name: second
      type: python
      config: {call: double}
      inputs: {n: steps.first.output.n}
      outputs: [{name: n, type: integer}]
"""

WAITS: Final = """
workflow:
  id: waits
  version: 1
  outputs: {paid: any}
  steps:
    - name: payment
      wait: {event: paid, key: order-7}
    - return: {paid: steps.payment.output.data}
"""

APPROVAL: Final = """
workflow:
  id: asks
  version: 1
  outputs: {by: string}
  steps:
    - name: ask
      approve: {title: Ship it?}
    - return: {by: steps.ask.output.by}
"""

PARENT: Final = """
workflow:
  id: parent
  version: 1
  outputs: {n: integer}
  steps:
    - name: child
      type: workflow
      config: {workflow: double, version: 1}
      inputs: {n: "21"}
      outputs: [{name: n, type: integer}]
"""
