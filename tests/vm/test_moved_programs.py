"""Runs of random workflows are moved to edited ones wherever the proof accepts that, and go on to their ends.

Each step gives a text that begins with its name, each variable and item holds its own: so what is read under a name
shows whose it is. ``WFE_TEST_MOVES`` says how many workflows, ``WFE_TEST_SEED`` with which one to begin.
"""

from __future__ import annotations

import os
from collections import Counter
from random import Random
from typing import Any, Final

from tests.dsl.build import compile_text, in_workflow
from wfe_dsl.compiler import Compiled
from wfe_vm.commands import Command, RunStep, StopStep
from wfe_vm.events import Cancel, Event, Resume, Retry, Started, StepEnded, Suspend, Terminate, Tick
from wfe_vm.machine import Machine
from wfe_vm.migration import migration_of
from wfe_vm.moving import move_state
from wfe_vm.outcome import Failure
from wfe_vm.state import State, restore

Node = dict[str, Any]
BLOCKS: Final = ("sequence", "parallel", "race", "saga", "if", "for_each")
LEAVES: Final = ("task", "task", "task", "set", "sleep")
EVENTS_AT_MOST: Final = 80


class Workflows:
    """Random workflows, and edits of them, as trees of nodes."""

    def __init__(self, chooser: Random) -> None:
        self.chooser = chooser
        self._count = 0

    def nodes(self, depth: int = 0) -> list[Node]:
        return [self.node(depth) for _ in range(self.chooser.randint(1, 4 - depth))]

    def node(self, depth: int = 0) -> Node:
        self._count += 1
        kind = self.chooser.choice((*LEAVES, *BLOCKS) if depth < 2 else LEAVES)
        node: Node = {"name": f"s{self._count}", "kind": kind, "keys": self.chooser.sample(range(5), 2)}
        if kind in BLOCKS:
            node["inner"] = self.nodes(depth + 1)
        return node

    def edit(self, nodes: list[Node]) -> None:
        """Add, remove, exchange or change a node of a list, or of one below it."""
        position = self.chooser.randrange(len(nodes))
        chosen = nodes[position]
        if "inner" in chosen and self.chooser.random() < 0.6:
            self.edit(chosen["inner"])
            return
        what = self.chooser.randrange(4)
        if what == 0:
            nodes.insert(position, self.node(1))
        elif what == 1 and len(nodes) > 1:
            del nodes[position]
        elif what == 2:
            nodes.append(nodes.pop(position))
        else:
            chosen["keys"] = self.chooser.sample(range(5), 2)

    def text(self, nodes: list[Node], indent: str = "", known: tuple[tuple[str, str], ...] = ()) -> str:
        """Return steps as YAML. ``known`` is what they may read: the name to tell it by, and the expression."""
        lines = []
        for node in nodes:
            name, kind = node["name"], node["kind"]
            lines.append(f"{indent}- name: {name}")
            inside = indent + "  "
            if kind == "set":
                lines.append(f"{inside}set: {{v_{name}: \"'{name}#set'\"}}")
                known = (*known, (name, f"vars.v_{name}"))
                continue
            if kind == "task":
                lines += self._task(node, inside, known)
                known = (*known, (name, f"steps.{name}.output.o_{name}"))
                continue
            below = known
            if kind == "sleep":
                lines.append(f"{inside}sleep: 1s")
                continue
            if kind == "if":
                lines += [f"{inside}if: run.name != ''", f"{inside}then:"]
            elif kind == "for_each":
                lines += [f"{inside}for_each: \"['{name}#1', '{name}#2']\"", f"{inside}as: i_{name}", f"{inside}do:"]
                below = (*known, (name, f"i_{name}"))
            else:
                lines.append(f"{inside}{kind}:")
            lines.append(self.text(node["inner"], inside + "  ", below))
        return "\n".join(lines)

    def _task(self, node: Node, inside: str, known: tuple[tuple[str, str], ...]) -> list[str]:
        name, keys = node["name"], node["keys"]
        read = self.chooser.sample(known, min(len(known), 3))
        env = ", ".join(f"R_{whose}: '${{{{ {expression} }}}}'" for whose, expression in read)
        lines = [
            f"{inside}config: {{run: work, env: {{{env}}}}}",
            f"{inside}outputs: [{{name: o_{name}, type: string}}]",
        ]
        if 0 in keys:
            lines.append(f"{inside}retry: {{attempts: 2, interval: 1s}}")
        if 1 in keys:
            lines.append(f"{inside}compensate: {{name: u_{name}, config: {{run: undo, env: {{{env}}}}}}}")
        if 2 in keys:
            lines.append(f"{inside}on_failure: {{name: f_{name}, config: {{run: tell, env: {{{env}}}}}}}")
        if 3 in keys:
            lines.append(f"{inside}ensure: {{name: e_{name}, config: {{run: clean, env: {{{env}}}}}}}")
        return lines


class Life:
    """One run on random events, whose reads are looked at."""

    def __init__(self, program: Compiled, chooser: Random) -> None:
        self.chooser = chooser
        self.program = program
        self.machine = Machine(program.program)
        self.state = self.machine.new_state("r1", "demo-1", program.hash)
        self.pending: dict[tuple[int, int], RunStep] = {}
        self.reads = 0
        self.tell(Started(1, {}))

    def tell(self, event: Event) -> None:
        self.look_at(self.machine.advance(self.state, event).commands)

    def look_at(self, commands: list[Command]) -> None:
        for command in commands:
            if isinstance(command, RunStep):
                self.pending[command.activation, command.attempt] = command
                for name, value in (command.config.get("env") or {}).items():
                    self.reads += value not in (None, "")
                    whose = name.removeprefix("R_")
                    assert value in (None, "") or value.startswith(f"{whose}#"), (
                        f"{command.path} read {value} as {name}"
                    )
            elif isinstance(command, StopStep):
                key = command.activation, command.attempt
                if self.pending.pop(key, None) is not None:
                    self.tell(StepEnded(self.state.time, *key, "abort", {}, Failure("aborted", "stopped")))

    def live(self, events: int) -> None:
        """Give so many events, or as many as it takes to the end."""
        for _ in range(events):
            if self.state.end is not None:
                return
            self.tell(self.event())

    def event(self) -> Event:
        now = self.state.time + 1
        if self.state.suspended and (not self.pending or self.chooser.random() < 0.5):
            return Resume(now)
        if self.pending and self.chooser.random() < 0.95:
            key = self.chooser.choice(list(self.pending))
            step = self.pending.pop(key)
            name = step.path.rpartition("/")[2]
            if self.chooser.random() < 0.15:
                return StepEnded(now, *key, "failure", {}, Failure("exit", "it failed"))
            return StepEnded(now, *key, "success", {f"o_{name}": f"{name}#{now}"} if name[0] == "s" else {}, None)
        if self.pending and self.chooser.random() < 0.7:
            return Suspend(now)
        return Tick(max(now, self.state.due())) if self.state.due() or not self.pending else Cancel(now)

    def move(self, new: Compiled) -> bool:
        """Move the run where it can be, as bytes. Returns whether it was."""
        old = self.program
        names = (old.source_map.names, new.source_map.names)
        found = migration_of(old.program, new.program, self.state, names)
        if not found.possible:
            return False
        move_state(old.program, new.program, names, self.state, found, new.hash)
        self.state: State = restore(self.state.snapshot())
        self.state.bind()
        self.program, self.machine, self.pending = new, Machine(new.program), {}
        if self.state.end is None:
            self.look_at(self.machine.recover(self.state))
        return True

    def to_the_end(self) -> None:
        if self.state.end is not None:
            self.tell(Retry(self.state.time + 1))
        self.live(EVENTS_AT_MOST)
        if self.state.end is None:
            self.tell(Terminate(self.state.time + 1, "enough"))


def program_of(text: str) -> Compiled | None:
    """Return the program of steps; None where there is a mistake in them."""
    programs, found = compile_text(in_workflow(text))
    return None if any(one.severity == "error" for one in found) else programs[0]


def move_runs(seed: int, outcomes: Counter[str]) -> None:
    """Move runs of one workflow, each standing somewhere else, to an edited one; the outcomes are counted."""
    chooser = Random(seed)
    workflows = Workflows(chooser)
    nodes = workflows.nodes()
    old = program_of(workflows.text(nodes))
    for _ in range(chooser.randint(1, 3)):
        workflows.edit(nodes)
    new = program_of(workflows.text(nodes))
    if old is None or new is None:
        outcomes["no program"] += 1
        return
    for _ in range(8):
        life = Life(old, chooser)
        life.live(chooser.randint(0, 12))
        if not life.move(new):
            outcomes["refused"] += 1
            continue
        outcomes["moved"] += 1
        before = life.reads
        life.to_the_end()
        outcomes["reads"] += life.reads - before


def test_moved_runs_go_on_to_their_ends_and_read_under_a_name_what_was_left_under_it() -> None:
    first, count = int(os.environ.get("WFE_TEST_SEED", "1")), int(os.environ.get("WFE_TEST_MOVES", "60"))
    outcomes: Counter[str] = Counter()
    for seed in range(first, first + count):
        try:
            move_runs(seed, outcomes)
        except Exception as error:
            raise AssertionError(f"WFE_TEST_SEED={seed} WFE_TEST_MOVES=1 shows it: {error!r}") from error
    assert count == 1 or min(outcomes["moved"], outcomes["refused"], outcomes["reads"]) > count / 2, outcomes
