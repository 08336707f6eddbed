"""Departures: runs that an engine lets go of before they end, and what whoever waits for one is told.

This file owns why a run leaves, and what becomes of it then. It knows no program and no event: what else the engine has
of a run is cleared by the engine.

Rules:

1. A run that leaves is gone at once: nothing that comes later reaches it, and its steps are stopped.
2. What is done about it in the store is as it was committed, never as it was in memory.
3. One run that can't go on is no reason for the others to stand still.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from wfe_vm.errors import MachineError

from .active import ActiveRun
from .claims import Claims
from .errors import StoreError, WfeError

__all__ = ["Departures", "RunLost", "RunParked", "break_off"]


class RunLost(WfeError):
    """Another host has taken the run over; it goes on there."""

    def __init__(self, run: str) -> None:
        super().__init__("lost", f"run {run} is being advanced by another host now", "follow it with: wfec inspect")


class RunParked(RunLost):
    """The run only waits, and the engine has let go of it; it is taken up again when it goes on."""

    def __init__(self, run: str) -> None:
        WfeError.__init__(self, "parked", f"run {run} only waits, and goes on by itself", "wait for it in the store")


def break_off(active: ActiveRun, error: WfeError) -> None:
    """Tell whoever waits for a run that it doesn't end here; nobody needs to wait."""
    if not active.finished.done():
        active.finished.set_exception(error)
        active.finished.exception()


class Departures:
    """The departures from one engine."""

    def __init__(
        self,
        at_hand: dict[str, ActiveRun],
        claims: Claims,
        forgotten: Callable[[str], None],
        abandon: Callable[[set[str]], Coroutine[Any, Any, None]],
        spawn: Callable[..., object],
        troubled: Callable[[str], None],
    ) -> None:
        """``forgotten`` clears what else there is of a run that is not at hand any more, ``abandon`` stops steps.

        ``spawn`` runs work beside the engine; ``troubled`` is told, in words, of a run that can't go on.
        """
        self._at_hand = at_hand
        self._claims = claims
        self._forgotten = forgotten
        self._abandon = abandon
        self._spawn = spawn
        self._troubled = troubled

    def forget(self, active: ActiveRun, error: WfeError) -> None:
        """Have a run not at hand any more, and tell whoever waits for it why."""
        active.dropped = True
        if self._at_hand.get(active.id) is active:
            del self._at_hand[active.id]
            self._forgotten(active.id)
        break_off(active, error)

    def refuse(self, active: ActiveRun, error: Exception | None) -> None:
        """Let go of a run that the store refused to commit: another host has it, where there is no error."""
        if error is None:
            self._drop(active, RunLost(active.row.name))
        else:
            self.park_unfit(active, error)

    def leave_to_others(self, active: ActiveRun, error: MachineError) -> None:
        """Let go of a run that was told what this host can't read, as it is committed; a newer one may go on."""
        told = StoreError("damaged", f"run {active.row.name} can't go on here: {error.message}")
        self._drop(active, told)
        self._troubled(told.message)
        self._spawn(self._claims.release(active.id))

    def park_unfit(self, active: ActiveRun, error: Exception) -> None:
        """Let go of a run whose data can't go on, and have it suspended as it was committed; others go on."""
        why = error.message if isinstance(error, (WfeError, MachineError)) else f"{type(error).__name__}: {error}"
        code = error.code if isinstance(error, WfeError) else "internal"
        told = WfeError(code, f"run {active.row.name} can't go on, and was suspended: {why}")
        self._drop(active, told)
        self._troubled(told.message)
        self._spawn(self._claims.suspend(active, told))

    def _drop(self, active: ActiveRun, error: WfeError) -> None:
        """Let go of a run that can't be advanced here any more, and stop its steps."""
        self.forget(active, error)
        self._spawn(self._abandon({active.id}))
