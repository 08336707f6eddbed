"""Sub-workflows: which workflow of the same files a step starts, in which order they compile, and cycles.

This file owns the binding of a step to its child. It knows nothing of names inside a workflow.

Rules: without a version the highest of that id in the files is meant. A child outside the files is
allowed; one inside is compiled first, so that its parent can pin its hash.
"""

from __future__ import annotations

from typing import Any, Final

from . import nodes
from .diagnostics.model import Diagnostics, Label
from .resolve import all_steps
from .source import Span
from .suggest import nearest

__all__ = ["Family", "child_of", "computed_part"]

_VERSION_KEYS: Final = ("version", "workflow_version")
_LITERAL_KEYS: Final = ("workflow", "detach", *_VERSION_KEYS)
_Key = tuple[str, int]


class ChildCall:
    """What a step says of the child it starts. ``version`` 0: none written."""

    __slots__ = ("detach", "id", "span", "version")

    def __init__(self, id: str, version: int, detach: bool, span: Span) -> None:
        self.id = id
        self.version = version
        self.detach = detach
        self.span = span


def child_of(config: nodes.MapExpression) -> ChildCall | None:
    """Return what the configuration of a workflow step says; None where that is not all literal."""
    found: dict[str, tuple[Any, Span]] = {}
    for name, _, value in config.entries:
        if isinstance(value, nodes.Literal):
            found[name] = (value.value, value.span)
        elif name in _LITERAL_KEYS:
            return None
    id, span = found.get("workflow", (None, config.span))
    if not isinstance(id, str) or not id:
        return None
    version: Any = 0
    for key in _VERSION_KEYS:
        if key in found and found[key][0] is not None:
            version = found[key][0]
    if isinstance(version, str) and version.isdecimal():
        version = int(version)
    if type(version) is not int or version < 0:
        return None
    return ChildCall(id, version, found.get("detach", (False, span))[0] is True, span)


def computed_part(config: nodes.MapExpression) -> nodes.Expression | None:
    """Return what the configuration of a workflow step leaves to the run, where it must be a literal."""
    for name, _, value in config.entries:
        if name in _LITERAL_KEYS and not isinstance(value, nodes.Literal | nodes.Unreadable):
            return value
    return None


class Family:
    """The workflows of the files that are compiled together."""

    def __init__(self, document: nodes.Document) -> None:
        self.workflows: dict[_Key, nodes.Workflow] = {}
        self.highest: dict[str, int] = {}
        for workflow in document.workflows:
            self.workflows.setdefault((workflow.id, workflow.version), workflow)
            self.highest[workflow.id] = max(self.highest.get(workflow.id, workflow.version), workflow.version)

    def find(self, call: ChildCall) -> nodes.Workflow | None:
        """Return the workflow in these files that a step means, or None."""
        if call.version:
            return self.workflows.get((call.id, call.version))
        highest = self.highest.get(call.id)
        return None if highest is None else self.workflows[call.id, highest]

    def near(self, id: str) -> str | None:
        """Return an id of these files that may have been meant."""
        return nearest(id, self.highest)

    def children_first(self, diagnostics: Diagnostics) -> list[nodes.Workflow]:
        """Return the workflows in an order in which children come before their parents.

        A cycle is reported, with its way round; the order is then of no use.
        """
        order: list[nodes.Workflow] = []
        state: dict[_Key, int] = {}
        for key in self.workflows:
            if key not in state:
                self._visit(key, order, state, diagnostics)
        return order

    def _visit(self, root: _Key, order: list[nodes.Workflow], state: dict[_Key, int], diagnostics: Diagnostics) -> None:
        under_way, done = 1, 2
        way: list[_Key] = []
        calls: list[list[tuple[_Key, Span]]] = []
        reached_by: list[Span] = []

        def enter(key: _Key, span: Span) -> None:
            state[key] = under_way
            way.append(key)
            reached_by.append(span)
            found = self._calls_of(self.workflows[key])
            found.reverse()
            calls.append(found)

        enter(root, self.workflows[root].id_span)
        while way:
            if not calls[-1]:
                key = way.pop()
                calls.pop()
                reached_by.pop()
                state[key] = done
                order.append(self.workflows[key])
                continue
            child, span = calls[-1].pop()
            if child not in state:
                enter(child, span)
            elif state[child] == under_way:
                start = way.index(child)
                self._report_cycle(way[start:], [*reached_by[start + 1 :], span], diagnostics)

    def _calls_of(self, workflow: nodes.Workflow) -> list[tuple[_Key, Span]]:
        found: list[tuple[_Key, Span]] = []
        for step in all_steps(workflow):
            if isinstance(step.body, nodes.Task) and step.body.type == "workflow":
                call = child_of(step.body.config)
                child = None if call is None else self.find(call)
                if call is not None and child is not None:
                    found.append(((child.id, child.version), call.span))
        return found

    def _report_cycle(self, way: list[_Key], spans: list[Span], diagnostics: Diagnostics) -> None:
        names = [id for id, _ in way]
        if len(set(names)) < len(names):
            names = [f"{id} version {version}" for id, version in way]
        names.append(names[0])
        labels = tuple(
            Label(span, f"`{names[number]}` starts `{names[number + 1]}` here")
            for number, span in enumerate(spans[:-1])
        )
        diagnostics.add(
            "WFE0220",
            "workflows start each other without end: " + " -> ".join(names),
            spans[-1],
            "a loop inside one workflow (`while`, `until`) repeats work; remove one of these calls",
            labels,
        )
