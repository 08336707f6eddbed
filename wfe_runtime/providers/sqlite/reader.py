"""The thread that owns the connection that reads: it never waits for the writer, nor the writer for it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar, cast

from wfe_runtime.errors import StoreError
from wfe_runtime.providers.sqlite.connection import open_reader, patiently
from wfe_runtime.providers.sqlite.failures import from_sqlite
from wfe_runtime.providers.sqlite.location import Location
from wfe_runtime.providers.sqlite.worker import Worker

__all__ = ["Reader"]

Result = TypeVar("Result")


class Reader(Worker):
    """See the module."""

    def __init__(self, location: Location) -> None:
        super().__init__("wfe-sqlite-reader")
        self._location = location
        self._connection: sqlite3.Connection | None = None

    async def open(self) -> None:
        """Connect in the thread. Raises StoreError."""
        self.start()
        await self.ask(self._open)

    async def read(self, query: Callable[..., Result], *arguments: Any) -> Result:
        """Return what ``query(connection, *arguments)`` returns. Raises StoreError."""
        return cast(Result, await self.ask(partial(self._read, query, arguments)))

    def explain(self, error: BaseException) -> BaseException:
        if isinstance(error, sqlite3.Error):
            return from_sqlite(error, self._location.path, "read", self._location.patience)
        if isinstance(error, UnicodeEncodeError):
            return StoreError("value", f"no run, name or step is called {error.object!r}: it is no valid text")
        return error

    def end(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _open(self) -> None:
        self._connection = open_reader(self._location)

    def _read(self, query: Callable[..., Result], arguments: tuple[Any, ...]) -> Result:
        assert self._connection is not None
        return patiently(self._location, partial(query, self._connection, *arguments))
