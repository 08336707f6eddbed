"""Due times of the runs at hand: one heap, one wake-up of the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from heapq import heappop, heappush

from .clock import Clock

__all__ = ["Timers"]

LONGEST_SLEEP_MS = 60_000
"""How long at most before the clock is looked at again: a wall clock that jumps ahead is noticed within this."""


class Timers:
    """Calls back with the runs that are due. Costs nothing while nothing is."""

    def __init__(self, clock: Clock, fire: Callable[[str], None]) -> None:
        """``fire`` is called on the event loop with a run's id once its time has come."""
        self._clock = clock
        self._fire = fire
        self._due: dict[str, int] = {}
        self._heap: list[tuple[int, str]] = []
        self._handle: asyncio.TimerHandle | None = None
        self._handle_due = 0
        self._closed = False

    def set(self, run: str, due: int) -> None:
        """Have a run fire when it is ``due`` (epoch milliseconds); 0: not at all."""
        if self._closed or due == self._due.get(run, 0):
            return
        if due:
            self._due[run] = due
            heappush(self._heap, (due, run))
        else:
            self._due.pop(run, None)
        self._arm()

    def due_of(self, run: str) -> int:
        """Return when a run is to fire, 0 if it isn't."""
        return self._due.get(run, 0)

    def next_due(self) -> int:
        """Return the earliest due time of all runs, 0 if there is none."""
        return min(self._due.values(), default=0)

    def look(self) -> None:
        """Look at the clock now: somebody has moved it."""
        if not self._closed:
            self._disarm()
            self._wake()

    def close(self) -> None:
        """Let nothing fire any more."""
        self._closed = True
        self._due.clear()
        self._heap.clear()
        self._disarm()

    def _disarm(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _arm(self) -> None:
        heap = self._heap
        while heap and self._due.get(heap[0][1]) != heap[0][0]:
            heappop(heap)
        if not heap:
            self._disarm()
            return
        due = heap[0][0]
        if self._handle is not None:
            if self._handle_due == due:
                return
            self._handle.cancel()
        delay = min(max(due - self._clock.now(), 0), LONGEST_SLEEP_MS)
        self._handle_due = due
        self._handle = asyncio.get_running_loop().call_later(delay / 1000, self._wake)

    def _wake(self) -> None:
        self._handle = None
        now = self._clock.now()
        heap = self._heap
        fired = []
        while heap and heap[0][0] <= now:
            due, run = heappop(heap)
            if self._due.get(run) == due:
                del self._due[run]
                fired.append(run)
        # Only then: what is set meanwhile, though it were due, comes after what else the loop has to do.
        for run in fired:
            self._fire(run)
        self._arm()
