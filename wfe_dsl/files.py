"""The one place where a compilation opens files: it reads them, and tells whoever asks which they were.

What a compilation gives depends on the files that it read, on those that it looked for and did not find,
and on where links led. Who keeps what was compiled asks for that with ``recorded`` and looks at it before
the next use. A workflow file in Python is run, not read: what that depends on nobody can tell. This file
knows nothing of notations and of what is kept where.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

import msgspec

__all__ = ["MISSING", "Record", "read_file", "real_path", "recorded"]

MISSING: Final = ""
"""Instead of a digest: there is no such file, or it can't be read."""


class Record(msgspec.Struct):
    """What was read. ``digests`` are sha256 in hex by absolute path, ``links`` where a path really leads."""

    digests: dict[str, str]
    links: dict[str, str]


_record: ContextVar[Record | None] = ContextVar("record", default=None)


@contextmanager
def recorded() -> Iterator[Record]:
    """Give a record of all that is read until the end of the block."""
    record = Record({}, {})
    token = _record.set(record)
    try:
        yield record
    finally:
        _record.reset(token)


def read_file(path: str, limit: int) -> bytes:
    """Return a file's bytes, one more than ``limit`` at most. Raises OSError."""
    record = _record.get()
    digest = MISSING
    try:
        with open(path, "rb") as file:
            data = file.read(limit + 1)
        digest = hashlib.sha256(data).hexdigest()
        return data
    finally:
        if record is not None:
            record.digests[os.path.abspath(path)] = digest


def real_path(path: str) -> str:
    """Return where a path leads, links followed."""
    found = os.path.realpath(path)
    record = _record.get()
    if record is not None:
        record.links[os.path.abspath(path)] = found
    return found
