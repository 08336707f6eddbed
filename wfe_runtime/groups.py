"""Concurrency groups as the engine sees them: which group a run belongs to, and which runs at hand wait for a slot.

Who gets a slot, and when, is the store's alone, in the transactions of the runs (``providers/contracts.py``).
A run at hand that waits stands still: it is not begun, or not reopened, until the store says that it has a slot.
"""

from __future__ import annotations

from typing import Final

from wfe_vm.events import Cancel, Event, Retry, Started
from wfe_vm.machine import Machine
from wfe_vm.outcome import Failure
from wfe_vm.program import Program
from wfe_vm.state import State

from .errors import InputError
from .providers.contracts import Place
from .result import encode_event

__all__ = ["POSTED", "GroupQueue", "place_of"]

LONGEST_GROUP: Final = 1000
"""Characters: groups are looked up by an index."""


def place_of(program: Program, run: str, started: Started, deadline_ms: int) -> Place | None:
    """Return what a run asks of its concurrency group, None where its workflow has none.

    The group is computed by the program's preparation. Runs that have to give way are cancelled, and may
    take ``deadline_ms`` for their hooks. Raises InputError where these inputs give no group.
    """
    asked = program.concurrency
    if asked is None or program.preparation is None:
        return None
    state = State(run, "", "")
    Machine(program.preparation).advance(state, started)
    status, outputs, error = state.end or ("failed", {}, Failure("internal", "its preparation did not end"))
    if status != "succeeded" or not isinstance(outputs.get("group"), str):
        why = error.message if error is not None else status
        raise InputError(f"the concurrency group of {program.workflow} can't be computed of these inputs:", [why])
    group: str = outputs["group"]
    if len(group) > LONGEST_GROUP:
        raise InputError(
            f"the concurrency group of {program.workflow} can't be kept:",
            [f"it has {len(group)} characters, and may have {LONGEST_GROUP}"],
        )
    if asked.on_full == "reject":
        reason = f"the concurrency group {group!r} is full, and the workflow says on_full: reject"
    else:
        reason = f"run {run} takes its place in the concurrency group {group!r}"
    leave = Cancel(started.time, reason, started.time + deadline_ms)
    return Place(group, asked.limit, asked.on_full, encode_event(leave))


POSTED: Final = Retry(0)
"""In place of the event that reopens a run: that waits in the run's inbox."""


class GroupQueue:
    """The runs at hand that wait for a slot, and the event that reopens each where it has run before."""

    def __init__(self) -> None:
        self._waiting: dict[str, Event | None] = {}
        self._slots: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def __contains__(self, run: str) -> bool:
        return run in self._waiting

    def add(self, run: str, reopening: Event | None = None) -> None:
        """Have a run stand still."""
        self._waiting[run] = reopening

    def discard(self, run: str) -> None:
        """Forget a run: it ended, or is not at hand any more."""
        self._waiting.pop(run, None)
        self._slots.discard(run)

    def among(self, runs: list[str]) -> list[str]:
        """Return those of these runs that wait."""
        return [run for run in runs if run in self._waiting]

    def give_slot(self, run: str) -> None:
        """Note that a run may be reopened by what is in its inbox."""
        self._slots.add(run)

    def took_slot(self, run: str) -> bool:
        """Say whether that was noted, and forget it."""
        if run in self._slots:
            self._slots.discard(run)
            return True
        return False

    def let_go(self, run: str) -> Event | None:
        """Have a run go on. Returns the event that it is to be reopened by, None where it begins."""
        return self._waiting.pop(run)
