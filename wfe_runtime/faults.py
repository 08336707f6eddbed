"""Named points at which a test may kill this process or let a write fail.

This file owns the table of points and what the environment variable ``WFE_FAULT`` says about them. It knows
nothing of what is written there. The rules:

* A point's name is ``<who>.<where>``; the table says in one line what has happened when it is reached.
* ``WFE_FAULT=name`` or ``name:count`` kills the process with SIGKILL the count-th time (from 1) that the
  point is reached; ``name:count:enospc`` or ``name:count:eio`` raises that OSError there instead, once.
* A test may have a function called there instead, ``intercept``; what it raises is raised there.
* Unset, a point costs one look at a module's variable: ``if faults.armed is not None: faults.reach(...)``.
"""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable

__all__ = ["Fault", "arm", "armed", "declare", "disarm", "intercept", "points", "reach"]

VARIABLE = "WFE_FAULT"
ERRORS = {"enospc": errno.ENOSPC, "eio": errno.EIO}

_points = {
    "sqlite.before_begin": "a batch was taken from the queue, its transaction is not open yet",
    "sqlite.after_begin": "the transaction is open, nothing was written",
    "sqlite.after_guard": "the runs' rows were written where they change, their journal not",
    "sqlite.after_journal": "the journal was written, snapshots, children and posts not",
    "sqlite.after_signals": "events and subscriptions were written and matched, nothing is durable",
    "sqlite.after_place": "a place in a concurrency group was taken or given back, nothing is durable",
    "sqlite.after_schedule": "a schedule was moved on, its run was not created, nothing is durable",
    "sqlite.before_commit": "all of the batch was written, nothing is durable",
    "sqlite.after_commit": "the batch is durable, nobody knows yet",
    "sqlite.after_announce": "the batch is durable and was announced",
}


class Fault:
    """One armed fault: at the ``count``-th time from now that ``name`` is reached.

    It calls ``action``, if there is one, or raises ``error``; where that is 0: SIGKILL.
    """

    __slots__ = ("action", "count", "error", "name")

    def __init__(self, name: str, count: int = 1, error: int = 0, action: Callable[[], None] | None = None) -> None:
        self.name = name
        self.count = count
        self.error = error
        self.action = action


def points() -> dict[str, str]:
    """Return all declared points by name, with what has happened when each is reached."""
    return dict(_points)


def declare(name: str, meaning: str) -> None:
    """Add a point to the table; again with the same meaning: nothing. Raises ValueError for two meanings."""
    if _points.setdefault(name, meaning) != meaning:
        raise ValueError(f"the fault point {name} is declared twice, with different meanings")


def parse(text: str) -> Fault | None:
    """Read ``name[:count[:error]]``; empty: None. Raises ValueError for anything else."""
    if not text:
        return None
    name, _, rest = text.partition(":")
    count, _, error = rest.partition(":")
    if not name or (rest and not (count.isdecimal() and int(count) > 0)) or (error and error not in ERRORS):
        raise ValueError(f"{VARIABLE}={text!r} is not name, name:count, name:count:enospc or name:count:eio")
    return Fault(name, int(count or "1"), ERRORS[error] if error else 0)


armed: Fault | None = parse(os.environ.get(VARIABLE, ""))


def arm(text: str) -> None:
    """Arm a fault in this process, written as in the environment. It replaces the one armed before."""
    global armed
    armed = parse(text)


def intercept(name: str, count: int, action: Callable[[], None]) -> None:
    """Have ``action`` called the count-th time (from 1) that a point is reached. It replaces what was armed before."""
    global armed
    armed = Fault(name, count, action=action)


def disarm() -> None:
    """Let every point pass again."""
    arm("")


def reach(name: str) -> None:
    """Say that a point is reached. Returns, does what is armed there, or kills the process."""
    fault = armed
    if fault is None or fault.name != name:
        return
    fault.count -= 1
    if fault.count:
        return
    if fault.action is not None:
        fault.action()
        return
    if fault.error:
        raise OSError(fault.error, f"{os.strerror(fault.error)} (fault at {name})")
    os.kill(os.getpid(), signal.SIGKILL)
