"""The lease of a host: as long as it is renewed, what the host owns is its own.

This file owns when the lease is renewed, for how long, and by which time those of others are judged. It knows no run.

Rules:

1. A lease outlives several renewals that fail: a store that is slow for a while costs a host nothing.
2. An engine that has no run renews nothing by itself; whoever gives it one has the lease held first.
3. A clock that jumps ahead, and a machine that has slept, let all leases look over at once, though all hosts live. So
   who looks and finds that far more time has passed than between two looks judges nobody before all could renew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from .clock import Clock
from .errors import StoreError
from .providers.contracts import Store
from .providers.rows import Host

__all__ = ["LEASE_MS", "Lease", "LeaseJudge"]

LEASE_MS: Final = 10_000
RENEW_SECONDS: Final = 3.0
LEAP_MS: Final = LEASE_MS // 2
"""More than passes between two looks at the leases of others, and less than a lease."""
GRACE_SECONDS: Final = RENEW_SECONDS + 1.0
"""After a leap of time: every host that lives has renewed its lease by then."""


class Lease:
    """The lease of one engine's host."""

    def __init__(self, store: Store, host: Host, clock: Clock, troubled: Callable[[str], None]) -> None:
        """``troubled`` is told in words that the lease could not be renewed."""
        self._store = store
        self._host = host
        self._clock = clock
        self._troubled = troubled
        self._renewed = 0

    async def hold(self) -> None:
        """Renew the lease unless that was done lately. Raises StoreError."""
        now = self._clock.now()
        if not self._renewed <= now < self._renewed + int(RENEW_SECONDS * 1000):
            await self._store.join(self._host, LEASE_MS, now)
            self._renewed = now

    async def renew_forever(self, is_needed: Callable[[], bool]) -> None:
        """Renew the lease again and again, as far as it is needed."""
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            if is_needed():
                try:
                    self._renewed = 0
                    await self.hold()
                except StoreError as error:
                    self._troubled(f"the lease could not be renewed: {error}")


class LeaseJudge:
    """By which time the leases of other hosts are judged, by one who looks at them every second or so."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._looked = 0
        self._before_leap = 0
        self._grace_ends = 0.0

    def now(self) -> int:
        """Return the time, in epoch milliseconds; for a while after a leap, that before it."""
        now, ticks = self._clock.now(), asyncio.get_running_loop().time()
        if self._looked and now - self._looked > LEAP_MS:
            self._before_leap = self._looked
            self._grace_ends = ticks + GRACE_SECONDS
        self._looked = now
        return min(now, self._before_leap) if ticks < self._grace_ends else now
