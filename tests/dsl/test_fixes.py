"""A fix, applied as the edit that it is, cures its diagnostic and brings nothing new."""

from __future__ import annotations

from pathlib import Path

import pytest

from wfe_dsl.compiler import compile_file
from wfe_dsl.diagnostics.codes import ROWS
from wfe_dsl.diagnostics.model import Diagnostic, Diagnostics
from wfe_dsl.variables import Variables

STEP = "workflow:\n  id: demo\n  version: 1\n  inputs: {{a: integer, b: 'string?'}}\n  steps:\n    - {{name: s, {}}}\n"
SLIPS = {
    "comparison": "when: inputs.a = 3, config: {run: make}",
    "and": "when: inputs.a == 3 & inputs.b == 'x', config: {run: make}",
    "none": "when: inputs.b == None, config: {run: make}",
    "true": "when: inputs.a == 3 && True, config: {run: make}",
    "and in words": "when: inputs.a == 3 AND inputs.b == 'x', config: {run: make}",
}


TEXT_FILES = Path(__file__).resolve().parents[1] / "data" / "broken_text"


def diagnose(path: Path) -> list[Diagnostic]:
    diagnostics = Diagnostics()
    compile_file(str(path), Variables(), diagnostics)
    return diagnostics.in_source_order()


def applied(text: str, diagnostic: Diagnostic) -> str:
    """Return a text with the span of a fix replaced."""
    fix = diagnostic.fix
    assert fix is not None
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    begin = starts[fix.span.line - 1] + fix.span.column - 1
    end = starts[fix.span.end_line - 1] + fix.span.end_column - 1
    return text[:begin] + fix.text + text[end:]


def with_fixes(folder: Path) -> list[tuple[str, str, str]]:
    """Return the texts of which something wrong has a fix, with a name and the suffix of their notation."""
    texts = [(name, STEP.format(step), ".yaml") for name, step in SLIPS.items()]
    for row in ROWS:
        suffix = ".yaml" if row.wrong.startswith(("workflow", "_", "include")) else ".wfe"
        if row.wrong and "Workflow(" not in row.wrong:
            texts.append((row.code, row.wrong, suffix))
    texts += [(path.name, path.read_text(), ".wfe") for path in sorted(TEXT_FILES.glob("*.wfe"))]
    found = []
    for name, text, suffix in texts:
        path = folder / f"demo{suffix}"
        path.write_text(text)
        if any(one.fix is not None for one in diagnose(path)):
            found.append((name, text, suffix))
    return found


@pytest.mark.acceptance("DIA-08")
def test_a_fix_applied_cures_its_diagnostic_and_brings_nothing_new(tmp_path: Path) -> None:
    cases = with_fixes(tmp_path)
    assert {name for name, _, _ in cases} >= set(SLIPS) - {"and in words"}
    assert sum(suffix == ".wfe" for _, _, suffix in cases) >= 10
    for name, text, suffix in cases:
        path = tmp_path / f"demo{suffix}"
        while True:  # each fix is an edit of its own
            path.write_text(text)
            before = diagnose(path)
            fixable = [one for one in before if one.fix is not None]
            if not fixable:
                break
            text = applied(text, fixable[0])
            path.write_text(text)
            after = diagnose(path)
            assert len(after) < len(before), name
            assert {one.code for one in after} <= {one.code for one in before}, name
