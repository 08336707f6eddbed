"""Start a run without following it: a worker takes it up.

The run is durable when this returns. FILE's workflows are registered: their schedules hold from now on, and runs of
them are started by their names alone. WORKFLOW is one that is registered; its highest version is taken.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from typing import Any, Final

from ..engine import Engine
from ..errors import NotFound
from ..inputs import check_inputs
from ..providers import open_store
from ..settings import Settings
from .definitions import COMPILED, KEPT, Found, choose, kept_programs, load
from .documents import variable_sources
from .exits import MISSING, SUCCEEDED, CommandError, UsageError
from .input_values import read_inputs
from .options import FILE_HELP, add_definition_options, add_store_option, durability, settings_of
from .output import print_line
from .registering import add_replace_option, register, registry_of
from .run import current_folder, durability_of, key_of, name_of
from .stores import is_absent, keeps_runs, run_loop, store_flag
from .texts import harmless, to_json

__all__ = ["add_arguments", "execute"]

EXAMPLES = """
wfec start deploy.yaml rollout -i region=eu
wfec start rollout -i region=us
wfec start nightly.yaml --key 2026-11-27 --json
"""

SUFFIXES: Final = (*KEPT, COMPILED, ".py")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", metavar="FILE|WORKFLOW", help=f"{FILE_HELP}; or the id of a workflow that was registered before"
    )
    parser.add_argument("workflow", metavar="WORKFLOW", nargs="?", help="which of FILE's workflows, as in `run`")
    add_replace_option(parser)
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
    programs = _programs_of(arguments, settings)
    given = choose(programs, arguments.workflow, arguments.file, "start") if programs else None
    inputs = {} if given is None else _inputs_of(given, arguments)  # before a store is made
    name, key, folder = name_of(arguments.name), key_of(arguments.key), current_folder()

    async def work() -> int:
        store = open_store(settings.store)
        try:
            async with Engine(store) as engine:
                if given is not None:
                    chosen, wanted = given, inputs
                    await register(engine, programs, folder, arguments.replace)
                else:
                    loaded = await registry_of(engine).find(arguments.file, None)
                    chosen = Found(loaded.program, loaded.source_map, loaded.hash, True)
                    wanted = _inputs_of(chosen, arguments)
                row = await engine.start(
                    [],
                    chosen.hash,
                    wanted,
                    name=name,
                    key=key,
                    folder=folder,
                    durability=durability_of(chosen, settings.durability, arguments.durability),
                    here=False,
                )
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


def _inputs_of(chosen: Found, arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the inputs that were given. Raises InputError for what the workflow does not take."""
    inputs = read_inputs(chosen.program, arguments.inputs, arguments.inputs_file)
    check_inputs(chosen.program, inputs)
    return inputs


def _programs_of(arguments: argparse.Namespace, settings: Settings) -> Sequence[Found]:
    """Return the programs of the file that is named; none where a registered workflow is.

    What is there as a file, or looks like the path of one, is a file. Raises UsageError for what belongs to a file
    alone, NotFound where there is no store that could have registered anything: looking for it must not make one.
    """
    named: str = arguments.file
    if os.path.isfile(named) or os.sep in named or named.lower().endswith(SUFFIXES):
        cache = kept_programs(settings, arguments.no_cache)
        return load(named, variable_sources(arguments.var, arguments.vars_file), cache)
    if arguments.workflow or arguments.replace or arguments.var or arguments.vars_file:
        raise UsageError(
            f"there is no file {named}, and a registered workflow goes without WORKFLOW, --replace and variables",
            "name a file, or the registered workflow alone",
        )
    if is_absent(settings.store):
        raise NotFound(f"no workflow {named!r} is registered: the store {settings.store} is not there yet")
    return []
