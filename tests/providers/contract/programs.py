"""The clauses of programs, of the registrations that name them, and of the schedules that come with those.

The highest registered version of a workflow is the one whose schedules hold.
"""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from tests.providers.contract.rows import ODD, advance, host, in_group, new, place, registered, scheduled
from wfe_runtime.errors import GroupFull
from wfe_runtime.providers.rows import ProgramRow, RunFilter, Unregistered


class ProgramClauses:
    def test_a_program_is_given_back_as_it_was_put_and_a_second_put_changes_nothing(self, run):
        async def check(store):
            program = ProgramRow("hash", ODD, 3, bytes(range(256)), b"")
            await store.put_programs([program])
            await store.put_programs([replace(program, workflow="other"), replace(program, hash="second")])
            assert await store.get_program("hash") == program
            assert (await store.get_program("second")).hash == "second"
            assert await store.get_program("third") is None

        run(check)

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

        run(check)
