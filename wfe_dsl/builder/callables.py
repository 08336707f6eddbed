"""Functions of Python as steps: by which name a worker finds one, what it takes and what it gives.

A function is stored as ``module:name`` and imported where it runs. One that nothing could import, a lambda or a
closure, has to be registered by a name. Hints become the types of a step's outputs: each field of a TypedDict or a
dataclass is one, anything else is the output ``result``.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any, Final, Generic, ParamSpec, TypeVar, overload

from .hints import fields_of, function_hints, type_text

__all__ = ["Task", "Unnamed", "name_of", "outputs_of", "parameters_of", "task"]

P = ParamSpec("P")
R = TypeVar("R")

RESULT: Final = "result"
"""The output of a function whose result has no fields."""


class Unnamed(ValueError):
    """A function that can't be found again by a name."""


class Task(Generic[P, R]):
    """A function that steps may call. It can still be called as itself.

    ``registered`` is the name by which the engine that runs it knows it, where it is not found by its module.
    """

    def __init__(self, function: Callable[P, R], registered: str = "", options: dict[str, Any] | None = None) -> None:
        self.function = function
        self.registered = registered
        self.options = options or {}
        self.__name__ = getattr(function, "__name__", registered)
        self.__doc__ = function.__doc__

    def __call__(self, *arguments: P.args, **named: P.kwargs) -> R:
        return self.function(*arguments, **named)


@overload
def task(function: Callable[P, R], /) -> Task[P, R]: ...
@overload
def task(*, registered: str = "", **options: Any) -> Callable[[Callable[P, R]], Task[P, R]]: ...
def task(
    function: Callable[P, R] | None = None, /, *, registered: str = "", **options: Any
) -> Task[P, R] | Callable[[Callable[P, R]], Task[P, R]]:
    """Make a function a task. ``options`` are those of its steps, such as ``timeout``, where they say nothing else."""
    if function is not None:
        return Task(function)

    def decorate(function: Callable[P, R]) -> Task[P, R]:
        return Task(function, registered, options)

    return decorate


def name_of(function: Callable[..., Any] | Task[..., Any]) -> str:
    """Return what ``call`` is to say. Raises Unnamed, with the reason, where nothing could find the function."""
    if isinstance(function, Task):
        if function.registered:
            return function.registered
        function = function.function
    name = getattr(function, "__qualname__", "")
    module = getattr(function, "__module__", "")
    if name.endswith("<lambda>"):
        raise Unnamed("a lambda has no name by which a worker could find it")
    if "<locals>" in name or getattr(function, "__closure__", None):
        raise Unnamed(f"`{name.replace('.<locals>', '')}` is defined inside a function, where no worker can find it")
    if not name or not module or inspect.ismethod(function):
        raise Unnamed(f"`{name or function!r}` is no function of a module")
    if module == "__main__":
        raise Unnamed(f"`{name}` is defined in the program itself, which a worker does not import")
    return f"{module}:{name}"


def parameters_of(function: Callable[..., Any]) -> tuple[dict[str, tuple[Any, bool]], bool]:
    """Return the parameters of a function, their hints and whether each has to be given; and if it takes any other."""
    hints = function_hints(function)
    found = {}
    open_ended = False
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            open_ended = open_ended or parameter.kind == parameter.VAR_KEYWORD
            continue
        hint = hints.get(name, Any)
        if getattr(hint, "__name__", "") == "CallContext" and hint.__module__.startswith("wfe_runtime."):
            continue  # the worker gives it
        found[name] = (hint, parameter.default is parameter.empty)
    return found, open_ended


def outputs_of(function: Callable[..., Any]) -> dict[str, str]:
    """Return the outputs that a function's result gives, and their types. Raises UnknownHint."""
    hint = function_hints(function).get("return", Any)
    if hint is type(None):
        return {}
    fields = fields_of(hint)
    if fields is not None:
        return {name: type_text(inner) for name, (inner, _) in fields.items()}
    return {RESULT: type_text(hint)}


def is_missing(value: object) -> bool:
    """Whether a field has no default."""
    return value is dataclasses.MISSING
