"""End a run in order: running steps are stopped, abort hooks and `ensure` run, and it ends aborted.

Waits for the end, whichever process the run is in. Says whether anything changed.
"""

from __future__ import annotations

import argparse

from wfe_vm.events import Cancel

from .ending import end_run
from .options import add_run_argument, add_store_option, duration
from .taking import by_whom

__all__ = ["add_arguments", "execute"]

EXAMPLES = """
wfec cancel deploy-42
wfec cancel deploy-42 --deadline 2m
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_run_argument(parser)
    parser.add_argument(
        "--deadline",
        metavar="DURATION",
        type=duration,
        default=30_000,
        help="how long its hooks may take before it ends hard (default: 30s; 0: as long as they need)",
    )
    add_store_option(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object: run, name, changed, status")


def execute(arguments: argparse.Namespace) -> int:
    deadline = arguments.deadline
    return end_run(arguments, lambda now: Cancel(now, by_whom("cancelled"), now + deadline if deadline else 0))
