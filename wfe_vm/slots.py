"""What the slots of a program's scopes are called, so that data can be told apart across two programs.

A slot's name is the loop whose iteration holds it (its path; empty for the run) and what it is: the result of a
step, an output, a variable. Names of variables are in the source map alone: a program without one has none.
"""

from __future__ import annotations

from collections.abc import Sequence

from .program import HOST_SLOT, INPUTS_SLOT, NO_PC, RUN_SLOT, Program

__all__ = ["SlotName", "loops_around", "slots_by_name"]

SlotName = tuple[str, str]
"""The path of the loop whose iteration holds it, and what it is."""


def loops_around(program: Program, step: int) -> list[str]:
    """Return the loop of each depth around a step, the run's own first."""
    found: list[str] = []
    while (around := program.steps[step].parent) > 0:
        # The steps of a loop's own hooks have it for a parent, and lie in none of its iterations.
        if program.steps[around].kind == "for_each" and program.steps[step].depth > program.steps[around].depth:
            found.append(program.steps[around].path)
        step = around
    return ["", *reversed(found)]


def slots_by_name(program: Program, names: Sequence[tuple[int, int, str]]) -> dict[SlotName, int]:
    """Return the slot of each name. ``names`` are the source map's."""
    found: dict[SlotName, int] = {("", "inputs"): INPUTS_SLOT, ("", "run"): RUN_SLOT, ("", "host"): HOST_SLOT}
    if program.services_slot != NO_PC:
        found["", "services"] = program.services_slot
    for number, step in enumerate(program.steps):
        loop = loops_around(program, number)[-1]
        path = step.path if number else ""
        if number:  # the run itself leaves no result
            found[loop, f"result of {path}"] = step.slot
        if step.hook_slot != NO_PC:
            found[loop, f"outcome of {path}"] = step.hook_slot
        for output in step.outputs:
            found[loop, f"outputs.{output.name}"] = output.slot
        if step.collect is not None:
            found[loop, f"vars.{step.collect.name}"] = step.collect.slot
        if step.item_slot != NO_PC:
            found[step.path, "item"] = step.item_slot
        if step.index_slot != NO_PC:
            found[step.path, "index"] = step.index_slot
    for owner, slot, name in names:
        path = program.steps[owner].path if owner else ""
        if name.startswith("vars."):
            found[path, name] = slot
    return found
