"""Clearing out of runs that have ended, and giving their room back to the disk.

Called inside the writer's transaction, but for ``compact``, which has a connection of its own. The rules: a run
goes with all that was stored for it, and only together with the whole family that it is of, once nobody in that
family is unfinished or held by a host; numbers and names of runs are never given twice, so nothing else may turn
up under those of a run that is gone. Programs are cleared out for themselves: other runs may have them pinned.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing

from wfe_runtime import faults
from wfe_runtime.errors import StoreError
from wfe_runtime.providers.rows import EVENTS_KEPT_MS, PurgeFilter, StoreSummary
from wfe_runtime.providers.sqlite import schema
from wfe_runtime.providers.sqlite.blobs import sweep
from wfe_runtime.providers.sqlite.connection import open_writer
from wfe_runtime.providers.sqlite.failures import from_sqlite
from wfe_runtime.providers.sqlite.location import Location
from wfe_runtime.providers.sqlite.search import drop_documents
from wfe_runtime.providers.sqlite.session import Session

__all__ = ["compact", "find_purgeable", "purge_runs", "summarise"]

# Of each workflow the newest first; the place counts ended families alone.
ENDED = """
SELECT d.run, d.id, row_number() OVER (PARTITION BY d.workflow ORDER BY d.run DESC) AS place,
    r.status, d.workflow, r.ended
FROM runs r JOIN run_details d USING (run)
WHERE r.ended > 0 AND d.root = d.id AND NOT EXISTS (
    SELECT 1 FROM run_details f JOIN runs s USING (run)
    WHERE f.root = d.id AND (s.ended = 0 OR s.ended >= :before OR s.owner IN (SELECT id FROM hosts WHERE lease > :now))
)
"""
FAMILY = "SELECT run, id FROM run_details WHERE root = ?"
OF_A_RUN = (
    "journal",
    "snapshots",
    "results",
    "inbox",
    "subscriptions",
    "logs",
    "places",
    "activities",
    "blob_uses",
    "runs",
    "run_details",
)
DROP_EVENTS = "DELETE FROM events WHERE number IN (SELECT number FROM events WHERE time < ? LIMIT ?)"
EVENTS_AT_ONCE = 10_000

faults.declare("purging.after_purge", "runs were cleared out in a transaction that is not durable yet")


def find_purgeable(connection: sqlite3.Connection, wanted: PurgeFilter, limit: int) -> list[str]:
    """Return the topmost runs of the families that a purge would clear out, the oldest first; 0: all of them."""
    conditions = ["place > :keep"]
    values: dict[str, str | int] = {
        "before": wanted.before,
        "now": wanted.now,
        "keep": wanted.keep,
        "limit": limit or -1,
    }
    if wanted.workflow:
        conditions.append("workflow = :workflow")
        values["workflow"] = wanted.workflow
    if wanted.statuses:
        names = [f"status{number}" for number in range(len(wanted.statuses))]
        conditions.append(f"status IN ({', '.join(f':{name}' for name in names)})")
        values.update(zip(names, wanted.statuses, strict=True))
    rows = connection.execute(
        f"SELECT id FROM ({ENDED}) WHERE {' AND '.join(conditions)} ORDER BY run LIMIT :limit", values
    )
    return [id for (id,) in rows]


def purge_runs(session: Session, wanted: PurgeFilter, limit: int) -> list[str]:
    """Clear out up to ``limit`` families, and events that nobody can wait for any more. Returns the runs' ids."""
    gone: list[str] = []
    for root in find_purgeable(session.connection, wanted, limit):
        for run, id in session.execute(FAMILY, (root,)).fetchall():
            for table in OF_A_RUN:
                session.execute(f"DELETE FROM {table} WHERE run = ?", (run,))
            drop_documents(session, run)
            session.known.pop(id, None)
            gone.append(id)
    session.execute(DROP_EVENTS, (wanted.now - EVENTS_KEPT_MS, EVENTS_AT_ONCE))
    sweep(session.connection)
    if faults.armed is not None:
        faults.reach("purging.after_purge")
    return gone


def summarise(connection: sqlite3.Connection, path: str) -> StoreSummary:
    """Return what the store holds, and how large it is."""
    counts = connection.execute("SELECT status, count(*) FROM runs GROUP BY status ORDER BY status").fetchall()
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    (free,), (page,) = (connection.execute(f"PRAGMA {name}").fetchone() for name in ("freelist_count", "page_size"))
    size = sum(os.path.getsize(path + end) for end in ("", "-wal") if os.path.exists(path + end))
    return StoreSummary(dict(counts), version, len(schema.MIGRATIONS), size, free * page)


def compact(location: Location) -> None:
    """Write the file anew without the room of what is gone. Writers wait meanwhile. Raises StoreError."""
    with closing(open_writer(location)) as connection:
        try:
            for table in ("journal", "snapshots", "inbox", "subscriptions", "logs"):
                # What a process that did not know of a purge has left for a run that is gone.
                connection.execute(f"DELETE FROM {table} WHERE run NOT IN (SELECT run FROM runs)")
            sweep(connection)
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as error:
            raise from_sqlite(error, location.path, "compact", location.patience) from error
        (sound,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if sound != "ok":
            raise StoreError("damaged", f"the store {location.path} is damaged: {sound}", "restore it from a copy")
