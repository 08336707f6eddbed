"""What is written besides RunCommits: new runs, posts, hosts and ownership, output.

Each function is called inside the writer's transaction and returns what the store's method returns. The
rule of ownership is in ``holding.py``.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from wfe_runtime.errors import GroupFull, NameTaken
from wfe_runtime.providers.hosts import is_gone
from wfe_runtime.providers.rows import Host, InboxPost, LogRow, NewRun, RunRow
from wfe_runtime.providers.sqlite.commits import insert_posts
from wfe_runtime.providers.sqlite.creation import RUN_COLUMNS, find_existing, insert_run, run_row
from wfe_runtime.providers.sqlite.holding import is_held
from wfe_runtime.providers.sqlite.places import claim_place, give_back_leased, grant_slots
from wfe_runtime.providers.sqlite.session import Session

__all__ = [
    "claim_run",
    "create_run",
    "forget_host",
    "insert_logs",
    "keep_host",
    "release_run",
]

HOST = """
INSERT INTO hosts (id, machine, pid, started, lease) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE
SET machine = excluded.machine, pid = excluded.pid, started = excluded.started, lease = excluded.lease
"""
LONG_GONE_MS = 30 * 24 * 3_600_000
"""For how long the lease of a host is over that may have been on a machine, or in a space of processes, of its own."""
LOG = "INSERT INTO logs (run, step, attempt, stream, time, text) VALUES (?, ?, ?, ?, ?, ?)"
OWNED = """
SELECT d.id FROM runs r JOIN run_details d USING (run) WHERE r.owner = ? AND r.owner <> '' AND r.parked <> 1
"""
DISOWN = "UPDATE runs SET owner = '' WHERE owner = ? AND owner <> '' AND parked <> 1"


def create_run(session: Session, new: NewRun, posts: Sequence[InboxPost]) -> RunRow | NameTaken | GroupFull:
    """Create a run with its first posts, or return the one there is, or why not."""
    existing = find_existing(session, new)
    if existing is not None:
        return existing
    row = insert_run(session, new)
    insert_posts(session, posts)
    return row


def keep_host(session: Session, host: Host, lease_ms: int, now: int) -> None:
    """Make a host known, or renew its lease. Whoever comes new clears away those that were killed: they can't leave.

    What such a host owned has no living owner before and after: one that is not known holds nothing.
    """
    is_known = session.execute("SELECT 1 FROM hosts WHERE id = ?", (host.id,)).fetchone()
    session.execute(HOST, (host.id, host.machine, host.pid, host.started, now + lease_ms))
    if is_known is None:
        rows = session.execute("SELECT id, machine, pid, started, lease FROM hosts").fetchall()
        dead = [(row[0],) for row in rows if row[4] < now - LONG_GONE_MS or is_gone(Host(*row[:4]))]
        session.executemany("DELETE FROM hosts WHERE id = ?", dead)


def forget_host(session: Session, host: str, now: int) -> None:
    """Forget a host and what it owns, but for parked runs; slots that it had for runs to be reopened go to others."""
    groups = give_back_leased(session, host)
    session.execute("DELETE FROM hosts WHERE id = ?", (host,))
    session.touched.update(id for (id,) in session.execute(OWNED, (host,)))
    session.execute(DISOWN, (host,))
    for group in groups:
        grant_slots(session, group, now)


def claim_run(session: Session, id: str, host: str, now: int) -> RunRow | None:
    """Make a host the owner, with the next fence, unless another one holds the run."""
    run = session.number_of(id)
    if run is None:
        return None
    owner, parked = session.execute("SELECT owner, parked FROM runs WHERE run = ?", (run,)).fetchone()
    if owner not in ("", host) and is_held(session, owner, now):
        return None
    session.execute("UPDATE runs SET owner = ?, fence = fence + 1, parked = 0 WHERE run = ?", (host, run))
    session.known.pop(id, None)
    claim_place(session, run, now)
    row = session.execute(
        f"SELECT {RUN_COLUMNS} FROM run_details d JOIN runs r USING (run) WHERE r.run = ?", (run,)
    ).fetchone()
    return replace(run_row(session.connection, row), parked=parked)


def release_run(session: Session, id: str, host: str) -> None:
    """Take a run from a host if it owns it."""
    run = session.number_of(id)
    if run is not None:
        freed = session.execute("UPDATE runs SET owner = '', parked = 0 WHERE run = ? AND owner = ?", (run, host))
        if freed.rowcount:
            session.touched.add(id)


def insert_logs(session: Session, rows: Sequence[LogRow]) -> None:
    """Append output."""
    values = []
    for row in rows:
        run = session.number_of(row.run)
        if run is not None:
            values.append((run, row.step, row.attempt, row.stream, row.time, row.text))
    session.executemany(LOG, values)
