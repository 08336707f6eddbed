"""Which runs belong together: a run and its children, and what their steps are called seen from the top.

A child's steps are shown under the step that started it: ``deploy/build`` is step ``build`` of the child
that step ``deploy`` started. Detached children are on their own.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from wfe_vm.state import Record, decode_delta

from ..moving import MOVED_FROM
from ..providers.contracts import Store
from ..providers.rows import RunRow

__all__ = ["Family", "Request", "read_history", "read_records"]

PAGE = 1000
ENDED = ("ended", "supplied")


class Family:
    """The runs below one run, as far as they have been seen."""

    def __init__(self) -> None:
        self.top = ""
        self.root = ""
        self._prefixes: dict[str, str] = {}
        self._paths: dict[tuple[str, int], str] = {}

    def begin(self, row: RunRow) -> None:
        """Say which run is at the top."""
        self.top = row.id
        self.root = row.root
        self._prefixes[row.id] = ""

    def has(self, row: RunRow) -> bool:
        """Say whether a run is the top one or below it; a detached child is not."""
        return row.id == self.top or (row.root == self.root and bool(row.parent))

    def note(self, run: str, record: Record) -> None:
        """Take in where a step is, for the child that it may start."""
        if record.what == "started":
            self._paths[run, record.activation] = record.path
        elif record.what in ENDED:
            self._paths.pop((run, record.activation), None)

    async def learn(
        self, store: Store, rows: Iterable[RunRow], children: Iterable[RunRow]
    ) -> list[tuple[RunRow, Record]]:
        """Learn from the journals of ``rows`` where the steps stand that started these children.

        Returns the attempts that were under way when the rows were read, with their runs, in order.
        """
        wanted = {(child.parent, child.parent_activation) for child in children}
        under_way: list[tuple[RunRow, Record]] = []
        for row in rows:
            live: dict[int, Record] = {}
            for record in await read_records(store, row.id, row.sequence):
                if record.what == "started":
                    live[record.activation] = record
                elif record.what in ENDED:
                    live.pop(record.activation, None)
                if (row.id, record.activation) in wanted:
                    self._paths[row.id, record.activation] = record.path
            for record in live.values():
                self.note(row.id, record)
                under_way.append((row, record))
        return under_way

    def prefix(self, row: RunRow) -> str:
        """Return what goes before the paths of a run's steps: empty at the top, else ``…/``."""
        found = self._prefixes.get(row.id)
        if found is None:
            above = self._prefixes.get(row.parent, "")
            step = self._paths.get((row.parent, row.parent_activation), row.name)
            found = self._prefixes[row.id] = f"{above}{step}/"
        return found


class Request(NamedTuple):
    """Something that was asked of a run from outside: suspend, resume, cancel, terminate, retry or move."""

    time: int
    what: str
    reason: str
    """Who asked, and why."""


async def read_records(store: Store, run: str, through: int = 0) -> list[Record]:
    """Return all that is recorded of a run's steps, in order; with ``through`` up to that sequence."""
    return (await read_history(store, run, through))[0]


async def read_history(store: Store, run: str, through: int = 0) -> tuple[list[Record], list[Request]]:
    """Return what is recorded of a run's steps, and what was asked of the run, in order."""
    records: list[Record] = []
    requests: list[Request] = []
    after = 0
    while True:
        rows = await store.read_journal(run, after, PAGE)
        for row in rows:
            if through and row.sequence > through:
                return records, requests
            delta = decode_delta(row.delta)
            records += delta.records
            requests += [Request(delta.time, what, reason) for what, reason in delta.requests if what != MOVED_FROM]
        if len(rows) < PAGE:
            return records, requests
        after = rows[-1].sequence
