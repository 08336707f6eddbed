"""End a run at once: its steps are killed, and no hook, no `ensure` and no compensation runs.

Waits for the end, whichever process the run is in. Says whether anything changed. `wfec cancel` ends a
run in order.
"""

from __future__ import annotations

import argparse

from wfe_vm.events import Terminate

from .ending import end_run
from .options import add_run_argument, add_store_option
from .taking import by_whom

__all__ = ["add_arguments", "execute"]

EXAMPLES = """
wfec terminate deploy-42
wfec terminate deploy-42 --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_run_argument(parser)
    add_store_option(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object: run, name, changed, status")


def execute(arguments: argparse.Namespace) -> int:
    return end_run(arguments, lambda now: Terminate(now, by_whom("terminated")))
