"""Conditions that always say the same: what no enum has, null where there is none, two values at once.

This file owns what declarations of inputs say about the comparisons in a condition. Types of operands
are the inference's; here only comparisons are looked at that it takes for right.
"""

from __future__ import annotations

from typing import Any, Final

from wfe_vm.typeterms import Type, is_optional

from . import nodes
from .declared_types import declared_type
from .diagnostics.model import Diagnostics, Label
from .infer import Scope, infer
from .resolved import Resolved
from .suggest import nearest

__all__ = ["check_choice", "check_condition"]

_ORDERS: Final = {">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}
"""The operators of structured conditions that only numbers have."""


def check_condition(expression: nodes.Expression, resolved: Resolved, names: Scope, diagnostics: Diagnostics) -> None:
    """Report comparisons in a condition of which the result is known. ``names`` is what names mean at its place."""
    pending = [expression]
    while pending:
        one = pending.pop()
        if isinstance(one, nodes.Unary):
            pending.append(one.operand)
        elif isinstance(one, nodes.Call) and one.function == "one_of":
            for argument in one.arguments:
                pending += argument.items[::-1] if isinstance(argument, nodes.ListExpression) else ()
        elif not isinstance(one, nodes.Binary):
            continue
        elif one.operator in ("&&", "||"):
            parts = _parts(one, names, diagnostics)
            if one.operator == "&&":
                _check_together(parts, diagnostics)
            pending += parts[::-1]
        elif one.operator in ("==", "!="):
            for path, value in ((one.left, one.right), (one.right, one.left)):
                check_choice(one.operator, path, value, resolved, diagnostics)
                if one.operator == "==" and isinstance(value, nodes.Literal) and value.value is None:
                    _check_null(path, value, resolved, diagnostics)
        elif one.operator == "in" and isinstance(one.right, nodes.ListExpression):
            for item in one.right.items:
                check_choice("==", one.left, item, resolved, diagnostics)


def check_choice(
    operator: str, path: nodes.Expression, value: nodes.Expression, resolved: Resolved, diagnostics: Diagnostics
) -> None:
    """Report a comparison of an input with a value that its enum has not."""
    if not isinstance(value, nodes.Literal) or value.value is None:
        return
    declaration, accesses = _input(path, resolved)
    if declaration is None or accesses or not declaration.enum or value.value in declaration.enum:
        return
    near = nearest(str(value.value), [str(item) for item in declaration.enum])
    allowed = ", ".join(str(item) for item in declaration.enum[:12])
    diagnostics.add(
        "WFE0412",
        f"`{declaration.name}` is never {value.value}, so this {'never' if operator == '==' else 'always'} holds",
        value.span,
        f"did you mean `{near}`?" if near else f"its enum allows {allowed}",
        (Label(declaration.span, "it is declared here"),),
    )


def _parts(both: nodes.Binary, names: Scope, diagnostics: Diagnostics) -> list[nodes.Expression]:
    """Return what is put together by one operator, in the order written."""
    found: list[nodes.Expression] = []
    pending: list[nodes.Expression] = [both]
    while pending:
        one = pending.pop()
        if isinstance(one, nodes.Binary) and one.operator == both.operator:
            _check_order(one.left, one.right, names, diagnostics)
            pending += (one.right, one.left)
        else:
            found.append(one)
    return found


def _check_together(parts: list[nodes.Expression], diagnostics: Diagnostics) -> None:
    """Report two parts that ask of one path to have two values at once."""
    first: dict[Any, nodes.Literal] = {}
    for part in parts:
        if not isinstance(part, nodes.Binary) or part.operator != "==":
            continue
        path, value = part.left, part.right
        if isinstance(path, nodes.Literal):
            path, value = value, path
        if not isinstance(value, nodes.Literal) or isinstance(path, nodes.Literal):
            continue
        other = first.setdefault(nodes.structure(path), value)
        if other.value != value.value:
            diagnostics.add(
                "WFE0433",
                "this asks for two values of one thing at once, so it never holds",
                value.span,
                "ask for one of several values with `any:`, `||` or `in`",
                (Label(other.span, "the other value"),),
            )
            return


def _check_null(path: nodes.Expression, null: nodes.Literal, resolved: Resolved, diagnostics: Diagnostics) -> None:
    """Report the question whether an input is missing that never is."""
    declaration, accesses = _input(path, resolved)
    found: Type | None = None if declaration is None else declared_type(declaration.type)
    for access in accesses:
        if found is None or is_optional(found):
            return
        found = found.field(access.name) if found.kind == "record" and isinstance(access, nodes.Member) else None
    if declaration is None or found is None or is_optional(found):
        return
    diagnostics.add(
        "WFE0433",
        f"`{declaration.name}` is declared {declared_type(declaration.type)}, so this is never null",
        path.span,
        f"declare it {found}? if it may be missing, or leave the condition out",
        (Label(declaration.span, "it is declared here"),),
    )


def _check_order(present: nodes.Expression, order: nodes.Expression, names: Scope, diagnostics: Diagnostics) -> None:
    """Report a structured comparison by order of a text with a text; in an expression it is written out.

    It asks first whether its field is there, so that both halves hold one and the same node.
    """
    if not (isinstance(present, nodes.Binary) and isinstance(order, nodes.Binary)):
        return
    operator = _ORDERS.get(order.operator)
    if operator is None or present.left is not order.left:
        return
    found = infer(order.left, names, diagnostics)
    if found.kind == "string" and infer(order.right, names, diagnostics).kind == "string":
        diagnostics.add(
            "WFE0312",
            f"`{operator}` compares numbers, and this field is {found}",
            order.left.span,
            "compare texts with `equals`, or write their order as an expression: `inputs.name > 'm'`",
        )


def _input(
    path: nodes.Expression, resolved: Resolved
) -> tuple[nodes.InputDeclaration | None, list[nodes.Member | nodes.Index]]:
    """Return the declared input that a path begins with, and the accesses after its name."""
    head, accesses = nodes.split_path(path)
    name = ""
    if isinstance(head, nodes.Name) and head.name == "inputs" and accesses and isinstance(accesses[0], nodes.Member):
        name, accesses = accesses[0].name, accesses[1:]
    elif isinstance(head, nodes.DataKey) and head.name not in resolved.by_name:
        name = head.name if all(head.name not in scope.outputs for scope in resolved.scopes) else ""
    return resolved.inputs.get(name), accesses
