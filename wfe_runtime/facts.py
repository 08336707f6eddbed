"""What this host has, by the names that ``host.has()`` and ``requires:`` use, and what no host can do yet."""

from __future__ import annotations

import shutil
from typing import Final

from wfe_vm.program import Program

from .executors.container_cli import CLI_NAMES
from .executors.deno_home import find_deno

__all__ = ["host_has", "lacks_container_engine", "not_kept_yet"]

CONTAINER_TYPES: Final = frozenset({"container", "containerd", "buildkit"})


def host_has(name: str) -> bool:
    """Say whether a program of that name is on this host's PATH; Deno may be a Python package, too."""
    if name == "deno":
        return find_deno() is not None
    return bool(name) and "/" not in name and shutil.which(name) is not None


def not_kept_yet(program: Program) -> list[str]:
    """Say, in words, what a program asks for around its steps that no host of this version can keep."""
    asked = {
        "concurrency": program.concurrency is not None,
        "shared_volume": program.shared_volume is not None,
    }
    return [
        f"the workflow {program.workflow} has `{key}`, which this version can check but not keep yet"
        for key, wanted in asked.items()
        if wanted
    ]


def lacks_container_engine(program: Program) -> str | None:
    """Say, in words, that a program's containers have no engine here; None if they have, or need none.

    A step that names its own command by `cli` is left to tell by itself: what it names is known when it starts.
    """
    names = [f"step {step.name}" for step in program.steps if step.type in CONTAINER_TYPES]
    names += [f"service {service.name}" for service in program.services]
    if not names or any(map(host_has, CLI_NAMES)) or _may_name_its_own(program):
        return None
    looked_for = f"{', '.join(CLI_NAMES[:-1])} or {CLI_NAMES[-1]}"
    return f"no container engine ({names[0]}): {looked_for} was not found on PATH"


def _may_name_its_own(program: Program) -> bool:
    return not program.services and any(map(_names_cli, program.constants))


def _names_cli(constant: object) -> bool:
    return constant == "cli" or (isinstance(constant, dict) and "cli" in constant)
