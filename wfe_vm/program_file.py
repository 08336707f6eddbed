"""The compiled file (``.wfc``): all programs of a compilation in one file, with their source maps.

This file owns the container. What is in a program is ``program.py``'s, and whether it is safe to run
is for ``wfe_vm.verify`` to say: reading a file does not ask.

The file is a header and a body. The header is the magic (8 bytes), the format (2 bytes), the length
of the body (8 bytes, both little end first) and a sha256 over all of the file but itself. The body is
msgpack: a row for each program with its hash, its canonical bytes and its source map or null.

Rules:

1. Equal programs in equal order give equal bytes, on every host: no time, no name of a machine.
2. A file is read whole or refused whole, by a code and a message that says what to do. Source maps alone, which
   no run needs and which are larger than the programs, are looked at when they are asked for.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable
from typing import Final

import msgspec

from .collector import collector_off
from .errors import ProgramError
from .program import Program, SourceMap, decode_program, encode_program, hash_of

__all__ = ["FILE_FORMAT", "FiledProgram", "read_program_file", "write_program_file"]

FILE_FORMAT: Final = 1
"""Of the container; raised when an old host could not read a new file."""

# As with PNG: a byte over 127, both kinds of line end and the DOS end of file show a file that went
# through a transfer for text.
_MAGIC: Final = b"\x89WFC\r\n\x1a\n"
_HEADER: Final = struct.Struct("<8sHQ32s")
_CHECKED_HEADER: Final = struct.Struct("<8sHQ")
_AGAIN: Final = "compile the workflow again with `wfec compile`"


class FiledProgram(msgspec.Struct, frozen=True):
    """A program as a file holds it. ``hash`` is its identity, ``packed_map`` its source map as the file has it.

    ``data`` is what the hash is of: encoded anew, a program of an older release may have other bytes.
    """

    program: Program
    hash: str
    packed_map: bytes
    data: bytes

    @property
    def source_map(self) -> SourceMap | None:
        """The source map; None where none was kept. Raises ProgramError (``file-damaged``) where it is none."""
        try:
            return _map_decoder.decode(self.packed_map)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ProgramError(
                "file-damaged", f"a source map in the compiled file can't be read ({error}): {_AGAIN}"
            ) from error


class _Row(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    hash: str
    data: bytes
    source_map: msgspec.Raw


_encoder = msgspec.msgpack.Encoder(order="deterministic")
_decoder = msgspec.msgpack.Decoder(tuple[_Row, ...])
_map_decoder: msgspec.msgpack.Decoder[SourceMap | None] = msgspec.msgpack.Decoder(SourceMap | None)


def write_program_file(programs: Iterable[tuple[Program, SourceMap | None]]) -> bytes:
    """Return the bytes of a file that holds these programs, in this order."""
    rows = []
    for program, source_map in programs:
        data = encode_program(program)
        rows.append(_Row(hash_of(data), data, msgspec.Raw(_encoder.encode(source_map))))
    body = _encoder.encode(rows)
    head = _CHECKED_HEADER.pack(_MAGIC, FILE_FORMAT, len(body))
    return head + _digest(head, body) + body


def read_program_file(data: bytes) -> list[FiledProgram]:
    """Return the programs of a file, in its order.

    Raises ProgramError: ``file-magic`` for bytes that are no compiled file, ``file-format`` for one of
    a newer release, ``file-length`` for one cut short or extended, ``file-damaged`` for one that was
    altered, and what ``decode_program`` raises for a program of a newer release.
    """
    if data[: len(_MAGIC)] != _MAGIC:
        raise ProgramError("file-magic", "this is no compiled workflow file (.wfc)")
    if len(data) < _HEADER.size:
        raise ProgramError("file-length", f"the compiled file ends within its header: {_AGAIN}")
    _, file_format, length, digest = _HEADER.unpack_from(data)
    if file_format > FILE_FORMAT:
        raise ProgramError(
            "file-format",
            f"the compiled file has format {file_format}, this host reads up to {FILE_FORMAT}: upgrade wfe",
        )
    body = memoryview(data)[_HEADER.size :]
    if length != len(body):
        what = "cut short" if len(body) < length else "followed by other bytes"
        raise ProgramError("file-length", f"the compiled file was {what} ({len(body)} of {length} bytes): {_AGAIN}")
    if digest != _digest(data[: _CHECKED_HEADER.size], body):
        raise ProgramError("file-damaged", f"the compiled file was altered: {_AGAIN}")
    try:
        rows = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProgramError("file-damaged", f"the compiled file does not hold programs ({error}): {_AGAIN}") from error
    with collector_off():
        return [_filed(row) for row in rows]


def _filed(row: _Row) -> FiledProgram:
    if hash_of(row.data) != row.hash:
        raise ProgramError("file-damaged", f"a program in the file is not what its hash says: {_AGAIN}")
    return FiledProgram(decode_program(row.data), row.hash, bytes(row.source_map), row.data)


def _digest(head: bytes, body: bytes | memoryview) -> bytes:
    digest = hashlib.sha256(head)
    digest.update(body)
    return digest.digest()
