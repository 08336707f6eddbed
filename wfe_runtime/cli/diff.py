"""Show what changed between two workflow files, compiled files or runs, in the language's terms.

Layout, comments and notation make no difference. Exits with 0 where nothing changed, with 1 where something did.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import msgspec

from wfe_dsl.differences import Change, change_lines, changes_between
from wfe_dsl.outline import TooDeep
from wfe_vm.migration import Migration, migration_of
from wfe_vm.outcome import UNFINISHED_STATUSES

from ..engine import load_run_state
from ..programs import ProgramCache
from ..providers.rows import RunFilter, RunRow
from ..settings import Settings
from .definitions import Found, load, named
from .documents import variable_sources
from .exits import DEFINITION, FAILED, SUCCEEDED, CommandError
from .graph import is_file
from .options import add_store_option, add_variable_options, settings_of
from .output import print_line, print_lines
from .stores import find_run, is_absent, open_for_reading, require_store, run_loop
from .texts import harmless, to_json

__all__ = ["add_arguments", "execute"]

EXAMPLES = """
wfec diff deploy-1.yaml deploy-2.yaml
wfec diff deploy-42 deploy.yaml -o json
wfec diff deploy.wfc deploy.yaml --runs
exit codes: 0 nothing changed; 1 something did
"""

Pair = tuple[Found | None, Found | None]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("old", metavar="A", help="a workflow file, a compiled one, or a run")
    parser.add_argument("new", metavar="B", help="what it is compared with: a file or a run")
    parser.add_argument("workflow", metavar="WORKFLOW", nargs="?", help="only this workflow")
    parser.add_argument(
        "--runs", action="store_true", help="also say which runs of A, that are not done, could go on with B"
    )
    parser.add_argument(
        "-o", "--output", choices=("text", "json"), default="text", help="how it is printed (default: text)"
    )
    add_store_option(parser)
    add_variable_options(parser)


def execute(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    old = _programs(arguments.old, arguments, settings)
    new = _programs(arguments.new, arguments, settings)
    pairs = _pairs(named(old, arguments.workflow, arguments.old), new)
    try:
        compared = [_compare(pair) for pair in pairs]
    except TooDeep as error:
        raise CommandError(str(error), None, DEFINITION) from None
    if arguments.runs:
        _add_runs(compared, pairs, settings)
    if arguments.output == "json":
        print_line(to_json(compared))
    else:
        print_lines(harmless(line) for found in compared for line in _lines(found))
    return FAILED if any(found["status"] != "same" for found in compared) else SUCCEEDED


def _programs(subject: str, arguments: argparse.Namespace, settings: Settings) -> list[Found]:
    """Return the programs of a file, or the one that a run was started with."""
    if is_file(subject):
        return load(subject, variable_sources(arguments.var, arguments.vars_file))
    require_store(settings, subject)
    found: list[Found] = []

    async def work() -> int:
        async with open_for_reading(settings) as store:
            row = await find_run(store, subject)
            loaded = await ProgramCache(store).load(row.program)
        found.append(Found(loaded.program, loaded.source_map, loaded.hash, True))
        return SUCCEEDED

    run_loop(work())
    return found


def _pairs(old: Sequence[Found], new: Sequence[Found]) -> list[Pair]:
    """Return which workflow is compared with which: of one id and version, else the highest of that id left over.

    Where A is one workflow, as a run is, the others of B are none of its business.
    """
    pairs: list[Pair] = []
    left = {(found.program.workflow, found.program.version): found for found in new}
    waiting: list[Found] = []
    for found in old:
        same = left.pop((found.program.workflow, found.program.version), None)
        if same is None:
            waiting.append(found)
        else:
            pairs.append((found, same))
    for found in waiting:
        others = [key for key in left if key[0] == found.program.workflow]
        pairs.append((found, left.pop(max(others)) if others else None))
    if len(old) > 1:
        pairs += [(None, found) for found in left.values()]
    return pairs


def _compare(pair: Pair) -> dict[str, Any]:
    old, new = pair
    changes: list[Change] = []
    if old is None or new is None:
        status = "added" if old is None else "removed"
    else:
        changes = changes_between((old.program, old.source_map), (new.program, new.source_map))
        status = "changed" if changes else "same"
    shown = old or new
    assert shown is not None
    return {
        "workflow": shown.program.workflow,
        "status": status,
        "versions": [None if one is None else one.program.version for one in pair],
        "programs": [None if one is None else one.hash for one in pair],
        "changes": [msgspec.structs.asdict(change) for change in changes],
    }


def _lines(found: dict[str, Any]) -> list[str]:
    lines = [f"{found['workflow']}: {found['status']}"]
    lines += [f"  {line}" for line in change_lines([Change(**change) for change in found["changes"]])]
    for run in found.get("runs", ()):
        verdict = "could go on with it" if run["possible"] else "can't"
        lines.append(f"  run {run['name']} ({run['status']}): {verdict}")
        lines += [f"    {why['path'] or 'the run'}: {why['why']}" for why in run["obstacles"]]
    return lines


# Runs


def _add_runs(compared: list[dict[str, Any]], pairs: Sequence[Pair], settings: Settings) -> None:
    """Add to each pair the runs of its old program that are not done, and whether they could move."""
    for found in compared:
        found["runs"] = []
    if is_absent(settings.store):
        return

    async def work() -> int:
        async with open_for_reading(settings) as store:
            wanted = RunFilter(statuses=(*UNFINISHED_STATUSES, "failed", "aborted"))
            rows = await store.list_runs(wanted)
            for found, (old, new) in zip(compared, pairs, strict=True):
                if old is None or new is None:
                    continue
                maps = (old.source_map, new.source_map)
                names = (None if maps[0] is None else maps[0].names, None if maps[1] is None else maps[1].names)
                for row in rows:
                    if row.program != old.hash:
                        continue
                    stored = await store.load_state(row.id)
                    if stored is not None:
                        state = load_run_state(stored)[0]
                        migration = migration_of(old.program, new.program, state, names)
                        found["runs"].append(_run_object(row, migration))
        return SUCCEEDED

    run_loop(work())


def _run_object(row: RunRow, migration: Migration) -> dict[str, Any]:
    return {
        "run": row.id,
        "name": row.name,
        "status": row.status,
        "possible": migration.possible,
        "moves": [{"pointer": move.pointer, "step": move.path} for move in migration.moves],
        "obstacles": [{"path": obstacle.path, "why": obstacle.why} for obstacle in migration.obstacles],
    }
