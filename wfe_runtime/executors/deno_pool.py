"""The Deno processes of an engine: which one serves an attempt, which are kept, and when one is too old.

Rules:

1. A process serves one key, and from its first script on that key alone: the run, the step (whatever the pass of
   its loops), the script, and what it is granted. Nothing that a script leaves behind meets another script.
2. A few processes without any grant are started ahead, when the first was asked for. They have seen no script but
   one of ours, so that the first of a step finds loaded what of Deno every script needs.
3. A process is kept after a success only: one whose script threw, timed out, broke a limit or a frame is ended. So
   is one that is too old, has served too often, or has grown too much.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Coroutine
from typing import Any, Final

import msgspec

from .deno_home import DenoHome, Place, find_deno
from .deno_modules import DenoModules
from .deno_permissions import NOTHING, Grants
from .deno_process import DenoProcess
from .launch import Launcher
from .problems import TaskProblem

__all__ = ["DenoPool", "Key"]

AHEAD: Final = 2
"""Processes without grants that wait for a script; each holds about 10 MB of its own."""

KEPT: Final = 8
"""Processes that wait for their key to come again, of all keys together."""

KEPT_SECONDS: Final = 10.0
AHEAD_AFTER_SECONDS: Final = 0.05
"""A command that runs one script and ends should not start others for nothing."""

MOST_SECONDS: Final = 600.0
MOST_CALLS: Final = 500  # each leaves its module behind, and makes the next dearer
MOST_GROWTH: Final = 128 << 20
LOOK_EVERY: Final = 8  # a look costs as much as a tenth of a repeated step


class Key(msgspec.Struct, frozen=True):
    """Whom a process serves. ``code`` are the files of a script that has others beside it."""

    run: str
    step: str
    script: str
    folder: str
    grants: Grants
    code: tuple[tuple[str, str], ...] = ()


class _Kept(msgspec.Struct):
    process: DenoProcess
    place: Place
    key: Key | None = None
    timer: asyncio.TimerHandle | None = None


class DenoPool:
    """The processes. Belongs to one event loop."""

    def __init__(self, parent: str | None = None, ahead: int = AHEAD) -> None:
        self._launcher = Launcher()
        self._home = DenoHome(parent)
        self._modules = DenoModules(self._launcher)
        self._most_ahead = ahead
        self._ahead: list[_Kept] = []
        self._kept: list[_Kept] = []  # the latest last
        self._busy: dict[DenoProcess, _Kept] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._starting = 0
        self._closed = False
        self._refill: asyncio.TimerHandle | None = None
        self._program: str | None = None

    async def take(self, key: Key) -> tuple[DenoProcess, str]:
        """Return a process for a key, and its private folder: one kept for it, one started ahead, or a new one.

        Raises TaskProblem ``executor`` where none can be had.
        """
        for kept in reversed(self._kept):
            if kept.key == key and not kept.process.ended:
                self._kept.remove(kept)
                return self._hand_out(kept)
        plain = key.grants == NOTHING and not key.code
        while plain and self._ahead:
            kept = self._ahead.pop(0)
            if kept.process.ended:
                self._end(kept)
                continue
            kept.key = key
            return self._hand_out(kept)
        return self._hand_out(await self._start(key))

    async def give_back(self, process: DenoProcess, reusable: bool) -> None:
        """Take a process back. One that can't be used again is gone when this returns, also when cancelled."""
        kept = self._busy.pop(process)
        worn = (
            process.ended
            or self._closed
            or process.calls >= MOST_CALLS
            or time.monotonic() - process.started > MOST_SECONDS
            or (process.calls % LOOK_EVERY == 0 and process.resident() > MOST_GROWTH)
        )
        if not reusable or worn:
            try:
                await process.stop()
            finally:
                process.close()
                self._home.remove(kept.place)
        else:
            process.rest()
            kept.timer = asyncio.get_running_loop().call_later(KEPT_SECONDS, self._forget, kept)
            self._kept.append(kept)
            if len(self._kept) > KEPT:
                self._forget(self._kept[0])
        if self._refill is None and not self._closed:
            self._refill = asyncio.get_running_loop().call_later(AHEAD_AFTER_SECONDS, self._start_ahead)

    async def close(self) -> None:
        """End all processes. Repeatable."""
        self._closed = True
        if self._refill is not None:
            self._refill.cancel()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        for kept in [*self._ahead, *self._kept, *self._busy.values()]:
            if kept.timer is not None:
                kept.timer.cancel()
            kept.process.close()
        self._ahead.clear()
        self._kept.clear()
        self._busy.clear()
        self._launcher.close()
        self._home.close()

    def _hand_out(self, kept: _Kept) -> tuple[DenoProcess, str]:
        if kept.timer is not None:
            kept.timer.cancel()
            kept.timer = None
        self._busy[kept.process] = kept
        return kept.process, kept.place.home

    async def _start(self, key: Key | None) -> _Kept:
        if self._program is None or not os.access(self._program, os.X_OK):
            self._program = find_deno()
        program = self._program
        if program is None:
            raise TaskProblem("executor", "Deno is not here; install wfe[deno], or put `deno` on PATH")
        grants = NOTHING if key is None else key.grants
        place = self._home.new(bool(grants.modules))
        try:
            code: str | None = None
            extra: tuple[str, ...] = ()
            folder = place.home
            if key is not None:
                folder = key.folder
                if key.code:
                    code = _write_code(place.home, key.code)
                if grants.modules:
                    extra = await self._modules.prepare(program, grants.modules, place, folder)
            process = DenoProcess(grants)
            await process.start(self._launcher, program, place, _existing(folder), code, extra)
        except BaseException:
            self._home.remove(place)
            raise
        return _Kept(process, place, key)

    def _start_ahead(self) -> None:
        self._refill = None
        while not self._closed and len(self._ahead) + self._starting < self._most_ahead:
            self._starting += 1
            self._do(self._fill())

    async def _fill(self) -> None:
        try:
            kept = await self._start(None)
            await self._rehearse(kept)
        except TaskProblem:
            return  # whoever needs one is told
        finally:
            self._starting -= 1
        kept.process.rest()
        self._ahead.append(kept)

    async def _rehearse(self, kept: _Kept) -> None:
        try:
            await kept.process.rehearse()
        except BaseException:
            await self._ended(kept)
            raise

    def _forget(self, kept: _Kept) -> None:
        self._kept.remove(kept)
        if kept.timer is not None:
            kept.timer.cancel()
        self._end(kept)

    def _end(self, kept: _Kept) -> None:
        self._do(self._ended(kept))

    async def _ended(self, kept: _Kept) -> None:
        try:
            await kept.process.stop()
        finally:
            kept.process.close()
            self._home.remove(kept.place)

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _write_code(home: str, files: tuple[tuple[str, str], ...]) -> str:
    """Write a script and what it imports into a folder of the process's own, and return that."""
    folder = os.path.join(home, "code")
    for name, text in files:
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    return folder


def _existing(folder: str) -> str:
    if not os.path.isdir(folder):
        raise TaskProblem("executor", f"the run's folder {folder} does not exist", folder=folder)
    return folder
