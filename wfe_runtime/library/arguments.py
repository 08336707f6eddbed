"""Arguments of the library's calls, held to what they have to be where Python would notice late, elsewhere, or never.

A text where a list belongs is a list of letters, a number where a text belongs is kept as it is and matches nothing:
such slips are told here, by the name of the argument. What is wrong about a call is a TypeError or a ValueError; what
is wrong about a run is for others to say.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from ..errors import keepable
from ..settings import DURABILITY

__all__ = [
    "LONGEST_NAME",
    "check_durability",
    "check_executors",
    "check_functions",
    "check_length",
    "check_moment",
    "check_name",
    "check_number",
    "check_text",
    "check_transactions",
    "check_workflows",
    "map_of",
    "milliseconds_of",
    "path_of",
    "several",
]

LONGEST_NAME: Final = 200
LONGEST_S: Final = 1e15
MOST: Final = 2**63 - 1
SHOWN: Final = 60


def check_text(what: str, value: object) -> None:
    """Raise TypeError for what is no text, ValueError for one that no store can keep."""
    if not isinstance(value, str):
        raise TypeError(f"{what} has to be a text, and {_shown(value)} was given")
    if not value.isascii() and keepable(value) != value:
        raise ValueError(f"{what} holds half a character (a lone surrogate): {_shown(value)}")


def check_number(what: str, value: object, least: int) -> None:
    """Raise TypeError for what is no whole number, ValueError for one below ``least`` or beyond what a store keeps."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{what} has to be a whole number, and {_shown(value)} was given")
    if value < least:
        raise ValueError(f"{what} has to be at least {least}, not {value}")
    if value > MOST:
        raise ValueError(f"{what} has to be at most {MOST}, and {_shown(value)} was given")


def check_length(what: str, value: object) -> None:
    """Raise TypeError for what is no length of time: seconds or a timedelta. ValueError for one that is no number."""
    if isinstance(value, bool) or not isinstance(value, (int, float, timedelta)):
        raise TypeError(f"{what} has to be seconds or a timedelta, and {_shown(value)} was given")
    if value != value:
        raise ValueError(f"{what} has to be seconds or a timedelta, and {value} is no number")


def milliseconds_of(what: str, value: float | timedelta) -> int:
    """Return a length of time that ends. Raises TypeError and ValueError for what is none, or would outlast a clock."""
    check_length(what, value)
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if not -LONGEST_S < seconds < LONGEST_S:
        raise ValueError(f"{what} has to be less than {LONGEST_S:g} seconds, and {_shown(value)} was given")
    return int(seconds * 1000)


def check_moment(what: str, value: object) -> None:
    """Raise TypeError for what is no point in time, ValueError for one that no clock will show."""
    if isinstance(value, bool) or not isinstance(value, (int, datetime, timedelta)):
        kinds = "a datetime, a timedelta (so long ago) or epoch milliseconds"
        raise TypeError(f"{what} has to be {kinds}, and {_shown(value)} was given")
    if isinstance(value, int) and abs(value) > MOST:
        raise ValueError(f"{what} has to be epoch milliseconds, and {_shown(value)} was given")


def check_name(name: str) -> None:
    """Raise ValueError for what can't name a run."""
    check_text("name", name)
    if not name.strip() or name != name.strip() or len(name) > LONGEST_NAME or "/" in name or not name.isprintable():
        rule = f"up to {LONGEST_NAME} printable characters, no / and no blanks around"
        raise ValueError(f"{_shown(name)} is no name for a run: {rule}")


def check_durability(durability: str) -> None:
    """Raise ValueError for what is no durability."""
    check_text("durability", durability)
    if durability and DURABILITY.fullmatch(durability) is None:
        raise ValueError(f"{_shown(durability)} is no durability; it is sync, group(20ms) or relaxed")


def map_of(what: str, value: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a copy of a map from names to values, an empty one for None. Raises TypeError for anything else."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise TypeError(f"{what} has to be a map from names to values, and {_shown(value)} was given")
    return dict(value)


def path_of(what: str, value: str | os.PathLike[str]) -> str:
    """Return the absolute path of a folder, the current one for an empty one. Raises TypeError for what is no path."""
    path = os.fspath(value) if isinstance(value, os.PathLike) else value
    check_text(what, path)
    return os.path.abspath(path)


def several(what: str, value: str | Sequence[str]) -> Sequence[str]:
    """Return texts of which one may stand alone. Raises TypeError for anything else."""
    if isinstance(value, str):
        return (value,)
    for one in value:
        check_text(f"each of {what}", one)
    return value


def check_workflows(workflows: object) -> None:
    """Raise TypeError where one workflow stands in the place of a list of them."""
    if isinstance(workflows, (str, bytes, os.PathLike)) or not isinstance(workflows, Iterable):
        raise TypeError(f"workflows has to be a list of workflows, and {_shown(workflows)} was given")


def check_functions(what: str, functions: object) -> None:
    """Raise TypeError for what is neither a map from names to functions nor a list of them."""
    if isinstance(functions, (str, bytes)) or not isinstance(functions, Iterable):
        raise TypeError(f"{what} has to be a list of functions or a map from names to them, not {_shown(functions)}")
    for one in functions.values() if isinstance(functions, Mapping) else functions:
        if not callable(one):
            raise TypeError(f"each of {what} has to be a function, and {_shown(one)} is none")


def check_transactions(functions: Mapping[str, Callable[..., Any]]) -> None:
    """Raise ValueError for a function that can't write in a transaction of the store."""
    for name, function in functions.items():
        if inspect.iscoroutinefunction(function):
            raise ValueError(f"{name} is async: a function that writes in a transaction is a plain one")
        try:
            parameters = inspect.signature(function).parameters
        except (TypeError, ValueError):
            continue  # one of C, which doesn't say; its step will
        takes_any = any(one.kind is one.VAR_KEYWORD for one in parameters.values())
        if "transaction" not in parameters and not takes_any:
            raise ValueError(f"{name} takes no `transaction`: that parameter is what it writes its rows with")


def check_executors(executors: object) -> None:
    """Raise TypeError for what is no list of executors."""
    if not isinstance(executors, Iterable):
        raise TypeError(f"executors has to be a list of executors, and {_shown(executors)} was given")
    for one in executors:
        lacks = [name for name in ("types", "missing", "run", "close") if not hasattr(one, name)]
        if lacks:
            raise TypeError(f"each of executors has to be an Executor, and {_shown(one)} has no `{lacks[0]}`")


def _shown(value: object) -> str:
    try:
        text = repr(value)
    except Exception:  # whatever a stranger's __repr__ raises
        text = f"a {type(value).__name__}"
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
