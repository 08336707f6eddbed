"""The clauses of upkeep: finished families and free programs are cleared out whole, and nothing else."""

from __future__ import annotations

import asyncio

import pytest

from tests.providers.contract.rows import advance, new, registered, scheduled, work
from wfe_runtime.providers.rows import Host, InboxPost, LogRow, ProgramRow, PurgeFilter, RunFilter


class UpkeepClauses:
    def test_open_and_close_may_be_repeated(self, make):
        async def main():
            store = make()
            await store.open()
            await store.create_run(new("r1"))
            await store.close()
            await store.close()

        asyncio.run(main())

    @pytest.mark.acceptance("STO-12")
    def test_a_purge_clears_out_whole_families_by_age_status_workflow_and_count_and_nothing_else(self, run):
        async def check(store):
            for number, (id, fields) in enumerate(
                {
                    "a": {"status": "succeeded", "ended": 1000},
                    "b": {"status": "failed", "ended": 2000},
                    "c": {"status": "succeeded", "ended": 3000},
                    "d": {"status": "succeeded", "ended": 9000},
                    "e": {},
                    "f": {"status": "succeeded", "ended": 1000, "workflow": "other"},
                    "g": {"status": "succeeded", "ended": 1000},
                    "g1": {"parent": "g", "root": "g"},
                    "h": {"status": "succeeded", "ended": 1000, "held": True},
                    "i": {"status": "succeeded", "ended": 1000},
                    "i1": {"status": "failed", "ended": 1500, "parent": "i", "root": "i"},
                }.items()
            ):
                made = {name: fields[name] for name in ("workflow", "parent", "root") if name in fields}
                await store.create_run(new(id, created=number, **made))
                if id == "a":
                    await store.offer_activity(work(1, run="a"))
                    await store.fetch_activity("charge", "w", "t", 1000, 50)
                if "ended" in fields:
                    end = {name: fields[name] for name in ("status", "ended")}
                    assert await store.commit([advance(id, 0, result=b"r", snapshot=b"s", **end)]) == [True]
                    await store.append_logs([LogRow(id, "s", 1, "stdout", 1, "text")])
                    await store.post([InboxPost(id, "event", b"x")])
                if "held" in fields:
                    await store.join(Host("h1", "m", 1, 1), 10_000, 0)
                    await store.claim(id, "h1", 1)
            assert await store.find_purgeable(PurgeFilter(5000, 5000)) == ["a", "b", "c", "f", "i"]
            assert await store.find_purgeable(PurgeFilter(5000, 5000, ("failed",))) == ["b"]
            assert await store.find_purgeable(PurgeFilter(5000, 5000, workflow="other")) == ["f"]
            assert await store.find_purgeable(PurgeFilter(5000, 5000, keep=2)) == ["a", "b"]
            assert await store.find_purgeable(PurgeFilter(5000, 5000, ("succeeded",), keep=1)) == ["a", "c"]
            assert await store.purge(PurgeFilter(5000, 5000), 2) == ["a", "b"]
            assert await store.purge(PurgeFilter(5000, 5000)) == ["c", "f", "i", "i1"]
            assert await store.purge(PurgeFilter(5000, 5000)) == []
            assert sorted(row.id for row in await store.list_runs(RunFilter())) == ["d", "e", "g", "g1", "h"]
            for id in ("a", "i1"):
                assert await store.get_run(id) is None
                assert await store.load_state(id) is None
                assert await store.read_journal(id) == []
                assert await store.read_logs(id) == []
                assert await store.read_inbox([id]) == []
            assert {row.run for row in await store.read_feed()} == {"d", "g", "h"}
            assert await store.find_activity("t") is None
            assert (await store.read_logs("d"))[0].text == "text"
            assert (await store.create_run(new("z"))).name == "deploy-11", "names of runs that are gone stay theirs"
            await store.compact()
            assert (await store.summarise()).runs == {"pending": 3, "succeeded": 3}

        run(check)

    @pytest.mark.acceptance("PRG-14", "STO-12")
    def test_programs_that_nothing_names_and_nobody_put_lately_are_dropped(self, run):
        async def check(store):
            hour = 3_600_000  # a store may note to some minutes when a program was put
            names = ("by-run", "registered", "scheduled", "replaced", "fresh", "free", "kept")
            await store.put_programs([ProgramRow(name, "w", 1, b"p", b"") for name in names], hour)
            await store.put_programs([ProgramRow("fresh", "w", 1, b"p", b"")], 2 * hour)
            await store.put_programs([ProgramRow("fresh", "w", 1, b"p", b"")], hour * 3 // 2)
            await store.create_run(new("r1", program="by-run"))
            await store.register([registered(program="replaced"), registered(2, program="registered")])
            await store.keep_schedules("deploy", 1, [scheduled(program="scheduled")])
            await store.register([registered(program="by-run")], replace=True)
            wanted = {row.hash: row.wanted for row in await store.list_programs(hour + 1)}
            assert wanted == dict.fromkeys(names, True) | {"replaced": False, "free": False, "kept": False}
            assert all(row.wanted for row in await store.list_programs(hour))
            asked = ["free", "replaced", "fresh", "registered", "none"]
            assert await store.drop_programs(asked, hour) == []
            assert sorted(await store.drop_programs(asked, hour + 1)) == ["free", "replaced"]
            assert await store.get_program("free") is None
            assert [row.hash for row in await store.list_programs(hour + 1) if not row.wanted] == ["kept"]
            assert await store.drop_programs(["fresh"], 2 * hour + 1) == ["fresh"]

        run(check)
