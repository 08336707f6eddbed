"""What do parked runs cost, are due timers in time among many of them, and does the length of a run matter?

On one SQLite file: 100,000 runs, half of them asleep, half waiting for an event, all written by an engine that let go
of them. A fresh process then takes the store up; measured are its start, its memory against a process on an empty
store, and what it uses while nothing is due. Then 2,000 more runs of that store are due within five seconds: how late
is the commit that tells of each, and do they come in order? Last, runs of 10,000 steps that lack one are taken up, and
a loop of 100,000 passes is run. Each part checks what it got first. ``python -m benchmarks.bench_parked``.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import itertools
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from wfe_dsl.compiler import compile_file
from wfe_dsl.diagnostics.model import Diagnostics
from wfe_dsl.variables import Variables
from wfe_runtime.engine import Engine, load_run_state
from wfe_runtime.executors import ExecutorRegistry
from wfe_runtime.executors.contract import StepContext, StepResult
from wfe_runtime.lifecycle import SilentListener
from wfe_runtime.providers import open_store
from wfe_runtime.providers.contracts import Store
from wfe_runtime.providers.rows import ProgramRow, RunRow
from wfe_runtime.serving import Server
from wfe_vm.events import Resume
from wfe_vm.state import Delta

from .programs import Instant, sequence

try:
    from uvloop import new_event_loop
except ImportError:
    from asyncio import new_event_loop

TOGETHER: Final = 1000
"""Runs that are started at once."""
SLEEP_MS: Final = 30 * 24 * 3_600_000
DUE_WITHIN_MS: Final = 5_000
LEAD_MS: Final = 10_000
"""From the making of the runs that are to be due to the first of them, beside 10 ms for each."""
IDLE_SECONDS: Final = 10.0
STEPS: Final = 10_000
WORKFLOWS: Final = """
workflows:
  - {id: sleeper, version: 1, steps: [{name: nap, sleep: 30d}]}
  - {id: waiter, version: 1, steps: [{name: paid, wait: {event: paid, key: a}}]}
  - {id: quick, version: 1, steps: [{name: one, type: instant, config: {i: 1}}]}
  - id: loop
    version: 1
    inputs: {passes: integer}
    outputs: {n: integer}
    steps:
      - set: {n: '0'}
      - while: vars.n < inputs.passes
        max_iterations: 1000000
        do:
          - {name: work, type: instant, config: {i: 1}}
          - set: {n: vars.n + 1}
      - {name: last, type: instant, config: {i: 2}}
      - return: {n: vars.n}
"""


class SetClock:
    """A clock that shows what it is set to: runs can be made that are due at a chosen time."""

    def __init__(self, time: int) -> None:
        self.time = time

    def now(self) -> int:
        return self.time


class Watcher(SilentListener):
    """Notes when the end of each run was durable."""

    def __init__(self) -> None:
        self.ends: dict[str, int] = {}
        self.trouble: list[str] = []

    def advanced(self, run: RunRow, delta: Delta) -> None:
        if delta.end is not None:
            self.ends[run.id] = time.time_ns()

    def troubled(self, message: str) -> None:
        self.trouble.append(message)


class Stopping(Instant):
    """Does every step at once, but the one whose number is ``stop``: that one is never done."""

    def __init__(self, stop: int) -> None:
        self.stop = stop
        self.reached = asyncio.Event()

    def run(self, context: StepContext) -> Any:
        if context.config["i"] == self.stop:
            self.reached.set()
            return asyncio.get_running_loop().create_future()
        return StepResult("success", {"i": context.config["i"]})


class Programs:
    """The workflows above, compiled."""

    def __init__(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "parked.yaml"
            path.write_text(WORKFLOWS)
            found = Diagnostics()
            compiled = compile_file(str(path), Variables(), found, Instant.types)
        encode = msgspec.msgpack.encode
        self.rows = [
            ProgramRow(one.hash, one.program.workflow, one.program.version, one.bytes, encode(one.source_map))
            for one in compiled
        ]
        self.hashes = {one.program.workflow: one.hash for one in compiled}

    async def start(self, engine: Engine, workflow: str, inputs: dict[str, Any] | None = None) -> RunRow:
        return await engine.start(self.rows[:0], self.hashes[workflow], inputs or {}, durability="relaxed")


def registry(instant: Instant | None = None) -> ExecutorRegistry:
    return ExecutorRegistry((instant or Instant(),))


def check(holds: bool, what: str) -> None:
    if not holds:
        raise AssertionError(what)


# Making the runs


async def park(url: str, dues: Sequence[int], waiting: int = 0) -> list[str]:
    """Have an engine start runs that are due at these times, and others that wait for an event, and let go of them."""
    programs = Programs()
    clock = SetClock(0)
    ids: list[str] = []
    store = open_store(url)
    async with Engine(store, registry(), clock=clock) as engine:
        await store.put_programs(programs.rows)
        server = asyncio.ensure_future(Server(engine).serve(schedules=False))
        clock.time = min(dues) - SLEEP_MS
        await engine.hold_lease()
        for due, alike in itertools.groupby(dues):
            clock.time = due - SLEEP_MS
            rows = await asyncio.gather(*(programs.start(engine, "sleeper") for _ in alike))
            ids += [row.id for row in rows]
            await engine.settled()
        for first in range(0, waiting, TOGETHER):
            count = min(TOGETHER, waiting - first)
            await asyncio.gather(*(programs.start(engine, "waiter") for _ in range(count)))
            await engine.settled()
        while engine.at_hand():  # noqa: ASYNC110 - what is let go of is not announced
            await asyncio.sleep(0.05)
        server.cancel()
        await asyncio.gather(server, return_exceptions=True)
    return ids


# What a fresh process does with them


def memory() -> int:
    """Return the memory of this process that is resident, in bytes."""
    gc.collect()
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


async def idle(url: str, parked: int) -> dict[str, float]:
    """Take a store up, and do nothing."""
    programs = Programs()
    began = time.perf_counter()
    store = open_store(url)
    async with Engine(store, registry()) as engine:
        server = Server(engine)
        serving = asyncio.ensure_future(server.serve(schedules=False))
        row = await engine.start(programs.rows, programs.hashes["quick"], {})
        result = await engine.wait(row.id)
        ready = time.perf_counter() - began
        check(result is not None and result.status == "succeeded", f"the first run ended so: {result}")
        while server.at_work:  # noqa: ASYNC110 - a server has no word for it
            await asyncio.sleep(0.005)
        settled = time.perf_counter() - began
        check(engine.at_hand() == [], "a run was taken up that nobody has told anything")
        resident = memory()
        await asyncio.sleep(1)  # the disk has all of it by then
        cpu, wall = time.process_time(), time.perf_counter()
        await asyncio.sleep(IDLE_SECONDS)
        used = (time.process_time() - cpu) / (time.perf_counter() - wall)
        owned = await _parked_here(store, engine.host.id, parked)
        check(owned, "not all of the runs are looked after by this engine")
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
    return {"ready": ready, "settled": settled, "resident": resident, "cpu": used}


async def _parked_here(store: Store, host: str, parked: int) -> bool:
    """Say whether all parked runs of a store are a host's, and a sample of them is as a run that sleeps or waits."""
    if not parked:
        return True
    due = await store.list_due(host, 10**15, 0)
    for row in due[:: max(len(due) // 50, 1)]:
        stored = await store.load_state(row.id)
        if stored is None or load_run_state(stored)[0].due() != row.due:
            return False
    return len(due) >= parked // 2 and await store.inherit("nobody", 0) == 0


async def timers(url: str, ids: Sequence[str], dues: Sequence[int]) -> dict[str, float]:
    """Serve a store until these runs have ended, and say how late they did."""
    watcher = Watcher()
    async with Engine(open_store(url), registry(), listener=watcher) as engine:
        serving = asyncio.ensure_future(Server(engine).serve(schedules=False))
        until = max(dues) / 1000 + 30
        while len(watcher.ends) < len(ids) and time.time() < until:  # noqa: ASYNC110 - looked at rarely, not to disturb
            await asyncio.sleep(0.5)
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
    check(watcher.trouble == [], str(watcher.trouble))
    check(set(watcher.ends) == set(ids), f"{len(watcher.ends)} of {len(ids)} runs have ended")
    check(list(watcher.ends) == list(ids), "they did not end in the order of their due times")
    late = sorted(watcher.ends[id] / 1e6 - due for id, due in zip(ids, dues, strict=True))
    check(late[0] >= 0, f"one fired {-late[0]:.1f} ms early")
    return {"p50": statistics.median(late), "p99": late[int(len(late) * 0.99)], "most": late[-1]}


# The length of a run


async def resume(url: str, program: ProgramRow, stop: int, last: Any, known: bool) -> list[float]:
    """Return how long it takes to take up a run of many steps until its last one has begun, in seconds."""
    seconds = []
    first = Stopping(stop)
    engine = Engine(open_store(url), registry(first))
    async with engine:
        row = await engine.start(
            [program], program.hash, {"passes": STEPS} if last is None else {}, durability="relaxed"
        )
        await first.reached.wait()
        await engine.suspend_all("to be measured")
    for _ in range(7):
        again = Stopping(stop)
        async with Engine(open_store(url), registry(again)) as engine:
            if known:
                await engine.programs.load(program.hash)
            gc.collect()  # a process that takes a run up has had no engine before, whose program and state are freed
            began = time.perf_counter()
            await engine.take_over(row.id)
            engine.deliver(row.id, Resume(engine.clock.now(), "go on"))
            await again.reached.wait()
            seconds.append(time.perf_counter() - began)
            await engine.suspend_all("to be measured")
    async with Engine(open_store(url), registry()) as engine:
        await engine.take_over(row.id)
        engine.deliver(row.id, Resume(engine.clock.now(), "to its end"))
        result = await engine.wait(row.id)
        check(result is not None and result.status == "succeeded", f"the run ended so: {result}")
        check(result is not None and result.outputs == (last or {"n": STEPS}), "it has lost something")
    return seconds


async def loop(url: str, passes: int) -> dict[str, float]:
    """Run a loop, and say what a pass takes, and how large the state is when it has come to the end."""
    programs = Programs()
    stopping = Stopping(2)
    store = open_store(url)
    async with Engine(store, registry(stopping)) as engine:
        await store.put_programs(programs.rows)
        began = time.perf_counter()
        row = await programs.start(engine, "loop", {"passes": passes})
        await stopping.reached.wait()
        seconds = time.perf_counter() - began
        await engine.settled()
        state = engine.state_of(row.id)
        size, live = len(state.snapshot()), len(state.pointers) + len(state.scopes)
        await engine.suspend_all("measured")
    check(state.sequence >= passes, f"{state.sequence} advances")
    return {"us": seconds / passes * 1e6, "state": size, "live": live}


# All of it


def run(work: Any) -> Any:
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(work)


def child(part: str, **given: Any) -> dict[str, float]:
    """Do a part in a process of its own, which knows nothing of the others."""
    told = json.dumps(given)
    command = [sys.executable, "-m", "benchmarks.bench_parked", "--part", part]
    done = subprocess.run(command, input=told, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"the part {part} failed:\n{done.stderr}")
    answer: dict[str, float] = json.loads(done.stdout)
    return answer


def do_part(part: str) -> None:
    parts = {"idle": idle, "timers": timers, "loop": loop}
    print(json.dumps(run(parts[part](**json.load(sys.stdin)))))


def measure_parked(folder: str, runs: int, due: int) -> list[tuple[str, str]]:
    url, empty = f"sqlite:///{folder}/parked.db", f"sqlite:///{folder}/empty.db"
    far = int(time.time() * 1000) + SLEEP_MS
    began = time.perf_counter()
    run(park(url, [far + number // TOGETHER for number in range(runs // 2)], runs - runs // 2))
    made = time.perf_counter() - began
    none = child("idle", url=empty, parked=0)
    found = child("idle", url=url, parked=runs)
    soon = int(time.time() * 1000) + LEAD_MS + due * 10
    dues = [soon + number * DUE_WITHIN_MS // due for number in range(due)]
    ids = run(park(url, dues))
    check(time.time() * 1000 < soon - 2_500, "making the runs that are to be due has taken too long")
    late = child("timers", url=url, ids=ids, dues=dues)
    return [
        (f"{runs:,} parked runs were made", f"{made:.0f} s"),
        ("start until a first new run has ended", f"{found['ready'] * 1000:.0f} ms"),
        ("start until nothing is left to be done", f"{found['settled'] * 1000:.0f} ms"),
        ("memory a parked run", f"{max(found['resident'] - none['resident'], 0) / runs:.0f} bytes"),
        ("CPU of an idle engine", f"{found['cpu'] * 100:.2f} % (of an empty store: {none['cpu'] * 100:.2f} %)"),
        (
            f"lateness of {due:,} timers within {DUE_WITHIN_MS // 1000} s, in order",
            f"p50 {late['p50']:.1f} ms, p99 {late['p99']:.1f} ms, most {late['most']:.1f} ms",
        ),
    ]


def measure_length(folder: str) -> list[tuple[str, str]]:
    programs = Programs()
    looping = next(row for row in programs.rows if row.workflow == "loop")
    long = sequence(STEPS)
    rows = []
    for name, program, stop, last in (
        (f"a loop of {STEPS:,} passes", looping, 2, None),
        (f"a sequence of {STEPS:,} steps", long, STEPS, {"last": STEPS}),
    ):
        for known in (False, True):
            url = f"sqlite:///{folder}/{stop}-{known}.db"
            seconds = run(resume(url, program, stop, last, known))
            what = "its program loaded already" if known else "its program loaded and verified with it"
            rows.append((f"resume of {name}, all but one done, {what}", _in_ms(seconds)))
    for passes in (10_000, 100_000):
        found = child("loop", url=f"sqlite:///{folder}/loop{passes}.db", passes=passes)
        state = f"state {found['state']:.0f} bytes, {found['live']:.0f} live rows"
        rows.append((f"a while loop of {passes:,} passes", f"{found['us']:.0f} us a pass, {state}"))
    return rows


def _in_ms(seconds: Sequence[float]) -> str:
    return f"{statistics.median(seconds) * 1000:.1f} ms, fastest {min(seconds) * 1000:.1f} ms"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100_000, help="parked runs (default %(default)s)")
    parser.add_argument("--due", type=int, default=2_000, help="runs that are due (default %(default)s)")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.part:
        do_part(chosen.part)
        return
    with tempfile.TemporaryDirectory() as folder:
        rows = [*measure_parked(folder, chosen.runs, chosen.due), *measure_length(folder)]
    if chosen.json:
        print(json.dumps({"question": "parked runs", "rows": dict(rows)}))
        return
    for name, figure in rows:
        print(f"  {name:<86} {figure}")


if __name__ == "__main__":
    main()
