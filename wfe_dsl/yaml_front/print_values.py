"""Expressions and configuration values as YAML: each as its place in a file takes it.

``written_value`` is for places whose texts are texts with ``${{ }}``, ``written_expression`` for those whose
texts are expressions, ``written_literal`` for those that have to be known when the file is loaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from wfe_vm.durations import format_duration

from .. import nodes
from ..embedded import OPENING
from ..expression_printer import NoSpelling, print_expression, print_text, print_variable
from ..source import Span
from ..variables import find_references
from .configs import MEMORY
from .layout import Item, Plain, Series, Table, Value
from .step_types import Key

__all__ = [
    "Entries",
    "item",
    "lines_of",
    "written_config",
    "written_duration",
    "written_entries",
    "written_expression",
    "written_literal",
    "written_value",
]

Entries = tuple[tuple[str, Span, nodes.Expression], ...]
"""Of a map from names to expressions: name, its place, value."""

_TEXT: Final = Key("text")


def lines_of(span: Span) -> tuple[int, int]:
    """Return the lines that a part of the tree came from; none where an alias or another file brought it in."""
    return (0, 0) if span.via is not None else (span.line, span.end_line)


def item(key: str, value: Value, span: Span | None = None) -> Item:
    """Return an entry of a map."""
    return Item(value, key, (0, 0) if span is None else lines_of(span))


def written_duration(milliseconds: int) -> Plain:
    return Plain(format_duration(milliseconds))


def written_text(text: str, node: nodes.Node) -> str:
    """Return a text that has to be known when the file is loaded. Raises NoSpelling for one with ``${{`` in it."""
    if OPENING in text:
        raise NoSpelling(node)
    return print_text(nodes.Literal(span=node.span, value=text))


def written_literal(value: Any, node: nodes.Node) -> Value:
    """Return a value of lists, dicts and scalars as it is written where it has to be known now."""
    if isinstance(value, str):
        return written_text(value, node)
    if isinstance(value, list | tuple):
        return Series([Item(written_literal(inner, node)) for inner in value], flow=True)
    if isinstance(value, dict):
        return Table([Item(written_literal(inner, node), name) for name, inner in value.items()], flow=True)
    scalar: Value = value
    return scalar


def written_value(expression: nodes.Expression) -> Value:
    """Return a value whose texts are texts: lists and maps of such as they are, expressions in ``${{ }}``."""
    if isinstance(expression, nodes.Literal):
        return print_text(expression) if isinstance(expression.value, str) else expression.value
    if isinstance(expression, nodes.Variable):
        return print_variable(expression)
    if isinstance(expression, nodes.ListExpression):
        return Series([Item(written_value(one), lines=lines_of(one.span)) for one in expression.items], flow=True)
    if isinstance(expression, nodes.MapExpression):
        return Table([item(name, written_value(one), span) for name, span, one in expression.entries], flow=True)
    return print_text(expression)


def written_expression(expression: nodes.Expression) -> Value:
    """Return what stands where a text is an expression: its text, or a value that is no text."""
    if isinstance(expression, nodes.Literal) and not isinstance(expression.value, str):
        return expression.value
    if isinstance(expression, nodes.ListExpression | nodes.MapExpression) and (
        _is_constant(expression) or _needs_texts(expression)
    ):
        return written_value(expression)
    return print_expression(expression)


def written_entries(entries: Entries) -> Table:
    """Return a map from names to expressions."""
    return Table([item(name, written_expression(value), span) for name, span, value in entries], flow=True)


def _is_constant(expression: nodes.Expression) -> bool:
    """Whether something is made of literals alone."""
    if isinstance(expression, nodes.ListExpression):
        return all(_is_constant(one) for one in expression.items)
    if isinstance(expression, nodes.MapExpression):
        return all(_is_constant(one) for _, _, one in expression.entries)
    return isinstance(expression, nodes.Literal)


def _needs_texts(expression: nodes.Expression) -> bool:
    """Whether a text with expressions in it stands in a list or map: no expression has such."""
    if isinstance(expression, nodes.ListExpression):
        return any(_needs_texts(one) for one in expression.items)
    if isinstance(expression, nodes.MapExpression):
        return any(_needs_texts(one) for _, _, one in expression.entries)
    return isinstance(expression, nodes.Text) and not all(
        isinstance(part, nodes.Variable | nodes.Literal) for part in expression.parts
    )


# Configuration, by the table of step types


def written_config(config: nodes.MapExpression, keys: Mapping[str, Key]) -> Table:
    """Return the ``config`` of a step of a known type, or a table inside one."""
    items = [item(name, _of_kind(value, keys[name], config), span) for name, span, value in config.entries]
    return Table(items, flow=True)


def _of_kind(value: nodes.Expression, row: Key, config: nodes.Node) -> Value:
    kind = row.kind
    if kind == "script":
        return _script(value)
    if kind == "run":
        return print_text(value)
    if isinstance(value, nodes.Literal):
        if kind == "text" and not isinstance(value.value, str):
            return print_text(value)
        if kind in ("number", "memory") and isinstance(value.value, str):
            return Plain(value.value) if _reads_alike(value.value) else value.value
        if isinstance(value.value, str) or value.value is None or kind in ("flag", "integer", "version"):
            return written_value(value)
        return value.value if kind == "texts_or_all" else print_text(value)
    if isinstance(value, nodes.ListExpression):
        if kind in ("command", "texts", "texts_or_all"):
            return Series([Item(_of_kind(one, _TEXT, config)) for one in value.items], flow=True)
        if kind == "tables":
            tables = [one for one in value.items if isinstance(one, nodes.MapExpression)]
            if len(tables) == len(value.items):
                return Series([Item(written_config(one, row.keys)) for one in tables], flow=True)
    if isinstance(value, nodes.MapExpression):
        if kind == "table":
            return written_config(value, row.keys)
        if kind == "map":
            items = [item(name, _entry_of_map(one, config), span) for name, span, one in value.entries]
            return Table(items, flow=True)
        if kind == "named_tables":
            named = Key("table", keys=row.keys)
            return Table([item(name, _of_kind(one, named, config), span) for name, span, one in value.entries], True)
    return print_text(value)


def _entry_of_map(value: nodes.Expression, config: nodes.Node) -> Value:
    return None if isinstance(value, nodes.Literal) and value.value is None else _of_kind(value, _TEXT, config)


def _reads_alike(text: str) -> bool:
    return MEMORY.fullmatch(text) is not None or text.endswith("m")


def _script(value: nodes.Expression) -> str:
    """Return a program of another language: variables are put in, and nothing else means anything."""
    pieces: list[str] = []
    for part in value.parts if isinstance(value, nodes.Text) else (value,):
        if isinstance(part, nodes.Variable):
            pieces.append(print_variable(part))
        elif isinstance(part, nodes.Literal) and isinstance(part.value, str):
            text, done = part.value, 0
            while (found := next((one for one in find_references(text, True) if one.start >= done), None)) is not None:
                opening = found.start if found.path else found.end - 2
                text = f"{text[:opening]}\\{text[opening:]}"
                done = opening + 3
            pieces.append(text)
        else:
            raise NoSpelling(part)
    return "".join(pieces)
