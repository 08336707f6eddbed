"""What stands in a text: load-time variables ``((x))`` and run-time expressions ``${{ e }}``.

Serves every front end. Variables are resolved first and their values are never looked at again, so a
value that holds ``${{ }}``, ``((y))`` or anything else stays one piece of text. Expressions are read by
``expressions``; this module only cuts the text.

A file that is to be written again keeps its variables (``keep``): they become ``nodes.Variable``, but for those
in places that have to be known now.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from functools import cached_property
from typing import Any

import msgspec

from .diagnostics.model import Diagnostics
from .embedded import OPENING, STRING, expression_regions
from .expressions import parse_expression, parse_text
from .interpolation_text import (
    Piece,
    constant,
    input_path,
    inside_string,
    joined,
    source_of_input,
    source_of_value,
    text_of,
    through,
    unfit,
)
from .kept_variables import Marks, variable_of
from .nodes import Expression, Literal, Text, Unreadable, Variable
from .roots import ROOTS
from .source import Span, SpanOf
from .suggest import Guesser
from .variables import MAX_NAMES_SHOWN, NO_DEFAULT, Reference, Variables, find_references

__all__ = ["Interpolator", "Resolved"]

_UNFIT = "give it another value, with --var, in the variables file or in WFE_CONFIG; long digits can be a text"


class Resolved(msgspec.Struct, frozen=True):
    """What a reference stands for: an input of the run where ``is_input``, else a value known now."""

    is_input: bool
    value: Any = None
    path: tuple[str, ...] = ()


_Reader = Callable[[str, SpanOf, Diagnostics], Expression | None]


class Interpolator:
    """Reads the texts of one workflow, whose declared ``inputs`` stand in for variables not given.

    With ``keep`` of the variables they stay what they are wherever a value is not needed now.
    """

    def __init__(self, variables: Variables, inputs: Collection[str], diagnostics: Diagnostics) -> None:
        self.variables = variables
        self.inputs = inputs
        self.diagnostics = diagnostics
        self.keep = variables.keep
        self.guesser = Guesser()

    def whole(self, text: str) -> Reference | None:
        """Return the reference that a text consists of, or None."""
        if not (text.startswith("((") and text.endswith("))")):
            return None
        found = find_references(text)
        return found[0] if len(found) == 1 and (found[0].start, found[0].end) == (0, len(text)) else None

    def resolve(self, reference: Reference, span: Span) -> Resolved | None:
        """Return what a reference stands for; None, and a diagnostic, where nothing gives it a value."""
        found = self._look_up(reference)
        if found is None:
            self._report_unresolved(reference, span)
        elif not found.is_input and (problem := unfit(found.value)):
            self.diagnostics.add("WFE0017", f"`{'.'.join(reference.path)}` holds {problem}", span, _UNFIT)
            return None
        return found

    def text(self, text: str, span_of: SpanOf, whole_span: Span) -> Expression:
        """Return a configuration text: a constant, an expression where it is just one, or a mixture."""
        if "((" not in text:
            if OPENING not in text:
                return Literal(span=whole_span, value=text)
            return parse_text(text, span_of, self.diagnostics)
        if (reference := self.whole(text)) is not None:
            if self.keep:
                return variable_of(reference, whole_span)
            found = self.resolve(reference, whole_span)
            return _expression_of(found, whole_span) if found else Literal(span=whole_span, value=None)
        return self._mixed(text, span_of, whole_span, find_references(text), lenient=False)

    def run(self, text: str, span_of: SpanOf, whole_span: Span) -> Expression:
        """Return a shell script: as ``text``, but an unknown variable is left alone, with a warning.

        What is known only when running stays inside a Text, even alone: it is never spliced as a script.
        """
        references = find_references(text) if "((" in text else []
        if not references and OPENING not in text:
            return Literal(span=whole_span, value=text)
        found = self._mixed(text, span_of, whole_span, references, lenient=True)
        return found if isinstance(found, Literal | Text) else Text(span=whole_span, parts=(found,))

    def script(self, text: str, span_of: SpanOf, whole_span: Span) -> Expression:
        """Return a program text of another language: only variables known now are put in."""
        parts: list[Expression] = []
        position = 0
        for reference in find_references(text, code=True) if "((" in text else ():
            span = span_of(reference.start, reference.end)
            parts.append(Literal(span=whole_span, value=text[position : reference.start]))
            if self.keep and reference.path:
                parts.append(variable_of(reference, span))
            else:
                parts.append(Literal(span=span, value=self._known_text(reference, span)))
            position = reference.end
        parts.append(Literal(span=whole_span, value=text[position:]))
        found = joined(parts, whole_span)
        return Text(span=whole_span, parts=(found,)) if isinstance(found, Variable) else found

    def literal(self, text: str, span_of: SpanOf, whole_span: Span) -> tuple[bool, Any]:
        """Return whether a text is known when compiling, and its value; else a diagnostic says why not."""
        if OPENING in text:
            start = text.index(OPENING)
            message = "this has to be known when the workflow is compiled, an expression is not"
            help = "write the value itself, or a variable `((name))` that is given with --var"
            self.diagnostics.add("WFE0031", message, span_of(start, len(text)), help)
            return False, None
        if "((" not in text:
            return True, text
        if (reference := self.whole(text)) is not None:
            found = self.resolve(reference, whole_span)
            if found is not None and found.is_input:
                self._report_run_time(reference, whole_span)
                return False, None
            return found is not None, None if found is None else found.value
        before = len(self.diagnostics.found)
        parts: list[str] = []
        position = 0
        for reference in find_references(text):
            parts.append(text[position : reference.start])
            parts.append(self._known_text(reference, span_of(reference.start, reference.end)))
            position = reference.end
        return len(self.diagnostics.found) == before, "".join(parts) + text[position:]

    def expression(self, text: str, span_of: SpanOf, whole_span: Span) -> Expression | None:
        """Return the expression that a text is; None, and a diagnostic, where it is none."""
        if "((" in text and (reference := self.whole(text.strip())) is not None:
            # With a root in it, `((inputs.ready))` is an expression in parentheses.
            found = self._look_up(reference)
            if found is not None or reference.path[0] not in ROOTS:
                if self.keep:
                    return variable_of(reference, whole_span)
                found = self.resolve(reference, whole_span)
                return None if found is None else _expression_of(found, whole_span)
        if "((" not in text:
            return parse_expression(text, span_of, self.diagnostics)
        return self._read(parse_expression, text, 0, find_references(text, code=True), span_of)

    def _read(
        self, read: _Reader, text: str, offset: int, references: list[Reference], span_of: SpanOf
    ) -> Expression | None:
        """Return what a text that holds references is read as; None, and a diagnostic, where it can't be read."""
        if self.keep and references:
            marks = Marks(text)
            replaced, pieces = self._substituted(text, offset, references, span_of, marks)
            found = read(replaced, through(pieces, span_of), self.diagnostics)
            kept = None if found is None else marks.restored(found)
            if found is None or kept is not None:
                return kept
        before = len(self.diagnostics.found)
        replaced, pieces = self._substituted(text, offset, references, span_of)
        if len(self.diagnostics.found) > before:
            return None
        return read(replaced, through(pieces, span_of), self.diagnostics)

    def _look_up(self, reference: Reference) -> Resolved | None:
        there, value = self.variables.lookup(reference.path)
        if there:
            return Resolved(False, value)
        if reference.path[0] in self.inputs:
            return Resolved(True, path=reference.path)
        if reference.default is not NO_DEFAULT:
            return Resolved(False, reference.default)
        return None

    def _mixed(
        self, text: str, span_of: SpanOf, whole_span: Span, references: list[Reference], lenient: bool
    ) -> Expression:
        regions = expression_regions(text)
        parts: list[Expression] = []
        inner: list[Reference] = []
        begin = region = 0

        def flush(end: int) -> None:
            if end > begin:
                found = self._read(self._segment, text[begin:end], begin, inner, span_of)
                parts.append(Unreadable(span=span_of(begin, end)) if found is None else found)
            inner.clear()

        for reference in references:
            span = span_of(reference.start, reference.end)
            while region < len(regions) and regions[region][1] <= reference.start:
                region += 1
            if region < len(regions) and regions[region][0] <= reference.start:
                if not (reference.start and re.match(r"[\w)\]]", text[reference.start - 1])):
                    inner.append(_moved(reference, -begin))
                continue
            if not reference.path:
                flush(reference.start)
                parts.append(Literal(span=span, value="(("))
                begin = reference.end
                continue
            if self.keep:
                flush(reference.start)
                begin = reference.end
                parts.append(variable_of(reference, span))
                continue
            if lenient and self._look_up(reference) is None:
                name = ".".join(reference.path)
                message = "`((" + name + "))` names no variable and is left as it is"
                help = self._names_help(name) + "; write `\\((` if it is meant for the shell"
                self.diagnostics.add("WFE0032", message, span, help)
                continue
            flush(reference.start)
            begin = reference.end
            found = self.resolve(reference, span)
            if found is not None and found.is_input:
                parts.append(_expression_of(found, span))
            elif found is not None:
                parts.append(Literal(span=span, value=text_of(found.value)))
        flush(len(text))
        return joined(parts, whole_span)

    @staticmethod
    def _segment(text: str, span_of: SpanOf, diagnostics: Diagnostics) -> Expression:
        if OPENING not in text:
            return Literal(span=span_of(0, len(text)), value=text)
        return parse_text(text, span_of, diagnostics)

    def _substituted(
        self, text: str, offset: int, references: list[Reference], span_of: SpanOf, marks: Marks | None = None
    ) -> tuple[str, list[Piece]]:
        """Put constants, as the expressions they are, in the place of the references in an expression.

        ``offset`` is where ``text`` stands in the text that ``span_of`` knows. With ``marks`` the references
        are kept, and names put in their place.
        """
        parts: list[str] = []
        pieces: list[Piece] = []
        length = position = 0

        def add(part: str, start: int, end: int, exact: bool) -> None:
            nonlocal length
            if part:
                parts.append(part)
                pieces.append(Piece(length, length + len(part), offset + start, offset + end, exact))
                length += len(part)

        strings = iter([found.span() for found in STRING.finditer(text)] if references else ())
        string = next(strings, None)
        for reference in references:
            add(text[position : reference.start], position, reference.start, True)
            position = reference.start
            while string is not None and string[1] <= reference.start:
                string = next(strings, None)
            if not reference.path:
                add("((", reference.start, reference.end, False)
            elif marks is not None and not (self._look_up(reference) is None and reference.path[0] in ROOTS):
                span = span_of(offset + reference.start, offset + reference.end)
                add(marks.take(variable_of(reference, span)), reference.start, reference.end, False)
            elif string is not None and string[0] < reference.start:
                span = span_of(offset + reference.start, offset + reference.end)
                add(inside_string(self._known_text(reference, span)), reference.start, reference.end, False)
            elif self._look_up(reference) is None and reference.path[0] in ROOTS:
                continue  # plain parentheses around an expression
            else:
                found = self.resolve(reference, span_of(offset + reference.start, offset + reference.end))
                if found is not None:
                    inserted = source_of_input(found.path) if found.is_input else source_of_value(found.value)
                    add(f"({inserted})", reference.start, reference.end, False)
            position = reference.end
        add(text[position:], position, len(text), True)
        return "".join(parts), pieces

    def _known_text(self, reference: Reference, span: Span) -> str:
        if not reference.path:
            return "(("
        found = self.resolve(reference, span)
        if found is None:
            return ""
        if found.is_input:
            self._report_run_time(reference, span)
            return ""
        return text_of(found.value)

    def _report_run_time(self, reference: Reference, span: Span) -> None:
        name = ".".join(reference.path)
        message = f"`{name}` is an input of the run, and this has to be known when the workflow is compiled"
        help = (
            f"give a variable of that name with `--var {name}=…`; "
            f"a script reads inputs with `inputs()`, an expression with `inputs.{name}`"
        )
        self.diagnostics.add("WFE0031", message, span, help)

    def _report_unresolved(self, reference: Reference, span: Span) -> None:
        name = ".".join(reference.path)
        message = f"nothing gives the variable `{name}` a value"
        self.diagnostics.add("WFE0030", message, span, self._names_help(name))

    @cached_property
    def _known(self) -> list[str]:
        names = self.variables.names()
        return [*names, *sorted(set(self.inputs).difference(names))]

    def _names_help(self, name: str) -> str:
        known = self._known
        near = self.guesser.nearest(name, known)
        if near:
            return f"did you mean `{near}`?"
        if not known:
            return f"give it with `--var {name}=…`, a variables file or WFE_CONFIG; none is given now"
        shown = ", ".join(known[:MAX_NAMES_SHOWN]) + (", …" if len(known) > MAX_NAMES_SHOWN else "")
        return f"give it with `--var {name}=…`; these exist: {shown}"


def _expression_of(found: Resolved, span: Span) -> Expression:
    return input_path(found.path, span) if found.is_input else constant(found.value, span)


def _moved(reference: Reference, by: int) -> Reference:
    return Reference(reference.start + by, reference.end + by, reference.path, reference.default)
