"""What a script gives: lines ``##wfe[output name=value]`` it prints, and the two files it may write.

Owns the forms and what beats what. Does not know where the bytes come from.

Rules:

1. A marker counts only as a whole line of standard output, from its first character on. Spaces round
   the name don't belong to it; the value is everything from the first ``=`` to the last ``]``.
2. ``$WFE_OUTPUT_JSON`` beats ``$WFE_OUTPUT`` beats markers; within one the last of a name wins.
3. Markers and ``$WFE_OUTPUT`` give texts, which the declared type reads; undeclared, a text is typed only
   where printing the value gives the same text back. JSON gives values, taken as they are.
4. An output with a path of one name is read from the text of that name by its own type. Where a path goes
   deeper, the text it starts from is read as JSON if it is JSON. Following the path is the machine's work.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from wfe_vm.program import Output
from wfe_vm.typeterms import TextValueError, Type, parse_type, read_text, read_undeclared
from wfe_vm.values import describe, parse_json

from .problems import TaskProblem

__all__ = [
    "FILE_BYTES",
    "MARKERS_BYTES",
    "MARKER_BYTES",
    "MarkerScanner",
    "Tail",
    "parse_json_file",
    "parse_text_file",
    "read_outputs",
]

MARKER_BYTES: Final = 1024 * 1024
"""Of one marker line; it is held in memory until it ends. A longer value belongs in a file."""

FILE_BYTES: Final = 900 * 1024 * 1024
"""Of each output file: what a store can keep as one value. It is read whole, and is in memory some ten times over until
it is stored."""

MARKERS_BYTES: Final = 16 * 1024 * 1024
"""Of all markers of a step together: they are held in memory while it runs."""

_PREFIX: Final = b"##wfe[output "
_ENTRY_BYTES: Final = 100  # what a name and a value take beside their own bytes, about


class MarkerScanner:
    """Finds markers in standard output as it comes, in memory that does not grow with it."""

    def __init__(self) -> None:
        self._found: dict[str, str] = {}
        self._bytes = 0
        self._held = b""  # the beginning of a line that may be a marker
        self._inside = False  # in the middle of a line that is none
        self._problem: TaskProblem | None = None

    def feed(self, data: bytes) -> None:
        """Take the next piece, cut anywhere."""
        if self._inside:
            end = data.find(b"\n")
            if end < 0:
                return
            data = data[end + 1 :]
            self._inside = False
        if self._held:
            data = self._held + data
            self._held = b""
        last = data.rfind(b"\n") + 1
        at = data.find(_PREFIX, 0, last)
        while at >= 0:
            end = data.find(b"\n", at)
            if at == 0 or data[at - 1] == 10:
                self._take(data[at:end])
            at = data.find(_PREFIX, end, last)
        self._hold(data[last:])

    def finish(self) -> dict[str, str]:
        """Take the last line, which may lack its newline, and return what was found.

        Raises TaskProblem (``limit``) if a marker or all of them together were too long.
        """
        if self._held:
            self._take(self._held)
            self._held = b""
        if self._problem is not None:
            raise self._problem
        return self._found

    def _hold(self, rest: bytes) -> None:
        if not rest:
            return
        if not (rest.startswith(_PREFIX) or _PREFIX.startswith(rest)):
            self._inside = True
        elif len(rest) > MARKER_BYTES:
            self._inside = True
            self._refuse(rest)
        else:
            self._held = rest

    def _take(self, line: bytes) -> None:
        if len(line) > MARKER_BYTES:
            self._refuse(line)
            return
        line = line.rstrip(b" \t\r")
        name, equals, value = line[len(_PREFIX) : -1].partition(b"=")
        name = name.strip()
        if not (line.startswith(_PREFIX) and line.endswith(b"]") and equals and name):
            return
        key, text = name.decode("utf-8", "replace"), value.decode("utf-8", "replace")
        former = self._found.get(key)
        self._bytes += len(text) if former is None else len(text) - len(former)
        if former is None:
            self._bytes += len(key) + _ENTRY_BYTES
        if self._bytes > MARKERS_BYTES:
            self._problem = self._problem or TaskProblem(
                "limit", f"the outputs that the step printed are more than {MARKERS_BYTES} bytes", limit=MARKERS_BYTES
            )
            return
        self._found[key] = text

    def _refuse(self, line: bytes) -> None:
        name = line[len(_PREFIX) : len(_PREFIX) + 200].partition(b"=")[0].strip().decode("utf-8", "replace")
        self._problem = self._problem or TaskProblem(
            "limit",
            f"the printed output {name} is longer than the {MARKER_BYTES} bytes a line of it may have; "
            "write it to $WFE_OUTPUT or $WFE_OUTPUT_JSON instead",
            output=name,
            limit=MARKER_BYTES,
        )


class Tail:
    """The last bytes of a stream."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._held = bytearray()
        self._cut = False

    def feed(self, data: bytes) -> None:
        """Take the next piece."""
        if len(data) >= self._limit:
            self._cut = self._cut or bool(self._held) or len(data) > self._limit
            self._held[:] = data[-self._limit :]
            return
        self._held += data
        if len(self._held) > 2 * self._limit:  # seldom, so that the copying doesn't count
            self._trim()

    def text(self) -> str:
        """Return what is held, bytes that are no UTF-8 replaced; a character that was cut in two is left out."""
        if len(self._held) > self._limit:
            self._trim()
        start = 0
        if self._cut:
            while start < min(3, len(self._held)) and self._held[start] & 0xC0 == 0x80:
                start += 1
        return self._held[start:].decode("utf-8", "replace")

    def _trim(self) -> None:
        del self._held[: -self._limit]
        self._cut = True


def parse_text_file(content: bytes) -> dict[str, str]:
    """Return what lines ``name=value`` say; the last of a name wins. Empty lines say nothing.

    Raises TaskProblem (``type``) for a line without ``=`` or without a name.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(content.decode("utf-8", "replace").split("\n"), 1):
        line = line.removesuffix("\r")
        name, equals, value = line.partition("=")
        name = name.strip()
        if equals and name:
            found[name] = value
        elif line.strip():
            raise TaskProblem(
                "type", f"line {number} of $WFE_OUTPUT is not name=value: {describe(line)}", field="WFE_OUTPUT"
            )
    return found


def parse_json_file(content: bytes) -> dict[str, Any]:
    """Return the members of the object that the file holds; an empty file holds none.

    Raises TaskProblem (``type``) if it is no JSON, no object, or holds what no run can keep.
    """
    if not content.strip():
        return {}
    try:
        value = parse_json(content)
    except ValueError as error:
        raise TaskProblem("type", f"$WFE_OUTPUT_JSON can't be read: {error}", field="WFE_OUTPUT_JSON") from None
    if type(value) is not dict:
        raise TaskProblem(
            "type", f"$WFE_OUTPUT_JSON is to hold an object, not {describe(value)}", field="WFE_OUTPUT_JSON"
        )
    return value


def read_outputs(texts: dict[str, str], values: dict[str, Any], declared: Sequence[Output]) -> dict[str, Any]:
    """Return a step's outputs: ``texts`` read by their types, ``values`` as they are and over them.

    Raises TaskProblem (``type``) that names the output and shows the text if its type can't read it.
    """
    types: dict[str, Type] = {}
    roots: set[str] = set()
    for output in declared:
        if len(output.path) > 1:
            roots.add(output.path[0])
    for output in declared:
        if len(output.path) == 1:
            types.setdefault(output.path[0], _type_of(output.type))
    for output in declared:
        if not output.path:
            types[output.name] = _type_of(output.type)
    outputs: dict[str, Any] = {}
    for name, text in texts.items():
        if name in values:
            continue
        if name in types:
            try:
                outputs[name] = read_text(text, types[name])
            except TextValueError as error:
                raise TaskProblem("type", f"output {name}: {error}", output=name) from None
        elif name in roots:
            outputs[name] = _json_or_text(text)
        else:
            outputs[name] = read_undeclared(text)
    return outputs | values


@lru_cache(maxsize=1024)
def _type_of(term: str) -> Type:
    return parse_type(term)


def _json_or_text(text: str) -> Any:
    try:
        return parse_json(text)
    except ValueError:
        return text
