"""How a pattern for ``matches`` is written, and the tree it becomes.

The notation is the common one: literals, ``.``, classes, ``\\d \\D \\w \\W \\s \\S``, ``^ $ \\b \\B``, groups,
``|``, ``* + ? {m} {m,} {m,n}``, and ``(?i)`` (ASCII letters), ``(?s)`` at the start. What can't be searched
for in linear time (back-references, look-around) or is likely a slip (an unknown escape, a lone ``{``) is
refused at its offset. ``$`` is the very end of the text.
"""

from __future__ import annotations

from typing import Final

import msgspec

from .limits import MAX_PATTERN_LENGTH, MAX_PATTERN_POSITIONS

__all__ = [
    "AT_END",
    "AT_START",
    "NOT_WORD_BOUNDARY",
    "WORD_BOUNDARY",
    "WORD_RANGES",
    "Alternation",
    "Assertion",
    "CharacterSet",
    "Characters",
    "Concatenation",
    "Node",
    "PatternError",
    "Repetition",
    "parse_pattern",
]

CharacterSet = tuple[tuple[int, int], ...]
"""Ranges of code points, both ends included, in order and apart."""

AT_START: Final = 1
AT_END: Final = 2
WORD_BOUNDARY: Final = 4
NOT_WORD_BOUNDARY: Final = 8

_LAST: Final = 0x10FFFF
_GROUPS: Final = 50  # inside one another
_DIGITS: Final[CharacterSet] = ((48, 57),)
WORD_RANGES: Final[CharacterSet] = ((48, 57), (65, 90), (95, 95), (97, 122))
_SPACES: Final[CharacterSet] = ((9, 13), (32, 32))
_CONTROLS: Final = {"n": 10, "r": 13, "t": 9, "f": 12, "v": 11, "a": 7, "e": 27, "0": 0}
_NO_BACK_REFERENCES: Final = "back-references are not supported: they can't be searched for in linear time"
_ASSERTIONS: Final = {"b": WORD_BOUNDARY, "B": NOT_WORD_BOUNDARY, "A": AT_START, "z": AT_END, "Z": AT_END}


class PatternError(ValueError):
    """A pattern that can't be used. ``offset`` is the character at which it goes wrong."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


class Characters(msgspec.Struct, frozen=True):
    """One character out of a set."""

    ranges: CharacterSet


class Assertion(msgspec.Struct, frozen=True):
    """Reads nothing; must hold where it stands."""

    bit: int


class Concatenation(msgspec.Struct, frozen=True):
    parts: tuple[Node, ...]


class Alternation(msgspec.Struct, frozen=True):
    choices: tuple[Node, ...]


class Repetition(msgspec.Struct, frozen=True):
    body: Node
    least: int
    most: int | None


Node = Characters | Assertion | Concatenation | Alternation | Repetition


def parse_pattern(text: str) -> Node:
    """Return the tree of a pattern. Raises PatternError."""
    if len(text) > MAX_PATTERN_LENGTH:
        raise PatternError(
            f"the pattern is {len(text)} characters long, the limit is {MAX_PATTERN_LENGTH}", MAX_PATTERN_LENGTH
        )
    parser = _Parser(text)
    tree = parser.alternation(0)
    if parser.at < len(text):
        raise PatternError("`)` without its `(`; for the character write `\\)`", parser.at)
    return tree


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.ignores_case = False
        self.dot_takes_newline = False
        self.read_flags()

    def peek(self) -> str:
        return self.text[self.at] if self.at < len(self.text) else ""

    def take(self, expected: str) -> bool:
        if self.text.startswith(expected, self.at):
            self.at += len(expected)
            return True
        return False

    def read_flags(self) -> None:
        while self.text.startswith("(?", self.at) and self.text[self.at + 2 : self.at + 3].isalpha():
            end = self.text.find(")", self.at)
            flags = self.text[self.at + 2 : end] if end >= 0 else ""
            if not flags or set(flags) - {"i", "s"}:
                break  # the group is refused where it is read
            self.ignores_case = self.ignores_case or "i" in flags
            self.dot_takes_newline = self.dot_takes_newline or "s" in flags
            self.at = end + 1

    def alternation(self, depth: int) -> Node:
        choices = [self.concatenation(depth)]
        while self.take("|"):
            choices.append(self.concatenation(depth))
        if len(choices) == 1:
            return choices[0]
        sets = [choice.ranges for choice in choices if isinstance(choice, Characters)]
        if len(sets) == len(choices):
            return Characters(_ordered(tuple(stretch for ranges in sets for stretch in ranges)))
        return Alternation(tuple(choices))

    def concatenation(self, depth: int) -> Node:
        parts: list[Node] = []
        while self.peek() not in ("", "|", ")"):
            parts.append(self.repeated(depth))
        return parts[0] if len(parts) == 1 else Concatenation(tuple(parts))

    def repeated(self, depth: int) -> Node:
        start = self.at
        body = self.atom(depth)
        bounds = self.quantifier()
        if bounds is None:
            return body
        if isinstance(body, Assertion):
            raise PatternError(f"`{self.text[start : start + 2].rstrip('*+?{')}` can't be repeated", start)
        at = self.at
        if self.take("+"):
            raise PatternError("possessive repetition is not supported; leave out the second `+`", at)
        self.take("?")  # a lazy repetition: whether there is a match is the same
        at = self.at
        if self.quantifier() is not None:
            raise PatternError("a repetition of a repetition; put a group around the inner one", at)
        return Repetition(body, *bounds)

    def quantifier(self) -> tuple[int, int | None] | None:
        for sign, bounds in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self.take(sign):
                return bounds
        if self.peek() != "{":
            return None
        start = self.at
        end = self.text.find("}", start)
        least, comma, most = self.text[start + 1 : end if end >= 0 else start + 1].partition(",")
        if not _is_count(least) or (most and not _is_count(most)):
            raise PatternError("`{` begins a repetition like {2}, {2,} or {2,5}; for the character write `\\{`", start)
        if len(least) > 4 or len(most) > 4 or max(int(least), int(most or 0)) > MAX_PATTERN_POSITIONS:
            raise PatternError(f"a repetition goes up to {MAX_PATTERN_POSITIONS}", start)
        if most and int(most) < int(least):
            raise PatternError(f"the repetition {{{least},{most}}} ends before it begins", start)
        self.at = end + 1
        return int(least), int(most) if most else None if comma else int(least)

    def atom(self, depth: int) -> Node:
        start = self.at
        character = self.text[start]
        self.at += 1
        if character == "(":
            return self.group(start, depth)
        if character == "[":
            return Characters(self.character_class(start))
        if character == "\\":
            return self.escape(start)
        if character == ".":
            return Characters(((0, _LAST),) if self.dot_takes_newline else ((0, 9), (11, _LAST)))
        if character == "^":
            return Assertion(AT_START)
        if character == "$":
            return Assertion(AT_END)
        if character in "*+?{":
            raise PatternError(
                f"nothing before `{character}` to repeat; for the character write `\\{character}`", start
            )
        return Characters(self.folded(((ord(character), ord(character)),)))

    def group(self, start: int, depth: int) -> Node:
        if depth == _GROUPS:
            raise PatternError(f"groups are nested more than {_GROUPS} deep", start)
        if self.take("?"):
            if self.peek() in ("=", "!") or self.text[self.at : self.at + 2] in ("<=", "<!"):
                raise PatternError("look-around is not supported: it can't be searched for in linear time", start)
            if self.take("P<") or self.take("<"):
                end = self.text.find(">", self.at)
                if end < 0 or not self.text[self.at : end].isidentifier():
                    raise PatternError("the group's name is not closed by `>`", start)
                self.at = end + 1
            elif self.take("P="):
                raise PatternError(
                    "back-references are not supported: they can't be searched for in linear time", start
                )
            elif not self.take(":"):
                raise PatternError(
                    "this kind of group is not supported; there are (…), (?:…) and, at the start, (?i) and (?s)", start
                )
        inside = self.alternation(depth + 1)
        if not self.take(")"):
            raise PatternError("`(` without its `)`; for the character write `\\(`", start)
        # A group keeps what stands in it together: ^ in one may be repeated with the rest.
        return Concatenation((inside,)) if isinstance(inside, Assertion) else inside

    def escape(self, start: int) -> Node:
        letter = self.peek()
        if letter in _ASSERTIONS:
            self.at += 1
            return Assertion(_ASSERTIONS[letter])
        if letter and letter in "123456789":
            raise PatternError(_NO_BACK_REFERENCES, start)
        found = self.escaped_set()
        return Characters(found if found is not None else self.folded((self.escaped_character(start),)))

    def escaped_set(self) -> CharacterSet | None:
        """Read the letter of ``\\d`` and its like; None if it is none of them."""
        letter = self.peek()
        ranges = {"d": _DIGITS, "w": WORD_RANGES, "s": _SPACES}.get(letter.lower()) if letter else None
        if ranges is None:
            return None
        self.at += 1
        return _inverted(ranges) if letter.isupper() else ranges

    def escaped_character(self, start: int) -> tuple[int, int]:
        letter = self.peek()
        if not letter:
            raise PatternError("the pattern ends in a lone `\\`; for the character write `\\\\`", start)
        self.at += 1
        if letter in _CONTROLS:
            code = _CONTROLS[letter]
        elif letter in "xu":
            width = 2 if letter == "x" else 4
            digits = self.text[self.at : self.at + width]
            if len(digits) < width or not all(digit in "0123456789abcdefABCDEF" for digit in digits):
                raise PatternError(f"`\\{letter}` needs {width} hexadecimal digits", start)
            self.at += width
            code = int(digits, 16)
        elif letter.isalnum() and letter.isascii():
            raise PatternError(f"unknown escape `\\{letter}`", start)
        else:
            code = ord(letter)
        return code, code

    def character_class(self, start: int) -> CharacterSet:
        inverted = self.take("^")
        ranges: list[tuple[int, int]] = []
        first = True
        while first or self.peek() != "]":
            at = self.at
            if not self.peek():
                raise PatternError("`[` without its `]`; for the character write `\\[`", start)
            if self.text.startswith("[:", at):
                raise PatternError("classes like [:alpha:] are not supported; write [A-Za-z]", at)
            first = False
            low = self.class_member(at)
            if isinstance(low, int) and self.peek() == "-" and self.text[self.at + 1 : self.at + 2] not in ("]", ""):
                self.at += 1
                high = self.class_member(self.at)
                if not isinstance(high, int):
                    raise PatternError("a range ends in one character, not in a class", at)
                if high < low:
                    raise PatternError(f"the range `{self.text[at : self.at]}` ends before it begins", at)
                ranges.append((low, high))
            elif isinstance(low, int):
                ranges.append((low, low))
            else:
                ranges.extend(low)
        self.at += 1
        found = self.folded(tuple(ranges))
        return _inverted(found) if inverted else found

    def class_member(self, start: int) -> int | CharacterSet:
        character = self.text[self.at]
        self.at += 1
        if character != "\\":
            return ord(character)
        found = self.escaped_set()
        if found is not None:
            return found
        if self.peek() in _ASSERTIONS:
            raise PatternError(f"`\\{self.peek()}` means nothing inside a class", start)
        return self.escaped_character(start)[0]

    def folded(self, ranges: CharacterSet) -> CharacterSet:
        if not self.ignores_case:
            return _ordered(ranges)
        more = list(ranges)
        for start, end in ranges:
            for first, last, shift in ((65, 90, 32), (97, 122, -32)):
                low, high = max(start, first), min(end, last)
                if low <= high:
                    more.append((low + shift, high + shift))
        return _ordered(tuple(more))


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _ordered(ranges: CharacterSet) -> CharacterSet:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if merged and start <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)


def _inverted(ranges: CharacterSet) -> CharacterSet:
    gaps: list[tuple[int, int]] = []
    start = 0
    for low, high in _ordered(ranges):
        if start < low:
            gaps.append((start, low - 1))
        start = high + 1
    if start <= _LAST:
        gaps.append((start, _LAST))
    return tuple(gaps)
