"""Stores that are open for as long as a test looks at them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from wfe_runtime.providers.contracts import Store
from wfe_runtime.providers.sqlite import SqliteStore


@asynccontextmanager
async def opened(store: Store) -> AsyncIterator[Store]:
    """The store itself, which is closed at the context's end."""
    await store.open()
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def opened_file(path: Path, options: str = "") -> AsyncIterator[SqliteStore]:
    """A SQLite store of its own on a file."""
    async with opened(SqliteStore(f"sqlite:///{path}{options}")) as store:
        yield store
