"""Moving a run to another program by its handle: which of a definition's programs, and who has the run meanwhile.

What a run has to fit is ``wfe_runtime.moving``'s to prove. A run that stands still in this engine is let go of for the
move, and taken back whether it succeeds or not: its parent, and whoever waits for its end, go on hearing of it.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from wfe_vm.phases import WAIT_STEP

from ..engine import Engine
from ..errors import NotFound, WfeError
from ..moving import move_run
from ..providers.rows import FINISHED, ProgramRow, RunRow
from ..signals import ACTIVITY

__all__ = ["move"]

STILL = ("suspended", "failed", "aborted")


async def move(core: Engine, row: RunRow, programs: Sequence[ProgramRow], reason: str) -> bool:
    """Move a run to its workflow among ``programs``, the highest version. Returns False where it has that program.

    Raises NotFound where none of them is of its workflow, WfeError (``refused``) for a run that does not stand still,
    or does not fit; else as ``move_run``.
    """
    core.check_open()
    own = [one for one in programs if one.workflow == row.workflow]
    if not own:
        names = sorted({one.workflow for one in programs})
        message = f"there is no workflow {row.workflow!r} for run {row.name} in that; there are {', '.join(names)}"
        raise NotFound(message, difflib.get_close_matches(row.workflow, names, n=3))
    if row.status not in STILL:
        raise WfeError(
            "refused",
            f"run {row.name} is {row.status}: only one that is suspended, failed or aborted can be moved",
            None if row.status in FINISHED else "suspend it first: suspend() of its handle",
        )
    hash = max(own, key=lambda one: one.version).hash
    held = await _let_go(core, row)
    try:
        return await move_run(core, row.id, programs, hash, reason)
    finally:
        if held:
            await _take_back(core, row.id)


async def _let_go(core: Engine, row: RunRow) -> bool:
    """Forget a run that stands still here. Returns whether it is to be taken back: it is at hand, and has not ended."""
    if not core.has(row.id):
        return False
    await core.settled()
    active = next((one for one in core.runs_at_hand() if one.id == row.id), None)
    if active is None:
        return False
    state, steps = active.state, active.loaded.program.steps
    for pointer in state.pointers.values():
        frame = pointer.frames[-1]
        begun = pointer.wait == WAIT_STEP and (frame.id, frame.attempt) not in active.withdrawn
        if begun and steps[frame.step].type != ACTIVITY:
            message = f"step {steps[frame.step].path} of run {row.name} is still under way"
            raise WfeError("refused", message, "a suspended run lets it end, and can be moved then")
    if active.is_busy or (state.end is None and not state.suspended):
        raise WfeError("refused", f"run {row.name} does not stand still yet", "move it once it does")
    core.let_go(row.id)
    return state.end is None


async def _take_back(core: Engine, run: str) -> None:
    try:
        await core.take_over(run)
    except WfeError as error:
        if error.code != "owned":  # then another process has taken it, and looks after it
            raise
