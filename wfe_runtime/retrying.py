"""Reopening a run that has ended: where it and the runs below it are taken up, decided before anything changes.

A step of a child is named by its path from the run that is retried: ``deploy/build`` is step ``build`` of the
child that step ``deploy`` started. What is asked of a child goes with its parent's retry, in one commit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from wfe_vm.events import Event, Retry, Target
from wfe_vm.program import Program, Step
from wfe_vm.reopening import ReopenError, plan_reopening
from wfe_vm.state import State

from .errors import InputError, NotFound, WfeError
from .providers.rows import RunRow

if TYPE_CHECKING:
    from .engine import Engine

__all__ = ["GivesOutputs", "no_outputs", "retry_of_child", "retry_run"]

GivesOutputs = Callable[[Step], dict[str, Any]]
"""What a step is supplied with, as plain data; it is asked once the step is known."""


def no_outputs(step: Step) -> dict[str, Any]:
    """Supply a step with nothing but its success."""
    return {}


async def retry_run(
    engine: Engine, run: str, reason: str, start_at: Sequence[str], supplied: str, outputs: GivesOutputs
) -> bool:
    """Reopen a run at hand. Returns False where it has nothing that could be tried again.

    It is taken up at what failed; or further back at the steps ``start_at``; the failed step ``supplied`` is taken
    to have succeeded with ``outputs``. Raises NotFound for an unknown step, WfeError (``ambiguous``, or ``refused``
    for a place at which it can't be taken up), InputError for outputs of a wrong type; then nothing has changed.
    """
    state = engine.state_of(run)
    if state.end is None or state.end[0] not in ("failed", "aborted"):
        status = state.status if state.end is None else state.end[0]
        raise WfeError("refused", f"run {state.name} is {status}: only a failed or aborted run can be retried")
    below: dict[str, tuple[Target, ...]] = {}
    targets = await _plan(engine, state, engine.loaded_of(run).program, start_at, supplied, outputs, below)
    return await engine.reopen(run, Retry(engine.clock.now(), reason, targets, below))


def retry_of_child(now: int, parent: RunRow, child: str, cause: Event | None) -> Retry:
    """Return what a child is told that its parent reopens."""
    reason = f"retry of {parent.name}"
    if not isinstance(cause, Retry):
        return Retry(now, reason)
    return Retry(now, f"{reason}: {cause.reason}", cause.children.get(child, ()), cause.children)


async def _plan(
    engine: Engine,
    state: State,
    program: Program,
    start_at: Sequence[str],
    supplied: str,
    outputs: GivesOutputs,
    below: dict[str, tuple[Target, ...]],
) -> tuple[Target, ...]:
    """Return the targets of one run, and put those of the runs below it into ``below``."""
    from .engine import load_run_state

    try:
        found = plan_reopening(program, state, start_at, supplied, outputs)
    except ReopenError as error:
        raise _told(error, start_at, supplied) from None
    for child in found.start_at.keys() | found.supplied.keys():
        stored = await engine.store.load_state(child)
        if stored is None:
            raise NotFound(f"the child run {child} is gone from the store")
        loaded = await engine.programs.load(stored.run.program)
        asked = found.start_at.get(child, ()), found.supplied.get(child, "")
        child_state = load_run_state(stored)[0]
        if child_state.end is None or not child_state.reopen:
            raise WfeError("refused", f"the child run {stored.run.name} is {stored.run.status}, with nothing to reopen")
        below[child] = await _plan(engine, child_state, loaded.program, *asked, outputs, below)
    return found.targets


def _told(error: ReopenError, start_at: Sequence[str], supplied: str) -> WfeError:
    if error.code == "unknown":
        wanted = next((name for name in (*start_at, supplied) if repr(name) in error.message), "")
        return NotFound(error.message, list(dict.fromkeys(get_close_matches(wanted, error.known, n=3))))
    if error.code == "type":
        return InputError("the step can't be given these outputs:", [error.message])
    return WfeError("ambiguous" if error.code == "ambiguous" else "refused", error.message)
