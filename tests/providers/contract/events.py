"""The clauses of events: kept once, told to each run that is subscribed, and found by those that ask later.

Names and keys are compared exactly. An event reaches the inbox of a run in the transaction that publishes it, or in
the one that subscribes.
"""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from tests.providers.contract.rows import ODD, advance, event, new
from wfe_runtime.providers.deliveries import Delivery, decode_delivery
from wfe_runtime.providers.rows import PUBLISHED, EventRow, Subscription, Unsubscription
from wfe_vm.state import SINCE_NOW


class EventClauses:
    @pytest.mark.acceptance("STO-07")
    def test_events_are_given_back_by_exact_name_and_key_in_the_order_of_publishing(self, run):
        async def check(store):
            places = [
                ("paid", "a"),
                ("paid", ""),
                ("Paid", "a"),
                ("paid", "A"),
                ("pai", "da"),
                (ODD, ODD),
                ("paid", "a"),
            ]
            events = [event(f"e{n}", name, key, time=9000 - n) for n, (name, key) in enumerate(places)]
            published = await store.publish(events)
            assert [row.id for row in published] == [f"e{n}" for n in range(7)]
            assert all(row.new for row in published)
            numbers = [row.number for row in published]
            assert numbers == sorted(set(numbers))
            assert numbers[0] > 0
            found = await store.read_events("paid", "a")
            assert found == [EventRow(numbers[n], f"e{n}", "paid", "a", 9000 - n, b"data") for n in (0, 6)]
            assert await store.read_events("paid", "a", found[0].number) == found[1:]
            assert await store.read_events("paid", "a", limit=1) == found[:1]
            assert [row.id for row in await store.read_events(ODD, ODD)] == ["e5"]
            assert await store.read_events("paid", "%") == []

        run(check)

    @pytest.mark.acceptance("STO-07", "EVT-06")
    def test_an_id_that_is_published_twice_is_one_event_and_the_second_time_says_so(self, run):
        async def check(store):
            await store.create_run(new("r1"))
            await store.commit([advance("r1", 0, signals=(Subscription(7, 1, "paid", "a"),))])
            answers = await asyncio.gather(*(store.publish([event("e1", "paid", "a")]) for _ in range(5)))
            assert sorted(row.new for (row,) in answers) == [False, False, False, False, True]
            assert len({row.number for (row,) in answers}) == 1
            assert len(await store.read_events("paid", "a")) == 1
            assert len(await store.read_inbox(["r1"])) == 1
            assert [row.new for row in await store.publish([event("e2"), event("e2", "other")])] == [True, False]
            assert await store.read_events("other", "") == []

        run(check)

    def test_an_id_that_an_event_with_another_name_key_or_data_has_is_told_apart(self, run):
        async def check(store):
            data = msgspec.msgpack.encode({"a": 1, "b": [2]})
            turned = msgspec.msgpack.encode({"b": [2], "a": 1})
            large = msgspec.msgpack.encode("x" * 300_000)
            first = msgspec.structs.replace(event("e1", "paid", "k"), data=data)
            big = msgspec.structs.replace(event("e2", "paid", "k"), data=large)
            for published, others in (
                (first, {"name": "sent", "key": "", "data": b"data"}),
                (big, {"data": msgspec.msgpack.encode("x" * 300_001)}),
            ):
                asked = [published, published, msgspec.structs.replace(published, time=9)]
                asked += [msgspec.structs.replace(published, **{field: value}) for field, value in others.items()]
                answers = await store.publish(asked)
                assert [row.new for row in answers] == [True] + [False] * (len(asked) - 1)
                assert [row.same for row in answers] == [True] * 3 + [False] * len(others)
            (again,) = await store.publish([msgspec.structs.replace(first, data=turned)])
            assert (again.new, again.same) == (False, True)

        run(check)

    @pytest.mark.acceptance("STO-07", "EVT-01", "EVT-07")
    def test_an_event_is_told_once_to_every_run_that_is_subscribed_to_exactly_its_name_and_key(self, run):
        async def check(store):
            for id, name, key in (("r1", "paid", "a"), ("r2", "paid", "a"), ("r3", "paid", "b"), ("r4", "Paid", "a")):
                await store.create_run(new(id))
                await store.commit([advance(id, 0, signals=(Subscription(7, 2, name, key),))])
            (published,) = await store.publish([event("e1", "paid", "a", time=5000)])
            expected = Delivery(7, 2, EventRow(published.number, "e1", "paid", "a", 5000, b"data"))
            inbox = await store.read_inbox(["r1", "r2", "r3", "r4"])
            assert [(row.run, row.kind) for row in inbox] == [("r1", PUBLISHED), ("r2", PUBLISHED)]
            assert [decode_delivery(row.payload) for row in inbox] == [expected, expected]
            assert await store.list_subscriptions("r1") == []
            assert [row.key for row in await store.list_subscriptions("r3")] == ["b"]
            await store.publish([event("e2", "paid", "a")])
            assert len(await store.read_inbox(["r1", "r2"])) == 2

        run(check)

    @pytest.mark.acceptance("STO-07", "EVT-02")
    def test_a_subscription_finds_the_first_event_that_is_there_already(self, run):
        async def check(store):
            await store.publish([event("before", time=1000)])
            await store.create_run(new("r1"))
            published = await store.publish([event(f"e{n}", time=2000 + n) for n in range(3)])
            wanted = [
                (Subscription(1, 1, "paid", ""), "e0"),
                (Subscription(2, 1, "paid", "", after=published[0].number), "e1"),
                (Subscription(3, 1, "paid", "", since=0), "before"),
                (Subscription(4, 1, "paid", "", since=2002), "e2"),
                (Subscription(5, 1, "paid", "", after=published[0].number, since=500), "e1"),
            ]
            for sequence, (subscription, _) in enumerate(wanted):
                assert await store.commit([advance("r1", sequence, signals=(subscription,))]) == [True]
            found = [decode_delivery(row.payload) for row in await store.read_inbox(["r1"])]
            assert [(row.activation, row.event.id) for row in found] == [(n, id) for n, (_, id) in enumerate(wanted, 1)]
            assert await store.list_subscriptions("r1") == []

        run(check)

    @pytest.mark.acceptance("STO-07")
    def test_a_subscription_that_nothing_fits_yet_waits_for_what_comes_after_it(self, run):
        async def check(store):
            await store.create_run(new("r1"))
            (first,) = await store.publish([event("e1", time=1000)])
            asked = (
                Subscription(1, 1, "paid", "", since=SINCE_NOW),
                Subscription(2, 1, "later", "", since=5000),
                Subscription(3, 1, "next", "", after=first.number + 1),
            )
            await store.commit([advance("r1", 0, signals=asked)])
            assert await store.read_inbox(["r1"]) == []
            waiting = await store.list_subscriptions("r1")
            assert [(row.name, row.after, row.since) for row in waiting] == [
                ("later", 0, 5000),
                ("next", first.number + 1, 0),
                ("paid", first.number, 0),
            ]
            await store.publish([event("e2", "later", time=4999), event("e3", time=1), event("e4", "later", time=5000)])
            found = [decode_delivery(row.payload).event.id for row in await store.read_inbox(["r1"])]
            assert found == ["e3", "e4"]

        run(check)

    @pytest.mark.acceptance("STO-07")
    def test_a_later_subscription_takes_the_place_of_an_earlier_one_and_can_be_given_up(self, run):
        async def check(store):
            await store.create_run(new("r1"))
            asked = (Subscription(1, 1, "paid", "a"), Subscription(2, 3, "paid", "a"), Subscription(3, 1, "paid", "b"))
            await store.commit([advance("r1", 0, signals=asked)])
            assert [(row.activation, row.attempt) for row in await store.list_subscriptions("r1")] == [(2, 3), (3, 1)]
            given_up = (Unsubscription("paid", "b"), Unsubscription("never", "asked"))
            await store.commit([advance("r1", 1, signals=given_up)])
            await store.publish([event("e1", key="b"), event("e2", key="a")])
            (told,) = await store.read_inbox(["r1"])
            assert decode_delivery(told.payload).activation == 2

        run(check)

    @pytest.mark.acceptance("STO-07", "EVT-08")
    def test_a_run_that_has_ended_is_told_nothing(self, run):
        async def check(store):
            await store.create_run(new("r1"))
            await store.commit([advance("r1", 0, signals=(Subscription(1, 1, "paid", ""),))])
            await store.commit([advance("r1", 1, status="succeeded", ended=3000)])
            assert [row.new for row in await store.publish([event("e1")])] == [True]
            assert await store.read_inbox(["r1"]) == []

        run(check)

    @pytest.mark.acceptance("STO-07")
    def test_a_commit_publishes_and_subscribes_in_order_with_its_advance_or_not_at_all(self, run):
        async def check(store):
            for id in ("r1", "r2"):
                await store.create_run(new(id))
            await store.commit([advance("r2", 0, signals=(Subscription(9, 1, "paid", ""),))])
            signals = (
                event("e1"),
                Subscription(1, 1, "paid", "", since=SINCE_NOW),
                event("e2"),
                event("e1"),
                Subscription(2, 1, "paid", ""),
            )
            refused = advance("r1", 5, signals=(event("e0"), Subscription(3, 1, "paid", "")))
            assert await store.commit([refused, advance("r1", 0, signals=signals)]) == [False, True]
            assert [row.id for row in await store.read_events("paid", "")] == ["e1", "e2"]
            told = [(row.run, decode_delivery(row.payload)) for row in await store.read_inbox(["r1", "r2"])]
            seen = [(id, delivery.activation, delivery.event.id) for id, delivery in told]
            assert seen == [("r2", 9, "e1"), ("r1", 1, "e2"), ("r1", 2, "e1")]
            many = [advance(id, 1, signals=(event(f"{id}-event", "done"),)) for id in ("r1", "r2")]
            assert await store.commit(many) == [True, True]
            assert [row.id for row in await store.read_events("done", "")] == ["r1-event", "r2-event"]

        run(check)

    @pytest.mark.acceptance("STO-07")
    def test_who_watches_hears_of_the_runs_that_were_told_of_an_event(self, run):
        async def check(store):
            for id in ("r1", "r2"):
                await store.create_run(new(id))
            await store.commit([advance("r1", 0, signals=(Subscription(1, 1, "paid", ""),))])
            heard: set[str] = set()
            woken = asyncio.Event()

            def hear(runs: frozenset[str]) -> None:
                heard.update(runs)
                woken.set()

            await asyncio.sleep(0)
            stop = store.watch(hear)
            await store.publish([event("e1")])
            await asyncio.wait_for(woken.wait(), 10)
            stop()
            assert "r1" in heard

        run(check)

    @pytest.mark.acceptance("STO-07")
    def test_an_event_is_kept_for_thirty_days_and_its_number_never_given_again(self, run):
        async def check(store):
            month = 30 * 24 * 3600 * 1000
            old = await store.publish([event("old", time=1000), event("edge", time=1001)])
            (newer,) = await store.publish([event("new", time=1001 + month)])
            assert newer.number > old[1].number
            assert [row.id for row in await store.read_events("paid", "")] == ["edge", "new"]
            await store.publish([event("last", time=5000 + month)])
            await store.create_run(new("r1"))
            (again,) = await store.publish([event("old", time=9000 + month)])
            assert again.new
            assert again.number > newer.number

        run(check)

    @pytest.mark.acceptance("STO-07", "STO-01")
    def test_events_and_subscriptions_survive_a_restart(self, opened):
        async def check():
            async with opened() as store:
                if store.url == "memory:":
                    pytest.skip("a store in memory ends with its process: nothing of it survives a restart")
                await store.create_run(new("r1"))
                await store.commit([advance("r1", 0, signals=(Subscription(1, 1, "paid", ""),))])
                await store.publish([event("e1", "other")])
            async with opened() as again:
                assert len(await again.list_subscriptions("r1")) == 1
                assert [row.new for row in await again.publish([event("e1", "other"), event("e2")])] == [False, True]
                assert len(await again.read_inbox(["r1"])) == 1

        asyncio.run(check())
