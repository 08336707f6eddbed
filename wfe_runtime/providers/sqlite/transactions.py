"""A step's own rows and its end in one transaction: what a function may do on the writer's connection.

This file owns how the function is held to it. Called inside the writer's transaction. The rules:

* The function works within a savepoint: whatever it raises undoes its own rows, and no other's.
* It may make tables and change them; it may not end the transaction, and the tables of the store are only to be read.
  SQLite says no more than "not authorized" where something is not allowed: what and why is told here.
* Its rows count only while the host that called it owns the run, by the fence; and with them the run is told, by a
  post, that the step has ended. A crash leaves both or neither.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, Final

from wfe_runtime import faults
from wfe_runtime.errors import StoreError
from wfe_runtime.providers.contracts import Transaction, WorkRaised
from wfe_runtime.providers.rows import InboxPost
from wfe_runtime.providers.sqlite.commits import insert_posts
from wfe_runtime.providers.sqlite.schema import own_tables
from wfe_runtime.providers.sqlite.session import Session

__all__ = ["run_in_transaction"]

TOGETHER: Final = (
    "the store begins and ends the transaction, so that these rows and the end of the step are there together"
)
OUTLIVES: Final = "it would outlive the step on the store's own connection; use a table"
FORBIDDEN: Final = {
    sqlite3.SQLITE_TRANSACTION: ("{first}", f"{TOGETHER}; raise an exception to undo them"),
    sqlite3.SQLITE_SAVEPOINT: ("a savepoint", f"{TOGETHER}; raise an exception to undo them"),
    sqlite3.SQLITE_ATTACH: ("ATTACH", "what is in another file would not be there together with the end of the step"),
    sqlite3.SQLITE_DETACH: ("DETACH", "the connection is the store's own"),
    sqlite3.SQLITE_PRAGMA: ("PRAGMA {first}", "the connection is the store's own, and works by its settings"),
    sqlite3.SQLITE_CREATE_TEMP_TABLE: ("a temporary table", OUTLIVES),
    sqlite3.SQLITE_CREATE_TEMP_VIEW: ("a temporary view", OUTLIVES),
    sqlite3.SQLITE_CREATE_TEMP_TRIGGER: ("a temporary trigger", OUTLIVES),
}
"""What is not allowed, and why; ``first`` is what SQLite says of it."""
CHANGES_FIRST: Final = frozenset(
    {sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE, sqlite3.SQLITE_DROP_TABLE}
)
"""Changes of the table that SQLite names first."""
CHANGES_SECOND: Final = frozenset(
    {sqlite3.SQLITE_ALTER_TABLE, sqlite3.SQLITE_CREATE_INDEX, sqlite3.SQLITE_DROP_INDEX, sqlite3.SQLITE_CREATE_TRIGGER}
)
"""Changes of the table that SQLite names second."""

faults.declare("transactions.after_work", "a step's rows were written and its end was posted, nothing is durable")


def run_in_transaction(session: Session, run: str, fence: int, work: Callable[[Transaction], tuple[Any, bytes]]) -> Any:
    """Have ``work`` write, and post what it returns; see ``TransactionalStore.transact``."""
    number = session.number_of(run)
    row = session.execute("SELECT fence FROM runs WHERE run = ? AND ended = 0", (number,)).fetchone()
    if row is None or row[0] != fence:
        return StoreError("fence", "the run has ended, or another host has taken it over")
    connection = session.connection
    session.execute("SAVEPOINT step")
    gate = _Gate()
    try:
        connection.set_authorizer(gate.judge)
        try:
            result, payload = work(connection)
        finally:
            connection.set_authorizer(None)
    except BaseException as error:  # SystemExit too: it is this step's end and no other's
        session.execute("ROLLBACK TO step")
        session.execute("RELEASE step")
        gate.explain(error)
        return WorkRaised(error)
    session.execute("RELEASE step")
    insert_posts(session, [InboxPost(run, "event", payload)])
    if faults.armed is not None:
        faults.reach("transactions.after_work")
    return result


class _Gate:
    """Says to SQLite what a function may do, and to its user why not."""

    def __init__(self) -> None:
        self._refused = ""

    def judge(
        self, action: int, first: str | None, second: str | None, database: str | None, trigger: str | None
    ) -> int:
        """Be SQLite's authorizer: called for each thing that a statement does, when it is prepared."""
        table = first if action in CHANGES_FIRST else second if action in CHANGES_SECOND else None
        if action in FORBIDDEN:
            what, why = FORBIDDEN[action]
            self._refused = f"{what.format(first=first)} is not allowed in a transaction step: {why}"
        elif table in own_tables():
            self._refused = f"{table} is a table of the store itself, which a transaction step may only read"
        else:
            return sqlite3.SQLITE_OK
        return sqlite3.SQLITE_DENY

    def explain(self, error: BaseException) -> None:
        """Have the error that SQLite made of a refusal say what was refused."""
        if isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_AUTH:
            error.args = (self._refused or str(error),)
