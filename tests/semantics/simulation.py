"""Runs a workflow on the machine alone: scripted outcomes instead of executors, a clock that jumps.

Every advance is held to two laws: old state plus delta equals the new state (MCH-05), and a state that
is encoded, dropped and decoded goes on as if nothing had happened (MCH-06).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from wfe_dsl.compiler import compile_file
from wfe_dsl.diagnostics.model import Diagnostics
from wfe_dsl.variables import Variables
from wfe_vm.commands import EndRun, Publish, RunStep, StartChild, StopChild, StopStep, Subscribe, Unsubscribe
from wfe_vm.events import ChildEnded, Event, EventArrived, Started, StepEnded, Tick
from wfe_vm.machine import Machine
from wfe_vm.outcome import Failure
from wfe_vm.program import encode_program, open_program
from wfe_vm.state import SINCE_NOW, SINCE_RUN, Record, State, encode_delta, restore
from wfe_vm.verify import check


class Fails(msgspec.Struct):
    """A scripted attempt that does not succeed."""

    outcome: str = "failure"
    kind: str = "exit"
    exit_code: int | None = 1


Script = Callable[[RunStep], Any]
"""Given what is to be run, gives outputs (a map), Fails, or None to leave it running."""


def succeed(_: RunStep) -> dict[str, Any]:
    return {}


class Board:
    """The events of a store that has one run, and what that run asked of it."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, int, Any]] = []  # name, key, time, data; numbered from 1
        self.asked: dict[tuple[str, str], Subscribe] = {}
        self.mark = 0  # the last number before the run
        self.marks: dict[tuple[str, str], int] = {}  # the last number before a subscription

    def publish(self, name: str, key: str, time: int, data: Any) -> list[EventArrived]:
        """Keep an event. Returns what is to be told."""
        self.events.append((name, key, time, data))
        return self.match((name, key), time)

    def subscribe(self, command: Subscribe, time: int) -> list[EventArrived]:
        place = (command.name, command.key)
        self.asked[place] = command
        self.marks[place] = len(self.events)
        return self.match(place, time)

    def match(self, place: tuple[str, str], time: int) -> list[EventArrived]:
        command = self.asked.get(place)
        if command is None:
            return []
        after = {SINCE_RUN: self.mark, SINCE_NOW: self.marks[place]}.get(command.since, 0)
        for number, (name, key, published, data) in enumerate(self.events, 1):
            if (name, key) == place and number > max(after, command.after) and published >= command.since:
                del self.asked[place]
                return [EventArrived(time, command.activation, command.attempt, number, name, key, data)]
        return []


class Simulation:
    """One run of the only workflow of a file."""

    def __init__(
        self,
        program: Any,
        inputs: dict[str, Any] | None = None,
        script: Script = succeed,
        board: Board | None = None,
    ) -> None:
        check(program)
        self.machine = Machine(open_program(encode_program(program)))
        self.program = program
        self.script = script
        self.now = 1_000_000
        self.state = self.machine.new_state("run-id", "run-1", "hash")
        self.records: list[Record] = []
        self.ran: list[RunStep] = []
        self.stopped: list[StopStep] = []
        self.children: list[StartChild] = []
        self.stopped_children: list[StopChild] = []
        self.ended: EndRun | None = None
        self.running: dict[int, RunStep] = {}
        self.pending: list[Event] = []
        self.board = board if board is not None else Board()
        self.board.mark = len(self.board.events)
        self.advance(Started(self.now, dict(inputs or {})))

    def advance(self, event: Event) -> bool:
        """Give one event to the machine, and hold the advance to the laws. Returns whether it changed anything."""
        before = self.state.snapshot()
        advance = self.machine.advance(self.state, event)
        if advance.delta is None:
            assert self.state.snapshot() == before
            return False
        replayed = restore(before)
        replayed.fold([encode_delta(advance.delta)])
        replayed.bind()
        assert replayed.snapshot() == self.state.snapshot()
        assert (replayed.active, replayed.due()) == (self.state.active, self.state.due())
        assert (replayed.queues, replayed.subscribed) == (self.state.queues, self.state.subscribed)
        replayed.stop_after = self.state.stop_after
        self.state = replayed
        self.records += advance.delta.records
        for command in advance.commands:
            self._take(command)
        assert self.board.asked.keys() <= self.state.subscribed.keys()
        return True

    def _take(self, command: Any) -> None:
        if isinstance(command, RunStep):
            self.ran.append(command)
            self.running[command.activation] = command
            answer = self.script(command)
            if answer is not None:
                self.pending.append(self._answer(command, answer))
        elif isinstance(command, StopStep):
            self.stopped.append(command)
            error = Failure("fail", "stopped")
            self.pending.append(StepEnded(self.now, command.activation, command.attempt, "abort", {}, error))
        elif isinstance(command, StartChild):
            self.children.append(command)
        elif isinstance(command, StopChild):
            self.stopped_children.append(command)
            if not command.hard:
                self.pending.append(ChildEnded(self.now, command.activation, command.attempt, command.child, "aborted"))
        elif isinstance(command, Subscribe):
            self.pending += self.board.subscribe(command, self.now)
        elif isinstance(command, Unsubscribe):
            self.board.asked.pop((command.name, command.key), None)
        elif isinstance(command, Publish):
            self.pending += self.board.publish(command.name, command.key, self.now, command.data)
        elif isinstance(command, EndRun):
            self.ended = command

    def _answer(self, command: RunStep, answer: Any) -> StepEnded:
        if isinstance(answer, Fails):
            error = Failure(answer.kind, f"{command.path} said no", exit_code=answer.exit_code)
            return StepEnded(self.now, command.activation, command.attempt, answer.outcome, {}, error)
        stdout = answer.pop("stdout", None)
        return StepEnded(self.now, command.activation, command.attempt, "success", answer, None, stdout)

    def end(self, path: str, answer: Any) -> None:
        """End a step that was left running."""
        command = next(command for command in self.running.values() if command.path == path)
        self.running.pop(command.activation)
        self.advance(self._answer(command, answer))

    def publish(self, name: str, data: Any = None, key: str = "") -> Simulation:
        """Publish an event, and deliver it to whoever waits for it."""
        self.pending += self.board.publish(name, key, self.now, data)
        return self.settle()

    def settle(self) -> Simulation:
        """Deliver what is pending, without letting time pass."""
        while self.pending:
            event = self.pending.pop(0)
            self.running.pop(getattr(event, "activation", -1), None)
            self.advance(event)
        return self

    def finish(self, limit: int = 100_000) -> Simulation:
        """Deliver all that is pending and let time pass, until the run ends or nothing more can happen."""
        for _ in range(limit):
            self.settle()
            due = self.state.due()
            if self.ended is not None or not due:
                return self
            self.now = max(self.now, due)
            self.advance(Tick(self.now))
        raise AssertionError("the run does not end")

    # What happened

    @property
    def status(self) -> str:
        return self.state.status

    @property
    def outputs(self) -> dict[str, Any]:
        assert self.ended is not None
        return self.ended.outputs

    @property
    def error(self) -> Failure | None:
        assert self.ended is not None
        return self.ended.error

    def paths_run(self) -> list[str]:
        """Return the paths of the steps that were asked for, in order."""
        return [command.path for command in self.ran]

    def statuses(self) -> dict[str, str]:
        """Return the last status of each step that ended, by path."""
        return {record.path: record.status for record in self.records if record.what != "started"}


def compile_text(folder: Path, text: str) -> Any:
    """Compile YAML and return its workflows' programs by id. Fails on any diagnostic that is an error."""
    path = folder / "workflow.yaml"
    path.write_text(text)
    diagnostics = Diagnostics()
    compiled = compile_file(path, Variables(), diagnostics)
    assert not diagnostics.has_errors, [(found.code, found.message) for found in diagnostics.found]
    return {item.program.workflow: item.program for item in compiled}


def state_of(simulation: Simulation) -> State:
    return simulation.state
