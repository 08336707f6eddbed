"""The verifier refuses instructions that are none, cut short, or name what is not there."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from tests.oracle.assembler import Assembler, operand_positions, run_program
from tests.oracle.programs import LENGTH
from tests.vm.faulty import Write, emit, in_body, of_code, whole_program
from wfe_vm.isa import BY_NAME, Operand
from wfe_vm.library import FUNCTIONS_BY_NUMBER
from wfe_vm.program import Program, pack_code, unpack_code
from wfe_vm.verify import verify


@pytest.mark.acceptance("PRG-05")
@pytest.mark.parametrize(("position", "kind"), [(at, kind) for kind in Operand for at in range(3)])
def test_an_operand_out_of_range_is_refused(position: int, kind: Operand) -> None:
    """Each kind of operand, in up to three places, below and above its range."""
    program = whole_program()
    words = list(unpack_code(program.code))
    positions = operand_positions(words, kind)
    place = positions[position % len(positions)]
    codes = {
        Operand.CONSTANT: "constant-range",
        Operand.NAME: "constant-range",
        Operand.GATHER: "constant-range",
        Operand.DEPTH: "depth-range",
        Operand.SLOT: "slot-range",
        Operand.LOCAL: "local-range",
        Operand.COUNT: "count-range",
        Operand.TARGET: "target-range",
        Operand.STEP: "step-range",
        Operand.FUNCTION: "function-unknown",
    }
    for value in (-1, 2**31 - 1):
        problems = verify(with_word(program, place, value))
        assert problems[0].code == codes[kind]
        assert problems[0].pc is not None
        assert problems[0].pc < place


def with_word(program: Program, place: int, value: int) -> Program:
    words = list(unpack_code(program.code))
    words[place] = value
    return msgspec.structs.replace(program, code=pack_code(words))


LOOSE: dict[str, tuple[str, Write]] = {
    "an unknown opcode": ("opcode-unknown", lambda a: a.words.append(127)),
    "a negative opcode": ("opcode-unknown", lambda a: a.words.append(-3)),
    "a huge opcode": ("opcode-unknown", lambda a: a.words.append(2**31 - 1)),
    "a jump into an operand": ("target-boundary", emit(("JUMP", 3))),
    "a jump outside the code": ("target-range", emit(("JUMP", 10_000))),
    "a name that is no text": ("name-constant", lambda a: emit(("PUSH", 5), ("MEMBER", a.constant(5)), ("POP",))(a)),
    "a gather of no list": ("gather-constant", lambda a: emit(("GATHER", a.constant(5)), ("POP",))(a)),
    "a gather of a slot that is none": (
        "gather-constant",
        lambda a: emit(("GATHER", a.constant([["a", 0, 99]])), ("POP",))(a),
    ),
    "a gather with a name that is no text": (
        "gather-constant",
        lambda a: emit(("GATHER", a.constant([[1, 0, 0]])), ("POP",))(a),
    ),
    "arguments that the function does not take": ("function-arguments", emit(("CALL", LENGTH, 0), ("POP",))),
}


@pytest.mark.acceptance("PRG-05")
@pytest.mark.parametrize("fault", LOOSE)
def test_faulty_code_is_refused_with_its_own_code_and_pc(fault: str) -> None:
    code, write = LOOSE[fault]
    problems = verify(in_body(write))
    assert problems[0].code == code
    assert problems[0].pc is not None


def cut_operands() -> Program:
    assembler = run_program()
    assembler.exit(0)
    assembler.words.append(BY_NAME["STORE_SLOT"].number)
    assembler.words.append(0)
    return assembler.program()


WHOLE: dict[str, tuple[str, Callable[[], Program]]] = {
    "operands cut off by the end": ("operands-truncated", cut_operands),
    "no code": ("code-empty", lambda: of_code(b"")),
    "half a word of code": ("code-length", lambda: of_code(b"\0\0\0")),
}


@pytest.mark.acceptance("PRG-05")
@pytest.mark.parametrize("fault", WHOLE)
def test_a_faulty_program_is_refused_with_its_own_code(fault: str) -> None:
    code, build = WHOLE[fault]
    assert code in {problem.code for problem in verify(build())}


def test_a_retired_opcode_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from wfe_vm import verify_code

    row = msgspec.structs.replace(BY_NAME["NEGATE"], number=120, name="OLD", retired=1)
    monkeypatch.setitem(verify_code._RETIRED, 120, row)
    problems = verify(in_body(lambda assembler: assembler.words.append(120)))
    assert problems[0].code == "opcode-retired"
    assert "OLD" in problems[0].message


def test_a_function_of_the_library_is_accepted_with_the_arguments_it_takes() -> None:
    for number, row in FUNCTIONS_BY_NUMBER.items():
        for count in range(5):

            def write(assembler: Assembler, number: int = number, count: int = count) -> None:
                for _ in range(count):
                    assembler.load(None)
                emit(("CALL", number, count), ("POP",))(assembler)

            codes = [problem.code for problem in verify(in_body(write))]
            assert codes == ([] if row.accepts(count) else ["function-arguments"])
