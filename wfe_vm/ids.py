"""Identities: texts that sort by the time they were made (the ULID layout, lower case)."""

from __future__ import annotations

import hashlib
from typing import Final

__all__ = ["derive_id", "fraction", "make_id"]

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS: Final = [first + second for first in _ALPHABET for second in _ALPHABET]


def make_id(time_ms: int, entropy: bytes) -> str:
    """Return 26 letters and digits: 48 bits of epoch milliseconds, then ten bytes of entropy."""
    number = (time_ms & ((1 << 48) - 1)) << 80 | int.from_bytes(entropy[:10], "big")
    return "".join([_PAIRS[number >> shift & 1023] for shift in range(120, -1, -10)])


def derive_id(time_ms: int, *parts: object) -> str:
    """Return the id that belongs to these parts: the same parts give the same id on every host."""
    return make_id(time_ms, _digest(parts, 10))


def fraction(*parts: object) -> float:
    """Return a number in [0, 1) that belongs to these parts: randomness that can be computed again."""
    return int.from_bytes(_digest(parts, 8), "big") / 2**64


def _digest(parts: tuple[object, ...], size: int) -> bytes:
    return hashlib.blake2b(":".join(map(str, parts)).encode(), digest_size=64).digest()[:size]
