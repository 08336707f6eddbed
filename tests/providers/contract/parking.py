"""The clauses of parking: a host lets go of a run that only waits, and owns it still; being due or told calls it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.providers.contract.rows import advance, ends, event, host, names, new, waits, work
from wfe_runtime.providers.rows import InboxPost, Parked, Subscription


class ParkingClauses:
    @pytest.mark.acceptance("STO-05")
    def test_due_are_the_runs_that_a_host_has_let_go_of_soonest_first(self, run):
        async def check(store):
            await store.join(host("h1"), 1000, now=1000)
            await store.join(host("h2"), 1000, now=1000)
            await waits(store, "second", due=7)
            await waits(store, "first", due=5)
            await waits(store, "never", due=0)
            await waits(store, "later", due=5000)
            await waits(store, "other", owner="h2", due=4)
            await store.create_run(new("advanced", owner="h1"))
            await store.commit([advance("advanced", 0, fence=1, status="waiting", due=3)])
            assert names(await store.list_due("h1", 1500)) == ["first", "second"]
            assert names(await store.list_due("h1", 1500, 1)) == ["first"]
            assert names(await store.list_due("h1", 5)) == ["first"]
            assert names(await store.list_due("h1", 10**15)) == ["first", "second", "later"]
            assert [await store.next_due(one) for one in ("h1", "h2", "h3")] == [5, 4, 0]
            assert (await store.claim("first", "h1", 1500)).parked == 1
            assert await store.next_due("h1") == 7
            assert names(await store.list_due("h1", 1500)) == ["second"]

        run(check)

    def test_nothing_due_is_no_time(self, run):
        async def check(store):
            await store.create_run(new("r1", owner="h1"))
            assert await store.next_due("h1") == 0
            assert await store.list_due("h1", 10**15) == []

        run(check)

    def test_a_host_lets_go_of_a_run_only_as_it_knows_it_and_while_nothing_waits_for_it(self, run):
        async def check(store):
            for id in ("good", "told", "behind", "taken", "free", "over"):
                await store.create_run(new(id, owner="" if id == "free" else "h1"))
            await store.commit([advance("behind", 0, fence=1), ends("over", fence=1)])
            await store.post([InboxPost("told", "event", b"x")])
            await store.claim("taken", "h2", 0)
            order = ("good", "told", "behind", "taken", "free", "over", "unknown")
            sequences = {"over": 1}
            asked = [Parked(id, sequences.get(id, 0), 0 if id == "free" else 1, 9) for id in order]
            assert await store.park("h1", asked) == [True] + [False] * 6
            assert await store.park("h1", asked[:1]) == [False]
            row = await store.get_run("good")
            assert (row.owner, row.parked, row.due, row.fence) == ("h1", 1, 9, 1)
            assert [(await store.get_run(id)).parked for id in order[1:6]] == [0] * 5

        run(check)

    def test_a_parked_run_is_its_hosts_and_no_orphan_until_it_is_told_something(self, run):
        async def check(store):
            await store.join(host("h1"), 1000, now=0)
            await waits(store, "r1")
            await waits(store, "r2")
            assert await store.claim("r1", "h2", 999) is None
            assert await store.list_orphans(999, host="h1") == []
            assert await store.list_orphans(1000) == []
            await store.post([InboxPost("r1", "event", b"x")])
            assert (await store.get_run("r1")).parked == 2
            assert await store.list_orphans(999) == []
            assert names(await store.list_orphans(999, host="h1")) == ["r1"]
            assert names(await store.list_orphans(1000)) == ["r1"]
            taken = await store.claim("r1", "h1", 999)
            assert (taken.owner, taken.fence, taken.parked) == ("h1", 2, 2)
            assert (await store.get_run("r1")).parked == 0
            assert await store.list_orphans(999, host="h1") == []

        run(check)

    def test_an_event_a_childs_end_and_a_workers_answer_call_the_run_that_waits_for_it(self, run):
        async def check(store):
            for id in ("event", "child", "worker", "silent"):
                await store.create_run(new(id, owner="h1"))
            await store.create_run(new("below", owner="h1", parent="child"))
            asked = Subscription(1, 1, "paid", "")
            await store.commit([advance("event", 0, fence=1, signals=(asked,))])
            await store.offer_activity(work(run="worker"))
            sequences = {"event": 1}
            parked = [Parked(id, sequences.get(id, 0), 1, 0) for id in ("event", "child", "worker", "silent")]
            assert await store.park("h1", parked) == [True] * 4
            await store.publish([event("e1")])
            await store.commit([replace(ends("below", fence=1), posts=(InboxPost("child", "event", b"ended"),))])
            await store.fetch_activity("charge", "w", "token", 0, 100)
            assert await store.end_activity("token", 1, b"done")
            assert names(await store.list_orphans(0, host="h1")) == ["event", "child", "worker"]

        run(check)

    def test_parked_runs_of_a_host_that_is_gone_are_inherited_some_at_a_time_those_due_first_first(self, run):
        async def check(store):
            await store.join(host("h1"), 1000, now=0)
            await store.join(host("h2"), 5000, now=0)
            for id, due in (("never", 0), ("late", 900), ("soon", 5), ("next", 7)):
                await waits(store, id, due=due)
            await waits(store, "living", owner="h2", due=1)
            assert await store.inherit("h3", 999) == 0
            assert await store.inherit("h3", 1000, 2) == 2
            assert names(await store.list_due("h3", 10**15)) == ["soon", "next"]
            assert await store.inherit("h3", 1000, 2) == 2
            assert await store.inherit("h3", 1000, 2) == 0
            assert names(await store.list_due("h3", 10**15)) == ["soon", "next", "late"]
            row = await store.get_run("never")
            assert (row.owner, row.parked, row.fence) == ("h3", 1, 1)
            assert (await store.get_run("living")).owner == "h2"

        run(check)

    def test_parked_runs_of_a_host_that_leaves_have_no_owner_and_still_wait(self, run):
        async def check(store):
            await store.join(host("h1"), 1000, now=0)
            await waits(store, "r1", due=5)
            await waits(store, "r2")
            await store.post([InboxPost("r2", "event", b"x")])
            await store.leave("h1")
            assert [((await store.get_run(id)).owner, (await store.get_run(id)).parked) for id in ("r1", "r2")] == [
                ("", 1),
                ("", 2),
            ]
            assert names(await store.list_orphans(1)) == ["r2"]
            assert await store.inherit("h2", 1) == 1
            assert names(await store.list_due("h2", 5)) == ["r1"]

        run(check)
