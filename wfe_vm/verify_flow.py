"""The part of the verifier that follows every way through the code.

This file owns what holds between instructions: that the stack neither under- nor overflows and is
empty where a pointer may wait, that iterators are used as such, that slots belong to scopes that
exist, and that steps are opened and ended in the order of the step table. It relies on tables and
single instructions having been checked.

What is known at an instruction is its *situation*: the number of items on the stack, the iterators
among them as ``(position, bound local or -1)``, and the *context*: which steps are open around it and
in which part of each it lies. A context is a number; ``_Contexts`` knows what it stands for.

This one source runs compiled (with ``verify_flow.pxd``, which gives C types) and interpreted.

Rules:

1. All ways to an instruction must agree on its situation, so each is followed once.
2. What the machine goes to by itself (hooks, branches, the exit) is followed from where the step is opened.
3. Code that nothing reaches is not looked at here: it can't run. ``verify_places.py`` sees to that for searches.
"""

from __future__ import annotations

from array import array
from typing import Final

import cython

from .isa import ROWS, Flag, Operand, Row
from .program import NO_PC, Program
from .verify_code import OPCODE_BOUND
from .verify_problems import Report
from .verify_rows import StepRow

if not cython.compiled:
    from .opcodes import (
        APPROVE,
        BEGIN,
        COLLECT,
        EACH_BEGIN,
        EACH_FILTER,
        EACH_KEEP,
        EACH_NEXT,
        END_BRANCH,
        END_COMPENSATION,
        END_HOOK,
        ENTER,
        FINISH,
        FORK,
        FORK_EACH,
        GATHER,
        GUARD,
        JUMP,
        LOAD_LOCAL,
        MAKE_MAP,
        PASS,
        PUBLISH,
        RETURN,
        RUN,
        SLEEP,
        SLEEP_UNTIL,
        START_CHILD,
        TIMED_OUT,
        WAIT,
    )

__all__ = ["verify_flow"]

# The parts of a step in which an instruction may lie.
_OUTSIDE: Final = 0  # of all steps: only the run itself may begin
_ENTERED: Final = 1  # its condition
_BODY: Final = 2
_HOOK: Final = 3
_BRANCH: Final = 4  # the start of one of its pointers
_UNDO: Final = 5  # its compensation
_PART_NAMES: Final = ("outside", "the condition of", "the body of", "a hook of", "a branch of", "the compensation of")
_PARTS: Final = len(_PART_NAMES)

_ENDS: Final = -1
"""Instead of a context: the way does not go on."""

_NONE: Final = NO_PC

# How the flow treats an instruction.
_PLAIN: Final = 0
_COUNTED: Final = 1  # takes as many as an operand says
_SCOPED: Final = 2  # names a slot or several
_EACH: Final = 3  # knows iterators or locals
_JUMP: Final = 4
_STEP: Final = 5  # opens, ends or forks

_EACH_OPCODES: Final = frozenset({EACH_BEGIN, EACH_NEXT, EACH_KEEP, EACH_FILTER, LOAD_LOCAL})
_UNNAMED_STEP_OPCODES: Final = frozenset({END_BRANCH, FINISH})

_KINDS_OF: Final = {
    RUN: ("task",),
    START_CHILD: ("workflow",),
    SLEEP: ("sleep", "sleep_until"),
    SLEEP_UNTIL: ("sleep", "sleep_until"),
    FORK: ("parallel", "race"),
    FORK_EACH: ("for_each",),
    COLLECT: ("for_each",),
    PASS: ("while", "until"),
    WAIT: ("wait",),
    APPROVE: ("approve",),
    PUBLISH: ("publish",),
    TIMED_OUT: ("wait", "approve"),
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


# By number, so many to an opcode: words, treatment, items taken, items given, items that a jump leaves.
_COLUMNS: Final = 5


def _effect_table() -> array[int]:
    table = array("i", [0]) * (_COLUMNS * OPCODE_BOUND)
    for row in ROWS:
        leaves = row.gives if row.jump_gives is None else row.jump_gives
        effect = (len(row.takes), len(row.gives), len(leaves))
        at = _COLUMNS * row.number
        table[at : at + _COLUMNS] = array("i", (1 + len(row.operands), _treatment(row), *effect))
    return table


_TABLE = _effect_table()
_NAMES: Final = {row.number: row.name for row in ROWS}


def verify_flow(
    program: Program, rows: list[StepRow], words: array[int], gathered: dict[int, int], report: Report
) -> array[int]:
    """Check all that the code can come to; each problem goes to ``report``.

    ``rows`` is the program's step table, ``gathered`` what ``verify_code`` returned. Returns a number for each word
    of the code, which is negative unless an instruction starts there to which some way leads.
    """
    met = array("i", [-1]) * len(words)
    if len(words) < 2 or words[0] != BEGIN or words[1] != 0:
        report("run-entry", "the code does not start with BEGIN 0, the run itself", 0)
    else:
        _Flow(program, rows, words, gathered, met, report).run()
    return met


class _Contexts:
    """The contexts met so far, by number; 0 is outside of all steps."""

    def __init__(self, count: int) -> None:
        self.count = count  # of steps
        self.parts = [_OUTSIDE]
        self.steps = [-1]
        self.parents = [-1]
        self.depths = [0]
        self.numbers: dict[int, int] = {}  # by parent, part and step, which are one number

    def within(self, parent: int, part: int, step: int, depth: int) -> int:
        """Return the context of a part of a step that was opened in ``parent``."""
        key = (parent * _PARTS + part) * self.count + step
        number = self.numbers.get(key, -1)
        if number < 0:
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


class _Flow:
    """One program's code, and what is known of it so far."""

    def __init__(
        self,
        program: Program,
        rows: list[StepRow],
        words: array[int],
        gathered: dict[int, int],
        met: array[int],
        report: Report,
    ) -> None:
        self.program = program
        self.steps = rows
        self.count = len(rows)
        self.words = words
        self.report = report
        self.contexts = _Contexts(len(rows))
        # What is known at each instruction, the context being -1 where it was not met yet.
        self.met_depths, self.met_iterators, self.met_contexts = met[:], met[:], met
        self.work: list[tuple[int, int, int, int]] = []
        self.opened: set[int] = set()  # by context and step, which are one number
        self.gathered = gathered
        self.iterators: list[_Iterators] = [()]  # all that were met, by number
        self.numbers: dict[_Iterators, int] = {(): 0}

    def run(self) -> None:
        """Follow every way there is."""
        work = self.work
        work.append((0, 0, 0, 0))
        while work:
            pc, depth, iterators, context = work.pop()
            self.follow(pc, depth, iterators, context)

    def follow(self, pc: int, depth: int, iterators: int, context: int) -> None:
        """Follow one way until it ends, goes wrong or meets instructions that were followed before."""
        words, table, report = self.words, _TABLE, self.report
        met_depths, met_iterators, met_contexts = self.met_depths, self.met_iterators, self.met_contexts
        size, max_stack = len(words), self.program.max_stack
        in_hook = self.contexts.parts[context] in (_HOOK, _UNDO)
        while True:
            if pc >= size:
                report("falls-off", "the code goes on past its end", size)
                return
            if met_contexts[pc] >= 0:
                if met_depths[pc] != depth or met_iterators[pc] != iterators or met_contexts[pc] != context:
                    self.report_join(pc, depth, context)
                return
            met_depths[pc], met_iterators[pc], met_contexts[pc] = depth, iterators, context
            opcode = words[pc]
            row = _COLUMNS * opcode
            length, treatment, takes, gives = table[row], table[row + 1], table[row + 2], table[row + 3]
            if in_hook and treatment != _STEP and opcode != JUMP:
                # It could not fail, having no step, and a retry tells steps of hooks by what leads to them.
                report("hook-code", f"{_NAMES[opcode]} is in a hook or compensation, but in none of its steps", pc)
                return
            if treatment == _COUNTED:
                takes = words[pc + length - 1]
                if opcode == MAKE_MAP:
                    takes *= 2
            elif treatment == _SCOPED:
                if not self.check_scope(opcode, pc, context):
                    return
            elif treatment == _EACH:
                after = self.each(opcode, pc, depth, self.iterators[iterators], context)
                if after is None:
                    return
                depth, iterators = after[0], self.number_of(after[1])
                if depth > max_stack:
                    report("stack-overflow", f"the stack holds more than {max_stack} items", pc)
                    return
                pc += length
                continue
            low = depth - takes
            if low < 0:
                report("stack-underflow", f"{_NAMES[opcode]} takes {takes} items of {depth} on the stack", pc)
                return
            if iterators and self.iterators[iterators][-1][0] >= low:
                report("iterator-misused", f"{_NAMES[opcode]} takes the iterator of a map or filter", pc)
                return
            if treatment == _JUMP:
                self.work.append((words[pc + 1], low + table[row + 4], iterators, context))
                if opcode == JUMP:
                    return
            elif treatment == _STEP:
                if low:
                    report("stack-not-empty", f"{_NAMES[opcode]} leaves {low} items on the stack", pc)
                    return
                context = self.step(opcode, pc, context)
                if context < 0:
                    return
                in_hook = False
            depth = low + gives
            if depth > max_stack:
                report("stack-overflow", f"the stack holds more than {max_stack} items", pc)
                return
            pc += length

    def number_of(self, iterators: _Iterators) -> int:
        number = self.numbers.get(iterators)
        if number is None:
            number = self.numbers[iterators] = len(self.iterators)
            self.iterators.append(iterators)
        return number

    def report_join(self, pc: int, depth: int, context: int) -> None:
        """Report that this way comes to a pc in another situation than the one before it."""
        contexts, earlier = self.contexts, self.met_contexts[pc]
        if earlier != context:
            first, second = contexts.describe(earlier), contexts.describe(context)
            self.report("step-join", f"two ways meet, one in {first}, one in {second}, not opened alike", pc)
        elif self.met_depths[pc] != depth:
            met = self.met_depths[pc]
            self.report("stack-join", f"two ways meet with {met} and {depth} items on the stack", pc)
        else:
            self.report("iterator-join", "two ways meet with different iterators on the stack", pc)

    def check_scope(self, opcode: int, pc: int, context: int) -> bool:
        needed = self.words[pc + 1]
        if opcode == GATHER:
            needed = self.gathered[needed]
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
        if opcode == LOAD_LOCAL:
            local = words[pc + 1]
            if all(bound != local for _, bound in iterators):
                self.report("local-unbound", f"no map or filter around it binds local {local}", pc)
                return None
            return depth + 1, iterators
        if opcode == EACH_BEGIN:
            if not depth:
                self.report("stack-underflow", f"{name} takes an item, the stack has none", pc)
                return None
            if iterators and iterators[-1][0] == depth - 1:
                self.report("iterator-misused", f"{name} takes the iterator of a map or filter", pc)
                return None
            return depth, (*iterators, (depth - 1, -1))
        taken = 0 if opcode == EACH_NEXT else 1
        if not iterators or iterators[-1][0] != depth - 1 - taken:
            self.report("iterator-expected", f"{name} needs the iterator of a map or filter there", pc)
            return None
        outer, (position, bound) = iterators[:-1], iterators[-1]
        if opcode == EACH_NEXT:
            local, target = words[pc + 1], words[pc + 2]
            self.work.append((target, depth, self.number_of(outer), context))
            return depth, (*outer, (position, local))
        if bound < 0 or (opcode == EACH_FILTER and words[pc + 1] != bound):
            self.report("local-unbound", f"{name} keeps an item that this iterator has not bound", pc)
            return None
        return depth - 1, (*outer, (position, -1))

    def step(self, opcode: int, pc: int, context: int) -> int:
        """Follow an instruction of a step; return the context after it, -1 where it does not go on."""
        contexts = self.contexts
        part, innermost = contexts.parts[context], contexts.steps[context]
        if opcode == END_BRANCH:
            return _ENDS if part == _BRANCH else self.misplaced("at the end of a branch", opcode, pc, context)
        if opcode == FINISH:
            right = part == _BODY and innermost == 0
            return _ENDS if right else self.misplaced("in the run's body", opcode, pc, context)
        index = self.words[pc + 1]
        step = self.steps[index]
        kinds = _KINDS_OF.get(opcode)
        if kinds is not None and step.kind not in kinds:
            self.report("step-kind", f"{_NAMES[opcode]} can't serve step {index} of kind {step.kind!r}", pc)
            return _ENDS
        if opcode in (BEGIN, ENTER):
            if part == _ENTERED or innermost != step.parent or contexts.depths[context] != step.depth:
                where = contexts.describe(context)
                self.report("step-nesting", f"step {index} does not belong in {where}", pc)
                return _ENDS
            passes = step.path.count("[*]")
            if passes and passes != self.loops_around(context):
                self.report(
                    "step-path", f"step {index} has a path of {passes} loops, in {self.loops_around(context)}", pc
                )
                return _ENDS
            self.open(index, context)
            if opcode == ENTER:
                return contexts.within(context, _ENTERED, index, step.depth)
            return self.begin(index, context, pc)
        if opcode == GUARD:
            if part == _ENTERED and innermost == index:
                return self.begin(index, contexts.parents[context], pc)
            return self.misplaced(f"in the condition of step {index}", opcode, pc, context)
        if opcode == END_HOOK:
            right = part == _HOOK and innermost == index
            return _ENDS if right else self.misplaced(f"in a hook of step {index}", opcode, pc, context)
        if opcode == END_COMPENSATION:
            right = part == _UNDO and innermost == index
            return _ENDS if right else self.misplaced(f"in the compensation of step {index}", opcode, pc, context)
        if opcode == COLLECT:
            right = part == _BRANCH and innermost == index and step.collect is not None
            place = f"in a branch of step {index}, if that collects"
            return context if right else self.misplaced(place, opcode, pc, context)
        right = part == _BODY and innermost == index
        if opcode == RETURN:
            around = context
            while right and around:
                right = contexts.parts[around] == _BODY
                around = contexts.parents[around]
        if right:
            return context if opcode == PASS else _ENDS
        place = f"in the body of step {index}" + (", and in no branch or hook" if opcode == RETURN else "")
        return self.misplaced(place, opcode, pc, context)

    def loops_around(self, context: int) -> int:
        """Return how many loops have a pass under way in this context."""
        contexts, loops = self.contexts, 0
        while context:
            step = self.steps[contexts.steps[context]]
            part = contexts.parts[context]
            if part == _BODY:
                loops += step.kind == "while" or step.kind == "until"
            elif part == _BRANCH:
                loops += step.kind == "for_each"
            context = contexts.parents[context]
        return loops

    def misplaced(self, place: str, opcode: int, pc: int, context: int) -> int:
        """Report an instruction that is not where it belongs; its way ends there."""
        where = self.contexts.describe(context)
        self.report("step-nesting", f"{_NAMES[opcode]} belongs {place}, but is in {where}", pc)
        return _ENDS

    def open(self, index: int, context: int) -> None:
        """Follow all that the machine itself goes to from an open step: its hooks, branches and exit."""
        key = context * self.count + index
        if key in self.opened:
            return
        self.opened.add(key)
        step, contexts, work = self.steps[index], self.contexts, self.work
        if step.exit == _NONE:
            self.report("step-pc", f"step {index} lacks its exit")
            return
        body = contexts.within(context, _BODY, index, step.depth)
        # The run itself has no outside: its exit is where its outputs begin.
        work.append((step.exit, 0, 0, context if index else body))
        if not (step.on_success == step.on_failure == step.on_error == step.on_abort == step.ensure == _NONE):
            inner = contexts.within(context, _HOOK, index, step.depth)
            hooks = (step.on_success, step.on_failure, step.on_error, step.on_abort, step.ensure)
            work.extend([(pc, 0, 0, inner) for pc in hooks if pc != NO_PC])
        if step.compensation != _NONE:
            work.append((step.compensation, 0, 0, contexts.within(context, _UNDO, index, step.depth)))
        if step.on_timeout != _NONE:
            work.append((step.on_timeout, 0, 0, body))
        if step.branches:
            depth = step.depth + (step.kind == "for_each")
            inner = contexts.within(body, _BRANCH, index, depth)
            work.extend([(pc, 0, 0, inner) for pc in step.branches])

    def begin(self, index: int, context: int, pc: int) -> int:
        """Return the context of a step's body, which starts after the instruction at ``pc``."""
        step = self.steps[index]
        if step.entry != pc + 2:
            self.report("step-pc", f"entry of step {index} is {step.entry}, its body starts at {pc + 2}", pc)
        return self.contexts.within(context, _BODY, index, step.depth)
