"""Opens connections to a store's file, with the settings that everything else relies on.

This file owns the PRAGMAs. It knows nothing of runs. The rules: WAL always; a commit is on the disk when
it returns (``synchronous=FULL``) unless the writer says otherwise for one batch; pages are checked when
they are read; nobody waits for a lock longer than the location's patience.
"""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable
from typing import TypeVar

from wfe_runtime.errors import StoreError
from wfe_runtime.providers.sqlite import schema
from wfe_runtime.providers.sqlite.failures import from_os_error, from_sqlite, is_busy
from wfe_runtime.providers.sqlite.location import Location, prepare

__all__ = ["open_reader", "open_writer", "patiently"]

OLDEST = (3, 37, 0)  # STRICT tables
LOG_LIMIT = 64 << 20  # what the log is cut back to after it had to grow

Result = TypeVar("Result")


def open_writer(location: Location) -> sqlite3.Connection:
    """Open the file for writing: make it, check it, bring its schema up to date. Raises StoreError."""
    if sqlite3.sqlite_version_info < OLDEST:
        raise StoreError(
            "unreachable",
            f"this Python's SQLite is {sqlite3.sqlite_version}; a store needs 3.37 or newer",
            "use a Python that is linked to a newer SQLite",
        )
    path = location.path
    prepare(path)
    connection = None
    try:
        connection = _connect(location)
        # Another process may be creating the store at this moment, and not every lock waits by itself.
        patiently(location, lambda: _set_up(connection, path))
    except sqlite3.Error as error:
        _close(connection)
        raise from_sqlite(error, path, "open", location.patience) from error
    except OSError as error:
        _close(connection)
        raise from_os_error(error, path, "open") from error
    except BaseException:
        _close(connection)
        raise
    return connection


def open_reader(location: Location) -> sqlite3.Connection:
    """Open the file, which has its schema, for reading only. Raises StoreError."""
    connection = None
    try:
        connection = _connect(location)
        connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA cache_size = -16384")
    except sqlite3.Error as error:
        _close(connection)
        raise from_sqlite(error, location.path, "open", location.patience) from error
    return connection


def patiently(location: Location, work: Callable[[], Result]) -> Result:
    """Do the work, again and again while others hold a lock, until the patience is used up."""
    deadline = time.monotonic() + location.patience
    while True:
        try:
            return work()
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() >= deadline:
                raise
        time.sleep(random.uniform(0.001, 0.02))


def _connect(location: Location) -> sqlite3.Connection:
    connection = sqlite3.connect(
        location.path,
        timeout=location.patience,
        isolation_level=None,  # transactions are opened by hand
        check_same_thread=False,  # one at a time uses it, but not always the same
        cached_statements=256,
    )
    connection.execute("PRAGMA cell_size_check = ON")
    return connection


def _set_up(connection: sqlite3.Connection, path: str) -> None:
    version = schema.check(connection, path)
    for pragma in (
        "cache_size = -65536",
        "wal_autocheckpoint = 0",  # the session says when
        f"journal_size_limit = {LOG_LIMIT}",
        "synchronous = FULL",
    ):
        connection.execute(f"PRAGMA {pragma}")
    mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise StoreError(
            "unreachable",
            f"the store {path} can't be used safely by several processes: its file system does not support it",
            "keep the store on a local disk",
        )
    if version < len(schema.MIGRATIONS):
        connection.execute("BEGIN IMMEDIATE")
        try:
            schema.migrate(connection, schema.check(connection, path))
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def _close(connection: sqlite3.Connection | None) -> None:
    if connection is not None:
        connection.close()
