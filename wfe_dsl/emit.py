"""The assembler: instructions, labels and constants in, the code of a program out.

This file owns the words of the code, the pool of constants, the stack depth (from the rows of the
opcode table) and which stretch of code came from which place. It knows nothing of workflows.

Rules:

1. A label is placed once and may be jumped to before and after. All ways to a label have the same
   stack depth; anything else is a bug of the lowering and raises InternalError.
2. Constants are pooled by type and value, in the order of first use, so equal code is equal bytes.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from wfe_vm.errors import InternalError
from wfe_vm.isa import ROWS, Flag, Row

from .source import Span

__all__ = ["Emitter"]

_UNPLACED: Final = -1
_UNKNOWN: Final = -1
_encode_key = msgspec.msgpack.Encoder(order="deterministic").encode


def _effect_of(row: Row) -> tuple[int, int, int, bool]:
    """Return a row's takes and gives without ``*`` items, what one of COUNT adds to takes, and whether it stops."""
    fixed = 0
    for_each_count = 0
    for item in row.takes:
        if item == "pair*":
            for_each_count += 2
        elif item.endswith("*"):
            for_each_count += 1
        else:
            fixed += 1
    return fixed, len(row.gives), for_each_count, Flag.STOP in row.flags


_EFFECTS: Final[dict[int, tuple[int, int, int, bool]]] = {row.number: _effect_of(row) for row in ROWS}
_JUMP_GIVES: Final[dict[int, int]] = {
    row.number: len(row.gives if row.jump_gives is None else row.jump_gives) for row in ROWS if Flag.JUMP in row.flags
}


class Emitter:
    """Grows the code of one program. ``max_stack`` and ``locals`` are what the machine has to provide."""

    def __init__(self) -> None:
        self.words: list[int] = []
        self.constants: list[Any] = []
        self.max_stack = 0
        self.locals = 0
        self._constant_indexes: dict[Any, int] = {}
        self._depth = 0  # of the stack, or _UNKNOWN after an instruction that never falls through
        self._label_pcs: list[int] = []
        self._label_depths: list[int] = []
        self._patches: list[tuple[int, int]] = []  # index of the word, label
        self._marks: list[tuple[int, Span | None]] = []

    @property
    def pc(self) -> int:
        """Where the next instruction goes, in words."""
        return len(self.words)

    def emit(self, opcode: int, *operands: int) -> None:
        """Append an instruction that neither jumps nor takes a counted number of items."""
        takes, gives, _, stops = _EFFECTS[opcode]
        self.words.append(opcode)
        self.words.extend(operands)
        self._move(takes, gives, stops)

    def emit_counted(self, opcode: int, count: int, *before: int) -> None:
        """Append an instruction whose last operand says how many items it takes; ``before`` are its other operands."""
        takes, gives, for_each_count, stops = _EFFECTS[opcode]
        self.words.append(opcode)
        self.words.extend(before)
        self.words.append(count)
        self._move(takes + for_each_count * count, gives, stops)

    def load_constant(self, opcode: int, value: Any) -> None:
        """Append an instruction whose only operand is a constant (LOAD_CONST, MEMBER, GATHER)."""
        self.emit(opcode, self.constant(value))

    def jump(self, opcode: int, label: int, *before: int) -> None:
        """Append an instruction whose last operand is a label; ``before`` are its other operands."""
        takes, gives, _, stops = _EFFECTS[opcode]
        self._arrive(label, self._depth - takes + _JUMP_GIVES[opcode])
        self.words.append(opcode)
        self.words.extend(before)
        self._patches.append((len(self.words), label))
        self.words.append(_UNPLACED)
        self._move(takes, gives, stops)

    def label(self) -> int:
        """Return a new label, to be placed later."""
        self._label_pcs.append(_UNPLACED)
        self._label_depths.append(_UNKNOWN)
        return len(self._label_pcs) - 1

    def place(self, label: int) -> int:
        """Put the label here; return its pc."""
        if self._label_pcs[label] != _UNPLACED:
            raise InternalError(f"label {label} was placed twice")
        if self._depth == _UNKNOWN:
            self._depth = max(self._label_depths[label], 0)
        self._arrive(label, self._depth)
        self._label_pcs[label] = self.pc
        return self.pc

    def begin_section(self) -> int:
        """Start code that the machine enters by itself, with an empty stack; return its pc."""
        if self._depth != _UNKNOWN:
            raise InternalError(f"the code before pc {self.pc} runs on into a section of its own")
        self._depth = 0
        return self.pc

    def expect_empty_stack(self) -> int:
        """Return the pc of a place where the machine may wait or arrive; the stack must be empty there."""
        if self._depth == _UNKNOWN:
            self._depth = 0
        if self._depth != 0:
            raise InternalError(f"the stack holds {self._depth} items at pc {self.pc}, where it must be empty")
        return self.pc

    def constant(self, value: Any) -> int:
        """Return the index of a constant, the same one for the same type and value."""
        kind = type(value)
        key: Any
        if kind is str or kind is int or kind is bool or value is None:
            key = (kind, value)
        else:
            key = (kind, _encode_key(value))
        index = self._constant_indexes.get(key)
        if index is None:
            index = self._constant_indexes[key] = len(self.constants)
            self.constants.append(value)
        return index

    def use_local(self, local: int) -> None:
        """Make room for a variable bound by map or filter."""
        self.locals = max(self.locals, local + 1)

    def mark(self, span: Span | None) -> Span | None:
        """Say that what follows came from ``span``; return what held until here, to go back to."""
        before = self._marks[-1][1] if self._marks else None
        if span is not before:
            if self._marks and self._marks[-1][0] == len(self.words):
                self._marks.pop()
            self._marks.append((len(self.words), span))
        return before

    def finish(self) -> list[int]:
        """Fill in all labels and return the words of the code."""
        pcs = self._label_pcs
        for at, label in self._patches:
            if pcs[label] == _UNPLACED:
                raise InternalError(f"label {label} was never placed")
            self.words[at] = pcs[label]
        self._patches.clear()
        return self.words

    def places(self) -> list[tuple[int, Span]]:
        """Return where each stretch of code came from, as the pc it starts at and its span."""
        return [(pc, span) for pc, span in self._marks if span is not None]

    def _move(self, takes: int, gives: int, stops: bool) -> None:
        depth = self._depth - takes
        if depth < 0:
            raise InternalError(f"an instruction before pc {self.pc} takes more than the stack holds")
        depth += gives
        if depth > self.max_stack:
            self.max_stack = depth
        self._depth = _UNKNOWN if stops else depth

    def _arrive(self, label: int, depth: int) -> None:
        if depth < 0:
            raise InternalError(f"a jump before pc {self.pc} takes more than the stack holds")
        known = self._label_depths[label]
        if known == _UNKNOWN:
            self._label_depths[label] = depth
            self.max_stack = max(self.max_stack, depth)
        elif known != depth:
            raise InternalError(f"the stack holds {known} or {depth} items at label {label}")
