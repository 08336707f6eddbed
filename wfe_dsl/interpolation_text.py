"""The pieces of interpolation: values as expressions and as texts, and where pieces of a text came from.

Knows nothing of variables or diagnostics.
"""

from __future__ import annotations

import json
import re
from math import isfinite
from typing import Any, Final

import msgspec

from .embedded import OPENING
from .nodes import Expression, Index, ListExpression, Literal, MapExpression, Member, Name, Text
from .source import Span, SpanOf

__all__ = [
    "Piece",
    "constant",
    "input_path",
    "inside_string",
    "joined",
    "source_of_input",
    "source_of_value",
    "text_of",
    "through",
    "unfit",
]

IDENTIFIER: Final = re.compile(r"[^\W\d](?:\w|-(?=[^\W_]))*")


class Piece(msgspec.Struct, frozen=True):
    """Where a stretch of a put-together text came from. ``exact``: letter by letter."""

    start: int
    end: int
    origin: int
    origin_end: int
    exact: bool


def constant(value: Any, span: Span) -> Literal | ListExpression | MapExpression:
    """Return a value, as JSON has them, as an expression."""
    if isinstance(value, dict):
        entries = tuple((str(key), span, constant(item, span)) for key, item in value.items())
        return MapExpression(span=span, entries=entries)
    if isinstance(value, list | tuple):
        return ListExpression(span=span, items=tuple(constant(item, span) for item in value))
    return Literal(span=span, value=value)


def input_path(path: tuple[str, ...], span: Span, root: Expression | None = None) -> Expression:
    """Return the expression of a dotted path: members, and indexes where a name is a number."""
    target: Expression = Name(span=span, name="inputs") if root is None else root
    for name in path:
        if name.isdecimal() and name.isascii():
            target = Index(span=span, target=target, key=Literal(span=span, value=int(name[:18])))
        else:
            target = Member(span=span, target=target, name=name, name_span=span)
    return target


def source_of_input(path: tuple[str, ...]) -> str:
    parts = ["inputs"]
    for name in path:
        if IDENTIFIER.fullmatch(name):
            parts.append(f".{name}")
        else:
            parts.append(f"[{name if name.isdecimal() else json.dumps(name)}]")
    return "".join(parts)


def source_of_value(value: Any) -> str:
    """A constant as an expression's text, in which no ``${{`` may be seen."""
    return json.dumps(value, ensure_ascii=False).replace(OPENING, "$\\u007b{")


def inside_string(text: str) -> str:
    """A text as it stands within either kind of quotes of an expression."""
    return source_of_value(text)[1:-1].replace("'", "\\'")


def text_of(value: Any) -> str:
    """How a value stands inside a longer text; null is empty, as it is for an expression."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def unfit(value: Any) -> str | None:
    """Say what keeps a value from being one of WFE's, if anything does."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return None
    if isinstance(value, int):
        return None if -(2**63) <= value < 2**63 else "an integer that does not fit in 64 bits"
    if isinstance(value, float):
        return None if isfinite(value) else "a number that is too large"
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else None
    if inner is None:
        return f"a {type(value).__name__}, which no workflow can hold"
    return next((problem for item in inner if (problem := unfit(item))), None)


def joined(parts: list[Expression], span: Span) -> Expression:
    """Return the text that parts make up: texts next to each other become one, and one alone stands for itself."""
    if len(parts) == 1 and not isinstance(parts[0], Literal):
        return parts[0]
    flat: list[Expression] = []
    texts: list[Literal] = []

    def flush() -> None:
        if texts:
            whole = "".join(str(text.value) for text in texts)
            flat.append(Literal(span=texts[0].span.to(texts[-1].span), value=whole))
            texts.clear()

    for part in parts:
        for inner in part.parts if isinstance(part, Text) else (part,):
            if isinstance(inner, Literal) and isinstance(inner.value, str):
                texts.append(inner)
            else:
                flush()
                flat.append(inner)
    flush()
    if not flat:
        return Literal(span=span, value="")
    if len(flat) == 1 and isinstance(flat[0], Literal):
        return Literal(span=span, value=flat[0].value)
    return Text(span=span, parts=tuple(flat))


def through(pieces: list[Piece], span_of: SpanOf) -> SpanOf:
    """Return the span function of a put-together text."""

    def place(start: int, end: int) -> Span:
        begin = finish = None
        for piece in pieces:
            if begin is None and start < piece.end:
                begin = piece.origin + (start - piece.start if piece.exact else 0)
            if end <= piece.end:
                finish = piece.origin + (end - piece.start) if piece.exact else piece.origin_end
                break
        last = pieces[-1].origin_end if pieces else 0
        begin = last if begin is None else begin
        return span_of(begin, last if finish is None else max(finish, begin))

    return place
