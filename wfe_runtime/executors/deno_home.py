"""Where Deno processes have their private folders, and how the program is found.

Rules:

1. An executor has a folder, 0700, and one more in memory where the host has such a file system: Deno makes its
   databases anew for each process, and would wait for the disk. A process has a folder in each and sees no other's.
2. The folder is locked while its engine lives. One whose lock is free belonged to an engine that was killed; the
   next removes it.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import importlib.util
import os
import shutil
import tempfile
import time
from typing import Any, Final, NamedTuple

from .problems import TaskProblem

__all__ = ["DenoHome", "Place", "find_deno"]

_PREFIX: Final = "wfe-deno-"
_MEMORY: Final = "/dev/shm"
_MINIMUM_AGE_S: Final = 60  # a younger folder may be one that its engine has not locked yet
_OPEN_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def find_deno() -> str | None:
    """Return where Deno is: the one of the package ``deno`` (extra ``wfe[deno]``), or one on PATH; None if nowhere."""
    if importlib.util.find_spec("deno") is not None:
        package: Any = importlib.import_module("deno")
        with contextlib.suppress(OSError, AttributeError):
            found: str = package.find_deno_bin()
            if os.access(found, os.X_OK):
                return os.path.abspath(found)
    return shutil.which("deno")


class Place(NamedTuple):
    """The folders of one process: its own ``home``, and what Deno has for its ``dir``."""

    home: str
    dir: str


class DenoHome:
    """The folders of an executor's processes, made at first use.

    ``parent`` is where; None: the system's folder for temporary files.
    """

    def __init__(self, parent: str | None = None) -> None:
        self._parent = parent
        self._paths: list[str] = []
        self._folders: list[int] = []
        self._count = 0

    def new(self, modules: bool) -> Place:
        """Make the folders of a process. ``modules``: Deno's own is to hold modules, and so lies beside the other.

        Raises TaskProblem where that is not possible.
        """
        try:
            if not self._folders:
                self._open()
            self._count += 1
            path = os.path.join(self._paths[0], str(self._count))
            os.mkdir(path, 0o700)
            own = os.path.join(path, "dir") if modules else os.path.join(self._paths[-1], f"{self._count}-dir")
            os.mkdir(own, 0o700)
        except OSError as error:
            raise TaskProblem(
                "executor", f"can't make a folder for Deno: {error}; TMPDIR may name another place"
            ) from error
        return Place(path, own)

    def remove(self, place: Place) -> None:
        """Remove a process's folders."""
        for path in place:
            shutil.rmtree(path, ignore_errors=True)

    def close(self) -> None:
        """Remove all. Repeatable; the next use makes new folders."""
        for path, folder in zip(self._paths, self._folders, strict=True):
            shutil.rmtree(path, ignore_errors=True)
            os.close(folder)
        self._paths.clear()
        self._folders.clear()

    def _open(self) -> None:
        parents = [self._parent or tempfile.gettempdir()]
        if self._parent is None and os.access(_MEMORY, os.W_OK | os.X_OK):
            parents.append(_MEMORY)
        for parent in parents:
            _remove_abandoned(parent)
            path = tempfile.mkdtemp(prefix=_PREFIX, dir=os.path.abspath(parent))
            folder = os.open(path, _OPEN_FOLDER)
            self._paths.append(path)
            self._folders.append(folder)
            fcntl.flock(folder, fcntl.LOCK_SH)


def _remove_abandoned(parent: str) -> None:
    """Remove folders of this user's engines that are gone."""
    with os.scandir(parent) as entries:
        names = [entry.name for entry in entries if entry.name.startswith(_PREFIX)]
    for name in names:
        with contextlib.suppress(OSError):
            folder = os.open(os.path.join(parent, name), _OPEN_FOLDER)
            try:
                found = os.fstat(folder)
                if found.st_uid == os.geteuid() and time.time() - found.st_mtime > _MINIMUM_AGE_S:
                    fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(os.path.join(parent, name), ignore_errors=True)
            finally:
                os.close(folder)
