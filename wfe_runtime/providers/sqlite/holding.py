"""Whether a host holds what it owns: it is known, its lease is not over, and its process is not known to be dead."""

from __future__ import annotations

from wfe_runtime.providers.hosts import is_gone
from wfe_runtime.providers.rows import Host
from wfe_runtime.providers.sqlite.session import Session

__all__ = ["is_held"]


def is_held(session: Session, owner: str, now: int) -> bool:
    """Say whether a living host owns what that owner owns; an empty name is nobody's."""
    if not owner:
        return False
    row = session.execute("SELECT machine, pid, started, lease FROM hosts WHERE id = ?", (owner,)).fetchone()
    if row is None:
        return False
    machine, pid, started, lease = row
    return lease > now and not is_gone(Host(owner, machine, pid, started))
