"""The listing shows every instruction, is the same each time, and takes whatever it is given."""

from __future__ import annotations

import json
import random

import msgspec
import pytest

from tests.oracle.assembler import Label, finish, run_program
from tests.oracle.programs import Seeded, build_program
from wfe_vm.disasm import disassemble, listing
from wfe_vm.isa import ROWS, Operand
from wfe_vm.library import FUNCTIONS_BY_NUMBER
from wfe_vm.program import Program, Retry, SourceMap, pack_code, unpack_code

EXPECTED = """\
workflow test version 1
hash     HASH
format   1, instruction set 2
stack    4, locals 1, slots [4]

steps
     0  run         run  slot 0  entry 2  exit 18  ; flow.yaml:1:1
     1  task        build  parent 0  slot 3  entry 8  exit 16  ensure 21  retry {"attempts":3,"interval_ms":1000}  \
type shell  ; flow.yaml:4:5

code
     0  BEGIN 0                    begin run                            ; flow.yaml:1:1
        run entry:
     2  ENTER 1                    enter build                          ; flow.yaml:4:5
     4  LOAD_CONST 0               push true
     6  GUARD 1                    skip build unless top
        build entry:
     8  LOAD_CONST 1               push {"run":"make"}                  ; flow.yaml:5:9
    10  LOAD_CONST 2               push null
    12  LOAD_CONST 2               push null
    14  RUN 1                      run build
        build exit:
    16  JUMP 18                    goto 18                              ; flow.yaml:1:1
        run exit:
    18  MAKE_MAP 0                 map of 0
    20  FINISH                     finish
        build ensure:
    21  END_HOOK 1                 end hook of build
"""


def small_program() -> Program:
    assembler = run_program()
    build = assembler.step("build", "task", type="shell", retry=Retry(3, 1000))
    assembler.emit("ENTER", build)
    assembler.load(True)
    assembler.emit("GUARD", build)
    assembler.steps[build]["entry"] = assembler.pc
    for value in ({"run": "make"}, None, None):
        assembler.load(value)
    assembler.emit("RUN", build)
    assembler.exit(build)
    end = Label()
    assembler.emit("JUMP", end)
    assembler.mark(end)
    assembler.exit(0)
    assembler.emit("MAKE_MAP", 0)
    assembler.emit("FINISH")
    assembler.steps[build]["ensure"] = assembler.pc
    assembler.emit("END_HOOK", build)
    return assembler.program(max_stack=4, locals=1)


def source_map() -> SourceMap:
    top, step, command = (0, 1, 1, 1, 9), (0, 4, 5, 4, 20), (0, 5, 9, 5, 30)
    return SourceMap(("flow.yaml",), (top, step), ((0, top), (2, step), (8, command), (16, top)))


def test_the_listing_is_as_people_know_it() -> None:
    text = disassemble(small_program(), source_map())
    found = listing(small_program())["hash"]
    assert text.replace(found, "HASH") == EXPECTED


def test_without_a_source_map_no_source_is_shown() -> None:
    assert ";" not in disassemble(small_program())


@pytest.mark.acceptance("PRG-10")
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_opcode_is_listed_by_its_name_and_synopsis(row) -> None:
    assembler = run_program()
    assembler.constant("name")
    operands = [1 if kind is Operand.FUNCTION else 0 for kind in row.operands]
    pc = assembler.emit(row.name, *operands)
    finish(assembler)
    lines = {line["pc"]: line for line in listing(assembler.program())["code"]}
    assert lines[pc]["opcode"] == row.name
    assert lines[pc]["operands"] == operands
    shown = {Operand.STEP: "run", Operand.NAME: "name", Operand.CONSTANT: '"name"', Operand.FUNCTION: "len"}
    if Operand.GATHER not in row.operands:
        assert lines[pc]["text"] == row.synopsis.format(*(shown.get(kind, "0") for kind in row.operands))


def test_gathered_names_and_functions_are_shown_by_name() -> None:
    assembler = run_program()
    assembler.emit("GATHER", assembler.constant([["a", 0, 3], ["b", 0, 4]]))
    assembler.emit("CALL", 1, 1)
    texts = [line["text"] for line in listing(assembler.program())["code"]]
    assert texts[1:] == ["map of a, b", f"{FUNCTIONS_BY_NUMBER[1].name}(1 arguments)"]


def test_a_long_constant_is_cut_in_the_code_and_whole_among_the_constants() -> None:
    assembler = run_program()
    assembler.load("x" * 1000)
    content = listing(assembler.program())
    assert len(content["code"][1]["text"]) < 80
    assert len(content["constants"][0]) == 1002


def test_the_listing_is_plain_data_and_the_same_each_time() -> None:
    for seed in range(20):
        program = build_program(Seeded(seed))
        content = listing(program)
        assert json.loads(json.dumps(content)) == content
        assert listing(program) == content
        assert disassemble(program) == disassemble(program)


def test_what_does_not_decode_is_shown_as_words() -> None:
    program = msgspec.structs.replace(small_program(), code=pack_code([999, -5, 3]) + b"\0")
    lines = listing(program)["code"]
    assert [(line["opcode"], line["operands"]) for line in lines] == [(".word", [999]), (".word", [-5]), (".word", [3])]


def test_any_code_and_constants_can_be_listed() -> None:
    choice = random.Random(3)
    strange = (b"bytes", float("nan"), [[]], [1], {"a": b"x"})
    for seed in range(200):
        program = build_program(Seeded(seed), 3)
        words = list(unpack_code(program.code))
        for _ in range(5):
            words[choice.randrange(len(words))] = choice.choice([-1, 1, 11, 47, 67, 2**31 - 1])
        forged = msgspec.structs.replace(program, code=pack_code(words), constants=strange, steps=program.steps[:1])
        assert disassemble(forged).endswith("\n")
