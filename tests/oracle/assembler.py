"""Writes programs by hand: names of opcodes, labels and constants in, a Program out.

For tests alone. It checks nothing, so that what is wrong can be written too.
"""

from __future__ import annotations

from typing import Any

import msgspec

from wfe_vm.isa import BY_NAME, ISA_VERSION, Operand
from wfe_vm.program import FORMAT_VERSION, Output, Parameter, Program, Step, pack_code


class Label:
    """A place in the code, known once it is marked."""

    def __init__(self) -> None:
        self.pc = -1


class Assembler:
    """Collects code, constants and steps. Operands are numbers or, for a target, a Label."""

    def __init__(self) -> None:
        self.words: list[int | Label] = []
        self.constants: list[Any] = []
        self.steps: list[dict[str, Any]] = []
        self.scope_sizes: list[int] = [3]

    @property
    def pc(self) -> int:
        """Where the next instruction will lie."""
        return len(self.words)

    def emit(self, name: str, *operands: int | Label) -> int:
        """Add an instruction; returns its pc."""
        pc = self.pc
        self.words += [BY_NAME[name].number, *operands]
        return pc

    def mark(self, label: Label) -> None:
        """Have a label stand for the next instruction."""
        label.pc = self.pc

    def constant(self, value: Any) -> int:
        """Return the index of a constant, adding it if it is new."""
        for index, known in enumerate(self.constants):
            if msgspec.msgpack.encode(known) == msgspec.msgpack.encode(value):
                return index
        self.constants.append(value)
        return len(self.constants) - 1

    def load(self, value: Any) -> None:
        """Push a constant."""
        self.emit("LOAD_CONST", self.constant(value))

    def slot(self, depth: int) -> int:
        """Return a new slot of the scope at that depth."""
        while len(self.scope_sizes) <= depth:
            self.scope_sizes.append(0)
        self.scope_sizes[depth] += 1
        return self.scope_sizes[depth] - 1

    def step(self, name: str, kind: str, **fields: Any) -> int:
        """Add a row to the step table; returns its index. pcs may be Labels."""
        depth = fields.setdefault("depth", 0)
        if self.steps:
            fields.setdefault("slot", self.slot(depth))
            fields.setdefault("parent", 0)
        self.steps.append({"name": name, "kind": kind, "path": fields.pop("path", name), **fields})
        return len(self.steps) - 1

    def begin(self, step: int) -> None:
        """Open a step without a condition."""
        self.emit("BEGIN", step)
        self.steps[step]["entry"] = self.pc

    def exit(self, step: int) -> None:
        """Have the next instruction be where a step leads."""
        self.steps[step]["exit"] = self.pc

    def task(self, name: str, config: dict[str, Any] | None = None, **fields: Any) -> int:
        """Add a whole task step; returns its index."""
        step = self.step(name, "task", type="shell", **fields)
        self.begin(step)
        self.load({} if config is None else config)
        self.load(None)
        self.load(None)
        self.emit("RUN", step)
        self.exit(step)
        return step

    def program(
        self,
        outputs: tuple[Parameter, ...] = (),
        max_stack: int = 32,
        locals: int = 4,  # as the field is called
        **fields: Any,
    ) -> Program:
        """Return the program as it stands."""
        words = [word.pc if isinstance(word, Label) else word for word in self.words]
        steps = tuple(Step(**{key: _resolved(value) for key, value in row.items()}) for row in self.steps)
        values = {
            "format": FORMAT_VERSION,
            "isa": ISA_VERSION,
            "workflow": "test",
            "version": 1,
            "code": pack_code(words),
            "constants": tuple(self.constants),
            "steps": steps,
            "scope_sizes": tuple(self.scope_sizes),
            "max_stack": max_stack,
            "locals": locals,
            "open_inputs": True,
            "outputs": outputs,
        }
        return Program(**{**values, **fields})


def _resolved(value: Any) -> Any:
    if isinstance(value, Label):
        return value.pc
    if isinstance(value, tuple):
        return tuple(_resolved(part) for part in value)
    return value


def run_program() -> Assembler:
    """Return an assembler in which the run itself is open."""
    assembler = Assembler()
    assembler.step("run", "run")
    assembler.begin(0)
    return assembler


def finish(assembler: Assembler) -> None:
    """End the run's own body, without outputs."""
    assembler.exit(0)
    assembler.load({})
    assembler.emit("FINISH")


def declared(name: str, slot: int, type_text: str = "any") -> Output:
    """Return an output of a step."""
    return Output(name=name, type=type_text, slot=slot)


def operand_positions(program_words: list[int], kind: Operand) -> list[int]:
    """Return where the operands of one kind lie in a program's words."""
    from wfe_vm.isa import BY_NUMBER

    positions = []
    pc = 0
    while pc < len(program_words):
        row = BY_NUMBER[program_words[pc]]
        positions += [pc + 1 + place for place, found in enumerate(row.operands) if found is kind]
        pc += 1 + len(row.operands)
    return positions
