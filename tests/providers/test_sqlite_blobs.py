"""Large values in a SQLite store: kept once, durable with what names them, gone with the last of it."""

import asyncio
import hashlib
import os
import signal
import sqlite3
import subprocess
import sys

import msgspec
import pytest

from tests.providers.contract.rows import advance, event, new, work
from tests.providers.opening import opened_file
from wfe_runtime.providers.deliveries import decode_delivery
from wfe_runtime.providers.rows import EVENTS_KEPT_MS, PUBLISHED, InboxPost, PurgeFilter, Subscription
from wfe_vm.limits import MAX_INLINE_BYTES

LARGE = "x" * (1 << 20)
PAYLOAD = msgspec.msgpack.encode({"log": LARGE, "n": 1})
HASH = hashlib.sha256(LARGE.encode()).digest()

CRASH = """
import asyncio, sys
from tests.providers.contract.rows import advance, new
from tests.providers.test_sqlite_blobs import PAYLOAD
from wfe_runtime.providers.sqlite import SqliteStore

async def main():
    store = SqliteStore(sys.argv[1])
    await store.open()
    await store.create_run(new("r1"))
    print("created", flush=True)
    await store.commit([advance("r1", 0, result=PAYLOAD, status="succeeded", ended=1)])

asyncio.run(main())
"""


def contents(path):
    connection = sqlite3.connect(f"{path}/wfe.db")
    try:
        return [hash for (hash,) in connection.execute("SELECT hash FROM blobs ORDER BY blob")]
    finally:
        connection.close()


def ended(run, **fields):
    return advance(run, 0, status="succeeded", ended=10, **fields)


@pytest.mark.acceptance("STO-10")
@pytest.mark.parametrize("size", [MAX_INLINE_BYTES - 20, MAX_INLINE_BYTES + 1, 1 << 20, 16 << 20])
def test_a_value_of_any_size_comes_back_identical_wherever_it_was_kept(tmp_path, size):
    payload = msgspec.msgpack.encode({"log": "x" * size})

    async def main():
        async with opened_file(tmp_path / "wfe.db") as store:
            row = await store.create_run(new("r1", inputs=payload, key="k"), [InboxPost("r1", "event", payload)])
            assert row.inputs == payload
            assert (await store.create_run(new("r2", key="k"))).inputs == payload
            journal = ((1, 1, payload), (2, 2, payload))
            subscription = Subscription(1, 1, "paid", "")
            child = new("c1", inputs=payload, parent="r1", root="r1")
            commit = advance("r1", 0, sequence=2, journal=journal, snapshot=payload, children=(child,))
            assert await store.commit([msgspec.structs.replace(commit, signals=(subscription,))]) == [True]
            await store.publish([msgspec.structs.replace(event("e1"), data=payload)])
            offered = await store.offer_activity(msgspec.structs.replace(work(), inputs=payload))
            assert offered.inputs == payload
            fetched = await store.fetch_activity("charge", "w", "token", 1, 1000)
            assert fetched.inputs == payload
        async with opened_file(tmp_path / "wfe.db") as store:
            assert (await store.get_run("r1")).inputs == (await store.get_run("c1")).inputs == payload
            assert [row.inputs for row in await store.find_runs("r")] == [payload]
            state = await store.load_state("r1")
            assert (state.snapshot, state.deltas) == (payload, ())
            assert [row.delta for row in await store.read_journal("r1")] == [payload, payload]
            assert [row.delta for row in await store.read_feed()] == [payload, payload]
            first, second = await store.read_inbox(["r1"])
            assert (first.payload, second.kind) == (payload, PUBLISHED)
            assert decode_delivery(second.payload).event.data == payload
            assert [row.data for row in await store.read_events("paid", "")] == [payload]
            assert (await store.find_activity("token")).inputs == payload
            assert await store.commit([advance("r1", 2, status="succeeded", ended=1, result=payload)]) == [True]
            assert (await store.claim("r1", "h", 1)).result == payload

    asyncio.run(main())


@pytest.mark.acceptance("STO-10")
def test_equal_content_is_stored_once_over_runs_and_events(tmp_path):
    async def main():
        async with opened_file(tmp_path / "wfe.db") as store:
            await store.create_run(new("r1", inputs=PAYLOAD))
            await store.create_run(new("r2", inputs=PAYLOAD))
            assert await store.commit([ended("r1", result=PAYLOAD), ended("r2", result=PAYLOAD)]) == [True, True]
            await store.publish([msgspec.structs.replace(event("e1"), data=PAYLOAD)])
        assert contents(tmp_path) == [HASH]

    asyncio.run(main())
    assert os.path.getsize(tmp_path / "wfe.db") < 2 * len(LARGE)


@pytest.mark.acceptance("STO-10", "STO-12")
def test_a_purge_takes_what_no_run_and_no_event_names_any_more_and_nothing_else(tmp_path):
    async def main():
        async with opened_file(tmp_path / "wfe.db") as store:
            await store.create_run(new("r1", inputs=PAYLOAD))
            await store.create_run(new("r2", inputs=PAYLOAD))
            other = msgspec.msgpack.encode(["only of the first", LARGE + "y"])
            await store.commit([ended("r1", result=other)])
            assert len(contents(tmp_path)) == 2
            assert await store.purge(PurgeFilter(5000, 5000)) == ["r1"]
            assert contents(tmp_path) == [HASH]
            await store.publish([msgspec.structs.replace(event("e1", time=1000), data=PAYLOAD)])
            await store.commit([ended("r2")])
            assert await store.purge(PurgeFilter(5000, 5000)) == ["r2"]
            assert contents(tmp_path) == [HASH]
            assert [row.data for row in await store.read_events("paid", "")] == [PAYLOAD]
            await store.purge(PurgeFilter(5000, EVENTS_KEPT_MS + 2000))
            assert contents(tmp_path) == []

    asyncio.run(main())


@pytest.mark.acceptance("STO-10")
@pytest.mark.parametrize("point", ["blobs.after_keep", "sqlite.before_commit:2", "sqlite.after_commit:2"])
def test_a_crash_leaves_a_content_with_what_names_it_or_neither(tmp_path, point):
    killed = subprocess.run(
        [sys.executable, "-c", CRASH, f"sqlite:///{tmp_path}/wfe.db"],
        env={**os.environ, "WFE_FAULT": point},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert (killed.returncode, killed.stdout) == (-signal.SIGKILL, "created\n")

    async def main():
        async with opened_file(tmp_path / "wfe.db") as store:
            row = await store.get_run("r1")
            assert (row.result, contents(tmp_path)) in (((b"", []), (PAYLOAD, [HASH])))
            assert bool(row.result) == point.startswith("sqlite.after_commit")

    asyncio.run(main())


@pytest.mark.acceptance("STO-10")
@pytest.mark.parametrize("way", ["purge", "compact"])
def test_what_was_left_without_a_name_is_swept(tmp_path, way):
    async def main():
        async with opened_file(tmp_path / "wfe.db") as store:
            await store.create_run(new("r1", inputs=PAYLOAD))
            connection = sqlite3.connect(f"{tmp_path}/wfe.db")
            with connection:
                connection.execute("INSERT INTO blobs (hash, content) VALUES (x'00', x'00')")
            connection.close()
            await (store.compact() if way == "compact" else store.purge(PurgeFilter(5000, 5000)))
            assert contents(tmp_path) == [HASH]

    asyncio.run(main())


def test_a_content_that_is_missing_is_told_of_by_its_hash(tmp_path):
    async def main():
        async with opened_file(tmp_path / "wfe.db") as store:
            await store.create_run(new("r1", inputs=PAYLOAD))
            connection = sqlite3.connect(f"{tmp_path}/wfe.db")
            with connection:
                connection.execute("DELETE FROM blobs")
            connection.close()
            with pytest.raises(Exception, match=HASH.hex()) as caught:
                await store.get_run("r1")
            assert caught.value.code == "damaged"

    asyncio.run(main())
