"""What this host has, by the names that ``host.has()`` and ``requires:`` use."""

from __future__ import annotations

import shutil

from wfe_vm.program import Program

from .executors.deno_home import find_deno

__all__ = ["facts_for", "host_has"]


def host_has(name: str) -> bool:
    """Say whether a program of that name is on this host's PATH; Deno may be a Python package, too."""
    if name == "deno":
        return find_deno() is not None
    return bool(name) and "/" not in name and shutil.which(name) is not None


def facts_for(program: Program) -> dict[str, bool]:
    """Return what a program asks of its host by ``host.has()``, with the answers."""
    return {name: host_has(name) for name in program.host_names}
