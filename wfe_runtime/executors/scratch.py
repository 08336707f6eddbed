"""The private folder of an engine process: files for values too large for a variable, and output files.

Rules:

1. The folder is 0700 and what is written here 0600, whatever the umask. Files are made new
   (``O_EXCL``) and gone after the attempt they served.
2. A step has this process's user and may do anything to the folder. So everything goes through the
   folder's descriptor and follows no link: a folder or file that a step swapped leads nowhere.
3. The folder is locked while its process lives. A folder whose lock is free belonged to a process
   that was killed; the next process removes it, if it carries the mark that only such a folder has.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterable
from typing import Final

from .problems import TaskProblem

__all__ = ["Scratch"]

_PREFIX: Final = "wfe-scratch-"
_MARK: Final = ".wfe-scratch"  # a file in each folder of ours: a name alone proves nothing
_MINIMUM_AGE_S: Final = 60  # a younger folder may be one that its process has not locked yet
_OPEN_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Scratch:
    """The folder, made at first use. ``parent`` is where; None: the system's folder for temporary files."""

    def __init__(self, parent: str | None = None) -> None:
        self._parent = parent
        self._path = ""
        self._folder = -1
        self._identity = (0, 0)
        self._lost: list[int] = []  # descriptors of folders that a step took away; others may still read there
        self._count = 0

    def new_name(self, label: str) -> str:
        """Return a file name that was never given before; ``label`` is its readable part."""
        self._count += 1
        return f"{self._count}-{label}"

    def path_of(self, name: str) -> str:
        """Return the absolute path of a file of that name, making the folder if it isn't there (any more).

        Raises TaskProblem where no folder can be made.
        """
        self._open()
        return os.path.join(self._path, name)

    def write(self, name: str, content: bytes) -> str:
        """Make a file, readable by this user only, and return its path.

        Raises TaskProblem where that is not possible, a full disk for example.
        """
        path = self.path_of(name)
        try:
            file = os.open(
                name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=self._folder
            )
            with open(file, "wb") as stream:
                stream.write(content)
        except OSError as error:
            raise TaskProblem("executor", f"can't write the temporary file {path}: {error.strerror}") from error
        return path

    def read(self, name: str, limit_bytes: int, title: str) -> bytes | None:
        """Return the content of a file that a step may have made; None if it made none.

        ``title`` names it in messages. Raises TaskProblem: kind ``executor`` if it is anything but a
        plain file of its own (a link, a pipe …), kind ``limit`` if it is longer than ``limit_bytes``.
        """
        try:
            file = os.open(
                name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, dir_fd=self._folder
            )
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise TaskProblem("executor", f"{title} is a symbolic link, which is not followed") from None
            raise TaskProblem("executor", f"can't read {title}: {error.strerror}") from error
        try:
            found = os.fstat(file)
            if not stat.S_ISREG(found.st_mode):
                raise TaskProblem("executor", f"{title} is no plain file, so it is not read")
            if found.st_nlink > 1:
                raise TaskProblem("executor", f"{title} is a hard link to another file, so it is not read")
            content = bytearray()
            while len(content) <= limit_bytes:
                piece = os.read(file, 1 << 20)
                if not piece:
                    return bytes(content)
                content += piece
        finally:
            os.close(file)
        raise TaskProblem("limit", f"{title} is longer than the {limit_bytes} bytes that are read", limit=limit_bytes)

    def remove(self, names: Iterable[str]) -> None:
        """Remove files of these names where they are there, whatever a step has made of them."""
        if self._folder < 0:
            return
        for name in names:
            try:
                os.unlink(name, dir_fd=self._folder)
            except FileNotFoundError:
                pass
            except OSError:
                shutil.rmtree(name, ignore_errors=True, dir_fd=self._folder)

    def close(self) -> None:
        """Remove the folder. Repeatable; the next use makes a new one."""
        for folder in self._lost:
            os.close(folder)
        self._lost.clear()
        if self._folder >= 0:
            if self._is_in_place():
                shutil.rmtree(self._path, ignore_errors=True)
            os.close(self._folder)
            self._folder = -1

    def _open(self) -> None:
        if self._folder >= 0:
            if self._is_in_place():
                return
            self._lost.append(self._folder)
            self._folder = -1
        try:
            parent = self._parent or tempfile.gettempdir()
            _remove_abandoned(parent)
            self._path = tempfile.mkdtemp(prefix=_PREFIX, dir=os.path.abspath(parent))
            self._folder = os.open(self._path, _OPEN_FOLDER)
            fcntl.flock(self._folder, fcntl.LOCK_SH)
            os.close(os.open(_MARK, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=self._folder))
        except OSError as error:
            raise TaskProblem(
                "executor", f"can't make a folder for temporary files: {error}; TMPDIR may name another place"
            ) from error
        found = os.fstat(self._folder)
        self._identity = (found.st_dev, found.st_ino)

    def _is_in_place(self) -> bool:
        try:
            found = os.lstat(self._path)
        except OSError:
            return False
        return (found.st_dev, found.st_ino) == self._identity


def _remove_abandoned(parent: str) -> None:
    """Remove folders of this user's processes that are gone: those that carry the mark and hold plain files only."""
    with os.scandir(parent) as entries:
        names = [entry.name for entry in entries if entry.name.startswith(_PREFIX)]
    for name in names:
        path = os.path.join(parent, name)
        try:
            folder = os.open(path, _OPEN_FOLDER)
        except OSError:
            continue
        try:
            found = os.fstat(folder)
            if found.st_uid == os.geteuid() and time.time() - found.st_mtime > _MINIMUM_AGE_S:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove_marked(path, folder)
        except OSError:
            continue
        finally:
            os.close(folder)


def _remove_marked(path: str, folder: int) -> None:
    if not stat.S_ISREG(os.stat(_MARK, dir_fd=folder, follow_symlinks=False).st_mode):
        return
    with os.scandir(folder) as entries:
        found = list(entries)
    if any(entry.is_dir(follow_symlinks=False) for entry in found):
        return
    for entry in sorted(found, key=lambda entry: entry.name == _MARK):  # the mark last: a removal cut short goes on
        os.unlink(entry.name, dir_fd=folder)
    os.rmdir(path)
