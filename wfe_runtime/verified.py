"""Programs that have been verified before: for whom it counts that a store remembers so.

Of a program of 10,000 steps, verifying it is the greater part of what a new process does before it can go on with a
run. This file owns what is remembered, and for which programs. It knows no store and verifies nothing. The rules:

* Nothing runs that this very verifier has not accepted. What is remembered is a digest of all that it is made of: any
  other release, and any change to the sources or to what was built of them, verifies anew.
* It is remembered of a program's hash, and the bytes are held against that each time. Who could forge what is
  remembered could write the state of a run as well, which stands beside it and says at which instruction a run goes
  on: a store is trusted with the one as with the other.
* A small program is always verified: that is done sooner than it is written down.
"""

from __future__ import annotations

import functools
import hashlib
import os
from typing import Final

import wfe_vm

__all__ = ["LEAST_BYTES", "this_verifier"]

LEAST_BYTES: Final = 64 * 1024
"""Of a program of which it is remembered; those of some hundred steps have them."""

_SOURCES: Final = (".py", ".pxd")
_BUILT: Final = (".so", ".pyd")


@functools.cache
def this_verifier() -> str:
    """Return the digest of this process's verifier; empty where it has no sources to tell it by.

    It is one over the whole package of the verifier, which says of no part of itself that it does not matter.
    """
    digest = hashlib.sha256()
    found = 0
    for folder in wfe_vm.__path__:
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                if entry.name.endswith(_SOURCES):
                    with open(entry.path, "rb") as file:
                        content = file.read()
                    digest.update(f"{entry.name} {len(content)}\n".encode() + content)
                    found += entry.name == "verify.py"
                elif entry.name.endswith(_BUILT):
                    stat = entry.stat()
                    digest.update(f"{entry.name} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return digest.hexdigest() if found else ""
