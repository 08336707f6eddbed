"""Reopen a failed or aborted run at the steps that failed, and follow it to its end.

What ended well is kept, and the program stays the one that the run has, but for `--program`. A step is given by
its name or its path, as `wfec inspect` shows it; that of a sub-workflow by the path that leads there.
"""

from __future__ import annotations

import argparse
from typing import Any

from wfe_vm.program import Step
from wfe_vm.typeterms import TextValueError, parse_type

from ..engine import Engine
from ..errors import InputError
from .documents import split_assignment
from .exits import PARKED, CommandError, UsageError
from .follow import Follower, foreground
from .input_values import read_value
from .options import add_follow_options, add_run_argument, settings_of
from .other_program import add_program_options, load_program_option, move_to
from .queueing import tell_queued
from .stores import find_run, require_store, run_loop
from .taking import by_whom, refuse_if_missing, take_or_wait
from .views import choose_view

__all__ = ["add_arguments", "execute"]

EXAMPLES = """
wfec retry deploy-42
wfec retry deploy-42 --from build --reason "the mirror is back"
wfec retry deploy-42 --skip publish --output url=https://example.com/1.2.3
wfec retry deploy-42 --program deploy.yaml
wfec retry deploy-42 --from 'regions[3]/prepare'
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_run_argument(parser)
    parser.add_argument("--from", metavar="STEP", dest="start_at", help="go back to this step: it and what follows run")
    parser.add_argument("--skip", metavar="STEP", help="take it that this failed step has succeeded")
    parser.add_argument(
        "--output",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="an output of the skipped step, read by its declared type; may be repeated",
    )
    add_program_options(parser)
    parser.add_argument("--reason", metavar="TEXT", default="", help="why, for the run's history")
    add_follow_options(parser)


def execute(arguments: argparse.Namespace) -> int:
    if arguments.output and not arguments.skip:
        raise UsageError("--output says what a skipped step gives, and no --skip names one", "add --skip STEP")
    settings = settings_of(arguments)
    require_store(settings, arguments.run)
    view = choose_view(settings, arguments.json)
    programs = load_program_option(arguments, settings)
    given = dict(split_assignment(text, "--output") for text in arguments.output)

    async def work(engine: Engine, follower: Follower) -> int:
        row = await find_run(engine.store, arguments.run)
        if row.status not in ("failed", "aborted"):
            hint = f"wfec resume {row.name}" if row.status == "suspended" else None
            raise UsageError(f"run {row.name} is {row.status}: only a failed or aborted run can be retried", hint)
        row = await move_to(engine, row, programs, arguments.program, arguments.reason)
        await refuse_if_missing(engine, row)
        taken = await take_or_wait(engine, row)
        if taken is None:
            raise CommandError(f"run {row.name} is being retried by a live process ({row.owner})", None, PARKED)
        reopened = await engine.retry(
            row.id,
            _why(arguments),
            start_at=[arguments.start_at] if arguments.start_at else [],
            supplied=arguments.skip or "",
            outputs=lambda step: read_outputs(step, given),
        )
        if not reopened:
            raise UsageError(f"run {row.name} has nothing that could be tried again: no step of it was left unfinished")
        await tell_queued(engine, taken, view)
        return await follower.follow(engine, taken, timeout_ms=arguments.timeout, no_wait=arguments.no_wait, again=True)

    return run_loop(foreground(settings, view, work))


def read_outputs(step: Step, given: dict[str, str]) -> dict[str, Any]:
    """Return what the texts of the command line mean as outputs of a step. Raises InputError."""
    declared = {output.name: parse_type(output.type) for output in step.outputs}
    values: dict[str, Any] = {}
    problems = []
    for name, text in given.items():
        try:
            values[name] = read_value(text, declared.get(name))
        except (TextValueError, ValueError) as error:
            problems.append(f"{name}: {error}")
    if problems:
        raise InputError(f"step {step.name} can't be given these outputs:", problems)
    return values


def _why(arguments: argparse.Namespace) -> str:
    """Return what the history says of the request."""
    parts = [by_whom("retried")]
    if arguments.start_at:
        parts.append(f"from {arguments.start_at}")
    if arguments.skip:
        parts.append(f"with the result of {arguments.skip} supplied")
    what = " ".join(parts)
    return f"{what}: {arguments.reason}" if arguments.reason else what
