"""Concurrency groups: who runs, who waits, who gives way, and that slots in use are the runs that have one."""

from __future__ import annotations

import asyncio
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
    result_of,
    row_of,
    turns,
    until,
)
from wfe_runtime.engine import LEASE_MS
from wfe_runtime.errors import GroupFull, InputError
from wfe_vm.events import Cancel, Retry, Terminate


def grouped(on_full: str = "queue", limit: int = 1, id: str = "deploy") -> str:
    return f"""
workflow:
  id: {id}
  version: 1
  inputs: {{region: string?}}
  outputs: {{done: string}}
  concurrency: {{group: "g-${{{{ inputs.region }}}}", limit: {limit}, on_full: {on_full}}}
  on_abort: {{name: aborted, config: {{run: echo}}}}
  steps:
    - {{name: work, config: {{run: echo}}, outputs: [{{name: done, type: string}}]}}
"""


FAMILY = """
workflows:
  - id: parent
    version: 1
    concurrency: {group: g-}
    steps:
      - {name: call, type: workflow, config: {workflow: deploy}}
  - id: deploy
    version: 1
    concurrency: {group: g-}
    steps:
      - {name: work, config: {run: echo}}
"""


async def states(store: Any) -> dict[str, str]:
    return {row.name: row.state for row in await store.list_places("g-")}


@pytest.mark.acceptance("CTL-15")
def test_those_that_find_the_group_full_queue_and_run_in_the_order_of_their_start(store: Any) -> None:
    async def main() -> None:
        held = Held()
        work = Work(held)
        async with embedded(store, work) as engine:
            workflows = Workflows(grouped())
            runs = [await workflows.start(engine) for _ in range(3)]
            other = await workflows.start(engine, inputs={"region": "eu"})
            assert await held.under_way(2) == ["work", "work"]
            await turns()
            assert [context.run for context in work.begun] == [runs[0], other]
            assert [engine.is_queued(run) for run in runs] == [False, True, True]
            for number, run in enumerate(runs):
                await held.holds(run, "work")
                assert await states(store) == {
                    f"deploy-{n + 1}": "held" if n == number else "waiting" for n in range(number, 3)
                }
                held.let_go(result=gives(done="yes"))
                assert (await result_of(engine, run)).outputs == {"done": "yes"}
            assert await states(store) == {}

    asyncio.run(main())


@pytest.mark.acceptance("CTL-15")
def test_a_run_that_is_rejected_is_not_there(store: Any) -> None:
    async def main() -> None:
        held = Held()
        async with embedded(store, held) as engine:
            workflows = Workflows(grouped("reject"))
            first = await workflows.start(engine, key="k")
            assert await workflows.start(engine, key="k") == first, "a key's run is given back, whoever has slots"
            with pytest.raises(GroupFull, match="deploy-1 has a slot"):
                await workflows.start(engine)
            assert [row.id for row in engine.at_hand()] == [first]
            await held.under_way(1)
            held.let_go(result=gives(done=""))
            await result_of(engine, first)
            second = await workflows.start(engine)
            await held.under_way(1)
            held.let_go(result=gives(done=""))
            assert (await result_of(engine, second)).status == "succeeded"

    asyncio.run(main())


@pytest.mark.acceptance("CTL-15")
def test_a_later_run_replaces_the_one_that_waits_which_ends_aborted_without_a_step(store: Any) -> None:
    async def main() -> None:
        held = Held()
        work = Work(held)
        async with embedded(store, work) as engine:
            workflows = Workflows(grouped("replace"))
            first, second, third = [await workflows.start(engine) for _ in range(3)]
            replaced = await result_of(engine, second)
            assert replaced.status == "aborted"
            assert replaced.error is not None
            assert replaced.error.message == f"run {third} takes its place in the concurrency group 'g-'"
            for run in (first, third):
                await held.under_way(1)
                held.let_go(result=gives(done=""))
                assert (await result_of(engine, run)).status == "succeeded"
            assert [context.run for context in work.begun] == [first, third]

    asyncio.run(main())


@pytest.mark.acceptance("CTL-15")
def test_a_holder_that_is_cancelled_for_a_later_run_ends_first_and_that_one_begins_then(store: Any) -> None:
    async def main() -> None:
        held = Held()
        work = Work(held)
        async with embedded(store, work) as engine:
            workflows = Workflows(grouped("cancel_running"))
            first = await workflows.start(engine)
            await held.under_way(1)
            second = await workflows.start(engine)
            assert await held.under_way(1) == ["work"]
            await held.holds(first, "on_abort/aborted")
            assert held.stopped == ["work"]
            await held.under_way(1)
            held.let_go()
            assert (await result_of(engine, first)).status == "aborted"
            await held.under_way(1)
            held.let_go(result=gives(done=""))
            assert (await result_of(engine, second)).status == "succeeded"
            assert [(context.run, context.step) for context in work.begun] == [
                (first, "work"),
                (first, "on_abort/aborted"),
                (second, "work"),
            ]

    asyncio.run(main())


@pytest.mark.acceptance("CTL-16")
@pytest.mark.parametrize("end", ["succeeds", "fails", "cancelled", "terminated"])
def test_however_the_holder_ends_the_next_one_has_its_slot(store: Any, end: str) -> None:
    async def main() -> None:
        held = Held()
        async with embedded(store, lambda context: held(context) if context.step == "work" else gives()) as engine:
            workflows = Workflows(grouped())
            first = await workflows.start(engine)
            await workflows.start(engine)
            await held.under_way(1)
            if end == "cancelled":
                engine.deliver(first, Cancel(engine.clock.now(), "no"))
            elif end == "terminated":
                engine.deliver(first, Terminate(engine.clock.now(), "no"))
            else:
                held.let_go(result=gives(done="") if end == "succeeds" else fails())
            await result_of(engine, first)
            await held.under_way(1)
            assert await states(store) == {"deploy-2": "held"}

    asyncio.run(main())


@pytest.mark.acceptance("CTL-11", "CTL-15")
@pytest.mark.parametrize(("event", "status"), [(Cancel, "aborted"), (Terminate, "terminated")])
def test_a_run_that_is_ended_in_the_queue_never_starts(store: Any, event: Any, status: str) -> None:
    async def main() -> None:
        held = Held()
        work = Work(held)
        async with embedded(store, work) as engine:
            workflows = Workflows(grouped())
            first, second = [await workflows.start(engine) for _ in range(2)]
            await held.under_way(1)
            await engine.post(second, event(engine.clock.now(), "no"))
            result = await result_of(engine, second)
            assert (result.status, result.error and result.error.message) == (status, "no")
            assert [context.run for context in work.begun] == [first]
            assert await states(store) == {"deploy-1": "held"}

    asyncio.run(main())


@pytest.mark.acceptance("CTL-17")
def test_a_child_of_a_holder_needs_no_slot_and_does_not_wait_for_its_own_parent(store: Any) -> None:
    async def main() -> None:
        async with embedded(store, lambda _: gives(done="")) as engine:
            workflows = Workflows(FAMILY)
            assert (await result_of(engine, await workflows.start(engine, "parent"))).status == "succeeded"

    asyncio.run(main())


@pytest.mark.acceptance("CTL-17")
def test_a_retried_run_queues_for_a_slot_again(store: Any) -> None:
    async def main() -> None:
        held = Held()
        work = Work(held)
        async with embedded(store, work) as engine:
            workflows = Workflows(grouped())
            first = await workflows.start(engine)
            await held.under_way(1)
            held.let_go(result=fails())
            await result_of(engine, first)
            second = await workflows.start(engine)
            await held.under_way(1)
            await engine.take_over(first)
            assert await engine.reopen(first, Retry(engine.clock.now(), "again"))
            third = await workflows.start(engine)
            await turns()
            assert await states(store) == {"deploy-1": "waiting", "deploy-2": "held", "deploy-3": "waiting"}
            assert (await row_of(store, first)).status == "failed"
            for run in (second, first, third):
                await held.under_way(1)
                assert work.begun[-1].run == run
                held.let_go(result=gives(done="yes"))
                assert (await result_of(engine, run)).outputs == {"done": "yes"}
            assert [context.run for context in work.begun] == [first, second, first, third]

    asyncio.run(main())


@pytest.mark.acceptance("CTL-16", "CTL-17")
def test_of_two_hosts_one_has_the_only_slot_and_when_it_dies_its_run_keeps_it_for_who_takes_over(
    make_shared: MakeStore,
) -> None:
    async def main() -> None:
        clock, held = Clock(), Held()
        second_work = Work(lambda _: gives(done="second"))
        workflows = Workflows(grouped())
        first = await open_engine(make_shared(), Work(held), clock)
        run = await workflows.start(first)
        await held.under_way(1)
        await kill(first)
        async with embedded(make_shared(), second_work, clock=clock) as engine:
            waits = await workflows.start(engine)
            await turns(200)
            assert second_work.begun == []
            clock.time += LEASE_MS
            await engine.take_over(run)
            assert (await result_of(engine, run)).status == "succeeded"
            assert (await result_of(engine, waits)).status == "succeeded"
            assert [context.run for context in second_work.begun] == [run, waits]

    asyncio.run(main())


@pytest.mark.acceptance("CTL-17")
def test_a_slot_that_one_host_gives_back_wakes_the_run_that_another_host_has_in_the_queue(
    make_shared: MakeStore,
) -> None:
    async def main() -> None:
        held = Held()
        workflows = Workflows(grouped())
        async with (
            embedded(make_shared(), held) as first,
            embedded(make_shared(), lambda _: gives(done="")) as second,
        ):
            run = await workflows.start(first)
            waits = await workflows.start(second)
            await held.under_way(1)
            held.let_go(result=gives(done=""))
            await result_of(first, run)
            assert (await result_of(second, waits)).status == "succeeded"

    asyncio.run(main())


@pytest.mark.acceptance("CTL-16")
def test_a_host_that_leaves_takes_its_queued_runs_out_of_the_way_and_they_go_on_when_taken_over(
    make_shared: MakeStore,
) -> None:
    async def main() -> None:
        held = Held()
        workflows = Workflows(grouped())
        async with embedded(make_shared(), held) as first:
            run = await workflows.start(first)
            await held.under_way(1)
            async with embedded(make_shared(), held) as second:
                left = await workflows.start(second)
            last = await workflows.start(first)
            held.let_go(result=gives(done=""))
            await result_of(first, run)
            await held.under_way(1)
            assert await states(first.store) == {"deploy-2": "waiting", "deploy-3": "held"}
            await first.take_over(left)
            assert first.is_queued(left)
            for one in (last, left):
                await held.under_way(1)
                held.let_go(result=gives(done=""))
                await result_of(first, one)

    asyncio.run(main())


@pytest.mark.acceptance("CTL-15")
def test_a_run_in_the_queue_that_nobody_has_is_ended_by_the_one_that_replaces_it(make_shared: MakeStore) -> None:
    async def main() -> None:
        held = Held()
        workflows = Workflows(grouped("replace"))
        async with embedded(make_shared(), held) as first:
            await workflows.start(first)
            async with embedded(make_shared(), held) as second:
                left = await workflows.start(second)
            await workflows.start(first)

            async def aborted() -> bool:
                return (await row_of(first.store, left)).status == "aborted"

            await until(aborted)

    asyncio.run(main())


def test_inputs_that_give_no_group_are_refused_before_the_start(store: Any) -> None:
    async def main() -> None:
        text = grouped().replace("g-${{ inputs.region }}", "${{ inputs.region }}")
        async with embedded(store) as engine:
            with pytest.raises(InputError, match="may have 1000"):
                await Workflows(text).start(engine, inputs={"region": "x" * 1001})
            assert engine.at_hand() == []

    asyncio.run(main())
