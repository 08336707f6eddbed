"""Ending what runs: a part of it in order, all of it past a deadline, or the run as a whole at once.

How a frame is stopped from outside: it is marked with how it has to end, and so is every frame inside it. Whatever it
waits for is asked to stop; when control comes back to a marked frame, it settles as marked. A frame whose hooks are
already running is not marked, nor what runs in those hooks.
"""

from __future__ import annotations

from typing import Any

from wfe_vm import commands
from wfe_vm.outcome import Failure

from .pointers import AFTERWARDS, Frame, Pointer, Pointers


class Stopping(Pointers):
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
        if pointer["wait"] in ("step", "child"):
            self.stop_work(pointer, frame)
        elif pointer["wait"] == "fork":
            frame["closed"] = True
            self.stop_branches(pointer, frame, error)
            if pointer["wait"] == "fork" and pointer["frames"][-1] is frame:
                self.fill(pointer)
        else:
            self.run["timers"].pop((frame["id"], "sleep"), None)
            self.run["timers"].pop((frame["id"], "retry"), None)
            self.settle(pointer, "abort", error)

    def stop_work(self, pointer: Pointer, frame: Frame, hard: bool = False) -> None:
        """Ask for the end of what others do for the innermost frame, if they do anything."""
        if pointer["wait"] == "step":
            self.command(commands.StopStep(frame["id"], frame["attempt"]))
        elif pointer["wait"] == "child":
            self.command(commands.StopChild(frame["id"], frame["attempt"], frame["child"], hard))

    def stop_branches(self, pointer: Pointer, frame: Frame, error: Failure) -> None:
        for branch in list(self.run["pointers"].values()):
            if (branch["parent"], branch["fork"]) == (pointer["id"], frame["id"]) and branch["wait"] != "gone":
                self.stop(branch, -1, "abort", error)

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
            self.stop_work(pointer, frame, hard=True)
            for kind in ("sleep", "retry"):
                self.run["timers"].pop((frame["id"], kind), None)
            if frame["phase"] in AFTERWARDS:
                self.leave(pointer, frame)
            else:
                self.settle(pointer, "abort", error)

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
            self.stop_work(pointer, frame, hard=True)
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
