"""A program's code, read back: which expressions each step holds, as the trees that they were compiled from.

So what looks at workflows needs no source: a stored run, a compiled file and a text give the same answer. This
file owns the way back from instructions to expressions. It knows the layouts of ``isa.py``, runs nothing, and
never fails: what it can't read, as in a program that another release laid out in another way, it leaves out.

Rules:

1. Names come from the step table; those of variables and loop items, which no run depends on, from the source
   map. Without one a variable is called by its slot.
2. What folding and lowering change is not undone: a constant is one literal, ``contains`` reads as ``in``.
3. An instruction of a step that is not known here gives its operands the names in its row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from wfe_vm import opcodes as op
from wfe_vm.isa import Operand, Row, row_of
from wfe_vm.library import FUNCTIONS_BY_NUMBER
from wfe_vm.program import HOST_SLOT, INPUTS_SLOT, NO_PC, RUN_SLOT, Program, SourceMap, unpack_code

from . import nodes
from .source import SourceFile, Span

__all__ = ["CodeReader", "Fields"]

Fields = dict[str, nodes.Expression]
"""The expressions of a step, by the language's word for what they are."""

_NOWHERE: Final = Span(SourceFile("<program>", "", "", ()), 1, 1, 1, 1)
_BINARY: Final = {
    op.EQUAL: "==",
    op.NOT_EQUAL: "!=",
    op.LESS: "<",
    op.LESS_EQUAL: "<=",
    op.GREATER: ">",
    op.GREATER_EQUAL: ">=",
    op.ADD: "+",
    op.SUBTRACT: "-",
    op.MULTIPLY: "*",
    op.DIVIDE: "/",
    op.REMAINDER: "%",
    op.IN: "in",
}
_KEEPING: Final = {op.BRANCH_FALSE_KEEP: "&&", op.BRANCH_TRUE_KEEP: "||", op.BRANCH_VALUE_KEEP: "??"}
_AFTER_A_TEST: Final = frozenset({op.BEGIN, op.ENTER, op.PASS, op.JUMP, op.END})
"""What a test is followed by where it is a step's, and not the first part of ``? :``."""

_WORDS: Final = {
    (op.SLEEP, "milliseconds"): "sleep",
    (op.SLEEP_UNTIL, "time"): "sleep_until",
    (op.FORK_EACH, "list"): "for_each",
    (op.FAIL, "message"): "fail",
    (op.RETURN, "outputs"): "return",
    (op.COLLECT, "value"): "collect",
}
_HOOK: Final = nodes.Name(span=_NOWHERE, name="hook")
_HOST: Final = nodes.Name(span=_NOWHERE, name="host")
_LOCALS: Final = "xyzuvw"


class _Unreadable(Exception):
    """Code in a shape that is not known here."""


class Instruction(msgspec.Struct, frozen=True, gc=False):
    pc: int
    row: Row
    operands: tuple[int, ...]

    @property
    def step(self) -> int:
        """The step that the instruction is about, -1 for none."""
        return self.operands[0] if self.row.operands[:1] == (Operand.STEP,) else -1


class CodeReader:
    """Reads one verified program."""

    def __init__(self, program: Program, source_map: SourceMap | None = None) -> None:
        self.program = program
        self.instructions: list[Instruction] = []
        self.position: dict[int, int] = {}  # of a pc among the instructions
        self.begins: dict[int, int] = {}  # of a step: its BEGIN or ENTER
        self._decode()
        self.names = _slot_names(program, source_map)
        self.owners: list[tuple[int, ...]] = _owners(program)
        self._scope: tuple[int, ...] = (0,)

    # What callers ask

    def begin_pc(self, step: int) -> int:
        """Return where a step's code begins, NO_PC where that is not known."""
        found = self.begins.get(step)
        return NO_PC if found is None else self.instructions[found].pc

    def condition(self, step: int) -> nodes.Expression | None:
        """Return the condition of a step; None for one that has none."""
        begin = self.begins.get(step)
        if begin is None or self.instructions[begin].row.number != op.ENTER:
            return None
        found = self._safely(lambda: self._read_until(begin + 1, op.GUARD), self.owners[step])
        return found[-1] if found else None

    def fields(self, step: int, start: int = NO_PC) -> Fields:
        """Return the expressions that a step's own code begins with, from ``start`` or from its entry."""
        pc = self.program.steps[step].entry if start == NO_PC else start
        if pc not in self.position:
            return {}
        return self._safely(lambda: self._read_fields(step, pc), self.owners[step]) or {}

    def collected(self, step: int, start: int) -> nodes.Expression | None:
        """Return what each pass of a loop leaves for its list, read from the end of the pass's last step."""
        if start not in self.position:
            return None
        scope = (*self.owners[step], step)
        found = self._safely(lambda: self._read_until(self.position[start], op.COLLECT), scope)
        return found[-1] if found else None

    def jump_target(self, step: int) -> int:
        """Return where the test of an ``if`` goes when it does not hold, NO_PC where that is not known."""
        for instruction in self._head(step):
            if instruction.row.number == op.BRANCH_FALSE and self._is_statement(self.position[instruction.pc]):
                return instruction.operands[0]
        return NO_PC

    def cases(self, step: int) -> list[tuple[Any, int]]:
        """Return the values of a ``switch``, each with where its steps begin, in the order of the code."""
        found = []
        head = self._head(step)
        for value, jump in zip(head, head[2:], strict=False):
            if value.row.number == op.LOAD_CONST and jump.row.number == op.BRANCH_TRUE:
                found.append((self.program.constants[value.operands[0]], jump.operands[0]))
        return found

    def _head(self, step: int) -> list[Instruction]:
        """Return the instructions of a step's own, before those of the first step inside it."""
        found: list[Instruction] = []
        at = self.position.get(self.program.steps[step].entry)
        while at is not None and at < len(self.instructions):
            instruction = self.instructions[at]
            if instruction.row.number in (op.BEGIN, op.ENTER) or instruction.row.number == op.END:
                break
            found.append(instruction)
            at += 1
        return found

    # Reading

    def _decode(self) -> None:
        words = unpack_code(self.program.code)
        pc = 0
        while pc < len(words):
            row = row_of(words[pc])
            if row is None:
                break
            following = pc + 1 + len(row.operands)
            instruction = Instruction(pc, row, tuple(words[pc + 1 : following]))
            self.position[pc] = len(self.instructions)
            if row.number in (op.BEGIN, op.ENTER):
                self.begins.setdefault(instruction.step, len(self.instructions))
            self.instructions.append(instruction)
            pc = following

    def _safely(self, read: Callable[[], Any], scope: tuple[int, ...]) -> Any:
        self._scope = scope
        try:
            return read()
        except (_Unreadable, IndexError, KeyError, RecursionError):
            return None

    def _read_until(self, start: int, stop: int) -> list[nodes.Expression]:
        """Return the values that are left when an instruction ``stop`` is met."""
        stack, at = self._run(start, len(self.instructions))
        if self.instructions[at].row.number != stop:
            raise _Unreadable
        return stack

    def _read_fields(self, step: int, pc: int) -> Fields:
        fields: Fields = {}
        at = self.position[pc]
        stored: list[tuple[str, nodes.Expression]] = []
        stack: list[nodes.Expression] = []
        while True:
            more, at = self._run(at, len(self.instructions), stack)
            stack = more
            instruction = self.instructions[at]
            number = instruction.row.number
            if number == op.STORE_SLOT:
                name = self._slot_name(*instruction.operands)
                if self.program.steps[step].kind == "switch":
                    return {"switch": stack.pop()}
                stored.append((name, stack.pop()))
                at += 1
            elif number == op.BRANCH_FALSE:
                return {**fields, self.program.steps[step].kind: stack.pop()}
            elif number == op.FINISH:
                return {"outputs": stack.pop()}
            elif instruction.step != step:
                return fields
            else:
                taken = stack[len(stack) - len(instruction.row.takes) :] if instruction.row.takes else []
                for word, value in zip(instruction.row.takes, taken, strict=True):
                    fields[_WORDS.get((number, word), word)] = value
                if stored:
                    fields["set"] = _map([(name.removeprefix("vars."), value) for name, value in reversed(stored)])
                return fields

    def _run(
        self, start: int, end: int, stack: list[nodes.Expression] | None = None
    ) -> tuple[list[nodes.Expression], int]:
        """Follow the instructions of expressions; return what they leave, and the first that is of something else."""
        stack = [] if stack is None else stack
        at = start
        while at < end:
            following = self._follow(at, stack)
            if following < 0:
                break
            at = following
        return stack, at

    def _value(self, start: int, end: int) -> nodes.Expression:
        """Return the one value that a stretch of instructions gives."""
        stack, at = self._run(start, end)
        if at != end or len(stack) != 1:
            raise _Unreadable
        return stack[0]

    def _follow(self, at: int, stack: list[nodes.Expression]) -> int:
        """Follow one instruction. Returns which comes next, -1 for one that belongs to no expression."""
        instruction = self.instructions[at]
        number, operands = instruction.row.number, instruction.operands
        constants = self.program.constants
        if number == op.LOAD_CONST:
            stack.append(_constant(constants[operands[0]]))
        elif number == op.LOAD_SLOT:
            stack.append(self._slot(*operands))
        elif number == op.LOAD_LOCAL:
            stack.append(nodes.Name(span=_NOWHERE, name=_local(operands[0])))
        elif number == op.MEMBER:
            stack.append(_member(stack.pop(), constants[operands[0]]))
        elif number == op.GATHER:
            stack.append(self._gathered(constants[operands[0]]))
        elif number in _BINARY:
            right, left = stack.pop(), stack.pop()
            stack.append(nodes.Binary(span=_NOWHERE, operator=_BINARY[number], left=left, right=right))
        elif number == op.INDEX:
            key, target = stack.pop(), stack.pop()
            stack.append(nodes.Index(span=_NOWHERE, target=target, key=key))
        elif number in (op.NOT, op.NEGATE):
            operator = "!" if number == op.NOT else "-"
            stack.append(nodes.Unary(span=_NOWHERE, operator=operator, operand=stack.pop()))
        elif number in (op.MAKE_LIST, op.MAKE_MAP, op.TEXT, op.CALL):
            self._gather_up(number, operands, stack)
        elif number == op.CHECK_BOOL:
            pass
        elif number in _KEEPING:
            end = self.position[operands[0]]
            right = self._value(at + 1, end)
            stack.append(nodes.Binary(span=_NOWHERE, operator=_KEEPING[number], left=stack.pop(), right=right))
            return end
        elif number == op.BRANCH_FALSE and not self._is_statement(at):
            return self._choice(at, stack)
        elif number == op.EACH_BEGIN:
            return self._each(at, stack)
        else:
            return -1
        return at + 1

    def _gather_up(self, number: int, operands: tuple[int, ...], stack: list[nodes.Expression]) -> None:
        count = operands[-1] * (2 if number == op.MAKE_MAP else 1)
        if not 0 <= count <= len(stack):
            raise _Unreadable
        items = tuple(stack[len(stack) - count :])
        del stack[len(stack) - count :]
        if number == op.MAKE_LIST:
            stack.append(nodes.ListExpression(span=_NOWHERE, items=items))
        elif number == op.TEXT:
            stack.append(nodes.Text(span=_NOWHERE, parts=items))
        elif number == op.CALL:
            name = FUNCTIONS_BY_NUMBER[operands[0]].name
            stack.append(nodes.Call(span=_NOWHERE, function=name, function_span=_NOWHERE, arguments=items))
        else:
            stack.append(_map([(_text_of(key), value) for key, value in zip(items[::2], items[1::2], strict=True)]))

    def _is_statement(self, at: int) -> bool:
        """Say whether a BRANCH_FALSE is the test of a step: it goes back, or what follows is no expression."""
        instruction = self.instructions[at]
        if instruction.operands[0] <= instruction.pc:
            return True
        return at + 1 >= len(self.instructions) or self.instructions[at + 1].row.number in _AFTER_A_TEST

    def _choice(self, at: int, stack: list[nodes.Expression]) -> int:
        otherwise = self.position[self.instructions[at].operands[0]]
        leaving = self.instructions[otherwise - 1]
        if leaving.row.number != op.JUMP:
            raise _Unreadable
        end = self.position[leaving.operands[0]]
        test = stack.pop()
        then, other = self._value(at + 1, otherwise - 1), self._value(otherwise, end)
        stack.append(nodes.Conditional(span=_NOWHERE, test=test, then=then, otherwise=other))
        return end

    def _each(self, at: int, stack: list[nodes.Expression]) -> int:
        """Read a map or filter: EACH_BEGIN top: EACH_NEXT end; <body> EACH_KEEP or EACH_FILTER; JUMP top; end:"""
        head = self.instructions[at + 1]
        if head.row.number != op.EACH_NEXT:
            raise _Unreadable
        end = self.position[head.operands[1]]
        keep = self.instructions[end - 2]
        if keep.row.number not in (op.EACH_KEEP, op.EACH_FILTER):
            raise _Unreadable
        body = self._value(at + 2, end - 2)
        name = "map" if keep.row.number == op.EACH_KEEP else "filter"
        function = nodes.Lambda(span=_NOWHERE, parameter=_local(head.operands[0]), body=body)
        arguments = (stack.pop(), function)
        stack.append(nodes.Call(span=_NOWHERE, function=name, function_span=_NOWHERE, arguments=arguments))
        return end

    # Names

    def _slot(self, depth: int, slot: int) -> nodes.Expression:
        known = self.names.get((self._scope[depth], slot))
        if known is not None:
            return known
        return nodes.Name(span=_NOWHERE, name=self._slot_name(depth, slot))

    def _slot_name(self, depth: int, slot: int) -> str:
        known = self.names.get((self._scope[depth], slot))
        if isinstance(known, nodes.Member) and isinstance(known.target, nodes.Name):
            return f"{known.target.name}.{known.name}"
        return f"vars.slot-{depth}-{slot}"

    def _gathered(self, rows: list[Any]) -> nodes.Expression:
        """Return the root whose members are gathered, as ``outputs``, or a map where they have none in common."""
        entries = [(name, self._slot(depth, slot)) for name, depth, slot in rows]
        roots = set()
        for name, value in entries:
            if not isinstance(value, nodes.Member) or value.name != name or not isinstance(value.target, nodes.Name):
                return _map(entries)
            roots.add(value.target.name)
        return nodes.Name(span=_NOWHERE, name=roots.pop()) if len(roots) == 1 else _map(entries)


def _owners(program: Program) -> list[tuple[int, ...]]:
    """Return, for each step, the loops whose iterations' scopes it sees, by depth; the run's own is the first."""
    found: list[tuple[int, ...]] = []
    for step in program.steps:
        around = (0,) if step.parent < 0 else found[step.parent]
        found.append((*around, step.parent)[: step.depth + 1] if step.depth >= len(around) else around)
    return found


def _slot_names(program: Program, source_map: SourceMap | None) -> dict[tuple[int, int], nodes.Expression]:
    names: dict[tuple[int, int], nodes.Expression] = {
        (0, INPUTS_SLOT): _name("inputs"),
        (0, RUN_SLOT): _name("run"),
        (0, HOST_SLOT): _HOST,
    }
    if program.services_slot != NO_PC:
        names[0, program.services_slot] = _name("services")
    owners = _owners(program)
    for index, step in enumerate(program.steps):
        scope = owners[index][-1]
        if index:
            names[scope, step.slot] = _member(_name("steps"), step.name)
        if step.hook_slot != NO_PC:
            names[scope, step.hook_slot] = _HOOK
        for output in step.outputs:
            names[scope, output.slot] = _member(_name("outputs"), output.name)
        if step.collect is not None:
            names[scope, step.collect.slot] = _member(_name("vars"), step.collect.name)
        if step.item_slot != NO_PC:
            names[index, step.item_slot] = _name("item")
        if step.index_slot != NO_PC:
            names[index, step.index_slot] = _name("index")
    for owner, slot, name in () if source_map is None else source_map.names:
        root, _, member = name.partition(".")
        names[owner, slot] = _member(_name(root), member) if member else _name(root)
    return names


def _name(name: str) -> nodes.Expression:
    return nodes.Name(span=_NOWHERE, name=name)


def _member(target: nodes.Expression, name: Any) -> nodes.Expression:
    if target is _HOOK:
        return _name(name)
    if target is _HOST:
        literal = nodes.Literal(span=_NOWHERE, value=name)
        return nodes.Call(span=_NOWHERE, function="host.has", function_span=_NOWHERE, arguments=(literal,))
    return nodes.Member(span=_NOWHERE, target=target, name=name, name_span=_NOWHERE)


def _map(entries: list[tuple[str, nodes.Expression]]) -> nodes.Expression:
    return nodes.MapExpression(span=_NOWHERE, entries=tuple((name, _NOWHERE, value) for name, value in entries))


def _constant(value: Any) -> nodes.Expression:
    if isinstance(value, (list, tuple)):
        return nodes.ListExpression(span=_NOWHERE, items=tuple(map(_constant, value)))
    if isinstance(value, dict):
        return _map([(str(name), _constant(item)) for name, item in value.items()])
    return nodes.Literal(span=_NOWHERE, value=value)


def _text_of(expression: nodes.Expression) -> str:
    if not isinstance(expression, nodes.Literal) or not isinstance(expression.value, str):
        raise _Unreadable
    return expression.value


def _local(number: int) -> str:
    return _LOCALS[number] if 0 <= number < len(_LOCALS) else f"x{number}"
