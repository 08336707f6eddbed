"""A run that this host is advancing: its state, and what of it is not durable yet.

The state in memory may be ahead of the store by what waits for the next commit. Nothing is asked of
the world before the commit that recorded it: commands are held back here until then.
"""

from __future__ import annotations

import asyncio
from typing import Final

from msgspec.structs import replace

from wfe_vm.commands import Command, RunStep, StopStep
from wfe_vm.events import Event
from wfe_vm.limits import MAX_INLINE_BYTES
from wfe_vm.phases import WAIT_CHILD, WAIT_STEP
from wfe_vm.state import Delta, State, encode_delta

from .large import note_large
from .programs import LoadedProgram
from .providers.rows import FINISHED, InboxPost, NewRun, RunCommit, RunRow, Signal
from .result import RunResult, Tolerated, encode_result

__all__ = ["ActiveRun"]

LEAST_SNAPSHOT_BYTES: Final = 16 * 1024
"""A snapshot is due once the deltas since the last one weigh as much as it did, and at least this much:
loading then costs at most about twice the state, and writing at most twice the deltas."""

SUSPENDED_PART: Final = 8
"""With the suspension of a run a snapshot is due for deltas of this part of one: it is loaded before it goes on."""

HANDLE_BYTES: Final = 1024
"""What a change with a large value weighs, which is stored apart: else each of them would bring a snapshot."""


class ActiveRun:
    """One run at hand."""

    def __init__(self, row: RunRow, loaded: LoadedProgram, state: State, snapshot_bytes: int, delta_bytes: int) -> None:
        self.id: Final = row.id
        self.row = row
        self.loaded = loaded
        self.state = state
        self.status = state.status
        self.committed = state.sequence
        self.in_flight = False
        """Whether a commit of it is under way, or durable and not carried out."""
        self.dropped = False
        self.errands = 0
        """How many tasks beside the engine's own have this run at heart, and may have something to tell it."""
        self.finished: asyncio.Future[RunResult] = asyncio.get_running_loop().create_future()
        self.parked = asyncio.Event()
        self.ended_at = row.ended
        self.ends_here = False
        self.due = 0
        """When its next timer fires, as of the last commit; 0: none will."""
        self.started_at = row.started
        self._delta_bytes = delta_bytes
        self._due_bytes = max(snapshot_bytes, LEAST_SNAPSHOT_BYTES)
        """Of deltas, over which a snapshot is due."""
        self._journal: list[tuple[int, int, bytes]] = []
        self._deltas: list[Delta] = []
        self._commands: list[Command] = []
        self._children: list[NewRun] = []
        self._posts: list[InboxPost] = []
        self._signals: list[Signal] = []
        self._consumed: list[int] = []
        self._seen: set[int] = set()
        self.releases = False
        """Whether ownership is given up with the next commit."""
        self.withdrawn: set[tuple[int, int]] = set()
        """Activation and attempt of the steps that are not to begin, even where their command is on its way."""

    @property
    def dirty(self) -> bool:
        """Whether something waits to be committed."""
        return bool(self._journal or self._consumed or self._children or self._posts or self.releases)

    @property
    def is_busy(self) -> bool:
        """Whether something of it is to be committed, is being committed, or may come of an errand."""
        return self.dirty or self.in_flight or self.errands > 0

    def advance(self, event: Event, inbox: int = 0) -> list[Command] | None:
        """Take in an event, from the inbox if ``inbox`` is its row. Returns the commands it led to, now held back.

        None where it changed nothing: it was stale, or had been taken in. Its inbox row is consumed all the same.
        """
        if inbox:
            if inbox in self._seen:
                return None
            self._seen.add(inbox)
            self._consumed.append(inbox)
        advance = self.loaded.machine.advance(self.state, event)
        delta = advance.delta
        if delta is None:
            return None
        if self.state.size > MAX_INLINE_BYTES:
            note_large(self.state, delta)
        data = encode_delta(delta)
        self._delta_bytes += len(data) if len(data) <= MAX_INLINE_BYTES else HANDLE_BYTES
        self._journal.append((delta.sequence, delta.time, data))
        self._deltas.append(delta)
        commands = advance.commands
        self._commands += commands
        self.status = status = delta.status
        if status in FINISHED:
            self.ends_here = True
            self.ended_at = delta.time
        elif self.ended_at:
            self.ends_here = False
            self.ended_at = 0
        if delta.sequence == 1:
            self.started_at = delta.time
        return commands

    def add_child(self, child: NewRun) -> None:
        """Have a child created in the next commit."""
        self._children.append(child)

    def add_post(self, post: InboxPost) -> None:
        """Have another run be told something in the next commit."""
        self._posts.append(post)

    def add_signal(self, signal: Signal) -> None:
        """Have an event published, or a subscription made or given up, in the next commit, after those before it."""
        self._signals.append(signal)

    def hold_back(self, command: Command) -> None:
        """Have a command carried out once the next commit is durable."""
        self._commands.append(command)

    def under_way(self) -> set[tuple[int, int]]:
        """Return activation and attempt of each step and child that the run waits for."""
        pointers = self.state.pointers.values()
        frames = [pointer.frames[-1] for pointer in pointers if pointer.wait in (WAIT_STEP, WAIT_CHILD)]
        return {(frame.id, frame.attempt) for frame in frames}

    def withdraw_steps(self) -> None:
        """Leave the steps that are under way undone until the run is resumed: it is being suspended."""
        self.withdrawn = self.under_way()
        self._commands = [command for command in self._commands if not isinstance(command, RunStep)]

    def expect_loading(self) -> None:
        """Have a snapshot be due early: the run is being suspended."""
        self._due_bytes = max(self._due_bytes // SUSPENDED_PART, LEAST_SNAPSHOT_BYTES)

    def ask_again(self) -> None:
        """Hold back commands for the steps that were withdrawn, as far as they are still wanted; it was resumed."""
        withdrawn, self.withdrawn = self.withdrawn, set()
        if withdrawn:
            for command in self.loaded.machine.recover(self.state):
                if isinstance(command, RunStep) and (command.activation, command.attempt) in withdrawn:
                    self._commands.append(command)

    def result(self) -> RunResult | None:
        """Return how the run ended, None if it hasn't."""
        end = self.state.end
        if end is None:
            return None
        return RunResult(
            end[0],
            end[1],
            end[2],
            [Tolerated(path, error) for path, error in self.state.tolerated],
            self.state.warnings,
            self.state.compensated,
            self.row.durability,
            max(self.ended_at - self.started_at, 0),
        )

    def take_commit(self) -> tuple[RunCommit, list[Delta], list[Command]]:
        """Return what is to be committed, and what is to be told and asked once it is."""
        snapshot = None
        if self._delta_bytes > self._due_bytes:
            snapshot = self.state.snapshot()
            self._due_bytes = max(len(snapshot), LEAST_SNAPSHOT_BYTES)
            self._delta_bytes = 0
        journal = self._journal
        committed, ended_at = self.committed, self.ended_at
        sequence = journal[-1][0] if journal else committed
        self.due = due = self.state.due()
        started_at = 0 if committed else self.started_at
        commit = RunCommit(
            self.id, committed, self.row.fence, sequence, self.status, tuple(journal), snapshot, due, started_at
        )
        if ended_at or self.releases or self._children or self._posts or self._consumed or self._signals:  # as few
            result = self.result()
            commit = replace(
                commit,
                ended=ended_at,
                result=b"" if result is None else encode_result(result),
                children=tuple(self._children),
                posts=tuple(self._posts),
                consumed=tuple(self._consumed),
                release=self.releases,
                signals=tuple(self._signals),
            )
            self._children, self._posts, self._consumed, self._signals = [], [], [], []
            self.releases = False
        deltas, commands = self._deltas, self._commands
        self._journal, self._deltas, self._commands = [], [], []
        return commit, deltas, commands if len(commands) < 2 else _without_stopped(commands)


def _without_stopped(commands: list[Command]) -> list[Command]:
    """Drop steps that are stopped by the same batch: they need not start at all. Their stop stays, to be answered."""
    stopped = {(command.activation, command.attempt) for command in commands if isinstance(command, StopStep)}
    if not stopped:
        return commands
    return [
        command
        for command in commands
        if not (isinstance(command, RunStep) and (command.activation, command.attempt) in stopped)
    ]
