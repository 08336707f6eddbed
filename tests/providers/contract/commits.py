"""The clauses of a commit: taken whole where its sequence and its fence are right, or it changes nothing.

A refused commit is an answer, not an error, and concerns no other commit of the same call.
"""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from tests.providers.contract.rows import advance, new
from wfe_runtime.providers.rows import InboxPost, ProgramRow, RunCommit


class CommitClauses:
    @pytest.mark.acceptance("STO-03")
    def test_a_commit_of_the_right_sequence_and_fence_shows_everything_at_once(self, run):
        async def check(store):
            await store.create_run(new("r1", owner="h1"))
            await store.create_run(new("r2"))
            (consumed, kept) = await store.post([InboxPost("r1", "a", b""), InboxPost("r1", "b", b"")])
            commit = RunCommit(
                run="r1",
                expected_sequence=0,
                fence=1,
                sequence=2,
                status="waiting",
                journal=((1, 11, b"one"), (2, 12, b"two")),
                snapshot=b"state",
                due=99,
                started=11,
                children=(new("c1", parent="r1", root="r1"),),
                posts=(InboxPost("c1", "started", b"x"), InboxPost("r2", "event", b"y")),
                consumed=(consumed,),
            )
            assert await store.commit([commit]) == [True]
            row = await store.get_run("r1")
            assert (row.sequence, row.fence, row.status, row.due, row.started) == (2, 1, "waiting", 99, 11)
            assert [(j.sequence, j.time, j.delta) for j in await store.read_journal("r1")] == [
                (1, 11, b"one"),
                (2, 12, b"two"),
            ]
            child = await store.get_run("c1")
            assert (child.parent, child.root, child.name, child.status) == ("r1", "r1", "deploy-3", "pending")
            inbox = await store.read_inbox(["c1", "r2", "r1", "r1"])
            assert [(post.run, post.kind) for post in inbox] == [
                ("r1", "b"),
                ("c1", "started"),
                ("r2", "event"),
            ]
            assert inbox[0].id == kept

        run(check)

    @pytest.mark.acceptance("STO-03")
    def test_a_commit_of_another_sequence_or_fence_is_refused_and_changes_nothing(self, run):
        async def check(store):
            await store.create_run(new("r1", owner="h1"))
            (post,) = await store.post([InboxPost("r1", "a", b"")])
            good = advance("r1", 0, fence=1)
            assert await store.commit([good]) == [True]
            before = (await store.get_run("r1"), await store.load_state("r1"))
            everything = {
                "snapshot": b"s",
                "children": (new("c1"),),
                "posts": (InboxPost("r1", "b", b""),),
                "consumed": (post,),
                "release": True,
                "status": "failed",
                "ended": 7,
                "result": b"r",
            }
            for refused in (
                advance("r1", 0, fence=1, **everything),
                advance("r1", 2, fence=1, **everything),
                advance("r1", 1, fence=0, **everything),
                advance("r1", 1, fence=2, **everything),
            ):
                assert await store.commit([refused]) == [False], refused
            assert (await store.get_run("r1"), await store.load_state("r1")) == before
            assert await store.get_run("c1") is None
            assert [row.id for row in await store.read_inbox(["r1"])] == [post]

        run(check)

    @pytest.mark.acceptance("STO-03")
    def test_a_refused_commit_does_not_hinder_the_others_of_its_call(self, run):
        async def check(store):
            for n in range(6):
                await store.create_run(new(f"r{n}"))
            commits = [advance(f"r{n}", 1 if n in (1, 4) else 0, status="waiting") for n in range(6)]
            commits.append(advance("unknown", 0))
            assert await store.commit(commits) == [True, False, True, True, False, True, False]
            assert [(await store.get_run(f"r{n}")).sequence for n in range(6)] == [1, 0, 1, 1, 0, 1]
            assert [len(await store.read_journal(f"r{n}")) for n in range(6)] == [1, 0, 1, 1, 0, 1]

        run(check)

    def test_of_two_commits_for_one_sequence_at_once_one_is_accepted(self, opened):
        async def main():
            async with opened() as first, opened() as second:
                await first.create_run(new("r1"))
                for sequence in range(20):
                    answers = await asyncio.gather(
                        *(
                            store.commit([advance("r1", sequence, journal=((sequence + 1, 0, mark),))])
                            for store, mark in ((first, b"1"), (second, b"2"), (first, b"3"))
                        )
                    )
                    assert sorted(answers) == [[False], [False], [True]]
                assert len(await first.read_journal("r1")) == 20

        asyncio.run(main())

    def test_commits_asked_one_after_the_other_without_waiting_are_all_accepted(self, run):
        async def check(store):
            await store.create_run(new("r1"))
            answers = await asyncio.gather(*(store.commit([advance("r1", n)]) for n in range(50)))
            assert answers == [[True]] * 50
            assert (await store.load_state("r1")).deltas == tuple(b"delta %d" % n for n in range(1, 51))

        run(check)

    def test_an_ended_run_has_its_result_and_a_reopened_one_has_none(self, run):
        async def check(store):
            await store.create_run(new("r1"))
            await store.commit([advance("r1", 0, status="failed", ended=50, result=b"why", started=40)])
            row = await store.get_run("r1")
            assert (row.status, row.started, row.ended, row.result) == ("failed", 40, 50, b"why")
            await store.commit([advance("r1", 1)])
            row = await store.get_run("r1")
            assert (row.status, row.started, row.ended, row.result) == ("running", 40, 0, b"")

        run(check)

    def test_a_status_and_an_end_that_contradict_each_other_are_an_error_of_the_caller(self, run):
        async def check(store):
            await store.create_run(new("r1"))
            for wrong in ({"status": "failed"}, {"status": "running", "ended": 5}):
                with pytest.raises(ValueError, match="r1"):
                    await store.commit([advance("r1", 0, **wrong)])
            assert (await store.get_run("r1")).sequence == 0

        run(check)

    def test_a_commit_can_give_up_ownership(self, run):
        async def check(store):
            await store.create_run(new("r1", owner="h1"))
            await store.commit([advance("r1", 0, fence=1, release=True)])
            row = await store.get_run("r1")
            assert (row.owner, row.fence) == ("", 1)

        run(check)

    @pytest.mark.acceptance("CTL-10")
    def test_a_commit_can_give_a_run_another_program_and_its_version(self, run):
        async def check(store):
            await store.put_programs(
                [ProgramRow("old", "deploy", 1, b"1", b""), ProgramRow("new", "deploy", 7, b"7", b"")]
            )
            await store.create_run(new("r1", program="old", owner="h1"))
            moved = advance("r1", 0, fence=1, snapshot=b"moved", program="new")
            assert await store.commit([replace(moved, fence=0)]) == [False]
            assert (await store.get_run("r1")).program == "old"
            assert await store.commit([moved]) == [True]
            row = await store.get_run("r1")
            assert (row.program, row.version, row.sequence) == ("new", 7, 1)
            assert (await store.load_state("r1")).snapshot == b"moved"

        run(check)

    def test_a_state_is_the_last_snapshot_and_the_deltas_after_it(self, run):
        async def check(store):
            await store.create_run(new("r1"))
            assert await store.commit([advance("r1", 0)]) == [True]
            state = await store.load_state("r1")
            assert (state.snapshot_sequence, state.snapshot, state.deltas) == (0, None, (b"delta 1",))
            await store.commit([advance("r1", 1, snapshot=b"two")])
            await store.commit([advance("r1", 2)])
            await store.commit([advance("r1", 3)])
            state = await store.load_state("r1")
            assert (state.snapshot_sequence, state.snapshot) == (2, b"two")
            assert state.deltas == (b"delta 3", b"delta 4")
            assert state.run == await store.get_run("r1")
            await store.commit([advance("r1", 4, snapshot=b"five")])
            state = await store.load_state("r1")
            assert (state.snapshot_sequence, state.snapshot, state.deltas) == (5, b"five", ())

        run(check)

    def test_what_is_taken_by_others_gives_way_in_a_child(self, run):
        async def check(store):
            await store.create_run(new("r1", name="mine", key="k"))
            children = (new("c1", name="mine"), new("c2", key="k"), new("r1", version=9), new("c3", key="z"))
            assert await store.commit([advance("r1", 0, children=children)]) == [True]
            rows = [await store.get_run(id) for id in ("c1", "c2", "r1", "c3")]
            assert [row.name for row in rows] == ["deploy-1", "deploy-2", "mine", "deploy-3"]
            assert [row.key for row in rows] == ["", "", "k", "z"]
            assert rows[2].version == 1

        run(check)
