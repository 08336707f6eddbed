"""The engine as a library: what a run gives, what is durable when, what stopping and failing leave behind."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.engine_support import (
    CHAIN,
    ONE,
    Clock,
    GatedStore,
    Held,
    MakeStore,
    Work,
    Workflows,
    embedded,
    ends_well,
    fails,
    gives,
    kill,
    open_engine,
    result_of,
    row_of,
    statuses,
    turns,
    until,
)
from wfe_runtime.engine import LEASE_MS
from wfe_runtime.errors import InputError, MissingError, NameTaken, NotFound, StoreError, WfeError
from wfe_runtime.executors.contract import StepContext, StepResult
from wfe_runtime.lifecycle import SilentListener
from wfe_runtime.providers import open_store
from wfe_runtime.providers.rows import RunCommit
from wfe_vm.events import Resume, Retry, Terminate
from wfe_vm.state import decode_delta

FAN = """
workflow:
  id: fan
  version: 1
  inputs: {items: list<integer>}
  outputs: {squares: list<integer>}
  steps:
    - name: each
      for_each: inputs.items
      limit: 100
      collect: {squares: steps.square.output.square}
      do:
        - {name: square, inputs: {n: item}, config: {run: make}, outputs: [{name: square, type: integer}]}
    - return: {squares: vars.squares}
"""


class Told(SilentListener):
    """Remembers what hindered the engine."""

    def __init__(self) -> None:
        self.troubles: list[str] = []

    def troubled(self, message: str) -> None:
        self.troubles.append(message)


async def is_suspended(store: Any, run: str) -> bool:
    return (await row_of(store, run)).status == "suspended"


# What a run gives


def test_steps_run_in_order_and_the_outputs_are_given_and_kept(make_store: MakeStore) -> None:
    async def main() -> None:
        work = Work(ends_well)
        async with embedded(make_store(), work) as engine:
            run = await Workflows(CHAIN).start(engine)
            result = await result_of(engine, run)
            assert (result.status, result.outputs) == ("succeeded", {"last": "end"})
            assert work.paths == ["first", "second", "third"]
            assert await engine.wait(run) == result, "it can be asked for again, from the store"
            row = await row_of(engine.store, run)
            assert (row.status, row.owner, row.ended > 0) == ("succeeded", "", True)
        assert work.closed == 1

    asyncio.run(main())


def test_what_a_for_each_collects_is_in_the_order_of_its_items_whatever_ends_first(make_store: MakeStore) -> None:
    async def main() -> None:
        held = Held()
        async with embedded(make_store(), held, step_limit=10) as engine:
            run = await Workflows(FAN).start(engine, inputs={"items": [3, 1, 2]})
            await held.under_way(3)
            for number, square in ((2, 4), (0, 9), (1, 1)):
                held.let_go(f"each[{number}]/square", gives(square=square))
                await engine.settled()
            assert (await result_of(engine, run)).outputs == {"squares": [9, 1, 4]}

    asyncio.run(main())


@pytest.mark.acceptance("ENG-12")
@pytest.mark.parametrize("durability", ["sync", "group(20ms)", "relaxed"])
def test_the_durability_that_a_run_was_given_is_stated_in_its_result(make_store: MakeStore, durability: str) -> None:
    async def main() -> None:
        async with embedded(make_store()) as engine:
            run = await Workflows(ONE).start(engine, durability=durability)
            assert (await result_of(engine, run)).durability == durability
            assert (await row_of(engine.store, run)).durability == durability

    asyncio.run(main())


def test_a_durability_that_is_not_given_is_the_workflows_own_and_else_sync(make_store: MakeStore) -> None:
    async def main() -> None:
        own = Workflows(ONE.replace("version: 1", "version: 1, durability: relaxed"))
        async with embedded(make_store()) as engine:
            found = [(await result_of(engine, await one.start(engine))).durability for one in (own, Workflows(ONE))]
            assert found == ["relaxed", "sync"]

    asyncio.run(main())


def test_a_key_starts_one_run_and_says_so_where_the_inputs_differ(make_store: MakeStore) -> None:
    async def main() -> None:
        fan = Workflows(FAN)
        work = Work(lambda context: gives(square=1))
        async with embedded(make_store(), work) as engine:
            first = await fan.start(engine, inputs={"items": [1, 2]}, key="nightly")
            assert await fan.start(engine, inputs={"items": [1, 2]}, key="nightly") == first
            await result_of(engine, first)
            assert await fan.start(engine, inputs={"items": [1, 2]}, key="nightly") == first, "also once it has ended"
            with pytest.raises(InputError, match="items"):
                await fan.start(engine, inputs={"items": [1, 2, 3]}, key="nightly")
            assert await fan.start(engine, inputs={"items": []}, key="weekly") != first
            assert len(work.begun) == 2

    asyncio.run(main())


def test_what_a_run_can_not_be_started_with_leaves_nothing_in_the_store(make_store: MakeStore) -> None:
    async def main() -> None:
        fan, one = Workflows(FAN), Workflows(ONE)
        async with embedded(make_store()) as engine:
            with pytest.raises(InputError, match="items"):
                await fan.start(engine, inputs={"items": ["x"]})
            with pytest.raises(NotFound, match="program"):
                await engine.start([], "0" * 64, {})
            needs = Workflows(ONE.replace("version: 1", "version: 1, requires: [wfe-not-here]"))
            with pytest.raises(MissingError, match="wfe-not-here"):
                await needs.start(engine)
            assert await statuses(engine.store) == {}
            await result_of(engine, await one.start(engine, name="mine"))
            with pytest.raises(NameTaken, match="mine"):
                await one.start(engine, name="mine")
            with pytest.raises(NotFound):
                await engine.wait("nobody")

    asyncio.run(main())


# What is durable when


@pytest.mark.acceptance("ENG-06")
def test_the_next_step_does_not_begin_before_the_last_ones_result_is_durable(make_store: MakeStore) -> None:
    async def main() -> None:
        store, clock = GatedStore(make_store()), Clock()
        work = Work(ends_well)
        held, stuck = asyncio.Event(), asyncio.Event()

        async def hold_back(commits: Any) -> None:
            if any(commit.sequence == 2 for commit in commits):
                held.set()
                await stuck.wait()

        store.before = hold_back
        engine = await open_engine(store, work, clock)
        run = await Workflows(CHAIN).start(engine)
        await held.wait()
        await turns()
        assert work.paths == ["first"]
        assert (await row_of(store, run)).sequence == 1
        await kill(engine)
        clock.time += LEASE_MS + 1
        store.before = lambda _: None
        async with embedded(make_store(), work, clock=clock) as engine:
            await engine.take_over(run)
            assert (await result_of(engine, run)).status == "succeeded"
        assert work.paths == ["first", "first", "second", "third"]
        keys = [context.idempotency_key for context in work.begun]
        assert keys[0] == keys[1]
        assert [context.attempt for context in work.begun] == [1, 1, 1, 1]
        assert work.begun[1].fence > work.begun[0].fence

    asyncio.run(main())


@pytest.mark.acceptance("ENG-07")
def test_a_run_whose_start_was_answered_is_run_though_its_host_dies_at_once(make_store: MakeStore) -> None:
    async def main() -> None:
        clock, work = Clock(), Work(ends_well)
        engine = await open_engine(make_store(), work, clock)
        run = await Workflows(CHAIN).start(engine)
        await kill(engine)
        assert work.begun == []
        clock.time += LEASE_MS + 1
        async with embedded(make_store(), work, clock=clock) as engine:
            assert (await row_of(engine.store, run)).status == "pending"
            await engine.take_over(run)
            assert (await result_of(engine, run)).outputs == {"last": "end"}

    asyncio.run(main())


@pytest.mark.acceptance("ENG-05")
@pytest.mark.parametrize(("retry", "status"), [("", "failed"), (", retry: {attempts: 2, interval: 0}", "succeeded")])
def test_a_step_that_a_crash_fails_is_not_run_again_but_by_its_retry(
    make_store: MakeStore, retry: str, status: str
) -> None:
    async def main() -> None:
        text = ONE.replace("config:", f"on_crash: fail{retry}, on_error: {{name: sorry, config: {{run: x}}}}, config:")
        clock, held = Clock(), Held()
        work = Work(held)
        engine = await open_engine(make_store(), work, clock)
        run = await Workflows(text).start(engine)
        await held.under_way(1)
        await kill(engine)
        clock.time += LEASE_MS + 1
        work.do = lambda _: gives()
        async with embedded(make_store(), work, clock=clock) as engine:
            await engine.take_over(run)
            result = await result_of(engine, run)
            assert result.status == status
            again = [(context.step, context.attempt) for context in work.begun[1:]]
            assert again == ([("only", 2)] if retry else [("only/on_error/sorry", 1)])
            if not retry:
                assert result.error is not None
                assert (result.error.kind, result.error.step) == ("lost", "only")
                assert "on_crash: fail" in result.error.message

    asyncio.run(main())


@pytest.mark.acceptance("ENG-10")
def test_runs_that_advance_together_share_commits_and_a_refused_one_hinders_none(make_store: MakeStore) -> None:
    async def main() -> None:
        store, clock, held = GatedStore(make_store()), Clock(), Held()
        one = Workflows(ONE)
        async with embedded(store, held, clock=clock, step_limit=100) as engine:
            runs = await asyncio.gather(*(one.start(engine) for _ in range(50)))
            await held.under_way(50)
            lost = runs[17]
            # Another host believes this one's lease to be over.
            assert await store.claim(lost, "another", clock.time + LEASE_MS + 1) is not None
            held.let_go()
            ended = await asyncio.gather(*(engine.wait(run) for run in runs), return_exceptions=True)
            assert [getattr(result, "status", "") for result in ended].count("succeeded") == 49
            assert isinstance(ended[17], WfeError)
            assert ended[17].code == "lost"
            assert await statuses(store) == {"succeeded": 49, "running": 1}
        advances = sum(len(commit.journal) for commits in store.commits for commit in commits)
        assert advances == 100
        assert len(store.commits) < 50

    asyncio.run(main())


@pytest.mark.acceptance("ENG-11")
def test_a_run_that_the_store_can_never_take_is_parked_with_the_error_and_others_go_on(make_store: MakeStore) -> None:
    async def main() -> None:
        store, held, told = GatedStore(make_store()), Held(), Told()
        one = Workflows(ONE)
        async with embedded(store, held, listener=told, step_limit=100) as engine:
            runs = await asyncio.gather(*(one.start(engine) for _ in range(10)))
            await held.under_way(10)
            bad = runs[3]

            def refuse(commits: Any) -> None:
                if any(commit.run == bad and commit.status != "suspended" for commit in commits):
                    raise StoreError("value", "can't write the store: string or blob too big")

            store.before = refuse
            held.let_go()
            ended = await asyncio.gather(*(engine.wait(run) for run in runs), return_exceptions=True)
            assert isinstance(ended[3], WfeError)
            assert "too big" in ended[3].message
            await until(lambda: is_suspended(store, bad))
            assert await statuses(store) == {"succeeded": 9, "suspended": 1}
            assert [message for message in told.troubles if "one-4" in message] == told.troubles != []
            # It is as it was committed, for whoever has found the cause.
            store.before = lambda _: None
            await engine.take_over(bad)
            assert engine.deliver(bad, Resume(engine.clock.now()))
            await held.under_way(1)
            held.let_go()
            assert (await result_of(engine, bad)).status == "succeeded"

    asyncio.run(main())


@pytest.mark.acceptance("ENG-17", "STO-14")
def test_a_store_that_gives_up_stops_the_engine_and_the_next_one_goes_on(make_store: MakeStore) -> None:
    async def main() -> None:
        store, clock, work, told = GatedStore(make_store()), Clock(), Work(ends_well), Told()

        def refuse(commits: Sequence[RunCommit]) -> None:
            if commits[0].sequence == 3:
                raise StoreError("full", "can't write the store: no space is left", "make room", transient=True)

        store.before = refuse
        async with embedded(store, work, clock=clock, listener=told) as engine:
            chain = Workflows(CHAIN)
            run = await chain.start(engine)
            for refused in (engine.wait(run), chain.start(engine), engine.take_over(run), engine.settled()):
                with pytest.raises(StoreError, match="no space"):
                    await refused
            assert len(told.troubles) == 1
        assert work.paths == ["first", "second"]
        async with embedded(make_store(), work, clock=clock) as engine:
            await engine.take_over(run)
            assert (await result_of(engine, run)).outputs == {"last": "end"}
        assert work.paths == ["first", "second", "second", "third"]

    asyncio.run(main())


@pytest.mark.acceptance("ENG-20")
def test_the_result_of_a_step_whose_run_was_terminated_is_dropped(make_store: MakeStore) -> None:
    async def main() -> None:
        going, done = asyncio.Event(), asyncio.Event()

        async def stubborn(context: StepContext) -> StepResult:
            going.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                done.set()
            return gives(last="too late")

        async with embedded(make_store(), stubborn) as engine:
            run = await Workflows(ONE).start(engine)
            await going.wait()
            assert engine.deliver(run, Terminate(engine.clock.now(), "enough"))
            assert (await result_of(engine, run)).status == "terminated"
            await done.wait()
            await turns()
            await engine.settled()
            row = await row_of(engine.store, run)
            assert row.status == "terminated"
            rows = await engine.store.read_journal(run)
            records = [record for row in rows for record in decode_delta(row.delta).records]
            assert [(record.what, record.status) for record in records] == [("started", ""), ("ended", "aborted")]

    asyncio.run(main())


def test_closing_keeps_a_result_that_was_on_its_way_to_the_store(make_store: MakeStore) -> None:
    async def main() -> None:
        store, held = GatedStore(make_store()), Held()
        work = Work(held)
        async with embedded(store, work) as engine:
            run = await Workflows(CHAIN).start(engine)
            await held.under_way(1)
            on_its_way = asyncio.Event()

            async def dawdle(_: Any) -> None:
                on_its_way.set()
                await turns(20)

            store.before = dawdle
            held.let_go()
            await on_its_way.wait()
        assert (await stored_ends(make_store(), run)) == ["first"]
        assert work.paths == ["first"], "and nothing more was begun"

    asyncio.run(main())


async def stored_ends(store: Any, run: str) -> list[str]:
    await store.open()
    try:
        rows = await store.read_journal(run)
        records = [record for row in rows for record in decode_delta(row.delta).records]
        return [record.path for record in records if record.what == "ended"]
    finally:
        await store.close()


# Its own life


@pytest.mark.acceptance("ENG-21")
def test_an_engine_that_was_closed_leaves_no_task_thread_or_descriptor(make_store: MakeStore) -> None:
    async def main() -> None:
        one = Workflows(ONE)

        def held_now() -> tuple[int, set[str], set[str]]:
            tasks = len(asyncio.all_tasks())
            return tasks, {thread.name for thread in threading.enumerate()}, set(os.listdir("/proc/self/fd"))

        before = held_now()
        for round in range(10):
            held = Held()
            async with embedded(make_store(), held) as engine, embedded(make_store(), held) as other:
                runs = [await one.start(engine), await one.start(other)]
                await held.under_way(2)
                if round % 2:
                    held.let_go()
                    for each, run in zip((engine, other), runs, strict=True):
                        assert (await result_of(each, run)).status == "succeeded"
            assert sorted(held.stopped) == ([] if round % 2 else ["only", "only"])
            assert held_now() == before

    asyncio.run(main())


@pytest.mark.acceptance("ENG-21")
def test_two_engines_in_one_process_have_their_own_runs(make_store: MakeStore) -> None:
    async def main() -> None:
        held, one = Held(), Workflows(ONE)
        async with embedded(make_store(), held) as engine, embedded(make_store(), held) as other:
            run = await one.start(engine)
            await held.under_way(1)
            with pytest.raises(WfeError) as caught:
                await other.take_over(run)
            assert caught.value.code == "owned"
            assert not other.deliver(run, Terminate(1))
            assert [row.id for row in engine.at_hand()] == [run]
            assert other.at_hand() == []
            held.let_go()
            assert (await result_of(engine, run)).status == "succeeded"

    asyncio.run(main())


def test_a_closed_engine_starts_nothing_and_can_be_closed_again(make_store: MakeStore) -> None:
    async def main() -> None:
        one = Workflows(ONE)
        async with embedded(make_store()) as engine:
            run = await one.start(engine)
        await engine.close()
        for refused in (one.start(engine), engine.take_over(run)):
            with pytest.raises(WfeError, match="closed"):
                await refused

    asyncio.run(main())


def test_a_store_that_can_not_be_opened_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "runs.db").write_text("these are notes\n" * 100)

    async def main() -> None:
        before = {thread.name for thread in threading.enumerate()}
        with pytest.raises(StoreError, match=r"runs\.db"):
            async with embedded(open_store(f"sqlite:///{tmp_path}/runs.db")):
                pass
        assert {thread.name for thread in threading.enumerate()} == before

    asyncio.run(main())


def test_suspended_runs_go_on_with_the_same_engine_and_with_another(make_store: MakeStore) -> None:
    async def main() -> None:
        held = Held()
        work = Work(held)
        chain = Workflows(CHAIN)
        async with embedded(make_store(), work) as engine:
            runs = [await chain.start(engine) for _ in range(2)]
            await held.under_way(2)
            await engine.suspend_all("a pause")
            assert held.stopped == ["first", "first"]
            assert await statuses(engine.store) == {"suspended": 2}
            assert await engine.wait(runs[0], until_parked=True) is None
            assert not engine.deliver(runs[0], Retry(engine.clock.now())), "it has not failed"
            work.do = ends_well
            assert engine.deliver(runs[0], Resume(engine.clock.now()))
            assert (await result_of(engine, runs[0])).outputs == {"last": "end"}
            assert (await row_of(engine.store, runs[1])).status == "suspended"
        async with embedded(make_store(), work) as engine:
            await engine.take_over(runs[1])
            assert engine.status(runs[1]) == "suspended"
            assert engine.deliver(runs[1], Resume(engine.clock.now()))
            assert (await result_of(engine, runs[1])).outputs == {"last": "end"}
        attempts = {(context.run, context.step, context.attempt) for context in work.begun}
        assert len(attempts) == 6
        assert len(work.begun) == 8, "the step that was stopped ran again, as the same attempt"

    asyncio.run(main())


def test_a_run_that_fails_can_be_retried_where_it_ended(make_store: MakeStore) -> None:
    async def main() -> None:
        work = Work(lambda context: fails() if context.step == "second" else ends_well(context))
        async with embedded(make_store(), work) as engine:
            run = await Workflows(CHAIN).start(engine)
            result = await result_of(engine, run)
            assert (result.status, result.error.step if result.error else "") == ("failed", "second")
        async with embedded(make_store(), work) as engine:
            await engine.take_over(run)
            assert (await result_of(engine, run)).status == "failed"
            work.do = ends_well
            assert engine.deliver(run, Retry(engine.clock.now()))
            assert (await result_of(engine, run)).outputs == {"last": "end"}
            assert (await row_of(engine.store, run)).owner == ""
        assert work.paths == ["first", "second", "second", "third"]

    asyncio.run(main())
