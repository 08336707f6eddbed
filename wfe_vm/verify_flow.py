"""The part of the verifier that follows every way through the code.

This file owns what holds between instructions: that the stack neither under- nor overflows and is
empty where a pointer may wait, that iterators are used as such, that slots belong to scopes that
exist, and that steps are opened and ended in the order of the step table. It relies on tables and
single instructions having been checked.

What is known at an instruction is its *situation*: the number of items on the stack, the iterators
among them, and the *context*: which steps are open around it and in which part of each it lies. Iterators
and contexts are numbers here: ``_Iterators`` and ``_Contexts`` know what they stand for.

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
from .step_rows import StepRow
from .verify_code import OPCODE_BOUND
from .verify_problems import Report

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

_WAY: Final = 4
"""Words that are kept of a way: its pc, items on the stack, iterators and context."""

_FEW_WAYS: Final = 256
"""For so many ways there is room at first."""

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

_KINDS_BY_NUMBER: Final = [_KINDS_OF.get(number) for number in range(OPCODE_BOUND)]


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


@cython.no_gc
@cython.cclass
class _Context:
    """A part of a step that is under way; ``around`` is the number of the context in which the step was opened."""

    def __init__(self, around: int, part: int, step: int, depth: int) -> None:
        self.around = around
        self.part = part
        self.step = step
        self.depth = depth


class _Contexts:
    """The contexts met so far, by number; 0 is outside of all steps."""

    def __init__(self, count: int) -> None:
        self.count = count  # of steps
        self.met = [_Context(-1, _OUTSIDE, -1, 0)]
        # Nearly every step is opened in one context alone: of each part and step the first is found without hashing.
        self.firsts = array("i", [-1]) * (_PARTS * count)
        self.others: dict[int, int] = {}  # by context around, part and step, which are one number

    def within(self, around: int, part: int, step: int, depth: int) -> int:
        """Return the context of a part of a step that was opened in ``around``."""
        place = part * self.count + step
        number = self.firsts[place]
        if number < 0:
            self.firsts[place] = len(self.met)
        else:
            context = self.met[number]
            if context.around == around:
                return number
            key = around * _PARTS * self.count + place
            number = self.others.get(key, -1)
            if number >= 0:
                return number
            self.others[key] = len(self.met)
        self.met.append(_Context(around, part, step, depth))
        return len(self.met) - 1

    def is_hook(self, number: int) -> bool:
        """Say whether a context is a hook or a compensation itself, and no step in one."""
        context = self.met[number]
        return context.part == _HOOK or context.part == _UNDO

    def describe(self, number: int) -> str:
        context = self.met[number]
        return f"{_PART_NAMES[context.part]} step {context.step}" if context.part else "outside of all steps"


@cython.no_gc
@cython.cclass
class _Iterators:
    """The iterators on the stack: the topmost one's position and local, and the number of those below it."""

    def __init__(self, below: int, position: int, local: int) -> None:
        self.below = below
        self.position = position
        self.local = local  # -1: none is bound


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
        self.max_stack = program.max_stack
        self.steps = rows
        self.words = words
        self.report = report
        self.contexts = _Contexts(len(rows))
        # What is known at each instruction, the context being -1 where it was not met yet.
        self.met_depths, self.met_iterators, self.met_contexts = met[:], met[:], met
        # Ways that are still to be followed, so many words each: where they begin, and their situation there.
        self.ways, self.waiting = array("i", [0]) * (_WAY * _FEW_WAYS), 0
        self.gathered = gathered
        self.iterators = [_Iterators(0, -1, -1)]  # all that were met, by number; 0 stands for none
        self.numbers: dict[tuple[int, int, int], int] = {}  # of the others

    def run(self) -> None:
        """Follow every way there is."""
        self.lead_to(0, 0, 0, 0)
        while self.waiting:
            self.waiting -= _WAY
            ways, at = self.ways, self.waiting
            pc = ways[at]
            if self.meet(pc, ways[at + 1], ways[at + 2], ways[at + 3]):
                self.follow(pc)

    def lead_to(self, pc: int, depth: int, iterators: int, context: int) -> None:
        """Have a way followed later."""
        at = self.waiting
        if at == len(self.ways):
            longer = array("i", [0]) * (2 * at)
            longer[:at] = self.ways
            self.ways = longer
        ways = self.ways
        ways[at], ways[at + 1], ways[at + 2], ways[at + 3] = pc, depth, iterators, context
        self.waiting = at + _WAY

    def meet(self, pc: int, depth: int, iterators: int, context: int) -> bool:
        """Say whether this way is the first to come to a pc, and note its situation; another must agree with it."""
        if self.met_contexts[pc] < 0:
            self.met_depths[pc], self.met_iterators[pc], self.met_contexts[pc] = depth, iterators, context
            return True
        if self.met_depths[pc] != depth or self.met_iterators[pc] != iterators or self.met_contexts[pc] != context:
            self.report_join(pc, depth, context)
        return False

    def follow(self, pc: int) -> None:
        """Follow one way, met at ``pc``, until it ends, goes wrong or meets instructions that were followed before."""
        words, table, report = self.words, _TABLE, self.report
        size, max_stack = len(words), self.max_stack
        depth, iterators, context = self.met_depths[pc], self.met_iterators[pc], self.met_contexts[pc]
        in_hook = self.contexts.is_hook(context)
        while True:
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
            elif treatment == _SCOPED and not self.check_scope(opcode, pc, context):
                return
            low = depth - takes
            if treatment == _EACH:
                iterators = self.each(opcode, pc, depth, iterators, context)
                if iterators < 0:
                    return
            elif (low < 0 or iterators) and not self.may_take(opcode, pc, depth, low, iterators):
                return
            if treatment == _JUMP:
                self.lead_to(words[pc + 1], low + table[row + 4], iterators, context)
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
            if pc >= size:
                report("falls-off", "the code goes on past its end", size)
                return
            if not self.meet(pc, depth, iterators, context):
                return

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
        inner = self.contexts.met[context]
        around = inner.depth
        if needed <= around:
            return True
        self.report("scope-depth", f"{_NAMES[opcode]} needs {needed} iterations around it, {around} are", pc)
        return False

    def may_take(self, opcode: int, pc: int, depth: int, low: int, iterators: int) -> bool:
        """See that an instruction that leaves ``low`` of ``depth`` items finds them, and no iterator among them."""
        if low < 0:
            self.report("stack-underflow", f"{_NAMES[opcode]} takes {depth - low} items of {depth} on the stack", pc)
            return False
        top = self.iterators[iterators]
        if top.position >= low:
            self.report("iterator-misused", f"{_NAMES[opcode]} takes the iterator of a map or filter", pc)
            return False
        return True

    def each(self, opcode: int, pc: int, depth: int, iterators: int, context: int) -> int:
        """Follow an instruction that knows iterators or locals; return the iterators after it, -1 if it goes wrong."""
        words, name = self.words, _NAMES[opcode]
        if opcode == LOAD_LOCAL:
            if self.is_bound(words[pc + 1], iterators):
                return iterators
            self.report("local-unbound", f"no map or filter around it binds local {words[pc + 1]}", pc)
            return -1
        if opcode == EACH_BEGIN:
            if self.may_take(opcode, pc, depth, depth - 1, iterators):
                return self.number_of(iterators, depth - 1, -1)
            return -1
        taken = 0 if opcode == EACH_NEXT else 1
        top = self.iterators[iterators]
        if top.position < 0 or top.position != depth - 1 - taken:
            self.report("iterator-expected", f"{name} needs the iterator of a map or filter there", pc)
            return -1
        if opcode == EACH_NEXT:
            self.lead_to(words[pc + 2], depth, top.below, context)
            return self.number_of(top.below, top.position, words[pc + 1])
        if top.local < 0 or (opcode == EACH_FILTER and words[pc + 1] != top.local):
            self.report("local-unbound", f"{name} keeps an item that this iterator has not bound", pc)
            return -1
        return self.number_of(top.below, top.position, -1)

    def number_of(self, below: int, position: int, local: int) -> int:
        """Return the number of an iterator and those below it."""
        key = (below, position, local)
        number = self.numbers.get(key, -1)
        if number < 0:
            number = self.numbers[key] = len(self.iterators)
            self.iterators.append(_Iterators(below, position, local))
        return number

    def is_bound(self, local: int, iterators: int) -> bool:
        """Say whether one of the iterators binds a local."""
        while iterators:
            one = self.iterators[iterators]
            if one.local == local:
                return True
            iterators = one.below
        return False

    def step(self, opcode: int, pc: int, context: int) -> int:
        """Follow an instruction of a step; return the context after it, -1 where it does not go on."""
        inner = self.contexts.met[context]
        part, innermost = inner.part, inner.step
        if opcode == END_BRANCH:
            return _ENDS if part == _BRANCH else self.misplaced("at the end of a branch", opcode, pc, context)
        if opcode == FINISH:
            right = part == _BODY and innermost == 0
            return _ENDS if right else self.misplaced("in the run's body", opcode, pc, context)
        index = self.words[pc + 1]
        if opcode in (BEGIN, ENTER):
            return self.open(opcode, index, pc, context)
        step = self.steps[index]
        kinds = _KINDS_BY_NUMBER[opcode]
        if kinds is not None and step.kind not in kinds:
            self.report("step-kind", f"{_NAMES[opcode]} can't serve step {index} of kind {step.kind!r}", pc)
            return _ENDS
        if opcode == GUARD:
            if part == _ENTERED and innermost == index:
                return self.begin(index, inner.around, pc)
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
            right = right and self.is_in_bodies_alone(context)
        if right:
            return context if opcode == PASS else _ENDS
        place = f"in the body of step {index}" + (", and in no branch or hook" if opcode == RETURN else "")
        return self.misplaced(place, opcode, pc, context)

    def is_in_bodies_alone(self, number: int) -> bool:
        """Say whether a context lies in no branch, hook or condition of any step."""
        while number:
            context = self.contexts.met[number]
            if context.part != _BODY:
                return False
            number = context.around
        return True

    def misplaced(self, place: str, opcode: int, pc: int, context: int) -> int:
        """Report an instruction that is not where it belongs; its way ends there."""
        where = self.contexts.describe(context)
        self.report("step-nesting", f"{_NAMES[opcode]} belongs {place}, but is in {where}", pc)
        return _ENDS

    def open(self, opcode: int, index: int, pc: int, context: int) -> int:
        """Follow an instruction that opens a step; return the context after it, -1 where it does not go on."""
        step, inner = self.steps[index], self.contexts.met[context]
        if inner.part == _ENTERED or inner.step != step.parent or inner.depth != step.depth:
            where = self.contexts.describe(context)
            self.report("step-nesting", f"step {index} does not belong in {where}", pc)
            return _ENDS
        if "[*]" in step.path:
            passes, loops = step.path.count("[*]"), self.loops_around(context)
            if passes != loops:
                self.report("step-path", f"step {index} has a path of {passes} loops, in {loops}", pc)
                return _ENDS
        self.follow_step(index, step, context)
        if opcode == ENTER:
            return self.contexts.within(context, _ENTERED, index, step.depth)
        return self.begin(index, context, pc)

    def loops_around(self, number: int) -> int:
        """Return how many loops have a pass under way in this context."""
        loops = 0
        while number:
            context = self.contexts.met[number]
            step = self.steps[context.step]
            if context.part == _BODY:
                loops += step.kind == "while" or step.kind == "until"
            elif context.part == _BRANCH:
                loops += step.kind == "for_each"
            number = context.around
        return loops

    def follow_step(self, index: int, step: StepRow, context: int) -> None:
        """Follow all that the machine itself goes to from an open step: its hooks, branches and exit."""
        contexts = self.contexts
        known = len(contexts.met)
        body = contexts.within(context, _BODY, index, step.depth)
        if body < known:
            return  # it was opened in this context before
        if step.exit == _NONE:
            self.report("step-pc", f"step {index} lacks its exit")
            return
        # The run itself has no outside: its exit is where its outputs begin.
        self.lead_to(step.exit, 0, 0, context if index else body)
        if not (step.on_success == step.on_failure == step.on_error == step.on_abort == step.ensure == _NONE):
            hook = contexts.within(context, _HOOK, index, step.depth)
            self.go_to(step.on_success, hook)
            self.go_to(step.on_failure, hook)
            self.go_to(step.on_error, hook)
            self.go_to(step.on_abort, hook)
            self.go_to(step.ensure, hook)
        if step.compensation != _NONE:
            self.go_to(step.compensation, contexts.within(context, _UNDO, index, step.depth))
        self.go_to(step.on_timeout, body)
        if step.branches:
            depth = step.depth + (step.kind == "for_each")
            branch = contexts.within(body, _BRANCH, index, depth)
            for pc in step.branches:
                self.go_to(pc, branch)

    def go_to(self, pc: int, context: int) -> None:
        """Follow what the machine goes to by itself, if the step has it: nothing is on the stack then."""
        if pc != _NONE:
            self.lead_to(pc, 0, 0, context)

    def begin(self, index: int, context: int, pc: int) -> int:
        """Return the context of a step's body, which starts after the instruction at ``pc``."""
        step = self.steps[index]
        if step.entry != pc + 2:
            self.report("step-pc", f"entry of step {index} is {step.entry}, its body starts at {pc + 2}", pc)
        return self.contexts.within(context, _BODY, index, step.depth)
