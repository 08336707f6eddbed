"""Show a run: its status, its steps with attempts and times, where it stands, inputs, outputs, error.

What it shows is what was committed.
"""

from __future__ import annotations

import argparse
from typing import Any, Final

import msgspec

from wfe_vm.events import Started
from wfe_vm.outcome import UNFINISHED_STATUSES, Failure
from wfe_vm.phases import (
    PARKED,
    READY,
    WAIT_ANSWER,
    WAIT_CHILD,
    WAIT_EVENT,
    WAIT_FORK,
    WAIT_STEP,
    WAIT_TIMER,
    WAIT_UNDO,
)
from wfe_vm.program import Signal
from wfe_vm.state import Pointer, Record, State

from ..engine import load_run_state
from ..programs import LoadedProgram, ProgramCache
from ..providers.contracts import Store
from ..providers.rows import RunFilter, RunRow
from ..result import decode_event, decode_result
from ..undoing import left_to_undo
from .exits import SUCCEEDED
from .failures import describe_failure, place_of_failure
from .family import read_history
from .options import add_run_argument, add_store_option, settings_of
from .output import print_line, print_lines
from .queueing import queueing_of
from .stores import find_run, open_for_reading, require_store, run_loop
from .texts import format_moment, format_span, harmless, to_json, to_table
from .values import print_value, value_lines, value_of
from .view_json import failure_object

__all__ = ["add_arguments", "execute"]

EXAMPLES = """
wfec inspect deploy-42
wfec inspect 01jd --json
wfec inspect deploy-42 --value build.log > build.log
"""

WAITS: Final = {
    READY: "to go on",
    WAIT_STEP: "the step's end",
    WAIT_CHILD: "a child run",
    WAIT_TIMER: "a timer",
    WAIT_FORK: "its branches",
    WAIT_EVENT: "an event",
    WAIT_ANSWER: "an answer",
    WAIT_UNDO: "its compensations",
    PARKED: "a resume",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_run_argument(parser)
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument("--json", action="store_true", help="print one JSON object")
    shown.add_argument(
        "--value",
        metavar="PATH",
        default="",
        help="print one value and nothing else: inputs.NAME, outputs.NAME, or STEP.NAME for an output of a step",
    )
    add_store_option(parser)


def execute(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    require_store(settings, arguments.run)

    async def work() -> int:
        async with open_for_reading(settings) as store:
            row = await find_run(store, arguments.run)
            found = await _inspect(store, row)
            if arguments.value:
                print_value(value_of(found, arguments.value))
            elif arguments.json:
                print_line(to_json(found))
            else:
                await _print(store, row, found)
        return SUCCEEDED

    return run_loop(work())


async def _inspect(store: Store, row: RunRow) -> dict[str, Any]:
    """Return all that is known of a run, as plain data. Times are epoch milliseconds, null for not yet."""
    loaded = await ProgramCache(store).load(row.program)
    records, requests = await read_history(store, row.id)
    result = decode_result(row.result) if row.result else None
    event = decode_event(row.inputs)
    children = await store.list_runs(RunFilter(parent=row.id))
    stored = await store.load_state(row.id)
    state = None if stored is None else load_run_state(stored)[0]
    queueing = await queueing_of(store, row)
    live = [] if state is None else _live(state, loaded, records)
    return {
        "id": row.id,
        "name": row.name,
        "workflow": row.workflow,
        "version": row.version,
        "program": row.program,
        "status": row.status,
        "created": row.created,
        "started": row.started or None,
        "ended": row.ended or None,
        "duration_ms": None if result is None else result.duration_ms,
        "folder": row.folder,
        "durability": row.durability,
        "owner": row.owner or None,
        "parent": row.parent or None,
        "parent_name": await _name_of(store, row.parent),
        "root": row.root,
        "root_name": row.name if row.root == row.id else await _name_of(store, row.root),
        "place": row.place or None,
        "queued_behind": [] if queueing is None else [place.name for place in queueing.holders],
        "due": row.due or None,
        "inputs": event.inputs if isinstance(event, Started) else {},
        "outputs": {} if result is None else result.outputs,
        "error": None if result is None else failure_object(result.error),
        "tolerated": []
        if result is None
        else [{"step": passed.step, "error": failure_object(passed.error)} for passed in result.tolerated],
        "compensated": result is not None and result.compensated,
        "to_undo": [] if state is None else left_to_undo(state, loaded.program),
        "warnings": [] if result is None else result.warnings,
        "requests": [{"time": asked.time, "what": asked.what, "reason": asked.reason} for asked in requests],
        "steps": _steps(records, loaded),
        "live": live,
        "children": [
            {"id": child.id, "name": child.name, "workflow": child.workflow, "status": child.status}
            for child in reversed(children)
        ],
    }


async def _name_of(store: Store, run: str) -> str | None:
    row = await store.get_run(run) if run else None
    return None if row is None else row.name


def _steps(records: list[Record], loaded: LoadedProgram) -> list[dict[str, Any]]:
    """Return the steps in the order in which they began, each with its attempts."""
    steps: dict[int, dict[str, Any]] = {}
    for record in records:
        step = steps.get(record.activation)
        if step is None:
            number = loaded.step_of(record)
            step = steps[record.activation] = {
                "step": record.path,
                "kind": loaded.program.steps[number].kind if number >= 0 else "",
                "status": "running",
                "supplied": False,
                "source": loaded.place_of(None, number) or None,
                "attempts": [],
            }
        attempts = step["attempts"]
        if record.what == "started":
            step["status"] = "running"
            step["supplied"] = False
            attempts.append(_attempt(record, "running"))
            continue
        step["status"] = record.status
        step["supplied"] = record.what == "supplied"
        if not record.attempt:
            continue  # skipped, or its condition failed: there was no attempt
        attempt = next((known for known in reversed(attempts) if known["attempt"] == record.attempt), None)
        if attempt is None:
            attempt = _attempt(record, record.status)
            attempts.append(attempt)
        attempt.update(
            status=record.status,
            ended=record.time,
            duration_ms=max(record.time - record.started, 0),
            outputs=record.outputs or {},
            error=failure_object(record.error),
        )
    return list(steps.values())


def _attempt(record: Record, status: str) -> dict[str, Any]:
    return {
        "attempt": record.attempt,
        "status": status,
        "started": record.started or record.time,
        "ended": None,
        "duration_ms": None,
        "outputs": {},
        "error": None,
    }


def _live(state: State, loaded: LoadedProgram, records: list[Record]) -> list[dict[str, Any]]:
    """Return where each pointer stands: step, attempt, what it waits for, source line."""
    if state.status not in UNFINISHED_STATUSES:
        return []
    last = {record.activation: record for record in records}
    found = []
    for id in sorted(state.pointers):
        pointer = state.pointers[id]
        if pointer.frames and (pointer.frames[-1].step or len(state.pointers) == 1):
            found.append(_pointer(state, pointer, loaded, last.get(pointer.frames[-1].id)))
    return found


def _pointer(state: State, pointer: Pointer, loaded: LoadedProgram, record: Record | None) -> dict[str, Any]:
    """Return where a pointer stands; ``record`` is the last one of its step."""
    frame = pointer.frames[-1]
    step = loaded.program.steps[frame.step]
    dues = [due for (activation, _), due in state.timers.items() if activation == frame.id]
    return {
        "step": record.path if record is not None else step.path or step.name,
        "attempt": frame.attempt,
        "since": frame.started or frame.opened,
        "waits_for": WAITS.get(pointer.wait, "nothing"),
        "due": min(dues) if dues else None,
        "child": frame.child or None,
        "error": failure_object(record.error) if record is not None and pointer.wait == PARKED else None,
        **_waiting(state, frame.id, step.signal),
        "source": loaded.place_of(pointer.pc, frame.step) or None,
    }


def _waiting(state: State, activation: int, signal: Signal | None) -> dict[str, Any]:
    """Return the event that a pointer waits for, or the question; nothing where it waits for neither."""
    row = state.waits.get(activation)
    if row is None:
        return {}
    if row.kind == "event":
        return {"event": row.name, "key": row.key}
    options = [] if signal is None else list(signal.options)
    return {"title": row.title, "options": options, "assignees": list(row.assignees)}


async def _print(store: Store, row: RunRow, found: dict[str, Any]) -> None:
    took = "" if found["duration_ms"] is None else f" after {format_span(found['duration_ms'])}"
    queueing = await queueing_of(store, row)
    lines = [f"run {harmless(row.name)}  {row.status}{took}"]
    facts = [
        ("id", row.id),
        ("workflow", f"{row.workflow} version {row.version}"),
        ("program", row.program),
        ("created", format_moment(row.created)),
        ("ended", format_moment(row.ended)),
        ("folder", row.folder),
        ("advanced by", row.owner),
        ("parent", f"{found['parent_name']}  {row.parent}" if row.parent else ""),
        ("root", f"{found['root_name']}  {row.root}" if row.root != (row.parent or row.id) else ""),
        ("queued", "" if queueing is None else f"waits for {queueing.in_words()}"),
    ]
    lines += [f"  {name:<12} {harmless(value)}" for name, value in facts if value]
    for title in ("inputs", "outputs"):
        if found[title]:
            lines += ["", title, *value_lines(row.name, title, found[title])]
    if found["steps"]:
        lines += ["", *to_table(("step", "status", "attempts", "began", "took"), [*map(_cells, found["steps"])])]
    if found["live"]:
        lines += ["", "stands at"]
        for pointer in found["live"]:
            due = f" due {format_moment(pointer['due'])}" if pointer["due"] else ""
            child = f" {pointer['child']}" if pointer["child"] else ""
            if "event" in pointer:
                child = f" {pointer['event']}" + (f" with the key {pointer['key']}" if pointer["key"] else "")
            elif "title" in pointer:
                asked = f" of {', '.join(pointer['assignees'])}" if pointer["assignees"] else ""
                child = f"{asked} to: {pointer['title']} ({', '.join(pointer['options'])})"
            source = f"  {pointer['source']}" if pointer["source"] else ""
            lines.append(
                harmless(
                    f"  {pointer['step']}  waits for {pointer['waits_for']}{child}{due}"
                    f" since {format_moment(pointer['since'])}{source}"
                )
            )
            if pointer["error"] is not None:
                lines += [f"    {line}" for line in describe_failure(msgspec.convert(pointer["error"], Failure))]
    if found["requests"]:
        rows = [(asked["what"], format_moment(asked["time"]), harmless(asked["reason"])) for asked in found["requests"]]
        lines += ["", *to_table(("asked", "at", "who and why"), rows)]
    if found["to_undo"]:
        lines += ["", "left to undo", *(f"  {harmless(step)}" for step in found["to_undo"])]
    if found["compensated"]:
        lines += ["", "it was compensated: what its sagas had done was undone"]
    if found["children"]:
        lines += ["", "children"]
        lines += [f"  {harmless(child['name'])}  {child['status']}  {child['id']}" for child in found["children"]]
    result = decode_result(row.result) if row.result else None
    if result is not None:
        lines += [f"warning: {harmless(warning)}" for warning in result.warnings]
        lines += [f"tolerated: {harmless(passed.step)}" for passed in result.tolerated]
        if result.error is not None:
            place = await place_of_failure(store, row, result.error)
            lines += ["", "error", *(f"  {line}" for line in describe_failure(result.error, place))]
    print_lines(lines)


def _cells(step: dict[str, Any]) -> tuple[str, ...]:
    attempts = step["attempts"]
    if not attempts:
        return step["step"], step["status"], "", "", ""
    last = attempts[-1]
    if step["supplied"]:
        return step["step"], f"{step['status']} (supplied)", str(last["attempt"]), format_moment(last["started"]), ""
    took = "" if last["duration_ms"] is None else format_span(last["duration_ms"])
    return step["step"], step["status"], str(last["attempt"]), format_moment(attempts[0]["started"]), took
