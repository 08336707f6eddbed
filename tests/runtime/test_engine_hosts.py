"""Several engines on one store: who has a run, for how long, and how another goes on with it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from tests.runtime.engine_support import (
    CHAIN,
    ONE,
    Clock,
    Held,
    MakeStore,
    Work,
    Workflows,
    embedded,
    ends_well,
    gives,
    kill,
    open_engine,
    result_of,
    row_of,
    turns,
)
from wfe_runtime import lease
from wfe_runtime.engine import LEASE_MS
from wfe_runtime.errors import NotFound, StoreError, WfeError
from wfe_vm.events import Cancel


async def refused(engine: Any, run: str) -> None:
    with pytest.raises(WfeError) as caught:
        await engine.take_over(run)
    assert caught.value.code == "owned"


@pytest.mark.acceptance("ENG-04", "STO-06")
def test_a_run_is_its_hosts_while_the_lease_holds_and_anyones_after(make_shared: MakeStore) -> None:
    async def main() -> None:
        clock, held = Clock(), Held()
        work = Work(held)
        first = await open_engine(make_shared(), work, clock)
        run = await Workflows(CHAIN).start(first)
        await held.under_way(1)
        await kill(first)
        async with embedded(make_shared(), ends_well, clock=clock) as second:
            await refused(second, run)
            clock.time += LEASE_MS - 1
            await refused(second, run)
            clock.time += 1
            row = await second.take_over(run)
            assert row.fence == 2
            assert (await result_of(second, run)).outputs == {"last": "end"}
            with pytest.raises(NotFound):
                await second.take_over("nobody")

    asyncio.run(main())


@pytest.mark.acceptance("ENG-15")
def test_a_host_that_leaves_in_order_hands_its_runs_on_at_once(make_shared: MakeStore) -> None:
    async def main() -> None:
        clock, held = Clock(), Held()
        async with embedded(make_shared(), ends_well, clock=clock) as second:
            async with embedded(make_shared(), held, clock=clock) as first:
                run = await Workflows(CHAIN).start(first)
                await held.under_way(1)
                await refused(second, run)
            assert (await row_of(second.store, run)).owner == ""
            await second.take_over(run)
            assert (await result_of(second, run)).outputs == {"last": "end"}

    asyncio.run(main())


@pytest.mark.acceptance("ENG-03")
def test_a_host_that_stalled_past_its_lease_loses_its_commit_and_not_the_runs_data(
    make_shared: MakeStore,
) -> None:
    async def main() -> None:
        clock, held = Clock(), Held()
        stalled = Work(held)
        async with (
            embedded(make_shared(), stalled, clock=clock) as first,
            embedded(make_shared(), ends_well, clock=clock) as second,
        ):
            run = await Workflows(CHAIN).start(first)
            await held.under_way(1)
            clock.time += LEASE_MS  # the first host has not renewed its lease since
            await second.take_over(run)
            assert (await result_of(second, run)).outputs == {"last": "end"}
            lost = asyncio.ensure_future(first.wait(run))
            await turns()
            held.let_go()
            with pytest.raises(WfeError) as caught:
                await lost
            assert caught.value.code == "lost"
            assert first.at_hand() == []
            assert stalled.paths == ["first"], "it went no further"
            row = await row_of(second.store, run)
            assert (row.status, row.fence) == ("succeeded", 2)

    asyncio.run(main())


def test_an_engine_that_was_idle_past_its_lease_renews_it_before_it_takes_a_run(make_shared: MakeStore) -> None:
    async def main() -> None:
        clock, held = Clock(), Held()
        async with (
            embedded(make_shared(), held, clock=clock) as first,
            embedded(make_shared(), held, clock=clock) as second,
        ):
            clock.time += 100 * LEASE_MS
            run = await Workflows(ONE).start(first)
            await held.under_way(1)
            await refused(second, run)
            held.let_go()
            assert (await result_of(first, run)).status == "succeeded"

    asyncio.run(main())


@pytest.mark.acceptance("ENG-13")
def test_the_lease_is_renewed_while_a_step_takes_long(make_shared: MakeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        clock, held = Clock(), Held()
        async with (
            embedded(make_shared(), held, clock=clock) as first,
            embedded(make_shared(), held, clock=clock) as second,
        ):
            run = await Workflows(ONE).start(first)
            await held.under_way(1)
            renewals = 0
            joined = asyncio.Event()
            join = first.store.join

            async def count(*arguments: Any) -> None:
                nonlocal renewals
                await join(*arguments)
                renewals += 1
                joined.set()

            monkeypatch.setattr(first.store, "join", count)
            for _ in range(5):
                clock.time += LEASE_MS - 1
                joined.clear()
                await joined.wait()
                await refused(second, run)
            assert renewals >= 5
            held.let_go()
            assert (await result_of(first, run)).status == "succeeded"

    monkeypatch.setattr(lease, "RENEW_SECONDS", 0.01)
    asyncio.run(main())


def test_a_post_from_another_process_reaches_the_engine_that_has_the_run(make_shared: MakeStore) -> None:
    async def main() -> None:
        held = Held()
        async with embedded(make_shared(), held) as first, embedded(make_shared(), held) as second:
            run = await Workflows(ONE).start(first)
            await held.under_way(1)
            await second.post(run, Cancel(second.clock.now(), "enough", 0))
            assert (await result_of(first, run)).status == "aborted"
            assert held.stopped == ["only"]

    asyncio.run(main())


@pytest.mark.acceptance("ENG-05")
def test_what_a_run_was_told_while_nobody_had_it_comes_before_its_steps_are_run_again(
    make_shared: MakeStore,
) -> None:
    async def main() -> None:
        clock, held = Clock(), Held()
        first = await open_engine(make_shared(), Work(held), clock)
        run = await Workflows(CHAIN).start(first)
        await held.under_way(1)
        await kill(first)
        clock.time += LEASE_MS
        work = Work(lambda _: gives())
        async with embedded(make_shared(), work, clock=clock) as second:
            await second.post(run, Cancel(clock.time, "enough", 0))
            await second.take_over(run)
            assert (await result_of(second, run)).status == "aborted"
        assert work.begun == []

    asyncio.run(main())


def test_a_run_whose_state_is_damaged_is_named_and_left_to_whoever_can_read_it(
    make_shared: MakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        held = Held()
        async with embedded(make_shared(), held) as first:
            run = await Workflows(CHAIN).start(first)
            await held.under_way(1)
        async with embedded(make_shared(), ends_well) as second:
            load = second.store.load_state

            async def damaged(id: str) -> Any:
                stored = await load(id)
                assert stored is not None
                return replace(stored, deltas=(b"\xc1 nonsense",))

            monkeypatch.setattr(second.store, "load_state", damaged)
            with pytest.raises(StoreError, match="chain-1") as caught:
                await second.take_over(run)
            assert caught.value.code == "damaged"
            assert (await row_of(second.store, run)).owner == ""
            monkeypatch.undo()
            await second.take_over(run)
            assert (await result_of(second, run)).outputs == {"last": "end"}

    asyncio.run(main())
