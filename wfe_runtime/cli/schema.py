"""Print the JSON Schema of workflow files in YAML: with it an editor completes, explains and checks keys.

It comes from the tables that the files are read by. What only a compiler can see, `wfec check` tells.
"""

from __future__ import annotations

import argparse
import json

from wfe_dsl.yaml_front.schema import workflow_schema

from .exits import SUCCEEDED
from .files import replace_file
from .output import print_line
from .texts import harmless

__all__ = ["add_arguments", "execute"]

EXAMPLES = """
wfec schema > workflow.schema.json
wfec schema -o .vscode/workflow.schema.json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="write it to a file, which is replaced as a whole (default: print it)"
    )


def execute(arguments: argparse.Namespace) -> int:
    text = json.dumps(workflow_schema(), indent=2, ensure_ascii=False)
    if arguments.output is None:
        print_line(text)
    else:
        replace_file(arguments.output, f"{text}\n".encode())
        print_line(f"{harmless(arguments.output)}: {len(text) + 1:,} bytes")
    return SUCCEEDED
