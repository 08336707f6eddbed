"""Getting steps to their executors: how many at once, for how long, and what an executor may do wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from tests.runtime.engine_support import (
    ONE,
    Clock,
    Held,
    MakeStore,
    Work,
    Workflows,
    embedded,
    fails,
    gives,
    result_of,
    turns,
)
from wfe_runtime.engine import Engine
from wfe_runtime.errors import WfeError
from wfe_runtime.executors import ExecutorRegistry
from wfe_runtime.executors.contract import StepContext, StepResult
from wfe_runtime.lifecycle import SilentListener
from wfe_runtime.providers.memory import MemoryStore
from wfe_runtime.providers.rows import RunRow
from wfe_runtime.result import RunResult
from wfe_vm.events import Cancel, Terminate
from wfe_vm.outcome import Failure


def fan(items: int, limit: int = 100_000) -> Workflows:
    return Workflows(
        f"workflow: {{id: fan, version: 1, steps: [{{name: each, for_each: '[{', '.join('0' * items)}]', "
        f"limit: {limit}, do: [{{name: work, config: {{run: make}}}}]}}]}}"
    )


async def run_one(do: Callable[[StepContext], Any], text: str = ONE) -> RunResult:
    """Run a workflow of one step, done so, to its end."""
    async with embedded(MemoryStore(), do) as engine:
        return await result_of(engine, await Workflows(text).start(engine))


# How many


@pytest.mark.acceptance("ENG-14")
@pytest.mark.parametrize(("host", "block", "expected"), [(3, 100, 3), (50, 4, 4), (5, 5, 5)])
def test_the_smallest_limit_holds(host: int, block: int, expected: int) -> None:
    async def main() -> None:
        held = Held()
        most = running = 0

        async def do(context: StepContext) -> StepResult:
            nonlocal most, running
            running += 1
            most = max(most, running)
            try:
                return await held(context)
            finally:
                running -= 1

        async with embedded(MemoryStore(), do, step_limit=host) as engine:
            run = await fan(20, block).start(engine)
            ended = asyncio.ensure_future(result_of(engine, run))
            while not ended.done():
                await turns()
                held.let_go()
            assert ended.result().status == "succeeded"
            assert most == expected

    asyncio.run(main())


@pytest.mark.acceptance("ENG-14")
def test_the_limit_of_the_host_is_of_all_its_runs() -> None:
    async def main() -> None:
        held = Held()
        work = Work(held)
        async with embedded(MemoryStore(), work, step_limit=4) as engine:
            one = Workflows(ONE)
            runs = [await one.start(engine) for _ in range(10)]
            await held.under_way(4)
            await turns()
            assert len(work.begun) == 4
            held.let_go()
            await held.under_way(4)
            assert [context.run for context in work.begun] == runs[:8], "first come, first served"
            held.let_go()
            await held.under_way(2)
            held.let_go()
            for run in runs:
                assert (await result_of(engine, run)).status == "succeeded"

    asyncio.run(main())


def test_thousands_of_steps_that_end_at_once_can_wait_for_one_that_does_not() -> None:
    async def main() -> None:
        held = Held()
        work = Work(lambda context: held(context) if context.step == "each[0]/work" else gives())
        async with embedded(MemoryStore(), work, step_limit=1) as engine:
            run = await fan(3000).start(engine)
            await held.under_way(1)
            await turns()
            assert len(work.begun) == 1
            held.let_go()
            assert (await result_of(engine, run)).status == "succeeded"
            assert len(work.begun) == 3000

    asyncio.run(main())


def test_a_step_that_waits_for_room_is_stopped_without_having_begun() -> None:
    async def main() -> None:
        held, one = Held(), Workflows(ONE)
        work = Work(held)
        async with embedded(MemoryStore(), work, step_limit=1) as engine:
            first, second, third = [await one.start(engine) for _ in range(3)]
            await held.under_way(1)
            await engine.settled()
            assert engine.deliver(second, Cancel(engine.clock.now(), "", 0))
            assert (await result_of(engine, second)).status == "aborted"
            assert engine.deliver(first, Terminate(engine.clock.now()))
            assert (await result_of(engine, first)).status == "terminated"
            await held.under_way(1)
            held.let_go()
            assert (await result_of(engine, third)).status == "succeeded"
            assert [context.run for context in work.begun] == [first, third]

    asyncio.run(main())


# For how long


def test_a_step_that_takes_too_long_is_stopped_and_ends_in_error_with_its_limit() -> None:
    async def main() -> None:
        held = Held()
        work = Work(held)
        text = ONE.replace("config:", "timeout: 20ms, retry: {attempts: 2, interval: 0, on: [timeout]}, config:")
        async with embedded(MemoryStore(), work) as engine:
            result = await result_of(engine, await Workflows(text).start(engine))
            assert result.status == "failed"
            assert result.error is not None
            assert (result.error.kind, result.error.details["limit_ms"]) == ("timeout", 20)
            assert "only took longer than its limit of 20 ms" in result.error.message
            assert held.stopped == ["only", "only"]
            assert [context.timeout_ms for context in work.begun] == [20, 20]

    asyncio.run(main())


def test_a_step_that_succeeds_while_it_is_being_stopped_for_its_time_has_succeeded() -> None:
    async def main() -> None:
        async def do(context: StepContext) -> StepResult:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                return gives()
            raise AssertionError

        assert (await run_one(do, ONE.replace("config:", "timeout: 10ms, config:"))).status == "succeeded"

    asyncio.run(main())


# What an executor may do wrong


async def raises(_: StepContext) -> StepResult:
    raise LookupError("a key of ours")


def raises_at_once(_: StepContext) -> StepResult:
    raise LookupError("a key of ours")


async def gives_nothing(_: StepContext) -> Any:
    return None


@pytest.mark.parametrize(
    ("do", "kind", "message"),
    [
        (raises, "internal", "LookupError: a key of ours"),
        (raises_at_once, "internal", "LookupError: a key of ours"),
        (gives_nothing, "internal", "not with a NoneType"),
        (lambda _: None, "internal", "TypeError"),
        (lambda _: StepResult("great"), "internal", "'great'"),
        (lambda _: StepResult("success", cast(Any, [1])), "internal", "outputs that are no map, but a list"),
        (lambda _: gives(x={1}), "type", "x: a set is no plain value"),
        (lambda _: gives(x=2**64), "type", "64 bits"),
        (lambda _: StepResult("success", {}, None, "half \ud800"), "type", "lone surrogate"),
        (lambda _: fails("half \ud800"), "internal", "an error that can't be kept"),
        (lambda _: StepResult("failure"), "internal", "no reason"),
        (lambda _: StepResult("success", {}, None, cast(Any, 5)), "internal", "as stdout no text, but a int"),
        (lambda _: StepResult("failure", {}, cast(Any, "no")), "internal", "an error that is no Failure, but a str"),
        (lambda _: StepResult("error", {}, cast(Any, OSError("no"))), "internal", "no Failure, but a OSError"),
        (lambda _: fails(cast(Any, OSError("no"))), "internal", "an error that can't be kept"),
        (lambda _: fails(cast(Any, 5)), "internal", "can't be kept: Expected `str`, got `int` - at `$.message`"),
        (lambda _: fails(cast(Any, [5])), "internal", "got `array` - at `$.message`"),
    ],
)
def test_a_mistake_of_an_executor_is_the_steps_failure_and_no_other_runs(
    do: Callable[[StepContext], Any], kind: str, message: str
) -> None:
    async def main() -> None:
        work = Work(do)
        async with embedded(MemoryStore(), work) as engine:
            one = Workflows(ONE)
            result = await result_of(engine, await one.start(engine))
            assert result.status == "failed"
            assert result.error is not None
            assert (result.error.kind, result.error.step) == (kind, "only")
            assert message in result.error.message
            work.do = lambda _: gives()
            assert (await result_of(engine, await one.start(engine))).status == "succeeded"

    asyncio.run(main())


def test_an_executor_that_can_not_be_made_is_the_steps_error() -> None:
    class Broken(ExecutorRegistry):
        def for_type(self, type: str) -> Any:
            if self.asked:
                raise WfeError("executor", f"the executor for steps of type {type} can't be loaded: no such module")
            self.asked = True
            return Work()

        asked = False

    async def main() -> None:
        async with Engine(MemoryStore(), Broken()) as engine:
            result = await result_of(engine, await Workflows(ONE).start(engine))
            assert result.error is not None
            assert (result.error.kind, result.error.step) == ("executor", "only")
            assert "can't be loaded" in result.error.message

    asyncio.run(main())


def test_an_abort_that_nobody_asked_for_fails_the_run() -> None:
    async def main() -> None:
        async def gives_up(_: StepContext) -> StepResult:
            raise asyncio.CancelledError

        result = await run_one(gives_up)
        assert (result.status, result.error) == ("failed", Failure("fail", "the step was stopped", "only", 1))

    asyncio.run(main())


# What a step is told, and what it says


class Printed(SilentListener):
    """Remembers what was printed."""

    def __init__(self) -> None:
        self.texts: list[tuple[str, int, str, str]] = []

    def printed(self, run: RunRow, step: str, attempt: int, stream: str, text: str) -> None:
        self.texts.append((step, attempt, stream, text))


@pytest.mark.parametrize("at_once", [True, False])
def test_what_a_step_says_is_stored_before_its_end_is_known(make_store: MakeStore, at_once: bool) -> None:
    async def main() -> None:
        def do(context: StepContext) -> Any:
            context.log.write("stdout", b"hello\nwor")
            context.log.write("stdout", b"ld")
            assert not context.log.full

            async def later() -> StepResult:
                await context.log.drain()
                return gives()

            return gives() if at_once else later()

        listener = Printed()
        async with embedded(make_store(), do, listener=listener) as engine:
            run = await Workflows(ONE).start(engine)
            assert (await result_of(engine, run)).status == "succeeded"
            rows = await engine.store.read_logs(run)
            assert "".join(row.text for row in rows) == "hello\nworld"
            assert "".join(text for *_, text in listener.texts) == "hello\nworld"
            assert {(row.step, row.attempt, row.stream) for row in rows} == {("only", 1, "stdout")}

    asyncio.run(main())


def test_a_step_is_told_what_it_needs_to_know(make_store: MakeStore) -> None:
    async def main() -> None:
        text = """
workflow:
  id: knows
  version: 1
  inputs: {who: string}
  steps:
    - name: block
      sequence:
        - name: inner
          config: {run: make, env: {N: '${{ inputs.who }}'}}
          inputs: {n: '1 + 1'}
          outputs: [{name: size, type: integer}]
          timeout: 1m
          retry: {attempts: 2, interval: 0}
"""
        work = Work(lambda context: fails() if context.attempt == 1 else gives(size=1))
        async with embedded(make_store(), work, clock=Clock()) as engine:
            run = await Workflows(text).start(engine, inputs={"who": "me"}, name="mine", folder="/srv")
            assert (await result_of(engine, run)).status == "succeeded"
        first, second = work.begun
        assert (first.run, first.run_name, first.workflow, first.step) == (run, "mine", "knows", "block/inner")
        assert (first.type, first.folder, first.timeout_ms, first.fence) == ("shell", "/srv", 60_000, 1)
        assert (first.inputs, first.config["env"], first.data["who"]) == ({"n": 2}, {"N": "me"}, "me")
        assert [output.name for output in first.outputs] == ["size"]
        assert (first.attempt, second.attempt) == (1, 2)
        assert first.idempotency_key == second.idempotency_key

    asyncio.run(main())
