"""The engine that users test with: time that jumps, mocked steps, crashes, what was done."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, assert_type

import pytest

from wfe_runtime import StepContext, StepResult, WfeError
from wfe_runtime.testing import EngineUnderTest
from wfe_vm.outcome import Failure

REMINDER: Final = """
workflow reminder version 1 {
  output told: string
  step month = sleep 30d
  step tell = python { call "tell"; outputs { told: string }; retry { attempts 3; interval 1h } }
  return { told: steps.tell.output.told }
}
"""

ORDER: Final = """
workflow:
  id: order
  version: 1
  outputs: {paid: "any?"}
  steps:
    - name: reserve
      type: python
      config: {call: reserve}
      outputs: [{name: place, type: string}]
    - name: paid
      wait: {event: paid, timeout: 2d}
    - name: pack
      type: python
      config: {call: pack}
      inputs: {place: steps.reserve.output.place}
    - return: {paid: steps.paid.output.data}
"""

done: list[str] = []


def tell() -> str:
    done.append("tell")
    return "told"


def reserve() -> str:
    done.append("reserve")
    return "A1"


def pack(place: str) -> None:
    done.append(f"pack {place}")


@pytest.fixture(params=["memory", "sqlite"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> EngineUnderTest:
    done.clear()
    url = "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/runs.db"
    return EngineUnderTest(url, functions=[tell, reserve, pack], workflows=[REMINDER, ORDER])


def within(engine: EngineUnderTest, story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def tell_it() -> None:
        async with engine, asyncio.timeout(10):
            await story()

    asyncio.run(tell_it())


def test_what_is_entered_is_the_engine_itself_to_a_type_checker_too(engine: EngineUnderTest) -> None:
    async def main() -> None:
        async with engine as entered:
            assert_type(entered, EngineUnderTest)
            assert entered is engine

    asyncio.run(main())


def test_thirty_days_pass_as_soon_as_nothing_else_goes_on(engine: EngineUnderTest) -> None:
    async def story() -> None:
        began = engine.clock.time
        run = await engine.start("reminder")
        await engine.settle()
        assert (await run.status(), done) == ("waiting", [])
        assert await engine.advance() == 1
        assert (await run.result()).outputs == {"told": "told"}
        assert engine.clock.time - began == timedelta(days=30)

    within(engine, story)


def test_schedules_come_as_time_passes(tmp_path: Path) -> None:
    nightly = 'workflow nightly version 1 {\n  schedule [{ cron "0 4 * * *" }]\n  let x = 1\n}\n'

    async def main() -> None:
        for url in ("memory:", f"sqlite:///{tmp_path}/runs.db"):
            async with EngineUnderTest(url, schedules=True, workflows=[nightly]) as engine:
                await engine.advance(timedelta(days=3))
                runs = await engine.query(workflow="nightly")
                assert [run.status for run in runs] == ["succeeded"] * 3

    asyncio.run(main())


def test_time_goes_only_as_far_as_it_is_told_to(engine: EngineUnderTest) -> None:
    async def story() -> None:
        run = await engine.start("reminder")
        assert await engine.advance(timedelta(days=29)) == 0
        assert await run.status() == "waiting"
        assert await engine.advance(timedelta(days=1)) == 1
        assert await run.status() == "succeeded"

    within(engine, story)


def test_a_wait_that_nobody_answers_times_out_two_days_later(engine: EngineUnderTest) -> None:
    async def story() -> None:
        run = await engine.start("order")
        await engine.advance()
        result = await run.result()
        assert result.error is not None
        assert (result.status, result.error.kind) == ("failed", "timeout")
        (await engine.history(run)).assert_not_ran("pack")

    within(engine, story)


def test_a_mock_fails_as_often_as_it_is_told_and_then_the_step_runs(engine: EngineUnderTest) -> None:
    async def story() -> None:
        mock = engine.mock("tell", raises=OSError("no line"), times=2)
        run = await engine.start("reminder")
        assert await engine.advance() == 3
        history = await engine.assert_ran(run, "month", "tell")
        assert [(one.status, one.attempt) for one in history.of("tell")] == [
            ("failed", 1),
            ("failed", 2),
            ("succeeded", 3),
        ]
        assert history.of("tell")[0].error is not None
        assert "OSError: no line" in history.of("tell")[0].error.message
        assert ([call.attempt for call in mock.calls], done) == ([1, 2], ["tell"])

    within(engine, story)


def test_a_mock_stands_for_a_type_and_the_last_one_wins(engine: EngineUnderTest) -> None:
    async def story() -> None:
        all_python = engine.mock("python")

        async def place(context: StepContext) -> dict[str, str]:
            return {"place": context.step.upper()}

        engine.mock("reserve", outputs=place)
        run = await engine.start("order")
        await engine.publish("paid", data=5)
        assert (await run.result()).outputs == {"paid": 5}
        history = await engine.history(run)
        assert (history.outputs("reserve"), history.status("pack"), done) == ({"place": "RESERVE"}, "succeeded", [])
        assert [(call.step, call.inputs) for call in all_python.calls] == [("pack", {"place": "RESERVE"})]

    within(engine, story)


def test_what_a_mock_gives_is_held_to_what_the_step_declares(engine: EngineUnderTest) -> None:
    async def story() -> None:
        engine.mock("reserve", outputs={"place": 5})
        result = await engine.run("order")
        assert result.error is not None
        assert (result.status, result.error.step) == ("failed", "reserve")

    within(engine, story)


def test_a_mock_fails_a_step_in_a_way_of_its_own_and_middleware_sees_it(engine: EngineUnderTest) -> None:
    seen: list[str] = []

    async def watch(context: StepContext, call_next: Callable[[StepContext], Awaitable[StepResult]]) -> StepResult:
        result = await call_next(context)
        seen.append(f"{context.step} {result.outcome}")
        return result

    watched = EngineUnderTest(functions=[reserve, pack], workflows=[ORDER], step_middleware=[watch])

    async def story() -> None:
        watched.mock("reserve", raises=Failure("exit", "no place left", exit_code=3))
        result = await watched.run("order")
        assert result.error is not None
        assert (result.error.exit_code, seen) == (3, ["reserve failure"])

    within(watched, story)


def test_a_mock_that_makes_no_sense_is_refused(engine: EngineUnderTest) -> None:
    with pytest.raises(ValueError, match="can't both give outputs and raise"):
        engine.mock("tell", outputs={}, raises=OSError())
    with pytest.raises(ValueError, match="-1 times"):
        engine.mock("tell", times=-1)
    with pytest.raises(ValueError, match="target is the type of steps, or the path or name of one"):
        engine.mock("")
    wrong: Any = OSError
    with pytest.raises(TypeError, match="raises has to be an exception, as in OSError"):
        engine.mock("tell", raises=wrong)
    wrong = 5
    with pytest.raises(TypeError, match="outputs has to be a map or a function of the StepContext, not 5"):
        engine.mock("tell", outputs=wrong)


@pytest.mark.parametrize(
    ("kind", "hook"),
    [("timeout", "work/on_error/erred"), ("lost", "work/on_error/erred"), ("exit", "work/on_failure/failed")],
)
def test_a_mock_ends_a_step_in_error_where_its_kind_is_one(engine: EngineUnderTest, kind: str, hook: str) -> None:
    hooked = (
        "workflow: {id: hooked, version: 1, steps: [{name: work, config: {run: make}, "
        "on_failure: {name: failed, config: {run: a}}, on_error: {name: erred, config: {run: a}}}]}"
    )

    async def story() -> None:
        await engine.register(hooked)
        engine.mock("shell")
        engine.mock("work", raises=Failure(kind, "so it is told"))
        run = await engine.start("hooked")
        assert (await run.result()).status == "failed"
        history = await engine.history(run)
        assert [step for step in history.steps if "/" in step] == [hook]
        assert repr(history).startswith("<history of hooked-1: work ")

    within(engine, story)


@pytest.mark.parametrize(
    "point",
    [
        "engine.before_create",
        "engine.after_create",
        "engine.after_advance",
        "engine.before_commit",
        "engine.after_commit",
        "engine.after_commands",
        "engine.before_step",
        "engine.after_step",
        "engine.before_delivery",
    ],
)
def test_the_engine_dies_at_a_point_and_its_successor_ends_the_run(engine: EngineUnderTest, point: str) -> None:
    async def story() -> None:
        async with engine.crash_at(point):
            await engine.start("order", key="once")
            await engine.publish("paid", data=5, id="payment")
            await engine.settle()
        again = await engine.start("order", key="once")
        await engine.publish("paid", data=5, id="payment")
        assert (await again.result()).outputs == {"paid": 5}
        assert (await engine.history(again)).attempts("pack") == 1
        assert set(done) == {"reserve", "pack A1"}
        assert len(await engine.query()) == 1

    within(engine, story)


def test_a_timer_that_fired_in_a_dead_engine_fires_again(engine: EngineUnderTest) -> None:
    async def story() -> None:
        run = await engine.start("reminder")
        async with engine.crash_at("engine.after_timer"):
            await engine.advance()
        assert (await engine.handle(run.id)).name == run.name
        await engine.advance()
        assert (await run.result()).outputs == {"told": "told"}

    within(engine, story)


def test_an_engine_that_is_restarted_goes_on_with_what_waits(engine: EngineUnderTest) -> None:
    async def story() -> None:
        run = await engine.start("order")
        await engine.settle()
        await engine.restart()
        await engine.publish("paid", data=1)
        assert (await run.result()).outputs == {"paid": 1}
        assert done == ["reserve", "pack A1"]

    within(engine, story)


def test_a_point_that_is_not_reached_or_not_known_is_told(engine: EngineUnderTest) -> None:
    async def story() -> None:
        with pytest.raises(AssertionError, match=r"engine\.after_timer was not reached$"):
            async with engine.crash_at("engine.after_timer"):
                await engine.start("order")
        for point in ("engine.never", "sqlite.after_commit", "activities.after_end"):
            with pytest.raises(ValueError, match=r"no point at which an engine can die; there are activities\."):
                async with engine.crash_at(point):
                    pass
        with pytest.raises(ValueError, match="at count 1, not 0"):
            async with engine.crash_at("engine.after_step", 0):
                pass
        with pytest.raises(WfeError, match="no workflow"):
            async with engine.crash_at("engine.after_step"):
                await engine.start("nothing")

    within(engine, story)


def test_what_was_not_done_is_told_with_what_was(engine: EngineUnderTest) -> None:
    async def story() -> None:
        run = await engine.start("order")
        await engine.publish("paid")
        await engine.settle()
        history = await engine.history(run.name)
        with pytest.raises(AssertionError, match="reserve did not run after pack in order-1; what ran: reserve, paid"):
            history.assert_ran("pack", "reserve")
        with pytest.raises(AssertionError, match="pack ran in order-1"):
            history.assert_not_ran("pack")
        with pytest.raises(AssertionError, match="ship did not run in order-1"):
            history.outputs("ship")

    within(engine, story)


def test_time_is_told_as_seconds_or_a_timedelta(engine: EngineUnderTest) -> None:
    async def story() -> None:
        wrong: Any = "1d"
        with pytest.raises(TypeError, match="by has to be seconds or a timedelta, and '1d' was given"):
            await engine.advance(wrong)
        with pytest.raises(ValueError, match="the clock does not go back"):
            await engine.advance(-5)

    within(engine, story)


def test_the_clock_does_not_go_back(engine: EngineUnderTest) -> None:
    with pytest.raises(ValueError, match="by 5 seconds"):
        engine.clock.jump(-5)
