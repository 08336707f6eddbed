"""Ending a run on request: what ``cancel`` and ``terminate`` share.

The run is told first, durably, and then taken over where nobody advances it: so none of its steps is begun, or begun
again, only to be stopped. It is driven to its end here, or waited for where a live process has it. Both verbs say
whether anything changed; asked again, nothing does.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from wfe_vm.events import Cancel, Event, Terminate
from wfe_vm.state import Record

from ..engine import Engine
from ..providers.rows import FINISHED, RunRow
from ..result import RunResult
from .exits import FAILED, SUCCEEDED
from .follow import Follower, foreground
from .options import settings_of
from .output import print_error, print_line
from .stores import find_run, require_store, run_loop
from .taking import take_or_wait
from .texts import harmless, to_json
from .view_plain import PlainView
from .views import Parking, View

__all__ = ["QuietView", "end_run", "tell_change"]


def end_run(arguments: argparse.Namespace, make_event: Callable[[int], Event]) -> int:
    """End a run with the event that ``make_event`` makes of the time. Returns the exit code: 0 once it has ended."""
    settings = settings_of(arguments)
    require_store(settings, arguments.run)
    view: View = QuietView() if arguments.json else PlainView()
    told: dict[str, Any] = {}

    async def work(engine: Engine, follower: Follower) -> int:
        row = await find_run(engine.store, arguments.run)
        changed = False
        status = row.status
        code = SUCCEEDED
        if row.status not in FINISHED:
            event = make_event(engine.clock.now())
            changed = _is_news(event, row)
            if changed:
                await engine.post(row.id, event)
            taken = await take_or_wait(engine, row)
            if taken is None:
                taken = await follower.wait_elsewhere(engine, row, lambda now: now.status in FINISHED)
                status = taken.status
            if any(other.id == row.id for other in engine.at_hand()):
                code = await follower.follow(engine, taken, again=True)
                present = await engine.store.get_run(row.id)
                status = status if present is None else present.status
        told.update(run=row.id, name=row.name, changed=changed, status=status)
        return SUCCEEDED if code == FAILED else code

    code = run_loop(foreground(settings, view, work))
    tell_change(told, arguments.json)
    return code


def tell_change(told: dict[str, Any], as_json: bool) -> None:
    """Print what became of a run that was asked to change: its name, its status, and whether anything changed."""
    if as_json:
        print_line(to_json(told))
    else:
        change = "" if told["changed"] else "; nothing changed"
        print_line(f"run {harmless(told['name'])} is {told['status']}{change}")


def _is_news(event: Event, row: RunRow) -> bool:
    """Say whether a run that has not ended would be changed by the event."""
    return isinstance(event, Terminate) or (isinstance(event, Cancel) and row.status != "cancelling")


class QuietView:
    """Shows trouble only."""

    def begun(self, row: RunRow, prefix: str, inputs: dict[str, Any], time: int, again: bool) -> None: ...

    def step(self, row: RunRow, prefix: str, record: Record, kind: str) -> None: ...

    def output(self, row: RunRow, prefix: str, step: str, attempt: int, stream: str, text: str, time: int) -> None: ...

    def ended(self, row: RunRow, prefix: str, result: RunResult, time: int) -> None: ...

    def parked(self, row: RunRow, parking: Parking, time: int) -> None: ...

    def conclude(self, lines: list[str], errors: list[str]) -> None: ...

    def trouble(self, message: str) -> None:
        print_error(f"wfec: {harmless(message)}")

    def abandon(self) -> None: ...

    def close(self) -> None: ...
