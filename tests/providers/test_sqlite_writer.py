"""How the writer groups, separates and orders what it is asked."""

import asyncio
import logging
import sqlite3
import threading
from contextlib import asynccontextmanager

import pytest

from tests.providers.contract.rows import advance, new
from tests.providers.opening import opened_file
from wfe_runtime.errors import StoreError
from wfe_runtime.providers.rows import InboxPost, LogRow
from wfe_runtime.providers.sqlite import changes, parking, queries, session, writer

UNWRITTEN = ("BEGIN", "COMMIT", "PRAGMA")


@asynccontextmanager
async def held(store):
    """Keeps the writer's thread busy meanwhile, so that what is asked piles up."""
    gate = threading.Event()
    waiting = store._writer.ask(gate.wait)
    try:
        yield
        await asyncio.sleep(0)
    finally:
        gate.set()
        await waiting


async def trace(store, statements):
    await store._writer.ask(lambda: store._writer._session.connection.set_trace_callback(statements.append))


def test_what_comes_while_a_commit_is_under_way_forms_the_next(tmp_path):
    async def main():
        async with opened_file(tmp_path / "wfe.db") as store:
            await asyncio.gather(*(store.create_run(new(f"r{n}")) for n in range(100)))
            statements = []
            await trace(store, statements)
            async with held(store):
                commits = asyncio.gather(*(store.commit([advance(f"r{n}", 0)]) for n in range(100)))
                posts = asyncio.gather(*(store.post([InboxPost(f"r{n}", "e", b"")]) for n in range(10)))
            assert await commits == [[True]] * 100
            assert len(set(map(tuple, await posts))) == 10
            assert statements.count("COMMIT") == 1
            await trace(store, statements)

    asyncio.run(main())


def test_a_request_that_can_not_be_served_is_refused_alone(tmp_path):
    async def main():
        async with opened_file(tmp_path / "wfe.db") as store:
            for n in range(5):
                await store.create_run(new(f"r{n}"))
            async with held(store):
                answers = asyncio.gather(
                    store.commit([advance("r0", 0)]),
                    store.commit([advance("r1", 0, journal=((1, 2**70, b""),))]),
                    store.commit([advance("r2", 0, journal=((1, 0, object()),))]),
                    store.commit([advance("r3", 0)]),
                    store.commit([advance("r4", 0, journal=((1, 0, b"a"), (1, 0, b"b")))]),
                    store.post([InboxPost("r0", "e", b"")]),
                    return_exceptions=True,
                )
            first, second, third, fourth, fifth, sixth = await answers
            assert (first, fourth, sixth) == ([True], [True], [1])
            assert isinstance(second, OverflowError)
            assert isinstance(third, StoreError)
            assert isinstance(fifth, StoreError)
            sequences = [(await store.get_run(f"r{n}")).sequence for n in range(5)]
            assert sequences == [1, 0, 0, 1, 0]
            assert await store.commit([advance("r1", 0)]) == [True]

    asyncio.run(main())


def test_a_commit_waits_for_one_batch_of_output_at_most(tmp_path):
    async def main():
        async with opened_file(tmp_path / "wfe.db") as store:
            await store.create_run(new("r1"))
            order = []
            rows = [LogRow("r1", "s", 1, "stdout", 0, "x")] * writer.LOG_BATCH

            async def note(name, call):
                await call
                order.append(name)

            async with held(store):
                tasks = [asyncio.create_task(note("output", store.append_logs(rows))) for _ in range(4)]
                tasks.append(asyncio.create_task(note("commit", store.commit([advance("r1", 0)]))))
                await asyncio.sleep(0)
            await asyncio.gather(*tasks)
            assert order.index("commit") <= 1
            assert len(await store.read_logs("r1", limit=0)) == 4 * writer.LOG_BATCH

    asyncio.run(main())


def test_a_few_lines_of_output_which_wait_for_no_disk_are_written_on_the_loop_where_nobody_else_waits(tmp_path):
    def row(text):
        return LogRow("r1", "s", 1, "stdout", 0, text)

    async def main():
        async with opened_file(tmp_path / "wfe.db") as store:
            await store.create_run(new("r1"))
            assert not store.append_logs_now([row("x" * (writer.OUTPUT_ON_LOOP + 1))])
            async with held(store):
                waiting = asyncio.ensure_future(store.append_logs([row("first")]))
                await asyncio.sleep(0)
                assert not store.append_logs_now([row("before the first")])
            await waiting
            async with asyncio.timeout(30):
                while not store.append_logs_now([row("second")]):  # noqa: ASYNC110 - until the thread has let go
                    await asyncio.sleep(0)
            assert [found.text for found in await store.read_logs("r1")] == ["first", "second"]

    asyncio.run(main())


def test_where_the_disk_is_slow_the_loop_writes_a_commit_and_the_thread_waits_for_it(tmp_path):
    async def main():
        async with opened_file(tmp_path / "wfe.db") as store:
            await store.create_run(new("r1"))
            await store.create_run(new("r2"))
            opened = store._writer._session
            opened.disk.may_be_waited_for = opened.disk.is_quick = lambda commits: False
            statements = {}
            gate = threading.Event()

            def note(statement):
                statements[" ".join(statement.split()[:2])] = threading.current_thread()

            end = opened.end
            opened.end = lambda on_loop: (gate.wait(30), end(on_loop))
            opened.connection.set_trace_callback(note)
            first = store.commit([advance("r1", 0)])
            second = store.commit([advance("r2", 0)])
            await asyncio.sleep(0)
            assert not first.done()
            assert not second.done()
            gate.set()
            assert [await first, await second] == [[True], [True]]
            opened.connection.set_trace_callback(None)
            here = threading.current_thread()
            assert statements["INSERT INTO"] is here
            assert statements["COMMIT"] is not here

    asyncio.run(main())


def test_the_log_is_moved_to_the_file_by_the_thread_however_many_commits_the_loop_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(session, "CHECKPOINT_COMMITS", 20)

    async def main():
        async with opened_file(tmp_path / "wfe.db") as store:
            await store.create_run(new("r1"))
            opened, moved_by = store._writer._session, []
            monkeypatch.setattr(opened.disk, "is_quick", lambda commits: True)
            move = opened.move_log
            monkeypatch.setattr(opened, "move_log", lambda: moved_by.append(threading.current_thread()) or move())
            for number in range(50):
                assert await store.commit([advance("r1", number)]) == [True]
            await store.create_run(new("r2"))
            frames, moved = await store._writer.ask(move)
            assert frames == moved
            return moved_by

    moved_by = asyncio.run(main())
    assert moved_by
    assert threading.main_thread() not in moved_by


def test_all_that_was_asked_is_written_before_a_store_closes(tmp_path):
    async def main():
        async with opened_file(tmp_path / "wfe.db") as store:
            await store.create_run(new("r1"))
            async with held(store):
                asked = [
                    asyncio.ensure_future(store.append_logs([LogRow("r1", "s", 1, "log", 0, "x")])),
                    asyncio.ensure_future(store.commit([advance("r1", 0)])),
                ]
                await asyncio.sleep(0)
                closing = asyncio.ensure_future(store.close())
                await asyncio.sleep(0)
            await closing
            assert await asyncio.gather(*asked) == [None, [True]]
        async with opened_file(tmp_path / "wfe.db") as store:
            assert (await store.get_run("r1")).sequence == 1
            assert len(await store.read_logs("r1")) == 1

    asyncio.run(main())


def test_a_caller_that_gives_up_waiting_hinders_nobody(tmp_path):
    async def main():
        async with opened_file(tmp_path / "wfe.db") as store:
            await store.create_run(new("r1"))
            async with held(store):
                asked = asyncio.ensure_future(store.commit([advance("r1", 0)]))
                await asyncio.sleep(0)
                asked.cancel()
            assert await store.commit([advance("r1", 1)]) == [True]

    asyncio.run(main())


def test_only_commits_of_relaxed_runs_alone_do_not_wait_for_the_disk(tmp_path):
    async def main():
        async with opened_file(tmp_path / "wfe.db") as store:
            await store.create_run(new("loose", durability="relaxed"))
            await store.create_run(new("strict"))

            async def synchronous():
                level = await store._writer.ask(lambda: store._writer._session.execute("PRAGMA synchronous").fetchone())
                return {1: "NORMAL", 2: "FULL"}[level[0]]

            assert await synchronous() == "FULL"
            await store.commit([advance("loose", 0)])
            assert await synchronous() == "NORMAL"
            await store.commit([advance("loose", 1), advance("strict", 0)])
            assert await synchronous() == "FULL"
            await store.append_logs([LogRow("loose", "s", 1, "log", 0, "x")])
            assert await synchronous() == "NORMAL"
            await store.post([InboxPost("loose", "e", b"")])
            assert await synchronous() == "FULL"

    asyncio.run(main())


def test_an_advance_that_changes_neither_status_nor_due_time_writes_the_journal_alone(tmp_path):
    async def main():
        async with opened_file(tmp_path / "wfe.db") as store:
            await store.create_run(new("r1"))
            await store.commit([advance("r1", 0, status="waiting", due=50, started=5)])
            statements = []
            await trace(store, statements)
            await store.commit([advance("r1", 1, status="waiting", due=50)])
            await trace(store, statements)
            written = [text.split("(")[0].strip() for text in statements if not text.startswith(UNWRITTEN)]
            assert written == ["INSERT INTO journal"]
            row = await store.get_run("r1")
            assert (row.status, row.due, row.started, row.sequence) == ("waiting", 50, 5, 2)

    asyncio.run(main())


def test_more_runs_than_are_remembered_are_committed_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(session, "REMEMBERED", 3)

    async def main():
        async with opened_file(tmp_path / "wfe.db") as store:
            for n in range(10):
                await store.create_run(new(f"r{n}"))
            for sequence in range(3):
                commits = [advance(f"r{n}", sequence, status=("waiting", "running")[n % 2]) for n in range(10)]
                assert await store.commit(commits) == [True] * 10
            assert len(store._writer._session.known) <= 10
            assert [(await store.get_run(f"r{n}")).status for n in (0, 1)] == ["waiting", "running"]

    asyncio.run(main())


@pytest.mark.acceptance("STO-05")
def test_due_runs_and_unfinished_ones_are_found_by_an_index(tmp_path):
    async def main():
        async with opened_file(tmp_path / "wfe.db") as store:
            await store.create_run(new("r1"))
        connection = sqlite3.connect(tmp_path / "wfe.db")
        for index, condition in (
            ("runs_unfinished", "r.status IN ('running', 'pending') AND r.ended = 0"),
            ("run_details_root", "d.root = 'x'"),
            ("run_details_parent", "d.parent = 'x' AND d.parent <> ''"),
        ):
            plan = connection.execute(f"EXPLAIN QUERY PLAN {queries.RUNS} WHERE {condition}").fetchall()
            assert any(f"INDEX {index}" in row[3] for row in plan), plan
            assert not any(row[3].startswith("SCAN") for row in plan), plan
        connection.close()

    asyncio.run(main())


@pytest.mark.acceptance("STO-05")
def test_parked_runs_are_found_by_their_index_and_not_looked_through_for_others(tmp_path):
    async def main():
        async with opened_file(tmp_path / "wfe.db"):
            pass
        connection = sqlite3.connect(tmp_path / "wfe.db")
        for statement, parameters, expected in (
            (parking.DUE, ("h", 5, 9), "runs_parked (owner=? AND due>? AND due<?)"),
            (parking.NEXT, ("h",), "runs_parked (owner=? AND due>?)"),
            (parking.SOONEST, ("h", 9), "runs_parked (owner=? AND due>?)"),
            (parking.REST, ("h", 9), "runs_parked (owner=?)"),
            (parking.OWNERS, (), "runs_parked"),
            (queries.OWNERS, (), "runs_owner"),
            (f"{queries.ORPHANS} ('a', 'b')", ("h",), "runs_called (owner=?)"),
            (changes.DISOWN, ("h",), "runs_owner (owner=?)"),
        ):
            plan = connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
            assert any(f"INDEX {expected}" in row[3] for row in plan), plan
            tables = [row[3] for row in plan if row[3].startswith("SCAN ") and "INDEX" not in row[3]]
            assert set(tables) <= {"SCAN found"}, plan
        connection.close()

    asyncio.run(main())


@pytest.mark.acceptance("STO-13")
def test_a_reader_that_makes_the_log_grow_is_reported_when_it_doubles_and_writing_goes_on(
    tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr(writer, "LOG_LIMIT", 100_000)
    monkeypatch.setattr(writer, "LOOK_EVERY", 1)
    caplog.set_level(logging.WARNING, "wfe.store")

    async def main():
        async with opened_file(tmp_path / "wfe.db") as store:
            await store.create_run(new("r1"))
            other = sqlite3.connect(tmp_path / "wfe.db", isolation_level=None)
            other.execute("BEGIN")
            other.execute("SELECT count(*) FROM journal").fetchone()
            for n in range(12):
                await store.commit([advance("r1", n, journal=((n + 1, 0, b"x" * 12_000),))])
            other.execute("ROLLBACK")
            other.close()
            assert (await store.get_run("r1")).sequence == 12

    asyncio.run(main())
    assert 1 <= len(caplog.records) <= 3
    assert all("wfe.db-wal has grown" in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize("others", [0, 2], ids=["alone", "in a group"])
@pytest.mark.parametrize("due", [0, 50], ids=["the journal alone", "the row too"])
def test_a_commit_is_refused_by_what_another_process_has_committed_since(tmp_path, others, due):
    async def main():
        async with opened_file(tmp_path / "wfe.db") as here, opened_file(tmp_path / "wfe.db") as there:
            for name in ("advanced", "claimed", *map(str, range(others))):
                await here.create_run(new(name))
                await here.commit([advance(name, 0)])  # here knows all of them
            assert await there.commit([advance("advanced", 1)]) == [True]
            assert (await there.claim("claimed", "another", 1)).fence == 1
            rest = [advance(str(number), 1) for number in range(others)]
            for name in ("advanced", "claimed"):
                assert await here.commit([advance(name, 1, due=due), *rest]) == [False, *(True for _ in rest)]
                rest = []
            assert [entry.sequence for entry in await here.read_journal("advanced")] == [1, 2]
            assert [entry.sequence for entry in await here.read_journal("claimed")] == [1]
            assert (await here.get_run("advanced")).due == 0
            assert await here.commit([advance("advanced", 2, due=due)]) == [True]
            assert (await there.get_run("advanced")).sequence == 3

    asyncio.run(main())
