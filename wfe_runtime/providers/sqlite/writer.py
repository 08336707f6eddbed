"""Whose turn it is to use the connection that writes, a thread's or the event loop's own, and what goes together.

This file owns the two queues and the turn. It knows nothing of what is written (see commits, changes), nor what a
transaction is (see session). The rules:

* Group commit without a timer: all that was asked while a commit was under way forms the next one.
* Output (logs) has a queue of its own and a transaction of its own, without waiting for the disk; between
  two batches of commits at most one such transaction is served.
* Where the fault of a transaction that failed may be one request's own, the others of its batch are served again
  without it.
* Nobody is answered, and nothing announced, before the transaction is durable.
* Two threads that both need the interpreter for each statement are slower than one. So what is light is written on the
  loop, and only the end of the transaction, which waits for the disk and needs no interpreter, is left to the thread;
  the loop does something else meanwhile. What is heavy, and what fails, is for the thread from the start.
* A hop to the thread and back costs as much as a commit on a quick disk. So where the disk is quick (see disk) the
  transaction is ended on the loop, too: then the loop waits for no longer than it would for a step of Python. It never
  waits there for another process: where the file is locked the thread does it all.
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
from wfe_runtime.providers.sqlite.commits import apply_commits, unfit_text
from wfe_runtime.providers.sqlite.connection import LOG_LIMIT, open_writer
from wfe_runtime.providers.sqlite.failures import from_os_error, from_sqlite, is_busy, needs_isolation
from wfe_runtime.providers.sqlite.location import Location
from wfe_runtime.providers.sqlite.notify import Notifier
from wfe_runtime.providers.sqlite.opened import OpenedFile
from wfe_runtime.providers.sqlite.session import LOOK_EVERY, Session
from wfe_runtime.providers.sqlite.worker import Answer, Request, Worker, settle

__all__ = ["Writer"]

BATCH = 1000  # requests in a transaction
LOG_BATCH = 2000  # rows of output in a transaction, more or less
BEGUN_S = 0.001  # that the loop waits for the thread to begin with the end of a transaction
ON_LOOP = 200  # commits at once, which take a few milliseconds
CHANGE_WEIGHT = 5  # commits that a light change takes as long as
OUTPUT_ON_LOOP = 16384  # characters of output at once: less than a millisecond

logger = logging.getLogger("wfe.store")

Result = TypeVar("Result")


class _Commit(Request):
    __slots__ = ("commits", "weight")

    def __init__(self, commits: Sequence[RunCommit], future: Any) -> None:
        self.work = None
        self.future = future
        self.commits = commits
        self.weight = len(commits)


class _Change(Request):
    """``change`` is called with the session, in a transaction. It may return an exception to be raised."""

    __slots__ = ("change", "weight")

    def __init__(self, change: Callable[[Session], Any], future: Any) -> None:
        super().__init__(None, future)
        self.change = change
        self.weight = CHANGE_WEIGHT


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
        self._opened: Session | None = None
        self._light: deque[_Commit | _Change] = deque()  # what the loop may write
        self._output: deque[_Output] = deque()
        self._warned_at = 0
        self._data_version = 0
        # Held by whoever uses the connection. The loop may leave it to the thread, with the end of a transaction.
        # Nobody waits for it: whoever lets go sees to what the other was asked meanwhile.
        self._turn = threading.Lock()
        self._ending: list[Answer] | None = None  # what to answer once the open transaction is durable
        # Released by the thread when it ends a transaction. The loop waits for that: else the thread would wait for the
        # interpreter until the loop has nothing more to do.
        self._begun = threading.Lock()
        self._begun.acquire()
        self._told: list[tuple[Any, ...]] = []  # what is called on the loop once the thread's turn is over

    @property
    def _session(self) -> Session:
        assert self._opened is not None
        return self._opened

    # Asked on the loop

    def open(self) -> Any:
        """Connect in the thread. Returns a future; its failure is the reason why it can't."""
        self.start()
        return self.ask(self._open)

    def commit(self, commits: Sequence[RunCommit]) -> asyncio.Future[list[bool]]:
        """Begin to commit. Returns a future of one bool a commit, done once they are durable: now, if that is quick."""
        future: asyncio.Future[list[bool]] = self.loop.create_future()
        if len(commits) > ON_LOOP or holds_large(commits):
            self.put(_Commit(commits, future))
        elif self._light or not self._commit_at_once(commits, future):
            self._put_light(_Commit(commits, future))
        return future

    def change(self, change: Callable[[Session], Any], light: bool = False) -> Any:
        """Return a future of what ``change`` returns, once that is durable; ``light``: it is a few quick statements."""
        future = self.loop.create_future()
        request = _Change(change, future)
        if light:
            self._put_light(request)
        else:
            self.put(request)
        return future

    def output(self, rows: Sequence[LogRow]) -> Any:
        """Return a future that is done when the rows are stored."""
        future = self.loop.create_future()
        if self._closing:
            self.put(_Output(rows, future))  # raises
        self._output.append(_Output(rows, future))
        self.ring()
        return future

    def output_on_loop(self, rows: Sequence[LogRow]) -> bool:
        """Store rows without the thread. False, with nothing done: it is for the thread to do."""
        if self._output or sum([len(row.text) for row in rows]) > OUTPUT_ON_LOOP or not self._take_turn():
            return False
        session = self._session
        try:
            session.write(partial(_insert_output, rows), grouped=False, synchronous=False)
            session.end(on_loop=True)
            self._end_batch()
        except Exception as error:
            if is_busy(error):
                return False
            raise self.explain(error) from None
        finally:
            self._leave_turn()
        return True

    def look(self) -> Any:
        """Return a future of whether another connection has committed since the last look.

        It fails with StoreError where the path does not name what was opened any more.
        """
        return self.ask(self._look)

    def check_file(self) -> None:
        """Raise StoreError where what this writer has written is in a file that the path does not name any more.

        Asked once the thread has ended, too.
        """
        if self._opened is not None and self._opened.transactions:
            self._opened.look_at_closed_file()

    # Done on the loop

    def _commit_at_once(self, commits: Sequence[RunCommit], future: asyncio.Future[list[bool]]) -> bool:
        """Commit in a transaction of their own. False, with nothing done: something else is to be tried."""
        session = self._session
        synchronous = not session.relaxed(commits)
        if (synchronous and not session.disk.is_quick(len(commits))) or not self._take_turn():
            return False
        try:
            answers = session.write(partial(apply_commits, commits, False), len(commits) > 1, synchronous)
            session.end(on_loop=True)
            self._end_batch()
        except Exception as error:
            if is_busy(error):
                return False
            future.set_exception(self._explain_commits(commits, error))
            return True
        finally:
            self._leave_turn()
        future.set_result(answers)
        self._announce(session.touched, session.advanced)
        return True

    def _put_light(self, request: _Commit | _Change) -> None:
        if self._closing:
            self.put(request)  # raises
        self._light.append(request)
        self._serve_light()

    def _serve_light(self) -> None:
        """Write what is light, unless the thread has the connection."""
        while self._light and self._take_turn():
            self._serve_on_loop(self._take_light(ON_LOOP))

    def _serve_on_loop(self, batch: Sequence[Request]) -> None:
        """Serve requests in one transaction, or leave its end to the thread. The turn is the loop's."""
        session = self._session
        work, grouped, synchronous = self._plan(batch)
        left = False
        try:
            answers = session.write(work, grouped, synchronous)
            if not synchronous or session.disk.may_be_waited_for(len(session.learned)):
                session.end(on_loop=True)
                self._end_batch()
            else:
                self._begun.acquire(blocking=False)  # where the loop has waited in vain
                left = True
                self._ending = answers
        except Exception as error:
            if is_busy(error) or len(batch) > 1:
                self._requests.extend(batch)
                return
            answers = self._failed(batch, error)
        finally:
            if left:
                self.ring()
                self._begun.acquire(timeout=BEGUN_S)
            else:
                self._leave_turn()
        if not left:
            self._publish(answers, session.touched, session.advanced)

    def _take_turn(self) -> bool:
        """Have the connection for the loop, if nobody has it and the thread was not asked before."""
        return not (self._closing or self._requests) and self._turn.acquire(blocking=False)

    def _leave_turn(self) -> None:
        """Give the connection back, and have the thread look at what was asked of it meanwhile."""
        self._turn.release()
        if self._requests or self._output:
            self.ring()

    def _publish(self, answers: Sequence[Answer], touched: set[str], advanced: set[str]) -> None:
        """Answer, then announce; what was asked meanwhile is served once those who are answered have had their say."""
        settle(answers)
        if touched or advanced:
            self._announce(touched, advanced)
        if self._light:
            self.loop.call_soon(self._serve_light)

    # Done in the thread

    def serve(self) -> bool:
        answers = self._ending
        if answers is not None:
            self._ending = None
            if self._begun.locked():
                self._begun.release()
            self._end_left(answers)
        elif self._has_work and self._turn.acquire(blocking=False):
            self._serve()
        else:
            return False
        self._turn.release()
        for told in self._told:  # only now: who hears of it may write on the loop at once
            self.call(*told)
        self._told.clear()
        if self._light:
            self.call(self._serve_light)
        return True

    @property
    def _has_work(self) -> bool:
        """Whether the thread has anything to do: what is light is for the loop, as long as that serves any."""
        return bool(self._requests or self._output or (self._closing and self._light))

    def _serve(self) -> None:
        requests = self._requests
        batch: list[Request] = []
        while requests and len(batch) < BATCH:
            if requests[0].work is None:
                batch.append(requests.popleft())
            elif batch:
                break
            else:
                self._told.append((settle, [self.attempt(requests.popleft())]))
        batch += self._take_light(BATCH)
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

    def _end_left(self, answers: Sequence[Answer]) -> None:
        """End the transaction that the loop has written."""
        session = self._session
        try:
            session.end(on_loop=False)
        except Exception as error:
            requests = [request for request, _, _ in answers]
            if is_busy(error) or len(requests) > 1:
                self._requests.extendleft(reversed(requests))
            else:
                self._told.append((settle, self._failed(requests, error)))
            return
        self._end_batch()
        self._told.append((self._publish, answers, session.touched, session.advanced))

    def _serve_batch(self, batch: Sequence[Request], synchronous: bool | None = None) -> None:
        """Serve requests in one transaction, or one each where one of them may have spoiled it."""
        session = self._session
        work, grouped, waits = self._plan(batch)
        if synchronous is None:
            synchronous = waits
        try:
            answers = self._carry_out(work, grouped, synchronous)
        except Exception as error:
            if len(batch) > 1 and needs_isolation(error):
                for request in batch:
                    self._serve_batch([request], synchronous)
            else:
                self._told.append((settle, self._failed(batch, error)))
            return
        self._told.append((self._publish, answers, session.touched, session.advanced))
        self._end_batch()

    def explain(self, error: BaseException) -> BaseException:
        if isinstance(error, sqlite3.Error):
            return from_sqlite(error, self._location.path, "write", self._location.patience)
        if isinstance(error, OSError):
            return from_os_error(error, self._location.path, "write")
        return error

    def end(self) -> None:
        if self._opened is not None:
            try:
                self._opened.connection.close()
            except sqlite3.Error as error:
                logger.warning("%s", self.explain(error))

    def _open(self) -> None:
        connection = open_writer(self._location)
        connection.execute("PRAGMA busy_timeout = 0")  # the waiting is done here, and never on the loop
        self._data_version = connection.execute("PRAGMA data_version").fetchone()[0]
        self._opened = Session(connection, OpenedFile(self._location.path))

    def _look(self) -> bool:
        self._session.look_at_file()
        before = self._data_version
        self._data_version = self._session.execute("PRAGMA data_version").fetchone()[0]
        return self._data_version != before

    def _move_log(self) -> None:
        try:
            self._session.move_log()
        except sqlite3.Error as error:
            logger.warning("%s", self.explain(error))

    def _watch_log(self) -> None:
        """Say so when a reader keeps the write-ahead log from being moved to the file, so that it grows."""
        try:
            size = os.stat(f"{self._location.path}-wal").st_size
            if size <= LOG_LIMIT or size < 2 * self._warned_at:
                return
            frames, moved = self._session.move_log()
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

    # Done by whoever has the turn

    def _take_light(self, weight: int) -> list[_Commit | _Change]:
        batch: list[_Commit | _Change] = []
        while self._light and (weight >= self._light[0].weight or not batch):
            request = self._light.popleft()
            weight -= request.weight
            batch.append(request)
        return batch

    def _plan(self, batch: Sequence[Request]) -> tuple[Callable[[Session, bool], list[Answer]], bool, bool]:
        """Return what serves requests in a transaction, whether their commits go as a group, whether the disk is

        waited for: not if all that it has is commits of runs that can do without.
        """
        commits = [commit for request in batch if type(request) is _Commit for commit in request.commits]
        only_commits = all(type(request) is _Commit for request in batch)
        synchronous = not (only_commits and self._session.relaxed(commits))
        return partial(_serve_requests, batch, commits), len(commits) > 1, synchronous

    def _carry_out(self, work: Callable[[Session, bool], Result], grouped: bool, synchronous: bool) -> Result:
        """Do ``work`` in a transaction that is durable on return, patiently waiting for the lock, in the thread.

        Raises what ``Session.write`` and ``Session.end`` raise, with nothing done.
        """
        began = monotonic()
        while True:
            try:
                result = self._session.write(work, grouped, synchronous)
                self._session.end(on_loop=False)
                return result
            except sqlite3.Error as error:
                if not is_busy(error) or monotonic() - began >= self._location.patience:
                    raise
                sleep(random.uniform(0.001, 0.02))

    def _failed(self, batch: Sequence[Request], error: BaseException) -> list[Answer]:
        answers: list[Answer] = []
        for request in batch:
            commits = request.commits if type(request) is _Commit else ()
            answers.append((request, None, self._explain_commits(commits, error)))
        return answers

    def _explain_commits(self, commits: Sequence[RunCommit], error: BaseException) -> BaseException:
        if commits and isinstance(error, UnicodeEncodeError):
            return unfit_text(commits, error)
        return self.explain(error)

    def _end_batch(self) -> None:
        """Tell other processes of what is durable now."""
        session = self._session
        self._notifier.tell(session.touched, session.advanced)
        if faults.armed is not None:
            faults.reach("sqlite.after_announce")
        if session.must_move_log:
            session.unmoved = 0
            self._requests.append(Request(self._move_log, None))
        if session.transactions % LOOK_EVERY == 0:
            self._requests.append(Request(self._watch_log, None))


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
