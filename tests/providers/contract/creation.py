"""The clauses of creation: a run is made once, has a name and a key of its own, and comes back as it was given.

Whatever is a text or bytes is kept to the letter; what no store can keep is refused with its path.
"""

from __future__ import annotations

import asyncio

import pytest

from tests.providers.contract.rows import ODD, advance, names, new
from wfe_runtime.errors import NameTaken, StoreError
from wfe_runtime.providers.rows import InboxPost, LogRow, NewRun, RunFilter, RunRow


class CreationClauses:
    @pytest.mark.acceptance("STO-01")
    def test_a_created_run_is_given_back_equal_in_every_field_by_id_and_by_name(self, run):
        async def check(store):
            asked = NewRun(
                id="r2",
                workflow="deploy",
                version=7,
                program="hash",
                inputs=bytes(range(256)),
                created=123456789,
                name="tuesday",
                key="k",
                folder="/some/folder",
                durability="relaxed",
                owner="h1",
                parent="r1",
                parent_activation=5,
                parent_attempt=6,
                root="r0",
                depth=2,
            )
            row = await store.create_run(asked)
            for field in set(asked.__struct_fields__) - {"place"}:
                assert getattr(row, field) == getattr(asked, field), field
            assert (row.status, row.sequence, row.fence, row.result) == ("pending", 0, 1, b"")
            assert (row.started, row.ended, row.due) == (0, 0, 0)
            assert await store.get_run("r2") == row
            assert await store.find_runs("r2") == [row]
            assert await store.find_runs("tuesday") == [row]

        run(check)

    def test_a_topmost_run_is_its_own_root(self, run):
        async def check(store):
            assert (await store.create_run(new("r1"))).root == "r1"

        run(check)

    @pytest.mark.acceptance("STO-02")
    def test_automatic_names_count_per_workflow_and_skip_taken_ones(self, run):
        async def check(store):
            await store.create_run(new("r0", name="deploy-2"))
            given = [(await store.create_run(new(f"r{n}"))).name for n in (1, 2, 3)]
            assert given == ["deploy-1", "deploy-3", "deploy-4"]
            assert (await store.create_run(new("r9", workflow="other"))).name == "other-1"

        run(check)

    @pytest.mark.acceptance("STO-02")
    def test_concurrent_creates_over_two_connections_count_without_gap_or_double(self, opened):
        async def main():
            async with opened() as first, opened() as second:
                rows = await asyncio.gather(*((first, second)[n % 2].create_run(new(f"r{n:03}")) for n in range(100)))
                assert {row.name for row in rows} == {f"deploy-{n}" for n in range(1, 101)}
                assert sorted(names(await second.list_runs(RunFilter()))) == [f"r{n:03}" for n in range(100)]

        asyncio.run(main())

    def test_a_name_in_use_is_refused_and_nothing_is_created(self, run):
        async def check(store):
            await store.create_run(new("r1", name="mine"))
            with pytest.raises(NameTaken, match="mine"):
                await store.create_run(new("r2", name="mine"), [InboxPost("r2", "started", b"")])
            assert await store.get_run("r2") is None

        run(check)

    def test_a_key_gives_back_the_run_that_has_it_and_creates_and_posts_nothing(self, run):
        async def check(store):
            first = await store.create_run(new("r1", key="k"), [InboxPost("r1", "started", b"1")])
            again = await store.create_run(new("r2", key="k", name=first.name), [InboxPost("r1", "started", b"2")])
            assert again == first
            assert await store.get_run("r2") is None
            assert [row.payload for row in await store.read_inbox(["r1"])] == [b"1"]
            other = await store.create_run(new("r3", key="k", workflow="other"))
            assert other.id == "r3"

        run(check)

    def test_creating_an_id_again_gives_back_the_run_that_has_it(self, run):
        async def check(store):
            first = await store.create_run(new("r1"), [InboxPost("r1", "started", b"1")])
            again = await store.create_run(new("r1", version=2), [InboxPost("r1", "started", b"2")])
            assert again == first
            assert len(await store.read_inbox(["r1"])) == 1

        run(check)

    @pytest.mark.acceptance("STO-09")
    def test_any_text_and_any_bytes_come_back_identical(self, run):
        async def check(store):
            largest = 2**63 - 1
            row = await store.create_run(new("r1" + ODD, name=ODD, workflow=ODD, key=ODD, folder=ODD, created=largest))
            id = row.id
            assert await store.get_run(id) == row
            assert (row.name, row.workflow, row.key, row.folder) == (ODD, ODD, ODD, ODD)
            await store.commit([advance(id, 0, journal=((1, largest, bytes(range(256))),), snapshot=b"")])
            assert (await store.read_journal(id))[0].time == largest
            assert (await store.load_state(id)).snapshot == b""
            await store.append_logs([LogRow(id, ODD, 2, "stdout", -5, ODD), LogRow(id, "", 1, "log", 0, "")])
            texts = [(log.step, log.text) for log in await store.read_logs(id, since=-10)]
            assert texts == [(ODD, ODD), ("", "")]
            await store.post([InboxPost(id, ODD, b"\0")])
            assert [(post.kind, post.payload) for post in await store.read_inbox([id])] == [(ODD, b"\0")]
            assert names(await store.find_runs(ODD[:2])) == [id]

        run(check)

    @pytest.mark.acceptance("STO-09")
    def test_a_lone_surrogate_is_refused_with_its_path_and_others_go_on(self, run):
        async def check(store):
            bad = "x\ud800"
            await store.create_run(new("r1"))
            for path, call in (
                (r"run\[0\]\.folder", store.create_run(new("r2", folder=bad))),
                (r"posts\[1\]\.kind", store.post([InboxPost("r1", "a", b""), InboxPost("r1", bad, b"")])),
                (r"logs\[0\]\.text", store.append_logs([LogRow("r1", "s", 1, "stdout", 0, bad)])),
                (
                    r"commits\[0\]\.children\[0\]\.key",
                    store.commit([advance("r1", 0, children=(new("r3", key=bad),))]),
                ),
            ):
                good, refused = await asyncio.gather(store.create_run(new("good" + path)), call, return_exceptions=True)
                assert isinstance(good, RunRow)
                assert isinstance(refused, StoreError)
                assert refused.code == "value"
                with pytest.raises(StoreError, match=path):
                    raise refused
            assert await store.read_inbox(["r1"]) == []
            assert (await store.get_run("r1")).sequence == 0

        run(check)
