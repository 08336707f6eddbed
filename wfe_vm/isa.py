"""The instruction set: one row an opcode, and everything that can be derived from it.

This file owns the number, operands, stack effect and flags of every opcode. From a row come the
constants of ``opcodes.py``, the C enum of ``_opcodes.pxd``, the emitter's stack depth, the verifier's checks,
the listing and the reference page. It knows nothing of how an opcode is carried out.

Rules:

1. A number is a wire format. It is never changed and never given to another opcode; an opcode that
   is no longer emitted is marked ``retired``.
2. A program is a row of 32-bit words: an opcode's number, then one word for each of its operands.
   ``pc`` counts words.
3. The value stack is empty whenever a pointer waits, so it is never part of a state.

How a named step is laid out (``S`` is its index in the program's step table)::

        without a condition              with one
        BEGIN S                          ENTER S
      entry:                               <when>
        <body>                             GUARD S         false: S is skipped, go to its exit
        END S | RUN S | ...              entry:
      exit:                                <body> ...
                                         exit:

BEGIN (or a GUARD that holds) opens a *frame* for S and its first attempt. A retry starts again at
``entry``; the last instruction of the body settles the attempt. Hooks lie anywhere else in the code,
each ends with END_HOOK, and the step table says where they start. So does a compensation, which ends with
END_COMPENSATION and sees a copy of the scopes as they were when its step succeeded. The machine itself walks from the
outcome to the hook, to ``ensure`` and to ``exit``: no instruction does.

Bodies by kind::

    task        <config> <inputs> <data> RUN S
    workflow    <inputs map, or null: what the child declares and the parent has> START_CHILD S
    sleep       <milliseconds> SLEEP S      sleep_until  <time> SLEEP_UNTIL S
    set         <values...> STORE_SLOT ... (last value first) END S
    return      <map> RETURN S              fail         <message> FAIL S
    sequence    <steps> END S       a saga likewise
    if          <test> BRANCH_FALSE else; <steps> JUMP end; else: <steps> end: END S
    switch      <subject> STORE_SLOT own; LOAD_SLOT own <value> EQUAL BRANCH_TRUE case ...; <default> JUMP end;
                case: <steps> JUMP end; ... end: END S
    while       top: <test> BRANCH_FALSE end; PASS S; <steps> JUMP top; end: END S
    until       top: PASS S; <steps> <test> BRANCH_FALSE top; END S
    wait        <key> <since, or null: the run's start> WAIT S    [on_timeout: <steps> TIMED_OUT S]
    approve     <title> <list of people> APPROVE S               [on_timeout: <steps> TIMED_OUT S]
    publish     <key> <data> PUBLISH S
    parallel    FORK S          each branch elsewhere: <one step> END_BRANCH
    race        FORK S          likewise: its branches begin with its steps in the order of the table
    for_each    <list> FORK_EACH S    its one branch elsewhere: <steps> [<value> COLLECT S] END_BRANCH
    the run     (step 0) BEGIN 0 <steps> <outputs map> FINISH
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import msgspec

__all__ = [
    "BY_NAME",
    "BY_NUMBER",
    "ISA_VERSION",
    "ROWS",
    "Flag",
    "Operand",
    "row_of",
]

ISA_VERSION: Final = 2
"""Raised whenever an opcode is added or its meaning grows; a host refuses a newer program by this number."""


class Operand(IntEnum):
    """What an operand word means, and so the range it must lie in."""

    CONSTANT = 1  # index into Program.constants
    NAME = 2  # index into Program.constants; the constant is a text
    DEPTH = 3  # how many iterations enclose the scope that holds the slot
    SLOT = 4  # index into that scope
    LOCAL = 5  # variable bound by map() or filter(): lives within one expression
    COUNT = 6  # number of stack items taken
    TARGET = 7  # pc of an instruction
    STEP = 8  # index into Program.steps
    FUNCTION = 9  # number of a row of the function library
    GATHER = 10  # index into Program.constants; the constant lists [name, depth, slot]


class Flag(IntEnum):
    """Properties that passes ask for by name instead of by lists of opcodes."""

    JUMP = 1  # may go to its TARGET
    STOP = 2  # never falls through to the next instruction by itself
    SUSPEND = 3  # the pointer may wait here: the stack must be empty after it
    MAY_FAIL = 4  # may end the step in error
    PURE = 5  # reads and writes nothing but the stack


class Row(msgspec.Struct, frozen=True):
    """One opcode.

    ``takes`` and ``gives`` name the stack items before and after, the top last. A name that ends in
    ``*`` stands for as many items as the COUNT operand says (``pair*``: twice as many).
    ``jump_gives`` is what a taken jump leaves where that differs.
    """

    number: int
    name: str
    operands: tuple[Operand, ...]
    takes: tuple[str, ...]
    gives: tuple[str, ...]
    flags: frozenset[Flag]
    synopsis: str
    doc: str
    jump_gives: tuple[str, ...] | None = None
    since: int = 1
    retired: int | None = None


def _row(
    number: int,
    name: str,
    operands: str,
    effect: str,
    flags: str,
    synopsis: str,
    doc: str,
    jump_gives: str | None = None,
    since: int = 1,
) -> Row:
    takes, _, gives = effect.partition("--")
    return Row(
        number=number,
        name=name,
        operands=tuple(Operand[word.upper()] for word in operands.split()),
        takes=tuple(takes.split()),
        gives=tuple(gives.split()),
        flags=frozenset(Flag[word.upper()] for word in flags.split()),
        synopsis=synopsis,
        doc=doc,
        jump_gives=None if jump_gives is None else tuple(jump_gives.split()),
        since=since,
    )


# fmt: off
ROWS: Final[tuple[Row, ...]] = (
    # Values
    _row(1, "LOAD_CONST", "constant", "-- value", "pure", "push {0}", "Pushes a constant of the program."),
    _row(2, "LOAD_SLOT", "depth slot", "-- value", "", "push slot {1} at depth {0}",
         "Pushes what the slot holds, null if nothing yet."),
    _row(3, "STORE_SLOT", "depth slot", "value --", "", "slot {1} at depth {0} = top",
         "Takes a value off the stack into the slot."),
    _row(4, "LOAD_LOCAL", "local", "-- value", "pure", "push local {0}", "Pushes a variable bound by map or filter."),
    _row(5, "POP", "", "value --", "pure", "drop top", "Drops the top of the stack."),
    _row(6, "MEMBER", "name", "value -- member", "pure", "top.{0}",
         "Replaces a map by its member of that name; null if there is none or the value is no map."),
    _row(7, "INDEX", "", "value key -- element", "pure may_fail", "value[key]",
         "Takes a list's element or a map's member; null if there is none or the value is neither."),
    _row(8, "MAKE_LIST", "count", "item* -- list", "pure", "list of {0}", "Makes a list of the topmost items, the lowest first."),
    _row(9, "MAKE_MAP", "count", "pair* -- map", "pure may_fail", "map of {0}", "Makes a map of that many name and value pairs."),
    _row(10, "TEXT", "count", "part* -- text", "pure may_fail", "join {0} parts",
         "Joins parts to a text: null is empty, texts as they are, anything else as JSON."),
    _row(11, "GATHER", "gather", "-- map", "", "map of {0}",
         "Makes a map of the named slots, leaving out those that hold null."),
    # Operators
    _row(16, "EQUAL", "", "left right -- bool", "pure may_fail", "left == right", "By value: 5 equals 5.0, true is not 1; lists and maps deep."),
    _row(17, "NOT_EQUAL", "", "left right -- bool", "pure may_fail", "left != right", "The opposite of EQUAL."),
    _row(18, "LESS", "", "left right -- bool", "pure may_fail", "left < right", "Two numbers, or two texts by code point."),
    _row(19, "LESS_EQUAL", "", "left right -- bool", "pure may_fail", "left <= right", "Two numbers, or two texts by code point."),
    _row(20, "GREATER", "", "left right -- bool", "pure may_fail", "left > right", "Two numbers, or two texts by code point."),
    _row(21, "GREATER_EQUAL", "", "left right -- bool", "pure may_fail", "left >= right", "Two numbers, or two texts by code point."),
    _row(22, "ADD", "", "left right -- sum", "pure may_fail", "left + right",
         "Two numbers, two texts or two lists; integers are signed 64 bits."),
    _row(23, "SUBTRACT", "", "left right -- difference", "pure may_fail", "left - right", "Two numbers."),
    _row(24, "MULTIPLY", "", "left right -- product", "pure may_fail", "left * right", "Two numbers."),
    _row(25, "DIVIDE", "", "left right -- quotient", "pure may_fail", "left / right", "Two numbers; the result is a float."),
    _row(26, "REMAINDER", "", "left right -- remainder", "pure may_fail", "left % right", "Takes the divisor's sign."),
    _row(27, "NEGATE", "", "value -- value", "pure may_fail", "-top", "Negates a number."),
    _row(28, "NOT", "", "bool -- bool", "pure may_fail", "!top", "Inverts a bool."),
    _row(29, "IN", "", "item container -- bool", "pure may_fail", "item in container",
         "Substring of a text, element of a list by value, name in a map."),
    _row(30, "CHECK_BOOL", "", "value -- bool", "pure may_fail", "top must be a bool", "Ends the step in error unless the top is a bool."),
    # Control within an expression or a block
    _row(40, "JUMP", "target", "--", "jump stop pure", "goto {0}", "Goes to the target."),
    _row(41, "BRANCH_FALSE", "target", "bool --", "jump pure may_fail", "if not: goto {0}", "Takes a bool; goes to the target if it is false."),
    _row(42, "BRANCH_TRUE", "target", "bool --", "jump pure may_fail", "if: goto {0}", "Takes a bool; goes to the target if it is true."),
    _row(43, "BRANCH_FALSE_KEEP", "target", "bool --", "jump pure may_fail", "and: goto {0}",
         "False: keeps it and goes to the target; true: takes it.", "bool"),
    _row(44, "BRANCH_TRUE_KEEP", "target", "bool --", "jump pure may_fail", "or: goto {0}",
         "True: keeps it and goes to the target; false: takes it.", "bool"),
    _row(45, "BRANCH_VALUE_KEEP", "target", "value --", "jump pure", "??: goto {0}",
         "A value: keeps it and goes to the target; null: takes it.", "value"),
    _row(47, "CALL", "function count", "argument* -- result", "pure may_fail", "{0}({1} arguments)",
         "Calls a function of the library."),
    _row(48, "EACH_BEGIN", "", "list -- iterator", "pure may_fail", "for each of top", "Starts map or filter over a list."),
    _row(49, "EACH_NEXT", "local target", "iterator -- iterator", "jump pure", "local {0} = next, or goto {1}",
         "Binds the next item, or replaces the iterator by the finished list and goes to the target.", "list"),
    _row(50, "EACH_KEEP", "", "iterator value -- iterator", "pure", "keep top", "Adds the value to the iterator's result."),
    _row(51, "EACH_FILTER", "local", "iterator bool -- iterator", "pure may_fail", "keep local {0} if top",
         "Adds the bound item to the iterator's result if the bool is true."),
    # Steps
    _row(64, "ENTER", "step", "--", "", "enter {0}", "Opens the step's frame before its condition is known."),
    _row(65, "GUARD", "step", "bool --", "may_fail", "skip {0} unless top", "False skips the step; true begins its first attempt."),
    _row(66, "BEGIN", "step", "--", "", "begin {0}", "Opens the step's frame and its first attempt."),
    _row(67, "RUN", "step", "config inputs data --", "suspend stop", "run {0}",
         "Asks for the task to be run and waits for its end. ``config`` is a map, ``inputs`` and ``data`` a map or null."),
    _row(68, "START_CHILD", "step", "inputs --", "suspend stop may_fail", "start child of {0}",
         "Starts a sub-workflow; waits for its end unless the step is detached."),
    _row(69, "SLEEP", "step", "milliseconds --", "suspend stop may_fail", "sleep", "Waits that many milliseconds."),
    _row(70, "SLEEP_UNTIL", "step", "time --", "suspend stop may_fail", "sleep until top",
         "Waits for a time: epoch milliseconds or RFC 3339 text."),
    _row(71, "FORK", "step", "--", "suspend stop", "fork {0}", "Starts a pointer for each branch, within the limit, and waits for all; of a race the first success stops the others."),
    _row(72, "FORK_EACH", "step", "list --", "suspend stop may_fail", "fork {0} over top",
         "Starts a pointer for each item, within the limit, each with a scope of its own, and waits for all."),
    _row(73, "END_BRANCH", "", "--", "suspend stop", "end branch", "Ends this pointer well; its parent's join counts it."),
    _row(74, "COLLECT", "step", "value --", "", "collect top for {0}", "Keeps the value as this iteration's part of the collected list."),
    _row(75, "PASS", "step", "--", "may_fail", "next pass of {0}", "Counts a pass of a loop; over its bound the loop ends in error."),
    _row(76, "END", "step", "--", "stop", "end {0}", "Settles the step's attempt as a success."),
    _row(79, "FAIL", "step", "message --", "stop", "fail {0}", "Settles the step's attempt as a failure with that message."),
    _row(80, "RETURN", "step", "outputs --", "stop", "return top", "Ends the run well with these outputs, through the enclosing hooks."),
    _row(81, "END_HOOK", "step", "--", "stop", "end hook of {0}", "Ends the running hook of the step."),
    _row(82, "FINISH", "", "outputs --", "stop", "finish", "Ends the run's own body with these outputs."),
    _row(83, "END_COMPENSATION", "step", "--", "suspend stop", "end compensation of {0}",
         "Ends this pointer: the step has been undone, and what was registered before it is undone next."),
    _row(90, "WAIT", "step", "key since --", "suspend stop may_fail", "wait for the event of {0}",
         "Waits for an event of that key published since then: ``run``, ``now``, a time or null.", since=2),
    _row(91, "APPROVE", "step", "title people --", "suspend stop may_fail", "ask {0}",
         "Waits for one of the step's options to be chosen by people.", since=2),
    _row(92, "PUBLISH", "step", "key data --", "stop may_fail", "publish the event of {0}",
         "Publishes an event with the advance, and ends the step well.", since=2),
    _row(93, "TIMED_OUT", "step", "--", "stop", "end {0}, its time is over",
         "Settles as a success a wait or approval whose time was over, after its steps for that case.", since=2),
)
# fmt: on

BY_NAME: Final[dict[str, Row]] = {row.name: row for row in ROWS}
BY_NUMBER: Final[dict[int, Row]] = {row.number: row for row in ROWS}


def row_of(number: int) -> Row | None:
    """Return the row of an opcode's number, or None where no such opcode exists."""
    return BY_NUMBER.get(number)
