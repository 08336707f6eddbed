"""The schema of a SQLite store: whose file it is, which version, and how it gets to ours.

This file owns the numbered migrations (``sql/sqlite/NNNN_*.sql``) and the two marks in the file's header:
``application_id`` says that it is a store of WFE, ``user_version`` how many migrations it has had. The
rules: a migration is never edited after a release, only followed by another; all that are missing are
applied in one transaction; a file of someone else's, or of a newer WFE, is not touched.
"""

from __future__ import annotations

import functools
import re
import sqlite3
from collections.abc import Iterator, Sequence
from importlib.resources import files

from wfe_runtime.errors import StoreError
from wfe_runtime.providers.sqlite.failures import damaged

__all__ = ["APPLICATION", "MIGRATIONS", "check", "migrate", "own_tables"]

APPLICATION = 0x57464531  # "WFE1"
MIGRATIONS = (
    "0001_init.sql",
    "0002_events.sql",
    "0003_places.sql",
    "0004_schedules.sql",
    "0005_library.sql",
    "0006_search.sql",
    "0007_blobs.sql",
    "0008_program_marks.sql",
    "0009_parked.sql",
    "0010_verifiers.sql",
    "0011_row_sequence.sql",
)


def check(connection: sqlite3.Connection, path: str, newest: int = len(MIGRATIONS)) -> int:
    """Return a file's schema version, 0 for a new one.

    Raises StoreError ``foreign`` or ``newer``, or ``damaged`` where the marks contradict the content.
    """
    application, version, tables = _read_marks(connection)
    if application != APPLICATION:
        if application == 0 and version == 0 and tables == 0:
            return 0
        raise StoreError(
            "foreign",
            f"{path} is a database of another program, not a store of WFE",
            "name another file; this one was left as it is",
        )
    if version > newest:
        raise StoreError(
            "newer",
            f"the store {path} has schema version {version}, written by a newer WFE; this one knows {newest}",
            "update WFE on this host, or name another store",
        )
    if version < 1 or tables == 0:
        raise damaged(path, "it has the mark of a store, but no tables")
    return version


def _read_marks(connection: sqlite3.Connection) -> tuple[int, int, int]:
    """Read the marks as of one instant: another process may be making the schema between two reads."""
    own = not connection.in_transaction
    if own:
        connection.execute("BEGIN")
    try:
        application: int = connection.execute("PRAGMA application_id").fetchone()[0]
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        tables: int = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    finally:
        if own and connection.in_transaction:
            connection.execute("ROLLBACK")
    return application, version, tables


def migrate(connection: sqlite3.Connection, version: int, migrations: Sequence[str] | None = None) -> None:
    """Apply the migrations after ``version``, given as SQL texts, inside the open transaction."""
    texts = [_read(name) for name in MIGRATIONS] if migrations is None else migrations
    for text in texts[version:]:
        for statement in _statements(text):
            connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    connection.execute(f"PRAGMA user_version = {len(texts)}")


@functools.cache
def own_tables() -> frozenset[str]:
    """Return the names of the store's tables; whatever else is in the file."""
    names = {name for file in MIGRATIONS for name in re.findall(r"^CREATE TABLE (\w+)", _read(file), re.MULTILINE)}
    return frozenset(names)


def _read(name: str) -> str:
    return files("wfe_runtime.providers").joinpath("sql", "sqlite", name).read_text(encoding="utf-8")


def _statements(text: str) -> Iterator[str]:
    """Split SQL at its semicolons; ``executescript`` would commit the transaction first."""
    statement = ""
    for line in text.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        raise ValueError(f"a migration ends within a statement: {statement.strip()[:60]}")
