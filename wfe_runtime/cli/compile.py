"""Compile a workflow file to one program file that runs without its source.

The same workflows give the same bytes, in any folder and on any machine.
"""

from __future__ import annotations

import argparse

from wfe_vm.program_file import write_program_file

from .definitions import kept_programs, load
from .documents import variable_sources
from .exits import SUCCEEDED, UsageError
from .files import replace_file
from .options import FILE_HELP, add_definition_options, settings_of
from .output import print_line, print_lines
from .texts import harmless

__all__ = ["add_arguments", "execute"]

EXAMPLES = """
wfec compile deploy.yaml -o deploy.wfc
wfec run deploy.wfc
wfec compile deploy.yaml --hash
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help=FILE_HELP)
    parser.add_argument(
        "-o", "--output", metavar="OUT.wfc", help="the program file to write; it is replaced as a whole"
    )
    parser.add_argument(
        "--hash", action="store_true", help="print `ID VERSION SHA256` of each workflow, and nothing else"
    )
    add_definition_options(parser)


def execute(arguments: argparse.Namespace) -> int:
    if arguments.output is None and not arguments.hash:
        raise UsageError(
            "there is nothing to do", "say where to write with -o OUT.wfc, or ask for the hashes with --hash"
        )
    cache = kept_programs(settings_of(arguments), arguments.no_cache)
    programs = load(arguments.file, variable_sources(arguments.var, arguments.vars_file), cache)
    # Own workflows first: that is how a reader of the file knows which it may run.
    programs.sort(key=lambda found: not found.own)
    if arguments.output is not None:
        data = write_program_file((found.program, found.source_map) for found in programs)
        replace_file(arguments.output, data)
    if arguments.hash:
        print_lines(f"{found.program.workflow} {found.program.version} {found.hash}" for found in programs)
    else:
        count = f"{len(programs)} program{'' if len(programs) == 1 else 's'}"
        print_line(f"{harmless(arguments.output)}: {count}, {len(data):,} bytes")
    return SUCCEEDED
