"""Expressions in texts: finds them, has them read, and gives them places in the source.

A front end gives a text and ``span_of``, which maps character offsets of that text to a place. What is
wrong goes to ``diagnostics``, one for an expression; the language itself is ``expression_parser``'s.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from . import nodes
from .diagnostics.model import Diagnostics, Fix
from .expression_parser import read_expression
from .expression_tokens import ExpressionSyntaxError
from .expression_tree import Tree
from .source import Span

__all__ = ["SpanOf", "parse_expression", "parse_text"]

SpanOf = Callable[[int, int], Span]

_OPENING: Final = "${{"
# What matters for finding the end: strings are passed over whole, braces are counted.
_MARK: Final = re.compile(r""""(?:[^"\\\n]|\\[^\n])*"|'(?:[^'\\\n]|\\[^\n])*'|["'{}]""")


def parse_expression(text: str, span_of: SpanOf, diagnostics: Diagnostics) -> nodes.Expression | None:
    """Return the expression that a text is, such as that of ``when``.

    A text that is wholly one ``${{ }}`` means what is inside. Returns None, and adds one diagnostic, where
    the text is no expression.
    """
    if _OPENING not in text:
        return _read(text, 0, span_of, diagnostics)
    start = len(text) - len(text.lstrip())
    if text.startswith(_OPENING, start):
        end = _end_of(text, start + 3)
        if end < 0:
            _report_unclosed(start, span_of, diagnostics)
            return None
        if not text[end + 2 :].strip():
            return _read(text[start + 3 : end], start + 3, span_of, diagnostics)
    found = text.index(_OPENING)
    diagnostics.add(
        "WFE0303",
        "this text is an expression already, so `${{` has no place in it",
        span_of(found, found + 3),
        "leave out the `${{ }}`, or put one around the whole; texts are joined with +: 'v' + inputs.version",
    )
    return None


def parse_text(text: str, span_of: SpanOf, diagnostics: Diagnostics) -> nodes.Expression:
    """Return what a text with ``${{ }}`` in it means.

    Returns a Literal where there is none in it, the expression itself where the text is wholly one, else a
    Text. An expression that can't be read is told and counts as an empty text.
    """
    opening = text.find(_OPENING)
    if opening < 0:
        return nodes.Literal(span=span_of(0, len(text)), value=text)
    parts: list[nodes.Expression] = []
    position = 0
    while opening >= 0:
        if opening > position:
            parts.append(nodes.Literal(span=span_of(position, opening), value=text[position:opening]))
        end = _end_of(text, opening + 3)
        if end < 0:
            _report_unclosed(opening, span_of, diagnostics)
            parts.append(nodes.Literal(span=span_of(opening, len(text)), value=""))
            position = len(text)
            break
        position = end + 2
        part = _read(text[opening + 3 : end], opening + 3, span_of, diagnostics)
        if part is None:
            part = nodes.Literal(span=span_of(opening, position), value="")
        if opening == 0 and position == len(text):
            return part
        parts.append(part)
        opening = text.find(_OPENING, position)
    if position < len(text):
        parts.append(nodes.Literal(span=span_of(position, len(text)), value=text[position:]))
    return nodes.Text(span=span_of(0, len(text)), parts=tuple(parts))


def _end_of(text: str, start: int) -> int:
    """Return where the ``}}`` of an expression stands, or -1: not in a string, and not of a map."""
    depth = 0
    for mark in _MARK.finditer(text, start):
        sign = mark[0]
        if sign == "{":
            depth += 1
        elif sign == "}":
            if depth == 0 and text.startswith("}}", mark.start()):
                return mark.start()
            depth -= depth > 0
        elif len(sign) == 1:
            break  # a string that is never closed: the parser will say so
    return text.find("}}", start)


def _report_unclosed(start: int, span_of: SpanOf, diagnostics: Diagnostics) -> None:
    diagnostics.add(
        "WFE0302", "this `${{` is never closed", span_of(start, start + 3), "close the expression with `}}`"
    )


def _read(text: str, offset: int, span_of: SpanOf, diagnostics: Diagnostics) -> nodes.Expression | None:
    inner = text.find(_OPENING)
    if inner >= 0:
        diagnostics.add(
            "WFE0303",
            "`${{` has no place inside an expression",
            span_of(offset + inner, offset + inner + 3),
            "leave out the inner `${{ }}`; texts are joined with +: 'v' + inputs.version",
        )
        return None
    found = read_expression(text)
    if isinstance(found, ExpressionSyntaxError):
        span = span_of(offset + found.start, offset + found.end)
        fix = None if found.fix is None else Fix(span, found.fix)
        diagnostics.add(found.code, found.message, span, found.help, fix=fix)
        return None
    return _Builder(offset, span_of).build(found)


class _Builder:
    """Makes nodes of a tree whose text begins at an offset of the text that ``span_of`` knows."""

    def __init__(self, offset: int, span_of: SpanOf) -> None:
        self.offset = offset
        self.span_of = span_of

    def span(self, start: int, end: int) -> Span:
        return self.span_of(start + self.offset, end + self.offset)

    def build(self, tree: Tree) -> nodes.Expression:
        kind: str = tree[0]
        span = self.span(tree[1], tree[2])
        if kind == "name":
            return nodes.Name(span=span, name=tree[3])
        if kind == "member":
            target = self.build(tree[3])
            return nodes.Member(span=span, target=target, name=tree[4], name_span=self.span(tree[5], tree[6]))
        if kind == "literal":
            return nodes.Literal(span=span, value=tree[3])
        if kind == "binary":
            return nodes.Binary(span=span, operator=tree[3], left=self.build(tree[4]), right=self.build(tree[5]))
        if kind == "call":
            return nodes.Call(
                span=span,
                function=tree[3],
                function_span=self.span(tree[4], tree[5]),
                arguments=self.all(tree[6]),
            )
        if kind == "index":
            return nodes.Index(span=span, target=self.build(tree[3]), key=self.build(tree[4]))
        if kind == "unary":
            return nodes.Unary(span=span, operator=tree[3], operand=self.build(tree[4]))
        if kind == "list":
            return nodes.ListExpression(span=span, items=self.all(tree[3]))
        if kind == "map":
            entries = tuple((key, self.span(start, end), self.build(value)) for key, start, end, value in tree[3])
            return nodes.MapExpression(span=span, entries=entries)
        if kind == "lambda":
            return nodes.Lambda(span=span, parameter=tree[3], body=self.build(tree[4]))
        test, then, otherwise = self.all(tree[3:6])
        return nodes.Conditional(span=span, test=test, then=then, otherwise=otherwise)

    def all(self, trees: tuple[Any, ...]) -> tuple[nodes.Expression, ...]:
        return tuple(self.build(tree) for tree in trees)
