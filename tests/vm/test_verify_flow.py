"""The verifier refuses ways through the code that misuse the stack, its iterators, or the order of steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tests.oracle.assembler import Assembler, Label, finish, run_program
from tests.oracle.programs import LENGTH
from tests.vm.faulty import SIGNAL, Write, emit, in_body, of_code, with_loop
from wfe_vm.isa import ROWS, Operand
from wfe_vm.program import Child, Collect, Program, Signal, pack_code
from wfe_vm.verify import verify


@pytest.mark.acceptance("PRG-10")
@pytest.mark.parametrize("row", [row for row in ROWS if row.takes], ids=lambda row: row.name)
def test_an_opcode_on_an_empty_stack_is_refused(row: Any) -> None:
    """What takes items finds none: an underflow, or no iterator where one is needed."""
    operands = {
        Operand.COUNT: 1,
        Operand.TARGET: 0,
        Operand.FUNCTION: LENGTH,
        Operand.STEP: 1,
        Operand.NAME: 0,
    }

    def write(assembler: Assembler) -> None:
        assembler.constant("a")
        assembler.task("work")
        assembler.emit(row.name, *(operands.get(kind, 0) for kind in row.operands))

    problems = verify(in_body(write))
    assert problems[0].code in ("stack-underflow", "iterator-expected")
    assert problems[0].pc == 12  # after BEGIN 0 and the task


@pytest.mark.acceptance("PRG-10")
@pytest.mark.parametrize(
    "row",
    [row for row in ROWS if Operand.STEP in row.operands and row.name not in ("BEGIN", "ENTER")],
    ids=lambda row: row.name,
)
def test_an_opcode_of_a_step_that_is_not_open_is_refused(row: Any) -> None:
    def write(assembler: Assembler) -> None:
        kinds = {
            "RUN": "task",
            "START_CHILD": "workflow",
            "FORK": "parallel",
            "FORK_EACH": "for_each",
            "COLLECT": "for_each",
            "PASS": "while",
            "WAIT": "wait",
            "APPROVE": "approve",
            "PUBLISH": "publish",
            "TIMED_OUT": "wait",
        }
        kind = kinds.get(row.name, "sleep")
        fields: dict[str, Any] = {"child": Child("other")} if kind == "workflow" else {}
        if kind in ("parallel", "for_each"):
            fields["branches"] = (0,)
        if kind in ("wait", "approve", "publish"):
            fields["signal"] = Signal("e") if kind != "approve" else SIGNAL
        if kind == "for_each":
            fields |= {"item_slot": assembler.slot(1), "collect": Collect("all", assembler.slot(0))}
        step = assembler.step("closed", kind, **fields)
        for _ in row.takes:
            assembler.load(None)
        assembler.emit(row.name, step)

    problems = verify(in_body(write))
    assert problems[0].code == "step-nesting"


LOOSE: dict[str, tuple[str, Write]] = {
    "an item left on the stack": ("stack-not-empty", emit(("PUSH", 1))),
    "a slot of an iteration outside of one": (
        "scope-depth",
        lambda a: (with_loop(a), emit(("LOAD_SLOT", 1, 0), ("POP",))(a)),
    ),
    "a gather of an iteration outside of one": (
        "scope-depth",
        lambda a: (with_loop(a), emit(("GATHER", a.constant([["a", 1, 0]])), ("POP",))(a)),
    ),
    "an iterator taken for a value": ("iterator-misused", emit(("PUSH", []), ("EACH_BEGIN",), ("POP",))),
    "an iterator of an iterator": ("iterator-misused", emit(("PUSH", []), ("EACH_BEGIN",), ("EACH_BEGIN",))),
    "a value taken for an iterator": ("iterator-expected", emit(("PUSH", []), ("EACH_NEXT", 0, 2), ("POP",))),
    "an item kept that was not bound": (
        "local-unbound",
        emit(("PUSH", []), ("EACH_BEGIN",), ("PUSH", 1), ("EACH_KEEP",)),
    ),
    "a local that nothing binds": ("local-unbound", emit(("LOAD_LOCAL", 0), ("POP",))),
    "a step opened in itself": ("step-nesting", lambda a: a.emit("BEGIN", 0)),
    "a branch's end outside of branches": ("step-nesting", emit(("END_BRANCH",))),
    "a condition for no step": ("step-nesting", lambda a: (a.task("t"), emit(("PUSH", True), ("GUARD", 1))(a))),
    "a sleep in a task": ("step-kind", lambda a: (a.task("t"), emit(("PUSH", 1), ("SLEEP", 1))(a))),
}


@pytest.mark.acceptance("PRG-05")
@pytest.mark.parametrize("fault", LOOSE)
def test_faulty_code_is_refused_with_its_own_code_and_pc(fault: str) -> None:
    code, write = LOOSE[fault]
    problems = verify(in_body(write))
    assert problems[0].code == code
    assert problems[0].pc is not None


@pytest.mark.parametrize("path", ["loop[*][*]/work", "loop[*]/work[*]"])
def test_a_path_with_other_loops_than_the_step_has_around_it_is_refused(path: str) -> None:
    def write(assembler: Assembler) -> None:
        loop = assembler.step("loop", "until")
        assembler.begin(loop)
        assembler.task("work", parent=loop, path=path)
        assembler.emit("END", loop)
        assembler.exit(loop)

    assert [problem.code for problem in verify(in_body(write))] == ["step-path"]


def joined_apart() -> Program:
    def write(assembler: Assembler) -> None:
        end = Label()
        emit(("PUSH", True), ("BRANCH_TRUE", end), ("PUSH", 1))(assembler)
        assembler.mark(end)
        assembler.emit("POP")

    return in_body(write)


def joined_in_two_steps() -> Program:
    def write(assembler: Assembler) -> None:
        block = assembler.step("block", "sequence")
        end = Label()
        emit(("PUSH", True), ("BRANCH_TRUE", end))(assembler)
        assembler.begin(block)
        assembler.mark(end)
        assembler.emit("END", block)
        assembler.exit(block)

    return in_body(write)


def falling_off() -> Program:
    assembler = run_program()
    assembler.exit(0)
    assembler.load(1)
    return assembler.program()


def expression_in_a_hook() -> Program:
    assembler = run_program()
    step = assembler.task("work")
    finish(assembler)
    assembler.steps[step]["ensure"] = assembler.pc
    emit(("PUSH", 1), ("NEGATE",), ("POP",), ("END_HOOK", step))(assembler)
    return assembler.program()


def expression_in_a_compensation() -> Program:
    assembler = run_program()
    step = assembler.task("work")
    finish(assembler)
    assembler.steps[step]["compensation"] = assembler.pc
    emit(("PUSH", 1), ("NEGATE",), ("POP",), ("END_COMPENSATION", step))(assembler)
    return assembler.program()


def harmless_expression_in_a_hook() -> Program:
    assembler = run_program()
    step = assembler.task("work")
    finish(assembler)
    assembler.steps[step]["ensure"] = assembler.pc
    emit(("PUSH", 1), ("POP",), ("END_HOOK", step))(assembler)
    return assembler.program()


def return_in_a_compensation() -> Program:
    assembler = run_program()
    step = assembler.task("work")
    finish(assembler)
    assembler.steps[step]["compensation"] = assembler.pc
    leave = assembler.step("leave", "return", parent=step)
    assembler.begin(leave)
    emit(("PUSH", {}), ("RETURN", leave))(assembler)
    assembler.exit(leave)
    assembler.emit("END_COMPENSATION", step)
    return assembler.program()


def hook_that_ends_as_a_compensation() -> Program:
    assembler = run_program()
    step = assembler.task("work")
    finish(assembler)
    assembler.steps[step]["ensure"] = assembler.pc
    assembler.emit("END_COMPENSATION", step)
    return assembler.program()


def return_in_a_branch() -> Program:
    assembler = run_program()
    branch = Label()
    fork = assembler.step("fork", "parallel", branches=(branch,))
    assembler.begin(fork)
    assembler.emit("FORK", fork)
    assembler.exit(fork)
    finish(assembler)
    assembler.mark(branch)
    leave = assembler.step("leave", "return", parent=fork)
    assembler.begin(leave)
    emit(("PUSH", {}), ("RETURN", leave))(assembler)
    assembler.exit(leave)
    assembler.emit("END_BRANCH")
    return assembler.program()


def child_step_outside_its_parent() -> Program:
    assembler = run_program()
    block = assembler.step("block", "sequence")
    assembler.begin(block)
    assembler.emit("END", block)
    assembler.exit(block)
    assembler.task("work", parent=block)
    finish(assembler)
    return assembler.program()


WHOLE: dict[str, tuple[str, Callable[[], Program]]] = {
    "unequal depths at a join": ("stack-join", joined_apart),
    "a join of two steps": ("step-join", joined_in_two_steps),
    "an overflowing stack": (
        "stack-overflow",
        lambda: in_body(emit(("PUSH", 1), ("PUSH", 2), ("ADD",), ("POP",)), max_stack=1),
    ),
    "code that goes on past its end": ("falls-off", falling_off),
    "an expression in a hook outside of its steps": ("hook-code", expression_in_a_hook),
    "an expression in a compensation outside of its steps": ("hook-code", expression_in_a_compensation),
    "an expression in a hook, though it can't fail": ("hook-code", harmless_expression_in_a_hook),
    "a return in a compensation": ("step-nesting", return_in_a_compensation),
    "a hook that ends as a compensation": ("step-nesting", hook_that_ends_as_a_compensation),
    "a return in a branch": ("step-nesting", return_in_a_branch),
    "a step opened outside its parent": ("step-nesting", child_step_outside_its_parent),
    "code that does not begin with the run": ("run-entry", lambda: of_code(pack_code([40, 0, 80, 0]))),
}


@pytest.mark.acceptance("PRG-05")
@pytest.mark.parametrize("fault", WHOLE)
def test_a_faulty_program_is_refused_with_its_own_code(fault: str) -> None:
    code, build = WHOLE[fault]
    assert code in {problem.code for problem in verify(build())}


@pytest.mark.acceptance("PRG-05")
def test_the_entry_of_the_run_itself_is_held_to_its_place_too() -> None:
    program = in_body(emit(("PUSH", 1), ("POP",)))
    run, *others = program.steps
    moved = msgspec.structs.replace(run, entry=run.entry + 2)
    found = verify(msgspec.structs.replace(program, steps=(moved, *others)))
    assert [problem.code for problem in found] == ["step-pc"]


def many_branches(faulty: bool) -> Program:
    """Return a program with more branches than there is room for ways at first; the one followed last may be faulty."""

    def write(assembler: Assembler) -> None:
        labels = tuple(Label() for _ in range(600))
        fork = assembler.step("fork", "parallel", branches=labels)
        assembler.begin(fork)
        assembler.emit("FORK", fork)
        for number, label in enumerate(labels):
            assembler.mark(label)
            assembler.task(f"task{number}", parent=fork)
            emit(("END_HOOK", fork) if faulty and not number else ("END_BRANCH",))(assembler)
        assembler.exit(fork)

    return in_body(write)


def test_however_many_ways_wait_each_is_followed() -> None:
    assert verify(many_branches(faulty=False)) == []
    assert [problem.code for problem in verify(many_branches(faulty=True))] == ["step-nesting"]
