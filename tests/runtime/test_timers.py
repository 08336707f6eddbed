"""Due times: fired in order and once, by a clock that may stand still, jump ahead, or go back."""

from __future__ import annotations

import asyncio

import pytest

from tests.runtime.engine_support import (
    Clock,
    MakeStore,
    Work,
    Workflows,
    embedded,
    fails,
    gives,
    result_of,
    row_of,
    statuses,
    until,
)
from wfe_runtime import timers
from wfe_runtime.executors.contract import StepContext, StepResult
from wfe_runtime.timers import Timers
from wfe_vm.events import Cancel, Resume

HOUR = 3_600_000

NAP = """
workflow:
  id: nap
  version: 1
  steps:
    - {name: nap, sleep: 1h}
    - {name: after, config: {run: make}}
"""


@pytest.fixture
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock is looked at every few milliseconds, so that a jump of it is seen in a test's time."""
    monkeypatch.setattr(timers, "LONGEST_SLEEP_MS", 5)


class Alarm:
    """Timers on a clock that stands still, and what has fired."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.fired: list[str] = []
        self._rang = asyncio.Event()
        self.timers = Timers(self.clock, self._fire)

    def _fire(self, run: str) -> None:
        self.fired.append(run)
        self._rang.set()

    async def rings(self) -> None:
        self._rang.clear()
        await self._rang.wait()


def test_runs_fire_in_the_order_of_their_times_each_once(looks_often: None) -> None:
    async def main() -> None:
        alarm = Alarm()
        now = alarm.clock.time
        for run, due in (("c", 30), ("a", 10), ("b", 20), ("later", 1000), ("gone", 5), ("moved", 5)):
            alarm.timers.set(run, now + due)
        alarm.timers.set("gone", 0)
        alarm.timers.set("moved", now + 25)
        alarm.clock.time += 500
        await alarm.rings()
        assert alarm.fired == ["a", "b", "moved", "c"]
        alarm.clock.time += 500
        await alarm.rings()
        assert alarm.fired == ["a", "b", "moved", "c", "later"]

    asyncio.run(main())


def test_a_time_that_has_come_already_fires_at_once_but_not_within_the_call() -> None:
    async def main() -> None:
        alarm = Alarm()
        alarm.timers.set("past", alarm.clock.time - HOUR)
        assert alarm.fired == []
        await alarm.rings()
        assert alarm.fired == ["past"]

    asyncio.run(main())


@pytest.mark.acceptance("ENG-19")
def test_a_clock_that_goes_back_fires_nothing_early_and_nothing_twice(looks_often: None) -> None:
    async def main() -> None:
        alarm = Alarm()
        alarm.timers.set("first", alarm.clock.time + 10)
        alarm.timers.set("second", alarm.clock.time + HOUR)
        alarm.clock.time += 10
        await alarm.rings()
        alarm.clock.time -= 24 * HOUR
        alarm.timers.set("third", alarm.clock.time + 10)
        alarm.clock.time += 10
        await alarm.rings()
        assert alarm.fired == ["first", "third"]
        alarm.clock.time += 25 * HOUR
        await alarm.rings()
        assert alarm.fired == ["first", "third", "second"]

    asyncio.run(main())


def test_one_that_stays_due_does_not_keep_the_loop_from_others() -> None:
    async def main() -> None:
        clock, rounds = Clock(), 0
        turned = asyncio.Event()

        def fire(run: str) -> None:
            nonlocal rounds
            rounds += 1
            again.set(run, clock.time)  # as a run does that could not take its timer in

        again = Timers(clock, fire)
        again.set("stuck", clock.time)
        asyncio.get_running_loop().call_later(0.01, turned.set)
        await turned.wait()
        again.close()
        assert rounds > 1

    asyncio.run(main())


def test_nothing_fires_and_nothing_is_set_after_close() -> None:
    async def main() -> None:
        alarm = Alarm()
        alarm.timers.set("a", alarm.clock.time)
        alarm.timers.close()
        alarm.timers.set("b", alarm.clock.time)
        alarm.timers.close()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert alarm.fired == []

    asyncio.run(main())


@pytest.mark.acceptance("ENG-19")
def test_a_sleeping_run_wakes_when_the_clock_says_so(make_store: MakeStore, looks_often: None) -> None:
    async def main() -> None:
        clock, work = Clock(), Work()
        async with embedded(make_store(), work, clock=clock) as engine:
            nap = Workflows(NAP)
            runs = [await nap.start(engine) for _ in range(3)]
            await engine.settled()
            assert await statuses(engine.store) == {"waiting": 3}
            assert (await row_of(engine.store, runs[0])).due == clock.time + HOUR
            clock.time += HOUR - 1
            assert engine.deliver(runs[2], Cancel(clock.time, "no need", 0))
            assert (await result_of(engine, runs[2])).status == "aborted"
            assert work.begun == []
            clock.time += 1
            for run in runs[:2]:
                assert (await result_of(engine, run)).status == "succeeded"
            assert work.paths == ["after", "after"]

    asyncio.run(main())


def test_a_sleep_is_over_when_it_was_to_be_whoever_has_the_run_by_then(
    make_store: MakeStore, looks_often: None
) -> None:
    async def main() -> None:
        clock, work = Clock(), Work()
        async with embedded(make_store(), work, clock=clock) as engine:
            run = await Workflows(NAP).start(engine)
            await engine.settled()
        due = clock.time + HOUR
        clock.time += 2 * HOUR
        async with embedded(make_store(), work, clock=clock) as engine:
            row = await engine.take_over(run)
            assert row.due == due
            result = await result_of(engine, run)
            assert (result.status, result.duration_ms) == ("succeeded", 2 * HOUR)

    asyncio.run(main())


def test_a_suspended_runs_sleep_goes_on_and_is_over_with_the_resume(make_store: MakeStore, looks_often: None) -> None:
    async def main() -> None:
        clock, work = Clock(), Work()
        async with embedded(make_store(), work, clock=clock) as engine:
            run = await Workflows(NAP).start(engine)
            await engine.suspend_all("a pause")
            assert (await row_of(engine.store, run)).due == 0
            clock.time += 2 * HOUR
            other = await Workflows(NAP).start(engine)
            clock.time += HOUR
            assert (await result_of(engine, other)).status == "succeeded"
            assert engine.status(run) == "suspended"
            assert engine.deliver(run, Resume(clock.time))
            assert (await result_of(engine, run)).status == "succeeded"

    asyncio.run(main())


def test_the_delays_between_attempts_are_times_of_the_clock(make_store: MakeStore, looks_often: None) -> None:
    async def main() -> None:
        clock = Clock()
        times: list[int] = []

        def do(context: StepContext) -> StepResult:
            times.append(clock.time)
            clock.time += HOUR
            return fails() if context.attempt < 4 else gives()

        text = """
workflow:
  id: flaky
  version: 1
  steps: [{name: flaky, config: {run: make}, retry: {attempts: 4, interval: 30m, backoff: 2}}]
"""
        async with embedded(make_store(), do, clock=clock) as engine:
            began = clock.time
            run = await Workflows(text).start(engine)
            for attempts, delay in enumerate((HOUR // 2, HOUR, 2 * HOUR), 1):

                async def waits(delay: int = delay) -> bool:
                    return (await row_of(engine.store, run)).due == clock.time + delay

                await until(waits)
                assert len(times) == attempts
                clock.time += delay
            assert (await result_of(engine, run)).status == "succeeded"
            assert [time - began for time in times] == [0, HOUR * 3 // 2, HOUR * 7 // 2, HOUR * 13 // 2]

    asyncio.run(main())
