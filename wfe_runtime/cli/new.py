"""Write a starter file: a workflow that checks clean and runs as it is. A file that is there is never replaced.

It is YAML, unless the name after -o ends in .wfe (the text language) or .py (Python).
"""

from __future__ import annotations

import argparse
import os

from wfe_dsl.compiler import UnknownNotation
from wfe_dsl.diagnostics.model import Diagnostics
from wfe_dsl.rewriting import convert, notation_of
from wfe_dsl.starters import STARTERS, starter
from wfe_dsl.variables import Variables
from wfe_dsl.yaml_front.context import MAX_NAME_LENGTH, NAME

from .exits import SUCCEEDED, UsageError
from .files import create_file
from .output import print_line
from .sources import place_of
from .texts import harmless

__all__ = ["add_arguments", "execute"]

EXAMPLES = """
wfec new
wfec new deploy
wfec new orders --kind business -o pipelines/orders.yaml
wfec new deploy -o deploy.wfe
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name", metavar="NAME", nargs="?", default="main", help="what the workflow is called (default: main)"
    )
    parser.add_argument("--kind", choices=tuple(STARTERS), default="pipeline", help="which starter (default: pipeline)")
    parser.add_argument("-o", "--output", metavar="FILE", help="the file to write (default: NAME.yaml)")


def execute(arguments: argparse.Namespace) -> int:
    name = arguments.name
    if not NAME.fullmatch(name) or len(name) > MAX_NAME_LENGTH:
        raise UsageError(f"{name!r} can't name a workflow", "a name is made of letters, digits, `_` and `-`")
    path = f"{name}.yaml" if arguments.output is None else arguments.output
    try:
        notation = notation_of(path)
    except UnknownNotation as error:
        raise UsageError(str(error), "let it end in .yaml, .wfe or .py") from None
    create_file(path, _starter(arguments.kind, name, notation, path).encode())
    print_line(harmless(f"{path}: a workflow to begin with; `wfec run {path}` runs it"))
    return SUCCEEDED


def _starter(kind: str, name: str, notation: str, path: str) -> str:
    """Return a starter in a notation, as the file that lies at ``path``."""
    text = starter(kind, name)
    if notation == "yaml":
        return text
    stem, suffix = os.path.splitext(path)
    text = text.replace(f"{name}.yaml", f"{name}{suffix}")  # its comments say how to run it
    found = convert(text, place_of(f"{stem}.yaml"), notation, place_of(path), Variables(), Diagnostics())
    assert found is not None, "a starter has no mistakes"
    return found
