"""Generated files equal the table, and are the same whoever writes them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from wfe_vm import opcodes
from wfe_vm.generate import generated_files, main
from wfe_vm.isa import BY_NAME, ROWS

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.acceptance("PRG-10")
def test_the_files_in_the_repository_are_what_would_be_written(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"], ROOT) == 0, capsys.readouterr().out


def test_constants_are_the_numbers_of_the_rows() -> None:
    assert {name: getattr(opcodes, name) for name in opcodes.__all__} == {row.name: row.number for row in ROWS}


def test_the_c_enum_has_a_member_for_each_row() -> None:
    lines = generated_files()["wfe_vm/_opcodes.pxd"].splitlines()
    members = dict(line.strip().split(" = ") for line in lines if " = " in line)
    assert members == {row.name: str(row.number) for row in ROWS}


def test_the_reference_page_has_a_line_for_each_row() -> None:
    page = generated_files()["docs/reference/opcodes.md"]
    for row in ROWS:
        assert f"| {row.number} | `{row.name}` |" in page


def test_the_generated_python_is_nothing_but_names_and_numbers() -> None:
    tree = ast.parse(generated_files()["wfe_vm/opcodes.py"])
    kinds = {type(node) for node in tree.body}
    assert kinds == {ast.Expr, ast.ImportFrom, ast.Assign, ast.AnnAssign}


def test_a_second_writing_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], tmp_path) == 0
    written = {name: (tmp_path / name).read_bytes() for name in generated_files()}
    assert capsys.readouterr().out.count("wrote ") == len(written)
    assert main([], tmp_path) == 0
    assert capsys.readouterr().out == ""
    assert {name: (tmp_path / name).read_bytes() for name in written} == written


def test_check_fails_and_says_what_to_do_for_a_file_that_differs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([], tmp_path)
    path = tmp_path / "wfe_vm" / "opcodes.py"
    path.write_text(path.read_text().replace(f"ADD: Final = {BY_NAME['ADD'].number}", "ADD: Final = 99"))
    capsys.readouterr()
    assert main(["--check"], tmp_path) == 1
    assert "wfe_vm/opcodes.py" in (said := capsys.readouterr().out)
    assert "python -m wfe_vm.generate" in said
    assert "99" in path.read_text()
