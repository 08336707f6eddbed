"""Executors: what does the work of tasks, one class for one or several types of step.

This file owns how a type finds its executor: the built-in ones by the table below, others by the entry
points of the group ``wfe.executors`` (name: the type, value: the class), and what the program that embeds
an engine hands over. A module is imported when the first step of its type is about to run, so an executor
that is never used costs nothing.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, cast

from ..errors import WfeError
from .contract import Executor

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["BUILT_IN", "ExecutorRegistry"]

BUILT_IN: Final[dict[str, str]] = {
    "buildkit": ".image_build:ImageBuildExecutor",
    "container": ".container:ContainerExecutor",
    "containerd": ".container:ContainerExecutor",
    "deno": ".deno:DenoExecutor",
    "python": ".python:PythonExecutor",
    "shell": ".shell:ShellExecutor",
}
"""Where the executor of a type is: module (in this package) and class."""

_GROUP: Final = "wfe.executors"


class ExecutorRegistry:
    """The executors of one engine. Of several for one type: handed over, before built in, before installed."""

    def __init__(self, extra: Sequence[Executor] = ()) -> None:
        self._made: list[Executor] = []
        self._by_type: dict[str, Executor] = {}
        for executor in extra:
            self._add(executor)
        self._installed: dict[str, EntryPoint] | None = None

    def types(self) -> tuple[str, ...]:
        """Return the types of step that this host can run, in order of their names."""
        return tuple(sorted({*self._by_type, *BUILT_IN, *self._found()}))

    def for_type(self, type: str) -> Executor | None:
        """Return the executor of a type, making it at first use; None if this host has none.

        Raises WfeError ``executor`` if one is installed but can't be loaded.
        """
        executor = self._by_type.get(type)
        if executor is not None:
            return executor
        if type in BUILT_IN:
            module, _, name = BUILT_IN[type].partition(":")
            self._add(getattr(importlib.import_module(module, __name__), name)())
        elif type in self._found():
            self._add(_load(self._found()[type]), type)
        return self._by_type.get(type)

    async def close(self) -> None:
        """Close all executors, the handed over ones too; each is closed even if another fails."""
        made, self._made = self._made, []
        self._by_type.clear()
        errors = []
        for executor in made:
            try:
                await executor.close()
            except Exception as error:  # any executor's, and the others are to be closed as well
                errors.append(error)
        if errors:
            raise errors[0]

    def _add(self, executor: Executor, *types: str) -> None:
        if executor not in self._made:
            self._made.append(executor)
        for type in (*executor.types, *types):
            self._by_type.setdefault(type, executor)

    def _found(self) -> dict[str, EntryPoint]:
        if self._installed is None:
            from importlib.metadata import entry_points  # as slow to import as all of this package

            self._installed = {point.name: point for point in entry_points(group=_GROUP)}
        return self._installed


def _load(point: EntryPoint) -> Executor:
    try:
        return cast(Executor, point.load()())
    except Exception as error:  # another's code: whatever it raises, the user is told whose it is
        raise WfeError(
            "executor",
            f"the executor for steps of type {point.name} ({point.value}) can't be loaded: "
            f"{error.__class__.__name__}: {error}",
            "install its package anew, or remove it",
        ) from error
