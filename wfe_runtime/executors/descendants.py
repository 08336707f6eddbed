"""Finding what a step has started and left behind, by what Linux tells in ``/proc``.

A process belongs to a step if it is in the session of the step's first process, if it carries the
step's tag in its environment, or if its parent belongs to the step. So a process that escapes by a
session of its own is found by its tag, and one that also cleared its environment is found as long as
its parents live. What did all of it (own session, cleared environment, parents gone) is not found.

Nothing here looks at processes older than the step: Linux gives process ids in a circle, and only
those between the step's own and the last one given can be its descendants. A step that started
nothing costs one read of ``/proc/loadavg``.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Final, NamedTuple

__all__ = ["Descendants", "find_descendants", "last_process_id", "open_descendants"]

_PROBED: Final = 32  # up to so many ids are cheaper to look up one by one than to list all processes
_ENVIRONMENT_BYTES: Final = 8 << 20  # more than Linux lets an environment be
_ZOMBIE: Final = (b"Z", b"X")
_KERNEL_THREAD: Final = 0x00200000


def last_process_id() -> int:
    """Return the id that was given to the newest process or thread of this host (or namespace); 0: unknown."""
    try:
        return int(os.pread(_load_average(), 128, 0).split()[4])
    except (OSError, IndexError, ValueError):
        return 0


@cache
def _load_average() -> int:
    """Return the descriptor of the file that ends with that id. It stays open: each end of a step reads it."""
    return os.open("/proc/loadavg", os.O_RDONLY | os.O_CLOEXEC)


class Descendants(NamedTuple):
    """What was found. ``unclear`` says that a process could not be told yet, and a look in a moment will tell."""

    processes: dict[int, int]
    unclear: bool


def open_descendants(leader: int, tag: bytes) -> Descendants:
    """Return a pidfd for each living process of a step but its first, with its process group.

    The caller closes them. ``leader`` is the id of the step's first process, which must not have been
    reaped yet; ``tag`` is the ``NAME=value`` that its environment was marked with.
    """
    opened: dict[int, int] = {}
    found = find_descendants(leader, tag)
    for process, started in found.processes.items():
        try:
            handle = os.pidfd_open(process)
        except OSError:
            continue  # gone, or the id of a thread
        status = _status_of(process)
        if status is not None and status.started == started:
            opened[handle] = status.group
        else:
            os.close(handle)  # gone, and the id perhaps given to another since
    return Descendants(opened, found.unclear)


def find_descendants(leader: int, tag: bytes) -> Descendants:
    """Return the living processes of a step but its first, and when each was started (in clock ticks)."""
    found: dict[int, int] = {}
    others: dict[int, _Status] = {}
    unclear: set[int] = set()
    for process in _candidates(leader):
        status = _status_of(process)
        if status is None:
            continue
        tagged = True if status.session == leader else _is_tagged(process, tag)
        if tagged:
            found[process] = status.started
            continue
        others[process] = status
        if tagged is None and not status.flags & _KERNEL_THREAD:
            unclear.add(process)
    grown = True
    while grown:
        grown = False
        for process, status in list(others.items()):
            if status.parent == leader or status.parent in found:
                found[process] = status.started
                del others[process]
                grown = True
    return Descendants(found, not unclear <= found.keys())


class _Status(NamedTuple):
    parent: int
    group: int
    session: int
    flags: int
    started: int


def _candidates(leader: int) -> list[int]:
    last = last_process_id()
    own = os.getpid()
    if last and 0 <= last - leader <= _PROBED:
        return [process for process in range(leader + 1, last + 1) if process != own]
    try:
        alive = [int(name) for name in os.listdir("/proc") if name.isdecimal()]
    except OSError:
        return []
    if last == 0:
        return [process for process in alive if process not in (leader, own)]
    if last > leader:
        return [process for process in alive if leader < process <= last and process != own]
    return [process for process in alive if (process > leader or process <= last) and process != own]


def _status_of(process: int) -> _Status | None:
    """Return what is to be known of a living process; None for one that is gone or a zombie."""
    text = _read(f"/proc/{process}/stat", 1024) or b""
    # The name stands in brackets and may hold anything, brackets too.
    fields = text[text.rfind(b")") + 2 :].split(None, 20)
    if len(fields) < 21 or fields[0] in _ZOMBIE:
        return None
    parent, group, session, flags, started = (int(fields[index]) for index in (1, 2, 3, 6, 19))
    return _Status(parent, group, session, flags, started)


def _is_tagged(process: int, tag: bytes) -> bool | None:
    """Return whether a process carries the tag; None where it has no memory to look at just now.

    That is so in the middle of an exec and at the very end of a process, which is neither alive nor a zombie.
    """
    environment = _read(f"/proc/{process}/environ", _ENVIRONMENT_BYTES)
    if environment:
        return tag in environment and tag in environment.split(b"\0")
    if environment is None or _read(f"/proc/{process}/cmdline", 1):
        return False
    return None


def _read(path: str, limit: int) -> bytes | None:
    """Return up to so many bytes of a file; nothing if its process is gone, None if it may not be read."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except PermissionError:
        return None
    except OSError:
        return b""
    try:
        pieces = []
        while limit > 0:
            piece = os.read(file, min(limit, 1 << 16))
            pieces.append(piece)
            limit -= len(piece)
            if len(piece) < 1024:
                break
        return b"".join(pieces)
    except PermissionError:
        return None
    except OSError:
        return b""
    finally:
        os.close(file)
