"""Where a SQLite store is: reads its URL, makes its folder and file.

This file owns paths and modes; it runs no SQL. The rules: what it creates is 0700 (folders) or 0600 (the
file, and with it SQLite's ``-wal`` and ``-shm``, which take the file's mode), whatever the umask; what is
there already keeps its mode; and a file that is there is never opened here, because closing it would drop
the locks that this process holds on it through SQLite.
"""

from __future__ import annotations

import os
import re
from urllib.parse import parse_qsl, unquote

import msgspec

from wfe_runtime.errors import StoreError
from wfe_runtime.providers.sqlite.failures import from_os_error

__all__ = ["Location", "parse_url", "prepare"]

PATIENCE = 30.0
FORMS = (
    "sqlite:///runs.db is a file in the current folder, sqlite:////var/wfe/runs.db one anywhere; "
    "?timeout=5s says how long to wait for other programs' locks"
)


class Location(msgspec.Struct, frozen=True):
    """An absolute path without links, and how long to wait for locks of others, in seconds."""

    path: str
    patience: float = PATIENCE


def parse_url(url: str) -> Location:
    """Read ``sqlite:///relative`` or ``sqlite:////absolute``, relative to the current folder of now.

    Raises StoreError ``url`` saying which part is wrong.
    """
    scheme, _, rest = url.partition(":")
    rest, _, query = rest.partition("?")
    if scheme.lower() != "sqlite" or not rest.startswith("///"):
        raise StoreError("url", f"{url!r} does not name a file: a path comes after sqlite:///", FORMS)
    path = unquote(rest[3:])
    if path in ("", "/", ":memory:") or path.endswith("/") or "\0" in path:
        raise StoreError("url", f"{url!r} does not name a file", f"{FORMS}; a store in memory is memory:")
    patience = PATIENCE
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name != "timeout":
            raise StoreError("url", f"{url!r}: there is no option {name!r}, only timeout", FORMS)
        matched = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m)?", value)
        if matched is None:
            raise StoreError("url", f"{url!r}: {value!r} is no duration like 500ms or 5s", FORMS)
        patience = float(matched[1]) * {"ms": 0.001, None: 0.001, "s": 1.0, "m": 60.0}[matched[2]]
    return Location(os.path.realpath(path), patience)


def prepare(path: str) -> None:
    """Make the file, empty, and missing folders on the way, if they are not there.

    Raises StoreError ``read-only``, ``full``, ``io`` or ``unreachable``.
    """
    folder = os.path.dirname(path)
    try:
        _make_folders(folder)
        if os.path.isdir(path):
            raise StoreError("unreachable", f"the store {path} is a folder", "name a file in it")
        try:
            opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            pass
        else:
            try:
                os.fchmod(opened, 0o600)
            finally:
                os.close(opened)
    except OSError as error:
        raise from_os_error(error, path, "create") from error
    for needed in (path, folder):
        if not os.access(needed, os.W_OK):
            what = "the file" if needed == path else f"its folder {folder}"
            raise StoreError(
                "read-only",
                f"the store {path} can't be written: {what} is read-only",
                f"make it writable (chmod u+w {needed}), or name another store",
            )


def _make_folders(folder: str) -> None:
    missing = []
    while not os.path.isdir(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    for name in reversed(missing):
        try:
            os.mkdir(name, 0o700)
        except FileExistsError:
            if not os.path.isdir(name):
                raise
        else:
            os.chmod(name, 0o700)
            _sync(os.path.dirname(name))


def _sync(folder: str) -> None:
    """Make a new entry of a folder survive a power cut."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
