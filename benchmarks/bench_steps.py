"""How many steps a second, in memory and durable, and how far from the floor?

The floor of the durable figures is a bare loop on the same kind of file and settings (SQLite, WAL,
synchronous=FULL) that writes the same rows in the same batches: what the engine wrote is read back from
its store, and written again by nothing but ``execute`` and ``commit``. The floor in memory is an asyncio
task that awaits a coroutine a step. ``python -m benchmarks.bench_steps``.
"""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from wfe_runtime.engine import Engine
from wfe_runtime.providers import open_store
from wfe_runtime.providers.contracts import RunCommit

from .measure import Contender, compete, options, report
from .programs import registry, sequence

try:
    from uvloop import new_event_loop
except ImportError:
    from asyncio import new_event_loop


def run(work: Coroutine[Any, Any, Any]) -> Any:
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(work)


Batches = list[list[tuple[int, int, bytes]]]
"""Of each commit: (number of the run, sequence, delta) of its rows."""


async def run_engine(url: str, runs: int, steps: int, batches: Batches | None = None) -> list[Any]:
    """Run that many runs at once and return their outputs; ``batches`` takes what was committed together."""
    program = sequence(steps)
    store = open_store(url)
    if batches is not None:
        record_batches(store, batches)
    async with Engine(store, registry()) as engine:
        rows = [await engine.start([program], program.hash, {}) for _ in range(runs)]
        results = await asyncio.gather(*(engine.wait(row.id) for row in rows))
        return [result.outputs if result is not None else None for result in results]


def record_batches(store: Any, batches: Batches) -> None:
    commit: Callable[[Sequence[RunCommit]], Coroutine[Any, Any, list[bool]]] = store.commit
    numbers: dict[str, int] = {}

    async def recorded(commits: Sequence[RunCommit]) -> list[bool]:
        rows = [
            (numbers.setdefault(entry.run, len(numbers)), sequence, delta)
            for entry in commits
            for sequence, _, delta in entry.journal
        ]
        batches.append(rows)
        return await commit(commits)

    store.commit = recorded


def bare_loop(path: Path, runs: int, batches: Batches) -> int:
    """Write the same rows in the same batches, and return how many."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("pragma journal_mode=wal")
        connection.execute("pragma synchronous=full")
        connection.execute("create table runs (id integer primary key, sequence integer, status text, fence integer)")
        connection.execute("create table journal (run integer, sequence integer, delta blob)")
        connection.execute("create unique index journal_order on journal (run, sequence)")
        connection.executemany("insert into runs values (?, 0, 'running', 1)", [(number,) for number in range(runs)])
        written = 0
        for rows in batches:
            connection.execute("begin immediate")
            for number, sequence, delta in rows:
                connection.execute("insert into journal values (?, ?, ?)", (number, sequence, delta))
                connection.execute("update runs set sequence = ? where id = ? and fence = 1", (sequence, number))
                written += 1
            connection.execute("commit")
        return written
    finally:
        connection.close()


async def plain_tasks(runs: int, steps: int) -> list[Any]:
    """The floor in memory: one task a run, one awaited coroutine a step."""

    async def step(number: int) -> dict[str, int]:
        return {"i": number}

    async def flow() -> dict[str, int]:
        result = {}
        for number in range(1, steps + 1):
            result = await step(number)
            await asyncio.sleep(0)
        return {"last": result["i"]}

    return list(await asyncio.gather(*(flow() for _ in range(runs))))


def main() -> None:
    chosen = options(__doc__ or "", rounds=5)
    for runs, steps in ((1, 500), (100, 50)):
        right = [{"last": steps}] * runs
        label = f"{runs} run{'s' if runs > 1 else ''} of {steps} steps"
        memory = [
            Contender("asyncio tasks, nothing kept", runs * steps, lambda: run(plain_tasks(runs, steps)), right.__eq__),
            Contender("engine, memory:", runs * steps, lambda: run(run_engine("memory:", runs, steps)), right.__eq__),
        ]
        compete(memory, chosen.rounds)
        report(f"in memory, {label}", memory, "step", chosen.json)
        with tempfile.TemporaryDirectory() as folder:
            count = iter(range(1_000_000))
            batches: Batches = []
            run(run_engine(f"sqlite:///{folder}/sample.db", runs, steps, batches))
            rows = sum(map(len, batches))
            durable = [
                Contender(
                    f"bare loop, {rows} rows in {len(batches)} commits",
                    runs * steps,
                    lambda: bare_loop(Path(folder) / f"bare{next(count)}.db", runs, batches),
                    rows.__eq__,
                ),
                Contender(
                    "engine, sqlite: synchronous=FULL",
                    runs * steps,
                    lambda: run(run_engine(f"sqlite:///{folder}/engine{next(count)}.db", runs, steps)),
                    right.__eq__,
                ),
            ]
            compete(durable, chosen.rounds)
            report(f"durable, {label}", durable, "step", chosen.json)


if __name__ == "__main__":
    main()
