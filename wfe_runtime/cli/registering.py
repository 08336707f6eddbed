"""Registering from the command line: what `start` and `worker` share.

A workflow of a file is registered by its id and version, with those that the file includes; the schedules of its own
workflows hold from then on.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from ..engine import Engine
from ..errors import WfeError
from ..registry import Registry
from ..serving import register_schedules
from .definitions import Found, program_rows
from .exits import CommandError

__all__ = ["add_replace_option", "register", "registry_of"]


def add_replace_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--replace``."""
    parser.add_argument(
        "--replace",
        action="store_true",
        help="let FILE's workflows take the place of other programs that are registered under their ids and versions; "
        "runs in flight keep theirs",
    )


def registry_of(engine: Engine) -> Registry:
    """Return the registrations of an engine's store, which is open."""
    return Registry(engine.store, engine.programs, engine.clock, engine.host.id)


async def register(engine: Engine, programs: Sequence[Found], folder: str, replace: bool) -> None:
    """Register the programs of a file, and have their schedules hold; paths of scheduled runs are relative to a folder.

    Raises CommandError where a version is registered with another program that is not to be replaced, and for a
    schedule that can't be kept on this host.
    """
    try:
        await registry_of(engine).add(program_rows(programs), replace)
        await register_schedules(engine, [], [found.hash for found in programs if found.own], folder)
    except WfeError as error:
        if error.code == "registered":
            hint = "give the changed workflow another version, or let it take the other's place: --replace"
        elif error.code == "schedule":
            hint = error.hint or "the workflows are registered, without their schedules"
        else:
            raise
        raise CommandError(error.message, hint) from None
