"""How many random examples a property is held to: some of them in the everyday run, all in the full check.

A test that has no number of its own takes that of the profile, which ``conftest.py`` chooses; one that has says it as
``examples(300)``: so many in the full check, and the same share of them as of all others elsewhere. What is random
without a seed of its own is the same in every full check, so the everyday run's examples are the first of those.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings

__all__ = ["ALL", "blocks", "examples"]

ALL = 100
"""The examples of the full check where a test says no number: what the profile's number is a share of."""


def examples(number: int) -> int:
    """Return how many of so many examples the profile of this session wants, one at least."""
    return max(number * settings.default.max_examples // ALL, 1)


def blocks(number: int, *, everyday: int) -> list[Any]:
    """Return the numbers of so many blocks of cases, as parameters: all but the first few are for the full check."""
    return [*range(everyday), *(pytest.param(block, marks=pytest.mark.soak) for block in range(everyday, number))]
