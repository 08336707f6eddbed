"""How a foreground run is shown: the contract of a view, and which one a command gets."""

from __future__ import annotations

import os
import sys
from typing import Any, Protocol

import msgspec

from wfe_vm.outcome import Failure
from wfe_vm.state import Record

from ..providers.rows import RunRow
from ..result import RunResult
from ..settings import Settings
from .output import is_terminal

__all__ = ["Parking", "View", "choose_view"]


class Parking(msgspec.Struct, frozen=True):
    """That a run stopped before its end. ``waiting_for`` says what could carry it on, as JSON objects."""

    status: str
    reason: str
    waiting_for: list[dict[str, Any]]
    error: Failure | None = None


class View(Protocol):
    """Shows what a run and its children do. ``prefix`` is what goes before the paths of a child's steps."""

    def begun(self, row: RunRow, prefix: str, inputs: dict[str, Any], time: int, again: bool) -> None:
        """A run begins; ``again``: it goes on from where it stood."""

    def step(self, row: RunRow, prefix: str, record: Record, kind: str) -> None:
        """An attempt of a step began or ended."""

    def output(self, row: RunRow, prefix: str, step: str, attempt: int, stream: str, text: str, time: int) -> None:
        """A step printed something."""

    def ended(self, row: RunRow, prefix: str, result: RunResult, time: int) -> None:
        """A run ended."""

    def parked(self, row: RunRow, parking: Parking, time: int) -> None:
        """The run that is followed stopped before its end."""

    def conclude(self, lines: list[str], errors: list[str]) -> None:
        """All is told; ``lines`` and ``errors`` sum it up for people."""

    def trouble(self, message: str) -> None:
        """Something hinders the engine."""

    def abandon(self) -> None:
        """The process ends now: leave the terminal usable, wait for nothing."""

    def close(self) -> None:
        """Return once all is printed. Repeatable."""


def choose_view(settings: Settings, as_json: bool) -> View:
    """Return the view for a command: JSON if asked for, live on a terminal, else lines."""
    if as_json:
        from .view_json import JsonView

        return JsonView()
    quiet = settings.plain or any(os.environ.get(name) for name in ("NO_COLOR", "CI"))
    if quiet or os.environ.get("TERM") == "dumb" or not is_terminal(sys.stdout):
        from .view_plain import PlainView

        return PlainView()
    from .view_live import LiveView

    return LiveView()
