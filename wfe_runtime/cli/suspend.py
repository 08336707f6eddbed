"""Have a run stand still until it is resumed: what runs ends and counts, nothing else begins, in its children too.

Waits until that is so, whichever process the run is in. Says whether anything changed; a run that has ended, or
is about to, stays as it is.
"""

from __future__ import annotations

import argparse
from typing import Any

from ..engine import Engine
from ..providers.rows import FINISHED
from .ending import QuietView, tell_change
from .exits import SUCCEEDED
from .follow import Follower, foreground
from .options import add_run_argument, add_store_option, settings_of
from .stores import find_run, require_store, run_loop
from .taking import by_whom

__all__ = ["add_arguments", "execute"]

EXAMPLES = """
wfec suspend deploy-42
wfec suspend deploy-42 --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_run_argument(parser)
    add_store_option(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object: run, name, changed, status")


def execute(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    require_store(settings, arguments.run)
    told: dict[str, Any] = {}

    async def work(engine: Engine, follower: Follower) -> int:
        row = await find_run(engine.store, arguments.run)
        changed = await engine.suspend(row.id, by_whom("suspended"))
        now = row
        if changed:
            still = FINISHED | {"suspended"}
            now = await follower.wait_elsewhere(engine, row, lambda found: found.status in still)
            await engine.settled()
            now = await engine.store.get_run(row.id) or now
        told.update(run=row.id, name=row.name, changed=changed and now.status not in FINISHED, status=now.status)
        return SUCCEEDED

    code = run_loop(foreground(settings, QuietView(), work))
    tell_change(told, arguments.json)
    return code
