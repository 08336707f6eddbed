"""YAML as nobody should write it: odd indentation, brackets over lines, comments and blank lines anywhere.

What a seed gives is the same each time. Some of it is no YAML, or breaks rules of the reader: that is for the
caller to see.
"""

from __future__ import annotations

import json
import random

__all__ = ["ugly_yaml"]

WORDS = (
    "a", "bee", "x y", "on", "${{ a }}", "((v))", "it's", "1", "2.5", "true", "null", "~", "", "k: v", "# no", "a#b",
    "- d", " lead", "ünï", "a,b", "[x]", '"q"', "a\\b", "line one\nline two", "tab\there", "*star", "&amp", "{", "}",
    "a: ", ":x", "?", "\U0001f600",
)  # fmt: skip
KEYS = ("a", "b", "c", "d", "long key", "x-y", '"q k"', "'s k'", "1", "on")
BLOCK_LINES = ("text", "  more", "", "# not a comment", "a: b", "\ttab", "trail  ")
SEVERAL_LINES = (
    ('"one', ' two  \n\n three"'),
    ("'it", "is'"),
    ("plain text", "more of it"),
    ('"esc \\', '  cont"'),
)
INDICATORS = "-?:,[]{}#&*!|>'\"%@`"


def ugly_yaml(seed: int) -> str:
    """Return a text of YAML, with comments numbered from 1."""
    return _Writer(random.Random(seed)).file()


class _Writer:
    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.comments = 0
        self.anchors = 0

    def happens(self, odds: float) -> bool:
        return self.chance.random() < odds

    def file(self) -> str:
        head = self.chance.choice(("", "", "---\n", "# head\n\n---  # marked\n"))
        return f"{head}workflow:{self.beside()}\n{self.block(2, 3)}{self.above(0)}"

    def comment(self) -> str:
        self.comments += 1
        return f"# number {self.comments} é"

    def beside(self) -> str:
        return "  " * self.chance.randint(1, 2) + self.comment() if self.happens(0.15) else ""

    def above(self, indent: int) -> str:
        lines = ""
        while self.happens(0.25):
            if self.happens(0.5):
                lines += "\n" * self.chance.randint(1, 3)
            else:
                lines += " " * self.chance.choice((indent, indent, 0, indent + 3)) + self.comment() + "\n"
        return lines

    def key(self, used: set[str]) -> str:
        key = self.chance.choice([one for one in KEYS if one not in used])
        used.add(key)
        return key

    def scalar(self, flow: bool) -> str:
        word = self.chance.choice(WORDS)
        plain = word and word == word.strip() and word[0] not in INDICATORS and "\n" not in word
        if plain and ": " not in word and not word.endswith(":") and not (flow and set(",[]{}") & set(word)):
            return word
        return "'" + word.replace("'", "''") + "'" if self.happens(0.5) and "\n" not in word else json.dumps(word)

    def flow(self, depth: int) -> str:
        if depth <= 0 or self.happens(0.4):
            return self.scalar(True)
        used: set[str] = set()
        is_map = self.happens(0.5)
        items = []
        for _ in range(self.chance.randint(0, 3)):
            head = f"{self.key(used)}: " if is_map else ""
            items.append(self.gap() + head + self.flow(depth - 1) + self.gap())
        last = "," if items and self.happens(0.2) else ""
        return f"{{{','.join(items)}{last}}}" if is_map else f"[{','.join(items)}{last}]"

    def gap(self) -> str:
        indent = " " * self.chance.randint(8, 14)
        return self.chance.choice((" ", " ", "", "  ", f"\n{indent}", f" {self.comment()}\n{indent}"))

    def block(self, indent: int, depth: int) -> str:
        text = ""
        used: set[str] = set()
        is_map = self.happens(0.6)
        for _ in range(self.chance.randint(1, 4)):
            text += self.above(indent) + " " * indent
            text += self.key(used) + self.chance.choice((":", " :")) if is_map else "-"
            text += self.value(indent, depth, is_map)
        return text

    def value(self, indent: int, depth: int, is_map: bool) -> str:
        """Return what follows a key or a dash, to the end of its last line."""
        anchor = ""
        if self.happens(0.1):
            self.anchors += 1
            anchor = f"&n{self.anchors} "
        step = self.chance.randint(1, 4)
        kind = self.chance.random()
        if kind < 0.35 and depth > 0:
            if not is_map and not anchor and self.happens(0.5):
                inner = self.block(indent + 1 + step, depth - 1)
                if not inner.lstrip().startswith("#") and inner[0] == " ":
                    return " " * step + inner[indent + 1 + step :]
                return f"{self.beside()}\n{inner}"
            return f" {anchor}".rstrip() + self.beside() + "\n" + self.block(indent + step, depth - 1)
        if kind < 0.5:
            return f" {anchor}{self.flow(2)}{self.beside()}\n"
        if kind < 0.65:
            lines = [self.chance.choice(BLOCK_LINES) for _ in range(self.chance.randint(1, 4))]
            guide = str(step) if not lines[0].strip() or lines[0][0] in " \t" else ""
            head = self.chance.choice("|>") + guide + self.chance.choice(("", "-", "+"))
            body = "".join((" " * (indent + step) + line if line else "") + "\n" for line in lines)
            return f" {anchor}{head}{self.beside()}\n{body}"
        if kind < 0.72:
            first, rest = self.chance.choice(SEVERAL_LINES)
            return f" {anchor}{first}\n{' ' * (indent + step)}{rest}{self.beside()}\n"
        return " " * step + anchor + self.scalar(False) + self.beside() + "\n"
