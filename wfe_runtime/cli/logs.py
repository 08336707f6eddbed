"""Show what a run's steps printed, its children's too.

Without STEP each line begins with its step. On a terminal, control characters are written out.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

from wfe_vm.program import Program

from ..programs import ProgramCache
from ..providers.contracts import Store
from ..providers.rows import FINISHED, LogRow, RunFilter, RunRow
from .exits import NOT_FOUND, SUCCEEDED, CommandError
from .failures import NUMBER
from .family import Family
from .near import did_you_mean
from .options import add_run_argument, add_store_option, moment, settings_of
from .output import is_terminal, print_bytes, print_lines
from .stores import find_run, open_for_reading, require_store, run_loop
from .texts import harmless, harmless_lines

__all__ = ["add_arguments", "execute"]

EXAMPLES = """
wfec logs deploy-42
wfec logs deploy-42 build -f
wfec logs deploy-42 'fan[3]/work' --since 10m
"""

FOLLOW_SECONDS = 0.2
PAGE = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_run_argument(parser)
    parser.add_argument(
        "step", metavar="STEP", nargs="?", help="only this step, by its path or name, and what is in it"
    )
    parser.add_argument("-f", "--follow", action="store_true", help="go on until the run ends")
    parser.add_argument(
        "--since",
        metavar="D",
        type=moment,
        default=0,
        help="only what was printed in this time, as in 10m, or since a date",
    )
    add_store_option(parser)


def execute(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    require_store(settings, arguments.run)

    async def work() -> int:
        async with open_for_reading(settings) as store:
            row = await find_run(store, arguments.run)
            reader = _Reader(store, row, arguments.step, arguments.since)
            if arguments.step is not None:
                await reader.check_step()
            while True:
                present = await store.get_run(row.id)
                await reader.print_new()
                if not arguments.follow or present is None or present.status in FINISHED:
                    return SUCCEEDED
                await asyncio.sleep(FOLLOW_SECONDS)

    return run_loop(work())


class _Reader:
    """Prints the logs of a run and its children, each row once."""

    def __init__(self, store: Store, row: RunRow, step: str | None, since: int) -> None:
        self._store = store
        self._row = row
        self._step = step
        self._since = since
        self._after: dict[str, int] = {}
        self._family = Family()
        self._family.begin(row)
        self._raw = step is not None and not is_terminal(sys.stdout)
        self._has_children = False

    async def check_step(self) -> None:
        """Raise CommandError (4) for a step that neither the run nor one of its children has."""
        step = self._step or ""
        programs = ProgramCache(self._store)
        known: set[str] = set()
        for row in await self._rows():
            program = (await programs.load(row.program)).program
            prefix = NUMBER.sub("[*]", self._family.prefix(row))
            known |= _names(program, prefix)
        if NUMBER.sub("[*]", step) not in known:
            hint = did_you_mean(step, known)
            raise CommandError(f"run {self._row.name} has no step {step!r}", hint, NOT_FOUND)

    async def print_new(self) -> None:
        """Print what has come since the last time."""
        found: list[tuple[int, int, str, LogRow]] = []
        for row in await self._rows():
            prefix = self._family.prefix(row)
            after = self._after.get(row.id, 0)
            while True:
                page = await self._store.read_logs(row.id, None, after, self._since, PAGE)
                found += [(log.time, log.number, prefix + log.step, log) for log in page if self._wants(prefix, log)]
                if page:
                    after = page[-1].number
                if len(page) < PAGE:
                    break
                if row.id == self._row.id and len(found) >= PAGE and not self._has_children:
                    self._print(found)  # a long log of one run needs no sorting, nor all of the memory
                    found.clear()
            self._after[row.id] = after
        found.sort(key=lambda item: item[:2])
        self._print(found)

    async def _rows(self) -> list[RunRow]:
        below = await self._store.list_runs(RunFilter(root=self._row.root))
        rows = [self._row]
        ids = {self._row.id}
        for row in reversed(below):  # oldest first: parents before their children
            if row.parent in ids and row.id not in ids:
                rows.append(row)
                ids.add(row.id)
        self._has_children = len(rows) > 1
        new = [row for row in rows[1:] if row.id not in self._after]
        if new:
            parents = {row.parent for row in new}
            await self._family.learn(self._store, [row for row in rows if row.id in parents], new)
        return rows

    def _wants(self, prefix: str, log: LogRow) -> bool:
        if self._step is None:
            return True
        path = prefix + log.step
        wanted = self._step
        if path == wanted or path.startswith((f"{wanted}/", f"{wanted}[")):
            return True
        return any(wanted in (part, NUMBER.sub("", part)) for part in path.split("/"))

    def _print(self, found: list[tuple[int, int, str, LogRow]]) -> None:
        if self._raw:
            print_bytes(b"".join(log.text.encode("utf-8", "replace") for *_, log in found))
            return
        lines: list[str] = []
        for _, _, path, log in found:
            who = "" if self._step is not None else f"{harmless(path)} | "
            lines += [f"{who}{line}" for line in harmless_lines(log.text)]
        print_lines(lines)


def _names(program: Program, prefix: str) -> set[str]:
    """Return every path and name by which a step of a program may be asked for."""
    found = set()
    for step in program.steps[1:]:
        found |= {step.name, prefix + step.path, step.path}
    return found
