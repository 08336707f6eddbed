"""Moving a run that stands still to another program: all of it in one commit, with who asked for it.

The run is claimed, moved in memory, and committed with a snapshot, its new program and a line in its journal;
then it is let go of, as it was but for that. Whoever is killed on the way leaves it with the old program, whole.

Rule: a run that cannot be shown to fit the new program is refused with all that stands in the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from wfe_vm.migration import migration_of
from wfe_vm.moving import move_state
from wfe_vm.state import encode_delta

from . import faults
from .errors import NotFound, WfeError
from .programs import LoadedProgram
from .providers.rows import FINISHED, ProgramRow, RunCommit

if TYPE_CHECKING:
    from .engine import Engine

__all__ = ["MOVED_FROM", "move_run"]

MOVABLE: Final = ("suspended", "failed", "aborted")
MOVED_FROM: Final = "moved from"
"""What the journal calls the line that has the hash of the program before."""

for _name, _meaning in {
    "moving.before_commit": "a run was moved to another program in memory, nothing of that is durable",
    "moving.after_commit": "a run was moved to another program, durably",
}.items():
    faults.declare(_name, _meaning)


async def move_run(engine: Engine, run: str, programs: Sequence[ProgramRow], hash: str, reason: str) -> bool:
    """Move a run that nobody advances to the program of that hash, among ``programs``.

    Returns False, and changes nothing, where it has that program. Raises NotFound for an unknown run, WfeError:
    ``owned`` where a live host has the run, ``refused`` for one that is neither suspended nor failed nor aborted,
    or that does not fit; the message lists each obstacle.
    """
    from .engine import load_run_state

    store = engine.store
    await store.put_programs(programs, engine.clock.now())
    new = await engine.programs.load(hash)
    row = await store.claim(run, engine.host.id, engine.clock.now())
    if row is None:
        present = await store.get_run(run)
        if present is None:
            raise NotFound(f"no run has the id {run}")
        raise WfeError("owned", f"run {present.name} is being advanced by a live process", None)
    moved = False
    try:
        if row.status not in MOVABLE:
            raise WfeError(
                "refused",
                f"run {row.name} is {row.status}: only one that is suspended, failed or aborted can be moved",
                None if row.status in FINISHED else f"suspend it first: wfec suspend {row.name}",
            )
        if row.program == hash:
            return False
        old = await engine.programs.load(row.program)
        stored = await store.load_state(run)
        if stored is None:
            raise NotFound(f"no run has the id {run}")
        state = load_run_state(stored)[0]
        before, after = _names(old), _names(new)
        migration = migration_of(old.program, new.program, state, (before, after))
        if not migration.possible or before is None or after is None:
            lines = [f"  {one.path or 'the run'}: {one.why}" for one in migration.obstacles]
            raise WfeError("refused", "\n".join([f"run {row.name} can't go on with that program:", *lines]))
        move_state(old.program, new.program, (before, after), state, migration, hash)
        state.time = max(state.time, engine.clock.now())
        state.changed_end = state.end is not None
        state.requests += [(MOVED_FROM, row.program), ("move", reason)]
        delta = state.take_delta()
        commit = RunCommit(
            run=run,
            expected_sequence=row.sequence,
            fence=row.fence,
            sequence=delta.sequence,
            status=row.status,
            journal=((delta.sequence, delta.time, encode_delta(delta)),),
            snapshot=state.snapshot(),
            due=row.due,
            ended=row.ended,
            result=row.result,
            release=True,
            program=hash,
        )
        if faults.armed is not None:
            faults.reach("moving.before_commit")
        (moved,) = await store.commit([commit])
        if faults.armed is not None:
            faults.reach("moving.after_commit")
        if not moved:
            raise WfeError("owned", f"run {row.name} has just been taken by another process", None)
        return True
    finally:
        if not moved:
            await store.release(run, engine.host.id)


def _names(loaded: LoadedProgram) -> tuple[tuple[int, int, str], ...] | None:
    return None if loaded.source_map is None else loaded.source_map.names
