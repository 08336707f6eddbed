"""What a store is: each clause of ``wfe_runtime.providers.contracts`` is a test, and its name says the clause.

A provider has them all by a subclass of ``StoreContract`` that says how its stores are made; nothing else about it
is known here. A provider that breaks a clause fails by the clause's name. Each module has the clauses of one subject:

``creation``, ``reading``, ``commits``
    what a run is, how it is found and how it moves on
``inbox``, ``events``
    how a run is told something
``ownership``, ``parking``, ``groups``
    who goes on with a run, and when
``activities``, ``programs``, ``searching``, ``upkeep``
    work for others, what runs are made of, what is found of them, and what is cleared out

A clause asks for the fixture ``run`` and gives it a check of one open store, or for ``opened`` where it needs several.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

import pytest

from tests.providers.contract.activities import ActivityClauses
from tests.providers.contract.commits import CommitClauses
from tests.providers.contract.creation import CreationClauses
from tests.providers.contract.events import EventClauses
from tests.providers.contract.groups import GroupClauses
from tests.providers.contract.inbox import InboxClauses
from tests.providers.contract.ownership import OwnershipClauses
from tests.providers.contract.parking import ParkingClauses
from tests.providers.contract.programs import ProgramClauses
from tests.providers.contract.reading import ReadingClauses
from tests.providers.contract.searching import SearchClauses
from tests.providers.contract.upkeep import UpkeepClauses
from tests.providers.opening import opened
from wfe_runtime.providers.contracts import Store

__all__ = ["StoreContract"]


class StoreContract(
    CreationClauses,
    ReadingClauses,
    CommitClauses,
    InboxClauses,
    EventClauses,
    OwnershipClauses,
    ParkingClauses,
    GroupClauses,
    ActivityClauses,
    ProgramClauses,
    SearchClauses,
    UpkeepClauses,
):
    """Subclass it as ``TestX``; ``make`` returns a store, not opened, on the same content each time."""

    @pytest.fixture
    def make(self) -> Callable[[], Store]:
        raise NotImplementedError  # each store's test says how its store is made

    @pytest.fixture
    def opened(self, make: Callable[[], Store]) -> Callable[[], AbstractAsyncContextManager[Store]]:
        """A store, opened for as long as the context lasts."""
        return lambda: opened(make())

    @pytest.fixture
    def run(
        self, opened: Callable[[], AbstractAsyncContextManager[Store]]
    ) -> Callable[[Callable[[Store], Awaitable[None]]], None]:
        """Runs a coroutine function with one open store."""

        def run_with_store(check: Callable[[Store], Awaitable[None]]) -> None:
            async def main() -> None:
                async with opened() as store:
                    await check(store)

            asyncio.run(main())

        return run_with_store
