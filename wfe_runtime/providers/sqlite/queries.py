"""What is read, on the reader's connection. Each function returns what the store's method returns."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from wfe_runtime.providers.hosts import is_gone
from wfe_runtime.providers.rows import (
    FINISHED,
    FeedRow,
    Host,
    InboxRow,
    JournalRow,
    LogRow,
    RunFilter,
    RunRow,
    StoredState,
)
from wfe_runtime.providers.sqlite.blobs import whole, whole_row
from wfe_runtime.providers.sqlite.creation import RUN_COLUMNS, run_row

__all__ = [
    "feed_position",
    "find_runs",
    "list_orphans",
    "list_runs",
    "living_hosts",
    "load_state",
    "read_feed",
    "read_inbox",
    "read_journal",
    "read_logs",
    "read_run",
]

RUNS = f"SELECT {RUN_COLUMNS} FROM runs r JOIN run_details d USING (run)"
SNAPSHOT = "SELECT s.sequence, s.state FROM run_details d JOIN snapshots s USING (run) WHERE d.id = ?"
DELTAS = """
SELECT j.delta FROM run_details d JOIN journal j USING (run) WHERE d.id = ? AND j.sequence > ?
ORDER BY j.sequence
"""
JOURNAL = """
SELECT j.sequence, j.time, j.delta FROM run_details d JOIN journal j USING (run)
WHERE d.id = ? AND j.sequence > ? ORDER BY j.sequence LIMIT ?
"""
FEED = """
SELECT j.entry, d.id, d.name, d.workflow, d.version, d.parent, d.root, j.sequence, j.time, j.delta
FROM journal j JOIN run_details d USING (run) WHERE j.entry > ? ORDER BY j.entry LIMIT ?
"""
PLACE = "SELECT j.entry FROM run_details d JOIN journal j USING (run) WHERE d.id = ? AND j.sequence = ?"
# Each owner once, by as many steps in the index as there are owners. The conditions are those of the index
# runs_owner, word for word, or it is not used; the same below.
OWNERS = """
WITH RECURSIVE found (owner) AS (
    SELECT min(owner) FROM runs WHERE owner <> '' AND parked <> 1
    UNION ALL
    SELECT (SELECT min(owner) FROM runs WHERE owner <> '' AND parked <> 1 AND owner > found.owner)
    FROM found WHERE owner IS NOT NULL
)
SELECT owner FROM found
"""
ORPHANS = """
SELECT run FROM runs WHERE owner = '' AND ended = 0 AND parked <> 1 UNION ALL
SELECT run FROM runs WHERE owner = ? AND parked = 2 UNION ALL
SELECT run FROM runs WHERE owner <> '' AND parked <> 1 AND ended = 0 AND owner IN
"""
CHUNK = 500  # parameters in a statement


def read_run(connection: sqlite3.Connection, id: str) -> RunRow | None:
    for row in connection.execute(f"{RUNS} WHERE d.id = ?", (id,)):  # within the statement, so as of one moment
        return run_row(connection, row)
    return None


def find_runs(connection: sqlite3.Connection, reference: str, limit: int) -> list[RunRow]:
    for exact in connection.execute(f"{RUNS} WHERE d.id = ?1 OR d.name = ?1 ORDER BY d.id <> ?1 LIMIT 1", (reference,)):
        return [run_row(connection, exact)]
    # As ranges, which an index answers; LIKE would also take no account of case.
    end = _end_of_prefix(reference)
    ranges = " OR ".join(
        f"(d.{column} >= ?1{'' if end is None else f' AND d.{column} < ?3'})" for column in ("id", "name")
    )
    parameters = (reference, limit or -1) if end is None else (reference, limit or -1, end)
    rows = connection.execute(f"{RUNS} WHERE {ranges} ORDER BY r.run DESC LIMIT ?2", parameters)
    return [run_row(connection, row) for row in rows]


def list_runs(connection: sqlite3.Connection, filter: RunFilter) -> list[RunRow]:
    conditions = ["TRUE"]
    parameters: list[str | int] = []
    if filter.statuses:
        conditions.append(f"r.status IN ({', '.join('?' * len(filter.statuses))})")
        parameters.extend(filter.statuses)
        if FINISHED.isdisjoint(filter.statuses):
            conditions.append("r.ended = 0")  # the index runs_unfinished
    for column, value in (("workflow", filter.workflow), ("parent", filter.parent), ("root", filter.root)):
        if value:
            conditions.append(f"d.{column} = ?")
            parameters.append(value)
    if filter.parent:
        conditions.append("d.parent <> ''")  # the index run_details_parent
    if filter.since:
        conditions.append("d.created >= ?")
        parameters.append(filter.since)
    if filter.until:
        conditions.append("d.created < ?")
        parameters.append(filter.until)
    if filter.name:
        end = _end_of_prefix(filter.name)
        conditions.append("d.name >= ?" if end is None else "d.name >= ? AND d.name < ?")
        parameters.extend([filter.name] if end is None else [filter.name, end])
    if filter.after:
        conditions.append("r.run < (SELECT run FROM run_details WHERE id = ?)")
        parameters.append(filter.after)
    parameters.append(filter.limit or -1)
    rows = connection.execute(f"{RUNS} WHERE {' AND '.join(conditions)} ORDER BY r.run DESC LIMIT ?", parameters)
    return [run_row(connection, row) for row in rows]


def list_orphans(connection: sqlite3.Connection, now: int, limit: int, host: str) -> list[RunRow]:
    # Each part by an index of its own: runs without an owner, those that were called, and those of hosts that are gone.
    holders = {*living_hosts(connection, now), host}
    gone = [owner for (owner,) in connection.execute(OWNERS) if owner is not None and owner not in holders]
    rows = connection.execute(
        f"{RUNS} WHERE r.run IN ({ORPHANS} ({', '.join('?' * len(gone))})) "
        "AND (r.status <> 'suspended' OR EXISTS (SELECT 1 FROM inbox WHERE run = r.run)) ORDER BY r.run LIMIT ?",
        (host, *gone, limit or -1),
    )
    return [run_row(connection, row) for row in rows]


def load_state(connection: sqlite3.Connection, id: str) -> StoredState | None:
    connection.execute("BEGIN")  # one moment for all three
    try:
        run = read_run(connection, id)
        if run is None:
            return None
        sequence, snapshot = connection.execute(SNAPSHOT, (id,)).fetchone() or (0, None)
        if snapshot is not None:
            snapshot = whole(connection, snapshot)
        deltas = tuple(whole(connection, delta) for (delta,) in connection.execute(DELTAS, (id, sequence)))
        return StoredState(run, sequence, snapshot, deltas)
    finally:
        connection.execute("ROLLBACK")


def read_journal(connection: sqlite3.Connection, id: str, after: int, limit: int) -> list[JournalRow]:
    rows = connection.execute(JOURNAL, (id, after, limit or -1))
    return [JournalRow(*whole_row(connection, row, 2)) for row in rows]


def read_feed(connection: sqlite3.Connection, after: int, limit: int) -> list[FeedRow]:
    rows = connection.execute(FEED, (after, limit or -1))
    return [FeedRow(*whole_row(connection, row, 9)) for row in rows]


def feed_position(connection: sqlite3.Connection, run: str, sequence: int) -> int:
    if run:
        row = connection.execute(PLACE, (run, sequence)).fetchone()
    else:
        row = connection.execute("SELECT max(entry) FROM journal").fetchone()
    return 0 if row is None or row[0] is None else int(row[0])


def read_inbox(connection: sqlite3.Connection, runs: Sequence[str]) -> list[InboxRow]:
    ids = list(dict.fromkeys(runs))
    found = []
    for start in range(0, len(ids), CHUNK):
        chunk = ids[start : start + CHUNK]
        rows = connection.execute(
            "SELECT i.id, d.id, i.kind, i.payload FROM run_details d JOIN inbox i USING (run) "
            f"WHERE d.id IN ({', '.join('?' * len(chunk))})",
            chunk,
        )
        found.extend([InboxRow(*whole_row(connection, row, 3)) for row in rows])
    found.sort(key=lambda row: row.id)
    return found


def read_logs(
    connection: sqlite3.Connection, run: str, step: str | None, after: int, since: int, limit: int
) -> list[LogRow]:
    rows = connection.execute(
        "SELECT d.id, l.step, l.attempt, l.stream, l.time, l.text, l.number FROM run_details d "
        "JOIN logs l USING (run) WHERE d.id = ?1 AND l.number > ?2 AND l.time >= ?3 "
        f"{'' if step is None else 'AND l.step = ?5 '}ORDER BY l.number LIMIT ?4",
        (run, after, since, limit or -1) if step is None else (run, after, since, limit or -1, step),
    )
    return [LogRow(*row) for row in rows]


def living_hosts(connection: sqlite3.Connection, now: int) -> list[str]:
    """Return the hosts whose runs nobody else may take."""
    rows = connection.execute("SELECT id, machine, pid, started FROM hosts WHERE lease > ?", (now,)).fetchall()
    return [row[0] for row in rows if not is_gone(Host(*row))]


def _end_of_prefix(prefix: str) -> str | None:
    """Return the first text after all that begin with the prefix; None: there is none."""
    kept = prefix.rstrip("\U0010ffff")
    if not kept:
        return None
    following = ord(kept[-1]) + 1
    return kept[:-1] + chr(0xE000 if following == 0xD800 else following)
