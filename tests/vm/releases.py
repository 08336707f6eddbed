"""Programs and parked states as a release has stored them, kept as files: what later releases have to go on with.

``python -m tests.vm.releases VERSION`` writes those of this tree to ``tests/data/releases/VERSION``. That is done once,
when a release is made; the files of a release that is out are never written again.
"""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any

from tests.dsl.build import compiled
from wfe_vm.commands import RunStep
from wfe_vm.events import Event, Started, StepEnded, Tick
from wfe_vm.machine import Machine
from wfe_vm.program import Program, decode_program, encode_program
from wfe_vm.state import State, decode_delta, encode_delta, restore
from wfe_vm.verify import check

__all__ = ["RELEASES", "Kept", "go_on", "read_release"]

RELEASES = Path(__file__).resolve().parent.parent / "data/releases"
FIRST = 1_800_000_000_000
MOST_EVENTS = 10_000

CASES = {
    "sequence": "- {name: a, config: {run: a}}\n- {name: b, config: {run: b}}\n- {name: c, config: {run: c}}\n",
    "blocks": """
- name: both
  parallel:
    - {name: left, config: {run: a}}
    - sequence: [{name: nap, sleep: 1h}, {name: right, config: {run: a}}]
- name: each
  for_each: '[1, 2, 3]'
  limit: 2
  collect: {seen: item}
  do: [{name: work, config: {run: a}}]
- name: first
  race: [{name: hare, config: {run: a}}, {name: tortoise, sleep: 2h}]
- if: len(vars.seen) == 3
  then: [{name: all-seen, config: {run: a}}]
""",
    "hooks": """
- name: tried
  config: {run: a}
  retry: {attempts: 3, interval: 1m, backoff: 2}
  on_success: {name: cheer, config: {run: a}}
  ensure: {name: sweep, config: {run: a}}
- set: {n: 0}
- name: loop
  while: vars.n < 3
  max_iterations: 10
  do: [{set: {n: vars.n + 1}}, {name: pass, config: {run: a}}]
""",
    "saga": """
- name: trip
  continue_on_failure: true
  saga:
    - {name: hotel, config: {run: a}, compensate: {name: no-hotel, config: {run: a}}}
    - {name: flight, config: {run: a}, compensate: {name: no-flight, config: {run: a}}}
    - fail: the trip is off
- {name: home, config: {run: a}}
""",
}


class Kept:
    """A run of a release: its program, its changes up to where it was parked, the state there, and its end."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self.program = base64.b64decode(fields["program"])
        self.deltas = [base64.b64decode(one) for one in fields["deltas"]]
        self.snapshot = base64.b64decode(fields["snapshot"])
        self.end: dict[str, Any] = fields["end"]

    def load(self) -> tuple[Machine, Program]:
        """Return the verified program's machine."""
        program = decode_program(self.program)
        check(program)
        return Machine(program), program

    def replayed(self) -> State:
        """Return the state that the changes lead to."""
        state = State("r1", "kept-1", "")
        for data in self.deltas:
            state.apply(decode_delta(data))
        state.bind()
        return state

    def restored(self) -> State:
        """Return the state of the snapshot."""
        state = restore(self.snapshot)
        state.bind()
        return state


def advance(machine: Machine, state: State, event: Event, deltas: list[bytes]) -> list[Any]:
    step = machine.advance(state, event)
    if step.delta is not None:
        deltas.append(encode_delta(step.delta))
    return list(step.commands)


def go_on(machine: Machine, state: State, asked: list[Any] | None = None, events: int = MOST_EVENTS) -> dict[str, Any]:
    """Let each step succeed and time pass, to the end or for so many events. Returns the end, and what ran."""
    ran: list[str] = []
    deltas: list[bytes] = []
    commands = machine.recover(state) if asked is None else asked
    now = state.time
    for _ in range(events):
        if state.end is not None:
            break
        step = next((one for one in commands if isinstance(one, RunStep)), None)
        if step is not None:
            commands.remove(step)
            ran.append(step.path)
            commands += advance(machine, state, StepEnded(now, step.activation, step.attempt, "success", {}), deltas)
        else:
            now = max(state.due(), now)
            commands += advance(machine, state, Tick(now), deltas)
    return {"status": state.status, "ran": ran, "deltas": deltas}


def read_release(version: str) -> dict[str, Kept]:
    """Return what a release has left, by name."""
    return {path.stem: Kept(json.loads(path.read_text())) for path in sorted((RELEASES / version).glob("*.json"))}


def write_release(version: str) -> None:
    """Write the runs of this tree, parked after their first, third and fifth event."""
    folder = RELEASES / version
    folder.mkdir(parents=True)
    for name, text in CASES.items():
        program = compiled(text).program
        for events in (1, 3, 5):
            machine = Machine(program)
            state = machine.new_state("r1", "kept-1", "")
            deltas: list[bytes] = []
            asked = advance(machine, state, Started(FIRST, {}), deltas)
            deltas += go_on(machine, state, asked, events)["deltas"]
            snapshot = state.snapshot()
            again = restore(snapshot)
            again.bind()
            end = go_on(machine, again)
            fields = {
                "program": encoded(encode_program(program)),
                "deltas": [encoded(data) for data in deltas],
                "snapshot": encoded(snapshot),
                "end": {"status": end["status"], "ran": end["ran"]},
            }
            (folder / f"{name}-{events}.json").write_text(json.dumps(fields, indent=1) + "\n")


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


if __name__ == "__main__":
    write_release(sys.argv[1])
