"""Expressions in texts: finds them, has them read, and gives them places in the source.

A front end gives a text and ``span_of``, which maps character offsets of that text to a place. What is
wrong goes to ``diagnostics``, one for an expression; the language itself is ``expression_parser``'s.
"""

from __future__ import annotations

from typing import Any

from . import nodes
from .diagnostics.model import Diagnostics, Fix
from .embedded import OPENING, expression_end
from .expression_parser import read_expression
from .expression_tokens import ExpressionSyntaxError
from .expression_tree import Tree
from .source import Span, SpanOf

__all__ = ["parse_expression", "parse_text"]


def parse_expression(text: str, span_of: SpanOf, diagnostics: Diagnostics) -> nodes.Expression | None:
    """Return the expression that a text is, such as that of ``when``.

    A text that is wholly one ``${{ }}`` means what is inside. Returns None, and adds one diagnostic, where
    the text is no expression.
    """
    if OPENING not in text:
        return _read(text, 0, span_of, diagnostics)
    start = len(text) - len(text.lstrip())
    if text.startswith(OPENING, start):
        end = expression_end(text, start + 3)
        if end < 0:
            _report_unclosed(start, span_of, diagnostics)
            return None
        if not text[end + 2 :].strip():
            return _read(text[start + 3 : end], start + 3, span_of, diagnostics)
    _refuse_inner(text, 0, span_of, diagnostics)
    return None


def parse_text(text: str, span_of: SpanOf, diagnostics: Diagnostics) -> nodes.Expression:
    """Return what a text with ``${{ }}`` in it means.

    Returns a Literal where there is none in it, the expression itself where the text is wholly one, else a
    Text. An expression that can't be read is told and counts as an empty text.
    """
    opening = text.find(OPENING)
    if opening < 0:
        return nodes.Literal(span=span_of(0, len(text)), value=text)
    parts: list[nodes.Expression] = []
    position = 0
    while opening >= 0:
        if opening > position:
            parts.append(nodes.Literal(span=span_of(position, opening), value=text[position:opening]))
        end = expression_end(text, opening + 3)
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
        opening = text.find(OPENING, position)
    if position < len(text):
        parts.append(nodes.Literal(span=span_of(position, len(text)), value=text[position:]))
    return nodes.Text(span=span_of(0, len(text)), parts=tuple(parts))


def _report_unclosed(start: int, span_of: SpanOf, diagnostics: Diagnostics) -> None:
    diagnostics.add(
        "WFE0302", "this `${{` is never closed", span_of(start, start + 3), "close the expression with `}}`"
    )


def _refuse_inner(text: str, offset: int, span_of: SpanOf, diagnostics: Diagnostics) -> None:
    """Report a ``${{`` in what is an expression already: the text of ``when``, or the inside of another one."""
    inner = text.index(OPENING) + offset
    diagnostics.add(
        "WFE0303",
        "`${{` has no place inside an expression",
        span_of(inner, inner + len(OPENING)),
        "leave out the `${{ }}`: around the whole is the only place; texts are joined with +: 'v' + inputs.version",
    )


def _read(text: str, offset: int, span_of: SpanOf, diagnostics: Diagnostics) -> nodes.Expression | None:
    if OPENING in text:
        _refuse_inner(text, offset, span_of, diagnostics)
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
