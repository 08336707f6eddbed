"""The functions that steps call by a registered name, and which of them a program needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from wfe_vm.program import Program

from ..engine import Engine
from ..executors.python import PythonExecutor
from ..programs import LoadedProgram

__all__ = ["Functions", "lacking", "named"]

Functions = Mapping[str, Callable[..., Any]] | Iterable[Callable[..., Any]]
"""Functions by name, or functions whose own names, or those of their ``task`` decorator, are meant."""


def named(functions: Functions) -> dict[str, Callable[..., Any]]:
    """Return functions by the names by which steps call them; a task of the builder is the function it holds."""
    pairs: list[tuple[str, Callable[..., Any]]]
    if isinstance(functions, Mapping):
        pairs = list(functions.items())
    else:
        pairs = [(_name_of(function), function) for function in functions]
    return {name: _plain(function) for name, function in pairs}


def lacking(core: Engine, python: PythonExecutor, loaded: LoadedProgram) -> list[str]:
    """Say in words what this host lacks to run a program."""
    calls = sorted(name for name in _registered_calls(loaded.program) if not python.knows(name))
    return [*core.missing(loaded), *(f"no Python function is registered as {name}" for name in calls)]


def _registered_calls(program: Program) -> set[str]:
    """Return the registered names that the python steps of a program call, as far as they are written literally."""
    if not any(step.type == "python" for step in program.steps):
        return set()
    configs = [value for value in program.constants if isinstance(value, dict)]
    calls = [config.get("call") for config in configs]
    return {call for call in calls if isinstance(call, str) and ":" not in call}


def _name_of(function: Callable[..., Any]) -> str:
    name = getattr(function, "registered", "") or getattr(function, "__name__", "")
    if not name or name == "<lambda>":
        raise ValueError(f"{function!r} has no name to register it by; give a map from names to functions")
    return str(name)


def _plain(function: Callable[..., Any]) -> Callable[..., Any]:
    held: Callable[..., Any] = getattr(function, "function", function)
    return held
