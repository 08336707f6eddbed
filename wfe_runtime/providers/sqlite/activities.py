"""Activities in the tables of SQLite: who may fetch which, and whose answer counts.

Each function returns what the store's method returns; those that write are called inside the writer's transaction.
The rule: a token counts while its lease is not over, and an answer and its way into the run's inbox are one.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from wfe_runtime import faults
from wfe_runtime.providers.rows import ENDED_ACTIVITIES_KEPT_MS, ActivityRow, InboxPost, NewActivity
from wfe_runtime.providers.sqlite.blobs import keep_large, whole_row
from wfe_runtime.providers.sqlite.commits import insert_posts
from wfe_runtime.providers.sqlite.session import Session

__all__ = [
    "end_activity",
    "extend_activity",
    "fetch_activity",
    "find_activity",
    "next_activity",
    "offer_activity",
    "release_activity",
    "withdraw_activity",
]

ROWS = """
SELECT d.id, a.activation, a.attempt, a.kind, a.step, a.inputs, a.time,
    iif(a.state = 'open' AND r.ended > 0, 'withdrawn', a.state), a.token, a.worker, a.lease
FROM activities a JOIN run_details d USING (run) JOIN runs r USING (run)
"""
OFFER = """
INSERT INTO activities (run, activation, attempt, kind, step, inputs, time, state, token, worker, lease)
VALUES (?, ?, ?, ?, ?, ?, ?, 'open', '', '', 0) ON CONFLICT (run, activation, attempt) DO NOTHING
"""
DROP_OLD = """
DELETE FROM activities WHERE number IN
    (SELECT number FROM activities WHERE state <> 'open' AND time < ? ORDER BY time LIMIT 100)
"""
OPEN = "a.kind = ? AND a.state = 'open' AND EXISTS (SELECT 1 FROM runs r WHERE r.run = a.run AND r.ended = 0)"
LATE = f"SELECT a.number FROM activities a WHERE {OPEN} AND a.lease > 0 AND a.lease <= ? ORDER BY a.lease LIMIT 1"
FRESH = f"SELECT a.number FROM activities a WHERE {OPEN} AND a.lease = 0 ORDER BY a.number LIMIT 1"
NEXT = f"SELECT a.lease FROM activities a WHERE {OPEN} ORDER BY a.lease LIMIT 1"
LEASE = "UPDATE activities SET token = ?, worker = ?, lease = ? WHERE number = ?"
WITHDRAW = """
UPDATE activities SET state = 'withdrawn' WHERE run = ? AND activation = ? AND attempt = ? AND state = 'open'
"""
BY_TOKEN = "WHERE a.token = ? AND a.token <> ''"

faults.declare("activities.after_end", "an activity was ended, its run is not told, nothing is durable")


def offer_activity(session: Session, new: NewActivity) -> ActivityRow | None:
    """Offer one, unless it is there."""
    run = session.number_of(new.run)
    if run is None:
        return None
    session.execute(DROP_OLD, (new.time - ENDED_ACTIVITIES_KEPT_MS,))
    inputs = keep_large(session, run, new.inputs)
    session.execute(OFFER, (run, new.activation, new.attempt, new.kind, new.step, inputs, new.time))
    session.touched.add(new.run)
    where = "WHERE a.run = ? AND a.activation = ? AND a.attempt = ?"
    return _find(session.connection, where, (run, new.activation, new.attempt))


def fetch_activity(session: Session, kind: str, worker: str, token: str, now: int, lease_ms: int) -> ActivityRow | None:
    """Lease one."""
    found = session.execute(LATE, (kind, now)).fetchone() or session.execute(FRESH, (kind,)).fetchone()
    if found is None:
        return None
    session.execute(LEASE, (token, worker, now + lease_ms, found[0]))
    return _find(session.connection, "WHERE a.number = ?", found)


def next_activity(connection: sqlite3.Connection, kind: str) -> int:
    row = connection.execute(NEXT, (kind,)).fetchone()
    return -1 if row is None else int(row[0])


def find_activity(connection: sqlite3.Connection, token: str) -> ActivityRow | None:
    return _find(connection, BY_TOKEN, (token,))


def extend_activity(session: Session, token: str, now: int, lease_ms: int) -> ActivityRow | None:
    """Renew a lease."""
    row = _leased(session, token, now)
    if row is not None and row.state == "open":
        session.execute("UPDATE activities SET lease = ? WHERE token = ?", (now + lease_ms, token))
        return find_activity(session.connection, token)
    return row


def end_activity(session: Session, token: str, now: int, payload: bytes) -> bool:
    """End one, and tell its run."""
    row = _leased(session, token, now)
    if row is None or row.state != "open":
        return False
    session.execute("UPDATE activities SET state = 'ended' WHERE token = ?", (token,))
    if faults.armed is not None:
        faults.reach("activities.after_end")
    insert_posts(session, [InboxPost(row.run, "event", payload)])
    return True


def release_activity(session: Session, token: str, now: int) -> bool:
    """Give up a lease."""
    row = _leased(session, token, now)
    if row is None or row.state != "open":
        return False
    session.execute("UPDATE activities SET token = '', worker = '', lease = 0 WHERE token = ?", (token,))
    session.touched.add(row.run)
    return True


def withdraw_activity(session: Session, run: str, activation: int, attempt: int) -> None:
    """Offer one no more, or all of a run."""
    number = session.number_of(run)
    if activation < 0:
        session.execute("UPDATE activities SET state = 'withdrawn' WHERE run = ? AND state = 'open'", (number,))
    else:
        session.execute(WITHDRAW, (number, activation, attempt))


def _find(connection: sqlite3.Connection, where: str, values: tuple[Any, ...]) -> ActivityRow | None:
    for row in connection.execute(f"{ROWS} {where}", values):  # within the statement, so as of one moment
        return ActivityRow(*whole_row(connection, row, 5))
    return None


def _leased(session: Session, token: str, now: int) -> ActivityRow | None:
    row = find_activity(session.connection, token)
    return row if row is not None and row.state != "ended" and row.lease > now else None
