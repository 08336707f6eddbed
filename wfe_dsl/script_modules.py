"""Which local modules a script of a deno step imports statically, and theirs: they are part of the program.

Owns how such an import is found in a text, and what the files are called. It opens nothing itself, and does not
read the language: a line in a comment that looks like an import counts as one.
"""

from __future__ import annotations

import os.path
import re
from collections.abc import Callable
from typing import Final

import msgspec

__all__ = ["MAX_MODULES", "ScriptModules", "find_modules"]

MAX_MODULES: Final = 1000
"""Of one script, those that its modules import included."""

_IMPORT: Final = re.compile(
    r"""^[ \t]*(?:import|export)\b(?:[^'"`;]*?\bfrom\b)?\s*(["'])(\.{1,2}/[^"'\n]+)\1""", re.MULTILINE
)
_CODE: Final = (".ts", ".mts", ".js", ".mjs", ".tsx", ".jsx")


class ScriptModules(msgspec.Struct):
    """``name`` is the script's own, ``files`` are the texts of the others by theirs: paths from a common folder.

    ``unread`` are the imports whose file could not be had, or is one too many, each with the name of the
    file that holds it.
    """

    name: str
    files: dict[str, str]
    unread: list[tuple[str, str]]


def find_modules(path: str, text: str, read: Callable[[str], str | None]) -> ScriptModules:
    """Return the local modules of the script at ``path``. ``read`` gives a file's text, or None."""
    path = os.path.abspath(path)
    found: dict[str, str] = {path: text}
    unread: list[tuple[str, str]] = []
    pending = [path]
    while pending:
        importer = pending.pop(0)
        for match in _IMPORT.finditer(found[importer]):
            target = os.path.normpath(os.path.join(os.path.dirname(importer), match[2]))
            if target in found:
                continue
            content = read(target) if len(found) <= MAX_MODULES else None
            if content is None:
                unread.append((match[2], os.path.basename(importer)))
                continue
            found[target] = content
            if target.endswith(_CODE):
                pending.append(target)
    root = os.path.commonpath([os.path.dirname(place) for place in found])
    files = {os.path.relpath(place, root): content for place, content in found.items() if place != path}
    return ScriptModules(os.path.relpath(path, root), files, unread)
