"""A workflow file on the command line: from a notation or a compiled file to programs, and which of them to run."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Final

import msgspec

from wfe_vm.errors import ProgramError
from wfe_vm.program import Program, SourceMap, encode_program
from wfe_vm.program_file import read_program_file, write_program_file
from wfe_vm.verify import check

from ..programs import home_of
from ..providers.rows import ProgramRow
from ..settings import Settings
from .cache import Entry, ProgramFolder, cache_folder
from .documents import VariableSources
from .exits import DEFINITION, NOT_FOUND, CommandError, DefinitionError, UsageError
from .near import did_you_mean
from .output import is_terminal, print_error

__all__ = [
    "COMPILED",
    "Found",
    "choose",
    "kept_programs",
    "load",
    "missing_path",
    "named",
    "program_rows",
    "use_colour",
]

COMPILED: Final = ".wfc"
KEPT: Final = (".yaml", ".yml", ".wfe")
"""Notations that are data: what they compile to depends on what is read alone. A program may depend on anything."""

PREFERRED: Final = ("ci", "main")


class Found(msgspec.Struct, frozen=True):
    """A program of a file. ``own``: its workflow stands in the file itself, not in one that it includes."""

    program: Program
    source_map: SourceMap | None
    hash: str
    own: bool
    data: bytes = b""  # as a compiled file has it; empty for one that was compiled now


def kept_programs(settings: Settings, unwanted: bool) -> ProgramFolder | None:
    """Return the folder of compiled files; None where there is to be none, or the user wants none now."""
    folder = None if unwanted else cache_folder(settings.cache)
    return None if folder is None else ProgramFolder(folder)


def load(path: str, sources: VariableSources, cache: ProgramFolder | None = None) -> list[Found]:
    """Return the programs of a file, in any notation or compiled; what is wrong with it is printed on standard error.

    A file that was compiled before, and all that it was made of, is taken from the ``cache``: the front ends are
    loaded only where there is something to compile.
    Raises DefinitionError once its errors are printed, CommandError (4) for a file that is not there,
    UsageError for one of no notation. Notes are left to `wfec check`.
    """
    if not os.path.exists(path):
        raise missing_path(path)
    if os.path.isdir(path):
        raise UsageError(f"{path} is a folder", "name a file in it; `wfec check` takes folders")
    if os.path.splitext(path)[1].lower() == COMPILED:
        if sources:
            sources.variables()  # they have no use here, but a mistake in them is told
        return _load_compiled(path)
    if os.path.splitext(path)[1].lower() not in KEPT:
        cache = None
    name = None if cache is None else cache.name_of(path, msgspec.structs.astuple(sources), ())
    if cache is not None and name is not None:
        entry = cache.find(name)
        kept = None if entry is None else _unpacked(entry)
        if entry is not None and kept is not None:
            if entry.warnings:
                print_error(entry.coloured if use_colour(sys.stderr) else entry.warnings)
            return kept
    return _compile(path, sources, cache, name)


def _compile(path: str, sources: VariableSources, cache: ProgramFolder | None, name: str | None) -> list[Found]:
    from wfe_dsl.compiler import SUFFIXES, UnknownNotation, compile_file
    from wfe_dsl.diagnostics.model import Diagnostics
    from wfe_dsl.diagnostics.render_text import render_text, summary
    from wfe_dsl.files import recorded

    diagnostics = Diagnostics()
    try:
        with recorded() as record:
            compiled = compile_file(path, sources.variables(), diagnostics)
    except UnknownNotation as error:
        raise UsageError(str(error), f"a workflow file ends in {', '.join(SUFFIXES)} or, compiled, .wfc") from None
    told = [found for found in diagnostics.in_source_order() if found.severity != "note"]

    def shown(colour: bool) -> str:
        return f"{render_text(told, colour)}{summary(told)}" if told else ""

    if told:
        print_error(shown(use_colour(sys.stderr)))
    if diagnostics.has_errors:
        raise DefinitionError("")
    if cache is not None and name is not None:
        own = tuple(one.own for one in compiled)
        programs = write_program_file((one.program, one.source_map) for one in compiled)
        cache.keep(Entry(name, record.digests, record.links, own, shown(False), shown(True), programs))
    return [Found(one.program, one.source_map, one.hash, one.own) for one in compiled]


def _unpacked(entry: Entry) -> list[Found] | None:
    """Return the programs of an entry, verified; None where one of them is not safe to run."""
    try:
        filed = read_program_file(entry.programs)
        for one in filed:
            check(one.program)
        if len(filed) != len(entry.own):
            return None
        return [
            Found(one.program, one.source_map, one.hash, own, one.data)
            for one, own in zip(filed, entry.own, strict=True)
        ]
    except ProgramError:
        return None


def choose(programs: Sequence[Found], workflow: str | None, path: str, verb: str = "run") -> Found:
    """Return the program that ``wfec verb`` is about: of the workflow that is named, else of the only one, ci or main.

    Only the file's own workflows count; of several versions the highest. Raises UsageError with the list
    where that is none, CommandError (4) for a workflow that is not there.
    """
    own: dict[str, Found] = {}
    for found in programs:
        known = own.get(found.program.workflow)
        if found.own and (known is None or found.program.version > known.program.version):
            own[found.program.workflow] = found
    listed = ", ".join(own)
    if workflow is not None:
        if workflow in own:
            return own[workflow]
        hint = did_you_mean(workflow, own) or (f"it has: {listed}" if own else None)
        raise CommandError(f"{path} has no workflow {workflow!r}", hint, NOT_FOUND)
    if len(own) == 1:
        return next(iter(own.values()))
    for name in PREFERRED:
        if name in own:
            return own[name]
    if not own:
        raise UsageError(f"{path} has no workflow of its own, it only includes others", "run the file that has it")
    raise UsageError(f"{path} has several workflows: {listed}", f"say which: wfec {verb} {path} {next(iter(own))}")


def named(programs: Sequence[Found], workflow: str | None, path: str) -> list[Found]:
    """Return the programs of a workflow in all its versions, or all where none is named.

    Raises CommandError (4) for a workflow that is not there.
    """
    if workflow is None:
        return list(programs)
    names = {found.program.workflow for found in programs}
    if workflow not in names:
        hint = did_you_mean(workflow, names) or f"it has: {', '.join(sorted(names))}"
        raise CommandError(f"{path} has no workflow {workflow!r}", hint, NOT_FOUND)
    return [found for found in programs if found.program.workflow == workflow]


def program_rows(programs: Sequence[Found]) -> list[ProgramRow]:
    """Return programs as a store keeps them."""
    return [
        ProgramRow(
            found.hash,
            found.program.workflow,
            found.program.version,
            found.data or encode_program(found.program),
            b"" if found.source_map is None else msgspec.msgpack.encode(found.source_map),
        )
        for found in programs
    ]


def missing_path(path: str) -> CommandError:
    """Return the error for a path that is not there, with what is near it."""
    if os.path.islink(path):
        return CommandError(f"{path} is a link that leads to no file", None, NOT_FOUND)
    folder, name = os.path.split(path)
    try:
        hint = did_you_mean(name, os.listdir(folder or "."))
    except OSError:
        hint = None
    return CommandError(f"there is no file {path}", hint, NOT_FOUND)


def use_colour(stream: object) -> bool:
    """Say whether a stream may be given colours."""
    wanted = not any(os.environ.get(name) for name in ("NO_COLOR", "CI")) and os.environ.get("TERM") != "dumb"
    return wanted and is_terminal(stream)


def _load_compiled(path: str) -> list[Found]:
    try:
        with open(path, "rb") as file:
            filed = read_program_file(file.read())
        for one in filed:
            check(one.program)
        maps = [one.source_map for one in filed]
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from None
    except ProgramError as error:
        raise CommandError(f"{path}: {error}", "compile it again: wfec compile", DEFINITION) from None
    homes = [home_of(found) for found in maps]
    return [
        Found(one.program, source_map, one.hash, home == homes[0], one.data)
        for one, source_map, home in zip(filed, maps, homes, strict=True)
    ]
