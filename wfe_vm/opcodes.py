"""The numbers of the opcodes.

Generated from wfe_vm/isa.py by `python -m wfe_vm.generate`; do not edit.
"""

from typing import Final

__all__ = [
    "ADD",
    "APPROVE",
    "BEGIN",
    "BRANCH_FALSE",
    "BRANCH_FALSE_KEEP",
    "BRANCH_TRUE",
    "BRANCH_TRUE_KEEP",
    "BRANCH_VALUE_KEEP",
    "CALL",
    "CHECK_BOOL",
    "COLLECT",
    "DIVIDE",
    "EACH_BEGIN",
    "EACH_FILTER",
    "EACH_KEEP",
    "EACH_NEXT",
    "END",
    "END_BRANCH",
    "END_COMPENSATION",
    "END_HOOK",
    "ENTER",
    "EQUAL",
    "FAIL",
    "FINISH",
    "FORK",
    "FORK_EACH",
    "GATHER",
    "GREATER",
    "GREATER_EQUAL",
    "GUARD",
    "IN",
    "INDEX",
    "JUMP",
    "LESS",
    "LESS_EQUAL",
    "LOAD_CONST",
    "LOAD_LOCAL",
    "LOAD_SLOT",
    "MAKE_LIST",
    "MAKE_MAP",
    "MEMBER",
    "MULTIPLY",
    "NEGATE",
    "NOT",
    "NOT_EQUAL",
    "PASS",
    "POP",
    "PUBLISH",
    "REMAINDER",
    "RETURN",
    "RUN",
    "SLEEP",
    "SLEEP_UNTIL",
    "START_CHILD",
    "STORE_SLOT",
    "SUBTRACT",
    "TEXT",
    "TIMED_OUT",
    "WAIT",
]

LOAD_CONST: Final = 1
LOAD_SLOT: Final = 2
STORE_SLOT: Final = 3
LOAD_LOCAL: Final = 4
POP: Final = 5
MEMBER: Final = 6
INDEX: Final = 7
MAKE_LIST: Final = 8
MAKE_MAP: Final = 9
TEXT: Final = 10
GATHER: Final = 11
EQUAL: Final = 16
NOT_EQUAL: Final = 17
LESS: Final = 18
LESS_EQUAL: Final = 19
GREATER: Final = 20
GREATER_EQUAL: Final = 21
ADD: Final = 22
SUBTRACT: Final = 23
MULTIPLY: Final = 24
DIVIDE: Final = 25
REMAINDER: Final = 26
NEGATE: Final = 27
NOT: Final = 28
IN: Final = 29
CHECK_BOOL: Final = 30
JUMP: Final = 40
BRANCH_FALSE: Final = 41
BRANCH_TRUE: Final = 42
BRANCH_FALSE_KEEP: Final = 43
BRANCH_TRUE_KEEP: Final = 44
BRANCH_VALUE_KEEP: Final = 45
CALL: Final = 47
EACH_BEGIN: Final = 48
EACH_NEXT: Final = 49
EACH_KEEP: Final = 50
EACH_FILTER: Final = 51
ENTER: Final = 64
GUARD: Final = 65
BEGIN: Final = 66
RUN: Final = 67
START_CHILD: Final = 68
SLEEP: Final = 69
SLEEP_UNTIL: Final = 70
FORK: Final = 71
FORK_EACH: Final = 72
END_BRANCH: Final = 73
COLLECT: Final = 74
PASS: Final = 75
END: Final = 76
FAIL: Final = 79
RETURN: Final = 80
END_HOOK: Final = 81
FINISH: Final = 82
END_COMPENSATION: Final = 83
WAIT: Final = 90
APPROVE: Final = 91
PUBLISH: Final = 92
TIMED_OUT: Final = 93
