"""A graph of workflows: one box a step, inside one another as the steps are, and the ways from one to the next.

This file owns which boxes and edges there are, what a box says and the colours of a run's statuses; the rest of how
they look is for the four renderers. It is made from programs, so a run is drawn without its source, and a run's
statuses are put on the boxes.

Rules:

1. Every step is a box, whatever its kind; a step that holds others is a box with parts.
2. An edge goes from each step that may be the last of something to what follows it. Hooks, compensations and
   what follows a timeout hang on their step by an edge of their own kind, and lead back nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from wfe_vm.durations import format_duration
from wfe_vm.program import Program, SourceMap

from .outline import ASIDE, FORKS, LOOPS, Outline, OutlineStep, Part, outline_of, spell

__all__ = ["COLOURS", "Box", "BoxPart", "Edge", "Graph", "Status", "WorkflowGraph", "graph_object", "graph_of"]

LONGEST_LINE: Final = 60
"""Characters of a line within a box; the whole of it is in the JSON."""

SEVERITY: Final = ("running", "waiting", "error", "failed", "aborted", "succeeded", "skipped")
"""Of several statuses of one step, as in a loop, the box has the first of these."""

COLOURS: Final = {
    "succeeded": ("#d7f2dc", "#2b8a3e"),
    "failed": ("#ffd9d6", "#c92a2a"),
    "error": ("#ffd9d6", "#c92a2a"),
    "aborted": ("#ffe8cc", "#d9480f"),
    "running": ("#d0ebff", "#1864ab"),
    "waiting": ("#d0ebff", "#1864ab"),
    "skipped": ("#f1f3f5", "#868e96"),
}
"""Of a box whose step is in that status: its ground and its frame."""

_HEADS: Final = ("if", "switch", "while", "until", "for_each", "matrix", "sleep_until", "fail", "event", "title")
"""Expressions that say what a step is about, by the name of their field."""


class Status(msgspec.Struct, frozen=True):
    """What became of a step in a run: how many times it ended, or is, in each status."""

    counts: tuple[tuple[str, int], ...]

    @property
    def status(self) -> str:
        """The one that matters most."""
        names = [name for name, _ in self.counts]
        return next((name for name in SEVERITY if name in names), names[0] if names else "")

    @property
    def text(self) -> str:
        """As people read it: ``succeeded``, or ``failed 1, succeeded 5`` of a step that ran several times."""
        if sum(count for _, count in self.counts) == 1:
            return self.counts[0][0]
        return ", ".join(f"{name} {count}" for name, count in self.counts)


class BoxPart(msgspec.Struct, frozen=True):
    """A stretch of boxes within one: ``name`` as in an outline."""

    name: str
    boxes: tuple[Box, ...]

    @property
    def aside(self) -> bool:
        """Whether it is a hook or the like, and no part of what the step does."""
        return self.name in ASIDE


class Box(msgspec.Struct, frozen=True):
    """A step. ``lines`` say what it is about, ``status`` is a run's."""

    id: str
    path: str
    name: str
    kind: str
    type: str
    lines: tuple[str, ...]
    parts: tuple[BoxPart, ...]
    source: str
    child: tuple[str, int] | None = None
    status: Status | None = None

    @property
    def texts(self) -> list[str]:
        """What it says, its name first."""
        heading = self.name if self.kind == "task" else f"{self.kind}: {self.name}"
        return [heading, *self.lines, *([] if self.status is None else [self.status.text])]

    @property
    def colours(self) -> tuple[str, str] | None:
        """Its ground and its frame, where its status has colours of its own."""
        return None if self.status is None else COLOURS.get(self.status.status)

    @property
    def inner(self) -> list[Box]:
        """The boxes that it is made of."""
        return [box for part in self.parts if not part.aside for box in part.boxes]

    @property
    def asides(self) -> list[BoxPart]:
        """The hooks and the like that hang on it."""
        return [part for part in self.parts if part.aside]


class Edge(msgspec.Struct, frozen=True):
    """A way. ``kind``: ``flow``, ``back`` (another pass), ``aside`` (a hook or the like), ``call`` (a sub-workflow)."""

    source: str
    target: str
    label: str = ""
    kind: str = "flow"


class WorkflowGraph(msgspec.Struct, frozen=True):
    """A workflow's boxes; ``hooks`` are its own."""

    id: str
    workflow: str
    version: int
    boxes: tuple[Box, ...]
    hooks: tuple[BoxPart, ...]
    status: str = ""

    @property
    def title(self) -> str:
        """As people read it."""
        status = f": {self.status}" if self.status else ""
        return f"{self.workflow} version {self.version}{status}"


class Graph(msgspec.Struct, frozen=True):
    """The graphs of one or more workflows, and all the edges."""

    workflows: tuple[WorkflowGraph, ...]
    edges: tuple[Edge, ...]


def graph_of(
    programs: Sequence[tuple[Program, SourceMap | None]],
    statuses: Mapping[int, Status] | None = None,
    run_status: str = "",
) -> Graph:
    """Return the graph of programs. ``statuses`` are those of the steps of the first one, in a run. Raises TooDeep."""
    edges: list[Edge] = []
    workflows: list[WorkflowGraph] = []
    for number, (program, source_map) in enumerate(programs):
        known = statuses if number == 0 and statuses is not None else {}
        drawing = _Drawing(f"w{number}", outline_of(program, source_map), known, edges)
        workflows.append(drawing.draw(run_status if number == 0 else ""))
    known_workflows = {(graph.workflow, graph.version): graph for graph in workflows}
    for graph in workflows:
        for box in _all_boxes(graph):
            called = None if box.child is None else known_workflows.get(box.child)
            if called is not None and called.boxes:
                edges.append(Edge(box.id, called.boxes[0].id, "calls", "call"))
    return Graph(tuple(workflows), tuple(edges))


def graph_object(graph: Graph) -> dict[str, Any]:
    """Return the graph as plain data, ready for JSON."""
    return {
        "workflows": [
            {
                "id": workflow.id,
                "workflow": workflow.workflow,
                "version": workflow.version,
                "status": workflow.status or None,
                "steps": [_box_object(box) for box in workflow.boxes],
                "hooks": [_part_object(part) for part in workflow.hooks],
            }
            for workflow in graph.workflows
        ],
        "edges": [
            {"source": edge.source, "target": edge.target, "label": edge.label, "kind": edge.kind}
            for edge in graph.edges
        ],
    }


class _Drawing:
    """Draws one workflow. ``exits`` below are the ids of boxes from which the way leads on, each with a label."""

    def __init__(self, id: str, outline: Outline, statuses: Mapping[int, Status], edges: list[Edge]) -> None:
        self.id = id
        self.outline = outline
        self.statuses = statuses
        self.edges = edges

    def draw(self, run_status: str) -> WorkflowGraph:
        run = self.outline.steps[0]
        program = self.outline.program
        body = tuple(index for part in run.parts if part.name == "body" for index in part.steps)
        boxes = self.chain(body, [])[0]
        hooks = tuple(self.aside(part, "") for part in run.parts if part.name != "body")
        return WorkflowGraph(self.id, program.workflow, program.version, boxes, hooks, run_status)

    def chain(
        self, steps: tuple[int, ...], entries: list[tuple[str, str]], kind: str = "flow"
    ) -> tuple[tuple[Box, ...], list[tuple[str, str]]]:
        """Draw steps one after another, reached from ``entries``. Returns their boxes, and the exits of the last."""
        boxes = []
        for index in steps:
            id = self.box_id(index)
            self.edges += [Edge(source, id, label, kind) for source, label in entries]
            box, entries = self.box(self.outline.steps[index])
            boxes.append(box)
            kind = "flow"
        return tuple(boxes), entries

    def box(self, step: OutlineStep) -> tuple[Box, list[tuple[str, str]]]:
        id = self.box_id(step.index)
        parts: list[BoxPart] = []
        exits: list[tuple[str, str]] = []
        for part in step.parts:
            if part.name in ASIDE:
                parts.append(self.aside(part, id))
                continue
            label = "" if part.name in ("body", "branch") else part.name
            boxes, inner = self.chain(part.steps, [(id, label)])
            parts.append(BoxPart(part.name, boxes))
            exits += inner
        names = {part.name for part in step.parts}
        if step.kind in LOOPS:
            self.edges += [Edge(source, id, "again", "back") for source, _ in exits]
            exits = [(id, "done")]
        elif step.kind in ("return", "fail"):
            exits = []
        elif step.kind == "if" and "else" not in names:
            exits.append((id, "else"))
        elif step.kind == "switch" and "default" not in names:
            exits.append((id, "default"))
        elif not any(part.name not in ASIDE for part in step.parts):
            exits = [(id, "")]
        box = Box(
            id=id,
            path=step.path,
            name=step.row.name,
            kind=step.kind,
            type=step.row.type,
            lines=tuple(_clip(line) for line in _lines(step)),
            parts=tuple(parts),
            source=step.place,
            child=None if step.row.child is None else (step.row.child.workflow, step.row.child.version),
            status=self.statuses.get(step.index),
        )
        return box, exits

    def aside(self, part: Part, owner: str) -> BoxPart:
        boxes, _ = self.chain(part.steps, [(owner, part.name)] if owner else [], "aside")
        return BoxPart(part.name, boxes)

    def box_id(self, index: int) -> str:
        return f"{self.id}s{index}"


def _lines(step: OutlineStep) -> list[str]:
    """Return what a box says beside its name and kind."""
    row = step.row
    lines = [] if step.when is None else [f"when {spell(step.when)}"]
    if row.type:
        lines.append(row.type)
    if row.child is not None:
        version = f" version {row.child.version}" if row.child.version else ""
        lines.append(f"{row.child.workflow}{version}{' (detached)' if row.child.detach else ''}")
    lines += [spell(step.fields[name], name in ("fail", "title")) for name in _HEADS if name in step.fields]
    sleep = step.fields.get("sleep")
    if sleep is not None:
        value = getattr(sleep, "value", None)
        lines.append(format_duration(value) if isinstance(value, int) else spell(sleep))
    if row.retry is not None:
        lines.append(f"up to {row.retry.attempts} attempts" if row.retry.attempts else "attempts without end")
    if row.timeout_ms:
        lines.append(f"timeout {format_duration(row.timeout_ms)}")
    if row.limit and step.kind in (*FORKS, *LOOPS):
        lines.append(f"{row.limit} at once")
    return lines


def _clip(line: str) -> str:
    return line if len(line) <= LONGEST_LINE else line[: LONGEST_LINE - 1] + "…"


def _all_boxes(graph: WorkflowGraph) -> list[Box]:
    found: list[Box] = []
    pending = [*graph.boxes, *(box for part in graph.hooks for box in part.boxes)]
    while pending:
        box = pending.pop()
        found.append(box)
        pending += [inner for part in box.parts for inner in part.boxes]
    return sorted(found, key=lambda box: box.id)


def _box_object(box: Box) -> dict[str, Any]:
    status = box.status
    return {
        "id": box.id,
        "step": box.path,
        "name": box.name,
        "kind": box.kind,
        "type": box.type or None,
        "about": list(box.lines),
        "calls": None if box.child is None else {"workflow": box.child[0], "version": box.child[1] or None},
        "source": box.source or None,
        "status": None if status is None else status.status,
        "counts": None if status is None else dict(status.counts),
        "parts": [_part_object(part) for part in box.parts],
    }


def _part_object(part: BoxPart) -> dict[str, Any]:
    return {"part": part.name, "steps": [_box_object(box) for box in part.boxes]}
