"""Start a run without following it: a worker takes it up.

The run is durable when this returns. FILE's workflows are registered: their schedules hold from now on.
"""

from __future__ import annotations

import argparse

from ..engine import Engine
from ..errors import WfeError
from ..providers import open_store
from ..serving import register_schedules
from .definitions import choose, kept_programs, load, program_rows
from .documents import variable_sources
from .exits import MISSING, SUCCEEDED, CommandError
from .input_values import read_inputs
from .options import FILE_HELP, add_definition_options, add_store_option, durability, settings_of
from .output import print_line
from .run import current_folder, durability_of, key_of, name_of
from .stores import keeps_runs, run_loop, store_flag
from .texts import harmless, to_json

__all__ = ["add_arguments", "execute"]

EXAMPLES = """
wfec start deploy.yaml rollout -i region=eu
wfec start nightly.yaml --key 2026-11-27 --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help=FILE_HELP)
    parser.add_argument(
        "workflow",
        metavar="WORKFLOW",
        nargs="?",
        help="which of its workflows, as in `run`",
    )
    parser.add_argument(
        "-i", "--input", dest="inputs", metavar="NAME=VALUE", action="append", default=[], help="an input"
    )
    parser.add_argument("--inputs", dest="inputs_file", metavar="FILE", help="inputs as a JSON or YAML map; - is stdin")
    add_definition_options(parser)
    add_store_option(parser)
    parser.add_argument("--name", metavar="NAME", help="a name for the run (default: the workflow's with a number)")
    parser.add_argument("--key", metavar="KEY", help="start once: a run that was started with this key is told instead")
    parser.add_argument(
        "--durability", metavar="D", type=durability, help="what a commit waits for: sync, group(20ms) or relaxed"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object: run, name, status")


def execute(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    if not keeps_runs(settings.store):
        raise CommandError(
            f"the store {settings.store} ends with this command, and the run with it", "name a file by --store", MISSING
        )
    cache = kept_programs(settings, arguments.no_cache)
    programs = load(arguments.file, variable_sources(arguments.var, arguments.vars_file), cache)
    chosen = choose(programs, arguments.workflow, arguments.file)
    inputs = read_inputs(chosen.program, arguments.inputs, arguments.inputs_file)
    name, key, folder = name_of(arguments.name), key_of(arguments.key), current_folder()

    async def work() -> int:
        store = open_store(settings.store)
        try:
            async with Engine(store) as engine:
                rows = program_rows(programs)
                row = await engine.start(
                    rows,
                    chosen.hash,
                    inputs,
                    name=name,
                    key=key,
                    folder=folder,
                    durability=durability_of(chosen, settings.durability, arguments.durability),
                    here=False,
                )
                try:
                    await register_schedules(engine, rows, [found.hash for found in programs if found.own], folder)
                except WfeError as error:
                    raise CommandError(f"run {row.name} was started, but {error.message}", error.hint) from error
        finally:
            await store.close()
        if arguments.json:
            print_line(to_json({"run": row.id, "name": row.name, "status": row.status}))
        else:
            print_line(
                harmless(f"run {row.name} is {row.status}; a worker takes it up: wfec worker{store_flag(settings)}")
            )
        return SUCCEEDED

    return run_loop(work())
