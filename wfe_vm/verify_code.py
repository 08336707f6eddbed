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
from .program import NO_PC, Program
from .step_rows import StepRow, number_of, step_pcs
from .verify_problems import Report

__all__ = ["OPCODE_BOUND", "verify_code"]

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
_BOUND: Final = OPCODE_BOUND  # as a C number, where this is compiled
_NO_BOUND: Final = 2**31
_NONE: Final = NO_PC

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


def verify_code(program: Program, rows: list[StepRow], words: array[int], report: Report) -> dict[int, int]:
    """Check every instruction of the code, reachable or not; each problem goes to ``report``.

    ``rows`` is the program's step table. Returns, of each constant that a GATHER takes, the deepest scope it names.
    """
    size = len(words)
    gathered: dict[int, int] = {}
    if not size:
        report("code-empty", "the program has no code")
        return gathered
    starts = bytearray(size)
    jumps = _decode(program, words, starts, gathered, report)
    for pc, target in jumps:
        if not starts[target]:
            report("target-boundary", f"the jump goes to {target}, which is within an instruction", pc)
    for index in range(len(rows)):
        row = rows[index]
        if _is_misplaced(row, starts):
            for name, pc in step_pcs(row.step):
                if not (0 <= pc < size and starts[pc]):
                    report("step-pc", f"{name} of step {index} is {pc}, where no instruction starts", pc)
    return gathered


def _deepest_gathered(constant: Any, sizes: array[int]) -> int:
    """Return the deepest scope that the rows of a GATHER name, or -1 if the constant is no such list.

    ``sizes`` are the slots of the scope at each depth.
    """
    deepest = 0
    depths = len(sizes)
    if type(constant) is not list and type(constant) is not tuple:
        return -1
    for row in constant:
        if (type(row) is not list and type(row) is not tuple) or len(row) != 3:
            return -1
        name, depth, slot = row
        if type(name) is not str or type(depth) is not int or type(slot) is not int:
            return -1
        level = number_of(depth)
        if not (0 <= level < depths and 0 <= number_of(slot) < sizes[level]):
            return -1
        if level > deepest:
            deepest = level
    return deepest


def _decode(
    program: Program, words: array[int], starts: bytearray, gathered: dict[int, int], report: Report
) -> list[tuple[int, int]]:
    """Mark where instructions start and check their operands; return the jumps as (pc, target).

    ``gathered`` takes in what ``verify_code`` returns.
    """
    constants = program.constants
    sizes = array("q", program.scope_sizes)
    size, depths = len(words), len(sizes)
    limits = array("q", [0]) * (max(Operand) + 1)
    limits[_CONSTANT] = limits[_NAME] = limits[_GATHER] = len(constants)
    limits[_DEPTH] = depths
    limits[_SLOT] = max(program.scope_sizes)
    limits[_LOCAL] = program.locals
    limits[_COUNT] = program.max_stack + 1
    limits[_TARGET] = size
    limits[_STEP] = len(program.steps)
    limits[_FUNCTION] = _NO_BOUND
    table = _OPERANDS
    jumps: list[tuple[int, int]] = []
    called: set[int] = set()  # what was called right: function and count, which are one number
    pc = 0
    while pc < size:
        opcode = words[pc]
        row = _COLUMNS * opcode if 0 <= opcode < _BOUND else 0
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
                if value not in gathered:
                    deepest = _deepest_gathered(constants[value], sizes)
                    if deepest < 0:
                        report("gather-constant", f"constant {value} lists no names with slots that exist", pc)
                    gathered[value] = deepest
            elif kind == _FUNCTION:
                call = _NO_BOUND * value + words[at + 1]
                if call not in called and _is_call(value, words[at + 1], pc, report):
                    called.add(call)
            at += 1
        pc = at
    return jumps


def _is_misplaced(row: StepRow, starts: bytearray) -> bool:
    """Say whether a pc of a step is no start of an instruction."""
    for branch in row.branches:
        if not _is_start(number_of(branch), starts):
            return True
    return not (
        _may_start(row.entry, starts)
        and _may_start(row.exit, starts)
        and _may_start(row.on_success, starts)
        and _may_start(row.on_failure, starts)
        and _may_start(row.on_error, starts)
        and _may_start(row.on_abort, starts)
        and _may_start(row.ensure, starts)
        and _may_start(row.compensation, starts)
        and _may_start(row.on_timeout, starts)
    )


def _may_start(pc: int, starts: bytearray) -> bool:
    return pc == _NONE or _is_start(pc, starts)


def _is_start(pc: int, starts: bytearray) -> bool:
    return 0 <= pc < len(starts) and starts[pc] != 0


def _report_opcode(opcode: int, pc: int, report: Report) -> None:
    retired = _RETIRED.get(opcode)
    if retired is None:
        report("opcode-unknown", f"there is no opcode {opcode}", pc)
    else:
        report("opcode-retired", f"{retired.name} was retired in instruction set {retired.retired}", pc)


def _is_call(number: int, count: int, pc: int, report: Report) -> bool:
    """Say whether there is the function and takes so many arguments; report it if not."""
    row = FUNCTIONS_BY_NUMBER.get(number)
    if row is None:
        report("function-unknown", f"the library has no function {number}", pc)
        return False
    if not row.accepts(count):
        report("function-arguments", f"{row.name}() does not take {count} arguments", pc)
        return False
    return True
