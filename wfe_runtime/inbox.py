"""The inbox on the engine's side: which runs at hand were left something, and what it is.

This file owns the runs whose inbox is to be read, and how a post becomes an event. It knows nothing of who posts: what
another host, a worker or a parent has left for a run comes the same way.

Rules:

1. It is read for several runs at once, between two commits, and only for runs at hand.
2. What can't be read here is no reason to lose it: the run is left to a host that can.
3. A post leaves the store with the commit of the advance that it led to, so it is told again to whoever comes after.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from wfe_vm.errors import MachineError
from wfe_vm.events import Event, StepEnded

from . import faults
from .active import ActiveRun
from .clock import Clock
from .errors import StoreError
from .groups import GroupQueue
from .providers.contracts import Store
from .providers.rows import PUBLISHED, InboxRow, RunRow
from .result import decode_event
from .signals import event_of

__all__ = ["Inbox", "check_posts"]

faults.declare("engine.before_delivery", "an event was delivered to a run's inbox, and the run does not know yet")


def check_posts(row: RunRow, posts: Sequence[InboxRow]) -> None:
    """Raise StoreError (``damaged``) where a run was started with, or told, what this host can't read."""
    try:
        decode_event(row.inputs)
        for post in posts:
            _ = decode_event(post.payload) if post.kind != PUBLISHED else event_of(post.payload, 0)
    except MachineError as error:
        raise StoreError("damaged", f"run {row.name} can't go on here: {error.message}") from error


class Inbox:
    """The inbox of the runs that an engine advances."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        at_hand: Mapping[str, ActiveRun],
        queue: GroupQueue,
        work: asyncio.Event,
        deliver: Callable[[ActiveRun, Event, int], bool],
        answered: Callable[[str, int], None],
        unreadable: Callable[[ActiveRun, MachineError], None],
    ) -> None:
        """``work`` is set where there is something to be read; ``deliver`` tells a run an event of its inbox.

        ``answered`` is told the run and the activation of each step that has ended outside, ``unreadable`` of each
        run that was told what can't be read.
        """
        self._store = store
        self._clock = clock
        self._at_hand = at_hand
        self._queue = queue
        self._work = work
        self._deliver = deliver
        self._answered = answered
        self._unreadable = unreadable
        self.waiting: set[str] = set()
        """The runs that were left something; one that is not at hand is forgotten when it is read."""

    def add(self, run: str) -> None:
        """Have the inbox of a run read."""
        self.waiting.add(run)
        self._work.set()

    def touched(self, runs: frozenset[str]) -> None:
        """Have the inbox read of those of the runs that are at hand; of all that are, where none is named."""
        self.waiting.update(self._at_hand.keys() if not runs else (run for run in runs if run in self._at_hand))
        if self.waiting:
            self._work.set()

    async def read(self) -> None:
        """Tell the runs what they were left. Raises StoreError."""
        runs, self.waiting = [run for run in self.waiting if run in self._at_hand], set()
        if runs:
            if self._queue:
                await self._queue.go_on(runs)
            self.take_in(await self._store.read_inbox(runs))

    def take_in(self, posts: Sequence[InboxRow]) -> None:
        """Deliver what waited for runs at hand."""
        for post in posts:
            active = self._at_hand.get(post.run)
            if active is None:
                continue
            try:
                event = self._event_in(post)
            except MachineError as error:
                self._unreadable(active, error)
                continue
            if self._queue.admits(active, event):
                self._deliver(active, event, post.id)

    def _event_in(self, post: InboxRow) -> Event:
        if post.kind != PUBLISHED:
            event = decode_event(post.payload)
            if isinstance(event, StepEnded):
                self._answered(post.run, event.activation)
            return event
        if faults.armed is not None:
            faults.reach("engine.before_delivery")
        return event_of(post.payload, self._clock.now())
