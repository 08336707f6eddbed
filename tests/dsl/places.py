"""Sources and places for tests of the compiler's parts."""

from wfe_dsl.diagnostics.model import Diagnostics
from wfe_dsl.expressions import parse_expression, parse_text
from wfe_dsl.source import SourceFile, Span


def source_of(text):
    return SourceFile("test.yaml", "/test.yaml", text, tuple(text.split("\n")))


def span_of(text):
    """Return what maps offsets of a text to places in a source that is just this text."""
    source = source_of(text)

    def place(offset):
        before = text[:offset]
        return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1

    return lambda start, end: Span(source, *place(start), *place(end))


def expression(text):
    """Return the expression that a text is, which must be well-formed."""
    diagnostics = Diagnostics()
    found = parse_expression(text, span_of(text), diagnostics)
    assert diagnostics.found == []
    return found


def failed(text, parse=parse_expression):
    """Return the one diagnostic of a text that is no expression."""
    diagnostics = Diagnostics()
    parse(text, span_of(text), diagnostics)
    assert len(diagnostics.found) == 1
    return diagnostics.found[0]


def mixed(text):
    """Return what a configuration text means, which must be well-formed."""
    diagnostics = Diagnostics()
    found = parse_text(text, span_of(text), diagnostics)
    assert diagnostics.found == []
    return found


def columns(span):
    return span.column, span.end_column
