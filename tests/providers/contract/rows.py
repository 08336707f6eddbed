"""Rows for the clauses: each with the fields that a clause is not about filled in, and short ways to a state.

Tests of one store use them too.
"""

from __future__ import annotations

import subprocess
import sys

from msgspec.structs import replace

from wfe_runtime.providers.contracts import Store
from wfe_runtime.providers.hosts import this_host
from wfe_runtime.providers.rows import (
    Host,
    NewActivity,
    NewEvent,
    NewRun,
    Parked,
    Place,
    Registration,
    RunCommit,
    RunRow,
    ScheduleRow,
)

ODD = "a\0b 😀 \"'`;--\\ ключ.with.dots\n"


def new(id: str = "r1", **fields: object) -> NewRun:
    base = NewRun(id=id, workflow="deploy", version=1, program="hash", inputs=b"in", created=1000)
    return replace(base, **fields)


def advance(run: str, expected: int, **fields: object) -> RunCommit:
    """A commit that takes a run of fence 0 one step on."""
    sequence = expected + 1
    base = RunCommit(
        run=run,
        expected_sequence=expected,
        fence=0,
        sequence=sequence,
        status="running",
        journal=((sequence, 2000 + sequence, b"delta %d" % sequence),),
    )
    return replace(base, **fields)


async def waits(store: Store, run: str, owner: str = "h1", due: int = 0) -> None:
    """Create a run that its host lets go of at once."""
    await store.create_run(new(run, owner=owner))
    await store.commit([advance(run, 0, fence=1, status="waiting")])
    assert await store.park(owner, [Parked(run, 1, 1, due)]) == [True]


def event(id: str, name: str = "paid", key: str = "", time: int = 5000) -> NewEvent:
    return NewEvent(id, name, key, time, b"data")


def registered(version: int = 1, program: str = "p1", workflow: str = "deploy", time: int = 10) -> Registration:
    return Registration(workflow, version, program, time, ODD)


def work(activation: int = 1, attempt: int = 1, kind: str = "charge", run: str = "r1", time: int = 100) -> NewActivity:
    return NewActivity(run, activation, attempt, kind, f"step{activation}", b"in", time)


def host(id: str) -> Host:
    """A host on another machine, of which nothing but its lease is known."""
    return Host(id=id, machine="elsewhere", pid=1, started=1)


def start_process(id: str) -> tuple[subprocess.Popen[bytes], Host]:
    """Start a process that waits for its end, and return it with the host that it is."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with open(f"/proc/{process.pid}/stat", "rb") as file:
        started = int(file.read().rpartition(b")")[2].split()[19])
    return process, Host(id, this_host().machine, process.pid, started)


def place(on_full: str = "queue", limit: int = 1, group: str = "g") -> Place:
    return Place(group, limit, on_full, b"leave")


async def in_group(
    store: Store, id: str, on_full: str = "queue", owner: str = "h1", limit: int = 1, **fields: object
) -> str:
    """Create a run with a place in the group g. Returns the place's state."""
    return (await store.create_run(new(id, owner=owner, place=place(on_full, limit), **fields))).place


async def places(store: Store) -> dict[str, str]:
    return {row.run: row.state for row in await store.list_places("g")}


def scheduled(**fields: object) -> ScheduleRow:
    return replace(ScheduleRow("deploy", 1, 0, "hash", "* * * * *", "UTC", "once", "/", 50), **fields)


def ends(run: str, expected: int = 0, **fields: object) -> RunCommit:
    """The commit that ends a run of fence 1."""
    return advance(run, expected, **{"fence": 1, "status": "failed", "ended": 3000, "result": b"end", **fields})


def names(rows: list[RunRow]) -> list[str]:
    return [row.id for row in rows]
