"""Workflow files as text, for the verbs that write them again."""

from __future__ import annotations

import os
import sys

from wfe_dsl.compiler import UnknownNotation
from wfe_dsl.diagnostics.model import Diagnostics
from wfe_dsl.diagnostics.render_text import render_text, summary
from wfe_dsl.rewriting import Place, notation_of
from wfe_dsl.source import SourceError, SourceFile

from .definitions import missing_path, use_colour
from .exits import DEFINITION, CommandError, UsageError
from .output import print_error

__all__ = ["check_source", "place_of", "print_errors", "read_source"]


def place_of(path: str) -> Place:
    """Return where a file lies, as a path and as the user named it."""
    return Place(path, os.path.abspath(path))


def check_source(path: str) -> str:
    """Return the notation of a file. Raises CommandError (4) for one that is not there, UsageError for no such file."""
    if not os.path.exists(path):
        raise missing_path(path)
    if os.path.isdir(path):
        raise UsageError(f"{path} is a folder", "name a file in it")
    try:
        return notation_of(path)
    except UnknownNotation as error:
        raise UsageError(str(error)) from None


def read_source(path: str) -> str:
    """Return the text of a file. Raises CommandError where it can't be read or holds what no text may."""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from None
    try:
        return SourceFile.from_bytes(path, data).text
    except SourceError as error:
        where = error.span
        message = f"{path}:{where.line}:{where.column}: {error.message}"
        raise CommandError(message, "`wfec check` says how to mend it", DEFINITION) from None


def print_errors(diagnostics: Diagnostics) -> None:
    """Show what keeps a file from being written again, on standard error."""
    shown = render_text(diagnostics.in_source_order(), use_colour(sys.stderr))
    print_error(f"{shown}{summary(diagnostics.found)}")
