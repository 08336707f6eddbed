"""What somebody asks of a run from one host, while a step's end is committed on another: neither is overwritten."""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.engine_support import Held, Workflows, gives, result_of, row_of, turns, until
from wfe_runtime.control import suspend_run
from wfe_runtime.engine import Engine, load_run_state
from wfe_runtime.executors import ExecutorRegistry
from wfe_runtime.executors.contract import StepContext, StepResult
from wfe_runtime.providers import open_store
from wfe_runtime.providers.rows import FINISHED
from wfe_vm.events import Cancel, Resume, Terminate
from wfe_vm.state import Record, decode_delta

CHAIN = """
workflow:
  id: chain
  version: 1
  outputs: {last: integer?}
  steps:
    - {name: first, config: {run: a}, outputs: [{name: last, type: integer}]}
    - {name: second, config: {run: a}, outputs: [{name: last, type: integer}]}
    - return: {last: outputs.last}
"""


class Steps:
    """Steps that end when they are let go, and what they were asked for."""

    types = ("shell",)

    def __init__(self) -> None:
        self.held = Held()
        self.begun: list[tuple[str, str, int]] = []

    def missing(self, config: dict[str, Any]) -> str | None:
        return None

    async def run(self, context: StepContext) -> StepResult:
        self.begun.append((context.run, context.step, context.attempt))
        return await self.held(context)

    async def close(self) -> None: ...


async def records_of(store: Any, run: str) -> tuple[list[Record], list[str], list[int]]:
    """Return a run's history, what was asked of it, and the numbers of its changes."""
    deltas = [decode_delta(row.delta) for row in await store.read_journal(run, limit=0)]
    records = [record for delta in deltas for record in delta.records]
    return records, [what for delta in deltas for what, _ in delta.requests], [delta.sequence for delta in deltas]


async def race(
    owner: Engine, other: Engine, steps: Steps, workflows: Workflows, verb: str, chance: random.Random
) -> None:
    """Have a step end on one host and the other ask something, within a few turns of the loop of each other."""
    run = await workflows.start(owner)
    await steps.held.under_way(1)

    async def end_step() -> None:
        await turns(chance.randrange(12))
        steps.held.let_go("first", gives(last=1))

    async def ask() -> None:
        await turns(chance.randrange(12))
        now = other.clock.now()
        if verb == "suspend":
            await suspend_run(other, run, "raced")
        elif verb == "cancel":
            await other.post(run, Cancel(now, "raced", now + 60_000))
        else:
            await other.post(run, Terminate(now, "raced"))

    await asyncio.gather(end_step(), ask())
    if verb == "suspend":
        await until(lambda: has_status(owner.store, run, "suspended"))
        before = [step for started, step, _ in steps.begun if started == run]
        await turns(5)
        assert [step for started, step, _ in steps.begun if started == run] == before, "nothing begins"
        await other.post(run, Resume(other.clock.now(), "go on"))
        while (await row_of(owner.store, run)).status not in FINISHED:
            steps.held.let_go()
            await turns(3)
    else:
        result = await result_of(owner, run)
        assert result.status == {"cancel": "aborted", "terminate": "terminated"}[verb]
    await owner.settled()
    records, asked, sequences = await records_of(owner.store, run)
    assert sequences == list(range(1, len(sequences) + 1)), "no change is lost and none is overwritten"
    assert asked == {"suspend": ["suspend", "resume"], "cancel": ["cancel"], "terminate": ["terminate"]}[verb]
    ends = [(record.path, record.status) for record in records if record.what == "ended"]
    assert len({path for path, _ in ends}) == len(ends), "each step ends once"
    row = await row_of(owner.store, run)
    assert row.ended
    if verb == "suspend":
        assert (row.status, ends) == ("succeeded", [("first", "succeeded"), ("second", "succeeded"), *ends[2:]])
    stored = await owner.store.load_state(run)
    state, _, _ = load_run_state(stored)
    assert (state.status, state.sequence) == (row.status, row.sequence)
    assert not state.pointers


async def has_status(store: Any, run: str, status: str) -> bool:
    return (await row_of(store, run)).status == status


async def races(folder: Path, verb: str, count: int) -> None:
    url = f"sqlite:///{folder}/runs.db"
    steps, chance, workflows = Steps(), random.Random(verb), Workflows(CHAIN)
    async with (
        Engine(open_store(url), ExecutorRegistry([steps])) as owner,
        Engine(open_store(url), ExecutorRegistry([Steps()])) as other,
    ):
        for _ in range(count):
            await race(owner, other, steps, workflows, verb, chance)
        assert owner.at_hand() == []


@pytest.mark.acceptance("CTL-03", "CTL-04")
@pytest.mark.parametrize("verb", ["suspend", "cancel", "terminate"])
def test_what_is_asked_while_a_step_ends_takes_effect_and_the_step_counts_or_is_stale(
    tmp_path: Path, verb: str
) -> None:
    asyncio.run(races(tmp_path, verb, 17))


@pytest.mark.soak
@pytest.mark.acceptance("CTL-03", "CTL-04")
@pytest.mark.parametrize("verb", ["suspend", "cancel", "terminate"])
def test_a_thousand_races_of_a_request_with_the_end_of_a_step(tmp_path: Path, verb: str) -> None:
    asyncio.run(races(tmp_path, verb, int(os.environ.get("WFE_TEST_RACES", "1000")) // 3))
