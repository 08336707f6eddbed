"""What the YAML parser says of broken syntax, in words for who wrote it and at the place to mend."""

from __future__ import annotations

from typing import Any, Final

import yaml

from ..diagnostics.model import Diagnostics, Label
from ..source import SourceFile, Span

__all__ = ["report_syntax"]

SYNTAX_HELP: Final = (
    ("mapping values are not allowed", "a text that holds `: ` needs quotes; else look at the indentation"),
    ("could not find expected ':'", "a key is missing its `:`, or a text over several lines needs `|`"),
    ("did not find expected key", "look at the indentation here, and for quotes that end too early"),
    ("did not find expected '-' indicator", "every item of a list begins with `- ` in one column"),
    ("did not find expected ',' or", "a list or map in brackets is not closed, or a text in it needs quotes"),
    ("these quotes are never closed", "close them, or write the text over several lines with `|`"),
    ("found unknown escape character", "use single quotes, or write `\\\\` for a backslash"),
)
BRACES_HELP: Final = (
    "in a list or map in brackets, a text with `${{ … }}` in it needs quotes: `{run: 'echo ${{ inputs.name }}'}`"
)
OTHER_HELP: Final = "look at the indentation and the quotes of this line and of the one before it"


def report_syntax(error: yaml.MarkedYAMLError, source: SourceFile, diagnostics: Diagnostics) -> None:
    """Add the diagnostic of what the YAML parser gave up at."""
    mark: Any = error.problem_mark or error.context_mark
    problem = error.problem or "it can't be read"
    if "quoted scalar" in (error.context or "") and problem.startswith("found unexpected"):
        # The parser points to where it gave up, the end of the file; the mistake is where it began.
        mark, error.context_mark = error.context_mark, None
        problem, error.context = "these quotes are never closed", None
    line = min(mark.line, len(source.lines) - 1) if mark else 0
    column = mark.column if mark else 0
    text = source.lines[line]
    code = "WFE0004"
    if text[: column + 1].strip() == "" and "\t" in text[: column + 1]:
        code, problem, column = "WFE0018", "a tab can't be used to indent", text.index("\t")
        help = "indent with spaces"
    else:
        help = next((cure for sign, cure in SYNTAX_HELP if sign in problem), OTHER_HELP)
        if text[max(column - 1, 0) : column + 2] == "${{":
            help = BRACES_HELP
        problem = f"this is not YAML: {problem}"
        if error.context:
            problem += f" {error.context}"
    span = Span(source, line + 1, column + 1, line + 1, column + 2)
    labels: tuple[Label, ...] = ()
    context: Any = error.context_mark
    if code == "WFE0004" and context is not None and (context.line, context.column) != (line, column):
        begin = Span(source, context.line + 1, context.column + 1, context.line + 1, context.column + 2)
        labels = (Label(begin, "what it belongs to begins here"),)
    diagnostics.add(code, problem, span, help, labels)
