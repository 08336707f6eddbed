"""Blocks with branches: starting them within the limit, joining them, and races, which the first to succeed wins."""

from __future__ import annotations

import copy
from typing import Any

import msgspec

from wfe_vm.outcome import Failure

from .pointers import Frame, Pointer, Pointers


class Forks(Pointers):
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
