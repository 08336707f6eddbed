"""The stores that the library is shown on, and workflows to run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from wfe_runtime import Store, open_store


@pytest.fixture(params=["memory", "sqlite"])
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Store]:
    """Return what opens the same store again and again."""
    if request.param == "memory":
        store = open_store("memory:")
        return lambda: store
    return lambda: open_store(f"sqlite:///{tmp_path}/runs.db")


@pytest.fixture
def store(make_store: Callable[[], Store]) -> Store:
    return make_store()
