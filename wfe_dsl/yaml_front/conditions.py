"""``when:`` in its structured form, turned into the expression it means.

A missing field is null there, and null fails every leaf but ``is_null: true`` and ``equals: null``. So each
other leaf asks first whether the field is there; ``not``, ``none`` and the rest follow from that.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from .. import nodes
from ..interpolation_text import input_path
from ..roots import ROOTS
from ..source import Span
from .context import Context, placeholder
from .tree import Broken, Entry, Listing, Mapping, Node

__all__ = ["build_condition", "field_expression"]

COMPARISONS: Final = {
    "equals": "==",
    "not_equals": "!=",
    "gt": ">",
    "gte": ">=",
    "lt": "<",
    "lte": "<=",
    "contains": "contains",
}
NULL_TESTS: Final = ("is_null", "is_not_null")
OPERATORS: Final = (*COMPARISONS, *NULL_TESTS)
COMBINATORS: Final = ("all", "any", "none", "one_of", "not")
KEYS: Final = ("field", *OPERATORS, *COMBINATORS)

SEGMENT: Final = re.compile(r"[\w-]+")
INDEXES: Final = re.compile(r"\[(?:([0-9]{1,9})|\"([^\"\]]+)\"|'([^'\]]+)')\]", re.ASCII)
MAX_CHAIN: Final = 64
"""Longer lists of conditions are joined as a balanced tree, which no pass has to descend deeply."""


def build_condition(context: Context, node: Node) -> nodes.Expression:
    """Return the expression of a condition, structured or written as one."""
    if isinstance(node, Mapping):
        return _structured(context, node)
    if isinstance(node, Listing):
        help = "several conditions go under `all:` or `any:`"
        context.wrong(node, "a condition", "an expression or a map", help)
        return placeholder(node.span)
    return context.expression(node, "a condition")


def field_expression(context: Context, text: str, span: Span) -> nodes.Expression | None:
    """Return the expression of a field path, with or without a leading dot; None after a diagnostic."""
    parts: list[str] = []
    position = 1 if text.startswith(".") else 0
    while position <= len(text):
        segment = SEGMENT.match(text, position)
        if segment is None:
            break
        parts.append(segment.group())
        position = segment.end()
        while (index := INDEXES.match(text, position)) is not None:
            parts.append(next(group for group in index.groups() if group is not None))
            position = index.end()
        if position == len(text):
            root: nodes.Expression
            if parts[0] in ROOTS:
                root = nodes.Name(span=span, name=parts[0])
            else:
                root = nodes.DataKey(span=span, name=parts[0])
            return input_path(tuple(parts[1:]), span, root)
        if text[position] != ".":
            break
        position += 1
    message = f"`{text}` is no path of a field" if text else "the path of a field is empty"
    help = "write names with dots between them, as in `inputs.region` or `.build.count`"
    context.report("WFE0122", message, span, help)
    return None


def _structured(context: Context, mapping: Mapping) -> nodes.Expression:
    guesses = context.check_keys(mapping, KEYS, "a condition")
    entries = mapping.entries
    combinators = [entries[key] for key in entries if key in COMBINATORS]
    operators = [entries[key] for key in entries if key in OPERATORS]
    field = entries.get("field")
    if combinators and (field is not None or operators or len(combinators) > 1):
        first, other = _two_in_order([*combinators, *operators, *([] if field is None else [field])])
        message = f"`{first.key}` and `{other.key}` can't stand in one condition"
        help = "put each in a map of its own, under `all:` or `any:`"
        context.report("WFE0121", message, other.key_span, help)
        return placeholder(mapping.span)
    if combinators:
        return _combined(context, combinators[0], mapping.span)
    if len(operators) > 1:
        first, other = _two_in_order(operators)
        message = f"a condition compares once, and has both `{first.key}` and `{other.key}`"
        context.report("WFE0121", message, other.key_span, "put each in a map of its own, under `all:`")
        return placeholder(mapping.span)
    if not operators:
        unknown = len(entries) > (field is not None)
        if not unknown and not guesses:
            message = "a condition needs an operator" if field is not None else "a condition is empty"
            help = f"one of: {', '.join(OPERATORS if field is not None else (*COMBINATORS, 'field'))}"
            span = mapping.span if field is None else field.key_span
            context.report("WFE0120", message, span, help)
        return placeholder(mapping.span)
    if field is None:
        if "field" not in guesses:
            message = f"`{operators[0].key}` needs a `field` to look at"
            context.report("WFE0120", message, operators[0].key_span, "as in `field: inputs.region`")
        return placeholder(mapping.span)
    path = context.string(field.value, "`field`", "write it like `inputs.region`")
    target = None if path is None else field_expression(context, path, field.value.span)
    if target is None:
        return placeholder(mapping.span)
    return _leaf(context, target, operators[0], mapping.span)


def _leaf(context: Context, field: nodes.Expression, entry: Entry, span: Span) -> nodes.Expression:
    key, node = entry.key, entry.value
    null = nodes.Literal(span=node.span, value=None)
    if key in NULL_TESTS:
        wanted = context.flag(node, f"`{key}`")
        if wanted is None:
            return placeholder(span)
        return _binary("==" if wanted == (key == "is_null") else "!=", field, null, span)
    if isinstance(node, Broken):
        return placeholder(span)
    value = context.value(node)
    is_null = isinstance(value, nodes.Literal) and value.value is None
    if key == "equals" or (key == "not_equals" and is_null):
        return _binary(COMPARISONS[key], field, value, span)
    if is_null:
        help = "use `is_null: true` to ask whether it is missing"
        context.report("WFE0123", f"nothing can be compared with null by `{key}`", node.span, help)
        return placeholder(span)
    if key in ("gt", "gte", "lt", "lte") and not _has_order(value):
        message = f"`{key}` compares numbers or texts, not {_word(value)}"
        help = f"give it one number or text, as in `{key}: 10`; for several values use `any:` with `equals:`"
        context.report("WFE0123", message, node.span, help)
        return placeholder(span)
    present = _binary("!=", field, null, span)
    return _binary("&&", present, _binary(COMPARISONS[key], field, value, span), span)


def _combined(context: Context, entry: Entry, span: Span) -> nodes.Expression:
    if entry.key == "not":
        return nodes.Unary(span=span, operator="!", operand=build_condition(context, entry.value))
    listing = context.as_list(entry.value, f"`{entry.key}`", "each item is a condition")
    if listing is None:
        return placeholder(span)
    conditions = [build_condition(context, item) for item in listing.items]
    if entry.key == "all":
        return _chain("&&", conditions, span, empty=True)
    if entry.key == "any":
        return _chain("||", conditions, span, empty=False)
    if entry.key == "none":
        if not conditions:
            return nodes.Literal(span=span, value=True)
        return nodes.Unary(span=span, operator="!", operand=_chain("||", conditions, span, empty=False))
    if not conditions:
        return nodes.Literal(span=span, value=False)
    items = nodes.ListExpression(span=listing.span, items=tuple(conditions))
    return nodes.Call(span=span, function="one_of", function_span=entry.key_span, arguments=(items,))


def _chain(operator: str, conditions: Sequence[nodes.Expression], span: Span, empty: bool) -> nodes.Expression:
    if not conditions:
        return nodes.Literal(span=span, value=empty)
    if len(conditions) > MAX_CHAIN:
        half = len(conditions) // 2
        left = _chain(operator, conditions[:half], span, empty)
        return _binary(operator, left, _chain(operator, conditions[half:], span, empty), span)
    joined = conditions[0]
    for condition in conditions[1:]:
        joined = _binary(operator, joined, condition, span)
    return joined


def _binary(operator: str, left: nodes.Expression, right: nodes.Expression, span: Span) -> nodes.Expression:
    return nodes.Binary(span=span, operator=operator, left=left, right=right)


def _has_order(value: nodes.Expression) -> bool:
    if isinstance(value, nodes.Literal):
        return not isinstance(value.value, bool)
    return not isinstance(value, nodes.ListExpression | nodes.MapExpression)


def _word(value: nodes.Expression) -> str:
    if isinstance(value, nodes.ListExpression):
        return "a list"
    return "a map" if isinstance(value, nodes.MapExpression) else "a bool"


def _two_in_order(entries: list[Entry]) -> tuple[Entry, Entry]:
    first, other, *_ = sorted(entries, key=lambda entry: (entry.key_span.line, entry.key_span.column))
    return first, other
