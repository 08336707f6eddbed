"""Turns what SQLite and the system report into errors for people: what, which file, and the cure.

This file owns the words and the codes; it decides nothing about trying again, except that ``transient``
says whether it may help.
"""

from __future__ import annotations

import errno
import os
import sqlite3

from wfe_runtime.errors import StoreError

__all__ = ["from_os_error", "from_sqlite", "is_busy", "needs_isolation"]

_MOVED = 8 | (4 << 8)  # SQLITE_READONLY_DBMOVED: the file was renamed or deleted under us
_BUSY = (5, 6, 15)  # SQLITE_BUSY, SQLITE_LOCKED, SQLITE_PROTOCOL (a race for the WAL's locks)
_SHORT_READ = 10 | (2 << 8)  # SQLITE_IOERR_SHORT_READ: a page of the log lies beyond the log's end
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def code_of(error: BaseException) -> int:
    """Return SQLite's primary result code, 0 if the error has none."""
    return int(getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF


def is_busy(error: BaseException) -> bool:
    """Tell whether another connection was in the way."""
    return isinstance(error, sqlite3.Error) and code_of(error) in _BUSY


def needs_isolation(error: BaseException) -> bool:
    """Tell whether an error may be one request's own, so that the others of its batch should be tried."""
    if isinstance(error, OSError):
        return error.errno in _FULL
    return not isinstance(error, sqlite3.DatabaseError) or code_of(error) in (0, 13, 18, 19, 20)


def from_os_error(error: OSError, path: str, doing: str) -> StoreError:
    """Describe a failed system call on the store's file or folder."""
    reason = error.strerror or str(error)
    if error.errno in _FULL:
        return _full(path, doing)
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return StoreError(
            "read-only",
            f"can't {doing} the store {path}: {reason}",
            "make the file and its folder writable for this user, or name another store",
        )
    if error.errno in (errno.EIO, errno.ESTALE, errno.EREMOTEIO):
        return _io(path, doing, reason)
    return StoreError("unreachable", f"can't {doing} the store {path}: {reason}", "check the path")


def from_sqlite(error: sqlite3.Error, path: str, doing: str, patience: float) -> StoreError:
    """Describe an error of SQLite on that file."""
    code = code_of(error)
    extended = int(getattr(error, "sqlite_errorcode", 0) or 0)
    if code in _BUSY:
        return StoreError(
            "locked",
            f"can't {doing} the store {path}: another program has held its lock for {patience:g} s",
            f"end that program (fuser {path} names it), then try again; nothing was lost",
            transient=True,
        )
    if code in (11, 26):
        return damaged(path, str(error))
    if code == 13 or (code == 10 and _no_space(path)):
        return _full(path, doing)
    if extended == _MOVED or (code in (8, 10, 14) and not os.path.exists(path)):
        return StoreError(
            "unreachable",
            f"can't {doing} the store {path}: the file was moved or deleted while it was in use",
            "put it back (with its -wal file), or name another store",
        )
    if code in (3, 8, 23) or (code == 14 and not os.access(os.path.dirname(path), os.W_OK)):
        return StoreError(
            "read-only",
            f"can't {doing} the store {path}: {error}",
            "make the file and its folder writable for this user, or name another store",
        )
    if extended == _SHORT_READ:
        return log_taken_away(path, "is not the one that a running process has", "it was deleted or replaced")
    if code == 10:
        return _io(path, doing, str(error))
    if code in (18, 19, 20):
        return StoreError("value", f"can't {doing} the store {path}: {error}")
    return StoreError("unreachable", f"can't {doing} the store {path}: {error}")


def damaged(path: str, reason: str) -> StoreError:
    """Describe a file whose content makes no sense. It is never replaced."""
    return StoreError(
        "damaged",
        f"the store {path} is damaged: {reason}",
        f"it was left as it is: put back a copy (delete {path}-wal and {path}-shm first: they would spoil it), "
        f"or save what is left (sqlite3 {path} .recover), or name another store",
    )


def log_taken_away(path: str, happened: str, what: str) -> StoreError:
    """Describe a write-ahead log that is not the one which those who have the store open write to."""
    return StoreError(
        "unreachable",
        f"the write-ahead log {path}-wal {happened}: {what}",
        f"what was committed is saved as the last process that has the store open ends by itself (fuser {path} names "
        "them): end them with SIGTERM, then go on; that file is part of the store, and is never to be deleted by hand",
    )


def _full(path: str, doing: str) -> StoreError:
    return StoreError(
        "full",
        f"can't {doing} the store {path}: no space is left on its disk",
        f"make room in {os.path.dirname(path)}, then try again; what was committed is kept",
        transient=True,
    )


def _io(path: str, doing: str, reason: str) -> StoreError:
    return StoreError(
        "io",
        f"can't {doing} the store {path}: its disk reports an error ({reason})",
        "check the disk (dmesg); what was committed before is kept",
        transient=True,
    )


def _no_space(path: str) -> bool:
    """Tell whether a disk is full: an error in growing a shared-memory file says only "I/O"."""
    try:
        return os.statvfs(os.path.dirname(path)).f_bavail == 0
    except OSError:
        return False
