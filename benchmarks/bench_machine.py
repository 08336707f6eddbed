"""What does an opcode cost, compiled and interpreted?

A loop of a known number of instructions is run to its end and its counter checked. The floor is the
same loop as plain Python. ``python -m benchmarks.bench_machine``.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import msgspec

from wfe_vm import events, machine
from wfe_vm import opcodes as op
from wfe_vm.program import Program, Step, pack_code

from .measure import Contender, compete, interpreted_machine, options, report

PASSES = 20_000

Body = Callable[[int], list[int]]


def loop_program(body: Body) -> tuple[Program, int]:
    """Return a program that counts to PASSES around a body, and the instructions of a pass without the body."""
    code = [op.BEGIN, 0, op.BEGIN, 1]
    entry = len(code)
    code += [op.LOAD_CONST, 0, op.STORE_SLOT, 0, 4]
    top = len(code)
    code += [op.LOAD_SLOT, 0, 4, op.LOAD_CONST, 1, op.LESS, op.BRANCH_FALSE, 0]
    patch = len(code) - 1
    code += body(len(code))
    code += [op.LOAD_SLOT, 0, 4, op.LOAD_CONST, 2, op.ADD, op.STORE_SLOT, 0, 4, op.JUMP, top]
    code[patch] = len(code)
    code += [op.END, 1]
    after = len(code)
    code += [op.LOAD_CONST, 3, op.LOAD_SLOT, 0, 4, op.MAKE_MAP, 1, op.FINISH]
    steps = (
        Step("run", "run", "", entry=2, exit=after),
        Step("loop", "while", "loop", parent=0, slot=3, entry=entry, exit=after),
    )
    constants: tuple[Any, ...] = (0, PASSES, 1, "count", "field")
    return Program(1, 1, "bench", 1, pack_code(code), constants, steps, (6,), 4, 0), 9


def jumps(start: int) -> list[int]:
    return [word for number in range(10) for word in (op.JUMP, start + 2 * number + 2)]


def straight(*words: int) -> Body:
    """Return a body of these words, ten times over."""
    return lambda start: list(words) * 10


BODIES: dict[str, tuple[Body, int]] = {
    "count, compare, branch": (lambda start: [], 0),
    "jump": (jumps, 10),
    "load a constant, drop it": (straight(op.LOAD_CONST, 2, op.POP), 20),
    "data[field] == constant, drop it": (
        straight(op.LOAD_SLOT, 0, 0, op.MEMBER, 4, op.LOAD_CONST, 2, op.EQUAL, op.POP),
        50,
    ),
    "data[field] = constant": (straight(op.LOAD_CONST, 2, op.STORE_SLOT, 0, 5), 20),
}
"""Of a question: the code inside the loop, made for the pc where it starts, and its number of instructions."""


def runner(modules: dict[str, ModuleType] | None, program: Program) -> Any:
    """Return a function that runs the program to its end and gives its outputs."""
    machine_class = machine.Machine if modules is None else modules["wfe_vm.machine"].Machine
    started = events.Started if modules is None else modules["wfe_vm.events"].Started
    engine = machine_class(program, max_instructions=10**9)

    def run() -> object:
        state = engine.new_state("run", "run-1", "hash")
        engine.advance(state, started(1000, {"field": 1}))
        return state.end[1]

    return run


def right(result: object) -> bool:
    return msgspec.to_builtins(result) == {"count": PASSES}


def plain_loop() -> object:
    count = 0
    while count < PASSES:
        count = count + 1
    return {"count": count}


def main() -> None:
    chosen = options(__doc__ or "", rounds=7)
    interpreted = interpreted_machine()
    compiled = not machine.__file__.endswith(".py")
    for name, (body, instructions) in BODIES.items():
        program, around = loop_program(body)
        executed = (around + instructions) * PASSES
        contenders = [Contender("plain Python loop (a pass)", PASSES, plain_loop, right)]
        if compiled:
            contenders.append(Contender("compiled machine", executed, runner(None, program), right))
        contenders.append(Contender("interpreted machine", executed, runner(interpreted, program), right))
        compete(contenders, chosen.rounds)
        report(f"{name} ({executed // PASSES} instructions a pass)", contenders, "op", chosen.json)


if __name__ == "__main__":
    main()
