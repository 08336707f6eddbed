"""A workflow whose names are known: what ``resolve.py`` makes and every later pass asks."""

from __future__ import annotations

from wfe_vm.typeterms import ANY, Type, TypeTermError, parse_type

from . import nodes
from .scopes import Scope, StepInfo

__all__ = ["Resolved"]


class Resolved:
    """The steps of a workflow in the order of the text, the run itself first, and its scopes.

    ``open_inputs``: it declares none and takes any.
    """

    __slots__ = ("by_name", "inputs", "open_inputs", "scopes", "steps", "types", "workflow")

    def __init__(self, workflow: nodes.Workflow) -> None:
        self.workflow = workflow
        self.steps: list[StepInfo] = []
        self.by_name: dict[str, StepInfo] = {}
        self.scopes: list[Scope] = []
        self.open_inputs = workflow.inputs is None
        self.inputs = {declaration.name: declaration for declaration in workflow.inputs or ()}
        self.types: dict[str, Type] = {}

    @property
    def run(self) -> StepInfo:
        """The run itself, row 0 of the step table."""
        return self.steps[0]

    def type_of(self, declared: nodes.TypeText | None) -> Type:
        """Return the type that a declaration names; ``any`` where it names none or a broken one."""
        if declared is None:
            return ANY
        found = self.types.get(declared.text)
        if found is None:
            try:
                found = parse_type(declared.text)
            except TypeTermError:
                found = ANY
            self.types[declared.text] = found
        return found
