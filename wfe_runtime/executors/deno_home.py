"""Where Deno processes have their private folders, and how the program is found.

Rules:

1. An executor has one folder, 0700; a process has a folder in it, with databases of its own, and sees no other's.
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
from typing import Any, Final

from .problems import TaskProblem

__all__ = ["DenoHome", "find_deno"]

_PREFIX: Final = "wfe-deno-"
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


class DenoHome:
    """The folder of an executor's processes, made at first use.

    ``parent`` is where; None: the system's folder for temporary files.
    """

    def __init__(self, parent: str | None = None) -> None:
        self._parent = parent
        self._path = ""
        self._folder = -1
        self._count = 0

    def new(self) -> str:
        """Make a folder for a process, with Deno's own ``dir`` in it, and return its path.

        Raises TaskProblem where that is not possible.
        """
        try:
            if self._folder < 0:
                self._open()
            self._count += 1
            path = os.path.join(self._path, str(self._count))
            os.mkdir(path, 0o700)
            os.mkdir(os.path.join(path, "dir"), 0o700)
        except OSError as error:
            raise TaskProblem(
                "executor", f"can't make a folder for Deno: {error}; TMPDIR may name another place"
            ) from error
        return path

    def remove(self, path: str) -> None:
        """Remove a process's folder."""
        shutil.rmtree(path, ignore_errors=True)

    def close(self) -> None:
        """Remove all. Repeatable; the next use makes a new folder."""
        if self._folder >= 0:
            shutil.rmtree(self._path, ignore_errors=True)
            os.close(self._folder)
            self._folder = -1

    def _open(self) -> None:
        parent = self._parent or tempfile.gettempdir()
        _remove_abandoned(parent)
        self._path = tempfile.mkdtemp(prefix=_PREFIX, dir=os.path.abspath(parent))
        self._folder = os.open(self._path, _OPEN_FOLDER)
        fcntl.flock(self._folder, fcntl.LOCK_SH)


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
