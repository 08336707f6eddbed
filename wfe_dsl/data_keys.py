"""Data keys written out: the flat output, step or input that each means in its workflow.

Only YAML has a notation for a data key. For any other notation this puts what it means into its place; the
program stays the same, byte for byte.
"""

from __future__ import annotations

from typing import Any

import msgspec

from . import nodes
from .diagnostics.model import Diagnostics
from .references import data_key_path
from .resolve import resolve_workflow
from .resolved import Resolved
from .scopes import Place

__all__ = ["without_data_keys"]


def without_data_keys(document: nodes.Document) -> nodes.Document:
    """Return a document in which no data key stands. The document has to be one without mistakes."""
    workflows = tuple(_without(workflow) for workflow in document.workflows)
    return msgspec.structs.replace(document, workflows=workflows)


def _without(workflow: nodes.Workflow) -> nodes.Workflow:
    if not _has_data_key(workflow):
        return workflow
    resolved = resolve_workflow(workflow, Diagnostics())
    places = {id(info.node): Place(info) for info in resolved.steps if info.node is not None}
    replaced = _Writer(resolved, places).part(workflow, None)
    assert isinstance(replaced, nodes.Workflow)
    return replaced


def _has_data_key(part: Any) -> bool:
    if isinstance(part, tuple):
        return any(_has_data_key(inner) for inner in part)
    if not isinstance(part, nodes.Node):
        return False
    return isinstance(part, nodes.DataKey) or any(_has_data_key(getattr(part, name)) for name in part.__struct_fields__)


class _Writer:
    def __init__(self, resolved: Resolved, places: dict[int, Place]) -> None:
        self.resolved = resolved
        self.places = places

    def part(self, part: Any, place: Place | None) -> Any:
        """Return a part of the tree with its data keys written out. ``place`` is that of the step around it."""
        if isinstance(part, tuple):
            return tuple(self.part(inner, place) for inner in part)
        if not isinstance(part, nodes.Node):
            return part
        if isinstance(part, nodes.Step):
            place = self.places[id(part)]
        if isinstance(part, nodes.DataKey | nodes.Member | nodes.Index) and place is not None:
            head, accesses = nodes.split_path(part)
            if isinstance(head, nodes.DataKey):
                return self.path(head, accesses, place)
        changed = {}
        for name in part.__struct_fields__:
            before = getattr(part, name)
            after = self.part(before, place)
            if after is not before:
                changed[name] = after
        return msgspec.structs.replace(part, **changed) if changed else part

    def path(self, head: nodes.DataKey, accesses: list[nodes.Member | nodes.Index], place: Place) -> nodes.Expression:
        names = data_key_path(self.resolved, place, head, accesses)
        if not names:
            return nodes.Literal(span=head.span, value=None)
        found: nodes.Expression = nodes.Name(span=head.span, name=names[0])
        for name in names[1:]:
            found = nodes.Member(span=head.span, target=found, name=name, name_span=head.span)
        for access in accesses:
            if isinstance(access, nodes.Index):
                access = msgspec.structs.replace(access, key=self.part(access.key, place))
            found = msgspec.structs.replace(access, target=found)
        return found
