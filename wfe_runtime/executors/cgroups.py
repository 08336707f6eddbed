"""Control groups: limits on all that a step starts together, on memory and on processes.

Owns how a group is found, made and removed, in both versions of the kernel's interface. Knows nothing of steps.

Rule: what can't be limited raises; a limit is never left out in silence.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
from typing import Final

__all__ = ["ControlGroup", "group_problem"]

_MOUNTS: Final = "/proc/self/mountinfo"
_MINE: Final = "/proc/self/cgroup"
_TRIES: Final = 50
_PAUSE_S: Final = 0.01

_LIMITS: Final = {
    ("memory", 2): ("memory.max", "memory.swap.max"),
    ("memory", 1): ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"),
    ("pids", 2): ("pids.max", ""),
    ("pids", 1): ("pids.max", ""),
}
"""Per controller and version: the file of the limit, and that of swapped memory, which adds nothing."""

_count = 0


class ControlGroup:
    """A group for one attempt. Await ``close`` once all in it have ended."""

    def __init__(self) -> None:
        self._folders: dict[str, tuple[str, int]] = {}

    def limit(self, controller: str, value: int) -> None:
        """Limit ``memory`` (bytes) or ``pids``. Raises OSError where this host can't."""
        global _count
        parent, version = _parent_of(controller)
        folder = next((known for known, kind in self._folders.values() if kind == version == 2), "")
        if not folder:
            _count += 1
            folder = os.path.join(parent, f"wfe-{os.getpid()}-{_count}")
            os.mkdir(folder, 0o755)
        self._folders[controller] = (folder, version)
        limit, swap = _LIMITS[controller, version]
        _write(os.path.join(folder, limit), str(value))
        swap_file = os.path.join(folder, swap)
        if swap and os.path.exists(swap_file):
            _write(swap_file, str(value if version == 1 else 0))

    def entrances(self) -> list[str]:
        """Return the files that a process writes itself into."""
        return sorted({os.path.join(folder, "cgroup.procs") for folder, _ in self._folders.values()})

    def ran_out_of_memory(self) -> bool:
        """Say whether a process in it was killed for want of memory."""
        folder, version = self._folders.get("memory", ("", 0))
        if not folder:
            return False
        name = "memory.events" if version == 2 else "memory.oom_control"
        with contextlib.suppress(OSError), open(os.path.join(folder, name), encoding="ascii") as file:
            return any(line.startswith("oom_kill ") and line.split()[1] != "0" for line in file)
        return False

    async def close(self) -> None:
        """Remove the group, waiting for what has just ended and still keeps it. A cancel is raised afterwards."""
        cancelled: asyncio.CancelledError | None = None
        for _ in range(_TRIES):
            if self.remove():
                break
            try:
                await asyncio.sleep(_PAUSE_S)
            except asyncio.CancelledError as error:
                cancelled = error
        self._folders.clear()
        if cancelled is not None:
            raise cancelled

    def remove(self) -> bool:
        """Remove the group if nothing is in it any more. Returns whether there is nothing to wait for."""
        for controller, (folder, _) in list(self._folders.items()):
            try:
                os.rmdir(folder)
            except OSError as error:
                if error.errno == errno.EBUSY:
                    continue
            del self._folders[controller]
        return not self._folders


def group_problem(controller: str) -> str:
    """Say why this host can't limit ``memory`` or ``pids``; an empty text where it can. Leaves nothing behind."""
    group = ControlGroup()
    try:
        group.limit(controller, 1 << 30 if controller == "memory" else 1000)
    except OSError as error:
        return f"no control group for {controller} can be made here: {error.strerror or error}"
    finally:
        group.remove()
    return ""


def _parent_of(controller: str) -> tuple[str, int]:
    """Return the folder in which a group with that controller can be made, and the interface's version."""
    with open(_MINE, encoding="utf-8") as file:
        mine = [line.rstrip("\n").split(":", 2) for line in file]
    with open(_MOUNTS, encoding="utf-8") as file:
        mounts = [line.split() for line in file]
    for fields in mounts:
        kind = fields[fields.index("-") + 1]
        options = fields[-1].split(",")
        if kind == "cgroup" and controller in options:
            path = next((path for _, names, path in mine if controller in names.split(",")), "/")
            return _within(fields[4], fields[3], path), 1
    for fields in mounts:
        if fields[fields.index("-") + 1] != "cgroup2":
            continue
        path = next((path for number, names, path in mine if number == "0" and not names), "/")
        folder = _within(fields[4], fields[3], path)
        control = os.path.join(folder, "cgroup.subtree_control")
        with open(control, encoding="ascii") as file:
            enabled = controller in file.read().split()
        if not enabled:
            _write(control, f"+{controller}")
        return folder, 2
    raise OSError(errno.ENOTSUP, f"no hierarchy of control groups has {controller}")


def _within(mount: str, root: str, path: str) -> str:
    """Return where a group's folder is under a mount that shows the hierarchy from ``root`` on."""
    inside = os.path.relpath(path, root) if root != "/" and path.startswith(root) else path.lstrip("/")
    folder = os.path.normpath(os.path.join(mount, inside))
    return folder if os.path.isdir(folder) else mount


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
