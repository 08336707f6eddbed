"""What a run that is undoing something has still to undo, for people to read."""

from __future__ import annotations

from wfe_vm.phases import UNDOING
from wfe_vm.program import Program
from wfe_vm.state import State

__all__ = ["left_to_undo"]


def left_to_undo(state: State, program: Program) -> list[str]:
    """Return the paths of the steps whose compensations have not ended, in the order in which they are undone."""
    undoing = {frame.id for pointer in state.pointers.values() for frame in pointer.frames if frame.phase == UNDOING}
    return [
        _path(program.steps[step].path, numbers)
        for step, sagas, numbers, _ in reversed(state.registered.values())
        if undoing.intersection(sagas)
    ]


def _path(path: str, numbers: list[int]) -> str:
    """Return a step's path with the numbers of its iterations and passes."""
    for number in numbers:
        path = path.replace("[*]", f"[{number}]", 1)
    return path
