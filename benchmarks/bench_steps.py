"""How many steps a second, in memory and durable, and how far from the floor?

The floor of the durable figures is a bare loop on the same kind of file and settings (SQLite, WAL,
synchronous=FULL) that writes the same rows in the same batches: what the engine wrote is read back from
its store, and written again by nothing but ``execute`` and ``commit``. The floor in memory is an asyncio
task that awaits a coroutine a step. ``python -m benchmarks.bench_steps``.
"""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from wfe_runtime.engine import Engine
from wfe_runtime.providers import open_store
from wfe_runtime.providers.rows import RunCommit

from .measure import Contender, compete, options, report
from .programs import registry, sequence

try:
    from uvloop import new_event_loop
except ImportError:
    from asyncio import new_event_loop


Batches = list[list[tuple[int, int, bytes]]]
"""Of each commit: (number of the run, sequence, delta) of its rows."""


class Bench:
    """An engine on a store, open and warm: what is timed is its steps, not its start."""

    def __init__(self, url: str, runs: int, steps: int) -> None:
        self.runner = asyncio.Runner(loop_factory=new_event_loop)
        self.runs = runs
        self.program = sequence(steps)
        self.store: Any = open_store(url)
        self.engine = Engine(self.store, registry())
        self.runner.run(self.engine.__aenter__())

    def work(self) -> list[Any]:
        """Start the runs together and return their outputs."""
        return self.runner.run(self._work())

    async def _work(self) -> list[Any]:
        programs, hash = [self.program], self.program.hash
        rows = [await self.engine.start(programs, hash, {}) for _ in range(self.runs)]
        results = await asyncio.gather(*(self.engine.wait(row.id) for row in rows))
        return [result.outputs if result is not None else None for result in results]

    def close(self) -> None:
        self.runner.run(self.engine.close())
        self.runner.close()

    def recorded_batches(self) -> Batches:
        """Run once, and return what was committed together."""
        batches: Batches = []
        numbers: dict[str, int] = {}
        commit = self.store.commit

        async def recorded(commits: Sequence[RunCommit]) -> list[bool]:
            batches.append(
                [
                    (numbers.setdefault(entry.run, len(numbers)), sequence, delta)
                    for entry in commits
                    for sequence, _, delta in entry.journal
                ]
            )
            answer: list[bool] = await commit(commits)
            return answer

        self.store.commit = recorded
        try:
            self.work()
        finally:
            del self.store.commit
        return batches


class BareLoop:
    """Writes the same rows in the same batches, by nothing but ``execute`` and ``commit``."""

    def __init__(self, path: Path, runs: int, batches: Batches) -> None:
        self.runs = runs
        self.batches = batches
        self.rounds = itertools.count()
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.execute("pragma journal_mode=wal")
        self.connection.execute("pragma synchronous=full")
        self.connection.execute("create table runs (id integer primary key, sequence integer, status text, fence int)")
        self.connection.execute("create table journal (run integer, sequence integer, delta blob)")
        self.connection.execute("create unique index journal_order on journal (run, sequence)")

    def work(self) -> int:
        """Write everything, for runs of their own, and return the number of rows."""
        connection, written = self.connection, 0
        first = next(self.rounds) * self.runs
        for number in range(self.runs):
            connection.execute("insert into runs values (?, 0, 'running', 1)", (first + number,))
        for rows in self.batches:
            connection.execute("begin immediate")
            for number, place, delta in rows:
                connection.execute("insert into journal values (?, ?, ?)", (first + number, place, delta))
                connection.execute("update runs set sequence = ? where id = ? and fence = 1", (place, first + number))
                written += 1
            connection.execute("commit")
        return written


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
    for runs, steps in ((1, 1000), (100, 100)):
        label = f"{runs} run{'s' if runs > 1 else ''} of {steps} steps"
        right, units = [{"last": steps}] * runs, runs * steps
        with asyncio.Runner(loop_factory=new_event_loop) as runner, tempfile.TemporaryDirectory() as folder:
            floor = partial(_run_tasks, runner, runs, steps)
            memory = Bench("memory:", runs, steps)
            contenders = [
                Contender("asyncio tasks, nothing kept", units, floor, right.__eq__),
                Contender("engine, memory:", units, memory.work, right.__eq__),
            ]
            compete(contenders, chosen.rounds)
            report(f"in memory, {label}", contenders, "step", chosen.json)
            memory.close()

            durable = Bench(f"sqlite:///{folder}/engine.db", runs, steps)
            batches = durable.recorded_batches()
            bare = BareLoop(Path(folder) / "bare.db", runs, batches)
            rows = sum(map(len, batches))
            name = f"bare loop, {rows} rows in {len(batches)} commits"
            contenders = [
                Contender(name, units, bare.work, rows.__eq__),
                Contender("engine, sqlite: synchronous=FULL", units, durable.work, right.__eq__),
            ]
            compete(contenders, chosen.rounds)
            report(f"durable, {label}", contenders, "step", chosen.json)
            durable.close()
            bare.connection.close()


def _run_tasks(runner: asyncio.Runner, runs: int, steps: int) -> list[Any]:
    return runner.run(plain_tasks(runs, steps))


if __name__ == "__main__":
    main()
