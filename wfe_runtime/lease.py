"""The lease of a host: as long as it is renewed, what the host owns is its own.

This file owns when the lease is renewed, and for how long. It knows no run.

Rules:

1. A lease outlives several renewals that fail: a store that is slow for a while costs a host nothing.
2. An engine that has no run renews nothing by itself; whoever gives it one has the lease held first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from .clock import Clock
from .errors import StoreError
from .providers.contracts import Store
from .providers.rows import Host

__all__ = ["LEASE_MS", "Lease"]

LEASE_MS: Final = 10_000
RENEW_SECONDS: Final = 3.0


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
