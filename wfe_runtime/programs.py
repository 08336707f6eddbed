"""Programs as the engine holds them: decoded, verified, with a machine each."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Final

import msgspec

from wfe_vm.collector import collector_off
from wfe_vm.errors import ProgramError
from wfe_vm.machine import Machine
from wfe_vm.program import Program, SourceMap, decode_program, hash_of
from wfe_vm.state import Record
from wfe_vm.verify import check

from .errors import MissingError, NotFound, StoreError
from .providers.contracts import ProgramRow, Store

__all__ = ["LoadedProgram", "ProgramCache", "home_of"]

NUMBER: Final = re.compile(r"\[[0-9]+\]")
"""Of an iteration or a pass, in a path."""

DAMAGED_HINT: Final = "what its runs have committed is kept; take the program from a backup of the store"

_source_map_decoder = msgspec.msgpack.Decoder(SourceMap)


class LoadedProgram(msgspec.Struct, frozen=True, eq=False):
    """A program ready to run."""

    hash: str
    program: Program
    machine: Machine
    source_map: SourceMap | None

    def step_of(self, record: Record) -> int:
        """Return the step that a line of a run's history is about, -1 for one that this program does not have.

        A run that was moved has lines of the program before, whose numbers are others.
        """
        steps = self.program.steps
        if record.step < len(steps) and steps[record.step].path == record.path:
            return record.step
        path = NUMBER.sub("[*]", record.path)
        if record.step < len(steps) and steps[record.step].path == path:
            return record.step
        return next((number for number, step in enumerate(steps) if step.path == path), -1)

    def place_of(self, pc: int | None, step: int) -> str:
        """Return ``file:line:column`` of an instruction, else of a step, else an empty text."""
        if self.source_map is None:
            return ""
        position = None if pc is None else self.source_map.position_at(pc)
        if position is None and 0 <= step < len(self.source_map.steps):
            position = self.source_map.steps[step]
        if position is None:
            return ""
        return f"{self.source_map.files[position[0]]}:{position[1]}:{position[2]}"

    def place_in_script(self, step: int, line: object, column: object) -> str:
        """Return ``file:line:column`` of a place in the script of a step, empty where the file does not hold it."""
        if self.source_map is None or type(line) is not int or type(column) is not int:
            return ""
        position = self.source_map.script_position(step, line, column)
        return "" if position is None else f"{self.source_map.files[position[0]]}:{position[1]}:{position[2]}"


class ProgramCache:
    """Loads programs from the store by hash, once each, with the children they pin."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._loaded: dict[str, LoadedProgram] = {}

    def get(self, hash: str) -> LoadedProgram | None:
        """Return a program that was loaded before."""
        return self._loaded.get(hash)

    async def load(self, hash: str) -> LoadedProgram:
        """Return the program of that hash, verified; its pinned children are loaded too.

        Raises NotFound where the store has none, StoreError (``damaged``) where what it has is no safe program,
        MissingError for one that needs a newer WFE.
        """
        found = self._loaded.get(hash)
        if found is not None:
            return found
        row = await self._store.get_program(hash)
        if row is None:
            raise NotFound(f"the store has no program {hash[:12]}")
        found = load_program(row)
        for step in found.program.steps:
            if step.child is not None and step.child.program:
                await self.load(step.child.program)
        self._loaded[hash] = found
        return found


def home_of(source_map: SourceMap | None) -> str:
    """Return the file that a program's workflow stands in: own workflows come first in a compiled file."""
    if source_map is None or not source_map.steps:
        return ""
    return source_map.files[source_map.steps[0][0]]


def load_program(row: ProgramRow) -> LoadedProgram:
    """Decode and verify a stored program. Raises StoreError if it is damaged or unsafe, MissingError if it is newer."""
    title = f"the stored program {row.hash[:12]} of workflow {row.workflow}"
    if hash_of(row.program) != row.hash:
        raise StoreError("damaged", f"{title} has been altered, and is not run", DAMAGED_HINT)
    try:
        with collector_off():
            program = decode_program(row.program)
            check(program)
    except ProgramError as error:
        if error.code in ("format", "isa"):
            raise MissingError(f"{title} is not for this host: {error.message}") from error
        raise StoreError("damaged", f"{title} is not safe to run: {error.message}", DAMAGED_HINT) from error
    source_map = None
    if row.source_map:
        # No run needs it: it only tells of lines.
        with collector_off(), suppress(msgspec.DecodeError, UnicodeError, RecursionError):
            source_map = _source_map_decoder.decode(row.source_map)
    return LoadedProgram(row.hash, program, Machine(program), source_map)
