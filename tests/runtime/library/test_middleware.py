"""Middleware around steps and runs."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from tests.runtime.library.workflows import DOUBLE, PARENT, WAITS, calls
from wfe_runtime import Engine, RunCall, RunNext, RunResult, StepContext, StepNext, StepResult, Store


def double(n: int) -> int:
    return 2 * n


def test_the_first_middleware_is_the_outermost_and_sees_each_attempt(store: Store) -> None:
    seen: list[str] = []
    failing = [True]

    def flaky(n: int) -> int:
        if failing and failing.pop():
            raise RuntimeError("once")
        return n

    def named(name: str):
        async def middleware(context: StepContext, call_next: StepNext) -> StepResult:
            seen.append(f"{name} before {context.step} {context.attempt}")
            result = await call_next(context)
            seen.append(f"{name} after {result.outcome}")
            return result

        return middleware

    async def main() -> None:
        text = calls("flaky", retry="{attempts: 2, interval: 0ms}")
        async with Engine(store, functions=[flaky], workflows=[text], step_middleware=[named("outer")]) as engine:
            engine.around_steps(named("inner"))
            assert (await engine.run("work", {"n": 1})).status == "succeeded"

    asyncio.run(main())
    assert seen == [
        *("outer before call 1", "inner before call 1", "inner after failure", "outer after failure"),
        *("outer before call 2", "inner before call 2", "inner after success", "outer after success"),
    ]


def test_middleware_may_change_what_a_step_is_given_and_what_becomes_of_it(store: Store) -> None:
    async def main() -> None:
        async with Engine(store, functions=[double], workflows=[DOUBLE]) as engine:

            @engine.around_steps
            async def change(context: StepContext, call_next: StepNext) -> StepResult:
                result = await call_next(msgspec.structs.replace(context, inputs={"n": 10}))
                return msgspec.structs.replace(result, outputs={"n": result.outputs["n"] + 1})

            assert (await engine.run("double", {"n": 1})).outputs == {"n": 21}

    asyncio.run(main())


@pytest.mark.parametrize("returns", [None, "raises"])
def test_broken_middleware_around_a_step_is_that_steps_error(store: Store, returns: str | None) -> None:
    async def bad(context: StepContext, call_next: StepNext) -> StepResult:
        if returns:
            raise LookupError("broken")
        return returns

    async def main() -> None:
        async with Engine(store, functions=[double], workflows=[DOUBLE], step_middleware=[bad]) as engine:
            error = (await engine.run("double", {"n": 1})).error
            assert error is not None
            assert error.kind == "internal"
            assert "bad" in error.message
            assert ("LookupError: broken" if returns else "returned no StepResult") in error.message

    asyncio.run(main())


def test_middleware_around_runs_sees_them_from_their_start_to_their_end_children_too(store: Store) -> None:
    seen: list[tuple[str, ...]] = []

    async def trace(call: RunCall, call_next: RunNext) -> RunResult:
        seen.append(("begins", call.workflow, str(call.resumed)))
        result = await call_next(call)
        seen.append(("ends", call.workflow, result.status))
        return result

    async def main() -> None:
        async with Engine(store, functions=[double], workflows=[DOUBLE, PARENT], run_middleware=[trace]) as engine:
            assert (await engine.run("parent")).status == "succeeded"

    asyncio.run(main())
    assert seen[:2] == [("begins", "parent", "False"), ("begins", "double", "False")]
    assert sorted(seen[2:]) == [("ends", "double", "succeeded"), ("ends", "parent", "succeeded")]


def test_broken_middleware_around_a_run_hinders_it_not_and_is_reported(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    async def bad(call: RunCall, call_next: RunNext) -> RunResult:
        raise LookupError("broken")

    async def main() -> None:
        async with Engine(store, functions=[double], workflows=[DOUBLE], run_middleware=[bad]) as engine:
            assert (await engine.run("double", {"n": 1})).status == "succeeded"

    asyncio.run(main())
    assert "the middleware around run double-1 raised LookupError: broken" in caplog.text


def test_middleware_around_a_run_that_is_left_behind_learns_it_and_is_called_again_where_it_goes_on(
    make_store,
    caplog: pytest.LogCaptureFixture,
) -> None:
    seen: list[str] = []

    async def trace(call: RunCall, call_next: RunNext) -> RunResult:
        try:
            result = await call_next(call)
        except Exception:
            seen.append("left")
            raise
        seen.append(f"{result.status} {call.resumed}")
        return result

    async def main() -> None:
        async with Engine(make_store(), workflows=[WAITS], run_middleware=[trace]) as engine:
            handle = await engine.start("waits")
            async for event in handle.events():
                if event.type == "step.started":
                    break
        async with Engine(make_store(), run_middleware=[trace]) as engine:
            await engine.publish("paid", "order-7")
            await (await engine.handle(handle.id)).result()

    asyncio.run(main())
    assert seen == ["left", "succeeded True"]
    assert caplog.text == ""


class Mute(Exception):
    """An exception that can't say what it is."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


def test_middleware_may_raise_what_can_not_even_be_told(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    async def around_step(context: StepContext, call_next: StepNext) -> StepResult:
        raise Mute if context.attempt == 1 else ValueError("caf\udce9")

    async def around_run(call: RunCall, call_next: RunNext) -> RunResult:
        await call_next(call)
        raise Mute

    async def main() -> None:
        text = calls("double", retry="{attempts: 2, interval: 0ms}")
        async with Engine(
            store,
            functions=[double],
            workflows=[text],
            step_middleware=[around_step],
            run_middleware=[around_run],
        ) as engine:
            handle = await engine.start("work", {"n": 1})
            error = (await handle.result()).error
            assert error is not None
            assert (error.kind, "raised ValueError: caf\\udce9" in error.message) == ("internal", True)
            first = next(event.error for event in [event async for event in handle.events()] if event.error)
            assert "around_step raised Mute" in first.message

    asyncio.run(main())
    assert "the middleware around run work-1 raised Mute" in caplog.text
