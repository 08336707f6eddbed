"""Find runs, what became of their steps, and what these printed.

All terms have to hold: words, "phrases", and field:value pairs with the fields status, workflow, name, run, step,
stream (stdout, stderr) and kind (run, step, line). The beginning of a word is asked for with a star at its end. The
latest comes first.
"""

from __future__ import annotations

import argparse
from typing import Any

from ..providers.contracts import Store
from ..providers.searching import Hit, HitPage
from ..searching import parse_query, update_index
from .exits import SUCCEEDED
from .listing import add_listing_options, nothing_in, print_listing, read_listing
from .options import count_of, moment, settings_of
from .output import print_error
from .texts import format_moment, harmless_lines

__all__ = ["add_arguments", "execute"]

EXAMPLES = """
wfec search 'status:failed workflow:deploy "connection refused"'
wfec search timeout step:build --since 1d
wfec search 'stream:stderr deprec*' -o json
"""

SHOWN_WIDTH = 80


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("query", metavar="QUERY", nargs="+", help="what to look for; several words as one query")
    parser.add_argument("--until", metavar="D", type=moment, default=0, help="only before this time")
    parser.add_argument(
        "--skip", metavar="N", type=count_of("hits"), default=0, help="leave out the first N (default: 0)"
    )
    forms = "how they are printed, ids being those of the runs, each once"
    add_listing_options(parser, "hits", 20, "only from this time on, as in 2h, or a date", forms)


def execute(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    query = parse_query(" ".join(arguments.query), arguments.since, arguments.until)

    async def read(store: Store) -> HitPage:
        await update_index(store)
        return await store.search(query, arguments.skip, arguments.limit)

    page = read_listing(settings, read, HitPage(0, ()))
    print_listing(
        arguments.output,
        {"total": page.total, "hits": [_object(hit) for hit in page.hits]},
        dict.fromkeys(hit.run for hit in page.hits),
        ("run", "status", "what", "step", "at", "text"),
        [_cells(hit) for hit in page.hits],
        nothing_in(settings, "nothing found"),
    )
    if page.hits and arguments.output == "table":
        print_error(f"{len(page.hits)} of {page.total}")
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
