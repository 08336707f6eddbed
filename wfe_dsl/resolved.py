"""A workflow whose names are known: what ``resolve.py`` makes and every later pass asks."""

from __future__ import annotations

from . import nodes
from .scopes import Scope, StepInfo
from .suggest import Guesser

__all__ = ["Resolved"]


class Resolved:
    """The steps of a workflow in the order of the text, the run itself first, and its scopes.

    ``open_inputs``: it declares none and takes any.
    """

    __slots__ = ("by_name", "guesser", "inputs", "open_inputs", "scopes", "steps", "workflow")

    def __init__(self, workflow: nodes.Workflow) -> None:
        self.workflow = workflow
        self.steps: list[StepInfo] = []
        self.by_name: dict[str, StepInfo] = {}
        self.scopes: list[Scope] = []
        self.open_inputs = workflow.inputs is None
        self.guesser = Guesser()
        self.inputs = {declaration.name: declaration for declaration in workflow.inputs or ()}

    @property
    def run(self) -> StepInfo:
        """The run itself, row 0 of the step table."""
        return self.steps[0]
