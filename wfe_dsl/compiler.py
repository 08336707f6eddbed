"""From a tree, or a file, to programs: the order of the passes, and what they hand to each other.

::

    document -> families -> resolve -> prepare tasks -> check -> lower -> verify -> bytes and hash

This file owns that order. All workflows are checked before any is compiled; with an error nowhere but
in one of them there is still no program, as others may start it.

Rules: every pass goes on after a mistake and reports to the same diagnostics; a program that the
machine's verifier refuses is a bug of ours and raises InternalError.
"""

from __future__ import annotations

import os
from collections.abc import Collection

import msgspec

from wfe_vm.collector import collector_off
from wfe_vm.errors import InternalError
from wfe_vm.program import Program, SourceMap, encode_program, hash_of
from wfe_vm.verify import verify

from . import nodes
from .check import check_workflow
from .check_events import check_events
from .children import Family
from .diagnostics.model import Diagnostic, Diagnostics, Label
from .lower import lower_workflow
from .resolve import resolve_workflow
from .resolved import Resolved
from .secret_uses import take_secrets
from .suggest import did_you_mean
from .tasks import prepare_task
from .variables import Variables

__all__ = ["Compiled", "UnknownNotation", "check_document", "compile_document", "compile_file"]

SUFFIXES = (".yaml", ".yml", ".wfe", ".py")


class Compiled(msgspec.Struct, frozen=True):
    """One workflow, compiled. ``bytes`` is the program's canonical encoding, ``hash`` its sha256 in hex.

    ``own``: whether the workflow stands in the file that was named, not in one that it includes.
    """

    program: Program
    source_map: SourceMap
    hash: str
    bytes: bytes
    own: bool = True


class UnknownNotation(ValueError):
    """A file whose name does not say in which notation it is written."""


def compile_file(
    path: str | os.PathLike[str], variables: Variables, diagnostics: Diagnostics, step_types: Collection[str] = ()
) -> list[Compiled]:
    """Return the programs of a file and of what it includes, in the order of the text.

    ``path`` is as the user wrote it; a file of Python is run. ``step_types`` are the installed types of steps beyond
    those built in. The list is empty where ``diagnostics`` has errors. Raises UnknownNotation for an unknown suffix.
    """
    with collector_off():
        document = read_document(path, variables, diagnostics, step_types)
        return [] if document is None else compile_document(document, diagnostics)


def read_document(
    path: str | os.PathLike[str], variables: Variables, diagnostics: Diagnostics, step_types: Collection[str] = ()
) -> nodes.Document | None:
    """Return the tree of a file by the front end that its suffix names; None where nothing could be read.

    A file of Python is run, with all that stands in it.
    """
    path = os.fspath(path)
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in SUFFIXES:
        hint = did_you_mean(suffix, SUFFIXES)
        known = f"{', '.join(SUFFIXES)} files are read"
        raise UnknownNotation(f"{path}: {hint or known}" if suffix else f"{path} has no suffix; {known}")
    if suffix == ".wfe":
        from .text_front import load_text

        return load_text(path, variables, diagnostics, step_types=step_types)
    if suffix == ".py":
        from .builder import load_python

        return load_python(path, diagnostics, variables, step_types)
    from .yaml_front import load_yaml

    return load_yaml(path, variables, diagnostics, step_types=step_types)


def compile_document(document: nodes.Document, diagnostics: Diagnostics) -> list[Compiled]:
    """Return the programs of a document's workflows in the order of the text; none where there are errors."""
    with collector_off():
        family, order = check_document(document, diagnostics)
        if diagnostics.has_errors:
            return []
        hashes: dict[tuple[str, int], str] = {}
        compiled: dict[tuple[str, int], Compiled] = {}
        own = {id(workflow) for workflow in document.workflows[: document.own]}
        for resolved in order:
            key = (resolved.workflow.id, resolved.workflow.version)
            compiled[key] = _compile(resolved, family, hashes, id(resolved.workflow) in own)
            hashes[key] = compiled[key].hash
    return [compiled[workflow.id, workflow.version] for workflow in document.workflows]


def _compile(resolved: Resolved, family: Family, hashes: dict[tuple[str, int], str], own: bool) -> Compiled:
    program, source_map = lower_workflow(resolved, family, hashes)
    problems = verify(program)
    if problems:
        raise InternalError(f"the compiler made a program that is refused: {problems[0]}")
    data = encode_program(program)
    return Compiled(program, source_map, hash_of(data), data, own)


def check_document(document: nodes.Document, diagnostics: Diagnostics) -> tuple[Family, list[Resolved]]:
    """Check all workflows of a document; return them with their names known, children before parents."""
    with collector_off():
        _check_identities(document, diagnostics)
        family = Family(document)
        order = [resolve_workflow(workflow, diagnostics) for workflow in family.children_first(diagnostics)]
        for resolved in order:
            for info in resolved.steps:
                prepare_task(info, resolved.workflow, diagnostics)
                take_secrets(info, resolved, diagnostics)
        for resolved in order:
            check_workflow(resolved, family, diagnostics)
        check_events([resolved.workflow for resolved in order], diagnostics)
        _tell_once(diagnostics)
    return family, order


def _check_identities(document: nodes.Document, diagnostics: Diagnostics) -> None:
    seen: dict[tuple[str, int], nodes.Workflow] = {}
    for workflow in document.workflows:
        first = seen.setdefault((workflow.id, workflow.version), workflow)
        if first is not workflow and workflow.id:
            diagnostics.add(
                "WFE0109",
                f"the workflow `{workflow.id}` version {workflow.version} is given twice",
                workflow.id_span,
                "give one of them another version or another id",
                (Label(first.id_span, "the first one stands here"),),
            )


def _tell_once(diagnostics: Diagnostics) -> None:
    """Drop what is told of the same place twice: a default's mistake is found in every task it serves."""
    seen: set[tuple[str, str, str, int, int]] = set()
    kept: list[Diagnostic] = []
    for found in diagnostics.found:
        span = found.span
        key = (found.code, found.message, span.source.name, span.line, span.column)
        if key not in seen:
            seen.add(key)
            kept.append(found)
    diagnostics.found[:] = kept
