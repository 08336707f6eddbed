"""Writes new runs inside the writer's transaction: their rows and their names.

The rules: a run is known by id, by name and by its workflow's key, each unique; a name that the store
gives is the next number of its workflow, and numbers are never given twice.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from wfe_runtime.errors import GroupFull, NameTaken
from wfe_runtime.providers.rows import NewRun, RunRow
from wfe_runtime.providers.sqlite.blobs import keep_large, whole_row
from wfe_runtime.providers.sqlite.places import find_rejection, take_place
from wfe_runtime.providers.sqlite.session import SEQUENCE, Known, Session

__all__ = ["RUN_COLUMNS", "find_existing", "insert_run", "run_row"]

RUN_COLUMNS = f"""
    d.id, d.name, d.workflow, d.version, d.program, r.status, {SEQUENCE}, r.fence, r.owner, d.created,
    r.started, r.ended, r.due, d.inputs, ifnull((SELECT result FROM results WHERE run = r.run), x''),
    d.key, d.folder, d.durability, d.parent, d.parent_activation, d.parent_attempt, d.root, d.depth,
    ifnull((SELECT state FROM places WHERE run = r.run AND state <> 'ended'), ''), r.parked
"""
HAS_ID = "SELECT run FROM run_details WHERE id = ?"
HAS_KEY = "SELECT run FROM run_details WHERE workflow = ? AND key = ? AND key <> ''"
FIND = f"SELECT {RUN_COLUMNS} FROM run_details d JOIN runs r USING (run) WHERE d.run = ?"
NEXT_NUMBER = """
INSERT INTO name_sequences (workflow, last) VALUES (?, 1)
ON CONFLICT (workflow) DO UPDATE SET last = last + 1 RETURNING last
"""
RUN = """
INSERT INTO runs (status, row_sequence, fence, owner, due, started, ended) VALUES ('pending', 0, ?, ?, 0, 0, 0)
"""
DETAILS = """
INSERT INTO run_details (run, id, name, workflow, version, program, created, key, folder, durability, parent,
    parent_activation, parent_attempt, root, depth, inputs, events_before)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, (SELECT ifnull(max(number), 0) FROM events))
"""


def run_row(connection: sqlite3.Connection, row: tuple[Any, ...]) -> RunRow:
    """Return what a row of RUN_COLUMNS says, its inputs and its result whole."""
    return RunRow(*whole_row(connection, row, 13, 14))


def find_existing(session: Session, new: NewRun) -> RunRow | NameTaken | GroupFull | None:
    """Return the run that has the new one's id or key already, or why the new one is refused, else None."""
    found = session.execute(HAS_ID, (new.id,)).fetchone()
    if found is None and new.key:
        found = session.execute(HAS_KEY, (new.workflow, new.key)).fetchone()
    if found is not None:
        return run_row(session.connection, session.execute(FIND, found).fetchone())
    if new.name and _is_taken(session, new.name):
        return NameTaken(new.name)
    return find_rejection(session, new)


def insert_run(session: Session, new: NewRun) -> RunRow:
    """Create a run whose id, name and key are free. Returns its row."""
    name = new.name
    while not name:
        number = session.execute(NEXT_NUMBER, (new.workflow,)).fetchall()[0][0]
        name = f"{new.workflow}-{number}"
        if _is_taken(session, name):
            name = ""
    fence = 1 if new.owner else 0
    root = new.root or new.id
    run = session.execute(RUN, (fence, new.owner)).lastrowid or 0
    session.execute(
        DETAILS,
        (
            run,
            new.id,
            name,
            new.workflow,
            new.version,
            new.program,
            new.created,
            new.key,
            new.folder,
            new.durability,
            new.parent,
            new.parent_activation,
            new.parent_attempt,
            root,
            new.depth,
            keep_large(session, run, new.inputs),
        ),
    )
    known = session.remember(new.id, Known(run, 0, fence, "pending", 0, 0, 0, int(new.durability == "relaxed"), 0))
    # Whoever owns it has made it, and nobody has told it anything yet.
    (session.advanced if new.owner else session.touched).add(new.id)
    place = take_place(session, run, new) if new.place is not None else ""
    known.placed = int(bool(place))
    return new.created_as(name, place)


def _is_taken(session: Session, name: str) -> bool:
    return session.execute("SELECT 1 FROM run_details WHERE name = ?", (name,)).fetchone() is not None
