"""``fmt`` and ``convert``: what they write means the same, and what has mistakes is left as it is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import Wfec, environment
from .files import FAMILY, GREETING, write

UGLY = """\
workflow:
    id:   ugly   # its name
    version: 1
    steps:
    # the only one
    -   name: one
        config: { run:  "true" }
"""
NEAT = """\
workflow:
  id: ugly  # its name
  version: 1
  steps:
    # the only one
    - name: one
      config: {run: "true"}
"""
WRONG = "workflow: {id:  w, version: 1, steps: [{name: a, config: {run: echo}, timeuot: 5s}]}\n"


@pytest.mark.acceptance("CLI-11")
def test_fmt_writes_the_style_once_and_keeps_what_a_file_is(folder: Path, wfec: Wfec) -> None:
    write(folder, UGLY)
    (folder / "link.yaml").symlink_to("file.yaml")
    (folder / "file.yaml").chmod(0o640)
    assert wfec("fmt", "link.yaml", "file.yaml").code == 0
    assert (folder / "file.yaml").read_text() == NEAT
    assert (folder / "link.yaml").is_symlink()
    assert (folder / "file.yaml").stat().st_mode & 0o777 == 0o640
    before = (folder / "file.yaml").stat().st_mtime_ns
    assert wfec("fmt", "file.yaml").code == 0
    assert (folder / "file.yaml").stat().st_mtime_ns == before
    assert sorted(os.listdir()) == ["file.yaml", "link.yaml"]


@pytest.mark.acceptance("CLI-11")
def test_fmt_check_changes_nothing_shows_what_it_would_and_tells_by_its_exit_code(folder: Path, wfec: Wfec) -> None:
    write(folder, UGLY)
    result = wfec("fmt", "--check", "file.yaml")
    assert result.code == 1
    assert "+  id: ugly  # its name" in result.out
    assert (folder / "file.yaml").read_text() == UGLY
    write(folder, NEAT)
    assert wfec("fmt", "--check", "file.yaml").code == 0
    (folder / "file.yaml").write_bytes(NEAT.replace("\n", "\r\n").encode())
    assert wfec("fmt", "--check", "file.yaml").code == 1


@pytest.mark.acceptance("CLI-11", "CLI-01")
def test_a_file_with_errors_is_left_as_it_is_and_the_others_are_not(folder: Path, wfec: Wfec) -> None:
    write(folder, WRONG, "wrong.yaml")
    write(folder, UGLY)
    result = wfec("fmt", "wrong.yaml", "file.yaml")
    assert result.code == 3
    assert "wrong.yaml:1:" in result.err
    assert (folder / "wrong.yaml").read_text() == WRONG
    assert (folder / "file.yaml").read_text() == NEAT
    result = wfec("convert", "wrong.yaml", "--to", "wfe", "-o", "out.wfe")
    assert (result.code, result.out) == (3, "")
    assert not (folder / "out.wfe").exists()


def test_what_cannot_be_laid_out_or_is_not_there_is_told(folder: Path, wfec: Wfec) -> None:
    write(folder, "print()\n", "file.py")
    write(folder, UGLY)
    assert wfec("fmt", "file.py").code == 2
    assert wfec("fmt", "file.yaml", "nowhere.yaml").code == 4
    assert (folder / "file.yaml").read_text() == UGLY
    assert wfec("convert", "nowhere.yaml", "--to", "wfe").code == 4
    assert wfec("convert", ".", "--to", "wfe").code == 2
    assert wfec("convert", "file.yaml", "--to", "wfe", "-o", "out.yaml").code == 2
    (folder / "latin.yaml").write_bytes(b"# caf\xe9\n")
    assert wfec("fmt", "latin.yaml").code == 3


@pytest.mark.acceptance("CLI-10")
@pytest.mark.parametrize("text", [GREETING, FAMILY], ids=["one", "several"])
def test_converting_to_each_notation_and_back_keeps_the_hashes(folder: Path, wfec: Wfec, text: str) -> None:
    wanted = wfec("compile", write(folder, text), "--hash").out
    source = "file.yaml"
    for notation, name in (("wfe", "a.wfe"), ("python", "b.py"), ("wfe", "c.wfe"), ("yaml", "d.yaml")):
        assert wfec("convert", source, "--to", notation, "-o", name).code == 0, notation
        source = name
    assert wfec("compile", "d.yaml", "--hash").out == wanted
    assert wfec("compile", "a.wfe", "--hash").out == wanted
    printed = wfec("convert", "d.yaml", "--to", "yaml")
    assert printed.out == (folder / "d.yaml").read_text()


@pytest.mark.acceptance("CLI-10")
def test_includes_are_resolved_and_comments_and_variables_kept(folder: Path, wfec: Wfec) -> None:
    write(folder, "workflow: {id: part, version: 1, steps: [{name: p, config: {run: 'true'}}]}\n", "part.yaml")
    text = "include: [part.yaml]\n" + UGLY.replace('"true"', "echo ((who))")
    wfec("convert", write(folder, text), "--to", "wfe", "-o", "out.wfe")
    converted = (folder / "out.wfe").read_text()
    assert all(part in converted for part in ("# its name", "# the only one", "((who))", "workflow part"))


def test_a_converted_file_is_utf_8_in_any_locale(folder: Path) -> None:
    write(folder, UGLY.replace("version: 1", 'version: 1\n    name: "Déploiement 🚀"'))
    command = [sys.executable, "-m", "wfe_runtime", "convert", "file.yaml", "--to", "wfe"]
    done = subprocess.run(command, cwd=folder, env=environment(PYTHONIOENCODING="latin-1"), capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    assert '"Déploiement 🚀"' in done.stdout.decode()
