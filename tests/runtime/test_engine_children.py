"""Runs and their children: started and ended without a gap, stopped together, reopened together."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from tests.runtime.engine_support import (
    Clock,
    GatedStore,
    Held,
    MakeStore,
    Work,
    Workflows,
    embedded,
    fails,
    gives,
    kill,
    open_engine,
    result_of,
    row_of,
    statuses,
    until,
)
from wfe_runtime.children import MAX_DEPTH
from wfe_runtime.engine import LEASE_MS, Engine
from wfe_runtime.errors import WfeError
from wfe_runtime.executors.contract import StepContext, StepResult
from wfe_runtime.providers.rows import RunFilter, RunRow
from wfe_vm.events import Cancel, Resume, Retry, Suspend, Terminate
from wfe_vm.phases import WAIT_STEP

FAMILY = """
workflows:
  - id: main
    version: 1
    outputs: {total: integer}
    steps:
      - {name: before, config: {run: make}}
      - name: call
        type: workflow
        config: {workflow: child}
        inputs: {n: '20'}
        outputs: [{name: total, type: integer}]
      - {name: after, config: {run: make}}
      - return: {total: outputs.total}
  - id: child
    version: 1
    inputs: {n: integer}
    outputs: {total: integer}
    steps:
      - {name: one, config: {run: make}}
      - {name: two, config: {run: make}}
      - return: {total: inputs.n + 1}
"""

DETACHED = """
workflows:
  - id: main
    version: 1
    steps:
      - {name: before, config: {run: make}}
      - {name: call, type: workflow, config: {workflow: child, detach: true}}
  - id: child
    version: 1
    steps: [{name: one, config: {run: make}}, {name: two, config: {run: make}}]
"""

TREE = """
workflows:
  - id: main
    version: 1
    steps: [{name: call, type: workflow, config: {workflow: child}}]
  - id: child
    version: 1
    steps: [{name: call, type: workflow, config: {workflow: grandchild}}]
  - id: grandchild
    version: 1
    steps: [{name: one, config: {run: make}}, {name: two, config: {run: make}}]
"""

PATHS = ["before", "one", "two", "after"]


async def child_of(engine: Engine, run: str) -> RunRow:
    [child] = await engine.store.list_runs(RunFilter(parent=run))
    return child


async def resume_alone(engine: Engine, child: str) -> None:
    """Have a child that was suspended with its parent go on without it."""
    await until(lambda: _has_status(engine, child, "suspended"))
    await engine.post(child, Resume(engine.clock.now(), "alone"))
    await until(lambda: _has_status(engine, child, "running"))


async def _has_status(engine: Engine, run: str, status: str) -> bool:
    return (await row_of(engine.store, run)).status == status


@pytest.mark.acceptance("SUB-01")
def test_a_child_is_a_run_of_its_own_that_knows_its_parent(make_store: MakeStore) -> None:
    async def main() -> None:
        work = Work()
        async with embedded(make_store(), work) as engine:
            run = await Workflows(FAMILY).start(engine, durability="relaxed", folder="/srv")
            assert (await result_of(engine, run)).outputs == {"total": 21}
            assert work.paths == PATHS
            child = await child_of(engine, run)
            assert (child.root, child.depth, child.folder, child.durability) == (run, 1, "/srv", "relaxed")
            assert (child.workflow, child.status, child.owner) == ("child", "succeeded", "")

    asyncio.run(main())


@pytest.mark.acceptance("SUB-02")
@pytest.mark.parametrize("durable", [True, False], ids=["after", "before"])
@pytest.mark.parametrize("number", range(1, 8))
def test_an_engine_killed_around_any_commit_of_a_family_loses_and_doubles_nothing(
    make_store: MakeStore, number: int, durable: bool
) -> None:
    async def main() -> None:
        store, clock = GatedStore(make_store()), Clock()
        work = Work()
        reached = asyncio.Event()

        async def stop(_: Any) -> None:
            if len(store.commits) == number - (0 if durable else 1):
                reached.set()
                await asyncio.Event().wait()

        if durable:
            store.after = stop
        else:
            store.before = stop
        engine = await open_engine(store, work, clock)
        run = await Workflows(FAMILY).start(engine)
        await reached.wait()
        await kill(engine)
        clock.time += LEASE_MS + 1
        async with embedded(make_store(), work, clock=clock) as engine:
            row = await engine.take_over(run)
            assert row.owner == ("" if row.ended else engine.host.id) or row.ended
            assert (await result_of(engine, run)).outputs == {"total": 21}
            assert (await child_of(engine, run)).status == "succeeded"
            assert await statuses(engine.store) == {"succeeded": 2}
        times = Counter(work.paths)
        assert sorted(times) == sorted(PATHS)
        assert sum(times.values()) <= len(PATHS) + 1, "only what was under way ran again"

    asyncio.run(main())


@pytest.mark.acceptance("SUB-07", "CTL-11")
@pytest.mark.parametrize(("hard", "status"), [(False, "aborted"), (True, "terminated")])
def test_what_stops_a_parent_reaches_its_child(make_store: MakeStore, hard: bool, status: str) -> None:
    async def main() -> None:
        held = Held()
        work = Work(lambda context: gives() if context.step == "before" else held(context))
        async with embedded(make_store(), work) as engine:
            run = await Workflows(FAMILY).start(engine)
            await held.under_way(1)
            now = engine.clock.now()
            assert engine.deliver(run, Terminate(now) if hard else Cancel(now, "enough", now + 60_000))
            child = await child_of(engine, run)
            assert (await result_of(engine, run)).status == status
            await result_of(engine, child.id)
            await held.have_stopped("one")
            assert await statuses(engine.store) == {status: 2}
            assert work.paths == ["before", "one"]

    asyncio.run(main())


@pytest.mark.acceptance("SUB-07")
@pytest.mark.parametrize(("hard", "status"), [(False, "aborted"), (True, "terminated")])
def test_a_parent_is_told_that_somebody_stopped_its_child(make_store: MakeStore, hard: bool, status: str) -> None:
    async def main() -> None:
        held = Held()
        work = Work(lambda context: gives() if context.step == "before" else held(context))
        async with embedded(make_store(), work) as engine:
            run = await Workflows(FAMILY).start(engine)
            await held.under_way(1)
            child = await child_of(engine, run)
            now = engine.clock.now()
            await engine.post(child.id, Terminate(now) if hard else Cancel(now, "enough", 0))
            result = await result_of(engine, run)
            assert result.status == "failed"
            assert result.error is not None
            assert (result.error.step.partition("/")[0], result.error.child) == ("call", child.id)
            assert await statuses(engine.store) == {"failed": 1, status: 1}

    asyncio.run(main())


@pytest.mark.acceptance("SUB-07")
def test_a_stop_of_a_parent_that_nobody_advances_reaches_its_child_with_the_takeover(make_store: MakeStore) -> None:
    async def main() -> None:
        held, clock = Held(), Clock()
        work = Work(lambda context: gives() if context.step == "before" else held(context))
        engine = await open_engine(make_store(), work, clock)
        run = await Workflows(FAMILY).start(engine)
        await held.under_way(1)
        await kill(engine)
        clock.time += LEASE_MS + 1
        async with embedded(make_store(), work, clock=clock) as engine:
            await engine.post(run, Cancel(clock.now(), "enough", 0))
            await engine.take_over(run)
            assert (await result_of(engine, run)).status == "aborted"
            assert await statuses(engine.store) == {"aborted": 2}
            assert "after" not in work.paths

    asyncio.run(main())


@pytest.mark.acceptance("SUB-03", "SUB-10")
def test_a_failed_child_fails_its_parent_and_is_reopened_with_it(make_store: MakeStore) -> None:
    async def main() -> None:
        work = Work(lambda context: fails("no flour") if context.step == "two" else gives())
        async with embedded(make_store(), work) as engine:
            run = await Workflows(FAMILY).start(engine)
            result = await result_of(engine, run)
            assert result.status == "failed"
            assert result.error is not None
            assert (result.error.step, result.error.message) == ("call/two", "no flour")
            child = await child_of(engine, run)
        work.do = lambda _: gives()
        for _ in range(2):  # the second time nothing changes any more
            async with embedded(make_store(), work) as engine:
                await engine.take_over(run)
                engine.deliver(run, Retry(engine.clock.now()))
                assert (await result_of(engine, run)).outputs == {"total": 21}
                assert (await child_of(engine, run)).id == child.id
        assert work.paths == ["before", "one", "two", "two", "after"]

    asyncio.run(main())


@pytest.mark.acceptance("SUB-02", "SUB-10")
@pytest.mark.parametrize("number", range(1, 6))
def test_an_engine_killed_after_any_commit_of_a_retry_reopens_the_child_all_the_same(
    make_store: MakeStore, number: int
) -> None:
    async def main() -> None:
        store, clock = GatedStore(make_store()), Clock()
        work = Work(lambda context: fails() if context.step == "two" else gives())
        async with embedded(make_store(), work, clock=clock) as engine:
            run = await Workflows(FAMILY).start(engine)
            assert (await result_of(engine, run)).status == "failed"
        work.do = lambda _: gives()
        reached = asyncio.Event()

        async def stop(_: Any) -> None:
            if len(store.commits) == number:
                reached.set()
                await asyncio.Event().wait()

        store.after = stop
        engine = await open_engine(store, work, clock)
        await engine.take_over(run)
        assert engine.deliver(run, Retry(clock.now()))
        await reached.wait()
        await kill(engine)
        clock.time += LEASE_MS + 1
        async with embedded(make_store(), work, clock=clock) as engine:
            await engine.take_over(run)
            assert (await result_of(engine, run)).outputs == {"total": 21}
            assert await statuses(engine.store) == {"succeeded": 2}

    asyncio.run(main())


def test_the_end_of_a_child_reaches_a_parent_that_was_suspended_and_changed_hands(make_store: MakeStore) -> None:
    async def main() -> None:
        store, clock, held = GatedStore(make_store()), Clock(), Held()
        work = Work(lambda context: held(context) if context.step == "two" else gives())
        engine = await open_engine(store, work, clock)
        run = await Workflows(FAMILY).start(engine)
        await held.under_way(1)
        child = await child_of(engine, run)
        assert engine.deliver(run, Suspend(clock.now(), "a pause"))
        await engine.settled()
        await resume_alone(engine, child.id)
        ended = asyncio.Event()

        async def stop(commits: Any) -> None:
            if any(commit.run == child.id and commit.ended for commit in commits):
                ended.set()
                await asyncio.Event().wait()

        store.after = stop
        held.let_go()
        await ended.wait()
        await kill(engine)
        clock.time += LEASE_MS + 1
        async with embedded(make_store(), work, clock=clock) as engine:
            await engine.take_over(run)
            assert engine.status(run) == "suspended"
            assert engine.deliver(run, Resume(clock.now()))
            assert (await result_of(engine, run)).outputs == {"total": 21}

    asyncio.run(main())


def test_a_child_that_goes_on_while_its_parent_is_suspended_is_not_lost_by_a_takeover(make_store: MakeStore) -> None:
    async def main() -> None:
        clock, held = Clock(), Held()
        work = Work(lambda context: held(context) if context.step == "two" else gives())
        engine = await open_engine(make_store(), work, clock)
        run = await Workflows(FAMILY).start(engine)
        await held.under_way(1)
        child = await child_of(engine, run)
        assert engine.deliver(run, Suspend(clock.now(), "a pause"))
        await engine.settled()
        await resume_alone(engine, child.id)
        await kill(engine)
        clock.time += LEASE_MS + 1
        async with embedded(make_store(), work, clock=clock) as engine:
            await engine.take_over(run)
            await held.under_way(1)
            held.let_go()
            assert (await result_of(engine, child.id)).status == "succeeded"
            await engine.settled()
            assert engine.deliver(run, Resume(clock.now()))
            assert (await result_of(engine, run)).outputs == {"total": 21}

    asyncio.run(main())


@pytest.mark.acceptance("CTL-01", "CTL-02")
def test_a_suspend_and_a_resume_reach_all_that_is_below_the_run(make_store: MakeStore) -> None:
    async def main() -> None:
        held = Held()
        work = Work(held)
        async with embedded(make_store(), work) as engine:
            run = await Workflows(TREE).start(engine)
            await held.under_way(1)
            assert await engine.suspend(run, "a pause")
            assert not await engine.suspend(run, "once more")
            await until(lambda: _all_are(engine, {"suspended": 3}))
            held.let_go()
            await until(lambda: _nothing_runs(engine, run))
            assert work.paths == ["one"]
            assert engine.deliver(run, Resume(engine.clock.now()))
            await held.under_way(1)
            assert work.paths == ["one", "two"]
            held.let_go()
            assert (await result_of(engine, run)).status == "succeeded"

    asyncio.run(main())


@pytest.mark.acceptance("CTL-02")
@pytest.mark.parametrize("number", range(4))
def test_a_suspend_whose_host_dies_after_any_commit_of_it_holds_for_the_family(
    make_store: MakeStore, number: int
) -> None:
    async def main() -> None:
        store, clock, held = GatedStore(make_store()), Clock(), Held()
        work = Work(held)
        engine = await open_engine(store, work, clock)
        run = await Workflows(TREE).start(engine)
        await held.under_way(1)
        await engine.settled()
        before = len(store.commits)
        reached = asyncio.Event()

        async def stop(_: Any) -> None:
            if len(store.commits) == before + number:
                reached.set()
                await asyncio.Event().wait()

        if number:
            store.after = stop
            asyncio.get_running_loop().call_soon(engine.deliver, run, Suspend(clock.now(), "a pause"))
            await reached.wait()
        else:
            await engine.post(run, Suspend(clock.now(), "a pause"))
        await kill(engine)
        clock.time += LEASE_MS + 1
        async with embedded(make_store(), work, clock=clock) as engine:
            await engine.take_over(run)
            await engine.settled()
            assert await statuses(engine.store) == {"suspended": 3}
            assert work.paths == ["one"], "nothing new began"
            assert engine.deliver(run, Resume(clock.now()))
            for _ in range(2):
                await held.under_way(1)
                held.let_go()
            assert (await result_of(engine, run)).status == "succeeded"

    asyncio.run(main())


async def _all_are(engine: Engine, wanted: dict[str, int]) -> bool:
    return await statuses(engine.store) == wanted


async def _nothing_runs(engine: Engine, run: str) -> bool:
    rows = [found for found in engine.at_hand() if found.root == run]
    return not any(
        pointer.wait == WAIT_STEP for found in rows for pointer in engine.state_of(found.id).pointers.values()
    ) and not any(engine.is_busy(found.id) for found in rows)


@pytest.mark.acceptance("SUB-07")
def test_cancel_of_a_suspended_family_ends_all_of_it(make_store: MakeStore) -> None:
    async def main() -> None:
        held = Held()
        work = Work(lambda context: gives() if context.step == "before" else held(context))
        async with embedded(make_store(), work) as engine:
            run = await Workflows(FAMILY).start(engine)
            await held.under_way(1)
            await engine.suspend_all("a pause")
            assert await statuses(engine.store) == {"suspended": 2}
        async with embedded(make_store(), work) as engine:
            await engine.take_over(run)
            assert engine.deliver(run, Cancel(engine.clock.now(), "enough", 0))
            assert (await result_of(engine, run)).status == "aborted"
            assert await statuses(engine.store) == {"aborted": 2}

    asyncio.run(main())


@pytest.mark.acceptance("SUB-08")
def test_a_detached_child_outlives_its_parents_end_and_is_at_hand_by_then(make_store: MakeStore) -> None:
    async def main() -> None:
        held = Held()
        work = Work(lambda context: gives() if context.step == "before" else held(context))
        async with embedded(make_store(), work) as engine:
            run = await Workflows(DETACHED).start(engine)
            assert (await result_of(engine, run)).status == "succeeded"
            [child] = engine.at_hand()
            assert (child.workflow, child.parent, child.root) == ("child", "", child.id)
            await held.under_way(1)
            held.let_go("one")
            await held.under_way(1)
            held.let_go("two")
            assert (await result_of(engine, child.id)).status == "succeeded"

    asyncio.run(main())


@pytest.mark.acceptance("SUB-09")
def test_a_family_that_is_too_deep_fails_and_leaves_nothing_unfinished(make_store: MakeStore) -> None:
    async def main() -> None:
        levels = MAX_DEPTH + 2
        text = "workflows:\n" + "".join(
            f"  - {{id: w{n}, version: 1, steps: [{{name: s, type: workflow, config: {{workflow: w{n + 1}}}}}]}}\n"
            for n in range(levels)
        )
        text += f"  - {{id: w{levels}, version: 1, steps: [{{name: s, config: {{run: make}}}}]}}\n"
        work = Work()
        async with embedded(make_store(), work) as engine:
            run = await Workflows(text).start(engine, "w0")
            result = await result_of(engine, run)
            assert result.error is not None
            assert f"more than {MAX_DEPTH} deep" in result.error.message
            assert await statuses(engine.store) == {"failed": MAX_DEPTH + 1}
            assert work.begun == []

    asyncio.run(main())


@pytest.mark.acceptance("SUB-04")
def test_what_a_child_can_not_take_is_its_step_failure_with_no_run_made(make_store: MakeStore) -> None:
    async def main() -> None:
        text = FAMILY.replace("inputs: {n: '20'}", "inputs: {n: steps.before.output.size}")
        work = Work(lambda context: gives(size="many"))
        async with embedded(make_store(), work) as engine:
            run = await Workflows(text).start(engine)
            result = await result_of(engine, run)
            assert result.error is not None
            assert (result.error.kind, result.error.step) == ("type", "call")
            assert "n:" in result.error.message
            assert await statuses(engine.store) == {"failed": 1}

    asyncio.run(main())


def test_two_takeovers_at_once_make_one_run_at_hand(make_store: MakeStore) -> None:
    async def main() -> None:
        held, clock = Held(), Clock()
        work = Work(lambda context: gives() if context.step == "before" else held(context))
        engine = await open_engine(make_store(), work, clock)
        run = await Workflows(FAMILY).start(engine)
        await held.under_way(1)
        child = await child_of(engine, run)
        await kill(engine)
        clock.time += LEASE_MS + 1
        begun = len(work.begun)
        async with embedded(make_store(), work, clock=clock) as engine:
            taken = await asyncio.gather(*(engine.take_over(id) for id in (run, child.id, run, child.id)))
            assert [row.id for row in taken] == [run, child.id, run, child.id]
            await held.under_way(1)
            assert len(work.begun) == begun + 1
            work.do = lambda _: gives()
            held.let_go()
            assert (await result_of(engine, run)).outputs == {"total": 21}

    asyncio.run(main())


def test_a_child_that_begins_while_its_parent_is_taken_over_is_begun_once(make_store: MakeStore) -> None:
    """A step that ends at once has the child started while the takeover still looks for children."""

    async def main() -> None:
        held, clock = Held(), Clock()
        work = Work(held)
        engine = await open_engine(make_store(), work, clock)
        run = await Workflows(FAMILY).start(engine)
        await held.under_way(1)
        await kill(engine)
        clock.time += LEASE_MS + 1
        work.do = lambda _: gives()
        async with embedded(make_store(), work, clock=clock) as engine:
            await engine.take_over(run)
            assert (await result_of(engine, run)).outputs == {"total": 21}
        assert work.paths == ["before", *PATHS]

    asyncio.run(main())


def test_a_child_of_a_host_that_lives_is_left_to_it_in_a_takeover(make_store: MakeStore) -> None:
    async def main() -> None:
        held, clock = Held(), Clock()

        def do(context: StepContext) -> Any:
            return StepResult("success") if context.step == "before" else held(context)

        store = make_store()
        async with embedded(store, do, clock=clock) as engine:
            run = await Workflows(FAMILY).start(engine)
            await held.under_way(1)
            await store.release(run, engine.host.id)
            async with embedded(make_store() if store.url != "memory:" else store, do, clock=clock) as other:
                await other.take_over(run)
                child = await child_of(other, run)
                assert child.owner == engine.host.id
                with pytest.raises(WfeError, match="live process"):
                    await other.take_over(child.id)
                held.let_go("one")
                await held.under_way(1)
                held.let_go("two")
                await held.under_way(1)
                held.let_go("after")
                assert (await result_of(other, run)).outputs == {"total": 21}

    asyncio.run(main())
