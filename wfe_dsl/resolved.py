"""A workflow whose names are known: what ``resolve.py`` makes and every later pass asks."""

from __future__ import annotations

from wfe_vm.program import NO_PC

from . import nodes
from .scopes import Scope, StepInfo
from .suggest import Guesser

__all__ = ["Resolved"]


class Resolved:
    """The steps of a workflow in the order of the text, the run itself first, and its scopes.

    ``open_inputs``: it declares none and takes any. ``services_slot`` is where the run keeps what it
    knows of its services.
    """

    __slots__ = ("by_name", "guesser", "inputs", "open_inputs", "scopes", "services_slot", "steps", "workflow")

    def __init__(self, workflow: nodes.Workflow) -> None:
        self.workflow = workflow
        self.steps: list[StepInfo] = []
        self.by_name: dict[str, StepInfo] = {}
        self.scopes: list[Scope] = []
        self.open_inputs = workflow.inputs is None
        self.services_slot = NO_PC
        self.guesser = Guesser()
        self.inputs = {declaration.name: declaration for declaration in workflow.inputs or ()}

    @property
    def run(self) -> StepInfo:
        """The run itself, row 0 of the step table."""
        return self.steps[0]
