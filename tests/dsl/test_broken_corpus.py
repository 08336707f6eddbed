"""Every broken file of the corpora, through the whole compiler: one mistake, one error, at the right line."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from wfe_dsl.compiler import compile_file
from wfe_dsl.diagnostics.codes import CODES
from wfe_dsl.diagnostics.model import Diagnostic, Diagnostics
from wfe_dsl.diagnostics.rows_text import TEXT_ROWS
from wfe_dsl.variables import Variables

DATA = Path(__file__).resolve().parents[1] / "data"
YAML_FILES = sorted((DATA / "broken").rglob("*.yaml"))
TEXT_FILES = sorted((DATA / "broken_text").rglob("*.wfe"))


def errors_of(path: Path) -> list[Diagnostic]:
    diagnostics = Diagnostics()
    assert compile_file(str(path), Variables(), diagnostics) == []
    return [found for found in diagnostics.found if found.severity == "error"]


def expected_of(path: Path) -> tuple[str, ...]:
    """Return the code and the line that a file's first line names."""
    expected = re.fullmatch(r"# expect: (WFE\d{4}) (\d+)", path.read_text().split("\n", 1)[0])
    assert expected is not None, "the first line says what is expected"
    return expected.groups()


@pytest.mark.parametrize("files", [YAML_FILES, TEXT_FILES], ids=["yaml", "text"])
def test_a_corpus_has_a_hundred_files_and_more(files: list[Path]) -> None:
    assert len(files) >= 100


@pytest.mark.parametrize("code", [row[0] for row in TEXT_ROWS])
def test_the_corpus_of_the_text_language_has_each_mistake_that_it_alone_can_have(code: str) -> None:
    found = Counter(expected_of(path)[0] for path in TEXT_FILES)
    assert found[code] >= (1 if CODES[code].title.startswith("YAML") else 2)


@pytest.mark.acceptance("DIA-05")
@pytest.mark.parametrize("path", [*YAML_FILES, *TEXT_FILES], ids=lambda path: path.name)
def test_one_mistake_is_one_error_at_its_line_with_a_cure(path: Path) -> None:
    errors = errors_of(path)
    assert [(found.code, str(found.span.line)) for found in errors] == [expected_of(path)]
    assert errors[0].help
    assert errors[0].span.source.path == str(path)


@pytest.mark.parametrize("path", TEXT_FILES, ids=lambda path: path.name)
def test_the_text_language_is_helped_in_its_own_words(path: Path) -> None:
    [error] = errors_of(path)
    # A key of YAML with its colon. The text language has one after the name of what is declared.
    written = re.findall(r"`(?:- )?([a-z_]+):(?: [^`]*)?`", error.help)
    assert written == []
    assert not re.search(r"under `|`config`", f"{error.message} {error.help}")
    assert "for_each" in path.read_text() or not re.search(r"for_each\b(?!-)", f"{error.message} {error.help}")


@pytest.mark.acceptance("TXT-06")
@pytest.mark.parametrize(
    "slugs",
    [
        ("let-without-equals", "keyword-as-step-name", "wait-without-event"),
        ("string-never-closed", "missing-comma-in-a-list", "case-with-a-colon"),
        ("if-then", "environment-never-closed", "elif"),
        ("let-with-a-colon", "parenthesis-never-closed", "for-of-instead-of-in"),
    ],
)
def test_three_mistakes_in_one_file_are_three_diagnostics(slugs: tuple[str, ...], tmp_path: Path) -> None:
    lines = ["workflow several version 1 {"]
    expected = []
    for number, slug in enumerate(slugs, 1):
        [path] = [path for path in TEXT_FILES if path.stem.partition("-")[2] == slug]
        code, line = expected_of(path)
        inside = path.read_text().split("\n")[2:-2]
        expected.append((code, len(lines) + int(line) - 2))
        lines += [re.sub(r"\b(build|test|pack|ship|region|count)\b", rf"\g<1>{number}", row) for row in inside]
    whole = tmp_path / "several.wfe"
    whole.write_text("\n".join([*lines, "}", ""]))
    assert [(found.code, found.span.line) for found in errors_of(whole)] == expected
