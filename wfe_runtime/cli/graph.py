"""Draw a workflow file, or a run with what became of its steps.

Runs nothing and writes nothing. A run is drawn from the program that it was started with, so its file need not be
there any more.
"""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Sequence
from typing import Final

from wfe_dsl.compiler import SUFFIXES
from wfe_dsl.graph import Graph, Status, graph_object, graph_of
from wfe_dsl.outline import TooDeep
from wfe_vm.program import Program, SourceMap
from wfe_vm.state import Record

from ..programs import LoadedProgram, ProgramCache
from .definitions import COMPILED, load, named
from .documents import variable_sources
from .exits import DEFINITION, SUCCEEDED, CommandError, UsageError
from .family import read_records
from .options import add_store_option, add_variable_options, settings_of
from .output import print_line
from .stores import find_run, open_for_reading, require_store, run_loop
from .texts import to_json

__all__ = ["add_arguments", "execute"]

EXAMPLES = """
wfec graph deploy.yaml
wfec graph deploy.yaml rollout --format svg > rollout.svg
wfec graph deploy-42 --format dot | dot -Tpng > deploy-42.png
"""

FORMATS: Final = ("mermaid", "dot", "svg", "json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "subject", metavar="FILE|RUN", help="a workflow file, compiled or not, or a run: its id or name"
    )
    parser.add_argument("workflow", metavar="WORKFLOW", nargs="?", help="of a file: only this workflow")
    parser.add_argument("--format", choices=FORMATS, default="mermaid", help="what is printed (default: mermaid)")
    add_store_option(parser)
    add_variable_options(parser)


def execute(arguments: argparse.Namespace) -> int:
    subject = arguments.subject
    if is_file(subject):
        programs = load(subject, variable_sources(arguments.var, arguments.vars_file))
        chosen = named(programs, arguments.workflow, subject)
        _print(_draw([(found.program, found.source_map) for found in chosen]), arguments.format)
        return SUCCEEDED
    if arguments.workflow is not None:
        raise UsageError(f"there is no file {subject}, and a run has one workflow only", "leave WORKFLOW out")
    settings = settings_of(arguments)
    require_store(settings, subject)

    async def work() -> int:
        async with open_for_reading(settings) as store:
            row = await find_run(store, subject)
            loaded = await ProgramCache(store).load(row.program)
            statuses = statuses_of(await read_records(store, row.id), loaded)
        graph = _draw([(loaded.program, loaded.source_map)], statuses, f"{row.name} {row.status}")
        _print(graph, arguments.format)
        return SUCCEEDED

    return run_loop(work())


def is_file(subject: str) -> bool:
    """Say whether a word means a file and not a run: it is there, or it ends as workflow files do."""
    suffix = os.path.splitext(subject)[1].lower()
    return suffix in (*SUFFIXES, COMPILED) or os.path.exists(subject)


def statuses_of(records: Sequence[Record], loaded: LoadedProgram) -> dict[int, Status]:
    """Return what became of each step of a run: the last that was told of each of its activations."""
    last: dict[int, tuple[int, str]] = {}
    for record in records:
        status = "running" if record.what == "started" else record.status
        last[record.activation] = (loaded.step_of(record), status)
    counts: dict[int, Counter[str]] = {}
    for step, status in last.values():
        if step < 0:
            continue  # of the program that the run had before
        counts.setdefault(step, Counter())[status] += 1
    return {step: Status(tuple(sorted(found.items()))) for step, found in counts.items()}


def _draw(
    programs: Sequence[tuple[Program, SourceMap | None]],
    statuses: dict[int, Status] | None = None,
    run_status: str = "",
) -> Graph:
    try:
        return graph_of(programs, statuses, run_status)
    except TooDeep as error:
        raise CommandError(str(error), None, DEFINITION) from None


def _print(graph: Graph, form: str) -> None:
    if form == "json":
        print_line(to_json(graph_object(graph)))
        return
    if form == "mermaid":
        from wfe_dsl.graph_mermaid import mermaid as render
    elif form == "dot":
        from wfe_dsl.graph_dot import dot as render
    else:
        from wfe_dsl.graph_svg import svg as render
    print_line(render(graph).rstrip("\n"))
