"""Programs are cleared out once no run, registration or schedule needs them, their children's included."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.runtime.engine_support import Clock, MakeStore, Workflows, embedded, result_of
from wfe_runtime.clearing import GRACE_MS, clear_programs
from wfe_runtime.providers.rows import PurgeFilter, Registration

FAMILY = """
workflows:
  - {id: parent, version: 1, steps: [{name: call, type: workflow, config: {workflow: child}}]}
  - {id: child, version: 1, steps: [{name: work, config: {run: echo}}]}
"""
ALONE = "workflow: {id: alone, version: 1, steps: [{name: work, config: {run: echo}}]}"


async def kept(store: Any) -> set[str]:
    return {row.workflow for row in await store.list_programs(0)}


@pytest.mark.acceptance("PRG-14", "STO-12")
def test_a_program_goes_with_its_last_run_and_takes_those_that_it_pins_along(make_store: MakeStore) -> None:
    async def main() -> None:
        clock = Clock()
        async with embedded(make_store(), clock=clock) as engine:
            store, family = engine.store, Workflows(FAMILY)
            run = await family.start(engine, "parent")
            await Workflows(ALONE).start(engine)
            assert (await result_of(engine, run)).status == "succeeded"
            clock.time += 2 * GRACE_MS
            assert await clear_programs(store, clock.time) == []
        async with embedded(store, clock=clock):  # nobody has the runs any more
            await store.purge(PurgeFilter(clock.time, clock.time, workflow="parent"))
            assert set(await clear_programs(store, clock.time)) == set(family.hashes.values())
            assert await kept(store) == {"alone"}

    asyncio.run(main())


def test_a_registered_program_stays_and_so_does_what_it_pins(make_store: MakeStore) -> None:
    async def main() -> None:
        clock = Clock()
        async with embedded(make_store(), clock=clock) as engine:
            store, family, alone = engine.store, Workflows(FAMILY), Workflows(ALONE)
            await store.put_programs([*family.rows, *alone.rows])
            await store.register([Registration("parent", 1, family.hashes["parent"], 1)])
            assert await clear_programs(store, clock.time) == list(alone.hashes.values())
            assert await kept(store) == {"parent", "child"}
            await store.unregister(Registration("parent", 1, "", 1))
            assert len(await clear_programs(store, clock.time)) == 2

    asyncio.run(main())


def test_a_program_that_was_put_just_now_is_left_to_who_did_so(make_store: MakeStore) -> None:
    async def main() -> None:
        clock = Clock()
        async with embedded(make_store(), clock=clock) as engine:
            family = Workflows(FAMILY)
            await engine.store.put_programs(family.rows, clock.time)
            assert await clear_programs(engine.store, clock.time + GRACE_MS) == []
            assert len(await clear_programs(engine.store, clock.time + GRACE_MS + 1)) == 2

    asyncio.run(main())
