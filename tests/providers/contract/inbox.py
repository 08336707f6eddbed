"""The clauses of the inbox: a post waits for its run until a commit consumes it, and who watches is told of it.

A watcher hears of runs once what concerns them is durable, never before.
"""

from __future__ import annotations

import asyncio

import pytest

from tests.providers.contract.rows import advance, new
from wfe_runtime.providers.rows import InboxPost


class InboxClauses:
    @pytest.mark.acceptance("STO-07")
    def test_posts_wait_in_the_order_of_their_commits_until_they_are_consumed(self, run):
        async def check(store):
            await store.create_run(new("r1"))
            await store.create_run(new("r2"))
            ids = []
            for n in range(5):
                ids += await store.post([InboxPost("r1", "e", b"%d" % n), InboxPost("r2", "e", b"%d" % n)])
            assert ids == sorted(set(ids))
            await store.commit([advance("r1", 0, consumed=(ids[0], ids[4], ids[1]))])
            waiting = await store.read_inbox(["r2", "r1"])
            assert [row.id for row in waiting] == [id for id in ids if id not in (ids[0], ids[4])]
            assert [row.payload for row in waiting if row.run == "r1"] == [b"1", b"3", b"4"]

        run(check)

    @pytest.mark.acceptance("STO-07")
    def test_ids_of_posts_never_come_again_and_consumed_ones_stay_so_after_a_restart(self, opened):
        async def main():
            async with opened() as keeper, opened() as store:
                await keeper.create_run(new("r1"))
                (first,) = await store.post([InboxPost("r1", "e", b"")])
                await store.commit([advance("r1", 0, consumed=(first,))])
                async with opened() as again:
                    assert await again.read_inbox(["r1"]) == []
                    (second,) = await again.post([InboxPost("r1", "e", b"")])
                assert second > first

        asyncio.run(main())

    def test_a_post_for_an_unknown_run_is_dropped(self, run):
        async def check(store):
            await store.create_run(new("r1"))
            missing, given = await store.post([InboxPost("r9", "e", b""), InboxPost("r1", "e", b"")])
            assert missing == 0
            assert given > 0
            await store.create_run(new("r9"))
            assert await store.read_inbox(["r9"]) == []

        run(check)

    def test_watchers_hear_of_commits_posts_and_children_once_they_are_durable(self, run):
        async def check(store):
            heard: list[frozenset[str]] = []
            news = asyncio.Event()

            def listen(runs):
                heard.append(runs)
                news.set()

            async def hears(*runs):
                seen: set[str] = set()
                while not seen >= set(runs):
                    await news.wait()
                    news.clear()
                    seen.update(*heard)
                    heard.clear()
                assert seen == set(runs)

            stop = store.watch(listen)
            await store.create_run(new("r1"))
            await hears("r1")
            await store.post([InboxPost("r1", "e", b"")])
            await hears("r1")
            await store.commit([advance("r1", 0, children=(new("c1"),), posts=(InboxPost("c1", "e", b""),))])
            await hears("r1", "c1")
            assert await store.commit([advance("r1", 0)]) == [False]
            stop()
            stop()
            await store.post([InboxPost("r1", "e", b"")])
            await asyncio.sleep(0)
            assert heard == []

        run(check)

    def test_a_watcher_may_leave_out_the_runs_that_its_own_store_only_advances(self, run):
        async def check(store):
            everything: set[str] = set()
            told: set[str] = set()
            heard = asyncio.Event()

            def hear(runs: frozenset[str]) -> None:
                told.update(runs)
                if "r3" in told:
                    heard.set()

            for id in ("r1", "r2", "r3"):
                await store.create_run(new(id))
            await asyncio.sleep(0)
            store.watch(everything.update)
            store.watch(hear, advances=False)
            await store.commit([advance("r1", 0)])
            await store.commit([advance("r1", 1), advance("r2", 0, posts=(InboxPost("r3", "e", b""),))])
            await heard.wait()
            assert told == {"r3"}
            assert everything == {"r1", "r2", "r3"}

        run(check)

    def test_a_watcher_that_raises_hinders_nobody(self, run):
        async def check(store):
            loop = asyncio.get_running_loop()
            problems: list[dict[str, object]] = []
            loop.set_exception_handler(lambda loop, context: problems.append(context))
            news = asyncio.Event()
            store.watch(lambda runs: 1 // 0)
            store.watch(lambda runs: news.set())
            await store.create_run(new("r1"))
            await news.wait()
            assert isinstance(problems[0]["exception"], ZeroDivisionError)

        run(check)
