"""The stores that an engine is shown on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.runtime.engine_support import MakeStore
from wfe_runtime import Store, open_store


@pytest.fixture(params=["memory", "sqlite"])
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> MakeStore:
    """Return a function that gives a store, not opened, on the same content each time."""
    if request.param == "memory":
        store = open_store("memory:")
        return lambda: store
    return lambda: open_store(f"sqlite:///{tmp_path}/runs.db")


@pytest.fixture
def store(make_store: MakeStore) -> Store:
    return make_store()


@pytest.fixture
def make_shared(tmp_path: Path) -> MakeStore:
    """Return a function as ``make_store`` does, of stores that several engines may have open at once."""
    return lambda: open_store(f"sqlite:///{tmp_path}/runs.db")
