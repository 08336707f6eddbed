"""The private folder for temporary files."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from wfe_runtime.executors.problems import TaskProblem
from wfe_runtime.executors.scratch import Scratch


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Scratch]:
    made = Scratch(str(tmp_path))
    yield made
    made.close()


@pytest.mark.acceptance("SEC-02")
def test_files_are_for_this_user_only_whatever_the_umask(scratch: Scratch) -> None:
    old = os.umask(0)
    try:
        path = Path(scratch.write(scratch.new_name("value"), b"secret"))
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert path.read_bytes() == b"secret"


def test_nothing_is_made_before_it_is_needed_and_nothing_is_left_after_close(tmp_path: Path) -> None:
    scratch = Scratch(str(tmp_path))
    scratch.remove(["1-value"])
    scratch.close()
    assert list(tmp_path.iterdir()) == []
    scratch.write("a", b"")
    (tmp_path / os.listdir(tmp_path)[0] / "left by a step").touch()
    scratch.close()
    scratch.close()
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_never_written_over_or_through_a_link(scratch: Scratch, tmp_path: Path) -> None:
    name = scratch.new_name("value")
    os.symlink(tmp_path / "target", scratch.path_of(name))
    with pytest.raises(TaskProblem, match="File exists"):
        scratch.write(name, b"x")
    assert not (tmp_path / "target").exists()


def test_a_missing_file_reads_as_none_and_a_long_one_is_refused(scratch: Scratch) -> None:
    scratch.write("exact", b"12345")
    assert scratch.read("missing", 5, "$OUT") is None
    assert scratch.read("exact", 5, "$OUT") == b"12345"
    with pytest.raises(TaskProblem, match=r"\$OUT is longer than the 4 bytes") as caught:
        scratch.read("exact", 4, "$OUT")
    assert caught.value.kind == "limit"


def test_a_folder_that_was_removed_is_made_anew(scratch: Scratch, tmp_path: Path) -> None:
    first = Path(scratch.write("a", b"1"))
    shutil.rmtree(first.parent)
    second = Path(scratch.write("a", b"2"))
    assert second.read_bytes() == b"2"
    assert [entry.name for entry in tmp_path.iterdir()] == [second.parent.name]


def test_a_folder_that_can_not_be_made_is_an_error_that_names_the_cure(tmp_path: Path) -> None:
    with pytest.raises(TaskProblem, match="TMPDIR"):
        Scratch(str(tmp_path / "missing")).path_of("a")


def test_a_link_with_the_name_of_an_abandoned_folder_is_left_alone(scratch: Scratch, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").touch()
    (tmp_path / "mine" / ".wfe-scratch").touch()
    os.utime(tmp_path / "mine", (0, 0))
    os.symlink(tmp_path / "mine", tmp_path / "wfe-scratch-link")
    scratch.path_of("a")
    assert (tmp_path / "mine" / "file").exists()
