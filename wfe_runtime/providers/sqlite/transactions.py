"""A step's own rows and its end in one transaction: what a function may do on the writer's connection.

This file owns how the function is held to it. Called inside the writer's transaction. The rules:

* The function works within a savepoint: whatever it raises undoes its own rows, and no other's.
* It may make tables and change them; it may not end the transaction, and the tables of the store are only to be read.
* Its rows count only while the host that called it owns the run, by the fence; and with them the run is told, by a
  post, that the step has ended. A crash leaves both or neither.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, Final

from wfe_runtime import faults
from wfe_runtime.errors import StoreError
from wfe_runtime.providers.contracts import InboxPost, Transaction, WorkRaised
from wfe_runtime.providers.sqlite.commits import insert_posts
from wfe_runtime.providers.sqlite.schema import own_tables
from wfe_runtime.providers.sqlite.session import Session

__all__ = ["run_in_transaction"]

FORBIDDEN: Final = frozenset(
    {sqlite3.SQLITE_TRANSACTION, sqlite3.SQLITE_SAVEPOINT, sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH}
    | {sqlite3.SQLITE_PRAGMA}
)
CHANGES: Final = frozenset(
    {sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE, sqlite3.SQLITE_DROP_TABLE}
    | {sqlite3.SQLITE_CREATE_INDEX, sqlite3.SQLITE_DROP_INDEX, sqlite3.SQLITE_CREATE_TRIGGER}
)

faults.declare("transactions.after_work", "a step's rows were written and its end was posted, nothing is durable")


def run_in_transaction(session: Session, run: str, fence: int, work: Callable[[Transaction], tuple[Any, bytes]]) -> Any:
    """Have ``work`` write, and post what it returns; see ``TransactionalStore.transact``."""
    number = session.number_of(run)
    row = session.execute("SELECT fence FROM runs WHERE run = ? AND ended = 0", (number,)).fetchone()
    if row is None or row[0] != fence:
        return StoreError("fence", "the run has ended, or another host has taken it over")
    connection = session.connection
    session.execute("SAVEPOINT step")
    try:
        connection.set_authorizer(_allow)
        try:
            result, payload = work(connection)
        finally:
            connection.set_authorizer(None)
    except BaseException as error:  # SystemExit too: it is this step's end and no other's
        session.execute("ROLLBACK TO step")
        session.execute("RELEASE step")
        return WorkRaised(error)
    session.execute("RELEASE step")
    insert_posts(session, [InboxPost(run, "event", payload)])
    if faults.armed is not None:
        faults.reach("transactions.after_work")
    return result


def _allow(action: int, first: str | None, second: str | None, database: str | None, trigger: str | None) -> int:
    table = second if action in (sqlite3.SQLITE_ALTER_TABLE, sqlite3.SQLITE_CREATE_INDEX) else first
    if action in (sqlite3.SQLITE_DROP_INDEX, sqlite3.SQLITE_CREATE_TRIGGER):
        table = second
    changes = action in CHANGES or action == sqlite3.SQLITE_ALTER_TABLE
    if action in FORBIDDEN or (changes and table in own_tables()):
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK
