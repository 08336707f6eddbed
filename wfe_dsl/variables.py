"""Load-time variables: where their values come from, and how ``((name))`` is found in a text.

Owns the notation and the precedence of its sources; what a found one turns into is for ``interpolation``.
Sources come in as data: reading the environment and the command line is for the caller.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

__all__ = ["NO_DEFAULT", "Reference", "Variables", "VariablesError", "find_references", "parse_config", "typed"]

MAX_NAMES_SHOWN: Final = 12
EXACT_INTEGER: Final = 2**53
INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,15})", re.ASCII)
DECIMAL: Final = re.compile(r"-?(?:0|[1-9][0-9]*)\.[0-9]+", re.ASCII)
WORDS: Final[dict[str, bool | None]] = {"true": True, "false": False, "null": None}

NO_DEFAULT: Final = object()
"""The default of a reference that has none."""

# An escaped opening, shell arithmetic, or a reference; a default is bounded so that a text full of
# openings is not searched to its end for each of them.
NOTATION: Final = re.compile(
    r"""\\\(\(
      | \$\(\(
      | \(\( [ \t]* (?P<path>[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*) [ \t]*
        (?: \|(?!\|) (?P<default> [ \t]*"(?:[^"\\\n]|\\.){0,1000}"[ \t]* | [^\n]{0,1000}? ) )? \)\)
    """,
    re.VERBOSE | re.ASCII,
)
PARENTHESIS: Final = re.compile("[()]")
CALL_ENDS: Final = re.compile(r"[A-Za-z0-9_\])]", re.ASCII)


class Reference(msgspec.Struct, frozen=True):
    """A ``((path))`` or ``((path | default))`` at ``start`` to ``end``. An empty path: an escaped ``((``."""

    start: int
    end: int
    path: tuple[str, ...]
    default: Any = NO_DEFAULT


class VariablesError(ValueError):
    """A source of variables that can't be used. The message says which and why."""


class Variables:
    """The values that ``((name))`` can take from outside a file.

    ``assignments`` are those of the command line (name, text): dots in a name nest, texts are typed as
    undeclared outputs are. ``file`` is the content of the variables file, ``config`` that of ``WFE_CONFIG``.
    In this order one goes before the other, maps being merged key by key. ``keep``: they are for a file that is
    to be written again, and stay as they are wherever a value is not needed to read it.
    Raises VariablesError where two assignments contradict each other or a name is none.
    """

    def __init__(
        self,
        assignments: Iterable[tuple[str, str]] = (),
        file: Mapping[str, Any] | None = None,
        config: Mapping[str, Any] | None = None,
        keep: bool = False,
    ) -> None:
        self.keep = keep
        tree: dict[str, Any] = {}
        for name, text in assignments:
            _assign(tree, name, text)
        for source in (file, config):
            _fill(tree, source or {})
        self._tree = tree

    def kept(self) -> Variables:
        """Return the same variables, to be kept where their values are not needed."""
        kept = Variables(keep=True)
        kept._tree = self._tree
        return kept

    def lookup(self, path: tuple[str, ...]) -> tuple[bool, Any]:
        """Return whether there is a value at a path, and the value. A digit name is a list's index too."""
        value: Any = self._tree
        for name in path:
            if isinstance(value, dict) and name in value:
                value = value[name]
            elif isinstance(value, list) and name.isdecimal() and int(name) < len(value):
                value = value[int(name)]
            else:
                return False, None
        return True, value

    def names(self) -> list[str]:
        """Return the dotted names of all values that are no maps, in order."""
        found: list[str] = []
        pending: list[tuple[str, Any]] = [("", self._tree)]
        while pending:
            prefix, value = pending.pop()
            if isinstance(value, dict) and value:
                pending.extend((f"{prefix}.{key}" if prefix else key, value[key]) for key in value)
            elif prefix:
                found.append(prefix)
        return sorted(found)


def find_references(text: str, code: bool = False) -> list[Reference]:
    """Return the references of a text in order, escapes among them. ``$((…))`` is passed over whole.

    ``code``: the text is an expression or a script, where ``f((x))`` is a call and no reference.
    """
    found: list[Reference] = []
    position = 0
    while (match := NOTATION.search(text, position)) is not None:
        start, position = match.span()
        if match.group().startswith("$"):
            end = _arithmetic_end(text, position)
            if end is None:
                break
            position = end
        elif match.group().startswith("\\"):
            found.append(Reference(start, position, ()))
        elif code and start and CALL_ENDS.match(text, start - 1):
            position = start + 1
        else:
            default = match.group("default")
            value = NO_DEFAULT if default is None else _default_value(default.strip())
            found.append(Reference(start, position, tuple(match.group("path").split(".")), value))
    return found


def typed(text: str) -> bool | int | float | str | None:
    """Return the value of an untyped text: itself unless printing the value gives the same text back."""
    if text in WORDS:
        return WORDS[text]
    if INTEGER.fullmatch(text) and abs(int(text)) <= EXACT_INTEGER and str(int(text)) == text:
        return int(text)
    if DECIMAL.fullmatch(text) and repr(float(text)) == text:
        return float(text)
    return text


def parse_config(text: str, name: str = "WFE_CONFIG") -> dict[str, Any]:
    """Return the map that a JSON text holds. Raises VariablesError, naming the source."""
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise VariablesError(f"{name} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise VariablesError(f'{name} has to be a JSON object, as {{"name": "value"}}')
    return value


def _assign(tree: dict[str, Any], name: str, text: str) -> None:
    path = name.split(".")
    if not all(path):
        raise VariablesError(f"`{name}` is no name of a variable")
    inner = tree
    for part in path[:-1]:
        inner = inner.setdefault(part, {})
        if not isinstance(inner, dict):
            raise VariablesError(f"the variable `{name}` contradicts another one: `{part}` has a value of its own")
    if isinstance(inner.get(path[-1]), dict):
        raise VariablesError(f"the variable `{name}` contradicts another one that begins with `{name}.`")
    inner[path[-1]] = typed(text)


def _fill(tree: dict[str, Any], source: Mapping[str, Any]) -> None:
    """Add what a weaker source has and the stronger ones have not."""
    for key, value in source.items():
        if key not in tree:
            tree[key] = value
        elif isinstance(tree[key], dict) and isinstance(value, Mapping):
            merged = dict(tree[key])
            _fill(merged, value)
            tree[key] = merged


def _default_value(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return text


def _refuse_constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON number")


def _arithmetic_end(text: str, position: int) -> int | None:
    """Where the ``$((`` before ``position`` is closed; None where it never is."""
    depth = 2
    for found in PARENTHESIS.finditer(text, position):
        depth += 1 if found.group() == "(" else -1
        if depth == 0:
            return found.end()
    return None
