"""What calls of the builder take: the keywords of steps, and the small values that some of them hold.

A keyword is the key that a file has, and goes on to the same checks; a key that is a word of Python has an underscore
at its end. The classes here are data for editors and type checkers: a map with the same keys means the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from os import PathLike
from typing import Any, TypedDict

from .expressions import Expression

__all__ = [
    "BlockOptions",
    "CallOptions",
    "Concurrency",
    "Condition",
    "ContainerOptions",
    "Defaults",
    "DenoOptions",
    "Duration",
    "IterationOptions",
    "PythonOptions",
    "Retry",
    "ShellOptions",
    "SignalOptions",
    "StepOptions",
    "TaskOptions",
    "Text",
    "WorkflowOptions",
]

Duration = str | int | timedelta
"""``"1h30m"``, milliseconds or a timedelta."""

Text = str | Expression
"""A text, in which ``${{ }}`` may stand, or an expression that gives one."""

Condition = str | bool | Expression | Mapping[str, Any]
"""An expression, its text, or the structured form of a file's ``when``."""

Values = Mapping[str, Any]
"""Names and expressions: an expression, its text, or a list or map in which texts are texts."""


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a step is tried, the first try included, and when again."""

    attempts: int
    interval: Duration | None = None
    backoff: float | None = None
    max_interval: Duration | None = None
    jitter: bool | float | None = None
    on: Sequence[str | int] | None = None
    max_elapsed: Duration | None = None


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds for all tasks of a workflow that do not say otherwise."""

    timeout: Duration | None = None
    retry: int | Retry | Mapping[str, Any] | None = None
    error_behavior: str | Mapping[str, Any] | None = None
    env: Mapping[str, Any] | None = None
    working_dir: Text | PathLike[str] | None = None
    shell: Text | Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Concurrency:
    """How many runs with one value of ``group`` there may be at once."""

    group: Text
    limit: int | None = None
    on_full: str | None = None


class CommonOptions(TypedDict, total=False):
    """What every step takes, but for ``timeout``."""

    when: Condition | None
    total_timeout: Duration | None
    retry: int | Retry | Mapping[str, Any] | None
    error_behavior: str | Mapping[str, Any] | None
    continue_on_failure: bool | None


class StepOptions(CommonOptions, total=False):
    """What every step takes."""

    timeout: Duration | None


class TaskOptions(StepOptions, total=False):
    """What every task takes. ``config`` has keys of its configuration that are no keywords."""

    inputs: Values | Sequence[Mapping[str, Any]] | None
    outputs: Any
    """Names and types of Python or of workflows, or a TypedDict or dataclass with such fields."""
    on_crash: str | None
    config: Mapping[str, Any] | None


class ShellOptions(TaskOptions, total=False):
    run: Text | None
    file: Text | PathLike[str] | None
    shell: Text | Sequence[str] | None
    env: Mapping[str, Any] | None
    working_dir: Text | PathLike[str] | None
    sandbox: Mapping[str, Any] | None


class DenoOptions(TaskOptions, total=False):
    script: Text | None
    file: Text | PathLike[str] | None
    permissions: Mapping[str, Any] | None
    modules: Sequence[Text] | None
    env: Mapping[str, Any] | None
    memory: str | int | None


class PythonOptions(TaskOptions, total=False):
    call: str | None
    isolate: bool | None


class CallOptions(TaskOptions, total=False):
    workflow: str | None
    version: int | None
    detach: bool | None


class ContainerOptions(TaskOptions, total=False):
    image: Text | None
    run: Text | None
    command: Text | Sequence[Text] | None
    env: Mapping[str, Any] | None
    volumes: Sequence[Mapping[str, Any]] | None
    working_dir: Text | PathLike[str] | None
    user: Text | None
    network: Text | None
    memory: str | int | None
    cpu: str | float | None
    pull: Text | None
    cli: Text | None
    registry_auth: Mapping[str, Any] | None


class BlockOptions(StepOptions, total=False):
    """What every step that is no task takes."""

    name: str | None


class SignalOptions(CommonOptions, total=False):
    """What waits and approvals take. Their own ``timeout`` may be handled; ``step_timeout`` is always an error."""

    name: str | None
    step_timeout: Duration | None


class IterationOptions(BlockOptions, total=False):
    """What ``for_each`` and ``matrix`` take."""

    as_: str | None
    limit: int | None
    fail_fast: bool | str | None
    collect: str | Mapping[str, Any] | None


class WorkflowOptions(TypedDict, total=False):
    """The keys of a workflow beside its id and version."""

    name: str | None
    description: str | None
    inputs: Any
    outputs: Any
    timeout: Duration | None
    defaults: Defaults | Mapping[str, Any] | None
    error_behavior: str | Mapping[str, Any] | None
    durability: str | None
    requires: Sequence[str] | None
    concurrency: Concurrency | Mapping[str, Any] | None
    services: Mapping[str, Any] | None
    shared_volume: bool | Mapping[str, Any] | None
    secrets: Mapping[str, Any] | None
    schedule: Sequence[Mapping[str, Any]] | None
