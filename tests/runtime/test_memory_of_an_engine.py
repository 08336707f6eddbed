"""An engine that has run very many runs is as large as before: it keeps live structures for live runs alone."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.engine_support import Workflows, gives
from wfe_runtime.active import ActiveRun
from wfe_runtime.engine import Engine
from wfe_runtime.executors import ExecutorRegistry
from wfe_runtime.executors.contract import StepContext, StepResult
from wfe_runtime.providers import open_store
from wfe_runtime.providers.memory import MemoryStore
from wfe_vm.state import Frame, Pointer, State

AT_ONCE = 20
LIVE = (ActiveRun, State, Pointer, Frame)
WAITING = """
workflow: {id: waits, version: 1, steps: [{name: hear, wait: {event: go, key: "${{ run.id }}"}}]}
"""


class AtOnce:
    """Steps that succeed at once, and of which nothing is kept."""

    types = ("shell",)

    def missing(self, config: dict[str, Any]) -> str | None:
        return None

    def run(self, context: StepContext) -> StepResult:
        return gives()

    async def close(self) -> None: ...


def steps(count: int) -> Workflows:
    lines = "".join(f"    - {{name: s{number}, config: {{run: a}}}}\n" for number in range(count))
    return Workflows(f"workflow:\n  id: w\n  version: 1\n  steps:\n{lines}")


def live() -> Counter[str]:
    """Return how many objects there are of which a run that goes on has some."""
    gc.collect()
    return Counter(type(one).__name__ for one in gc.get_objects() if isinstance(one, LIVE))


async def run_many(engine: Engine, workflows: Workflows, count: int) -> None:
    """Run so many to their ends, some at once."""

    async def one_after_the_other(share: int) -> None:
        for _ in range(share):
            run = await workflows.start(engine)
            result = await engine.wait(run)
            assert result is not None
            assert result.status == "succeeded"

    await asyncio.gather(*(one_after_the_other(count // AT_ONCE) for _ in range(AT_ONCE)))
    await engine.settled()


async def grow(store: Any, runs: int, length: int) -> tuple[Counter[str], Counter[str], int]:
    """Return what was live before and after so many runs, and by how many blocks of memory they made it larger.

    They run twice, and the smaller growth counts: what is made once, the first time that a disk is slow for instance,
    is not left by the runs; what they leave, they leave each time.
    """
    workflows, waiting = steps(length), Workflows(WAITING)
    async with Engine(store, ExecutorRegistry([AtOnce()])) as engine:
        parked = await waiting.start(engine)
        await run_many(engine, workflows, 4 * AT_ONCE)  # caches are full, and of their final size
        before = after = live()
        grown = []
        for _ in range(2):
            blocks = sys.getallocatedblocks()
            await run_many(engine, workflows, runs // 2)
            after = live()
            grown.append(sys.getallocatedblocks() - blocks)
        assert [row.id for row in engine.at_hand()] == [parked]
        return before, after, 2 * min(grown)


@pytest.mark.acceptance("ENG-22")
def test_runs_that_have_ended_leave_nothing_live_and_no_memory(tmp_path: Path) -> None:
    runs = 400
    before, after, grown = asyncio.run(grow(open_store(f"sqlite:///{tmp_path}/runs.db"), runs, 10))
    assert after == before
    assert grown < runs, "less than an object a run is left"


@pytest.mark.acceptance("ENG-22")
def test_a_store_in_memory_keeps_what_runs_have_committed_and_nothing_live() -> None:
    before, after, _ = asyncio.run(grow(MemoryStore(), 100, 10))
    assert after == before


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.acceptance("ENG-22")
def test_hundreds_of_runs_of_a_hundred_steps_leave_memory_as_before(tmp_path: Path) -> None:
    runs = int(os.environ.get("WFE_TEST_RUNS", "200"))
    before, after, grown = asyncio.run(grow(open_store(f"sqlite:///{tmp_path}/runs.db"), runs, 100))
    assert after == before
    assert grown < runs
