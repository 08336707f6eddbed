"""A workflow in YAML, in text and in Python is the same to every command that takes a file."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.test_examples import PROGRAMS

from .conftest import Wfec

YAML = """\
workflow:
  id: greeting
  version: 3
  inputs: {name: {type: string, default: world}}
  outputs: {text: string}
  steps:
    - name: greet
      config: {run: 'echo "text=Hello, $NAME" >> "$WFE_OUTPUT"'}
      outputs: [{name: text, type: string}]
    - return: {text: outputs.text}
"""
TEXT = """\
workflow greeting version 3 {
  input name: string = "world"
  output text: string
  step greet = shell {
    run 'echo "text=Hello, $NAME" >> "$WFE_OUTPUT"'
    outputs { text: string }
  }
  return { text: outputs.text }
}
"""
PYTHON = """\
from wfe_dsl.builder import Input, Workflow

print("made by hand")
wf = Workflow("greeting", 3, inputs={"name": Input(str, default="world")}, outputs={"text": str})
wf.shell("greet", 'echo "text=Hello, $NAME" >> "$WFE_OUTPUT"', outputs={"text": str})
wf.return_({"text": "outputs.text"})
"""
FILES = {"file.yaml": YAML, "file.wfe": TEXT, "file.py": PYTHON}
MISTAKEN = {
    "file.yaml": YAML.replace("{run:", "{timeout: soon, run:"),
    "file.wfe": TEXT.replace("step greet = shell {", "step greet = shell {\n    timeout soon"),
    "file.py": PYTHON.replace('"greet",', '"greet", timeout="soon", run='),
}
"""The mistake: a duration in words."""


@pytest.fixture
def files(folder: Path) -> Path:
    for name, text in FILES.items():
        (folder / name).write_text(text)
    return folder


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    "command",
    [
        ("compile", "FILE", "--hash"),
        ("disasm", "FILE"),
        ("plan", "FILE", "-i", "name=you"),
        ("plan", "FILE", "-o", "json"),
        ("graph", "FILE"),
        ("graph", "FILE", "--format", "json"),
        ("convert", "FILE", "--to", "wfe"),
        ("check", "FILE"),
    ],
    ids=" ".join,
)
def test_a_command_gives_the_same_whatever_the_notation(wfec: Wfec, command: tuple[str, ...]) -> None:
    given = {}
    for name in FILES:
        result = wfec(*(name if word == "FILE" else word for word in command))
        assert result.code == 0, result.err
        assert "made by hand" not in result.out
        given[name] = re.sub(rf"{re.escape(name)}(:[0-9]+)*", "FILE", result.out)  # places differ, of course
    assert given["file.wfe"] == given["file.yaml"]
    assert given["file.py"] == given["file.yaml"]


@pytest.mark.acceptance("CLI-02")
@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("name", FILES)
def test_a_file_runs_whatever_its_notation(wfec: Wfec, name: str) -> None:
    result = wfec("run", name, "-i", "name=you", "--json", "--store", "memory:")
    assert result.code == 0, result.err
    assert json.loads(result.out.splitlines()[-1])["outputs"] == {"text": "Hello, you"}


@pytest.mark.usefixtures("files")
def test_files_of_different_notations_are_compared_by_what_they_compile_to(wfec: Wfec, files: Path) -> None:
    assert wfec("diff", "file.yaml", "file.py").code == 0
    (files / "file.py").write_text(PYTHON.replace("Hello", "Welcome"))
    changed = wfec("diff", "file.wfe", "file.py")
    assert changed.code == 1
    assert "config.run" in changed.out


def test_a_file_of_python_is_run_each_time_as_it_may_read_anything(folder: Path, wfec: Wfec) -> None:
    (folder / "word.txt").write_text("one")
    made = "from pathlib import Path\n" + PYTHON.replace("'echo ", 'f\'echo {Path("word.txt").read_text()} ')
    (folder / "file.py").write_text(made)
    first = wfec("compile", "file.py", "--hash").out
    assert wfec("compile", "file.py", "--hash").out == first
    (folder / "word.txt").write_text("two")
    assert wfec("compile", "file.py", "--hash").out != first


def test_a_folder_means_files_of_data_and_runs_no_python(folder: Path, wfec: Wfec) -> None:
    for name, text in MISTAKEN.items():
        (folder / name).write_text(text)
    (folder / "other.py").write_text("open('ran', 'w').close()\n")
    found = wfec("check", ".", "--format", "json").json
    assert sorted(item["file"] for item in found) == ["file.wfe", "file.yaml"]
    assert not (folder / "ran").exists()
    assert wfec("check", "other.py").code == 3
    assert (folder / "ran").exists()


def stretch(text: str, row: dict[str, Any]) -> str:
    """Return what stands at a place that a row of a report names."""
    assert row["line"] == row["end_line"]
    return text.split("\n")[row["line"] - 1][row["column"] - 1 : row["end_column"] - 1]


@pytest.mark.acceptance("DIA-02", "DIA-07", "CLI-08")
def test_a_mistake_is_reported_at_its_letters_in_each_notation(folder: Path, wfec: Wfec) -> None:
    for name, text in MISTAKEN.items():
        (folder / name).write_text(text)
    result = wfec("check", *MISTAKEN, "--format", "json")
    assert result.code == 3
    rows = result.json
    assert [row["file"] for row in rows] == list(MISTAKEN)
    assert {(row["code"], row["message"]) for row in rows} == {("WFE0115", "`soon` is no duration")}
    shown = [stretch(MISTAKEN[row["file"]], row).strip('"') for row in rows]
    assert shown == ["soon", "soon", "soon"]

    [run] = json.loads(wfec("check", *MISTAKEN, "--format", "sarif").out)["runs"]
    places = [result["locations"][0]["physicalLocation"] for result in run["results"]]
    assert [place["artifactLocation"]["uri"] for place in places] == list(MISTAKEN)
    for place, row in zip(places, rows, strict=True):
        region = place["region"]
        assert (region["startLine"], region["startColumn"]) == (row["line"], row["column"])
        assert (region["endLine"], region["endColumn"]) == (row["end_line"], row["end_column"])


@pytest.mark.acceptance("DIA-07")
def test_a_line_of_python_with_wide_letters_is_counted_in_letters(folder: Path, wfec: Wfec) -> None:
    text = MISTAKEN["file.py"].replace('wf.shell("greet"', 'wf.shell("grüße"').replace("Hello", "こんにちは")
    (folder / "file.py").write_text(text)
    [row] = wfec("check", "file.py", "--format", "json").json
    assert stretch(text, row) == '"soon"'


def test_what_a_file_of_python_raises_is_told_at_its_line(folder: Path, wfec: Wfec) -> None:
    (folder / "file.py").write_text("import json\n\njson.loads('no')\n")
    result = wfec("run", "file.py")
    assert result.code == 3
    assert "WFE0658" in result.err
    assert "file.py:3:" in result.err
    [row] = wfec("check", "file.py", "--format", "json").json
    assert (row["code"], row["line"]) == ("WFE0658", 3)


@pytest.mark.acceptance("BLD-04")
def test_a_function_of_the_file_is_run_by_its_step(folder: Path, wfec: Wfec) -> None:
    (folder / "numbers_twice.py").write_text(
        "from wfe_dsl.builder import Workflow\n\n"
        "def twice(count: int) -> int:\n    return 2 * count\n\n"
        'wf = Workflow("twice", 1, inputs={"count": int}, outputs={"result": int})\n'
        'step = wf.python("double", twice)\n'
        'wf.return_({"result": step.output.result})\n'
    )
    result = wfec("run", "numbers_twice.py", "-i", "count=21", "--json", "--store", "memory:")
    assert result.code == 0, result.err
    assert json.loads(result.out.splitlines()[-1])["outputs"] == {"result": 42}


def test_a_file_of_data_includes_no_python(folder: Path, wfec: Wfec) -> None:
    (folder / "other.py").write_text("open('ran', 'w').close()\n")
    (folder / "file.yaml").write_text(f"include: [other.py]\n{YAML}")
    (folder / "file.wfe").write_text(f'include "other.py"\n{TEXT}')
    rows = wfec("check", "file.yaml", "file.wfe", "--format", "json").json
    assert [(row["code"], row["line"]) for row in rows] == [("WFE0660", 1), ("WFE0660", 1)]
    assert not (folder / "ran").exists()


@pytest.mark.acceptance("CLI-11")
def test_fmt_lays_out_text_and_leaves_python_to_its_own_formatters(folder: Path, wfec: Wfec) -> None:
    ugly = TEXT.replace("  step greet = shell {", "    step   greet=shell{  # says hello")
    (folder / "file.wfe").write_text(ugly)
    shown = wfec("fmt", "--check", "file.wfe")
    assert (shown.code, (folder / "file.wfe").read_text()) == (1, ugly)
    assert "+  step greet = shell {  # says hello" in shown.out
    assert wfec("fmt", "file.wfe").code == 0
    assert wfec("fmt", "--check", "file.wfe").code == 0
    (folder / "file.py").write_text(PYTHON)
    refused = wfec("fmt", "file.py")
    assert refused.code == 2
    assert "formatters of their own" in refused.err


@pytest.mark.acceptance("CLI-11", "CLI-23")
def test_the_examples_are_laid_out_as_fmt_does_and_each_is_accepted_by_its_commands(wfec: Wfec) -> None:
    examples = Path(__file__).resolve().parents[2] / "examples"
    files = sorted(
        str(path)
        for path in examples.iterdir()
        if path.suffix in (".yaml", ".wfe", ".py") and path.stem not in PROGRAMS  # which use workflows, and are none
    )
    assert wfec("check", *files, "--strict").code == 0
    for path in files:
        for command in ("plan", "graph", "disasm"):
            assert wfec(command, path).code == 0, (command, path)
        assert wfec("diff", path, path).code == 0
    assert wfec("fmt", "--check", *(path for path in files if not path.endswith(".py"))).code == 0
