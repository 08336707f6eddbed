"""Lines for pipes, logs and plain terminals: what each step printed, and how it ended."""

from __future__ import annotations

from typing import Any, Final

from wfe_vm.outcome import Failure
from wfe_vm.state import Record

from ..providers.rows import FINISHED, RunRow
from ..result import RunResult
from .output import Writer, print_error
from .texts import format_span, harmless, harmless_lines
from .values import value_lines
from .views import Parking

__all__ = ["PlainView", "is_work"]

WORK: Final = frozenset(("task", "workflow", "sleep", "sleep_until", "fail"))
"""Kinds of steps that are worth a line when they end well; the rest is how a workflow is put together."""


def is_work(kind: str, path: str, error: Failure | None) -> bool:
    """Say whether the end of a step is worth a line: it did something, or a failure began there."""
    return kind in WORK or (error is not None and error.step == path)


class PlainView:
    """Prints lines."""

    def __init__(self) -> None:
        self._writer = Writer()

    def begun(self, row: RunRow, prefix: str, inputs: dict[str, Any], time: int, again: bool) -> None:
        if not prefix and row.status not in FINISHED:
            verb = "goes on" if again else "started"
            self._writer.line(f"run {harmless(row.name)} ({row.id}) {verb}")

    def step(self, row: RunRow, prefix: str, record: Record, kind: str) -> None:
        if record.what == "started" or not is_work(kind, record.path, record.error):
            return
        took = format_span(record.time - record.started) if record.attempt else "-"
        attempt = f" (attempt {record.attempt})" if record.attempt > 1 else ""
        given = ", as supplied" if record.what == "supplied" else ""
        reason = ""
        if record.error is not None and record.status != "aborted":
            reason = ": " + (harmless_lines(record.error.message) or [record.error.kind])[0]
        self._writer.line(f"{took:>7}  {harmless(prefix + record.path)}  {record.status}{attempt}{reason}{given}")

    def output(self, row: RunRow, prefix: str, step: str, attempt: int, stream: str, text: str, time: int) -> None:
        who = harmless(prefix + step)
        for line in harmless_lines(text):
            self._writer.line(f"{who} | {line}")

    def ended(self, row: RunRow, prefix: str, result: RunResult, time: int) -> None:
        if prefix:
            return
        self._writer.line(f"run {harmless(row.name)} {result.status} after {format_span(result.duration_ms)}")
        if result.outputs:
            self._writer.line("outputs:")
            for line in value_lines(row.name, "outputs", result.outputs):
                self._writer.line(line)

    def parked(self, row: RunRow, parking: Parking, time: int) -> None:
        self._writer.line(f"run {harmless(row.name)} is {parking.status}: {harmless(parking.reason)}")

    def conclude(self, lines: list[str], errors: list[str]) -> None:
        for line in lines:
            self._writer.line(line)
        self._writer.flush()
        for line in errors:
            print_error(line)

    def trouble(self, message: str) -> None:
        self._writer.flush()
        print_error(f"wfec: {harmless(message)}")

    def abandon(self) -> None:
        pass

    def close(self) -> None:
        self._writer.close()
