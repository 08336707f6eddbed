"""What a program needs of a host, and what of it is lacking here, in words for the user."""

from __future__ import annotations

from typing import Final

from .executors import ExecutorRegistry
from .executors.container_cli import CLI_NAMES
from .facts import host_has
from .programs import LoadedProgram, ProgramCache
from .signals import ACTIVITY

__all__ = ["lacks_of"]

CONTAINER_TYPES: Final = {
    "container": CLI_NAMES,
    "containerd": CLI_NAMES,
    "buildkit": (*CLI_NAMES, "buildctl"),
}
"""Types of steps that need one of these programs."""


def lacks_of(loaded: LoadedProgram, programs: ProgramCache, executors: ExecutorRegistry) -> list[str]:
    """Say what this host lacks to run a program and the children it pins; empty where it lacks nothing."""
    lacks: list[str] = []
    seen: set[str] = set()
    pending = [loaded]
    while pending:
        found = pending.pop()
        engine = _lacks_container_engine(found)
        if engine is not None:
            lacks.append(engine)
        for name in found.program.requires:
            if not host_has(name):
                lacks.append(f"it requires {name}, which is not here")
        for hash in found.needs.pinned:
            child = programs.get(hash)
            if child is not None and hash not in seen:
                pending.append(child)
            seen.add(hash)
        for type, step in found.needs.tasks.items():
            if type == ACTIVITY:
                continue
            executor = executors.for_type(type)
            if executor is None:
                lack: str | None = f"no executor for steps of type {type} (step {step})"
            else:
                lack = executor.missing({})
            if lack is not None and lack not in lacks:
                lacks.append(lack)
    return lacks


def _lacks_container_engine(loaded: LoadedProgram) -> str | None:
    """Say, in words, that a program's containers have no engine here; None if they have, or need none.

    A program that asks `host.has()` for one decides itself what it does without; one with a `cli` of its own is left
    to tell when the step starts.
    """
    program = loaded.program
    asks = any(name in program.host_names for name in (*CLI_NAMES, "buildctl"))
    tasks = {} if asks else loaded.needs.tasks
    needs = [(f"step {step}", CONTAINER_TYPES[type]) for type, step in tasks.items() if type in CONTAINER_TYPES]
    needs += [(f"service {service.name}", CLI_NAMES) for service in program.services]
    for what, programs in needs:
        if not any(map(host_has, programs)) and not any(map(_names_cli, program.constants)):
            looked_for = f"{', '.join(programs[:-1])} or {programs[-1]}"
            return f"no container engine ({what}): {looked_for} was not found on PATH"
    return None


def _names_cli(constant: object) -> bool:
    return constant == "cli" or (isinstance(constant, dict) and "cli" in constant)
