"""Subscriptions: what happened to runs, each event once, in the order of the commits."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable

import pytest

from tests.runtime.library.workflows import DOUBLE, PARENT, TWO, WAITS, calls
from wfe_runtime import Engine, LifecycleEvent, NotFound, Store, Subscription


def double(n: int) -> int:
    return 2 * n


def broken(n: int) -> int:
    raise RuntimeError("no")


async def all_of(subscription: Subscription) -> list[LifecycleEvent]:
    async with asyncio.timeout(30):
        return [event async for event in subscription]


async def up_to_end_of(subscription: Subscription, run: str) -> list[LifecycleEvent]:
    events: list[LifecycleEvent] = []
    async with asyncio.timeout(30):
        async for event in subscription:
            events.append(event)
            if (event.type, event.run) == ("run.ended", run):
                break
    return events


def shown(events: list[LifecycleEvent]) -> list[str]:
    return [f"{event.type} {event.step}".strip() for event in events]


@pytest.mark.acceptance("LOG-01")
def test_the_events_of_a_run_come_once_from_its_start_and_end_with_it(store: Store) -> None:
    async def main() -> None:
        async with Engine(store, functions=[double], workflows=[TWO]) as engine:
            handle = await engine.start("two", {"n": 5})
            events = await all_of(handle.events())
            assert shown(events) == [
                "run.started",
                "step.started first",
                "step.ended first",
                "step.ended never",
                "step.started second",
                "step.ended second",
                "run.ended",
            ]
            assert [event.status for event in events[2:4]] == ["succeeded", "skipped"]
            assert (events[2].outputs, events[-1].status, events[-1].outputs) == ({"n": 10}, "succeeded", {"n": 20})
            assert {(event.run, event.name, event.workflow, event.version) for event in events} == {
                (handle.id, "two-1", "two", 1)
            }
            assert len({event.id for event in events}) == len(events)
            assert await all_of(handle.events()) == events
            for number, event in enumerate(events[:-1]):
                assert await all_of(handle.events(after=event.id)) == events[number + 1 :]

    asyncio.run(main())


@pytest.mark.acceptance("LOG-01")
def test_suspension_resumption_and_reopening_are_told(store: Store) -> None:
    async def main() -> None:
        async with Engine(store, functions=[broken], workflows=[WAITS, calls("broken")]) as engine:
            handle = await engine.start("waits")
            for change in (handle.suspend, handle.resume, handle.cancel):
                assert await change()
            assert [kind for kind in shown(await all_of(handle.events())) if kind.startswith("run.")] == [
                "run.started",
                "run.suspended",
                "run.resumed",
                "run.ended",
            ]
            failing = await engine.start("work", {"n": 1})
            events = await all_of(failing.events())
            assert (events[-1].status, events[-1].error and events[-1].error.kind) == ("failed", "throw")
            assert await failing.retry()
            again = await all_of(failing.events(after=events[-1].id))
            assert shown(again) == ["run.reopened", "step.started call", "step.ended call", "run.ended"]

    asyncio.run(main())


@pytest.mark.acceptance("LOG-01")
def test_a_run_that_a_failure_suspends_says_suspended(store: Store) -> None:
    async def main() -> None:
        text = calls("broken", error_behavior="{type: suspend}")
        async with Engine(store, functions=[broken], workflows=[text]) as engine:
            handle = await engine.start("work", {"n": 1})
            async with asyncio.timeout(30):
                async for event in handle.events():
                    if event.type == "run.suspended":
                        break
            assert await handle.status() == "suspended"

    asyncio.run(main())


@pytest.mark.acceptance("LOG-03")
def test_subscribers_to_all_runs_and_to_one_get_all_of_their_own_at_once(store: Store) -> None:
    async def main() -> None:
        async with Engine(store, functions=[double], workflows=[DOUBLE, PARENT]) as engine:
            await engine.run("double", {"n": 0})
            async with engine.events() as everything, engine.events() as again:
                first = await engine.start("double", {"n": 1})
                second = await engine.start("parent")
                await second.result()
                await first.result()
                events = await up_to_end_of(everything, second.id)
                assert await up_to_end_of(again, second.id) == events
            own = [event for event in events if event.run == second.id]
            assert await all_of(engine.events(second)) == own
            child = [event for event in events if event.parent == second.id]
            assert {event.root for event in child} == {second.id}
            assert shown(child) == ["run.started", "step.started call", "step.ended call", "run.ended"]
            assert events.index(own[1]) < events.index(child[0]) < events.index(own[-1])
            assert {event.run for event in events} <= {first.id, second.id, child[0].run}

    asyncio.run(main())


@pytest.mark.acceptance("LOG-02")
def test_a_subscriber_that_was_away_goes_on_after_the_last_event_it_has_seen(
    make_store: Callable[[], Store],
) -> None:
    async def main() -> None:
        async with Engine(make_store(), functions=[double], workflows=[TWO]) as engine, engine.events() as events:
            first = await engine.start("two", {"n": 1})
            seen = [await anext(events) for _ in range(3)]
            await first.result()
            second = await engine.start("two", {"n": 2})
            await second.result()
        async with Engine(make_store()) as engine:
            rest = await up_to_end_of(engine.events(after=seen[-1].id), second.id)
            whole = await all_of(engine.events(first.id)) + await all_of(engine.events(second.id))
            assert seen + rest == whole

    asyncio.run(main())


@pytest.mark.acceptance("LOG-03")
def test_who_is_too_far_behind_is_told_how_much_it_missed(store: Store) -> None:
    async def main() -> None:
        engine = Engine(store, functions=[double], workflows=[DOUBLE])
        async with engine, engine.events(backlog=5) as slow:
            for n in range(120):
                await engine.run("double", {"n": n})
            missed = await anext(slow)
            assert (missed.type, missed.missed) == ("missed", 240)
            last = await engine.start("double", {"n": 1})
            events = await up_to_end_of(slow, last.id)
            assert shown(events)[0] == "run.started"

    asyncio.run(main())


def test_what_is_subscribed_to_has_to_be_there_and_ends_with_the_engine(store: Store) -> None:
    async def main() -> None:
        async with Engine(store, workflows=[WAITS]) as engine:
            handle = await engine.start("waits")
            for wrong in (
                engine.events("nobody"),
                engine.events(after="x"),
                engine.events(after="x:1:0"),
                handle.events(after="x:1:0"),
            ):
                with pytest.raises(NotFound):
                    await anext(wrong)
            told = asyncio.ensure_future(all_of(engine.events(handle)))
            await asyncio.sleep(0)
        assert shown(await told)[:1] in ([], ["run.started"])

    asyncio.run(main())


def test_a_subscription_that_nobody_holds_any_more_is_forgotten(store: Store) -> None:
    async def main() -> None:
        async with Engine(store, functions=[double], workflows=[DOUBLE]) as engine:
            handle = await engine.start("double", {"n": 1})
            await handle.result()
            left: list[weakref.ref[Subscription]] = []
            for run in (handle, ""):
                events = engine.events(run)
                left.append(weakref.ref(events))
                if run:
                    async for _ in events:
                        break
                else:
                    await events.__aenter__()
                del events
            await engine.run("double", {"n": 2})
            gc.collect()
            assert [held() for held in left] == [None, None]

    asyncio.run(main())
