"""Values as the text language writes them: names, strings, raw blocks, expressions, and what a key holds.

What is put into a text when it is read again (``((x))``, ``${{ }}``) is escaped where it is meant as it stands.
Knows nothing of steps.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from .. import nodes
from ..embedded import OPENING
from ..expression_printer import NoSpelling, print_expression
from ..source import FORBIDDEN
from ..variables import find_references
from ..yaml_front.step_types import Key
from .words import RESERVED

__all__ = [
    "ANY",
    "INDENT",
    "Lines",
    "append",
    "entry_lines",
    "escaped",
    "expression",
    "field",
    "inline",
    "key_name",
    "name",
    "plain",
    "raw_block",
    "string",
    "text_or_expression",
    "type_name",
]

Lines = list[str]
"""Lines of a construct, indented from where it stands; the first goes on the line that is begun already."""

INDENT: Final = "  "
PLAIN_NAME: Final = re.compile(r"[^\W\d]\w*(?:-\w+)*")
UNPRINTABLE: Final = re.compile(f"{FORBIDDEN.pattern}|[\x7f\x85\u2028\u2029]")
DATA_KEY: Final = re.compile(r"\w+(?:-(?=[^\W_])\w+)*")
PLAIN_TYPE: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_<>{}:,? ")
STAND_IN: Final = "\u02d1"
LISTS: Final = ("texts", "texts_or_all", "command")
SCRIPT: Final = Key("script")
ANY: Final = Key("any")


def name(text: str) -> str:
    """Return a name, in quotes where it would be taken for something else."""
    return text if PLAIN_NAME.fullmatch(text) and text not in RESERVED else string(text)


def key_name(text: str) -> str:
    """Return the key of a map, which may be any word."""
    return text if PLAIN_NAME.fullmatch(text) else string(text)


def string(text: str) -> str:
    """Return a string as it stands between quotes."""
    return UNPRINTABLE.sub(_escape, json.dumps(text, ensure_ascii=False))


def _escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def raw_block(text: str) -> Lines | None:
    """Return a text of several lines as a raw block; None where one would not give the same text back."""
    lines = text.split("\n")
    if len(lines) < 2 or UNPRINTABLE.search(text) or "\r" in text:
        return None
    ended = not lines[-1]
    if ended:
        lines.pop()
    full = [line for line in lines if line.strip(" \t")]
    if not full or min(len(line) - len(line.lstrip(" \t")) for line in full) > 0:
        return None
    if not ended and not lines[-1].strip(" \t"):
        return None
    fence = "`" * max((len(run) + 1 for run in re.findall("`+", text)), default=0)
    fence = fence if len(fence) > 3 else "```"
    inner = [INDENT + line if line else "" for line in lines]
    if ended:
        return [fence, *inner, fence]
    if inner[-1].endswith("`"):
        return None
    return [fence, *inner[:-1], inner[-1] + fence]


def escaped(text: str, code: bool = False) -> str:
    """Return a text in which ``((`` is what it looks like when it is read again."""
    if "((" not in text:
        return text
    parts, position = [], 0
    for reference in find_references(text, code):
        if not reference.path:
            parts.append(text[position : reference.start] + "\\")
            position = reference.start
    text = "".join(parts) + text[position:]
    while found := [reference for reference in find_references(text, code) if reference.path]:
        text = f"{text[: found[0].start]}\\{text[found[0].start :]}"
    return text


def expression(tree: nodes.Expression) -> str:
    """Return an expression; strings with expressions in them and data keys are written as this notation has them."""
    try:
        text = print_expression(tree)
    except NoSpelling:
        spellings: list[str] = []
        text = print_expression(_with_stand_ins(tree, spellings))
        for number in range(len(spellings) - 1, -1, -1):
            text = text.replace(f"{STAND_IN}{number}{STAND_IN}", spellings[number])
    # Only strings can hold such letters.
    return UNPRINTABLE.sub(_escape, text)


def _with_stand_ins(tree: Any, spellings: list[str]) -> Any:
    """Return a tree in which names stand for what no expression can spell."""
    spelling = None
    if isinstance(tree, nodes.DataKey):
        spelling = f".{tree.name if DATA_KEY.fullmatch(tree.name) else string(tree.name)}"
    elif isinstance(tree, nodes.Text):
        spelling = string(mixed(tree))
    elif isinstance(tree, nodes.Variable):
        spelling = variable(tree)
    if spelling is not None:
        spellings.append(spelling)
        return nodes.Name(span=tree.span, name=f"{STAND_IN}{len(spellings) - 1}{STAND_IN}")
    if isinstance(tree, nodes.Node):
        fields = {field: getattr(tree, field) for field in tree.__struct_fields__}
        changed = {
            field: _with_stand_ins(value, spellings) if isinstance(value, nodes.Node | tuple) else value
            for field, value in fields.items()
        }
        return type(tree)(**changed)
    if isinstance(tree, tuple):
        return tuple(_with_stand_ins(item, spellings) for item in tree)
    return tree


def variable(tree: nodes.Variable) -> str:
    """Return a load-time variable that was left as it is."""
    if tree.default is None:
        return f"(({tree.path}))"
    default = tree.default.value if isinstance(tree.default, nodes.Literal) else None
    return f"(({tree.path} | {json.dumps(default, ensure_ascii=False)}))"


def mixed(tree: nodes.Expression) -> str:
    """Return the text, without quotes, that a place for texts takes."""
    if isinstance(tree, nodes.Text):
        return "".join(map(mixed, tree.parts))
    if isinstance(tree, nodes.Variable):
        return variable(tree)
    if isinstance(tree, nodes.Literal) and isinstance(tree.value, str):
        text = escaped(tree.value)
        return text.replace(OPENING, f"{OPENING} '$' }}}}{{{{") if OPENING in text else text
    return f"{OPENING} {expression(tree)} }}}}"


def _text_lines(text: str) -> Lines:
    return raw_block(text) or [string(text)]


def _is_text(tree: nodes.Expression) -> bool:
    return isinstance(tree, nodes.Text) or (isinstance(tree, nodes.Literal) and isinstance(tree.value, str))


def text_or_expression(tree: nodes.Expression, bare: bool = True) -> Lines:
    """Return what a place for texts holds: a string, a raw block or, where it is just one, an expression."""
    if isinstance(tree, nodes.Variable):
        return [variable(tree)]
    if _is_text(tree) or isinstance(tree, nodes.Literal) or not bare:
        return _text_lines(mixed(tree))
    spelt = expression(tree)
    return [string(mixed(tree))] if spelt[0] in "{[" else [spelt]


def entry_lines(tree: nodes.Expression, row: Key) -> Lines:
    """Return what stands after a key, ``=`` included where it is an expression."""
    if isinstance(tree, nodes.Variable):
        return [variable(tree)]
    if row.kind == "script" and isinstance(tree, nodes.Literal):
        return _text_lines(escaped(str(tree.value), code=True))
    if isinstance(tree, nodes.Text) and len(tree.parts) == 1 and row.kind == "run":
        tree = tree.parts[0]
        if isinstance(tree, nodes.Literal | nodes.Variable):
            return _text_lines(mixed(tree))
        return _assigned(tree)
    if _is_text(tree):
        return _text_lines(mixed(tree))
    if isinstance(tree, nodes.Literal):
        return [inline(tree, row)]
    if isinstance(tree, nodes.ListExpression) and _is_list(tree, row):
        return [inline(tree, row)]
    if isinstance(tree, nodes.MapExpression) and _is_map(tree, row):
        lines = ["{"]
        for key, _, value in tree.entries:
            lines.extend(field(key, value, inner_row(row, key)))
        return ["{}"] if len(lines) == 1 else [*lines, "}"]
    return _assigned(tree)


def _assigned(tree: nodes.Expression) -> Lines:
    return [f"= {expression(tree)}"]


def field(key: str, tree: nodes.Expression, row: Key, quoted: bool = False) -> Lines:
    """Return the lines of an entry, indented once. ``quoted``: the key would mean something else without."""
    first, *rest = entry_lines(tree, row)
    return [
        f"{INDENT}{string(key) if quoted else key_name(key)} {first}",
        *(INDENT + line if line else "" for line in rest),
    ]


def inner_row(row: Key, key: str) -> Key:
    """Return what the table says of an entry in the value of a row."""
    if row.kind in ("table", "tables"):
        return row.keys.get(key, ANY)
    if row.kind == "named_tables":
        return Key("table", keys=row.keys)
    if row.kind == "map":
        return Key("mapped")
    return ANY if row.kind == "any" else Key("text")


def _is_list(tree: nodes.ListExpression, row: Key) -> bool:
    """Whether a list is written as such, and not as an expression."""
    if row.kind == "any" or row.kind == "tables":
        return True
    if row.kind not in LISTS or not tree.items:
        return False
    return not any(isinstance(item, nodes.ListExpression | nodes.MapExpression) for item in tree.items)


def _is_map(tree: nodes.MapExpression, row: Key) -> bool:
    """Whether a map is written as such, and not as an expression, which not every place for one takes."""
    return row.kind in ("any", "table", "named_tables", "map")


def inline(tree: nodes.Expression, row: Key = ANY) -> str:
    """Return a value as it stands in a list: an expression in ``${{ }}``."""
    if isinstance(tree, nodes.Variable):
        return variable(tree)
    if isinstance(tree, nodes.Literal):
        return _literal(tree, row)
    if isinstance(tree, nodes.ListExpression) and _is_list(tree, row):
        inner = Key("table", keys=row.keys) if row.kind == "tables" else ANY if row.kind == "any" else Key("text")
        return f"[{', '.join(inline(item, inner) for item in tree.items)}]"
    if isinstance(tree, nodes.MapExpression) and _is_map(tree, row):
        entries = (f"{key_name(key)}: {inline(value, inner_row(row, key))}" for key, _, value in tree.entries)
        return f"{{{', '.join(entries)}}}"
    return string(mixed(tree))


def _literal(tree: nodes.Literal, row: Key) -> str:
    value = tree.value
    if isinstance(value, str):
        return string(mixed(tree))
    bare = (
        row.kind == "any"
        or (isinstance(value, bool) and row.kind in ("flag", "texts_or_all"))
        or (isinstance(value, int) and not isinstance(value, bool) and row.kind in ("integer", "version"))
        or (value is None and row.kind == "mapped")
    )
    return json.dumps(value) if bare else string(mixed(tree))


def plain(value: Any) -> str:
    """Return a plain value, as the list of allowed values has them."""
    if isinstance(value, str):
        return string(escaped(value))
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key_name(key)}: {plain(item)}' for key, item in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(plain, value))}]"
    return json.dumps(value)


def type_name(type: nodes.TypeText) -> str:
    """Return a type; one that could not be read again as it stands, in quotes."""
    plain_enough = type.text and PLAIN_TYPE.issuperset(type.text) and type.text == " ".join(type.text.split())
    one_word = " " not in type.text or type.text.startswith("{") or "<" in type.text
    return type.text if plain_enough and one_word else string(escaped(type.text))


def append(lines: Lines, word: str, value: Lines) -> None:
    """Put a word and its value behind the last line."""
    first, *rest = value
    lines[-1] += f" {word} {first}" if word else f" {first}"
    lines.extend(rest)
