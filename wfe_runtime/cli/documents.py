"""Maps that users keep in files: inputs and load-time variables, as JSON or YAML."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Final

import msgspec

from .exits import NOT_FOUND, UsageError
from .json_texts import RepeatedKey, read_json

if TYPE_CHECKING:
    from wfe_dsl.variables import Variables

__all__ = ["VariableSources", "read_map", "read_variables", "split_assignment", "variable_sources"]

MAX_BYTES: Final = 16 * 1024 * 1024
"""As of any document."""
_EMPTY: Final = "WFE0012"
_NO_MAP: Final = "WFE0013"
_MAP_HELP: Final = "it is a JSON object or a YAML map from names to values"


class VariableSources(msgspec.Struct, frozen=True):
    """Where load-time variables come from, as they were written; all equal: the variables are equal too."""

    assignments: tuple[tuple[str, str], ...] = ()
    file: str | None = None
    content: bytes = b""
    config: str = ""

    def __bool__(self) -> bool:
        return self != VariableSources()

    def variables(self) -> Variables:
        """Return the variables. Raises UsageError."""
        from wfe_dsl.variables import Variables, VariablesError, parse_config

        content = None if self.file is None else _map_of(self.content, self.file, "--vars-file")
        try:
            return Variables(self.assignments, content, parse_config(self.config) if self.config else None)
        except VariablesError as error:
            raise UsageError(str(error)) from None


def read_map(path: str, what: str) -> dict[str, Any]:
    """Return the map that a file holds; ``-`` is standard input. ``what`` names its purpose in messages.

    Raises UsageError for what is no map, CommandError (4) for a file that is not there.
    """
    return _map_of(_read(path, what), path, what)


def variable_sources(assignments: list[str], path: str | None) -> VariableSources:
    """Return what ``--var``, ``--vars-file`` and ``WFE_CONFIG`` hold, not looked at yet. Raises UsageError."""
    return VariableSources(
        tuple(split_assignment(text, "--var") for text in assignments),
        path,
        b"" if path is None else _read(path, "--vars-file"),
        os.environ.get("WFE_CONFIG", ""),
    )


def read_variables(assignments: list[str], path: str | None) -> Variables:
    """Return the load-time variables of ``--var``, ``--vars-file`` and ``WFE_CONFIG``. Raises UsageError."""
    return variable_sources(assignments, path).variables()


def _map_of(data: bytes, path: str, what: str) -> dict[str, Any]:
    name = "<standard input>" if path == "-" else path
    if data.lstrip()[:1] == b"{":
        try:
            return _as_map(read_json(data), name, what)
        except RepeatedKey as error:
            raise UsageError(f"{what} {name}:{error.place}: {error}", "keep one of them") from None
        except (ValueError, UnicodeDecodeError):
            pass  # YAML's own braces, or a mistake that the YAML reader places by line
    from wfe_dsl.diagnostics.model import Diagnostics
    from wfe_dsl.diagnostics.render_text import render_text
    from wfe_dsl.source import SourceError, SourceFile
    from wfe_dsl.yaml_front.reader import read_yaml

    diagnostics = Diagnostics()
    try:
        result = read_yaml(SourceFile.from_bytes(name, data), diagnostics)
    except SourceError as error:
        raise UsageError(f"{what} {name} can't be read: {error.message}") from None
    shapes = {found.code for found in diagnostics.found} & {_EMPTY, _NO_MAP}
    if shapes:  # what the reader says of these is meant for workflow files
        raise UsageError(f"{what} {name} {'is empty' if _EMPTY in shapes else 'holds no map'}", _MAP_HELP)
    if diagnostics.has_errors or result.root is None:
        shown = render_text(diagnostics.in_source_order()).rstrip()
        raise UsageError(f"{what} {name} holds no map that can be used:\n{shown}", "it is a JSON object or a YAML map")
    return _as_map(_plain(result.root), name, what)


def split_assignment(text: str, option: str) -> tuple[str, str]:
    """Return the name and the text of ``name=text``. Raises UsageError where it is none."""
    name, separator, value = text.partition("=")
    if not separator or not name.strip():
        raise UsageError(f"{option} {text!r} is no assignment", f"write it as {option} name=value")
    return name.strip(), value


def _read(path: str, what: str) -> bytes:
    try:
        if path == "-":
            if sys.stdin is None:  # the caller closed it
                raise UsageError(f"{what}: standard input is closed", "pipe the map in, or name a file")
            return sys.stdin.buffer.read(MAX_BYTES + 1)
        with open(path, "rb") as file:
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise UsageError(f"{what}: there is no file {path}", exit_code=NOT_FOUND) from None
    except OSError as error:
        raise UsageError(f"{what}: {path} can't be read: {error.strerror}") from None


def _as_map(value: Any, name: str, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UsageError(f"{what} {name} holds no map", _MAP_HELP)
    return value


def _plain(node: Any) -> Any:
    """Return a tree of the YAML reader as plain data. The reader bounds its depth."""
    from wfe_dsl.yaml_front.tree import Listing, Mapping, Scalar

    if isinstance(node, Mapping):
        return {key: _plain(entry.value) for key, entry in node.entries.items()}
    if isinstance(node, Listing):
        return [_plain(item) for item in node.items]
    return node.value if isinstance(node, Scalar) else None
