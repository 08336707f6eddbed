"""What stands under the keys of a file, as arguments of calls of the builder.

The values come as the writer of files has them; here a type becomes a type of Python, a retry a ``Retry``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from ..yaml_front.conditions import KEYS as CONDITION_KEYS
from ..yaml_front.layout import Item, Series, Table, Value
from .python_layout import Code, call, listing, mapping, quoted, string

__all__ = ["case_value", "declared", "keyword", "listed_outputs", "value_code"]

_SCALARS: Final = {"string": "str", "integer": "int", "number": "float", "bool": "bool"}
_CLASSES: Final = {"retry": ("Retry", 1), "defaults": ("Defaults", 0), "concurrency": ("Concurrency", 1)}
"""Keys whose maps have a class of their own, and how many of its arguments go without a keyword."""

_WORDS: Final = {"null": "None", "true": "True", "false": "False"}


def value_code(value: Value) -> Code:
    """Return a value as it stands inside of another one."""
    if isinstance(value, Table):
        return mapping([(item.key, value_code(item.value)) for item in value.items])
    if isinstance(value, Series):
        return listing([value_code(item.value) for item in value.items])
    return string(str(value)) if isinstance(value, str) else repr(value)


def keyword(key: str, value: Value) -> Code:
    """Return a value as the argument of that name."""
    if key == "outputs" and isinstance(value, Series):
        return listed_outputs(value)
    if key in _CLASSES and isinstance(value, Table):
        name, count = _CLASSES[key]
        positional = [value_code(item.value) for item in value.items[:count]]
        return call(name, positional, [(item.key, keyword(item.key, item.value)) for item in value.items[count:]])
    if (key == "since" and isinstance(value, Table | Series)) or (key == "when" and not _is_condition(value)):
        # A list or map that is a value; as it stands it would be taken for something else.
        return call("value", [value_code(value)])
    # None would mean that nothing is given.
    return "value(None)" if value is None else value_code(value)


def listed_outputs(outputs: Series) -> Code:
    """Return the outputs of a step: names, or names with their types and paths."""
    found: list[tuple[str, Code]] = []
    for item in outputs.items:
        entries = _entries(item.value)
        type = "None" if "type" not in entries else _type(entries["type"].value)
        code: Code = type
        if "path" in entries:
            code = call("Output", [type], [("path", value_code(entries["path"].value))])
        found.append((str(entries["name"].value), code))
    if all(code == "None" for _, code in found):
        return listing([quoted(name) for name, _ in found])
    return mapping(found)


def declared(declarations: Value) -> Code:
    """Return the inputs or outputs of a workflow."""
    items = declarations.items if isinstance(declarations, Table) else []
    found: list[tuple[str, Code]] = []
    for item in items:
        if isinstance(item.value, Table):
            inner = item.value.items
            keywords = [(one.key, value_code(one.value)) for one in inner if one.key != "type"]
            found.append((item.key, call("Input", [_type(_entries(item.value)["type"].value)], keywords)))
        else:
            found.append((item.key, _type(item.value)))
    return mapping(found)


def case_value(item: Item) -> str:
    """Return the value of a case."""
    return _WORDS.get(item.key, item.key) if item.plain_key else quoted(item.key)


def _is_condition(value: Value) -> bool:
    """Whether a value is read as a condition: an expression, or a map of the structured form."""
    if isinstance(value, Table):
        return bool(value.items) and all(item.key in CONDITION_KEYS for item in value.items)
    return not isinstance(value, Series)


def _entries(value: Value) -> Mapping[str, Item]:
    return {item.key: item for item in value.items} if isinstance(value, Table) else {}


def _type(value: Value) -> str:
    """Return a type as Python has it where that means the same text, else the text."""
    found = _python_type(value) if isinstance(value, str) else None
    return found or quoted(str(value))


def _python_type(text: str) -> str | None:
    if text in _SCALARS:
        return _SCALARS[text]
    if text.endswith("?"):
        inner = _python_type(text[:-1])
        return None if inner is None or inner.endswith("None") else f"{inner} | None"
    generic = re.fullmatch(r"(list|map)<(.*)>", text)
    if generic is not None:
        inner = _python_type(generic[2])
        if inner is not None:
            return f"list[{inner}]" if generic[1] == "list" else f"dict[str, {inner}]"
    return None
