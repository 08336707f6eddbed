"""Activities of the store in memory: who may fetch which, and whose answer counts.

This file owns leases and tokens as plain Python. It knows runs by their ids, and asks whether one has ended.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from .rows import ENDED_ACTIVITIES_KEPT_MS, ActivityRow, NewActivity

__all__ = ["ActivityBoard"]

Key = tuple[str, int, int]


class ActivityBoard:
    """The activities of one store. ``is_over`` says whether a run has ended."""

    def __init__(self, is_over: Callable[[str], bool]) -> None:
        self._is_over = is_over
        self._rows: dict[Key, ActivityRow] = {}  # in the order of their offers
        self._tokens: dict[str, Key] = {}

    def offer(self, new: NewActivity) -> ActivityRow:
        """Take in an activity, unless it is there."""
        self._drop_old(new.time - ENDED_ACTIVITIES_KEPT_MS)
        row = ActivityRow(new.run, new.activation, new.attempt, new.kind, new.step, new.inputs, new.time)
        return self._rows.setdefault((new.run, new.activation, new.attempt), row)

    def fetch(self, kind: str, worker: str, token: str, now: int, lease_ms: int) -> ActivityRow | None:
        """Lease one."""
        free = [row for row in self._open(kind) if row.lease <= now]
        if not free:
            return None
        late = sorted((row for row in free if row.lease), key=lambda row: row.lease)
        row = (late or free)[0]
        return self._keep(replace(row, token=token, worker=worker, lease=now + lease_ms))

    def next(self, kind: str) -> int:
        """Return from when on there is one to fetch."""
        return min((row.lease for row in self._open(kind)), default=-1)

    def find(self, token: str) -> ActivityRow | None:
        """Return the one that a token is of."""
        row = self._rows.get(self._tokens.get(token, ("", 0, 0)))
        if row is not None and row.state == "open" and self._is_over(row.run):
            return replace(row, state="withdrawn")
        return row

    def extend(self, token: str, now: int, lease_ms: int) -> ActivityRow | None:
        """Renew a lease."""
        row = self._leased(token, now)
        if row is not None and row.state == "open":
            return self._keep(replace(row, lease=now + lease_ms))
        return row

    def end(self, token: str, now: int) -> ActivityRow | None:
        """End one, and return it."""
        row = self._leased(token, now)
        return self._keep(replace(row, state="ended")) if row is not None and row.state == "open" else None

    def release(self, token: str, now: int) -> ActivityRow | None:
        """Give up a lease. Returns the activity that is to be fetched again."""
        row = self._leased(token, now)
        if row is None or row.state != "open":
            return None
        del self._tokens[token]
        return self._keep(replace(row, token="", worker="", lease=0))

    def withdraw(self, run: str, activation: int, attempt: int) -> None:
        """Offer one no more, or all of a run."""
        for key, row in list(self._rows.items()):
            if row.run == run and row.state == "open" and (activation < 0 or key[1:] == (activation, attempt)):
                self._keep(replace(row, state="withdrawn"))

    def forget(self, run: str) -> None:
        """Drop all of a run that is cleared out of the store."""
        for key, row in list(self._rows.items()):
            if row.run == run:
                del self._rows[key]
                self._tokens.pop(row.token, None)

    def _open(self, kind: str) -> list[ActivityRow]:
        return [
            row
            for row in self._rows.values()
            if row.kind == kind and row.state == "open" and not self._is_over(row.run)
        ]

    def _leased(self, token: str, now: int) -> ActivityRow | None:
        row = self.find(token)
        return row if row is not None and row.state != "ended" and row.lease > now else None

    def _keep(self, row: ActivityRow) -> ActivityRow:
        key = (row.run, row.activation, row.attempt)
        before = self._rows[key]
        if before.token and before.token != row.token:
            self._tokens.pop(before.token, None)
        if row.token:
            self._tokens[row.token] = key
        self._rows[key] = row
        return row

    def _drop_old(self, before: int) -> None:
        for key, row in list(self._rows.items()):
            if row.state != "open" and row.time < before:
                del self._rows[key]
                self._tokens.pop(row.token, None)
