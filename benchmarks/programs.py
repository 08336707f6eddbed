"""Programs and executors that the benchmarks run, each with a result that can be checked."""

from __future__ import annotations

from typing import Any

from wfe_runtime.executors import ExecutorRegistry
from wfe_runtime.executors.contract import StepContext, StepResult
from wfe_runtime.providers.rows import ProgramRow
from wfe_vm import opcodes as op
from wfe_vm.program import Parameter, Program, Step, encode_program, hash_of, pack_code


class Instant:
    """Gives its number back at once: what is measured is the engine, not the work."""

    types = ("instant",)

    def missing(self, config: dict[str, Any]) -> str | None:
        return None

    def run(self, context: StepContext) -> StepResult:
        return StepResult("success", {"i": context.config["i"]})

    async def close(self) -> None:
        return None


def registry() -> ExecutorRegistry:
    return ExecutorRegistry((Instant(),))


def sequence(steps: int) -> ProgramRow:
    """Return a workflow of that many steps one after another; its output is the last one's."""
    code = [op.BEGIN, 0]
    rows = []
    constants: list[Any] = [None, "last", "output", "i"]
    for number in range(1, steps + 1):
        code += [op.BEGIN, number]
        entry = len(code)
        constants.append({"i": number})
        code += [op.LOAD_CONST, len(constants) - 1, op.LOAD_CONST, 0, op.LOAD_CONST, 0, op.RUN, number]
        name = f"step{number}"
        rows.append(Step(name, "task", name, parent=0, slot=2 + number, entry=entry, exit=len(code), type="instant"))
    root = Step("bench", "run", "", entry=2, exit=len(code))
    code += [op.LOAD_CONST, 1, op.LOAD_SLOT, 0, 2 + steps, op.MEMBER, 2, op.MEMBER, 3, op.MAKE_MAP, 1, op.FINISH]
    program = Program(
        1,
        1,
        "bench",
        1,
        pack_code(code),
        tuple(constants),
        (root, *rows),
        (3 + steps,),
        3,
        0,
        outputs=(Parameter("last", "integer"),),
        open_inputs=True,
    )
    data = encode_program(program)
    return ProgramRow(hash_of(data), "bench", 1, data, b"")
