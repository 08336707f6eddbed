"""The clauses of ownership: a run has one owner, as long as the lease of its host; a claim raises the fence.

A host that is known to be dead loses its runs at once, any other one at the end of its lease.
"""

from __future__ import annotations

import asyncio
import os

import pytest

from tests.providers.contract.rows import advance, ends, host, names, new, start_process
from wfe_runtime.providers.hosts import this_host
from wfe_runtime.providers.rows import Host, InboxPost


class OwnershipClauses:
    @pytest.mark.acceptance("STO-06")
    def test_a_claim_takes_a_run_without_owner_and_holds_it_until_the_lease_is_over(self, run):
        async def check(store):
            await store.join(host("h1"), 100, now=0)
            await store.create_run(new("r1"))
            taken = await store.claim("r1", "h1", 0)
            assert (taken.owner, taken.fence) == ("h1", 1)
            assert await store.claim("r1", "h2", 99) is None
            assert (await store.claim("r1", "h1", 99)).fence == 2
            await store.join(host("h1"), 100, now=50)
            assert await store.claim("r1", "h2", 149) is None
            taken = await store.claim("r1", "h2", 150)
            assert (taken.owner, taken.fence) == ("h2", 3)

        run(check)

    @pytest.mark.acceptance("STO-06")
    def test_the_former_owner_of_a_claimed_run_can_not_commit(self, run):
        async def check(store):
            await store.create_run(new("r1", owner="h1"))
            await store.commit([advance("r1", 0, fence=1)])
            assert (await store.claim("r1", "h2", 0)).fence == 2
            assert await store.commit([advance("r1", 1, fence=1)]) == [False]
            assert await store.commit([advance("r1", 1, fence=2)]) == [True]

        run(check)

    @pytest.mark.acceptance("STO-06")
    def test_of_many_that_claim_at_once_one_gets_the_run(self, opened):
        async def main():
            async with opened() as first, opened() as second:
                for n in range(8):
                    await first.join(host(f"h{n}"), 1000, now=0)
                for n in range(10):
                    await first.create_run(new(f"r{n}"))
                    answers = await asyncio.gather(
                        *((first, second)[h % 2].claim(f"r{n}", f"h{h}", 0) for h in range(8))
                    )
                    winners = [row for row in answers if row is not None]
                    assert len(winners) == 1
                    assert await second.get_run(f"r{n}") == winners[0]

        asyncio.run(main())

    def test_a_run_of_a_dead_process_of_this_machine_may_be_claimed_at_once(self, run):
        async def check(store):
            me = this_host()
            process, other = start_process("other")
            await store.join(me, 10**6, now=0)
            await store.join(other, 10**6, now=0)
            await store.join(Host("former", me.machine, os.getpid(), me.started - 1), 10**6, now=0)
            for id, owner in (("mine", me.id), ("theirs", "other"), ("before", "former")):
                await store.create_run(new(id, owner=owner))
            assert await store.claim("mine", "h2", 0) is None
            assert await store.claim("theirs", "h2", 0) is None
            assert (await store.claim("before", "h2", 0)).owner == "h2"
            process.kill()
            process.wait()
            process.stdin.close()
            assert (await store.claim("theirs", "h2", 0)).owner == "h2"

        run(check)

    def test_a_finished_run_may_be_claimed_to_be_reopened(self, run):
        async def check(store):
            await store.create_run(new("r1"))
            await store.commit([advance("r1", 0, status="failed", ended=5)])
            row = await store.claim("r1", "h1", 0)
            assert (row.status, row.fence) == ("failed", 1)

        run(check)

    @pytest.mark.acceptance("LCK-02")
    def test_only_its_owner_can_release_a_run(self, run):
        async def check(store):
            await store.create_run(new("r1", owner="h1"))
            await store.release("r1", "h2")
            assert (await store.get_run("r1")).owner == "h1"
            await store.release("r1", "h1")
            await store.release("r1", "h1")
            row = await store.get_run("r1")
            assert (row.owner, row.fence) == ("", 1)

        run(check)

    def test_a_host_that_leaves_gives_up_its_runs(self, run):
        async def check(store):
            for id in ("h1", "h2"):
                await store.join(host(id), 1000, now=0)
            for id, owner in (("r1", "h1"), ("r2", "h2"), ("r3", "h1")):
                await store.create_run(new(id, owner=owner))
            await store.leave("h1")
            assert [(await store.get_run(id)).owner for id in ("r1", "r2", "r3")] == ["", "h2", ""]

        run(check)

    def test_orphans_are_the_unfinished_unsuspended_runs_that_nobody_living_has(self, run):
        async def check(store):
            await store.join(host("h1"), 2_000, 0)
            await store.join(host("h2"), 9_000, 0)
            for id, owner in (("free", ""), ("dead", "h1"), ("alive", "h2"), ("still", ""), ("over", "")):
                await store.create_run(new(id, owner=owner))
            await store.commit([advance("still", 0, status="suspended"), ends("over", fence=0)])
            assert names(await store.list_orphans(1_999)) == ["free"]
            assert names(await store.list_orphans(2_000)) == ["free", "dead"]
            assert names(await store.list_orphans(2_000, 1)) == ["free"]
            await store.leave("h2")
            assert names(await store.list_orphans(2_000)) == ["free", "dead", "alive"]

        run(check)

    def test_a_suspended_run_that_nobody_living_has_is_an_orphan_once_it_is_told_something(self, run):
        async def check(store):
            await store.join(host("h1"), 2_000, 0)
            for id, owner in (("free", ""), ("left", "h1"), ("other", "")):
                row = await store.create_run(new(id, owner=owner))
                assert await store.commit([advance(id, 0, fence=row.fence, status="suspended")]) == [True]
            await store.post([InboxPost("left", "event", b"x"), InboxPost("free", "event", b"x")])
            assert names(await store.list_orphans(1_999)) == ["free"]
            assert names(await store.list_orphans(2_000)) == ["free", "left"]
            (post, _) = await store.read_inbox(["left", "free"])
            assert await store.commit([advance("left", 1, fence=1, status="suspended", consumed=(post.id,))]) == [True]
            assert names(await store.list_orphans(2_000)) == ["free"]

        run(check)
