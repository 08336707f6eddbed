"""A Python function as a step: finding it, holding arguments and result to its type hints, what it is told.

This file owns what a call means, wherever it runs: in this process (``python``) or in one of its own
(``python_child``). It starts no thread and no process.

Rules:

1. Arguments go by name. What the hints say of them is checked before the function is called, and of the result
   after it; a hint that ``msgspec`` can't check (a class of the user's own) takes what is given.
2. A result is plain data: a map, a dataclass or a ``msgspec.Struct`` gives its members as outputs, nothing
   gives none, any other value is the one declared output or, where none is declared, ``result``. A tuple is a list.
3. Nothing is pickled, ever.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib
import importlib.util
import inspect
import logging
import os
import re
import sys
import threading
import traceback
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from wfe_vm.limits import MAX_NESTING
from wfe_vm.outcome import Failure
from wfe_vm.values import check_plain, describe

from ..errors import keepable, words_of
from .problems import TaskProblem

__all__ = [
    "Call",
    "CallContext",
    "StepStopped",
    "failure_of",
    "find_function",
    "missing_module",
    "outputs_of",
    "prepare_call",
]

TRACEBACK_BYTES: Final = 4 * 1024
"""What a failure tells of the traceback: its last part."""

UNIONS: Final = (typing.Union, types.UnionType)

_UNSUPPORTED: Final = re.compile(r"objects of type ([\w.]+)")
_CURES: Final = {
    "coroutine": "define the function with `async def`, or await in it what it returns",
    "generator": "return a list of what it gives",
    "async_generator": "return a list of what it gives",
}


_ADDS_NOTHING: Final = re.compile(r"Expected `[^`]*`, got `[^`]*`|Invalid enum value [^`]*")


class StepStopped(BaseException):
    """Raised in a function by ``CallContext.heartbeat`` once its step is to stop; not to be caught."""


class CallContext:
    """What a function learns of its attempt if it has a parameter annotated with this class.

    ``run``, ``run_name``, ``workflow``, ``step`` (its path), ``attempt``, ``idempotency_key`` (the same over
    attempts) and ``fence`` say which attempt it is. ``cancelled`` is set when it is to stop, ``log`` and ``logger``
    write to its log, ``heartbeat`` does both.
    """

    __slots__ = (
        "_logger",
        "_write",
        "attempt",
        "cancelled",
        "fence",
        "idempotency_key",
        "run",
        "run_name",
        "step",
        "workflow",
    )

    def __init__(
        self,
        run: str,
        step: str,
        attempt: int,
        idempotency_key: str,
        fence: int,
        write: Callable[[bytes], None],
        run_name: str = "",
        workflow: str = "",
    ) -> None:
        self.run = run
        self.run_name = run_name
        self.workflow = workflow
        self.step = step
        self.attempt = attempt
        self.idempotency_key = idempotency_key
        self.fence = fence
        self.cancelled = threading.Event()
        self._write = write
        self._logger: logging.Logger | None = None

    def log(self, message: str) -> None:
        """Write a line to the step's log. May be called from any thread."""
        self._write(message.encode("utf-8", "replace") + b"\n")

    @property
    def logger(self) -> logging.Logger:
        """A logger of the standard library: its records, from INFO on, are lines of the step's log alone."""
        if self._logger is None:
            logger = logging.Logger(f"wfe.step.{self.step}", logging.INFO)
            logger.addHandler(_StepLogHandler(self.log))
            self._logger = logger
        return self._logger

    def heartbeat(self, progress: str = "") -> None:
        """Say that the work goes on; a ``progress`` is written to the step's log.

        Raises StepStopped once the step is to stop: a plain function that calls this now and then is stopped by
        it, as an async one is by CancelledError. What it does after that is dropped.
        """
        if self.cancelled.is_set():
            raise StepStopped
        if progress:
            self.log(progress)


class _StepLogHandler(logging.Handler):
    """Writes records as lines, with their level where it is not INFO."""

    def __init__(self, write: Callable[[str], None]) -> None:
        super().__init__()
        self._write_line = write

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception:  # a record whose arguments do not fit its message, as the standard handlers have it
            self.handleError(record)
            return
        self._write_line(line if record.levelno == logging.INFO else f"{record.levelname}: {line}")


class Call(msgspec.Struct, frozen=True):
    """A function with its checked arguments. ``is_async``: calling it gives something to await.

    ``result`` is the hint of what it returns, ``inspect.Signature.empty`` where it has none.
    """

    function: Callable[..., Any]
    arguments: dict[str, Any]
    is_async: bool
    result: Any = inspect.Signature.empty


def find_function(name: str, registered: Mapping[str, Callable[..., Any]], folder: str) -> Callable[..., Any]:
    """Return the function that ``call`` names: a registered one, or ``module:function``.

    Modules are looked for where Python looks and, after that, in ``folder``. Raises TaskProblem
    (``executor``) that says what was looked for.
    """
    if name in registered:
        return registered[name]
    module_name, colon, path = name.partition(":")
    if not colon:
        known = f"; registered are {', '.join(sorted(registered))}" if registered else ""
        raise TaskProblem(
            "executor", f"no function is registered as {name}{known}; one of a module is written module:function"
        )
    if folder not in sys.path:
        sys.path.append(folder)
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and (module_name == error.name or module_name.startswith(f"{error.name}.")):
            places = f"not where Python looks, nor in {folder}"
            raise TaskProblem("executor", f"the Python module {error.name} was not found, {places}") from None
        raise TaskProblem("executor", f"the Python module {module_name} can't be imported: {error}") from error
    except Exception as error:  # whatever the module's own code raises
        message = f"the Python module {module_name} can't be imported: {type(error).__name__}: {error}"
        raise TaskProblem("executor", message, traceback=_tail(error)) from error
    for part in path.split("."):
        found = getattr(found, part, None)
        if found is None:
            raise TaskProblem("executor", f"the Python module {module_name} has no {path}")
    if not callable(found):
        raise TaskProblem("executor", f"{name} is no function, but {type(found).__name__}")
    function: Callable[..., Any] = found
    return function


def missing_module(name: str, registered: Mapping[str, Callable[..., Any]]) -> str | None:
    """Say what this host lacks for a call of that name, as far as that can be told without running any code."""
    if name in registered:
        return None
    module, colon, _ = name.partition(":")
    if not colon:
        return f"a Python function that is registered as {name}"
    package = module.partition(".")[0]
    here = os.path.join(os.getcwd(), package)
    if package in sys.modules or os.path.isdir(here) or os.path.isfile(f"{here}.py"):
        return None
    try:
        found = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        found = None
    return None if found is not None else f"the Python module {package}"


def prepare_call(name: str, function: Callable[..., Any], given: Mapping[str, Any], context: CallContext) -> Call:
    """Hold arguments to a function's parameters and hints.

    Raises TaskProblem (``type``) that names the argument: one that is missing, that the function does not
    take, or that does not fit.
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # a builtin without one
        return Call(function, dict(given), False)
    hints = _hints_of(function)
    arguments: dict[str, Any] = {}
    takes_any = False
    for parameter in signature.parameters.values():
        hint = hints.get(parameter.name, parameter.annotation)
        if _is_context(hint):
            arguments[parameter.name] = context
        elif parameter.kind is parameter.VAR_KEYWORD:
            takes_any = True
        elif parameter.kind is parameter.VAR_POSITIONAL:
            continue
        elif parameter.kind is parameter.POSITIONAL_ONLY:
            raise TaskProblem(
                "type", f"{name} takes {parameter.name} by position only; a step gives its inputs by name"
            )
        elif parameter.name in given:
            arguments[parameter.name] = _checked(name, parameter.name, given[parameter.name], hint)
        elif parameter.default is parameter.empty:
            raise TaskProblem("type", f"{name} needs the argument {parameter.name}; give it under `inputs:`")
    for key in given:
        if key in arguments:
            continue
        if not takes_any:
            known = ", ".join(signature.parameters) or "none"
            raise TaskProblem("type", f"{name} takes no argument {key}; it takes {known}")
        arguments[key] = given[key]
    result = hints.get("return", signature.return_annotation)
    return Call(function, arguments, inspect.iscoroutinefunction(_called_by(function)), result)


def outputs_of(name: str, value: Any, declared: Sequence[str], hint: Any = inspect.Signature.empty) -> dict[str, Any]:
    """Return the outputs that a function's result gives.

    Raises TaskProblem (``type``) for what no run can keep, and for what is not of the type that the function's
    own ``hint`` promises.
    """
    if inspect.iscoroutine(value):
        value.close()  # nobody will await it
    plain = _to_plain(name, value)
    _check_result(name, value, plain, hint)
    if value is None:
        return {}
    if type(plain) is not dict:  # a map of any kind, or what has fields, is its members
        plain = {declared[0] if len(declared) == 1 else "result": plain}
    problem = check_plain(plain)
    if problem is not None:
        plain = _without_tuples(plain)
        problem = check_plain(plain)
    if problem is not None:
        raise TaskProblem("type", f"the result of {name} is no plain data: {problem}")
    outputs: dict[str, Any] = plain
    return outputs


def failure_of(name: str, error: BaseException) -> Failure:
    """Return the failure of a function that raised, as text: the exception itself is never kept."""
    message = words_of(error)
    kind = type(error).__qualname__
    return Failure(
        kind="throw",
        message=f"{name} raised {kind}: {message}" if message else f"{name} raised {kind}",
        details={"exception": f"{type(error).__module__}.{kind}", "traceback": _tail(error)},
    )


def _called_by(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return what a call of it runs in the end: the function of a ``partial``, the ``__call__`` of an object."""
    while isinstance(function, functools.partial):
        function = function.func
    if inspect.isroutine(function) or isinstance(function, type):
        return function
    return type(function).__call__


def _hints_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the hints of parameters, but for those whose names exist for type checkers alone.

    Of these ``CallContext`` is known all the same: a linter may have its import moved to where only they see it.
    """
    hints: dict[str, Any] = {}
    function = _called_by(function)
    module_names = getattr(inspect.unwrap(function), "__globals__", {})
    if CallContext.__name__ not in module_names:
        module_names = {**module_names, CallContext.__name__: CallContext}
    for name, annotation in getattr(function, "__annotations__", {}).items():
        holder = types.SimpleNamespace(__annotations__={name: annotation})
        with contextlib.suppress(Exception):  # whatever evaluating a stranger's annotation raises
            hints |= typing.get_type_hints(holder, globalns=module_names, include_extras=True)
    return hints


def _is_context(hint: Any) -> bool:
    """Say whether a parameter takes the context: its hint is that class, alone, annotated, or as one of several."""
    origin = typing.get_origin(hint)
    if origin is typing.Annotated:
        return _is_context(hint.__origin__)
    if origin in UNIONS:
        return any(_is_context(one) for one in typing.get_args(hint))
    return hint is CallContext


def _checked(name: str, parameter: str, value: Any, hint: Any) -> Any:
    if _says_nothing(hint):
        return value
    try:
        return msgspec.convert(value, hint, strict=True)
    except msgspec.ValidationError as error:
        message = f"the argument {parameter} of {name} has to be {_shown(hint)}, and {describe(value)} was given"
        raise TaskProblem("type", f"{message}{_detail(error)}", argument=parameter) from None
    except TypeError:  # a hint that is not msgspec's to check
        return value


def _check_result(name: str, value: Any, plain: Any, hint: Any) -> None:
    """Hold what is kept of a result to the hint: as plain data, since a class's own members are checked by nobody."""
    if _says_nothing(hint):
        return
    try:
        msgspec.convert(plain, hint, strict=True, str_keys=True)
    except msgspec.ValidationError as error:
        if not _is_of_class(value, hint):
            message = f"the result of {name} has to be {_shown(hint)}, and it gave {describe(plain)}"
            raise TaskProblem("type", f"{message}{_detail(error)}") from None
    except TypeError:  # a hint that is not msgspec's to check
        return


def _says_nothing(hint: Any) -> bool:
    return hint is inspect.Parameter.empty or hint is Any or isinstance(hint, str)


def _is_of_class(value: Any, hint: Any) -> bool:
    """Say whether a value is of a class, or one of several, whose members msgspec does not know: a base, a protocol."""
    if typing.get_origin(hint) in UNIONS:
        return any(_is_of_class(value, one) for one in typing.get_args(hint))
    if not isinstance(hint, type) or hint.__module__ == "builtins":
        return False
    if dataclasses.is_dataclass(hint) or issubclass(hint, msgspec.Struct):
        return False
    try:
        return isinstance(value, hint)
    except TypeError:  # a protocol that can't be asked
        return True


def _shown(hint: Any) -> str:
    """Return a hint as it is written: ``list[int]``, ``Literal['a', 'b']``."""
    return hint.__name__ if isinstance(hint, type) else str(hint).replace("typing.", "")


def _detail(error: msgspec.ValidationError) -> str:
    """Return what an error adds to a type and a value that were named already: where in the value it is wrong."""
    text = str(error)
    return "" if _ADDS_NOTHING.fullmatch(text) else f": {text}"


def _to_plain(name: str, value: Any) -> Any:
    try:
        return msgspec.to_builtins(value, str_keys=True)
    except RecursionError:
        raise TaskProblem(
            "type", f"the result of {name} is no plain data: it is nested too deep, or holds itself"
        ) from None
    except (TypeError, ValueError) as error:
        raise TaskProblem("type", f"the result of {name} is no plain data: {_why_not_plain(error)}") from None


def _without_tuples(value: Any, depth: int = 1) -> Any:
    """Return data in which each tuple, such as a row of a database, is a list; what is nested too deep stays."""
    if depth > MAX_NESTING:
        return value
    if isinstance(value, (list, tuple)):
        return [_without_tuples(item, depth + 1) for item in value]
    if type(value) is dict:
        return {name: _without_tuples(item, depth + 1) for name, item in value.items()}
    return value


def _why_not_plain(error: Exception) -> str:
    """Say what msgspec can't turn into plain data, and what is to be done about it."""
    found = _UNSUPPORTED.search(str(error))
    if found is None:
        return str(error)
    kind = found.group(1)
    cure = _CURES.get(kind, "return maps, lists, texts, numbers, bools or None, or a dataclass that holds such")
    return f"a {kind} can't be kept; {cure}"


def _tail(error: BaseException) -> str:
    """Return the last part of a traceback, without the frames of this package."""
    frames = error.__traceback__
    while frames is not None and "wfe_runtime" in frames.tb_frame.f_globals.get("__name__", ""):
        frames = frames.tb_next
    text = "".join(traceback.format_exception(type(error), error, frames))
    return keepable(text[-TRACEBACK_BYTES:])
