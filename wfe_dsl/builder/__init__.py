"""Workflows written in Python: the same tree, and so the same program, as in a file.

::

    from wfe_dsl.builder import Workflow

    wf = Workflow("deploy", 3, inputs={"env": str})
    wf.shell("build", "make")
    for compiled in wf.compile():
        print(compiled.hash)

Methods of a workflow add steps; blocks are entered by ``with``; steps are references to their results. All that is
wrong is told at once, at the caller's lines, by the codes that files have too.
"""

from __future__ import annotations

from ..variables import Variables
from . import functions
from .callables import Task, task
from .declarations import Input, Output
from .documents import BuildError, BuildWarning, compile_workflows, document
from .expressions import Expression, choose, data, expression, filter_, map_, template, value
from .loading import load_python
from .options import Concurrency, Defaults, Retry
from .printer import print_document
from .roots import attempt, error, host, index, outcome, run
from .steps import Block, Branch, Cases, If, Iteration, Signal, Step
from .texts import text
from .workflow import Workflow

__all__ = [
    "Block",
    "Branch",
    "BuildError",
    "BuildWarning",
    "Cases",
    "Concurrency",
    "Defaults",
    "Expression",
    "If",
    "Input",
    "Iteration",
    "Output",
    "Retry",
    "Signal",
    "Step",
    "Task",
    "Variables",
    "Workflow",
    "attempt",
    "choose",
    "compile_workflows",
    "data",
    "document",
    "error",
    "expression",
    "filter_",
    "functions",
    "host",
    "index",
    "load_python",
    "map_",
    "outcome",
    "print_document",
    "run",
    "task",
    "template",
    "text",
    "value",
]
