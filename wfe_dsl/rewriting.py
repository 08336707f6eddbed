"""Files written again: laid out anew, or in another notation, and held to mean the same.

Owns which notations there are and what "the same" is: the programs of all workflows have the hashes that they
had. Where a load-time variable has no value there is no program yet; then the trees have to be equal, variables
and all. Nothing is written to any file here.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable
from typing import Any, Final

import msgspec

from wfe_vm.errors import InternalError

from . import nodes
from .comments import Comments
from .compiler import UnknownNotation, compile_document
from .data_keys import without_data_keys
from .diagnostics.model import Diagnostics
from .suggest import did_you_mean
from .variables import Variables

__all__ = ["NOTATIONS", "Moved", "Place", "convert", "format_file", "notation_of"]

_UNRESOLVED: Final = "WFE0030"


class Place(msgspec.Struct, frozen=True):
    """A file: ``name`` as the user named it, ``path`` absolute."""

    name: str
    path: str


Read = Callable[[str, Place, Variables, Diagnostics], nodes.Document | None]


class Notation(msgspec.Struct, frozen=True):
    """How files of a notation are read and written. ``format`` and ``comments`` None: it has none."""

    suffixes: tuple[str, ...]
    read: Read
    print: Callable[[nodes.Document, Comments], str]
    comments: Callable[[str], Comments] | None = None
    format: Callable[[str, str], str] | None = None
    keeps_variables: bool = True
    has_data_keys: bool = False


class Moved(Exception):
    """What was converted means something else at its place: scripts are found relative to the file."""


class Meaning(msgspec.Struct, frozen=True):
    """What a file means. ``hashes`` are by id and version; None where a variable has no value."""

    document: nodes.Document
    kept: nodes.Document
    hashes: tuple[tuple[str, int, str], ...] | None

    def equals(self, other: Meaning) -> bool:
        if self.hashes is not None and other.hashes is not None:
            return sorted(self.hashes) == sorted(other.hashes)
        return self.hashes is other.hashes and _structure(self.kept) == _structure(other.kept)


def notation_of(path: str) -> str:
    """Return the name of the notation that a file's name says. Raises UnknownNotation."""
    suffix = os.path.splitext(path)[1].lower()
    for name, notation in NOTATIONS.items():
        if suffix in notation.suffixes:
            return name
    known = [suffix for notation in NOTATIONS.values() for suffix in notation.suffixes]
    hint = did_you_mean(suffix, known) or f"the suffix is one of {', '.join(known)}"
    raise UnknownNotation(f"{path}: {hint}" if suffix else f"{path} has no suffix; {hint}")


def format_file(text: str, place: Place, variables: Variables, diagnostics: Diagnostics) -> str | None:
    """Return a file in canonical layout; None where it has errors, which then are in ``diagnostics``.

    Raises UnknownNotation for a notation that is not laid out, InternalError where the result would mean
    something else.
    """
    name = notation_of(place.path)
    layout = NOTATIONS[name].format
    if layout is None:
        raise UnknownNotation(f"{place.name} is no workflow file that is laid out here")
    before = _meaning(name, text, place, variables, diagnostics)
    if before is None:
        return None
    result = layout(text, place.path)
    if result != text:
        after = _meaning(name, result, place, variables, Diagnostics())
        if after is None or not before.equals(after):
            raise InternalError(f"{place.name}: formatting would change what the file means")
    return result


def convert(
    text: str, place: Place, to: str, target: Place, variables: Variables, diagnostics: Diagnostics
) -> str | None:
    """Return a file in the notation ``to``; None where it has errors, which then are in ``diagnostics``.

    ``target`` is where the result is to lie. Raises NoSpelling for what the notation can't say, Moved where the
    place changes what the file means, InternalError where the notation does.
    """
    source, notation = NOTATIONS[notation_of(place.path)], NOTATIONS[to]
    before = _meaning(notation_of(place.path), text, place, variables, diagnostics, to)
    if before is None:
        return None
    document = before.kept if notation.keeps_variables else before.document
    if not notation.has_data_keys:
        document = without_data_keys(document)
    comments = Comments() if source.comments is None else source.comments(text)
    result = notation.print(document, comments)
    after = _meaning(to, result, target, variables, Diagnostics())
    if after is not None and before.equals(after):
        return result
    if os.path.dirname(target.path) != os.path.dirname(place.path):
        beside = Place(target.name, os.path.join(os.path.dirname(place.path), os.path.basename(target.path)))
        there = _meaning(to, result, beside, variables, Diagnostics())
        if there is not None and before.equals(there):
            raise Moved
    raise InternalError(f"{place.name}: the converted file would mean something else")


def _meaning(
    name: str, text: str, place: Place, variables: Variables, diagnostics: Diagnostics, to: str = ""
) -> Meaning | None:
    """Return what a text means; None, with its errors in ``diagnostics``, where it has any that matter here.

    A variable without a value is none, unless the notation ``to`` can't keep it.
    """
    notation = NOTATIONS[name]
    plain = Diagnostics()
    document = notation.read(text, place, variables, plain)
    programs = [] if document is None else compile_document(document, plain)
    errors = [found for found in plain.found if found.severity == "error"]
    keeps = notation.keeps_variables and (not to or NOTATIONS[to].keeps_variables)
    if document is None or any(found.code != _UNRESOLVED or not keeps for found in errors):
        diagnostics.found += errors
        return None
    kept = document
    if keeps:
        lasting = Diagnostics()
        read = notation.read(text, place, variables.kept(), lasting)
        if read is None or lasting.has_errors:
            diagnostics.found += [found for found in lasting.found if found.severity == "error"]
            return None
        kept = read
    hashes = tuple((one.program.workflow, one.program.version, one.hash) for one in programs)
    return Meaning(document, kept, None if errors else hashes)


def _structure(document: nodes.Document) -> Any:
    return nodes.structure(without_data_keys(document).workflows)


def _read_file(text: str, place: Place, variables: Variables, diagnostics: Diagnostics) -> nodes.Document | None:
    from .yaml_front import load_yaml_text

    # Which of the two notations it is, the suffix tells.
    return load_yaml_text(text, variables, diagnostics, place.name, place.path)


def _read_python(text: str, place: Place, variables: Variables, diagnostics: Diagnostics) -> nodes.Document | None:
    """Run a text as the Python file that it is, or is to be."""
    from .builder import load_python

    with contextlib.ExitStack() as stack:
        path = place.path
        if not _holds(path, text):
            # In a folder of its own, as a module is called what its file is called.
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="wfe-convert-"))
            path = os.path.join(folder, os.path.basename(path))
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        return load_python(path, diagnostics, variables)


def _holds(path: str, text: str) -> bool:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read() == text
    except (OSError, UnicodeDecodeError):
        return False


def _print_yaml(document: nodes.Document, comments: Comments) -> str:
    from .yaml_front.printer import print_document

    return print_document(document, comments)


def _print_text(document: nodes.Document, comments: Comments) -> str:
    from .text_front.printer import print_document

    return print_document(document, comments)


def _print_python(document: nodes.Document, comments: Comments) -> str:
    from .builder.printer import print_document

    return print_document(document, comments)


def _yaml_comments(text: str) -> Comments:
    from .yaml_front.comments import read_comments

    return read_comments(text)


def _text_comments(text: str) -> Comments:
    from .text_front import read_comments

    return read_comments(text)


def _format_text(text: str, path: str) -> str:
    from .text_front import format_text

    return format_text(text, path)


def _format_yaml(text: str, path: str) -> str:
    from .yaml_front.format import format_yaml

    return format_yaml(text, path)


NOTATIONS: Final[dict[str, Notation]] = {
    "yaml": Notation((".yaml", ".yml"), _read_file, _print_yaml, _yaml_comments, _format_yaml, has_data_keys=True),
    "wfe": Notation((".wfe",), _read_file, _print_text, _text_comments, _format_text, has_data_keys=True),
    "python": Notation((".py",), _read_python, _print_python, keeps_variables=False, has_data_keys=True),
}
