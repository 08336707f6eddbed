"""Calls of the library with what can't be: told by the name of the argument, where it is given."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from tests.runtime.library.workflows import DOUBLE, WAITS
from wfe_runtime import Engine, NotFound, StepContext, StepNext, StepResult


def double(n: int) -> dict[str, int]:
    return {"n": 2 * n}


def no_transaction(amount: int) -> int:
    return amount


async def in_its_own_time(transaction: Any) -> None: ...


class Unspeakable:
    def __repr__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"store": None}, "store has to be the URL of a store or a Store, not a NoneType"),
        ({"workflows": "workflow: {id: a}"}, "workflows has to be a list of workflows, and 'workflow: {id: a}' was"),
        ({"workflows": Path("a.yaml")}, "workflows has to be a list of workflows"),
        ({"workflows": 5}, "workflows has to be a list of workflows, and 5 was given"),
        ({"functions": "double"}, "functions has to be a list of functions or a map from names to them, not 'double'"),
        ({"functions": {"double": 5}}, "each of functions has to be a function, and 5 is none"),
        ({"functions": [Unspeakable()]}, "each of functions has to be a function, and a Unspeakable is none"),
        ({"transactions": [no_transaction]}, "no_transaction takes no `transaction`"),
        ({"transactions": [in_its_own_time]}, "in_its_own_time is async"),
        ({"executors": [5]}, "each of executors has to be an Executor, and 5 has no `types`"),
        ({"executors": 5}, "executors has to be a list of executors"),
        ({"step_middleware": ["trace"]}, "each of the middleware has to be a function, and 'trace' is none"),
        ({"step_limit": 0}, "step_limit has to be at least 1, not 0"),
        ({"step_limit": "8"}, "step_limit has to be a whole number, and '8' was given"),
    ],
)
def test_an_engine_that_can_not_be_is_refused_where_it_is_made(options: dict[str, Any], told: str) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        Engine(**{"store": "memory:", **options})
    assert told in str(caught.value)


def calls(engine: Engine) -> Iterator[tuple[Callable[[], Awaitable[Any]], str]]:
    def start(**options: Any) -> Callable[[], Awaitable[Any]]:
        return lambda: engine.start("double", {"n": 1}, **options)

    def publish(*arguments: Any, **options: Any) -> Callable[[], Awaitable[Any]]:
        return lambda: engine.publish(*arguments, **options)

    def query(**options: Any) -> Callable[[], Awaitable[Any]]:
        return lambda: engine.query(**options)

    nothing: Any = None
    yield lambda: engine.start(nothing), "workflow has to be a text, and None was given"
    yield start(version="1"), "version has to be a whole number, and '1' was given"
    yield start(key=5), "key has to be a text, and 5 was given"
    yield start(name=7), "name has to be a text, and 7 was given"
    yield start(durability="fast"), "'fast' is no durability; it is sync, group(20ms) or relaxed"
    yield lambda: engine.handle(nothing), "a run has to be a text, and None was given"
    yield publish(nothing), "event has to be a text, and None was given"
    yield publish("paid", 7), "key has to be a text, and 7 was given"
    yield publish("paid", "7", id=8), "id has to be a text, and 8 was given"
    yield lambda: engine.answer("double-1", "approve", nothing), "by has to be a text, and None was given"
    yield query(since="1h"), "since has to be a datetime, a timedelta (so long ago) or epoch milliseconds, and '1h' was"
    yield query(limit=-1), "limit has to be at least 0, not -1"
    yield query(name=5), "name has to be a text, and 5 was given"
    yield query(status="done"), "'done' is no status of a run"
    yield query(status=5), "status has to be a text or several, and 5 was given"
    yield query(since=10**30), "since has to be epoch milliseconds, and 1000"
    yield query(limit=2**63), "limit has to be at most 9223372036854775807, and 9223372036854775808 was given"
    yield start(key="caf\udce9"), "key holds half a character (a lone surrogate): 'caf\\udce9'"
    yield start(folder=5), "folder has to be a text, and 5 was given"
    yield lambda: engine.unregister("double", nothing), "version has to be a whole number, and None was given"
    yield lambda: anext(engine.events(nothing)), "run has to be a text, and None was given"
    activities = engine.activities
    yield lambda: activities.fetch(nothing, "ada"), "kind has to be a text, and None was given"
    yield lambda: activities.fetch("pack", nothing), "worker has to be a text, and None was given"
    for length in (nothing, "30"):
        yield lambda length=length: activities.fetch("pack", "ada", length), "lease has to be seconds or a timedelta"
    for endless in (float("inf"), 1e300):
        yield lambda wait=endless: activities.fetch("pack", "ada", wait=wait), "wait has to be less than 1e+15 seconds"
    yield lambda: activities.heartbeat("token", -5), "a lease lasts longer than nothing"
    yield lambda: activities.complete("token", cast(Any, [1])), "outputs has to be a map from names to values, and [1]"
    yield lambda: activities.fail("token", cast(Any, OSError("x"))), "message has to be a text, and OSError('x') was"


def test_a_call_that_can_not_be_names_the_argument_and_changes_nothing() -> None:
    async def main() -> None:
        async with Engine("memory:", functions=[double], workflows=[DOUBLE]) as engine:
            handle = await engine.start("double", {"n": 1})
            await handle.result()
            for call, told in calls(engine):
                with pytest.raises((TypeError, ValueError)) as caught:
                    await call()
                assert told in str(caught.value)
            wrong: Any = "1s"
            with pytest.raises(TypeError, match="timeout has to be seconds or a timedelta, and '1s' was given"):
                await handle.result(wrong)
            with pytest.raises(TypeError, match="deadline has to be seconds or a timedelta"):
                await handle.cancel(deadline=wrong)
            with pytest.raises(ValueError, match="outputs says what a skipped step gives, and skip names none"):
                await handle.retry(outputs={"n": 1})
            with pytest.raises(ValueError, match="async: a function that writes in a transaction is a plain one"):
                engine.transaction(in_its_own_time)
            with pytest.raises(NotFound, match="no run has the id nowhere, after which to go on"):
                await engine.query(after="nowhere")
            assert [run.id for run in await engine.query()] == [handle.id]

    asyncio.run(main())


@pytest.mark.parametrize("wrong", [5, "caf\udce9"])
def test_a_reason_that_no_run_can_keep_is_refused_and_the_run_left_alone(wrong: Any) -> None:
    async def main() -> None:
        async with Engine("memory:", workflows=[WAITS]) as engine:
            handle = await engine.start("waits")
            for ask in (handle.cancel, handle.suspend, handle.resume, handle.retry, handle.terminate):
                with pytest.raises((TypeError, ValueError), match="reason"):
                    await ask(wrong)
            with pytest.raises((TypeError, ValueError), match="reason"):
                await handle.move(WAITS, wrong)
            for endless in (float("inf"), 1e300):
                with pytest.raises(ValueError, match="deadline has to be less than"):
                    await handle.cancel(deadline=endless)
            await engine.publish("paid", "order-7", 1)
            assert (await handle.result()).outputs == {"paid": 1}

    asyncio.run(main())


def test_the_folder_of_a_run_may_be_a_path_and_is_kept_as_an_absolute_one(tmp_path: Path) -> None:
    where: list[str] = []

    async def look(context: StepContext, call_next: StepNext) -> StepResult:
        where.append(context.folder)
        return await call_next(context)

    async def main() -> None:
        url = f"sqlite:///{tmp_path}/runs.db"
        async with Engine(url, functions=[double], workflows=[DOUBLE], step_middleware=[look]) as engine:
            for folder in (tmp_path, "here", ""):
                await engine.run("double", {"n": 1}, folder=folder)

    asyncio.run(main())
    assert where == [str(tmp_path), str(Path.cwd() / "here"), str(Path.cwd())]


def test_a_handle_stands_for_its_run_wherever_one_is_named() -> None:
    async def main() -> None:
        async with Engine("memory:", functions=[double], workflows=[DOUBLE]) as engine:
            handle = await engine.start("double", {"n": 1})
            assert (await engine.handle(handle)).id == handle.id
            assert (await engine.run("double", {"n": 2}, name="two", timeout=60)).outputs == {"n": 4}

    asyncio.run(main())
