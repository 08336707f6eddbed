"""What a host can't read, because it was altered or a newer release wrote it: named, and left to others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from tests.runtime.engine_support import (
    CHAIN,
    ONE,
    Clock,
    Held,
    MakeStore,
    Workflows,
    embedded,
    result_of,
    row_of,
    turns,
    until,
)
from wfe_runtime import inbox
from wfe_runtime.engine import LEASE_MS
from wfe_runtime.errors import MissingError, StoreError
from wfe_runtime.lifecycle import SilentListener
from wfe_runtime.providers.rows import InboxPost, ProgramRow
from wfe_runtime.serving import Server
from wfe_vm.events import Cancel, Event
from wfe_vm.isa import ISA_VERSION
from wfe_vm.program import encode_program, hash_of

FROM_THE_FUTURE = msgspec.msgpack.encode({"type": "rewind", "time": 1})
"""An event of a kind that this release does not know."""


class Programs:
    """A store whose programs are given back as somebody else has left them."""

    def __init__(self, inner: Any, change: Callable[[ProgramRow], ProgramRow]) -> None:
        self._inner = inner
        self._change = change

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def get_program(self, hash: str) -> ProgramRow | None:
        row = await self._inner.get_program(hash)
        return None if row is None else self._change(row)


class Troubles(SilentListener):
    """Keeps what the engine is troubled by."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def troubled(self, message: str) -> None:
        self.told.append(message)


def altered(workflow: str) -> Callable[[ProgramRow], ProgramRow]:
    """Return what alters the stored program of one workflow, in a single bit."""

    def change(row: ProgramRow) -> ProgramRow:
        data = bytearray(row.program)
        data[len(data) // 2] ^= 1
        return replace(row, program=bytes(data)) if row.workflow == workflow else row

    return change


def row_like(row: ProgramRow, program: Any) -> ProgramRow:
    data = msgspec.msgpack.Encoder(order="deterministic").encode(program)
    return replace(row, program=data, hash=hash_of(data))


def both() -> tuple[Workflows, Workflows]:
    return Workflows(ONE), Workflows(CHAIN)


async def left_behind(store: Any, *workflows: Workflows) -> list[str]:
    """Start a run of each, and have its host leave before it has done a step."""
    held = Held()
    async with embedded(store, held) as engine:
        runs = [await one.start(engine) for one in workflows]
        await held.under_way(len(runs))
    return runs


@pytest.mark.acceptance("PRG-07")
def test_a_program_that_was_altered_in_the_store_is_not_run_and_its_run_is_left_with_the_reason(
    make_store: MakeStore,
) -> None:
    async def main() -> None:
        one, other = await left_behind(make_store(), *both())
        told = Troubles()
        async with embedded(Programs(make_store(), altered("one")), listener=told) as engine:
            server = Server(engine)
            assert await server.take_up() == 1
            assert (await result_of(engine, other)).status == "succeeded"
            [(name, [reason])] = server.lacking.items()
            assert "of workflow one has been altered, and is not run" in reason
            assert [name in message and "altered" in message for message in told.told] == [True]
            row = await row_of(engine.store, one)
            assert (row.name, row.status, row.owner) == (name, "running", "")
            for _ in range(2):
                with pytest.raises(StoreError, match="has been altered, and is not run") as caught:
                    await engine.take_over(one)
                assert caught.value.code == "damaged"
            assert await server.take_up() == 0
        async with embedded(make_store()) as engine:  # it is right again
            await engine.take_over(one)
            assert (await result_of(engine, one)).status == "succeeded"

    asyncio.run(main())


@pytest.mark.acceptance("PRG-07")
def test_a_program_is_verified_before_its_first_run_though_its_hash_is_right(make_store: MakeStore) -> None:
    async def main() -> None:
        workflows = Workflows(ONE)
        [row] = workflows.rows
        fields = msgspec.msgpack.decode(row.program)
        place = next(number for number, field in enumerate(fields) if isinstance(field, bytes) and field)
        fields[place] = fields[place][:-4] + b"\xff\xff\xff\x7f"
        broken = row_like(row, fields)
        async with embedded(make_store()) as engine:
            with pytest.raises(StoreError, match="of workflow one is not safe to run: ") as caught:
                await engine.start([broken], broken.hash, {})
            assert caught.value.code == "damaged"
            assert engine.at_hand() == []
            assert (await result_of(engine, await workflows.start(engine))).status == "succeeded"

    asyncio.run(main())


def test_a_source_map_that_is_damaged_hinders_no_run(make_store: MakeStore) -> None:
    async def main() -> None:
        [run] = await left_behind(make_store(), Workflows(ONE))
        store = Programs(make_store(), lambda row: replace(row, source_map=b"\xc1 no map"))
        async with embedded(store) as engine:
            await engine.take_over(run)
            assert (await result_of(engine, run)).status == "succeeded"

    asyncio.run(main())


@pytest.mark.acceptance("PRG-08", "ENG-24")
def test_a_run_of_a_newer_releases_program_stays_for_a_host_that_can_run_it(
    make_store: MakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        workflows, others = both()
        program = replace(workflows.programs["one"], isa=ISA_VERSION + 1)
        data = encode_program(program)
        newer = ProgramRow(hash_of(data), "one", 1, data, b"")
        held = Held()
        with pytest.MonkeyPatch.context() as newer_release:
            newer_release.setattr("wfe_vm.program.ISA_VERSION", ISA_VERSION + 1)
            newer_release.setattr("wfe_vm.verify_table.ISA_VERSION", ISA_VERSION + 1)
            async with embedded(make_store(), held) as engine:
                row = await engine.start([newer], newer.hash, {})
                other = await others.start(engine)
                await held.under_way(2)
        async with embedded(make_store()) as engine:
            server = Server(engine)
            assert await server.take_up() == 1
            assert (await result_of(engine, other)).status == "succeeded"
            [[reason]] = server.lacking.values()
            assert f"needs instruction set {ISA_VERSION + 1}, this host has {ISA_VERSION}: upgrade wfe" in reason
            with pytest.raises(MissingError, match="upgrade wfe"):
                await engine.take_over(row.id)
            assert (await row_of(engine.store, row.id)).status == "running"
        monkeypatch.setattr("wfe_vm.program.ISA_VERSION", ISA_VERSION + 1)
        monkeypatch.setattr("wfe_vm.verify_table.ISA_VERSION", ISA_VERSION + 1)
        async with embedded(make_store()) as engine:
            await engine.take_over(row.id)
            assert (await result_of(engine, row.id)).status == "succeeded"

    asyncio.run(main())


@pytest.mark.acceptance("ENG-24")
def test_a_run_that_a_newer_release_told_what_this_one_can_not_read_is_let_go_and_others_go_on(
    make_store: MakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        clock, held, told = Clock(), Held(), Troubles()
        workflows, others = both()
        async with embedded(make_store(), held, clock=clock, listener=told) as engine:
            run, other = await workflows.start(engine), await others.start(engine)
            await held.under_way(2)
            lost = asyncio.ensure_future(engine.wait(run))
            await engine.store.post([InboxPost(run, "event", FROM_THE_FUTURE)])
            with pytest.raises(StoreError, match=r"can't go on here: .* or a newer wfe has sent it"):
                await lost
            await until(lambda: has_no_owner(engine.store, run))
            assert [message for message in told.told if "can't go on here" in message]
            with pytest.raises(StoreError, match="can't go on here"):
                await engine.take_over(run)
            held.let_go()
            while (await row_of(engine.store, other)).status != "succeeded":
                await turns()
                held.let_go()
            assert (await row_of(engine.store, run)).status == "running"
        monkeypatch.setattr(inbox, "decode_event", newer_reading(inbox.decode_event))
        clock.time += LEASE_MS
        async with embedded(make_store(), clock=clock) as engine:
            await engine.take_over(run)
            assert (await result_of(engine, run)).status == "aborted"

    asyncio.run(main())


async def has_no_owner(store: Any, run: str) -> bool:
    return (await row_of(store, run)).owner == ""


def newer_reading(read: Callable[[bytes], Event]) -> Callable[[bytes], Event]:
    """Return how a release reads events that knows one more."""

    def decode(data: bytes) -> Event:
        return Cancel(1, "rewound", 0) if data == FROM_THE_FUTURE else read(data)

    return decode


@pytest.mark.acceptance("ENG-24")
def test_a_run_passes_between_hosts_step_by_step(make_store: MakeStore) -> None:
    async def main() -> None:
        clock, workflows, ran = Clock(), Workflows(CHAIN), []
        run = ""
        for step in ("first", "second", "third"):
            held = Held()
            async with embedded(make_store(), held, clock=clock) as engine:
                if not run:
                    run = await workflows.start(engine)
                else:
                    await engine.take_over(run)
                ran += await held.under_way(1)
                held.let_go()
                if step != "third":
                    await held.under_way(1)
                else:
                    assert (await result_of(engine, run)).status == "succeeded"
        assert ran == ["first", "second", "third"]

    asyncio.run(main())
