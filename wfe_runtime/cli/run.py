"""Run a workflow in the foreground, and follow it to its end.

FILE is YAML or a compiled program file. The run is kept in the store step by step: interrupted or killed
at any instant, it goes on with `wfec resume`.
"""

from __future__ import annotations

import argparse
import os

from wfe_vm.program import Program

from ..engine import Engine
from ..providers.rows import FINISHED, RunRow
from .definitions import Found, choose, kept_programs, load, program_rows
from .documents import variable_sources
from .exits import UsageError, check_text, folder_is_gone
from .failures import NUMBER
from .follow import Follower, foreground
from .input_values import read_inputs
from .near import did_you_mean
from .options import FILE_HELP, add_definition_options, add_follow_options, durability, settings_of
from .queueing import tell_queued
from .stores import run_loop
from .texts import DANGEROUS
from .views import View, choose_view

__all__ = ["add_arguments", "current_folder", "durability_of", "execute", "key_of", "name_of"]

EXAMPLES = """
wfec run workflows.yaml
wfec run deploy.yaml rollout -i region=eu -i 'hosts=["a", "b"]'
wfec run nightly.yaml --json --store sqlite:///runs.db
exit codes: 0 succeeded; 1 failed; 2 usage; 3 the definition has errors; 4 not found;
  5 something it needs is not here; 6 suspended or waiting; 130 interrupted
"""

LONGEST_NAME = 200


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help=FILE_HELP)
    parser.add_argument(
        "workflow",
        metavar="WORKFLOW",
        nargs="?",
        help="which of its workflows (default: the only one, else ci or main)",
    )
    parser.add_argument(
        "-i",
        "--input",
        dest="inputs",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="an input, read by its declared type: JSON for any, list, map and records",
    )
    parser.add_argument(
        "--inputs", dest="inputs_file", metavar="FILE", help="inputs as a JSON or YAML map; - is standard input"
    )
    add_definition_options(parser)
    add_follow_options(parser)
    parser.add_argument("--name", metavar="NAME", help="a name for the run (default: the workflow's with a number)")
    parser.add_argument(
        "--key", metavar="KEY", help="start once: a run that was started with this key is followed instead"
    )
    parser.add_argument("--until", metavar="STEP", help="suspend the run after this step, and exit with 6")
    parser.add_argument(
        "--durability", metavar="D", type=durability, help="what a commit waits for: sync, group(20ms) or relaxed"
    )


def execute(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    cache = kept_programs(settings, arguments.no_cache)
    programs = load(arguments.file, variable_sources(arguments.var, arguments.vars_file), cache)
    chosen = choose(programs, arguments.workflow, arguments.file)
    inputs = read_inputs(chosen.program, arguments.inputs, arguments.inputs_file)
    name = name_of(arguments.name)
    key = key_of(arguments.key)
    until = _step(chosen.program, arguments.until)
    folder = current_folder()
    view = choose_view(settings, arguments.json)

    async def work(engine: Engine, follower: Follower) -> int:
        row = await engine.start(
            program_rows(programs),
            chosen.hash,
            inputs,
            name=name,
            folder=folder,
            key=key,
            durability=durability_of(chosen, settings.durability, arguments.durability),
            stop_after=until,
        )
        again = False
        await tell_queued(engine, row, view)
        if row.id not in {other.id for other in engine.at_hand()}:
            again = True  # the key's first run
            row = await _join(engine, follower, row, view)
        return await follower.follow(
            engine, row, timeout_ms=arguments.timeout, no_wait=arguments.no_wait, until=until, again=again
        )

    return run_loop(foreground(settings, view, work))


async def _join(engine: Engine, follower: Follower, row: RunRow, view: View) -> RunRow:
    """Return the run that a key stands for, at hand or ended."""
    view.trouble(f"the run {row.name} was started with this key already")
    if row.status in FINISHED:
        return row
    return await follower.wait_elsewhere(engine, row, lambda now: now.status in FINISHED)


def current_folder() -> str:
    """Return the current folder, which paths of steps are relative to; it is stored with the run."""
    try:
        return check_text(os.getcwd(), "the name of the current folder")
    except FileNotFoundError:
        raise folder_is_gone() from None


def durability_of(chosen: Found, setting: str, flag: str | None) -> str:
    """Return the contract of a run: the flag's, else the workflow's own, else the setting's."""
    return flag or chosen.program.durability or setting


def name_of(name: str | None) -> str:
    """Return the name that a run is given, empty for none. Raises UsageError for what can't name one."""
    if name is None:
        return ""
    if not name.strip() or name != name.strip() or len(name) > LONGEST_NAME or "/" in name or DANGEROUS.search(name):
        raise UsageError(
            f"--name {name!r} can't name a run",
            f"it is up to {LONGEST_NAME} printable characters without / and without blanks around it",
        )
    return name


def key_of(key: str | None) -> str:
    """Return the key that a run is started once with, empty for none. Raises UsageError."""
    if key is None:
        return ""
    if not key:
        raise UsageError("--key is empty", "leave it out, or give a key")
    return key


def _step(program: Program, step: str | None) -> str:
    """Return the path or name of a step that exists. Raises UsageError with near names."""
    if step is None:
        return ""
    wanted = NUMBER.sub("[*]", step)
    known = {name for row in program.steps[1:] for name in (row.name, row.path)}
    if wanted not in known:
        raise UsageError(
            f"--until: the workflow {program.workflow} has no step {step!r}",
            did_you_mean(wanted, known) or f"it has: {', '.join(row.path for row in program.steps[1:][:20])}",
        )
    return step
