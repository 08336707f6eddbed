"""The runs that a run starts: what a child is created from, and why one can't be.

Pure: nothing here talks to a store. The engine has a child created in the commit of the advance that asked for it.
"""

from __future__ import annotations

from typing import Final

from wfe_vm.commands import StartChild
from wfe_vm.events import ChildEnded, Started
from wfe_vm.outcome import Failure
from wfe_vm.program import Child

from .active import ActiveRun
from .errors import InputError
from .facts import facts_for
from .groups import place_of
from .inputs import check_inputs
from .programs import LoadedProgram
from .providers.rows import NewRun, RunRow
from .result import decode_result, encode_event

__all__ = ["CANCEL_DEADLINE_MS", "MAX_DEPTH", "end_of_lost", "new_child"]

MAX_DEPTH: Final = 32
CANCEL_DEADLINE_MS: Final = 30_000


def new_child(
    parent: ActiveRun, command: StartChild, child: Child, loaded: LoadedProgram, owner: str, now: int
) -> NewRun | Failure:
    """Return the run that a step is to start, of a program that is ``loaded``, or why there can be none."""
    row = parent.row
    if row.depth + 1 > MAX_DEPTH:
        return Failure("limit", f"sub-workflows are nested more than {MAX_DEPTH} deep")
    try:
        inputs = check_inputs(loaded.program, command.inputs, ignore_unknown=command.implicit_inputs)
        started = Started(now, inputs, facts_for(loaded.program))
        place = place_of(loaded.program, command.child, started, CANCEL_DEADLINE_MS)
    except InputError as error:
        return Failure("type", error.message)
    return NewRun(
        id=command.child,
        workflow=loaded.program.workflow,
        version=loaded.program.version,
        program=loaded.hash,
        inputs=encode_event(started),
        created=now,
        folder=row.folder,
        durability=row.durability,
        owner=owner,
        parent="" if child.detach else row.id,
        parent_activation=command.activation,
        parent_attempt=command.attempt,
        root=command.child if child.detach else (row.root or row.id),
        depth=row.depth + 1,
        place=place,
    )


def end_of_lost(command: StartChild, row: RunRow | None, now: int) -> ChildEnded:
    """Return what its parent is told of a child that can't be reopened: how it ended, or that it is gone (None)."""
    if row is None:
        gone = Failure("lost", f"the child run {command.child} is gone from the store")
        return ChildEnded(now, command.activation, command.attempt, command.child, "failed", {}, gone)
    result = decode_result(row.result) if row.result else None
    return ChildEnded(
        now,
        command.activation,
        command.attempt,
        command.child,
        row.status,
        {} if result is None else result.outputs,
        None if result is None else result.error,
    )
