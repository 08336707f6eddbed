"""Suspending from outside: a run, whoever has it, and what of it reaches the runs below.

A suspend and a resume of a run are passed on to the children that it waits for, in the commit that records
them, so a host that dies at once leaves a family that is of one mind as soon as somebody takes it up. A run
that parks itself (a failed step, ``--until``) passes nothing on: what runs beside it is let finish, children
too.

Rule: what is asked is durable before anything else is done, and then taken in before a step could begin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wfe_vm.events import Suspend

from .errors import NotFound, WfeError
from .providers.rows import FINISHED

if TYPE_CHECKING:
    from .engine import Engine

__all__ = ["suspend_run"]


async def suspend_run(engine: Engine, run: str, reason: str) -> bool:
    """Suspend a run and its children, whichever host has them. Returns whether that changes anything.

    Steps under way end and count; nothing else begins until a resume. Durable when this returns; a run that a
    live host has stands still as soon as that host has heard of it. Nothing changes for one that is suspended,
    ended, or on its way to its end. Raises NotFound for an unknown run, WfeError (``queued``) for one that waits
    for a slot of its concurrency group: it stands still already, and has not begun.
    """
    event = Suspend(engine.clock.now(), reason)
    await _refuse_queued(engine, run)
    if any(row.id == run for row in engine.at_hand()):
        changed = engine.deliver(run, event)
        await engine.settled()
        return changed
    row = await engine.store.get_run(run)
    if row is None:
        raise NotFound(f"no run has the id {run}")
    if row.status in FINISHED or row.status in ("suspended", "cancelling"):
        return False
    await engine.post(run, event)
    try:
        await engine.to_its_end(engine.take_over(run))
    except WfeError as error:
        if error.code != "owned":  # whoever has it reads its inbox
            raise
    await engine.settled()
    at_hand = any(here.id == run for here in engine.at_hand())
    return not at_hand or engine.state_of(run).suspended


async def _refuse_queued(engine: Engine, run: str) -> None:
    row = await engine.store.get_run(run)
    if row is not None and row.place == "waiting":
        message = f"run {row.name} waits for a slot of its concurrency group and has not begun: it stands still"
        raise WfeError("queued", message, f"end it with: wfec cancel {row.name}")
