"""The nearest names to one that is not there, for hints. The comparison is loaded when something was misspelt."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["did_you_mean"]


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """Return a hint with the name that was most likely meant, None where none is near."""
    from wfe_dsl.suggest import did_you_mean as guess

    return guess(name, known)
