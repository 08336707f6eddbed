"""Show what a run would do, step by step, without running anything.

Conditions, branches and loops say what they come to where constants and the inputs that are given decide it; what
depends on a step's result is marked with a question mark, what is certainly skipped with a dash.
"""

from __future__ import annotations

import argparse

from wfe_dsl.outline import TooDeep
from wfe_dsl.plan import plan_of
from wfe_dsl.plan_text import plan_lines

from .definitions import choose, load
from .documents import variable_sources
from .exits import DEFINITION, SUCCEEDED, CommandError
from .input_values import read_inputs
from .options import FILE_HELP, add_variable_options
from .output import print_line, print_lines
from .texts import harmless, to_json

__all__ = ["add_arguments", "execute"]

EXAMPLES = """
wfec plan deploy.yaml
wfec plan deploy.yaml rollout -i region=eu -i count=3
wfec plan deploy.wfc -o json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help=FILE_HELP)
    parser.add_argument("workflow", metavar="WORKFLOW", nargs="?", help="which workflow, if the file has several")
    parser.add_argument(
        "-i",
        "--input",
        dest="inputs",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="an input, read by its declared type; one that is missing is taken as not known",
    )
    parser.add_argument(
        "--inputs", metavar="FILE", dest="inputs_file", help="inputs from a JSON or YAML file; - is stdin"
    )
    parser.add_argument(
        "-o", "--output", choices=("text", "json"), default="text", help="how it is printed (default: text)"
    )
    add_variable_options(parser)


def execute(arguments: argparse.Namespace) -> int:
    programs = load(arguments.file, variable_sources(arguments.var, arguments.vars_file))
    chosen = choose(programs, arguments.workflow, arguments.file, "plan")
    program = chosen.program
    inputs = read_inputs(program, arguments.inputs, arguments.inputs_file, partial=True)
    complete = not program.open_inputs and all(row.name in inputs for row in program.inputs)
    children = {found.hash: (found.program, found.source_map) for found in programs}
    try:
        plan = plan_of(program, chosen.source_map, inputs, complete, children)
    except TooDeep as error:
        raise CommandError(str(error), None, DEFINITION) from None
    if arguments.output == "json":
        print_line(to_json(plan))
    else:
        print_lines(map(harmless, plan_lines(plan)))
    return SUCCEEDED
