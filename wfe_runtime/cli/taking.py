"""Making this process the one that advances a run: for the verbs that go on with one, or end it."""

from __future__ import annotations

import asyncio
import os
import pwd
import socket
import time

from ..engine import LEASE_MS, Engine
from ..errors import MissingError, WfeError
from ..providers.rows import RunRow

__all__ = ["by_whom", "is_owner_here", "refuse_if_missing", "take_or_wait", "user_name"]

MARGIN_MS = 2_000
LOOK_SECONDS = 0.5


async def refuse_if_missing(engine: Engine, row: RunRow) -> None:
    """Raise MissingError where this host lacks what the run needs: taking it over would only fail its steps."""
    loaded = await engine.programs.load(row.program)
    missing = engine.missing(loaded)
    if missing:
        raise MissingError(
            f"this host can't go on with {row.name}: {'; '.join(missing)}",
            "`wfec doctor` says what is here and what is missing",
        )


async def take_or_wait(engine: Engine, row: RunRow) -> RunRow | None:
    """Take a run over, waiting for the lease of an owner that may be gone. None: a live process has it.

    A process of this machine is known to live or not at once; one elsewhere only by its lease.
    """
    deadline = time.monotonic() + (LEASE_MS + MARGIN_MS) / 1000
    while True:
        try:
            return await engine.take_over(row.id)
        except WfeError as error:
            if error.code != "owned":
                raise
        present = await engine.store.get_run(row.id)
        if present is not None and is_owner_here(present.owner):
            return None
        if time.monotonic() > deadline:
            return None
        await asyncio.sleep(LOOK_SECONDS)


def is_owner_here(owner: str) -> bool:
    """Say whether the process that owns a run is one of this machine, and lives."""
    host, _, pid = owner.rpartition("-")[0].rpartition("-")
    if host != socket.gethostname() or not pid.isdecimal():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def by_whom(what: str) -> str:
    """Return what the journal says of a request: what, by whom and with which command."""
    return f"{what} by {user_name()} with wfec"


def user_name() -> str:
    """Return the name of the user of this process, as the system has it."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"user {os.getuid()}"
