"""The examples in Python, whose engine dies at each point that it reaches: each ends as if nothing had happened.

The programs run on an engine of the testing kit, which dies alone: what the functions of an example have noted
lives on, as the rows of a real service would.
"""

from __future__ import annotations

import asyncio
import importlib.util
from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from wfe_runtime import faults
from wfe_runtime.errors import WfeError
from wfe_runtime.library.activities import Activity
from wfe_runtime.testing import EngineUnderTest
from wfe_runtime.testing.crash import usable_points

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "examples"
ORDERS = {"lamp": "valid", "chair": "expired", "piano": "valid"}
KEY = "order-7"

MakeUrl = Callable[[], str]


@pytest.fixture(params=["memory", "sqlite"])
def make_url(request: pytest.FixtureRequest, tmp_path: Path) -> MakeUrl:
    """Return a function that gives the URL of another empty store each time."""
    numbers = count()
    return lambda: "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/{next(numbers)}.db"


def load_example(name: str) -> ModuleType:
    """Return an example as a module of its own: nothing that it noted for another test is in it."""
    specification = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


class Saga:
    """Orders that are completed, or undone."""

    def __init__(self, item: str) -> None:
        self._example = load_example("order_saga")
        self._item = item
        names = ("reserve", "put_back", "charge", "refund", "ship", "call_back")
        self.options = {
            "workflows": [self._example.ORDER],
            "functions": [getattr(self._example, name) for name in names],
        }

    async def tell(self, engine: EngineUnderTest) -> None:
        """Place the order, once however often this is called, and let it come to its end."""
        await engine.start("order", {"item": self._item, "price": 120, "card": ORDERS[self._item]}, key=KEY)
        await engine.advance()

    @property
    def done(self) -> list[str]:
        """What the functions have done, in order."""
        return list(self._example.done.values())


class Service:
    """An order that waits for its payment and for a worker."""

    def __init__(self) -> None:
        example = load_example("embedded_service")
        self.options = {"workflows": [example.ORDER], "functions": [example.reserve]}
        self.done: list[str] = []
        self._work: Activity | None = None

    async def tell(self, engine: EngineUnderTest) -> None:
        """Place the order, pay it and pack it; each is asked for again by whoever got no answer."""
        await engine.start("order", {"id": 7, "pieces": 2}, key=KEY)
        await engine.publish("paid", KEY, 30, id="payment-7")
        await engine.settle()
        if self._work is None:
            self._work = await engine.activities.fetch("pack", "ada", wait=0)
        if self._work is not None:
            try:
                await engine.activities.complete(self._work.token, {"parcel": f"P-{self._work.inputs['id']}"})
            except WfeError as error:
                if error.code != "token":  # the answer was taken before, and whoever gave it does not know
                    raise
        await engine.settle()


STORIES: dict[str, Callable[[], Saga | Service]] = {
    **{item: partial(Saga, item) for item in ORDERS},
    "service": Service,
}


async def end_of(engine: EngineUnderTest) -> tuple[Any, ...]:
    """Return how the only run ended, and its history."""
    [run] = await engine.query()
    result = run.result
    assert result is not None, run.status
    history = [(one.step, one.attempt, one.status, one.outputs) for one in (await engine.history(run.id)).ended]
    return result.status, result.outputs, result.compensated, history


async def undisturbed(url: str, name: str) -> tuple[tuple[Any, ...], list[str], Counter[str]]:
    """Return a story's end, what was done, and how often each point was reached."""
    story = STORIES[name]()
    reached: Counter[str] = Counter()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(faults, "armed", faults.Fault("none"))
        patch.setattr(faults, "reach", lambda point: reached.update((point,)))
        async with EngineUnderTest(url, **story.options) as engine:
            await story.tell(engine)
            return await end_of(engine), story.done, reached


@pytest.mark.acceptance("ENG-01")
@pytest.mark.parametrize("name", STORIES)
def test_an_example_whose_engine_dies_at_any_point_ends_as_if_nothing_had_happened(
    make_url: MakeUrl, name: str
) -> None:
    async def main() -> None:
        end, done, reached = await undisturbed(make_url(), name)
        points = [point for point in sorted(reached) if point in usable_points()]
        assert "engine.after_commit" in points
        for point in points:
            for time in {1, reached[point]}:
                story = STORIES[name]()
                async with EngineUnderTest(make_url(), **story.options) as engine:
                    async with engine.crash_at(point, time):
                        await story.tell(engine)
                    await engine.settle()
                    await story.tell(engine)
                    assert (await end_of(engine), story.done) == (end, done), (point, time)

    asyncio.run(main())
