"""Runs that their host has let go of: who has them, when they are due, and who gets them if that host is gone.

This file owns the column ``parked`` but for two changes: a post calls a run (a trigger of the schema), and a claim
or a release takes it out. The rules:

* A parked run has an owner as any other. That costs nothing: a host renews one lease, whatever it owns.
* What is written concerns some hundred runs at a time, however many are parked: others want to write, too.
* Every query goes by the index runs_parked, whose condition has to stand in it word for word.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from wfe_runtime.providers.rows import Parked, RunRow
from wfe_runtime.providers.sqlite.creation import run_row
from wfe_runtime.providers.sqlite.queries import RUNS, living_hosts
from wfe_runtime.providers.sqlite.session import SEQUENCE, Session

__all__ = ["disown", "find_heirless", "inherit", "list_due", "next_due", "park"]

PARK = f"""
UPDATE runs AS r SET parked = 1, due = ?2
WHERE run = ?1 AND {SEQUENCE} = ?3 AND fence = ?4 AND owner = ?5 AND parked = 0 AND ended = 0
    AND NOT EXISTS (SELECT 1 FROM inbox WHERE run = ?1)
"""
DUE = f"""
{RUNS} WHERE r.run IN (
    SELECT run FROM runs WHERE owner = ? AND parked = 1 AND due > 0 AND due <= ? ORDER BY due, run LIMIT ?
) ORDER BY r.due, r.run
"""
NEXT = "SELECT due FROM runs WHERE owner = ? AND parked = 1 AND due > 0 ORDER BY due LIMIT 1"
# Each owner once, by as many steps in the index as there are owners.
OWNERS = """
WITH RECURSIVE found (owner) AS (
    SELECT min(owner) FROM runs WHERE parked = 1
    UNION ALL
    SELECT (SELECT min(owner) FROM runs WHERE parked = 1 AND owner > found.owner) FROM found WHERE owner IS NOT NULL
)
SELECT owner FROM found
"""
SOONEST = "SELECT run, due FROM runs WHERE owner = ? AND parked = 1 AND due > 0 ORDER BY due, run LIMIT ?"
REST = "SELECT run FROM runs WHERE owner = ? AND parked = 1 LIMIT ?"
HAND_OVER = "UPDATE runs SET owner = ? WHERE run = ? AND owner = ? AND parked = 1"


def park(session: Session, host: str, runs: Sequence[Parked]) -> list[bool]:
    """Let go of runs. Returns of each whether it is parked now."""
    answers = []
    for one in runs:
        known = session.known.get(one.run) or session.look_up(one.run)
        number = 0 if known is None else known.run
        parked = session.execute(PARK, (number, one.due, one.sequence, one.fence, host)).rowcount == 1
        if parked:
            del session.known[one.run]  # nobody advances it for a while, and what is known of it may not hold then
        answers.append(parked)
    return answers


def list_due(connection: sqlite3.Connection, host: str, until: int, limit: int) -> list[RunRow]:
    return [run_row(connection, row) for row in connection.execute(DUE, (host, until, limit or -1))]


def next_due(connection: sqlite3.Connection, host: str) -> int:
    row = connection.execute(NEXT, (host,)).fetchone()
    return 0 if row is None else int(row[0])


def find_heirless(connection: sqlite3.Connection, now: int) -> list[str]:
    """Return the owners of parked runs who are gone; empty for that of runs which nobody has."""
    living = set(living_hosts(connection, now))
    return [owner for (owner,) in connection.execute(OWNERS) if owner is not None and owner not in living]


def inherit(session: Session, host: str, now: int, limit: int) -> int:
    """Give a host parked runs of others that are gone. Returns how many."""
    gone = [owner for owner in find_heirless(session.connection, now) if owner != host]
    soonest = [(due, run, owner) for owner in gone for run, due in session.execute(SOONEST, (owner, limit or -1))]
    soonest.sort()
    taken = [(host, run, owner) for _, run, owner in soonest[: limit or None]]
    session.executemany(HAND_OVER, taken)
    for owner in gone:
        if limit and len(taken) >= limit:
            break
        rest = session.execute(REST, (owner, limit - len(taken) if limit else -1)).fetchall()
        session.executemany(HAND_OVER, [(host, run, owner) for (run,) in rest])
        taken += [(host, run, owner) for (run,) in rest]
    return len(taken)


def disown(session: Session, host: str, limit: int) -> int:
    """Have parked runs of a host that leaves belong to nobody. Returns how many."""
    runs = session.execute(REST, (host, limit)).fetchall() if host else []
    session.executemany(HAND_OVER, [("", run, host) for (run,) in runs])
    return len(runs)
