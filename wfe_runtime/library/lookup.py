"""Runs by what people call them: an id, a name, or what one of the two begins with; and runs by what they are."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from wfe_vm.events import Started
from wfe_vm.outcome import RUN_STATUSES

from ..clock import Clock
from ..errors import NotFound, WfeError
from ..providers.contracts import Store
from ..providers.rows import RunFilter, RunRow
from ..result import RunResult, decode_event, decode_result
from .arguments import check_moment, check_number, check_text

__all__ = ["Moment", "RunInfo", "find_run", "info_of", "inputs_of", "run_filter"]

CANDIDATES: Final = 10
NAMES_COMPARED: Final = 500

Moment = datetime | timedelta | int
"""A point in time: a datetime, how long ago, or epoch milliseconds."""


class RunInfo(msgspec.Struct, frozen=True):
    """A run as the store has it. Times are epoch milliseconds, 0: not yet. ``result`` is None until it has ended."""

    id: str
    name: str
    workflow: str
    version: int
    status: str
    created: int
    started: int
    ended: int
    inputs: dict[str, Any]
    result: RunResult | None
    key: str
    parent: str
    root: str
    program: str


def info_of(row: RunRow) -> RunInfo:
    """Return what a program learns of a run."""
    return RunInfo(
        row.id,
        row.name,
        row.workflow,
        row.version,
        row.status,
        row.created,
        row.started,
        row.ended,
        inputs_of(row),
        decode_result(row.result) if row.result else None,
        row.key,
        row.parent,
        row.root,
        row.program,
    )


def inputs_of(row: RunRow) -> dict[str, Any]:
    """Return what a run was started with."""
    event = decode_event(row.inputs)
    return event.inputs if isinstance(event, Started) else {}


async def find_run(store: Store, reference: str) -> RunRow:
    """Return the run of that id or name, else the only one whose id or name begins so.

    Raises NotFound with near names, WfeError (``ambiguous``) with the candidates where there are several.
    """
    found = await store.find_runs(reference, CANDIDATES + 1) if reference.strip() else []
    if len(found) == 1:
        return found[0]
    if not found:
        names = [row.name for row in await store.list_runs(RunFilter(limit=NAMES_COMPARED))]
        near = difflib.get_close_matches(reference, names, n=3)
        raise NotFound(f"no run has the id or name {reference!r}, nor one that begins so", near)
    shown = ", ".join(f"{row.name} ({row.id})" for row in found[:CANDIDATES])
    more = " and more" if len(found) > CANDIDATES else ""
    raise WfeError("ambiguous", f"{reference!r} may be {shown}{more}", "write more of the name, or the id")


def run_filter(
    clock: Clock,
    status: str | Iterable[str],
    workflow: str,
    parent: str,
    name: str,
    since: Moment | None,
    until: Moment | None,
    after: str,
    limit: int,
) -> RunFilter:
    """Return the conditions of a query. Raises TypeError and ValueError for what can't be one."""
    for what, text in (("workflow", workflow), ("name", name), ("after", after)):
        check_text(what, text)
    check_number("limit", limit, 0)
    for what, moment in (("since", since), ("until", until)):
        if moment is not None:
            check_moment(what, moment)
    if not isinstance(status, Iterable):
        raise TypeError(f"status has to be a text or several, and {status!r} was given")
    statuses = (status,) if isinstance(status, str) and status else tuple(status)
    for one in statuses:
        if one not in RUN_STATUSES:
            raise ValueError(f"{one!r} is no status of a run; they are {', '.join(RUN_STATUSES)}")
    return RunFilter(
        statuses=statuses,
        workflow=workflow,
        parent=parent,
        name=name,
        since=_epoch(since, clock),
        until=_epoch(until, clock),
        after=after,
        limit=limit,
    )


def _epoch(moment: Moment | None, clock: Clock) -> int:
    if moment is None:
        return 0
    if isinstance(moment, timedelta):
        return clock.now() - moment // timedelta(milliseconds=1)
    if isinstance(moment, datetime):
        return int(moment.timestamp() * 1000)
    return moment
