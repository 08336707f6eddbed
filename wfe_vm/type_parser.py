"""How a type is written: ``string``, ``T?``, ``list<T>``, ``map<T>``, ``{a: T, b: T?}``, white space at will."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from .limits import MAX_TYPE_NESTING
from .type_model import Type, optional

__all__ = ["TypeTermError", "parse_type"]

_SCALARS: Final = ("string", "number", "integer", "bool", "any")
_GENERICS: Final = ("list", "map")
_OTHER_NAMES: Final = {
    "int": "integer",
    "i64": "integer",
    "long": "integer",
    "float": "number",
    "double": "number",
    "str": "string",
    "text": "string",
    "boolean": "bool",
    "array": "list<any>",
    "object": "map<any>",
    "dict": "map<any>",
    "json": "any",
    "null": "any",
}


class TypeTermError(ValueError):
    """A text that is no type.

    ``code`` is unknown-type, unknown-generic, missing-element, empty, unclosed, unexpected, duplicate-field or
    too-deep; ``offset`` and ``end`` are the characters that are wrong; ``help`` is a cure or None.
    """

    def __init__(self, code: str, message: str, offset: int, end: int, help: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.offset = offset
        self.end = end
        self.help = help


@lru_cache(maxsize=1024)
def parse_type(text: str) -> Type:
    """Return the type that a text means. Raises TypeTermError."""
    parser = _Parser(text)
    if parser.next_word() == "":
        raise TypeTermError("empty", "a type is empty", 0, len(text), _forms())
    found = parser.type(0)
    word = parser.next_word()
    if word:
        raise TypeTermError("unexpected", f"`{word}` after the end of the type", parser.at, parser.at + len(word))
    return found


def _forms() -> str:
    return "a type is string, number, integer, bool, any, list<T>, map<T> or {name: T}, with a ? if it may be null"


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def next_word(self) -> str:
        """Return the name or sign that comes next, without taking it; empty at the end."""
        text = self.text
        while self.at < len(text) and text[self.at].isspace():
            self.at += 1
        end = self.at
        while end < len(text) and (text[end].isalnum() or text[end] in "_-"):
            end += 1
        return text[self.at : max(end, self.at + 1)]

    def take(self, sign: str) -> bool:
        if self.next_word() == sign:
            self.at += len(sign)
            return True
        return False

    def type(self, depth: int) -> Type:
        start = self.at
        if depth > MAX_TYPE_NESTING:
            raise TypeTermError("too-deep", f"a type is nested more than {MAX_TYPE_NESTING} deep", start, start + 1)
        found = self.unmarked(depth)
        if self.take("?"):
            found = optional(found)
        return found

    def unmarked(self, depth: int) -> Type:
        word = self.next_word()
        start, end = self.at, self.at + len(word)
        if word == "{":
            return self.record(depth)
        if not word or not (word[0].isalpha() or word[0] == "_"):
            if not word:
                raise TypeTermError("unclosed", "the type ends where another type is expected", start, start, _forms())
            raise TypeTermError("unexpected", f"`{word}` where a type is expected", start, end, _forms())
        self.at = end
        generic = self.next_word() == "<"
        if word in _SCALARS:
            if generic:
                raise TypeTermError("unknown-generic", f"`{word}` takes no type in <>", start, end)
            return Type(word)
        if word in _GENERICS:
            if not generic:
                raise TypeTermError(
                    "missing-element",
                    f"`{word}` needs the type of its elements",
                    start,
                    end,
                    f"write {word}<any>, {word}<string>, …",
                )
            opened = self.at
            self.at += 1
            element = self.type(depth + 1)
            self.close(">", opened, "<")
            return Type(word, element=element)
        if generic:
            raise TypeTermError(
                "unknown-generic", f"unknown type `{word}<…>`", start, end, "there are list<T> and map<T>"
            )
        meant = _OTHER_NAMES.get(word.lower()) or (word.lower() if word.lower() in _SCALARS else None)
        raise TypeTermError(
            "unknown-type", f"unknown type `{word}`", start, end, f"did you mean `{meant}`?" if meant else _forms()
        )

    def record(self, depth: int) -> Type:
        opened = self.at
        self.at += 1
        fields: dict[str, Type] = {}
        while self.next_word() != "}":
            name = self.next_word()
            start = self.at
            if not name:
                self.close("}", opened, "{")
            if not (name[0].isalnum() or name[0] == "_"):
                raise TypeTermError(
                    "unexpected", f"`{name}` where a field's name is expected", start, start + len(name)
                )
            if name in fields:
                raise TypeTermError("duplicate-field", f"the field `{name}` occurs twice", start, start + len(name))
            self.at += len(name)
            if not self.take(":"):
                self.expected(f"a `:` and a type are expected after `{name}`", opened, "{")
            fields[name] = self.type(depth + 1)
            if not self.take(","):
                break
        self.close("}", opened, "{")
        return Type("record", fields=tuple(sorted(fields.items())))

    def close(self, sign: str, opened: int, opening: str) -> None:
        if not self.take(sign):
            self.expected(f"`{sign}` is expected here", opened, opening)

    def expected(self, message: str, opened: int, opening: str) -> None:
        word = self.next_word()
        if not word:
            raise TypeTermError("unclosed", f"`{opening}` is never closed", opened, opened + 1)
        raise TypeTermError("unexpected", f"{message}, not `{word}`", self.at, self.at + len(word))
