"""Whether the files that were opened are still the ones that the store's path names.

A file that is deleted or replaced while it is open goes on taking what is written to it, without an error; nobody
will find that again once it is closed. This file owns that comparison, for the store's file and for its write-ahead
log; it knows nothing else of SQLite. The log is the same one from the first connection's opening of it to the last
one's closing: nobody but a stranger takes it away in between.
"""

from __future__ import annotations

import os

from wfe_runtime.errors import StoreError
from wfe_runtime.providers.sqlite.failures import log_taken_away

__all__ = ["OpenedFile"]

Identity = tuple[int, int]


class OpenedFile:
    """A store's file and its log, remembered by their numbers on their device."""

    def __init__(self, path: str) -> None:
        """Made right after the file was opened and read. Raises OSError where it is gone already."""
        self._path = path
        self._log = f"{path}-wal"
        self._file_identity = _look(path)
        self._log_identity = _look(self._log)

    def check(self) -> None:
        """Raise StoreError (``unreachable``) where a path names nothing, or another file, now; else cost two looks."""
        self.check_file()
        happened = _happened(self._log, self._log_identity)
        if happened:
            raise log_taken_away(
                self._path, f"{happened} while the store was in use", "no other process finds what was committed since"
            )

    def check_file(self) -> None:
        """Raise StoreError (``unreachable``) as ``check`` does, for the store's file alone: its log may be gone."""
        happened = _happened(self._path, self._file_identity)
        if happened:
            raise StoreError(
                "unreachable",
                f"the store {self._path} {happened} while it was in use: what was written to it since is lost",
                "find out what did that, then start again what ran meanwhile; "
                "a store is replaced, moved or deleted only while no process has it open",
            )


def _happened(path: str, identity: Identity) -> str:
    """Say what has happened to the file of that identity, an empty text for nothing."""
    try:
        return "" if _look(path) == identity else "was replaced by another file"
    except FileNotFoundError:
        return "was deleted or moved"
    except OSError:
        return ""  # nothing is known: what is really the matter shows in the next transaction


def _look(path: str) -> Identity:
    found = os.stat(path)
    return found.st_dev, found.st_ino
