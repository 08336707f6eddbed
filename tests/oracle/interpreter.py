"""The reference interpreter: a slow, obvious reading of what a program means.

It is written from the rows of ``wfe_vm/isa.py``, the fields of ``wfe_vm/program.py`` and the
semantics, not from the machine, and shares no code with it. A run is one dict of plain values; every
advance works on a copy of the whole of it. There are no limits, no deltas and no sizes here.

Here is how a run takes an event. Each other subject is a part of the same class, in a module of its own: ``pointers``
what a run holds, ``instructions`` and ``expressions`` what the words of a program do, ``steps``, ``signals``,
``forks``, ``sagas`` and ``stopping`` what becomes of a step. The parts call each other, as the subjects do.
"""

from __future__ import annotations

import pickle

import msgspec

from wfe_vm import events
from wfe_vm.outcome import FAILURE_KINDS, Failure

from .forks import Forks
from .instructions import Instructions
from .pointers import Frame, Pointer, Run
from .sagas import Sagas
from .signals import Signals
from .steps import Steps
from .stopping import Stopping


class Oracle(Instructions, Steps, Signals, Forks, Sagas, Stopping):
    """Advances runs of one program."""

    def new_run(self, run_id: str, name: str) -> Run:
        """Return a run that has not started."""
        return {
            "id": run_id,
            "name": name,
            "status": "pending",
            "time": 0,
            "suspended": False,
            "suspended_at": 0,
            "cancelling": False,
            "terminating": False,
            "hurried": False,
            "compensated": False,
            "registered": [],
            "pointers": {},
            "scopes": {},
            "timers": {},
            "waits": {},  # by activation, in the order in which they were reached
            "taken": {},  # by name and key of events: the number of the last one
            "asked": {},  # likewise: for whom the store delivers
            "moved": [],
            "fresh": [],
            "queue": [],
            "journal": [],
            "commands": [],
            "tolerated": [],
            "result": {},
            "end": None,
            "next_pointer": 0,
            "next_activation": 1,
        }

    def advance(self, run: Run, event: events.Event) -> tuple[Run, bool]:
        """Return the run after the event, and whether the event was stale.

        ``commands`` and ``journal`` of the result are those of this advance.
        """
        # A deep copy, which this makes many times as fast as copy.deepcopy does.
        self.run = pickle.loads(pickle.dumps({**run, "commands": [], "journal": [], "fresh": []}))
        self.run["time"] = max(self.run["time"], event.time)
        if not self.take_in(event):
            return run, True
        while not self.run["suspended"]:
            if not self.run["queue"]:
                if not self.decide():
                    break
                continue
            pointer = self.run["pointers"].get(self.run["queue"].pop(0))
            if pointer is not None and pointer["wait"] == "ready":
                self.going = pointer["id"]
                self.go(pointer)
                self.going = None
        for pointer in self.run["pointers"].values():
            if pointer["wait"] == "finish":
                pointer["wait"] = "ready"  # the run is suspended: asked again with the resume
        self.run["queue"] = []  # a suspended run is taken up by the order of its pointers
        self.ask()
        if self.run["end"] is None:
            self.run["status"] = self.status()
        return self.run, False

    def status(self) -> str:
        if self.run["suspended"]:
            return "suspended"
        if self.run["cancelling"]:
            return "cancelling"
        waits = [pointer["wait"] for pointer in self.run["pointers"].values()]
        return "running" if "step" in waits or "child" in waits else "waiting"

    def take_in(self, event: events.Event) -> bool:
        run = self.run
        if isinstance(event, events.Started):
            if run["status"] != "pending":
                return False
            root = self.new_pointer(None, 0, 0, 0, self.program.scope_sizes[0])
            facts = {"id": run["id"], "name": run["name"], "workflow": self.program.workflow}
            run["scopes"][root["id"]][:3] = [event.inputs, facts, event.host]
            return True
        if run["end"] is not None or run["status"] == "pending":
            return False
        if isinstance(event, (events.StepEnded, events.ChildEnded)):
            return self.take_in_end(event)
        if isinstance(event, events.EventArrived):
            return self.take_event(event)
        if isinstance(event, events.Answered):
            return self.take_answer(event)
        if isinstance(event, events.Tick):
            return self.tick(event.time)
        if isinstance(event, events.Suspend):
            if run["suspended"] or run["cancelling"]:
                return False
            run["suspended"], run["suspended_at"] = True, run["time"]
            return True
        if isinstance(event, events.Resume):
            return self.resume()
        if isinstance(event, events.Cancel):
            return self.cancel(event)
        assert isinstance(event, events.Terminate)
        self.end_hard("terminated", Failure("fail", event.reason))
        return True

    def take_in_end(self, event: events.StepEnded | events.ChildEnded) -> bool:
        for pointer in self.run["pointers"].values():
            wait = "step" if isinstance(event, events.StepEnded) else "child"
            if pointer["wait"] != wait:
                continue
            frame = pointer["frames"][-1]
            if frame["id"] != event.activation:
                continue
            # A child is known by its id, whatever attempt it was started for; one that never started has none.
            known_by_child = isinstance(event, events.ChildEnded) and event.child != ""
            if event.child != frame["child"] if known_by_child else event.attempt != frame["attempt"]:
                return False
            if isinstance(event, events.ChildEnded):
                self.child_ended(pointer, frame, event)
            elif event.outcome == "success":
                self.succeed(pointer, event.outputs, event.stdout)
            else:
                stdout = event.stdout if self.step_of(frame).keep_stdout else None
                self.settle(pointer, event.outcome, self.located(pointer, event.error), None, stdout)
            return True
        return False

    def child_ended(self, pointer: Pointer, frame: Frame, event: events.ChildEnded) -> None:
        if event.status == "succeeded":
            self.succeed(pointer, event.outputs, None)
            return
        error = event.error or Failure("fail", "")
        path = self.path(pointer)
        error = msgspec.structs.replace(error, step=f"{path}/{error.step}" if error.step else path)
        failed = "failure" if error.kind in FAILURE_KINDS else "error"
        outcome = failed if event.status == "failed" else "abort"
        self.settle(pointer, outcome, self.located(pointer, error))

    def tick(self, time: int) -> bool:
        if self.run["suspended"]:
            return False
        fired = False
        while True:
            due = sorted((due, *key) for key, due in self.run["timers"].items() if due <= time)
            if not due or self.run["suspended"] or self.run["end"] is not None:
                return fired
            fired = True
            _, activation, kind = due[0]
            del self.run["timers"][activation, kind]
            self.fire(activation, kind)

    def fire(self, activation: int, kind: str) -> None:
        if kind == "deadline":
            if self.run["registered"]:
                self.hurry(Failure("fail", "deadline"))
            else:
                self.end_hard("aborted", Failure("fail", "deadline"))
            return
        for pointer in list(self.run["pointers"].values()):
            for depth, frame in enumerate(pointer["frames"]):
                if frame["id"] != activation:
                    continue
                if kind == "retry":
                    self.begin_attempt(pointer, frame)
                    self.go_on(pointer, self.step_of(frame).entry)
                elif kind == "sleep":
                    self.succeed(pointer, {}, None)
                elif kind == "wait":
                    self.run_out(pointer, frame)
                else:
                    last = [frame["error"]] if frame["phase"] == "delay" and frame["error"] is not None else []
                    frame["final"] = frame["final"] or kind == "total"
                    self.stop(pointer, depth, "error", Failure("timeout", "", causes=last))
                return

    def resume(self) -> bool:
        if not self.run["suspended"]:
            return False
        self.lift_suspension()
        for number in sorted(self.run["pointers"]):
            pointer = self.run["pointers"].get(number)
            if pointer is None:
                continue
            if pointer["wait"] == "parked":
                self.start_afresh(pointer)
            elif pointer["wait"] == "ready":
                self.run["queue"].append(number)
            elif pointer["wait"] == "fork":
                self.fill(pointer)
        self.tick(self.run["time"])
        return True

    def lift_suspension(self) -> None:
        self.run["suspended"] = False
        root = self.run["pointers"][0]["frames"][0]
        if (root["id"], "timeout") in self.run["timers"]:
            self.run["timers"][root["id"], "timeout"] += self.run["time"] - self.run["suspended_at"]

    def cancel(self, event: events.Cancel) -> bool:
        if self.run["cancelling"]:
            return False
        self.run["cancelling"] = True
        root = self.run["pointers"][0]
        if event.deadline:
            self.run["timers"][root["frames"][0]["id"], "deadline"] = event.deadline
        waiting = []
        if self.run["suspended"]:
            self.lift_suspension()
            waiting = [number for number, pointer in self.run["pointers"].items() if pointer["wait"] == "ready"]
        self.stop(root, 0, "abort", Failure("fail", event.reason))
        self.run["queue"] += [number for number in waiting if number not in self.run["queue"]]
        return True
