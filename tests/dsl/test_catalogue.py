"""Every row of the catalogue, through the whole compiler: what raises it raises nothing else, and says the cure."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from wfe_dsl.builder import load_python
from wfe_dsl.compiler import compile_document, compile_file
from wfe_dsl.diagnostics.codes import CODES, ROWS, Code
from wfe_dsl.diagnostics.model import Diagnostic, Diagnostics
from wfe_dsl.source import MAX_SOURCE_BYTES
from wfe_dsl.variables import Variables

ROOT = Path(__file__).resolve().parents[2]
ISSUED = ROOT / "tests" / "data" / "issued_codes.txt"
SHOWN = [row for row in ROWS if row.wrong]
SMALL = SHOWN[0].right


def diagnose(path: Path) -> tuple[list[Diagnostic], int]:
    """Return what is wrong with a file, and how many programs it gives."""
    diagnostics = Diagnostics()
    if path.suffix == ".py":
        tree = load_python(str(path), diagnostics)
        return diagnostics.found, 0 if tree is None else len(compile_document(tree, diagnostics))
    programs = compile_file(str(path), Variables(), diagnostics)
    return diagnostics.found, len(programs)


def written(folder: Path, text: str, name: str = "example.yaml") -> Path:
    # The notation of the text language is shown in it.
    path = folder / (name if not text.startswith("workflow demo ") else "example.wfe")
    path.write_text(text, "utf-8")
    return path


def name_of(row: Code) -> str:
    """Return the name of the file that a row's examples are."""
    return "example.py" if row.notation == "python" else f"example.{row.notation}"


# What no single text can show: the code, and what makes the file that raises it.


def named(id: str) -> str:
    return SMALL.replace("id: demo", f"id: {id}")


def missing(folder: Path) -> Path:
    return folder / "no-such-file.yaml"


def not_utf8(folder: Path) -> Path:
    path = folder / "latin.yaml"
    path.write_bytes(SMALL.encode() + b"# caf\xe9\n")
    return path


def too_large(folder: Path) -> Path:
    return written(folder, SMALL + "#" * (MAX_SOURCE_BYTES + 1 - len(SMALL)))


def circle(folder: Path) -> Path:
    written(folder, "include: [example.yaml]\n" + named("other"), "other.yaml")
    return written(folder, "include: [other.yaml]\n" + SMALL)


def too_many_files(folder: Path) -> Path:
    for number in range(70):
        written(folder, f"include: [{number + 1}.yaml]\n" + named(f"part-{number}"), f"{number}.yaml")
    return written(folder, "include: [0.yaml]\n" + SMALL)


def includes_that_differ(folder: Path) -> Path:
    for number in (1, 2):
        written(folder, named("shared").replace("printf", f"printf {number}"), f"{number}.yaml")
    return written(folder, "include: [1.yaml, 2.yaml]\n" + SMALL)


def script_without_its_module(folder: Path) -> Path:
    written(folder, "import './absent.ts';\n", "main.ts")
    step = "{name: build, type: deno, config: {file: main.ts}}"
    return written(folder, f"workflow:\n  id: demo\n  version: 1\n  steps:\n    - {step}\n")


WITH_FILES: dict[str, Callable[[Path], Path]] = {
    "WFE0001": missing,
    "WFE0002": not_utf8,
    "WFE0005": too_large,
    "WFE0020": circle,
    "WFE0021": too_many_files,
    "WFE0126": includes_that_differ,
    "WFE0470": script_without_its_module,
}


def test_every_code_has_an_example_or_a_case_with_files() -> None:
    assert {row.code for row in ROWS} - {row.code for row in SHOWN} == set(WITH_FILES)


def check_raised(row: Code, path: Path) -> None:
    found, programs = diagnose(path)
    assert [one.code for one in found] == [row.code]
    assert found[0].help.strip()
    assert (programs == 0) == (row.severity == "error")


@pytest.mark.acceptance("DIA-01", "DIA-05")
@pytest.mark.parametrize("row", SHOWN, ids=lambda row: row.code)
def test_the_wrong_example_of_a_code_raises_that_code_once_and_nothing_else(row: Code, tmp_path: Path) -> None:
    check_raised(row, written(tmp_path, row.wrong, name_of(row)))


@pytest.mark.acceptance("DIA-01")
@pytest.mark.parametrize("code", WITH_FILES)
def test_what_only_files_can_show_raises_its_code_once_and_nothing_else(code: str, tmp_path: Path) -> None:
    check_raised(CODES[code], WITH_FILES[code](tmp_path))


@pytest.mark.acceptance("DIA-01")
@pytest.mark.parametrize("row", SHOWN, ids=lambda row: row.code)
def test_the_right_example_of_a_code_compiles_and_raises_nothing(row: Code, tmp_path: Path) -> None:
    found, programs = diagnose(written(tmp_path, row.right, name_of(row)))
    assert found == []
    assert programs >= 1


def test_every_row_has_a_title_a_reason_and_a_severity() -> None:
    assert all(row.severity in ("error", "warning", "note") and row.title and row.why for row in ROWS)
    assert all(bool(row.wrong) == bool(row.right) for row in ROWS)


def test_no_code_stands_in_two_rows() -> None:
    assert len(ROWS) == len(CODES)


def raised_in_source() -> set[str]:
    """Return the codes that the compiler's source names outside of the catalogue."""
    files = [path for path in (ROOT / "wfe_dsl").rglob("*.py") if not re.match(r"rows_|codes", path.name)]
    return {code for path in files for code in re.findall(r"\"(WFE\d{4})\"", path.read_text())}


@pytest.mark.acceptance("DIA-01")
def test_what_the_source_raises_has_a_row_and_every_row_is_raised_somewhere() -> None:
    assert raised_in_source() == set(CODES)


@pytest.mark.acceptance("DIA-01")
def test_a_code_that_was_ever_given_out_keeps_its_meaning_and_none_is_new_in_silence() -> None:
    """Each line is a code and its title, and ``retired`` before the title of one that nothing raises any more."""
    issued = [line.split(" ", 1) for line in ISSUED.read_text().splitlines()]
    assert len({code for code, _ in issued}) == len(issued)
    kept = {code: title for code, title in issued if not title.startswith("retired ")}
    assert kept == {row.code: row.title for row in ROWS}, f"bring {ISSUED.name} up to date; never reuse a code"


def test_the_rows_of_a_code_differ_in_what_they_show_and_in_what_they_say() -> None:
    assert len({row.title for row in ROWS}) == len(ROWS)
    assert len({row.wrong for row in SHOWN}) == len(SHOWN)
    assert all(row.wrong != row.right for row in SHOWN)
