"""How values and calls are laid out as source of Python: on one line where they fit, else one argument a line.

Knows what Python looks like, and nothing of workflows.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Sequence
from typing import Final

import msgspec

__all__ = ["Code", "Group", "Names", "call", "listing", "mapping", "quoted", "rendered", "string"]

WIDTH: Final = 100
INDENT: Final = "    "


class Group(msgspec.Struct):
    """Something in brackets: ``opening``, items with a comma after each, ``closing``."""

    opening: str
    items: list[tuple[str, Code]]  # what stands before the item, such as `name=`, and the item
    closing: str


class TextBlock(msgspec.Struct):
    """A text over several lines, each without its end."""

    prefix: str
    lines: list[str]
    ends_with_line: bool


Code = str | Group | TextBlock


def call(name: str, positional: Sequence[Code], keywords: Sequence[tuple[str, Code]] = ()) -> Group:
    """Return a call."""
    items: list[tuple[str, Code]] = [("", argument) for argument in positional]
    return Group(f"{name}(", items + [(f"{key}=", argument) for key, argument in keywords], ")")


def listing(items: Sequence[Code]) -> Group:
    return Group("[", [("", item) for item in items], "]")


def mapping(entries: Sequence[tuple[str, Code]]) -> Group:
    """Return a map; the keys are texts."""
    return Group("{", [(f"{quoted(key)}: ", value) for key, value in entries], "}")


def quoted(text: str) -> str:
    """Return a text between double quotes, where that needs no more escapes."""
    found = repr(text)
    if found.startswith("'") and '"' not in text:
        return '"' + found[1:-1].replace("\\'", "'") + '"'
    return found


def string(text: str) -> Code:
    """Return a text; one of several lines over several, by the function ``text``, where that keeps it as it is."""
    if "\n" not in text.removesuffix("\n"):
        return quoted(text)
    prefix = "r" if "\\" in text else ""
    block = TextBlock(prefix, text.removesuffix("\n").split("\n"), text.endswith("\n"))
    return block if _kept(block, text) else quoted(text)


def rendered(code: Code, indent: str, room: int = WIDTH) -> str:
    """Return source that begins at the end of a line of that indentation. ``room`` is what is left of the line."""
    if isinstance(code, str):
        return code
    if isinstance(code, TextBlock):
        return _block(code, indent)
    flat = _flat(code)
    if flat is not None and len(flat) <= room:
        return flat
    inner = indent + INDENT
    lines = [code.opening]
    for before, item in code.items:
        body = rendered(item, inner, WIDTH - len(inner) - len(before) - 1)
        lines.append(f"{inner}{before}{body},")
    return "\n".join([*lines, indent + code.closing])


def _flat(code: Code) -> str | None:
    """Return something on one line; None where a text over several lines is in it."""
    if isinstance(code, str):
        return code
    if isinstance(code, TextBlock):
        return None
    parts = []
    for before, item in code.items:
        inner = _flat(item)
        if inner is None:
            return None
        parts.append(before + inner)
    return code.opening + ", ".join(parts) + code.closing


def _block(block: TextBlock, indent: str) -> str:
    inner = indent + INDENT
    lines = [f"{inner}{line}" if line else "" for line in block.lines]
    end = f'\n{indent}"""' if block.ends_with_line else '"""'
    return f'text({block.prefix}"""\n' + "\n".join(lines) + end + ")"


def _kept(block: TextBlock, text: str) -> bool:
    """Whether Python reads the block as the text."""
    if not text.isprintable() and re.search(r"[^\n\x20-\x7e\xa0-\U0010ffff]", text):
        return False
    try:
        read = ast.literal_eval(_block(block, "")[len("text(") : -1])
    except (SyntaxError, ValueError):
        return False
    return textwrap.dedent(read.removeprefix("\n")) == text


class Names:
    """Names of Python for things with other names, each once."""

    def __init__(self, taken: set[str]) -> None:
        self.taken = taken

    def new(self, wanted: str) -> str:
        """Return a name that is like the wanted one."""
        found = re.sub(r"\W+", "_", wanted.replace("-", "_")).strip("_").lower()
        if not found.isidentifier() or not found.isascii():
            found = re.sub(r"[^a-z0-9_]", "", f"step_{found}").rstrip("_")
        name, number = found, 2
        while name in self.taken:
            name, number = f"{found}_{number}", number + 1
        self.taken.add(name)
        return name
