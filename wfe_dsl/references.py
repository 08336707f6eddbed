"""What the head of a path means at its place: ``steps.build.output.image``, ``inputs.x``, a data key.

This file owns the roots of expressions. It gives back either where the value lies and its type, or
what is wrong (``unresolved.py``); it reports nothing itself and knows nothing of code.
"""

from __future__ import annotations

from typing import Final

import msgspec

from wfe_vm.program import INPUTS_SLOT, NO_PC, RUN_SLOT
from wfe_vm.typeterms import ANY, BOOL, INTEGER, STRING, Type, join, list_of, map_of, optional, record_of

from . import nodes
from . import unresolved as problem
from .declared_types import declared_type
from .resolved import Resolved
from .roots import ERROR_FIELDS, HOOK_ROOTS, RUN_FIELDS, STEP_FIELDS
from .scopes import Flat, Meeting, Place, Scope, StepInfo
from .source import Span
from .unresolved import Unresolved

__all__ = ["Access", "Reference", "data_key_path", "resolve_reference"]

Access = tuple[str, Span]
"""A member's name and where it stands; its place in a list is None where an index is computed."""

_MAP: Final = map_of(ANY)
_OPTIONAL_MAP: Final = optional(_MAP)
_OPTIONAL_TEXT: Final = optional(STRING)
_SERVICE: Final = record_of({"host": STRING, "ports": list_of(INTEGER)})
_ERROR_TYPES: Final[dict[str, Type]] = {
    "kind": _OPTIONAL_TEXT,
    "message": _OPTIONAL_TEXT,
    "exit_code": optional(INTEGER),
}


_SIGNAL_OUTPUTS: Final[dict[str, dict[str, Type]]] = {
    "wait": {"data": ANY, "timed_out": BOOL},
    "approve": {"option": STRING, "by": STRING, "at": STRING, "timed_out": BOOL},
    "publish": {"id": STRING},
}
"""What steps of these kinds give, by kind; nothing else."""


class Reference(msgspec.Struct, frozen=True):
    """Where a path's value lies: a slot and the members to take from it, or a map gathered from slots.

    ``used`` is how many of the path's accesses the reference stands for. ``hook`` is the step whose
    hook slot is meant, which has none until code asks for it; ``stdout`` the step whose stdout is read.
    A reference without slot, gathered slots and hook is null.
    """

    used: int = 0
    type: Type = ANY
    depth: int = 0
    slot: int = NO_PC
    members: tuple[str, ...] = ()
    gathered: tuple[tuple[str, int, int], ...] | None = None
    hook: StepInfo | None = None
    stdout: StepInfo | None = None
    nothing_has_it: bool = False


def resolve_reference(
    resolved: Resolved, place: Place, head: nodes.Name | nodes.DataKey, path: list[nodes.Member | nodes.Index]
) -> Reference | Unresolved:
    """Return what the head and the first accesses of a path mean at a place."""
    finder = _Finder(resolved, place)
    accesses = [_named(access) for access in path]
    return finder.data_key(head, accesses) if isinstance(head, nodes.DataKey) else finder.name(head, accesses)


def data_key_path(
    resolved: Resolved, place: Place, head: nodes.DataKey, path: list[nodes.Member | nodes.Index]
) -> tuple[str, ...]:
    """Return the names that say in full what a data key means at a place; none where nothing has it."""
    return _Finder(resolved, place).data_key_path(head, [_named(access) for access in path])


def _named(access: nodes.Member | nodes.Index) -> Access | None:
    if isinstance(access, nodes.Member):
        return access.name, access.name_span
    if isinstance(access.key, nodes.Literal) and isinstance(access.key.value, str):
        return access.key.value, access.key.span
    return None


class _Finder:
    __slots__ = ("place", "resolved")

    def __init__(self, resolved: Resolved, place: Place) -> None:
        self.resolved = resolved
        self.place = place

    def name(self, head: nodes.Name, accesses: list[Access | None]) -> Reference | Unresolved:
        name = head.name
        item = self.item(name)
        if item is not None:
            return item
        first = accesses[0] if accesses else None
        if name == "inputs":
            return self.input(first)
        if name == "outputs" or name == "vars":
            return self.flat(name, first)
        if name == "steps":
            return problem.no_step_name(head.span) if first is None else self.step(first, accesses)
        if name == "index":
            return self.index(head)
        if name == "run":
            return self.run(first)
        if name == "services":
            return problem.no_service_name(head.span) if first is None else self.service(*first)
        if name == "secrets":
            return self.secret(head, accesses)
        if name in HOOK_ROOTS:
            return self.hook(head, first)
        if self.place.scope.variable(name) is not None:
            return _itself(self.flat("vars", (name, head.span)))
        return problem.unknown_name(self.resolved, self.scopes(), name, head.span, alone=first is None)

    def data_key(self, head: nodes.DataKey, accesses: list[Access | None]) -> Reference | Unresolved:
        own = (head.name, head.span)
        names = self.data_key_path(head, accesses)
        if not names:
            return Reference(used=len(accesses), nothing_has_it=True)
        if names[0] == "outputs":
            return _itself(self.flat("outputs", own))
        if names[0] == "inputs":
            return _itself(self.input(own))
        info = self.resolved.by_name[head.name]
        if len(names) == 2:
            return self.record(info, [own, *accesses], unwritten=1)
        return self.record(info, [own, ("output", head.span), *accesses], unwritten=2)

    def data_key_path(self, head: nodes.DataKey, accesses: list[Access | None]) -> tuple[str, ...]:
        name, own = head.name, (head.name, head.span)
        if any(name in scope.outputs for scope in self.scopes()) and isinstance(self.flat("outputs", own), Reference):
            return "outputs", name
        info = self.resolved.by_name.get(name)
        if info is not None and self.place.scope.sees(info.scope):
            first = accesses[0] if accesses else None
            if first is not None and first[0] in ("status", "stdout", "error"):
                return "steps", name
            return "steps", name, "output"
        if name in self.resolved.inputs or self.resolved.open_inputs:
            return "inputs", name
        return ()

    # Roots

    def input(self, access: Access | None) -> Reference | Unresolved:
        if access is None:
            return Reference(slot=INPUTS_SLOT, type=_MAP)
        name, span = access
        declaration = self.resolved.inputs.get(name)
        if declaration is None and not self.resolved.open_inputs:
            return problem.no_input(self.resolved, name, span)
        type = ANY if declaration is None else declared_type(declaration.type)
        return Reference(used=1, slot=INPUTS_SLOT, members=(name,), type=type)

    def flat(self, root: str, access: Access | None) -> Reference | Unresolved:
        if access is None:
            return Reference(gathered=self.all_flat(root), type=_MAP)
        name, span = access
        impossible: tuple[Flat, Meeting] | None = None
        for scope in self.scopes():
            found = scope.flats(root).get(name)
            if found is None:
                continue
            meeting = found.meets(self.place)
            if meeting >= Meeting.PERHAPS:
                type = self.type_of_flat(found)
                type = optional(type) if meeting is Meeting.PERHAPS else type
                return Reference(used=1, depth=scope.depth, slot=found.slot, type=type)
            impossible = impossible or (found, meeting)
        if impossible is not None:
            return problem.cannot_have(root, impossible[0], span, impossible[1])
        return problem.unknown_flat(self.resolved, self.scopes(), root, name, span)

    def step(self, access: Access, accesses: list[Access | None]) -> Reference | Unresolved:
        name, span = access
        info = self.resolved.by_name.get(name)
        if info is None:
            return problem.unknown_step(self.resolved, self.place, name, span)
        if not self.place.scope.sees(info.scope):
            return problem.inside_iterations(f"steps.{name}", "step", name, info.scope.owner, span, info.span)
        return self.record(info, accesses)

    def record(self, info: StepInfo, accesses: list[Access | None], unwritten: int = 0) -> Reference | Unresolved:
        """Return what a path into a step's record means: its name, a field, an output's name.

        The first ``unwritten`` of the accesses are not in the text.
        """
        name, field, output = (*accesses[:3], None, None)[:3]
        assert name is not None
        meeting = self.place.meeting(info)
        if meeting < Meeting.PERHAPS:
            return problem.cannot_have_run(info, name[1], meeting)
        depth, slot = info.scope.depth, info.slot
        if field is None:
            return Reference(used=1 - unwritten, depth=depth, slot=slot, type=_OPTIONAL_MAP)
        if field[0] not in STEP_FIELDS:
            return problem.no_step_field(info.name, *field)
        used, members = 2 - unwritten, (field[0],)
        if field[0] == "status":
            type = STRING if meeting is Meeting.SURELY else _OPTIONAL_TEXT
            return Reference(used=used, depth=depth, slot=slot, members=members, type=type)
        if field[0] == "stdout":
            return Reference(used=used, depth=depth, slot=slot, members=members, type=_OPTIONAL_TEXT, stdout=info)
        if field[0] == "error":
            return Reference(used=used, depth=depth, slot=slot, members=members)
        if output is None:
            return Reference(used=used, depth=depth, slot=slot, members=members, type=_OPTIONAL_MAP)
        given = _SIGNAL_OUTPUTS.get(info.kind)
        if given is not None and output[0] not in given:
            return problem.no_field(f"steps.{info.name}.output", output[0], tuple(given), output[1])
        type = self.type_of_output(info, output[0])
        if meeting is Meeting.PERHAPS or info.may_not_happen:
            type = optional(type)
        return Reference(used=used + 1, depth=depth, slot=slot, members=(*members, output[0]), type=type)

    def index(self, head: nodes.Name) -> Reference | Unresolved:
        for scope in self.scopes():
            if scope.owner is not None:
                return Reference(depth=scope.depth, slot=scope.index_slot, type=INTEGER)
        return problem.no_iteration(head.span)

    def run(self, access: Access | None) -> Reference | Unresolved:
        if access is None:
            return Reference(slot=RUN_SLOT, type=map_of(STRING))
        if access[0] not in RUN_FIELDS:
            return problem.no_field("run", access[0], RUN_FIELDS, access[1])
        return Reference(used=1, slot=RUN_SLOT, members=(access[0],), type=STRING)

    def service(self, name: str, span: Span) -> Reference | Unresolved:
        if all(service.name != name for service in self.resolved.workflow.services):
            return problem.unknown_service(self.resolved, name, span)
        return Reference(used=1, slot=self.resolved.services_slot, members=(name,), type=_SERVICE)

    def secret(self, head: nodes.Name, accesses: list[Access | None]) -> Unresolved:
        """Those that stand where they may are taken out before anything is resolved (``secret_uses.py``)."""
        first = accesses[0] if accesses else None
        if first is None:
            return problem.no_secret_name(head.span)
        if all(secret.name != first[0] for secret in self.resolved.workflow.secrets):
            return problem.unknown_secret(self.resolved, *first)
        return problem.secret_elsewhere(*first)

    def hook(self, head: nodes.Name, access: Access | None) -> Reference | Unresolved:
        served = self.place.served
        if served is None:
            return problem.no_hook(head.name, head.span)
        depth = served.scope.depth
        if head.name == "error" and access is not None:
            name, span = access
            if name not in ERROR_FIELDS:
                return problem.no_field("error", name, ERROR_FIELDS, span)
            type = _ERROR_TYPES.get(name, ANY)
            return Reference(used=1, depth=depth, members=("error", name), hook=served, type=type)
        type = {"outcome": STRING, "attempt": INTEGER}.get(head.name, ANY)
        return Reference(depth=depth, members=(head.name,), hook=served, type=type)

    def item(self, name: str) -> Reference | None:
        scope: Scope | None = self.place.scope
        while scope is not None:
            if scope.item_name == name:
                return Reference(depth=scope.depth, slot=scope.item_slot, type=self.type_of_item(scope))
            scope = scope.parent
        return None

    # Types

    def type_of_flat(self, flat: Flat) -> Type:
        found: Type | None = None
        for writer in flat.writers:
            if writer.declaration is None or writer.declaration.type is None:
                return ANY
            type = declared_type(writer.declaration.type)
            found = type if found is None else join(found, type)
        return found or ANY

    def type_of_output(self, info: StepInfo, name: str) -> Type:
        for declaration, _ in info.outputs:
            if declaration.name == name and declaration.type is not None:
                return declared_type(declaration.type)
        if info.kind in _SIGNAL_OUTPUTS:
            type = _SIGNAL_OUTPUTS[info.kind][name]
            body = None if info.node is None else info.node.body
            unanswered = isinstance(body, nodes.Approve) and body.on_timeout is not None and type is STRING
            return optional(type) if unanswered else type
        if info.child is not None:
            for given in info.child.outputs:
                if given.name == name:
                    return optional(declared_type(given.type))
        return ANY

    def type_of_item(self, scope: Scope) -> Type:
        """Return the type of a for_each's item, as far as its list is a path with a declared type."""
        owner = scope.owner
        body = None if owner is None or owner.node is None else owner.node.body
        if owner is None or not isinstance(body, nodes.ForEach):
            return ANY
        head, path = nodes.split_path(body.items)
        if isinstance(head, nodes.Name) and head.name != scope.item_name:
            found = resolve_reference(self.resolved, Place(owner), head, path)
            if isinstance(found, Reference) and found.used == len(path) and found.type.kind == "list":
                return found.type.element or ANY
        return ANY

    # Scopes

    def scopes(self) -> list[Scope]:
        """Return the scopes that the place sees, the nearest first."""
        found: list[Scope] = []
        scope: Scope | None = self.place.scope
        while scope is not None:
            found.append(scope)
            scope = scope.parent
        return found

    def all_flat(self, root: str) -> tuple[tuple[str, int, int], ...]:
        """Return all flat outputs or variables that may have a value here, by name."""
        seen: dict[str, tuple[str, int, int]] = {}
        for scope in self.scopes():
            for name, flat in scope.flats(root).items():
                if name not in seen and flat.meets(self.place) >= Meeting.PERHAPS:
                    seen[name] = (name, scope.depth, flat.slot)
        return tuple(seen[name] for name in sorted(seen))


def _itself(found: Reference | Unresolved) -> Reference | Unresolved:
    """Return a reference to what a head names by itself: none of the path is used up."""
    return msgspec.structs.replace(found, used=0) if isinstance(found, Reference) else found
