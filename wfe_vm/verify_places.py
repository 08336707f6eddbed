"""The part of the verifier that looks at places which the machine finds by a search instead of by the flow of control.

This file owns what must hold of them: that the search finds one place alone, and one that ``verify_flow.py`` has
followed, so that a pointer which is put there finds the stack empty and its steps open. A retry looks for where a
step begins, a moved run too; an attempt begins at a step's entry; a race reads off its branches whose steps they are.
It relies on all else having been checked.

Rule: where a pointer is put without coming there, it is put at a place that some way leads to.
"""

from __future__ import annotations

from array import array
from typing import Final

import cython

from .isa import ROWS
from .program import NO_PC
from .step_rows import StepRow
from .verify_code import OPCODE_BOUND
from .verify_problems import Report

if not cython.compiled:
    from .opcodes import BEGIN, ENTER, GUARD

__all__ = ["verify_places"]

_OPENING_WORDS: Final = 2  # of BEGIN and of GUARD, behind which a body starts


def _length_table() -> array[int]:
    table = array("i", [1]) * OPCODE_BOUND
    for row in ROWS:
        table[row.number] = 1 + len(row.operands)
    return table


_LENGTHS = _length_table()


def verify_places(rows: list[StepRow], words: array[int], met: array[int], report: Report) -> None:
    """Check all places that a search may find; each problem goes to ``report``.

    ``rows`` is the program's step table, ``met`` what ``verify_flow`` returned.
    """
    begun = array("i", [NO_PC]) * len(rows)
    _check_beginnings(words, met, begun, report)
    _check_steps(rows, words, met, begun, report)


def _check_beginnings(words: array[int], met: array[int], begun: array[int], report: Report) -> None:
    """See that each step begins at one place at most, and that control comes there; ``begun`` takes in where."""
    lengths = _LENGTHS
    size, pc = len(words), 0
    while pc < size:
        opcode = words[pc]
        if opcode in (BEGIN, ENTER):
            index = words[pc + 1]
            if begun[index] >= 0:
                report("step-begin", f"step {index} begins here and at {begun[index]}", pc)
            elif met[pc] < 0:
                report("step-begin", f"step {index} begins where no way leads", pc)
            begun[index] = pc
        pc += lengths[opcode]


def _check_steps(rows: list[StepRow], words: array[int], met: array[int], begun: array[int], report: Report) -> None:
    for index in range(len(rows)):
        row = rows[index]
        if begun[index] >= 0 and not _is_entered(index, row, words, met):
            report("step-pc", f"no way leads from the beginning of step {index} to its entry, {row.step.entry}")
        if row.kind == "race":
            _check_race(index, row, words, report)


def _is_entered(index: int, row: StepRow, words: array[int], met: array[int]) -> bool:
    """Say whether control comes to the instruction that starts a step's body, and so to the step's entry."""
    start = row.entry - _OPENING_WORDS
    if start < 0 or met[start] < 0:
        return False
    return words[start] in (BEGIN, GUARD) and words[start + 1] == index


def _check_race(index: int, row: StepRow, words: array[int], report: Report) -> None:
    """See that each branch of a race is a step of its own: whether it wins is read off that."""
    begun: set[int] = set()
    for pc in row.branches:
        own = words[pc + 1] if words[pc] in (BEGIN, ENTER) else -1
        if own < 0 or own in begun:
            report("race-branch", f"a branch of the race {index} is no step of its own", pc)
        begun.add(own)
