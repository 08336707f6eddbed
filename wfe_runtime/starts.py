"""Starts: what a new run is created from, and the first event that it is told.

This file owns what a start needs - its program, inputs, facts, services and place in a concurrency group -, and what a
second start with the key of the first gets. It knows nothing of how a run goes on.

Rules:

1. All that can be refused is refused before anything of the run is durable.
2. What depends on the host that begins a run, and when, is decided as it begins there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from wfe_vm.events import Event, Started
from wfe_vm.ids import make_id

from . import faults
from .active import ActiveRun
from .binding import Detached
from .children import CANCEL_DEADLINE_MS
from .clock import Clock
from .errors import InputError, MissingError
from .executors.problems import TaskProblem
from .facts import facts_for
from .groups import place_of
from .inputs import check_inputs
from .programs import LoadedProgram, ProgramCache
from .providers.contracts import Store
from .providers.rows import NewRun, ProgramRow, RunRow
from .result import decode_event, encode_event
from .services import Services

__all__ = ["Created", "Starts"]

for _name, _meaning in {
    "engine.before_create": "a run was asked for and nothing of it is durable",
    "engine.after_create": "a new run is durable, its first advance has not been made",
}.items():
    faults.declare(_name, _meaning)


class Created(NamedTuple):
    """A run that was asked for."""

    row: RunRow
    loaded: LoadedProgram
    begins_here: bool
    """Whether it is new, and this host's."""
    displaces: str
    """The concurrency group of which others have to give way to it; empty where none has."""


class Starts:
    """The starts of one engine."""

    def __init__(
        self,
        store: Store,
        programs: ProgramCache,
        detached: Detached,
        services: Services,
        clock: Clock,
        host: str,
        missing: Callable[[LoadedProgram], list[str]],
        deliver: Callable[[ActiveRun, Event], bool],
        spawn: Callable[..., object],
    ) -> None:
        """``missing`` says what this host lacks for a program, ``deliver`` tells a run an event.

        ``spawn`` runs work beside the engine, on behalf of a run if one is given.
        """
        self._store = store
        self._programs = programs
        self._detached = detached
        self._services = services
        self._clock = clock
        self._host = host
        self._missing = missing
        self._deliver = deliver
        self._spawn = spawn

    async def create(
        self,
        programs: Sequence[ProgramRow],
        hash: str,
        inputs: dict[str, Any],
        *,
        name: str,
        key: str,
        folder: str,
        durability: str,
        here: bool,
    ) -> Created:
        """Have a run in the store, new or the one that has its key. See ``Engine.start``."""
        if programs:
            await self._programs.keep(programs, self._clock.now())
        loaded = await self._programs.load(hash)
        await self._detached.bind(loaded)
        complete = check_inputs(loaded.program, inputs)
        missing = self._missing(loaded) if here else []
        if missing:
            raise MissingError(
                f"this host can't run {loaded.program.workflow}: {'; '.join(missing)}",
                "`wfec doctor` says what is here and what is missing",
            )
        try:
            services = await self._services.choose(loaded.program) if here else {}
        except TaskProblem as problem:
            raise MissingError(f"this host can't run {loaded.program.workflow}: {problem.message}", None) from None
        now = self._clock.now()
        event = Started(now, complete, facts_for(loaded.program), services)
        id = make_id(now, os.urandom(10))
        place = place_of(loaded.program, id, event, CANCEL_DEADLINE_MS)
        new = NewRun(
            id=id,
            workflow=loaded.program.workflow,
            version=loaded.program.version,
            program=hash,
            inputs=encode_event(event),
            created=now,
            name=name,
            key=key,
            folder=folder or os.getcwd(),
            durability=durability or loaded.program.durability or "sync",
            owner=self._host if here else "",
            place=place,
        )
        if faults.armed is not None:
            faults.reach("engine.before_create")
        row = await self._store.create_run(new)
        if faults.armed is not None:
            faults.reach("engine.after_create")
        is_new = row.id == new.id
        if not is_new and decode_event(row.inputs) != event and _inputs_of(row) != complete:
            raise InputError(
                f"run {row.name} was started with the key {key!r} and other inputs:",
                [_first_difference(_inputs_of(row), complete)],
            )
        gives_way = place is not None and row.place == "waiting" and place.on_full in ("replace", "cancel_running")
        return Created(row, loaded, is_new and here, place.group if place is not None and gives_way else "")

    def begin(self, active: ActiveRun) -> None:
        """Set a run going that has never advanced."""
        event = decode_event(active.row.inputs)
        if isinstance(event, Started):
            if active.loaded.program.services and not event.services:
                self._spawn(self._begin_with_services(active, event), active)
                return
            event = Started(self._clock.now(), event.inputs, facts_for(active.loaded.program), event.services)
        self._deliver(active, event)

    async def _begin_with_services(self, active: ActiveRun, event: Started) -> None:
        """Set a run going whose services have no addresses yet: a child, or one that waited for any host."""
        try:
            services = await self._services.choose(active.loaded.program)
        except TaskProblem:
            # Its tasks tell what is wrong, when they wait for the services.
            services = self._services.as_declared(active.loaded.program)
        if not active.dropped and not active.state.sequence:
            self._deliver(active, Started(self._clock.now(), event.inputs, facts_for(active.loaded.program), services))


def _inputs_of(row: RunRow) -> dict[str, Any]:
    event = decode_event(row.inputs)
    return event.inputs if isinstance(event, Started) else {}


def _first_difference(before: dict[str, Any], now: dict[str, Any]) -> str:
    for name in sorted(before.keys() | now.keys()):
        if before.get(name) != now.get(name):
            return f"{name}: it was {before.get(name)!r} and is {now.get(name)!r} now"
    return "none"
