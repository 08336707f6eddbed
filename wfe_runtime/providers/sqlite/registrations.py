"""Registrations in the tables of SQLite: from which program new runs of a workflow's version start.

Each function returns what the store's method returns; those that write are called inside the writer's transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from wfe_runtime.providers.rows import Registration, Unregistered
from wfe_runtime.providers.sqlite.session import Session

__all__ = ["add_registrations", "list_registrations", "remove_registration"]

COLUMNS = "workflow, version, program, time, who"
LAST = f"SELECT {COLUMNS} FROM registrations WHERE workflow = ? AND version = ? ORDER BY number DESC LIMIT 1"
ADD = f"INSERT INTO registrations ({COLUMNS}) VALUES (?, ?, ?, ?, ?)"
CURRENT = f"""
SELECT {COLUMNS} FROM registrations r WHERE program <> '' AND (?1 = '' OR workflow = ?1) AND number =
    (SELECT max(number) FROM registrations WHERE workflow = r.workflow AND version = r.version)
ORDER BY workflow, version
"""
HISTORY = f"SELECT {COLUMNS} FROM registrations WHERE ?1 = '' OR workflow = ?1 ORDER BY number"
DROP_TIMES = "DELETE FROM schedules WHERE workflow = ? AND version = ?"
PINNED = """
SELECT d.name FROM run_details d JOIN runs r USING (run) WHERE d.program = ? AND r.ended = 0 ORDER BY d.run LIMIT 1
"""


def add_registrations(session: Session, registrations: Sequence[Registration], replace: bool) -> list[Registration]:
    """Take in registrations, unless others stand in the way."""
    found = [(row, _last(session, row.workflow, row.version)) for row in registrations]
    in_the_way = [known for row, known in found if known is not None and known.program != row.program]
    if in_the_way and not replace:
        return in_the_way
    for row in registrations:
        known = _last(session, row.workflow, row.version)
        if known is None or known.program != row.program:
            session.execute(ADD, (row.workflow, row.version, row.program, row.time, row.who))
    return in_the_way


def remove_registration(session: Session, removed: Registration) -> Unregistered:
    """Remove one, unless an unfinished run has its program."""
    known = _last(session, removed.workflow, removed.version)
    if known is None:
        return Unregistered(False)
    pinned = session.execute(PINNED, (known.program,)).fetchone()
    if pinned is not None:
        return Unregistered(True, pinned[0])
    session.execute(ADD, (removed.workflow, removed.version, "", removed.time, removed.who))
    session.execute(DROP_TIMES, (removed.workflow, removed.version))
    session.touched.add(f"schedule:{removed.workflow}")
    return Unregistered(True)


def list_registrations(connection: sqlite3.Connection, workflow: str, history: bool) -> list[Registration]:
    return [Registration(*row) for row in connection.execute(HISTORY if history else CURRENT, (workflow,))]


def _last(session: Session, workflow: str, version: int) -> Registration | None:
    row = session.execute(LAST, (workflow, version)).fetchone()
    return None if row is None or not row[2] else Registration(*row)
