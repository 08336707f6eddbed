"""Rebuilding a run's state from what a store has of it: the last snapshot, and the deltas since."""

from __future__ import annotations

from wfe_vm.collector import collector_off
from wfe_vm.errors import MachineError
from wfe_vm.state import State, restore

from .errors import StoreError
from .providers.rows import StoredState

__all__ = ["load_run_state"]


def load_run_state(stored: StoredState) -> tuple[State, int, int]:
    """Return a run's state as the store has it, with the bytes of its snapshot and of the deltas after it.

    Raises StoreError (``damaged``) for a state that can't be read, naming the run.
    """
    row = stored.run
    try:
        with collector_off():
            state = State(row.id, row.name, row.program) if stored.snapshot is None else restore(stored.snapshot)
            state.fold(stored.deltas)
            state.bind()
    except MachineError as error:
        raise StoreError("damaged", f"the state of run {row.name} can't be loaded: {error.message}") from error
    return state, len(stored.snapshot or b""), sum(map(len, stored.deltas))
