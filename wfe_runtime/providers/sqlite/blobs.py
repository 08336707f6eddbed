"""Large values in the tables of SQLite: each content once, under its SHA-256, and who names it.

``keep_large`` is called inside the writer's transaction: a content is durable with whatever names it, never after it,
so a crash leaves neither without the other. The rules:

* A run's uses count until the run is purged, an event's until the event is dropped. An event's are kept under its
  number, negated, and what it leaves in a run's inbox is that run's own use.
* A content that nobody uses any more is swept with the next purge, and by ``compact``.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from wfe_runtime import faults
from wfe_runtime.errors import StoreError
from wfe_runtime.providers.handles import IN_VALUE, Shape, has_handles, pack, unpack
from wfe_runtime.providers.rows import RunCommit
from wfe_runtime.providers.sqlite.session import Session
from wfe_vm.limits import MAX_INLINE_BYTES

__all__ = ["holds_large", "is_light", "keep_large", "sweep", "whole", "whole_row"]

KNOWN = "SELECT blob FROM blobs WHERE hash = ?"
KEEP = "INSERT INTO blobs (hash, content) VALUES (?, ?)"
USE = "INSERT INTO blob_uses (run, blob) VALUES (?, ?) ON CONFLICT (run, blob) DO NOTHING"
FIND = "SELECT content FROM blobs WHERE hash = ?"
DROP_EVENT_USES = "DELETE FROM blob_uses WHERE run < 0 AND -run NOT IN (SELECT number FROM events)"
DROP_UNUSED = "DELETE FROM blobs WHERE NOT EXISTS (SELECT 1 FROM blob_uses u WHERE u.blob = blobs.blob)"

faults.declare("blobs.after_keep", "a large value is written, what names it is not, nothing is durable")


def keep_large(session: Session, run: int, payload: bytes, shape: Shape = IN_VALUE) -> bytes:
    """Return a payload as it is stored for a run, with handles for what is large, which is kept with it."""
    if not _is_large(payload):
        return payload

    def keep(content: bytes) -> bytes:
        hash = hashlib.sha256(content).digest()
        row = session.execute(KNOWN, (hash,)).fetchone()
        blob = session.execute(KEEP, (hash, content)).lastrowid if row is None else row[0]
        session.execute(USE, (run, blob))
        if faults.armed is not None:
            faults.reach("blobs.after_keep")
        return hash

    return pack(payload, shape, keep)


def whole(connection: sqlite3.Connection, payload: bytes) -> bytes:
    """Return a stored payload as it was given to the store."""
    if not has_handles(payload):
        return payload

    def find(hash: bytes) -> bytes:
        row = connection.execute(FIND, (hash,)).fetchone()
        if row is None:
            raise StoreError(
                "damaged",
                f"the store is damaged: a large value with the hash {hash.hex()} is named and not there",
                "restore it from a copy",
            )
        content: bytes = row[0]
        return content

    try:
        return unpack(payload, find)
    except (msgspec.DecodeError, ValueError, TypeError, RecursionError) as error:
        raise StoreError(
            "damaged",
            f"the store is damaged: a value in it names large ones and can't be read: {error}",
            "restore it from a copy",
        ) from error


def whole_row(connection: sqlite3.Connection, row: tuple[Any, ...], *places: int) -> tuple[Any, ...]:
    """Return a row of a table with the payloads at these places as they were given to the store."""
    for place in places:
        if has_handles(row[place]):
            row = (*row[:place], whole(connection, row[place]), *row[place + 1 :])
    return row


def holds_large(commits: Sequence[RunCommit]) -> bool:
    """Say whether these commits take longer than the event loop should wait for them."""
    for commit in commits:
        for _, _, delta in commit.journal:
            if type(delta) is bytes and len(delta) > MAX_INLINE_BYTES:
                return True
    return False


def is_light(payload: bytes) -> bool:
    """Say whether a payload is one to be stored as it is."""
    return type(payload) is bytes and not _is_large(payload)


def _is_large(payload: bytes) -> bool:
    return type(payload) is bytes and len(payload) > MAX_INLINE_BYTES  # what is no payload SQLite refuses itself


def sweep(connection: sqlite3.Connection) -> None:
    """Drop the contents that nobody uses any more."""
    connection.execute(DROP_EVENT_USES)
    connection.execute(DROP_UNUSED)
