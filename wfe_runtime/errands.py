"""What an engine does beside its own loop: each errand is a task, most on behalf of one run.

This file owns those tasks: that they are counted to their run while they last, and that what goes wrong in one is
told. It knows nothing of what they do.

Rules:

1. A run that has an errand is not at rest: what comes of it may still be told to it.
2. An errand that raises stops the engine: it is not known how far it has got. What is done for somebody who waits
   for it, as a start, raises there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from .active import ActiveRun
from .errors import WfeError

__all__ = ["Errands"]

Result = TypeVar("Result")


class Errands:
    """The errands of one engine."""

    def __init__(self, failed: Callable[[WfeError], None], rested: Callable[[ActiveRun], None]) -> None:
        """``failed`` is told of what an errand raised, ``rested`` of each run that has had one done."""
        self._failed = failed
        self._rested = rested
        self._tasks: list[asyncio.Task[Any]] = []

    def __bool__(self) -> bool:
        return bool(self._tasks)

    @property
    def tasks(self) -> list[asyncio.Task[Any]]:
        """What is under way."""
        return list(self._tasks)

    def spawn(self, work: Any, active: ActiveRun | None = None) -> asyncio.Task[None]:
        """Do work beside the engine's own, on behalf of a run if one is given."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.append(task)
        if active is not None:
            active.errands += 1
            task.add_done_callback(lambda _: self.done(active))
        task.add_done_callback(self._ended)
        return task

    async def to_its_end(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Do work to its end, though whoever waits for it is cancelled. Returns what it gives, raises what it raises.

        For what begins in the store and goes on here: given up between the two, a run would be this host's and nobody
        would advance it. Raises WfeError (``closed``) where the engine is closed before.
        """
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.append(task)
        task.add_done_callback(self._told)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            waiting = asyncio.current_task()
            if not task.cancelled() or (waiting is not None and waiting.cancelling()):
                raise
            raise WfeError("closed", "the engine was closed before that was done") from None

    def done(self, active: ActiveRun) -> None:
        """Have a run have one errand less: one that was counted to it has been done."""
        active.errands -= 1
        self._rested(active)

    def _told(self, task: asyncio.Task[Any]) -> None:
        """Forget a task of which whoever waits for it is told; where nobody does any more, nobody is."""
        self._tasks.remove(task)
        if not task.cancelled():
            task.exception()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task in self._tasks:
            self._tasks.remove(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(error if isinstance(error, WfeError) else WfeError("internal", f"the engine broke: {error!r}"))
