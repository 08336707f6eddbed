"""Programs in which every construct occurs, for what draws, plans and compares them."""

from __future__ import annotations

import msgspec

from wfe_vm.program import Program

from .build import compiled

__all__ = ["EVERY", "HOSTILE", "INPUTS", "hostile_program", "program_of_later_kinds"]

INPUTS = "inputs: {x: integer, tags: list<string>, note: string?}"
EVERY = """
- {name: seq, sequence: [{name: a1, config: {run: 'echo ${{ inputs.x }}'}}]}
- name: par
  parallel: {steps: [{name: b1, config: {run: a}}, {name: b2, config: {run: a}}], limit: 2, fail_fast: true}
- name: cond
  if: inputs.x > 3 && (inputs.note ?? '') != ''
  then: [{name: c1, config: {run: a}}, {name: c2, config: {run: a}}]
  else: [{name: c3, config: {run: a}}]
- {name: half, if: 'inputs.x > 3 ? true : inputs.x < 5', then: [{name: d1, config: {run: a}}]}
- name: pick
  switch: inputs.x
  cases: {2: [{name: e2, config: {run: a}}], 1: [{name: e1, config: {run: a}}]}
  default: [{name: e3, config: {run: a}}]
- {name: again, while: inputs.x < 2, do: [{name: f1, config: {run: a}}], max_iterations: 3}
- {name: till, until: steps.g1.status == 'succeeded', do: [{name: g1, config: {run: a}}], max_iterations: 3}
- name: each
  for_each: [a, b]
  as: letter
  limit: 2
  collect: {list: letter + string(index)}
  do:
    - name: h1
      when: letter != 'q'
      config: {run: a, env: {A: 'v-${{ letter }}'}}
      on_failure: {name: h2, config: {run: 'echo ${{ error.message }}'}}
  ensure: {name: h3, config: {run: a}}
- {name: grid, matrix: {os: [a, b], py: inputs.tags}, do: [{name: i1, config: {run: a}, retry: 3, timeout: 5s}]}
- {name: let, set: {y: 'filter(inputs.tags, t => starts_with(t, "v"))', z: "'k'"}}
- {name: call, type: workflow, config: {workflow: child, version: 2}, inputs: {a: vars.y}}
- {name: nap, sleep: 1h30m}
- {name: dawn, sleep_until: "'2030-01-01T00:00:00Z'"}
- {name: stop, if: host.has('docker'), then: [{name: halt, fail: 'over ${{ inputs.x }}'}]}
- {name: back, return: {}}
"""

HOSTILE = '"]; --> x{}|<script>&amp;#quot;\\N\\\x1b[2J\u202e\n%%\nend\nsubgraph \U0001f600'
"""Ends labels, statements, tags and lines, wherever it is not escaped."""


def program_of_later_kinds() -> Program:
    """Return a program of the kinds that wait, race and undo: laid out as blocks, whose shape they have."""
    program = compiled(
        """
- {name: contest, parallel: [{name: j1, config: {run: a}}, {name: j2, config: {run: a}}]}
- name: trip
  sequence:
    - {name: book, config: {run: a}, on_failure: {name: unbook, config: {run: a}}}
- {name: paid, sequence: [{name: remind, config: {run: a}}]}
"""
    ).program
    kinds = {"contest": "race", "trip": "saga", "paid": "wait"}
    paths = {"unbook": "trip/book/compensate/unbook", "remind": "paid/on_timeout/remind"}
    steps = tuple(
        msgspec.structs.replace(row, kind=kinds.get(row.name, row.kind), path=paths.get(row.name, row.path))
        for row in program.steps
    )
    return msgspec.structs.replace(program, steps=steps)


def hostile_program() -> Program:
    """Return a program whose every text is HOSTILE."""
    program = compiled(
        """
- {name: a, when: "inputs.x == 'TEXT'", config: {run: TEXT}}
- {name: s, switch: inputs.x, cases: {TEXT: [{fail: TEXT}]}, on_failure: {name: h, config: {run: TEXT}}}
- {name: c, type: workflow, config: {workflow: child, version: 1}}
""",
        "inputs: {x: string}",
    ).program
    steps = []
    for row in program.steps:
        child = None if row.child is None else msgspec.structs.replace(row.child, workflow=HOSTILE)
        steps.append(msgspec.structs.replace(row, name=HOSTILE, type=row.type and HOSTILE, child=child))
    constants = tuple(HOSTILE if value == "TEXT" else value for value in program.constants)
    return msgspec.structs.replace(program, steps=tuple(steps), constants=constants, workflow=HOSTILE)
