"""The part of the verifier that looks at each instruction by itself.

This file owns what a single instruction must hold to: that it is one, whole, with each operand in
range, and that whatever names a pc names the start of an instruction. How instructions follow each
other is ``verify_flow.py``'s. It relies on the tables having been checked.
"""

from __future__ import annotations

from array import array
from typing import Any, Final

from .isa import ROWS, Operand
from .library import FUNCTIONS_BY_NUMBER
from .program import NO_PC, Program, Step
from .verify_table import Report, pcs_of, step_pcs

__all__ = ["OPCODE_BOUND", "deepest_gathered", "verify_code"]

OPCODE_BOUND: Final = 128
"""Numbers of opcodes lie below this."""

_CONSTANT: Final = int(Operand.CONSTANT)
_NAME: Final = int(Operand.NAME)
_DEPTH: Final = int(Operand.DEPTH)
_SLOT: Final = int(Operand.SLOT)
_LOCAL: Final = int(Operand.LOCAL)
_COUNT: Final = int(Operand.COUNT)
_TARGET: Final = int(Operand.TARGET)
_STEP: Final = int(Operand.STEP)
_FUNCTION: Final = int(Operand.FUNCTION)
_GATHER: Final = int(Operand.GATHER)
_RANGE_CODES: Final = {
    _CONSTANT: "constant-range",
    _NAME: "constant-range",
    _GATHER: "constant-range",
    _DEPTH: "depth-range",
    _SLOT: "slot-range",
    _LOCAL: "local-range",
    _COUNT: "count-range",
    _TARGET: "target-range",
    _STEP: "step-range",
    _FUNCTION: "function-unknown",
}
_NO_BOUND: Final = 2**31

# By number, so many to an opcode: how many operands, -1 where there is no such opcode; then what each is.
_COLUMNS: Final = 1 + max(len(row.operands) for row in ROWS)


def _operand_table() -> array[int]:
    table = array("i", [-1]) * (_COLUMNS * OPCODE_BOUND)
    for row in ROWS:
        if row.retired is None:
            at = _COLUMNS * row.number
            table[at : at + 1 + len(row.operands)] = array("i", [len(row.operands), *map(int, row.operands)])
    return table


_OPERANDS = _operand_table()
_NAMES: Final = {row.number: row.name for row in ROWS}
_RETIRED: Final = {row.number: row for row in ROWS if row.retired is not None}


def verify_code(program: Program, words: array[int], report: Report) -> None:
    """Check every instruction of the code, reachable or not; each problem goes to ``report``."""
    size = len(words)
    if not size:
        report("code-empty", "the program has no code")
        return
    starts = bytearray(size)
    jumps = _decode(program, words, starts, report)
    for pc, target in jumps:
        if not starts[target]:
            report("target-boundary", f"the jump goes to {target}, which is within an instruction", pc)
    for index, step in enumerate(program.steps):
        if _is_misplaced(step, starts):
            for name, pc in step_pcs(step):
                if not (0 <= pc < size and starts[pc]):
                    report("step-pc", f"{name} of step {index} is {pc}, where no instruction starts", pc)


def deepest_gathered(constant: Any, sizes: tuple[int, ...]) -> int | None:
    """Return the deepest scope that the rows of a GATHER name, or None if the constant is no such list.

    ``sizes`` are the slots of the scope at each depth.
    """
    deepest = 0
    if not isinstance(constant, (list, tuple)):
        return None
    for row in constant:
        if not (isinstance(row, (list, tuple)) and len(row) == 3):
            return None
        name, depth, slot = row
        if type(name) is not str or type(depth) is not int or type(slot) is not int:
            return None
        if not (0 <= depth < len(sizes) and 0 <= slot < sizes[depth]):
            return None
        deepest = max(deepest, depth)
    return deepest


def _decode(program: Program, words: array[int], starts: bytearray, report: Report) -> list[tuple[int, int]]:
    """Mark where instructions start and check their operands; return the jumps as (pc, target)."""
    constants, sizes = program.constants, program.scope_sizes
    size, depths = len(words), len(sizes)
    limits = array("q", [0]) * (max(Operand) + 1)
    limits[_CONSTANT] = limits[_NAME] = limits[_GATHER] = len(constants)
    limits[_DEPTH] = len(sizes)
    limits[_SLOT] = max(sizes)
    limits[_LOCAL] = program.locals
    limits[_COUNT] = program.max_stack + 1
    limits[_TARGET] = size
    limits[_STEP] = len(program.steps)
    limits[_FUNCTION] = _NO_BOUND
    table = _OPERANDS
    jumps: list[tuple[int, int]] = []
    gathered: set[int] = set()
    pc = 0
    while pc < size:
        opcode = words[pc]
        row = _COLUMNS * opcode if 0 <= opcode < OPCODE_BOUND else 0
        count = table[row]
        if count < 0:
            _report_opcode(opcode, pc, report)
            break
        starts[pc] = 1
        at = pc + 1
        if at + count > size:
            report("operands-truncated", f"the code ends within the operands of {_NAMES[opcode]}", pc)
            break
        for place in range(count):
            kind = table[row + 1 + place]
            value = words[at]
            if not 0 <= value < limits[kind]:
                report(_RANGE_CODES[kind], f"operand {value} of {_NAMES[opcode]} is out of range", pc)
            elif kind == _NAME:
                if type(constants[value]) is not str:
                    report("name-constant", f"{_NAMES[opcode]} needs a text, constant {value} is none", pc)
            elif kind == _SLOT:
                depth = words[at - 1]  # the depth stands right before the slot
                if 0 <= depth < depths and value >= sizes[depth]:
                    report("slot-range", f"a scope at depth {depth} has no slot {value}", pc)
            elif kind == _TARGET:
                jumps.append((pc, value))
            elif kind == _GATHER:
                if value not in gathered and deepest_gathered(constants[value], sizes) is None:
                    report("gather-constant", f"constant {value} lists no names with slots that exist", pc)
                gathered.add(value)
            elif kind == _FUNCTION:
                _check_call(value, words[at + 1], pc, report)
            at += 1
        pc = at
    return jumps


def _is_misplaced(step: Step, starts: bytearray) -> bool:
    """Say whether a pc of a step is no start of an instruction. The numbers may be of any size."""
    size = len(starts)
    for pc in pcs_of(step):
        if pc != NO_PC and not (0 <= pc < size and starts[pc]):
            return True
    return any(not (0 <= pc < size and starts[pc]) for pc in step.branches) if step.branches else False


def _report_opcode(opcode: int, pc: int, report: Report) -> None:
    retired = _RETIRED.get(opcode)
    if retired is None:
        report("opcode-unknown", f"there is no opcode {opcode}", pc)
    else:
        report("opcode-retired", f"{retired.name} was retired in instruction set {retired.retired}", pc)


def _check_call(number: int, count: int, pc: int, report: Report) -> None:
    row = FUNCTIONS_BY_NUMBER.get(number)
    if row is None:
        report("function-unknown", f"the library has no function {number}", pc)
    elif not row.accepts(count):
        report("function-arguments", f"{row.name}() does not take {count} arguments", pc)
