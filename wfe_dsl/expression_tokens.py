"""Cuts an expression's text into words, and reads its strings.

Names that are not directly after a dot have no ``-``; keywords are words of their own kind. What is
written as in another language is answered with the spelling meant.
"""

from __future__ import annotations

import re
from typing import Final, NoReturn

__all__ = ["FOREIGN_NAMES", "FOREIGN_PAIRS", "KEYWORDS", "ExpressionSyntaxError", "Token", "string_value", "tokens_of"]

Token = tuple[str, str, int, int]
"""Kind (name, number, string, member, end, or the sign or keyword itself), text, start, end."""

_TOKEN: Final = re.compile(
    r"""[ \t\r\n]*(?:
        (?P<member>\.\w+(?:-(?=[^\W_])\w+)*)
      | (?P<name>[^\W\d]\w*)
      | (?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)
      | (?P<string>"(?:[^"\\\n]|\\[^\n])*"|'(?:[^'\\\n]|\\[^\n])*')
      | (?P<sign>=>|==|!=|<=|>=|&&|\|\||\?\?|[-+*/%<>!?:()\[\]{},])
      | (?P<end>\Z)
    )""",
    re.VERBOSE,
)
KEYWORDS: Final = frozenset(("true", "false", "null", "and", "or", "not", "in", "contains"))
_ESCAPE: Final = re.compile(r"\\(?:u\{([0-9a-fA-F]{1,6})\}|u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "\\": "\\", '"': '"', "'": "'", "/": "/"}
_SURROGATE_PAIR: Final = re.compile("[\ud800-\udbff][\udc00-\udfff]")

# Other languages' spellings, and what is meant: what stands in the text -> help, replacement or None.
_FOREIGN_SIGNS: Final[tuple[tuple[str, str, str | None], ...]] = (
    ("=", "to compare write `==`", "=="),
    ("&", "for `and` write `&&`", "&&"),
    ("|", "for `or` write `||`; functions are called like lower(x)", None),
    ("$", "an expression has no variables of the shell; write inputs.name or vars.name", None),
    ("`", "strings stand in '…' or \"…\"", None),
    # One of a pair: an edit here alone would not cure it.
    *((quote, "strings stand in '…' or \"…\"", None) for quote in "\u201c\u201d\u2018\u2019"),
    (".", "a name stands directly after the `.`: inputs.name; a number begins with a digit: 0.5", None),
)
FOREIGN_PAIRS: Final = {
    ("/", "/"): "for a whole quotient write div(a, b)",
    ("<", ">"): "to compare write `!=`",
    ("?", "member"): "`.` alone gives null where nothing is there",
}
FOREIGN_NAMES: Final = {
    **dict.fromkeys(("True", "TRUE"), "true"),
    **dict.fromkeys(("False", "FALSE"), "false"),
    **dict.fromkeys(("None", "Null", "NULL", "nil", "undefined"), "null"),
    **dict.fromkeys(("AND", "And"), "and"),
    **dict.fromkeys(("OR", "Or"), "or"),
    **dict.fromkeys(("NOT", "Not"), "not"),
}


class ExpressionSyntaxError(Exception):
    """Why a text is no expression: the fields of a diagnostic, with offsets for its span.

    ``fix`` is what to put in the span's place where that is certain.
    """

    def __init__(self, code: str, message: str, start: int, end: int, help: str, fix: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.start = start
        self.end = end
        self.help = help
        self.fix = fix


def tokens_of(text: str) -> list[Token]:
    """Return the words of an expression, the last of kind ``end``. Raises ExpressionSyntaxError."""
    tokens: list[Token] = []
    match = _TOKEN.match
    position = 0
    while True:
        found = match(text, position)
        if found is None:
            _refuse_character(text, position)
        kind = found.lastgroup or ""
        word = found[kind]
        position = found.end()
        if kind == "sign" or (kind == "name" and word in KEYWORDS):
            kind = word
        tokens.append((kind, word, position - len(word), position))
        if kind == "end":
            return tokens


def _refuse_character(text: str, position: int) -> NoReturn:
    while text[position] in " \t\r\n":
        position += 1
    character = text[position]
    if character in "\"'":
        raise ExpressionSyntaxError(
            "WFE0304",
            "this string is never closed",
            position,
            position + 1,
            f"close it with {character} on the same line; a line break in a string is written \\n",
        )
    if character == "=" and text[position - 2 : position] in ("==", "!="):
        sign = text[position - 2 : position]
        raise ExpressionSyntaxError(
            "WFE0301",
            f"`{sign}=` is written `{sign}`",
            position - 2,
            position + 1,
            f"`{sign}` converts nothing as it is",
            sign,
        )
    for sign, help, fix in _FOREIGN_SIGNS:
        if text.startswith(sign, position):
            raise ExpressionSyntaxError(
                "WFE0301", f"`{sign}` means nothing here", position, position + len(sign), help, fix
            )
    shown = f"`{character}`" if character.isprintable() else f"the character U+{ord(character):04X}"
    raise ExpressionSyntaxError(
        "WFE0301", f"{shown} means nothing in an expression", position, position + 1, "a text stands in quotes: 'a; b'"
    )


def string_value(word: str, start: int) -> str:
    """Return the text that a string with its quotes means. Raises ExpressionSyntaxError."""
    inside = word[1:-1]
    if "\\" not in inside:
        return inside

    def character(found: re.Match[str]) -> str:
        digits = found[1] or found[2]
        if digits is not None:
            code = int(digits, 16)
            if code <= 0x10FFFF:
                return chr(code)
        elif found[3] in _ESCAPES:
            return _ESCAPES[found[3]]
        at = start + 1 + found.start()
        raise ExpressionSyntaxError(
            "WFE0304",
            f"unknown escape `{found[0]}` in a string",
            at,
            at + len(found[0]),
            "for a backslash write `\\\\`; there are \\n \\r \\t \\b \\f \\\\ \\' \\\" \\/ \\u0041 and \\u{1F600}",
        )

    value = _ESCAPE.sub(character, inside)
    value = _SURROGATE_PAIR.sub(lambda pair: pair[0].encode("utf-16", "surrogatepass").decode("utf-16"), value)
    if any("\ud800" <= letter <= "\udfff" for letter in value):
        raise ExpressionSyntaxError(
            "WFE0304",
            "the string holds half a character",
            start,
            start + len(word),
            "write the whole one as \\u{1F600}",
        )
    return value
