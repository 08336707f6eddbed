"""Bare names: in the text language ``total`` means ``vars.total`` where nothing nearer has that name.

Nearer are the roots of expressions, the item of a loop around the place and the variable of ``map`` and
``filter``. Only names that the workflow gives a value (``let``, ``collect``) are meant so; any other is left
for the pass that knows names to blame.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from .. import nodes
from ..roots import ROOTS

__all__ = ["settle_names"]


def settle_names(workflow: nodes.Workflow) -> nodes.Workflow:
    """Return the workflow with each bare name of a variable written out."""
    variables = frozenset(_variables(workflow)).difference(ROOTS)
    if not variables:
        return workflow
    settled: nodes.Workflow = _settle(workflow, variables)
    return settled


def _variables(tree: Any) -> Iterator[str]:
    """Return the names that steps give values to."""
    pending = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, tuple):
            pending.extend(node)
        elif isinstance(node, nodes.Set):
            yield from (name for name, _, _ in node.entries)
        elif isinstance(node, nodes.Collect):
            yield node.name
        elif isinstance(node, HOLDERS):
            pending.extend(
                value
                for field in node.__struct_fields__
                if isinstance(value := getattr(node, field), tuple | nodes.Node)
            )


HOLDERS = (
    nodes.Workflow,
    nodes.Hooks,
    nodes.Step,
    nodes.Sequence,
    nodes.Parallel,
    nodes.If,
    nodes.While,
    nodes.ForEach,
    nodes.Matrix,
    nodes.Case,
    nodes.Switch,
    nodes.Race,
    nodes.Saga,
    nodes.Wait,
    nodes.Approve,
)
"""What holds steps."""


def _settle(tree: Any, variables: frozenset[str]) -> Any:
    if isinstance(tree, nodes.Name):
        if tree.name not in variables:
            return tree
        root = nodes.Name(span=tree.span, name="vars")
        return nodes.Member(span=tree.span, target=root, name=tree.name, name_span=tree.span)
    if isinstance(tree, tuple):
        items = tuple(_settle(item, variables) for item in tree)
        return tree if all(new is old for new, old in zip(items, tree, strict=True)) else items
    if not isinstance(tree, nodes.Node):
        return tree
    within: dict[str, frozenset[str]] = {}
    if isinstance(tree, nodes.ForEach | nodes.Matrix):
        inner = variables - {tree.variable}
        within = {"body": inner, "collect": inner}
    elif isinstance(tree, nodes.Lambda):
        within = {"body": variables - {tree.parameter}}
    changed = {}
    for field in tree.__struct_fields__:
        value = getattr(tree, field)
        if isinstance(value, nodes.Node | tuple):
            new = _settle(value, within.get(field, variables))
            if new is not value:
                changed[field] = new
    return msgspec.structs.replace(tree, **changed) if changed else tree
