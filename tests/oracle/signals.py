"""Waits for events, approvals and publishing: who waits, who is asked for, and what is taken by whom.

Waits for one name and key take successive events, in the order in which they were reached. The store is asked for the
first of them only.
"""

from __future__ import annotations

from typing import Any

from wfe_vm import commands, events
from wfe_vm.ids import derive_id
from wfe_vm.moments import moment_text
from wfe_vm.outcome import Failure

from .pointers import Frame, Pointer, Pointers
from .values import Wrong, text


class Signals(Pointers):
    def signal(self, pointer: Pointer, frame: Frame, name: str, stack: list[Any]) -> None:
        signal = self.step_of(frame).signal
        if name == "WAIT":
            since = stack.pop()
            if since is not None and since not in ("run", "now") and type(since) is not int:
                raise Wrong("type")
            since = max(since, 0) if type(since) is int else {None: -2, "run": -2, "now": -1}[since]
            row = {"place": (signal.event, text([stack.pop()])), "since": since}
            self.wait(pointer, frame, "event", row)
        elif name == "APPROVE":
            stack.clear()
            self.wait(pointer, frame, "answer", {"place": None})
        elif name == "PUBLISH":
            self.ask()
            data, key = stack.pop(), text([stack.pop()])
            id = derive_id(self.run["time"], "event", self.run["id"], frame["id"], frame["attempt"])
            self.command(commands.Publish(frame["id"], frame["attempt"], id, signal.event, key, data))
            self.succeed(pointer, {"id": id}, None)
        else:
            answer = {"option": None, "by": None, "at": None} if signal.options else {"data": None}
            self.succeed(pointer, {**answer, "timed_out": True}, None)

    def wait(self, pointer: Pointer, frame: Frame, kind: str, row: dict[str, Any]) -> None:
        pointer["wait"] = kind
        self.run["waits"][frame["id"]] = {**row, "attempt": frame["attempt"]}
        self.run["moved"].append(row["place"])
        self.run["fresh"].append(frame["id"])
        limit = self.step_of(frame).signal.timeout_ms
        if limit:
            self.run["timers"][frame["id"], "wait"] = self.run["time"] + limit

    def drop_wait(self, activation: int) -> None:
        row = self.run["waits"].pop(activation, None)
        if row is not None:
            self.run["moved"].append(row["place"])
            self.run["timers"].pop((activation, "wait"), None)

    def first_at(self, place: Any) -> int | None:
        return next((number for number, row in self.run["waits"].items() if row["place"] == place), None)

    def ask(self) -> None:
        """Say for whom the store is to deliver, for each name and key whose waits have come or gone."""
        for place in dict.fromkeys(place for place in self.run["moved"] if place is not None):
            first = self.first_at(place)
            if first is None:
                if self.run["asked"].pop(place, None) is not None:
                    self.command(commands.Unsubscribe(*place))
                continue
            row = self.run["waits"][first]
            if self.run["asked"].get(place) != (first, row["attempt"]):
                self.run["asked"][place] = (first, row["attempt"])
                since = -2 if row["since"] == -1 and first not in self.run["fresh"] else row["since"]
                after = self.run["taken"].get(place, 0)
                self.command(commands.Subscribe(first, row["attempt"], *place, after, since))
        self.run["moved"] = []

    def waiting_at(self, activation: int) -> Pointer:
        return next(p for p in self.run["pointers"].values() if p["frames"] and p["frames"][-1]["id"] == activation)

    def take_event(self, event: events.EventArrived) -> bool:
        place = (event.name, event.key)
        row = self.run["waits"].get(event.activation)
        if row is None or row["attempt"] != event.attempt or self.first_at(place) != event.activation:
            return False
        if event.number <= self.run["taken"].get(place, 0):
            return False
        self.run["taken"][place] = event.number
        self.run["asked"].pop(place)
        self.succeed(self.waiting_at(event.activation), {"data": event.data, "timed_out": False}, None)
        return True

    def take_answer(self, event: events.Answered) -> bool:
        row = self.run["waits"].get(event.activation)
        if row is None or row["attempt"] != event.attempt or row["place"] is not None:
            return False
        pointer = self.waiting_at(event.activation)
        signal = self.step_of(pointer["frames"][-1]).signal
        if event.option in signal.reject:
            self.settle(pointer, "failure", self.located(pointer, Failure("refused", "")))
        elif event.option in signal.options:
            answer = {"option": event.option, "by": event.by, "at": moment_text(event.time), "timed_out": False}
            self.succeed(pointer, answer, None)
        return event.option in signal.options

    def run_out(self, pointer: Pointer, frame: Frame) -> None:
        self.drop_wait(frame["id"])
        on_timeout = self.step_of(frame).signal.on_timeout
        if on_timeout >= 0:
            self.go_on(pointer, on_timeout)
        else:
            self.settle(pointer, "error", self.located(pointer, Failure("timeout", "")))
