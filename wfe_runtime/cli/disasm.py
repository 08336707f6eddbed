"""Show what workflows compile to: the step table and the code, with the places in the source.

Runs nothing.
"""

from __future__ import annotations

import argparse

from wfe_vm.disasm import disassemble, listing

from .definitions import kept_programs, load, named
from .documents import variable_sources
from .exits import SUCCEEDED
from .options import FILE_HELP, add_definition_options, settings_of
from .output import print_line, print_lines
from .texts import harmless, to_json

__all__ = ["add_arguments", "execute"]

EXAMPLES = """
wfec disasm deploy.yaml
wfec disasm deploy.wfc rollout --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help=FILE_HELP)
    parser.add_argument("workflow", metavar="WORKFLOW", nargs="?", help="only this workflow, all its versions")
    parser.add_argument("--json", action="store_true", help="print a JSON list with an object for each program")
    add_definition_options(parser)


def execute(arguments: argparse.Namespace) -> int:
    cache = kept_programs(settings_of(arguments), arguments.no_cache)
    programs = load(arguments.file, variable_sources(arguments.var, arguments.vars_file), cache)
    programs = named(programs, arguments.workflow, arguments.file)
    if arguments.json:
        print_line(to_json([listing(found.program, found.source_map) for found in programs]))
        return SUCCEEDED
    for number, found in enumerate(programs):
        if number:
            print_line()
        print_lines(harmless(line) for line in disassemble(found.program, found.source_map).rstrip("\n").split("\n"))
    return SUCCEEDED
