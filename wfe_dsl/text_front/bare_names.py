"""Bare names: in the text language ``total`` means ``vars.total`` where nothing nearer has that name.

Nearer are the roots of expressions, the item of a loop around the place and the variable of ``map`` and
``filter``. Only names that the workflow gives a value (``let``, ``collect``) are meant so; any other is left
for the pass that knows names to blame.
"""

from __future__ import annotations

import operator
from functools import cache
from typing import Any, Final

import msgspec

from .. import nodes
from ..roots import ROOTS
from ..yaml_front.step_keys import HOOKS

__all__ = ["settle_names"]


def settle_names(workflow: nodes.Workflow) -> nodes.Workflow:
    """Return the workflow with each bare name of a variable written out."""
    variables = _variables(workflow).difference(ROOTS)
    if not variables:
        return workflow
    settled: nodes.Workflow = _settle(workflow, variables)
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


def _settle(tree: Any, variables: frozenset[str]) -> Any:
    kind: Any = type(tree)
    if kind is tuple:
        items = [_settle(item, variables) for item in tree]
        return tree if all(map(operator.is_, items, tree)) else tuple(items)
    if kind is nodes.Name:
        if tree.name not in variables:
            return tree
        root = nodes.Name(span=tree.span, name="vars")
        return nodes.Member(span=tree.span, target=root, name=tree.name, name_span=tree.span)
    fields = _inner_fields(kind)
    if not fields:
        return tree
    inner = variables - {getattr(tree, BINDING[kind])} if kind in BINDING else variables
    changed = {}
    for field in fields:
        if value := getattr(tree, field):
            new = _settle(value, inner if field in ("body", "collect") else variables)
            if new is not value:
                changed[field] = new
    return msgspec.structs.replace(tree, **changed) if changed else tree
