"""Large values as people see them: what is told in place of one, and the warning about who gave it.

This file owns the words. How large values are stored is each store's matter, and no run and no step sees it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from wfe_vm.limits import MAX_INLINE_BYTES
from wfe_vm.program import INPUTS_SLOT
from wfe_vm.state import Delta, State
from wfe_vm.values import kind_of

__all__ = ["Handle", "handle_of", "note_large"]

NUMBER: Final = re.compile(r"\[[0-9]+\]")
"""Of an iteration or a pass, in a path: all of them are one step."""


class Handle(msgspec.Struct, frozen=True):
    """A large value, told of: its kind, its size and the hash of its content, UTF-8 of a text and else JSON."""

    kind: str
    bytes: int
    sha256: str

    def in_words(self) -> str:
        """Return it as people read it."""
        return f"a {self.kind} of {self.bytes} bytes, sha256 {self.sha256}"


def handle_of(value: Any) -> Handle | None:
    """Return what is told of a value in place of it, None for one that is small enough to be told itself."""
    if not _may_be_large(value):
        return None
    content = value.encode() if type(value) is str else msgspec.json.encode(value)
    if len(content) <= MAX_INLINE_BYTES:
        return None
    return Handle(kind_of(value), len(content), hashlib.sha256(content).hexdigest())


def note_large(state: State, delta: Delta) -> None:
    """Warn, in the run itself, of large values that came with a change that is not stored yet."""
    found = [
        f"output {name} of step {NUMBER.sub('[*]', record.path)} has {size} bytes"
        for record in delta.records
        if record.outputs
        for name, size in _large_members(record.outputs)
    ]
    if delta.sequence == 1:
        found += [f"input {name} has {size} bytes" for name, size in _large_members(state.scopes[0][INPUTS_SLOT])]
    before = len(state.warnings)
    for what in found:
        who = what.partition(" has ")[0]
        if not any(warning.startswith(f"{who} has ") for warning in state.warnings):
            state.warnings.append(
                f"{what}: over {MAX_INLINE_BYTES} bytes a value is stored apart, and read whole with its run; "
                "large data is better kept in a file, and its path passed on"
            )
    if len(state.warnings) > before:
        delta.warnings = [*delta.warnings, *state.warnings[before:]]


def _large_members(values: dict[str, Any]) -> Iterator[tuple[str, int]]:
    """Give the members over the limit, with their sizes."""
    for name, value in values.items():
        if _may_be_large(value):
            size = len(value.encode()) if type(value) is str else len(msgspec.msgpack.encode(value))
            if size > MAX_INLINE_BYTES:
                yield name, size


def _may_be_large(value: Any) -> bool:
    """Leave out what is cheaply seen to be small."""
    if type(value) is str:
        return 4 * len(value) > MAX_INLINE_BYTES
    return type(value) is list or type(value) is dict
