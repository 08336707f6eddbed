"""Steps, scopes and places of one workflow: what a name can mean where, and whether it can have a value yet.

This file owns the order in which steps run as far as the text shows it, and the slots of each scope.
It knows nothing of diagnostics and of code. ``resolve.py`` fills it, the later passes ask it.

Rules:

1. The run and every for_each have a scope; an iteration's scope is new in each pass, so sibling loops
   may use the same slots. ``depth`` counts the for_each around it.
2. ``first`` and ``last`` number the begin and the end of a step in the order of the text; a step's
   hooks lie within it, after its body.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from wfe_vm.program import NO_PC, RESERVED_SLOTS

from . import nodes
from .source import Span

__all__ = [
    "AFTERWARDS",
    "BODY",
    "COMPENSATE",
    "HOOK_NAMES",
    "ON_TIMEOUT",
    "Flat",
    "Meeting",
    "Part",
    "Place",
    "Scope",
    "StepInfo",
    "Writer",
]

HOOK_NAMES: Final = ("on_success", "on_failure", "on_error", "on_abort", "ensure")
BODY: Final = "body"
ON_TIMEOUT: Final = "on_timeout"
COMPENSATE: Final = "compensate"
AFTERWARDS: Final = frozenset((*HOOK_NAMES, COMPENSATE))
"""Parts that run once the body of their step has ended."""

Part = str | int
"""Which part of its parent a step lies in: ``body``, ``then``, ``else``, ``case-N``, ``default``, ``on_timeout``,
``compensate``, a branch's number or a hook's name."""

_SIDES: Final = frozenset({"if", "switch"})
"""Kinds of which one part at most runs."""

_PERHAPS: Final = frozenset({*_SIDES, "while", "race"})
"""Kinds that may end well without having run all that is inside."""

_ENOUGH_WRITERS: Final = 8
"""Writers that may have run are looked at no further: it can't make the answer more certain in practice."""


class Meeting(IntEnum):
    """Whether a step can have ended when a place is reached; NEVER and below is why it can't."""

    SURELY = 1
    PERHAPS = 0
    LATER = -1
    ITSELF = -2
    OTHER_BRANCH = -3
    OTHER_SIDE = -4
    UNDOING = -5


class Writer:
    """One step that gives a flat output or variable its value."""

    __slots__ = ("declaration", "expression", "info", "span")

    def __init__(
        self,
        info: StepInfo,
        span: Span,
        declaration: nodes.OutputDeclaration | None = None,
        expression: nodes.Expression | None = None,
    ) -> None:
        self.info = info
        self.span = span
        self.declaration = declaration
        self.expression = expression


class Flat:
    """A flat output or a variable of one scope."""

    __slots__ = ("name", "slot", "writers")

    def __init__(self, name: str, slot: int) -> None:
        self.name = name
        self.slot = slot
        self.writers: list[Writer] = []

    def meets(self, place: Place) -> Meeting:
        """Return how certain it is that one of the writers has run, or why none can have."""
        best = Meeting.LATER
        perhaps = 0
        for writer in self.writers:
            meeting = place.meeting(writer.info)
            if meeting is Meeting.SURELY:
                return meeting
            if meeting is Meeting.PERHAPS:
                perhaps += 1
                if perhaps == _ENOUGH_WRITERS:
                    return meeting
            else:
                best = meeting
        return Meeting.PERHAPS if perhaps else best


class Scope:
    """The slots and names of the run, or of an iteration of a for_each."""

    __slots__ = ("depth", "index_slot", "item_name", "item_slot", "outputs", "owner", "parent", "size", "variables")

    def __init__(self, parent: Scope | None, owner: StepInfo | None) -> None:
        self.parent = parent
        self.owner = owner
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.size = RESERVED_SLOTS if parent is None else 0
        self.outputs: dict[str, Flat] = {}
        self.variables: dict[str, Flat] = {}
        self.item_name = ""
        self.item_slot = NO_PC
        self.index_slot = NO_PC

    def take_slot(self) -> int:
        self.size += 1
        return self.size - 1

    def sees(self, other: Scope) -> bool:
        """Whether names of the other scope can be used in this one."""
        scope: Scope | None = self
        while scope is not None and scope.depth > other.depth:
            scope = scope.parent
        return scope is other

    def flats(self, root: str) -> dict[str, Flat]:
        """Return its flat outputs or variables: what ``outputs`` or ``vars`` has here."""
        return self.outputs if root == "outputs" else self.variables

    def variable(self, name: str) -> tuple[Scope, Flat] | None:
        """Return the variable of that name in the nearest scope, and that scope."""
        scope: Scope | None = self
        while scope is not None:
            found = scope.variables.get(name)
            if found is not None:
                return scope, found
            scope = scope.parent
        return None


class StepInfo:
    """All that the passes know of one step. Index 0 is the run itself, whose node is None."""

    __slots__ = (
        "body_end",
        "child",
        "config",
        "first",
        "hook_slot",
        "index",
        "inner",
        "keep_stdout",
        "kind",
        "last",
        "level",
        "name",
        "node",
        "outputs",
        "parent",
        "part",
        "path",
        "scope",
        "secret_uses",
        "served",
        "slot",
        "span",
    )

    def __init__(
        self,
        index: int,
        name: str,
        kind: str,
        node: nodes.Step | None,
        span: Span,
        parent: StepInfo | None,
        part: Part,
        scope: Scope,
    ) -> None:
        self.index = index
        self.name = name
        self.kind = kind
        self.node = node
        self.span = span
        self.parent = parent
        self.part = part
        self.scope = scope
        self.level: int = 0 if parent is None else parent.level + 1
        self.path = ""
        self.slot = scope.take_slot()
        self.first = 0  # number of its begin
        self.body_end = 0  # of the end of its body, before its hooks
        self.last = 0  # of its end
        self.inner: Scope | None = None  # of a for_each: its body's
        self.outputs: tuple[tuple[nodes.OutputDeclaration, Flat], ...] = ()
        self.served: StepInfo | None = None  # whose hook it lies in
        self.hook_slot = NO_PC
        self.keep_stdout = False
        self.config: nodes.MapExpression | None = None  # of a task: with the workflow's defaults
        self.secret_uses: tuple[tuple[tuple[str | int, ...], tuple[str, ...]], ...] = ()  # of a task: path, parts
        self.child: nodes.Workflow | None = None  # of a workflow step: the one in these files

    @property
    def in_hook(self) -> bool:
        """Whether it is itself a step of a hook."""
        return self.part in HOOK_NAMES

    @property
    def may_not_happen(self) -> bool:
        """Whether the step may be skipped, or may end without its outputs while the run goes on."""
        node = self.node
        if node is None:
            return False
        if node.when is not None or node.continue_on_failure or self.part in AFTERWARDS or self.part == ON_TIMEOUT:
            return True
        parent = self.parent
        assert parent is not None
        return parent.kind in _PERHAPS

    @property
    def is_concurrent(self) -> bool:
        """Whether what lies inside may run several times at once."""
        body = None if self.node is None else self.node.body
        if isinstance(body, nodes.ForEach | nodes.Matrix):
            return body.limit != 1
        return isinstance(body, nodes.Parallel | nodes.Race)


class Place:
    """Where an expression stands: before a step's body, or in a part of it.

    ``part`` None is before the body (``when``, config, inputs, the test of a loop).
    """

    __slots__ = ("at", "part", "scope", "step")

    def __init__(self, step: StepInfo, part: Part | None = None, scope: Scope | None = None, at: int = -1) -> None:
        self.step = step
        self.part = part
        self.scope = step.scope if scope is None else scope
        self.at = step.first if at < 0 else at

    @property
    def served(self) -> StepInfo | None:
        """The step whose hook this place lies in, the innermost."""
        return self.step.served

    def meeting(self, target: StepInfo) -> Meeting:
        """Return whether ``target``, which this place's scope sees, can have ended here."""
        target_part: Part | None = None
        place_part = self.part
        there: StepInfo = target
        here: StepInfo = self.step
        perhaps = False
        undone: StepInfo | None = None
        while here is not there:
            if there.level >= here.level:
                undone = _parent(there) if there.part == COMPENSATE else undone
                perhaps = perhaps or there.may_not_happen
                target_part, target_level, there = there.part, there.level, _parent(there)
                if target_level > here.level:
                    continue
            place_part, here = here.part, _parent(here)
        if undone is not None and not (undone is here and place_part == COMPENSATE):
            return Meeting.UNDOING  # what a compensation gives stays within it
        problem = Meeting.LATER
        if target_part is None:
            # The place is in the target itself: its own expressions, its body, or a hook of it.
            if place_part in AFTERWARDS:
                return Meeting.SURELY if place_part in ("on_success", COMPENSATE) else Meeting.PERHAPS
            problem = Meeting.ITSELF
        elif isinstance(target_part, int) and isinstance(place_part, int):
            return Meeting.OTHER_BRANCH
        elif self._other_side(here, target_part, place_part):
            problem = Meeting.OTHER_SIDE
        elif target.last < self.at:
            if place_part in AFTERWARDS and target_part != place_part:
                perhaps = True
            return Meeting.PERHAPS if perhaps else Meeting.SURELY
        return Meeting.PERHAPS if self._earlier_pass(here, target) else problem

    @staticmethod
    def _other_side(common: StepInfo, one: Part | None, other: Part | None) -> bool:
        """Whether two parts of a step exclude each other."""
        if one == other or one is None or other is None or common.kind not in _SIDES:
            return False
        return one not in AFTERWARDS and other not in AFTERWARDS

    def _earlier_pass(self, common: StepInfo, target: StepInfo) -> bool:
        """Whether a loop around both may have run the target in an earlier pass."""
        owner = target.scope.owner
        block: StepInfo | None = common
        while block is not None and block is not owner:
            # A step is no part of its own earlier pass unless the loop is around it.
            if block.kind in ("while", "until") and block is not target:
                return True
            block = block.parent
        return False


def _parent(info: StepInfo) -> StepInfo:
    assert info.parent is not None
    return info.parent
