"""What this host has, by the names that ``host.has()`` and ``requires:`` use, and what no host can do yet."""

from __future__ import annotations

import shutil
from typing import Final

from wfe_vm.program import Program

from .executors.container_cli import CLI_NAMES
from .executors.deno_home import find_deno

__all__ = ["host_has", "lacks_container_engine", "not_kept_yet"]

CONTAINER_TYPES: Final = {
    "container": CLI_NAMES,
    "containerd": CLI_NAMES,
    "buildkit": (*CLI_NAMES, "buildctl"),
}
"""Types of steps that need one of these programs."""


def host_has(name: str) -> bool:
    """Say whether a program of that name is on this host's PATH; Deno may be a Python package, too."""
    if name == "deno":
        return find_deno() is not None
    return bool(name) and "/" not in name and shutil.which(name) is not None


def not_kept_yet(program: Program) -> list[str]:
    """Say, in words, what a program asks for around its steps that no host of this version can keep."""
    asked = {
        "shared_volume": program.shared_volume is not None,
    }
    return [
        f"the workflow {program.workflow} has `{key}`, which this version can check but not keep yet"
        for key, wanted in asked.items()
        if wanted
    ]


def lacks_container_engine(program: Program) -> str | None:
    """Say, in words, that a program's containers have no engine here; None if they have, or need none.

    A program that asks `host.has()` for one decides itself what it does without; one with a `cli` of its own is left
    to tell when the step starts.
    """
    asks = any(name in program.host_names for name in (*CLI_NAMES, "buildctl"))
    needs = [(f"step {step.name}", () if asks else CONTAINER_TYPES.get(step.type, ())) for step in program.steps]
    needs += [(f"service {service.name}", CLI_NAMES) for service in program.services]
    for what, programs in needs:
        if programs and not any(map(host_has, programs)) and not any(map(_names_cli, program.constants)):
            looked_for = f"{', '.join(programs[:-1])} or {programs[-1]}"
            return f"no container engine ({what}): {looked_for} was not found on PATH"
    return None


def _names_cli(constant: object) -> bool:
    return constant == "cli" or (isinstance(constant, dict) and "cli" in constant)
