"""Say why a run stands where it stands: what it waits for or works at, since when, and who can end that.

What it says is what was committed. A run that has ended waits for nothing.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import AsyncIterator
from typing import Any

from wfe_vm.outcome import UNFINISHED_STATUSES
from wfe_vm.phases import PARKED
from wfe_vm.state import Record, State

from ..engine import Engine, load_run_state
from ..errors import MissingError, StoreError
from ..programs import ProgramCache
from ..providers.contracts import Store
from ..providers.rows import RunRow
from ..signals import ACTIVITY, OpenWait, open_waits, steps_at_work
from .exits import SUCCEEDED
from .family import read_records
from .options import add_run_argument, add_store_option, settings_of
from .output import print_line, print_lines
from .queueing import Queueing, queueing_of
from .stores import find_run, open_for_reading, require_store, run_loop, store_flag
from .taking import is_owner_here
from .texts import format_moment, harmless, to_json
from .view_json import failure_object

__all__ = ["add_arguments", "execute"]

EXAMPLES = """
wfec why deploy-42
wfec why deploy-42 -o json
"""

DEEPEST = 32


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_run_argument(parser)
    parser.add_argument("-o", "--output", choices=("table", "json"), default="table", help="how it is printed")
    add_store_option(parser)


def execute(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    require_store(settings, arguments.run)

    async def work() -> int:
        async with open_for_reading(settings) as store:
            row = await find_run(store, arguments.run)
            reasons = [reason async for reason in _reasons(store, row, store_flag(settings), DEEPEST)]
        if arguments.output == "json":
            print_line(to_json({"run": row.id, "name": row.name, "status": row.status, "waiting_for": reasons}))
        else:
            print_lines([harmless(f"run {row.name} is {row.status}"), *map(_line, reasons)])
        return SUCCEEDED

    return run_loop(work())


async def _reasons(store: Store, row: RunRow, flag: str, depth: int) -> AsyncIterator[dict[str, Any]]:
    """Give each thing that a run, or a child that it waits for, waits for."""
    queueing = await queueing_of(store, row)
    if queueing is not None and queueing.state == "waiting":
        yield _queued(row, queueing, flag)
        return
    stored = await store.load_state(row.id)
    if stored is None or row.status not in UNFINISHED_STATUSES:
        return
    try:
        state, _, _ = load_run_state(stored)
        program = (await ProgramCache(store).load(row.program)).program
        lacks = [] if row.owner or state.suspended else await _lacking(store, row)
    except (StoreError, MissingError) as error:
        if isinstance(error, StoreError) and error.code != "damaged":
            raise
        yield _reason(
            row, "host", row.created, "a host that can read it", "", lacks=[f"no way to go on with it: {error.message}"]
        )
        return
    if lacks:
        who = "a host that has what it needs, once one serves the store"
        yield _reason(row, "host", row.created, who, "", lacks=lacks)
    if row.status == "pending":
        yield _reason(row, "start", row.created, "a process that takes it up", _command(row, "resume", flag))
        return
    last = {record.activation: record for record in await read_records(store, row.id)}
    paths = {activation: record.path for activation, record in last.items()}
    if state.suspended:
        yield _reason(
            row,
            "suspended",
            state.suspended_at,
            "somebody who resumes it",
            _command(row, "resume", flag),
            failed=_failed(state, last),
        )
    for step in steps_at_work(state, program):
        yield _at_work(row, step, paths.get(step.activation, step.path), flag)
    for wait in open_waits(state, program):
        if wait.kind == "resume":
            continue  # that is the suspension
        path = paths.get(wait.activation, wait.path)
        yield _explain(row, state, wait, path, flag)
        child = await store.get_run(wait.child) if wait.kind == "child" and depth else None
        if child is not None:
            async for reason in _reasons(store, child, flag, depth - 1):
                yield reason


async def _lacking(store: Store, row: RunRow) -> list[str]:
    """Return what this host lacks to go on with a run that nobody has."""
    engine = Engine(store)
    return engine.missing(await engine.programs.load(row.program))


def _failed(state: State, last: dict[int, Record]) -> list[dict[str, Any]]:
    """Return the steps whose failure suspended the run, with what is the matter."""
    parked = [last.get(pointer.frames[-1].id) for pointer in state.pointers.values() if pointer.wait == PARKED]
    return [
        {"step": record.path, "error": failure_object(record.error)} for record in parked if record and record.error
    ]


def _queued(row: RunRow, queueing: Queueing, flag: str) -> dict[str, Any]:
    """Explain a run that waits for a slot: its group's holders can end that, and somebody must have it then."""
    holders = [{"run": place.run, "name": place.name} for place in queueing.holders]
    who = f"the end of {' or '.join(place.name for place in queueing.holders)}" if holders else ""
    if not row.owner or not holders:
        who = f"{who}, and a process that takes it up" if who else "a process that takes it up"
    command = f"wfec why {holders[0]['name']}{flag}" if holders else _command(row, "resume", flag)
    details = {"group": queueing.group, "limit": queueing.limit, "holders": holders, "ahead": queueing.ahead}
    return _reason(row, "group", queueing.since, who, command, **details)


def _at_work(row: RunRow, step: OpenWait, path: str, flag: str) -> dict[str, Any]:
    """Explain a step that is under way, or was when the process that had the run ended."""
    details: dict[str, Any] = {"step": path, "attempt": step.attempt, "due": step.due or None}
    resume = _command(row, "resume", flag)
    if not row.owner:
        return _reason(row, "step", step.since, "a process that takes the run up", resume, **details)
    who = "the step, in the process that has the run"
    if is_owner_here(row.owner):
        return _reason(row, "step", step.since, who, "", **details)
    return _reason(row, "step", step.since, f"{who}, or where that is gone by another one", resume, **details)


def _explain(row: RunRow, state: State, wait: OpenWait, path: str, flag: str) -> dict[str, Any]:
    waiting = wait.waiting
    details: dict[str, Any] = {"step": path, "due": wait.due or None}
    if wait.kind == "event" and waiting is not None:
        key = f" --key {shlex.quote(waiting.key)}" if waiting.key else ""
        details.update(event=waiting.name, key=waiting.key)
        command = f"wfec event {shlex.quote(waiting.name)}{key}{flag}"
        return _reason(row, "event", wait.since, "whoever publishes the event", command, **details)
    if wait.kind == "approval" and waiting is not None:
        details.update(title=waiting.title, options=list(wait.options), assignees=list(waiting.assignees))
        who = ", ".join(waiting.assignees) or "anybody"
        command = _command(row, "approve", flag, f"/{path}", f" --option {shlex.quote(wait.options[0])}")
        return _reason(row, "approval", wait.since, who, command, **details)
    if wait.kind == ACTIVITY:
        return _reason(row, wait.kind, wait.since, "a worker that fetches and answers it", "", **details)
    if wait.kind == "child":
        details["child"] = wait.child
        return _reason(
            row, "child", wait.since, f"the child run {wait.child}", f"wfec why {wait.child}{flag}", **details
        )
    who = "the time, in the process that has the run" if row.owner else "the time, once a process has the run"
    return _reason(row, wait.kind, wait.since, who, "" if row.owner else _command(row, "resume", flag), **details)


def _command(row: RunRow, verb: str, flag: str, place: str = "", more: str = "") -> str:
    return f"wfec {verb} {shlex.quote(row.name + place)}{more}{flag}"


def _reason(row: RunRow, kind: str, since: int, ended_by: str, command: str, **details: Any) -> dict[str, Any]:
    return {
        "kind": kind,
        "run": row.id,
        "name": row.name,
        "since": since,
        "ended_by": ended_by,
        "command": command or None,
        **details,
    }


def _line(reason: dict[str, Any]) -> str:
    holders = ", ".join(holder["name"] for holder in reason.get("holders", ())) or "nobody"
    what = {
        "group": f"a slot of the concurrency group {reason.get('group')} (limit {reason.get('limit')}: {holders})",
        "start": "somebody to begin it",
        "host": f"a host: on this one there is {'; '.join(reason.get('lacks', ()))}",
        "suspended": "a resume",
        "activity": "the work of an activity",
        "timer": "a timer",
        "step": f"the end of attempt {reason.get('attempt')} at that step",
        "retry": "the delay before its next attempt",
        "child": f"the child run {reason.get('child')}",
        "event": f"the event {reason.get('event')}" + (f" with the key {reason['key']}" if reason.get("key") else ""),
        "approval": f"an answer to: {reason.get('title')} ({', '.join(reason.get('options', ()))})",
    }[reason["kind"]]
    due = f", until {format_moment(reason['due'])}" if reason.get("due") else ""
    step = f"/{reason['step']}" if reason.get("step") else ""
    command = f": {reason['command']}" if reason["command"] else ""
    since = format_moment(reason["since"])
    failed = "".join(f"; {one['step']} failed: {one['error']['message']}" for one in reason.get("failed", ()))
    return harmless(
        f"  {reason['name']}{step} waits for {what} since {since}{due}{failed}"
        f"; can be ended by {reason['ended_by']}{command}"
    )
