"""The store ``sqlite:``. Everything but the two names here is private.

A file in WAL mode, a thread that writes in groups, a thread that reads. ``store`` has the whole in view;
``location`` and ``connection`` open the file, ``schema`` migrates it, ``writer`` owns transactions, ``commits``
and ``changes`` what is in them, ``queries`` what is read, ``notify`` and ``lookout`` the wake-ups between
processes, ``failures`` the words of its errors.
"""

from wfe_runtime.providers.sqlite.store import SqliteStore

__all__ = ["SqliteStore", "open_sqlite"]


def open_sqlite(url: str) -> SqliteStore:
    """Make the store of a ``sqlite:///`` URL. Raises StoreError ``url``."""
    return SqliteStore(url)
