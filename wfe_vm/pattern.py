"""``matches``: regular expressions in time linear in the input, whatever the pattern.

This file owns what a pattern means and how it is searched for; ``pattern_parser`` owns how one is
written. A pattern becomes an automaton without empty moves (Glushkov's): one *position* for each
character or class written, plus position 0 for "nothing read yet". A set of positions is an integer's
bits. A search reads each character once; the sets met and the moves between them are kept, so most
characters cost one look into a dict.

Rules:

1. Nothing here backtracks, and no step costs more than the number of positions.
2. What is kept is bounded; beyond that it is thrown away and found again.
3. ``\\d \\w \\s \\b`` and ``(?i)`` know ASCII alone: the same answer on every build and release of Python.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from typing import Final

from .errors import ExpressionError
from .limits import MAX_PATTERN_INPUT, MAX_PATTERN_POSITIONS
from .pattern_parser import (
    AT_END,
    AT_START,
    NOT_WORD_BOUNDARY,
    WORD_BOUNDARY,
    WORD_RANGES,
    Alternation,
    Assertion,
    CharacterSet,
    Concatenation,
    Node,
    PatternError,
    Repetition,
    parse_pattern,
)

__all__ = ["Pattern", "PatternError", "compile_pattern"]

_PATTERNS_KEPT: Final = 64
_MOVES_KEPT: Final = 4096
_CONSTRUCTION_STEPS: Final = 300_000  # 0.1 s: the most that the largest accepted pattern may take to compile

# What stands beside a gap between two characters.
_EDGE: Final = 0
_WORD: Final = 1
_OTHER: Final = 2

_Conditions = dict[int, int]
"""From a set of assertions that must hold (bits) to the positions for which they must."""


class _Part:
    """An expression's share of the automaton: what it may begin and end with, and how it may be empty."""

    __slots__ = ("empty", "first", "last")

    def __init__(self, first: _Conditions, last: _Conditions, empty: frozenset[int]) -> None:
        self.first = first
        self.last = last
        self.empty = empty  # each a set of assertions under which nothing needs to be read


class _Construction:
    """Builds the automaton of one pattern, bottom up."""

    def __init__(self) -> None:
        self.sets: list[CharacterSet] = [()]  # of position 0, which is never read
        self.follow: list[_Conditions] = [{}]
        self.steps = 0

    def build(self, node: Node) -> _Part:
        """Return the node's part. Raises PatternError where there are too many positions."""
        if isinstance(node, Concatenation):
            part = _Part({}, {}, frozenset((0,)))
            for child in node.parts:
                part = self.join(part, self.build(child))
            return part
        if isinstance(node, Alternation):
            part = _Part({}, {}, frozenset())
            for child in node.choices:
                choice = self.build(child)
                _merge(part.first, choice.first)
                _merge(part.last, choice.last)
                part.empty |= choice.empty
                self.count(1)
            return part
        if isinstance(node, Repetition):
            return self.repeat(node)
        if isinstance(node, Assertion):
            return _Part({}, {}, frozenset((node.bit,)))
        if len(self.sets) > MAX_PATTERN_POSITIONS:
            raise PatternError(
                f"the pattern is too large: with its repetitions written out it has more than {MAX_PATTERN_POSITIONS}"
                " characters and classes",
                0,
            )
        position = len(self.sets)
        self.sets.append(node.ranges)
        self.follow.append({})
        return _Part({0: 1 << position}, {0: 1 << position}, frozenset())

    def repeat(self, node: Repetition) -> _Part:
        part = _Part({}, {}, frozenset((0,)))
        for _ in range(node.least - (1 if node.most is None and node.least > 0 else 0)):
            self.count(1)
            part = self.join(part, self.build(node.body))
        if node.most is None:
            loop = self.build(node.body)
            self.connect(loop.last, loop.first)
            if node.least == 0:
                loop.empty |= {0}
            return self.join(part, loop)
        # x{0,3} is (x(x(x)?)?)?: nested, so that each x is followed by the next alone.
        optional = _Part({}, {}, frozenset((0,)))
        for _ in range(node.most - node.least):
            self.count(1)
            optional = self.join(self.build(node.body), optional)
            optional.empty |= {0}
        return self.join(part, optional)

    def join(self, left: _Part, right: _Part) -> _Part:
        self.connect(left.last, right.first)
        first, last = dict(left.first), dict(right.last)
        for needed in left.empty:
            _merge(first, right.first, needed)
        for needed in right.empty:
            _merge(last, left.last, needed)
        self.count(1 + len(left.empty) * len(right.empty))
        return _Part(first, last, frozenset(one | other for one in left.empty for other in right.empty))

    def connect(self, last: _Conditions, first: _Conditions) -> None:
        for needed_last, positions in last.items():
            for position in _bits(positions):
                self.count(len(first))
                _merge(self.follow[position], first, needed_last)

    def count(self, steps: int) -> None:
        self.steps += steps
        if self.steps > _CONSTRUCTION_STEPS:
            raise PatternError("the pattern is too large: it has too many repetitions inside one another", 0)


def _merge(into: _Conditions, other: _Conditions, needed: int = 0) -> None:
    for condition, positions in other.items():
        into[condition | needed] = into.get(condition | needed, 0) | positions


def _bits(positions: int) -> list[int]:
    found = []
    while positions:
        lowest = positions & -positions
        found.append(lowest.bit_length() - 1)
        positions ^= lowest
    return found


class _State:
    """A set of positions that a search may be at, with the moves out of it found so far."""

    __slots__ = ("before", "moves", "positions")

    def __init__(self, positions: int, before: int) -> None:
        self.positions = positions
        self.before = before  # what was read last, as the gap sees it
        self.moves: dict[str, _State] = {}


class Pattern:
    """A compiled pattern. ``text`` is how it was written."""

    def __init__(self, text: str) -> None:
        self.text = text
        tree = parse_pattern(text)
        construction = _Construction()
        whole = construction.build(tree)
        follow = construction.follow
        follow[0] = whole.first
        last = dict(whole.last)
        for needed in whole.empty:
            last[needed] = last.get(needed, 0) | 1
        conditions = set(last).union(*follow)
        self._asserts = any(conditions)
        self._sets = construction.sets
        self._boundaries = sorted(
            {0}.union(*({start, end + 1} for ranges in (*self._sets, WORD_RANGES) for start, end in ranges))
        )
        self._read_by: dict[int, int] = {}  # stretch of the alphabet -> positions that read it
        gaps = [before * 3 + after for before in range(3) for after in range(3)] if self._asserts else [0]
        self._last = {gap: _holding(last, gap, self._asserts) for gap in gaps}
        self._follow = {gap: [_holding(moves, gap, self._asserts) for moves in follow] for gap in gaps}
        # The followers of eight positions at once, for each of the sets of them that occurs.
        self._eighths: dict[int, list[dict[int, int]]] = {gap: [{} for _ in range(0, len(follow), 8)] for gap in gaps}
        self._forget()

    def _forget(self) -> None:
        self._start = _State(1, _EDGE)
        self._states: dict[tuple[int, int], _State] = {(1, _EDGE): self._start}
        self._moves = 0

    def search(self, text: str) -> bool:
        """Return whether the pattern matches anywhere in the text.

        Raises ExpressionError (``limit``) for a text longer than ``limits.MAX_PATTERN_INPUT`` characters.
        """
        if len(text) > MAX_PATTERN_INPUT:
            raise ExpressionError(
                "limit", f"matches() takes a string of up to {MAX_PATTERN_INPUT} characters, this one has {len(text)}"
            )
        state = self._start
        for character in text:
            following = state.moves.get(character)
            if following is None:
                following = self._move(state, character)
            if following is _MATCHED:
                return True
            state = following
        return bool(state.positions & self._last[state.before * 3 + _EDGE if self._asserts else 0])

    def _move(self, state: _State, character: str) -> _State:
        stretch = bisect_right(self._boundaries, ord(character)) - 1
        after = (_WORD if _contains(WORD_RANGES, ord(character)) else _OTHER) if self._asserts else _EDGE
        gap = state.before * 3 + after if self._asserts else 0
        if state.positions & self._last[gap]:
            following = _MATCHED
        else:
            read_by = self._read_by.get(stretch)
            if read_by is None:
                read_by = self._read_by[stretch] = sum(
                    1 << position for position, ranges in enumerate(self._sets) if _contains(ranges, ord(character))
                )
            # Position 0 stays: a match may begin at every character.
            positions = self._followers(state.positions, gap) & read_by | 1
            if self._moves >= _MOVES_KEPT:
                self._forget()
                state = _State(0, _EDGE)  # the old one is dropped; the move is recorded nowhere
            found = self._states.get((positions, after))
            if found is None:
                found = self._states[positions, after] = _State(positions, after)
            following = found
        state.moves[character] = following
        self._moves += 1
        return following

    def _followers(self, positions: int, gap: int) -> int:
        follow = self._follow[gap]
        eighths = self._eighths[gap]
        following = 0
        for number, group in enumerate(positions.to_bytes(len(eighths), "little")):
            if group:
                known = eighths[number].get(group)
                if known is None:
                    known = 0
                    for bit in _bits(group):
                        known |= follow[number * 8 + bit]
                    eighths[number][group] = known
                following |= known
        return following


_MATCHED: Final = _State(0, _EDGE)


def _holding(conditions: _Conditions, gap: int, asserts: bool) -> int:
    """Return the positions whose assertions hold at a gap."""
    if not asserts:
        return conditions.get(0, 0)
    before, after = divmod(gap, 3)
    at_boundary = (before == _WORD) != (after == _WORD)
    holding = WORD_BOUNDARY if at_boundary else NOT_WORD_BOUNDARY
    holding |= AT_START if before == _EDGE else 0
    holding |= AT_END if after == _EDGE else 0
    positions = 0
    for needed, under_these in conditions.items():
        if needed & ~holding == 0:
            positions |= under_these
    return positions


def _contains(ranges: CharacterSet, code: int) -> bool:
    return any(start <= code <= end for start, end in ranges)


@lru_cache(maxsize=_PATTERNS_KEPT)
def compile_pattern(text: str) -> Pattern:
    """Return the pattern that a text describes; the last few are kept.

    Raises PatternError, with the offset of what is wrong.
    """
    return Pattern(text)
