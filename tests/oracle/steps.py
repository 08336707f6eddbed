"""The life of a step: attempts, their end, retries, hooks, and where control goes after them.

An attempt ends in ``settle``, whoever ends it; then come the undoing of a saga, a retry, the hook of the outcome,
``ensure``, and with ``leave`` whatever is around the step.
"""

from __future__ import annotations

from typing import Any

import msgspec

from wfe_vm.ids import fraction
from wfe_vm.outcome import Failure

from .pointers import AFTERWARDS, STATUS, Frame, Pointer, Pointers
from .values import is_number

TIMED_KINDS = ["run", "workflow", "sequence", "parallel", "race", "if", "while", "until", "for_each", "sleep"]
TIMED_KINDS += ["sleep_until", "saga", "wait", "approve", "publish"]
LONGEST_DELAY_MS = 400 * 24 * 3600 * 1000


class Steps(Pointers):
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
