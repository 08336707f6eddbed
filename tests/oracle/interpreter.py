"""The reference interpreter: a slow, obvious reading of what a program means.

It is written from the rows of ``wfe_vm/isa.py``, the fields of ``wfe_vm/program.py`` and the
semantics, not from the machine, and shares no code with it. A run is one dict of plain values; every
advance works on a copy of the whole of it. There are no limits, no deltas and no sizes here.

How a frame is stopped from outside: it is marked with how it has to end, and so is every frame inside
it. Whatever it waits for is asked to stop; when control comes back to a marked frame, it settles as
marked. A frame whose hooks are already running is not marked, nor what runs in those hooks.
"""

from __future__ import annotations

import copy
from typing import Any

import msgspec

from wfe_vm import commands, events
from wfe_vm.errors import ExpressionError
from wfe_vm.ids import derive_id, fraction
from wfe_vm.isa import BY_NUMBER
from wfe_vm.library import FUNCTIONS_BY_NUMBER
from wfe_vm.moments import moment_text
from wfe_vm.outcome import FAILURE_KINDS, Failure
from wfe_vm.program import Program, unpack_code

from .values import Wrong, arithmetic, boolean, compare, contained, element, is_number, same, text

STATUS = {"success": "succeeded", "failure": "failed", "error": "error", "abort": "aborted", "skipped": "skipped"}
TIMED_KINDS = ["run", "workflow", "sequence", "parallel", "race", "if", "while", "until", "for_each", "sleep"]
TIMED_KINDS += ["sleep_until", "saga", "wait", "approve", "publish"]
AFTERWARDS = ("hook", "ensure", "undo")  # phases in which the body is over, and what follows is let finish
LONGEST_DELAY_MS = 400 * 24 * 3600 * 1000

Run = dict[str, Any]
Pointer = dict[str, Any]
Frame = dict[str, Any]


class Oracle:
    """Advances runs of one program."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.words = list(unpack_code(program.code))
        self.run: Run = {}
        self.going: int | None = None  # the pointer that is being carried on

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
        self.run = copy.deepcopy(run)
        self.run["commands"], self.run["journal"], self.run["fresh"] = [], [], []
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

    # Events

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

    # Pointers

    def new_pointer(self, parent: Pointer | None, fork: int, index: int, pc: int, slots: int | None) -> Pointer:
        number = self.run["next_pointer"]
        self.run["next_pointer"] += 1
        owners = [] if parent is None else list(parent["owners"])
        if slots is not None:
            owners.append(number)
            self.run["scopes"][number] = [None] * slots
        pointer = {
            "id": number,
            "parent": None if parent is None else parent["id"],
            "fork": fork,
            "index": index,
            "pc": pc,
            "wait": "ready",
            "stopped": False,
            "returning": False,
            "owners": owners,
            "undoes": None,
            "frames": [],
        }
        self.run["pointers"][number] = pointer
        self.run["queue"].append(number)
        return pointer

    def remove_pointer(self, pointer: Pointer) -> None:
        pointer["wait"] = "gone"
        del self.run["pointers"][pointer["id"]]
        if pointer["id"]:
            self.run["scopes"].pop(pointer["id"], None)
        if pointer["undoes"] is not None:
            for owner in pointer["owners"]:
                del self.run["scopes"][owner]

    def go_on(self, pointer: Pointer, pc: int) -> None:
        pointer["pc"] = pc
        pointer["wait"] = "ready"
        if pointer["id"] != self.going:
            self.run["queue"].append(pointer["id"])

    def go(self, pointer: Pointer) -> None:
        """Carry a pointer on until it waits or is gone."""
        stack: list[Any] = []
        locals: dict[int, Any] = {}
        while pointer["wait"] == "ready" and not self.run["suspended"]:
            pc = pointer["pc"]
            row = BY_NUMBER[self.words[pc]]
            operands = self.words[pc + 1 : pc + 1 + len(row.operands)]
            pointer["pc"] = pc + 1 + len(row.operands)
            try:
                if not self.evaluate(pointer, row.name, operands, stack, locals):
                    self.carry_out(pointer, row.name, operands, stack)
            except Wrong as wrong:
                stack.clear()
                if pointer["frames"]:
                    self.settle(pointer, "error", self.located(pointer, Failure(wrong.kind, "")))
                else:
                    # What an iteration leaves for the list is worked out after its last step.
                    loop = self.path(self.run["pointers"][pointer["parent"]])
                    place = f"{loop}[{pointer['index']}]"
                    self.end_pointer(pointer, "error", Failure(wrong.kind, "", step=place))

    # Instructions

    def evaluate(
        self, pointer: Pointer, name: str, operands: list[int], stack: list[Any], locals: dict[int, Any]
    ) -> bool:
        """Carry out an instruction that knows the stack, slots and jumps alone. Returns whether it was one."""
        constants = self.program.constants

        def take(count: int) -> list[Any]:
            items = stack[len(stack) - count :]
            del stack[len(stack) - count :]
            return items

        if name == "LOAD_CONST":
            stack.append(copy.deepcopy(constants[operands[0]]))
        elif name == "LOAD_SLOT":
            stack.append(copy.deepcopy(self.scope(pointer, operands[0])[operands[1]]))
        elif name == "STORE_SLOT":
            self.scope(pointer, operands[0])[operands[1]] = stack.pop()
        elif name == "LOAD_LOCAL":
            stack.append(locals[operands[0]])
        elif name == "POP":
            stack.pop()
        elif name == "MEMBER":
            value = stack.pop()
            stack.append(value.get(constants[operands[0]]) if isinstance(value, dict) else None)
        elif name == "INDEX":
            stack.append(element(*take(2)))
        elif name == "MAKE_LIST":
            stack.append(take(operands[0]))
        elif name == "MAKE_MAP":
            items = take(2 * operands[0])
            stack.append({items[at]: items[at + 1] for at in range(0, len(items), 2)})
        elif name == "TEXT":
            stack.append(text(take(operands[0])))
        elif name == "GATHER":
            rows = [(key, self.scope(pointer, depth)[slot]) for key, depth, slot in constants[operands[0]]]
            stack.append({key: value for key, value in rows if value is not None})
        elif name in ("EQUAL", "NOT_EQUAL"):
            stack.append(same(*take(2)) is (name == "EQUAL"))
        elif name in ("LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL"):
            order = compare(*take(2))
            stack.append({"LESS": order < 0, "LESS_EQUAL": order <= 0, "GREATER": order > 0}.get(name, order >= 0))
        elif name in ("ADD", "SUBTRACT", "MULTIPLY", "DIVIDE", "REMAINDER"):
            stack.append(arithmetic(name, *take(2)))
        elif name == "NEGATE":
            value = stack.pop()
            stack.append(arithmetic("SUBTRACT", 0, value) if type(value) is not float else -value)
        elif name == "NOT":
            stack.append(not boolean(stack.pop()))
        elif name == "IN":
            stack.append(contained(*take(2)))
        elif name == "CHECK_BOOL":
            boolean(stack[-1])
        elif name == "JUMP":
            pointer["pc"] = operands[0]
        elif name in ("BRANCH_FALSE", "BRANCH_TRUE"):
            if boolean(stack.pop()) is (name == "BRANCH_TRUE"):
                pointer["pc"] = operands[0]
        elif name in ("BRANCH_FALSE_KEEP", "BRANCH_TRUE_KEEP"):
            if boolean(stack[-1]) is (name == "BRANCH_TRUE_KEEP"):
                pointer["pc"] = operands[0]
            else:
                stack.pop()
        elif name == "BRANCH_VALUE_KEEP":
            if stack[-1] is not None:
                pointer["pc"] = operands[0]
            else:
                stack.pop()
        elif name == "CALL":
            try:
                stack.append(FUNCTIONS_BY_NUMBER[operands[0]].call(take(operands[1])))
            except ExpressionError as error:
                raise Wrong(error.code) from None
        elif name == "EACH_BEGIN":
            if not isinstance(stack[-1], list):
                raise Wrong("null" if stack[-1] is None else "type")
            stack[-1] = {"left": list(stack[-1]), "kept": []}
        elif name == "EACH_NEXT":
            if stack[-1]["left"]:
                locals[operands[0]] = stack[-1]["left"].pop(0)
            else:
                stack[-1] = stack[-1]["kept"]
                pointer["pc"] = operands[1]
        elif name == "EACH_KEEP":
            value = stack.pop()
            stack[-1]["kept"].append(value)
        elif name == "EACH_FILTER":
            if boolean(stack.pop()):
                stack[-1]["kept"].append(locals[operands[0]])
        else:
            return False
        return True

    def carry_out(self, pointer: Pointer, name: str, operands: list[int], stack: list[Any]) -> None:
        """Carry out an instruction of a step's life."""
        if name in ("ENTER", "BEGIN"):
            frame = self.open(pointer, operands[0])
            if name == "BEGIN":
                self.begin_attempt(pointer, frame)
            return
        if name == "END_BRANCH":
            if self.comes_in(pointer):
                pointer["pc"] -= 1
                pointer["wait"] = "finish"
            else:
                self.end_pointer(pointer, "success", None)
            return
        if name == "END_COMPENSATION":
            self.end_undo(pointer)
            return
        if name == "COLLECT":
            fork = self.find_frame(pointer["fork"])
            fork["collected"][pointer["index"]] = stack.pop()
            return
        frame = pointer["frames"][-1]
        step = self.step_of(frame)
        if name == "GUARD":
            if boolean(stack.pop()):
                self.begin_attempt(pointer, frame)
            else:
                self.skip(pointer, frame)
        elif name == "PASS":
            frame["passes"] += 1
            if step.max_passes and frame["passes"] > step.max_passes:
                raise Wrong("limit")
        elif name == "END":
            self.succeed(pointer, {}, None)
        elif name == "RUN":
            config, inputs, data = stack
            stack.clear()
            pointer["wait"] = "step"
            path = self.path(pointer)
            self.command(commands.RunStep(frame["id"], frame["attempt"], frame["step"], path, config, inputs, data))
        elif name == "START_CHILD":
            self.start_child(pointer, frame, stack.pop())
        elif name in ("WAIT", "APPROVE", "PUBLISH", "TIMED_OUT"):
            self.signal(pointer, frame, name, stack)
        elif name in ("SLEEP", "SLEEP_UNTIL"):
            self.sleep(pointer, frame, name, stack.pop())
        elif name == "FORK":
            self.fork(pointer, frame, len(step.branches), None)
        elif name == "FORK_EACH":
            items = stack.pop()
            if not isinstance(items, list):
                raise Wrong("null" if items is None else "type")
            self.fork(pointer, frame, len(items), items)
        elif name == "END_HOOK":
            if frame["phase"] == "hook":
                self.ensure(pointer, frame)
            else:
                self.leave(pointer, frame)
        elif name == "FAIL":
            self.settle(pointer, "failure", self.located(pointer, Failure("fail", text([stack.pop()]))))
        elif name == "RETURN":
            self.run["result"] = stack.pop()
            pointer["returning"] = True
            self.succeed(pointer, {}, None)
        else:
            assert name == "FINISH", name
            self.run["result"] = stack.pop()
            self.succeed(pointer, {}, None)

    def start_child(self, pointer: Pointer, frame: Frame, inputs: Any) -> None:
        child = self.step_of(frame).child
        assert child is not None
        reopen = bool(frame["child"])
        if not reopen:
            parts = ("child", self.run["id"], frame["id"], frame["attempt"])
            frame["child"] = derive_id(self.run["time"], *parts)
        place = (frame["id"], frame["attempt"], frame["step"], self.path(pointer), frame["child"])
        self.command(commands.StartChild(*place, inputs, reopen=reopen))
        if child.detach:
            self.succeed(pointer, {"run": frame["child"]}, None)
        else:
            pointer["wait"] = "child"

    def sleep(self, pointer: Pointer, frame: Frame, name: str, value: Any) -> None:
        if type(value) is not int or (name == "SLEEP" and value < 0):
            raise Wrong("type")
        due = value + (self.run["time"] if name == "SLEEP" else 0)
        if due <= self.run["time"]:
            self.succeed(pointer, {}, None)
        else:
            pointer["wait"] = "timer"
            self.run["timers"][frame["id"], "sleep"] = due

    # Events and approvals

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

    # The life of a step

    def open(self, pointer: Pointer, step: int) -> Frame:
        frame: Frame = {
            "id": self.run["next_activation"],
            "step": step,
            "phase": "guard",
            "mark": pointer["pc"],
            "outcome": "",
            "error": None,
            "stop": None,
            "final": False,
            "attempt": 0,
            "tries": 0,
            "passes": 0,
            "opened": self.run["time"],
            "child": "",
            "asks": False,
            "undone": False,
        }
        self.run["next_activation"] += 1
        pointer["frames"].append(frame)
        return frame

    def begin_attempt(self, pointer: Pointer, frame: Frame) -> None:
        step = self.step_of(frame)
        frame["phase"] = "body"
        frame["attempt"] += 1
        frame["tries"] += 1
        frame["passes"] = 0
        frame["asks"] = frame["undone"] = False
        if frame["tries"] > 1:
            frame["child"] = ""
        if frame["tries"] == 1 and step.total_timeout_ms:
            self.run["timers"][frame["id"], "total"] = self.run["time"] + step.total_timeout_ms
        if step.timeout_ms and step.kind in TIMED_KINDS:
            self.run["timers"][frame["id"], "timeout"] = self.run["time"] + step.timeout_ms
        self.note("started", pointer, frame)

    def start_afresh(self, pointer: Pointer) -> None:
        frame = pointer["frames"][-1]
        frame.update(tries=0, opened=self.run["time"], error=None, outcome="")
        if frame["attempt"] == 0:
            frame["phase"] = "guard"
            pc = frame["mark"]
        else:
            self.begin_attempt(pointer, frame)
            pc = self.step_of(frame).entry
        self.go_on(pointer, pc)

    def skip(self, pointer: Pointer, frame: Frame) -> None:
        frame["outcome"] = "skipped"
        self.note("ended", pointer, frame)
        self.keep_result(pointer, frame, {}, None)
        pointer["frames"].pop()
        pointer["pc"] = self.step_of(frame).exit

    def succeed(self, pointer: Pointer, outputs: dict[str, Any], stdout: str | None) -> None:
        outputs = dict(outputs)
        for output in self.step_of(pointer["frames"][-1]).outputs:
            value = outputs.get(output.name)
            if value is None or output.type == "any":
                continue
            assert output.type == "integer", "the oracle knows no other type"
            if not is_number(value) or value != int(value):
                self.settle(pointer, "error", self.located(pointer, Failure("type", "")), None, stdout)
                return
            outputs[output.name] = int(value)
        self.settle(pointer, "success", None, outputs, stdout)

    def settle(
        self,
        pointer: Pointer,
        outcome: str,
        error: Failure | None,
        outputs: dict[str, Any] | None = None,
        stdout: str | None = None,
    ) -> None:
        """End the attempt of the innermost frame; a frame marked to be stopped ends as marked."""
        frame = pointer["frames"][-1]
        step = self.step_of(frame)
        pointer["wait"] = "ready"
        if frame["stop"] is not None:
            if frame["stop"][1] is not None:
                outcome, error = frame["stop"]
                error = self.located(pointer, error)
            else:
                outcome, error = "abort", error or Failure("fail", "")
            outputs = None
            frame["stop"] = None
        self.run["timers"].pop((frame["id"], "timeout"), None)
        self.drop_wait(frame["id"])
        frame["outcome"], frame["error"] = outcome, error
        if outcome != "success" and self.is_undone_as_a_whole(frame) and self.left_to_undo(pointer, frame):
            frame["phase"], pointer["wait"] = "undo", "undo"
            self.undo_next(pointer, frame)
            return
        self.note("ended", pointer, frame, outputs)
        if outcome != "success":
            if not self.within_hook(pointer):
                pointer["returning"] = False
            may_go_on = outcome != "abort" and not frame["final"] and not self.is_cut_short(pointer)
            if may_go_on and not self.stopped_around(pointer):
                if self.schedule_retry(pointer, frame):
                    return
                if step.exhausted == "suspend" and not self.run["cancelling"]:
                    self.keep_result(pointer, frame, {}, stdout)
                    self.park(pointer, frame)
                    return
            if self.holds_up_an_undo(pointer) and not (step.continue_on_failure and outcome != "abort"):
                self.keep_result(pointer, frame, {}, stdout)
                self.park(pointer, frame)
                return
            if step.kind == "saga":
                frame["asks"] = False
            if step.exhausted == "compensate" and (outcome != "abort" or self.run["cancelling"]):
                frame["asks"] = True
        self.keep_result(pointer, frame, outputs or {}, stdout)
        failed = outcome in ("failure", "error")
        if step.compensation >= 0 and (outcome == "success" or (failed and step.compensate_on_failure)):
            self.register(pointer, frame)
        if outcome not in ("success", "abort") and step.exhausted == "terminate" and not frame["final"]:
            self.terminate_in_order(pointer, frame)
        self.run["timers"].pop((frame["id"], "total"), None)
        self.run_hook(pointer, frame)

    def park(self, pointer: Pointer, frame: Frame) -> None:
        self.run["timers"].pop((frame["id"], "total"), None)
        frame["final"] = False
        pointer["wait"] = "parked"
        if not self.run["suspended"]:
            self.run["suspended"], self.run["suspended_at"] = True, self.run["time"]

    def schedule_retry(self, pointer: Pointer, frame: Frame) -> bool:
        retry = self.step_of(frame).retry
        error = frame["error"]
        if retry is None or frame["attempt"] == 0:
            return False
        if retry.attempts and frame["tries"] >= retry.attempts:
            return False
        kind = "timeout" if error.kind == "timeout" else frame["outcome"]
        if kind not in retry.outcomes and error.exit_code not in retry.exit_codes:
            return False
        delay = min(retry.interval_ms * retry.backoff ** (frame["tries"] - 1), LONGEST_DELAY_MS)
        if retry.max_interval_ms:
            delay = min(delay, retry.max_interval_ms)
        luck = fraction("jitter", self.run["id"], frame["id"], frame["attempt"])
        due = self.run["time"] + int(delay * (1 + retry.jitter * (2 * luck - 1)))
        if retry.max_elapsed_ms and due - frame["opened"] > retry.max_elapsed_ms:
            return False
        frame["phase"] = "delay"
        pointer["wait"] = "timer"
        self.run["timers"][frame["id"], "retry"] = due
        return True

    def run_hook(self, pointer: Pointer, frame: Frame) -> None:
        step = self.step_of(frame)
        frame["phase"] = "hook"
        if step.hook_slot >= 0:
            error = frame["error"]
            self.scope(pointer, step.depth)[step.hook_slot] = {
                "outcome": frame["outcome"],
                "attempt": frame["attempt"],
                "error": error and {name: getattr(error, name) for name in ("kind", "message", "exit_code", "step")},
            }
        on_error = step.on_error if step.on_error >= 0 else step.on_failure
        hooks = {"success": step.on_success, "failure": step.on_failure, "error": on_error, "abort": step.on_abort}
        pc = hooks[frame["outcome"]]
        may = not self.run["terminating"] or self.belongs_to_hook(pointer)
        if pc >= 0 and may and not self.is_cut_short(pointer):
            self.go_on(pointer, pc)
        else:
            self.ensure(pointer, frame)

    def ensure(self, pointer: Pointer, frame: Frame) -> None:
        frame["phase"] = "ensure"
        if self.step_of(frame).ensure >= 0 and not self.is_cut_short(pointer):
            self.go_on(pointer, self.step_of(frame).ensure)
        else:
            self.leave(pointer, frame)

    def leave(self, pointer: Pointer, frame: Frame) -> None:
        """Close a frame whose hooks are done, and go on where its outcome leads."""
        step = self.step_of(frame)
        outcome, error = frame["outcome"], frame["error"]
        well = outcome == "success"
        tolerated = outcome in ("failure", "error") and step.continue_on_failure and not self.is_cut_short(pointer)
        if tolerated and not self.stopped_around(pointer):
            well = True
            self.run["tolerated"].append((self.path(pointer), error))
        if not well and self.holds_up_an_undo(pointer):
            self.park(pointer, frame)
            return
        if step.kind == "saga" and not self.sagas_around(pointer):
            self.run["registered"] = [row for row in self.run["registered"] if frame["id"] not in row["sagas"]]
        pointer["frames"].pop()
        if not well:
            self.tell_those_around(pointer, frame)
        for kind in ("timeout", "total"):
            self.run["timers"].pop((frame["id"], kind), None)
        if not pointer["frames"]:
            if pointer["parent"] is None:
                self.end_run(pointer, outcome, error)
            elif well and not pointer["stopped"]:
                self.go_on(pointer, step.exit)
            else:
                self.end_pointer(pointer, "abort" if well else outcome, error)
            return
        around = pointer["frames"][-1]
        if around["phase"] in AFTERWARDS:
            if well:
                self.go_on(pointer, step.exit)
            else:
                self.fail_hook(pointer, around, outcome, error)
        elif around["stop"] is not None:
            self.settle(pointer, "abort", error)
        elif pointer["returning"] and not self.within_hook(pointer):
            self.settle(pointer, "success", None, {})
        elif well:
            self.go_on(pointer, step.exit)
        else:
            self.settle(pointer, "failure" if outcome == "abort" else outcome, error)

    def fail_hook(self, pointer: Pointer, frame: Frame, outcome: str, error: Failure | None) -> None:
        if frame["outcome"] == "success":
            frame["outcome"] = "error" if outcome == "error" else "failure"
            frame["error"] = error
            pointer["returning"] = False
            self.keep_result(pointer, frame, {}, None)
            self.note("changed", pointer, frame)
        elif frame["error"] is not None and error is not None:
            hook_errors = [*frame["error"].hook_errors, error]
            frame["error"] = msgspec.structs.replace(frame["error"], hook_errors=hook_errors)
        if frame["phase"] == "hook":
            self.ensure(pointer, frame)
        else:
            self.leave(pointer, frame)

    def keep_result(self, pointer: Pointer, frame: Frame, outputs: dict[str, Any], stdout: str | None) -> None:
        if frame["step"] == 0:
            return
        step, error = self.step_of(frame), frame["error"]
        scope = self.scope(pointer, step.depth)
        result: dict[str, Any] = {"status": STATUS[frame["outcome"]], "output": outputs}
        if step.keep_stdout:
            result["stdout"] = stdout
        if error is not None and frame["outcome"] != "skipped":
            result["error"] = {"kind": error.kind, "message": error.message, "exit_code": error.exit_code}
        scope[step.slot] = result
        if frame["outcome"] == "success":
            for output in step.outputs:
                scope[output.slot] = outputs.get(output.name)

    # Forks

    def fork(self, pointer: Pointer, frame: Frame, total: int, items: list[Any] | None) -> None:
        frame.update(total=total, next=0, live=0, closed=False, failures=[], items=items, collected={}, winner=None)
        pointer["wait"] = "fork"
        self.fill(pointer)

    def fill(self, pointer: Pointer) -> None:
        """Start branches within the limit; settle once none is live and none will start."""
        frame = pointer["frames"][-1]
        step = self.step_of(frame)
        frame["closed"] = frame["closed"] or self.is_cut_short(pointer)
        while (
            frame["next"] < frame["total"]
            and frame["live"] < (step.limit or frame["total"])
            and not frame["closed"]
            and not self.run["suspended"]
        ):
            number = frame["next"]
            frame["next"] += 1
            frame["live"] += 1
            if frame["items"] is None:
                self.new_pointer(pointer, frame["id"], number, step.branches[number], None)
                continue
            slots = self.program.scope_sizes[step.depth + 1]
            branch = self.new_pointer(pointer, frame["id"], number, step.branches[0], slots)
            scope = self.scope(branch, step.depth + 1)
            scope[step.item_slot] = copy.deepcopy(frame["items"][number])
            if step.index_slot >= 0:
                scope[step.index_slot] = number
        if frame["live"] == 0 and (frame["closed"] or frame["next"] == frame["total"]):
            self.join(pointer, frame, step)

    def join(self, pointer: Pointer, frame: Frame, step: Any) -> None:
        if frame["winner"] is not None:
            for number in range(frame["total"]):
                if number != frame["winner"]:
                    self.forget_outputs(pointer, self.words[step.branches[number] + 1])
            self.settle(pointer, "success", None, {})
            return
        if frame["failures"]:
            outcome, error = frame["failures"][0]
            others = [other for _, other in frame["failures"][1:]]
            error = msgspec.structs.replace(error, causes=[*error.causes, *others])
            self.settle(pointer, outcome, error)
            return
        outputs = {}
        if step.collect is not None:
            collected = [frame["collected"].get(number) for number in range(frame["total"])]
            outputs = {step.collect.name: collected}
            if frame["stop"] is None:
                self.scope(pointer, step.depth)[step.collect.slot] = copy.deepcopy(collected)
        self.settle(pointer, "success", None, outputs)

    def end_pointer(self, pointer: Pointer, outcome: str, error: Failure | None) -> None:
        if pointer["undoes"] is not None:
            self.end_undo(pointer)
            return
        parent = self.run["pointers"][pointer["parent"]]
        frame = parent["frames"][-1]
        self.remove_pointer(pointer)
        frame["live"] -= 1
        if outcome == "success" and not pointer["stopped"] and frame["winner"] == pointer["index"]:
            frame["closed"] = True
            self.stop_branches(parent, frame, Failure("fail", ""))
        elif outcome != "success" and not pointer["stopped"]:
            frame["failures"].append(("failure" if outcome == "abort" else outcome, error))
            fail_fast = self.step_of(frame).fail_fast
            if fail_fast != "never" and not frame["closed"]:
                frame["closed"] = True
                if fail_fast == "cancel":
                    self.stop_branches(parent, frame, Failure("fail", ""))
        if parent["wait"] == "fork" and parent["frames"][-1] is frame:
            self.fill(parent)

    # Races

    def comes_in(self, pointer: Pointer) -> bool:
        """Whether this is a branch of an undecided race, and its step has succeeded."""
        frame = self.run["pointers"][pointer["parent"]]["frames"][-1]
        if self.step_of(frame).kind != "race" or frame["winner"] is not None:
            return False
        own = self.program.steps[self.words[self.step_of(frame).branches[pointer["index"]] + 1]]
        return bool(self.scope(pointer, own.depth)[own.slot]["status"] == "succeeded")

    def decide(self) -> bool:
        """Let the first in the file of those that have come in win, inner races first. Returns whether one could."""
        finished = [pointer for pointer in self.run["pointers"].values() if pointer["wait"] == "finish"]
        if not finished:
            return False
        innermost = max(pointer["fork"] for pointer in finished)
        winner = min((p for p in finished if p["fork"] == innermost), key=lambda pointer: int(pointer["index"]))
        self.run["pointers"][winner["parent"]]["frames"][-1]["winner"] = winner["index"]
        self.end_pointer(winner, "success", None)
        return True

    def forget_outputs(self, pointer: Pointer, index: int) -> None:
        """Have what a losing step and all inside it gave read as null."""
        step = self.program.steps[index]
        if step.depth == len(pointer["owners"]) - 1:
            scope = self.scope(pointer, step.depth)
            if isinstance(scope[step.slot], dict) and scope[step.slot]["output"]:
                scope[step.slot]["output"] = {}
                for output in step.outputs:
                    scope[output.slot] = None
        for inner, row in enumerate(self.program.steps):
            if row.parent == index and row.depth == step.depth:
                self.forget_outputs(pointer, inner)

    # Sagas

    def sagas_around(self, pointer: Pointer) -> list[int]:
        """The activations that undo the pointer's innermost step: a compensation is undone by nobody outside of it."""
        frames, found = pointer["frames"][:-1], []
        while True:
            for frame in frames:
                step = self.step_of(frame)
                if frame["phase"] not in AFTERWARDS and (step.kind == "saga" or step.undoable):
                    found.append(frame["id"])
            if pointer["undoes"] is not None or pointer["parent"] is None:
                return found
            pointer = self.run["pointers"][pointer["parent"]]
            frames = pointer["frames"]

    def register(self, pointer: Pointer, frame: Frame) -> None:
        sagas = self.sagas_around(pointer)
        if sagas:
            seen = [copy.deepcopy(self.scope(pointer, depth)) for depth in range(self.step_of(frame).depth + 1)]
            row = {"step": frame["step"], "sagas": sagas, "scopes": seen, "numbers": self.numbers(pointer)}
            self.run["registered"].append(row)

    def is_undone_as_a_whole(self, frame: Frame) -> bool:
        step = self.step_of(frame)
        if frame["step"] == 0:
            return bool(step.undoable and (frame["asks"] or step.exhausted == "compensate"))
        return bool(step.kind == "saga")

    def left_to_undo(self, pointer: Pointer, frame: Frame) -> list[Any]:
        if self.run["terminating"] and not self.belongs_to_hook(pointer):
            return []
        return [row for row in self.run["registered"] if frame["id"] in row["sagas"]]

    def undo_next(self, pointer: Pointer, frame: Frame) -> None:
        """Start the compensation of the latest success, with everything as it was then."""
        row = self.left_to_undo(pointer, frame)[-1]
        owners = []
        for scope in row["scopes"]:
            owners.append(self.run["next_pointer"])
            self.run["scopes"][owners[-1]] = copy.deepcopy(scope)
            self.run["next_pointer"] += 1
        undoing = self.new_pointer(pointer, frame["id"], 0, self.program.steps[row["step"]].compensation, None)
        undoing["owners"], undoing["undoes"] = owners, row

    def end_undo(self, pointer: Pointer) -> None:
        parent = self.run["pointers"][pointer["parent"]]
        frame = parent["frames"][-1]
        self.remove_pointer(pointer)
        self.run["registered"] = [row for row in self.run["registered"] if row is not pointer["undoes"]]
        if self.left_to_undo(parent, frame):
            self.undo_next(parent, frame)
            return
        self.run["registered"] = [row for row in self.run["registered"] if frame["id"] not in row["sagas"]]
        frame["phase"] = "body"
        frame["asks"], frame["undone"] = False, True
        self.settle(parent, frame["outcome"], frame["error"])

    def holds_up_an_undo(self, pointer: Pointer) -> bool:
        """Whether the innermost step is a compensation's own, whose failure parks the run."""
        return pointer["undoes"] is not None and len(pointer["frames"]) == 1 and not self.run["terminating"]

    def tell_those_around(self, pointer: Pointer, frame: Frame) -> None:
        """A failure that goes up takes along that the run is to be undone, and that something was."""
        if pointer["frames"]:
            around = pointer["frames"][-1]
            if around["phase"] in AFTERWARDS and around["error"] is not None:
                return
        elif pointer["parent"] is None:
            self.run["compensated"] = frame["undone"] and not self.run["terminating"]
            return
        elif pointer["undoes"] is not None:
            return
        else:
            around = self.run["pointers"][pointer["parent"]]["frames"][-1]
        around["asks"] = around["asks"] or frame["asks"]
        around["undone"] = around["undone"] or frame["undone"]

    def in_compensation(self, pointer: Pointer) -> bool:
        while pointer["undoes"] is None and pointer["parent"] is not None:
            pointer = self.run["pointers"][pointer["parent"]]
        return pointer["undoes"] is not None

    def is_cut_short(self, pointer: Pointer) -> bool:
        """Past the deadline of a cancel nothing begins but in compensations."""
        return self.run["hurried"] and not self.in_compensation(pointer)

    def hurry(self, error: Failure) -> None:
        self.run["hurried"] = True
        root = self.run["pointers"][0]["frames"][0]
        if root["stop"] is not None and root["stop"][1] is not None:
            root["stop"] = (root["stop"][0], error)
        for number in sorted(self.run["pointers"]):
            pointer = self.run["pointers"].get(number)
            if pointer is None or pointer["wait"] in ("fork", "undo") or self.in_compensation(pointer):
                continue
            if not pointer["frames"]:
                pointer["stopped"] = True
                self.end_pointer(pointer, "abort", error)
                continue
            frame = pointer["frames"][-1]
            if pointer["wait"] == "step":
                self.command(commands.StopStep(frame["id"], frame["attempt"]))
            elif pointer["wait"] == "child":
                self.command(commands.StopChild(frame["id"], frame["attempt"], frame["child"], True))
            for kind in ("sleep", "retry"):
                self.run["timers"].pop((frame["id"], kind), None)
            if frame["phase"] in AFTERWARDS:
                self.leave(pointer, frame)
            else:
                self.settle(pointer, "abort", error)

    # Stopping

    def stop(self, pointer: Pointer, depth: int, outcome: str, error: Failure) -> None:
        """Mark the frame at that depth and those inside it; depth -1: the whole pointer."""
        frames = pointer["frames"]
        if depth >= 0:
            frame = frames[depth]
            if frame["phase"] in AFTERWARDS:
                return
            if frame["stop"] is None or frame["stop"][1] is None or outcome == "abort":
                frame["stop"] = (outcome, error)
            frame["final"] = frame["final"] or outcome == "abort"
        else:
            pointer["stopped"] = True
            if not frames:
                self.end_pointer(pointer, "abort", error)
                return
        for frame in frames[depth + 1 :]:
            if frame["phase"] in AFTERWARDS:
                return
            if frame is frames[-1]:
                if frame["stop"] is None or frame["stop"][1] is None or outcome == "abort":
                    frame["stop"] = ("abort", error)
                frame["final"] = True
            elif frame["stop"] is None:
                frame["stop"] = ("abort", None)  # with the error that comes up from inside
        frame = frames[-1]
        if pointer["wait"] == "step":
            self.command(commands.StopStep(frame["id"], frame["attempt"]))
        elif pointer["wait"] == "child":
            self.command(commands.StopChild(frame["id"], frame["attempt"], frame["child"]))
        elif pointer["wait"] == "fork":
            frame["closed"] = True
            self.stop_branches(pointer, frame, error)
            if pointer["wait"] == "fork" and pointer["frames"][-1] is frame:
                self.fill(pointer)
        else:
            self.run["timers"].pop((frame["id"], "sleep"), None)
            self.run["timers"].pop((frame["id"], "retry"), None)
            self.settle(pointer, "abort", error)

    def stop_branches(self, pointer: Pointer, frame: Frame, error: Failure) -> None:
        for branch in list(self.run["pointers"].values()):
            if (branch["parent"], branch["fork"]) == (pointer["id"], frame["id"]) and branch["wait"] != "gone":
                self.stop(branch, -1, "abort", error)

    def terminate_in_order(self, pointer: Pointer, frame: Frame) -> None:
        """Everything is stopped for a step's failure, and only ``ensure`` hooks run."""
        if self.run["terminating"]:
            return
        self.run["terminating"] = True
        frame["phase"] = "hook"
        self.stop(self.run["pointers"][0], 0, "abort", frame["error"])

    def end_hard(self, status: str, error: Failure) -> None:
        for number in sorted(self.run["pointers"]):
            pointer = self.run["pointers"][number]
            if not pointer["frames"]:
                continue
            frame = pointer["frames"][-1]
            if pointer["wait"] == "step":
                self.command(commands.StopStep(frame["id"], frame["attempt"]))
            elif pointer["wait"] == "child":
                self.command(commands.StopChild(frame["id"], frame["attempt"], frame["child"], True))
            if pointer["wait"] in ("step", "child", "timer", "event", "answer") and frame["phase"] == "body":
                frame["outcome"], frame["error"] = "abort", error
                self.note("ended", pointer, frame)
        for pointer in list(self.run["pointers"].values()):
            self.remove_pointer(pointer)
        self.finish(status, {}, error)

    def end_run(self, root: Pointer, outcome: str, error: Failure | None) -> None:
        self.remove_pointer(root)
        statuses = {"success": "succeeded", "abort": "aborted"}
        status = "terminated" if self.run["terminating"] else statuses.get(outcome, "failed")
        self.finish(status, self.run["result"] if status == "succeeded" else {}, error)

    def finish(self, status: str, outputs: dict[str, Any], error: Failure | None) -> None:
        self.run.update(status=status, end=(status, outputs, error), timers={}, queue=[], suspended=False)
        for activation in list(self.run["waits"]):
            self.drop_wait(activation)
        self.command(commands.EndRun(status, outputs, error, self.run["compensated"]))

    # Looking around

    def step_of(self, frame: Frame) -> Any:
        return self.program.steps[frame["step"]]

    def scope(self, pointer: Pointer, depth: int) -> list[Any]:
        scope: list[Any] = self.run["scopes"][pointer["owners"][depth]]
        return scope

    def find_frame(self, activation: int) -> Frame:
        for pointer in self.run["pointers"].values():
            for frame in pointer["frames"]:
                if frame["id"] == activation:
                    found: Frame = frame
                    return found
        raise AssertionError(f"no live activation {activation}")

    def stopped_around(self, pointer: Pointer) -> bool:
        """Whether what is around the innermost frame is being stopped; a hook is its own world."""
        for frame in reversed(pointer["frames"][:-1]):
            if frame["phase"] in AFTERWARDS:
                return False
            if frame["stop"] is not None:
                return True
        stopped: bool = pointer["stopped"]
        return stopped

    def within_hook(self, pointer: Pointer) -> bool:
        return any(frame["phase"] in AFTERWARDS for frame in pointer["frames"])

    def belongs_to_hook(self, pointer: Pointer) -> bool:
        """Whether the innermost step is part of a hook, however deep: a hook that runs is let finish as written."""
        frames = pointer["frames"][:-1]
        while True:
            if any(frame["phase"] in AFTERWARDS for frame in frames):
                return True
            if pointer["parent"] is None:
                return False
            pointer = self.run["pointers"][pointer["parent"]]
            frames = pointer["frames"]

    def located(self, pointer: Pointer, error: Failure | None) -> Failure | None:
        if error is None or error.step:
            return error
        return msgspec.structs.replace(error, step=self.path(pointer))

    def path(self, pointer: Pointer) -> str:
        """Return the path of the innermost frame, each ``[*]`` replaced by the number of the pass."""
        path: str = self.step_of(pointer["frames"][-1]).path
        for number in self.numbers(pointer):
            path = path.replace("[*]", f"[{number}]", 1)
        return path

    def numbers(self, pointer: Pointer) -> list[int]:
        """Return the numbers of the passes around the innermost frame, the outermost first."""
        numbers: list[int] = []
        frames = pointer["frames"][:-1]
        while True:
            for frame in reversed(frames):
                if self.step_of(frame).kind in ("while", "until") and frame["phase"] == "body":
                    numbers.insert(0, frame["passes"] - 1)
            if pointer["undoes"] is not None:
                return list(pointer["undoes"]["numbers"]) + numbers
            if pointer["parent"] is None:
                return numbers
            fork, index = pointer["fork"], pointer["index"]
            pointer = self.run["pointers"][pointer["parent"]]
            frames = pointer["frames"][:-1]
            assert pointer["frames"][-1]["id"] == fork
            if self.step_of(pointer["frames"][-1]).kind == "for_each":
                numbers.insert(0, index)

    def command(self, command: commands.Command) -> None:
        self.run["commands"].append(command)

    def note(self, what: str, pointer: Pointer, frame: Frame, outputs: dict[str, Any] | None = None) -> None:
        if frame["step"] == 0:
            return
        status = STATUS.get(frame["outcome"], "") if what != "started" else ""
        error = frame["error"] if what != "started" else None
        self.run["journal"].append(
            {
                "what": what,
                "path": self.path(pointer),
                "activation": frame["id"],
                "attempt": frame["attempt"],
                "time": self.run["time"],
                "status": status,
                "outputs": outputs,
                "error": error,
            }
        )
