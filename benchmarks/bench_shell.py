"""What does a shell step cost, and how far is that from starting the process by hand?

The floor is what any engine has to do on Linux: ``Popen`` of the same shell with the same script in a session of its
own, its output captured through pipes on the event loop, and its end heard by a pidfd. Beside it stand the shell
executor alone, and a workflow of shell steps in the engine, in memory. A durable step has a floor of its own: the
same loop with one row made durable after each process, before the next is begun.
``python -m benchmarks.bench_shell``.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from wfe_dsl.compiler import compile_file
from wfe_dsl.diagnostics.model import Diagnostics
from wfe_dsl.variables import Variables
from wfe_runtime.engine import Engine
from wfe_runtime.executors.contract import StepContext
from wfe_runtime.executors.shell import ShellExecutor
from wfe_runtime.providers import open_store
from wfe_runtime.providers.rows import ProgramRow

from .bench_deno import SilentLog
from .measure import Contender, compete, options, report

try:
    from uvloop import new_event_loop
except ImportError:
    from asyncio import new_event_loop

STEPS = 50
SCRIPT = "echo done"


class Floor:
    """The process alone."""

    def __init__(self, folder: str) -> None:
        self.runner = asyncio.Runner(loop_factory=new_event_loop)
        self.folder = folder

    def work(self) -> str:
        """Run the script so many times and return what it printed last."""
        return self.runner.run(self._work())

    async def _work(self) -> str:
        for _ in range(STEPS):
            printed = await self._once()
        return printed

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            ["/bin/sh", "-c", SCRIPT],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.folder,
            env={"PATH": os.environ["PATH"]},
            start_new_session=True,
        )

    async def _once(self) -> str:
        loop = asyncio.get_running_loop()
        process = self._start()
        assert process.stdout is not None
        assert process.stderr is not None
        texts = [loop.create_task(_read(loop, pipe.fileno())) for pipe in (process.stdout, process.stderr)]
        ended = loop.create_future()
        pidfd = os.pidfd_open(process.pid)
        loop.add_reader(pidfd, ended.set_result, None)
        await ended
        loop.remove_reader(pidfd)
        os.close(pidfd)
        process.wait()
        printed, _ = await asyncio.gather(*texts)
        process.stdout.close()
        process.stderr.close()
        return printed.decode()

    def close(self) -> None:
        self.runner.close()


async def _read(loop: asyncio.AbstractEventLoop, fd: int) -> bytes:
    os.set_blocking(fd, False)
    data = b""
    while True:
        ready = loop.create_future()
        loop.add_reader(fd, ready.set_result, None)
        await ready
        loop.remove_reader(fd)
        more = os.read(fd, 65536)
        if not more:
            return data
        data += more


class DurableFloor(Floor):
    """The process, and a row in a file of SQLite that says what it printed."""

    def __init__(self, folder: str) -> None:
        super().__init__(folder)
        self.connection = sqlite3.connect(f"{folder}/floor.db", isolation_level=None)
        self.connection.execute("pragma journal_mode=wal")
        self.connection.execute("pragma synchronous=full")
        self.connection.execute("create table ends (number integer primary key, printed text)")

    async def _once(self) -> str:
        printed = await super()._once()
        self.connection.execute("insert into ends (printed) values (?)", (printed,))
        return printed

    def close(self) -> None:
        super().close()
        self.connection.close()


class Alone:
    """The executor, without an engine."""

    def __init__(self, folder: str) -> None:
        self.runner = asyncio.Runner(loop_factory=new_event_loop)
        self.executor = ShellExecutor()
        self.folder = folder

    def work(self) -> str:
        """Run the step so many times and return what it printed last."""
        return self.runner.run(self._work())

    def close(self) -> None:
        self.runner.run(self.executor.close())
        self.runner.close()

    async def _work(self) -> str:
        for number in range(STEPS):
            context = StepContext(
                run="bench",
                run_name="bench-1",
                workflow="bench",
                step=f"s{number}",
                activation=number + 1,
                attempt=1,
                type="shell",
                config={"run": SCRIPT},
                inputs=None,
                data={},
                outputs=(),
                keep_stdout=True,
                timeout_ms=60_000,
                folder=self.folder,
                fence=1,
                log=SilentLog(),
            )
            result: Any = self.executor.run(context)
            result = await result
        return str(result.stdout)


class InEngine:
    """A workflow of shell steps one after another."""

    def __init__(self, url: str, folder: str) -> None:
        self.runner = asyncio.Runner(loop_factory=new_event_loop)
        self.folder = folder
        self.row = _program(folder)
        self.engine = Engine(open_store(url))
        self.runner.run(self.engine.__aenter__())

    def work(self) -> Any:
        """Run it once and return how that ended."""
        return self.runner.run(self._work())

    def close(self) -> None:
        self.runner.run(self.engine.close())
        self.runner.close()

    async def _work(self) -> Any:
        run = await self.engine.start([self.row], self.row.hash, {}, folder=self.folder)
        result = await self.engine.wait(run.id)
        return None if result is None else (result.status, result.outputs)


def _program(folder: str) -> ProgramRow:
    path = Path(folder) / "shell.yaml"
    steps = "".join(f"    - {{name: s{number}, config: {{run: {SCRIPT}}}}}\n" for number in range(STEPS))
    path.write_text(
        f"workflow:\n  id: bench\n  version: 1\n  outputs: {{last: string}}\n  steps:\n{steps}"
        f"    - return: {{last: steps.s{STEPS - 1}.stdout}}\n"
    )
    found = Diagnostics()
    compiled = compile_file(str(path), Variables(), found)
    if found.has_errors:
        raise AssertionError(f"the workflow has mistakes: {found.in_source_order()}")
    one = compiled[0]
    return ProgramRow(one.hash, "bench", 1, one.bytes, msgspec.msgpack.encode(one.source_map))


def main() -> None:
    chosen = options(__doc__ or "", rounds=9)
    with tempfile.TemporaryDirectory() as folder:
        floor, durable_floor, alone = Floor(folder), DurableFloor(folder), Alone(folder)
        memory, durable = InEngine("memory:", folder), InEngine(f"sqlite:///{folder}/shell.db", folder)
        printed, right = "done\n".__eq__, ("succeeded", {"last": "done\n"}).__eq__
        kept_nowhere = [
            Contender("Popen, pipes and a pidfd", STEPS, floor.work, printed),
            Contender("the shell executor", STEPS, alone.work, printed),
            Contender("a shell step, memory:", STEPS, memory.work, right),
        ]
        kept = [
            Contender("Popen, pipes and a pidfd, and a durable row", STEPS, durable_floor.work, printed),
            Contender("a shell step, sqlite: synchronous=FULL", STEPS, durable.work, right),
        ]
        compete(kept_nowhere + kept, chosen.rounds)
        report(f"{STEPS} shell steps one after another, kept nowhere: under 1.5x", kept_nowhere, "step", chosen.json)
        report(f"{STEPS} shell steps one after another, durable: under 1.5x", kept, "step", chosen.json)
        for one in (floor, durable_floor, alone, memory, durable):
            one.close()


if __name__ == "__main__":
    main()
