"""What can be registered, turned into programs: files, texts, bytes, workflows of the builder, compiled programs.

The one place of the library that imports the compiler, and only when there is something to compile. It knows no
store and no engine. The rules:

* A large workflow takes seconds: it is read, compiled and verified in a thread, while the event loop goes on.
* What is the caller's is touched by the caller's thread only. A file of Python is run there, and a Workflow, which may
  change later, becomes a tree there; only what follows is the other thread's.

A text is the path of a file if it is one line that ends like one (.yaml, .yml, .wfe, .wfc, .py), else the workflow
itself, in the text language if it begins as that does, else in YAML.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from wfe_vm.errors import ProgramError
from wfe_vm.program import Program, SourceMap, encode_program, hash_of
from wfe_vm.program_file import read_program_file
from wfe_vm.verify import check

from ..errors import DefinitionError, NotFound
from ..programs import home_of
from ..providers.rows import ProgramRow

if TYPE_CHECKING:
    from wfe_dsl import Diagnostics, Variables, nodes
    from wfe_dsl.builder import Workflow
    from wfe_dsl.compiler import Compiled

    Definition = str | os.PathLike[str] | bytes | Program | Compiled | Workflow
    """What can be registered."""

__all__ = ["Definition", "Definitions", "read_definitions"]

logger = logging.getLogger("wfe")

Result = TypeVar("Result")

SUFFIXES: Final = (".yaml", ".yml", ".wfe", ".wfc", ".py")
TEXT_LANGUAGE: Final = re.compile(r"(?:\s|#[^\n]*(?:\n|\Z))*(?:workflow[ \t]+[\w\"-]|include[ \t]+\")")

if not TYPE_CHECKING:
    Definition = Any


class Definitions(msgspec.Struct, frozen=True):
    """Programs as a store keeps them, and the functions that came with them, by the names they are called by.

    ``own`` are the hashes of those that stand in the definition itself, not in what it includes.
    """

    rows: list[ProgramRow]
    functions: dict[str, Callable[..., Any]]
    own: list[str] = []


async def read_definitions(
    definition: Definition, variables: Mapping[str, Any] | None = None, step_types: Iterable[str] = ()
) -> Definitions:
    """Return the programs of a definition, compiled where they have to be, each verified.

    ``variables`` are what ``((name))`` stands for, ``step_types`` those beyond the built in ones. Raises
    DefinitionError for mistakes in it, NotFound for a file that is not there, TypeError for what is none of these.
    """
    if isinstance(definition, bytes):
        return await _in_thread(_filed, definition, "the compiled file")
    if isinstance(definition, Program):
        return _alone(await _in_thread(_row, definition, None))
    if isinstance(definition, os.PathLike) or (isinstance(definition, str) and _is_path(definition)):
        return await _of_file(os.fspath(definition), variables, tuple(step_types))
    if isinstance(definition, str):
        given = tuple(step_types)
        return await _compiled(lambda found, known: _of_text(definition, found, known, given), variables)
    program = getattr(definition, "program", None)
    if isinstance(program, Program):
        return _alone(await _in_thread(_row, program, getattr(definition, "source_map", None)))
    return await _of_workflow(definition, variables, tuple(step_types))


async def _in_thread(work: Callable[..., Result], *arguments: Any) -> Result:
    """Return what a call gives in a thread of its own, which is gone then; that of a cancelled call ends by itself."""
    pool = ThreadPoolExecutor(1, "wfe-compile")
    calling = pool.submit(copy_context().run, work, *arguments)
    try:
        return await asyncio.wrap_future(calling)
    finally:
        pool.shutdown(wait=calling.done())


def _is_path(text: str) -> bool:
    return "\n" not in text and text.lower().endswith(SUFFIXES)


async def _of_file(path: str, variables: Mapping[str, Any] | None, step_types: tuple[str, ...]) -> Definitions:
    suffix = _suffix_of(path)
    if suffix == ".wfc":
        return await _in_thread(_of_compiled_file, path)
    if suffix == ".py":
        return await _built(lambda found, known: _of_python(path, found, known, step_types), variables)
    return await _compiled(lambda found, known: _of_source(path, found, known, step_types), variables)


def _suffix_of(path: str) -> str:
    if not os.path.exists(path):
        raise NotFound(f"there is no file {path}")
    return os.path.splitext(path)[1].lower()


def _of_compiled_file(path: str) -> Definitions:
    try:
        with open(path, "rb") as file:
            return _filed(file.read(), path)
    except OSError as error:
        raise DefinitionError(f"{path} can't be read: {error.strerror}") from None


def _of_source(
    path: str, diagnostics: Diagnostics, variables: Variables, step_types: tuple[str, ...]
) -> list[Compiled]:
    from wfe_dsl.compiler import UnknownNotation, compile_file

    try:
        return compile_file(path, variables, diagnostics, step_types)
    except UnknownNotation as error:
        raise DefinitionError(str(error)) from None


def _of_python(
    path: str, diagnostics: Diagnostics, variables: Variables, step_types: tuple[str, ...]
) -> nodes.Document | None:
    from wfe_dsl.builder.loading import load_python

    return load_python(path, diagnostics, variables, step_types)


def _of_text(text: str, diagnostics: Diagnostics, variables: Variables, step_types: tuple[str, ...]) -> list[Compiled]:
    from wfe_dsl.compiler import compile_document

    if TEXT_LANGUAGE.match(text):
        from wfe_dsl.text_front.documents import load_source

        document = load_source(text, variables, diagnostics, step_types=step_types)
    else:
        from wfe_dsl.yaml_front import load_yaml_text

        document = load_yaml_text(text, variables, diagnostics, step_types=step_types)
    return [] if document is None else compile_document(document, diagnostics)


async def _of_workflow(workflow: Any, variables: Mapping[str, Any] | None, step_types: tuple[str, ...]) -> Definitions:
    from wfe_dsl.builder import Workflow, document

    if not isinstance(workflow, Workflow):
        what = "a path, a text, a compiled file's bytes, a program or a Workflow of wfe_dsl.builder"
        raise TypeError(f"{type(workflow).__name__} can't be registered; {what} can")
    functions = dict(workflow.functions)
    found = await _built(
        lambda diagnostics, known: document(workflow, variables=known, step_types=step_types, diagnostics=diagnostics),
        variables,
    )
    return Definitions(found.rows, functions, found.own)


async def _built(
    build: Callable[[Diagnostics, Variables], nodes.Document | None], variables: Mapping[str, Any] | None
) -> Definitions:
    """Have a tree built here and now, and compiled in a thread. Raises as ``_compiled``."""
    from wfe_dsl.compiler import compile_document
    from wfe_dsl.diagnostics.model import Diagnostics

    diagnostics = Diagnostics()
    tree = build(diagnostics, _variables(variables))
    return await _compiled(
        lambda found, _: [] if tree is None else compile_document(tree, found), variables, diagnostics
    )


async def _compiled(
    work: Callable[[Diagnostics, Variables], list[Compiled]],
    variables: Mapping[str, Any] | None,
    told: Diagnostics | None = None,
) -> Definitions:
    """Have something compiled in a thread; its warnings go to the log. Raises DefinitionError that shows its errors.

    ``told`` has what was found before.
    """
    from wfe_dsl.diagnostics.model import Diagnostics

    diagnostics = Diagnostics() if told is None else told
    return await _in_thread(_rows_of, work, diagnostics, _variables(variables))


def _rows_of(
    work: Callable[[Diagnostics, Variables], list[Compiled]], diagnostics: Diagnostics, variables: Variables
) -> Definitions:
    from wfe_dsl.diagnostics.render_text import render_text

    compiled = work(diagnostics, variables)
    if diagnostics.has_errors:
        found = diagnostics.in_source_order()
        told = [one for one in found if one.severity != "note"]
        raise DefinitionError(f"the workflow has mistakes:\n{render_text(told).rstrip()}", found)
    warnings = [one for one in diagnostics.in_source_order() if one.severity == "warning"]
    if warnings:
        logger.warning("%s", render_text(warnings).rstrip())
    rows = [_row(one.program, one.source_map) for one in compiled]
    return Definitions(rows, {}, [row.hash for row, one in zip(rows, compiled, strict=True) if one.own])


def _variables(given: Mapping[str, Any] | None) -> Variables:
    from wfe_dsl.variables import Variables

    return Variables(file=dict(given or {}))


def _filed(data: bytes, name: str) -> Definitions:
    try:
        filed = [(one.program, one.source_map, one.data) for one in read_program_file(data)]
    except ProgramError as error:
        raise DefinitionError(f"{name}: {error}") from None
    rows = [_row(program, source_map, encoded) for program, source_map, encoded in filed]
    homes = [home_of(source_map) for _, source_map, _ in filed]
    return Definitions(rows, {}, [row.hash for row, home in zip(rows, homes, strict=True) if home == homes[0]])


def _alone(row: ProgramRow) -> Definitions:
    return Definitions([row], {}, [row.hash])


def _row(program: Program, source_map: SourceMap | None, data: bytes = b"") -> ProgramRow:
    """Return a program as a store keeps it; ``data`` are its bytes where it was compiled before."""
    try:
        check(program)
    except ProgramError as error:
        raise DefinitionError(f"the program of {program.workflow} is not safe to run: {error}") from None
    data = data or encode_program(program)
    packed = b"" if source_map is None else msgspec.msgpack.encode(source_map)
    return ProgramRow(hash_of(data), program.workflow, program.version, data, packed)
