"""An expression as its text: the one canonical spelling, with no more parentheses than its meaning needs.

Reading the printed text gives an equal tree. This file owns precedence for printing; ``expr.lark`` has the
same table for reading. It knows of no front end: a text with expressions in it (``Text``), a variable of
loading time and a data key have no spelling inside an expression, and are the caller's to write.

Rule: the operators are spelt ``&&``, ``||`` and ``!``, texts stand in single quotes unless they hold one.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from . import nodes
from .embedded import OPENING
from .expression_tokens import KEYWORDS

__all__ = ["NoSpelling", "print_expression", "print_literal", "print_text"]

_LOOSEST: Final = 0
_UNARY: Final = 8
_POSTFIX: Final = 9
_PRECEDENCE: Final = {
    "??": 1,
    "||": 2,
    "&&": 3,
    "==": 4,
    "!=": 4,
    "<": 5,
    "<=": 5,
    ">": 5,
    ">=": 5,
    "in": 5,
    "contains": 5,
    "+": 6,
    "-": 6,
    "*": 7,
    "/": 7,
    "%": 7,
}
_MEMBER: Final = re.compile(r"(?![0-9]+\Z)\w+(?:-(?=[^\W_])\w+)*")
_KEY: Final = re.compile(r"[^\W\d]\w*(?:-(?=[^\W_])\w+)*")


class NoSpelling(ValueError):
    """An expression that has no text of its own; ``node`` is the part that has none."""

    def __init__(self, node: nodes.Node) -> None:
        super().__init__(f"a {type(node).__name__} has no spelling inside an expression")
        self.node = node


def print_expression(expression: nodes.Expression) -> str:
    """Return the text of an expression. Raises NoSpelling for a part that has none."""
    return _print(expression, _LOOSEST)


def print_text(expression: nodes.Expression) -> str:
    """Return the text, with ``${{ }}`` in it, that a place for texts takes. Raises NoSpelling.

    A literal text that holds ``${{`` itself is put into an expression.
    """
    if isinstance(expression, nodes.Literal) and isinstance(expression.value, str):
        return _plain(expression.value)
    if isinstance(expression, nodes.Text):
        return "".join(map(print_text, expression.parts))
    return f"{OPENING} {print_expression(expression)} }}}}"


def print_literal(value: Any) -> str:
    """Return the text of null, a bool, a number or a text."""
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, float) and value.is_integer() and abs(value) >= 1e16:
        return repr(value)
    return json.dumps(value)


def _plain(text: str) -> str:
    return text.replace(OPENING, f"{OPENING} {_quoted('$')} }}}}{{{{") if OPENING in text else text


def _quoted(text: str) -> str:
    inside = json.dumps(text, ensure_ascii=False)[1:-1].replace(OPENING, "$\\u007b{").replace("}}", "}\\u007d")
    if "'" not in text:
        return "'" + inside.replace('\\"', '"') + "'"
    return f'"{inside}"'


def _print(expression: nodes.Expression, around: int) -> str:
    """Return the text, in parentheses where it binds looser than what is around it."""
    text, precedence = _spell(expression)
    return f"({text})" if precedence < around else text


def _spell(expression: nodes.Expression) -> tuple[str, int]:
    """Return the text of an expression and how tightly it binds."""
    if isinstance(expression, nodes.Literal):
        text = print_literal(expression.value)
        return text, _UNARY if text.startswith("-") else _POSTFIX
    if isinstance(expression, nodes.Name):
        return expression.name, _POSTFIX
    if isinstance(expression, nodes.Member):
        target = _print_target(expression.target)
        if _MEMBER.fullmatch(expression.name):
            return f"{target}.{expression.name}", _POSTFIX
        return f"{target}[{_quoted(expression.name)}]", _POSTFIX
    if isinstance(expression, nodes.Index):
        return f"{_print_target(expression.target)}[{_print(expression.key, _LOOSEST)}]", _POSTFIX
    if isinstance(expression, nodes.Call):
        return f"{expression.function}({', '.join(map(print_expression, expression.arguments))})", _POSTFIX
    if isinstance(expression, nodes.ListExpression):
        return f"[{', '.join(map(print_expression, expression.items))}]", _POSTFIX
    if isinstance(expression, nodes.MapExpression):
        entries = (f"{_key(name)}: {print_expression(value)}" for name, _, value in expression.entries)
        return f"{{{', '.join(entries)}}}", _POSTFIX
    if isinstance(expression, nodes.Unary):
        return expression.operator + _print(expression.operand, _UNARY), _UNARY
    if isinstance(expression, nodes.Binary):
        precedence = _PRECEDENCE[expression.operator]
        left, right = _print(expression.left, precedence), _print(expression.right, precedence + 1)
        return f"{left} {expression.operator} {right}", precedence
    if isinstance(expression, nodes.Conditional):
        test = _print(expression.test, _PRECEDENCE["??"])
        return f"{test} ? {print_expression(expression.then)} : {print_expression(expression.otherwise)}", _LOOSEST
    if isinstance(expression, nodes.Lambda):
        return f"{expression.parameter} => {print_expression(expression.body)}", _LOOSEST
    raise NoSpelling(expression)


def _print_target(target: nodes.Expression) -> str:
    """Return what stands before a dot or a bracket; a number there would swallow the dot."""
    text = _print(target, _POSTFIX)
    return f"({text})" if isinstance(target, nodes.Literal) and text[:1].isdigit() else text


def _key(name: str) -> str:
    return name if _KEY.fullmatch(name) or name in KEYWORDS else _quoted(name)
