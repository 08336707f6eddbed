"""The nearest name to a misspelt one, where one is near enough to be what was meant."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

__all__ = ["Guesser", "did_you_mean", "distance", "nearest"]

_LONGEST_WORD: Final = 200
"""A longer one is no name that a person misspelt, and comparing two such takes time."""


def nearest(word: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate that was most likely meant, or None where none is near.

    Near is: one edit for up to five letters, two for up to nine, then three; a swap of neighbours is
    one edit, letter case and ``-`` against ``_`` are none. Of equally near ones the first by name.
    """
    if len(word) > _LONGEST_WORD:
        return None
    wanted = _folded(word)
    bound = 1 if len(wanted) <= 5 else 2 if len(wanted) <= 9 else 3
    best: tuple[int, str] | None = None
    for candidate in candidates:
        folded = _folded(candidate)
        # A name that would be replaced as a whole is not near, however few its letters.
        far = abs(len(folded) - len(wanted)) > bound or min(len(folded), len(wanted)) <= bound
        if far and folded != wanted:
            continue
        edits = distance(wanted, folded, bound)
        if edits <= bound and (best is None or (edits, candidate) < best):
            best = (edits, candidate)
    return None if best is None else best[1]


class Guesser:
    """Finds nearest names until so many comparisons are spent: thousands of mistakes are told of in bounded time."""

    __slots__ = ("comparisons",)

    def __init__(self, comparisons: int = 200_000) -> None:
        self.comparisons = comparisons

    def nearest(self, word: str, candidates: Iterable[str]) -> str | None:
        """Return what ``nearest`` does; None, without a look at the candidates, once the comparisons are spent."""
        if self.comparisons < 0:
            return None
        compared = tuple(candidates)
        self.comparisons -= len(compared)
        return nearest(word, compared)


def did_you_mean(word: str, candidates: Iterable[str]) -> str | None:
    """Return the help line for a misspelt word, or None where nothing is near."""
    found = nearest(word, candidates)
    return None if found is None else f"did you mean `{found}`?"


def distance(first: str, second: str, bound: int) -> int:
    """Return how many insertions, deletions, replacements or swaps of neighbours lie between two words.

    Stops early and returns ``bound + 1`` where it is more than ``bound``.
    """
    if first == second:
        return 0
    previous: list[int] = []
    current = list(range(len(second) + 1))
    for row, letter in enumerate(first, 1):
        before, previous, current = previous, current, [row]
        for column, other in enumerate(second, 1):
            edits = min(previous[column] + 1, current[-1] + 1, previous[column - 1] + (letter != other))
            if row > 1 and column > 1 and letter == second[column - 2] and first[row - 2] == other:
                edits = min(edits, before[column - 2] + 1)
            current.append(edits)
        if min(current) > bound:
            return bound + 1
    return min(current[-1], bound + 1)


def _folded(word: str) -> str:
    return word.lower().replace("_", "-")
