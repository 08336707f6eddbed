"""Load-time variables that stay what they are: for a file that is to be written again, and not to be compiled.

An expression is read with a name in the place of each variable, which then becomes a ``nodes.Variable``. Knows
where variables stand in a text only from its caller.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from . import nodes
from .interpolation_text import constant
from .source import Span
from .variables import NO_DEFAULT, Reference

__all__ = ["Marks", "variable_of"]


def variable_of(reference: Reference, span: Span) -> nodes.Variable:
    """Return the node of a reference that is not resolved."""
    default = None if reference.default is NO_DEFAULT else constant(reference.default, span)
    return nodes.Variable(span=span, path=".".join(reference.path), default=default)


class Marks:
    """The names that stand for variables while an expression is read; none of them occurs in the text itself."""

    def __init__(self, text: str) -> None:
        self.prefix = "variable_"
        while self.prefix in text:
            self.prefix += "_"
        self.variables: list[nodes.Variable] = []

    def take(self, variable: nodes.Variable) -> str:
        """Return the name that stands for a variable."""
        self.variables.append(variable)
        return f"{self.prefix}{len(self.variables) - 1}z"

    def restored(self, expression: nodes.Expression) -> nodes.Expression | None:
        """Return an expression with the variables in it; None where one stands for a part of a name."""
        try:
            return self._restore(expression)
        except _WithinName:
            return None

    def _restore(self, expression: nodes.Expression) -> nodes.Expression:
        if isinstance(expression, nodes.Name):
            parts = self._parts(expression.name, expression.span)
            if len(parts) == 1 and isinstance(parts[0], nodes.Variable):
                return parts[0]
            self._check(expression.name)
            return expression
        if isinstance(expression, nodes.Literal):
            if isinstance(expression.value, str) and self.prefix in expression.value:
                return nodes.Text(span=expression.span, parts=tuple(self._parts(expression.value, expression.span)))
            return expression
        changed: dict[str, Any] = {}
        for field in expression.__struct_fields__:
            value = getattr(expression, field)
            if isinstance(value, str):
                self._check(value)
            elif isinstance(value, nodes.Expression):
                changed[field] = self._restore(value)
            elif isinstance(value, tuple):
                changed[field] = tuple(self._restore_item(item) for item in value)
        return msgspec.structs.replace(expression, **changed)

    def _restore_item(self, item: nodes.Expression | tuple[str, Span, nodes.Expression]) -> object:
        if isinstance(item, tuple):
            name, span, value = item
            self._check(name)
            return name, span, self._restore(value)
        return self._restore(item)

    def _check(self, name: str) -> None:
        if self.prefix in name:
            raise _WithinName

    def _parts(self, text: str, span: Span) -> Sequence[nodes.Expression]:
        first, *rest = text.split(self.prefix)
        parts: list[nodes.Expression] = [nodes.Literal(span=span, value=first)] if first else []
        for piece in rest:
            number, _, after = piece.partition("z")
            parts.append(self.variables[int(number)])
            if after:
                parts.append(nodes.Literal(span=span, value=after))
        return parts


class _WithinName(Exception):
    """A variable is a part of a name, which has to be known."""
