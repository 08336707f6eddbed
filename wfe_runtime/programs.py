"""Programs as the engine holds them: decoded, verified, with a machine each.

Which need not be verified again, since a store remembers that they were, is ``verified.py``'s to say.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from threading import Thread
from typing import Final

import msgspec

from wfe_vm.collector import collector_off
from wfe_vm.errors import ProgramError
from wfe_vm.machine import Machine
from wfe_vm.program import Program, SourceMap, decode_program, hash_of, open_program
from wfe_vm.state import Record
from wfe_vm.verify import check

from .errors import MissingError, NotFound, StoreError
from .providers.contracts import Store
from .providers.rows import ProgramRow
from .verified import LEAST_BYTES, Needs, needs_of, note_of, noted_needs, this_verifier

__all__ = ["LoadedProgram", "ProgramCache", "home_of"]

NUMBER: Final = re.compile(r"\[[0-9]+\]")
"""Of an iteration or a pass, in a path."""

KEPT_MS: Final = 10 * 60 * 1000
"""For how long a store need not be told again: a purge leaves alone what it was told of in the last hour."""

DAMAGED_HINT: Final = "what its runs have committed is kept; take the program from a backup of the store"

_source_map_decoder = msgspec.msgpack.Decoder(SourceMap)


class LoadedProgram:
    """A program ready to run."""

    def __init__(self, hash: str, program: Program, needs: Needs, packed_map: bytes) -> None:
        """Take a verified program, and what its steps need.

        ``packed_map`` is its source map as the store has it, empty for none.
        """
        self.hash = hash
        self.program = program
        self.needs = needs
        self.machine = Machine(program)
        self._packed_map = packed_map

    @cached_property
    def source_map(self) -> SourceMap | None:
        """The source map; None where none was kept, or none that can be read.

        No run needs it: it only tells of lines, and is decoded when they are asked for.
        """
        if self._packed_map:
            with collector_off(), suppress(msgspec.DecodeError, UnicodeError, RecursionError):
                return _source_map_decoder.decode(self._packed_map)
        return None

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
        self._expected: dict[str, asyncio.Task[_ReadProgram | None]] = {}  # being read, or read and not loaded yet
        self._kept: dict[str, int] = {}  # when the store was told to

    def get(self, hash: str) -> LoadedProgram | None:
        """Return a program that was loaded before."""
        return self._loaded.get(hash)

    def expect(self, hash: str) -> None:
        """Have a program read and hashed beside what else is to be done before it is loaded."""
        if hash not in self._loaded and hash not in self._expected:
            reading = self._expected[hash] = asyncio.ensure_future(self._read(hash))
            reading.add_done_callback(_note_failure)

    def expect_no_more(self, hash: str) -> None:
        """Let go of a program that was expected and is not loaded now."""
        self._expected.pop(hash, None)

    async def load(self, hash: str) -> LoadedProgram:
        """Return the program of that hash, verified; its pinned children are loaded too.

        Raises NotFound where the store has none, StoreError (``damaged``) where what it has is no safe program,
        MissingError for one that needs a newer WFE.
        """
        found = self._loaded.get(hash)
        if found is not None:
            return found
        expected = self._expected.get(hash)
        try:
            read = await (self._read(hash) if expected is None else asyncio.shield(expected))
        finally:
            self._expected.pop(hash, None)
        if read is None:
            raise NotFound(f"the store has no program {hash[:12]}")
        found = self._loaded.get(hash)  # by somebody else who expected it
        if found is not None:
            return found
        found = await self._load(read)
        for child in found.needs.pinned:
            await self.load(child)
        self._loaded[hash] = found
        return found

    async def keep(self, programs: Sequence[ProgramRow], now: int) -> None:
        """Have the store keep programs, unless it was told so by this cache a short while ago."""
        new = [row for row in programs if not 0 <= now - self._kept.get(row.hash, -KEPT_MS) < KEPT_MS]
        if new:
            await self._store.put_programs(new, now)
            self._kept.update((row.hash, now) for row in new)

    async def _read(self, hash: str) -> _ReadProgram | None:
        row = await self._store.get_program(hash)
        return None if row is None else _ReadProgram(row)

    async def _load(self, read: _ReadProgram) -> LoadedProgram:
        row = read.row
        verifier = this_verifier() if len(row.program) >= LEAST_BYTES else ""
        needs = noted_needs(row.verifier, verifier, row.hash) if verifier and row.verifier else None
        found = _load_program(read, needs)
        if verifier and needs is None:
            with suppress(StoreError):  # then it is verified again next time; a run will tell of a store in trouble
                await self._store.note_verified(row.hash, note_of(verifier, row.hash, found.needs))
        return found


def home_of(source_map: SourceMap | None) -> str:
    """Return the file that a program's workflow stands in: own workflows come first in a compiled file."""
    if source_map is None or not source_map.steps:
        return ""
    return source_map.files[source_map.steps[0][0]]


class _ReadProgram(Thread):
    """A program as it was read, and its hash: where it is long, that is worked out beside what else is to be done."""

    def __init__(self, row: ProgramRow) -> None:
        """Begin to hash at once."""
        super().__init__(name="wfe-hash", daemon=True)
        self.row = row
        self._digest = ""
        if len(row.program) < LEAST_BYTES:
            self.run()
        else:
            self.start()

    def run(self) -> None:
        self._digest = hash_of(self.row.program)

    def digest(self) -> str:
        """Return the digest, as soon as it is there."""
        if self.ident is not None:
            self.join()
        return self._digest


def _note_failure(reading: asyncio.Task[_ReadProgram | None]) -> None:
    """Have a failure told to whoever loads the program, if anybody does, and not on standard error besides."""
    if not reading.cancelled():
        reading.exception()


def _load_program(read: _ReadProgram, needs: Needs | None) -> LoadedProgram:
    """Decode a program and verify it, unless its ``needs`` are known: then the verifier has accepted it already.

    Raises StoreError if it is damaged or unsafe, MissingError if it is newer.
    """
    row = read.row
    title = f"the stored program {row.hash[:12]} of workflow {row.workflow}"
    try:
        with collector_off():
            if needs is None:
                program = decode_program(row.program)
                check(program)
                needs = needs_of(program)
            else:
                program = open_program(row.program)
    except ProgramError as error:
        if read.digest() != row.hash:
            raise _altered(title) from error
        if error.code in ("format", "isa"):
            raise MissingError(f"{title} is not for this host: {error.message}") from error
        raise StoreError("damaged", f"{title} is not safe to run: {error.message}", DAMAGED_HINT) from error
    if read.digest() != row.hash:
        raise _altered(title)
    with collector_off():
        return LoadedProgram(row.hash, program, needs, row.source_map)


def _altered(title: str) -> StoreError:
    return StoreError("damaged", f"{title} has been altered, and is not run", DAMAGED_HINT)
