"""Values of Python as the plain tree that the front end for files reads: each with its place in the caller's source.

So all that a file may say is checked by the same rules, and told by the same codes, when Python says it. This
module knows what a value is, and nothing of the keys that it stands under.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import math
import os
from collections.abc import Mapping, Sequence
from collections.abc import Set as AnySet
from datetime import datetime, timedelta
from typing import Any, Final

from wfe_vm.limits import LARGEST_INTEGER, SMALLEST_INTEGER

from ..diagnostics.model import Diagnostics
from ..expression_printer import NoSpelling
from ..yaml_front import tree
from .expressions import Expression, node_of, problems_of
from .places import Part

__all__ = ["plain_text", "tree_of"]

_DEEPEST: Final = 64


def tree_of(value: Any, part: Part, diagnostics: Diagnostics, depth: int = 0) -> tree.Node:
    """Return the tree of a value; what no workflow can hold is told and becomes a broken place."""
    if isinstance(value, Expression):
        return _ready(value, part, diagnostics)
    if isinstance(value, enum.Enum):
        value = value.value
    if isinstance(value, str):
        return _text(value, part)
    if value is None or isinstance(value, bool):
        return tree.Scalar(part.span, "" if value is None else json.dumps(value), value, "", 0, 0)
    if isinstance(value, int | float):
        return _number(value, part, diagnostics)
    if isinstance(value, timedelta):
        return plain_text(f"{value / timedelta(milliseconds=1):.15g}ms", part)
    if isinstance(value, datetime):
        return tree.Scalar(part.span, value.isoformat(), value.isoformat(), '"', 0, 0, verbatim=True)
    if isinstance(value, os.PathLike):
        return _text(os.fspath(value), part)
    if depth > _DEEPEST:
        return _broken("lists and maps are nested too deeply, or contain themselves", part, diagnostics)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        value = {name.rstrip("_"): inner for name, inner in fields.items() if inner is not None}
    if isinstance(value, Mapping):
        return _map(value, part, diagnostics, depth)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return tree.Listing(
            part.span,
            [tree_of(item, part.item(at, len(value)), diagnostics, depth + 1) for at, item in enumerate(value)],
        )
    if isinstance(value, AnySet):
        return _broken("a set has no order, and a workflow is one thing", part, diagnostics, "give a list")
    return _broken(f"a {type(value).__name__} is no value of a workflow", part, diagnostics)


def plain_text(text: str, part: Part) -> tree.Scalar:
    """Return a text of which the whole place is its own."""
    return tree.Scalar(part.span, text, text, '"', 0, 0)


def _text(text: str, part: Part) -> tree.Scalar:
    # Between its quotes each letter has its own place.
    end = len(text) + 2 if part.is_plain_text else 0
    return tree.Scalar(part.span, text, text, '"', 0, end)


def _number(value: int | float, part: Part, diagnostics: Diagnostics) -> tree.Node:
    message = ""
    if isinstance(value, int):
        if not SMALLEST_INTEGER <= value <= LARGEST_INTEGER:
            message = f"the integer {value if abs(value) < 10**40 else 'given'} does not fit in 64 bits"
    elif not math.isfinite(value):
        message = f"`{value}` is no number that a workflow can hold"
    if message:
        diagnostics.add("WFE0017", message, part.span, "quote it if it is meant as a text")
        return tree.Broken(part.span)
    return tree.Scalar(part.span, json.dumps(value), value, "", 0, 0)


def _map(value: Mapping[Any, Any], part: Part, diagnostics: Diagnostics, depth: int) -> tree.Node:
    entries: dict[str, tree.Entry] = {}
    for key, inner in value.items():
        entry = part.entry(key)
        text = key.value if isinstance(key, enum.Enum) else key
        if not isinstance(text, str):
            diagnostics.add("WFE0015", f"a {type(key).__name__} can't be a key", entry.key_span, "make it a text")
            continue
        entries[text] = tree.Entry(text, entry.key_span, tree_of(inner, entry, diagnostics, depth + 1), quoted=True)
    return tree.Mapping(part.span, entries)


def _ready(value: Expression, part: Part, diagnostics: Diagnostics) -> tree.Scalar:
    for problem in problems_of(value):
        if problem not in diagnostics.found:
            diagnostics.found.append(problem)
    try:
        text = str(value)
    except NoSpelling:
        text = "${{ … }}"
    return tree.Meant(part.span, text, text, "", 0, 0, meaning=node_of(value))


def _broken(message: str, part: Part, diagnostics: Diagnostics, help: str = "") -> tree.Broken:
    help = help or "give a text, a number, a bool, None, a list or a map of such, or an expression"
    diagnostics.add("WFE0650", message, part.span, help)
    return tree.Broken(part.span)
