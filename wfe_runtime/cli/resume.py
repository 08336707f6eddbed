"""Go on with a run that was suspended, or whose process is gone, and follow it to its end.

A step that suspended the run by its failure is tried again; what ended is not run again. Of a run that a
live process is advancing nothing is changed (exit 0); of one that has ended neither (its own exit code).
"""

from __future__ import annotations

import argparse

from wfe_vm.events import Resume

from ..engine import Engine
from ..providers.rows import FINISHED, RunRow
from .exits import SUCCEEDED
from .follow import Follower, foreground
from .options import add_follow_options, add_run_argument, settings_of
from .other_program import add_program_options, load_program_option, move_to
from .queueing import tell_queued
from .stores import find_run, require_store, run_loop
from .taking import by_whom, refuse_if_missing, take_or_wait
from .views import View, choose_view

__all__ = ["add_arguments", "execute"]

EXAMPLES = """
wfec resume deploy-42
wfec resume deploy-42 --program deploy.yaml
wfec resume 01jd --json --store sqlite:///runs.db
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_run_argument(parser)
    add_program_options(parser)
    add_follow_options(parser)


def execute(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    require_store(settings, arguments.run)
    programs = load_program_option(arguments, settings)
    view = choose_view(settings, arguments.json)

    async def work(engine: Engine, follower: Follower) -> int:
        row = await find_run(engine.store, arguments.run)
        if row.status not in FINISHED:
            row = await move_to(engine, row, programs, arguments.program, "")
            await refuse_if_missing(engine, row)
            taken = await take_or_wait(engine, row)
            if taken is None:
                return await _ask_owner(engine, follower, row, view)
            row = taken
            await tell_queued(engine, row, view)
            _resume(engine)
        else:
            view.trouble(f"run {row.name} has ended already; there is nothing to resume")
        return await follower.follow(engine, row, timeout_ms=arguments.timeout, no_wait=arguments.no_wait, again=True)

    return run_loop(foreground(settings, view, work))


def _resume(engine: Engine) -> None:
    """Let the run go on, and whoever below it is suspended; what is suspended below those is told by them."""
    event = Resume(engine.clock.now(), by_whom("resumed"))
    suspended = {row.id: row for row in engine.at_hand() if engine.state_of(row.id).suspended}
    for id, row in suspended.items():
        if row.parent not in suspended:
            engine.deliver(id, event)


async def _ask_owner(engine: Engine, follower: Follower, row: RunRow, view: View) -> int:
    """Have the live process that owns a suspended run go on with it; of a running one change nothing."""
    if row.status != "suspended":
        view.trouble(f"run {row.name} is being advanced by a live process ({row.owner}); nothing changed")
        return SUCCEEDED
    await engine.post(row.id, Resume(engine.clock.now(), by_whom("resumed")))
    now = await follower.wait_elsewhere(engine, row, lambda found: found.status != "suspended")
    if any(other.id == now.id for other in engine.at_hand()):
        _resume(engine)
        return await follower.follow(engine, now, again=True)
    view.trouble(f"run {row.name} goes on in the process that has it ({row.owner})")
    return SUCCEEDED
