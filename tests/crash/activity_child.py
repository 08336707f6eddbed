"""The process that is killed: an engine that has a run with an activity, or a worker that does the work.

``python -m tests.crash.activity_child engine|worker URL``, with WFE_FAULT in its environment.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Final

from wfe_runtime import Engine

KEY: Final = "once"
LEASE_S: Final = 0.2
TEXT: Final = """
workflow:
  id: charge
  version: 1
  outputs: {receipt: integer}
  steps:
    - name: charge
      type: activity
      config: {activity: charge-card}
      outputs: [{name: receipt, type: integer}]
"""


async def advance(url: str) -> None:
    """Start the run, and wait for its end, which only a worker can bring."""
    async with Engine(url, workflows=[TEXT]) as engine:
        handle = await engine.start("charge", key=KEY)
        await handle.result()


async def work(url: str) -> None:
    """Do the work that is there."""
    async with Engine(url, recover=False) as engine:
        activity = await engine.activities.fetch("charge-card", "child", LEASE_S, wait=None)
        if activity is not None:
            await engine.activities.complete(activity.token, {"receipt": 1})


if __name__ == "__main__":
    asyncio.run({"engine": advance, "worker": work}[sys.argv[1]](sys.argv[2]))
