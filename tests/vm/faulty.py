"""Programs written by hand for the tests of the verifier: whole ones, and bodies that a fault is put into.

For tests alone. What is wrong with a program, and what the verifier says to it, stands with each test.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from tests.oracle.assembler import Assembler, Label, finish, run_program
from tests.oracle.programs import LENGTH
from wfe_vm.program import Child, Collect, Program, Signal

__all__ = ["SIGNAL", "Write", "emit", "in_body", "of_code", "whole_program", "with_loop"]

Write = Callable[[Assembler], object]

SIGNAL = Signal(options=("yes", "no"), reject=("no",), timeout_ms=5)


def in_body(write: Write, **fields: Any) -> Program:
    """Return a program whose run does what is written, then ends."""
    assembler = run_program()
    write(assembler)
    finish(assembler)
    return assembler.program(**fields)


def of_code(code: bytes) -> Program:
    """Return a program of this code, whose run names no place in it."""
    program = in_body(emit(), code=code)
    return msgspec.structs.replace(program, steps=(msgspec.structs.replace(program.steps[0], exit=-1, entry=-1),))


def emit(*instructions: tuple[Any, ...]) -> Write:
    """Return what writes instructions; PUSH stands for loading a constant."""

    def write(assembler: Assembler) -> None:
        for name, *operands in instructions:
            if name == "PUSH":
                assembler.load(*operands)
            else:
                assembler.emit(name, *operands)

    return write


def with_loop(assembler: Assembler) -> None:
    """Write a loop over nothing."""
    body = Label()
    loop = assembler.step("loop", "for_each", item_slot=assembler.slot(1), branches=(body,))
    assembler.begin(loop)
    assembler.load([])
    assembler.emit("FORK_EACH", loop)
    assembler.mark(body)
    assembler.emit("END_BRANCH")
    assembler.exit(loop)


def whole_program() -> Program:
    """Return a program with every opcode in it."""
    assembler = run_program()
    a = assembler.slot(0)
    emit(("PUSH", 1), ("STORE_SLOT", 0, a), ("LOAD_SLOT", 0, a), ("POP",))(assembler)
    for operator in [
        "EQUAL",
        "NOT_EQUAL",
        "LESS",
        "LESS_EQUAL",
        "GREATER",
        "GREATER_EQUAL",
        "ADD",
        "SUBTRACT",
        "MULTIPLY",
        "DIVIDE",
        "REMAINDER",
    ]:
        emit(("PUSH", 4), ("PUSH", 2), (operator,), ("POP",))(assembler)
    emit(("PUSH", 1), ("PUSH", [1]), ("IN",), ("NOT",), ("CHECK_BOOL",), ("POP",))(assembler)
    emit(("PUSH", [1]), ("PUSH", 0), ("INDEX",), ("NEGATE",), ("MAKE_LIST", 1), ("POP",))(assembler)
    emit(("PUSH", "x"), ("PUSH", 0), ("MAKE_MAP", 1), ("MEMBER", assembler.constant("x")), ("TEXT", 1), ("POP",))(
        assembler
    )
    emit(("GATHER", assembler.constant([["a", 0, a]])), ("POP",), ("PUSH", "x"), ("CALL", LENGTH, 1), ("POP",))(
        assembler
    )
    for jump in ("BRANCH_FALSE_KEEP", "BRANCH_TRUE_KEEP", "BRANCH_VALUE_KEEP"):
        end = Label()
        emit(("PUSH", True), (jump, end), ("PUSH", False))(assembler)
        assembler.mark(end)
        assembler.emit("POP")
    for filtering in (False, True):
        top, end = Label(), Label()
        emit(("PUSH", [True]), ("EACH_BEGIN",))(assembler)
        assembler.mark(top)
        emit(("EACH_NEXT", 0, end), ("LOAD_LOCAL", 0))(assembler)
        emit(("EACH_FILTER", 0) if filtering else ("EACH_KEEP",), ("JUMP", top))(assembler)
        assembler.mark(end)
        assembler.emit("POP")

    def step(name: str, kind: str, *body: tuple[Any, ...], **fields: Any) -> int:
        index = assembler.step(name, kind, **fields)
        assembler.begin(index)
        emit(*((row[0], index) if row[1:] == ("*",) else row for row in body))(assembler)
        assembler.exit(index)
        return index

    guarded = assembler.step("guarded", "sequence")
    emit(("ENTER", guarded), ("PUSH", True), ("GUARD", guarded))(assembler)
    assembler.steps[guarded]["entry"] = assembler.pc
    hooked = assembler.task("work", parent=guarded)
    emit(("END", guarded))(assembler)
    assembler.exit(guarded)
    step("child", "workflow", ("PUSH", {}), ("START_CHILD", "*"), child=Child("other"))
    step("nap", "sleep", ("PUSH", 1), ("SLEEP", "*"))
    step("until", "sleep_until", ("PUSH", 1), ("SLEEP_UNTIL", "*"))
    step("publish", "publish", ("PUSH", "k"), ("PUSH", 1), ("PUBLISH", "*"), signal=Signal("e"))
    step("ask", "approve", ("PUSH", "Ship?"), ("PUSH", []), ("APPROVE", "*"), signal=SIGNAL)
    wait = assembler.step("wait", "wait")
    assembler.begin(wait)
    emit(("PUSH", "k"), ("PUSH", None), ("WAIT", wait))(assembler)
    assembler.steps[wait]["signal"] = Signal("e", timeout_ms=5, on_timeout=assembler.pc)
    assembler.task("late", parent=wait)
    assembler.emit("TIMED_OUT", wait)
    assembler.exit(wait)
    step("refuse", "fail", ("PUSH", "no"), ("FAIL", "*"))
    step("leave", "return", ("PUSH", {}), ("RETURN", "*"))
    loop = assembler.step("loop", "while")
    assembler.begin(loop)
    end = Label()
    emit(("PUSH", False), ("BRANCH_FALSE", end), ("PUSH", True), ("BRANCH_TRUE", end), ("PASS", loop))(assembler)
    assembler.mark(end)
    assembler.emit("END", loop)
    assembler.exit(loop)
    first, body = Label(), Label()
    fork = step("fork", "parallel", ("FORK", "*"), branches=(first,))
    item = assembler.slot(1)
    collect = Collect("all", assembler.slot(0))
    each = step("each", "for_each", ("PUSH", []), ("FORK_EACH", "*"), branches=(body,), item_slot=item, collect=collect)
    finish(assembler)
    assembler.mark(first)
    assembler.task("branch", parent=fork)
    assembler.emit("END_BRANCH")
    assembler.mark(body)
    emit(("LOAD_SLOT", 1, item), ("COLLECT", each), ("END_BRANCH",))(assembler)
    assembler.steps[hooked]["ensure"] = assembler.pc
    assembler.task("clean", parent=hooked)
    assembler.emit("END_HOOK", hooked)
    assembler.steps[hooked]["compensation"] = assembler.pc
    assembler.task("undo", parent=hooked)
    assembler.emit("END_COMPENSATION", hooked)
    return assembler.program()
