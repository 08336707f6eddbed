"""Children that are in none of their parent's files: which program they are started from, and what if there is none."""

from __future__ import annotations

import asyncio
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
    kill,
    open_engine,
    result_of,
    row_of,
    until,
)
from wfe_runtime.engine import LEASE_MS, Engine
from wfe_runtime.providers.rows import Registration, RunFilter
from wfe_vm.events import Cancel

PARENT = """
workflow:
  id: parent
  version: 1
  outputs: {from: string}
  steps:
    - {name: call, type: workflow, config: {workflow: child}, outputs: [{name: from, type: string}]}
    - return: {from: steps.call.output.from}
"""
CHILD = """
workflow:
  id: child
  version: %d
  outputs: {from: string}
  steps:
    - {name: work, config: {run: make}}
    - return: {from: "'version %d'"}
"""


def child(version: int) -> Workflows:
    return Workflows(CHILD % (version, version))


async def register(store: Any, workflows: Workflows) -> None:
    """Register workflows, as another process does it."""
    await store.put_programs(workflows.rows)
    rows = [Registration(row.workflow, row.version, row.hash, 1, "somebody") for row in workflows.rows]
    assert await store.register(rows, False) == []


async def outputs_of(engine: Engine, workflows: Workflows) -> dict[str, Any]:
    result = await result_of(engine, await workflows.start(engine, "parent"))
    assert result.status == "succeeded", result.error
    return result.outputs


@pytest.mark.acceptance("SUB-06")
def test_a_child_without_a_version_is_the_highest_that_is_registered_when_it_starts(make_store: MakeStore) -> None:
    async def main() -> None:
        parent = Workflows(PARENT)
        async with embedded(make_store()) as engine:
            await register(engine.store, child(1))
            assert await outputs_of(engine, parent) == {"from": "version 1"}
            await register(engine.store, child(3))
            await register(engine.store, child(2))
            assert await outputs_of(engine, parent) == {"from": "version 3"}
            exact = Workflows(PARENT.replace("workflow: child}", "workflow: child, version: 2}"))
            assert await outputs_of(engine, exact) == {"from": "version 2"}

    asyncio.run(main())


@pytest.mark.acceptance("SUB-06")
def test_a_child_of_the_same_files_is_the_one_it_was_compiled_with_whatever_is_registered_since(
    make_store: MakeStore,
) -> None:
    async def main() -> None:
        steps = [text.partition("workflow:\n")[2].replace("  id:", "  - id:", 1) for text in (PARENT, CHILD % (1, 1))]
        together = Workflows("workflows:\n" + "".join(indented(text) for text in steps))
        async with embedded(make_store()) as engine:
            await register(engine.store, child(9))
            assert await outputs_of(engine, together) == {"from": "version 1"}

    asyncio.run(main())


def indented(text: str) -> str:
    first, *others = text.splitlines(keepends=True)
    return first + "".join("  " + line for line in others)


@pytest.mark.acceptance("SUB-05")
@pytest.mark.parametrize(
    ("config", "told"),
    [
        ("workflow: chidl", "no workflow chidl is known here; did you mean child?"),
        ("workflow: child, version: 7", "no workflow child version 7 is known here; registered are 1, 2"),
        ("workflow: zebra", "no workflow zebra is known here; name a file"),
    ],
)
def test_a_child_that_is_not_registered_is_the_steps_error_with_what_is_near_and_no_run(
    make_store: MakeStore, config: str, told: str
) -> None:
    async def main() -> None:
        async with embedded(make_store()) as engine:
            await register(engine.store, child(1))
            await register(engine.store, child(2))
            parent = Workflows(PARENT.replace("workflow: child", config))
            result = await result_of(engine, await parent.start(engine))
            assert result.error is not None
            assert (result.status, result.error.kind, result.error.step) == ("failed", "executor", "call")
            assert told in result.error.message
            assert len(await engine.store.list_runs(RunFilter())) == 1

    asyncio.run(main())


@pytest.mark.acceptance("SUB-05")
def test_a_step_whose_child_was_not_registered_is_tried_again_as_any_other_error(make_store: MakeStore) -> None:
    async def main() -> None:
        clock = Clock()
        parent = Workflows(PARENT.replace("type: workflow,", "type: workflow, retry: {attempts: 2, interval: 1h},"))
        async with embedded(make_store(), clock=clock) as engine:
            run = await parent.start(engine)
            await until(lambda: waits(engine.store, run))
            await register(engine.store, child(1))
            clock.time += 3_600_000
            engine.timers.look()
            assert (await result_of(engine, run)).outputs == {"from": "version 1"}
            assert len(await engine.store.list_runs(RunFilter())) == 2

    asyncio.run(main())


async def waits(store: Any, run: str) -> bool:
    return (await row_of(store, run)).status == "waiting"


@pytest.mark.acceptance("SUB-02")
@pytest.mark.parametrize("commit", [1, 2, 3])
def test_a_host_that_dies_while_it_starts_such_a_child_leaves_it_to_be_started_once(
    make_store: MakeStore, commit: int
) -> None:
    async def main() -> None:
        clock, held = Clock(), Held()
        store = GatedStore(make_store())
        reached = asyncio.Event()

        async def before(_: Any) -> None:
            if len(store.commits) + 1 == commit:
                reached.set()
                await asyncio.Event().wait()

        store.before = before
        first = await open_engine(store, Work(held), clock)
        await register(first.store, child(1))
        run = await Workflows(PARENT).start(first)
        if commit < 3:
            await reached.wait()
        else:
            await until(lambda: has_child(first.store, run))
        await kill(first)
        clock.time += LEASE_MS
        async with embedded(make_store(), clock=clock) as engine:
            await engine.take_over(run)
            assert (await result_of(engine, run)).outputs == {"from": "version 1"}
            assert len(await engine.store.list_runs(RunFilter(parent=run))) == 1

    asyncio.run(main())


async def has_child(store: Any, run: str) -> bool:
    return bool(await store.list_runs(RunFilter(parent=run)))


@pytest.mark.acceptance("SUB-07")
def test_a_parent_that_is_cancelled_while_its_childs_program_is_looked_for_starts_none(make_store: MakeStore) -> None:
    async def main() -> None:
        store = make_store()
        asked, answer = asyncio.Event(), asyncio.Event()
        look = store.list_registrations

        async def slow(*arguments: Any) -> Any:
            asked.set()
            await answer.wait()
            return await look(*arguments)

        async with embedded(store) as engine:
            await register(store, child(1))
            store.list_registrations = slow
            run = await Workflows(PARENT).start(engine)
            await asked.wait()
            assert engine.deliver(run, Cancel(engine.clock.now(), "", engine.clock.now() + 60_000))
            result = await result_of(engine, run)
            answer.set()
            await engine.settled()
            assert result.status == "aborted"
            assert len(await store.list_runs(RunFilter())) == 1

    asyncio.run(main())


@pytest.mark.acceptance("SUB-11")
def test_a_child_is_advanced_by_one_host_while_its_parent_is_with_another(make_shared: MakeStore) -> None:
    async def main() -> None:
        clock, held = Clock(), Held()
        first = await open_engine(make_shared(), Work(held), clock)
        await register(first.store, child(1))
        run = await Workflows(PARENT).start(first)
        await held.under_way(1)
        [below] = await first.store.list_runs(RunFilter(parent=run))
        assert (below.parent, below.root, below.depth) == (run, run, 1)
        await kill(first)
        clock.time += LEASE_MS
        work, none = Work(), Work()
        async with (
            embedded(make_shared(), work, clock=clock) as other,
            embedded(make_shared(), none, clock=clock) as parents,
        ):
            await other.take_over(below.id)
            await parents.take_over(run)
            assert (await result_of(parents, run)).outputs == {"from": "version 1"}
            assert (work.paths, none.paths) == (["work"], [])

    asyncio.run(main())
