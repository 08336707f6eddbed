"""List runs, the newest first."""

from __future__ import annotations

import argparse
from typing import Any

from wfe_vm.outcome import RUN_STATUSES

from ..providers.contracts import RunFilter, RunRow
from ..settings import Settings
from .exits import SUCCEEDED
from .options import add_store_option, moment, settings_of
from .output import print_error, print_line, print_lines
from .stores import is_absent, open_for_reading, run_loop
from .texts import format_moment, format_span, to_json, to_table

__all__ = ["add_arguments", "execute"]

EXAMPLES = """
wfec list --status failed --since 1d
wfec list -o json --limit 0
wfec list -o ids --status suspended | xargs -n 1 wfec resume
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--status", choices=RUN_STATUSES, action="append", default=[], help="only runs in this status; may be repeated"
    )
    parser.add_argument("--workflow", metavar="W", default="", help="only runs of this workflow")
    parser.add_argument(
        "--since", metavar="D", type=moment, default=0, help="only runs created in this time, as in 2h, or since a date"
    )
    parser.add_argument("--limit", metavar="N", type=_count, default=50, help="at most so many (default: 50; 0: all)")
    parser.add_argument(
        "-o",
        "--output",
        choices=("table", "json", "ids"),
        default="table",
        help="how they are printed (default: table)",
    )
    add_store_option(parser)


def execute(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    wanted = RunFilter(
        statuses=tuple(arguments.status), workflow=arguments.workflow, since=arguments.since, limit=arguments.limit
    )
    rows: list[RunRow] = []
    if not is_absent(settings.store):

        async def work() -> int:
            rows.extend(await _read(settings, wanted))
            return SUCCEEDED

        run_loop(work())
    if arguments.output == "json":
        print_line(to_json([_object(row) for row in rows]))
    elif arguments.output == "ids":
        print_lines(row.id for row in rows)
    elif rows:
        print_lines(to_table(("name", "status", "workflow", "version", "created", "took", "id"), [*map(_cells, rows)]))
    else:
        print_error("no runs")
    return SUCCEEDED


async def _read(settings: Settings, wanted: RunFilter) -> list[RunRow]:
    async with open_for_reading(settings) as store:
        return await store.list_runs(wanted)


def _object(row: RunRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "workflow": row.workflow,
        "version": row.version,
        "status": row.status,
        "created": row.created,
        "ended": row.ended or None,
        "parent": row.parent or None,
    }


def _cells(row: RunRow) -> tuple[str, ...]:
    took = format_span(row.ended - row.created) if row.ended else ""
    return row.name, row.status, row.workflow, str(row.version), format_moment(row.created), took, row.id


def _count(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of runs")
    return int(text)
