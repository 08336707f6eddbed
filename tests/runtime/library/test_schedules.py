"""Registered workflows whose schedules come, by a clock that jumps."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

from wfe_runtime import Engine, LifecycleEvent, Store, Subscription
from wfe_runtime.serving import Server
from wfe_runtime.testing.clock import JumpingClock

HOUR = timedelta(hours=1)


def nightly(version: int = 1, cron: str = "0 * * * *", id: str = "nightly") -> str:
    schedule = f"\n  schedule: [{{cron: '{cron}'}}]" if cron else ""
    return f"workflow:\n  id: {id}\n  version: {version}{schedule}\n  steps: [{{name: work, set: {{x: '1'}}}}]\n"


async def armed(engine: Engine) -> list[tuple[str, int, str]]:
    return [(row.workflow, row.version, row.cron) for row in await engine.core.store.list_schedules()]


def test_a_registered_workflow_starts_when_its_schedule_comes(store: Store) -> None:
    async def main() -> None:
        clock = JumpingClock()
        async with Engine(store, clock=clock, workflows=[nightly()]) as engine:
            server = Server(engine.core)
            assert await server.fire_due() == clock.now() + 3_600_000
            clock.jump(HOUR)
            await server.fire_due()
            assert await engine.register(nightly())  # again the same: nothing happens
            clock.jump(HOUR)
            await server.fire_due()
            runs = await engine.query()
            assert [(run.workflow, run.version) for run in runs] == [("nightly", 1)] * 2
            for run in runs:
                assert (await (await engine.handle(run.id)).result()).status == "succeeded"
            [row] = await engine.core.store.list_schedules()
            assert row.folder == os.getcwd()

    asyncio.run(main())


def test_an_engine_serves_schedules_if_it_is_told_to(make_store: Callable[[], Store]) -> None:
    async def main() -> None:
        clock = JumpingClock()
        async with Engine(make_store(), clock=clock, workflows=[nightly()]):
            clock.jump(HOUR)
        async with Engine(make_store(), clock=clock) as engine:
            await engine.run("nightly", name="by-hand")
            assert [run.name for run in await engine.query()] == ["by-hand"]
        async with Engine(make_store(), clock=clock, schedules=True) as engine:
            async with engine.events() as events:
                ended = [event.name async for event in _until_ended(events)]
            assert ended == ["nightly-1"]
            assert [run.key for run in await engine.query(name="nightly")] != [""]

    asyncio.run(main())


async def _until_ended(events: Subscription) -> AsyncIterator[LifecycleEvent]:
    async for event in events:
        if event.type == "run.ended":
            yield event
            return


def test_a_newer_registration_takes_the_place_of_a_schedule_and_an_older_one_does_not(store: Store) -> None:
    async def main() -> None:
        async with Engine(store, clock=JumpingClock()) as engine:
            await engine.register(nightly())
            await engine.register(nightly(3, "30 * * * *"))
            assert await armed(engine) == [("nightly", 3, "30 * * * *")]
            await engine.register(nightly(2, "5 * * * *"))
            assert await armed(engine) == [("nightly", 3, "30 * * * *")]
            await engine.register(nightly(3, "40 * * * *"), replace=True)
            assert await armed(engine) == [("nightly", 3, "40 * * * *")]
            await engine.register(nightly(4, ""))
            assert await armed(engine) == []

    asyncio.run(main())


def test_a_version_that_is_removed_takes_its_schedule_along_and_the_highest_that_is_left_holds(store: Store) -> None:
    async def main() -> None:
        async with Engine(store, clock=JumpingClock()) as engine:
            for text in (nightly(), nightly(2, "30 * * * *"), nightly(3, "")):
                await engine.register(text)
            assert await armed(engine) == []
            assert await engine.unregister("nightly", 3)
            assert await armed(engine) == [("nightly", 2, "30 * * * *")]
            assert await engine.unregister("nightly", 1)
            assert await armed(engine) == [("nightly", 2, "30 * * * *")]
            assert await engine.unregister("nightly", 2)
            assert await armed(engine) == []
            await engine.register(nightly())
            assert await armed(engine) == [("nightly", 1, "0 * * * *")]

    asyncio.run(main())


def test_the_schedules_of_included_workflows_do_not_hold(store: Store, tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text(nightly(id="other"))
    (tmp_path / "own.yaml").write_text("include: [other.yaml]\n" + nightly(id="own"))

    async def main() -> None:
        async with Engine(store, clock=JumpingClock()) as engine:
            registered = await engine.register(tmp_path / "own.yaml")
            assert {row.workflow for row in registered} == {"own", "other"}
            assert await armed(engine) == [("own", 1, "0 * * * *")]

    asyncio.run(main())
