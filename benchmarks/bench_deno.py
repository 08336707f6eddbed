"""What does a deno step cost over `deno run` of the same file, and over the engine's own step?

Repeated: loop passes of one step, which find their process warm, against the same passes of a step that does nothing.
First: a step that no process has served yet, from the processes that were started ahead. Cold: the same without any,
against `deno run` of the same file. ``python -m benchmarks.bench_deno``.
"""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from wfe_runtime.executors.contract import StepContext, StepResult
from wfe_runtime.executors.deno import DenoExecutor
from wfe_runtime.executors.deno_home import find_deno

from .measure import Contender, compete, options, report

try:
    from uvloop import new_event_loop
except ImportError:
    from asyncio import new_event_loop

SCRIPT = "const n: number = Number(inputs().n);\noutput('next', n + 1);\n"
ALONE = "const n: number = Number('1');\nconsole.log(n + 1);\n"
PASSES = 50


class SilentLog:
    """A log that keeps nothing."""

    full = False

    def write(self, stream: str, data: bytes) -> None:
        """Drop it."""

    async def drain(self) -> None:
        """Wait for nothing."""


class Bench:
    """An executor and its loop; every call of ``once`` is an attempt of a step."""

    def __init__(self, folder: str, ahead: int) -> None:
        self.runner = asyncio.Runner(loop_factory=new_event_loop)
        self.executor = DenoExecutor(ahead=ahead)
        self.folder = folder
        self.count = itertools.count()

    def again(self) -> Any:
        """Run one step many times."""
        return self.runner.run(self._passes())

    def first(self) -> Any:
        """Run a step that was never run."""
        return self.runner.run(self._attempt(f"step-{next(self.count)}"))

    def settle(self) -> None:
        """Return when as many processes are started ahead as there are to be, and no other lives on."""
        self.runner.run(self._settle())

    def close(self) -> None:
        self.runner.run(self.executor.close())
        self.runner.close()

    async def _passes(self) -> Any:
        for _ in range(PASSES - 1):
            await self._attempt("loop")
        return await self._attempt("loop")

    async def _settle(self) -> None:
        await asyncio.sleep(1.0)

    async def _attempt(self, step: str) -> Any:
        context = StepContext(
            run="bench",
            run_name="bench-1",
            workflow="bench",
            step=step,
            activation=1,
            attempt=1,
            type="deno",
            config={"script": SCRIPT},
            inputs={"n": 1},
            data={},
            outputs=(),
            keep_stdout=False,
            timeout_ms=60_000,
            folder=self.folder,
            fence=1,
            log=SilentLog(),
        )
        result = await self.executor.run(context)
        return result.outputs


def nothing_done() -> Any:
    """Do as an executor would that has nothing to do: the floor of a repeated step."""

    async def attempt() -> StepResult:
        return StepResult("success", {"next": 2})

    async def passes() -> Any:
        for _ in range(PASSES):
            result = await attempt()
        return result.outputs

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(passes())


def deno_run(program: str, folder: str) -> str:
    """Run the file as a user would."""
    command = [program, "run", "--quiet", "alone.ts"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


def is_two(outputs: object) -> bool:
    return outputs == {"next": 2}


def alone(contender: Contender, before: Callable[[], None], rounds: int) -> None:
    """Let one contender run by itself, with something to do before each round."""
    for _ in range(rounds):
        before()
        contender.run()


def main() -> None:
    chosen = options(__doc__ or "", rounds=20)
    program = find_deno()
    if program is None:
        raise SystemExit("there is no deno here: install wfe[deno]")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "alone.ts").write_text(ALONE)
        ahead, cold = Bench(folder, 2), Bench(folder, 0)
        try:
            contenders = [
                Contender("a step that does nothing", PASSES, nothing_done, is_two),
                Contender("a deno step, repeated", PASSES, ahead.again, is_two),
            ]
            compete(contenders, chosen.rounds)
            report("repeated: under 1,000 us over the floor", contenders, "pass", chosen.json)

            # The floor is measured in turn with what has none ahead, so that nothing else runs beside them.
            ahead.settle()
            first = Contender("a deno step, first, from the pool", 1, ahead.first, is_two)
            contenders = [
                Contender("deno run of the same file", 1, partial(deno_run, program, folder), "2\n".__eq__),
                Contender("a deno step, cold", 1, cold.first, is_two),
            ]
            compete(contenders, chosen.rounds)
            alone(first, ahead.settle, chosen.rounds)
            report("first: cold under 1.5x, from the pool under 5,000 us", [*contenders, first], "step", chosen.json)
        finally:
            ahead.close()
            cold.close()


if __name__ == "__main__":
    main()
