"""How programs come out of a store: once each, whoever asks for them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.runtime.engine_support import ONE, MakeStore, Workflows
from wfe_runtime.errors import NotFound, StoreError
from wfe_runtime.programs import ProgramCache
from wfe_runtime.providers.rows import ProgramRow

PROGRAM = Workflows(ONE).rows[0]


class Asked:
    """A store, of which it is noted which programs it was asked for, and which may be broken."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.hashes: list[str] = []
        self.asked = asyncio.Event()
        self.answers = asyncio.Event()
        self.answers.set()
        self.broken = False

    async def get_program(self, hash: str) -> ProgramRow | None:
        self.hashes.append(hash)
        self.asked.set()
        await self.answers.wait()
        if self.broken:
            raise StoreError("disk", "the disk is gone", "find it")
        row: ProgramRow | None = await self._inner.get_program(hash)
        return row

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


@contextlib.asynccontextmanager
async def cached(make_store: MakeStore) -> AsyncIterator[tuple[ProgramCache, Asked]]:
    """Give a cache, and the store under it, which has PROGRAM."""
    inner = make_store()
    await inner.open()
    try:
        await inner.put_programs([PROGRAM])
        store = Asked(inner)
        yield ProgramCache(store), store  # type: ignore[arg-type] # the rest is the inner one's
    finally:
        await inner.close()


def test_a_program_that_is_expected_is_read_once_for_all_who_load_it(make_store: MakeStore) -> None:
    async def main() -> None:
        async with cached(make_store) as (programs, store):
            programs.expect(PROGRAM.hash)
            programs.expect(PROGRAM.hash)
            first, second = await asyncio.gather(programs.load(PROGRAM.hash), programs.load(PROGRAM.hash))
            assert first is second is programs.get(PROGRAM.hash)
            programs.expect(PROGRAM.hash)
            assert await programs.load(PROGRAM.hash) is first
            assert store.hashes == [PROGRAM.hash]

    asyncio.run(main())


def test_that_a_program_can_not_be_read_is_told_to_whoever_loads_it_and_the_next_reads_again(
    make_store: MakeStore,
) -> None:
    async def main() -> None:
        async with cached(make_store) as (programs, store):
            store.broken = True
            programs.expect(PROGRAM.hash)
            with pytest.raises(StoreError, match="the disk is gone"):
                await programs.load(PROGRAM.hash)
            store.broken = False
            assert (await programs.load(PROGRAM.hash)).hash == PROGRAM.hash
            programs.expect("0" * 64)
            with pytest.raises(NotFound):
                await programs.load("0" * 64)

    asyncio.run(main())


def test_what_was_expected_and_is_not_loaded_is_let_go_of_and_tells_nobody(
    make_store: MakeStore, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with cached(make_store) as (programs, store):
            store.broken = True
            programs.expect(PROGRAM.hash)
            await store.asked.wait()
            programs.expect_no_more(PROGRAM.hash)
            store.broken = False
            assert (await programs.load(PROGRAM.hash)).hash == PROGRAM.hash
            assert store.hashes == [PROGRAM.hash, PROGRAM.hash]

    asyncio.run(main())
    assert caplog.records == []


def test_who_gives_up_waiting_for_a_program_takes_it_from_nobody(make_store: MakeStore) -> None:
    async def main() -> None:
        async with cached(make_store) as (programs, store):
            store.answers.clear()
            programs.expect(PROGRAM.hash)
            impatient = asyncio.ensure_future(programs.load(PROGRAM.hash))
            patient = asyncio.ensure_future(programs.load(PROGRAM.hash))
            await store.asked.wait()
            impatient.cancel()
            store.answers.set()
            assert (await patient).hash == PROGRAM.hash
            assert impatient.cancelled()
            assert store.hashes == [PROGRAM.hash]

    asyncio.run(main())
