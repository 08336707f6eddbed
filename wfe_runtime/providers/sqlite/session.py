"""The connection that writes: its transactions, and what is known of runs' rows between them.

This file owns what a transaction is, and the cache of runs' rows. It knows nothing of what is written, nor by which
thread. The rules:

* A transaction that fails is rolled back and nothing of it is remembered.
* An entry of the cache may be used only where its sequence and fence are the ones that a commit expects; then the
  row's other columns are what the entry says, because they change with the sequence alone. Nothing is learned before
  the transaction is durable.
* What is in the write-ahead log is moved to the file by the thread alone: that takes long, and the event loop may end a
  transaction, too.
* A transaction is durable only in the files that the path names, the store's and its log. They are looked at now and
  then, whenever a run has ended and at the end: where one was deleted or replaced, nothing more is written and
  everybody is told.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from time import monotonic
from typing import TypeVar

from wfe_runtime import faults
from wfe_runtime.providers.rows import RunCommit
from wfe_runtime.providers.sqlite.disk import Disk
from wfe_runtime.providers.sqlite.opened import OpenedFile

__all__ = ["LOOK_EVERY", "SEQUENCE", "Known", "Refused", "Session"]

LOOK_EVERY = 256  # transactions between two looks at the file, and at the size of the write-ahead log
REMEMBERED = 50_000  # runs
# Frames in the log before the thread's next commit moves them to the file (16 MB). More than the default of 1,000, so
# that a page that many commits change is moved once; not far more, because what comes then waits for it.
CHECKPOINT_PAGES = 4000
CHECKPOINT_COMMITS = 1500  # of the loop, of a few frames each, before the thread is asked to move them

Result = TypeVar("Result")

SEQUENCE = """
max(r.row_sequence, ifnull((SELECT sequence FROM journal WHERE run = r.run ORDER BY sequence DESC LIMIT 1), 0))
"""
LOOK_UP = f"""
SELECT r.run, {SEQUENCE}, r.fence, r.status, r.due, r.ended,
    EXISTS (SELECT 1 FROM results WHERE run = r.run), d.durability = 'relaxed',
    EXISTS (SELECT 1 FROM places WHERE run = r.run)
FROM run_details d JOIN runs r USING (run) WHERE d.id = ?
"""


class Refused(Exception):
    """At least one commit of a group was refused, or can't be told from one that is."""


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
    """The connection with its cache. Used by whoever has the writer's turn."""

    def __init__(self, connection: sqlite3.Connection, file: OpenedFile) -> None:
        self.connection = connection
        self.execute = connection.execute
        self.executemany = connection.executemany
        self.known: dict[str, Known] = {}
        self.advanced: set[str] = set()  # runs that the open transaction advances
        self.touched: set[str] = set()  # runs that it changes otherwise, or tells something
        self.learned: list[tuple[Known, RunCommit]] = []  # to be remembered once it is durable
        self.transactions = 0  # that are durable
        self.disk = Disk()
        self._file = file
        self._lost = False  # the last look has shown that the path does not name that file any more
        self.unmoved = 0  # commits that the loop has ended since the thread has moved the log
        self._synchronous = True
        self._moves_log = False

    def write(self, work: Callable[[Session, bool], Result], grouped: bool, synchronous: bool) -> Result:
        """Open a transaction, and call ``work`` with this session in it and whether its commits go as a group.

        It is called once more without where it raises Refused. The transaction is open on return, to be ended with
        ``end``; there is none, and nothing done, where this raises: what ``work`` or sqlite3 has raised, or StoreError.
        """
        if self._lost:
            self.look_at_file()
        if not grouped:
            return self._write(work, False, synchronous)
        try:
            return self._write(work, True, synchronous)
        except Refused:
            return self._write(work, False, synchronous)

    def _write(self, work: Callable[[Session, bool], Result], grouped: bool, synchronous: bool) -> Result:
        self.advanced = set()
        self.touched = set()
        self.learned.clear()
        if faults.armed is not None:
            faults.reach("sqlite.before_begin")
        if synchronous is not self._synchronous:
            self.execute("PRAGMA synchronous = FULL" if synchronous else "PRAGMA synchronous = NORMAL")
            self._synchronous = synchronous
        self.execute("BEGIN IMMEDIATE")
        try:
            if faults.armed is not None:
                faults.reach("sqlite.after_begin")
            return work(self, grouped)
        except BaseException:
            self._roll_back()
            raise

    def end(self, on_loop: bool) -> None:
        """Make the open transaction durable, on the loop or in the thread.

        Raises what sqlite3 raises, with none open and nothing done; StoreError where it is in a file that the path
        does not name any more.
        """
        try:
            if faults.armed is not None:
                faults.reach("sqlite.before_commit")
            if on_loop is self._moves_log:
                self.execute(f"PRAGMA wal_autocheckpoint = {0 if on_loop else CHECKPOINT_PAGES}").close()
                self._moves_log = not on_loop
            began = monotonic()
            self.execute("COMMIT")
            if self._synchronous:
                self.disk.note(monotonic() - began, len(self.learned), on_loop)
        except BaseException:
            self._roll_back()
            raise
        is_due = self._keep() or self.transactions % LOOK_EVERY == 0
        self.transactions += 1
        self.unmoved = self.unmoved + 1 + len(self.learned) if on_loop else 0
        if is_due:
            self.look_at_file()
        if faults.armed is not None:
            faults.reach("sqlite.after_commit")

    def _roll_back(self) -> None:
        self.known.clear()  # rows it has read may have been its own
        # A full disk or a failing one may have ended the transaction already.
        if self.connection.in_transaction:
            self.execute("ROLLBACK")

    @property
    def must_move_log(self) -> bool:
        """Whether it is time for the thread to call ``move_log``."""
        return self.unmoved >= CHECKPOINT_COMMITS

    def move_log(self) -> tuple[int, int]:
        """Move what is in the log to the file. Returns how many frames it has, and how many of them are in the file."""
        self.unmoved = 0
        _, frames, moved = self.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        return frames, moved

    def look_at_file(self) -> None:
        """Raise StoreError where the file or its log was deleted or replaced."""
        self._lost = True
        self._file.check()
        self._lost = False

    def look_at_closed_file(self) -> None:
        """Raise StoreError where the file was deleted or replaced; its log goes with the last connection."""
        self._file.check_file()

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

    def _keep(self) -> bool:
        """Remember what the transaction that is durable now has changed. Returns whether it has ended a run.

        Of a run that has ended nothing is kept.
        """
        ended = False
        for known, commit in self.learned:
            if commit.ended:
                self.known.pop(commit.run, None)
                ended = True
                continue
            known.sequence = commit.sequence
            known.status = commit.status
            known.due = commit.due
            known.ended = commit.ended
            known.has_result = bool(commit.result)
        return ended

    def relaxed(self, commits: Iterable[RunCommit]) -> bool:
        """Tell whether all these commits are of runs that may lose their last commits in a power cut."""
        known = self.known
        for commit in commits:
            entry = known.get(commit.run)
            if entry is None or not entry.relaxed:
                return False
        return True
