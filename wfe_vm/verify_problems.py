"""What the parts of the verifier tell of: problems, and the largest number that a program may hold.

This file owns the form in which a problem is told. It knows nothing of what can be wrong.
"""

from __future__ import annotations

from typing import Final, Protocol

import msgspec

__all__ = ["LARGEST_NUMBER", "Problem", "Report"]

LARGEST_NUMBER: Final = 2**53
"""Of a length in milliseconds or a count: sums of them still fit 64 bits."""


class Problem(msgspec.Struct, frozen=True):
    """Why a program is not safe to run. ``code`` is stable; ``pc`` is where, if in its code."""

    code: str
    message: str
    pc: int | None = None


class Report(Protocol):
    """Takes in a problem."""

    def __call__(self, code: str, message: str, pc: int | None = None, /) -> None: ...
