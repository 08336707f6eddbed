"""Carries out RunCommits inside the writer's transaction.

This file owns the order within a commit: the run's row where it changes, journal, snapshot, result, children,
posts, signals, consumed. It opens and ends no transaction. The rules:

* A commit is guarded by what it writes first. A line of the journal is written only while the run has the commit's
  fence, and there can be no second one with its sequence. A run's row, where a commit changes more of it than the
  sequence, is only written at the fence and the sequence that the commit expects.
* A refused commit writes nothing; whether one is refused is the guard's answer and nothing else.
* Many commits go as a few ``executemany`` first, which can't say *which* of them was refused: then
  ``apply_commits`` raises Refused, the session rolls back and has them applied one by one.
* A row's indexed columns are only written where they change, which needs what the session knows.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from msgspec.structs import replace

from wfe_runtime import faults
from wfe_runtime.errors import StoreError
from wfe_runtime.providers.handles import IN_DELTA, IN_SNAPSHOT
from wfe_runtime.providers.rows import FINISHED, InboxPost, NewRun, RunCommit
from wfe_runtime.providers.sqlite.blobs import keep_large
from wfe_runtime.providers.sqlite.creation import insert_run
from wfe_runtime.providers.sqlite.places import give_back, has_slot
from wfe_runtime.providers.sqlite.session import SEQUENCE, Known, Refused, Session
from wfe_runtime.providers.sqlite.signals import POST, apply_signals
from wfe_runtime.providers.texts import check_texts
from wfe_vm.limits import MAX_INLINE_BYTES

__all__ = ["apply_commits", "check_commits", "insert_posts", "unfit_text"]

CHANGE = f"""
UPDATE runs AS r SET row_sequence = ?1, status = ?2, due = ?3, ended = ?4, started = iif(?5, ?5, started)
WHERE run = ?6 AND {SEQUENCE} = ?7 AND fence = ?8
"""
DISOWN = "UPDATE runs SET owner = '' WHERE run = ?"
JOURNAL = """
INSERT INTO journal (run, sequence, time, delta) SELECT run, ?, ?, ? FROM runs WHERE run = ? AND fence = ?
"""
SNAPSHOT = "INSERT OR REPLACE INTO snapshots (run, sequence, state) VALUES (?, ?, ?)"
RESULT = "INSERT OR REPLACE INTO results (run, result) VALUES (?, ?)"
NO_RESULT = "DELETE FROM results WHERE run = ?"
PROGRAM = """
UPDATE run_details SET program = ?1, version = (SELECT version FROM programs WHERE hash = ?1) WHERE run = ?2
"""
CONSUME = "DELETE FROM inbox WHERE id = ? AND run = ?"


def check_commits(commits: Sequence[RunCommit]) -> None:
    """Pass commits whose status and end agree. Raises ValueError: the engine is wrong."""
    for commit in commits:
        if (commit.ended > 0) != (commit.status in FINISHED):
            raise ValueError(f"status {commit.status} with ended={commit.ended} of run {commit.run}")


def apply_commits(commits: Sequence[RunCommit], large: bool, session: Session, grouped: bool) -> list[bool]:
    """Apply commits in order, and return which were accepted; ``large`` says whether any holds a large value.

    Raises Refused where they go as a group and can't.
    """
    if grouped:
        _apply_group(session, commits)
        return [True] * len(commits)
    return [_apply_one(session, commit, large) for commit in commits]


def _apply_one(session: Session, commit: RunCommit, large: bool) -> bool:
    """Apply one commit. Returns whether it was accepted."""
    known = session.known.get(commit.run)
    if known is None or known.sequence != commit.expected_sequence or known.fence != commit.fence:
        known = _look_up(session, commit)
    if known is None or (known.placed and _reopens(known, commit) and not has_slot(session, known.run)):
        return False
    guarded = False
    if large or not _keeps_columns(known, commit):  # a large value is written before the line that names it
        if session.execute(CHANGE, _change(known, commit)).rowcount != 1:
            return _refuse(session, commit)
        guarded = True
    if faults.armed is not None:
        faults.reach("sqlite.after_guard")
    run = known.run
    fence = commit.fence
    for sequence, time, delta in commit.journal:
        if type(delta) is not bytes or len(delta) > MAX_INLINE_BYTES:
            delta = keep_large(session, run, delta, IN_DELTA)
        try:
            written = session.execute(JOURNAL, (sequence, time, delta, run, fence)).rowcount
        except sqlite3.IntegrityError as error:
            if guarded or error.sqlite_errorcode != sqlite3.SQLITE_CONSTRAINT_UNIQUE:
                raise
            written = 0
        if not (guarded or written):
            return _refuse(session, commit)
        guarded = True
    if faults.armed is not None:
        faults.reach("sqlite.after_journal")
    if _has_rest(known, commit):
        _apply_rest(session, known, commit)
    session.advanced.add(commit.run)
    session.learned.append((known, commit))
    return True


def _apply_group(session: Session, commits: Sequence[RunCommit]) -> None:
    """Apply commits of different runs, all of which must be accepted. Raises Refused otherwise."""
    changes = []
    journal = []
    rest = []
    cache = session.known
    advanced = session.advanced
    learned = session.learned
    for commit in commits:
        id = commit.run
        known = cache.get(id)
        if known is None or known.sequence != commit.expected_sequence or known.fence != commit.fence:
            known = _look_up(session, commit)
        if known is None or id in advanced or (known.placed and _reopens(known, commit)):
            raise Refused
        advanced.add(id)
        run = known.run
        if not _keeps_columns(known, commit):
            changes.append(_change(known, commit))
        fence = commit.fence
        for sequence, time, delta in commit.journal:
            if type(delta) is not bytes or len(delta) > MAX_INLINE_BYTES:
                delta = keep_large(session, run, delta, IN_DELTA)
            journal.append((sequence, time, delta, run, fence))
        if _has_rest(known, commit):
            rest.append((known, commit))
        learned.append((known, commit))
    if changes and session.executemany(CHANGE, changes).rowcount != len(changes):
        raise Refused
    if faults.armed is not None:
        faults.reach("sqlite.after_guard")
    try:
        if journal and session.executemany(JOURNAL, journal).rowcount != len(journal):
            raise Refused
    except sqlite3.IntegrityError:
        raise Refused from None
    if faults.armed is not None:
        faults.reach("sqlite.after_journal")
    for known, commit in rest:
        _apply_rest(session, known, commit)


def unfit_text(commits: Sequence[RunCommit], error: UnicodeEncodeError) -> StoreError | UnicodeEncodeError:
    """Return the error that names the text of these commits that SQLite can't take, this one if none is found."""
    try:
        for number, commit in enumerate(commits):
            check_texts(f"commits[{number}].children", commit.children)
            check_texts(f"commits[{number}].posts", commit.posts)
            check_texts(f"commits[{number}].signals", commit.signals)
        check_texts("commits", commits)
    except StoreError as named:
        return named
    return error


def insert_posts(session: Session, posts: Sequence[InboxPost]) -> list[int]:
    """Leave posts. Returns their ids, 0 for one whose run is not there."""
    ids = []
    for post in posts:
        run = session.number_of(post.run)
        if run is None:
            ids.append(0)
        else:
            ids.append(session.execute(POST, (run, post.kind, keep_large(session, run, post.payload))).lastrowid or 0)
            session.touched.add(post.run)
    return ids


def _look_up(session: Session, commit: RunCommit) -> Known | None:
    """Return the run's row as it is in the file if the commit may be for it, None where it is refused already."""
    known = session.look_up(commit.run)
    if known is None or known.sequence != commit.expected_sequence or known.fence != commit.fence:
        return None
    return known


def _refuse(session: Session, commit: RunCommit) -> bool:
    """Forget what is known of a run: another process has advanced or claimed it since."""
    session.known.pop(commit.run, None)
    return False


def _reopens(known: Known, commit: RunCommit) -> bool:
    """Say whether a commit reopens a run, which needs a slot where it has a group."""
    return bool(known.ended and not commit.ended)


def _keeps_columns(known: Known, commit: RunCommit) -> bool:
    """Say whether the journal alone tells what a commit changes."""
    journal = commit.journal
    if not journal or journal[-1][0] != commit.sequence or commit.started:
        return False
    return commit.status == known.status and commit.due == known.due and commit.ended == known.ended


def _change(known: Known, commit: RunCommit) -> tuple[int, str, int, int, int, int, int, int]:
    return (
        commit.sequence,
        commit.status,
        commit.due,
        commit.ended,
        commit.started,
        known.run,
        commit.expected_sequence,
        commit.fence,
    )


def _has_rest(known: Known, commit: RunCommit) -> bool:
    if commit.snapshot is not None or commit.result or commit.children or commit.posts or commit.consumed:
        return True
    if commit.signals or commit.release or commit.program or known.has_result:
        return True
    return known.placed > 0 and commit.ended > 0


def _apply_rest(session: Session, known: Known, commit: RunCommit) -> None:
    """Write what few commits have."""
    run = known.run
    if commit.release:
        session.execute(DISOWN, (run,))
    if commit.program:
        session.execute(PROGRAM, (commit.program, run))
    if commit.snapshot is not None:
        session.execute(SNAPSHOT, (run, commit.sequence, keep_large(session, run, commit.snapshot, IN_SNAPSHOT)))
    if commit.result:
        session.execute(RESULT, (run, keep_large(session, run, commit.result)))
    elif known.has_result:
        session.execute(NO_RESULT, (run,))
    for child in commit.children:
        _insert_child(session, child)
    if commit.posts:
        insert_posts(session, commit.posts)
    if commit.signals:
        apply_signals(session, run, commit.run, commit.signals)
    if known.placed and commit.ended:
        give_back(session, run, commit.ended)
    if commit.consumed:
        session.executemany(CONSUME, [(post, run) for post in commit.consumed])


def _insert_child(session: Session, child: NewRun) -> None:
    """Create a child; what is taken gives way, for its parent's commit can't be refused for it."""
    if session.number_of(child.id) is not None:
        return
    exists = session.execute
    if child.name and exists("SELECT 1 FROM run_details WHERE name = ?", (child.name,)).fetchone():
        child = replace(child, name="")
    if (
        child.key
        and exists(
            "SELECT 1 FROM run_details WHERE workflow = ? AND key = ? AND key <> ''",
            (child.workflow, child.key),
        ).fetchone()
    ):
        child = replace(child, key="")
    insert_run(session, child)
