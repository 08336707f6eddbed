"""What may go out: everything a run asks of its host, as data.

A command is carried out only after the advance that gave it is durable.
"""

from __future__ import annotations

from typing import Any

import msgspec

from .outcome import Failure

__all__ = [
    "Command",
    "EndRun",
    "Publish",
    "RunStep",
    "StartChild",
    "StopChild",
    "StopStep",
    "Subscribe",
    "Unsubscribe",
]


class RunStep(msgspec.Struct, frozen=True, gc=False, tag="run_step"):
    """Run a task and report a StepEnded for the same activation and attempt.

    ``step`` indexes the program's step table. ``data`` is what a script may see of the run besides
    its own inputs: the run's inputs and flat outputs.
    """

    activation: int
    attempt: int
    step: int
    path: str
    config: dict[str, Any]
    inputs: dict[str, Any] | None = None
    data: dict[str, Any] | None = None


class StopStep(msgspec.Struct, frozen=True, gc=False, tag="stop_step"):
    """Stop a running task; its end is still reported."""

    activation: int
    attempt: int


class StartChild(msgspec.Struct, frozen=True, gc=False, tag="start_child"):
    """Start a run of another workflow and report a ChildEnded, unless detached. ``child`` is its id to be.

    ``reopen`` asks to retry the existing child run instead of starting one.
    """

    activation: int
    attempt: int
    step: int
    path: str
    child: str
    inputs: dict[str, Any]
    implicit_inputs: bool = False  # inputs were not written: take of them what the child declares
    reopen: bool = False


class StopChild(msgspec.Struct, frozen=True, gc=False, tag="stop_child"):
    """Cancel a child run, or terminate it if ``hard``; its end is still reported."""

    activation: int
    attempt: int
    child: str
    hard: bool = False


class Subscribe(msgspec.Struct, frozen=True, gc=False, tag="subscribe"):
    """Deliver one event as an EventArrived for this activation and attempt, and ask no more after that.

    It is the one with the smallest number over ``after`` among those of exactly that name and key that
    were published ``since``: see SINCE_RUN and SINCE_NOW in ``state``, else epoch milliseconds. Belongs
    to the commit of its advance. Takes the place of what the run asked before for that name and key.
    """

    activation: int
    attempt: int
    name: str
    key: str
    after: int
    since: int


class Unsubscribe(msgspec.Struct, frozen=True, gc=False, tag="unsubscribe"):
    """Deliver no event of that name and key any more. Belongs to the commit of its advance."""

    name: str
    key: str


class Publish(msgspec.Struct, frozen=True, gc=False, tag="publish"):
    """Publish an event with this id. Belongs to the commit of its advance."""

    activation: int
    attempt: int
    id: str
    name: str
    key: str
    data: Any = None


class EndRun(msgspec.Struct, frozen=True, gc=False, tag="end_run"):
    """The run has ended; tell whoever waits for it. ``compensated``: it did not succeed, and was undone for it."""

    status: str
    outputs: dict[str, Any]
    error: Failure | None = None
    compensated: bool = False


Command = RunStep | StopStep | StartChild | StopChild | Subscribe | Unsubscribe | Publish | EndRun
