"""List runs, the newest first."""

from __future__ import annotations

import argparse
from typing import Any

from wfe_vm.outcome import RUN_STATUSES

from ..providers.rows import RunFilter, RunRow
from .exits import SUCCEEDED
from .listing import add_listing_options, nothing_in, print_listing, read_listing
from .options import settings_of
from .texts import format_moment, format_span

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
    add_listing_options(parser, "runs", 50, "only runs created in this time, as in 2h, or since a date")


def execute(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    wanted = RunFilter(
        statuses=tuple(arguments.status), workflow=arguments.workflow, since=arguments.since, limit=arguments.limit
    )
    rows: list[RunRow] = read_listing(settings, lambda store: store.list_runs(wanted), [])
    print_listing(
        arguments.output,
        [_object(row) for row in rows],
        (row.id for row in rows),
        ("name", "status", "workflow", "version", "created", "took", "id"),
        [_cells(row) for row in rows],
        nothing_in(settings, "no runs"),
    )
    return SUCCEEDED


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
