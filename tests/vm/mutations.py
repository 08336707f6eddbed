"""Programs that are nearly right: valid ones with a few things changed, each told by its number alone.

For tests alone. Owns where the valid programs come from and what may be changed in them. It doesn't know
what is done with the outcome; most of it the verifier has to refuse, and a good part it accepts.

Rules:

1. ``mutation(seed, number)`` is the same for ever: whatever goes wrong is found again by two numbers.
2. What comes out has the types that a decoded program has; its values may be anything at all.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import msgspec

from tests.oracle.programs import SCALARS, Seeded, build_program
from wfe_dsl.compiler import compile_file
from wfe_dsl.diagnostics.model import Diagnostics
from wfe_dsl.variables import Variables
from wfe_vm.errors import ProgramError
from wfe_vm.isa import ROWS, Operand
from wfe_vm.library import FUNCTIONS_BY_NUMBER
from wfe_vm.program import (
    Child,
    Collect,
    Program,
    Retry,
    Signal,
    Step,
    decode_program,
    encode_program,
    pack_code,
    unpack_code,
)
from wfe_vm.step_rows import PC_FIELDS
from wfe_vm.verify_steps import EXHAUSTED, FAIL_FAST, KINDS

__all__ = ["mutation"]

EXAMPLES: Final = Path(__file__).resolve().parent.parent.parent / "examples"
BLOCK: Final = 5000
"""So many mutations share their valid programs: making those takes longer than changing one."""

RANDOM_PROGRAMS: Final = 40
ODD_NUMBERS: Final = (-(2**31), -2, -1, 0, 1, 2, 3, 127, 128, 255, 65536, 2**31 - 1)
ODD_INDEXES: Final = (*ODD_NUMBERS, -(2**63), 2**63 - 1, 2**64 - 1)
ODD_LENGTHS: Final = (-1, 0, 1, 5, 50, 2**53, 2**53 + 1, 2**62, -(2**63), 2**64 - 1)
ODD_CONSTANTS: Final = (
    *SCALARS,
    -(2**63),
    2**63 - 1,
    [],
    {},
    [1, "a", None],
    {"n": 1},
    [["x", 0, 3]],
    [["x", 1, 0]],
    [["x", 9, 9]],
)
OPERANDS: Final = {row.number: row.operands for row in ROWS}
NUMBERS_OF: Final[dict[int, list[int]]] = {
    length: [row.number for row in ROWS if len(row.operands) == length] for length in range(4)
}


def mutation(seed: int, number: int) -> Program | None:
    """Return the program of that number; None where changed bytes are no program at all."""
    rng = random.Random(seed * 1_000_003 + number)
    program = rng.choice(_valid_programs(seed, number // BLOCK))
    if rng.random() < 0.1:
        return _change_bytes(program, rng)
    times = rng.choice((1, 1, 1, 1, 1, 2, 2, 3, 5))
    for _ in range(times):
        change = rng.choices(_CHANGES, _WEIGHTS)[0]
        program = change(program, rng)
    return program


@lru_cache(maxsize=2)
def _valid_programs(seed: int, block: int) -> list[Program]:
    chooser = Seeded(seed * 7_919 + block)
    return [*_examples(), *(build_program(chooser, chooser.number(1, 6)) for _ in range(RANDOM_PROGRAMS))]


@lru_cache(maxsize=1)
def _examples() -> list[Program]:
    programs = []
    for path in sorted(EXAMPLES.glob("*.yaml")):
        programs += [one.program for one in compile_file(path, Variables(), Diagnostics())]
    assert programs, f"no example in {EXAMPLES} compiles"
    return programs


# What may be changed. Each takes a program and gives one with one thing changed.


def _change_bytes(program: Program, rng: random.Random) -> Program | None:
    data = bytearray(encode_program(program))
    for _ in range(rng.choice((1, 1, 2, 4))):
        place = rng.randrange(len(data))
        kind = rng.randrange(4)
        if kind == 0:
            data[place] ^= 1 << rng.randrange(8)
        elif kind == 1:
            data[place] = rng.randrange(256)
        elif kind == 2:
            del data[place : place + rng.choice((1, 1, 4))]
        else:
            data[place:place] = rng.randbytes(rng.choice((1, 1, 4)))
    try:
        return decode_program(bytes(data))
    except ProgramError:
        return None


@lru_cache(maxsize=256)
def _instructions(code: bytes) -> list[int]:
    """Return where instructions start, as far as the code makes sense."""
    words, starts, pc = unpack_code(code).tolist(), [], 0
    while pc < len(words) and words[pc] in OPERANDS:
        starts.append(pc)
        pc += 1 + len(OPERANDS[words[pc]])
    return starts or [0]


def _with_words(program: Program, change: Callable[[list[int], list[int]], None]) -> Program:
    words = unpack_code(program.code).tolist()
    if words:
        change(words, _instructions(program.code))
    return msgspec.structs.replace(program, code=pack_code(words))


def _change_word(program: Program, rng: random.Random) -> Program:
    def change(words: list[int], starts: list[int]) -> None:
        place = rng.randrange(len(words))
        near = words[place] + rng.choice((-2, -1, 1, 2))
        found = rng.choice((rng.choice(ODD_NUMBERS), near, rng.choice(words), rng.randrange(-(2**31), 2**31)))
        words[place] = max(-(2**31), min(found, 2**31 - 1))

    return _with_words(program, change)


def _change_operand(program: Program, rng: random.Random) -> Program:
    """Have an operand name another thing of its kind: nothing that a look at the instruction alone would find."""

    def change(words: list[int], starts: list[int]) -> None:
        pc = rng.choice(starts)
        operands = OPERANDS.get(words[pc], ())
        places = [place for place in range(len(operands)) if pc + 1 + place < len(words)]
        if not places:
            return
        place = rng.choice(places)
        kind = operands[place]
        if kind is Operand.TARGET:
            found = rng.choice(starts)
        elif kind is Operand.FUNCTION:
            found = rng.choice(list(FUNCTIONS_BY_NUMBER))
        else:
            bound = {
                Operand.CONSTANT: len(program.constants),
                Operand.NAME: len(program.constants),
                Operand.GATHER: len(program.constants),
                Operand.DEPTH: len(program.scope_sizes),
                Operand.SLOT: max(program.scope_sizes, default=0),
                Operand.LOCAL: program.locals,
                Operand.COUNT: 4,
                Operand.STEP: len(program.steps),
            }[kind]
            found = rng.randrange(max(1, min(bound, 2**31 - 1)))
        words[pc + 1 + place] = found

    return _with_words(program, change)


def _change_opcode(program: Program, rng: random.Random) -> Program:
    """Put another opcode with as many operands in its place."""

    def change(words: list[int], starts: list[int]) -> None:
        pc = rng.choice(starts)
        if words[pc] in OPERANDS:
            words[pc] = rng.choice(NUMBERS_OF[len(OPERANDS[words[pc]])])

    return _with_words(program, change)


def _move_code(program: Program, rng: random.Random) -> Program:
    """Copy, remove, exchange or cut instructions."""

    def change(words: list[int], starts: list[int]) -> None:
        first, second = rng.choice(starts), rng.choice(starts)
        length = len(OPERANDS.get(words[first], ())) + 1
        taken = words[first : first + length]
        kind = rng.randrange(4)
        if kind == 0:
            words[second : second + length] = taken  # over what stands there
        elif kind == 1:
            words[second:second] = taken
        elif kind == 2:
            del words[first : first + length]
        else:
            del words[rng.randrange(len(words)) :]

    return _with_words(program, change)


def _change_step(program: Program, rng: random.Random) -> Program:
    if not program.steps:
        return program
    index = rng.randrange(len(program.steps))
    step = program.steps[index]
    name = rng.choice(Step.__struct_fields__)
    changed = msgspec.structs.replace(step, **{name: _other_value(program, step, name, rng)})
    return msgspec.structs.replace(program, steps=(*program.steps[:index], changed, *program.steps[index + 1 :]))


def _other_value(program: Program, step: Step, name: str, rng: random.Random) -> Any:
    """Return a value for a field of a step: of another step, or made up."""
    starts = _instructions(program.code)
    if name in PC_FIELDS and rng.random() < 0.7:
        return rng.choice(starts)
    if rng.random() < 0.5:
        return getattr(rng.choice(program.steps), name)
    if name in PC_FIELDS or name in ("parent", "depth", "slot", "hook_slot", "item_slot", "index_slot"):
        return rng.choice((*ODD_INDEXES, rng.randrange(-1, 12)))
    if name in ("timeout_ms", "total_timeout_ms", "limit", "max_passes"):
        return rng.choice(ODD_LENGTHS)
    if name == "branches":
        return tuple(rng.choice((*ODD_INDEXES, *starts[:20])) for _ in range(rng.randrange(4)))
    made_up: dict[str, Callable[[], Any]] = {
        "kind": lambda: rng.choice(sorted(KINDS)),
        "exhausted": lambda: rng.choice(sorted(EXHAUSTED)),
        "fail_fast": lambda: rng.choice(sorted(FAIL_FAST)),
        "on_crash": lambda: rng.choice(("rerun", "fail", "")),
        "path": lambda: rng.choice(("", "a", "a[*]/b", "a[*]/b[*]/c", "[*]" * 9)),
        "retry": lambda: _some_retry(rng),
        "child": lambda: Child("other", version=rng.choice(ODD_LENGTHS), detach=rng.random() < 0.5),
        "collect": lambda: Collect("all", rng.randrange(-1, 12)),
        "signal": lambda: Signal(
            event=rng.choice(("", "go")),
            options=rng.choice(((), ("yes", "no"))),
            timeout_ms=rng.choice(ODD_LENGTHS),
            on_timeout=rng.choice((*ODD_INDEXES, *starts)),
        ),
        "compensation": lambda: rng.choice(starts),
        "undoable": lambda: not step.undoable,
        "outputs": lambda: (),
        "keep_stdout": lambda: not step.keep_stdout,
        "continue_on_failure": lambda: not step.continue_on_failure,
    }
    return made_up[name]() if name in made_up else getattr(step, name)


def _some_retry(rng: random.Random) -> Retry:
    return Retry(
        attempts=rng.choice(ODD_LENGTHS),
        interval_ms=rng.choice(ODD_LENGTHS),
        backoff=rng.choice((0.0, 0.5, 1.0, 2.0, -1.0, 1e300, float("inf"), float("nan"))),
        max_interval_ms=rng.choice(ODD_LENGTHS),
        jitter=rng.choice((0.0, 0.5, 1.0, 1.5, -1.0, float("nan"))),
        outcomes=rng.choice(((), ("failure",), ("failure", "error", "timeout"), ("success",))),
        max_elapsed_ms=rng.choice(ODD_LENGTHS),
    )


def _change_constant(program: Program, rng: random.Random) -> Program:
    constants = list(program.constants)
    if constants:
        constants[rng.randrange(len(constants))] = rng.choice((*ODD_CONSTANTS, rng.choice(constants)))
    return msgspec.structs.replace(program, constants=tuple(constants))


def _change_sizes(program: Program, rng: random.Random) -> Program:
    name = rng.choice(("scope_sizes", "max_stack", "locals"))
    if name != "scope_sizes":
        number = rng.choice((*ODD_INDEXES, rng.randrange(8)))
        return msgspec.structs.replace(program, **{name: number})
    sizes = list(program.scope_sizes) or [3]
    sizes[rng.randrange(len(sizes))] += rng.choice((-3, -1, 1, 2, 1000, 2**40, 2**63))
    return msgspec.structs.replace(program, scope_sizes=tuple(sizes[: rng.choice((len(sizes), len(sizes) - 1))]))


_CHANGES: Final = (
    _change_word,
    _change_operand,
    _change_opcode,
    _move_code,
    _change_step,
    _change_constant,
    _change_sizes,
)
_WEIGHTS: Final = (15, 30, 10, 8, 28, 5, 4)
