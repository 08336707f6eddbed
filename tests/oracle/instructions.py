"""Carrying a pointer on, instruction by instruction, until it waits or is gone."""

from __future__ import annotations

from typing import Any

from wfe_vm import commands
from wfe_vm.ids import derive_id
from wfe_vm.isa import BY_NUMBER
from wfe_vm.outcome import Failure

from .expressions import Expressions
from .pointers import Frame, Pointer
from .values import Wrong, boolean, text


class Instructions(Expressions):
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
