"""Hosts that serve a store: what nobody has is taken up, and schedules are fired, each time once."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from tests.runtime.engine_support import (
    Clock,
    Held,
    MakeStore,
    Work,
    Workflows,
    embedded,
    gives,
    kill,
    open_engine,
    row_of,
    serving,
    until,
)
from wfe_runtime import lease, parking
from wfe_runtime.engine import LEASE_MS, Engine
from wfe_runtime.errors import WfeError
from wfe_runtime.lifecycle import SilentListener
from wfe_runtime.providers.rows import RunFilter
from wfe_runtime.serving import Server, register_schedules
from wfe_vm.events import Cancel, Resume, Terminate

PLAIN = "workflow: {id: w, version: 1, steps: [{name: work, config: {run: echo}}]}"
PAUSED = "workflow: {id: w, version: 1, steps: [{wait: {event: go}}, {name: work, config: {run: echo}}]}"
HOURLY = """
workflow:
  id: nightly
  version: 1
  inputs: {region: {type: string, default: eu}}
  schedule:
    - {cron: "0 * * * *", missed: MISSED}
  steps:
    - {name: work, config: {run: echo}}
"""
HOUR = 3_600_000


class Complaints(SilentListener):
    def __init__(self) -> None:
        self.said: list[str] = []

    def troubled(self, message: str) -> None:
        self.said.append(message)


async def ended(store: Any, count: int) -> None:
    async def holds() -> bool:
        return len(await store.list_runs(RunFilter(statuses=("succeeded",)))) == count

    await until(holds)


async def register(engine: Engine, missed: str = "once", text: str = HOURLY) -> None:
    workflows = Workflows(text.replace("MISSED", missed))
    assert await register_schedules(engine, workflows.rows, [workflows.rows[0].hash], "/") == 1


@pytest.mark.acceptance("ENG-07")
def test_a_run_that_was_started_for_whoever_serves_is_taken_up_at_once(make_shared: MakeStore) -> None:
    async def main() -> None:
        async with embedded(make_shared()) as starter, embedded(make_shared()) as engine, serving(engine):
            run = await Workflows(PLAIN).start(starter, here=False)
            assert starter.at_hand() == []
            await ended(engine.store, 1)
            assert (await row_of(engine.store, run)).fence == 1

    asyncio.run(main())


@pytest.mark.acceptance("ENG-02", "ENG-08")
def test_the_runs_of_a_host_that_died_are_taken_up_when_its_lease_is_over(make_shared: MakeStore) -> None:
    async def main() -> None:
        clock, held = Clock(), Held()
        first = await open_engine(make_shared(), Work(held), clock)
        await Workflows(PLAIN).start(first)
        await held.under_way(1)
        await kill(first)
        async with embedded(make_shared(), clock=clock) as engine:
            server = Server(engine)
            assert await server.take_up() == 0
            for _ in range(LEASE_MS // 1000):
                assert await server.take_up() == 0
                clock.time += 1000
            assert await server.take_up() == 1
            await ended(engine.store, 1)

    asyncio.run(main())


@pytest.mark.acceptance("ENG-19")
def test_a_clock_that_jumps_past_the_lease_of_a_living_host_takes_no_run_from_it(
    make_shared: MakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a machine that has slept, where all hosts wake at once and each finds the leases of the others over."""
    monkeypatch.setattr(parking, "QUIET_SECONDS", 0.0)

    async def main() -> None:
        clock, held = Clock(), Held()
        async with embedded(make_shared(), held, clock=clock) as first, serving(first):
            runs = [await Workflows(PLAIN).start(first), await Workflows(PAUSED).start(first)]
            await held.under_way(1)
            await until(lambda: _is_parked(first, runs[1]))
            async with embedded(make_shared(), clock=clock) as engine:
                server = Server(engine)
                assert await server.take_up() == 0
                for leap in (LEASE_MS, 72 * HOUR):
                    clock.time += leap
                    assert await server.take_up() == 0, "the first has not renewed its lease yet"
                    await first.hold_lease()
                    assert await Server(engine).take_up() == 0
                assert {(await row_of(engine.store, run)).owner for run in runs} == {first.host.id}
                held.let_go()
                await ended(engine.store, 1)

    asyncio.run(main())


async def _is_parked(engine: Engine, run: str) -> bool:
    return (await row_of(engine.store, run)).parked == 1


@pytest.mark.acceptance("ENG-02", "ENG-19")
def test_a_host_that_died_while_the_clock_jumped_is_found_out_once_those_that_live_could_renew(
    make_shared: MakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "GRACE_SECONDS", 0.05)

    async def main() -> None:
        clock, held = Clock(), Held()
        first = await open_engine(make_shared(), Work(held), clock)
        await Workflows(PLAIN).start(first)
        await held.under_way(1)
        await kill(first)
        async with embedded(make_shared(), clock=clock) as engine:
            server = Server(engine)
            assert await server.take_up() == 0
            clock.time += HOUR

            async def taken() -> bool:
                return await server.take_up() == 1

            await until(taken)
            await ended(engine.store, 1)

    asyncio.run(main())


@pytest.mark.acceptance("ENG-15")
def test_the_runs_of_a_host_that_leaves_are_taken_up_by_another_that_serves(make_shared: MakeStore) -> None:
    async def main() -> None:
        held = Held()
        async with embedded(make_shared(), lambda _: gives()) as engine, serving(engine):
            async with embedded(make_shared(), held) as first:
                await Workflows(PLAIN).start(first)
                await held.under_way(1)
            await ended(engine.store, 1)

    asyncio.run(main())


@pytest.mark.acceptance("CTL-02", "ENG-02")
@pytest.mark.parametrize("asked", ["resume", "cancel", "terminate"])
def test_what_was_asked_of_a_suspended_run_holds_though_its_host_died_before_it_heard_of_it(
    make_shared: MakeStore, asked: str
) -> None:
    async def main() -> None:
        clock, work = Clock(), Work()
        first = await open_engine(make_shared(), work, clock)
        run = await Workflows(PAUSED).start(first)
        assert await first.suspend(run, "a pause")
        await kill(first)
        now = clock.time
        events = {"resume": Resume(now), "cancel": Cancel(now, "enough", 0), "terminate": Terminate(now, "enough")}
        async with embedded(make_shared(), work, clock=clock) as asking:
            with pytest.raises(WfeError, match="is being advanced by a live process"):
                await asking.take_over(run)
            await asking.post(run, events[asked])
        clock.time += LEASE_MS
        async with embedded(make_shared(), work, clock=clock) as second, serving(second):
            if asked == "resume":
                await until(lambda: _has_status(second, run, "waiting"))
                await second.publish("go")
            status = {"resume": "succeeded", "cancel": "aborted", "terminate": "terminated"}[asked]
            await until(lambda: _has_status(second, run, status))

    asyncio.run(main())


async def _has_status(engine: Engine, run: str, status: str) -> bool:
    return (await row_of(engine.store, run)).status == status


@pytest.mark.acceptance("ENG-16")
def test_a_run_that_this_host_lacks_something_for_stays_for_one_that_has_it(make_shared: MakeStore) -> None:
    async def main() -> None:
        text = "workflow: {id: w, version: 1, steps: [{name: work, type: git-repo, config: {run: echo}}]}"
        able = Work()
        able.types = ("shell", "git-repo")
        async with embedded(make_shared()) as engine, serving(engine) as server:
            run = await Workflows(text).start(engine, here=False)

            async def is_left() -> bool:
                return bool(server.lacking)

            await until(is_left)
            assert server.lacking == {"w-1": ["no executor for steps of type git-repo (step work)"]}
            assert (await row_of(engine.store, run)).owner == ""
            async with embedded(make_shared(), able) as other, serving(other):
                await ended(engine.store, 1)

    asyncio.run(main())


@pytest.mark.acceptance("EVT-13")
def test_of_three_hosts_one_starts_the_run_of_a_schedule_that_comes(make_shared: MakeStore) -> None:
    async def main() -> None:
        clock = Clock()
        async with contextlib.AsyncExitStack() as stack:
            engines = [await stack.enter_async_context(embedded(make_shared(), clock=clock)) for _ in range(3)]
            await register(engines[0])
            servers = [Server(engine) for engine in engines]
            await asyncio.gather(*(server.fire_due() for server in servers))
            assert await engines[0].store.list_runs(RunFilter()) == []
            for count in range(1, 4):
                clock.time += HOUR
                dues = await asyncio.gather(*(server.fire_due() for server in servers))
                await ended(engines[0].store, count)
                assert clock.time < max(dues) <= clock.time + HOUR
            runs = await engines[0].store.list_runs(RunFilter())
            assert len(runs) == len({run.key for run in runs}) == 3

    asyncio.run(main())


@pytest.mark.acceptance("EVT-13")
@pytest.mark.parametrize(("missed", "count"), [("once", 1), ("skip", 0), ("all", 5)])
def test_what_came_while_nobody_served_is_made_up_for_by_the_declared_rule(
    make_shared: MakeStore, missed: str, count: int
) -> None:
    async def main() -> None:
        clock = Clock()
        complaints = Complaints()
        async with embedded(make_shared(), clock=clock) as engine:
            await register(engine, missed)
        clock.time += 5 * HOUR + HOUR // 10
        async with embedded(make_shared(), clock=clock, listener=complaints) as engine:
            await register(engine, missed)
            server = Server(engine)
            await server.fire_due()
            await ended(engine.store, count)
            await server.fire_due()
            assert len(await engine.store.list_runs(RunFilter())) == count
            left_out = 5 - count
            assert complaints.said == (
                [f"{left_out} times of the schedule 0 * * * * of nightly were missed"] if left_out else []
            )

    asyncio.run(main())


@pytest.mark.acceptance("EVT-14", "ENG-19")
def test_a_clock_that_jumps_back_fires_nothing_twice(make_shared: MakeStore) -> None:
    async def main() -> None:
        clock = Clock()
        async with embedded(make_shared(), clock=clock) as engine:
            await register(engine)
            server = Server(engine)
            clock.time += HOUR
            await server.fire_due()
            await ended(engine.store, 1)
            for jump in (-2 * HOUR, HOUR, HOUR - 1000):
                clock.time += jump
                await server.fire_due()
            assert len(await engine.store.list_runs(RunFilter())) == 1
            clock.time += HOUR + 1000
            await server.fire_due()
            await ended(engine.store, 2)

    asyncio.run(main())


def test_a_schedule_that_another_process_registers_is_heard_of(make_shared: MakeStore) -> None:
    async def main() -> None:
        clock = Clock()
        async with embedded(make_shared(), clock=clock) as engine, serving(engine):
            async with embedded(make_shared(), clock=clock) as other:
                await register(other)
            clock.time += HOUR
            async with embedded(make_shared(), clock=clock) as other:
                await register(other, text=HOURLY.replace("version: 1", "version: 2"))
            await ended(engine.store, 1)

    asyncio.run(main())


def test_a_scheduled_run_whose_group_rejects_it_is_not_there_and_said(make_shared: MakeStore) -> None:
    async def main() -> None:
        clock, held, complaints = Clock(), Held(), Complaints()
        text = HOURLY.replace("  schedule:", "  concurrency: {group: g, on_full: reject}\n  schedule:")
        async with embedded(make_shared(), held, clock=clock, listener=complaints) as engine:
            await register(engine, text=text)
            server = Server(engine)
            for _ in range(2):
                clock.time += HOUR
                await server.fire_due()
            await held.under_way(1)
            assert len(await engine.store.list_runs(RunFilter())) == 1
            assert ["nightly-1 has a slot" in said for said in complaints.said] == [True]

    asyncio.run(main())
