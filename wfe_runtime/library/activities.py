"""Activities on the workers' side: fetch work, say that it goes on, and answer; by a token that is leased.

A worker needs the store alone: it may be another process than the one that advances the run, and outlive it. A lease
that runs out gives the work to another worker, and its token is void; so is that of work that was cancelled.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import msgspec

from wfe_vm.events import StepEnded
from wfe_vm.outcome import Failure
from wfe_vm.values import check_plain

from .. import faults
from ..activities import activity_inputs
from ..clock import Clock
from ..errors import InputError, WfeError
from ..providers.contracts import Store
from ..providers.rows import ActivityRow
from ..result import encode_event
from .arguments import check_text, map_of, milliseconds_of

__all__ = ["Activities", "Activity"]

LEASE: Final = timedelta(seconds=30)

faults.declare("activities.before_answer", "a worker has answered, and nothing of it is durable")
faults.declare("activities.after_answer", "the answer of a worker is durable, and the worker does not know yet")

logger = logging.getLogger("wfe.activities")

Seconds = float | timedelta
"""A length of time: seconds, or a timedelta."""


class Activity(msgspec.Struct, frozen=True):
    """Work that was fetched. ``token`` is the right to answer until ``lease`` (epoch milliseconds), if not renewed.

    ``idempotency_key`` is the same over all attempts and workers.
    """

    token: str
    kind: str
    inputs: dict[str, Any]
    run: str
    step: str
    attempt: int
    idempotency_key: str
    lease: int


class Activities:
    """The activities of a store."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._waiting: set[asyncio.Event] = set()
        self._closed = False

    async def fetch(
        self, kind: str, worker: str, lease: Seconds = LEASE, *, wait: Seconds | None = 0.0
    ) -> Activity | None:
        """Return work of a kind (what ``activity:`` says), leased to a worker, the oldest first; None: there is none.

        ``wait`` is how long to wait for some, None for as long as it takes: who waits where the engine is left gets
        None. Raises ValueError for no lease, WfeError (``closed``) once the engine was left.
        """
        check_text("kind", kind)
        check_text("worker", worker)
        lease_ms = _lease(lease)
        wait_s = None if wait is None else milliseconds_of("wait", wait) / 1000
        self._check_open()
        stirred = asyncio.Event()
        stop = self._store.watch(lambda _: stirred.set())
        self._waiting.add(stirred)
        try:
            until = None if wait_s is None else asyncio.get_running_loop().time() + wait_s
            return await self._fetch(kind, worker, lease_ms, stirred, until)
        finally:
            self._waiting.discard(stirred)
            stop()

    async def heartbeat(self, token: str, lease: Seconds = LEASE) -> bool:
        """Renew a lease from now on. Returns whether the work is still wanted: False if it was cancelled.

        Raises WfeError (``token``) where it is someone else's by now, or has ended.
        """
        check_text("token", token)
        lease_ms = _lease(lease)
        self._check_open()
        row = await self._store.extend_activity(token, self._clock.now(), lease_ms)
        if row is None:
            raise self._refusal("the heart-beat", await self._store.find_activity(token))
        return row.state == "open"

    async def complete(self, token: str, outputs: Mapping[str, Any] | None = None) -> None:
        """End the work with success and the step's outputs; durable when this returns.

        Raises InputError for outputs that are no plain data, WfeError (``token``) as ``heartbeat``, and where the
        work was cancelled.
        """
        given = map_of("outputs", outputs)
        problem = check_plain(given)
        if problem is not None:
            raise InputError("the activity can't be completed:", [f"its outputs are no plain data: {problem}"])
        await self._end(token, "success", given, None)

    async def fail(self, token: str, message: str, details: Mapping[str, Any] | None = None) -> None:
        """End the work with a failure, which the step's retry and hooks serve; durable when this returns.

        Raises what ``complete`` raises.
        """
        check_text("message", message)
        told = map_of("details", details)
        problem = check_plain(told)
        if problem is not None:
            raise InputError("the activity can't be failed:", [f"its details are no plain data: {problem}"])
        await self._end(token, "failure", {}, Failure("fail", message, details=told))

    async def release(self, token: str) -> None:
        """Give the work back: it is offered at once, and the token is void. Raises WfeError (``token``)."""
        check_text("token", token)
        self._check_open()
        if not await self._store.release_activity(token, self._clock.now()):
            raise self._refusal("the release", await self._store.find_activity(token))

    def close(self) -> None:
        """Let nobody wait for work any more."""
        self._closed = True
        for stirred in self._waiting:
            stirred.set()

    def _check_open(self) -> None:
        if self._closed:
            raise WfeError("closed", "the engine of these activities is not open any more", "fetch within its block")

    async def _fetch(
        self, kind: str, worker: str, lease_ms: int, stirred: asyncio.Event, until: float | None
    ) -> Activity | None:
        loop = asyncio.get_running_loop()
        while not self._closed:
            stirred.clear()
            now = self._clock.now()
            free = await self._store.next_activity(kind)
            if 0 <= free <= now:
                row = await self._store.fetch_activity(kind, worker, secrets.token_urlsafe(24), now, lease_ms)
                if row is not None:
                    return _activity(row)
            limits = [] if until is None else [until - loop.time()]
            if limits and limits[0] <= 0:
                return None
            if free > now:
                limits.append((free - now) / 1000)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(limits, default=None)):
                    await stirred.wait()
        return None

    async def _end(self, token: str, outcome: str, outputs: dict[str, Any], error: Failure | None) -> None:
        check_text("token", token)
        self._check_open()
        row = await self._store.find_activity(token)
        now = self._clock.now()
        if row is not None:
            if error is not None:
                error = msgspec.structs.replace(error, step=row.step, attempt=row.attempt)
            event = StepEnded(now, row.activation, row.attempt, outcome, outputs, error)
            if faults.armed is not None:
                faults.reach("activities.before_answer")
            if await self._store.end_activity(token, now, encode_event(event)):
                if faults.armed is not None:
                    faults.reach("activities.after_answer")
                return
            row = await self._store.find_activity(token)
        raise self._refusal("the answer", row)

    def _refusal(self, what: str, row: ActivityRow | None) -> WfeError:
        """Return why a token does not count, and leave a note of it."""
        if row is None:
            why = "no activity is leased under its token: the lease ran out, or there never was one"
        elif row.state == "withdrawn":
            why = f"activity {row.step} was cancelled"
        elif row.state == "ended":
            why = f"activity {row.step} was answered before"
        else:
            why = f"the lease of activity {row.step} ran out"
        logger.warning("%s of an activity was refused: %s", what, why)
        return WfeError("token", f"{what} was refused: {why}", "fetch work anew; what was done may be done again")


def _activity(row: ActivityRow) -> Activity:
    key = f"{row.run}:{row.activation}"
    return Activity(row.token, row.kind, activity_inputs(row.inputs), row.run, row.step, row.attempt, key, row.lease)


def _lease(lease: Seconds) -> int:
    """Return a lease in milliseconds. Raises TypeError and ValueError for what is none."""
    length = milliseconds_of("lease", lease)
    if length <= 0:
        raise ValueError("a lease lasts longer than nothing")
    return length
