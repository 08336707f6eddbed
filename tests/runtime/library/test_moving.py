"""Moving a run to another program by its handle."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import pytest

from tests.runtime.engine_support import turns, until
from tests.runtime.library.workflows import calls
from wfe_dsl.builder import Workflow, task
from wfe_runtime import DefinitionError, Engine, NotFound, RunHandle, Store, WfeError

WAITING: Final = """
workflow:
  id: order
  version: 1
  outputs: {text: string}
  steps:
    - name: payment
      wait: {event: paid}
    - return: {text: "'old'"}
"""
EDITED: Final = WAITING.replace("'old'", "'new'")
ABOVE: Final = """
workflow above version 1 {
  output text: string
  step child = workflow "order" { version 1; outputs { text: string } }
  return { text: steps.child.output.text }
}
"""


async def until_status(handle: RunHandle, status: str) -> None:
    async def reached() -> bool:
        return await handle.status() == status

    await until(reached)


@pytest.mark.acceptance("CTL-10")
def test_a_failed_run_is_moved_to_a_definition_that_brings_its_functions_and_then_retried(store: Store) -> None:
    def broken(n: int) -> int:
        raise RuntimeError("no")

    @task(registered="mended")
    def mended(n: int) -> int:
        return n + 1

    edited = Workflow("work", 2, inputs={"n": int}, outputs={"n": int})
    edited.return_({"n": edited.python("call", mended, inputs={"n": edited.inputs.n}).output.result})

    async def main() -> None:
        async with Engine(store, functions=[broken], workflows=[calls("broken")]) as engine:
            handle = await engine.start("work", {"n": 1})
            assert (await handle.result()).status == "failed"
            assert [await handle.move(edited, "mended it"), await handle.move(edited)] == [True, False]
            assert await handle.status() == "failed"
            assert await handle.retry()
            assert (await handle.result()).outputs == {"n": 2}
            assert (await handle.info()).version == 2
            assert [row.version for row in await engine.registered("work")] == [1], "it registers nothing"

    asyncio.run(main())


@pytest.mark.acceptance("CTL-10")
def test_whoever_waits_for_a_suspended_run_that_is_moved_gets_the_result_of_the_new_program(store: Store) -> None:
    async def main() -> None:
        async with Engine(store, workflows=[WAITING]) as engine:
            handle = await engine.start("order")
            await until_status(handle, "waiting")
            waiting = asyncio.ensure_future(handle.result())
            await turns()
            await handle.suspend()
            variable = EDITED.replace("'new'", "'((word))'")
            assert await handle.move(variable, variables={"word": "given"})
            assert [await handle.status(), engine.core.has(handle.id)] == ["suspended", True]
            assert await handle.resume()
            await engine.publish("paid")
            assert (await waiting).outputs == {"text": "given"}

    asyncio.run(main())


def test_a_moved_child_goes_on_with_its_parent(store: Store) -> None:
    async def main() -> None:
        async with Engine(store, workflows=[WAITING, ABOVE]) as engine:
            parent = await engine.start("above")

            async def begun() -> bool:
                return any(run.status == "waiting" for run in await engine.query(parent=parent))

            await until(begun)
            [row] = await engine.query(parent=parent)
            child = await engine.handle(row.id)
            await parent.suspend()
            await until_status(child, "suspended")
            assert await child.move(EDITED)
            assert await parent.resume()
            await engine.publish("paid")
            assert (await parent.result()).outputs == {"text": "new"}

    asyncio.run(main())


@pytest.mark.acceptance("CTL-10")
@pytest.mark.parametrize(
    ("definition", "error", "told"),
    [
        (EDITED.replace("name: payment", "name: other"), WfeError, "payment: "),
        (EDITED.replace("version: 1", "version: 1\n  inputs: {must: string}"), WfeError, "not given the input must"),
        (EDITED.replace("id: order", "id: orders"), NotFound, "there are orders\ndid you mean orders"),
        (EDITED.replace("wait:", "wiat:"), DefinitionError, "wiat"),
    ],
)
def test_a_run_that_does_not_fit_is_refused_with_what_is_in_the_way_and_goes_on_as_it_was(
    store: Store, definition: str, error: type[WfeError], told: str
) -> None:
    async def main() -> None:
        async with Engine(store, workflows=[WAITING]) as engine:
            handle = await engine.start("order")
            await until_status(handle, "waiting")
            with pytest.raises(WfeError, match="suspend it first") as waits:
                await handle.move(EDITED)
            assert waits.value.code == "refused"
            await handle.suspend()
            with pytest.raises(error, match=told):
                await handle.move(definition)
            await handle.resume()
            await engine.publish("paid")
            assert (await handle.result()).outputs == {"text": "old"}
            with pytest.raises(WfeError, match="is succeeded: only one that is suspended, failed or aborted") as ended:
                await handle.move(EDITED)
            assert ended.value.hint is None

    asyncio.run(main())


def test_a_suspended_run_of_which_a_step_is_under_way_is_not_moved_before_it_ends(store: Store) -> None:
    gates: list[asyncio.Event] = []

    async def hold(n: int) -> int:
        gates.append(asyncio.Event())
        await gates[0].wait()
        return n

    async def begun() -> bool:
        return bool(gates)

    edited = calls("hold").replace("    - name: call", "    - set: {x: '1'}\n    - name: call")

    async def main() -> None:
        async with Engine(store, functions=[hold], workflows=[calls("hold")]) as engine:
            handle = await engine.start("work", {"n": 1})
            await until(begun)
            await handle.suspend()
            with pytest.raises(WfeError, match=r"step call of run .* is still under way") as caught:
                await handle.move(edited)
            assert caught.value.code == "refused"

            async def moved() -> bool:
                try:
                    return await handle.move(edited)
                except WfeError:
                    return False

            gates[0].set()
            await until(moved)
            await handle.resume()
            assert (await handle.result()).outputs == {"n": 1}

    asyncio.run(main())


def test_a_run_that_another_living_engine_has_is_not_moved(make_store: Callable[[], Store]) -> None:
    async def main() -> None:
        async with Engine(make_store(), workflows=[WAITING]) as engine, Engine(make_store(), recover=False) as other:
            handle = await engine.start("order")
            await until_status(handle, "waiting")
            await handle.suspend()
            with pytest.raises(WfeError) as caught:
                await (await other.handle(handle.id)).move(EDITED)
            assert caught.value.code == "owned"
            assert await handle.move(EDITED)

    asyncio.run(main())
