"""The clauses of activities: work for outside workers, leased to one at a time by a token.

An end is told to the run in the same transaction, once; a token that is no longer good does nothing.
"""

from __future__ import annotations

import asyncio

import pytest

from tests.providers.contract.rows import advance, new, work
from wfe_runtime.providers.rows import ENDED_ACTIVITIES_KEPT_MS


class ActivityClauses:
    @pytest.mark.acceptance("EVT-18")
    def test_an_offered_activity_is_leased_to_one_worker_the_oldest_of_its_kind_first(self, run):
        async def check(store):
            await store.create_run(new("r1"))
            offered = await store.offer_activity(work(1))
            await store.offer_activity(work(2))
            await store.offer_activity(work(3, kind="Charge"))
            assert (offered.run, offered.step, offered.inputs, offered.state) == ("r1", "step1", b"in", "open")
            assert await store.next_activity("charge") == 0
            taken = await asyncio.gather(
                *(store.fetch_activity("charge", f"w{n}", f"t{n}", 1000, 50) for n in range(3))
            )
            assert [row and row.activation for row in taken] == [1, 2, None]
            assert (taken[0].token, taken[0].worker, taken[0].lease) == ("t0", "w0", 1050)
            assert await store.find_activity("t0") == taken[0]
            assert await store.next_activity("charge") == 1050
            assert await store.next_activity("none") == -1
            assert await store.offer_activity(work(1, run="unknown")) is None

        run(check)

    @pytest.mark.acceptance("EVT-19", "SEC-09")
    def test_an_activity_whose_lease_is_over_goes_to_another_worker_and_the_old_token_is_void(self, run):
        async def check(store):
            await store.create_run(new("r1"))
            await store.offer_activity(work(1))
            await store.fetch_activity("charge", "w1", "t1", 1000, 50)
            assert (await store.extend_activity("t1", 1040, 50)).lease == 1090
            assert await store.fetch_activity("charge", "w2", "t2", 1089, 50) is None
            await store.offer_activity(work(2))
            again = await store.fetch_activity("charge", "w2", "t2", 1090, 50)
            assert (again.activation, again.token) == (1, "t2")
            assert await store.extend_activity("t1", 1091, 50) is None
            assert await store.end_activity("t1", 1091, b"late") is False
            assert await store.release_activity("t1", 1091) is False
            assert await store.end_activity("t2", 1140, b"over") is False
            assert await store.end_activity("", 1091, b"none") is False
            assert await store.read_inbox(["r1"]) == []

        run(check)

    @pytest.mark.acceptance("EVT-18")
    def test_an_ended_activity_tells_its_run_in_the_same_instant_and_only_once(self, run):
        async def check(store):
            await store.create_run(new("r1"))
            await store.offer_activity(work(1))
            await store.fetch_activity("charge", "w1", "t1", 1000, 50)
            assert await store.end_activity("t1", 1001, b"done") is True
            assert await store.end_activity("t1", 1002, b"again") is False
            assert await store.extend_activity("t1", 1002, 50) is None
            assert [(row.kind, row.payload) for row in await store.read_inbox(["r1"])] == [("event", b"done")]
            assert (await store.offer_activity(work(1))).state == "ended"
            assert await store.next_activity("charge") == -1
            await store.offer_activity(work(1, attempt=2))
            assert (await store.fetch_activity("charge", "w1", "t2", 1003, 50)).attempt == 2

        run(check)

    @pytest.mark.acceptance("EVT-18")
    def test_a_released_activity_is_offered_at_once_and_announced(self, run):
        async def check(store):
            await store.create_run(new("r1"))
            told = []
            heard = asyncio.Event()
            await store.offer_activity(work(1))
            await store.fetch_activity("charge", "w1", "t1", 1000, 50)
            store.watch(lambda runs: (told.append(runs), heard.set()))
            assert await store.release_activity("t1", 1001) is True
            assert await store.next_activity("charge") == 0
            assert await store.find_activity("t1") is None
            await asyncio.wait_for(heard.wait(), 30)
            assert "r1" in told[0]

        run(check)

    @pytest.mark.acceptance("EVT-19")
    def test_the_worker_of_a_withdrawn_activity_learns_it_and_one_of_an_ended_run_is_not_offered(self, run):
        async def check(store):
            for id in ("r1", "r2"):
                await store.create_run(new(id))
                await store.offer_activity(work(1, run=id))
            await store.fetch_activity("charge", "w1", "t1", 1000, 50)
            await store.withdraw_activity("r1", 1, 1)
            await store.withdraw_activity("r9", 1, 1)
            withdrawn = await store.extend_activity("t1", 1001, 50)
            assert (withdrawn.state, withdrawn.lease) == ("withdrawn", 1050)
            assert await store.end_activity("t1", 1001, b"done") is False
            assert await store.release_activity("t1", 1001) is False
            await store.fetch_activity("charge", "w1", "t2", 1000, 50)
            await store.offer_activity(work(2, run="r2"))
            await store.commit([advance("r2", 0, status="terminated", ended=9)])
            assert (await store.extend_activity("t2", 1001, 50)).state == "withdrawn"
            assert await store.end_activity("t2", 1001, b"done") is False
            assert await store.next_activity("charge") == -1
            assert await store.fetch_activity("charge", "w1", "t3", 2000, 50) is None
            await store.withdraw_activity("r2")
            await store.commit([advance("r2", 1, status="running")])
            assert await store.next_activity("charge") == -1

        run(check)

    def test_activities_that_are_over_are_dropped_after_their_time(self, run):
        async def check(store):
            await store.create_run(new("r1"))
            for number in (1, 2):
                await store.offer_activity(work(number))
                await store.fetch_activity("charge", "w", f"t{number}", 1000, 50)
            await store.end_activity("t1", 1001, b"done")
            await store.offer_activity(work(3, time=101 + ENDED_ACTIVITIES_KEPT_MS))
            assert await store.find_activity("t1") is None
            assert (await store.find_activity("t2")).state == "open"

        run(check)
