"""Sagas: what has succeeded is registered with all that it saw, and undone in reverse order.

A compensation runs on a pointer of its own, which sees the scopes as they were at the success that it undoes.
"""

from __future__ import annotations

import copy
from typing import Any

from .pointers import AFTERWARDS, Frame, Pointer, Pointers


class Sagas(Pointers):
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
