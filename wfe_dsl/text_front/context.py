"""How values of the text language are read where it differs from YAML.

Strings in expressions may hold ``${{ }}``, and ``.name`` where a value stands is a data key. The reader of
expressions that all notations share knows neither: names of equal length stand in for them while it reads.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from .. import nodes
from ..expression_tokens import ExpressionSyntaxError, string_value
from ..source import Span
from ..yaml_front.context import Context, placeholder
from ..yaml_front.tree import Node, Scalar
from .scalars import Written

__all__ = ["TextContext", "replace_names"]

STAND_IN: Final = "\u02d0"
"""A letter that no person writes; a name that is all of it stands for something else."""


class TextContext(Context):
    """The text language's view of one workflow."""

    def text(self, node: Scalar) -> nodes.Expression:
        return self._read(node, embedded=True) if _has_pieces(node) else super().text(node)

    def expression(self, node: Node, what: str) -> nodes.Expression:
        if isinstance(node, Scalar) and _has_pieces(node):
            return self._read(node, embedded=False)
        return super().expression(node, what)

    def _read(self, node: Scalar, embedded: bool) -> nodes.Expression:
        """Return an expression in which stand-ins are put for what its reader does not know."""
        assert isinstance(node, Written)
        assert node.layout is not None
        source = node.layout.source.text
        written = node.text
        found: dict[tuple[int, int], nodes.Expression] = {}
        for start, end in node.pieces:
            span = node.layout.span(start, end)
            at = start - node.begin + node.shift
            written = written[:at] + STAND_IN * (end - start) + written[at + end - start :]
            found[span.line, span.column] = self._piece(source[start:end], span, start, end)
        scalar = Written(node.span, written, written, node.style, node.begin, node.end, False, node.layout, node.shift)
        tree = super().text(scalar) if embedded else super().expression(scalar, "this place")
        settled: nodes.Expression = replace_names(tree, lambda name: _stood_in(name, found))
        return settled

    def _piece(self, written: str, span: Span, start: int, end: int) -> nodes.Expression:
        if written.startswith("."):
            name = written[1:] if written[1] not in "\"'" else string_value(written[1:], 0)
            return nodes.DataKey(span=span, name=name)
        try:
            inside = string_value(written, 0)
        except ExpressionSyntaxError as error:
            self.report(error.code, error.message, span, error.help)
            return placeholder(span)
        scalar = Scalar(span, inside, inside, '"', start, end)
        return super().text(scalar)


def _has_pieces(node: Scalar) -> bool:
    return isinstance(node, Written) and bool(node.pieces) and not node.verbatim


def _stood_in(name: nodes.Name, found: dict[tuple[int, int], nodes.Expression]) -> nodes.Expression:
    if name.name.strip(STAND_IN):
        return name
    return found.get((name.span.line, name.span.column), name)


def replace_names(tree: Any, put: Any) -> Any:
    """Return a tree, or a part of one, in which each Name is what ``put`` makes of it."""
    if isinstance(tree, nodes.Name):
        return put(tree)
    if isinstance(tree, nodes.Node):
        changed = {}
        for field in tree.__struct_fields__:
            value = getattr(tree, field)
            if isinstance(value, nodes.Node | tuple):
                new = replace_names(value, put)
                if new is not value:
                    changed[field] = new
        return msgspec.structs.replace(tree, **changed) if changed else tree
    if isinstance(tree, tuple):
        items = tuple(replace_names(item, put) for item in tree)
        return tree if all(new is old for new, old in zip(items, tree, strict=True)) else items
    return tree
