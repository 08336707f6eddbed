"""What goes wrong with the file: each cause has its code, names the file and the cure, and loses nothing."""

import asyncio
import os
import shutil
import sqlite3
import subprocess

import pytest

from tests.providers.contract.rows import advance, new
from tests.providers.opening import opened_file
from wfe_runtime import faults
from wfe_runtime.errors import StoreError
from wfe_runtime.providers.rows import InboxPost, LogRow, NewEvent, RunFilter
from wfe_runtime.providers.sqlite import SqliteStore, lookout, session
from wfe_runtime.providers.sqlite.schema import APPLICATION, MIGRATIONS


async def refusal(path, options=""):
    with pytest.raises(StoreError) as caught:
        async with opened_file(path, options):
            pass
    assert str(path) in caught.value.message
    assert caught.value.hint
    return caught.value


async def fill(path, runs=3):
    async with opened_file(path) as store:
        for n in range(runs):
            await store.create_run(new(f"r{n}"))
            await store.commit([advance(f"r{n}", 0, journal=((1, 1, b"x" * 3000),))])


def check_integrity(path):
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


@pytest.fixture
def disarmed():
    yield
    faults.disarm()


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1.5 MB, which only root can have."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = (
        shutil.which("mount")
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1536k", "tmpfs", str(folder)], capture_output=True
        ).returncode
    )
    if not mounted:
        pytest.skip("mounting a small file system needs root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.acceptance("STO-15")
def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_bytes(b"these are my notes\n" * 500)
    before = path.read_bytes()
    error = asyncio.run(refusal(path))
    assert (error.code, error.transient) == ("damaged", False)
    assert path.read_bytes() == before


@pytest.mark.acceptance("STO-15")
@pytest.mark.parametrize("table", ["journal", "runs", "run_details"])
def test_a_damaged_page_is_met_as_an_error_in_reading_and_in_writing_and_never_replaced(tmp_path, table):
    path = tmp_path / "wfe.db"

    async def main():
        await fill(path)
        connection = sqlite3.connect(path)
        (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
        connection.close()
        content = bytearray(path.read_bytes())
        content[(page - 1) * 4096 : page * 4096] = b"\xff" * 4096
        before = bytes(content)
        path.write_bytes(before)
        async with opened_file(path) as store:
            with pytest.raises(StoreError) as reading:
                await store.load_state("r0")
            with pytest.raises(StoreError) as writing:
                await store.commit([advance("r0", 1)])
        for caught in (reading, writing):
            assert caught.value.code == "damaged"
            assert str(path) in caught.value.message
        assert path.read_bytes() == before

    asyncio.run(main())


def test_a_file_cut_in_half_is_damaged_and_a_copy_put_back_without_its_log_is_told_to_be_the_cure(tmp_path):
    path = tmp_path / "wfe.db"

    async def main():
        await fill(path, 50)
        os.truncate(path, path.stat().st_size // 2)

        async def read_all():
            async with opened_file(path) as store:
                for n in range(50):
                    await store.load_state(f"r{n}")

        with pytest.raises(StoreError) as caught:
            await read_all()
        assert caught.value.code == "damaged"
        assert f"put back a copy (delete {path}-wal and {path}-shm first" in caught.value.hint

    asyncio.run(main())


@pytest.mark.acceptance("STO-15")
def test_a_database_of_another_program_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "other.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs (x)")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    assert asyncio.run(refusal(path)).code == "foreign"
    assert path.read_bytes() == before


def test_a_database_that_another_program_has_marked_as_its_own_is_refused(tmp_path):
    path = tmp_path / "other.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA application_id = 77")
    connection.close()
    assert asyncio.run(refusal(path)).code == "foreign"


@pytest.mark.acceptance("STO-08")
def test_a_store_of_a_newer_version_is_refused_naming_both(tmp_path):
    path = tmp_path / "wfe.db"
    asyncio.run(fill(path))
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 12345")
    connection.close()
    error = asyncio.run(refusal(path))
    assert error.code == "newer"
    assert "12345" in error.message
    assert f"knows {len(MIGRATIONS)}" in error.message


def test_a_store_whose_mark_has_no_tables_behind_it_is_damaged(tmp_path):
    path = tmp_path / "wfe.db"
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    connection.close()
    assert asyncio.run(refusal(path)).code == "damaged"


def test_an_empty_file_becomes_a_store(tmp_path):
    path = tmp_path / "wfe.db"
    path.touch()
    asyncio.run(fill(path))


@pytest.mark.acceptance("STO-14")
@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_read_only_file_or_folder_is_refused_by_name(tmp_path, what):
    folder = tmp_path / "folder"
    path = folder / "wfe.db"
    asyncio.run(fill(path))
    target, mode = (path, 0o400) if what == "file" else (folder, 0o500)
    target.chmod(mode)
    try:
        error = asyncio.run(refusal(path))
    finally:
        target.chmod(0o700)
    assert error.code == "read-only"
    assert f"chmod u+w {target}" in error.hint
    asyncio.run(fill(path, 1))


@pytest.mark.acceptance("STO-14")
def test_a_read_only_file_system_is_refused_and_a_store_that_becomes_it_recovers(small_disk):
    path = small_disk / "wfe.db"

    def remount(mode):
        subprocess.run(["mount", "-o", f"remount,{mode}", str(small_disk)], check=True)

    async def main():
        await fill(path)
        remount("ro")
        error = await refusal(path)
        assert error.code == "read-only"
        remount("rw")
        async with opened_file(path) as store:
            assert await store.commit([advance("r0", 1)]) == [True]
        check_integrity(path)

    asyncio.run(main())


@pytest.mark.acceptance("STO-14", "ENG-17")
def test_a_full_disk_refuses_commits_keeps_what_was_committed_and_recovers(small_disk):
    path = small_disk / "wfe.db"
    ballast = small_disk / "ballast"

    async def main():
        async with opened_file(path) as store:
            await store.create_run(new("r0"))
            ballast.write_bytes(b"\0" * 400_000)
            accepted = 0
            while True:
                try:
                    await store.commit(
                        [advance("r0", accepted, journal=((accepted + 1, 0, b"\xc4" + os.urandom(20000)),))]
                    )
                except StoreError as error:
                    full = error
                    break
                accepted += 1
            assert accepted > 0
            assert (full.code, full.transient) == ("full", True)
            assert str(small_disk) in full.hint
            assert (await store.get_run("r0")).sequence == accepted
            assert len(await store.read_journal("r0")) == accepted
            ballast.unlink()
            assert await store.commit([advance("r0", accepted)]) == [True]
            assert len(await store.read_journal("r0")) == accepted + 1
        check_integrity(path)

    asyncio.run(main())


WRITES = [
    lambda store: store.commit([advance("r0", 1), advance("r1", 1, posts=(InboxPost("r0", "e", b""),))]),
    lambda store: store.commit([advance("r0", 1, children=(new("c1"),), snapshot=b"s")]),
    lambda store: store.create_run(new("r9"), [InboxPost("r9", "e", b"")]),
    lambda store: store.append_logs([LogRow("r0", "s", 1, "stdout", 1, "text")]),
    lambda store: store.publish([NewEvent("e1", "paid", "", 1, b"")]),
]

COMMITS = 2  # so many of the writes are commits
PUBLISHING = 4  # the one that is about events


async def content(store):
    return [
        (
            await store.load_state(f"{run}"),
            await store.read_inbox([run]),
            await store.read_logs(run),
            await store.read_events("paid", ""),
        )
        for run in ("r0", "r1", "r9", "c1")
    ]


@pytest.mark.acceptance("STO-04", "STO-14")
@pytest.mark.parametrize("write", range(len(WRITES)))
@pytest.mark.parametrize(("error", "code"), [("enospc", "full"), ("eio", "io")])
def test_a_write_that_fails_at_any_point_changes_nothing_and_succeeds_afterwards(
    tmp_path, disarmed, write, error, code
):
    path = tmp_path / "wfe.db"

    async def main():
        await fill(path)
        failed = 0
        async with opened_file(path) as store:
            before = await content(store)
            for point in faults.points():
                if not point.startswith("sqlite.") or point in ("sqlite.after_commit", "sqlite.after_announce"):
                    continue
                if point in ("sqlite.after_place", "sqlite.after_schedule"):
                    continue  # no run of these has one
                if write != PUBLISHING and point == "sqlite.after_signals":
                    continue
                if write >= COMMITS and point in ("sqlite.after_guard", "sqlite.after_journal"):
                    continue
                faults.arm(f"{point}:1:{error}")
                with pytest.raises(StoreError) as caught:
                    await WRITES[write](store)
                assert (caught.value.code, caught.value.transient) == (code, True)
                assert str(path) in caught.value.message
                assert await content(store) == before
                failed += 1
            assert failed >= 3
            await WRITES[write](store)
            after = await content(store)
            assert after != before
        async with opened_file(path) as store:
            assert await content(store) == after
        check_integrity(path)

    asyncio.run(main())


def test_a_fault_of_the_disk_in_a_group_is_told_to_each_of_it_and_hurts_no_later_one(tmp_path, disarmed):
    async def main():
        path = tmp_path / "wfe.db"
        await fill(path)
        async with opened_file(path) as store:
            faults.arm("sqlite.before_commit:1:eio")
            answers = await asyncio.gather(
                *(store.commit([advance(f"r{n}", 1)]) for n in range(3)), return_exceptions=True
            )
            refused = [answer for answer in answers if isinstance(answer, StoreError)]
            assert {error.code for error in refused} == {"io"}
            assert refused
            for n, answer in enumerate(answers):
                expected = 1 if isinstance(answer, StoreError) else 2
                assert (await store.get_run(f"r{n}")).sequence == expected
                assert await store.commit([advance(f"r{n}", expected)]) == [True]

    asyncio.run(main())


@pytest.mark.acceptance("STO-13")
def test_a_lock_held_by_another_program_is_waited_for_and_then_named(tmp_path):
    path = tmp_path / "wfe.db"

    async def main():
        await fill(path)
        other = sqlite3.connect(path, isolation_level=None)
        async with opened_file(path, "?timeout=100ms") as store:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreError) as caught:
                await store.commit([advance("r0", 1)])
            assert (caught.value.code, caught.value.transient) == ("locked", True)
            assert str(path) in caught.value.message
            assert (await store.get_run("r0")).sequence == 1
            other.execute("ROLLBACK")
            assert await store.commit([advance("r0", 1)]) == [True]
        other.close()

    asyncio.run(main())


def test_a_store_that_another_program_holds_for_itself_can_not_be_opened_until_it_lets_go(tmp_path):
    path = tmp_path / "wfe.db"

    async def main():
        await fill(path)
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        error = await refusal(path, "?timeout=100ms")
        assert (error.code, error.transient) == ("locked", True)
        other.execute("ROLLBACK")
        other.close()
        async with opened_file(path) as store:
            assert await store.get_run("r0") is not None

    asyncio.run(main())


def delete(path):
    path.unlink()


def replace(path):
    path.with_suffix(".new").write_bytes(path.read_bytes())
    path.with_suffix(".new").rename(path)


@pytest.mark.acceptance("STO-15")
@pytest.mark.parametrize(("take_away", "happened"), [(delete, "deleted"), (replace, "replaced")])
def test_a_run_that_ends_in_a_file_that_is_no_longer_the_stores_is_told_so(tmp_path, take_away, happened):
    path = tmp_path / "wfe.db"

    async def main():
        store = SqliteStore(f"sqlite:///{path}")
        await store.open()
        await store.create_run(new("r1"))
        await store.create_run(new("r2"))
        take_away(path)
        commit = advance("r1", 0, status="succeeded", ended=5, result=b"x")
        for asked in (store.commit([commit, advance("r2", 0)]), store.post([InboxPost("r2", "e", b"")]), store.close()):
            with pytest.raises(StoreError, match=happened) as caught:
                await asked
            assert str(path) in caught.value.message
            assert caught.value.hint
        await store.close()

    asyncio.run(main())


async def outcome(asked):
    try:
        await asked
    except StoreError as error:
        return error.code
    return "served"


def test_a_file_that_is_gone_is_noticed_in_the_middle_of_long_runs_and_at_the_end_of_short_ones(tmp_path, monkeypatch):
    monkeypatch.setattr(session, "LOOK_EVERY", 4)
    path = tmp_path / "wfe.db"

    async def main():
        store = SqliteStore(f"sqlite:///{path}")
        await store.open()
        await store.create_run(new("r1"))
        aside = path.rename(tmp_path / "aside.db")
        answers = [await outcome(store.commit([advance("r1", sequence)])) for sequence in range(5)]
        served = answers.count("served")
        assert answers == ["served"] * served + ["unreachable"] * (5 - served)
        assert served < 4
        with pytest.raises(StoreError, match="deleted"):
            await store.post([InboxPost("r1", "e", b"")])
        aside.rename(path)
        assert await store.post([InboxPost("r1", "e", b"")]) == [1]
        await store.close()

    asyncio.run(main())


def delete_log(path):
    delete(path.with_name(f"{path.name}-wal"))


def replace_log(path):
    replace(path.with_name(f"{path.name}-wal"))


TAKEN = [(delete, "deleted"), (replace, "replaced"), (delete_log, "wal was deleted"), (replace_log, "wal was replaced")]


@pytest.mark.acceptance("STO-15")
@pytest.mark.parametrize(("take_away", "happened"), TAKEN)
def test_whoever_watches_a_store_hears_that_a_file_of_it_was_taken_away_though_nobody_writes(
    tmp_path, monkeypatch, take_away, happened
):
    monkeypatch.setattr(lookout, "SECONDS", 0.01)
    path = tmp_path / "wfe.db"

    async def main():
        store = SqliteStore(f"sqlite:///{path}")
        await store.open()
        await store.create_run(new("r1"))
        heard = asyncio.Event()
        store.watch(lambda _: heard.set())
        take_away(path)
        while await outcome(store.get_run("r1")) == "served":
            heard.clear()
            await heard.wait()
        for asked in (store.get_run, store.load_state):
            with pytest.raises(StoreError, match=happened) as caught:
                await asked("r1")
            assert str(path) in caught.value.message
            assert caught.value.hint
        assert await outcome(store.create_run(new("r2"))) == "unreachable"
        assert await outcome(store.close()) == ("served" if "wal" in happened else "unreachable")

    asyncio.run(main())


@pytest.mark.acceptance("STO-13")
def test_a_copy_that_sqlite_makes_of_a_store_in_use_is_a_store_with_all_that_was_committed(tmp_path):
    path, copy = tmp_path / "wfe.db", tmp_path / "copy.db"

    async def main():
        async with opened_file(path) as store:
            await store.create_run(new("r1"))
            assert await store.commit([advance("r1", 0)]) == [True]
            connection = sqlite3.connect(path)
            connection.execute(f"VACUUM INTO '{copy}'")
            connection.close()
            assert await store.commit([advance("r1", 1)]) == [True]
        async with opened_file(copy) as store:
            assert (await store.get_run("r1")).sequence == 1
            assert await store.commit([advance("r1", 1)]) == [True]

    asyncio.run(main())
    check_integrity(copy)


@pytest.mark.acceptance("STO-15")
def test_what_was_committed_before_the_log_was_deleted_is_saved_as_the_last_process_ends(tmp_path):
    path = tmp_path / "wfe.db"

    async def main():
        store = SqliteStore(f"sqlite:///{path}")
        await store.open()
        await store.create_run(new("r1"))
        await store.commit([advance("r1", 0)])
        delete_log(path)
        ended = advance("r1", 1, status="succeeded", ended=5, result=b"x")
        with pytest.raises(StoreError, match="wal was deleted") as caught:
            await store.commit([ended])
        assert caught.value.code == "unreachable"
        await store.close()
        await store.open()
        row = await store.get_run("r1")
        assert (row.status, row.sequence) == ("succeeded", 2)
        await store.close()

    asyncio.run(main())


@pytest.mark.acceptance("STO-15")
def test_a_store_that_is_opened_beside_a_deleted_log_says_so_and_not_that_the_disk_is_bad(tmp_path):
    path = tmp_path / "wfe.db"

    async def main():
        store = SqliteStore(f"sqlite:///{path}")
        await store.open()
        await store.create_run(new("r1"))
        delete_log(path)
        with pytest.raises(StoreError, match="write-ahead log") as caught:
            await SqliteStore(f"sqlite:///{path}").open()
        assert caught.value.code == "unreachable"
        assert f"fuser {path}" in caught.value.hint
        await store.close()
        async with opened_file(path) as store:
            assert await store.get_run("r1") is not None

    asyncio.run(main())


def test_who_only_looks_into_a_store_is_not_told_that_it_was_deleted(tmp_path):
    path = tmp_path / "wfe.db"

    async def main():
        await fill(path)
        async with opened_file(path) as store:
            path.unlink()
            assert len(await store.list_runs(RunFilter())) == 3

    asyncio.run(main())
