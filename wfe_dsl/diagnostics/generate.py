"""Writes the reference page of the diagnostics; run it with ``python -m wfe_dsl.diagnostics.generate``.

This file owns the form of ``docs/reference/diagnostics.md``. All that it says comes from the rows of the
catalogue; it adds no fact of its own.

Rules:

1. The output depends on the rows and nothing else, so a second run changes nothing.
2. ``--check`` writes nothing and fails if the page differs from what would be written.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

from wfe_vm.generated import keep_generated

from .codes import ROWS, Code

__all__ = ["generated_files", "main"]

_PAGE: Final = "docs/reference/diagnostics.md"
_NOTICE: Final = "Generated from wfe_dsl/diagnostics by `python -m wfe_dsl.diagnostics.generate`; do not edit."
_SECTIONS: Final = {
    "00": "Files and YAML",
    "01": "Structure and keys",
    "02": "Names and references",
    "03": "Expressions and types",
    "04": "Control flow and data flow",
    "05": "Step types, services and scripts",
    "06": "Other notations",
}
"""By the first two digits of a code."""
_LONGEST_LINE: Final = 400
_UNPRINTABLE: Final = re.compile(r"[^\n\t\x20-\x7e\u00a0-\uffff]")


def generated_files() -> dict[str, str]:
    """Return the text of every generated file, by its path from the root of the repository."""
    return {_PAGE: _page()}


def main(arguments: Sequence[str] | None = None, root: Path | None = None) -> int:
    """Write the page, or with ``--check`` compare it; returns the exit code."""
    return keep_generated("wfe_dsl.diagnostics.generate", "the catalogue", generated_files(), arguments, root)


def _page() -> str:
    rows = sorted(ROWS, key=lambda row: row.code)
    lines = [
        "# Diagnostics",
        "",
        f"<!-- {_NOTICE} -->",
        "",
        "What `wfec check` and every command that reads a workflow can say of it. A code never changes its",
        "meaning and is never used for anything else. An error keeps a workflow from running; a warning tells of",
        "what is right and probably not meant, and fails `wfec check --strict`; a note is only told.",
    ]
    for section, group in groupby(rows, key=lambda row: row.code[3:5]):
        members = list(group)
        lines += ["", f"## {_SECTIONS.get(section, f'Codes WFE{section}…')}", ""]
        lines += [f"* [{row.code}](#{row.code.lower()}): {_plain(row.title)} ({row.severity})" for row in members]
        for row in members:
            lines += _entry(row)
    return "\n".join(lines) + "\n"


def _entry(row: Code) -> list[str]:
    # The heading is the code alone, so that its anchor never changes.
    lines = ["", f"### {row.code}", "", f"**{_plain(row.title)}** ({row.severity}). {_plain(row.why)}"]
    if not row.wrong:
        return [*lines, "", "No single file shows it: it is about files, their size or what they include."]
    return [*lines, "", "Wrong:", "", *_example(row, row.wrong), "", "Right:", "", *_example(row, row.right)]


def _example(row: Code, text: str) -> list[str]:
    """Return an example as a block; what can't be seen in it as an escape, lines without measure cut."""
    shown = [
        line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}…" for line in text.rstrip("\n").split("\n")
    ]
    shown = [_UNPRINTABLE.sub(lambda found: f"\\x{ord(found[0]):02x}", line) for line in shown]
    longest = max((len(ticks) for ticks in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return [fence + row.notation, *shown, fence]


def _plain(text: str) -> str:
    """Return a text in which Markdown sees nothing but code between backticks."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else re.sub(r"([\\*_<>\[\]])", r"\\\1", part) for part in parts)


if __name__ == "__main__":
    raise SystemExit(main())
