"""Write a workflow file in another notation, or in canonical form in its own. The programs stay the same.

Includes and anchors are resolved; ((variables)) stay where nothing needs their values. Without -o the result is
printed. Nothing is written unless compiling it gives the same hashes.
"""

from __future__ import annotations

import argparse
import os

from wfe_dsl.compiler import UnknownNotation
from wfe_dsl.diagnostics.model import Diagnostics
from wfe_dsl.expression_printer import NoSpelling
from wfe_dsl.rewriting import NOTATIONS, Moved, convert, notation_of

from .documents import read_variables
from .exits import DEFINITION, SUCCEEDED, CommandError, DefinitionError, UsageError
from .files import replace_file
from .options import add_variable_options
from .output import print_bytes, print_line
from .sources import check_source, place_of, print_errors, read_source
from .texts import harmless

__all__ = ["add_arguments", "execute"]

EXAMPLES = """
wfec convert deploy.yaml --to yaml
wfec convert deploy.yaml --to yaml -o plain.yaml
exit codes: 0 done; 3 the file has errors, or holds what the other notation can't say
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="the workflow file")
    parser.add_argument("--to", required=True, choices=tuple(NOTATIONS), help="the notation to write")
    parser.add_argument("-o", "--output", metavar="OUT", help="the file to write; it is replaced as a whole")
    add_variable_options(parser)


def execute(arguments: argparse.Namespace) -> int:
    path, to, output = arguments.file, arguments.to, arguments.output
    variables = read_variables(arguments.var, arguments.vars_file)
    check_source(path)
    suffix = NOTATIONS[to].suffixes[0]
    if output is not None:
        _check_output(output, to, suffix)
    target = os.path.splitext(path)[0] + suffix if output is None else output
    diagnostics = Diagnostics()
    try:
        result = convert(read_source(path), place_of(path), to, place_of(target), variables, diagnostics)
    except NoSpelling as error:
        place = error.node.span
        where = f"{place.source.name}:{place.line}:{place.column}"
        raise CommandError(f"{where}: the notation `{to}` has no way to say this: {error}", None, DEFINITION) from None
    except Moved:
        hint = "scripts named by `file` are found relative to the file: write the result into the same folder"
        raise CommandError(f"{output}: the workflows would not be the same there", hint) from None
    if result is None:
        print_errors(diagnostics)
        raise DefinitionError("")
    if output is None:
        print_bytes(result.encode())  # a workflow file is UTF-8, whatever the locale is
        return SUCCEEDED
    replace_file(output, result.encode())
    print_line(f"{harmless(output)}: written, with the same programs")
    return SUCCEEDED


def _check_output(output: str, to: str, suffix: str) -> None:
    """Refuse a name by which the file could not be read again."""
    try:
        told = notation_of(output)
    except UnknownNotation:
        told = ""
    if told != to:
        raise UsageError(f"{output} is no name for a file in the notation `{to}`", f"let it end in {suffix}")
