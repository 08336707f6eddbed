"""The clauses of concurrency groups: a run has a slot of its group, or a place in the queue for one.

Slots pass on in the transactions that create, claim, end and reopen runs.
"""

from __future__ import annotations

import asyncio

import pytest

from tests.providers.contract.rows import advance, ends, host, in_group, new, place, places
from wfe_runtime.errors import GroupFull
from wfe_runtime.providers.rows import PlaceRow


class GroupClauses:
    @pytest.mark.acceptance("CTL-15", "CTL-16")
    def test_a_slot_is_its_runs_from_its_creation_to_its_end_and_then_the_next_ones_in_order(self, run):
        async def check(store):
            await store.join(host("h1"), 10_000, 0)
            assert [await in_group(store, id, created=created) for id, created in (("a", 3), ("b", 1), ("c", 2))] == [
                "held",
                "waiting",
                "waiting",
            ]
            assert await store.list_places(run="b") == [
                PlaceRow("g", "a", "deploy-1", "held", 1, "queue", 3),
                PlaceRow("g", "b", "deploy-2", "waiting", 1, "queue", 1),
                PlaceRow("g", "c", "deploy-3", "waiting", 1, "queue", 2),
            ]
            assert await store.commit([advance("a", 0, fence=1, status="suspended")]) == [True]
            assert await places(store) == {"a": "held", "b": "waiting", "c": "waiting"}
            assert await store.commit([ends("a", 1)]) == [True]
            assert await places(store) == {"b": "held", "c": "waiting"}
            assert await store.commit([ends("c"), ends("b")]) == [True, True]
            assert await places(store) == {}
            assert (await store.get_run("b")).place == ""
            assert await store.list_places(run="b") == await store.list_places() == []

        run(check)

    @pytest.mark.acceptance("CTL-16")
    def test_a_refused_commit_gives_no_slot_back(self, run):
        async def check(store):
            await store.join(host("h1"), 10_000, 0)
            await in_group(store, "a")
            await in_group(store, "b")
            assert await store.commit([ends("a", 5), ends("a", 0, fence=2)][:1]) == [False]
            assert await store.commit([ends("a", 0, fence=2)]) == [False]
            assert await places(store) == {"a": "held", "b": "waiting"}

        run(check)

    def test_several_runs_hold_the_slots_of_a_group_up_to_the_limit_and_groups_do_not_mix(self, run):
        async def check(store):
            await store.join(host("h1"), 10_000, 0)
            assert [await in_group(store, id, limit=2) for id in "abc"] == ["held", "held", "waiting"]
            assert (await store.create_run(new("d", owner="h1", place=place(group="other")))).place == "held"
            assert (await store.create_run(new("e", owner="h1"))).place == ""
            await store.commit([ends("a")])
            assert await places(store) == {"b": "held", "c": "held"}

        run(check)

    @pytest.mark.acceptance("CTL-15")
    def test_reject_refuses_a_run_whose_group_is_full_and_names_the_holder(self, run):
        async def check(store):
            await store.join(host("h1"), 10_000, 0)
            assert await in_group(store, "a", "reject") == "held"
            with pytest.raises(GroupFull, match="deploy-1 has a slot"):
                await in_group(store, "b", "reject")
            assert await store.get_run("b") is None
            await store.commit([ends("a")])
            assert await in_group(store, "b", "reject") == "held"

        run(check)

    @pytest.mark.acceptance("CTL-15")
    def test_replace_has_those_that_wait_give_way_and_cancel_running_the_holder_too(self, run):
        async def check(store):
            await store.join(host("h1"), 10_000, 0)
            await in_group(store, "a", "replace")
            await in_group(store, "b", "replace")
            assert await in_group(store, "c", "replace") == "waiting"
            assert await places(store) == {"a": "held", "b": "leaving", "c": "waiting"}
            assert [(row.run, row.payload) for row in await store.read_inbox(["a", "b", "c"])] == [("b", b"leave")]
            assert await in_group(store, "d", "cancel_running") == "waiting"
            told = [row.run for row in await store.read_inbox(["a", "b", "c", "d"])]
            assert sorted(told) == ["a", "b", "c"]
            await store.commit([ends("b"), ends("a")])
            assert await places(store) == {"c": "leaving", "d": "held"}

        run(check)

    def test_cancel_running_tells_as_many_of_the_oldest_holders_as_it_needs(self, run):
        async def check(store):
            await store.join(host("h1"), 10_000, 0)
            for id in "abc":
                await in_group(store, id, limit=3)
            assert await in_group(store, "d", "cancel_running", limit=2) == "waiting"
            assert [row.run for row in await store.read_inbox(["a", "b", "c", "d"])] == ["a", "b"]

        run(check)

    @pytest.mark.acceptance("CTL-16")
    def test_a_run_that_nobody_living_has_is_passed_over_until_it_is_claimed(self, run):
        async def check(store):
            await store.join(host("h1"), 10_000, 0)
            await store.join(host("h2"), 1_000, 0)
            await in_group(store, "a")
            assert await in_group(store, "b", owner="") == "waiting"
            assert await in_group(store, "c", owner="h2") == "waiting"
            assert await in_group(store, "d") == "waiting"
            await store.commit([ends("a", ended=2000)])
            assert await places(store) == {"b": "waiting", "c": "waiting", "d": "held"}
            await store.commit([ends("d", ended=2000)])
            assert await places(store) == {"b": "waiting", "c": "waiting"}
            assert (await store.claim("c", "h1", 2000)).place == "held"
            assert (await store.claim("b", "h1", 2000)).place == "waiting"
            await store.commit([ends("c", fence=2)])
            assert (await store.get_run("b")).place == "held"

        run(check)

    @pytest.mark.acceptance("CTL-16")
    def test_a_holders_host_may_die_and_the_slot_stays_its_runs(self, run):
        async def check(store):
            await store.join(host("h1"), 2_000, 0)
            await store.join(host("h2"), 10_000, 0)
            await in_group(store, "a")
            await in_group(store, "b", owner="h2", created=5000)
            await store.leave("h1", 5000)
            assert await places(store) == {"a": "held", "b": "waiting"}
            assert (await store.claim("a", "h2", 5000)).place == "held"

        run(check)

    @pytest.mark.acceptance("CTL-17")
    def test_a_child_is_inside_the_slot_of_a_run_above_it_and_takes_one_itself_where_none_is(self, run):
        async def check(store):
            await store.join(host("h1"), 10_000, 0)
            await in_group(store, "a")
            children = (new("a1", owner="h1", parent="a", root="a", depth=1, place=place()),)
            await store.commit([advance("a", 0, fence=1, children=children)])
            assert await in_group(store, "a11", parent="a1", root="a", depth=2) == ""
            await store.create_run(new("x", owner="h1"))
            children = (
                new("x1", owner="h1", parent="x", root="x", depth=1, place=place()),
                new("x2", owner="h1", parent="x", root="x", depth=1, place=place("reject")),
            )
            await store.commit([advance("x", 0, fence=1, children=children)])
            assert await places(store) == {"a": "held", "x1": "waiting", "x2": "leaving"}
            assert [row.run for row in await store.read_inbox(["x1", "x2"])] == ["x2"]

        run(check)

    @pytest.mark.acceptance("CTL-17")
    def test_a_run_is_reopened_only_with_a_slot_which_it_may_have_to_queue_for(self, run):
        async def check(store):
            await store.join(host("h1"), 10_000, 0)
            await in_group(store, "a")
            await store.commit([ends("a")])
            assert await store.commit([advance("a", 1, fence=1)]) == [False]
            await in_group(store, "b")
            assert await store.reopen_place("a", "h1", 3000) == "waiting"
            await in_group(store, "c")
            assert await store.commit([advance("a", 1, fence=1)]) == [False]
            await store.commit([ends("b")])
            assert await store.reopen_place("a", "h1", 3000) == "held"
            assert await store.commit([advance("a", 1, fence=1)]) == [True]
            assert (await store.get_run("a")).status == "running"
            assert await places(store) == {"a": "held", "c": "waiting"}
            assert await store.reopen_place("c", "h1", 3000) == "waiting"
            await store.create_run(new("free", owner="h1"))
            assert await store.reopen_place("free", "h1", 3000) == ""

        run(check)

    @pytest.mark.acceptance("CTL-16")
    def test_a_slot_for_a_run_to_be_reopened_counts_no_longer_than_its_host_lives(self, run):
        async def check(store):
            await store.join(host("h1"), 1_000, 0)
            await store.join(host("h2"), 10_000, 0)
            for id in ("a", "b"):
                await in_group(store, id)
                await store.commit([ends(id, release=False)])
            assert await store.reopen_place("a", "h1", 500) == "held"
            assert await in_group(store, "c", owner="h2", created=500) == "waiting"
            await store.leave("h1", 600)
            assert await places(store) == {"c": "held"}
            await store.join(host("h1"), 1_000, 0)
            await store.claim("b", "h1", 700)
            await store.commit([ends("c", ended=800)])
            assert await store.reopen_place("b", "h1", 900) == "held"
            assert await in_group(store, "d", owner="h2", created=1_500) == "held"
            assert await places(store) == {"d": "held"}

        run(check)

    def test_who_watches_hears_of_the_run_that_was_given_a_slot(self, run):
        async def check(store):
            heard = []
            await store.join(host("h1"), 10_000, 0)
            await in_group(store, "a")
            await in_group(store, "b")
            store.watch(heard.append)
            await store.commit([ends("a")])
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert "b" in frozenset().union(*heard)

        run(check)

    def test_places_survive_a_restart(self, opened):
        async def main():
            async with opened() as store:
                await store.join(host("h1"), 10_000, 0)
                await in_group(store, "a")
                await in_group(store, "b")
            async with opened() as store:
                if store.url == "memory:":
                    pytest.skip("a store in memory ends with its process: nothing of it survives a restart")
                assert await places(store) == {"a": "held", "b": "waiting"}
                await store.commit([ends("a")])
                assert await places(store) == {"b": "held"}

        asyncio.run(main())
