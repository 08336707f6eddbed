"""What goes into a step and what comes out: ``inputs``, ``outputs`` and the types in them."""

from __future__ import annotations

from typing import Final

from .. import nodes
from ..diagnostics.model import Label
from ..source import Span
from .conditions import field_expression
from .context import NAME, Context, placeholder
from .tree import Listing, Mapping, Node

__all__ = ["INPUT_KEYS", "OUTPUT_KEYS", "Entries", "build_inputs", "build_outputs", "read_type"]

INPUT_KEYS: Final = ("name", "path", "json_path")
OUTPUT_KEYS: Final = ("name", "type", "path", "json_path")

Entries = tuple[tuple[str, Span, nodes.Expression], ...]
"""Names, where they stand, and the expressions they are given."""


def build_inputs(context: Context, node: Node) -> Entries | None:
    """Return the inputs of a task: a map of expressions or, in the older form, a list of places in the data."""
    node = context.known(node)
    if not isinstance(node, Listing):
        mapping = context.as_map(node, "`inputs`", "names and expressions")
        return None if mapping is None else context.expressions(mapping, "an input")
    found: dict[str, tuple[Span, nodes.Expression]] = {}
    for item in node.items:
        mapping = context.as_map(item, "an item of `inputs`", "as in `- name: version`")
        if mapping is None:
            continue
        name, span = _listed_name(context, mapping, INPUT_KEYS, "an input")
        if name is None:
            continue
        if name in found:
            label = (Label(found[name][0], "first here"),)
            context.report("WFE0127", f"the input `{name}` is given twice", span, "remove one of them", label)
            continue
        path = mapping.get("path")
        inner = mapping.get("json_path")
        written = name
        place = span
        if path is not None:
            written, place = context.string(path, "`path`") or name, path.span
        if inner is not None:
            steps = (context.string(inner, "`json_path`") or "").removeprefix("$")
            separator = "" if not steps or steps.startswith((".", "[")) else "."
            # Alone it starts at the whole of the data.
            written = written + separator + steps if path is not None else steps.removeprefix(".")
            place = inner.span
        expression = field_expression(context, written, place)
        found[name] = (span, placeholder(place) if expression is None else expression)
    return tuple((name, span, expression) for name, (span, expression) in found.items())


def build_outputs(context: Context, node: Node) -> tuple[nodes.OutputDeclaration, ...]:
    listing = context.as_list(node, "`outputs`", "as in `outputs: [{name: image, type: string}]`")
    found: dict[str, nodes.OutputDeclaration] = {}
    if listing is None:
        context.unread.update(("WFE0207", "WFE0401"))
    for item in () if listing is None else listing.items:
        mapping = context.as_map(item, "an item of `outputs`", "as in `{name: image, type: string}`")
        if mapping is None:
            continue
        name, span = _listed_name(context, mapping, OUTPUT_KEYS, "an output")
        if name is None:
            context.unread.update(("WFE0207", "WFE0401"))
            continue
        if name in found:
            label = (Label(found[name].span, "first here"),)
            context.report("WFE0127", f"the output `{name}` is given twice", span, "remove one of them", label)
            continue
        type_node, path_node = mapping.get("type"), mapping.get("path") or mapping.get("json_path")
        type_text = None if type_node is None else read_type(context, type_node)
        path: tuple[str, ...] = ()
        if path_node is not None:
            written = (context.string(path_node, "`path`") or "").removeprefix("$").lstrip(".")
            path = tuple(written.split(".")) if written else ()
            if not all(map(NAME.fullmatch, path)):
                help = "write names with dots between them, as in `report.totals`; take items of lists in expressions"
                context.report("WFE0122", f"`{written}` is no path of a field", path_node.span, help)
        found[name] = nodes.OutputDeclaration(span=span, name=name, type=type_text, path=path)
    return tuple(found.values())


def _listed_name(context: Context, mapping: Mapping, keys: tuple[str, ...], what: str) -> tuple[str | None, Span]:
    guesses = context.check_keys(mapping, keys, what)
    if not context.require(mapping, "name", what, guesses, "as in `- name: image`"):
        return None, mapping.span
    node = mapping.entries["name"].value
    return context.name(node, f"the name of {what}"), node.span


def read_type(context: Context, node: Node) -> nodes.TypeText | None:
    """Return a type as written; a map stands for the record type it looks like."""
    node = context.known(node)
    if isinstance(node, Mapping):
        fields = []
        for key, entry in node.entries.items():
            inner = read_type(context, entry.value)
            if inner is None:
                return None
            fields.append(f"{key}: {inner.text}")
        return nodes.TypeText(span=node.span, text="{" + ", ".join(fields) + "}")
    text = context.string(node, "a type", "as in `string`, `integer` or `list<string>`")
    return None if text is None else nodes.TypeText(span=node.span, text=text)
