"""The documents tell the truth: what they show compiles, runs, and prints what they say it prints.

* A ```` ```yaml ```` block is a whole file, or a list of steps. It compiles without an error; the first line
  ``# name.yaml`` makes it a file for the console blocks below it, ``(has mistakes)`` turns the rule around.
* A ```` ```wfe ```` block is the same in the text language: a file, or steps.
* In a ```` ```console ```` block, ``$ command`` runs, in a folder of the page's own that has the examples in
  it, and ends with 0 or with the code in ``# exit N``. The lines below it are in what it prints, in this
  order; ``…`` stands for anything.
* The ```` ```python ```` blocks of ``library.md`` run, in their order and with the names of those before; a
  ```` ```text ```` block after one is what it prints. Those of ``testing.md`` are one file of tests, which pass. Those
  of ``builder.md`` are in ``tests/dsl/builder``.
* A ```` ```sh ```` block holds commands that make environments or run the tools on this tree. They are not
  run here: each has to be one that the full check or the pipeline runs (``CHECKED_ELSEWHERE``).
"""

from __future__ import annotations

import ast
import asyncio
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.crash.launcher import Launcher
from wfe_dsl import source, tables
from wfe_dsl.yaml_front import reader
from wfe_runtime import children, dispatch, logs
from wfe_runtime.cli import exits
from wfe_runtime.cli.main import run
from wfe_runtime.executors import outputs, shell
from wfe_vm import library, limits

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
LANGUAGES = {"python", "yaml", "wfe", "console", "sh", "text"}
PART = """\
workflow:
  id: part
  version: 1
  inputs: {environment: {type: string, default: staging}, note: string?}
  steps:
"""

TEXT_PART = """\
workflow part version 1 {
  input environment: string = "staging"
  input note: string?
"""

# The commands of ```sh blocks: what they do, and where it is done.
CHECKED_ELSEWHERE = {
    r"python3 -m venv \.venv && \.venv/bin/pip install -q \. && \.venv/bin/wfec run \S+": (
        ".ci/run",
        "readme_command 'wfec run'",
    ),
    r"python3 -m venv \.venv && \.venv/bin/pip install -q -e '\.\[dev\]' && \.venv/bin/python -m pytest -q": (
        ".ci/run",
        "readme_command pytest",
    ),
    r"python3 -m venv \.venv && \.venv/bin/pip install -e '\.\[dev\]'": (
        ".ci/run",
        ".venv/bin/pip install -q -e '.[dev]'",
    ),
    r"\.venv/bin/python -m pytest -q": (".ci/run", ".venv/bin/python -m pytest -q"),
    r"WFE_SANITIZE=1 python setup\.py build_ext --inplace": ("setup.py", "WFE_SANITIZE"),
    r"LD_PRELOAD=.*|  PYTHONMALLOC=malloc .*": ("tests/vm/test_fuzz_programs.py", "fuzz_programs"),
    r"\.venv/bin/python setup\.py build_ext --inplace": (
        "workflows.yaml",
        "${{ inputs.python }} setup.py --quiet build_ext --inplace",
    ),
    r"\.venv/bin/ruff check \.": ("workflows.yaml", "${{ inputs.python }} -m ruff check ."),
    r"\.venv/bin/ruff format \.": ("workflows.yaml", "${{ inputs.python }} -m ruff format --check ."),
    r"\.venv/bin/mypy": ("workflows.yaml", "${{ inputs.python }} -m mypy"),
    r"\.venv/bin/lint-imports": ("workflows.yaml", "from importlinter.cli import lint_imports"),
    r"\.venv/bin/python -m wfe_vm\.generate --check": (
        "workflows.yaml",
        "${{ inputs.python }} -m wfe_vm.generate --check",
    ),
    r"\.venv/bin/python -m wfe_dsl\.diagnostics\.generate --check": (
        "workflows.yaml",
        "${{ inputs.python }} -m wfe_dsl.diagnostics.generate --check",
    ),
    r"\.venv/bin/wfec run workflows\.yaml": (".ci/run", ".venv/bin/wfec run workflows.yaml"),
}


class Block(NamedTuple):
    page: Path
    line: int
    language: str
    text: str


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page."""
    found: list[Block] = []
    lines: list[str] | None = None
    language, start, fence = "", 0, ""
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if lines is None:
            if line.startswith("```"):
                fence = line[: len(line) - len(line.lstrip("`"))]
                language, start, lines = line.lstrip("`").strip(), number, []
        elif line != fence:
            lines.append(line)
        else:
            found.append(Block(page, start, language, "".join(f"{text}\n" for text in lines)))
            lines = None
    assert lines is None, f"{page}:{start}: a block that never ends"
    return found


ALL = [block for page in PAGES for block in blocks(page)]


def of(language: str) -> list[object]:
    """Return the blocks in a language, as parameters of a test."""
    return [pytest.param(block, id=f"{block.page.name}-{block.line}") for block in ALL if block.language == language]


def as_file(block: Block) -> str:
    if block.language == "wfe":
        whole = re.search(r"^workflow ", block.text, re.MULTILINE)
        return block.text if whole else f"{TEXT_PART}{block.text}}}\n"
    if re.search(r"^workflows?:", block.text, re.MULTILINE):
        return block.text
    return PART + "".join(f"    {line}\n" for line in block.text.splitlines())


def file_name(block: Block) -> str:
    found = re.match(rf"# (\S+\.{block.language})\b", block.text)
    return found.group(1) if found else f"block-{block.line}.{block.language}"


@pytest.fixture(scope="session")
def command_path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a PATH on which ``wfec`` is the command of this tree."""
    folder = tmp_path_factory.mktemp("bin")
    script = folder / "wfec"
    script.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m wfe_runtime "$@"\n')
    script.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def run_line(command: str, folder: Path, path: str) -> tuple[int, str]:
    """Run a command line; returns its exit code and all that it printed."""
    environment = {**os.environ, "PATH": path, "NO_COLOR": "1"}
    result = subprocess.run(
        ["sh", "-c", command],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return result.returncode, result.stdout


@pytest.fixture(scope="module")
def launcher() -> Iterator[Launcher]:
    with Launcher("wfe_dsl.rewriting") as launcher:
        yield launcher


def run_shown(command: str, folder: Path, path: str, launcher: Launcher) -> tuple[int, str]:
    """Run a line of a console block; a shell is needed, and an interpreter begun anew, only for more than ``wfec``."""
    if re.fullmatch(r"wfec [^|&;<>$`*?~\\]+", command) is None:
        return run_line(command, folder, path)
    outcome = launcher.run(folder, *shlex.split(command)[1:], together=True)
    return outcome.code, outcome.out


def commands(block: Block) -> list[tuple[str, int, list[str]]]:
    """Return the commands of a console block: the line, the exit code it promises, what it shows."""
    found: list[tuple[str, int, list[str]]] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            command, _, code = line[2:].partition("  # exit ")
            found.append((command, int(code or "0"), []))
        else:
            assert found, f"{block.page}:{block.line}: output before any command"
            found[-1][2].append(line)
    return found


def as_pattern(line: str) -> str:
    return ".*".join(re.escape(part) for part in line.strip().split("…"))


def test_every_block_is_of_a_kind_that_is_checked() -> None:
    assert [
        f"{block.page.name}:{block.line}: {block.language}" for block in ALL if block.language not in LANGUAGES
    ] == []


@pytest.mark.parametrize("block", [*of("yaml"), *of("wfe")])
def test_a_workflow_in_the_documents_has_no_mistakes(
    block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    name = file_name(block)
    Path(name).write_text(as_file(block))
    code = run(["check", name])
    assert code == (3 if "(has mistakes)" in block.text else 0), capsys.readouterr()


@pytest.mark.parametrize(
    "page", [page for page in PAGES if any(b.language == "console" for b in blocks(page))], ids=lambda page: page.name
)
def test_the_commands_of_a_page_run_in_its_order_and_show_what_it_says(
    page: Path, tmp_path: Path, command_path: str, launcher: Launcher
) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    for block in blocks(page):
        if block.language in ("yaml", "wfe"):
            (tmp_path / file_name(block)).write_text(as_file(block))
        for command, wanted, shown in commands(block) if block.language == "console" else ():
            where = f"{page.name}:{block.line}: $ {command}"
            code, printed = run_shown(command, tmp_path, command_path, launcher)
            assert code == wanted, f"{where}\n{printed}"
            rest = printed.splitlines()
            for line in filter(None, shown):
                matching = [place for place, text in enumerate(rest) if re.search(as_pattern(line), text)]
                assert matching, f"{where}\ndoes not show: {line}\nbut: {printed}"
                rest = rest[matching[0] + 1 :]


def test_the_python_of_the_page_about_the_library_runs_and_prints_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    page = ROOT / "docs" / "library.md"
    names: dict[str, object] = {"__name__": "library_page"}
    following = [*blocks(page)[1:], Block(page, 0, "", "")]
    for block, after in zip(blocks(page), following, strict=True):
        if block.language == "python":
            code = compile(block.text, f"{page.name}:{block.line}", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            waiting = eval(code, names)
            if waiting is not None:
                asyncio.run(waiting)
            printed = capsys.readouterr().out
            assert printed == (after.text if after.language == "text" else ""), f"{page.name}:{block.line}"


def test_the_tests_of_the_page_about_testing_pass(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    page = [block for block in blocks(ROOT / "docs" / "testing.md") if block.language == "python"]
    pytester.makepyfile("\n".join(block.text for block in page))
    promised = sum(block.text.count("def test_") for block in page)
    result = pytester.runpytest_subprocess("-p", "wfe_runtime.testing.plugin", "-p", "no:cacheprovider")
    assert result.parseoutcomes().keys() == {"passed"}
    assert result.parseoutcomes()["passed"] >= promised >= len(page)


@pytest.mark.parametrize("block", of("sh"))
def test_a_command_that_is_not_run_here_is_run_by_the_full_check(block: Block) -> None:
    for line in block.text.splitlines():
        places = [place for pattern, place in CHECKED_ELSEWHERE.items() if re.fullmatch(pattern, line)]
        assert places, f"{block.page.name}:{block.line}: nothing checks {line!r}"
        for file, text in places:
            assert text in (ROOT / file).read_text(), f"{file} no longer runs {line!r}"


def test_the_readme_has_one_command_that_runs_an_example_and_one_that_tests() -> None:
    lines = [line for block in blocks(ROOT / "README.md") if block.language == "sh" for line in block.text.splitlines()]
    assert len([line for line in lines if "wfec run examples/" in line]) == 1
    assert len([line for line in lines if line.endswith("pytest -q")]) == 1


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_that_exist(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text())
    missing = [target for target in targets if "://" not in target and not (page.parent / target).exists()]
    assert missing == []


def test_every_verb_that_is_named_exists(command_path: str, tmp_path: Path) -> None:
    _, help_text = run_line("wfec --help", tmp_path, command_path)
    verbs = set(re.findall(r"^  ([a-z]+) ", help_text, re.MULTILINE))
    assert "run" in verbs
    named = {verb for page in PAGES for verb in re.findall(r"\bwfec ([a-z]+)", page.read_text())}
    assert named - verbs == set()


def bytes_text(size: int) -> str:
    return f"{size // 2**20} MiB" if size % 2**20 == 0 else f"{size // 2**10} KiB"


def limit_rows() -> dict[str, str]:
    """Return the table of limits in the documents."""
    section = (ROOT / "docs" / "running.md").read_text().partition("## Limits")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \| (.+?) \|$", section, re.MULTILINE)
    return {name: value for name, value in rows if name != "limit" and not name.startswith("-")}


def test_the_limits_in_the_documents_are_those_in_the_code() -> None:
    assert limit_rows() == {
        "steps running at once on a host": f"{dispatch.STEPS_PER_CORE} a core",
        "items of a `for_each` at once, unless it says `limit`": str(tables.DEFAULT_FOR_EACH_LIMIT),
        "depth of sub-workflows": str(children.MAX_DEPTH),
        "instructions of one advance (a loop without steps)": f"{limits.MAX_INSTRUCTIONS:,}",
        "state of one run": bytes_text(limits.MAX_STATE_BYTES),
        "a workflow file": bytes_text(source.MAX_SOURCE_BYTES),
        "values that aliases in a file stand for": f"{reader.MAX_ALIAS_NODES:,}",
        "nesting of lists and maps": str(reader.MAX_NESTING),
        "one line of a log": bytes_text(logs.LINE_BYTES),
        "the log of one step": bytes_text(logs.STEP_BYTES),
        "one output of a step, as a line": bytes_text(outputs.MARKER_BYTES),
        "all printed outputs of a step, and what a Deno step gives": bytes_text(outputs.MARKERS_BYTES),
        "the outputs of a step, as a file": bytes_text(outputs.FILE_BYTES),
        "a value stored with its run, not apart": bytes_text(limits.MAX_INLINE_BYTES),
        "`stdout` of a step in expressions": f"its last {bytes_text(shell.STDOUT_BYTES)}",
    }


def test_the_functions_in_the_documents_are_those_of_the_library() -> None:
    section = (ROOT / "docs" / "language.md").read_text().partition("| functions | |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", section)) == {*library.FUNCTIONS_BY_NAME, "map", "filter"}


def test_the_exit_codes_in_the_documents_are_those_of_the_command() -> None:
    section = (ROOT / "docs" / "running.md").read_text().partition("| exit code |")[2].partition("\n\n")[0]
    codes = {exits.SUCCEEDED, exits.FAILED, exits.USAGE, exits.DEFINITION, exits.NOT_FOUND, exits.MISSING, exits.PARKED}
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", section, re.MULTILINE)} == {*codes, exits.INTERRUPTED}


def test_the_index_leads_to_every_page() -> None:
    targets = set(re.findall(r"\]\(([^)]+\.md)\)", (ROOT / "docs" / "index.md").read_text()))
    pages = {str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")}
    assert pages - targets == {"index.md"}
