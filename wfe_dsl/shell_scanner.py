"""Reads a shell script as far as it takes to know what the shell makes of given places in it.

This file owns the quoting of POSIX shells and bash: quotes, here-documents, substitutions, arithmetic,
comments. It runs nothing and knows nothing of expressions: places are offsets.

Rules: what is not understood is never called safe. The kinds of places are WORD, QUOTED and COMMENT, or
the name of what is wrong: single, heredoc, arithmetic, evaluated, parameter, backtick, escaped, delimiter.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

__all__ = ["COMMENT", "QUOTED", "WORD", "places_in"]

WORD: Final = "word"
"""Outside of quotes: a reference needs double quotes of its own."""
QUOTED: Final = "quoted"
"""Inside double quotes or a here-document: a reference must have none."""
COMMENT: Final = "comment"

_KEEPS_START: Final = frozenset({"do", "then", "else", "elif", "if", "while", "until", "!", "{", "time", "for"})
_ASSIGNMENT: Final = re.compile(r"[A-Za-z_]\w*\+?=", re.ASCII)
_SUBSCRIPT: Final = re.compile(r"[A-Za-z_]\w*\[[^\]]*\Z", re.ASCII)
_EVALUATING: Final = {"let": "arithmetic", "eval": "evaluated"}
_TESTS: Final = {"[[": "]]", "[": "]", "test": ""}
_NUMBER_TESTS: Final = frozenset({"-eq", "-ne", "-lt", "-le", "-gt", "-ge"})
_NAME_TESTS: Final = frozenset({"-v", "-R"})
"""These take a variable's name, whose subscript is evaluated."""


def places_in(script: str, offsets: Collection[int], tests_evaluate: bool = False) -> dict[int, str]:
    """Return what each of these one-character places is to the shell. One that is never reached has no entry.

    ``tests_evaluate``: whether this shell's ``[ a -eq b ]`` evaluates what it compares, as ``[[ a -eq b ]]`` does.
    """
    scanner = _Scanner(script, offsets, tests_evaluate)
    scanner.scan(0, len(script), _Frame("code"))
    return scanner.places


class _Frame:
    """A construct of the shell that is open: code (also ``$(…)``), backtick, double, heredoc, parameter, arithmetic."""

    __slots__ = (
        "cases",
        "evaluated",
        "kind",
        "parentheses",
        "start",
        "test_end",
        "test_evaluates",
        "test_holes",
        "word",
    )

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.parentheses = 0
        self.cases = 0
        self.start = True  # whether a command may start here
        self.word = ""
        self.evaluated = ""  # what evaluates the words of this command
        self.test_end: str | None = None  # the word that ends the test around; empty: the command's end
        self.test_evaluates = False
        self.test_holes: list[int] = []


class _Scanner:
    def __init__(self, text: str, holes: Collection[int], tests_evaluate: bool) -> None:
        self.text = text
        self.holes = holes
        self.tests_evaluate = tests_evaluate
        self.places: dict[int, str] = {}
        self.heredocs: list[tuple[str, bool, bool]] = []  # delimiter, tabs stripped, quoted
        self.stack: list[_Frame] = []

    def scan(self, at: int, end: int, frame: _Frame) -> None:
        """Read the script between two offsets, which begin in a construct of their own."""
        outer, self.stack = self.stack, [frame]
        while at < end:
            kind = self.stack[-1].kind
            in_code = kind == "code" or kind == "backtick"
            at = self.code(at, end) if in_code else self.quoted(at, end, kind)
        for open_frame in self.stack:
            self.end_word(open_frame)
            self.end_test(open_frame)
        self.stack = outer

    # Code

    def code(self, at: int, end: int) -> int:
        frame = self.stack[-1]
        text = self.text
        letter = text[at]
        if at in self.holes:
            self.hole(at, WORD)
            frame.word += "x"
            return at + 1
        if letter == "\\":
            frame.word += "x"
            return self.escape(at, end)
        if letter == "'":
            frame.word += "x"
            return self.until_quote(at, at + 1, end, "single")
        if letter == '"':
            frame.word += "x"
            return self.enter("double", at, 1)
        if letter == "`":
            self.end_word(frame)
            if frame.kind == "backtick":
                self.stack.pop()
                return at + 1
            frame.word += "x"
            return self.enter("backtick", at, 1)
        if letter == "$":
            frame.word += "$"
            return self.dollar(at, end)
        if letter == "#" and not frame.word:
            return self.comment(at, end, frame)
        if letter == "<" and text.startswith("<<", at):
            self.end_word(frame)
            if text.startswith("<<<", at):
                return at + 3
            return self.heredoc_operator(at, end)
        if letter in " \t\n;&|()<>":
            return self.separator(at, end, frame, letter)
        frame.word += letter
        return at + 1

    def separator(self, at: int, end: int, frame: _Frame, letter: str) -> int:
        starts_command = frame.start and not frame.word
        self.end_word(frame)
        if letter == "\n":
            self.end_command(frame)
            return self.heredoc_bodies(at + 1, end)
        if letter in ";&|":
            self.end_command(frame)
        elif letter == "(":
            if starts_command and self.text.startswith("((", at):
                return self.enter("arithmetic", at, 2)
            frame.parentheses += 1
            frame.start = True
        elif letter == ")":
            if frame.parentheses:
                frame.parentheses -= 1
            elif frame.cases == 0 and len(self.stack) > 1 and frame.kind == "code":
                self.stack.pop()
                return at + 1
            frame.start = True
        return at + 1

    def end_word(self, frame: _Frame) -> None:
        word = frame.word
        if not word:
            return
        frame.word = ""
        if frame.test_end is not None:
            if word == frame.test_end:
                self.end_test(frame)
            elif word in _NAME_TESTS or (word in _NUMBER_TESTS and (frame.test_end == "]]" or self.tests_evaluate)):
                frame.test_evaluates = True
        elif frame.start:
            if word in _TESTS:
                frame.test_end, frame.test_evaluates, frame.test_holes = _TESTS[word], False, []
            elif word == "case":
                frame.cases += 1
            elif word == "esac":
                frame.cases = max(frame.cases - 1, 0)
            elif word in _EVALUATING:
                frame.evaluated = _EVALUATING[word]
            frame.start = word in _KEEPS_START or _ASSIGNMENT.match(word) is not None

    def end_command(self, frame: _Frame) -> None:
        frame.start = True
        frame.evaluated = ""
        if frame.test_end == "":
            self.end_test(frame)

    def end_test(self, frame: _Frame) -> None:
        frame.test_end = None
        if frame.test_evaluates:
            self.places.update((hole, "arithmetic") for hole in frame.test_holes)

    def hole(self, at: int, place: str) -> None:
        """Tell what a hole in code or in a quote is; whether a test evaluates it is known only at its end."""
        self.places[at] = self.problem_around() or place
        for frame in reversed(self.stack):
            if frame.kind == "code" or frame.kind == "backtick":
                if frame.evaluated:
                    self.places[at] = frame.evaluated
                elif _SUBSCRIPT.search(frame.word):
                    self.places[at] = "arithmetic"
                elif frame.test_end is not None:
                    frame.test_holes.append(at)
                return

    def comment(self, at: int, end: int, frame: _Frame) -> int:
        while at < end and self.text[at] != "\n":
            if frame.kind == "backtick" and self.text[at] == "`":
                break
            if at in self.holes:
                self.places[at] = COMMENT
            at += 1
        return at

    # Here-documents

    def heredoc_operator(self, at: int, end: int) -> int:
        text = self.text
        at += 2
        strips = text.startswith("-", at)
        at += strips
        while at < end and text[at] in " \t":
            at += 1
        delimiter, quoted = "", False
        while at < end and text[at] not in " \t\n;&|<>()":
            letter = text[at]
            if at in self.holes:
                self.places[at] = "delimiter"
                return at + 1
            if letter in "'\"":
                quoted = True
                close = text.find(letter, at + 1, end)
                close = end if close < 0 else close
                delimiter += text[at + 1 : close]
                at = close + 1
                continue
            if letter == "\\":
                quoted = True
                at += 1
                letter = text[at : at + 1]
            delimiter += letter
            at += 1
        if delimiter:
            self.heredocs.append((delimiter, strips, quoted))
        return at

    def heredoc_bodies(self, at: int, end: int) -> int:
        """Read the here-documents that begin on the line at ``at``; return where code goes on."""
        pending, self.heredocs = self.heredocs, []
        for delimiter, strips, quoted in pending:
            body_start = at
            while at < end:
                line_end = self.text.find("\n", at, end)
                line_end = end if line_end < 0 else line_end
                line = self.text[at:line_end]
                if (line.lstrip("\t") if strips else line) == delimiter:
                    break
                at = min(line_end + 1, end)
            if quoted:
                self.places.update((hole, "heredoc") for hole in self.holes if body_start <= hole < at)
            else:
                self.scan(body_start, at, _Frame("heredoc"))
            line_end = self.text.find("\n", at, end)
            at = end if line_end < 0 else line_end + 1
        return at

    # Quotes and expansions

    def quoted(self, at: int, end: int, kind: str) -> int:
        """Read one character inside double quotes, a here-document, ``${…}`` or arithmetic."""
        text, frame = self.text, self.stack[-1]
        letter = text[at]
        if at in self.holes:
            self.hole(at, QUOTED)
            return at + 1
        if letter == "\\":
            return self.escape(at, end)
        if letter == "$":
            return self.dollar(at, end)
        if letter == "`":
            return self.enter("backtick", at, 1)
        if kind == "double" and letter == '"':
            self.stack.pop()
        elif kind == "parameter":
            if letter == "}":
                self.stack.pop()
            elif letter == '"':
                return self.enter("double", at, 1)
            elif letter == "'" and not any(outer.kind in ("double", "heredoc") for outer in self.stack):
                return self.until_quote(at, at + 1, end, "single")
        elif kind == "arithmetic":
            if letter == "(":
                frame.parentheses += 1
            elif letter == ")" and frame.parentheses:
                frame.parentheses -= 1
            elif letter == ")":
                self.stack.pop()
                if text.startswith("))", at):
                    return at + 2
                # It was a subshell: `((a); b)`. What follows is code up to the outer parenthesis.
                self.stack.append(_Frame("code"))
        return at + 1

    def dollar(self, at: int, end: int) -> int:
        text = self.text
        following = text[at + 1 : at + 2]
        if at + 1 in self.holes:
            self.places[at + 1] = "escaped"
            return at + 2
        in_code = self.stack[-1].kind in ("code", "backtick")
        if text.startswith("$((", at):
            return self.enter("arithmetic", at, 3)
        if following == "(":
            return self.enter("code", at, 2)
        if following == "{":
            return self.enter("parameter", at, 2)
        if following == "'" and in_code:
            return self.until_quote(at, at + 2, end, "ansi")
        if following == "[" and in_code:
            close = text.find("]", at, end)
            inside = [hole for hole in self.holes if at < hole < close]
            self.places.update((hole, "arithmetic") for hole in inside)
            return close + 1 if inside else at + 1
        return at + 1

    def until_quote(self, at: int, inside: int, end: int, kind: str) -> int:
        """Read to the closing single quote; ``ansi`` ones know escapes."""
        position = inside
        while position < end and self.text[position] != "'":
            if position in self.holes:
                self.places[position] = "single"
            position += 2 if kind == "ansi" and self.text[position] == "\\" else 1
        return min(position + 1, end)

    def escape(self, at: int, end: int) -> int:
        if at + 1 in self.holes:
            self.places[at + 1] = "escaped"
        return min(at + 2, end)

    def enter(self, kind: str, at: int, length: int) -> int:
        self.stack.append(_Frame(kind))
        return at + length

    def problem_around(self) -> str:
        """Return why a reference is not surely data here, seen from the nearest code outwards; empty if it is."""
        in_code = False
        backticks = 0
        for position in range(len(self.stack) - 1, -1, -1):
            kind = self.stack[position].kind
            in_code = in_code or kind in ("code", "backtick")
            if kind in ("parameter", "arithmetic") and not in_code:
                return kind
            if kind == "backtick":
                backticks += 1
                below = self.stack[position - 1].kind if position else "code"
                if below != "code" or backticks > 1:
                    return "backtick"
        return ""
