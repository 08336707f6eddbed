"""Concurrency groups as the engine sees them: which group a run belongs to, and which runs at hand wait for a slot.

Who gets a slot, and when, is the store's alone, in the transactions of the runs (``providers/contracts.py``).
A run at hand that waits stands still: it is not begun, or not reopened, until the store says that it has a slot.
This file knows the inbox of a run only as what it may not be told yet.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Final

from wfe_vm.events import Cancel, Event, Retry, Started, Terminate
from wfe_vm.machine import Machine
from wfe_vm.outcome import Failure
from wfe_vm.program import Program
from wfe_vm.state import State

from .active import ActiveRun
from .clock import Clock
from .errors import InputError
from .providers.contracts import Store
from .providers.rows import FINISHED, Place
from .result import decode_result, encode_event

__all__ = ["GroupQueue", "place_of"]

LONGEST_GROUP: Final = 1000
"""Characters: groups are looked up by an index."""


def place_of(program: Program, run: str, started: Started, deadline_ms: int) -> Place | None:
    """Return what a run asks of its concurrency group, None where its workflow has none.

    The group is computed by the program's preparation. Runs that have to give way are cancelled, and may
    take ``deadline_ms`` for their hooks. Raises InputError where these inputs give no group.
    """
    asked = program.concurrency
    if asked is None or program.preparation is None:
        return None
    state = State(run, "", "")
    Machine(program.preparation).advance(state, started)
    status, outputs, error = state.end or ("failed", {}, Failure("internal", "its preparation did not end"))
    if status != "succeeded" or not isinstance(outputs.get("group"), str):
        why = error.message if error is not None else status
        raise InputError(f"the concurrency group of {program.workflow} can't be computed of these inputs:", [why])
    group: str = outputs["group"]
    if len(group) > LONGEST_GROUP:
        raise InputError(
            f"the concurrency group of {program.workflow} can't be kept:",
            [f"it has {len(group)} characters, and may have {LONGEST_GROUP}"],
        )
    if asked.on_full == "reject":
        reason = f"the concurrency group {group!r} is full, and the workflow says on_full: reject"
    else:
        reason = f"run {run} takes its place in the concurrency group {group!r}"
    leave = Cancel(started.time, reason, started.time + deadline_ms)
    return Place(group, asked.limit, asked.on_full, encode_event(leave))


POSTED: Final = Retry(0)
"""In place of the event that reopens a run: that waits in the run's inbox."""


class GroupQueue:
    """The runs at hand that wait for a slot, and the event that reopens each where it has run before."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        host: str,
        at_hand: Mapping[str, ActiveRun],
        begin: Callable[[ActiveRun], None],
        deliver: Callable[[ActiveRun, Event], bool],
        spawn: Callable[..., object],
        look: Callable[[str], None],
    ) -> None:
        """``begin`` sets a run going that has never advanced, ``deliver`` tells one an event that it goes on by.

        ``spawn`` runs work beside the engine, on behalf of a run if one is given; ``look`` has the inbox of a run
        read, and ``go_on`` called for it.
        """
        self._store = store
        self._clock = clock
        self._host = host
        self._at_hand = at_hand
        self._begin = begin
        self._deliver = deliver
        self._spawn = spawn
        self._look = look
        self._waiting: dict[str, Event | None] = {}
        self._slots: set[str] = set()  # what is in the inbox of these may reopen them

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def __contains__(self, run: str) -> bool:
        return run in self._waiting

    def discard(self, run: str) -> None:
        """Forget a run: it goes on, ended, or is not at hand any more."""
        self._waiting.pop(run, None)
        self._slots.discard(run)

    def holds(self, active: ActiveRun) -> bool:
        """Say whether a run that is about to begin has to wait for its slot; if so it stands still here."""
        if active.row.place not in ("waiting", "leaving") or active.id in self._waiting:
            return False
        self._wait(active, None)
        return True

    async def reopen(self, active: ActiveRun, event: Retry) -> bool:
        """Reopen a finished run, once it has a slot again. Returns whether that is known to change anything yet."""
        if not _needs_slot(active):
            return self._deliver(active, event)
        if active.id not in self._waiting:
            if await self._store.reopen_place(active.id, self._host, self._clock.now()) != "waiting":
                return self._deliver(active, event)
            active.finished = asyncio.get_running_loop().create_future()
            self._wait(active, event)
        return True

    def admits(self, active: ActiveRun, event: Event) -> bool:
        """Say whether a run may be told what is in its inbox now; if not, it is read again when it has a slot."""
        if isinstance(event, Retry) and _needs_slot(active) and not self._took_slot(active.id):
            self._spawn(self._queue_posted(active), active)
            return False
        return active.id not in self._waiting or isinstance(event, Cancel | Terminate)

    async def go_on(self, runs: Sequence[str]) -> None:
        """Let those of the runs go on that have waited for a slot, and have one now."""
        for run in [run for run in runs if run in self._waiting]:
            row = await self._store.get_run(run)
            active = self._at_hand.get(run)
            if active is None or row is None or row.owner != self._host or run not in self._waiting:
                continue
            if row.place == "held":
                reopening = self._waiting.pop(run)
                if reopening is None:
                    active.row = row
                    self._begin(active)
                elif reopening is POSTED:
                    self._slots.add(run)
                else:
                    self._deliver(active, reopening)
            elif not row.place and row.status in FINISHED and not active.finished.done():
                self.discard(run)  # another run has taken its place before it was reopened
                active.finished.set_result(decode_result(row.result))

    async def abandoned(self, group: str, new: str) -> AsyncIterator[str]:
        """Give the runs of a group that have to give way to a new one, and that are not at hand."""
        for place in await self._store.list_places(group):
            if place.run != new and place.run not in self._at_hand and await self._store.read_inbox([place.run]):
                yield place.run

    async def _queue_posted(self, active: ActiveRun) -> None:
        """Have a run queue that is told by its inbox to be reopened; it reads that again when it has its slot."""
        if active.id not in self._waiting and self._at_hand.get(active.id) is active:
            if await self._store.reopen_place(active.id, self._host, self._clock.now()) == "waiting":
                self._wait(active, POSTED)
            else:
                self._slots.add(active.id)
                self._look(active.id)

    def _wait(self, active: ActiveRun, reopening: Event | None) -> None:
        self._waiting[active.id] = reopening
        self._look(active.id)  # it may have got a slot since the store was asked

    def _took_slot(self, run: str) -> bool:
        """Say whether a run may be reopened by what is in its inbox; once."""
        if run in self._slots:
            self._slots.discard(run)
            return True
        return False


def _needs_slot(active: ActiveRun) -> bool:
    """Say whether a run has ended, may be reopened, and has a concurrency group."""
    return bool(active.state.end is not None and active.state.reopen and active.loaded.program.concurrency)
