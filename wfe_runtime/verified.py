"""Programs that have been verified before: for whom it counts that a store remembers so.

Of a program of 10,000 steps, verifying it is the greater part of what a new process does before it can go on with a
run, and after that decoding its steps, most of which the run has behind it. So it is also remembered what its steps
need. This file owns what is remembered, and for which programs. It knows no store and verifies nothing. The rules:

* Nothing runs that this very verifier has not accepted. What is remembered is a digest of all that it is made of: any
  other release, and any change to the sources or to what was built of them, verifies anew.
* It is remembered of a program's hash, and the bytes are held against that each time. Who could forge what is
  remembered could write the state of a run as well, which stands beside it and says at which instruction a run goes
  on: a store is trusted with the one as with the other.
* What the steps need is remembered under a digest of its own, over it and the verifier and the program: where that is
  not right, nothing is taken to be known of the program.
* A small program is always verified: that is done sooner than it is written down.
"""

from __future__ import annotations

import functools
import hashlib
import os
from typing import Final

import msgspec

import wfe_vm
from wfe_vm.program import Program

__all__ = ["LEAST_BYTES", "Needs", "needs_of", "note_of", "noted_needs", "this_verifier"]

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


class Needs(msgspec.Struct, frozen=True, array_like=True):
    """What all steps of a program together need of a host and of a store.

    ``tasks`` are the types of its tasks, each with the name of the first step of it; ``pinned`` the hashes of the
    programs that it starts as children, once each; ``detached`` workflow and version of the detached children that it
    names and does not pin.
    """

    tasks: dict[str, str]
    pinned: tuple[str, ...]
    detached: tuple[tuple[str, int], ...]


def needs_of(program: Program) -> Needs:
    """Return what the steps of a program need."""
    tasks: dict[str, str] = {}
    pinned: dict[str, None] = {}
    detached: dict[tuple[str, int], None] = {}
    for step in program.steps:
        child = step.child
        if step.kind == "task":
            tasks.setdefault(step.type, step.name)
        if child is not None and child.program:
            pinned[child.program] = None
        elif child is not None and child.detach:
            detached[child.workflow, child.version] = None
    return Needs(tasks, tuple(pinned), tuple(detached))


def note_of(verifier: str, hash: str, needs: Needs) -> str:
    """Return what a store is to remember of the program of that hash, which the verifier has accepted."""
    told = msgspec.json.encode(needs)
    return f"{_digest(verifier, hash, told)} {told.decode()}"


def noted_needs(note: str, verifier: str, hash: str) -> Needs | None:
    """Return what the steps of a program need, by what a store remembers; None unless this verifier has accepted it."""
    digest, _, told = note.partition(" ")
    if not told or digest != _digest(verifier, hash, told.encode()):
        return None
    return _needs_decoder.decode(told)


def _digest(verifier: str, hash: str, told: bytes) -> str:
    return hashlib.sha256(f"{verifier} {hash} ".encode() + told).hexdigest()


_needs_decoder = msgspec.json.Decoder(Needs)
