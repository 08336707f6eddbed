"""Write a starter file: a workflow that checks clean and runs as it is. A file that is there is never replaced."""

from __future__ import annotations

import argparse
import os

from wfe_dsl.starters import STARTERS, starter
from wfe_dsl.yaml_front.context import MAX_NAME_LENGTH, NAME

from .exits import SUCCEEDED, UsageError
from .files import create_file
from .output import print_line
from .texts import harmless

__all__ = ["add_arguments", "execute"]

EXAMPLES = """
wfec new
wfec new deploy
wfec new orders --kind business -o pipelines/orders.yaml
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
    if os.path.splitext(path)[1].lower() not in (".yaml", ".yml"):
        raise UsageError(f"{path} is no name of a YAML file", "let it end in .yaml")
    create_file(path, starter(arguments.kind, name).encode())
    print_line(harmless(f"{path}: a workflow to begin with; `wfec run {path}` runs it"))
    return SUCCEEDED
