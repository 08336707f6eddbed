"""The part of the verifier that follows every way through the code.

This file owns what holds between instructions: that the stack neither under- nor overflows and is
empty where a pointer may wait, that iterators are used as such, that slots belong to scopes that
exist, and that steps are opened and ended in the order of the step table. It relies on tables and
single instructions having been checked.

What is known at an instruction is its *situation*: the number of items on the stack, the iterators
among them as ``(position, bound local or -1)``, and the *context*: which steps are open around it and
in which part of each it lies. A context is a number; ``_Contexts`` knows what it stands for.

Rules:

1. All ways to an instruction must agree on its situation, so each is followed once.
2. What the machine goes to by itself (hooks, branches, the exit) is followed from where the step is opened.
3. Code that nothing reaches is not looked at here: it can't run.
"""

from __future__ import annotations

from typing import Final

from . import opcodes as op
from .isa import ROWS, Flag, Operand, Row
from .program import NO_PC, Program
from .verify_code import OPCODE_BOUND, deepest_gathered
from .verify_table import Report

__all__ = ["verify_flow"]

# The parts of a step in which an instruction may lie.
_OUTSIDE: Final = 0  # of all steps: only the run itself may begin
_ENTERED: Final = 1  # its condition
_BODY: Final = 2
_HOOK: Final = 3
_BRANCH: Final = 4  # the start of one of its pointers
_UNDO: Final = 5  # its compensation
_PART_NAMES: Final = ("outside", "the condition of", "the body of", "a hook of", "a branch of", "the compensation of")

# How the flow treats an instruction.
_PLAIN: Final = 0
_COUNTED: Final = 1  # takes as many as an operand says
_SCOPED: Final = 2  # names a slot or several
_EACH: Final = 3  # knows iterators or locals
_JUMP: Final = 4
_STEP: Final = 5  # opens, ends or forks

_EACH_OPCODES: Final = frozenset({op.EACH_BEGIN, op.EACH_NEXT, op.EACH_KEEP, op.EACH_FILTER, op.LOAD_LOCAL})
_UNNAMED_STEP_OPCODES: Final = frozenset({op.END_BRANCH, op.FINISH})

_KINDS_OF: Final = {
    op.RUN: ("task",),
    op.START_CHILD: ("workflow",),
    op.SLEEP: ("sleep", "sleep_until"),
    op.SLEEP_UNTIL: ("sleep", "sleep_until"),
    op.FORK: ("parallel", "race"),
    op.FORK_EACH: ("for_each",),
    op.COLLECT: ("for_each",),
    op.PASS: ("while", "until"),
    op.WAIT: ("wait",),
    op.APPROVE: ("approve",),
    op.PUBLISH: ("publish",),
    op.TIMED_OUT: ("wait", "approve"),
}
"""Which kinds of step an opcode may serve; any where it isn't listed."""


def _treatment(row: Row) -> int:
    if Operand.STEP in row.operands or row.number in _UNNAMED_STEP_OPCODES:
        return _STEP
    if row.number in _EACH_OPCODES:
        return _EACH
    if Flag.JUMP in row.flags:
        return _JUMP
    if Operand.COUNT in row.operands:
        return _COUNTED
    if Operand.DEPTH in row.operands or Operand.GATHER in row.operands:
        return _SCOPED
    return _PLAIN


# By number: words, treatment, items taken, items given, items that a jump leaves, whether it may fail.
_TABLE: Final = [(1, _PLAIN, 0, 0, 0, False)] * OPCODE_BOUND
for _row in ROWS:
    _TABLE[_row.number] = (
        1 + len(_row.operands),
        _treatment(_row),
        len(_row.takes),
        len(_row.gives),
        len(_row.gives if _row.jump_gives is None else _row.jump_gives),
        Flag.MAY_FAIL in _row.flags,
    )
_NAMES: Final = {row.number: row.name for row in ROWS}


def verify_flow(program: Program, words: list[int], report: Report) -> None:
    """Check all that the code can come to; each problem goes to ``report``."""
    if len(words) < 2 or words[0] != op.BEGIN or words[1] != 0:
        report("run-entry", "the code does not start with BEGIN 0, the run itself", 0)
        return
    flow = _Flow(program, words, report)
    flow.work.append((0, 0, (), 0))
    while flow.work:
        flow.follow(*flow.work.pop())


class _Contexts:
    """The contexts met so far, by number; 0 is outside of all steps."""

    def __init__(self) -> None:
        self.parts = [_OUTSIDE]
        self.steps = [-1]
        self.parents = [-1]
        self.depths = [0]
        self.numbers: dict[tuple[int, int, int], int] = {}

    def within(self, parent: int, part: int, step: int, depth: int) -> int:
        """Return the context of a part of a step that was opened in ``parent``."""
        key = (parent, part, step)
        number = self.numbers.get(key)
        if number is None:
            number = self.numbers[key] = len(self.parts)
            self.parts.append(part)
            self.steps.append(step)
            self.parents.append(parent)
            self.depths.append(depth)
        return number

    def describe(self, number: int) -> str:
        part, step = self.parts[number], self.steps[number]
        return f"{_PART_NAMES[part]} step {step}" if part else "outside of all steps"


_Iterators = tuple[tuple[int, int], ...]
_Situation = tuple[int, _Iterators, int]


class _Flow:
    """One program's code, and what is known of it so far."""

    def __init__(self, program: Program, words: list[int], report: Report) -> None:
        self.program = program
        self.words = words
        self.report = report
        self.contexts = _Contexts()
        self.met: list[_Situation | None] = [None] * len(words)
        self.work: list[tuple[int, int, _Iterators, int]] = []
        self.opened: set[tuple[int, int]] = set()
        self.gathered: dict[int, int] = {}  # of a constant that GATHER takes: the deepest scope it names

    def follow(self, pc: int, depth: int, iterators: _Iterators, context: int) -> None:
        """Follow one way until it ends, goes wrong or meets instructions that were followed before."""
        words, met, table, report = self.words, self.met, _TABLE, self.report
        size, max_stack = len(words), self.program.max_stack
        in_hook = self.contexts.parts[context] in (_HOOK, _UNDO)
        while True:
            if pc >= size:
                report("falls-off", "the code goes on past its end", size)
                return
            before = met[pc]
            if before is not None:
                if before[0] != depth or before[1] != iterators or before[2] != context:
                    self.report_join(pc, before, (depth, iterators, context))
                return
            met[pc] = (depth, iterators, context)
            opcode = words[pc]
            length, treatment, takes, gives, jump_gives, may_fail = table[opcode]
            if may_fail and in_hook:
                report("hook-code", f"{_NAMES[opcode]} may fail, but is in none of the steps there", pc)
                return
            if treatment == _COUNTED:
                takes = words[pc + length - 1]
                if opcode == op.MAKE_MAP:
                    takes *= 2
            elif treatment == _SCOPED:
                if not self.check_scope(opcode, pc, context):
                    return
            elif treatment == _EACH:
                after = self.each(opcode, pc, depth, iterators, context)
                if after is None:
                    return
                depth, iterators = after
                if depth > max_stack:
                    report("stack-overflow", f"the stack holds more than {max_stack} items", pc)
                    return
                pc += length
                continue
            low = depth - takes
            if low < 0:
                report("stack-underflow", f"{_NAMES[opcode]} takes {takes} items of {depth} on the stack", pc)
                return
            if iterators and iterators[-1][0] >= low:
                report("iterator-misused", f"{_NAMES[opcode]} takes the iterator of a map or filter", pc)
                return
            if treatment == _JUMP:
                self.work.append((words[pc + 1], low + jump_gives, iterators, context))
                if opcode == op.JUMP:
                    return
            elif treatment == _STEP:
                if low:
                    report("stack-not-empty", f"{_NAMES[opcode]} leaves {low} items on the stack", pc)
                    return
                following = self.step(opcode, pc, context)
                if following is None:
                    return
                context = following
                in_hook = False
            depth = low + gives
            if depth > max_stack:
                report("stack-overflow", f"the stack holds more than {max_stack} items", pc)
                return
            pc += length

    def report_join(self, pc: int, before: _Situation, now: _Situation) -> None:
        contexts = self.contexts
        if before[2] != now[2]:
            first, second = contexts.describe(before[2]), contexts.describe(now[2])
            self.report("step-join", f"two ways meet, one in {first}, one in {second}, not opened alike", pc)
        elif before[0] != now[0]:
            self.report("stack-join", f"two ways meet with {before[0]} and {now[0]} items on the stack", pc)
        else:
            self.report("iterator-join", "two ways meet with different iterators on the stack", pc)

    def check_scope(self, opcode: int, pc: int, context: int) -> bool:
        needed = self.words[pc + 1]
        if opcode == op.GATHER:
            constant = needed
            if constant not in self.gathered:  # a list may be gathered at thousands of places
                deepest = deepest_gathered(self.program.constants[constant], self.program.scope_sizes)
                self.gathered[constant] = deepest or 0
            needed = self.gathered[constant]
        around = self.contexts.depths[context]
        if needed <= around:
            return True
        self.report("scope-depth", f"{_NAMES[opcode]} needs {needed} iterations around it, {around} are", pc)
        return False

    def each(
        self, opcode: int, pc: int, depth: int, iterators: _Iterators, context: int
    ) -> tuple[int, _Iterators] | None:
        """Follow an instruction that knows iterators or locals; return the stack after it."""
        words, name = self.words, _NAMES[opcode]
        if opcode == op.LOAD_LOCAL:
            local = words[pc + 1]
            if all(bound != local for _, bound in iterators):
                self.report("local-unbound", f"no map or filter around it binds local {local}", pc)
                return None
            return depth + 1, iterators
        if opcode == op.EACH_BEGIN:
            if not depth:
                self.report("stack-underflow", f"{name} takes an item, the stack has none", pc)
                return None
            if iterators and iterators[-1][0] == depth - 1:
                self.report("iterator-misused", f"{name} takes the iterator of a map or filter", pc)
                return None
            return depth, (*iterators, (depth - 1, -1))
        taken = 0 if opcode == op.EACH_NEXT else 1
        if not iterators or iterators[-1][0] != depth - 1 - taken:
            self.report("iterator-expected", f"{name} needs the iterator of a map or filter there", pc)
            return None
        outer, (position, bound) = iterators[:-1], iterators[-1]
        if opcode == op.EACH_NEXT:
            local, target = words[pc + 1], words[pc + 2]
            self.work.append((target, depth, outer, context))
            return depth, (*outer, (position, local))
        if bound < 0 or (opcode == op.EACH_FILTER and words[pc + 1] != bound):
            self.report("local-unbound", f"{name} keeps an item that this iterator has not bound", pc)
            return None
        return depth - 1, (*outer, (position, -1))

    def step(self, opcode: int, pc: int, context: int) -> int | None:
        """Follow an instruction of a step; return the context after it, None where it does not go on."""
        contexts = self.contexts
        part, innermost = contexts.parts[context], contexts.steps[context]
        if opcode == op.END_BRANCH:
            return self.expect(part == _BRANCH, "at the end of a branch", opcode, pc, context)
        if opcode == op.FINISH:
            return self.expect(part == _BODY and innermost == 0, "in the run's body", opcode, pc, context)
        index = self.words[pc + 1]
        step = self.program.steps[index]
        if step.kind not in _KINDS_OF.get(opcode, (step.kind,)):
            self.report("step-kind", f"{_NAMES[opcode]} can't serve step {index} of kind {step.kind!r}", pc)
            return None
        if opcode in (op.BEGIN, op.ENTER):
            if part == _ENTERED or innermost != step.parent or contexts.depths[context] != step.depth:
                where = contexts.describe(context)
                self.report("step-nesting", f"step {index} does not belong in {where}", pc)
                return None
            passes = step.path.count("[*]")
            if passes and passes != self.loops_around(context):
                self.report(
                    "step-path", f"step {index} has a path of {passes} loops, in {self.loops_around(context)}", pc
                )
                return None
            self.open(index, context)
            if opcode == op.ENTER:
                return contexts.within(context, _ENTERED, index, step.depth)
            return self.begin(index, context, pc)
        if opcode == op.GUARD:
            right = part == _ENTERED and innermost == index
            following = self.begin(index, contexts.parents[context], pc) if right else None
            return self.expect(right, f"in the condition of step {index}", opcode, pc, context, following)
        if opcode == op.END_HOOK:
            right = part == _HOOK and innermost == index
            return self.expect(right, f"in a hook of step {index}", opcode, pc, context)
        if opcode == op.END_COMPENSATION:
            right = part == _UNDO and innermost == index
            return self.expect(right, f"in the compensation of step {index}", opcode, pc, context)
        if opcode == op.COLLECT:
            right = part == _BRANCH and innermost == index and step.collect is not None
            place = f"in a branch of step {index}, if that collects"
            return self.expect(right, place, opcode, pc, context, context)
        right = part == _BODY and innermost == index
        place = f"in the body of step {index}"
        if opcode == op.RETURN:
            place += ", and in no branch or hook"
            around = context
            while right and around:
                right = contexts.parts[around] == _BODY
                around = contexts.parents[around]
        following = context if opcode == op.PASS else None
        return self.expect(right, place, opcode, pc, context, following)

    def loops_around(self, context: int) -> int:
        """Return how many loops have a pass under way in this context."""
        contexts, loops = self.contexts, 0
        while context:
            kind = self.program.steps[contexts.steps[context]].kind
            part = contexts.parts[context]
            loops += (part == _BODY and kind in ("while", "until")) or (part == _BRANCH and kind == "for_each")
            context = contexts.parents[context]
        return loops

    def expect(
        self, right: bool, place: str, opcode: int, pc: int, context: int, following: int | None = None
    ) -> int | None:
        """Return ``following`` if the instruction is where it belongs; otherwise report it."""
        if right:
            return following
        where = self.contexts.describe(context)
        self.report("step-nesting", f"{_NAMES[opcode]} belongs {place}, but is in {where}", pc)
        return None

    def open(self, index: int, context: int) -> None:
        """Follow all that the machine itself goes to from an open step: its hooks, branches and exit."""
        if (index, context) in self.opened:
            return
        self.opened.add((index, context))
        step, within, work = self.program.steps[index], self.contexts.within, self.work
        if step.exit == NO_PC:
            self.report("step-pc", f"step {index} lacks its exit")
            return
        body = within(context, _BODY, index, step.depth)
        # The run itself has no outside: its exit is where its outputs begin.
        work.append((step.exit, 0, (), context if index else body))
        hooks = (step.on_success, step.on_failure, step.on_error, step.on_abort, step.ensure)
        if max(hooks) != NO_PC:
            inner = within(context, _HOOK, index, step.depth)
            work.extend((pc, 0, (), inner) for pc in hooks if pc != NO_PC)
        if step.compensation != NO_PC:
            work.append((step.compensation, 0, (), within(context, _UNDO, index, step.depth)))
        if step.signal is not None and step.signal.on_timeout != NO_PC:
            work.append((step.signal.on_timeout, 0, (), body))
        if step.branches:
            if step.kind == "race":
                self.check_race(index)
            depth = step.depth + (step.kind == "for_each")
            inner = within(body, _BRANCH, index, depth)
            work.extend((pc, 0, (), inner) for pc in step.branches)

    def check_race(self, index: int) -> None:
        """See that each branch of a race is a step of its own: whether it wins is read off that."""
        begun: set[int] = set()
        for pc in self.program.steps[index].branches:
            own = self.words[pc + 1] if self.words[pc] in (op.BEGIN, op.ENTER) else -1
            if own < 0 or own in begun:
                self.report("race-branch", f"a branch of the race {index} is no step of its own", pc)
            begun.add(own)

    def begin(self, index: int, context: int, pc: int) -> int:
        """Return the context of a step's body, which starts after the instruction at ``pc``."""
        step = self.program.steps[index]
        if step.entry != pc + 2:
            self.report("step-pc", f"entry of step {index} is {step.entry}, its body starts at {pc + 2}", pc)
        return self.contexts.within(context, _BODY, index, step.depth)
