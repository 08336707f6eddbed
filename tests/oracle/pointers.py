"""What a run of the oracle holds: pointers, the frames on them, and scopes; and how one finds one's way among them.

A run is one dict of plain values. A pointer is where the run is at a place of the program; its frames are the steps
that it is in, the innermost last; the pointers that own a scope are listed outermost first.
"""

from __future__ import annotations

from typing import Any

import msgspec

from wfe_vm import commands
from wfe_vm.outcome import Failure
from wfe_vm.program import Program, unpack_code

STATUS = {"success": "succeeded", "failure": "failed", "error": "error", "abort": "aborted", "skipped": "skipped"}
AFTERWARDS = ("hook", "ensure", "undo")  # phases in which the body is over, and what follows is let finish

Run = dict[str, Any]
Pointer = dict[str, Any]
Frame = dict[str, Any]


class Pointers:
    """What every part of the oracle stands on: a program, and the run that is being advanced."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.words = list(unpack_code(program.code))
        self.run: Run = {}
        self.going: int | None = None  # the pointer that is being carried on

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
