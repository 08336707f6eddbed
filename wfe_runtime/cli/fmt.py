"""Lay workflow files out in the one canonical style. What they mean, and every comment, stays.

The program of each workflow is compared before a file is written. A file with errors is left as it is.
"""

from __future__ import annotations

import argparse
import difflib
import os

from wfe_dsl.compiler import UnknownNotation
from wfe_dsl.diagnostics.model import Diagnostics
from wfe_dsl.rewriting import format_file
from wfe_dsl.variables import Variables

from .documents import read_variables
from .exits import DEFINITION, FAILED, SUCCEEDED, UsageError
from .files import replace_file
from .options import add_variable_options
from .output import print_line, print_lines
from .sources import check_source, place_of, print_errors, read_source
from .texts import harmless

__all__ = ["add_arguments", "execute"]

EXAMPLES = """
wfec fmt workflows.yaml
wfec fmt --check *.yaml
exit codes: 0 done, or nothing to do; 1 with --check: a file would be changed; 3 a file has errors
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", metavar="FILE", nargs="+", help="the workflow files")
    parser.add_argument("--check", action="store_true", help="write nothing, and show what would be changed")
    add_variable_options(parser)


def execute(arguments: argparse.Namespace) -> int:
    variables = read_variables(arguments.var, arguments.vars_file)
    for path in arguments.files:
        check_source(path)
    changed = wrong = 0
    files = list({os.path.realpath(path): path for path in reversed(arguments.files)}.values())[::-1]
    for path in files:
        before = read_source(path)
        after = _formatted(path, before, variables)
        if after is None:
            wrong += 1
        elif after.encode() != _bytes(path):
            changed += 1
            if arguments.check:
                _show(path, before, after)
            else:
                replace_file(path, after.encode())
                print_line(f"{harmless(path)}: laid out anew")
    _sum_up(len(files), changed, wrong, arguments.check)
    if wrong:
        return DEFINITION
    return FAILED if changed and arguments.check else SUCCEEDED


def _formatted(path: str, text: str, variables: Variables) -> str | None:
    diagnostics = Diagnostics()
    try:
        result = format_file(text, place_of(path), variables, diagnostics)
    except UnknownNotation as error:
        raise UsageError(str(error), "Python files have formatters of their own") from None
    if result is None:
        print_errors(diagnostics)
    return result


def _bytes(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _show(path: str, before: str, after: str) -> None:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), path, f"{path} (laid out)", lineterm="")
    shown = [harmless(line) for line in lines]
    print_lines(shown or [f"{harmless(path)}: other line ends, or none at its end"])


def _sum_up(files: int, changed: int, wrong: int, check: bool) -> None:
    counts = [
        (changed, "would be changed" if check else "changed"),
        (files - changed - wrong, "as it has to be"),
        (wrong, "with errors, left as it is"),
    ]
    print_line(", ".join(f"{count} file{'' if count == 1 else 's'} {what}" for count, what in counts if count))
