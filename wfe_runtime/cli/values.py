"""The values of a run on a terminal: lines that name and show them, and the one value that somebody asks for.

A value that is too large for a line is told of by its size and its hash, with the command that prints it.
"""

from __future__ import annotations

import sys
from typing import Any, Final

from ..large import handle_of
from .exits import NOT_FOUND, CommandError
from .near import did_you_mean
from .output import is_terminal, print_bytes, print_line, print_lines
from .texts import harmless, harmless_lines, to_json, to_text

__all__ = ["print_value", "value_lines", "value_of"]

OF_THE_RUN: Final = ("inputs", "outputs")


def value_lines(run: str, title: str, values: dict[str, Any]) -> list[str]:
    """Return a line for each value; ``title`` is inputs or outputs, of the run of that name."""
    lines = []
    for name, value in values.items():
        handle = handle_of(value)
        way = f"wfec inspect {run} --value {title}.{name}"
        shown = to_text(value) if handle is None else f"{handle.in_words()}; {way}"
        lines.append(f"  {harmless(name)}: {harmless(shown)}")
    return lines


def value_of(found: dict[str, Any], path: str) -> Any:
    """Return the value at ``inputs.NAME``, ``outputs.NAME`` or ``STEP.NAME`` of an inspected run, a step's last.

    Raises CommandError (exit code 4) where there is none, with near names.
    """
    places = {f"{title}.{name}": value for title in OF_THE_RUN for name, value in found[title].items()}
    for step in found["steps"]:
        for attempt in step["attempts"]:
            places |= {f"{step['step']}.{name}": value for name, value in attempt["outputs"].items()}
    if path not in places:
        hint = did_you_mean(path, places) or "it is inputs.NAME, outputs.NAME or STEP.NAME; --json shows all there are"
        raise CommandError(f"run {found['name']} has no value {path}", hint, NOT_FOUND)
    return places[path]


def print_value(value: Any) -> None:
    """Print a value and nothing else: a text as it is, to its last byte, where that goes to a file or a program."""
    if not isinstance(value, str):
        print_line(to_json(value))
    elif is_terminal(sys.stdout):
        print_lines(harmless_lines(value))
    else:
        print_bytes(value.encode())
