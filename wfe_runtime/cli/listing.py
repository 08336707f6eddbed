"""Verbs that list: the options that they share, looking without making a store, and the forms they print in."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, TypeVar

from ..providers.contracts import Store
from ..settings import Settings
from .exits import SUCCEEDED
from .options import add_store_option, count_of, moment
from .output import print_error, print_line, print_lines
from .stores import is_absent, open_for_reading, run_loop
from .texts import to_json, to_table

__all__ = ["add_listing_options", "nothing_in", "print_listing", "read_listing"]

Result = TypeVar("Result")


def add_listing_options(
    parser: argparse.ArgumentParser, what: str, limit: int, since: str, forms: str = "how they are printed"
) -> None:
    """Add ``--since``, ``--limit``, ``-o`` and ``--store``. ``what`` is listed; ``since`` and ``forms`` are help."""
    parser.add_argument("--since", metavar="D", type=moment, default=0, help=since)
    parser.add_argument(
        "--limit", metavar="N", type=count_of(what), default=limit, help=f"at most so many (default: {limit}; 0: all)"
    )
    parser.add_argument(
        "-o", "--output", choices=("table", "json", "ids"), default="table", help=f"{forms} (default: table)"
    )
    add_store_option(parser)


def read_listing(settings: Settings, read: Callable[[Store], Awaitable[Result]], nothing: Result) -> Result:
    """Return what ``read`` finds in the store; ``nothing`` where there is none yet, which is not made for it."""
    if is_absent(settings.store):
        return nothing
    found = [nothing]

    async def work() -> int:
        async with open_for_reading(settings) as store:
            found.append(await read(store))
        return SUCCEEDED

    run_loop(work())
    return found[-1]


def nothing_in(settings: Settings, nothing: str) -> str:
    """Return what is said where nothing was found: a store that is not there yet may be a URL that was mistyped."""
    return f"{nothing}: the store {settings.store} is not there yet" if is_absent(settings.store) else nothing


def print_listing(
    form: str,
    as_json: Any,
    ids: Iterable[str],
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    nothing: str,
) -> None:
    """Print what was found in the form that was asked for; ``nothing`` is said where a table would be empty."""
    if form == "json":
        print_line(to_json(as_json))
    elif form == "ids":
        print_lines(ids)
    elif rows:
        print_lines(to_table(headings, rows))
    else:
        print_error(nothing)
