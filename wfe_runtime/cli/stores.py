"""The store of a command: opened for reading alone, and runs looked up in it by what the user calls them."""

from __future__ import annotations

import asyncio
import difflib
import os
import shlex
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from ..errors import NotFound
from ..providers import open_store
from ..providers.contracts import Store
from ..providers.rows import RunFilter, RunRow
from ..settings import Settings
from .exits import CommandError, UsageError
from .open_files import require_open_files

__all__ = [
    "file_of",
    "find_run",
    "is_absent",
    "keeps_runs",
    "open_for_change",
    "open_for_reading",
    "require_store",
    "run_loop",
    "store_flag",
]

CANDIDATES_SHOWN = 10
NAMES_COMPARED = 500


def run_loop(work: Coroutine[Any, Any, int]) -> int:
    """Run a coroutine to its end, on uvloop where it is installed, and return what it returns.

    Raises CommandError (5) where this process may open too few files for that.
    """
    try:
        require_open_files()
    except CommandError:
        work.close()
        raise
    try:
        import uvloop
    except ImportError:
        factory: Any = None
    else:
        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(work)


def file_of(url: str) -> str | None:
    """Return the path of a store that is one file, else None. Raises StoreError for a URL that is none."""
    if url.partition(":")[0].lower() != "sqlite":
        return None
    from ..providers.sqlite.location import parse_url

    return parse_url(url).path


def is_absent(url: str) -> bool:
    """Say whether a store is a file that is not there yet: looking into it must not create it."""
    path = file_of(url)
    return path is not None and not os.path.lexists(path)


def require_store(settings: Settings, reference: str) -> None:
    """Raise NotFound for a run that is looked for in a store that is not there yet: looking must not make one."""
    if is_absent(settings.store):
        raise NotFound(f"there is no run {reference!r}: the store {settings.store} is not there yet")


@asynccontextmanager
async def open_for_reading(settings: Settings) -> AsyncIterator[Store]:
    """Open the store, and close it again. Raises StoreError."""
    store = open_store(settings.store)
    try:
        await store.open()
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def open_for_change(settings: Settings) -> AsyncIterator[Store]:
    """Open the store, made first where it is not there yet, and close it again. Raises StoreError."""
    async with open_for_reading(settings) as store:
        yield store


async def find_run(store: Store, reference: str) -> RunRow:
    """Return the run of that id or name, else the only one whose id or name begins so.

    Raises NotFound with near names, UsageError with the candidates where there are several.
    """
    if not reference.strip():
        raise UsageError("the name of the run is empty", "`wfec list` shows the runs")
    found = await store.find_runs(reference, CANDIDATES_SHOWN + 1)
    if len(found) == 1:
        return found[0]
    if not found:
        rows = await store.list_runs(RunFilter(limit=NAMES_COMPARED))
        near = difflib.get_close_matches(reference, [row.name for row in rows], n=3)
        raise NotFound(f"no run has the id or name {reference!r}, nor one that begins so", near)
    shown = "\n".join(f"  {row.name}  {row.id}  {row.status}" for row in found[:CANDIDATES_SHOWN])
    more = "\n  …" if len(found) > CANDIDATES_SHOWN else ""
    raise UsageError(f"{reference!r} may be several runs:\n{shown}{more}", "write more of the name, or the id")


def store_flag(settings: Settings) -> str:
    """Return what a suggested command needs to reach the same store: `` --store URL``, or nothing."""
    value = settings.get("store")
    return f" --store {shlex.quote(value.value)}" if value.origin == "flag" else ""


def keeps_runs(url: str) -> bool:
    """Say whether a run in this store outlives the command."""
    return url.partition(":")[0].lower() != "memory"
