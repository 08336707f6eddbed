"""A graph in the DOT language of Graphviz. Every text is a quoted string, so that none can end a statement."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .graph import Box, BoxPart, Edge, Graph

__all__ = ["dot"]

SHAPES: Final = {
    "if": "diamond",
    "switch": "diamond",
    "while": "hexagon",
    "until": "hexagon",
    "for_each": "hexagon",
    "matrix": "hexagon",
    "workflow": "component",
    "wait": "cds",
    "approve": "cds",
    "return": "oval",
    "fail": "oval",
}
EDGES: Final = {"flow": "", "back": "style=dashed constraint=false", "aside": "style=dashed", "call": "style=bold"}


def dot(graph: Graph) -> str:
    """Return the text of the graph; it ends with a newline."""
    lines = [
        "digraph workflows {",
        '  graph [fontname="sans-serif" compound=true];',
        '  node [fontname="sans-serif" fontsize=11 shape=box style="rounded,filled" fillcolor=white];',
        '  edge [fontname="sans-serif" fontsize=9];',
    ]
    for workflow in graph.workflows:
        lines += [f"  subgraph cluster_{workflow.id} {{", f"    label={_quoted(workflow.title)};"]
        for box in workflow.boxes:
            lines += _box(box, 2)
        for part in workflow.hooks:
            lines += _part(workflow.id, part, 2)
        lines.append("  }")
    lines += [_edge(edge) for edge in graph.edges]
    return "\n".join([*lines, "}"]) + "\n"


def _box(box: Box, depth: int) -> Iterator[str]:
    indent = "  " * depth
    attributes = [f"label={_quoted(*box.texts)}"]
    if box.kind in SHAPES:
        attributes.append(f"shape={SHAPES[box.kind]}")
    if box.colours is not None:
        attributes.append(f'fillcolor="{box.colours[0]}"')
    head = f"{box.id} [{' '.join(attributes)}];"
    if box.inner:
        yield f"{indent}subgraph cluster_{box.id} {{"
        yield f'{indent}  label="";'
        yield f"{indent}  {head}"
        for contained in box.inner:
            yield from _box(contained, depth + 1)
        yield f"{indent}}}"
    else:
        yield f"{indent}{head}"
    for part in box.asides:
        yield from _part(box.id, part, depth)


def _part(owner: str, part: BoxPart, depth: int) -> Iterator[str]:
    indent = "  " * depth
    yield f"{indent}subgraph cluster_{owner}_{part.name} {{"
    yield f"{indent}  label={_quoted(part.name)}; style=dashed;"
    for box in part.boxes:
        yield from _box(box, depth + 1)
    yield f"{indent}}}"


def _edge(edge: Edge) -> str:
    attributes = [*([f"label={_quoted(edge.label)}"] if edge.label else []), *filter(None, [EDGES[edge.kind]])]
    written = f" [{' '.join(attributes)}]" if attributes else ""
    return f"  {edge.source} -> {edge.target}{written};"


def _quoted(*lines: str) -> str:
    return '"' + "\\n".join(map(_escaped, lines)) + '"'


def _escaped(text: str) -> str:
    r"""Return a text for between quotes. ``\`` is doubled, as ``\N`` and the like mean something in a label."""
    shown = "".join(letter if letter.isprintable() else "·" for letter in text)
    return shown.replace("\\", "\\\\").replace('"', '\\"')
