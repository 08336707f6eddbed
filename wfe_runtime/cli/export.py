"""Write a run that has ended, with all that is below it, into a store file of its own, to be looked at elsewhere.

The file is a store like any other: `wfec inspect RUN --store sqlite:///FILE` shows the run, its steps and their output.
The run stays where it is. One that has not ended is refused: whoever had the file could go on with it a second time.
"""

from __future__ import annotations

import argparse
import contextlib
import os
from typing import Final
from urllib.parse import quote

from msgspec.structs import replace

from ..engine import load_run_state
from ..programs import ProgramCache
from ..providers import open_store
from ..providers.contracts import Store
from ..providers.rows import FINISHED, JournalRow, NewRun, ProgramRow, RunCommit, RunFilter, RunRow
from .exits import SUCCEEDED, UsageError
from .options import add_run_argument, add_store_option, settings_of
from .output import print_line
from .stores import find_run, open_for_reading, require_store, run_loop
from .texts import harmless

__all__ = ["add_arguments", "execute"]

EXAMPLES = """
wfec export deploy-42 -o deploy-42.db
wfec inspect deploy-42 --store sqlite:///deploy-42.db
"""

PAGE: Final = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_run_argument(parser)
    parser.add_argument("-o", "--output", metavar="FILE", required=True, help="the file, which must not be there yet")
    add_store_option(parser)


def execute(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    require_store(settings, arguments.run)
    path = os.path.abspath(arguments.output)
    if os.path.lexists(path):
        raise UsageError(f"{arguments.output} is there already", "name another file")

    async def work() -> int:
        async with open_for_reading(settings) as store:
            rows = await _family(store, await find_run(store, arguments.run))
            target = open_store(f"sqlite:///{quote(path)}")
            try:
                await target.open()
                await _copy_programs(store, target, rows)
                for row in rows:
                    await _copy_run(store, target, row)
            except BaseException:
                await target.close()
                for end in ("", "-wal", "-shm"):  # half a copy is none
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(path + end)
                raise
            await target.close()
        print_line(f"run {harmless(rows[0].name)} is in {harmless(arguments.output)}, with {len(rows) - 1} below it")
        return SUCCEEDED

    return run_loop(work())


async def _family(store: Store, top: RunRow) -> list[RunRow]:
    """Return a run and those below it, parents first. Raises UsageError where one of them has not ended."""
    rows, ids = [top], {top.id}
    for row in reversed(await store.list_runs(RunFilter(root=top.root))):
        if row.parent in ids and row.id not in ids:
            rows.append(row)
            ids.add(row.id)
    for row in rows:
        if row.status not in FINISHED:
            raise UsageError(f"run {row.name} is {row.status}: only a run that has ended can be exported")
    return rows


async def _copy_programs(store: Store, target: Store, rows: list[RunRow]) -> None:
    """Copy the programs of these runs, with those that they pin."""
    cache = ProgramCache(store)
    wanted = [row.program for row in rows]
    copied: dict[str, ProgramRow] = {}
    while wanted:
        hash = wanted.pop()
        if hash in copied:
            continue
        loaded = await cache.load(hash)
        kept = await store.get_program(hash)
        assert kept is not None  # it has just been loaded
        copied[hash] = kept
        wanted += loaded.needs.pinned
    await target.put_programs(list(copied.values()))


async def _copy_run(store: Store, target: Store, row: RunRow) -> None:
    """Copy what is stored of one run: its row, its history, its state and its output."""
    stored = await store.load_state(row.id)
    assert stored is not None
    load_run_state(stored)  # one that is damaged is told of here, and not copied
    history = await _history(store, row.id)
    created = await target.create_run(
        NewRun(
            id=row.id,
            workflow=row.workflow,
            version=row.version,
            program=row.program,
            inputs=row.inputs,
            created=row.created,
            name=row.name,
            key=row.key,
            folder=row.folder,
            durability=row.durability,
            parent=row.parent,
            parent_activation=row.parent_activation,
            parent_attempt=row.parent_attempt,
            root=row.root,
            depth=row.depth,
        )
    )
    end = RunCommit(
        run=row.id,
        expected_sequence=0,
        fence=created.fence,
        sequence=row.sequence,
        status=row.status,
        journal=tuple((entry.sequence, entry.time, entry.delta) for entry in history),
        started=row.started,
        ended=row.ended,
        result=row.result,
    )
    if stored.snapshot is not None and stored.snapshot_sequence < row.sequence:
        cut = stored.snapshot_sequence
        before = tuple(entry for entry in end.journal if entry[0] <= cut)
        first = replace(end, sequence=cut, status="running", journal=before, ended=0, result=b"")
        await target.commit([replace(first, snapshot=stored.snapshot)])
        end = replace(end, expected_sequence=cut, journal=end.journal[len(before) :])
    elif stored.snapshot is not None:
        end = replace(end, snapshot=stored.snapshot)
    await target.commit([end])
    number = 0
    while logs := await store.read_logs(row.id, None, number, 0, PAGE):
        await target.append_logs(logs)
        number = logs[-1].number


async def _history(store: Store, run: str) -> list[JournalRow]:
    found: list[JournalRow] = []
    while page := await store.read_journal(run, found[-1].sequence if found else 0, PAGE):
        found += page
    return found
