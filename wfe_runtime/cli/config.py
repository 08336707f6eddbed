"""Show every setting, its value, and where that comes from.

A flag goes before the environment (`WFE_…`), that before `wfe.toml`, that before `[tool.wfe]` in
`pyproject.toml`, both in the current folder; then comes the default.
"""

from __future__ import annotations

import argparse

from .exits import SUCCEEDED
from .options import add_store_option, settings_of
from .output import print_line, print_lines
from .texts import to_json, to_table, to_text

__all__ = ["add_arguments", "execute"]

EXAMPLES = """
wfec config
WFE_STORE=sqlite:///runs.db wfec config -o json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-o", "--output", choices=("table", "json"), default="table", help="how they are printed (default: table)"
    )
    parser.add_argument("--json", dest="output", action="store_const", const="json", help="the same as -o json")
    add_store_option(parser)


def execute(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    if arguments.output == "json":
        rows = [
            {"name": found.setting.name, "value": found.value, "origin": found.origin, "doc": found.setting.doc}
            for found in settings
        ]
        print_line(to_json(rows))
    else:
        cells = [(found.setting.name, to_text(found.value), found.origin, found.setting.doc) for found in settings]
        print_lines(to_table(("setting", "value", "origin", "what it is"), cells))
    return SUCCEEDED
