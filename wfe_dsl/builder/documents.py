"""From workflows to one tree and to programs; all that is wrong with them is told at once.

Rule: without diagnostics to write to, errors are raised together, as a BuildError, and warnings are warnings of Python.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterable

from wfe_vm.collector import collector_off

from .. import nodes
from ..compiler import Compiled, compile_document
from ..diagnostics.model import Diagnostic, Diagnostics
from ..diagnostics.render_text import render_text
from ..variables import Variables
from .places import caller
from .workflow import Workflow

__all__ = ["BuildError", "BuildWarning", "compile_workflows", "document"]


class BuildError(Exception):
    """Workflows with mistakes. ``diagnostics`` are all of them; the message shows each at the line that is wrong."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__("\n" + render_text(self.diagnostics))


class BuildWarning(UserWarning):
    """What is worth saying of workflows without a mistake."""


def document(
    *workflows: Workflow,
    including: Iterable[Workflow] = (),
    variables: Variables | None = None,
    step_types: Collection[str] = (),
    diagnostics: Diagnostics | None = None,
) -> nodes.Document:
    """Return the tree of workflows.

    ``including`` are others that they may start, as a file includes others; those that steps were given as objects are
    included without. ``variables`` are what ``((name))`` stands for, ``step_types`` the installed types of steps beyond
    those built in. Raises BuildError, unless there are ``diagnostics`` to write to; ValueError without a workflow.
    """
    if not workflows:
        raise ValueError("a document has one workflow at least")
    found = Diagnostics() if diagnostics is None else diagnostics
    own = list(dict.fromkeys(workflows))
    others = [workflow for workflow in _with_children([*own, *including]) if workflow not in own]
    with collector_off():
        trees = [(workflow, workflow.read(variables or Variables(), found, step_types)) for workflow in (*own, *others)]
    if diagnostics is None:
        _tell(found)
    read = tuple(tree for _, tree in trees if tree is not None)
    count = sum(tree is not None for workflow, tree in trees if workflow in own)
    return nodes.Document(span=caller().span, workflows=read, own=count)


def compile_workflows(
    *workflows: Workflow,
    including: Iterable[Workflow] = (),
    variables: Variables | None = None,
    step_types: Collection[str] = (),
    diagnostics: Diagnostics | None = None,
) -> list[Compiled]:
    """Return the programs of workflows, then those of the included ones. As ``document``."""
    found = Diagnostics() if diagnostics is None else diagnostics
    tree = document(*workflows, including=including, variables=variables, step_types=step_types, diagnostics=found)
    compiled = compile_document(tree, found)
    if diagnostics is None:
        _tell(found)
    return compiled


def _with_children(workflows: Iterable[Workflow]) -> list[Workflow]:
    """Return workflows, each once, and those that they start."""
    found: dict[Workflow, None] = {}
    pending = list(reversed(list(workflows)))
    while pending:
        workflow = pending.pop()
        if workflow not in found:
            found[workflow] = None
            pending.extend(reversed(workflow.children))
    return list(found)


def _tell(diagnostics: Diagnostics) -> None:
    if diagnostics.has_errors:
        raise BuildError(diagnostics.in_source_order())
    for one in diagnostics.in_source_order():
        if one.severity == "warning":
            warnings.warn(render_text([one]), BuildWarning, stacklevel=3)
