"""A compiled file is read whole or refused whole."""

from __future__ import annotations

import hashlib
import random
import struct
from typing import Any

import msgspec
import pytest

from tests.dsl.build import compiled
from tests.oracle.programs import Seeded, build_program
from wfe_vm.errors import ProgramError
from wfe_vm.program import SourceMap, encode_program, hash_of
from wfe_vm.program_file import FILE_FORMAT, read_program_file, write_program_file

PROGRAMS = [build_program(Seeded(seed), 4) for seed in range(3)]
SOURCE_MAP = SourceMap(("flow.yaml",), ((0, 1, 1, 2, 1),), ((0, (0, 1, 1, 2, 1)),))
CODES = {"file-magic", "file-format", "file-length", "file-damaged"}


def written() -> bytes:
    return write_program_file([(PROGRAMS[0], SOURCE_MAP), (PROGRAMS[1], None), (PROGRAMS[2], None)])


@pytest.mark.acceptance("PRG-04")
def test_what_was_written_is_read_in_its_order_with_hashes_and_source_maps() -> None:
    hashes = [hash_of(encode_program(program)) for program in PROGRAMS]
    filed = read_program_file(written())
    assert [(one.program, one.hash, one.source_map) for one in filed] == [
        (PROGRAMS[0], hashes[0], SOURCE_MAP),
        (PROGRAMS[1], hashes[1], None),
        (PROGRAMS[2], hashes[2], None),
    ]


def test_a_file_without_programs_is_read_as_such() -> None:
    assert read_program_file(write_program_file([])) == []


@pytest.mark.acceptance("PRG-03")
def test_the_same_programs_give_the_same_bytes() -> None:
    assert written() == written()


@pytest.mark.acceptance("PRG-04")
def test_a_file_cut_short_anywhere_is_refused() -> None:
    data = written()
    for length in range(len(data)):
        with pytest.raises(ProgramError) as caught:
            read_program_file(data[:length])
        assert caught.value.code in ("file-magic", "file-length")


@pytest.mark.acceptance("PRG-04")
def test_an_extended_file_is_refused() -> None:
    with pytest.raises(ProgramError) as caught:
        read_program_file(written() + b"\n")
    assert caught.value.code == "file-length"


@pytest.mark.acceptance("PRG-04")
def test_every_flipped_bit_is_refused() -> None:
    data = write_program_file([(build_program(Seeded(0), 1), SOURCE_MAP), (build_program(Seeded(3), 1), None)])
    for bit in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ProgramError) as caught:
            read_program_file(bytes(flipped))
        assert caught.value.code in CODES


def test_other_bytes_are_told_to_be_no_compiled_file() -> None:
    for data in (b"", b"workflow: {}\n", random.Random(2).randbytes(100)):
        with pytest.raises(ProgramError) as caught:
            read_program_file(data)
        assert caught.value.code == "file-magic"


@pytest.mark.acceptance("PRG-08")
def test_a_file_of_a_newer_format_is_refused_naming_both() -> None:
    data = bytearray(written())
    data[8] = FILE_FORMAT + 4
    with pytest.raises(ProgramError) as caught:
        read_program_file(bytes(data))
    assert caught.value.code == "file-format"
    assert str(FILE_FORMAT + 4) in caught.value.message
    assert str(FILE_FORMAT) in caught.value.message


def of_first_format(*rows: list[Any]) -> bytes:
    """Return a file as the first release wrote it, of rows of hash, program and source map."""
    body = msgspec.msgpack.Encoder(order="deterministic").encode(rows)
    head = written()[:8] + struct.pack("<HQ", 1, len(body))
    return head + hashlib.sha256(head + body).digest() + body


@pytest.mark.acceptance("PRG-09")
def test_a_file_of_the_first_format_is_read_whole_or_refused_whole() -> None:
    rows = [[hash_of(data), data, SOURCE_MAP] for data in map(encode_program, PROGRAMS)]
    file = of_first_format(*rows)
    assert [(one.program, one.source_map) for one in read_program_file(file)] == [(one, SOURCE_MAP) for one in PROGRAMS]
    for place in range(0, len(file), 7):
        with pytest.raises(ProgramError) as caught:
            read_program_file(file[:place] + bytes([file[place] ^ 1]) + file[place + 1 :])
        assert caught.value.code in CODES
    for other in (file[:-1], file + b"\n", file[:40]):
        with pytest.raises(ProgramError) as caught:
            read_program_file(other)
        assert caught.value.code == "file-length"


def test_a_table_that_does_not_fit_what_follows_it_is_refused() -> None:
    """Whoever makes such a file also makes its digest right."""
    data = encode_program(PROGRAMS[0])
    packed_map = msgspec.msgpack.encode(None)
    right = [hash_of(data), len(data), hashlib.sha256(packed_map).digest(), len(packed_map)]
    assert read_program_file(with_table([right], data + packed_map))
    for place, length in ((1, len(data) - 1), (1, len(data) + 1), (1, -1), (1, 2**62), (3, 0), (3, 2), (3, -1)):
        wrong = [*right]
        wrong[place] = length
        with pytest.raises(ProgramError) as caught:
            read_program_file(with_table([wrong], data + packed_map))
        assert caught.value.code == "file-damaged"
    for table in ([], [right, right], [[*right, 1]], {}):
        with pytest.raises(ProgramError) as caught:
            read_program_file(with_table(table, data + packed_map))
        assert caught.value.code == "file-damaged"


def with_table(table: Any, parts: bytes) -> bytes:
    packed = msgspec.msgpack.encode(table)
    head = written()[:10] + struct.pack("<QQ", len(packed) + len(parts), len(packed))
    return head + hashlib.sha256(head + packed).digest() + packed + parts


@pytest.mark.acceptance("PRG-09")
def test_a_program_of_an_older_release_keeps_its_bytes_and_its_identity() -> None:
    program = compiled("- {name: a, config: {run: a}}\n").program
    fields = msgspec.msgpack.decode(encode_program(program))
    encoder = msgspec.msgpack.Encoder(order="deterministic")
    older = encoder.encode(fields[: type(program).__struct_fields__.index("secrets")])
    [read] = read_program_file(of_first_format([hash_of(older), older, None]))
    assert (read.program, read.hash, read.data) == (program, hash_of(older), older)
