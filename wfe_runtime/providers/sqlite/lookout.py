"""Notices commits of other processes that nobody told of, and that the store's files were taken away.

The safety net under ``notify``: once a second the write-ahead log's time and size are looked at, which
costs one system call and wakes no thread. Only where they differ from the last look, or changed too lately
to tell, is SQLite asked whether another connection has committed. While others do tell of their commits,
the question is put less often, since its answer would be yes and means that everything has to be looked at.

With the log's time comes its number on its device, and another system call gets that of the store's file. Where
one of them is another, or none, the question is put at once: who is asked looks at the files first, and fails. An
engine that only waits would write nothing for hours, and never know that it looks at a file that is gone.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from typing import NamedTuple

from wfe_runtime.errors import StoreError

__all__ = ["Lookout"]

SECONDS = 1.0
FRESH_NS = 5_000_000_000
"""How long after a change of the log it may change unseen: it changes before the commit in it can be read, as
long as the disk takes to sync; file times are coarse; and a log that starts anew keeps its size."""
PATIENCE = 5  # looks in a row that may be skipped while others tell


class _Seen(NamedTuple):
    """What a look has shown; zeros for what is not there."""

    time: int = 0
    size: int = 0
    log: tuple[int, int] = (0, 0)
    file: tuple[int, int] = (0, 0)


class Lookout:
    """Used on the loop. ``ask`` returns a future of whether others have committed; ``found`` is called then.

    The future fails with StoreError where a file was taken away; ``lost`` is called with that.
    """

    def __init__(
        self,
        path: str,
        ask: Callable[[], asyncio.Future[bool]],
        found: Callable[[], None],
        lost: Callable[[StoreError], None],
    ) -> None:
        self._path = path
        self._log = f"{path}-wal"
        self._ask = ask
        self._found = found
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._told = False
        self._skipped = 0
        self._state = self._look()
        self._unsettled = self._is_fresh()
        # The answer comes from another thread: what is committed until then must not pass for known.
        self._asking: asyncio.Future[bool] | None = ask()
        self._asking.add_done_callback(self._answered)
        self._timer = self._loop.call_later(SECONDS, self._turn)

    def told(self) -> None:
        """Note that a process has told of a commit by itself."""
        self._told = True

    def stop(self) -> None:
        """Look no more."""
        self._timer.cancel()

    def _turn(self) -> None:
        self._timer = self._loop.call_later(SECONDS, self._turn)
        state = self._look()
        if (state == self._state and not self._unsettled) or self._asking is not None:
            return
        same_files = state[2:] == self._state[2:]
        if same_files and self._told and self._skipped < PATIENCE:
            self._told = False
            self._skipped += 1
            return
        self._told = False
        self._skipped = 0
        self._state = state
        self._unsettled = self._is_fresh()
        self._asking = self._ask()
        self._asking.add_done_callback(self._answered)

    def _answered(self, future: asyncio.Future[bool]) -> None:
        self._asking = None
        if future.cancelled():
            return
        error = future.exception()
        if isinstance(error, StoreError) and not error.transient:
            self._lost(error)
        elif error is None and future.result():  # else it says so at its next use
            self._found()

    def _is_fresh(self) -> bool:
        """Say whether the log may yet change without its time or size showing it."""
        return time.time_ns() - self._state.time < FRESH_NS

    def _look(self) -> _Seen:
        seen = _Seen()
        try:
            log = os.stat(self._log)
            seen = _Seen(log.st_mtime_ns, log.st_size, (log.st_dev, log.st_ino))
            file = os.stat(self._path)
        except OSError:
            return seen
        return seen._replace(file=(file.st_dev, file.st_ino))
