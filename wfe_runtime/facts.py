"""What this host has, by the names that ``host.has()`` and ``requires:`` use."""

from __future__ import annotations

import shutil

__all__ = ["host_has"]


def host_has(name: str) -> bool:
    """Say whether a program of that name is on this host's PATH."""
    return bool(name) and "/" not in name and shutil.which(name) is not None
