"""The compiled file (``.wfc``): all programs of a compilation in one file, with their source maps.

This file owns the container. What is in a program is ``program.py``'s, and whether it is safe to run
is for ``wfe_vm.verify`` to say: reading a file does not ask.

The file is a header, a table and parts. The header is the magic (8 bytes), the format (2 bytes), the length of what
follows it and that of the table (8 bytes each, all little end first) and a sha256 over itself and the table. The table
is msgpack: a row for each program with its hash, its length and the hash and the length of its source map. The parts
are canonical bytes and source map of each program in turn, one after another. So each byte is hashed once, when it is
read: hashing is a good part of what it takes to load a program.

A file of format 1 has no table: its header lacks that length, and its sha256 is over all of the file but itself. Its
body is msgpack: a row for each program with its hash, its canonical bytes and its source map.

Rules:

1. Equal programs in equal order give equal bytes, on every host: no time, no name of a machine.
2. A file is read whole or refused whole, by a code and a message that says what to do. Source maps alone, which
   no run needs and which are larger than the programs, are decoded when they are asked for.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable
from typing import Final, TypeVar

import msgspec

from .collector import collector_off
from .errors import ProgramError
from .program import Program, SourceMap, decode_program, encode_program, hash_of

__all__ = ["FILE_FORMAT", "FiledProgram", "read_program_file", "write_program_file"]

FILE_FORMAT: Final = 2
"""Of the container; raised when an old host could not read a new file."""

# As with PNG: a byte over 127, both kinds of line end and the DOS end of file show a file that went
# through a transfer for text.
_MAGIC: Final = b"\x89WFC\r\n\x1a\n"
_BEGINNING: Final = struct.Struct("<8sH")
_LENGTHS: Final = struct.Struct("<QQ")
_FIRST_LENGTH: Final = struct.Struct("<Q")
_DIGEST_BYTES: Final = 32
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


class _Entry(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A row of the table."""

    hash: str
    length: int
    map_digest: bytes
    map_length: int


class _Row(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A row of a file of format 1."""

    hash: str
    data: bytes
    source_map: msgspec.Raw


_encoder = msgspec.msgpack.Encoder(order="deterministic")
_table_decoder = msgspec.msgpack.Decoder(tuple[_Entry, ...])
_rows_decoder = msgspec.msgpack.Decoder(tuple[_Row, ...])
_map_decoder: msgspec.msgpack.Decoder[SourceMap | None] = msgspec.msgpack.Decoder(SourceMap | None)


def write_program_file(programs: Iterable[tuple[Program, SourceMap | None]]) -> bytes:
    """Return the bytes of a file that holds these programs, in this order."""
    table: list[_Entry] = []
    parts: list[bytes] = []
    for program, source_map in programs:
        data, packed_map = encode_program(program), _encoder.encode(source_map)
        table.append(_Entry(hash_of(data), len(data), hashlib.sha256(packed_map).digest(), len(packed_map)))
        parts += (data, packed_map)
    packed = _encoder.encode(table)
    lengths = _LENGTHS.pack(len(packed) + sum(map(len, parts)), len(packed))
    head = _BEGINNING.pack(_MAGIC, FILE_FORMAT) + lengths
    return b"".join((head, _digest(head, packed), packed, *parts))


def read_program_file(data: bytes) -> list[FiledProgram]:
    """Return the programs of a file, in its order.

    Raises ProgramError: ``file-magic`` for bytes that are no compiled file, ``file-format`` for one of
    a newer release, ``file-length`` for one cut short or extended, ``file-damaged`` for one that was
    altered, and what ``decode_program`` raises for a program of a newer release.
    """
    if data[: len(_MAGIC)] != _MAGIC:
        raise ProgramError("file-magic", "this is no compiled workflow file (.wfc)")
    if len(data) < _BEGINNING.size:
        raise _ends_in_header()
    _, file_format = _BEGINNING.unpack_from(data)
    if file_format > FILE_FORMAT:
        raise ProgramError(
            "file-format",
            f"the compiled file has format {file_format}, this host reads up to {FILE_FORMAT}: upgrade wfe",
        )
    rows = _read_rows(data) if file_format < 2 else _read_parts(data)
    with collector_off():
        return [_filed(row) for row in rows]


def _read_parts(data: bytes) -> list[_Row]:
    """Return what the table and the parts hold, the source maps intact, the programs not looked at yet."""
    (_, size), rest = _opened(data, _LENGTHS)
    table = _decoded(rest[:size], _table_decoder)
    rows: list[_Row] = []
    end = size
    for entry in table:
        start, middle = end, end + entry.length
        end = middle + entry.map_length
        if not start <= middle <= end <= len(rest):
            raise _damaged("its table does not fit it")
        source_map = rest[middle:end]
        if hashlib.sha256(source_map).digest() != entry.map_digest:
            raise _damaged("it was altered")
        rows.append(_Row(entry.hash, bytes(rest[start:middle]), msgspec.Raw(source_map)))
    if end != len(rest):
        raise _damaged("its table does not fit it")
    return rows


def _read_rows(data: bytes) -> tuple[_Row, ...]:
    """Return what a file of format 1 holds, the programs not looked at yet."""
    _, body = _opened(data, _FIRST_LENGTH)
    return _decoded(body, _rows_decoder)


def _opened(data: bytes, header: struct.Struct) -> tuple[tuple[int, ...], memoryview]:
    """Return the lengths that ``header`` describes, and what follows them and the digest, which is right.

    The last of the lengths is how much of it the digest is over.
    """
    start = _BEGINNING.size + header.size
    if len(data) < start + _DIGEST_BYTES:
        raise _ends_in_header()
    lengths = header.unpack_from(data, _BEGINNING.size)
    digest, rest = data[start : start + _DIGEST_BYTES], memoryview(data)[start + _DIGEST_BYTES :]
    if lengths[0] != len(rest):
        what = "cut short" if len(rest) < lengths[0] else "followed by other bytes"
        message = f"the compiled file was {what} ({len(rest)} of {lengths[0]} bytes): {_AGAIN}"
        raise ProgramError("file-length", message)
    if digest != _digest(data[:start], rest[: lengths[-1]]):
        raise _damaged("it was altered")
    return lengths, rest


def _filed(row: _Row) -> FiledProgram:
    if hash_of(row.data) != row.hash:
        raise _damaged("a program in it is not what its hash says")
    return FiledProgram(decode_program(row.data), row.hash, bytes(row.source_map), row.data)


_Table = TypeVar("_Table")


def _decoded(data: memoryview, decoder: msgspec.msgpack.Decoder[_Table]) -> _Table:
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _damaged(f"it does not hold programs ({error})") from error


def _digest(head: bytes, rest: bytes | memoryview) -> bytes:
    digest = hashlib.sha256(head)
    digest.update(rest)
    return digest.digest()


def _ends_in_header() -> ProgramError:
    return ProgramError("file-length", f"the compiled file ends within its header: {_AGAIN}")


def _damaged(why: str) -> ProgramError:
    return ProgramError("file-damaged", f"the compiled file is damaged, {why}: {_AGAIN}")
