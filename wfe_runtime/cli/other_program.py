"""``--program FILE``: going on with a run with another program, for the verbs that take up a run that stands still."""

from __future__ import annotations

import argparse

from ..engine import Engine
from ..moving import move_run
from ..providers.rows import RunRow
from ..settings import Settings
from .definitions import Found, kept_programs, load, named, program_rows
from .documents import variable_sources
from .options import add_definition_options
from .taking import by_whom

__all__ = ["add_program_options", "load_program_option", "move_to"]


def add_program_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--program``, and the options that a file is read with."""
    parser.add_argument(
        "--program",
        metavar="FILE",
        help="move the run to the workflow of its id in this file first; refused where the run does not fit it",
    )
    add_definition_options(parser)


def load_program_option(arguments: argparse.Namespace, settings: Settings) -> list[Found]:
    """Return the programs of the file that was given, none where none was. Raises as ``load`` does."""
    if arguments.program is None:
        return []
    sources = variable_sources(arguments.var, arguments.vars_file)
    return load(arguments.program, sources, kept_programs(settings, arguments.no_cache))


async def move_to(engine: Engine, row: RunRow, programs: list[Found], file: str, why: str) -> RunRow:
    """Move a run that stands still to its workflow among ``programs``, the highest version. Returns it as it is then.

    Raises UsageError where the file has no such workflow, and what ``move_run`` raises.
    """
    if not programs:
        return row
    found = max(named(programs, row.workflow, file), key=lambda one: one.program.version)
    reason = f"{by_whom('moved')} to {file}"
    await move_run(engine, row.id, program_rows(programs), found.hash, f"{reason}: {why}" if why else reason)
    return await engine.store.get_run(row.id) or row
