"""The canonical encoding: equal programs are equal bytes, and nothing else is taken for a program."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings

from tests.examples import examples
from tests.oracle.assembler import finish, run_program
from tests.oracle.programs import Seeded, build_program, programs
from wfe_vm.errors import InternalError, ProgramError
from wfe_vm.isa import ISA_VERSION
from wfe_vm.program import (
    FORMAT_VERSION,
    Program,
    SourceMap,
    decode_program,
    encode_program,
    hash_of,
    open_program,
    pack_code,
    unpack_code,
)


def small_program(**fields: Any) -> Program:
    assembler = run_program()
    assembler.task("build", {"run": "make", "env": {"B": "2", "A": "1"}})
    finish(assembler)
    return assembler.program(**fields)


@pytest.mark.acceptance("PRG-04")
@given(programs())
@settings(max_examples=examples(60), deadline=None)
def test_encoding_decoding_and_encoding_again_gives_the_same_bytes(program: Program) -> None:
    data = encode_program(program)
    decoded = decode_program(data)
    assert decoded == program
    assert encode_program(decoded) == data


@given(programs())
@settings(max_examples=60, deadline=None)
def test_a_program_that_is_opened_is_the_one_that_is_decoded(program: Program) -> None:
    data = encode_program(program)
    opened = open_program(data)
    last = len(program.steps) - 1
    assert (opened.steps[last], opened.steps[-1]) == (program.steps[last], program.steps[last])
    assert opened.steps[1:] == program.steps[1:]
    assert opened == decode_program(data)
    assert encode_program(open_program(data)) == data


def test_a_step_of_an_opened_program_is_one_object_and_there_are_no_others_than_it_has() -> None:
    steps = open_program(encode_program(small_program())).steps
    assert steps[1] is steps[1]
    assert [step.name for step in steps] == [step.name for step in small_program().steps]
    with pytest.raises(IndexError):
        steps[len(steps)]


def test_bytes_that_are_no_program_are_not_opened_either() -> None:
    data = encode_program(small_program())
    for length in range(len(data)):
        with pytest.raises(ProgramError) as caught:
            open_program(data[:length])
        assert caught.value.code == "encoding"
    for fields, code in (({"format": FORMAT_VERSION + 1}, "format"), ({"isa": ISA_VERSION + 1}, "isa")):
        with pytest.raises(ProgramError) as caught:
            open_program(encode_program(small_program(**fields)))
        assert caught.value.code == code


def test_a_step_that_can_not_be_read_after_all_is_told_as_a_bug_of_ours() -> None:
    values = msgspec.msgpack.decode(encode_program(small_program()))
    values[6] = [*values[6], ["a step that was never verified"]]
    steps = open_program(msgspec.msgpack.encode(values)).steps
    with pytest.raises(InternalError, match="a bug in WFE"):
        steps[len(steps) - 1]


@pytest.mark.acceptance("PRG-01")
def test_the_order_of_a_constants_keys_does_not_change_the_bytes() -> None:
    program = small_program()
    reversed_keys = tuple(
        dict(reversed(constant.items())) if isinstance(constant, dict) else constant for constant in program.constants
    )
    assert encode_program(msgspec.structs.replace(program, constants=reversed_keys)) == encode_program(program)


@pytest.mark.acceptance("PRG-01", "PRG-03")
def test_the_hash_is_the_sha256_of_the_bytes_whatever_the_hash_seed() -> None:
    data = encode_program(build_program(Seeded(5)))
    assert hash_of(data) == hashlib.sha256(data).hexdigest()
    code = (
        "from tests.oracle.programs import Seeded, build_program;"
        "from wfe_vm.program import encode_program, hash_of;"
        "print(hash_of(encode_program(build_program(Seeded(5)))))"
    )
    for seed in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == hash_of(data)


@pytest.mark.acceptance("PRG-04")
def test_a_truncated_program_is_refused() -> None:
    data = encode_program(small_program())
    for length in range(len(data)):
        with pytest.raises(ProgramError) as caught:
            decode_program(data[:length])
        assert caught.value.code == "encoding"


@pytest.mark.acceptance("PRG-04")
def test_an_extended_program_is_refused() -> None:
    with pytest.raises(ProgramError) as caught:
        decode_program(encode_program(small_program()) + b"\0")
    assert caught.value.code == "encoding"


def decoded_or_code(data: bytes) -> Program | str:
    try:
        return decode_program(data)
    except ProgramError as error:
        return error.code


@pytest.mark.acceptance("PRG-04")
def test_a_flipped_bit_is_refused_or_gives_another_program_with_another_hash() -> None:
    data = encode_program(small_program())
    for bit in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        outcome = decoded_or_code(bytes(flipped))
        assert outcome in ("encoding", "format", "isa") or isinstance(outcome, Program)
        assert hash_of(bytes(flipped)) != hash_of(data)


@pytest.mark.acceptance("PRG-04")
def test_random_bytes_are_refused() -> None:
    choice = random.Random(1)
    for _ in range(2000):
        with pytest.raises(ProgramError):
            decode_program(choice.randbytes(choice.randrange(60)))


@pytest.mark.acceptance("PRG-04")
def test_bytes_that_are_not_canonical_are_refused() -> None:
    program = small_program()
    values = msgspec.to_builtins(program)
    loose = msgspec.msgpack.encode(values)  # keys in the order written: "run" before "env"
    assert loose != encode_program(program)
    with pytest.raises(ProgramError) as caught:
        decode_program(loose)
    assert caught.value.code == "encoding"


@pytest.mark.acceptance("PRG-08")
@pytest.mark.parametrize(
    ("fields", "code", "versions"),
    [
        ({"format": FORMAT_VERSION + 3}, "format", (FORMAT_VERSION + 3, FORMAT_VERSION)),
        ({"isa": ISA_VERSION + 3}, "isa", (ISA_VERSION + 3, ISA_VERSION)),
    ],
)
def test_a_program_of_a_newer_release_is_refused_naming_both_versions(
    fields: dict[str, int], code: str, versions: tuple[int, int]
) -> None:
    with pytest.raises(ProgramError) as caught:
        decode_program(encode_program(small_program(**fields)))
    assert caught.value.code == code
    assert all(str(version) in caught.value.message for version in versions)


@pytest.mark.acceptance("PRG-08")
def test_a_program_of_a_newer_release_is_told_as_such_though_its_form_is_another() -> None:
    with pytest.raises(ProgramError) as caught:
        decode_program(msgspec.msgpack.encode([FORMAT_VERSION + 1, ISA_VERSION, {"steps": "elsewhere"}]))
    assert caught.value.code == "format"


def test_code_is_packed_little_end_first_and_unpacked_again() -> None:
    words = [1, -1, 2**31 - 1, -(2**31)]
    packed = pack_code(words)
    assert packed[:4] == b"\x01\0\0\0"
    assert unpack_code(packed).tolist() == words


def test_code_that_is_no_number_of_words_is_refused() -> None:
    with pytest.raises(ProgramError) as caught:
        unpack_code(b"\0\0\0\0\0")
    assert caught.value.code == "code-length"


def test_a_source_map_finds_the_position_that_holds_at_a_pc() -> None:
    first, second = (0, 1, 1, 1, 5), (0, 3, 2, 3, 9)
    source_map = SourceMap(("a.yaml",), (first,), ((2, first), (7, second)))
    assert [source_map.position_at(pc) for pc in (0, 2, 6, 7, 99)] == [None, first, first, second, second]
