"""The value of an expression as far as it is certain before a run: constants, and the inputs that are given.

It uses the operators and functions of the machine, so what it finds is what the run would find. Whatever comes
from a step, an event, a host or a loop is unknown, and so is what depends on it.

Rule: the work is bounded. Once the budget is spent, the rest is unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from wfe_vm import operators
from wfe_vm.errors import ExpressionError
from wfe_vm.library import FUNCTIONS_BY_NAME

from . import nodes

__all__ = ["UNKNOWN", "KnownValues"]

UNKNOWN: Final = object()
"""What is not certain before the run."""

BUDGET: Final = 200_000
"""Nodes that are looked at for all expressions of a plan: a loop in an expression must not hold up the command."""

_OPERATORS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "==": operators.equal,
    "!=": lambda left, right: not operators.equal(left, right),
    "<": operators.less,
    "<=": operators.less_equal,
    ">": operators.greater,
    ">=": operators.greater_equal,
    "in": operators.contained_in,
    "contains": lambda left, right: operators.contained_in(right, left),
    "+": operators.add,
    "-": operators.subtract,
    "*": operators.multiply,
    "/": operators.divide,
    "%": operators.remainder,
}
_DECIDES: Final[dict[str, Callable[[Any], bool]]] = {
    "&&": lambda left: not operators.check_bool(left),
    "||": operators.check_bool,
    "??": lambda left: left is not None,
}
"""Of an operator that evaluates only what decides: whether its left side does."""


class KnownValues:
    """Evaluates expressions. ``inputs`` are those given; ``complete``: a run would be given no others."""

    def __init__(self, inputs: Mapping[str, Any], complete: bool, budget: int = BUDGET) -> None:
        self.inputs = dict(inputs)
        self.complete = complete
        self.budget = budget

    def value(self, expression: nodes.Expression) -> Any:
        """Return the value, or UNKNOWN. Raises ExpressionError where the run would certainly end in error there."""
        try:
            return self._value(expression, {})
        except RecursionError:
            return UNKNOWN

    def count(self, expression: nodes.Expression) -> int | None:
        """Return how many items a list has, None where that is not certain."""
        if isinstance(expression, nodes.ListExpression):
            return len(expression.items)
        value = self.value(expression)
        return len(value) if isinstance(value, list) else None

    def _value(self, node: nodes.Expression, bound: Mapping[str, Any]) -> Any:
        self.budget -= 1
        if self.budget < 0:
            return UNKNOWN
        if isinstance(node, nodes.Literal):
            return node.value
        if isinstance(node, nodes.Name):
            if node.name in bound:
                return bound[node.name]
            return self.inputs if node.name == "inputs" and self.complete else UNKNOWN
        if isinstance(node, nodes.Member):
            return self._member(node, bound)
        if isinstance(node, nodes.Binary):
            return self._binary(node, bound)
        if isinstance(node, nodes.Conditional):
            test = self._value(node.test, bound)
            if test is UNKNOWN:
                return UNKNOWN
            return self._value(node.then if operators.check_bool(test) else node.otherwise, bound)
        if isinstance(node, nodes.Call):
            return self._call(node, bound)
        if isinstance(node, nodes.MapExpression):
            members = {name: self._value(value, bound) for name, _, value in node.entries}
            return UNKNOWN if any(value is UNKNOWN for value in members.values()) else members
        parts = self._parts(node)
        if parts is None:
            return UNKNOWN
        values = [self._value(part, bound) for part in parts]
        if any(value is UNKNOWN for value in values):
            return UNKNOWN
        if isinstance(node, nodes.ListExpression):
            return values
        if isinstance(node, nodes.Text):
            return operators.join_text(values)
        if isinstance(node, nodes.Index):
            return operators.index(*values)
        operator = node.operator if isinstance(node, nodes.Unary) else ""
        return operators.negate(*values) if operator == "-" else not operators.check_bool(*values)

    @staticmethod
    def _parts(node: nodes.Expression) -> tuple[nodes.Expression, ...] | None:
        if isinstance(node, nodes.ListExpression):
            return node.items
        if isinstance(node, nodes.Text):
            return node.parts
        if isinstance(node, nodes.Index):
            return node.target, node.key
        return (node.operand,) if isinstance(node, nodes.Unary) else None

    def _member(self, node: nodes.Member, bound: Mapping[str, Any]) -> Any:
        target = node.target
        if isinstance(target, nodes.Name) and target.name == "inputs" and "inputs" not in bound:
            return self.inputs.get(node.name, None if self.complete else UNKNOWN)
        value = self._value(target, bound)
        return UNKNOWN if value is UNKNOWN else operators.member(value, node.name)

    def _binary(self, node: nodes.Binary, bound: Mapping[str, Any]) -> Any:
        left = self._value(node.left, bound)
        if left is UNKNOWN:
            return UNKNOWN
        decides = _DECIDES.get(node.operator)
        if decides is None:
            right = self._value(node.right, bound)
            return UNKNOWN if right is UNKNOWN else _OPERATORS[node.operator](left, right)
        if decides(left):
            return left
        right = self._value(node.right, bound)
        return right if right is UNKNOWN or node.operator == "??" else operators.check_bool(right)

    def _call(self, node: nodes.Call, bound: Mapping[str, Any]) -> Any:
        function = node.arguments[-1] if node.arguments else None
        if isinstance(function, nodes.Lambda):
            return self._each(node, function, bound)
        row = FUNCTIONS_BY_NAME.get(node.function)
        values = [self._value(argument, bound) for argument in node.arguments]
        if row is None or any(value is UNKNOWN for value in values):
            return UNKNOWN
        return row.call(values)

    def _each(self, node: nodes.Call, function: nodes.Lambda, bound: Mapping[str, Any]) -> Any:
        items = self._value(node.arguments[0], bound)
        if items is UNKNOWN:
            return UNKNOWN
        if not isinstance(items, list):
            raise ExpressionError("null" if items is None else "type", f"{node.function}() takes a list")
        found = []
        for item in items:
            value = self._value(function.body, {**bound, function.parameter: item})
            if value is UNKNOWN:
                return UNKNOWN
            if node.function == "map":
                found.append(value)
            elif operators.check_bool(value):
                found.append(item)
        return found
