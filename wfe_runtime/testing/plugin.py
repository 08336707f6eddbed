"""The fixtures of pytest, loaded in each of its sessions: nothing heavy is imported before a fixture is used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .clock import JumpingClock
    from .engine import EngineUnderTest

__all__ = ["wfe_clock", "wfe_engine", "wfe_memory_engine", "wfe_sqlite_engine"]


@pytest.fixture
def wfe_clock() -> JumpingClock:
    """The clock of the test's engines. It stands still until it is moved."""
    from .clock import JumpingClock

    return JumpingClock()


@pytest.fixture
def wfe_memory_engine(wfe_clock: JumpingClock) -> Iterator[EngineUnderTest]:
    """An engine on a store in memory, to be entered with ``async with``."""
    yield from _engine("memory:", wfe_clock)


@pytest.fixture
def wfe_sqlite_engine(wfe_clock: JumpingClock, tmp_path: Path) -> Iterator[EngineUnderTest]:
    """An engine on a new SQLite file, to be entered with ``async with``."""
    yield from _engine(f"sqlite:///{tmp_path}/runs.db", wfe_clock)


@pytest.fixture(params=["memory", "sqlite"])
def wfe_engine(request: pytest.FixtureRequest) -> EngineUnderTest:
    """An engine on each kind of store, to be entered with ``async with``: the test runs once on each."""
    engine: EngineUnderTest = request.getfixturevalue(f"wfe_{request.param}_engine")
    return engine


def _engine(url: str, clock: JumpingClock) -> Iterator[EngineUnderTest]:
    from .. import faults
    from .engine import EngineUnderTest

    before = faults.armed
    yield EngineUnderTest(url, clock=clock)
    faults.armed = before
