"""Explain a diagnostic: why it is one, an example that raises it, and the same example put right.

Without a code it lists them all.
"""

from __future__ import annotations

import argparse

from wfe_dsl.diagnostics.explain import explanation, find_code, near_codes, row_object, summary_rows

from .exits import NOT_FOUND, SUCCEEDED, CommandError
from .output import print_line, print_lines
from .texts import harmless, to_json, to_table

__all__ = ["add_arguments", "execute"]

EXAMPLES = """
wfec explain WFE0101
wfec explain 101 -o json
wfec explain
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("code", metavar="CODE", nargs="?", help="the code, as in WFE0101 or 101")
    parser.add_argument(
        "-o", "--output", choices=("text", "json"), default="text", help="how it is printed (default: text)"
    )


def execute(arguments: argparse.Namespace) -> int:
    as_json = arguments.output == "json"
    if arguments.code is None:
        rows = summary_rows()
        if as_json:
            print_line(to_json([dict(zip(("code", "severity", "title"), row, strict=True)) for row in rows]))
        else:
            print_lines(to_table(("code", "severity", "title"), rows))
        return SUCCEEDED
    row = find_code(arguments.code)
    if row is None:
        near = near_codes(arguments.code)
        hint = f"did you mean {' or '.join(near)}?" if near else "`wfec explain` lists them all"
        raise CommandError(f"there is no diagnostic {arguments.code!r}", hint, NOT_FOUND)
    if as_json:
        print_line(to_json(row_object(row)))
    else:
        print_lines(map(harmless, explanation(row)))
    return SUCCEEDED
