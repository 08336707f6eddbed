"""The conformance suite of stores: one class, run for every provider by a subclass that opens them.

A subclass of ``StoreContract`` says how stores are made; each test is one clause of
``wfe_runtime.providers.contracts``, named by it, so that a provider that breaks a clause fails by its name.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from msgspec.structs import replace

from wfe_runtime.errors import GroupFull, NameTaken, StoreError
from wfe_runtime.providers.contracts import (
    ENDED_ACTIVITIES_KEPT_MS,
    PUBLISHED,
    EventRow,
    Host,
    InboxPost,
    LogRow,
    NewActivity,
    NewEvent,
    NewRun,
    Parked,
    Place,
    PlaceRow,
    ProgramRow,
    PurgeFilter,
    Registration,
    RunCommit,
    RunFilter,
    RunRow,
    ScheduleRow,
    Store,
    Subscription,
    Unregistered,
    Unsubscription,
)
from wfe_runtime.providers.deliveries import Delivery, decode_delivery
from wfe_runtime.providers.hosts import this_host
from wfe_vm.state import SINCE_NOW

ODD = "a\0b 😀 \"'`;--\\ ключ.with.dots\n"


def new(id: str = "r1", **fields: object) -> NewRun:
    base = NewRun(id=id, workflow="deploy", version=1, program="hash", inputs=b"in", created=1000)
    return replace(base, **fields)


def advance(run: str, expected: int, **fields: object) -> RunCommit:
    """A commit that takes a run of fence 0 one step on."""
    sequence = expected + 1
    base = RunCommit(
        run=run,
        expected_sequence=expected,
        fence=0,
        sequence=sequence,
        status="running",
        journal=((sequence, 2000 + sequence, b"delta %d" % sequence),),
    )
    return replace(base, **fields)


async def waits(store: Store, run: str, owner: str = "h1", due: int = 0) -> None:
    """Create a run that its host lets go of at once."""
    await store.create_run(new(run, owner=owner))
    await store.commit([advance(run, 0, fence=1, status="waiting")])
    assert await store.park(owner, [Parked(run, 1, 1, due)]) == [True]


def event(id: str, name: str = "paid", key: str = "", time: int = 5000) -> NewEvent:
    return NewEvent(id, name, key, time, b"data")


def registered(version: int = 1, program: str = "p1", workflow: str = "deploy", time: int = 10) -> Registration:
    return Registration(workflow, version, program, time, ODD)


def work(activation: int = 1, attempt: int = 1, kind: str = "charge", run: str = "r1", time: int = 100) -> NewActivity:
    return NewActivity(run, activation, attempt, kind, f"step{activation}", b"in", time)


def host(id: str) -> Host:
    """A host on another machine, of which nothing but its lease is known."""
    return Host(id=id, machine="elsewhere", pid=1, started=1)


def start_process(id: str) -> tuple[subprocess.Popen[bytes], Host]:
    """Start a process that waits for its end, and return it with the host that it is."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with open(f"/proc/{process.pid}/stat", "rb") as file:
        started = int(file.read().rpartition(b")")[2].split()[19])
    return process, Host(id, this_host().machine, process.pid, started)


def place(on_full: str = "queue", limit: int = 1, group: str = "g") -> Place:
    return Place(group, limit, on_full, b"leave")


async def in_group(
    store: Store, id: str, on_full: str = "queue", owner: str = "h1", limit: int = 1, **fields: object
) -> str:
    """Create a run with a place in the group g. Returns the place's state."""
    return (await store.create_run(new(id, owner=owner, place=place(on_full, limit), **fields))).place


async def places(store: Store) -> dict[str, str]:
    return {row.run: row.state for row in await store.list_places("g")}


def scheduled(**fields: object) -> ScheduleRow:
    return replace(ScheduleRow("deploy", 1, 0, "hash", "* * * * *", "UTC", "once", "/", 50), **fields)


def ends(run: str, expected: int = 0, **fields: object) -> RunCommit:
    """The commit that ends a run of fence 1."""
    return advance(run, expected, **{"fence": 1, "status": "failed", "ended": 3000, "result": b"end", **fields})


def names(rows: list[RunRow]) -> list[str]:
    return [row.id for row in rows]


class StoreContract:
    """Subclass it as ``TestX``; ``make`` returns a store, not opened, on the same content each time."""

    @pytest.fixture
    def make(self) -> Callable[[], Store]:
        raise NotImplementedError

    @pytest.fixture
    def opened(self, make: Callable[[], Store]) -> Callable[[], AsyncIterator[Store]]:
        @asynccontextmanager
        async def open_one() -> AsyncIterator[Store]:
            store = make()
            await store.open()
            try:
                yield store
            finally:
                await store.close()

        return open_one

    @pytest.fixture
    def run(self, opened) -> Callable[[Callable[[Store], Awaitable[None]]], None]:
        """Runs a coroutine function with one open store."""

        def run_with_store(test: Callable[[Store], Awaitable[None]]) -> None:
            async def main() -> None:
                async with opened() as store:
                    await test(store)

            asyncio.run(main())

        return run_with_store

    # Programs

    def test_a_program_is_given_back_as_it_was_put_and_a_second_put_changes_nothing(self, run):
        async def check(store):
            program = ProgramRow("hash", ODD, 3, bytes(range(256)), b"")
            await store.put_programs([program])
            await store.put_programs([replace(program, workflow="other"), replace(program, hash="second")])
            assert await store.get_program("hash") == program
            assert (await store.get_program("second")).hash == "second"
            assert await store.get_program("third") is None

        run(check)

    def test_which_verifier_has_accepted_a_program_is_remembered_as_long_as_the_program(self, run):
        async def check(store):
            program = ProgramRow("hash", "w", 3, b"p", b"")
            await store.note_verified("hash", "too early")
            await store.put_programs([replace(program, verifier="says who puts it"), replace(program, hash="other")])
            assert await store.get_program("hash") == program
            for verifier in ("one", "another"):
                await store.note_verified("hash", verifier)
                await store.put_programs([program])
                assert await store.get_program("hash") == replace(program, verifier=verifier)
            assert (await store.get_program("other")).verifier == ""
            assert await store.drop_programs(["hash"], 1) == ["hash"]
            await store.put_programs([program])
            assert await store.get_program("hash") == program

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

    # Creating and reading

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

    def test_a_topmost_run_is_its_own_root(self, run):
        async def check(store):
            assert (await store.create_run(new("r1"))).root == "r1"

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

    # Commits

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

    # Inbox

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

    # Due times

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

    # Parking

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

    # Ownership

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

    # Logs

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
            await store.append_logs([*rows[5:], LogRow("unknown", "a", 1, "stdout", 0, "dropped")])
            found = await store.read_logs("r1")
            assert [replace(row, number=77) for row in found] == rows[::2]
            assert [row.number for row in found] == sorted({row.number for row in found})
            assert await store.read_logs("r1", after=found[2].number) == found[3:]
            assert await store.read_logs("r1", limit=2) == found[:2]
            assert await store.read_logs("r1", step="b") == [row for row in found if row.step == "b"]
            assert await store.read_logs("r1", since=96) == [row for row in found if row.time >= 96]
            assert await store.read_logs("r1", step="zzz") == []

        run(check)

    # Wake-ups

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

    # Upkeep

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

    def test_open_and_close_may_be_repeated(self, make):
        async def main():
            store = make()
            await store.open()
            await store.create_run(new("r1"))
            await store.close()
            await store.close()

        asyncio.run(main())

    # Events

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
                    pytest.skip("nothing of it survives")
                await store.create_run(new("r1"))
                await store.commit([advance("r1", 0, signals=(Subscription(1, 1, "paid", ""),))])
                await store.publish([event("e1", "other")])
            async with opened() as again:
                assert len(await again.list_subscriptions("r1")) == 1
                assert [row.new for row in await again.publish([event("e1", "other"), event("e2")])] == [False, True]
                assert len(await again.read_inbox(["r1"])) == 1

        asyncio.run(check())

    # Concurrency groups

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
                    pytest.skip("nothing of it survives")
                assert await places(store) == {"a": "held", "b": "waiting"}
                await store.commit([ends("a")])
                assert await places(store) == {"b": "held"}

        asyncio.run(main())

    # Taking up, and schedules

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

    @pytest.mark.acceptance("EVT-13")
    def test_of_many_that_fire_a_schedule_one_creates_its_run_and_moves_it_on(self, opened):
        async def main():
            async with opened() as first, opened() as second:
                row = scheduled()
                assert await first.keep_schedules("deploy", 1, [row])
                stores = [first, second if await second.list_schedules() else first]
                answers = await asyncio.gather(
                    *(store.fire_schedule(row, 60_000, new(f"r{n}")) for n, store in enumerate(stores * 5))
                )
                assert sum(answer is not None for answer in answers) == 1
                assert await first.list_schedules() == [replace(row, due=60_000)]
                assert len(await first.list_runs(RunFilter())) == 1
                assert await first.fire_schedule(replace(row, due=60_000), 120_000, None) is None
                assert await first.list_schedules() == [replace(row, due=120_000)]

        asyncio.run(main())

    def test_the_schedules_of_the_highest_version_hold_and_keep_their_due_times(self, run):
        async def check(store):
            row = scheduled()
            other = scheduled(version=2, position=1, cron="0 3 * * *", due=70)
            assert await store.keep_schedules("deploy", 1, [row])
            assert await store.keep_schedules("deploy", 2, [scheduled(version=2, program="new", due=90), other])
            assert await store.list_schedules() == [scheduled(version=2, program="new"), other]
            assert not await store.keep_schedules("deploy", 1, [row])
            assert await store.fire_schedule(row, 60, new("r1")) is None
            assert await store.keep_schedules("deploy", 3, [])
            assert await store.list_schedules() == []
            assert not await store.keep_schedules("deploy", 2, [other])

        run(check)

    def test_a_schedule_whose_run_is_rejected_by_its_group_is_moved_on(self, run):
        async def check(store):
            await store.join(host("h1"), 10_000, 0)
            await in_group(store, "a")
            await store.keep_schedules("deploy", 1, [scheduled()])
            with pytest.raises(GroupFull):
                await store.fire_schedule(scheduled(), 60, new("b", place=place("reject")))
            assert await store.list_schedules() == [scheduled(due=60)]

    # Registrations

    @pytest.mark.acceptance("PRG-12")
    def test_registrations_are_listed_by_workflow_and_version_and_said_once(self, run):
        async def check(store):
            both = [registered(10), registered(2, "p2")]
            assert await store.register(both) == []
            assert await store.register([registered(10, time=99), registered(1, workflow="build")]) == []
            assert await store.list_registrations("deploy") == [both[1], both[0]]
            assert [row.workflow for row in await store.list_registrations()] == ["build", "deploy", "deploy"]
            assert await store.list_registrations("deplo") == []

        run(check)

    @pytest.mark.acceptance("PRG-13")
    def test_another_program_of_a_version_is_refused_whole_or_replaces_and_the_history_says_so(self, run):
        async def check(store):
            first, second = registered(), registered(program="other", time=20)
            await store.register([first])
            assert await store.register([registered(2), second]) == [first]
            assert await store.list_registrations() == [first]
            assert await store.register([second], replace=True) == [first]
            assert await store.list_registrations() == [second]
            assert await store.list_registrations("deploy", history=True) == [first, second]

        run(check)

    @pytest.mark.acceptance("PRG-14")
    def test_a_registration_is_removed_unless_an_unfinished_run_has_its_program(self, run):
        async def check(store):
            await store.register([registered(program="hash"), registered(2)])
            await store.create_run(new("r1", name="mine"))
            removed = registered(time=30)
            assert await store.unregister(removed) == Unregistered(True, "mine")
            await store.commit([advance("r1", 0, status="failed", ended=9)])
            assert await store.unregister(removed) == Unregistered(True)
            assert await store.unregister(removed) == Unregistered(False)
            assert await store.unregister(registered(3)) == Unregistered(False)
            assert [row.version for row in await store.list_registrations()] == [2]
            assert (await store.list_registrations(history=True))[-1] == replace(removed, program="")
            assert await store.register([registered(program="again")]) == []

        run(check)

    def test_with_a_registration_its_times_go_and_no_others(self, run):
        async def check(store):
            await store.register([registered(), registered(2)])
            await store.keep_schedules("deploy", 2, [scheduled(version=2)])
            await store.unregister(registered(1))
            assert [row.version for row in await store.list_schedules()] == [2]
            await store.unregister(registered(2))
            assert await store.list_schedules() == []
            assert await store.keep_schedules("deploy", 1, [scheduled()])

        run(check)

    # The feed

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

    # Activities

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
