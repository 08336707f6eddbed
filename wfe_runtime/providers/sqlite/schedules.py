"""Schedules: when runs of a workflow start by themselves, and the runs that were started so.

``keep_schedules`` and ``fire_schedule`` are called inside the writer's transaction, the others on the reader's
connection. The rule: a time is moved on in the transaction that creates its run, and only from the due time that
whoever fires it has seen, so of several hosts one fires it, whatever their clocks say.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from wfe_runtime import faults
from wfe_runtime.errors import GroupFull, NameTaken
from wfe_runtime.providers.rows import NewRun, RunRow, ScheduleRow
from wfe_runtime.providers.sqlite.creation import find_existing, insert_run
from wfe_runtime.providers.sqlite.session import Session

__all__ = ["fire_schedule", "keep_schedules", "list_schedules"]

COLUMNS = "workflow, version, position, program, cron, timezone, missed, folder, due"
KEEP = f"INSERT INTO schedules ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
OF_WORKFLOW = f"SELECT {COLUMNS} FROM schedules WHERE workflow = ?"
LIST = f"SELECT {COLUMNS} FROM schedules WHERE cron <> '' ORDER BY due, workflow, position"
MOVE_ON = """
UPDATE schedules SET due = ? WHERE workflow = ? AND position = ? AND due = ? AND program = ? AND cron = ?
    AND timezone = ?
"""


def keep_schedules(session: Session, workflow: str, version: int, rows: Sequence[ScheduleRow]) -> bool:
    """See the store's method of that name."""
    known = [ScheduleRow(*row) for row in session.execute(OF_WORKFLOW, (workflow,))]
    if any(row.version > version for row in known):
        return False
    due = {(row.cron, row.timezone): row.due for row in known}
    session.execute("DELETE FROM schedules WHERE workflow = ?", (workflow,))
    for row in rows or (ScheduleRow(workflow, version, 0, "", "", "", "", "", 0),):
        session.execute(
            KEEP,
            (
                row.workflow,
                row.version,
                row.position,
                row.program,
                row.cron,
                row.timezone,
                row.missed,
                row.folder,
                due.get((row.cron, row.timezone), row.due),
            ),
        )
    session.touched.add(f"schedule:{workflow}")
    return True


def list_schedules(connection: sqlite3.Connection) -> list[ScheduleRow]:
    return [ScheduleRow(*row) for row in connection.execute(LIST)]


def fire_schedule(
    session: Session, row: ScheduleRow, due: int, run: NewRun | None
) -> RunRow | NameTaken | GroupFull | None:
    """See the store's method of that name."""
    values = (due, row.workflow, row.position, row.due, row.program, row.cron, row.timezone)
    if session.execute(MOVE_ON, values).rowcount != 1 or run is None:
        return None
    if faults.armed is not None:
        faults.reach("sqlite.after_schedule")
    return find_existing(session, run) or insert_run(session, run)
