"""A diagnostic, as data: how it looks is for the renderers, what it says for the passes that raise it."""

from __future__ import annotations

import msgspec

from ..source import Span
from .codes import CODES
from .notations import in_notation

__all__ = ["Diagnostic", "Diagnostics", "Fix", "Label"]


class Label(msgspec.Struct, frozen=True):
    """Another place that belongs to a diagnostic, and what it has to do with it."""

    span: Span
    text: str


class Fix(msgspec.Struct, frozen=True):
    """An edit that is certain to cure: replace the span by the text."""

    span: Span
    text: str


class Diagnostic(msgspec.Struct, frozen=True):
    """One mistake, or one thing worth saying. The severity is the code's.

    ``help`` says what to write instead, or where to look: none goes without.
    """

    code: str
    message: str
    span: Span
    help: str
    labels: tuple[Label, ...] = ()
    fix: Fix | None = None

    @property
    def severity(self) -> str:
        """``error``, ``warning`` or ``note``."""
        return CODES[self.code].severity


class Diagnostics:
    """What has been found so far, in the order found. Passes add to it and go on."""

    def __init__(self) -> None:
        self.found: list[Diagnostic] = []

    def add(
        self,
        code: str,
        message: str,
        span: Span,
        help: str,
        labels: tuple[Label, ...] = (),
        fix: Fix | None = None,
    ) -> None:
        """Record one diagnostic, in the words of its file's notation. ``code`` is a row of the catalogue."""
        if code not in CODES:
            raise KeyError(f"no diagnostic has the code {code}")
        message, help = in_notation(span.source.name, message, help)
        self.found.append(Diagnostic(code, message, span, help, labels, fix))

    @property
    def has_errors(self) -> bool:
        return any(diagnostic.severity == "error" for diagnostic in self.found)

    def in_source_order(self) -> list[Diagnostic]:
        """Return all of them by file and position."""
        return sorted(self.found, key=lambda found: (found.span.source.name, found.span.line, found.span.column))
