"""The callbacks of ``Store.watch``: who wants to hear that something was committed.

An engine that has advanced a run knows that it has, and looking into the run's inbox after each of its own
steps would cost as much as the step. So what is announced comes in two sets: the runs that only advanced,
and those that were told something; a watcher says whether it wants to hear of the first.

Owned by every provider alike. Callbacks run on the event loop, in a turn of their own, after the call that
caused them has been answered; one that raises is reported to the loop and hinders none.
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
        self._callbacks: dict[object, tuple[Callback, bool]] = {}
        self._hear_advances = 0  # how many of them want to hear of these
        self._advanced: set[str] = set()  # to be announced at the next turn
        self._told: set[str] = set()

    def __len__(self) -> int:
        return len(self._callbacks)

    def add(self, callback: Callback, advances: bool = True) -> Callable[[], None]:
        """Call back from now on, where ``advances`` is false not for runs that this store's user has only advanced.

        Returns how to stop it; stopping twice is fine.
        """
        token = object()
        self._callbacks[token] = (callback, advances)
        self._hear_advances += advances

        def stop() -> None:
            if self._callbacks.pop(token, None) is not None:
                self._hear_advances -= advances

        return stop

    def clear(self) -> None:
        """Forget all callbacks."""
        self._callbacks.clear()
        self._hear_advances = 0

    def announce(self, told: set[str], advanced: set[str] | None = None) -> None:
        """Tell of runs at the next turn of the loop, with all that are announced until then."""
        if (not told and not (advanced and self._hear_advances)) or not self._callbacks or self.loop is None:
            return
        if not (self._told or self._advanced):
            self.loop.call_soon(self._flush)
        self._told |= told
        if advanced:
            self._advanced |= advanced

    def _flush(self) -> None:
        told, advanced = self._told, self._advanced
        self._told, self._advanced = set(), set()
        everything: frozenset[str] | None = None
        for callback, advances in tuple(self._callbacks.values()):
            if advances:
                if everything is None:
                    everything = frozenset(told | advanced)
                self._call(callback, everything)
            elif told:
                self._call(callback, frozenset(told))

    def look_at(self, runs: frozenset[str]) -> None:
        """Call all back now, on the loop, for what others have done. Empty: look at everything."""
        for callback, _ in tuple(self._callbacks.values()):
            self._call(callback, runs)

    def _call(self, callback: Callback, runs: frozenset[str]) -> None:
        try:
            callback(runs)
        except Exception as error:
            loop = self.loop or asyncio.get_running_loop()
            loop.call_exception_handler({"message": "a store's watcher failed", "exception": error})
