"""A graph as a Mermaid flowchart. Names and expressions go in as entities, so that none can end a label."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .graph import COLOURS, Box, BoxPart, Edge, Graph

__all__ = ["mermaid"]

ARROWS: Final = {"flow": "-->", "back": "-.->", "aside": "-.->", "call": "==>"}
SHAPES: Final = {
    "if": ("{{", "}}"),
    "switch": ("{{", "}}"),
    "while": ("{{", "}}"),
    "until": ("{{", "}}"),
    "for_each": ("[[", "]]"),
    "matrix": ("[[", "]]"),
    "parallel": ("[[", "]]"),
    "race": ("[[", "]]"),
    "workflow": ("[/", "/]"),
    "wait": ("([", "])"),
    "approve": ("([", "])"),
    "sleep": ("([", "])"),
    "sleep_until": ("([", "])"),
    "return": ("((", "))"),
    "fail": ("((", "))"),
}
_PLAIN: Final = frozenset(" _-.,:()=+*/'!?…→")


def mermaid(graph: Graph) -> str:
    """Return the text of the flowchart; it ends with a newline."""
    lines = ["flowchart TB"]
    for workflow in graph.workflows:
        lines.append(f'  subgraph {workflow.id}["{_escaped(workflow.title)}"]')
        for box in workflow.boxes:
            lines += _box(box, 2)
        for part in workflow.hooks:
            lines += _part(workflow.id, part, 2)
        lines.append("  end")
    lines += [_edge(edge) for edge in graph.edges]
    used = {line.rpartition(":::")[2] for line in lines if ":::" in line}
    lines += [
        f"  classDef {name} fill:{fill},stroke:{line},color:#111"
        for name, (fill, line) in COLOURS.items()
        if name in used
    ]
    return "\n".join(lines) + "\n"


def _box(box: Box, depth: int) -> Iterator[str]:
    indent = "  " * depth
    left, right = SHAPES.get(box.kind, ("[", "]"))
    style = f":::{box.status.status}" if box.status is not None and box.colours is not None else ""
    head = f'{box.id}{left}"{"<br/>".join(map(_escaped, box.texts))}"{right}{style}'
    if box.inner:
        yield f'{indent}subgraph {box.id}g[" "]'
        yield f"{indent}  {head}"
        for contained in box.inner:
            yield from _box(contained, depth + 1)
        yield f"{indent}end"
    else:
        yield f"{indent}{head}"
    for part in box.asides:
        yield from _part(box.id, part, depth)


def _part(owner: str, part: BoxPart, depth: int) -> Iterator[str]:
    indent = "  " * depth
    yield f'{indent}subgraph {owner}{part.name}["{_escaped(part.name)}"]'
    for box in part.boxes:
        yield from _box(box, depth + 1)
    yield f"{indent}end"


def _edge(edge: Edge) -> str:
    label = f'|"{_escaped(edge.label)}"|' if edge.label else ""
    return f"  {edge.source} {ARROWS[edge.kind]}{label} {edge.target}"


def _escaped(text: str) -> str:
    """Return a text in which all but letters, digits and harmless marks are entities; none is empty."""
    return "".join(letter if letter.isalnum() or letter in _PLAIN else _entity(letter) for letter in text) or " "


def _entity(letter: str) -> str:
    return f"#{ord(letter)};" if letter.isprintable() else "#183;"
