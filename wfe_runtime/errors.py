"""What can go wrong in the runtime, by whose fault it is.

::

    WfeError                what happened, and a hint at what to do
      StoreError            the store can't be used: damaged, locked, full, read-only, newer, unreachable
        NameTaken           a run of that name exists
        GroupFull           its concurrency group has no room, and says reject
      NotFound              no such run, workflow or file
      InputError            what was given for a run is not what its workflow takes
      MissingError          something the run needs is not on this host
      DefinitionError       a workflow has mistakes
      NotCompleted          a run has not ended in the time that was given to wait for it
      RunFailed             a run did not succeed, and its outputs were wanted
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .result import RunResult

__all__ = [
    "DefinitionError",
    "GroupFull",
    "InputError",
    "MissingError",
    "NameTaken",
    "NotCompleted",
    "NotFound",
    "RunFailed",
    "StoreError",
    "WfeError",
    "keepable",
    "words_of",
]

LONGEST_MESSAGE: Final = 16 * 1024
"""What is kept of what a stranger's exception says, in characters: a run has it in its state, and its parents do."""


class WfeError(Exception):
    """Root of the runtime's errors. ``code`` is stable, ``message`` says what, ``hint`` what to do."""

    def __init__(self, code: str, message: str, hint: str | None = None) -> None:
        super().__init__(message if hint is None else f"{message}\n{hint}")
        self.code = code
        self.message = message
        self.hint = hint


class StoreError(WfeError):
    """The store can't do what is asked.

    Codes: ``damaged``, ``foreign``, ``locked``, ``full``, ``read-only``, ``newer``, ``unreachable``,
    ``url``, ``io``. ``transient`` tells whether trying again later may help.
    """

    def __init__(self, code: str, message: str, hint: str | None = None, *, transient: bool = False) -> None:
        super().__init__(code, message, hint)
        self.transient = transient


class NameTaken(StoreError):
    """A run of that name exists already."""

    def __init__(self, name: str) -> None:
        super().__init__("name-taken", f"a run named {name!r} exists already", "choose another name")


class GroupFull(StoreError):
    """A run's concurrency group has no slot left, and its workflow says ``on_full: reject``."""

    def __init__(self, group: str, holder: str) -> None:
        super().__init__(
            "group-full",
            f"the concurrency group {group!r} is full, and the workflow says on_full: reject; run {holder} has a slot",
            f"start it once that run has ended: wfec why {holder}",
        )
        self.group = group


class NotFound(WfeError):
    """Nothing has that id or name. ``near`` are names that are close."""

    def __init__(self, message: str, near: Sequence[str] = ()) -> None:
        super().__init__("not-found", message, f"did you mean {', '.join(near)}?" if near else None)
        self.near = tuple(near)


class InputError(WfeError):
    """Inputs that the workflow does not take; ``problems`` name each."""

    def __init__(self, message: str, problems: Sequence[str]) -> None:
        super().__init__("inputs", "\n".join([message, *(f"  {problem}" for problem in problems)]))
        self.problems = tuple(problems)


class MissingError(WfeError):
    """Something that a run needs is not on this host."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__("missing", message, hint)


class DefinitionError(WfeError):
    """A workflow with mistakes. ``diagnostics`` are all of them (``wfe_dsl.Diagnostic``); the message shows each."""

    def __init__(self, message: str, diagnostics: Sequence[Any] = ()) -> None:
        super().__init__("definition", message)
        self.diagnostics = tuple(diagnostics)


class NotCompleted(WfeError, TimeoutError):
    """A run did not end in time; it goes on. ``status`` is where it is."""

    def __init__(self, name: str, status: str) -> None:
        super().__init__("not-completed", f"run {name} did not complete in time; it is {status}")
        self.status = status


class RunFailed(WfeError):
    """A run ended without success. ``result`` says how."""

    def __init__(self, result: RunResult) -> None:
        why = "" if result.error is None else f": {result.error.message}"
        super().__init__(
            "failed",
            f"the run {result.status}{why}" if result.status == "failed" else f"the run was {result.status}{why}",
        )
        self.result = result


def words_of(error: BaseException) -> str:
    """Return what any exception says, as a run can keep it; nothing for one that can't even say what it is."""
    try:
        message = str(error)
    except Exception:
        return ""
    if len(message) > LONGEST_MESSAGE:
        message = f"{message[:LONGEST_MESSAGE]}… ({len(message) - LONGEST_MESSAGE} more characters)"
    return keepable(message)


def keepable(text: str) -> str:
    """Return a text in which half a character, as names of files may hold, is written as its escape."""
    return text.encode("utf-8", "backslashreplace").decode()
