"""Bare names: in the text language ``total`` means ``vars.total`` where nothing nearer has that name.

Nearer are the roots of expressions, the item of a loop around the place and the variable of ``map`` and
``filter``. Only names that the workflow gives a value (``let``, ``collect``) are meant so; any other is left
for the pass that knows names to blame.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import msgspec

from .. import nodes
from ..roots import ROOTS
from ..source import Span
from ..yaml_front.step_keys import HOOKS

__all__ = ["settle_names"]


def settle_names(workflow: nodes.Workflow) -> nodes.Workflow:
    """Return the workflow with each bare name of a variable written out."""
    variables = _variables(workflow).difference(ROOTS)
    if not variables:
        return workflow
    settled: nodes.Workflow = _Settler(variables).settle(workflow)
    return settled


STEPS_OF: Final[dict[type[nodes.Node], tuple[str, ...]]] = {
    nodes.Workflow: ("steps", "hooks"),
    nodes.Hooks: HOOKS,
    nodes.Step: ("body", "hooks", "compensate"),
    nodes.Sequence: ("steps",),
    nodes.Parallel: ("steps",),
    nodes.Race: ("steps",),
    nodes.Saga: ("steps",),
    nodes.If: ("then", "otherwise"),
    nodes.Switch: ("cases", "default"),
    nodes.Case: ("steps",),
    nodes.While: ("body",),
    nodes.ForEach: ("body", "collect"),
    nodes.Matrix: ("body", "collect"),
    nodes.Wait: ("on_timeout",),
    nodes.Approve: ("on_timeout",),
}
"""Where steps stand in what holds them."""


def _variables(workflow: nodes.Workflow) -> frozenset[str]:
    """Return the names that steps give values to."""
    found: set[str] = set()
    pending: list[Any] = [workflow]
    while pending:
        node = pending.pop()
        kind = type(node)
        if kind is tuple:
            pending.extend(node)
        elif kind is nodes.Set:
            found.update(name for name, _, _ in node.entries)
        elif kind is nodes.Collect:
            found.add(node.name)
        else:
            pending.extend(value for field in STEPS_OF.get(kind, ()) if (value := getattr(node, field)))
    return frozenset(found)


PLAIN: Final = ("Span", "bool", "int", "float", "str", "bool | int | float | str", "tuple[str, ...]", "tuple[int, ...]")
"""Types of fields that hold no expression."""


@cache
def _inner_fields(kind: type) -> tuple[str, ...]:
    """Return the fields of a kind of node that may hold expressions, or what holds some."""
    if not issubclass(kind, nodes.Node):
        return ()
    told = {field: written for base in kind.__mro__ for field, written in getattr(base, "__annotations__", {}).items()}
    return tuple(field for field in kind.__struct_fields__ if told[field].removesuffix(" | None") not in PLAIN)


BINDING: Final[dict[type, str]] = {nodes.ForEach: "variable", nodes.Matrix: "variable", nodes.Lambda: "parameter"}
"""What has a name of its own in its ``body`` and ``collect``, and the field that says it."""

LEAVES: Final = frozenset((str, Span, nodes.Literal, nodes.DataKey, type(None), bool, int, float))
"""What holds no name, and is most of what there is."""


class _Settler:
    """Settles the names of one workflow. What has a name of its own takes it out while its inside is settled."""

    def __init__(self, variables: frozenset[str]) -> None:
        self.variables = variables
        self.hidden: dict[str, int] = {}  # by how many things around the place

    def settle(self, tree: Any) -> Any:
        kind: Any = type(tree)
        if kind is tuple:
            return self.all(tree)
        if kind is nodes.Name:
            if tree.name not in self.variables or self.hidden.get(tree.name):
                return tree
            root = nodes.Name(span=tree.span, name="vars")
            return nodes.Member(span=tree.span, target=root, name=tree.name, name_span=tree.span)
        own = getattr(tree, BINDING[kind]) if kind in BINDING else None
        changed = {}
        for field in _inner_fields(kind):
            value = getattr(tree, field)
            if not value or type(value) in LEAVES:
                continue
            if own is not None and field in ("body", "collect"):
                self.hidden[own] = self.hidden.get(own, 0) + 1
                new = self.settle(value)
                self.hidden[own] -= 1
            else:
                new = self.settle(value)
            if new is not value:
                changed[field] = new
        return msgspec.structs.replace(tree, **changed) if changed else tree

    def all(self, items: tuple[Any, ...]) -> tuple[Any, ...]:
        changed: list[Any] | None = None
        for index, item in enumerate(items):
            if type(item) in LEAVES:
                continue
            new = self.settle(item)
            if new is not item:
                if changed is None:
                    changed = list(items)
                changed[index] = new
        return items if changed is None else tuple(changed)
