"""Events, waits and approvals through the engine and its store."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.engine_support import Clock, GatedStore, MakeStore, Workflows, embedded, result_of, row_of, turns
from wfe_runtime.errors import InputError, NotFound, WfeError
from wfe_runtime.providers import open_store
from wfe_runtime.providers.rows import InboxPost, NewEvent
from wfe_vm.events import Cancel, Resume, Suspend, Terminate

WAIT = Workflows("""
workflow:
  id: w
  version: 1
  outputs: {got: any}
  steps:
    - {name: w, wait: {event: paid, key: a}}
    - set: {got: steps.w.output.data}
""")
ASK = Workflows("""
workflow:
  id: ask
  version: 1
  outputs: {got: any}
  steps:
    - {name: ask, approve: {title: Ship it?, options: [go, never], reject: [never]}}
    - set: {got: '[steps.ask.output.option, steps.ask.output.by]'}
""")


@pytest.mark.acceptance("EVT-01", "EVT-06", "EVT-07")
def test_an_event_reaches_every_run_that_waits_for_it_once(make_store: MakeStore) -> None:
    async def main() -> None:
        async with embedded(make_store()) as engine:
            runs = [await WAIT.start(engine) for _ in range(2)]
            await engine.settled()
            assert [(await row_of(engine.store, run)).status for run in runs] == ["waiting", "waiting"]
            unheard = await engine.publish("paid", "A", 1)
            first = await engine.publish("paid", "a", {"amount": 5}, "id-1")
            second = await engine.publish("paid", "a", 6, "id-1")
            assert (unheard.new, first.new, second.new) == (True, True, False)
            assert (first.id, second.number) == ("id-1", first.number)
            for run in runs:
                assert (await result_of(engine, run)).outputs == {"got": {"amount": 5}}
            with pytest.raises(InputError):
                await engine.publish("", "a")
            with pytest.raises(InputError):
                await engine.publish("paid", "a", object())

    asyncio.run(main())


@pytest.mark.acceptance("EVT-02")
def test_only_what_was_published_since_the_run_was_created_is_taken(make_store: MakeStore) -> None:
    async def main() -> None:
        async with embedded(make_store(), clock=Clock()) as engine:
            await engine.publish("paid", "a", "before")
            run = await WAIT.start(engine)
            await engine.publish("paid", "a", "after")
            assert (await result_of(engine, run)).outputs == {"got": "after"}

    asyncio.run(main())


@pytest.mark.acceptance("EVT-03")
@pytest.mark.parametrize("moment", ["before", "after"])
def test_an_event_published_just_before_or_after_the_commit_of_a_wait_is_delivered_once(
    make_store: MakeStore, moment: str
) -> None:
    async def main() -> None:
        store = GatedStore(make_store())
        published = 0

        async def publish(commits: Any) -> None:
            nonlocal published
            if not published and any(commit.signals for commit in commits):
                published += 1
                await store.publish([NewEvent("id", "paid", "a", 1, b"\x07")])

        setattr(store, moment, publish)
        async with embedded(store) as engine:
            run = await WAIT.start(engine)
            assert (await result_of(engine, run)).outputs == {"got": 7}
            assert published == 1
            assert await store.list_subscriptions(run) == []
            assert await store.read_inbox([run]) == []

    asyncio.run(main())


@pytest.mark.acceptance("EVT-01", "EVT-08")
def test_an_event_that_another_process_publishes_reaches_a_run_at_hand_and_one_that_nobody_has(tmp_path: Path) -> None:
    def make() -> Any:
        return open_store(f"sqlite:///{tmp_path}/runs.db")

    async def main() -> None:
        async with embedded(make()) as engine, embedded(make()) as other:
            run = await WAIT.start(engine)
            await engine.settled()
            await other.publish("paid", "a", 1)
            assert (await result_of(engine, run)).outputs == {"got": 1}
        async with embedded(make()) as engine:
            parked = await WAIT.start(engine)
            await engine.settled()
        async with embedded(make()) as other:
            await other.publish("paid", "a", 2)
            assert (await row_of(other.store, parked)).status == "waiting"
            await other.take_over(parked)
            assert (await result_of(other, parked)).outputs == {"got": 2}
            assert (await other.publish("paid", "a", 3)).new

    asyncio.run(main())


@pytest.mark.acceptance("EVT-08")
def test_an_event_for_a_suspended_run_is_there_after_its_resume(make_store: MakeStore) -> None:
    async def main() -> None:
        async with embedded(make_store()) as engine:
            run = await WAIT.start(engine)
            engine.deliver(run, Suspend(engine.clock.now()))
            await engine.publish("paid", "a", 5)
            await engine.settled()
            await turns()
            assert (await row_of(engine.store, run)).status == "suspended"
            engine.deliver(run, Resume(engine.clock.now()))
            assert (await result_of(engine, run)).outputs == {"got": 5}

    asyncio.run(main())


@pytest.mark.acceptance("EVT-04")
def test_a_burst_of_events_is_taken_one_by_one_in_their_order(make_store: MakeStore) -> None:
    flows = Workflows("""
workflow:
  id: loop
  version: 1
  outputs: {all: list<any>}
  steps:
    - set: {all: '[]'}
    - while: len(vars.all) < 100
      max_iterations: 100
      do:
        - {name: w, wait: {event: tick}}
        - set: {all: 'vars.all + [steps.w.output.data]'}
""")

    async def main() -> None:
        async with embedded(make_store()) as engine:
            run = await flows.start(engine)
            for number in range(100):
                await engine.publish("tick", "", number)
            assert (await result_of(engine, run)).outputs == {"all": list(range(100))}

    asyncio.run(main())


def test_a_run_publishes_with_its_advance_and_another_one_takes_it(make_store: MakeStore) -> None:
    flows = Workflows("""
workflows:
  - id: tell
    version: 1
    outputs: {id: string}
    steps:
      - {name: p, publish: {event: paid, key: a, data: {n: 1}}}
      - set: {id: steps.p.output.id}
""")

    async def main() -> None:
        async with embedded(make_store()) as engine:
            waiting = await WAIT.start(engine)
            told = await flows.start(engine)
            id = (await result_of(engine, told)).outputs["id"]
            assert (await result_of(engine, waiting)).outputs == {"got": {"n": 1}}
            assert [row.id for row in await engine.store.read_events("paid", "a")] == [id]

    asyncio.run(main())


@pytest.mark.acceptance("EVT-15")
@pytest.mark.parametrize("end", [Cancel, Terminate])
def test_a_run_that_is_ended_leaves_no_subscription_and_no_timer(make_store: MakeStore, end: Any) -> None:
    async def main() -> None:
        async with embedded(make_store()) as engine:
            run = await WAIT.start(engine)
            await engine.settled()
            assert len(await engine.store.list_subscriptions(run)) == 1
            engine.deliver(run, end(engine.clock.now()))
            await result_of(engine, run)
            assert await engine.store.list_subscriptions(run) == []
            assert (await row_of(engine.store, run)).due == 0

    asyncio.run(main())


@pytest.mark.acceptance("EVT-16")
def test_an_approval_is_answered_once_with_one_of_its_options(make_store: MakeStore) -> None:
    async def main() -> None:
        async with embedded(make_store()) as engine:
            run = await ASK.start(engine)
            with pytest.raises(InputError) as caught:
                await engine.answer(run, "perhaps", "ann")
            assert "go, never" in caught.value.message
            with pytest.raises(NotFound):
                await engine.answer(run, "go", "ann", "other")
            answers = await asyncio.gather(engine.answer(run, "go", "ann"), engine.answer(run, "never", "bob"))
            first = next(answer for answer in answers if answer.accepted)
            assert [answer.accepted for answer in answers].count(True) == 1
            assert {(answer.option, answer.by) for answer in answers} == {(first.option, first.by)}
            result = await result_of(engine, run)
            assert (result.status == "succeeded") == (first.by == "ann")
            for step in ("", "ask"):  # the run has gone on, and the first answer stands all the same
                late = await engine.answer(run, "never", "carl", step)
                assert (late.accepted, late.option, late.by, late.step) == (False, first.option, first.by, "ask")
            with pytest.raises(NotFound):
                await engine.answer(run, "go", "ann", "other")

    asyncio.run(main())


def test_an_answer_that_is_left_once_the_run_has_taken_another_is_not_said_to_be_the_first(
    make_store: MakeStore,
) -> None:
    class LateStore(GatedStore):
        """A store to which the second post takes until the run has ended."""

        posts = 0
        ended = asyncio.Event()

        async def post(self, posts: Sequence[InboxPost]) -> list[int]:
            self.posts += 1
            if self.posts == 2:
                await self.ended.wait()
            ids: list[int] = await self._inner.post(posts)
            return ids

    async def main() -> None:
        store = LateStore(make_store())
        async with embedded(store) as engine:
            run = await ASK.start(engine)
            answers = [asyncio.ensure_future(engine.answer(run, "go", by)) for by in ("ann", "bob")]
            await result_of(engine, run)
            store.ended.set()
            said = [(answer.accepted, answer.by) for answer in await asyncio.gather(*answers)]
            assert said == [(True, "ann"), (False, "ann")]

    asyncio.run(main())


@pytest.mark.acceptance("EVT-16")
def test_an_answer_to_a_run_that_nobody_has_waits_for_whoever_takes_it_over(tmp_path: Path) -> None:
    def make() -> Any:
        return open_store(f"sqlite:///{tmp_path}/runs.db")

    async def main() -> None:
        async with embedded(make()) as engine:
            run = await ASK.start(engine)
            await engine.settled()
        async with embedded(make()) as engine:
            assert (await engine.answer(run, "go", "ann")).accepted
            second = await engine.answer(run, "never", "bob")
            assert (second.accepted, second.option, second.by) == (False, "go", "ann")
            await engine.take_over(run)
            assert (await result_of(engine, run)).outputs == {"got": ["go", "ann"]}

    asyncio.run(main())


def test_of_several_open_approvals_one_has_to_be_named(make_store: MakeStore) -> None:
    flows = Workflows("""
workflow:
  id: two
  version: 1
  steps:
    - parallel:
        - {name: one, approve: Ship?}
        - {name: other, approve: Pay?}
""")

    async def main() -> None:
        async with embedded(make_store()) as engine:
            run = await flows.start(engine)
            with pytest.raises(WfeError) as caught:
                await engine.answer(run, "approve", "ann")
            assert caught.value.code == "ambiguous"
            assert (await engine.answer(run, "approve", "ann", "one")).accepted
            assert (await engine.answer(run, "approve", "ann", "parallel-1/other")).accepted
            assert (await result_of(engine, run)).status == "succeeded"

    asyncio.run(main())
