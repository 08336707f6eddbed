"""A failure in words: what, where in which file, what it printed last, and what to do next."""

from __future__ import annotations

import re
import shlex

from wfe_vm.errors import MachineError
from wfe_vm.outcome import Failure
from wfe_vm.program import ACTIVITY, Program

from ..errors import WfeError
from ..programs import LoadedProgram, ProgramCache
from ..providers.contracts import Store
from ..providers.rows import RunRow
from .texts import harmless, harmless_lines

__all__ = ["describe_failure", "next_steps", "origin_of_failure", "place_in", "place_of_failure", "step_at"]

STDERR_LINES = 15
CAUSES_SHOWN = 5
_WITHOUT_LOG = ("", "workflow", ACTIVITY)  # types of steps that print nothing here; blocks and the like have none
NUMBER = re.compile(r"\[[0-9]+\]")


def step_at(program: Program, path: str) -> int:
    """Return the index of the step at a path with pass numbers, or the last part of whose path it is; -1: none."""
    wanted = NUMBER.sub("[*]", path)
    paths = {step.path: index for index, step in enumerate(program.steps) if index}
    while True:
        if wanted in paths:
            return paths[wanted]
        _, separator, wanted = wanted.partition("/")
        if not separator:
            return -1


async def origin_of_failure(store: Store, row: RunRow, failure: Failure) -> LoadedProgram | None:
    """Return the program that a run's failure began in, a child's if it began there; None where it can't be had."""
    try:
        origin = await store.get_run(failure.child) if failure.child else row
        return None if origin is None else await ProgramCache(store).load(origin.program)
    except (WfeError, MachineError):
        return None  # of use where it can be had; the failure itself is what matters


async def place_of_failure(store: Store, row: RunRow, failure: Failure) -> str:
    """Return ``file:line:column`` of where a run's failure began, in a child's file if it began there."""
    loaded = await origin_of_failure(store, row, failure)
    return "" if loaded is None else place_in(loaded, failure)


def may_have_printed(loaded: LoadedProgram | None, failure: Failure) -> bool:
    """Say whether the step that a failure began in is one that prints: work that a host has done."""
    index = step_at(loaded.program, failure.step) if loaded is not None else -1
    return loaded is None or index < 0 or loaded.program.steps[index].type not in _WITHOUT_LOG


def place_in(loaded: LoadedProgram, failure: Failure) -> str:
    """Return the place of a failure within the program that it began in."""
    pc = failure.details.get("pc")
    index = step_at(loaded.program, failure.step) if failure.step else 0
    in_script = loaded.place_in_script(index, failure.details.get("line"), failure.details.get("column"))
    return in_script or loaded.place_of(pc if isinstance(pc, int) else None, max(index, 0))


def describe_failure(failure: Failure, place: str = "") -> list[str]:
    """Return the lines that tell a failure, harmless, the first naming step and attempt."""
    attempt = f" (attempt {failure.attempt})" if failure.attempt > 1 else ""
    where = f"{harmless(failure.step)}{attempt}" if failure.step else "the run"
    message = harmless_lines(failure.message) or [failure.kind]
    lines = [f"{where}: {message[0]}", *(f"  {line}" for line in message[1:])]
    facts = []
    if failure.exit_code is not None and f"{failure.exit_code}" not in failure.message:
        facts.append(f"exit code {failure.exit_code}")
    if failure.signal and failure.signal not in failure.message:
        facts.append(f"signal {harmless(failure.signal)}")
    if failure.child:
        facts.append(f"in run {harmless(failure.child)}")
    if facts:
        lines.append("  " + ", ".join(facts))
    if place:
        lines.append(f"  at {harmless(place)}")
    if failure.stderr:
        tail = harmless_lines(failure.stderr)[-STDERR_LINES:]
        lines += ["  the end of its stderr:", *(f"    | {line}" for line in tail)]
    for title, others in (("also", failure.causes), ("a hook failed", failure.hook_errors)):
        for other in others[:CAUSES_SHOWN]:
            first = harmless_lines(other.message) or [other.kind]
            lines.append(f"  {title}: {harmless(other.step)}: {first[0]}" if other.step else f"  {title}: {first[0]}")
        if len(others) > CAUSES_SHOWN:
            lines.append(f"  … and {len(others) - CAUSES_SHOWN} more")
    return lines


def next_steps(
    row: RunRow, status: str, failure: Failure | None, flag: str, loaded: LoadedProgram | None = None
) -> list[str]:
    """Return commands that may help, each on a line.

    ``flag`` is what names the store, if anything; ``loaded`` the program that the failure began in, where it is known.
    """
    name = shlex.quote(row.name)
    commands = []
    if failure is not None and failure.step and not may_have_printed(loaded, failure):
        commands.append(f"wfec inspect {name}{flag}")
    elif failure is not None and failure.step:
        commands.append(f"wfec logs {name} {shlex.quote(harmless(failure.step))}{flag}")
    if status in ("failed", "aborted"):
        commands.append(f"wfec retry {name}{flag}")
    if status == "suspended":
        commands.append(f"wfec resume {name}{flag}")
    return commands
