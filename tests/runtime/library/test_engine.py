"""The Engine as a program embeds it: start, run, query, signals, its own life."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.engine_support import turns, until
from tests.runtime.library.workflows import APPROVAL, DOUBLE, HOLD, PARENT, TWO, WAITS, calls
from wfe_runtime import (
    CallContext,
    Engine,
    InputError,
    MissingError,
    NameTaken,
    NotCompleted,
    NotFound,
    RunFailed,
    StepContext,
    StepNext,
    StepResult,
    Store,
    StoreError,
    WfeError,
)


def double(n: int) -> int:
    return 2 * n


class Gate:
    """Steps that wait to be let go."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.open = asyncio.Event()

    async def hold(self, n: int) -> int:
        self.begun.set()
        await self.open.wait()
        return n


async def until_status(engine: Engine, name: str, status: str) -> None:
    """Wait until a run has a status."""
    handle = await engine.handle(name)

    async def reached() -> bool:
        return await handle.status() == status

    await until(reached)


def test_a_registered_workflow_runs_to_its_result(store: Store) -> None:
    async def main() -> None:
        async with Engine(store, functions=[double]) as engine:
            await engine.register(TWO)
            result = await engine.run("two", {"n": 5})
            assert (result.status, result.outputs, result.require()) == ("succeeded", {"n": 20}, {"n": 20})

    asyncio.run(main())


def test_a_function_that_changes_its_arguments_changes_neither_its_run_nor_its_program(store: Store) -> None:
    text = """
workflow:
  id: shops
  version: 1
  inputs: {basket: {type: list<string>, default: [milk]}}
  outputs: {seen: list<any>, basket: list<string>}
  steps:
    - for_each: '[1, 2]'
      limit: 1
      collect: {found: steps.shop.output.seen}
      do:
        - name: shop
          type: python
          config: {call: shop}
          inputs: {basket: inputs.basket, shelf: '{"top": ["tea"]}'}
          outputs: [{name: seen, type: any}]
    - return: {seen: vars.found, basket: inputs.basket}
"""

    def shop(basket: list[str], shelf: dict[str, list[str]]) -> dict[str, list[str]]:
        basket += shelf["top"]
        shelf["top"].clear()
        return {"seen": basket}

    async def empties(context: StepContext, call_next: StepNext) -> StepResult:
        result = await call_next(context)
        context.config.clear()
        if context.inputs is not None:
            context.inputs.clear()
        return result

    async def main() -> None:
        async with Engine(store, functions=[shop], workflows=[text], step_middleware=[empties]) as engine:
            for _ in range(2):
                result = await engine.run("shops")
                assert result.require() == {"seen": [["milk", "tea"], ["milk", "tea"]], "basket": ["milk"]}

    asyncio.run(main())


def test_the_store_may_be_a_url_and_runs_outlive_the_engine(tmp_path: Path) -> None:
    async def main() -> None:
        engine = Engine(f"sqlite:///{tmp_path}/runs.db", functions={"double": double}, workflows=[DOUBLE])
        async with engine:
            handle = await engine.start("double", {"n": 2}, name="mine")
            await handle.result()
        async with engine:
            again = await engine.handle("mine")
            assert (again.id, again.workflow, again.version) == (handle.id, "double", 1)
            assert (await again.result()).outputs == {"n": 4}
            info = await again.info()
            assert (info.status, info.inputs, info.result) == ("succeeded", {"n": 2}, await again.result())

    asyncio.run(main())


@pytest.mark.acceptance("ENG-18")
def test_a_url_of_no_store_is_refused_where_it_is_written() -> None:
    with pytest.raises(StoreError, match="sqlite"):
        Engine("sqlit:///runs.db")


def test_a_failed_run_is_a_result_and_an_error_only_where_its_outputs_are_required(store: Store) -> None:
    def broken(n: int) -> int:
        raise RuntimeError("no")

    async def main() -> None:
        async with Engine(store, functions={"broken": broken}) as engine:
            await engine.register(calls("broken"))
            result = await engine.run("work", {"n": 1})
            assert result.status == "failed"
            assert result.error is not None
            assert "RuntimeError: no" in result.error.message
            with pytest.raises(RunFailed, match="RuntimeError: no") as caught:
                result.require()
            assert caught.value.result is result

    asyncio.run(main())


@pytest.mark.acceptance("PYS-01")
def test_functions_may_be_plain_or_async_and_take_the_context_of_their_attempt(store: Store) -> None:
    seen: list[tuple[object, ...]] = []

    def plain(n: int, context: CallContext) -> int:
        context.logger.info("plain %d", n)
        context.logger.warning("careful")
        context.heartbeat("half way")
        seen.append((context.run_name, context.workflow, context.step, context.attempt, context.idempotency_key))
        return n + 1

    async def asynchronous(n: int, context: CallContext) -> int:
        context.heartbeat()
        return n + 2

    async def main() -> None:
        async with Engine(store) as engine:
            engine.function(plain)
            engine.function("later")(asynchronous)
            await engine.register(calls("plain", "a"))
            await engine.register(calls("later", "b"))
            handle = await engine.start("a", {"n": 1})
            assert (await handle.result()).outputs == {"n": 2}
            assert (await engine.run("b", {"n": 1})).outputs == {"n": 3}
            [(name, workflow, step, attempt, key)] = seen
            assert (name, workflow, step, attempt) == (handle.name, "a", "call", 1)
            assert str(key).startswith(handle.id)
            logged = "".join(row.text for row in await engine.core.store.read_logs(handle.id))
            assert logged == "plain 1\nWARNING: careful\nhalf way\n"

    asyncio.run(main())


@pytest.mark.acceptance("PYS-05")
def test_a_plain_function_learns_by_its_heartbeat_that_it_is_to_stop(store: Store) -> None:
    ended: list[str] = []
    over = threading.Event()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        begun = asyncio.Event()

        def busy(n: int, context: CallContext) -> int:
            loop.call_soon_threadsafe(begun.set)
            try:
                while True:
                    context.cancelled.wait(30)
                    context.heartbeat("still here")
            finally:
                ended.append(context.step)
                over.set()

        async with Engine(store, functions=[busy]) as engine:
            await engine.register(calls("busy"))
            handle = await engine.start("work", {"n": 1})
            await begun.wait()
            assert await handle.cancel("enough")
            assert (await handle.result()).status == "aborted"
        assert over.wait(30)
        assert ended == ["call"]

    asyncio.run(main())


def test_a_name_that_means_another_function_is_refused(store: Store) -> None:
    engine = Engine(store, functions=[double])
    engine.function(double)
    with pytest.raises(ValueError, match="another function is registered as double"):
        engine.function("double")(lambda n: n)
    with pytest.raises(ValueError, match="no name"):
        engine.function(lambda n: n)


@pytest.mark.acceptance("PYS-03")
def test_a_run_whose_function_is_not_registered_is_not_started_and_one_left_behind_waits_for_it(
    make_store: Callable[[], Store],
) -> None:
    async def main() -> None:
        async with Engine(make_store(), workflows=[HOLD]) as engine:
            with pytest.raises(MissingError, match="no Python function is registered as hold"):
                await engine.start("hold", {"n": 1})
            assert await engine.query() == []
        gate = Gate()
        async with Engine(make_store(), functions=[gate.hold]) as engine:
            await engine.start("hold", {"n": 1}, name="left")
            await gate.begun.wait()
        async with Engine(make_store()) as engine:
            assert await engine.recover() == 0
            assert engine.waiting_for() == {"left": ["no Python function is registered as hold"]}
            handle = await engine.handle("left")
            engine.function("hold")(lambda n: n + 1)
            assert (await handle.result()).outputs == {"n": 2}
            assert engine.waiting_for() == {}

    asyncio.run(main())


@pytest.mark.acceptance("ENG-01")
def test_an_engine_takes_up_what_another_left_unless_it_is_told_not_to(make_store: Callable[[], Store]) -> None:
    async def main() -> None:
        gate = Gate()
        async with Engine(make_store(), functions=[gate.hold], workflows=[HOLD, WAITS]) as engine:
            held = await engine.start("hold", {"n": 3})
            waiting = await engine.start("waits")
            parked = await engine.start("waits")
            await gate.begun.wait()
            await parked.suspend()
        gate.open.set()
        async with Engine(make_store(), functions=[gate.hold], recover=False) as engine:
            await turns()
            assert [row.status for row in await engine.query(status=("succeeded", "failed"))] == []
            assert engine.core.at_hand() == []
        async with Engine(make_store(), functions=[gate.hold]) as engine:
            assert (await (await engine.handle(held.id)).result()).outputs == {"n": 3}
            await engine.publish("paid", "order-7", 5)
            assert (await (await engine.handle(waiting.id)).result()).outputs == {"paid": 5}
            assert await (await engine.handle(parked.id)).status() == "suspended"

    asyncio.run(main())


@pytest.mark.acceptance("ENG-23")
def test_waiting_with_a_timeout_says_where_the_run_is_and_leaves_it_alone(store: Store) -> None:
    async def main() -> None:
        async with Engine(store, workflows=[WAITS]) as engine:
            handle = await engine.start("waits")
            await until_status(engine, handle.name, "waiting")
            with pytest.raises(NotCompleted, match="waits-1 did not complete in time; it is waiting"):
                await handle.result(timedelta(milliseconds=1))
            await engine.publish("paid", "order-7", {"amount": 5})
            assert (await handle.result(30)).outputs == {"paid": {"amount": 5}}

    asyncio.run(main())


def test_who_waits_is_told_when_the_engine_is_left(store: Store) -> None:
    async def main() -> None:
        async with Engine(store, workflows=[WAITS]) as engine:
            handle = await engine.start("waits")
            ended = asyncio.ensure_future(handle.result())
            await turns()
        with pytest.raises(WfeError, match="closed before the run ended"):
            await ended
        with pytest.raises(WfeError, match="the engine is not open"):
            await handle.status()

    asyncio.run(main())


def test_a_run_of_another_engine_is_waited_for_and_asked_through_the_store(make_store: Callable[[], Store]) -> None:
    async def main() -> None:
        async with (
            Engine(make_store(), workflows=[WAITS]) as owner,
            Engine(make_store(), recover=False) as other,
        ):
            first, second = await owner.start("waits"), await owner.start("waits")
            ended = asyncio.ensure_future((await other.handle(first.id)).result())
            await turns()
            await other.publish("paid", "order-7", 1)
            assert (await asyncio.wait_for(ended, 30)).outputs == {"paid": 1}
            assert (await asyncio.wait_for(second.result(), 30)).outputs == {"paid": 1}
            third = await owner.start("waits", name="third")
            await until_status(owner, "third", "waiting")
            elsewhere = await other.handle("third")
            assert await elsewhere.terminate()
            assert (await asyncio.wait_for(elsewhere.result(), 30)).status == "terminated"
            assert await third.terminate() is False

    if make_store() is make_store():
        pytest.skip("one store in memory is opened once")
    asyncio.run(main())


@pytest.mark.acceptance("CTL-12")
def test_a_key_starts_once_and_other_inputs_are_told_apart(store: Store) -> None:
    async def main() -> None:
        async with Engine(store, functions=[double], workflows=[DOUBLE]) as engine:
            first, second = await asyncio.gather(
                engine.start("double", {"n": 1}, key="k"), engine.start("double", {"n": 1}, key="k")
            )
            assert first.id == second.id
            with pytest.raises(InputError, match="n: it was 1 and is 2 now"):
                await engine.start("double", {"n": 2}, key="k")
            assert len(await engine.query()) == 1

    asyncio.run(main())


@pytest.mark.acceptance("CTL-13")
def test_concurrent_starts_get_successive_names_and_a_blank_or_taken_one_is_refused(store: Store) -> None:
    async def main() -> None:
        async with Engine(store, functions=[double], workflows=[DOUBLE]) as engine:
            handles = await asyncio.gather(*(engine.start("double", {"n": n}) for n in range(100)))
            assert sorted(handle.name for handle in handles) == sorted(f"double-{n}" for n in range(1, 101))
            assert len({handle.id for handle in handles}) == 100
            assert (await engine.start("double", {"n": 1}, name="mine")).name == "mine"
            with pytest.raises(NameTaken, match="mine"):
                await engine.start("double", {"n": 1}, name="mine")
            for name in ("", "  ", " x", "a/b", "x" * 201, "a\nb", "a\x1bb"):
                with pytest.raises(ValueError, match="is no name for a run"):
                    await engine.start("double", {"n": 1}, name=name)

    asyncio.run(main())


@pytest.mark.acceptance("CTL-14")
def test_a_run_is_found_by_id_name_or_prefix_and_an_ambiguous_one_is_refused(store: Store) -> None:
    async def main() -> None:
        async with Engine(store, functions=[double], workflows=[DOUBLE]) as engine:
            for name in ("alpha", "alpha-2", "beta"):
                await engine.start("double", {"n": 1}, name=name)
            assert (await engine.handle("alpha")).name == "alpha"
            assert (await engine.handle("be")).name == "beta"
            with pytest.raises(WfeError, match=r"alpha-2 .* alpha "):
                await engine.handle("alph")
            with pytest.raises(NotFound, match="did you mean beta"):
                await engine.handle("betta")
            with pytest.raises(NotFound):
                await engine.handle(" ")

    asyncio.run(main())


def test_runs_are_queried_by_status_workflow_name_and_age_and_page_by_page(store: Store) -> None:
    async def main() -> None:
        async with Engine(store, functions=[double], workflows=[DOUBLE, WAITS]) as engine:
            for n in range(5):
                await engine.run("double", {"n": n}, name=f"{'ab'[n % 2]}{n}")
            await engine.start("waits", name="open")
            names = [[run.name for run in await engine.query(**given)] for given in (
                {"workflow": "double", "name": "b"},
                {"status": "succeeded", "limit": 2},
                {"status": ["running", "waiting", "pending"]},
                {"since": timedelta(hours=1), "workflow": "waits"},
                {"until": datetime.now(UTC) - timedelta(hours=1)},
                {"since": 0, "until": 1},
            )]  # fmt: skip
            assert names == [["b3", "b1"], ["a4", "b3"], ["open"], ["open"], [], []]
            page = await engine.query(limit=4)
            rest = await engine.query(limit=4, after=page[-1].id)
            assert [run.name for run in [*page, *rest]] == ["open", "a4", "b3", "a2", "b1", "a0"]
            with pytest.raises(ValueError, match="'done' is no status of a run"):
                await engine.query(status="done")

    asyncio.run(main())


@pytest.mark.acceptance("EVT-06", "EVT-07")
def test_an_event_is_published_once_by_its_id(store: Store) -> None:
    async def main() -> None:
        async with Engine(store, workflows=[WAITS]) as engine:
            handle = await engine.start("waits")
            assert (await engine.publish("paid", "order-7", 1, id="e1")).new
            again = await engine.publish("paid", "order-7", 1, id="e1")
            other = await engine.publish("paid", "order-7", 2, id="e1")
            assert [(answer.new, answer.same) for answer in (again, other)] == [(False, True), (False, False)]
            assert (await handle.result()).outputs == {"paid": 1}

    asyncio.run(main())


@pytest.mark.acceptance("EVT-16")
def test_an_approval_is_answered_once_by_whoever_comes_first(store: Store) -> None:
    async def main() -> None:
        async with Engine(store, workflows=[APPROVAL]) as engine:
            handle = await engine.start("asks", name="ship")
            await until_status(engine, "ship", "waiting")
            with pytest.raises(InputError, match="approve, reject"):
                await handle.answer("maybe", "ada")
            assert (await engine.answer("ship", "approve", "ada")).accepted
            assert (await handle.result()).outputs == {"by": "ada"}

    asyncio.run(main())


@pytest.mark.acceptance("CTL-01")
def test_control_calls_say_whether_they_change_anything(store: Store) -> None:
    async def main() -> None:
        async with Engine(store, workflows=[WAITS]) as engine:
            handle = await engine.start("waits")
            await until_status(engine, handle.name, "waiting")
            assert [await handle.suspend(), await handle.suspend(), await handle.status()] == [True, False, "suspended"]
            with pytest.raises(WfeError, match="resume\\(\\) goes on with it"):
                await handle.retry()
            assert [await handle.resume(), await handle.resume(), await handle.status()] == [True, False, "waiting"]
            assert [await handle.cancel(), await handle.cancel()] == [True, False]
            assert (await handle.result()).status == "aborted"
            assert [await handle.terminate(), await handle.suspend(), await handle.resume()] == [False] * 3
            assert await handle.retry()
            assert await handle.status() == "waiting"
            assert await handle.terminate()
            with pytest.raises(WfeError, match="only a failed or aborted run can be retried"):
                await handle.retry()

    asyncio.run(main())


@pytest.mark.acceptance("CTL-06")
def test_a_failed_run_is_retried_to_a_success(store: Store) -> None:
    attempts: list[int] = []

    def flaky(n: int) -> int:
        attempts.append(n)
        if len(attempts) == 1:
            raise RuntimeError("once")
        return n

    async def main() -> None:
        async with Engine(store, functions=[flaky], workflows=[calls("flaky")]) as engine:
            handle = await engine.start("work", {"n": 1})
            assert (await handle.result()).status == "failed"
            assert await handle.retry()
            assert (await handle.result()).outputs == {"n": 1}

    asyncio.run(main())


@pytest.mark.acceptance("CTL-09")
def test_a_failed_step_is_skipped_with_a_result_that_fits(make_store: Callable[[], Store]) -> None:
    def broken(n: int) -> int:
        raise RuntimeError("no")

    async def main() -> None:
        async with Engine(make_store(), functions=[broken], workflows=[calls("broken")]) as engine:
            name = (await engine.start("work", {"n": 1})).name
            assert (await (await engine.handle(name)).result()).status == "failed"
        async with Engine(make_store(), functions=[broken]) as engine:
            handle = await engine.handle(name)
            with pytest.raises(InputError):
                await handle.retry(skip="call", outputs={"n": "text"})
            with pytest.raises(NotFound, match="did you mean"):
                await handle.retry(skip="cal")
            assert await handle.status() == "failed"
            assert await handle.retry(skip="call", outputs={"n": 9})
            assert (await handle.result()).outputs == {"n": 9}

    asyncio.run(main())


@pytest.mark.acceptance("PRG-12")
def test_a_child_that_no_file_holds_is_started_from_the_registered_program(store: Store) -> None:
    async def main() -> None:
        async with Engine(store, functions=[double]) as engine:
            await engine.register(PARENT)
            failed = await engine.run("parent")
            assert failed.error is not None
            assert "register it" in failed.error.message
            await engine.register(DOUBLE)
            handle = await engine.start("parent")
            assert (await handle.result()).outputs == {"n": 42}
            [child] = await engine.query(parent=handle)
            assert (child.workflow, child.version, child.root) == ("double", 1, handle.id)

    asyncio.run(main())


@pytest.mark.acceptance("TYP-05")
def test_inputs_with_several_mistakes_are_refused_naming_all_and_nothing_is_stored(store: Store) -> None:
    text = """
workflow:
  id: picky
  version: 1
  inputs: {count: integer, size: {type: string, enum: [small, large]}, tags: list<string>, owner: string}
  steps: [{name: work, config: {run: "true"}}]
"""

    async def main() -> None:
        async with Engine(store, workflows=[text]) as engine:
            with pytest.raises(InputError) as caught:
                await engine.start("picky", {"count": "many", "size": "huge", "tags": ["a", 1], "ownr": "me"})
            named = sorted(problem.partition(":")[0] for problem in caught.value.problems)
            assert named == ["count", "owner", "ownr", "size", "tags[1]"]
            for wrong in ([], ["count"], "count"):
                with pytest.raises(InputError, match="have to be a map"):
                    await engine.start("picky", wrong)
            assert await engine.query() == []

    asyncio.run(main())


@pytest.mark.acceptance("ENG-21")
def test_engines_in_one_loop_are_independent_and_leave_nothing_behind(tmp_path: Path) -> None:
    async def main() -> None:
        threads = threading.active_count()
        for _ in range(10):
            async with (
                Engine("memory:", functions=[double], workflows=[DOUBLE]) as one,
                Engine(f"sqlite:///{tmp_path}/runs.db", functions=[double], workflows=[DOUBLE]) as two,
            ):
                results = await asyncio.gather(one.run("double", {"n": 1}), two.run("double", {"n": 2}))
                assert [result.outputs for result in results] == [{"n": 2}, {"n": 4}]
                assert len(await one.query()) == 1
        assert len(asyncio.all_tasks()) == 1
        assert threading.active_count() == threads

    asyncio.run(main())


def test_an_engine_is_entered_once_at_a_time_and_used_only_inside(store: Store) -> None:
    async def main() -> None:
        engine = Engine(store)
        with pytest.raises(WfeError, match="the engine is not open"):
            await engine.start("x")
        async with engine:
            with pytest.raises(WfeError, match="open already"):
                await engine.__aenter__()
        await engine.close()

    asyncio.run(main())


def test_closing_goes_on_though_its_caller_is_out_of_time_and_the_next_to_enter_waits_for_it(
    make_store: Callable[[], Store],
) -> None:
    begun, may_end, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def tidy(n: int) -> int:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await may_end.wait()
            ended.set()
        return n

    async def main() -> None:
        threads = threading.active_count()
        engine = Engine(make_store(), functions=[tidy], workflows=[calls("tidy")], recover=False)
        async with engine:
            handle = await engine.start("work", {"n": 1})
            await begun.wait()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0):
                    await engine.close()
            again = asyncio.ensure_future(engine.close())
            entering = asyncio.ensure_future(engine.__aenter__())
            await turns()
            assert not again.done()
            assert not entering.done()
            may_end.set()
            await again
            assert ended.is_set()
            await entering
            assert await (await engine.handle(handle.id)).status() == "running"
        assert len(asyncio.all_tasks()) == 1
        assert threading.active_count() == threads

    asyncio.run(main())


def test_a_step_may_close_its_own_engine(store: Store) -> None:
    async def main() -> None:
        async def close(n: int) -> int:
            await engine.close()
            return n

        engine = Engine(store, functions=[close], workflows=[calls("close")])
        async with engine:
            handle = await engine.start("work", {"n": 1})
            with pytest.raises(WfeError, match="the engine was closed before the run ended"):
                await handle.result()
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())


def test_a_call_from_another_event_loop_is_refused_and_one_that_is_passed_on_is_not(store: Store) -> None:
    async def main() -> None:
        async with Engine(store, functions=[double], workflows=[DOUBLE]) as engine:
            handle = await engine.start("double", {"n": 1})
            for call in (lambda: engine.run("double", {"n": 1}), handle.cancel, handle.status, engine.close):

                async def elsewhere(call: Callable[[], Awaitable[Any]] = call) -> None:
                    with pytest.raises(WfeError, match="run_coroutine_threadsafe") as caught:
                        await call()
                    assert caught.value.code == "loop"

                await asyncio.to_thread(asyncio.run, elsewhere())
            loop = asyncio.get_running_loop()

            def passed_on() -> str:
                return asyncio.run_coroutine_threadsafe(engine.run("double", {"n": 1}), loop).result().status

            assert await asyncio.to_thread(passed_on) == "succeeded"

    asyncio.run(main())


class Slow:
    """Lets what a method of a store gives wait, once the store has done it."""

    def __init__(self, store: Store, method: str) -> None:
        self.done = asyncio.Event()
        self.go_on = asyncio.Event()
        self._call = getattr(store, method)
        setattr(store, method, self)

    async def __call__(self, *arguments: Any) -> Any:
        given = await self._call(*arguments)
        self.done.set()
        await self.go_on.wait()
        return given


def test_a_run_whose_start_is_cancelled_once_it_is_durable_goes_on(store: Store) -> None:
    async def main() -> None:
        async with Engine(store, functions=[double], workflows=[DOUBLE]) as engine:
            slow = Slow(store, "create_run")
            starting = asyncio.ensure_future(engine.start("double", {"n": 1}, key="once"))
            await slow.done.wait()
            starting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await starting
            slow.go_on.set()
            handle = await engine.start("double", {"n": 1}, key="once")
            assert (await handle.result(30)).outputs == {"n": 2}
            assert [run.id for run in await engine.query()] == [handle.id]

    asyncio.run(main())


@pytest.mark.parametrize("ask", ["resume", "suspend", "cancel", "retry"])
def test_a_run_of_which_something_was_asked_in_vain_while_it_was_taken_over_is_not_lost(
    make_store: Callable[[], Store], ask: str
) -> None:
    async def main() -> None:
        async with Engine(make_store(), workflows=[WAITS]) as engine:
            handle = await engine.start("waits")
            if ask == "retry":
                await handle.cancel()
                await handle.result()
        store = make_store()
        async with Engine(store, recover=False) as engine:
            handle = await engine.handle(handle.id)
            slow = Slow(store, "claim")
            asking = asyncio.ensure_future(getattr(handle, ask)())
            await slow.done.wait()
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            slow.go_on.set()

            async def taken_over() -> bool:
                return engine.core.has(handle.id)

            await until(taken_over)
            await (handle.retry if ask == "retry" else handle.resume)()
            await engine.publish("paid", "order-7", 1)
            assert (await handle.result(30)).outputs == {"paid": 1}

    asyncio.run(main())


def test_a_start_that_the_end_of_the_engine_overtakes_is_told_so(make_store: Callable[[], Store]) -> None:
    async def main() -> None:
        store = make_store()
        async with Engine(store, functions=[double], workflows=[DOUBLE]) as engine:
            slow = Slow(store, "create_run")
            starting = asyncio.ensure_future(engine.start("double", {"n": 1}, key="once"))
            await slow.done.wait()
        with pytest.raises(WfeError) as caught:
            await starting
        assert caught.value.code == "closed"
        slow.go_on.set()
        async with Engine(make_store(), functions=[double]) as engine:
            handle = await engine.start("double", {"n": 1}, key="once")
            assert (await handle.result(30)).outputs == {"n": 2}

    asyncio.run(main())
