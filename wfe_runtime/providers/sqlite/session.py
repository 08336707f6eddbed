"""What the writer knows between transactions, and what one transaction has touched.

This file owns the cache of runs' rows. The rule: an entry may be used only where its sequence and fence
are the ones that a commit expects; then the row's other columns are what the entry says, because they
change with the sequence alone. Nothing is learned before the transaction is durable.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from wfe_runtime.providers.rows import RunCommit

__all__ = ["SEQUENCE", "Known", "Session"]

REMEMBERED = 50_000  # runs

SEQUENCE = """
max(r.row_sequence, ifnull((SELECT sequence FROM journal WHERE run = r.run ORDER BY sequence DESC LIMIT 1), 0))
"""
LOOK_UP = f"""
SELECT r.run, {SEQUENCE}, r.fence, r.status, r.due, r.ended,
    EXISTS (SELECT 1 FROM results WHERE run = r.run), d.durability = 'relaxed',
    EXISTS (SELECT 1 FROM places WHERE run = r.run)
FROM run_details d JOIN runs r USING (run) WHERE d.id = ?
"""


class Known:
    """What is known of a run's row."""

    __slots__ = ("due", "ended", "fence", "has_result", "placed", "relaxed", "run", "sequence", "status")

    def __init__(
        self,
        run: int,
        sequence: int,
        fence: int,
        status: str,
        due: int,
        ended: int,
        has_result: int,
        relaxed: int,
        placed: int,
    ) -> None:
        self.run = run
        self.sequence = sequence
        self.fence = fence
        self.status = status
        self.due = due
        self.ended = ended
        self.has_result = has_result
        self.relaxed = relaxed
        self.placed = placed  # it has, or had, a place in a concurrency group


class Session:
    """The writer's connection with its cache. Used by whoever has the writer's turn."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.execute = connection.execute
        self.executemany = connection.executemany
        self.known: dict[str, Known] = {}
        self.advanced: set[str] = set()  # runs that the open transaction advances
        self.touched: set[str] = set()  # runs that it changes otherwise, or tells something
        self.learned: list[tuple[Known, RunCommit]] = []  # to be remembered once it is durable
        self.ended = False  # the last durable transaction has ended a run

    def look_up(self, id: str) -> Known | None:
        """Return the run's row as the open transaction sees it, and remember it; None: no such run."""
        row = self.execute(LOOK_UP, (id,)).fetchone()
        if row is None:
            return None
        return self.remember(id, Known(*row))

    def remember(self, id: str, known: Known) -> Known:
        """Keep what is known of a run, and return it. Where too many are kept, all others are looked up again."""
        if len(self.known) >= REMEMBERED:
            self.known.clear()
        self.known[id] = known
        return known

    def number_of(self, id: str) -> int | None:
        """Return the number of a run in this store, which never changes; None: no such run."""
        known = self.known.get(id) or self.look_up(id)
        return None if known is None else known.run

    def begin(self) -> None:
        """Forget what an earlier transaction touched."""
        self.advanced = set()
        self.touched = set()
        self.learned.clear()

    def keep(self) -> None:
        """Remember what the transaction that is durable now has changed. Of a run that has ended nothing is kept."""
        self.ended = False
        for known, commit in self.learned:
            if commit.ended:
                self.known.pop(commit.run, None)
                self.ended = True
                continue
            known.sequence = commit.sequence
            known.status = commit.status
            known.due = commit.due
            known.ended = commit.ended
            known.has_result = bool(commit.result)

    def forget(self) -> None:
        """Drop the cache: a transaction failed, and rows it has read may have been its own."""
        self.known.clear()

    def relaxed(self, commits: Iterable[RunCommit]) -> bool:
        """Tell whether all these commits are of runs that may lose their last commits in a power cut."""
        known = self.known
        for commit in commits:
            entry = known.get(commit.run)
            if entry is None or not entry.relaxed:
                return False
        return True
