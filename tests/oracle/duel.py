"""Lets the machine and the oracle take the same random events, and compares all that can be seen of both."""

from __future__ import annotations

from typing import Any

from wfe_vm import commands, events
from wfe_vm.lifecycle import MAX_FAILURES_KEPT
from wfe_vm.machine import Machine
from wfe_vm.outcome import Failure
from wfe_vm.phases import WAIT_CHILD, WAIT_STEP
from wfe_vm.program import Program
from wfe_vm.reopening import ReopenError, plan_reopening
from wfe_vm.state import Delta, State, decode_delta, encode_delta, restore

from .interpreter import Oracle
from .programs import SCALARS, Chooser, chance, pick

RUN_ID, RUN_NAME = "run-1", "test-1"
ENDED = ("succeeded", "failed", "aborted", "terminated")
KINDS_OF = {"failure": ("exit", "throw"), "error": ("timeout", "executor", "lost"), "abort": ("fail",)}


class Duel:
    """One run of one program on both. ``restored`` has the machine go on from stored bytes after every advance.

    ``cancels`` is how many events in a hundred are cancels.
    """

    def __init__(self, program: Program, chooser: Chooser, restored: bool = False, cancels: int = 3) -> None:
        self.chooser = chooser
        self.cancels = cancels
        self.restored = restored
        self.machine = Machine(program)
        self.oracle = Oracle(program)
        self.state = self.machine.new_state(RUN_ID, RUN_NAME, "")
        self.shadow = State(RUN_ID, RUN_NAME, "")  # old state plus delta, to the end
        self.run = self.oracle.new_run(RUN_ID, RUN_NAME)
        self.time = 1000
        self.asked: dict[int, commands.RunStep | commands.StartChild] = {}
        self.past: list[events.Event] = []
        self.told: list[commands.Command] = []
        self.number = 0  # of the last event

    def play(self, events_at_most: int = 40) -> None:
        """Give random events until the run ends, or is ended for having had enough."""
        inputs = {"n": pick(self.chooser, SCALARS)}
        self.give(events.Started(self.time, inputs, {"docker": True}))
        for _ in range(events_at_most):
            if self.run["end"] is not None:
                break
            self.give(self.next_event())
        if self.run["end"] is None:
            self.give(events.Terminate(self.time, "enough"))
        self.check_nothing_is_left()
        if self.past:
            stale = self.give(pick(self.chooser, self.past))
            assert stale, "an ended run took an event in"

    def play_on(self, events_at_most: int = 20) -> None:
        """Have the machine alone retry an ended run, and see that it holds together; the oracle knows no retry."""
        self.time += 1
        self.tell(events.Retry(self.time, "", self.targets()))
        for _ in range(events_at_most):
            if self.state.end is not None:
                break
            self.tell(self.next_event_alone())
        if self.state.end is None:
            self.tell(events.Terminate(self.time, "enough"))
        self.check_nothing_is_left()

    def targets(self) -> tuple[events.Target, ...]:
        """Return where a random retry starts again, or what it is given a result for; often neither."""
        steps = self.machine.program.steps
        if len(steps) < 2 or chance(self.chooser, 30):
            return ()
        names = [steps[self.chooser.number(1, len(steps) - 1)].path.replace("[*]", "") for _ in range(3)]
        for name in names:
            try:
                if chance(self.chooser, 50):
                    return plan_reopening(self.machine.program, self.state, [name]).targets
                return plan_reopening(self.machine.program, self.state, supplied=name).targets
            except ReopenError:
                continue
        return ()

    def next_event_alone(self) -> events.Event:
        self.time = max(self.time + self.chooser.number(0, 3), self.state.due())
        waiting = [pointer for pointer in self.state.pointers.values() if pointer.wait in (WAIT_STEP, WAIT_CHILD)]
        if self.state.suspended:
            return events.Resume(self.time)
        if chance(self.chooser, 5):
            return events.Cancel(self.time)
        if self.state.due() and (not waiting or chance(self.chooser, 30)):
            return events.Tick(self.time)
        if not waiting:
            return self.from_outside()
        frame = pick(self.chooser, waiting).frames[-1]
        return self.end_of(self.asked[frame.id], frame.cause_outcome != 0)

    def tell(self, event: events.Event) -> Delta | None:
        """Give the machine alone an event, and check what needs no oracle. Returns the delta."""
        before = self.state.snapshot()
        advance = self.machine.advance(self.state, event)
        self.told = advance.commands
        if advance.stale:
            assert advance.commands == []
            assert self.state.snapshot() == before, f"{event} is stale, and changed the state"
            return None
        assert advance.delta is not None
        self.shadow.apply(decode_delta(encode_delta(advance.delta)))
        assert self.shadow.snapshot() == self.state.snapshot(), "old state plus delta is not the new state"
        if self.restored:
            self.state = restore(self.state.snapshot())
            self.state.bind()
        for command in advance.commands:
            if isinstance(command, (commands.RunStep, commands.StartChild)):
                self.asked[command.activation] = command
        return advance.delta

    def give(self, event: events.Event) -> bool:
        """Give both an event and compare them. Returns whether it was stale."""
        delta = self.tell(event)
        self.run, stale = self.oracle.advance(self.run, event)
        assert (delta is None) == stale, f"{event} is stale for one alone"
        if delta is None:
            return True
        lines = [seen(record) for record in delta.records]
        assert lines == [seen_in_journal(row) for row in self.run["journal"]], lines
        assert [told(command) for command in self.told] == [told(command) for command in self.run["commands"]]
        assert self.state.status == self.run["status"]
        tolerated = [(path, shape(error)) for path, error in self.state.tolerated]
        expected = [(path, shape(error)) for path, error in self.run["tolerated"]]
        assert tolerated == expected[:MAX_FAILURES_KEPT]
        return False

    def next_event(self) -> events.Event:
        """Return a random event, mostly one that fits."""
        chooser = self.chooser
        choice = chooser.number(0, 96 + self.cancels)
        if choice >= 97:
            return events.Cancel(self.time, "stop", pick(chooser, (0, self.time + 1, self.time + 20)))
        if choice >= 95:
            return events.Suspend(self.time)
        if choice >= 94:
            return events.Terminate(self.time, "now")
        if choice >= 90 and self.past:
            return pick(chooser, self.past)
        if self.run["suspended"] and chance(chooser, 60):
            return events.Resume(self.time)
        waiting = [pointer for pointer in self.run["pointers"].values() if pointer["wait"] in ("step", "child")]
        timers = sorted(set(self.run["timers"].values()))
        if timers and not self.run["suspended"] and (not waiting or chance(chooser, 30)):
            self.time = max(self.time, pick(chooser, timers))
            return events.Tick(self.time)
        self.time += chooser.number(0, 4)
        if self.state.waits and (not waiting or chance(chooser, 30)):
            event = self.from_outside()
            self.past.append(event)
            return event
        if not waiting:
            return events.Resume(self.time)
        frame = pick(chooser, waiting)["frames"][-1]
        event = self.end_of(self.asked[frame["id"]], frame["stop"] is not None)
        self.past.append(event)
        return event

    def from_outside(self) -> events.Event:
        """Return an event or an answer for one of the waits, mostly one that fits."""
        chooser = self.chooser
        activation, row = pick(chooser, list(self.state.waits.items()))
        attempt = row.attempt + chance(chooser, 5)
        if row.kind == "approval":
            return events.Answered(self.time, activation, attempt, pick(chooser, ("yes", "yes", "no", "what")), "ann")
        if chance(chooser, 90):
            activation = next(iter(self.state.queues[row.name, row.key]))
            attempt = self.state.waits[activation].attempt
        self.number += chooser.number(0, 2)
        data = pick(chooser, SCALARS)
        return events.EventArrived(self.time, activation, attempt, self.number, row.name, row.key, data)

    def end_of(self, asked: commands.RunStep | commands.StartChild, stopped: bool) -> events.Event:
        chooser = self.chooser
        choice = chooser.number(0, 99)
        outcome = "success" if choice < 60 else "failure" if choice < 80 else "error" if choice < 96 else "abort"
        if stopped and chance(chooser, 70):
            outcome = "abort"
        error = None
        if outcome != "success":
            error = Failure(pick(chooser, KINDS_OF[outcome]), "why", exit_code=pick(chooser, (None, 1, 7)))
        outputs = {"n": pick(chooser, SCALARS), "t": "text"} if outcome == "success" else {}
        if isinstance(asked, commands.RunStep):
            stdout = pick(chooser, (None, "out"))
            return events.StepEnded(self.time, asked.activation, asked.attempt, outcome, outputs, error, stdout)
        status = {"success": "succeeded", "abort": "aborted"}.get(outcome, "failed")
        return events.ChildEnded(self.time, asked.activation, asked.attempt, asked.child, status, outputs, error)

    def check_nothing_is_left(self) -> None:
        """An ended run keeps no pointers, timers or iterations, but for what a retry would reopen."""
        state = self.state
        assert state.status in ENDED
        assert not state.pointers
        assert not state.timers
        if not state.reopen:
            assert set(state.scopes) <= {0}
            assert not state.collected
            assert not state.registered


def shape(error: Failure | None) -> Any:
    """Return all of an error but its words."""
    if error is None:
        return None
    causes = [shape(cause) for cause in error.causes]
    hook_errors = [shape(hook_error) for hook_error in error.hook_errors]
    return (error.kind, error.exit_code, error.step, causes, hook_errors)


def seen(record: Any) -> Any:
    """Return a record of the machine as both can tell it."""
    place = (record.what, record.path, record.activation, record.attempt, record.time)
    return (*place, record.status, record.outputs, shape(record.error))


def seen_in_journal(row: dict[str, Any]) -> Any:
    """Return a line of the oracle's journal likewise."""
    place = tuple(row[key] for key in ("what", "path", "activation", "attempt", "time"))
    return (*place, row["status"], row["outputs"], shape(row["error"]))


def told(command: commands.Command) -> Any:
    """Return a command as both can tell it."""
    if isinstance(command, commands.EndRun):
        return (command.status, command.outputs, shape(command.error), command.compensated)
    return command
