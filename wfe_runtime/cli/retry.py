"""Reopen a failed or aborted run at the steps that failed, and follow it to its end.

What ended well is kept, and the program stays the one that the run began with.
"""

from __future__ import annotations

import argparse

from wfe_vm.events import Retry

from ..engine import Engine
from .exits import PARKED, CommandError, UsageError
from .follow import Follower, foreground
from .options import add_follow_options, add_run_argument, settings_of
from .queueing import tell_queued
from .stores import find_run, require_store, run_loop
from .taking import by_whom, refuse_if_missing, take_or_wait
from .views import choose_view

__all__ = ["add_arguments", "execute"]

EXAMPLES = """
wfec retry deploy-42
wfec retry deploy-42 --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_run_argument(parser)
    add_follow_options(parser)


def execute(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    require_store(settings, arguments.run)
    view = choose_view(settings, arguments.json)

    async def work(engine: Engine, follower: Follower) -> int:
        row = await find_run(engine.store, arguments.run)
        if row.status not in ("failed", "aborted"):
            hint = f"wfec resume {row.name}" if row.status == "suspended" else None
            raise UsageError(f"run {row.name} is {row.status}: only a failed or aborted run can be retried", hint)
        await refuse_if_missing(engine, row)
        taken = await take_or_wait(engine, row)
        if taken is None:
            raise CommandError(f"run {row.name} is being retried by a live process ({row.owner})", None, PARKED)
        if not await engine.reopen(row.id, Retry(engine.clock.now(), by_whom("retried"))):
            raise UsageError(f"run {row.name} has nothing that could be tried again: no step of it was left unfinished")
        await tell_queued(engine, taken, view)
        return await follower.follow(engine, taken, timeout_ms=arguments.timeout, no_wait=arguments.no_wait, again=True)

    return run_loop(foreground(settings, view, work))
