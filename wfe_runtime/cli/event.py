"""Publish an event: every run that waits for its name and key is told, now or when it gets there.

The event is kept in the store. With an id that was published before nothing happens, and that is said; also where that
event was another one.
"""

from __future__ import annotations

import argparse
import os
import time

from wfe_vm.ids import make_id

from ..signals import new_event
from .exits import SUCCEEDED, UsageError
from .json_texts import RepeatedKey, read_json
from .options import add_store_option, settings_of
from .output import print_error, print_line
from .stores import open_for_change, run_loop
from .texts import harmless, to_json

__all__ = ["add_arguments", "execute"]

EXAMPLES = """
wfec event paid --key order-7 --data '{"amount": 5}'
wfec event build-done --id build-1234
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the event's name, as in a wait's `event`")
    parser.add_argument("--key", metavar="K", default="", help="its key, as in a wait's `key` (default: none)")
    parser.add_argument("--data", metavar="JSON", help="what the wait gives as its data (default: null)")
    parser.add_argument("--id", metavar="ID", default="", help="publish once: a used id is not published again")
    add_store_option(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object: id, number, new, same")


def execute(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    now = time.time_ns() // 1_000_000
    id = arguments.id or make_id(now, os.urandom(10))
    event = new_event(id, arguments.name, arguments.key, now, _data(arguments.data))

    async def work() -> int:
        async with open_for_change(settings) as store:
            (published,) = await store.publish([event])
        if arguments.json:
            facts = {"id": published.id, "number": published.number, "new": published.new, "same": published.same}
            print_line(to_json(facts))
        elif published.new:
            print_line(harmless(f"published {event.name} with the id {published.id}"))
        else:
            print_line(harmless(f"an event with the id {published.id} was published already; nothing changed"))
        if not published.same:
            print_error(
                harmless(f"wfec: the event that has the id {published.id} has another name, key or other data")
                + "\n  this one was dropped: give an event that is not that one another --id"
            )
        return SUCCEEDED

    return run_loop(work())


def _data(text: str | None) -> object:
    if text is None:
        return None
    try:
        return read_json(text)
    except RepeatedKey as error:
        raise UsageError(f"--data: {error}", "keep one of them") from None
    except ValueError as error:
        raise UsageError(f"--data: {error}", "a text needs its quotes: --data '\"done\"'") from None
