"""Compiled files that are kept: used only while all that they were made of is as it was."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from wfe_runtime.cli import cache
from wfe_runtime.cli.cache import Entry, ProgramFolder, cache_folder

from .conftest import Wfec, environment
from .files import GREETING, write

PARENT = """
include: [part.yaml]
workflow:
  id: parent
  version: 1
  outputs: {text: string}
  steps:
    - name: part
      type: workflow
      config: {workflow: part}
      outputs: [{name: text}]
    - return: {text: outputs.text}
"""
PART = """
workflow:
  id: part
  version: 1
  outputs: {text: string}
  steps:
    - return: {text: "'one'"}
"""
SCRIPTED = """
workflow:
  id: scripted
  version: 1
  outputs: {text: string}
  steps:
    - {name: work, type: shell, config: {file: work.sh}, outputs: [{name: text}]}
    - return: {text: outputs.text}
"""
VARIED = """
workflow:
  id: varied
  version: 1
  outputs: {text: string}
  steps:
    - {name: work, config: {run: 'echo "text=((word | none))" >> "$WFE_OUTPUT"'}, outputs: [{name: text}]}
    - return: {text: outputs.text}
"""
WARNED = (
    "workflow: {id: w, version: 1, steps: [{name: a, config: {run: 'true'}, "
    "error_behavior: {type: retry, max_retries: 0}}]}\n"
)


@pytest.fixture
def kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of compiled files, of this test alone."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    return folder / "cache" / "wfe"


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were compiled since the test began."""
    import wfe_dsl.compiler

    compile_file, done = wfe_dsl.compiler.compile_file, []

    def noted(path: str, *arguments: object) -> object:
        done.append(path)
        return compile_file(path, *arguments)

    monkeypatch.setattr(wfe_dsl.compiler, "compile_file", noted)
    return done


def text_of(wfec: Wfec, *argv: str) -> str:
    result = wfec("run", "--json", "--store", "memory:", *argv)
    assert result.code == 0, result
    return str(result.lines[-1]["outputs"]["text"])


def entries(kept: Path) -> list[Path]:
    return sorted(kept.iterdir())


def test_a_file_is_compiled_once_and_its_owner_alone_may_read_what_is_kept(
    folder: Path, wfec: Wfec, kept: Path, compiled: list[str]
) -> None:
    write(folder, GREETING)
    assert [text_of(wfec, "file.yaml") for _ in range(3)] == ["Hello, world"] * 3
    assert compiled == ["file.yaml"]
    [entry] = entries(kept)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o700
    assert stat.S_IMODE(entry.stat().st_mode) == 0o600
    assert wfec("compile", "file.yaml", "--hash").out == wfec("compile", "file.yaml", "--hash", "--no-cache").out
    assert wfec("disasm", "file.yaml").out == wfec("disasm", "file.yaml", "--no-cache").out
    assert len(compiled) == 3


def test_the_second_run_of_a_file_loads_no_front_end(folder: Path, kept: Path) -> None:
    write(folder, GREETING)
    for expected in (True, False):
        loaded = modules_of(folder, "run", "file.yaml", "--store", "memory:", XDG_CACHE_HOME=str(kept.parent))
        assert any(name.partition(".")[0] == "wfe_dsl" for name in loaded) is expected
        assert any(name.partition(".")[0] == "yaml" for name in loaded) is expected


def modules_of(folder: Path, *argv: str, **more: str) -> set[str]:
    """Return what a command of its own had imported when it ended well."""
    code = (
        "import sys\nfrom wfe_runtime.cli.main import run\ncode = run(sys.argv[1:])\n"
        "print(*sorted(sys.modules), file=sys.stderr)\nsys.exit(code)"
    )
    command = [sys.executable, "-c", code, *argv]
    result = subprocess.run(
        command, cwd=folder, env=environment(**more), capture_output=True, text=True, check=False, timeout=60
    )
    assert result.returncode == 0, result.stderr
    return set(result.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("verb", ["run", "disasm"])
def test_a_compiled_file_needs_no_front_end(folder: Path, wfec: Wfec, verb: str) -> None:
    write(folder, GREETING)
    assert wfec("compile", "file.yaml", "-o", "file.wfc").code == 0
    argv = ("run", "file.wfc", "--store", "memory:") if verb == "run" else ("disasm", "file.wfc")
    assert not {name.partition(".")[0] for name in modules_of(folder, *argv)} & {"wfe_dsl", "yaml", "lark"}


def test_a_changed_file_include_or_script_is_compiled_anew(folder: Path, wfec: Wfec, kept: Path) -> None:
    write(folder, PARENT)
    write(folder, PART, "part.yaml")
    assert text_of(wfec, "file.yaml") == "one"
    write(folder, PART.replace("one", "two"), "part.yaml")
    assert text_of(wfec, "file.yaml") == "two"
    write(folder, PARENT.replace("outputs.text", "\"'three'\""))
    assert text_of(wfec, "file.yaml") == "three"
    write(folder, SCRIPTED, "scripted.yaml")
    for word in ("four", "five"):
        (folder / "work.sh").write_text(f'echo "text={word}" >> "$WFE_OUTPUT"\n')
        assert text_of(wfec, "scripted.yaml") == word


def test_a_script_that_was_not_there_is_looked_for_again(folder: Path, wfec: Wfec, kept: Path) -> None:
    write(folder, SCRIPTED)
    assert "WFE0556" in wfec("compile", "file.yaml", "--hash").err
    assert "WFE0556" in wfec("compile", "file.yaml", "--hash").err
    (folder / "work.sh").write_text("true\n")
    assert wfec("compile", "file.yaml", "--hash").err == ""


def test_an_include_that_is_a_link_is_followed_anew(folder: Path, wfec: Wfec, kept: Path) -> None:
    write(folder, PARENT)
    for word in ("one", "two"):
        write(folder, PART.replace("one", word), f"{word}.yaml")
        (folder / "part.yaml").unlink(missing_ok=True)
        (folder / "part.yaml").symlink_to(f"{word}.yaml")
        assert text_of(wfec, "file.yaml") == word


def test_each_source_of_variables_has_entries_of_its_own(
    folder: Path, wfec: Wfec, kept: Path, compiled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, VARIED)
    for _ in range(2):
        assert text_of(wfec, "file.yaml") == "none"
        assert text_of(wfec, "file.yaml", "--var", "word=one") == "one"
        assert text_of(wfec, "file.yaml", "--var", "word=two") == "two"
    write(folder, "word: three\n", "vars.yaml")
    assert text_of(wfec, "file.yaml", "--vars-file", "vars.yaml") == "three"
    write(folder, "word: four\n", "vars.yaml")
    assert text_of(wfec, "file.yaml", "--vars-file", "vars.yaml") == "four"
    monkeypatch.setenv("WFE_CONFIG", '{"word": "five"}')
    assert text_of(wfec, "file.yaml") == "five"
    assert len(compiled) == 6


def test_warnings_are_shown_again_and_a_file_with_errors_is_not_kept(folder: Path, wfec: Wfec, kept: Path) -> None:
    write(folder, WARNED)
    first, second = (wfec("compile", "file.yaml", "--hash") for _ in range(2))
    assert "warning" in first.err
    assert (first.out, first.err) == (second.out, second.err)
    assert len(entries(kept)) == 1
    write(folder, WARNED.replace("version", "vresion"))
    assert wfec("compile", "file.yaml", "--hash").code == 3
    assert len(entries(kept)) == 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:-1],
        lambda data: data[:40] + bytes([data[40] ^ 1]) + data[41:],
        lambda data: data + b"x",
        lambda data: b"\x00" * len(data),
        lambda data: __import__("hashlib").sha256(b"\x90").digest() + b"\x90",
    ],
)
def test_a_damaged_entry_is_ignored_and_written_anew(
    folder: Path, wfec: Wfec, kept: Path, compiled: list[str], damage: object
) -> None:
    write(folder, GREETING)
    text_of(wfec, "file.yaml")
    [entry] = entries(kept)
    whole = entry.read_bytes()
    entry.write_bytes(damage(whole))
    assert text_of(wfec, "file.yaml") == "Hello, world"
    assert entry.read_bytes() == whole
    assert text_of(wfec, "file.yaml") == "Hello, world"
    assert len(compiled) == 2


def test_an_entry_that_holds_another_file_is_ignored(folder: Path, wfec: Wfec, kept: Path, compiled: list[str]) -> None:
    write(folder, GREETING)
    write(folder, VARIED, "varied.yaml")
    text_of(wfec, "file.yaml")
    [first] = entries(kept)
    text_of(wfec, "varied.yaml")
    [second] = set(entries(kept)) - {first}
    second.write_bytes(first.read_bytes())
    assert text_of(wfec, "varied.yaml") == "none"
    assert compiled == ["file.yaml", "varied.yaml", "varied.yaml"]


def test_an_unsafe_program_is_never_taken_from_an_entry(
    folder: Path, wfec: Wfec, kept: Path, compiled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.oracle.assembler import run_program
    from wfe_vm.program_file import write_program_file

    write(folder, GREETING)
    text_of(wfec, "file.yaml")
    [path] = entries(kept)
    entry = ProgramFolder(str(kept)).find(path.name)
    assert entry is not None
    unsafe = write_program_file([(run_program().program(), None)])
    ProgramFolder(str(kept)).keep(Entry(entry.name, entry.digests, entry.links, (True,), "", "", unsafe))
    assert text_of(wfec, "file.yaml") == "Hello, world"
    assert len(compiled) == 2


def test_what_others_may_write_is_not_used(folder: Path, wfec: Wfec, kept: Path, compiled: list[str]) -> None:
    write(folder, GREETING)
    text_of(wfec, "file.yaml")
    [entry] = entries(kept)
    entry.chmod(0o666)
    text_of(wfec, "file.yaml")
    assert len(compiled) == 2
    assert stat.S_IMODE(entry.stat().st_mode) == 0o600
    kept.chmod(0o777)
    text_of(wfec, "file.yaml")
    assert len(compiled) == 3
    kept.chmod(0o700)
    moved = entry.rename(folder / "elsewhere")
    entry.symlink_to(moved)
    text_of(wfec, "file.yaml")
    assert len(compiled) == 4


def test_no_cache_keeps_nothing_and_neither_does_the_setting_off(
    folder: Path, wfec: Wfec, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, GREETING)
    text_of(wfec, "file.yaml", "--no-cache")
    monkeypatch.setenv("WFE_CACHE", "off")
    text_of(wfec, "file.yaml")
    assert not kept.exists()
    monkeypatch.setenv("WFE_CACHE", str(folder / "mine"))
    text_of(wfec, "file.yaml")
    assert len(entries(folder / "mine")) == 1


def test_a_cache_that_can_not_be_written_hinders_nothing(
    folder: Path, wfec: Wfec, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, GREETING)
    (folder / "file").write_text("no folder")
    monkeypatch.setenv("WFE_CACHE", str(folder / "file" / "cache"))
    assert text_of(wfec, "file.yaml") == "Hello, world"
    monkeypatch.setenv("WFE_CACHE", str(folder / "file"))
    assert text_of(wfec, "file.yaml") == "Hello, world"


def test_another_compiler_finds_nothing(folder: Path, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(write(folder, GREETING))
    place = ProgramFolder(str(kept))
    name = place.name_of(path, (), ())
    assert name == place.name_of(path, (), ())
    assert name != place.name_of(path, (), ("mail",)), "step types that are installed"
    monkeypatch.setattr(cache, "ISA_VERSION", cache.ISA_VERSION + 1)
    assert name != place.name_of(path, (), ())
    monkeypatch.undo()
    monkeypatch.setattr(cache, "_compiler_state", lambda: [("compiler.py", 1, 1)])
    assert name != place.name_of(path, (), ())


def entry_of(number: int, size: int = 100) -> Entry:
    return Entry(f"{number:064x}{cache.SUFFIX}", {}, {}, (), "", "", bytes(size))


def test_the_least_used_go_when_there_are_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = ProgramFolder(str(tmp_path / "kept"))
    monkeypatch.setattr(cache, "MAX_ENTRIES", 3)
    for number in range(3):
        place.keep(entry_of(number))
        os.utime(tmp_path / "kept" / entry_of(number).name, (1000 + number, 1000 + number))
    assert place.find(entry_of(0).name) is not None  # used just now
    place.keep(entry_of(3))
    assert [place.find(entry_of(number).name) is not None for number in range(4)] == [True, False, True, True]
    monkeypatch.setattr(cache, "MAX_BYTES", 1000)
    place.keep(entry_of(4, 700))
    assert [path.name for path in entries(tmp_path / "kept")] == [entry_of(4).name]


def test_what_a_killed_process_left_is_removed_after_an_hour(tmp_path: Path) -> None:
    place = ProgramFolder(str(tmp_path / "kept"))
    place.keep(entry_of(1))
    old, new, other = (tmp_path / "kept" / name for name in (".new-old", ".new-now", "notes.txt"))
    for path in (old, new, other):
        path.write_text("half")
    os.utime(old, (1000, 1000))
    os.utime(other, (1000, 1000))
    place.keep(entry_of(2))
    assert not old.exists()
    assert new.exists()
    assert other.exists()


def test_writers_at_the_same_time_leave_whole_entries(tmp_path: Path) -> None:
    place = ProgramFolder(str(tmp_path / "kept"))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: place.keep(entry_of(number % 4, 100_000)), range(64)))
    assert [path.name for path in entries(tmp_path / "kept")] == [entry_of(number).name for number in range(4)]
    assert all(place.find(entry_of(number).name) == entry_of(number, 100_000) for number in range(4))


def test_where_the_folder_is_by_default() -> None:
    home = os.path.expanduser("~")
    assert cache_folder("", {}) == os.path.join(home, ".cache", "wfe")
    assert cache_folder("", {"XDG_CACHE_HOME": "/var/mine"}) == "/var/mine/wfe"
    assert cache_folder("", {"XDG_CACHE_HOME": "relative"}) == os.path.join(home, ".cache", "wfe")
    assert cache_folder("~/c", {}) == os.path.join(home, "c")
    assert cache_folder("off", {}) is None
