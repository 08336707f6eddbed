"""A mistake in a file of the text language is told at its letters: in raw blocks, strings, types and expressions."""

from __future__ import annotations

from pathlib import Path

import pytest

from wfe_dsl.compiler import compile_file
from wfe_dsl.diagnostics.model import Diagnostic, Diagnostics
from wfe_dsl.variables import Variables

# What is between « and » is to be blamed.
CASES = [
    ("in a raw block", "WFE0206", "step a = shell {\n  run ```\n    make all\n    echo ${{ inputs.«nmae» }}\n  ```\n}"),
    ("in a later line of one", "WFE0206", "step a = shell ```\n  ${{ run.id }}\n\n  ${{ inputs.«nmae» }}\n  ```"),
    ("in the first line of one", "WFE0206", "step a = shell ```echo ${{ inputs.«nmae» }}```"),
    ("in a raw block with tabs", "WFE0206", "step a = shell {\n\trun ```\n\t\techo ${{ inputs.«nmae» }}\n\t```\n}"),
    ("after wide letters", "WFE0206", 'step a = shell "echo こんにちは é ${{ inputs.«nmae» }}"'),
    ("after combining marks", "WFE0206", 'step a = shell "echo e\u0301 ${{ inputs.«nmae» }}"'),
    ("in several lines", "WFE0203", "if (true ||\n  steps.«bild».status == 'failed') {\n  fail 'no'\n}"),
    ("after a comment in one", "WFE0206", "if (true # enough\n  || inputs.«nmae» == 'x') {\n  fail 'no'\n}"),
    ("in an environment", "WFE0206", 'step a = shell { run "make"; env { NAME = inputs.«nmae» } }'),
    ("in a list of texts", "WFE0206", 'step a = container { image "x"; command ["echo", "${{ inputs.«nmae» }}"] }'),
    ("in a string of an expression", "WFE0206", 'let x = "hello ${{ inputs.«nmae» }}"'),
    ("in an argument of a call", "WFE0206", "call part version 1 (name: inputs.«nmae»)"),
    ("in the key of a wait", "WFE0206", 'wait event "paid" key inputs.«nmae» timeout 1d'),
    ("in a retry", "WFE0115", 'step a = shell "make" retry 3 every «soon»'),
    ("in the settings of a retry", "WFE0115", 'step a = shell { run "make"; retry { attempts 3; interval «soon» } }'),
    ("in defaults", "WFE0115", "defaults { timeout «soon» }"),
    ("in a type", "WFE0330", "input size: list<«intger»>"),
    ("in a type of an output", "WFE0330", 'step a = shell { run "make"; outputs { size: map<«intger»> } }'),
    ("in a pattern", "WFE0315", "if matches(inputs.name, 'v«(»?=1)') {\n  fail \"no\"\n}"),
    ("in a permission", "WFE0101", 'step a = deno { script "log(1)"; permissions { «ffi» true } }'),
    ("in a hook", "WFE0101", 'step a = shell { run "make"; on failure { step b = shell { «rn» "x" } } }'),
    ("in a compensation", "WFE0101", 'saga { step a = shell "make" compensate { step b = shell { «rn» "x" } } }'),
    ("in a load-time variable", "WFE0030", 'step a = shell { run "make"; env { TAG «((tag))» } }'),
    ("in one of a raw block", "WFE0030", "step a = deno {\n  script ```\n    log(«((tag))»)\n  ```\n}"),
    ("in a default", "WFE0408", 'input size: integer = «"big"»'),
    ("in a string with escapes", "WFE0304", r'step a = shell "grep «\d» x"'),
    ("in an expression that is none", "WFE0301", 'if inputs.count «&» true {\n  fail "no"\n}'),
]  # fmt: skip


def errors_of(path: Path, text: str, end: str = "\n") -> list[Diagnostic]:
    whole = f"workflow demo version 1 {{\n  input name: string\n  input count: integer\n{text}\n  sleep 1s\n}}\n"
    path.write_bytes(whole.replace("\n", end).encode())
    diagnostics = Diagnostics()
    compile_file(str(path), Variables(), diagnostics)
    return [found for found in diagnostics.found if found.severity == "error"]


@pytest.mark.acceptance("DIA-03", "DIA-14")
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize(("code", "text"), [row[1:] for row in CASES], ids=[row[0] for row in CASES])
def test_a_mistake_is_told_at_its_letters(code: str, text: str, end: str, tmp_path: Path) -> None:
    before, _, rest = text.partition("«")
    blamed = rest.partition("»")[0]
    line = 4 + before.count("\n")
    column = len(before) - (before.rfind("\n") + 1) + 1
    [error] = errors_of(tmp_path / "demo.wfe", text.replace("«", "").replace("»", ""), end)
    assert error.code == code
    span = error.span
    assert (span.line, span.column, span.end_line, span.end_column) == (line, column, line, column + len(blamed))


@pytest.mark.acceptance("DIA-03")
def test_a_mistake_in_an_included_file_is_told_there(tmp_path: Path) -> None:
    (tmp_path / "shared.wfe").write_text('workflow shared version 1 {\n  step a = shel "make"\n}\n')
    main = tmp_path / "main.wfe"
    main.write_text('include "shared.wfe"\n\nworkflow main version 1 {\n  call shared\n}\n')
    diagnostics = Diagnostics()
    assert compile_file(str(main), Variables(), diagnostics) == []
    [error] = diagnostics.found
    assert (error.code, error.span.source.path, error.span.line) == ("WFE0501", str(tmp_path / "shared.wfe"), 2)
