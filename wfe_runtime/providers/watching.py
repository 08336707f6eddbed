"""The callbacks of ``Store.watch``: who wants to hear that something was committed.

Owned by every provider alike. Callbacks run on the event loop, in a turn of their own, after the call that
caused them has been answered or at the same time; one that raises is reported to the loop and hinders none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

__all__ = ["Callback", "Watchers"]

Callback = Callable[[frozenset[str]], None]


class Watchers:
    """The callbacks of one store. ``loop`` is set when the store is opened."""

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        self._callbacks: dict[object, Callback] = {}
        self._pending: set[str] = set()

    def __len__(self) -> int:
        return len(self._callbacks)

    def add(self, callback: Callback) -> Callable[[], None]:
        """Call back from now on. Returns how to stop it; stopping twice is fine."""
        token = object()
        self._callbacks[token] = callback

        def stop() -> None:
            self._callbacks.pop(token, None)

        return stop

    def clear(self) -> None:
        """Forget all callbacks."""
        self._callbacks.clear()

    def announce(self, runs: set[str]) -> None:
        """Tell of runs at the next turn of the loop, with all that are announced until then."""
        if not runs or not self._callbacks or self.loop is None:
            return
        if not self._pending:
            self.loop.call_soon(self._flush)
        self._pending |= runs

    def _flush(self) -> None:
        runs = frozenset(self._pending)
        self._pending.clear()
        self.call(runs)

    def call(self, runs: frozenset[str]) -> None:
        """Call all back now, on the loop. Empty: look at everything."""
        for callback in tuple(self._callbacks.values()):
            try:
                callback(runs)
            except Exception as error:
                loop = self.loop or asyncio.get_running_loop()
                loop.call_exception_handler({"message": "a store's watcher failed", "exception": error})
