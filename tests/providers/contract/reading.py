"""The clauses of reading: runs by id, name and filter; journal, feed and logs in order and page by page.

Order is that of the commits, whatever the clocks of the writers say.
"""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.providers.contract.rows import advance, names, new
from wfe_runtime.providers.rows import LogRow, RunFilter


class ReadingClauses:
    @pytest.mark.acceptance("STO-01")
    def test_an_unknown_run_is_not_found_anywhere(self, run):
        async def check(store):
            assert await store.get_run("nobody") is None
            assert await store.find_runs("nobody") == []
            assert await store.load_state("nobody") is None
            assert await store.read_journal("nobody") == []
            assert await store.read_inbox(["nobody"]) == []
            assert await store.read_logs("nobody") == []
            assert await store.claim("nobody", "h1", 0) is None
            assert await store.commit([advance("nobody", 0)]) == [False]
            await store.release("nobody", "h1")
            await store.leave("nobody")

        run(check)

    def test_a_prefix_finds_all_ids_and_names_that_begin_with_it_newest_first(self, run):
        async def check(store):
            for id, name in (("aa1", "x1"), ("aa2", "x2"), ("ab3", "aa-name"), ("AA4", "x4"), ("a%5", "a_5")):
                await store.create_run(new(id, name=name))
            assert names(await store.find_runs("aa")) == ["ab3", "aa2", "aa1"]
            assert names(await store.find_runs("aa", limit=2)) == ["ab3", "aa2"]
            assert names(await store.find_runs("x")) == ["AA4", "aa2", "aa1"]
            assert names(await store.find_runs("a_")) == ["a%5"]
            assert names(await store.find_runs("a%")) == ["a%5"]
            assert names(await store.find_runs("", limit=0)) == ["a%5", "AA4", "ab3", "aa2", "aa1"]
            assert await store.find_runs("aa9") == []

        run(check)

    def test_an_exact_id_or_name_is_found_alone_though_others_begin_with_it(self, run):
        async def check(store):
            await store.create_run(new("r1", name="night"))
            await store.create_run(new("r11", name="nightly"))
            assert names(await store.find_runs("r1")) == ["r1"]
            assert names(await store.find_runs("night")) == ["r1"]

        run(check)

    def test_a_list_keeps_all_conditions_newest_first(self, run):
        async def check(store):
            await store.create_run(new("r1", created=10))
            await store.create_run(new("r2", created=30, parent="r1", root="r1", workflow="child"))
            await store.create_run(new("r3", created=20, parent="r2", root="r1"))
            await store.create_run(new("r4", created=40))
            await store.commit([advance("r4", 0), advance("r3", 0, status="failed", ended=5)])
            for conditions, found in (
                ({}, ["r4", "r3", "r2", "r1"]),
                ({"limit": 2}, ["r4", "r3"]),
                ({"statuses": ("pending",)}, ["r2", "r1"]),
                ({"statuses": ("running", "failed")}, ["r4", "r3"]),
                ({"statuses": ("failed",)}, ["r3"]),
                ({"workflow": "child"}, ["r2"]),
                ({"since": 20}, ["r4", "r3", "r2"]),
                ({"parent": "r1"}, ["r2"]),
                ({"root": "r1"}, ["r3", "r2", "r1"]),
                ({"root": "r1", "statuses": ("pending",), "since": 11}, ["r2"]),
                ({"workflow": "none"}, []),
            ):
                assert names(await store.list_runs(RunFilter(**conditions))) == found, conditions

        run(check)

    def test_runs_are_found_by_what_their_name_begins_with_by_age_and_page_by_page(self, run):
        async def check(store):
            for number in range(1, 5):
                await store.create_run(new(f"r{number}", name=f"{'ab'[number % 2]}{number}", created=number))
            assert names(await store.list_runs(RunFilter(name="b"))) == ["r3", "r1"]
            assert names(await store.list_runs(RunFilter(since=2, until=4))) == ["r3", "r2"]
            assert names(await store.list_runs(RunFilter(limit=2))) == ["r4", "r3"]
            assert names(await store.list_runs(RunFilter(limit=2, after="r3"))) == ["r2", "r1"]
            assert await store.list_runs(RunFilter(after="r1")) == []
            assert await store.list_runs(RunFilter(after="unknown")) == []

        run(check)

    @pytest.mark.acceptance("STO-11")
    def test_the_journal_is_paged_in_commit_order_whatever_the_clock_says(self, run):
        async def check(store):
            await store.create_run(new("r1"))
            await store.create_run(new("r2"))
            for n, time in enumerate((500, 100, 900, 0, 300)):
                await store.commit([advance(run, n, journal=((n + 1, time, b"%d" % n),)) for run in ("r1", "r2")])
            pages = [await store.read_journal("r1", after, 2) for after in (0, 2, 4, 5)]
            assert [[row.sequence for row in page] for page in pages] == [[1, 2], [3, 4], [5], []]
            assert [row.time for page in pages for row in page] == [500, 100, 900, 0, 300]

        run(check)

    @pytest.mark.acceptance("LOG-01")
    def test_the_feed_has_the_advances_of_all_runs_in_the_order_of_their_commits(self, run):
        async def check(store):
            assert await store.feed_position() == 0
            await store.create_run(new("r1", name="one"))
            await store.create_run(new("r2", parent="r1", root="r1"))
            await store.commit([advance("r2", 0)])
            await store.commit([advance("r1", 0), advance("r2", 1)])
            await store.commit([advance("r1", 0)])  # refused
            rows = await store.read_feed()
            assert [(row.run, row.sequence) for row in rows] == [("r2", 1), ("r1", 1), ("r2", 2)]
            assert (rows[0].parent, rows[0].root, rows[0].name) == ("r1", "r1", "deploy-1")
            assert (rows[1].name, rows[1].workflow, rows[1].version, rows[1].root) == ("one", "deploy", 1, "r1")
            assert (rows[1].time, rows[1].delta) == (2001, b"delta 1")
            assert await store.read_feed(rows[0].number, 1) == rows[1:2]
            assert await store.feed_position() == rows[-1].number
            assert await store.feed_position("r1", 1) == rows[1].number
            assert await store.feed_position("r1", 2) == 0

        run(check)

    @pytest.mark.acceptance("LOG-05")
    def test_output_comes_back_in_order_by_run_step_time_and_page(self, run):
        async def check(store):
            await store.create_run(new("r1"))
            await store.create_run(new("r2"))
            rows = [
                LogRow(("r1", "r2")[n % 2], "ab"[n % 3 == 0], n, "stdout", 100 - n, f"line {n}", number=77)
                for n in range(12)
            ]
            await store.append_logs(rows[:5])
            if not store.append_logs_now(rows[5:7]):
                await store.append_logs(rows[5:7])
            await store.append_logs([*rows[7:], LogRow("unknown", "a", 1, "stdout", 0, "dropped")])
            found = await store.read_logs("r1")
            assert [replace(row, number=77) for row in found] == rows[::2]
            assert [row.number for row in found] == sorted({row.number for row in found})
            assert await store.read_logs("r1", after=found[2].number) == found[3:]
            assert await store.read_logs("r1", limit=2) == found[:2]
            assert await store.read_logs("r1", step="b") == [row for row in found if row.step == "b"]
            assert await store.read_logs("r1", since=96) == [row for row in found if row.time >= 96]
            assert await store.read_logs("r1", step="zzz") == []

        run(check)
