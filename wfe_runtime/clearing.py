"""Clearing out programs that nothing needs any more: no run has them, and none will start from them.

A run needs its program as long as it is stored, ended or not: what is shown of it, and a retry, come from there. A
program needs those that it pins for its children. This file owns what needs what; a store knows only who names a
program itself.
"""

from __future__ import annotations

from typing import Final

from wfe_vm.errors import ProgramError
from wfe_vm.program import decode_program

from .providers.contracts import Store

__all__ = ["GRACE_MS", "clear_programs"]

GRACE_MS: Final = 3_600_000
"""Who has asked for a program to be kept may be about to start a run of it; for so long it is left alone."""


async def clear_programs(store: Store, now: int) -> list[str]:
    """Remove the programs that nothing needs. Returns their hashes."""
    since = now - GRACE_MS
    kept = {row.hash: row for row in await store.list_programs(since)}
    needed: set[str] = set()
    waiting = [hash for hash, row in kept.items() if row.wanted]
    while waiting:
        hash = waiting.pop()
        if hash in needed or hash not in kept:
            continue
        needed.add(hash)
        stored = await store.get_program(hash)
        if stored is None:
            continue
        try:
            steps = decode_program(stored.program).steps
        except ProgramError:
            return []  # what can't be read may pin anything
        waiting += [step.child.program for step in steps if step.child is not None and step.child.program]
    unneeded = [hash for hash in kept if hash not in needed]
    return await store.drop_programs(unneeded, since) if unneeded else []
