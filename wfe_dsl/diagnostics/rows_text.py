"""Rows of the catalogue: the notation of the text language (06). Their examples are ``.wfe`` files.

Each row is what ``codes.Code`` takes: code, severity, title, why, an example that is wrong and one that is right.
"""

from __future__ import annotations

from typing import Final

__all__ = ["TEXT_ROWS"]


def _workflow(text: str) -> str:
    """Return a workflow with these lines in it."""
    return "workflow demo version 1 {\n" + "".join(f"  {line}\n" for line in text.split("\n")) + "}\n"


TEXT_ROWS: Final[tuple[tuple[str, ...], ...]] = (
    (
        "WFE0600",
        "error",
        "Something unexpected in the text",
        "A word, a sign or the end of a line stands where the text language has another thing; the message says "
        "what is expected, the help how it is written.",
        _workflow('step build shell "make"'),
        _workflow('step build = shell "make"'),
    ),
    (
        "WFE0601",
        "error",
        "A brace or bracket is never closed",
        "What belongs to it has no end, so it can't be told from what follows.",
        _workflow('step build = shell {\n  run "make"'),
        _workflow('step build = shell {\n  run "make"\n}'),
    ),
    (
        "WFE0602",
        "error",
        "A raw block is never closed",
        "A raw block ends with as many backticks as it began with; without them it reaches to the end of the file.",
        _workflow("step build = shell {\n  run ```\n    make\n}"),
        _workflow("step build = shell {\n  run ```\n    make\n  ```\n}"),
    ),
    (
        "WFE0603",
        "error",
        "A word of the language as a name",
        "The words that begin and divide statements are names only in quotes.",
        _workflow('step if = shell "make"'),
        _workflow('step "if" = shell "make"'),
    ),
    (
        "WFE0604",
        "error",
        "An expression without =",
        "Without `=` a value is written out; `=` says that it is computed when the step starts.",
        _workflow('step build = shell {\n  run "make"\n  env { RUN run.id }\n}'),
        _workflow('step build = shell {\n  run "make"\n  env { RUN = run.id }\n}'),
    ),
    (
        "WFE0605",
        "error",
        "Outside of any workflow",
        "Steps and the parts of a workflow stand between its braces; one brace too many ends it too early.",
        'workflow demo version 1 {\n  step build = shell "make"\n}\nstep test = shell "make test"\n',
        'workflow demo version 1 {\n  step build = shell "make"\n  step test = shell "make test"\n}\n',
    ),
    (
        "WFE0630",
        "error",
        "YAML in a file of the text language",
        "The end of its name says how a file is read: .wfe is the text language, .yaml and .yml are YAML.",
        "workflow:\n  id: demo\n  version: 1\n  steps:\n    - {name: build, config: {run: make}}\n",
        _workflow('step build = shell "make"'),
    ),
    (
        "WFE0631",
        "error",
        "An expression where a value is written out",
        "Durations, limits, counts and versions are fixed when a file is compiled; only `((name))`, which is put in "
        "then, may stand for them.",
        _workflow('input limit: string\nstep build = shell "make" timeout inputs.limit'),
        _workflow('step build = shell "make" timeout 5m'),
    ),
)
