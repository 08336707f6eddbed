"""Taking rights from a process to be: Landlock, and limits of the kernel's.

Owns what is asked of the kernel. Does not know for whom: an executor says which paths may be read and written.

Landlock rules hold for what a path leads to, links and all, whoever made them, and can't be taken back. They are
a thread's and what it starts: ``Confinement.apply`` is for a thread that ends after it has started one process.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Sequence
from functools import cache
from typing import Final

import msgspec

__all__ = ["Confinement", "landlock_version"]

_CREATE, _ADD_RULE, _RESTRICT = 444, 445, 446  # the same numbers on every architecture
_VERSION_FLAG: Final = 1
_PATH_BENEATH: Final = 1
_PR_SET_NO_NEW_PRIVS: Final = 38

# Rights on files by the version of Landlock that brought the last of them.
_EXECUTE, _WRITE, _READ, _READ_FOLDER = 1, 2, 4, 8
_TRUNCATE, _CONTROL_DEVICE = 1 << 14, 1 << 15
_ALL_RIGHTS: Final = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
_OF_FILES: Final = _EXECUTE | _WRITE | _READ | _TRUNCATE | _CONTROL_DEVICE
_READING: Final = _EXECUTE | _READ | _READ_FOLDER
_TCP: Final = 3  # to bind and to connect; since version 4
_SCOPES: Final = 3  # abstract sockets and signals; since version 6


@cache
def landlock_version() -> int:
    """Return which version of Landlock this kernel has; 0 if none, or if it is switched off."""
    try:
        return max(0, _call(_CREATE, None, 0, _VERSION_FLAG))
    except OSError:
        return 0


class Confinement(msgspec.Struct, frozen=True):
    """What is left to a process: ``readable`` and ``writable`` paths, and whether it may use TCP.

    A writable path is readable too. A path that does not exist gives nothing.
    """

    readable: Sequence[str]
    writable: Sequence[str]
    network: bool

    def apply(self) -> None:
        """Take all else from the calling thread, for good. Raises OSError where the kernel refuses."""
        version = landlock_version()
        rights = _ALL_RIGHTS[min(version, max(_ALL_RIGHTS))]
        tcp = _TCP if version >= 4 and not self.network else 0
        attributes = struct.pack("=QQQ", rights, tcp, _SCOPES if version >= 6 else 0)
        size = 8 if version < 4 else 16 if version < 6 else 24
        rules = _call(_CREATE, attributes, size, 0)
        try:
            for path in self.readable:
                _allow(rules, path, _READING & rights)
            for path in self.writable:
                _allow(rules, path, rights)
            if _library().prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
                raise OSError(ctypes.get_errno(), "can't give up new privileges")
            _call(_RESTRICT, rules, 0)
        finally:
            os.close(rules)


def _allow(rules: int, path: str, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not os.path.isdir(f"/proc/self/fd/{place}"):
            rights &= _OF_FILES
        _call(_ADD_RULE, rules, _PATH_BENEATH, struct.pack("=Qi", rights, place), 0)
    finally:
        os.close(place)


@cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _call(number: int, *arguments: int | bytes | None) -> int:
    given = [ctypes.c_long(argument) if isinstance(argument, int) else argument for argument in arguments]
    result: int = _library().syscall(ctypes.c_long(number), *given)
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"Landlock: {os.strerror(error)}")
    return result
