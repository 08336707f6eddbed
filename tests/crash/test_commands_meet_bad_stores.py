"""A store that can't be used: exit 5, the file and the cure named, and the run goes on once the cause is gone."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import environment
from tests.crash.launcher import Launcher, Outcome
from tests.crash.pipelines import count_effects, many_steps, read_journal

NAME = "troubled"
PIPELINE = many_steps(sequence=8, branches=(3, 3), items=6, child=5)
OUTPUTS = {"doubles": [0, 2, 4, 6, 8, 10], "child": 5}
PAGE = 4096


@pytest.fixture(scope="module")
def launcher() -> Iterator[Launcher]:
    with Launcher() as launcher:
        yield launcher


@pytest.fixture
def begun(launcher: Launcher, tmp_path: Path) -> Path:
    """A folder with a run that was suspended after its first steps."""
    (tmp_path / "file.yaml").write_text(PIPELINE)
    assert launcher.run(tmp_path, "run", "file.yaml", "--name", NAME, "--until", "s2").code == 6
    assert [path for _, path, _ in count_effects(tmp_path)] == ["s0", "s1", "s2"]
    return tmp_path


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB, which only root can have."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a small file system needs root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def check_refused(outcome: Outcome, file: Path, cure: str) -> None:
    assert outcome.code == 5, outcome
    assert str(file) in outcome.err
    assert cure in outcome.err
    assert "Traceback" not in outcome.err


def check_goes_on(launcher: Launcher, folder: Path, *store: str) -> None:
    """Resume the run to its end: all is done, and what was done before is not done again."""
    outcome = launcher.run(folder, "resume", NAME, "--json", *store)
    assert (outcome.code, outcome.last["outputs"]) == (0, OUTPUTS), outcome
    effects = count_effects(folder)
    assert len(effects) == 25
    assert [path for (_, path, _), count in effects.items() if count > 1 and path in ("s0", "s1", "s2")] == []


def damage(file: Path) -> Callable[[], None]:
    whole = file.read_bytes()
    broken = bytearray(whole)
    for table in ("journal", "runs", "run_details"):
        connection = sqlite3.connect(file)
        (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
        connection.close()
        broken[(page - 1) * PAGE : page * PAGE] = b"\xff" * PAGE
    file.write_bytes(broken)

    def mend() -> None:
        assert file.read_bytes() == bytes(broken), "it was left as it was"
        file.write_bytes(whole)

    return mend


def replace_by_text(file: Path) -> Callable[[], None]:
    whole = file.read_bytes()
    file.write_text("these are my notes\n" * 500)

    def mend() -> None:
        assert file.read_text() == "these are my notes\n" * 500
        file.write_bytes(whole)

    return mend


def replace_by_another_programs(file: Path) -> Callable[[], None]:
    aside = file.rename(file.with_name("aside.db"))
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    theirs = file.read_bytes()

    def mend() -> None:
        assert file.read_bytes() == theirs
        aside.rename(file)

    return mend


def make_newer(file: Path) -> Callable[[], None]:
    connection = sqlite3.connect(file)
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    connection.execute("PRAGMA user_version = 12345")
    connection.close()

    def mend() -> None:
        connection = sqlite3.connect(file)
        connection.execute(f"PRAGMA user_version = {version}")
        connection.close()

    return mend


@pytest.mark.acceptance("STO-08", "STO-15", "CLI-01")
@pytest.mark.parametrize(
    ("spoil", "cure"),
    [
        (damage, "put back a copy"),
        (replace_by_text, "name another store"),
        (replace_by_another_programs, "name another file"),
        (make_newer, "update WFE on this host"),
    ],
)
def test_a_store_that_is_none_of_ours_or_spoilt_is_refused_and_left_alone(
    launcher: Launcher, begun: Path, spoil: Callable[[Path], Callable[[], None]], cure: str
) -> None:
    file = begun / ".wfe" / "wfe.db"
    mend = spoil(file)
    for argv in (("resume", NAME), ("run", "file.yaml"), ("list",)):
        check_refused(launcher.run(begun, *argv), file, cure)
    mend()
    check_goes_on(launcher, begun)


@pytest.mark.acceptance("STO-13", "CLI-01")
def test_a_store_that_another_program_has_locked_is_named_and_can_be_used_afterwards(
    launcher: Launcher, begun: Path
) -> None:
    file = begun / ".wfe" / "wfe.db"
    store = ("--store", "sqlite:///.wfe/wfe.db?timeout=100ms")
    for mode in ("NORMAL", "EXCLUSIVE"):
        other = sqlite3.connect(file, isolation_level=None)
        other.execute(f"PRAGMA locking_mode = {mode}")
        other.execute("BEGIN EXCLUSIVE")
        check_refused(launcher.run(begun, "resume", NAME, *store), file, f"fuser {file}")
        other.execute("ROLLBACK")
        other.close()
    check_goes_on(launcher, begun, *store)


@pytest.mark.acceptance("STO-14", "CLI-01")
@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_store_that_can_not_be_written_is_named_with_what_to_do(launcher: Launcher, begun: Path, what: str) -> None:
    file = begun / ".wfe" / "wfe.db"
    target, mode, cured = (file, 0o400, 0o600) if what == "file" else (file.parent, 0o500, 0o700)
    lesser: list[str] = []
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("root may write everything, and setpriv is not here to take that right away")
        lesser = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--inh-caps", "-all"]
    target.chmod(mode)
    done = subprocess.run(
        [*lesser, sys.executable, "-m", "wfe_runtime", "resume", NAME],
        cwd=begun,
        env=environment(TMPDIR=launcher.temporary),
        capture_output=True,
        text=True,
    )
    target.chmod(cured)
    check_refused(Outcome(done.returncode, done.stdout, done.stderr, {}), file, f"chmod u+w {target}")
    check_goes_on(launcher, begun)


@pytest.mark.acceptance("STO-14", "ENG-17", "CLI-01")
@pytest.mark.parametrize("room", [0, 150_000])
def test_a_disk_that_is_full_or_fills_up_on_the_way_loses_nothing_that_was_committed(
    launcher: Launcher, small_disk: Path, room: int
) -> None:
    folder, ballast = small_disk, small_disk / "ballast"
    file = folder / ".wfe" / "wfe.db"
    (folder / "file.yaml").write_text(PIPELINE)
    assert launcher.run(folder, "run", "file.yaml", "--name", NAME, "--until", "s2").code == 6
    free = os.statvfs(folder)
    ballast.write_bytes(b"\0" * (free.f_bavail * free.f_frsize - room))
    outside = launcher.run(folder, "resume", NAME, "--json")
    ended = read_journal(folder).ended if room else set()
    ballast.unlink()
    check_refused(outside, file, "make room")
    journal = read_journal(folder)
    assert ended <= journal.ended
    assert (len(journal.ended) > 3) == bool(room)
    before = count_effects(folder)
    check_goes_on(launcher, folder)
    after = count_effects(folder)
    assert {attempt: before[attempt] for attempt in journal.ended} == {
        attempt: after[attempt] for attempt in journal.ended
    }


@pytest.mark.acceptance("STO-14", "CLI-01")
@pytest.mark.parametrize("point", ["sqlite.after_guard", "sqlite.after_journal"])  # in commits of advances alone
def test_a_disk_that_fails_in_the_middle_stops_the_command_and_not_the_run(
    launcher: Launcher, begun: Path, point: str
) -> None:
    outcome = launcher.run(begun, "resume", NAME, "--json", fault=f"{point}:9:eio")
    check_refused(outcome, begun / ".wfe" / "wfe.db", "check the disk")
    before, ended = count_effects(begun), read_journal(begun).ended
    assert len(ended) > 3
    check_goes_on(launcher, begun)
    after = count_effects(begun)
    assert {attempt: before[attempt] for attempt in ended} == {attempt: after[attempt] for attempt in ended}
