"""The connection that writes, and whose turn it is to use it: a thread's, or the event loop's own.

This file owns transactions: what goes into one, how it is retried, what its failure does to whom. It knows
nothing of what is written (see commits, changes). The rules:

* Group commit without a timer: all that was asked while a commit was under way forms the next one.
* Output (logs) has a queue of its own and a transaction of its own, without waiting for the disk; between
  two batches of commits at most one such transaction is served.
* A transaction that fails is rolled back and nothing of it is remembered. Where the fault may be one
  request's own, the others of its batch are served again without it.
* Nobody is answered, and nothing announced, before the transaction is durable.
* A transaction is durable only in the file that the path names. That is looked at now and then, whenever a run has
  ended and at the end: where the file was deleted or replaced, nothing more is written and everybody is told.
* A hop to the thread and back costs as much as a commit on a quick disk. So a few commits, or lines of output,
  that find the thread idle are written on the loop, as long as the disk has lately taken less than ``QUICK_S`` to
  sync: then the loop waits for no longer than it would for a step of Python. It never waits there for another process:
  where the file is locked, or the disk gets slow, the thread takes over.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from time import monotonic, sleep
from typing import Any, TypeVar

from wfe_runtime import faults
from wfe_runtime.providers.rows import LogRow, RunCommit
from wfe_runtime.providers.sqlite.blobs import holds_large
from wfe_runtime.providers.sqlite.changes import insert_logs
from wfe_runtime.providers.sqlite.commits import Refused, apply_commits
from wfe_runtime.providers.sqlite.connection import LOG_LIMIT, open_writer
from wfe_runtime.providers.sqlite.failures import from_os_error, from_sqlite, is_busy, needs_isolation
from wfe_runtime.providers.sqlite.location import Location
from wfe_runtime.providers.sqlite.notify import Notifier
from wfe_runtime.providers.sqlite.opened import OpenedFile
from wfe_runtime.providers.sqlite.session import Session
from wfe_runtime.providers.sqlite.worker import Answer, Request, Worker, settle

__all__ = ["Writer"]

BATCH = 1000  # requests in a transaction
LOG_BATCH = 2000  # rows of output in a transaction, more or less
QUICK_S = 0.0005  # the end of a transaction that waits for the disk, on the average of the last ones
SMOOTHING = 0.1  # the weight of the last one in that average
ON_LOOP = 200  # commits at once, which take a few milliseconds
OUTPUT_ON_LOOP = 16384  # characters of output at once: less than a millisecond
LOOK_EVERY = 256  # batches between two looks at the file, and at the size of the write-ahead log

logger = logging.getLogger("wfe.store")

Result = TypeVar("Result")


class _Commit(Request):
    __slots__ = ("commits",)

    def __init__(self, commits: Sequence[RunCommit], future: Any) -> None:
        self.work = None
        self.future = future
        self.commits = commits


class _Change(Request):
    """``change`` is called with the session, in a transaction. It may return an exception to be raised."""

    __slots__ = ("change",)

    def __init__(self, change: Callable[[Session], Any], future: Any) -> None:
        super().__init__(None, future)
        self.change = change


class _Output(Request):
    __slots__ = ("rows",)

    def __init__(self, rows: Sequence[LogRow], future: Any) -> None:
        super().__init__(None, future)
        self.rows = rows


class Writer(Worker):
    """See the module. ``announce`` is called on the loop for each durable transaction: with the runs that it has

    told something or changed otherwise, and with those that it has advanced.
    """

    def __init__(self, location: Location, notifier: Notifier, announce: Callable[[set[str], set[str]], None]) -> None:
        super().__init__("wfe-sqlite-writer")
        self._location = location
        self._notifier = notifier
        self._announce = announce
        self._session: Session | None = None
        self._output: deque[_Output] = deque()
        self._synchronous = True
        self._batches = 0
        self._warned_at = 0
        self._file: OpenedFile | None = None
        self._lost = False  # the last look has shown that the path does not name that file any more
        self._data_version = 0
        # Held by whoever uses the connection: the thread while it serves, the loop while it commits.
        self._turn = threading.Lock()
        self._disk_seconds = 2 * QUICK_S  # that the end of a transaction takes, lately; the thread finds out

    # Asked on the loop

    def open(self) -> Any:
        """Connect in the thread. Returns a future; its failure is the reason why it can't."""
        self.start()
        return self.ask(self._open)

    async def commit(self, commits: Sequence[RunCommit]) -> list[bool]:
        """Return one bool a commit, once they are durable. The loop gets no other turn where that is quick."""
        accepted = self._commit_on_loop(commits)
        if accepted is None:
            future: asyncio.Future[list[bool]] = self.loop.create_future()
            self.put(_Commit(commits, future))
            accepted = await future
        return accepted

    def _commit_on_loop(self, commits: Sequence[RunCommit]) -> list[bool] | None:
        """Commit without the thread. None, with nothing done: it is for the thread to do."""
        if self._disk_seconds >= QUICK_S or len(commits) > ON_LOOP or self._requests or holds_large(commits):
            return None
        assert self._session is not None
        synchronous = not self._session.relaxed(commits)
        return self._write_on_loop(partial(apply_commits, commits, False), len(commits) > 1, synchronous)

    def output_on_loop(self, rows: Sequence[LogRow]) -> bool:
        """Store rows without the thread. False, with nothing done: it is for the thread to do."""
        if self._disk_seconds >= QUICK_S or self._output or sum([len(row.text) for row in rows]) > OUTPUT_ON_LOOP:
            return False
        return self._write_on_loop(partial(_insert_output, rows), grouped=False, synchronous=False) is not None

    def _write_on_loop(
        self, work: Callable[[Session, bool], Result], grouped: bool, synchronous: bool
    ) -> Result | None:
        """Carry ``work`` out where nobody has the connection. None, with nothing done: it is for the thread to do."""
        if self._closing or not self._turn.acquire(blocking=False):
            return None
        session = self._session
        assert session is not None
        try:
            result = self._carry_out(work, grouped, synchronous, patience=0)
            self._end_batch()
            touched, advanced = session.touched, session.advanced
        except Exception as error:
            if is_busy(error):
                return None
            raise self.explain(error) from None
        finally:
            self._turn.release()
        if touched or advanced:
            self._announce(touched, advanced)
        return result

    def change(self, change: Callable[[Session], Any]) -> Any:
        """Return a future of what ``change`` returns, once that is durable."""
        future = self.loop.create_future()
        self.put(_Change(change, future))
        return future

    def output(self, rows: Sequence[LogRow]) -> Any:
        """Return a future that is done when the rows are stored."""
        future = self.loop.create_future()
        if self._closing:
            self.put(_Output(rows, future))  # raises
        self._output.append(_Output(rows, future))
        self.ring()
        return future

    def look(self) -> Any:
        """Return a future of whether another connection has committed since the last look."""
        return self.ask(self._look)

    def check_file(self) -> None:
        """Raise StoreError where what this writer has written is in a file that the path does not name any more.

        Asked once the thread has ended, too.
        """
        if self._file is not None and self._batches:
            self._look_at_file()

    # Done in the thread

    def serve(self) -> bool:
        with self._turn:
            return self._serve()

    def _serve(self) -> bool:
        requests = self._requests
        batch: list[Request] = []
        while requests and len(batch) < BATCH:
            if requests[0].work is None:
                batch.append(requests.popleft())
            elif batch:
                break
            else:
                self.answer([self.attempt(requests.popleft())])
        if batch:
            self._serve_batch(batch)
        output: list[Request] = []
        rows = 0
        while self._output and rows < LOG_BATCH:
            piece = self._output.popleft()
            output.append(piece)
            rows += len(piece.rows)
        if output:
            self._serve_batch(output, synchronous=False)
        return bool(batch or output)

    def explain(self, error: BaseException) -> BaseException:
        if isinstance(error, sqlite3.Error):
            return from_sqlite(error, self._location.path, "write", self._location.patience)
        if isinstance(error, OSError):
            return from_os_error(error, self._location.path, "write")
        return error

    def end(self) -> None:
        if self._session is not None:
            try:
                self._session.connection.close()
            except sqlite3.Error as error:
                logger.warning("%s", self.explain(error))

    def _open(self) -> None:
        connection = open_writer(self._location)
        connection.execute("PRAGMA busy_timeout = 0")  # the waiting is done here, and never on the loop
        self._file = OpenedFile(self._location.path)
        self._session = Session(connection)
        self._data_version = connection.execute("PRAGMA data_version").fetchone()[0]

    def _look(self) -> bool:
        assert self._session is not None
        before = self._data_version
        self._data_version = self._session.execute("PRAGMA data_version").fetchone()[0]
        return self._data_version != before

    def _serve_batch(self, batch: Sequence[Request], synchronous: bool | None = None) -> None:
        """Serve requests in one transaction, or one each where one of them may have spoiled it."""
        session = self._session
        assert session is not None
        commits = [commit for request in batch if type(request) is _Commit for commit in request.commits]
        if synchronous is None:
            only_commits = all(type(request) is _Commit for request in batch)
            synchronous = not (only_commits and session.relaxed(commits))
        work = partial(_serve_requests, batch, commits)
        try:
            answers = self._carry_out(work, len(commits) > 1, synchronous, self._location.patience)
        except Exception as error:
            if len(batch) > 1 and needs_isolation(error):
                for request in batch:
                    self._serve_batch([request], synchronous)
            else:
                explained = self.explain(error)
                self.answer([(request, None, explained) for request in batch])
            return
        self.call(self._publish, answers, session.touched, session.advanced)
        self._end_batch()

    def _publish(self, answers: Sequence[Answer], touched: set[str], advanced: set[str]) -> None:
        """Answer, on the loop, then announce."""
        settle(answers)
        self._announce(touched, advanced)

    def _end_batch(self) -> None:
        """Tell other processes of what is durable now."""
        session = self._session
        assert session is not None
        self._notifier.tell(session.touched, session.advanced)
        if faults.armed is not None:
            faults.reach("sqlite.after_announce")
        self._batches += 1
        if self._batches % LOOK_EVERY == 0:
            self._watch_log()

    def _carry_out(
        self, work: Callable[[Session, bool], Result], grouped: bool, synchronous: bool, patience: float
    ) -> Result:
        """Call ``work`` in a transaction that is durable on return, waiting ``patience`` seconds for the lock.

        ``work`` is given the session, and whether its commits go as a group: it is called again without where it
        raises Refused. Raises what ``work`` and sqlite3 raise, with nothing done.
        """
        session = self._session
        assert session is not None
        if self._lost:
            self._look_at_file()
        began = monotonic()
        while True:
            try:
                result = self._transact(session, work, grouped, synchronous)
                break
            except Refused:
                grouped = False
            except sqlite3.Error as error:
                if not is_busy(error) or monotonic() - began >= patience:
                    raise
                sleep(random.uniform(0.001, 0.02))
        session.keep()
        if session.ended or self._batches % LOOK_EVERY == 0:
            self._look_at_file()
        if faults.armed is not None:
            faults.reach("sqlite.after_commit")
        return result

    def _transact(
        self, session: Session, work: Callable[[Session, bool], Result], grouped: bool, synchronous: bool
    ) -> Result:
        execute = session.execute
        session.begin()
        if faults.armed is not None:
            faults.reach("sqlite.before_begin")
        if synchronous is not self._synchronous:
            execute("PRAGMA synchronous = FULL" if synchronous else "PRAGMA synchronous = NORMAL")
            self._synchronous = synchronous
        execute("BEGIN IMMEDIATE")
        try:
            if faults.armed is not None:
                faults.reach("sqlite.after_begin")
            result = work(session, grouped)
            if faults.armed is not None:
                faults.reach("sqlite.before_commit")
            began = monotonic()
            execute("COMMIT")
            if synchronous:
                self._disk_seconds += SMOOTHING * (monotonic() - began - self._disk_seconds)
        except BaseException:
            session.forget()
            # A full disk or a failing one may have ended the transaction already.
            if session.connection.in_transaction:
                execute("ROLLBACK")
            raise
        return result

    def _look_at_file(self) -> None:
        """Raise StoreError where the file was deleted or replaced."""
        assert self._file is not None
        self._lost = True
        self._file.check()
        self._lost = False

    def _watch_log(self) -> None:
        """Say so when a reader keeps the write-ahead log from being moved to the file, so that it grows."""
        assert self._session is not None
        try:
            size = os.stat(f"{self._location.path}-wal").st_size
            if size <= LOG_LIMIT or size < 2 * self._warned_at:
                return
            _, frames, moved = self._session.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except (OSError, sqlite3.Error):
            return  # only a look; a real failure shows in the next commit
        if frames > moved:
            self._warned_at = size
            logger.warning(
                "%s-wal has grown to %d MB: a program that keeps a read transaction open on the store "
                "keeps it from shrinking (fuser %s names those that have it open)",
                self._location.path,
                size >> 20,
                self._location.path,
            )


def _serve_requests(
    batch: Sequence[Request], commits: Sequence[RunCommit], session: Session, grouped: bool
) -> list[Answer]:
    """Do what was asked, in the open transaction; ``commits`` are those of the requests, in order."""
    accepted = apply_commits(commits, holds_large(commits), session, grouped)
    answers: list[Answer] = []
    position = 0
    for request in batch:
        if type(request) is _Commit:
            end = position + len(request.commits)
            answers.append((request, accepted[position:end], None))
            position = end
        elif type(request) is _Change:
            result = request.change(session)
            failed = isinstance(result, Exception)
            answers.append((request, None, result) if failed else (request, result, None))
        elif type(request) is _Output:
            insert_logs(session, request.rows)
            answers.append((request, None, None))
    return answers


def _insert_output(rows: Sequence[LogRow], session: Session, grouped: bool) -> bool:
    insert_logs(session, rows)
    return True
