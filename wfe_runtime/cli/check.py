"""Find the mistakes in workflow files. Reads only: no step is run, and nothing is written or fetched.

Of a folder every .yaml, .yml and .wfe file below it is checked, hidden folders apart. A .py file is checked if it is
named: it is run as Python runs it, to see what workflows it makes.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator

from wfe_dsl.compiler import SUFFIXES, UnknownNotation, check_document, read_document
from wfe_dsl.diagnostics.model import Diagnostic, Diagnostics
from wfe_dsl.variables import Variables

from .definitions import missing_path, use_colour
from .documents import read_variables
from .exits import DEFINITION, SUCCEEDED, UsageError
from .options import add_variable_options
from .output import print_error, print_line
from .texts import harmless

__all__ = ["add_arguments", "execute"]

EXAMPLES = """
wfec check workflows.yaml
wfec check . --strict
wfec check deploy.wfe release.py
wfec check pipelines --format sarif > findings.sarif
exit codes: 0 no errors (with --strict: no warnings either); 3 errors; 4 a path is not there
"""

DATA = (".yaml", ".yml", ".wfe")
"""What is taken from a folder. A file of Python is run when it is read, so it has to be named."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", metavar="PATH", nargs="+", help="a workflow file, or a folder of them")
    parser.add_argument(
        "--format", choices=("text", "json", "sarif", "github"), default="text", help="how findings are printed"
    )
    parser.add_argument("--strict", action="store_true", help="exit with 3 for warnings too")
    add_variable_options(parser)


def execute(arguments: argparse.Namespace) -> int:
    variables = read_variables(arguments.var, arguments.vars_file)
    for path in arguments.paths:
        if not os.path.exists(path):
            raise missing_path(path)
    found: list[Diagnostic] = []
    seen: set[tuple[str, str, int, int, str]] = set()
    files = 0
    for path in _files(arguments.paths):
        files += 1
        for diagnostic in _check(path, variables):
            span = diagnostic.span
            key = (diagnostic.code, os.path.abspath(span.source.path), span.line, span.column, diagnostic.message)
            if key not in seen:  # a file may be included by several
                seen.add(key)
                found.append(diagnostic)
    _print(found, files, arguments.format)
    wrong = ("error", "warning") if arguments.strict else ("error",)
    return DEFINITION if any(diagnostic.severity in wrong for diagnostic in found) else SUCCEEDED


def _files(paths: list[str]) -> Iterator[str]:
    """Give each file once, in the order of the paths, those of a folder by name."""
    seen: set[str] = set()
    for path in paths:
        for file in _below(path) if os.path.isdir(path) else (path,):
            real = os.path.realpath(file)
            if real not in seen:
                seen.add(real)
                yield file


def _below(folder: str) -> Iterator[str]:
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = os.path.normpath(os.path.join(here, name))
            # A pipe or a socket of that name would be waited for without end; a link that leads nowhere is told of.
            if os.path.splitext(name)[1].lower() in DATA and (os.path.isfile(path) or not os.path.exists(path)):
                yield path


def _check(path: str, variables: Variables) -> list[Diagnostic]:
    diagnostics = Diagnostics()
    try:
        document = read_document(path, variables, diagnostics)
    except UnknownNotation as error:
        raise UsageError(str(error), f"a workflow file ends in {', '.join(SUFFIXES)}") from None
    if document is not None:
        check_document(document, diagnostics)
    return diagnostics.in_source_order()


def _print(found: list[Diagnostic], files: int, form: str) -> None:
    if form == "json":
        from wfe_dsl.diagnostics.render_json import render_json

        print_line(render_json(found))
    elif form == "sarif":
        from wfe_dsl.diagnostics.render_sarif import render_sarif

        from .main import version

        print_line(render_sarif(found, version()))
    elif form == "github":
        from wfe_dsl.diagnostics.render_github import render_github

        sys.stdout.write(render_github(found))
    else:
        from wfe_dsl.diagnostics.render_text import render_text, summary

        if found:
            print_line(render_text(found, use_colour(sys.stdout)).rstrip("\n"))
            print_line()
        told = summary(found) or "no mistakes"
        print_line(f"{told} in {files} file{'' if files == 1 else 's'}")
    if not files:
        print_error(f"wfec: {harmless('no .yaml, .yml or .wfe file was found')}")
