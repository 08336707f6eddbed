"""The JSON stream: one object a line on standard output, nothing else there. Additive changes only."""

from __future__ import annotations

from typing import Any, Final

from wfe_vm.outcome import Failure
from wfe_vm.state import Record

from ..large import handle_of
from ..providers.rows import RunRow
from ..result import RunResult
from .output import Writer, print_error
from .texts import harmless, to_json_line
from .views import Parking

__all__ = ["JsonView", "failure_object", "result_object"]

SHOWN_KINDS: Final = {
    "started": "step.started",
    "ended": "step.ended",
    "changed": "step.changed",
    "supplied": "step.ended",
}


def failure_object(failure: Failure | None) -> dict[str, Any] | None:
    """Return a failure as the stream and ``inspect --json`` have it: every key always there."""
    if failure is None:
        return None
    return {
        "kind": failure.kind,
        "message": failure.message,
        "step": failure.step,
        "attempt": failure.attempt,
        "exit_code": failure.exit_code,
        "signal": failure.signal,
        "child": failure.child,
        "stderr": failure.stderr,
        "details": failure.details,
        "causes": [failure_object(cause) for cause in failure.causes],
        "hook_errors": [failure_object(error) for error in failure.hook_errors],
    }


def result_object(result: RunResult) -> dict[str, Any]:
    """Return how a run ended."""
    return {
        "status": result.status,
        "outputs": result.outputs,
        "error": failure_object(result.error),
        "duration_ms": result.duration_ms,
        "tolerated": [{"step": row.step, "error": failure_object(row.error)} for row in result.tolerated],
        "compensated": result.compensated,
        "warnings": result.warnings,
        "durability": result.durability,
    }


class JsonView:
    """Prints the stream."""

    def __init__(self) -> None:
        self._writer = Writer()

    def begun(self, row: RunRow, prefix: str, inputs: dict[str, Any], time: int, again: bool) -> None:
        line: dict[str, Any] = {
            "type": "run.started",
            "run": row.id,
            "time": time,
            "name": row.name,
            "workflow": row.workflow,
            "version": row.version,
            "inputs": inputs,
            "resumed": again,
        }
        if row.parent:
            line["parent"] = row.parent
        self._print(line)

    def step(self, row: RunRow, prefix: str, record: Record, kind: str) -> None:
        line: dict[str, Any] = {
            "type": SHOWN_KINDS[record.what],
            "run": row.id,
            "step": record.path,
            "attempt": record.attempt,
            "time": record.time,
            "kind": kind,
        }
        if record.what != "started":
            line["status"] = record.status
            line["outputs"] = {name: handle_of(value) or value for name, value in (record.outputs or {}).items()}
            line["error"] = failure_object(record.error)
            line["duration_ms"] = max(record.time - record.started, 0)
        if record.what == "supplied":
            line["supplied"] = True
        self._print(line)

    def output(self, row: RunRow, prefix: str, step: str, attempt: int, stream: str, text: str, time: int) -> None:
        self._print(
            {
                "type": "step.output",
                "run": row.id,
                "step": step,
                "attempt": attempt,
                "time": time,
                "stream": stream,
                "text": text,
            }
        )

    def ended(self, row: RunRow, prefix: str, result: RunResult, time: int) -> None:
        line: dict[str, Any] = {"type": "run.ended", "run": row.id, "time": time, **result_object(result)}
        if row.parent:
            line["parent"] = row.parent
        self._print(line)

    def parked(self, row: RunRow, parking: Parking, time: int) -> None:
        self._print(
            {
                "type": "run.parked",
                "run": row.id,
                "time": time,
                "status": parking.status,
                "reason": parking.reason,
                "waiting_for": parking.waiting_for,
                "outputs": {},
                "error": failure_object(parking.error),
                "duration_ms": max(time - (row.started or row.created), 0),
            }
        )

    def conclude(self, lines: list[str], errors: list[str]) -> None:
        self._writer.flush()
        for line in errors:
            print_error(line)

    def trouble(self, message: str) -> None:
        print_error(f"wfec: {harmless(message)}")

    def abandon(self) -> None:
        pass

    def close(self) -> None:
        self._writer.close()

    def _print(self, line: dict[str, Any]) -> None:
        self._writer.data(to_json_line(line) + b"\n")
