"""A process killed at any point of a write, a log torn at any byte: before or after, never between."""

import asyncio
import os
import shutil
import signal
import sqlite3
import subprocess
import sys

import pytest

from tests.crash import store_child
from tests.interpreter import WARNINGS_ARE_ERRORS
from wfe_runtime import faults
from wfe_runtime.providers.memory import MemoryStore
from wfe_runtime.providers.sqlite import SqliteStore

POINTS = [name for name in faults.points() if name.startswith("sqlite.") and name != "sqlite.after_schedule"]


async def expected_contents():
    """The content after 0, 1, 2 … steps, as the store in memory has it."""
    store = MemoryStore()
    await store.open()
    contents = [await store_child.content(store)]
    for number in range(store_child.STEPS):
        await store_child.step(store, number)
        contents.append(await store_child.content(store))
    return contents


async def read_content(path):
    store = SqliteStore(f"sqlite:///{path}")
    await store.open()
    try:
        return await store_child.content(store)
    finally:
        await store.close()


def check_integrity(path):
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


@pytest.mark.acceptance("STO-04", "ENG-01")
@pytest.mark.parametrize("count", [1, 3, 7])
@pytest.mark.parametrize("point", POINTS)
def test_a_process_killed_at_a_point_leaves_the_state_before_or_after_it(tmp_path, point, count):
    path = tmp_path / "wfe.db"
    killed = subprocess.run(
        [sys.executable, "-m", "tests.crash.store_child", f"sqlite:///{path}"],
        env={**os.environ, "WFE_FAULT": f"{point}:{count}"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert killed.returncode == -signal.SIGKILL
    acknowledged = len(killed.stdout.split())

    async def main():
        contents = await expected_contents()
        found = await read_content(path)
        assert found in (contents[acknowledged], contents[acknowledged + 1])
        if point in ("sqlite.after_commit", "sqlite.after_announce"):
            assert found in contents[count:], "what was committed is there"
        reached = contents.index(found)
        store = SqliteStore(f"sqlite:///{path}")
        await store.open()
        for number in range(reached, store_child.STEPS):
            await store_child.step(store, number)
        assert await store_child.content(store) == contents[-1], "it goes on as if nothing had happened"
        await store.close()

    asyncio.run(main())
    check_integrity(path)
    assert sorted(os.listdir(tmp_path)) == ["wfe.db"]


def test_a_process_that_is_not_killed_does_all_steps(tmp_path):
    path = tmp_path / "wfe.db"
    done = subprocess.run(
        [sys.executable, *WARNINGS_ARE_ERRORS, "-m", "tests.crash.store_child", f"sqlite:///{path}"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == [str(number) for number in range(store_child.STEPS)]
    assert done.stderr == ""

    async def main():
        assert await read_content(path) == (await expected_contents())[-1]

    asyncio.run(main())


async def record(path):
    """Make all steps. Returns a copy of the file, its log, and the log's length after each step."""
    log = path.with_name("wfe.db-wal")
    copy = path.with_name("copy")
    store = SqliteStore(f"sqlite:///{path}")
    await store.open()
    lengths = [log.stat().st_size]
    for number in range(store_child.STEPS):
        await store_child.step(store, number)
        lengths.append(log.stat().st_size)
    shutil.copy(path, copy)
    content = log.read_bytes()
    await store.close()
    return copy, content, lengths


async def read_torn(copy, path, log):
    """Return the content of a store with that log instead of its own."""
    shutil.copy(copy, path)
    path.with_name(f"{path.name}-wal").write_bytes(log)
    return await read_content(path)


@pytest.mark.acceptance("STO-15")
def test_a_log_torn_after_the_last_acknowledged_commit_loses_nothing(tmp_path):
    async def main():
        contents = await expected_contents()
        copy, log, lengths = await record(tmp_path / "wfe.db")
        for acknowledged in (3, 7, store_child.STEPS - 1):
            kept = lengths[acknowledged]
            following = log[kept : lengths[acknowledged + 1]]
            tails = [following[: n * len(following) // 9] for n in range(9)]
            tails += [following[:-1], os.urandom(5000), b"\0" * 4096, following[:24] + os.urandom(4096)]
            for number, tail in enumerate(tails):
                path = tmp_path / f"torn-{acknowledged}-{number}.db"
                assert await read_torn(copy, path, log[:kept] + tail) == contents[acknowledged], number

    asyncio.run(main())


@pytest.mark.acceptance("STO-15")
def test_a_log_cut_earlier_leaves_a_committed_prefix(tmp_path):
    async def main():
        contents = await expected_contents()
        copy, log, lengths = await record(tmp_path / "wfe.db")
        cuts = {0, 1, 31, 32, 33} | {length + off for length in lengths[:-1] for off in (-1, 0, 1, 2000)}
        for cut in sorted(cuts):
            reached = max(sum(length <= cut for length in lengths) - 1, 0)
            assert await read_torn(copy, tmp_path / f"cut-{cut}.db", log[:cut]) == contents[reached], cut

    asyncio.run(main())
