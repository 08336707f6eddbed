"""Asking something of a run, whichever process has it: resume, cancel, terminate.

A run at hand is told at once, one that nobody advances is taken over first, and of one that another live process has,
that process is told, durably, through the store. Each tells whether anything changes by it.
"""

from __future__ import annotations

from collections.abc import Callable

from wfe_vm.events import Cancel, Event, Resume

from ..engine import Engine
from ..errors import NotFound, WfeError
from ..providers.rows import FINISHED, RunRow

__all__ = ["ask"]


async def ask(core: Engine, run: str, make_event: Callable[[int], Event]) -> bool:
    """Give a run the event that ``make_event`` makes of the time. Returns whether it changes anything.

    Raises NotFound for an unknown run.
    """
    event = make_event(core.clock.now())
    if not core.has(run):
        row = await core.store.get_run(run)
        if row is None:
            raise NotFound(f"no run has the id {run}")
        if not _may_change(event, row):
            return False
        try:
            await core.to_its_end(core.take_over(run))
        except WfeError as error:
            if error.code != "owned":
                raise
            await core.post(run, event)
            return True
    changed = core.deliver(run, event)
    await core.settled()
    return changed


def _may_change(event: Event, row: RunRow) -> bool:
    """Say whether a run as it is stored would be changed by the event."""
    if row.status in FINISHED:
        return False
    if isinstance(event, Cancel):
        return row.status != "cancelling"
    return not isinstance(event, Resume) or row.status == "suspended" or not row.owner
