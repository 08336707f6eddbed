"""Activities: steps whose work is done by workers outside."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.runtime.engine_support import Clock, turns
from wfe_runtime import Activity, Engine, InputError, Store, WfeError

CHARGE = """
workflow:
  id: charge
  version: 1
  inputs: {sum: integer}
  outputs: {receipt: any}
  steps:
    - name: charge
      type: activity
      config: {activity: charge-card}
      inputs: {sum: inputs.sum}
      outputs: [{name: receipt, type: integer}]
    - return: {receipt: steps.charge.output.receipt}
"""
RETRIED = CHARGE.replace("      outputs:", "      retry: {attempts: 2, interval: 0ms}\n      outputs:")
TIMED = CHARGE.replace("      outputs:", "      timeout: 20ms\n      outputs:")
RACE = """
workflow:
  id: race
  version: 1
  steps:
    - race:
        - {name: slow, type: activity, config: {activity: slow}}
        - {name: quick, type: activity, config: {activity: quick}}
"""
TWICE = """
workflow:
  id: twice
  version: 1
  steps:
    - {name: first, type: activity, config: {activity: first}}
    - {name: second, type: activity, config: {activity: second}}
"""


async def fetch(engine: Engine, kind: str = "charge-card", worker: str = "w", lease: float = 30.0) -> Activity:
    """Wait for work."""
    found = await engine.activities.fetch(kind, worker, lease, wait=30)
    assert found is not None
    return found


async def refused(work: object, why: str) -> None:
    with pytest.raises(WfeError, match=why) as caught:
        await work
    assert caught.value.code == "token"


@pytest.mark.acceptance("EVT-18")
def test_an_activity_is_fetched_with_its_inputs_by_one_worker_and_completed_with_typed_outputs(store: Store) -> None:
    async def main() -> None:
        async with Engine(store, workflows=[CHARGE]) as engine:
            handle = await engine.start("charge", {"sum": 5})
            first, second = await asyncio.gather(
                engine.activities.fetch("charge-card", "w1", wait=0.2),
                engine.activities.fetch("charge-card", "w2", wait=0.2),
            )
            found = first or second
            assert found is not None
            assert first is None or second is None
            assert (found.inputs, found.run, found.step, found.attempt) == ({"sum": 5}, handle.id, "charge", 1)
            assert await engine.activities.heartbeat(found.token)
            await engine.activities.complete(found.token, {"receipt": 7})
            assert (await handle.result()).outputs == {"receipt": 7}
            await refused(engine.activities.complete(found.token, {"receipt": 8}), "answered before")
            await refused(engine.activities.heartbeat(found.token), "answered before")

    asyncio.run(main())


@pytest.mark.acceptance("EVT-18")
def test_outputs_of_a_wrong_type_are_the_steps_error_and_what_is_no_data_is_refused(store: Store) -> None:
    async def main() -> None:
        async with Engine(store, workflows=[CHARGE]) as engine:
            handle = await engine.start("charge", {"sum": 5})
            found = await fetch(engine)
            with pytest.raises(InputError, match="no plain data"):
                await engine.activities.complete(found.token, {"receipt": object()})
            with pytest.raises(InputError, match="no plain data"):
                await engine.activities.fail(found.token, "no", {"why": object()})
            await engine.activities.complete(found.token, {"receipt": "seven"})
            result = await handle.result()
            assert (result.status, result.error and result.error.kind) == ("failed", "type")

    asyncio.run(main())


@pytest.mark.acceptance("EVT-18")
def test_a_failed_activity_is_tried_again_with_the_same_idempotency_key(store: Store) -> None:
    async def main() -> None:
        async with Engine(store, workflows=[RETRIED]) as engine:
            handle = await engine.start("charge", {"sum": 5})
            first = await fetch(engine)
            await engine.activities.fail(first.token, "card declined", {"code": 51})
            second = await fetch(engine)
            assert (second.attempt, second.idempotency_key) == (2, first.idempotency_key)
            await engine.activities.fail(second.token, "declined again")
            result = await handle.result()
            assert result.error is not None
            assert (result.status, result.error.kind, result.error.message) == ("failed", "fail", "declined again")
            assert (result.error.step, result.error.attempt) == ("charge", 2)

    asyncio.run(main())


@pytest.mark.acceptance("EVT-18", "CTL-06", "CTL-08")
def test_an_activity_of_a_run_that_is_retried_is_offered_anew(store: Store) -> None:
    async def main() -> None:
        async with Engine(store, workflows=[TWICE]) as engine:
            handle = await engine.start("twice")
            for _ in range(2):
                await engine.activities.complete((await fetch(engine, "first")).token)
                await engine.activities.fail((await fetch(engine, "second")).token, "no")
                assert (await handle.result()).status == "failed"
                assert await handle.retry("again", from_steps=["first"])
            await engine.activities.complete((await fetch(engine, "first")).token)
            await engine.activities.fail((await fetch(engine, "second")).token, "no")
            assert (await handle.result()).status == "failed"
            assert await handle.retry()
            await engine.activities.complete((await fetch(engine, "second")).token)
            assert (await handle.result()).status == "succeeded"
            assert [await engine.activities.fetch(kind, "w") for kind in ("first", "second")] == [None, None]

    asyncio.run(main())


@pytest.mark.acceptance("EVT-18")
def test_a_released_activity_is_offered_at_once_to_whoever_waits(store: Store) -> None:
    async def main() -> None:
        async with Engine(store, workflows=[CHARGE]) as engine:
            await engine.start("charge", {"sum": 5})
            first = await fetch(engine, worker="w1")
            waiting = asyncio.ensure_future(fetch(engine, worker="w2"))
            await turns()
            await engine.activities.release(first.token)
            second = await waiting
            assert second.token != first.token
            assert (second.attempt, second.idempotency_key) == (1, first.idempotency_key)
            await refused(engine.activities.release(first.token), "no activity is leased")

    asyncio.run(main())


@pytest.mark.acceptance("EVT-19", "SEC-09")
def test_a_lease_that_ran_out_gives_the_work_to_another_and_the_old_token_is_refused(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        clock = Clock()
        async with Engine(store, workflows=[CHARGE], clock=clock) as engine:
            handle = await engine.start("charge", {"sum": 5})
            first = await fetch(engine, lease=10)
            clock.time += 9_000
            assert await engine.activities.heartbeat(first.token, timedelta(seconds=10))
            clock.time += 9_000
            assert await engine.activities.fetch("charge-card", "w2") is None
            clock.time += 1_000
            await refused(engine.activities.complete(first.token, {"receipt": 1}), "lease of activity charge ran out")
            second = await fetch(engine, worker="w2")
            for late in (
                engine.activities.complete(first.token, {"receipt": 1}),
                engine.activities.fail(first.token, "late"),
                engine.activities.heartbeat(first.token),
                engine.activities.complete("forged"),
            ):
                await refused(late, "no activity is leased under its token")
            await engine.activities.complete(second.token, {"receipt": 2})
            assert (await handle.result()).outputs == {"receipt": 2}

    asyncio.run(main())
    assert caplog.text.count("was refused") == 5


@pytest.mark.acceptance("EVT-19")
@pytest.mark.parametrize("end", ["cancel", "terminate"])
def test_the_worker_of_a_cancelled_activity_learns_it_at_its_next_heartbeat(store: Store, end: str) -> None:
    async def main() -> None:
        async with Engine(store, workflows=[CHARGE]) as engine:
            handle = await engine.start("charge", {"sum": 5})
            found = await fetch(engine)
            assert await getattr(handle, end)()
            assert (await handle.result()).status == {"cancel": "aborted", "terminate": "terminated"}[end]
            await turns()
            assert await engine.activities.heartbeat(found.token) is False
            await refused(engine.activities.complete(found.token), "was cancelled")
            assert await engine.activities.fetch("charge-card", "w2") is None

    asyncio.run(main())


def test_an_activity_that_lost_its_race_is_withdrawn(store: Store) -> None:
    async def main() -> None:
        async with Engine(store, workflows=[RACE]) as engine:
            handle = await engine.start("race")
            slow, quick = await fetch(engine, "slow"), await fetch(engine, "quick")
            await engine.activities.complete(quick.token)
            assert (await handle.result()).status == "succeeded"
            assert await engine.activities.heartbeat(slow.token) is False

    asyncio.run(main())


def test_an_activity_that_nobody_does_in_time_is_an_error_of_its_step(store: Store) -> None:
    async def main() -> None:
        async with Engine(store, workflows=[TIMED]) as engine:
            error = (await engine.run("charge", {"sum": 5})).error
            assert error is not None
            assert (error.kind, error.details["limit_ms"]) == ("timeout", 20)
            assert "activity charge took longer than its limit of 20 ms" in error.message
            assert await engine.activities.fetch("charge-card", "w") is None

    asyncio.run(main())


def test_activities_take_none_of_the_hosts_room_for_steps(store: Store) -> None:
    async def main() -> None:
        async with Engine(store, workflows=[CHARGE], step_limit=1) as engine:
            handles = [await engine.start("charge", {"sum": n}) for n in range(5)]
            found = [await fetch(engine) for _ in handles]
            for activity in found:
                await engine.activities.complete(activity.token, {"receipt": activity.inputs["sum"]})
            assert [(await handle.result()).outputs["receipt"] for handle in handles] == [0, 1, 2, 3, 4]

    asyncio.run(main())


@pytest.mark.acceptance("EVT-18", "ENG-01")
def test_a_worker_goes_on_while_the_engine_is_away_and_its_answer_is_found(make_store: Callable[[], Store]) -> None:
    async def main() -> None:
        async with Engine(make_store(), workflows=[CHARGE]) as engine:
            first, second = await engine.start("charge", {"sum": 1}), await engine.start("charge", {"sum": 2})
            answered, running = await fetch(engine), await fetch(engine)
        async with Engine(make_store(), recover=False) as engine:
            await engine.activities.complete(answered.token, {"receipt": 1})
        async with Engine(make_store()) as engine:
            assert (await (await engine.handle(first.id)).result()).outputs == {"receipt": 1}
            assert await engine.recover() == 0
            assert await engine.activities.fetch("charge-card", "other") is None
            assert await engine.activities.heartbeat(running.token)
            await engine.activities.complete(running.token, {"receipt": 2})
            assert (await (await engine.handle(second.id)).result()).outputs == {"receipt": 2}

    asyncio.run(main())


def test_a_suspended_run_takes_the_answer_and_goes_on_when_it_is_resumed(store: Store) -> None:
    async def main() -> None:
        async with Engine(store, workflows=[CHARGE]) as engine:
            handle = await engine.start("charge", {"sum": 1})
            found = await fetch(engine)
            assert await handle.suspend()
            await engine.activities.complete(found.token, {"receipt": 1})
            await turns()
            assert await handle.status() == "suspended"
            assert await handle.resume()
            assert (await handle.result()).outputs == {"receipt": 1}

    asyncio.run(main())


@pytest.mark.acceptance("CTL-02")
def test_a_suspended_run_takes_the_answer_though_its_engine_was_replaced(make_store: Callable[[], Store]) -> None:
    async def main() -> None:
        async with Engine(make_store(), workflows=[CHARGE]) as engine:
            handle = await engine.start("charge", {"sum": 1})
            found = await fetch(engine)
            assert await handle.suspend()
        async with Engine(make_store()) as engine:
            await engine.core.take_over(handle.id)
            await engine.activities.complete(found.token, {"receipt": 1})
            await turns()
            handle = await engine.handle(handle.id)
            assert await handle.resume()
            assert (await handle.result(30)).outputs == {"receipt": 1}

    asyncio.run(main())


def test_who_waits_for_work_is_let_go_when_its_time_is_over_or_the_engine_is_left(store: Store) -> None:
    async def main() -> None:
        async with Engine(store) as engine:
            assert await engine.activities.fetch("charge-card", "w", wait=timedelta(milliseconds=5)) is None
            waiting = asyncio.ensure_future(engine.activities.fetch("charge-card", "w", wait=None))
            await turns()
            with pytest.raises(ValueError, match="longer than nothing"):
                await engine.activities.fetch("charge-card", "w", lease=0)
        assert await waiting is None

    asyncio.run(main())


def test_a_worker_that_asks_for_work_again_once_the_engine_was_left_is_told_so(store: Store) -> None:
    async def main() -> None:
        async with Engine(store) as engine:
            activities = engine.activities
        for call in (
            activities.fetch("charge-card", "w", wait=None),
            activities.heartbeat("token"),
            activities.complete("token"),
            activities.release("token"),
        ):
            with pytest.raises(WfeError) as caught:
                await call
            assert caught.value.code == "closed"

    asyncio.run(main())
