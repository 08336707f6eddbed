"""Find runs, what became of their steps, and what these printed.

All terms have to hold: words, "phrases", and field:value pairs with the fields status, workflow, name, run, step,
stream (stdout, stderr) and kind (run, step, line). The beginning of a word is asked for with a star at its end. The
latest comes first.
"""

from __future__ import annotations

import argparse
from typing import Any

from ..providers.searching import Hit, HitPage
from ..searching import parse_query, update_index
from .exits import SUCCEEDED
from .options import add_store_option, moment, settings_of
from .output import print_error, print_line, print_lines
from .stores import is_absent, open_for_reading, run_loop
from .texts import format_moment, harmless_lines, to_json, to_table

__all__ = ["add_arguments", "execute"]

EXAMPLES = """
wfec search 'status:failed workflow:deploy "connection refused"'
wfec search timeout step:build --since 1d
wfec search 'stream:stderr deprec*' -o json
"""

SHOWN_WIDTH = 80


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("query", metavar="QUERY", nargs="+", help="what to look for; several words as one query")
    parser.add_argument(
        "--since", metavar="D", type=moment, default=0, help="only from this time on, as in 2h, or a date"
    )
    parser.add_argument("--until", metavar="D", type=moment, default=0, help="only before this time")
    parser.add_argument("--skip", metavar="N", type=_count, default=0, help="leave out the first N (default: 0)")
    parser.add_argument("--limit", metavar="N", type=_count, default=20, help="at most so many (default: 20; 0: all)")
    parser.add_argument(
        "-o",
        "--output",
        choices=("table", "json", "ids"),
        default="table",
        help="how they are printed (default: table); ids are those of the runs, each once",
    )
    add_store_option(parser)


def execute(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    query = parse_query(" ".join(arguments.query), arguments.since, arguments.until)
    pages = [HitPage(0, ())]
    if not is_absent(settings.store):

        async def work() -> int:
            async with open_for_reading(settings) as store:
                await update_index(store)
                pages.append(await store.search(query, arguments.skip, arguments.limit))
            return SUCCEEDED

        run_loop(work())
    page = pages[-1]
    if arguments.output == "json":
        print_line(to_json({"total": page.total, "hits": [_object(hit) for hit in page.hits]}))
    elif arguments.output == "ids":
        print_lines(dict.fromkeys(hit.run for hit in page.hits))
    elif page.hits:
        print_lines(to_table(("run", "status", "what", "step", "at", "text"), [_cells(hit) for hit in page.hits]))
        print_error(f"{len(page.hits)} of {page.total}")
    else:
        print_error("nothing found")
    return SUCCEEDED


def _object(hit: Hit) -> dict[str, Any]:
    found = hit.document
    return {
        "kind": found.kind,
        "run": hit.run,
        "name": hit.name,
        "workflow": hit.workflow,
        "status": hit.status,
        "step": found.step or None,
        "attempt": found.attempt or None,
        "stream": found.stream or None,
        "time": found.time,
        "text": found.text,
    }


def _cells(hit: Hit) -> tuple[str, ...]:
    found = hit.document
    text = " ".join(harmless_lines(found.text))
    shown = text if len(text) <= SHOWN_WIDTH else f"{text[:SHOWN_WIDTH]}…"
    return hit.name, hit.status, found.stream or found.kind, found.step, format_moment(found.time), shown


def _count(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of hits")
    return int(text)
