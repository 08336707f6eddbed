"""Reads the ``config`` of a task by the table of step types.

What means the same as a key of the step itself (``timeout``, a sub-workflow's ``inputs``) is handed back
beside the configuration; older spellings get their newer name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Final

import msgspec

from .. import nodes
from ..diagnostics.model import Label
from ..source import Span
from .context import TEXT_HELP, Context, Guesses, is_dynamic, placeholder
from .positions import span_of
from .step_types import STEP_TYPES, Key, StepType
from .tree import Broken, Entry, Listing, Mapping, Meant, Node, Scalar, kind_of

__all__ = ["Config", "build_config", "read_value"]

MEMORY: Final = re.compile(r"[0-9]+(?:\.[0-9]+)?\s?(?:[KMGT]i?B?|[kmgt]b?|B)?", re.ASCII)
LAST_VERSION: Final = 2**31 - 1

TEXT: Final = Key("text")

Entries = list[tuple[str, Span, nodes.Expression]]
Reader = Callable[[Context, Key, Node, str], nodes.Expression]


class Config(msgspec.Struct):
    """What a ``config`` says. ``inputs`` is a sub-workflow's, None where not written."""

    values: nodes.MapExpression
    timeout_ms: int | None = None
    inputs: tuple[tuple[str, Span, nodes.Expression], ...] | None = None
    inputs_span: Span | None = None


def build_config(context: Context, name: str, node: Node | None, step: Span) -> Config:
    """Return the configuration of a step of a known type. ``step`` is blamed where there is none."""
    step_type = STEP_TYPES[name]
    if isinstance(node, Scalar):
        node = context.known(node)
    if node is None or (isinstance(node, Scalar) and node.value is None):
        if step_type.has_required:
            subject = f"{_article(name)} `{name}` step"
            help = "say what to do under `config:`"
            context.report("WFE0102", f"{subject} needs `config`", step, help)
        return Config(nodes.MapExpression(span=step, entries=()))
    mapping = context.as_map(node, "`config`")
    if mapping is None:
        return Config(nodes.MapExpression(span=node.span, entries=()))
    what = _config_of(name)
    guesses: Guesses = frozenset()
    if not step_type.keys.keys() >= mapping.entries.keys():
        elsewhere = {"ffi": "native code can't be permitted"} if name == "deno" else {}
        guesses = context.check_keys(mapping, step_type.keys, what, elsewhere)
    _check_groups(context, step_type, mapping, what, guesses)
    config = Config(nodes.MapExpression(span=mapping.span, entries=()))
    entries: Entries = []
    written: dict[str, Entry] = {}
    for key, entry in mapping.entries.items():
        row = step_type.keys.get(key)
        if row is None:
            continue
        if row.kind == "timeout":
            config.timeout_ms = context.duration(entry.value, "`timeout`", least=1)
            continue
        if row.kind == "expressions":
            inputs = context.as_map(entry.value, "`inputs`", "names and expressions")
            if inputs is not None:
                config.inputs = context.expressions(inputs, "an input")
                config.inputs_span = entry.key_span
            continue
        if key in step_type.unkept:
            message = f"a `{name}` step runs on the host, where no artifact is mounted: `{key}` does nothing"
            context.report("WFE0523", message, entry.key_span, step_type.unkept[key])
        key = step_type.spellings.get(key, key)
        if key in written:
            if any(entry.key in group for group in step_type.one_of):
                continue  # told already: only one of them may be there
            label = (Label(written[key].key_span, "the same is said here"),)
            message = f"`{entry.key}` and `{written[key].key}` mean the same"
            context.report("WFE0504", message, entry.key_span, "keep one of them", label)
            continue
        written[key] = entry
        entries.append((key, entry.key_span, read_value(context, row, entry, f"`{entry.key}`")))
    config.values = nodes.MapExpression(span=mapping.span, entries=tuple(entries))
    return config


@cache
def _config_of(name: str) -> str:
    return f"the `config` of {_article(name)} `{name}` step"


def _article(name: str) -> str:
    return "an" if name.startswith(("a", "e", "i", "o", "u")) else "a"


def _check_groups(context: Context, step_type: StepType, mapping: Mapping, what: str, guesses: Guesses) -> None:
    entries = mapping.entries
    for key, row in step_type.keys.items():
        if row.required and key not in entries and key not in guesses:
            context.report("WFE0502", f"{what} needs `{key}`", mapping.span, f"add it, {row.shown(key)}")
    for group in step_type.one_of:
        present = [entries[key] for key in entries if key in group]
        if len(present) > 1:
            first, other = present[0], present[1]
            message = f"{what} has both `{first.key}` and `{other.key}`"
            label = (Label(first.key_span, "and this one"),)
            context.report("WFE0504", message, other.key_span, "keep one of them", label)
        elif not present and not any(key in guesses for key in group):
            wanted = " or ".join(f"`{key}`" for key in group)
            help = f"add one of them, {step_type.keys[group[0]].shown(group[0])}"
            context.report("WFE0503", f"{what} needs {wanted}", mapping.span, help)
    for key, other_key in step_type.needs:
        if key in entries and other_key not in entries and other_key not in guesses:
            value = entries[key].value
            if not (isinstance(value, Scalar) and value.value is False):
                message = f"`{key}` needs `{other_key}`"
                help = f"add it, {step_type.keys[other_key].shown(other_key)}, or leave `{key}` out"
                context.report("WFE0505", message, entries[key].key_span, help)
    for key, other_key in step_type.unless:
        if key not in entries and other_key not in entries and not {key, other_key} & guesses:
            help = f"add it, {step_type.keys[key].shown(key)}"
            context.report("WFE0503", f"{what} needs `{key}`, or `{other_key}` in its place", mapping.span, help)


def read_value(context: Context, row: Key, entry: Entry, what: str) -> nodes.Expression:
    """Return what a key holds as its row says; what stands there instead is reported."""
    node = entry.value
    if isinstance(node, Broken):
        return placeholder(node.span)
    if isinstance(node, Scalar) and is_dynamic(node) and row.kind not in ("run", "script", "name", "version"):
        # A variable may hold the whole value, whatever its kind; an expression is checked when it has run.
        settled = context.settle(node)
        if isinstance(settled, Broken):
            return placeholder(node.span)
        if not isinstance(settled, Scalar | Listing | Mapping):
            return settled
        node = settled
    return READERS[row.kind](context, row, node, what)


def _text(context: Context, row: Key, node: Node, what: str) -> nodes.Expression:
    if not isinstance(node, Scalar) or node.value is None:
        context.wrong(node, what, "a text", TEXT_HELP)
        return placeholder(node.span)
    # Numbers and bools stay as they are written: 1.10 is a version, not 1.1.
    return context.text(node) if isinstance(node.value, str) else nodes.Literal(span=node.span, value=node.text)


def _run(context: Context, row: Key, node: Node, what: str) -> nodes.Expression:
    if not isinstance(node, Scalar) or not isinstance(node.value, str) or not is_dynamic(node):
        return _text(context, row, node, what)
    if isinstance(node, Meant):
        # As below: what is known only when running stays inside a Text.
        alone = isinstance(node.meaning, nodes.Literal | nodes.Text)
        return node.meaning if alone else nodes.Text(span=node.span, parts=(node.meaning,))
    found = context.interpolator.run(node.text, span_of(node), node.span)
    if isinstance(found, nodes.Literal) and not isinstance(found.value, str):
        return nodes.Literal(span=node.span, value="" if found.value is None else str(found.value))
    return found


def _script(context: Context, row: Key, node: Node, what: str) -> nodes.Expression:
    if not isinstance(node, Scalar) or not isinstance(node.value, str) or node.verbatim:
        return _text(context, row, node, what)
    if isinstance(node, Meant):
        known = context.known(node)
        return _text(context, row, known, what) if isinstance(known, Scalar) else placeholder(node.span)
    return context.interpolator.script(node.text, span_of(node), node.span)


def _command(context: Context, row: Key, node: Node, what: str) -> nodes.Expression:
    if not isinstance(node, Listing):
        return _text(context, row, node, what)
    if not node.items:
        context.report("WFE0502", f"{what} is an empty list", node.span, "name at least the program")
    return _items(context, node, what)


def _texts(context: Context, row: Key, node: Node, what: str) -> nodes.Expression:
    if not isinstance(node, Listing):
        context.wrong(node, what, "a list", "write it as `[one, two]`")
        return placeholder(node.span)
    return _items(context, node, what)


def _texts_or_all(context: Context, row: Key, node: Node, what: str) -> nodes.Expression:
    if isinstance(node, Scalar) and isinstance(node.value, bool):
        return nodes.Literal(span=node.span, value=node.value)
    return _texts(context, row, node, what)


def _items(context: Context, node: Listing, what: str) -> nodes.Expression:
    found = tuple(read_value(context, TEXT, Entry("", item.span, item), f"an item of {what}") for item in node.items)
    return nodes.ListExpression(span=node.span, items=found)


def _map(context: Context, row: Key, node: Node, what: str) -> nodes.Expression:
    if not isinstance(node, Mapping):
        context.wrong(node, what, "a map", "names and their values")
        return placeholder(node.span)
    entries: Entries = []
    for key, entry in node.entries.items():
        value = entry.value
        if isinstance(value, Scalar) and value.value is None:
            entries.append((key, entry.key_span, nodes.Literal(span=value.span, value=None)))
        elif isinstance(value, Listing | Mapping):
            help = "write one text; a list or map can be given as JSON, in quotes"
            context.report("WFE0103", f"`{key}` takes a text, not {kind_of(value)}", value.span, help)
        else:
            entries.append((key, entry.key_span, read_value(context, TEXT, entry, f"`{key}`")))
    return nodes.MapExpression(span=node.span, entries=tuple(entries))


def _flag(context: Context, row: Key, node: Node, what: str) -> nodes.Expression:
    return _literal_or_placeholder(node.span, context.flag(node, what))


def _integer(context: Context, row: Key, node: Node, what: str) -> nodes.Expression:
    return _literal_or_placeholder(node.span, context.integer(node, what, 0))


def _version(context: Context, row: Key, node: Node, what: str) -> nodes.Expression:
    return _literal_or_placeholder(node.span, context.integer(node, what, 0, LAST_VERSION))


def _number(context: Context, row: Key, node: Node, what: str) -> nodes.Expression:
    # Also `500m`, as clusters write half a core.
    if isinstance(node, Scalar) and re.fullmatch(r"[0-9]+(?:\.[0-9]+)?m?", node.text, re.ASCII):
        return nodes.Literal(span=node.span, value=node.text)
    context.wrong(node, what, "a number", "write it as in `2`, `0.5` or `500m`")
    return placeholder(node.span)


def _memory(context: Context, row: Key, node: Node, what: str) -> nodes.Expression:
    if isinstance(node, Scalar) and node.value is not None and not isinstance(node.value, bool):
        if MEMORY.fullmatch(node.text):
            return nodes.Literal(span=node.span, value=node.text)
        help = "write it like 256MiB, 1GiB or 512m; digits alone are bytes"
        context.report("WFE0506", f"`{node.text}` is no size of memory", node.span, help)
        return placeholder(node.span)
    context.wrong(node, what, "a size of memory", "write it like 256MiB")
    return placeholder(node.span)


def _choice(context: Context, row: Key, node: Node, what: str) -> nodes.Expression:
    return _literal_or_placeholder(node.span, context.choice(node, what, row.choices))


def _name(context: Context, row: Key, node: Node, what: str) -> nodes.Expression:
    return _literal_or_placeholder(node.span, context.name(node, what))


def _table(context: Context, row: Key, node: Node, what: str) -> nodes.Expression:
    mapping = context.as_map(node, what, f"its keys are: {', '.join(sorted(row.keys))}")
    if mapping is None:
        return placeholder(node.span)
    elsewhere = {"ffi": "native code can't be permitted"} if "net" in row.keys else None
    guesses = context.check_keys(mapping, row.keys, what, elsewhere)
    for key, inner in row.keys.items():
        if inner.required and key not in mapping.entries and key not in guesses:
            context.report("WFE0502", f"{what} needs `{key}`", mapping.span, f"add it, {inner.shown(key)}")
    entries: Entries = []
    for key, entry in mapping.entries.items():
        if key in row.keys:
            value = read_value(context, row.keys[key], entry, f"`{key}`")
            name = "import" if key == "dynamic_import" else key
            if name != key and name in mapping.entries:
                message = f"`{key}` is the older spelling of `{name}`, which is there too"
                context.report("WFE0504", message, entry.key_span, "keep one of them")
                continue
            entries.append((name, entry.key_span, value))
    return nodes.MapExpression(span=mapping.span, entries=tuple(entries))


def _tables(context: Context, row: Key, node: Node, what: str) -> nodes.Expression:
    listing = context.as_list(node, what)
    if listing is None:
        return placeholder(node.span)
    found = tuple(_table(context, row, item, f"an item of {what}") for item in listing.items)
    return nodes.ListExpression(span=listing.span, items=found)


def _named_tables(context: Context, row: Key, node: Node, what: str) -> nodes.Expression:
    mapping = context.as_map(node, what)
    if mapping is None:
        return placeholder(node.span)
    entries = tuple(
        (key, entry.key_span, _table(context, row, entry.value, f"`{key}` of {what}"))
        for key, entry in mapping.entries.items()
    )
    return nodes.MapExpression(span=mapping.span, entries=entries)


def _literal_or_placeholder(span: Span, value: bool | int | str | None) -> nodes.Expression:
    return placeholder(span) if value is None else nodes.Literal(span=span, value=value)


READERS: Final[dict[str, Reader]] = {
    "text": _text,
    "script": _script,
    "run": _run,
    "command": _command,
    "texts": _texts,
    "texts_or_all": _texts_or_all,
    "map": _map,
    "flag": _flag,
    "integer": _integer,
    "number": _number,
    "memory": _memory,
    "choice": _choice,
    "name": _name,
    "version": _version,
    "table": _table,
    "tables": _tables,
    "named_tables": _named_tables,
}
