"""What a command ends with: the exit codes of the contract, and the errors that lead to them."""

from __future__ import annotations

import os
from typing import Final

from ..errors import GroupFull, InputError, MissingError, NameTaken, NotFound, StoreError, WfeError

__all__ = [
    "BUG",
    "DEFINITION",
    "FAILED",
    "INTERRUPTED",
    "MISSING",
    "NOT_FOUND",
    "PARKED",
    "SUCCEEDED",
    "USAGE",
    "CommandError",
    "DefinitionError",
    "UsageError",
    "check_text",
    "code_of",
    "code_of_status",
    "folder_is_gone",
    "folder_is_there",
]

SUCCEEDED: Final = 0
FAILED: Final = 1
USAGE: Final = 2
DEFINITION: Final = 3
NOT_FOUND: Final = 4
MISSING: Final = 5
PARKED: Final = 6
BUG: Final = 70
"""A bug of ours: the one code that the contract does not name, so that nobody takes it for a failed run."""
INTERRUPTED: Final = 130


class CommandError(WfeError):
    """A command that can't do what it was asked. ``exit_code`` is what it ends with."""

    exit_code: int = USAGE

    def __init__(self, message: str, hint: str | None = None, exit_code: int | None = None) -> None:
        super().__init__("command", message, hint)
        if exit_code is not None:
            self.exit_code = exit_code


class UsageError(CommandError):
    """The command was written wrongly."""


class DefinitionError(CommandError):
    """The definition has errors, which have been shown already."""

    exit_code = DEFINITION


def code_of(error: WfeError) -> int:
    """Return the exit code for an error."""
    if isinstance(error, CommandError):
        return error.exit_code
    if isinstance(error, (InputError, NameTaken)) or error.code in ("settings", "ambiguous", "refused"):
        return USAGE
    if isinstance(error, GroupFull):
        return PARKED  # nothing is wrong: it can be started later
    if isinstance(error, NotFound):
        return NOT_FOUND
    if isinstance(error, (StoreError, MissingError)):
        return MISSING
    if error.code in ("lost", "owned", "queued"):
        return PARKED  # the run is fine, and another process has it
    return BUG


def code_of_status(status: str) -> int:
    """Return the exit code for a run in that status."""
    if status == "succeeded":
        return SUCCEEDED
    return FAILED if status in ("failed", "aborted", "terminated") else PARKED


def check_text(text: str, what: str) -> str:
    """Return a text that came from outside. Raises UsageError where its bytes were no UTF-8: no store could keep it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{what} is not valid text: {text!r}", "it has to be UTF-8") from None
    return text


def folder_is_there() -> bool:
    """Say whether the folder that the command was started in still exists."""
    try:
        os.getcwd()
    except FileNotFoundError:
        return False
    return True


def folder_is_gone() -> CommandError:
    """Return the error of a command that was started in a folder that has been removed since."""
    return CommandError("the current folder is not there any more", "change to another one", NOT_FOUND)
