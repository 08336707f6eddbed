"""Moving a run to another program: its pointers as ``migration.py`` has found, its data by the names of the slots.

Rules:

1. Nothing is moved that the check has not passed; what has no place in the new program is left behind.
2. The moved state is a whole one, to be stored as a snapshot: it is no sequence of changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .errors import InternalError
from .migration import Migration, Move, loops_of_scopes
from .phases import READY
from .program import Program
from .slots import loops_around, slots_by_name
from .state import Pointer, State, pointer_from

__all__ = ["move_state"]

Names = Sequence[tuple[int, int, str]]


def move_state(
    old: Program, new: Program, names: tuple[Names, Names], state: State, migration: Migration, hash: str
) -> None:
    """Bring a state to the new program, in place. ``names`` are those of both source maps, ``hash`` the new one."""
    if not migration.possible:
        raise InternalError(f"run {state.run} was to be moved though it can't be")
    moves = {move.pointer: move for move in migration.moves}
    kept = {move.pointer: move for move in migration.kept}
    before, after = (slots_by_name(program, known) for program, known in zip((old, new), names, strict=True))
    depths = {"": 0, **{step.path: step.depth + 1 for step in new.steps if step.kind == "for_each"}}
    loops = loops_of_scopes(old, state)
    for owner, scope in state.scopes.items():
        loop = loops[owner]
        moved: list[Any] = [None] * new.scope_sizes[depths[loop]]
        for (place, name), slot in before.items():
            target = after.get((place, name))
            if place == loop and target is not None:
                moved[target] = scope[slot]
        state.scopes[owner] = moved
    steps = {step.path: number for number, step in enumerate(new.steps)}
    slot_names = {(loop, slot): name for (loop, name), slot in before.items()}
    for number, row in list(state.registered.items()):
        step = steps[old.steps[row[0]].path]
        state.registered[number] = (step, row[1], row[2], _moved_reads(old, row, slot_names, after))
    for id, pointer in state.pointers.items():
        _move(pointer, moves[id])
    for id, reopened in list(state.reopen.items()):
        pointer = pointer_from(reopened)
        _move(pointer, kept[id])
        state.reopen[id] = pointer.row()
    state.program = hash
    state.bind()


def _move(pointer: Pointer, move: Move) -> None:
    for frame, step, mark in zip(pointer.frames, move.steps, move.marks, strict=True):
        frame.step = step
        frame.mark = mark
    if pointer.wait == READY:
        pointer.pc = move.pc


def _moved_reads(
    old: Program, row: Any, slot_names: dict[tuple[str, int], str], after: dict[tuple[str, str], int]
) -> list[tuple[int, int, Any]]:
    """Return what a registration keeps for its compensation, under the new slots."""
    loops = loops_around(old, row[0])
    found = []
    for depth, slot, value in row[3]:
        # A slot that has no name has no place in the new program, and nothing there that reads it.
        target = after.get((loops[depth], slot_names.get((loops[depth], slot), "")))
        if target is not None:
            found.append((depth, target, value))
    return found
