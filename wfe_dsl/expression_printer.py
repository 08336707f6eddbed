"""An expression as its text: the one canonical spelling, with no more parentheses than its meaning needs.

Reading the printed text gives an equal tree. This file owns precedence for printing; ``expr.lark`` has the
same table for reading. It knows of no front end: a text with expressions in it (``Text``) and a data key have
no spelling inside an expression, and are the caller's to write. Variables of loading time that were kept stand
as ``((path | default))``, within a quoted text too.

Rules: the operators are spelt ``&&``, ``||`` and ``!``, texts stand in single quotes unless they hold one. Nothing
that is printed is taken for a variable or for the begin of an expression, unless it is one.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from . import nodes
from .embedded import OPENING
from .expression_tokens import KEYWORDS
from .variables import find_references

__all__ = ["NoSpelling", "constant_value", "print_expression", "print_literal", "print_text", "print_variable"]

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
_OPENS_VARIABLE: Final = re.compile(r"(?<=[\\$]\()\(|(?<=\()\((?=[ \t]*[A-Za-z_][\w.-]*[ \t]*(?:\)\)|\|(?!\|)))")
"""The second parenthesis of what the reader of a text would take for a variable, for its escape or for arithmetic."""
_DEFAULT: Final = re.compile(r'(?!")(?!.*\)\))\S(?:.*[^\s)])?(?<!\))')
"""A text that a variable's default may be as it is, unless it reads as JSON."""


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
        return _unmistakable([_plain(expression.value)], set())
    pieces: list[str] = []
    intended: set[int] = set()
    length, after_text = 0, False
    for part in expression.parts if isinstance(expression, nodes.Text) else (expression,):
        if isinstance(part, nodes.Literal) and isinstance(part.value, str) and part.value and not after_text:
            piece, after_text = _plain(part.value), True
        elif isinstance(part, nodes.Variable):
            piece, after_text = print_variable(part), False
            intended.add(length)
        else:
            # A text that follows another one was an expression too: the reader joins what is no expression.
            piece, after_text = f"{OPENING} {print_expression(part)} }}}}", False
            intended.update(length + reference.start for reference in find_references(piece))
        pieces.append(piece)
        length += len(piece)
    return _unmistakable(pieces, intended)


def print_variable(variable: nodes.Variable) -> str:
    """Return ``((path))`` or ``((path | default))``."""
    if variable.default is None:
        return f"(({variable.path}))"
    value = constant_value(variable.default)
    text = value if isinstance(value, str) else ""
    if (
        not text
        or text != text.strip()
        or "))" in text
        or "\n" in text
        or text[0] == '"'
        or text[-1] == ")"
        or _is_json(text)
    ):
        text = json.dumps(value, ensure_ascii=False).replace("))", ")\\u0029")
    return f"(({variable.path} | {text}))"


def constant_value(expression: nodes.Expression) -> Any:
    """Return the value of literals, lists and maps. Raises NoSpelling for anything else."""
    if isinstance(expression, nodes.Literal):
        return expression.value
    if isinstance(expression, nodes.ListExpression):
        return [constant_value(item) for item in expression.items]
    if isinstance(expression, nodes.MapExpression):
        return {name: constant_value(value) for name, _, value in expression.entries}
    raise NoSpelling(expression)


def print_literal(value: Any) -> str:
    """Return the text of null, a bool, a number or a text."""
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, float) and value.is_integer() and abs(value) >= 1e16:
        return repr(value)
    return json.dumps(value)


def _plain(text: str) -> str:
    return text.replace(OPENING, f"{OPENING} {_quoted('$')} }}}}{{{{") if OPENING in text else text


def _unmistakable(pieces: list[str], intended: set[int]) -> str:
    """Return the pieces in one, with an escape before what would be taken for a variable and is none."""
    text = "".join(pieces)
    if "((" not in text:
        return text
    done = 0
    while True:
        found = next((one for one in find_references(text) if one.start >= done and one.start not in intended), None)
        if found is None:
            return text
        opening = found.start if found.path else found.end - 2
        text = f"{text[:opening]}\\{text[opening:]}"
        intended = {place + 1 if place > opening else place for place in intended}
        done = opening + 3


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _quoted(text: str) -> str:
    quote = '"' if "'" in text else "'"
    return quote + _inside(text, quote) + quote


def _inside(text: str, quote: str) -> str:
    """Return a text as it stands between quotes of one kind."""
    inside = json.dumps(text, ensure_ascii=False)[1:-1].replace(OPENING, "$\\u007b{").replace("}}", "}\\u007d")
    if "((" in inside:
        inside = _OPENS_VARIABLE.sub(r"\\u0028", inside)
    return inside if quote == '"' else inside.replace('\\"', '"').replace("'", "\\'")


def _with_variables(text: nodes.Text) -> str:
    """Return a quoted text with variables in it. Raises NoSpelling where anything else is in it."""
    literals = [part.value for part in text.parts if isinstance(part, nodes.Literal) and isinstance(part.value, str)]
    variables = [part for part in text.parts if isinstance(part, nodes.Variable)]
    if len(literals) + len(variables) < len(text.parts) or not variables:
        raise NoSpelling(text)
    quote = '"' if any("'" in literal for literal in literals) else "'"
    pieces = (
        print_variable(part) if isinstance(part, nodes.Variable) else _inside(str(part.value), quote)
        for part in text.parts
        if isinstance(part, nodes.Variable | nodes.Literal)
    )
    return quote + "".join(pieces) + quote


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
    if isinstance(expression, nodes.Variable):
        return print_variable(expression), _POSTFIX
    if isinstance(expression, nodes.Text):
        return _with_variables(expression), _POSTFIX
    raise NoSpelling(expression)


def _print_target(target: nodes.Expression) -> str:
    """Return what stands before a dot or a bracket; a number there would swallow the dot."""
    text = _print(target, _POSTFIX)
    return f"({text})" if isinstance(target, nodes.Literal) and text[:1].isdigit() else text


def _key(name: str) -> str:
    return name if _KEY.fullmatch(name) or name in KEYWORDS else _quoted(name)
