"""Several processes, or several stores that know nothing of each other, on one file."""

import asyncio
import os
import socket
import sqlite3
import subprocess
import sys

import pytest

from tests.interpreter import WARNINGS_ARE_ERRORS
from tests.providers.contract.rows import host, new, start_process
from tests.providers.opening import opened_file
from wfe_runtime.providers.hosts import this_host
from wfe_runtime.providers.rows import InboxPost, RunFilter
from wfe_runtime.providers.sqlite import lookout, notify

BUSY = """
import asyncio, sys
from wfe_runtime.providers.contracts import InboxPost, LogRow, NewRun, RunCommit, RunFilter
from wfe_runtime.providers.sqlite import SqliteStore

async def one(store, id):
    await store.create_run(NewRun(id, "w", 1, "h", b"", 1))
    for n in range(10):
        commit = RunCommit(id, n, 0, n + 1, "running", ((n + 1, n, b"d" * 300),))
        assert await store.commit([commit]) == [True]
        await store.append_logs([LogRow(id, "s", 1, "stdout", n, f"line {n}")])
        assert (await store.load_state(id)).run.sequence == n + 1

async def main():
    store = SqliteStore(sys.argv[1])
    await store.open()
    await asyncio.gather(*(one(store, f"{sys.argv[2]}-{n}") for n in range(5)))
    await store.close()

asyncio.run(main())
"""


class Listener:
    """Collects what a store's watcher hears, and waits for it."""

    def __init__(self, store):
        self.heard = []
        self._news = asyncio.Event()
        store.watch(self._listen)

    def _listen(self, runs):
        self.heard.append(runs)
        self._news.set()

    async def until(self, met):
        while not any(met(runs) for runs in self.heard):
            self._news.clear()
            await self._news.wait()


async def acquainted(*stores):
    """Wait until each store's socket is known to all the others: who comes during a commit may miss its message."""
    while any(len(store._notifier._peers) < len(stores) - 1 for store in stores):  # noqa: ASYNC110 - nothing tells it
        await asyncio.sleep(0)


@pytest.mark.acceptance("STO-13")
def test_eight_processes_write_and_read_one_file_and_nobody_sees_a_lock(tmp_path):
    path = tmp_path / "wfe.db"
    processes = [
        subprocess.Popen(
            [sys.executable, *WARNINGS_ARE_ERRORS, "-c", BUSY, f"sqlite:///{path}", str(n)],
            stderr=subprocess.PIPE,
            text=True,
        )
        for n in range(8)
    ]
    for process in processes:
        _, problem = process.communicate()
        assert (process.returncode, problem) == (0, "")

    async def main():
        async with opened_file(path) as store:
            rows = await store.list_runs(RunFilter())
            assert {row.name for row in rows} == {f"w-{n}" for n in range(1, 41)}
            assert {row.sequence for row in rows} == {10}
            for row in rows:
                assert [log.text for log in await store.read_logs(row.id)] == [f"line {n}" for n in range(10)]

    asyncio.run(main())
    assert os.listdir(tmp_path) == ["wfe.db"]


@pytest.mark.acceptance("ENG-09")
def test_a_commit_of_another_process_is_heard_of_by_its_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(lookout, "SECONDS", 3600.0)
    script = BUSY.replace("range(5)", "range(1)").replace("range(10)", "range(1)")

    async def main():
        async with opened_file(tmp_path / "wfe.db") as store:
            listener = Listener(store)
            await store.create_run(new("mine"))
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", script, f"sqlite:///{tmp_path}/wfe.db", "theirs"
            )
            await listener.until(lambda runs: "theirs-0" in runs)
            assert await process.wait() == 0

    asyncio.run(main())


@pytest.mark.parametrize("length", [20, 200])
def test_stores_hear_of_each_other_however_long_the_path_is(tmp_path, monkeypatch, length):
    monkeypatch.setattr(lookout, "SECONDS", 3600.0)
    path = tmp_path / ("x" * length) / "wfe.db"

    async def main():
        async with opened_file(path) as first, opened_file(path) as second, opened_file(path) as third:
            listeners = [Listener(store) for store in (first, second, third)]
            await acquainted(first, second, third)
            await first.create_run(new("r1"))
            for listener in listeners:
                await listener.until(lambda runs: "r1" in runs)
            await third.post([InboxPost("r1", "e", b"")])
            await second.create_run(new("r2"))
            for listener in listeners:
                await listener.until(lambda runs: "r2" in runs)

    asyncio.run(main())


def test_many_runs_or_a_message_that_can_not_be_read_mean_look_at_everything(tmp_path, monkeypatch):
    monkeypatch.setattr(lookout, "SECONDS", 3600.0)
    path = tmp_path / "wfe.db"

    async def main():
        async with opened_file(path) as first, opened_file(path) as second:
            await second.create_run(new("parent"))
            listener = Listener(first)
            await first.create_run(new("r1"))
            await listener.until(lambda runs: "r1" in runs)
            # Whatever is sent now comes after the socket of the first was found.
            posts = [InboxPost("parent", "e", b"")]
            ids = [f"many-{n}" for n in range(notify.MANY + 1)]
            await asyncio.gather(*(second.create_run(new(id)) for id in ids))
            await second.post([InboxPost(id, "e", b"") for id in ids] + posts)
            await listener.until(lambda runs: not runs)
            listener.heard.clear()
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stranger:
                for name in os.listdir(f"{path}-wake"):
                    for message in (b"=\xc1", b"?", b"", b"+../../x", b"+"):
                        stranger.sendto(message, f"{path}-wake/{name}")
            await listener.until(lambda runs: not runs)

    asyncio.run(main())


def test_the_socket_of_a_process_that_was_killed_is_removed_by_the_next_that_meets_it(tmp_path):
    path = tmp_path / "wfe.db"
    folder = tmp_path / "wfe.db-wake"
    folder.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as left_behind:
        left_behind.bind(f"{folder}/1-dead")

    async def main():
        async with opened_file(path) as store:
            await store.create_run(new("r1"))
            await store.create_run(new("r2"))
            assert "1-dead" not in os.listdir(folder)

    asyncio.run(main())
    assert not folder.exists()


def test_without_sockets_a_store_works_and_finds_foreign_commits_by_itself(tmp_path, monkeypatch):
    monkeypatch.setattr(lookout, "SECONDS", 0.01)
    path = tmp_path / "wfe.db"
    (tmp_path / "wfe.db-wake").write_text("in the way of the folder")

    async def main():
        async with opened_file(path) as first, opened_file(path) as second:
            listener = Listener(first)
            await second.create_run(new("r1"))
            await listener.until(lambda runs: not runs)
            assert await first.get_run("r1") is not None

    asyncio.run(main())


@pytest.mark.acceptance("ENG-08")
def test_a_commit_that_nobody_told_of_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(lookout, "SECONDS", 0.01)
    path = tmp_path / "wfe.db"

    async def main():
        async with opened_file(path) as store:
            await store.create_run(new("r1"))
            listener = Listener(store)
            other = sqlite3.connect(path)
            other.execute("INSERT INTO inbox (run, kind, payload) VALUES (1, 'e', x'')")
            other.commit()
            other.close()
            await listener.until(lambda runs: not runs)

    asyncio.run(main())


def test_a_log_that_changed_just_now_is_asked_about_once_more(tmp_path):
    """Two commits within one tick of the kernel's clock leave one time, and a log that starts anew keeps its size."""

    async def main():
        log = tmp_path / "wfe.db-wal"
        log.write_bytes(b"1")
        asked = []

        def ask():
            future = asyncio.get_running_loop().create_future()
            future.set_result(False)
            asked.append(future)
            return future

        look = lookout.Lookout(str(tmp_path / "wfe.db"), ask, lambda: None, pytest.fail)
        for _ in range(3):
            await asyncio.sleep(0)
            os.utime(log, ns=(look._state[0], look._state[0]))
            look.stop()
            look._turn()
        look.stop()
        assert len(asked) > 1

    asyncio.run(main())


@pytest.mark.acceptance("ENG-02")
def test_of_hosts_that_were_killed_no_rows_pile_up_and_what_they_had_is_found_as_before(tmp_path):
    path = tmp_path / "wfe.db"
    now = 100 * 24 * 3_600_000
    process, killed = start_process("killed")
    new_one = this_host()

    def known():
        connection = sqlite3.connect(path)
        rows = connection.execute("SELECT id FROM hosts ORDER BY id").fetchall()
        connection.close()
        return [id for (id,) in rows]

    async def main():
        async with opened_file(path) as store:
            for one, time in ((killed, now), (host("left"), now - 31 * 24 * 3_600_000), (host("late"), 5)):
                await store.join(one, 10_000, time)
            await store.join(host("elsewhere"), 10_000, now - 3_600_000)
            await store.create_run(new("r1", owner="killed"))
            process.kill()
            process.wait()
            await store.join(host("elsewhere"), 10_000, now - 3_590_000)
            assert "killed" in known(), "who only renews its lease has nothing to clear away"
            await store.join(new_one, 10_000, now)
            assert known() == sorted(["elsewhere", new_one.id])
            assert [row.id for row in await store.list_orphans(now)] == ["r1"]
            assert (await store.claim("r1", new_one.id, now)).fence == 2

    try:
        asyncio.run(main())
    finally:
        process.kill()
        process.wait()
        process.stdin.close()


@pytest.mark.acceptance("EVT-12")
def test_while_nothing_is_committed_nobody_is_asked(tmp_path, monkeypatch):
    async def main():
        log = tmp_path / "wfe.db-wal"
        log.write_bytes(b"1")
        os.utime(log, (1, 1))
        loop = asyncio.get_running_loop()
        asked = []
        found = []

        def ask():
            future = loop.create_future()
            future.set_result(True)
            asked.append(future)
            return future

        look = lookout.Lookout(str(tmp_path / "wfe.db"), ask, lambda: found.append(1), pytest.fail)
        await asyncio.sleep(0)
        assert found == [1]  # what was committed while the first question was on its way is news
        found.clear()

        async def turn():
            look.stop()
            look._turn()
            await asyncio.sleep(0)

        for _ in range(20):
            await turn()
        assert (len(asked), found) == (1, [])
        log.write_bytes(b"12")
        await turn()
        assert (len(asked), found) == (2, [1])
        # Others tell of what they commit: it is asked less often, but it is.
        for n in range(lookout.PATIENCE + 1):
            assert len(found) == 1
            look.told()
            log.write_bytes(b"123" + b"x" * n)
            await turn()
        assert len(found) == 2
        look.stop()

    asyncio.run(main())
