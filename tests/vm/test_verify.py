"""The verifier refuses what is not safe to run, each kind of fault with its own code, and never raises."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, get_type_hints

import msgspec
import pytest
from hypothesis import given, settings

from tests.oracle.assembler import Assembler, Label, finish, operand_positions, run_program
from tests.oracle.programs import LENGTH, Seeded, build_program, programs
from wfe_vm import events
from wfe_vm.errors import ProgramError
from wfe_vm.isa import BY_NAME, ISA_VERSION, ROWS, Operand
from wfe_vm.library import FUNCTIONS_BY_NUMBER
from wfe_vm.machine import Machine
from wfe_vm.program import (
    FORMAT_VERSION,
    Child,
    Collect,
    Concurrency,
    Output,
    Parameter,
    Program,
    Readiness,
    Retry,
    Secret,
    SecretUse,
    Service,
    Signal,
    Step,
    decode_program,
    encode_program,
    pack_code,
    unpack_code,
)
from wfe_vm.verify import check, verify

Write = Callable[[Assembler], object]


def in_body(write: Write, **fields: Any) -> Program:
    """Return a program whose run does what is written, then ends."""
    assembler = run_program()
    write(assembler)
    finish(assembler)
    return assembler.program(**fields)


def emit(*instructions: tuple[Any, ...]) -> Write:
    def write(assembler: Assembler) -> None:
        for name, *operands in instructions:
            if name == "PUSH":
                assembler.load(*operands)
            else:
                assembler.emit(name, *operands)

    return write


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


def names_in(program: Program) -> list[str]:
    words, names, pc = list(unpack_code(program.code)), [], 0
    while pc < len(words):
        row = next(row for row in ROWS if row.number == words[pc])
        names.append(row.name)
        pc += 1 + len(row.operands)
    return names


@pytest.mark.acceptance("PRG-10")
def test_a_program_with_every_opcode_is_accepted() -> None:
    program = whole_program()
    assert verify(program) == []
    assert set(names_in(program)) == {row.name for row in ROWS}


@given(programs())
@settings(max_examples=40, deadline=None)
def test_random_valid_programs_are_accepted(program: Program) -> None:
    assert verify(program) == []


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


def with_loop(assembler: Assembler) -> None:
    body = Label()
    loop = assembler.step("loop", "for_each", item_slot=assembler.slot(1), branches=(body,))
    assembler.begin(loop)
    assembler.load([])
    assembler.emit("FORK_EACH", loop)
    assembler.mark(body)
    assembler.emit("END_BRANCH")
    assembler.exit(loop)


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


def cut_operands() -> Program:
    assembler = run_program()
    assembler.exit(0)
    assembler.words.append(BY_NAME["STORE_SLOT"].number)
    assembler.words.append(0)
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


def step_that_begins_twice() -> Program:
    """The second time in the middle of an expression to which no way leads, but a search does."""
    assembler = run_program()
    step = assembler.task("work")
    finish(assembler)
    emit(("PUSH", 1), ("BEGIN", step), ("FINISH",))(assembler)
    return assembler.program()


def step_that_begins_where_no_way_leads() -> Program:
    assembler = run_program()
    finish(assembler)
    assembler.task("work")
    assembler.emit("FINISH")
    return assembler.program()


def condition_that_no_body_follows() -> Program:
    assembler = run_program()
    step, end = assembler.step("work", "sequence"), Label()
    assembler.emit("ENTER", step)
    assembler.steps[step]["entry"] = assembler.pc
    assembler.mark(end)
    assembler.emit("JUMP", end)
    assembler.exit(step)
    finish(assembler)
    return assembler.program()


def race_that_nothing_begins() -> Program:
    assembler = run_program()
    assembler.exit(0)
    assembler.load({})
    assembler.step("race", "race", branches=(assembler.pc,))
    assembler.emit("FINISH")
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


def race_whose_branch_is_no_step() -> Program:
    assembler = run_program()
    first, second = Label(), Label()
    race = assembler.step("race", "race", branches=(first, second))
    assembler.begin(race)
    assembler.emit("FORK", race)
    assembler.exit(race)
    finish(assembler)
    assembler.mark(first)
    assembler.task("work", parent=race)
    assembler.emit("END_BRANCH")
    assembler.mark(second)
    assembler.emit("END_BRANCH")
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
    "operands cut off by the end": ("operands-truncated", cut_operands),
    "an expression in a hook outside of its steps": ("hook-code", expression_in_a_hook),
    "an expression in a compensation outside of its steps": ("hook-code", expression_in_a_compensation),
    "an expression in a hook, though it can't fail": ("hook-code", harmless_expression_in_a_hook),
    "a step that begins twice": ("step-begin", step_that_begins_twice),
    "a step that begins where no way leads": ("step-begin", step_that_begins_where_no_way_leads),
    "a condition that no body follows": ("step-pc", condition_that_no_body_follows),
    "a race that nothing begins": ("race-branch", race_that_nothing_begins),
    "a return in a compensation": ("step-nesting", return_in_a_compensation),
    "a hook that ends as a compensation": ("step-nesting", hook_that_ends_as_a_compensation),
    "a branch of a race that is no step": ("race-branch", race_whose_branch_is_no_step),
    "a return in a branch": ("step-nesting", return_in_a_branch),
    "a step opened outside its parent": ("step-nesting", child_step_outside_its_parent),
    "no code": ("code-empty", lambda: in_body(emit(), code=b"")),
    "half a word of code": ("code-length", lambda: in_body(emit(), code=b"\0\0\0")),
    "code that does not begin with the run": ("run-entry", lambda: in_body(emit(), code=pack_code([40, 0, 80, 0]))),
}


@pytest.mark.acceptance("PRG-05")
@pytest.mark.parametrize("fault", WHOLE)
def test_a_faulty_program_is_refused_with_its_own_code(fault: str) -> None:
    code, build = WHOLE[fault]
    program = build()
    if code in ("code-empty", "run-entry"):
        program = msgspec.structs.replace(
            program, steps=(msgspec.structs.replace(program.steps[0], exit=-1, entry=-1),)
        )
    assert code in {problem.code for problem in verify(program)}


TABLES: dict[str, tuple[str, dict[str, Any]]] = {
    "a format to come": ("format", {"format": FORMAT_VERSION + 1}),
    "an instruction set to come": ("isa", {"isa": ISA_VERSION + 1}),
    "no scope": ("scope-sizes", {"scope_sizes": ()}),
    "no room for the reserved slots": ("scope-sizes", {"scope_sizes": (2,)}),
    "a scope without measure": ("scope-sizes", {"scope_sizes": (2**40,)}),
    "a scope that nothing opens": ("scope-sizes", {"scope_sizes": (9, 1)}),
    "a stack without measure": ("stack-size", {"max_stack": 2**40}),
    "locals without measure": ("local-count", {"locals": 2**40}),
    "no steps": ("steps-empty", {"steps": ()}),
    "a constant that is bytes": ("constant-value", {"constants": (b"x", None)}),
    "a constant beyond 64 bits": ("constant-value", {"constants": (2**64 - 1, None)}),
    "a constant that is no number": ("constant-value", {"constants": (float("nan"), None)}),
    "a constant with a number for a key": ("constant-value", {"constants": ({1: 2}, None)}),
    "an input of no type": ("type-term", {"inputs": (Parameter("a", "lisp<"),)}),
    "an output of no type": ("type-term", {"outputs": (Parameter("a", ""),)}),
    "two inputs of one name": ("parameter-name", {"inputs": (Parameter("a", "any"), Parameter("a", "any"))}),
    "a default that is bytes": ("parameter-value", {"inputs": (Parameter("a", "any", True, b"x"),)}),
    "a group of which nothing tells": ("concurrency", {"concurrency": Concurrency()}),
    "room for no run": ("concurrency", {"concurrency": Concurrency(0), "preparation": in_body(emit())}),
    "an unknown answer to a full group": (
        "concurrency",
        {"concurrency": Concurrency(1, "wait"), "preparation": in_body(emit())},
    ),
    "two services of one name": ("service", {"services": (Service("a", "x"), Service("a", "y"))}),
    "a service on a port that is none": ("service", {"services": (Service("a", "x", (70_000,)),)}),
    "a service on an unknown network": ("service", {"services": (Service("a", "x", network="none"),)}),
    "a service that is asked in no way": ("service", {"services": (Service("a", "x", readiness=Readiness()),)}),
    "a service that is asked in two ways": (
        "service",
        {"services": (Service("a", "x", readiness=Readiness(("x",), 80)),)},
    ),
    "a service that is waited for without measure": (
        "service",
        {"services": (Service("a", "x", readiness=Readiness(("x",), timeout_ms=2**60)),)},
    ),
    "two secrets of one name": ("secret", {"secrets": (Secret("a", "A"), Secret("a", "B"))}),
    "a secret from nowhere": ("secret", {"secrets": (Secret("a"),)}),
    "a secret in no task": (
        "secret-use",
        {"secrets": (Secret("a", "A"),), "secret_uses": (SecretUse(0, ("env",), ("a",)),)},
    ),
    "a secret that is not declared": ("secret-use", {"secret_uses": (SecretUse(1, ("env",), ("a",)),)}),
    "services in a reserved slot": ("services-slot", {"services_slot": 1}),
    "services outside of the run's slots": ("services-slot", {"services_slot": 99}),
    "a preparation that works": ("preparation", {"preparation": in_body(lambda assembler: assembler.task("work"))}),
    "a preparation of a preparation": (
        "preparation",
        {"preparation": in_body(emit(), preparation=in_body(emit()))},
    ),
    "a faulty preparation": ("stack-size", {"preparation": in_body(emit(), max_stack=2**40)}),
}


@pytest.mark.acceptance("PRG-05")
@pytest.mark.parametrize("fault", TABLES)
def test_a_faulty_table_is_refused_with_its_own_code(fault: str) -> None:
    code, fields = TABLES[fault]
    program = in_body(lambda assembler: assembler.task("work"))
    assert code in {problem.code for problem in verify(msgspec.structs.replace(program, **fields))}


STEPS: dict[str, tuple[str, dict[str, Any]]] = {
    "an unknown kind": ("step-kind", {"kind": "dance"}),
    "a second run": ("step-kind", {"kind": "run"}),
    "itself for a parent": ("step-parent", {"parent": 1}),
    "a later step for a parent": ("step-parent", {"parent": 7}),
    "no parent": ("step-parent", {"parent": -1}),
    "a depth without a scope": ("step-depth", {"depth": 1}),
    "a negative depth": ("step-depth", {"depth": -1}),
    "a reserved slot": ("step-slot", {"slot": 0}),
    "a slot outside the scope": ("step-slot", {"slot": 99}),
    "a hook slot outside the scope": ("step-slot", {"hook_slot": 99}),
    "an output slot outside the scope": ("step-slot", {"outputs": (Output("n", "any", 99),)}),
    "an output of no type": ("type-term", {"outputs": (Output("n", "anything", 3),)}),
    "an exit in an operand": ("step-pc", {"exit": 5}),
    "an exit outside the code": ("step-pc", {"exit": 5000}),
    "no exit": ("step-pc", {"exit": -1}),
    "an entry elsewhere": ("step-pc", {"entry": 6}),
    "a hook in an operand": ("step-pc", {"ensure": 5}),
    "a hook that is no pc": ("step-pc", {"on_error": -2}),
    "a compensation in an operand": ("step-pc", {"compensation": 5}),
    "a reserved slot kept for a compensation": ("step-frozen", {"frozen": ((0, 0),)}),
    "a slot kept that is outside the scope": ("step-frozen", {"frozen": ((0, 99),)}),
    "a slot kept of an iteration that is none": ("step-frozen", {"frozen": ((1, 0),)}),
    "a step that is undone as the run is": ("step-undoable", {"undoable": True}),
    "branches of a task": ("step-branches", {"branches": (4,)}),
    "an item of a task": ("step-slot", {"item_slot": 0}),
    "a child of a task": ("step-child", {"child": Child("other")}),
    "an event of a task": ("step-signal", {"signal": Signal("e")}),
    "a wait for nothing": ("step-signal", {"kind": "wait"}),
    "options of a wait": ("step-signal", {"kind": "wait", "signal": Signal("e", options=("yes",))}),
    "an approval without options": ("step-signal", {"kind": "approve", "signal": Signal()}),
    "a refusal that is no option": ("step-signal", {"kind": "approve", "signal": Signal("", ("yes",), ("no",))}),
    "a negative time to wait": ("step-number", {"kind": "wait", "signal": Signal("e", timeout_ms=-1)}),
    "steps for the end of no time": ("step-signal", {"kind": "wait", "signal": Signal("e", on_timeout=4)}),
    "steps for that case in an operand": ("step-pc", {"kind": "wait", "signal": Signal("e", (), (), 5, 5)}),
    "a negative limit of time": ("step-number", {"timeout_ms": -1}),
    "a limit of time beyond measure": ("step-number", {"total_timeout_ms": 2**60}),
    "an unknown end of retries": ("step-choice", {"exhausted": "shrug"}),
    "an unknown way to fail fast": ("step-choice", {"fail_fast": "maybe"}),
    "an unknown answer to a crash": ("step-choice", {"on_crash": "weep"}),
    "negative attempts": ("step-retry", {"retry": Retry(-1, 1)}),
    "an endless interval": ("step-retry", {"retry": Retry(2, 2**60)}),
    "a backoff of nothing": ("step-retry", {"retry": Retry(2, 1, backoff=0.0)}),
    "a backoff that is no number": ("step-retry", {"retry": Retry(2, 1, backoff=float("nan"))}),
    "a jitter of more than all": ("step-retry", {"retry": Retry(2, 1, jitter=1.5)}),
    "a retry on an unknown outcome": ("step-retry", {"retry": Retry(2, 1, outcomes=("boredom",))}),
}


@pytest.mark.acceptance("PRG-05")
@pytest.mark.parametrize("fault", STEPS)
def test_a_step_with_a_fault_is_refused_with_its_own_code(fault: str) -> None:
    code, fields = STEPS[fault]
    program = in_body(lambda assembler: assembler.task("work"))
    assert verify(program) == []
    steps = (program.steps[0], msgspec.structs.replace(program.steps[1], **fields))
    assert code in {problem.code for problem in verify(msgspec.structs.replace(program, steps=steps))}


NUMBERS = [name for name, kind in get_type_hints(Step).items() if kind is int]


@pytest.mark.acceptance("PRG-05")
@pytest.mark.parametrize("number", [2**62, 2**63 - 1, -(2**63), 2**64 - 1])
@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_of_a_step_that_no_program_needs_is_refused(name: str, number: int) -> None:
    program = in_body(lambda assembler: assembler.task("work"))
    step = msgspec.structs.replace(program.steps[1], **{name: number})
    changed = msgspec.structs.replace(program, steps=(program.steps[0], step))
    [problem, *_] = verify(decode_program(encode_program(changed)))
    assert problem.code.startswith("step-")
    assert str(number) in problem.message or name in ("item_slot", "index_slot")


@pytest.mark.parametrize("name", ["branches", "item_slot", "depth"])
def test_a_fork_without_what_it_needs_is_refused(name: str) -> None:
    program = in_body(with_loop)
    assert verify(program) == []
    value: Any = {"branches": (), "item_slot": -1, "depth": 1}[name]
    steps = (program.steps[0], msgspec.structs.replace(program.steps[1], **{name: value}))
    assert verify(msgspec.structs.replace(program, steps=steps)) != []


def test_check_raises_the_first_problem() -> None:
    program = in_body(emit(("PUSH", 1), ("ADD",), ("POP",)))
    with pytest.raises(ProgramError) as caught:
        check(program)
    assert caught.value.code == "stack-underflow"
    assert caught.value.pc == 4
    check(whole_program())


def test_a_retired_opcode_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from wfe_vm import verify_code

    row = msgspec.structs.replace(BY_NAME["NEGATE"], number=120, name="OLD", retired=1)
    monkeypatch.setitem(verify_code._RETIRED, 120, row)
    problems = verify(in_body(lambda assembler: assembler.words.append(120)))
    assert problems[0].code == "opcode-retired"
    assert "OLD" in problems[0].message


SIGNAL = Signal(options=("yes", "no"), reject=("no",), timeout_ms=5)


def mutate(program: Program, choice: random.Random) -> Program | None:
    """Return the program with a random fault or several, or None where its bytes are no program any more."""
    kind = choice.randrange(4)
    if kind == 0:
        data = bytearray(encode_program(program))
        for _ in range(choice.randint(1, 3)):
            data[choice.randrange(len(data))] ^= 1 << choice.randrange(8)
        try:
            return decode_program(bytes(data))
        except ProgramError:
            return None
    if kind == 1:
        words = list(unpack_code(program.code))
        for _ in range(choice.randint(1, 3)):
            words[choice.randrange(len(words))] = choice.choice(
                [-1, 0, 1, 2, choice.randrange(90), choice.randrange(len(words)), 2**31 - 1]
            )
        return msgspec.structs.replace(program, code=pack_code(words))
    if kind == 2:
        words = list(unpack_code(program.code))
        at = choice.randrange(len(words))
        if choice.random() < 0.5:
            del words[at : at + choice.randint(1, 3)]
        else:
            words[at:at] = [choice.choice(ROWS).number for _ in range(choice.randint(1, 2))]
        return msgspec.structs.replace(program, code=pack_code(words))
    steps = list(program.steps)
    at = choice.randrange(len(steps))
    field = choice.choice(msgspec.structs.fields(type(steps[at])))
    values: dict[type, list[Any]] = {
        int: [-2, -1, 0, 1, 2, choice.randrange(len(program.code)), 2**62],
        str: ["", "task", "for_each", "parallel", "while", "cancel", "suspend", "terminate"],
        bool: [True, False],
        tuple: [(), (0,), (choice.randrange(len(program.code)),)],
    }
    default = values.get(type(getattr(steps[at], field.name)), [None, Retry(2, 1), Collect("a", 3), Child("c"), SIGNAL])
    value = choice.choice(default)
    if field.name == "outputs":
        value = (Output("n", choice.choice(["any", "integer", "zz"]), choice.randrange(20)),)
    if field.name == "frozen":
        value = ((choice.randrange(-1, 2), choice.randrange(20)),)
    if field.name == "name" or (field.name in ("retry", "child", "collect", "signal") and not fits(field.name, value)):
        value = getattr(steps[at], field.name)
    steps[at] = msgspec.structs.replace(steps[at], **{field.name: value})
    return msgspec.structs.replace(program, steps=tuple(steps))


def fits(field: str, value: Any) -> bool:
    kinds = {"retry": Retry, "child": Child, "collect": Collect, "signal": Signal}
    return value is None or isinstance(value, kinds[field])


def run_under_limits(program: Program, choice: random.Random) -> None:
    """Run a program that was accepted, with small limits and a short life; nothing may raise."""
    machine = Machine(program, max_instructions=2000, max_state_bytes=100_000)
    state = machine.new_state("run", "name", "")
    waiting: list[events.Event] = []
    event: events.Event = events.Started(1, {"n": 1})
    for time in range(2, 30):
        advance = machine.advance(state, event)
        for command in advance.commands:
            if hasattr(command, "config"):
                outcome = choice.choice(["success", "success", "failure"])
                waiting.append(events.StepEnded(time, command.activation, command.attempt, outcome, {"n": 1}))
            elif hasattr(command, "reopen"):
                waiting.append(events.ChildEnded(time, command.activation, command.attempt, command.child, "failed"))
        if state.end is not None:
            break
        event = waiting.pop(0) if waiting else events.Tick(max(time, state.due()))
        if state.suspended:
            event = events.Resume(time)
    machine.advance(state, events.Terminate(30))
    assert state.end is not None
    assert not state.pointers


def mutations(seeds: range, each: int) -> tuple[int, int]:
    """Verify that many mutations of the seeds' programs, and run the accepted; returns (refused, accepted)."""
    refused = accepted = 0
    for seed in seeds:
        choice = random.Random(seed)
        program = build_program(Seeded(seed), 6)
        for _ in range(each):
            mutated = mutate(program, choice)
            if mutated is None or verify(mutated):
                refused += 1
            else:
                accepted += 1
                run_under_limits(mutated, choice)
    return refused, accepted


@pytest.mark.acceptance("PRG-06")
def test_mutated_programs_are_refused_or_run_to_an_end() -> None:
    refused, accepted = mutations(range(100), 20)
    assert refused > 500
    assert accepted > 50


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.acceptance("PRG-06")
def test_a_hundred_thousand_mutated_programs_are_refused_or_run_to_an_end() -> None:
    refused, accepted = mutations(range(1000, 2000), 100)
    assert refused + accepted == 100_000


def test_a_function_of_the_library_is_accepted_with_the_arguments_it_takes() -> None:
    for number, row in FUNCTIONS_BY_NUMBER.items():
        for count in range(5):

            def write(assembler: Assembler, number: int = number, count: int = count) -> None:
                for _ in range(count):
                    assembler.load(None)
                emit(("CALL", number, count), ("POP",))(assembler)

            codes = [problem.code for problem in verify(in_body(write))]
            assert codes == ([] if row.accepts(count) else ["function-arguments"])


@pytest.mark.acceptance("PRG-05")
def test_the_entry_of_the_run_itself_is_held_to_its_place_too() -> None:
    program = in_body(emit(("PUSH", 1), ("POP",)))
    run, *others = program.steps
    moved = msgspec.structs.replace(run, entry=run.entry + 2)
    found = verify(msgspec.structs.replace(program, steps=(moved, *others)))
    assert [problem.code for problem in found] == ["step-pc"]
