"""The opcode table is a wire format: numbers stay, and rows agree with themselves."""

from __future__ import annotations

import string

import pytest

from wfe_vm.isa import BY_NAME, BY_NUMBER, ISA_VERSION, ROWS, Flag, Operand, row_of

# What has been released stays as it is: lines are only ever added here.
FROZEN = """
1 LOAD_CONST, 2 LOAD_SLOT, 3 STORE_SLOT, 4 LOAD_LOCAL, 5 POP, 6 MEMBER, 7 INDEX, 8 MAKE_LIST, 9 MAKE_MAP,
10 TEXT, 11 GATHER, 16 EQUAL, 17 NOT_EQUAL, 18 LESS, 19 LESS_EQUAL, 20 GREATER, 21 GREATER_EQUAL, 22 ADD,
23 SUBTRACT, 24 MULTIPLY, 25 DIVIDE, 26 REMAINDER, 27 NEGATE, 28 NOT, 29 IN, 30 CHECK_BOOL, 40 JUMP,
41 BRANCH_FALSE, 42 BRANCH_TRUE, 43 BRANCH_FALSE_KEEP, 44 BRANCH_TRUE_KEEP, 45 BRANCH_VALUE_KEEP, 47 CALL,
48 EACH_BEGIN, 49 EACH_NEXT, 50 EACH_KEEP, 51 EACH_FILTER, 64 ENTER, 65 GUARD, 66 BEGIN, 67 RUN,
68 START_CHILD, 69 SLEEP, 70 SLEEP_UNTIL, 71 FORK, 72 FORK_EACH, 73 END_BRANCH, 74 COLLECT, 75 PASS, 76 END,
79 FAIL, 80 RETURN, 81 END_HOOK, 82 FINISH,
83 END_COMPENSATION, 90 WAIT, 91 APPROVE, 92 PUBLISH, 93 TIMED_OUT
"""


@pytest.mark.acceptance("PRG-10")
def test_every_opcode_has_its_frozen_number() -> None:
    frozen = {name: int(number) for number, name in (entry.split() for entry in FROZEN.split(","))}
    assert {row.name: row.number for row in ROWS} == frozen


@pytest.mark.acceptance("PRG-10")
def test_numbers_and_names_are_unique() -> None:
    assert len(BY_NUMBER) == len(BY_NAME) == len(ROWS)


def test_rows_are_found_by_number() -> None:
    assert row_of(BY_NAME["RUN"].number) is BY_NAME["RUN"]
    assert row_of(0) is None
    assert row_of(2**31 - 1) is None


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_agrees_with_itself(row) -> None:
    assert 1 <= row.since <= ISA_VERSION
    assert (Operand.TARGET in row.operands) == (Flag.JUMP in row.flags)
    counted = [name for name in row.takes if name.endswith("*")]
    if Operand.COUNT in row.operands:
        assert len(row.takes) == len(counted) == 1
        assert row.operands[-1] is Operand.COUNT
    else:
        assert not counted
    if Flag.SUSPEND in row.flags:
        assert row.gives == ()
        assert Flag.STOP in row.flags
    if Operand.SLOT in row.operands:
        assert row.operands[row.operands.index(Operand.SLOT) - 1] is Operand.DEPTH
    fields = [field for _, field, _, _ in string.Formatter().parse(row.synopsis) if field is not None]
    assert all(int(field) < len(row.operands) for field in fields)
    assert row.doc.endswith(".")
