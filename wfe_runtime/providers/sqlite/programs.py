"""Programs in the tables of SQLite: kept by their hashes, and cleared out once nothing names them.

Each function returns what the store's method returns; those that write are called inside the writer's transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from wfe_runtime.providers.rows import KeptProgram, ProgramRow
from wfe_runtime.providers.sqlite.session import Session

__all__ = ["drop_programs", "keep_programs", "list_programs", "read_program"]

COARSE_MS = 10 * 60 * 1000  # a program that is put again so soon is not written for that
KEEP = """
INSERT INTO programs (hash, workflow, version, program, source_map) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (hash) DO NOTHING
"""
MARK = f"""
INSERT INTO program_marks (hash, time) VALUES (?, ?)
ON CONFLICT (hash) DO UPDATE SET time = excluded.time WHERE excluded.time >= time + {COARSE_MS}
"""
NOTE = """
INSERT INTO program_verifiers (hash, verifier) SELECT hash, ? FROM programs WHERE hash = ?
ON CONFLICT (hash) DO UPDATE SET verifier = excluded.verifier
"""
READ = """
SELECT programs.rowid, hash, workflow, version, ifnull(verifier, '')
FROM programs LEFT JOIN program_verifiers USING (hash) WHERE hash = ?
"""
# The registrations that count are those that no later row of their workflow and version has taken the place of.
NAMED = """
SELECT program FROM run_details UNION SELECT program FROM schedules UNION
SELECT program FROM registrations r WHERE number =
    (SELECT max(number) FROM registrations WHERE workflow = r.workflow AND version = r.version)
"""
LIST = f"""
SELECT hash, workflow, version, hash IN ({NAMED}) OR EXISTS
    (SELECT 1 FROM program_marks m WHERE m.hash = programs.hash AND m.time >= ?)
FROM programs ORDER BY workflow, version, hash
"""


def keep_programs(session: Session, programs: Sequence[ProgramRow], now: int) -> None:
    """Store programs that are not there yet."""
    rows = [(row.hash, row.workflow, row.version, row.program, row.source_map) for row in programs]
    session.executemany(KEEP, rows)
    if now:
        session.executemany(MARK, [(row.hash, now) for row in programs])


def note_verified(session: Session, hash: str, verifier: str) -> None:
    """Note which verifier has accepted a program that is kept."""
    session.execute(NOTE, (verifier, hash))


def read_program(connection: sqlite3.Connection, hash: str) -> ProgramRow | None:
    connection.execute("BEGIN")  # one moment for the row and what it holds
    try:
        row = connection.execute(READ, (hash,)).fetchone()
        if row is None:
            return None
        place, hash, workflow, version, verifier = row
        program, source_map = (_content(connection, column, place) for column in ("program", "source_map"))
        return ProgramRow(hash, workflow, version, program, source_map, verifier)
    finally:
        connection.execute("ROLLBACK")


def _content(connection: sqlite3.Connection, column: str, place: int) -> bytes:
    """Return a blob of a program's row. As a value of the row it would be copied once more, and a program is large."""
    with connection.blobopen("programs", column, place, readonly=True) as blob:
        return blob.read()


def list_programs(connection: sqlite3.Connection, since: int) -> list[KeptProgram]:
    rows = connection.execute(LIST, (since,))
    return [KeptProgram(hash, workflow, version, bool(wanted)) for hash, workflow, version, wanted in rows]


def drop_programs(session: Session, hashes: Sequence[str], since: int) -> list[str]:
    """Remove those of the programs that are still not wanted."""
    asked = set(hashes)
    gone = [row.hash for row in list_programs(session.connection, since) if row.hash in asked and not row.wanted]
    for table in ("programs", "program_marks", "program_verifiers"):
        session.executemany(f"DELETE FROM {table} WHERE hash = ?", [(hash,) for hash in gone])
    return gone
