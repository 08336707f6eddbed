"""The death of an engine within a process that lives on: the next one on its store finds what a SIGKILL had left.

It reaches into the engine: nobody but a test ends one without leaving it in order, so the engine has no method for it.
"""

from __future__ import annotations

import asyncio
from typing import Final

from .. import faults
from ..engine import Engine

__all__ = ["Crashed", "check_point", "kill_engine", "stop_advancing", "usable_points"]

ON_THE_LOOP: Final = ("engine.", "activities.")
"""What the names of points begin with that an engine can die at alone. Those in threads need a process of their own."""

IN_A_THREAD: Final = frozenset({"activities.after_end"})
"""Points of such a name that a store reaches, in its own thread."""


class Crashed(BaseException):
    """The engine has died here. No Exception: nobody who handles errors may go on."""


def usable_points() -> list[str]:
    """Return the names of the fault points at which an engine can die alone, sorted."""
    return sorted(name for name in faults.points() if name.startswith(ON_THE_LOOP) and name not in IN_A_THREAD)


def check_point(point: str, count: int) -> None:
    """Raise ValueError for what is no fault point, or none at which an engine can die alone."""
    usable = usable_points()
    if count < 1:
        raise ValueError(f"a point is reached for the first time at count 1, not {count}")
    if point not in usable:
        raise ValueError(f"{point!r} is no point at which an engine can die; there are {', '.join(usable)}")


def stop_advancing(core: Engine) -> None:
    """Let nothing advance any more, at once."""
    core._closing = True
    core._timers.close()


async def kill_engine(core: Engine) -> None:
    """End an engine; nothing is written, given back or left in order. Only what the process holds is let go of."""
    stop_advancing(core)
    core._desk.close()
    tasks = [*core._tasks, *core._errands.tasks]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await core._dispatcher.abandon()
    if core._unwatch is not None:
        core._unwatch()
    for active in core._active.values():
        if not active.finished.done():
            active.finished.cancel()
    core._active.clear()
    core._secrets.close()
    await core._services.close()
    await core.executors.close()
    await core.store.close()
