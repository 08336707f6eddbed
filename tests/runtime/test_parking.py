"""Runs that only wait are let go of, and go on in time and once, whoever has let go of them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.runtime.engine_support import (
    Clock,
    Held,
    MakeStore,
    Work,
    Workflows,
    embedded,
    fails,
    gives,
    kill,
    open_engine,
    row_of,
    serving,
    turns,
    until,
)
from wfe_runtime import parking, timers
from wfe_runtime.approvals import Answer
from wfe_runtime.engine import LEASE_MS, Engine, RunParked
from wfe_runtime.errors import NotFound, WfeError
from wfe_runtime.executors.contract import StepContext
from wfe_runtime.library.control import ask
from wfe_runtime.providers.rows import RunFilter
from wfe_runtime.serving import Server
from wfe_vm.events import Cancel, Event, Resume, Terminate

HOUR = 3_600_000

NAP = Workflows("""
workflow:
  id: nap
  version: 1
  steps:
    - {name: nap, sleep: 1h}
    - {name: after, config: {run: make}}
""")
WAIT = Workflows("""
workflow:
  id: w
  version: 1
  outputs: {got: any}
  steps:
    - {name: first, wait: {event: paid, key: a}}
    - {name: second, approve: {title: Ship it?}}
    - set: {got: '[steps.first.output.data, steps.second.output.option]'}
""")
PARENT = Workflows("""
workflows:
  - id: parent
    version: 1
    steps:
      - {name: call, type: workflow, config: {workflow: child}}
      - {name: after, config: {run: make}}
  - id: child
    version: 1
    steps:
      - {name: nap, sleep: 1h}
""")
BESIDE = Workflows("""
workflow:
  id: beside
  version: 1
  steps:
    - parallel:
        - {name: nap, sleep: 1h}
        - {name: work, config: {run: make}}
""")
ACTIVITY = Workflows("""
workflow:
  id: charge
  version: 1
  steps:
    - {name: charge, type: activity, timeout: 1h, config: {activity: charge-card}}
""")


@pytest.fixture(autouse=True)
def lets_go_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands still is let go of at the next turn, and a jump of the clock is seen in a test's time."""
    monkeypatch.setattr(parking, "QUIET_SECONDS", 0.0)
    monkeypatch.setattr(timers, "LONGEST_SLEEP_MS", 5)


async def parked(engine: Engine, *runs: str) -> None:
    """Wait until the engine has let go of these runs."""

    async def holds() -> bool:
        rows = [await row_of(engine.store, run) for run in runs]
        return all(row.parked == 1 and not engine.has(row.id) for row in rows)

    await until(holds)


async def ended(engine: Engine, run: str, status: str = "succeeded") -> None:
    async def holds() -> bool:
        return (await row_of(engine.store, run)).status == status

    await until(holds)


@contextlib.asynccontextmanager
async def one_that_serves(store: Any, work: Any = None, clock: Clock | None = None) -> AsyncIterator[Engine]:
    async with embedded(store, work, clock=clock) as engine, serving(engine):
        yield engine


@pytest.mark.acceptance("EVT-12", "ENG-22")
def test_runs_that_sleep_are_let_go_of_and_wake_in_order_when_the_clock_says_so(make_store: MakeStore) -> None:
    async def main() -> None:
        clock, work = Clock(), Work()
        async with one_that_serves(make_store(), work, clock) as engine:
            runs = []
            for _ in range(5):
                runs.append(await NAP.start(engine))
                clock.time += 1000
            await parked(engine, *runs)
            assert engine.at_hand() == []
            assert [row.owner for row in await engine.store.list_runs(RunFilter())] == [engine.host.id] * 5
            clock.time += HOUR - 5000 - parking.AHEAD_MS - 1
            await turns()
            assert engine.at_hand() == []
            clock.time += 1
            await until(lambda: _has(engine, runs[0]))
            assert work.begun == [], "it is taken up ahead of its time, and does not fire before it"
            assert not engine.has(runs[4])
            clock.time += 5000 + parking.AHEAD_MS
            for run in runs:
                await ended(engine, run)
            assert [context.run for context in work.begun] == runs

    asyncio.run(main())


async def _has(engine: Engine, run: str) -> bool:
    return engine.has(run)


@pytest.mark.acceptance("ENG-19")
def test_a_clock_that_goes_back_or_jumps_ahead_wakes_nothing_early_and_nothing_twice(make_store: MakeStore) -> None:
    async def main() -> None:
        clock, work = Clock(), Work()
        async with one_that_serves(make_store(), work, clock) as engine:
            run = await NAP.start(engine)
            await parked(engine, run)
            clock.time -= 24 * HOUR
            other = await NAP.start(engine)
            await parked(engine, run, other)
            clock.time += HOUR
            await ended(engine, other)
            assert (await row_of(engine.store, run)).parked == 1
            clock.time += 48 * HOUR
            await ended(engine, run)
            assert sorted(context.run for context in work.begun) == sorted([run, other])

    asyncio.run(main())


@pytest.mark.acceptance("ENG-09", "EVT-04")
def test_an_event_and_an_answer_wake_a_run_that_was_let_go_of(make_store: MakeStore) -> None:
    async def main() -> None:
        async with one_that_serves(make_store()) as engine:
            run = await WAIT.start(engine)
            await parked(engine, run)
            await engine.publish("paid", "a", 5)

            async def asks() -> bool:
                stored = await engine.store.load_state(run)
                return stored is not None and stored.run.sequence > 1 and stored.run.parked == 1

            await until(asks)
            answer = await engine.answer(run, "approve", "ann")
            assert answer == Answer(True, "second", "approve", "ann")
            await ended(engine, run)

    asyncio.run(main())


def test_whoever_waits_for_a_run_that_is_let_go_of_is_told_so(make_store: MakeStore) -> None:
    async def main() -> None:
        async with embedded(make_store()) as engine:
            run = await WAIT.start(engine)
            waiting = asyncio.ensure_future(engine.wait(run))
            await engine.settled()
            async with serving(engine):
                with pytest.raises(RunParked, match="run w-1 only waits"):
                    await waiting

    asyncio.run(main())


def test_a_parent_and_its_child_are_both_let_go_of_and_the_childs_end_wakes_the_parent(make_store: MakeStore) -> None:
    async def main() -> None:
        clock = Clock()
        async with one_that_serves(make_store(), clock=clock) as engine:
            run = await PARENT.start(engine, "parent")

            async def both() -> bool:
                rows = await engine.store.list_runs(RunFilter())
                return [row.parked for row in rows] == [1, 1] and engine.at_hand() == []

            await until(both)
            clock.time += HOUR
            await ended(engine, run)
            rows = await engine.store.list_runs(RunFilter())
            assert [(row.workflow, row.status) for row in rows] == [("child", "succeeded"), ("parent", "succeeded")]

    asyncio.run(main())


def test_a_run_of_which_a_step_is_under_way_is_kept_until_that_ends(make_store: MakeStore) -> None:
    async def main() -> None:
        held = Held()
        async with one_that_serves(make_store(), held, Clock()) as engine:
            run = await BESIDE.start(engine)
            await held.under_way(1)
            await turns()
            assert engine.has(run)
            held.let_go()
            await parked(engine, run)

    asyncio.run(main())


def test_a_short_wait_is_not_let_go_of(make_store: MakeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parking, "SHORTEST_WAIT_MS", HOUR + 1)

    async def main() -> None:
        async with one_that_serves(make_store(), clock=Clock()) as engine:
            napping, waiting = await NAP.start(engine), await WAIT.start(engine)
            await parked(engine, waiting)
            assert engine.has(napping)
            assert (await row_of(engine.store, napping)).parked == 0

    asyncio.run(main())


@pytest.mark.acceptance("EVT-19")
def test_an_activitys_limit_of_time_wakes_a_run_that_was_let_go_of(make_store: MakeStore) -> None:
    async def main() -> None:
        clock = Clock()
        async with one_that_serves(make_store(), clock=clock) as engine:
            run = await ACTIVITY.start(engine)
            await parked(engine, run)
            assert (await row_of(engine.store, run)).due == clock.time + HOUR
            assert await engine.store.next_activity("charge-card") == 0
            clock.time += HOUR
            await ended(engine, run, "failed")
            assert await engine.store.next_activity("charge-card") == -1

    asyncio.run(main())


@pytest.mark.acceptance("CTL-02")
def test_a_run_that_was_let_go_of_is_suspended_resumed_and_cancelled_as_any_other(make_store: MakeStore) -> None:
    async def main() -> None:
        async with one_that_serves(make_store(), clock=Clock()) as engine:
            run = await NAP.start(engine)
            await parked(engine, run)
            assert await engine.suspend(run, "a pause")
            assert (await row_of(engine.store, run)).status == "suspended"
            assert await ask(engine, run, Resume)
            await parked(engine, run)
            await engine.post(run, Cancel(engine.clock.now(), "enough", 0))
            await ended(engine, run, "aborted")

    asyncio.run(main())


@pytest.mark.acceptance("ENG-22", "CTL-01", "CTL-02")
@pytest.mark.parametrize("asked", ["resume", "cancel", "terminate"])
def test_a_suspended_run_is_let_go_of_and_does_what_it_is_told(make_store: MakeStore, asked: str) -> None:
    async def main() -> None:
        clock = Clock()
        async with one_that_serves(make_store(), clock=clock) as engine:
            run = await WAIT.start(engine)
            assert await engine.suspend(run, "a pause")
            await parked(engine, run)
            await engine.publish("paid", "a", 5)  # which it takes in, and stands still all the same
            await until(lambda: _sequence_is_over(engine, run, 2))
            await parked(engine, run)
            now, row = clock.time, await row_of(engine.store, run)
            assert (row.status, row.owner, row.due) == ("suspended", engine.host.id, 0)
            event: Event = Resume(now)
            if asked != "resume":
                event = Cancel(now, "enough", 0) if asked == "cancel" else Terminate(now, "enough")
            await engine.post(run, event)
            if asked == "resume":

                async def answered() -> bool:
                    with contextlib.suppress(NotFound):
                        await engine.answer(run, "approve", "ann")
                        return True
                    return False

                await until(answered)
            await ended(engine, run, {"resume": "succeeded", "cancel": "aborted", "terminate": "terminated"}[asked])

    asyncio.run(main())


def test_a_run_that_a_failed_step_suspended_is_let_go_of_and_tries_it_again_when_it_is_resumed(
    make_store: MakeStore,
) -> None:
    async def main() -> None:
        text = """
workflow:
  id: w
  version: 1
  steps:
    - {name: made, config: {run: make}}
    - parallel:
        - {name: bad, error_behavior: suspend, config: {run: make}}
        - {name: beside, config: {run: make}}
        - {name: nap, sleep: 1h}
"""
        held, broken = Held(), {"bad"}

        def do(context: StepContext) -> Any:
            name = context.step.rpartition("/")[2]
            return held(context) if name == "beside" else fails() if name in broken else gives()

        clock, work = Clock(), Work(do)
        async with one_that_serves(make_store(), work, clock) as engine:
            run = await Workflows(text).start(engine)
            await ended(engine, run, "suspended")
            await held.under_way(1)
            await turns()
            assert engine.has(run), "what runs beside it ends, and counts"
            held.let_go()
            await parked(engine, run)
            broken.clear()
            clock.time += 2 * HOUR
            assert await ask(engine, run, Resume)
            await ended(engine, run)
            assert sorted(path.rpartition("/")[2] for path in work.paths) == ["bad", "bad", "beside", "made"]

    asyncio.run(main())


def test_a_suspended_parent_and_its_child_are_let_go_of_and_go_on_together(make_store: MakeStore) -> None:
    async def main() -> None:
        clock = Clock()
        async with one_that_serves(make_store(), clock=clock) as engine:
            run = await PARENT.start(engine, "parent")
            assert await engine.suspend(run, "a pause")

            async def both() -> bool:
                rows = await engine.store.list_runs(RunFilter())
                return [(row.status, row.parked) for row in rows] == [("suspended", 1)] * 2 and not engine.at_hand()

            await until(both)
            clock.time += 2 * HOUR
            await turns()
            assert await both(), "the timers of what is suspended stand still"
            await engine.post(run, Resume(clock.time))
            await ended(engine, run)

    asyncio.run(main())


def test_an_engine_that_does_not_serve_lets_go_of_nothing_and_takes_nothing_that_another_looks_after(
    make_store: MakeStore,
) -> None:
    async def main() -> None:
        clock = Clock()
        async with one_that_serves(make_store(), clock=clock) as engine:
            run = await WAIT.start(engine)
            await parked(engine, run)
            async with embedded(make_store(), clock=clock) as other:
                with pytest.raises(WfeError, match="is being advanced by a live process"):
                    await other.take_over(run)
                own = await WAIT.start(other)
                await other.settled()
                await turns()
                assert other.has(own)

    if make_store() is make_store():
        pytest.skip("a store in memory has one engine: nothing of it is shared between two")
    asyncio.run(main())


@pytest.mark.acceptance("ENG-02", "STO-06")
@pytest.mark.parametrize("at_once", [1, 500])
def test_runs_that_a_host_has_let_go_of_outlive_it_and_each_goes_on_once(
    make_store: MakeStore, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(parking, "AT_ONCE", at_once)

    async def main() -> None:
        clock, work = Clock(), Work()
        first = await open_engine(make_store(), work, clock)
        async with serving(first):
            napping = [await NAP.start(first) for _ in range(3)]
            waiting = await WAIT.start(first)
            await parked(first, *napping, waiting)
        await kill(first)
        clock.time += LEASE_MS
        async with (
            one_that_serves(make_store(), work, clock) as second,
            one_that_serves(make_store(), work, clock) as third,
        ):

            async def inherited() -> bool:
                rows = await second.store.list_runs(RunFilter())
                return {row.owner for row in rows} <= {second.host.id, third.host.id}

            await until(inherited)
            assert second.at_hand() == third.at_hand() == []
            clock.time += HOUR
            for run in napping:
                await ended(second, run)
            await second.publish("paid", "a", 1)
            await until(lambda: _sequence_is_over(second, waiting, 1))
        assert sorted(context.run for context in work.begun) == sorted(napping)
        assert {context.attempt for context in work.begun} == {1}

    if make_store() is make_store():
        pytest.skip("a store in memory has one engine: nothing of it is shared between two")
    asyncio.run(main())


async def _sequence_is_over(engine: Engine, run: str, sequence: int) -> bool:
    return (await row_of(engine.store, run)).sequence > sequence


@pytest.mark.acceptance("ENG-15")
def test_an_engine_that_leaves_leaves_what_it_has_let_go_of_to_whoever_serves_next(make_store: MakeStore) -> None:
    async def main() -> None:
        clock = Clock()
        async with one_that_serves(make_store(), clock=clock) as engine:
            run = await NAP.start(engine)
            await parked(engine, run)
        clock.time += HOUR
        async with one_that_serves(make_store(), clock=clock) as engine:
            await ended(engine, run)

    asyncio.run(main())


@pytest.mark.acceptance("ENG-16")
def test_a_parked_run_that_an_heir_can_not_run_is_left_to_one_that_can(make_store: MakeStore) -> None:
    async def main() -> None:
        text = "workflow: {id: w, version: 1, steps: [{sleep: 1h}, {name: x, type: git-repo, config: {run: a}}]}"
        clock, able = Clock(), Work()
        able.types = ("shell", "git-repo")
        async with one_that_serves(make_store(), able, clock) as engine:
            run = await Workflows(text).start(engine)
            await parked(engine, run)
        async with embedded(make_store(), clock=clock) as engine, serving(engine) as server:
            clock.time += HOUR

            async def is_left() -> bool:
                return bool(server.lacking) and (await row_of(engine.store, run)).owner == ""

            await until(is_left)
            async with one_that_serves(make_store(), able, clock) as other:
                await ended(other, run)

    if make_store() is make_store():
        pytest.skip("a store in memory has one engine: nothing of it is shared between two")
    asyncio.run(main())


def test_what_is_told_to_a_run_at_the_moment_it_is_let_go_of_is_not_lost(make_store: MakeStore) -> None:
    async def main() -> None:
        async with embedded(make_store(), clock=Clock()) as engine:
            run = await WAIT.start(engine)
            await engine.settled()
            park = engine.store.park

            async def told_first(host: str, runs: Any) -> list[bool]:
                await engine.store.publish([])
                await engine.publish("paid", "a", 5)
                answers: list[bool] = await park(host, runs)
                return answers

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(engine.store, "park", told_first)
                async with serving(engine):
                    await until(lambda: _sequence_is_over(engine, run, 1))

    asyncio.run(main())


@pytest.mark.acceptance("CTL-05")
def test_a_finished_run_that_is_claimed_and_told_something_stale_stays_as_it_ended(make_store: MakeStore) -> None:
    async def main() -> None:
        text = "workflow: {id: w, version: 1, steps: [{name: a, config: {run: make}}]}"
        work = Work(lambda _: fails())
        async with embedded(make_store(), work, clock=Clock()) as engine:
            run = await Workflows(text).start(engine)
            await ended(engine, run, "failed")
            before = await row_of(engine.store, run)
            assert before.ended > 0
            await engine.post(run, Cancel(engine.clock.now(), "too late", 0))
            await engine.take_over(run)
            await engine.settled()
            assert await engine.store.read_inbox([run]) == []
            row = await row_of(engine.store, run)
            assert (row.status, row.ended, row.result) == (before.status, before.ended, before.result)
            work.do = lambda _: gives()
            assert await engine.retry(run, "again")
            await ended(engine, run)

    asyncio.run(main())


def test_letting_go_says_whether_it_is_at_work(make_store: MakeStore) -> None:
    async def main() -> None:
        async with embedded(make_store(), clock=Clock()) as engine:
            server = Server(engine)
            assert server.at_work
            async with serving(engine) as server:

                async def rests() -> bool:
                    return not server.at_work

                await until(rests)
                run = await WAIT.start(engine)
                await parked(engine, run)
                await until(rests)

    asyncio.run(main())
