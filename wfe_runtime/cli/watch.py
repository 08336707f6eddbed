"""Show a run as it goes, whichever process has it: what is committed so far, then what comes, to its end.

Changes nothing, also when it is interrupted. Ends where `wfec run` would: with the run, or where that is suspended.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any, Final

from wfe_vm.events import Started
from wfe_vm.state import Record, decode_delta

from ..programs import ProgramCache
from ..providers.contracts import Store
from ..providers.rows import FINISHED, LogRow, RunFilter, RunRow
from ..result import decode_event, decode_result
from .exits import PARKED, code_of_status
from .family import Family
from .options import add_run_argument, add_store_option, settings_of
from .stores import find_run, open_for_reading, require_store, run_loop
from .views import Parking, View, choose_view

__all__ = ["add_arguments", "execute"]

EXAMPLES = """
wfec watch deploy-42
wfec watch deploy-42 --json
"""

LOOK_SECONDS: Final = 0.5  # besides the store's own word that something changed
PAGE: Final = 1000

# Of what happened in one millisecond: the order in which it is shown.
FIRST, BETWEEN, LAST = range(3)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_run_argument(parser)
    add_store_option(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object a line, and nothing else")
    parser.add_argument(
        "--plain", action="store_const", const=True, help="print lines instead of the live view, also on a terminal"
    )


def execute(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    require_store(settings, arguments.run)
    view = choose_view(settings, arguments.json)

    async def work() -> int:
        async with open_for_reading(settings) as store:
            watcher = _Watcher(store, await find_run(store, arguments.run), view)
            stirred = asyncio.Event()
            stop = store.watch(lambda _: stirred.set())
            try:
                while (code := await watcher.look()) is None:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(stirred.wait(), LOOK_SECONDS)
                    stirred.clear()
                return code
            finally:
                stop()

    try:
        return run_loop(work())
    finally:
        view.close()


class _Watcher:
    """Shows one run and those below it, each line of their history once."""

    def __init__(self, store: Store, row: RunRow, view: View) -> None:
        self._store = store
        self._top = row
        self._view = view
        self._programs = ProgramCache(store)
        self._family = Family()
        self._family.begin(row)
        self._sequences: dict[str, int] = {}
        self._numbers: dict[str, int] = {}

    async def look(self) -> int | None:
        """Show what has come since the last time. Returns the exit code once there is no more to come."""
        top = await self._store.get_run(self._top.id)
        if top is None:
            return code_of_status("failed")  # it has been cleared out
        items: list[tuple[int, int, Callable[[], None]]] = []
        for row in await self._rows(top):
            await self._read_journal(row, items)
            await self._read_logs(row, items)
        items.sort(key=lambda item: item[:2])
        for _, _, show in items:
            show()
        if self._sequences.get(top.id, 0) < top.sequence:
            return None
        if top.status in FINISHED and top.result:
            result = decode_result(top.result)
            self._view.ended(top, "", result, top.ended)
            self._view.conclude([], [])
            return code_of_status(result.status)
        if top.status == "suspended":
            waiting = {"kind": "resume", "run": top.id, "name": top.name, "steps": []}
            self._view.parked(top, Parking(top.status, "it is suspended", [waiting]), time.time_ns() // 1_000_000)
            self._view.conclude([], [])
            return PARKED
        return None

    async def _rows(self, top: RunRow) -> list[RunRow]:
        """Return the run and those below it, parents first."""
        rows, ids = [top], {top.id}
        for row in reversed(await self._store.list_runs(RunFilter(root=top.root))):
            if row.parent in ids and row.id not in ids:
                rows.append(row)
                ids.add(row.id)
        new = [row for row in rows[1:] if row.id not in self._sequences]
        if new:
            parents = {row.parent for row in new}
            await self._family.learn(self._store, [row for row in rows if row.id in parents], new)
        return rows

    async def _read_journal(self, row: RunRow, items: list[tuple[int, int, Callable[[], None]]]) -> None:
        loaded = await self._programs.load(row.program)
        prefix = self._family.prefix(row)
        is_top = row.id == self._top.id
        after = self._sequences.setdefault(row.id, 0)
        if not after and row.sequence:
            begun = (row, prefix, _inputs(row), row.created, False)
            items.append((row.created, FIRST, lambda: self._view.begun(*begun)))
        while True:
            page = await self._store.read_journal(row.id, after, PAGE)
            for entry in page:
                delta = decode_delta(entry.delta)
                for record in delta.records:
                    number = loaded.step_of(record)
                    kind = loaded.program.steps[number].kind if number >= 0 else ""
                    items.append(self._step(row, prefix, record, kind))
                if delta.end is not None and not is_top and row.result:
                    items.append(self._end(row, prefix, delta.time))
            if page:
                after = page[-1].sequence
            if len(page) < PAGE:
                break
        self._sequences[row.id] = after

    def _step(self, row: RunRow, prefix: str, record: Record, kind: str) -> tuple[int, int, Callable[[], None]]:
        rank = FIRST if record.what == "started" else LAST
        return record.time, rank, lambda: self._view.step(row, prefix, record, kind)

    def _end(self, row: RunRow, prefix: str, at: int) -> tuple[int, int, Callable[[], None]]:
        return at, LAST, lambda: self._view.ended(row, prefix, decode_result(row.result), at)

    async def _read_logs(self, row: RunRow, items: list[tuple[int, int, Callable[[], None]]]) -> None:
        prefix = self._family.prefix(row)
        after = self._numbers.get(row.id, 0)
        while True:
            page = await self._store.read_logs(row.id, None, after, 0, PAGE)
            for log in page:
                items.append(self._output(row, prefix, log))
            if page:
                after = page[-1].number
            if len(page) < PAGE:
                break
        self._numbers[row.id] = after

    def _output(self, row: RunRow, prefix: str, log: LogRow) -> tuple[int, int, Callable[[], None]]:
        shown = (row, prefix, log.step, log.attempt, log.stream, log.text, log.time)
        return log.time, BETWEEN, lambda: self._view.output(*shown)


def _inputs(row: RunRow) -> dict[str, Any]:
    event = decode_event(row.inputs)
    return event.inputs if isinstance(event, Started) else {}
