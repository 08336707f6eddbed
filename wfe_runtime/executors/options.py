"""Reading a step's config: keys that hold a text or a map, and the error where one holds anything else.

What a key means is the executor's. An expression may have given the value, so that only the attempt sees what it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wfe_vm.values import describe

from .problems import TaskProblem

__all__ = ["map_of", "text_of"]


def text_of(config: Mapping[str, Any], key: str, default: str | None = None) -> str:
    """Return a key that holds a text. Raises TaskProblem (``type``) for anything else."""
    value = config.get(key)
    if value is None and default is not None:
        return default
    if type(value) is not str:
        raise TaskProblem("type", f"`{key}` is a text, not {describe(value)}", field=key)
    return value


def map_of(config: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return a key that holds a map, an empty one where it isn't there. Raises TaskProblem (``type``)."""
    value = config.get(key)
    if value is None:
        return {}
    if type(value) is not dict:
        raise TaskProblem("type", f"`{key}` is a map, not {describe(value)}", field=key)
    return value
