"""Checks what is computed before a run's first step: the concurrency group, the environments of services.

This file owns the rule of what such an expression may read. What names mean, and the types, are those
of any expression.
"""

from __future__ import annotations

from typing import Final

from wfe_vm.typeterms import ANY, Type

from . import nodes
from .check_environment import check_environment
from .diagnostics.model import Diagnostics
from .infer import Path, Scope, infer
from .roots import ROOTS

__all__ = ["check_surroundings"]

_BEFORE_THE_RUN: Final = ("inputs", "run.workflow")
_BEFORE_THE_STEPS: Final = ("inputs", "run")


def check_surroundings(workflow: nodes.Workflow, names: Scope, diagnostics: Diagnostics) -> None:
    """Report what is wrong with them. ``names`` is what names mean before the first step."""
    concurrency = workflow.concurrency
    if concurrency is not None:
        early = _Early(names, _BEFORE_THE_RUN, "the group is needed before the run starts", diagnostics)
        found = infer(concurrency.group, early, diagnostics)
        if found.kind in ("list", "map", "record"):
            diagnostics.add(
                "WFE0312",
                f"the group needs a text, and this is {found}",
                concurrency.group.span,
                "name one value in it, as in `deploy-${{ inputs.region }}`",
            )
    if workflow.schedule:
        _check_scheduled(workflow, diagnostics)
    for service in workflow.services:
        what = f"the service `{service.name}` starts before the first step"
        early = _Early(names, _BEFORE_THE_STEPS, what, diagnostics)
        if service.env is not None:
            check_environment(service.env, diagnostics)
            infer(service.env, early, diagnostics)


def _check_scheduled(workflow: nodes.Workflow, diagnostics: Diagnostics) -> None:
    """Report inputs that nobody gives to a run that is started by itself."""
    for declaration in workflow.inputs or ():
        if declaration.default is None and not declaration.type.text.rstrip().endswith("?"):
            message = f"a run that is started by the schedule has nothing for the input `{declaration.name}`"
            help = f"give it a default, or make it optional: `{declaration.type.text}?`"
            diagnostics.add("WFE0457", message, declaration.span, help)


class _Early:
    """What names mean where only ``allowed`` ones have a value; others are reported."""

    def __init__(self, names: Scope, allowed: tuple[str, ...], what: str, diagnostics: Diagnostics) -> None:
        self.names = names
        self.allowed = allowed
        self.what = what
        self.diagnostics = diagnostics

    def lookup(self, head: nodes.Name | nodes.DataKey, path: Path) -> tuple[Type, int]:
        first = path[0] if path else None
        full = f"{head.name}.{first.name}" if isinstance(first, nodes.Member) else head.name
        if head.name not in ROOTS or head.name in self.allowed or full in self.allowed:
            return self.names.lookup(head, path)
        span = path[-1].span if path else head.span
        help = f"it can read {' and '.join(self.allowed)}"
        self.diagnostics.add("WFE0430", f"{self.what}, and `{full}` is known only later", span, help)
        return ANY, len(path)
