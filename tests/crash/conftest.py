"""Which of the many points of a test are part of the default run: every fifth; the full check kills at all."""

from __future__ import annotations

from collections import defaultdict

import pytest

MANY = 8  # cases of one test, from which on most of them are for the full check
KEPT = 5  # one in so many stays


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark four of five cases of a test with many as ``soak``, the same ones in each process."""
    cases: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        if item.path.is_relative_to(__file__.rpartition("/")[0]) and item.get_closest_marker("soak") is None:
            cases[item.nodeid.partition("[")[0]].append(item)
    for group in cases.values():
        if len(group) >= MANY:
            for number, item in enumerate(group):
                if number % KEPT:
                    item.add_marker(pytest.mark.soak)
