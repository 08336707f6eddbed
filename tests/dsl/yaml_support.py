"""What the tests of the YAML front end share: loading a text, and expressions as short texts."""

from __future__ import annotations

import json
from typing import Any

from wfe_dsl import nodes
from wfe_dsl.diagnostics.model import Diagnostic, Diagnostics
from wfe_dsl.variables import Variables
from wfe_dsl.yaml_front import load_yaml_text

__all__ = ["codes", "first_step", "load", "read_ok", "show", "steps_of", "workflow_of", "wrap"]


def load(
    text: str, variables: Variables | None = None, **options: Any
) -> tuple[nodes.Document | None, list[Diagnostic]]:
    """Return the tree of a text, and what was found wrong with it."""
    diagnostics = Diagnostics()
    document = load_yaml_text(text, variables or Variables(), diagnostics, name="test.yaml", **options)
    return document, diagnostics.found


def read_ok(text: str, variables: Variables | None = None, **options: Any) -> nodes.Document:
    """Return the tree of a text in which nothing is wrong."""
    document, found = load(text, variables, **options)
    assert found == [], [(one.code, one.message, one.span.line) for one in found]
    assert document is not None
    return document


def wrap(steps: str, keys: str = "") -> str:
    """Return a file with these steps; ``keys`` are further lines of the workflow."""
    head = "workflow:\n  id: demo\n  version: 1\n"
    more = "".join(f"  {line}\n" for line in keys.splitlines())
    return head + more + "  steps:\n" + "".join(f"    {line}\n" if line else "\n" for line in steps.splitlines())


def workflow_of(text: str, variables: Variables | None = None) -> nodes.Workflow:
    return read_ok(text, variables).workflows[0]


def steps_of(steps: str, keys: str = "", variables: Variables | None = None) -> tuple[nodes.Step, ...]:
    return workflow_of(wrap(steps, keys), variables).steps


def first_step(steps: str, keys: str = "", variables: Variables | None = None) -> nodes.Step:
    return steps_of(steps, keys, variables)[0]


def codes(text: str, variables: Variables | None = None) -> list[tuple[str, int]]:
    """Return the code and line of all that is wrong with a text."""
    return [(found.code, found.span.line) for found in load(text, variables)[1]]


def show(expression: nodes.Expression | None) -> str:
    """Return an expression as a short text, every operation in parentheses."""
    match expression:
        case None:
            return "-"
        case nodes.Literal():
            return json.dumps(expression.value, ensure_ascii=False)
        case nodes.Text():
            return "text(" + ", ".join(map(show, expression.parts)) + ")"
        case nodes.ListExpression():
            return "[" + ", ".join(map(show, expression.items)) + "]"
        case nodes.MapExpression():
            return "{" + ", ".join(f"{key}: {show(value)}" for key, _, value in expression.entries) + "}"
        case nodes.Name():
            return expression.name
        case nodes.DataKey():
            return "@" + expression.name
        case nodes.Member():
            return f"{show(expression.target)}.{expression.name}"
        case nodes.Index():
            return f"{show(expression.target)}[{show(expression.key)}]"
        case nodes.Unary():
            return f"{expression.operator}{show(expression.operand)}"
        case nodes.Binary():
            return f"({show(expression.left)} {expression.operator} {show(expression.right)})"
        case nodes.Conditional():
            parts = map(show, (expression.test, expression.then, expression.otherwise))
            return "({} ? {} : {})".format(*parts)
        case nodes.Lambda():
            return f"{expression.parameter} => {show(expression.body)}"
        case nodes.Unreadable():
            return "?"
        case nodes.Call():
            return f"{expression.function}({', '.join(map(show, expression.arguments))})"
