"""What a search is, for every store alike: documents, queries, hits, and what a word is.

A document is a piece of text that was left by a run: what the run is and gave, what became of a step's attempt, or a
piece of what a step printed. Words are letters and digits, without regard to case; a phrase is words in a row.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

__all__ = ["Document", "Hit", "HitPage", "IndexMark", "Phrase", "SearchQuery", "holds", "words_of"]

WORD: Final = re.compile(r"[^\W_]+")


class Document(msgspec.Struct, frozen=True):
    """``kind`` is run, step or line; the fields that a kind does not have are empty."""

    kind: str
    time: int
    text: str
    step: str = ""
    attempt: int = 0
    stream: str = ""


class IndexMark(msgspec.Struct, frozen=True):
    """How far a run is in the index: the sequence of its journal, and the number of its last piece of output."""

    run: str
    sequence: int
    number: int


class Phrase(msgspec.Struct, frozen=True):
    """Words that stand in a row; with ``prefix`` the last one may go on."""

    words: tuple[str, ...]
    prefix: bool = False


class SearchQuery(msgspec.Struct, frozen=True):
    """All that is given has to hold. ``since`` counts, ``until`` does not; 0: no bound.

    ``step`` is a path, or the last part of one. Without ``kinds`` any kind of document is meant.
    """

    phrases: tuple[Phrase, ...] = ()
    kinds: tuple[str, ...] = ()
    status: str = ""
    workflow: str = ""
    name: str = ""
    run: str = ""
    step: str = ""
    stream: str = ""
    since: int = 0
    until: int = 0


class Hit(msgspec.Struct, frozen=True):
    """A document that was found, with the run that left it as it is now."""

    run: str
    name: str
    workflow: str
    status: str
    document: Document


class HitPage(msgspec.Struct, frozen=True):
    """Some of the hits, the latest first, and how many there are."""

    total: int
    hits: tuple[Hit, ...]


def words_of(text: str) -> tuple[str, ...]:
    """Return the words of a text, in small letters."""
    return tuple(word.lower() for word in WORD.findall(text))


def holds(words: tuple[str, ...], phrase: Phrase) -> bool:
    """Say whether a phrase stands among these words."""
    wanted = phrase.words
    for start in range(len(words) - len(wanted) + 1):
        found = words[start : start + len(wanted)]
        if found[:-1] == wanted[:-1] and (
            found[-1].startswith(wanted[-1]) if phrase.prefix else found[-1] == wanted[-1]
        ):
            return True
    return False
