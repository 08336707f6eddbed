"""Whether the file that was opened is still the one that the store's path names.

A file that is deleted or replaced while it is open goes on taking what is written to it, without an error; nobody
will find that again once it is closed. This file owns that comparison; it knows nothing of SQLite.
"""

from __future__ import annotations

import os

from wfe_runtime.errors import StoreError

__all__ = ["OpenedFile"]


class OpenedFile:
    """A store's file, remembered by its number on its device."""

    def __init__(self, path: str) -> None:
        """Made right after the file was opened. Raises OSError where it is gone already."""
        self._path = path
        self._identity = self._look()

    def check(self) -> None:
        """Raise StoreError (``unreachable``) where the path names nothing, or another file, now; else cost a look."""
        try:
            if self._look() == self._identity:
                return
            happened = "was replaced by another file"
        except FileNotFoundError:
            happened = "was deleted or moved"
        except OSError:
            return  # nothing is known: what is really the matter shows in the next transaction
        raise StoreError(
            "unreachable",
            f"the store {self._path} {happened} while it was in use: what was written to it since is lost",
            "find out what did that, then start again what ran meanwhile; "
            "a store is replaced, moved or deleted only while no process has it open",
        )

    def _look(self) -> tuple[int, int]:
        found = os.stat(self._path)
        return found.st_dev, found.st_ino
