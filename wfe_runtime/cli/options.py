"""The options that several verbs share, so that each is spelt and explained once."""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Callable
from datetime import datetime
from typing import Final

from wfe_vm.durations import DurationError, parse_duration

from ..settings import Settings, SettingsError, load_settings, parse_durability

__all__ = [
    "FILE_HELP",
    "add_definition_options",
    "add_follow_options",
    "add_run_argument",
    "add_store_option",
    "add_variable_options",
    "count_of",
    "durability",
    "duration",
    "moment",
    "settings_of",
]


FILE_HELP: Final = "the workflow file: .yaml, .yml, .wfe, .py (which is run to see what it makes), or compiled .wfc"


def add_store_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--store``."""
    parser.add_argument(
        "--store",
        metavar="URL",
        help="where runs are kept (default: sqlite:///.wfe/wfe.db, under the current folder); memory: keeps none",
    )


def add_run_argument(parser: argparse.ArgumentParser) -> None:
    """Add the argument that names a run."""
    parser.add_argument("run", metavar="RUN", help="the run: its id, its name, or the beginning of one of them")


def add_variable_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--var`` and ``--vars-file``."""
    parser.add_argument(
        "--var",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="a value for ((NAME)) in the file; dots in a name nest; goes before --vars-file and WFE_CONFIG",
    )
    parser.add_argument("--vars-file", metavar="FILE", help="values for ((names)): a YAML or JSON map")


def add_definition_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of every verb that compiles a file, and may find it compiled already."""
    add_variable_options(parser)
    parser.add_argument(
        "--no-cache", action="store_true", help="compile the file even if it was compiled before, and keep nothing"
    )


def add_follow_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of every verb that follows a run to its end."""
    add_store_option(parser)
    parser.add_argument(
        "--timeout",
        metavar="DURATION",
        type=duration,
        default=0,
        help="suspend the run and exit with 1 once this has taken so long, as in 90s or 1h30m",
    )
    parser.add_argument(
        "--no-wait",
        action="store_true",
        help="exit with 6 when only an event, an approval or another host can go on",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object a line, and nothing else")
    parser.add_argument(
        "--plain", action="store_const", const=True, help="print lines instead of the live view, also on a terminal"
    )


def settings_of(arguments: argparse.Namespace) -> Settings:
    """Return the settings, with the flags that were given in front. Raises SettingsError."""
    names = ("store", "durability", "plain", "host_steps")
    return load_settings({name: getattr(arguments, name, None) for name in names})


def count_of(what: str) -> Callable[[str], int]:
    """Return what reads a number of such things."""

    def read(text: str) -> int:
        if not text.isascii() or not text.isdecimal() or len(text) > 9:
            raise argparse.ArgumentTypeError(f"{text!r} is no number of {what}")
        return int(text)

    return read


def duration(text: str) -> int:
    """Read a length of time, in milliseconds, as argparse wants it read."""
    try:
        return parse_duration(text)
    except DurationError as error:
        raise argparse.ArgumentTypeError(f"{error.message}; {error.help}") from None


def durability(text: str) -> str:
    """Read a durability."""
    try:
        return parse_durability(text)
    except SettingsError as error:
        raise argparse.ArgumentTypeError(f"{error.message}; {error.hint}") from None


def moment(text: str) -> int:
    """Read a moment, in epoch milliseconds: a length of time before now, or a date with or without a time."""
    if re.match(r"[0-9]{4}-", text):
        try:
            return round(datetime.fromisoformat(text).timestamp() * 1000)
        except (ValueError, OverflowError):
            raise argparse.ArgumentTypeError(
                f"{text!r} is no date; write it like 2026-01-31 or 2026-01-31T12:00"
            ) from None
    return max(time.time_ns() // 1_000_000 - duration(text), 0)
