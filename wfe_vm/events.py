"""What may come in: everything a run can learn, as data. Times are epoch milliseconds.

Rules: an event carries the time at which it happened for its host; the machine reads no clock. An
event that fits nothing live (a late result, a finished pointer) is stale: it changes nothing.
"""

from __future__ import annotations

from typing import Any

import msgspec

from .outcome import Failure

__all__ = [
    "Answered",
    "Cancel",
    "ChildEnded",
    "Event",
    "EventArrived",
    "Resume",
    "Retry",
    "Started",
    "StepEnded",
    "Suspend",
    "Target",
    "Terminate",
    "Tick",
]


class Started(msgspec.Struct, frozen=True, gc=False, tag="started", array_like=True):
    """The run begins. ``inputs`` are checked and complete; ``host`` answers the program's host_names.

    ``services`` says where those of the program will be, by name.
    """

    time: int
    inputs: dict[str, Any]
    host: dict[str, bool] = {}
    services: dict[str, Any] = {}


class StepEnded(msgspec.Struct, frozen=True, gc=False, tag="step", array_like=True):
    """An attempt of a task ended. ``outcome`` is success, failure, error or abort.

    ``stdout`` is the tail that expressions may read, given where the step asks for it.
    """

    time: int
    activation: int
    attempt: int
    outcome: str
    outputs: dict[str, Any] = {}
    error: Failure | None = None
    stdout: str | None = None


class ChildEnded(msgspec.Struct, frozen=True, gc=False, tag="child", array_like=True):
    """A child run ended. ``status`` is succeeded, failed, aborted or terminated; ``error`` is the child's.

    An empty ``child`` means that it could not be started; otherwise the child, not the attempt, tells
    whether the event is still awaited.
    """

    time: int
    activation: int
    attempt: int
    child: str
    status: str
    outputs: dict[str, Any] = {}
    error: Failure | None = None


class Tick(msgspec.Struct, frozen=True, gc=False, tag="tick", array_like=True):
    """It is that late now: every timer due by ``time`` fires, in order of due time, then of activation."""

    time: int


class Suspend(msgspec.Struct, frozen=True, gc=False, tag="suspend", array_like=True):
    """Running steps end and count, nothing new starts until Resume."""

    time: int
    reason: str = ""


class Resume(msgspec.Struct, frozen=True, gc=False, tag="resume", array_like=True):
    """A suspended run goes on; a step that parked it is tried afresh."""

    time: int
    reason: str = ""


class Cancel(msgspec.Struct, frozen=True, gc=False, tag="cancel", array_like=True):
    """The run is to end in order: abort hooks and ``ensure`` run. After ``deadline`` it ends hard (0: never)."""

    time: int
    reason: str = ""
    deadline: int = 0


class Terminate(msgspec.Struct, frozen=True, gc=False, tag="terminate", array_like=True):
    """The run ends at once; no hook runs."""

    time: int
    reason: str = ""


class Target(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Where a pointer is taken up: below its first ``keep`` frames, at ``pc``.

    With ``outputs`` the last of these frames is that of a step that has succeeded with them, and ``pc`` counts for
    nothing. ``reopening.py`` finds targets.
    """

    pointer: int
    keep: int
    pc: int
    outputs: dict[str, Any] | None = None


class Retry(msgspec.Struct, frozen=True, gc=False, tag="retry", array_like=True):
    """A failed or aborted run is reopened at the steps that failed, and at those aborted with them.

    ``targets`` say where else it is taken up. ``children`` are the targets of runs below it, by their ids: for
    whoever tells them.
    """

    time: int
    reason: str = ""
    targets: tuple[Target, ...] = ()
    children: dict[str, tuple[Target, ...]] = {}


class EventArrived(msgspec.Struct, frozen=True, gc=False, tag="event", array_like=True):
    """A published event was delivered for a subscription. ``number`` is its place among all events of the store."""

    time: int
    activation: int
    attempt: int
    number: int
    name: str
    key: str
    data: Any = None


class Answered(msgspec.Struct, frozen=True, gc=False, tag="answer", array_like=True):
    """Somebody chose an option of an approval."""

    time: int
    activation: int
    attempt: int
    option: str
    by: str = ""


Event = (
    Started | StepEnded | ChildEnded | EventArrived | Answered | Tick | Suspend | Resume | Cancel | Terminate | Retry
)
