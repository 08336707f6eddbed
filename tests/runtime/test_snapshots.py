"""When a run's whole state is written beside its changes: seldom while it runs, and when it is suspended."""

from __future__ import annotations

import asyncio

from tests.runtime.engine_support import CHAIN, Held, MakeStore, Work, Workflows, embedded, gives, result_of
from wfe_runtime.engine import Engine
from wfe_runtime.executors.contract import StepContext, StepResult
from wfe_runtime.providers.rows import StoredState
from wfe_vm.events import Resume

GIVEN = {"first": 100_000, "second": 30_000}
"""How much each step gives: the first is reason enough for a snapshot, the second is little beside it."""


async def stored(engine: Engine, run: str) -> StoredState:
    await engine.settled()
    state = await engine.store.load_state(run)
    assert state is not None
    return state


class Long(Work):
    """Steps that give much, and a last one that is under way until it is let go."""

    def __init__(self, given: dict[str, int]) -> None:
        super().__init__()
        self.given = given
        self.last = Held()
        self.do = self.step

    async def step(self, context: StepContext) -> StepResult:
        if context.step == "third":
            return await self.last(context)
        return gives(text="x" * self.given.get(context.step, 0))


def test_a_run_is_suspended_with_a_snapshot_where_it_would_be_loaded_from_many_changes(make_store: MakeStore) -> None:
    async def main() -> None:
        work = Long(GIVEN)
        async with embedded(make_store(), work) as engine:
            run = await Workflows(CHAIN).start(engine)
            await work.last.under_way(1)
            before = await stored(engine, run)
            assert before.snapshot is not None
            assert before.deltas != ()
            await engine.suspend_all("a pause")
            after = await stored(engine, run)
            assert after.deltas == ()
            assert after.run.sequence > before.run.sequence
        work.do = lambda _: gives(last="end")
        async with embedded(make_store(), work) as engine:
            await engine.take_over(run)
            assert engine.deliver(run, Resume(engine.clock.now()))
            assert (await result_of(engine, run)).outputs == {"last": "end"}

    asyncio.run(main())


def test_a_run_that_is_loaded_from_few_changes_is_suspended_without_a_snapshot(make_store: MakeStore) -> None:
    async def main() -> None:
        work = Long({})
        async with embedded(make_store(), work) as engine:
            run = await Workflows(CHAIN).start(engine)
            await work.last.under_way(1)
            await engine.suspend_all("a pause")
            assert (await stored(engine, run)).snapshot is None

    asyncio.run(main())
