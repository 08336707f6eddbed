"""Which program a child is started from that its parent names and does not pin.

Such a child is bound when it starts, to what is registered then, by whichever process: the store is asked each time.
Nobody waits for a detached one, so it has to be created with the advance that starts it, and is bound to what was
registered when its parent was begun or taken over here. This file owns what is said where there is nothing. It starts
no run.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from wfe_vm.outcome import Failure
from wfe_vm.program import Child

from .errors import MissingError, NotFound, StoreError
from .programs import LoadedProgram, ProgramCache
from .providers.contracts import Store
from .providers.rows import Registration

__all__ = ["Detached", "bind_child"]


async def bind_child(store: Store, programs: ProgramCache, child: Child) -> LoadedProgram | Failure:
    """Return the registered program of a child's version, with none the highest's; a Failure where it can't be had."""
    hash = child.program
    if not hash:
        rows = await store.list_registrations(child.workflow)
        found = [row for row in rows if child.version in (0, row.version)]
        if not found:
            return _unknown(child, rows, [] if rows else await store.list_registrations())
        hash = found[-1].program
    try:
        return await programs.load(hash)
    except (StoreError, MissingError, NotFound) as error:
        if isinstance(error, StoreError) and error.code != "damaged":
            raise
        return Failure("executor", f"the workflow {child.workflow} can't be started: {error.message}")


def _unknown(child: Child, rows: Sequence[Registration], others: Sequence[Registration]) -> Failure:
    cure = "name a file that holds it under include:, or register it"
    if rows:
        versions = ", ".join(str(row.version) for row in rows)
        message = (
            f"no workflow {child.workflow} version {child.version} is known here; registered are {versions}; {cure}"
        )
        return Failure("executor", message)
    near = difflib.get_close_matches(child.workflow, sorted({row.workflow for row in others}), n=3)
    hint = f"; did you mean {', '.join(near)}?" if near else ""
    version = f" version {child.version}" if child.version else ""
    return Failure("executor", f"no workflow {child.workflow}{version} is known here{hint}; {cure}")


class Detached:
    """The programs that the detached children of the runs at hand were bound to."""

    def __init__(self, store: Store, programs: ProgramCache) -> None:
        self._store = store
        self._programs = programs
        self._bound: dict[tuple[str, int], LoadedProgram | Failure] = {}

    async def bind(self, loaded: LoadedProgram) -> None:
        """Look for the programs of the detached children of a program that is about to run. Raises StoreError."""
        for workflow, version in loaded.needs.detached:
            child = Child(workflow, version, detach=True)
            self._bound[workflow, version] = await bind_child(self._store, self._programs, child)

    def program_of(self, child: Child) -> LoadedProgram | Failure | None:
        """Return what a child was bound to; None for one that is bound when it starts."""
        return self._bound.get((child.workflow, child.version)) if child.detach else None
