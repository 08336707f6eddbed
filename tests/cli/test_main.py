"""The front door: verbs, help, and what becomes of errors, bugs, closed pipes and odd terminals."""

from __future__ import annotations

import errno
import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from wfe_runtime.cli import config
from wfe_runtime.cli.main import VERBS, run, verb_parser

from .conftest import ROOT, Start, Wfec, environment
from .files import GREETING, write

HEAVY = ("asyncio", "lark", "yaml", "rich", "sqlite3", "wfe_dsl", "wfe_runtime.engine")


def test_the_help_lists_every_verb_and_imports_neither_engine_nor_compiler(folder: Path) -> None:
    script = (
        "import sys; from wfe_runtime.cli.main import run; code = run(['--help']);"
        f"print([name for name in {HEAVY!r} if name in sys.modules], code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        env=environment(PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
    )
    *help_text, last = done.stdout.splitlines()
    assert last == "[] 0"
    assert {line.split()[0] for line in help_text if line.startswith("  ")} >= set(VERBS)


@pytest.mark.acceptance("CLI-21")
@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_a_verb_says_what_it_does_and_has_an_example_that_parses(wfec: Wfec, verb: str) -> None:
    shown = wfec(verb, "--help")
    assert shown.code == 0
    examples = [line.strip() for line in shown.out.partition("examples:")[2].splitlines() if "wfec" in line]
    assert examples
    for example in examples:
        words = shlex.split(example.partition("|")[0].partition(">")[0])
        words = words[words.index("wfec") + 1 :]
        verb_parser(words[0]).parse_intermixed_args(words[1:])


@pytest.mark.acceptance("CLI-22")
@pytest.mark.parametrize("columns", ["20", "1", "400"])
def test_help_can_be_drawn_at_any_width(wfec: Wfec, monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert [wfec(verb, "--help").code for verb in VERBS] == [0] * len(VERBS)


@pytest.mark.acceptance("CLI-01")
@pytest.mark.parametrize(
    "argv",
    [
        (),
        ("rum",),
        ("--frobnicate",),
        ("run",),
        ("run", "file.yaml", "--nope"),
        ("run", "file.yaml", "a", "b"),
        ("run", "file.yaml", "--timeout", "soon"),
        ("run", "file.yaml", "--durability", "maybe"),
        ("list", "--status", "odd"),
        ("list", "--limit", "-1"),
        ("list", "--since", "2026-99-01"),
        ("compile", "file.yaml"),
    ],
    ids=" ".join,
)
def test_a_command_that_is_written_wrongly_exits_with_2(wfec: Wfec, argv: tuple[str, ...]) -> None:
    result = wfec(*argv)
    assert (result.code, result.out) == (2, "")
    assert result.err
    assert "Traceback" not in result.err


def test_a_misspelt_verb_gets_a_suggestion(wfec: Wfec) -> None:
    assert "did you mean resume" in wfec("resumee", "x").err


@pytest.mark.acceptance("CLI-22")
def test_a_bug_says_that_it_is_ours_and_shows_its_traceback_only_on_request(
    wfec: Wfec, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> int:
        raise RuntimeError("kaput\x1b[2J")

    monkeypatch.setattr(config, "execute", broken)
    result = wfec("config")
    assert result.code == 70
    assert "kaput\\x1b[2J" in result.err
    assert "report" in result.err
    assert "Traceback" not in result.err
    monkeypatch.setenv("WFE_DEBUG", "1")
    assert "Traceback" in wfec("config").err


@pytest.mark.acceptance("CLI-01", "CLI-22")
@pytest.mark.parametrize("limit", [12, 64])
def test_a_limit_of_open_files_that_is_too_low_is_told_with_its_cure(folder: Path, limit: int) -> None:
    write(folder, GREETING)
    script = f"ulimit -n {limit}; exec {shlex.quote(sys.executable)} -m wfe_runtime run file.yaml"
    done = subprocess.run(["bash", "-c", script], cwd=folder, env=environment(), capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr == (
        f"wfec: this process may have {limit} files open at once, and needs 96 or more\n"
        "  raise the limit for it: ulimit -n 1024\n"
    )
    assert not (folder / ".wfe").exists()


@pytest.mark.acceptance("ENG-14")
def test_no_more_steps_run_at_once_than_the_limit_of_open_files_allows(folder: Path) -> None:
    """As on a machine of many cores with the usual limit."""
    items = ", ".join(map(str, range(60)))
    write(
        folder,
        f"""
workflow:
  id: wide
  version: 1
  steps:
    - {{for_each: "[{items}]", limit: 60, do: [{{name: work, config: {{run: sleep 0.2}}}}]}}
""",
    )
    script = f"ulimit -n 96; exec {shlex.quote(sys.executable)} -m wfe_runtime run file.yaml --json"
    done = subprocess.run(["bash", "-c", script], cwd=folder, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-500:]
    assert done.stdout.count('"status":"succeeded"') == 62  # the steps, the loop and the run


def test_files_that_run_out_later_are_no_bug_either(wfec: Wfec, monkeypatch: pytest.MonkeyPatch) -> None:
    def crowded(arguments: object) -> int:
        try:
            raise OSError(errno.EMFILE, "Too many open files")
        except OSError:
            raise RuntimeError("Cannot close a running event loop")  # noqa: B904 - as asyncio does

    monkeypatch.setattr(config, "execute", crowded)
    result = wfec("config")
    assert (result.code, "ulimit -n" in result.err, "bug" in result.err) == (5, True, False)


def test_run_returns_what_argparse_would_have_exited_with(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["run", "--help"]) == 0
    assert run(["run"]) == 2
    assert "usage: wfec run" in capsys.readouterr().out


@pytest.mark.acceptance("CLI-22")
@pytest.mark.parametrize("command", ["run file.yaml", "run file.yaml --json", "--help", "list", "logs greeting-1"])
def test_a_reader_that_has_gone_is_no_reason_for_a_traceback(folder: Path, wfec: Wfec, command: str) -> None:
    write(folder, GREETING)
    assert wfec("run", "file.yaml").code == 0
    script = f"{shlex.quote(sys.executable)} -m wfe_runtime {command}; echo code $? >&2"
    done = subprocess.run(
        ["bash", "-c", f"({script}) | true"], cwd=folder, env=environment(), capture_output=True, text=True
    )
    assert done.stderr == "code 0\n"


@pytest.mark.acceptance("CLI-22")
def test_a_command_without_standard_streams_still_works(folder: Path) -> None:
    write(folder, GREETING)
    script = f"{shlex.quote(sys.executable)} -m wfe_runtime run file.yaml --name quiet >&- 2>&- <&-"
    done = subprocess.run(["bash", "-c", script], cwd=folder, env=environment(), capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.acceptance("CLI-22")
def test_an_encoding_that_lacks_a_character_gets_it_written_out(folder: Path, processes: Start) -> None:
    write(folder, GREETING)
    process = processes("run", "file.yaml", "-i", "name=Zoë", env=environment(PYTHONIOENCODING="ascii", PYTHONUTF8="1"))
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert "Hello, Zo\\xeb" in out


@pytest.mark.acceptance("CLI-22")
@pytest.mark.parametrize(
    ("command", "code"), [("list", 5), ("logs greeting-1", 5), ("run file.yaml", 0), ("run file.yaml --json", 0)]
)
def test_standard_output_on_a_full_disk_is_told_and_ends_no_run(
    folder: Path, wfec: Wfec, command: str, code: int
) -> None:
    write(folder, GREETING)
    assert wfec("run", "file.yaml").code == 0
    script = f"{shlex.quote(sys.executable)} -m wfe_runtime {command} > /dev/full"
    done = subprocess.run(["bash", "-c", script], cwd=folder, env=environment(), capture_output=True, text=True)
    assert done.returncode == code
    assert "wfec: standard output c" in done.stderr
    assert "No space left on device" in done.stderr
    assert "bug" not in done.stderr
    assert {row["status"] for row in json.loads(wfec("list", "-o", "json").out)} == {"succeeded"}


@pytest.mark.acceptance("CLI-22")
@pytest.mark.parametrize(
    "command", ["list", "run ../file.yaml", "run ../file.yaml --store memory:", "check ../file.yaml"]
)
def test_a_folder_that_has_been_removed_is_told_of(folder: Path, command: str) -> None:
    write(folder, GREETING)
    script = f"mkdir gone && cd gone && rmdir ../gone && {shlex.quote(sys.executable)} -P -m wfe_runtime {command}"
    path = environment(PYTHONPATH=str(ROOT))
    done = subprocess.run(["bash", "-c", script], cwd=folder, env=path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr == "wfec: the current folder is not there any more\n  change to another one\n"
