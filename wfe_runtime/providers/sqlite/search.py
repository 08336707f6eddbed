"""The search index of a SQLite store, on FTS5.

It follows the runs: the journal and the output of each are its outbox, and a mark says how far it has come with each
run. So no commit waits for it, and an index that was lost is made anew by forgetting the marks.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from wfe_runtime.errors import StoreError
from wfe_runtime.providers.searching import Document, Hit, HitPage, IndexMark, Phrase, SearchQuery
from wfe_runtime.providers.sqlite.session import SEQUENCE, Session

__all__ = ["drop_documents", "keep_documents", "list_unindexed", "search"]

WORDS = """
CREATE VIRTUAL TABLE IF NOT EXISTS search_words USING fts5(
    text, content = 'search_documents', content_rowid = 'document', tokenize = 'unicode61 remove_diacritics 0'
)
"""
HAS_WORDS = "SELECT 1 FROM sqlite_schema WHERE name = 'search_words'"
UNINDEXED = f"""
SELECT d.id, ifnull(m.sequence, 0), ifnull(m.number, 0)
FROM runs r JOIN run_details d USING (run) LEFT JOIN search_marks m USING (run)
WHERE m.run IS NULL OR m.sequence <> {SEQUENCE}
    OR EXISTS (SELECT 1 FROM logs l WHERE l.run = r.run AND l.number > m.number)
ORDER BY r.run LIMIT ?
"""
MARK = "SELECT sequence, number FROM search_marks WHERE run = ?"
PUT_MARK = "INSERT OR REPLACE INTO search_marks (run, sequence, number) VALUES (?, ?, ?)"
PUT = "INSERT INTO search_documents (run, kind, time, text, step, attempt, stream) VALUES (?, ?, ?, ?, ?, ?, ?)"
PUT_WORDS = "INSERT INTO search_words (rowid, text) VALUES (?, ?)"
DROP_WORDS = "INSERT INTO search_words (search_words, rowid, text) VALUES ('delete', ?, ?)"


def list_unindexed(connection: sqlite3.Connection, limit: int) -> list[IndexMark]:
    """Return how far the index is with runs that it is behind with."""
    return [IndexMark(*row) for row in connection.execute(UNINDEXED, (limit or -1,))]


def keep_documents(session: Session, before: IndexMark, after: IndexMark, documents: Sequence[Document]) -> bool:
    """Take in what a run has left since ``before``; of the run itself the newest document stays. Returns False, and
    does nothing, where another process was faster."""
    run = session.number_of(before.run)
    if run is None or (session.execute(MARK, (run,)).fetchone() or (0, 0)) != (before.sequence, before.number):
        return False
    try:
        session.execute(WORDS)
    except sqlite3.OperationalError as error:
        if "fts5" not in str(error):
            raise
        raise StoreError("unreachable", "this Python's SQLite has no full-text search (FTS5)", "use another") from None
    if any(document.kind == "run" for document in documents):
        _drop(session, run, "run")
    for row in documents:
        values = (run, row.kind, row.time, row.text, row.step, row.attempt, row.stream)
        session.execute(PUT_WORDS, (session.execute(PUT, values).lastrowid, row.text))
    session.execute(PUT_MARK, (run, after.sequence, after.number))
    return True


def drop_documents(session: Session, run: int) -> None:
    """Forget all of a run."""
    if session.execute(HAS_WORDS).fetchone() is not None:
        _drop(session, run, "")
    session.execute("DELETE FROM search_marks WHERE run = ?", (run,))


def _drop(session: Session, run: int, kind: str) -> None:
    where = "run = ? AND kind = ?" if kind else "run = ?"
    values = (run, kind) if kind else (run,)
    rows = session.execute(f"SELECT document, text FROM search_documents WHERE {where}", values).fetchall()
    session.executemany(DROP_WORDS, rows)
    session.execute(f"DELETE FROM search_documents WHERE {where}", values)


def search(connection: sqlite3.Connection, query: SearchQuery, skip: int, take: int) -> HitPage:
    """Return a page of what a query finds."""
    if connection.execute(HAS_WORDS).fetchone() is None:
        return HitPage(0, ())
    conditions, values = _conditions(query)
    source = "search_documents s"
    if query.phrases:
        source = "search_words JOIN search_documents s ON s.document = search_words.rowid"
        conditions.insert(0, "search_words MATCH ?")
        values.insert(0, " AND ".join(_match(phrase) for phrase in query.phrases))
    source += " JOIN runs r USING (run) JOIN run_details d USING (run)"
    where = f"FROM {source} WHERE {' AND '.join(conditions or ['TRUE'])}"
    (total,) = connection.execute(f"SELECT count(*) {where}", values).fetchone()
    rows = connection.execute(
        f"SELECT d.id, d.name, d.workflow, r.status, s.kind, s.time, s.text, s.step, s.attempt, s.stream {where} "
        "ORDER BY s.time DESC, s.document DESC LIMIT ? OFFSET ?",
        (*values, take or -1, skip),
    )
    return HitPage(
        total,
        tuple(Hit(id, name, workflow, status, Document(*document)) for id, name, workflow, status, *document in rows),
    )


def _conditions(query: SearchQuery) -> tuple[list[str], list[str | int]]:
    conditions: list[str] = []
    values: list[str | int] = []
    for column, value in (
        ("r.status", query.status),
        ("d.workflow", query.workflow),
        ("d.name", query.name),
        ("d.id", query.run),
        ("s.stream", query.stream),
    ):
        if value:
            conditions.append(f"{column} = ?")
            values.append(value)
    if query.step:
        conditions.append("(s.step = ? OR substr(s.step, -length(?)) = ?)")
        values += [query.step, f"/{query.step}", f"/{query.step}"]
    if query.kinds:
        conditions.append(f"s.kind IN ({', '.join('?' * len(query.kinds))})")
        values += query.kinds
    for condition, bound in (("s.time >= ?", query.since), ("s.time < ?", query.until)):
        if bound:
            conditions.append(condition)
            values.append(bound)
    return conditions, values


def _match(phrase: Phrase) -> str:
    """Return a phrase as FTS5 reads it; words have no quotes in them."""
    return f'"{" ".join(phrase.words)}"' + (" *" if phrase.prefix else "")
