"""An engine or a worker is killed around an activity: it is offered once, and its answer counts once."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.crash.activity_child import KEY, TEXT
from wfe_runtime import Engine
from wfe_runtime.providers.rows import FINISHED

WORKER_POINTS = ["activities.before_answer", "activities.after_end", "activities.after_answer"]


def kill(role: str, url: str, fault: str) -> None:
    """Run a role in a process of its own, which ends at the fault."""
    command = [sys.executable, "-m", "tests.crash.activity_child", role, url]
    killed = subprocess.run(command, env={**os.environ, "WFE_FAULT": fault}, timeout=60, check=False)
    assert killed.returncode == -signal.SIGKILL


async def finish(engine: Engine, receipt: int) -> int:
    """Bring the run to its end, doing the work if it is offered again. Returns the receipt."""
    handle = await engine.start("charge", key=KEY)
    ended = asyncio.ensure_future(handle.result())
    working = asyncio.ensure_future(engine.activities.fetch("charge-card", "other", wait=None))
    done, _ = await asyncio.wait({ended, working}, return_when=asyncio.FIRST_COMPLETED, timeout=30)
    assert done
    if working.done():
        activity = working.result()
        assert activity is not None
        assert (activity.attempt, activity.run) == (1, handle.id)
        await engine.activities.complete(activity.token, {"receipt": receipt})
    else:
        working.cancel()
    result = await ended
    assert result.status == "succeeded", result
    assert await engine.activities.fetch("charge-card", "third") is None
    got: int = result.outputs["receipt"]
    return got


@pytest.mark.acceptance("EVT-18", "ENG-01")
@pytest.mark.parametrize(
    "fault",
    [
        *("activities.before_offer", "activities.after_offer", "engine.before_create", "engine.after_create"),
        *("engine.after_commit", "engine.before_step", "sqlite.before_commit:5", "sqlite.after_commit:5"),
    ],
)
def test_an_activity_whose_engine_is_killed_is_offered_once(tmp_path: Path, fault: str) -> None:
    url = f"sqlite:///{tmp_path}/runs.db"
    kill("engine", url, fault)

    async def main() -> None:
        async with Engine(url, workflows=[TEXT]) as engine:
            assert await finish(engine, 7) == 7
            assert len(await engine.query()) == 1

    asyncio.run(main())


@pytest.mark.acceptance("EVT-18", "EVT-19", "ENG-01")
@pytest.mark.parametrize("point", WORKER_POINTS)
def test_an_activity_whose_worker_is_killed_is_done_by_another_unless_its_answer_was_durable(
    tmp_path: Path, point: str
) -> None:
    url = f"sqlite:///{tmp_path}/runs.db"
    durable = point == "activities.after_answer"

    async def begin() -> None:
        async with Engine(url, workflows=[TEXT]) as engine:
            handle = await engine.start("charge", key=KEY)
            async for event in handle.events():
                if event.type == "step.started":
                    break
            while await engine.core.store.next_activity("charge-card") < 0:  # noqa: ASYNC110 - only the store knows
                await asyncio.sleep(0.001)

    async def main() -> None:
        async with Engine(url, workflows=[TEXT]) as engine:
            assert await finish(engine, 7) == (1 if durable else 7)
            [run] = await engine.query()
            assert run.status in FINISHED

    asyncio.run(begin())
    kill("worker", url, point)
    asyncio.run(main())
