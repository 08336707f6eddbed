"""Look after a store: make it, bring it up to date, see what it holds, clear out old runs, give room back.

`purge` shows which runs would go, and with `--yes` takes them, with all that was stored for them: runs that have
ended, never one that is not done or whose parent or children are not. Programs that no run and no registration has go
too. Others go on working meanwhile. `compact` then gives the room back to the disk.
"""

from __future__ import annotations

import argparse
import time
from typing import Any, Final

from wfe_vm.durations import parse_duration

from ..clearing import clear_programs
from ..providers.contracts import Store
from ..providers.rows import FINISHED, PurgeFilter, StoreSummary
from ..settings import Settings
from .exits import MISSING, SUCCEEDED, CommandError
from .options import add_store_option, count_of, duration, settings_of
from .output import print_line, print_lines
from .stores import file_of, is_absent, open_for_change, open_for_reading, run_loop
from .texts import harmless, to_json, to_table

__all__ = ["add_arguments", "execute"]

EXAMPLES = """
wfec store init
wfec store status --json
wfec store purge --older-than 90d --status succeeded --keep 10
wfec store purge --older-than 1d --workflow nightly --yes
wfec store compact
"""

ACTIONS: Final = ("init", "migrate", "status", "compact", "purge")
AT_ONCE: Final = 100
"""Families of runs in one transaction of a purge."""

DEFAULT_AGE: Final = "30d"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=ACTIONS, metavar="ACTION", help=f"one of: {', '.join(ACTIONS)}")
    purge = parser.add_argument_group("purge")
    purge.add_argument(
        "--older-than",
        metavar="D",
        type=duration,
        default=parse_duration(DEFAULT_AGE),
        help=f"only runs that ended so long ago (default: {DEFAULT_AGE})",
    )
    purge.add_argument(
        "--status", choices=sorted(FINISHED), action="append", default=[], help="only runs in it; may be repeated"
    )
    purge.add_argument("--workflow", metavar="W", default="", help="only runs of this workflow")
    purge.add_argument(
        "--keep", metavar="N", type=count_of("runs"), default=0, help="of each workflow the newest N stay (default: 0)"
    )
    purge.add_argument("--yes", action="store_true", help="do it; without this it only shows what would go")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_store_option(parser)


def execute(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    action: str = arguments.action
    if action != "init" and is_absent(settings.store):
        raise CommandError(f"the store {settings.store} is not there", "make it with: wfec store init", MISSING)
    found: dict[str, Any] = {"store": settings.store}

    async def work() -> int:
        opened = open_for_change if action in ("init", "migrate") else open_for_reading
        async with opened(settings) as store:  # which brings its schema up to date
            before = await store.summarise()
            if action == "purge":
                found.update(await _purge(store, arguments))
            elif action == "compact":
                await store.compact()
            found.update(_summary(settings, await store.summarise()))
            if action == "compact":
                found["bytes_before"] = before.bytes
        return SUCCEEDED

    run_loop(work())
    if arguments.json:
        print_line(to_json(found))
    else:
        print_lines(_lines(action, found))
    return SUCCEEDED


async def _purge(store: Store, arguments: argparse.Namespace) -> dict[str, Any]:
    """Clear out one batch after another. Returns what is gone, or the topmost runs of what would go."""
    now = time.time_ns() // 1_000_000
    wanted = PurgeFilter(now - arguments.older_than, now, tuple(arguments.status), arguments.workflow, arguments.keep)
    if not arguments.yes:
        roots = [await store.get_run(id) for id in await store.find_purgeable(wanted)]
        return {"would_purge": [{"id": row.id, "name": row.name} for row in roots if row is not None]}
    gone: list[str] = []
    while batch := await store.purge(wanted, AT_ONCE):
        gone += batch
    return {"purged": gone, "programs": await clear_programs(store, now)}


def _summary(settings: Settings, summary: StoreSummary) -> dict[str, Any]:
    return {
        "file": file_of(settings.store),
        "schema": summary.schema,
        "bytes": summary.bytes,
        "unused_bytes": summary.unused_bytes,
        "runs": summary.runs,
    }


def _lines(action: str, found: dict[str, Any]) -> list[str]:
    if action == "purge":
        if "would_purge" in found:
            rows = found["would_purge"]
            shown = [f"{row['id']}  {harmless(row['name'])}" for row in rows]
            return [*shown, f"{len(rows)} runs would go, with their children; add --yes to do it"]
        count = len(found["purged"])
        lines = ["1 run is gone" if count == 1 else f"{count} runs are gone"]
        if programs := len(found["programs"]):
            lines.append("1 unused program is gone" if programs == 1 else f"{programs} unused programs are gone")
        return lines
    if action == "compact":
        return [f"{found['store']}: {_size(found['bytes_before'])} before, {_size(found['bytes'])} now"]
    if action in ("init", "migrate"):
        return [f"{found['store']} is ready, with schema version {found['schema']}"]
    lines = [
        f"{found['store']}: schema version {found['schema']}, {_size(found['bytes'])}, "
        f"of which {_size(found['unused_bytes'])} are unused"
    ]
    return lines + to_table(("status", "runs"), [(status, str(count)) for status, count in found["runs"].items()])


def _size(count: int) -> str:
    return f"{count / (1 << 20):.1f} MiB"
