"""Families: what passes between a run at hand and the runs that it starts.

This file owns how a child comes to be, what it and its parent are told of each other, and how it is taken over with its
parent. What a child is created from is in ``children.py``. It knows nothing of how a run advances.

Rules:

1. A child is created, told and reopened in the commit of its parent's advance: neither is ahead of the other.
2. Why there can be no child is told to the parent as the child's end would be, once its advance is through.
3. Only a child whose program is looked for in the store first is created in a later commit. A host that takes the
   parent over in between finds no child, and looks again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any

import msgspec

from wfe_vm.commands import EndRun, StartChild, StopChild
from wfe_vm.errors import InternalError
from wfe_vm.events import Cancel, ChildEnded, Event, Resume, Suspend, Terminate
from wfe_vm.outcome import UNFINISHED_STATUSES, Failure
from wfe_vm.phases import WAIT_CHILD
from wfe_vm.program import Child

from .active import ActiveRun
from .binding import Detached, bind_child
from .children import CANCEL_DEADLINE_MS, end_of_lost, new_child
from .claims import unless_owned
from .clock import Clock
from .programs import LoadedProgram, ProgramCache
from .providers.contracts import Store
from .providers.rows import FINISHED, InboxPost, NewRun, RunFilter, RunRow
from .result import encode_event
from .retrying import retry_of_child

__all__ = ["Families", "pass_to_children"]


def pass_to_children(active: ActiveRun, event: Suspend | Resume) -> None:
    """Have the children that the run waits for be told the same in the next commit."""
    told = encode_event(msgspec.structs.replace(event, reason=f"with its parent {active.row.name}: {event.reason}"))
    for pointer in active.state.pointers.values():
        if pointer.wait == WAIT_CHILD:
            frame = pointer.frames[-1]
            if frame.child and not frame.cause_outcome:
                active.add_post(InboxPost(frame.child, "event", told))


class Families:
    """The children of the runs that an engine advances."""

    def __init__(
        self,
        store: Store,
        programs: ProgramCache,
        detached: Detached,
        clock: Clock,
        host: str,
        at_hand: Mapping[str, ActiveRun],
        spawn: Callable[..., asyncio.Task[None]],
        deliver: Callable[[ActiveRun, Event], bool],
        mark: Callable[[ActiveRun], None],
        settled: Callable[[], Awaitable[None]],
        begin: Callable[[str], Coroutine[Any, Any, None]],
        take_over: Callable[[str], Awaitable[RunRow]],
    ) -> None:
        """``begin`` goes on with a child that was created here, ``take_over`` with one that was there before.

        ``spawn`` runs work beside the engine, on behalf of a run if one is given. ``deliver`` tells a run an event,
        ``mark`` has it committed, and ``settled`` returns once all that happened is durable.
        """
        self._store = store
        self._programs = programs
        self._detached = detached
        self._clock = clock
        self._host = host
        self._at_hand = at_hand
        self._spawn = spawn
        self._deliver = deliver
        self._mark = mark
        self._settled = settled
        self._begin = begin
        self._take_over = take_over
        self._beginning: set[asyncio.Task[None]] = set()
        self._unbound: set[str] = set()  # children whose program is being looked for

    @property
    def is_growing(self) -> bool:
        """Whether there are children that are about to begin."""
        return bool(self._beginning)

    async def grown(self) -> None:
        """Return once the children that are about to begin are at hand."""
        if self._beginning:
            await asyncio.wait(list(self._beginning))

    # Before the commit

    def prepare(self, active: ActiveRun, command: StartChild, cause: Event | None = None) -> None:
        """Have a child created or reopened in the next commit, or tell the parent why it can't be."""
        step = active.loaded.program.steps[command.step]
        child = step.child
        if child is None:
            raise InternalError(f"step {step.name} starts a child and names none")
        if command.reopen:
            again = retry_of_child(self._clock.now(), active.row, command.child, cause)
            active.add_post(InboxPost(command.child, "event", encode_event(again)))
            self._spawn(self._take_over_reopened(active, command), active)
            return
        loaded = self._programs.get(child.program) or self._detached.program_of(child)
        if loaded is None:
            self._unbound.add(command.child)
            self._spawn(self._bind(active, command, child), active)
        else:
            self._add(active, command, child, loaded)

    def stop(self, active: ActiveRun, command: StopChild) -> None:
        """Have a child be told in the next commit that it is to end; one that is not there yet never comes to be."""
        now = self._clock.now()
        if command.child in self._unbound:
            self._unbound.discard(command.child)
            self._tell_soon(active, ChildEnded(now, command.activation, command.attempt, command.child, "aborted"))
            return
        event: Event
        if command.hard:
            event = Terminate(now, f"its parent {active.row.name} ended")
        else:
            event = Cancel(now, f"its parent {active.row.name} was stopped", now + CANCEL_DEADLINE_MS)
        active.add_post(InboxPost(command.child, "event", encode_event(event)))

    def tell_parent(self, active: ActiveRun, command: EndRun) -> None:
        """Have the parent of a run, if it has one, be told in the next commit how the run ended."""
        row = active.row
        if row.parent:
            ended = ChildEnded(
                self._clock.now(),
                row.parent_activation,
                row.parent_attempt,
                row.id,
                command.status,
                command.outputs,
                command.error,
            )
            active.add_post(InboxPost(row.parent, "event", encode_event(ended)))

    # After it

    def start(self, command: StartChild) -> None:
        """Go on with a child that is durable; one that was reopened is seen to already."""
        if not command.reopen:
            beginning = self._spawn(self._begin(command.child))
            self._beginning.add(beginning)
            beginning.add_done_callback(self._beginning.discard)

    async def follow(self, active: ActiveRun, starts: Sequence[StartChild]) -> None:
        """Take over the children of a run that was taken over, and see to those it waits for that are not there."""
        unfinished = await self._store.list_runs(RunFilter(parent=active.id, statuses=tuple(UNFINISHED_STATUSES)))
        children = [child.id for child in reversed(unfinished)]
        for command in starts:
            if command.child in children or command.child in self._at_hand:
                continue
            row = await self._store.get_run(command.child)
            if row is None:
                self.prepare(active, command)
                if active.dirty:
                    active.hold_back(command)
                    self._mark(active)
            elif row.status in FINISHED and await self._store.read_inbox([row.id]):
                children.append(row.id)  # it was to be reopened
        for child in children:
            with unless_owned():
                await self._take_over(child)

    async def _bind(self, active: ActiveRun, command: StartChild, child: Child) -> None:
        """Have a child created whose program was looked for in the store, in a commit of its own."""
        loaded = await bind_child(self._store, self._programs, child)
        if command.child not in self._unbound or active.dropped:
            return
        self._unbound.discard(command.child)
        self._add(active, command, child, loaded)
        if active.dirty:
            if active.state.suspended:  # while it was looked for, so that nobody told the child
                pass_to_children(active, Suspend(self._clock.now(), "it was suspended before"))
            active.hold_back(command)
            self._mark(active)

    def _add(self, active: ActiveRun, command: StartChild, child: Child, loaded: LoadedProgram | Failure) -> None:
        """Have a child created in the next commit, or tell the parent why it can't be."""
        now = self._clock.now()
        new: NewRun | Failure
        if isinstance(loaded, LoadedProgram):
            new = new_child(active, command, child, loaded, self._host, now)
        else:
            new = loaded
        if isinstance(new, NewRun):
            active.add_child(new)
        else:
            self._tell_soon(active, ChildEnded(now, command.activation, command.attempt, "", "failed", {}, new))

    def _tell_soon(self, active: ActiveRun, event: ChildEnded) -> None:
        """Tell a run an event once the advance that it is in is through."""
        asyncio.get_running_loop().call_soon(self._deliver, active, event)

    async def _take_over_reopened(self, active: ActiveRun, command: StartChild) -> None:
        """Go on with a child that its parent's retry reopened; one that can't be reopened ends the step as it is."""
        await self._settled()
        row = await self._store.get_run(command.child)
        if row is None or row.status in ("succeeded", "terminated"):
            self._deliver(active, end_of_lost(command, row, self._clock.now()))
            return
        with unless_owned():  # whoever has it reads its inbox
            await self._take_over(command.child)
