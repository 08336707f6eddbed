"""What this host has, by the names that ``host.has()`` and ``requires:`` use, and what no host can do yet."""

from __future__ import annotations

import shutil

from wfe_vm.program import Program

from .executors.deno_home import find_deno

__all__ = ["host_has", "not_kept_yet"]


def host_has(name: str) -> bool:
    """Say whether a program of that name is on this host's PATH; Deno may be a Python package, too."""
    if name == "deno":
        return find_deno() is not None
    return bool(name) and "/" not in name and shutil.which(name) is not None


def not_kept_yet(program: Program) -> list[str]:
    """Say, in words, what a program asks for around its steps that no host of this version can keep."""
    asked = {
        "services": bool(program.services),
        "shared_volume": program.shared_volume is not None,
    }
    return [
        f"the workflow {program.workflow} has `{key}`, which this version can check but not keep yet"
        for key, wanted in asked.items()
        if wanted
    ]
