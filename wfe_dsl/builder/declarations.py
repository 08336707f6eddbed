"""Inputs and outputs as Python declares them: by types of Python or of workflows, by a TypedDict or a dataclass.

Gives the plain tree of what a file says under ``inputs`` and ``outputs``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ..diagnostics.model import Diagnostics
from ..yaml_front import tree
from .expressions import OMITTED
from .hints import UnknownHint, fields_of, members_of, type_text
from .places import Part
from .values import plain_text, tree_of

__all__ = ["Input", "Output", "declarations", "step_outputs"]

_FORMS: Final = "str, int, float, bool, list[T], dict[str, T], T | None, a Literal, an Enum, a TypedDict, a dataclass"


@dataclasses.dataclass(frozen=True, slots=True)
class Input:
    """An input, or an output, of a workflow. ``default`` left out: it has none."""

    type: Any
    default: Any = OMITTED
    enum: Sequence[Any] | None = None
    description: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Output:
    """An output of a step. ``path`` is where it lies in the step's result, with dots between the names."""

    type: Any = None
    path: str | None = None


def declarations(given: object, part: Part, diagnostics: Diagnostics) -> tree.Node:
    """Return the inputs or outputs of a workflow: a map from names to what is said of each."""
    fields = fields_of(given)
    if fields is not None:
        given = {name: Input(hint, _given(default)) for name, (hint, default) in fields.items()}
    if not isinstance(given, Mapping):
        return tree_of(given, part, diagnostics)
    entries = {}
    for name, value in given.items():
        inner = part.entry(name)
        if isinstance(value, Mapping):
            keys = dict(value)
        elif isinstance(value, Input):
            keys = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
            keys = {key: item for key, item in keys.items() if item is not None and item is not OMITTED}
            if value.default is None:
                keys["default"] = None
        else:
            keys = {"type": value}
        if "type" in keys and "enum" not in keys and members_of(keys["type"]):
            keys["enum"] = members_of(keys["type"])
        node = _declaration(keys, inner, diagnostics)
        entries[str(name)] = tree.Entry(str(name), inner.key_span, node, quoted=True)
    return tree.Mapping(part.span, entries)


def step_outputs(given: object, part: Part, diagnostics: Diagnostics) -> tree.Node:
    """Return the outputs of a step, as the list that a file has."""
    fields = fields_of(given)
    if fields is not None:
        given = {name: hint for name, (hint, _) in fields.items()}
    if isinstance(given, str):
        given = [given]
    if isinstance(given, Sequence):
        items = [_listed(item, part.item(place, len(given)), diagnostics) for place, item in enumerate(given)]
        return tree.Listing(part.span, items)
    if not isinstance(given, Mapping):
        return tree_of(given, part, diagnostics)
    found: list[tree.Node] = []
    for name, value in given.items():
        inner = part.entry(name)
        output = value if isinstance(value, Output) else Output(value)
        named = plain_text(str(name), inner)
        named.span = inner.key_span
        entries = {"name": tree.Entry("name", inner.key_span, named, quoted=True)}
        if output.type is not None:
            entries["type"] = _typed(output.type, inner.entry("type"), diagnostics)
        if output.path is not None:
            path = inner.entry("path")
            entries["path"] = tree.Entry("path", path.key_span, tree_of(output.path, path, diagnostics), quoted=True)
        found.append(tree.Mapping(inner.key_span, entries))
    return tree.Listing(part.span, found)


def _given(default: object) -> object:
    return OMITTED if default is dataclasses.MISSING else default


def _listed(item: object, part: Part, diagnostics: Diagnostics) -> tree.Node:
    if isinstance(item, str):
        return tree.Mapping(part.span, {"name": tree.Entry("name", part.span, tree_of(item, part, diagnostics))})
    return tree_of(item, part, diagnostics)


def _declaration(keys: dict[str, Any], part: Part, diagnostics: Diagnostics) -> tree.Node:
    entries = {}
    for key, value in keys.items():
        inner = part.entry(key)
        if key == "type" and not isinstance(value, Mapping):
            entries[key] = _typed(value, inner, diagnostics)
        else:
            entries[key] = tree.Entry(key, inner.key_span, tree_of(value, inner, diagnostics), quoted=True)
    return tree.Mapping(part.span, entries)


def _typed(hint: object, part: Part, diagnostics: Diagnostics) -> tree.Entry:
    node: tree.Node
    try:
        text = type_text(hint)
        node = tree_of(hint, part, diagnostics) if isinstance(hint, str) else plain_text(text, part)
    except UnknownHint as unknown:
        node = tree.Broken(part.span)
        diagnostics.add("WFE0653", f"{unknown} is no type that a workflow has", part.span, f"take {_FORMS}, or a text")
    return tree.Entry("type", part.key_span, node, quoted=True)
