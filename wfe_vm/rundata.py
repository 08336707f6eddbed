"""What steps leave behind in a run: slots, sizes, declared outputs, and the paths that name them.

The ground floor of the machine: it reads the program's tables and writes the state's data, and knows
nothing of how a step begins, ends or goes on.
"""

from __future__ import annotations

from typing import Any, Final

import cython
import msgspec

from .errors import ExpressionError
from .limits import (
    BYTES_AN_INSTRUCTION,
    CHARACTERS_AN_INSTRUCTION,
    ITEMS_AN_INSTRUCTION,
    MAX_INSTRUCTIONS,
    MAX_STATE_BYTES,
)
from .outcome import Failure
from .program import Program
from .state import Frame, Pointer, State
from .step_rows import StepRow
from .typeterms import check_value, coerce, is_optional, parse_type
from .values import describe, size_of

if not cython.compiled:
    from .phases import BODY, SUCCESS

__all__ = ["RunData"]

STATUS_OF: Final = ("", "succeeded", "failed", "error", "aborted", "skipped")
"""Of an outcome's number: how a step's status reads."""


class RunData:
    """The tables of one program, and what its runs keep."""

    def __init__(
        self,
        program: Program,
        max_instructions: int = MAX_INSTRUCTIONS,
        max_state_bytes: int = MAX_STATE_BYTES,
    ) -> None:
        """Take a verified program. The limits are instructions an advance, and bytes of a run's data."""
        self.program: Program = program
        # The row of each step, None for what was not reached yet: of a large program a process needs a few.
        self.rows: list[StepRow | None] = [None] * len(program.steps)
        self.max_instructions = max_instructions
        self.max_state_bytes = max_state_bytes
        self.budget = 0  # instructions that the advance has left
        # Of each step that has ended once, its outputs with their types.
        self.output_types: list[Any] = [None] * len(program.steps)
        self.run_outputs = [(output, parse_type(output.type)) for output in program.outputs]

    def _step(self, number: int) -> StepRow:
        """Return the row of a step."""
        row = self.rows[number]
        if row is None:
            row = self.rows[number] = StepRow(self.program.steps[number])
        return row

    def _store(self, state: State, pointer: Pointer, depth: int, slot: int, value: Any) -> None:
        """Put a value where a slot at that depth lies for this pointer."""
        kind = type(value)
        if kind is str or kind is list or kind is dict:
            self._check_size(state, value, "a variable")
        owner = pointer.owners[depth]
        pointer.scopes[depth][slot] = value
        state.mark(owner, slot)

    def _charge(self, value: Any) -> None:
        """Count the work of going over a value once, its parts not looked into."""
        if type(value) is list or type(value) is dict:
            self.budget -= len(value) // ITEMS_AN_INSTRUCTION
        elif type(value) is str:
            self.budget -= len(value) // CHARACTERS_AN_INSTRUCTION

    def _charge_deep(self, value: Any) -> None:
        """Count the work of looking into all that a value holds, or at each of a text's characters.

        Raises ExpressionError (``limit``) for a value that no state could hold.
        """
        if type(value) is list or type(value) is dict:
            self.budget -= size_of(value) // BYTES_AN_INSTRUCTION
        elif type(value) is str:
            self.budget -= len(value) // ITEMS_AN_INSTRUCTION

    def _check_size(self, state: State, value: Any, what: str) -> None:
        """Count a value towards the limit on the run's data. Raises ExpressionError (``limit``) beyond it."""
        try:
            size = size_of(value)
        except ExpressionError as error:
            raise ExpressionError(error.code, f"{what}{_largest_member(value)}: {error.message}") from None
        if type(value) is not str:
            self.budget -= size // BYTES_AN_INSTRUCTION
        if state.size + size > self.max_state_bytes:
            # What was overwritten is still counted: count again before refusing.
            state.size = sum(size_of(slot) for slots in state.scopes.values() for slot in slots)
            state.size += sum(size_of(part) for parts in state.collected.values() for part in parts.values())
            state.size += sum(size_of(kept[2]) for row in state.registered.values() for kept in row[3])
            self.budget -= state.size // BYTES_AN_INSTRUCTION
            if state.size + size > self.max_state_bytes:
                raise ExpressionError(
                    "limit",
                    f"{what} of {size} bytes{_largest_member(value)} brings the run's data over its limit of "
                    f"{self.max_state_bytes} bytes; "
                    "keep large data in files and pass their paths",
                )
        state.size += size

    def _checked_outputs(self, state: State, outputs: dict[str, Any]) -> dict[str, Any]:
        """Return the run's outputs as declared. Raises ExpressionError (``type``) for one of a wrong type."""
        if type(outputs) is not dict:
            raise ExpressionError("type", f"a run's outputs are a map, not {describe(outputs)}")
        for output, declared in self.run_outputs:
            value = outputs.get(output.name)
            if value is None:
                if not is_optional(declared):
                    state.new_warnings.append(
                        f"output {output.name} is declared {output.type}, and nothing gave it a value"
                    )
                continue
            problems = check_value(value, declared)
            if problems:
                problem = problems[0]
                raise ExpressionError("type", f"output {output.name}{problem.path} of the workflow: {problem.message}")
            outputs[output.name] = coerce(value, declared)
        return outputs

    def _declared_outputs(self, state: State, frame: Frame, outputs: dict[str, Any]) -> dict[str, Any]:
        """Return a step's outputs as declared. Raises ExpressionError for a wrong type or a size over the limit."""
        step = self._step(frame.step)
        if outputs:
            self._check_size(state, outputs, f"the result of {step.name}")
        if not step.outputs:
            return outputs
        declarations = self.output_types[frame.step]
        if declarations is None:
            declarations = [(output, parse_type(output.type)) for output in step.outputs]
            self.output_types[frame.step] = declarations
        value: Any
        outputs = dict(outputs)
        for output, declared in declarations:
            if output.path:
                value = outputs
                for name in output.path:
                    value = value.get(name) if type(value) is dict else None
                outputs[output.name] = value
            else:
                value = outputs.get(output.name)
            if value is None:
                continue
            problems = check_value(value, declared)
            if problems:
                problem = problems[0]
                raise ExpressionError("type", f"output {output.name}{problem.path}: {problem.message}")
            outputs[output.name] = coerce(value, declared)
        return outputs

    def _keep_result(
        self,
        state: State,
        pointer: Pointer,
        frame: Frame,
        step: StepRow,
        outcome: int,
        outputs: dict[str, Any],
        stdout: str | None,
        error: Failure | None,
    ) -> None:
        """Put what the rest of the run may read of a step into its slots."""
        if not frame.step:
            return
        depth = step.depth
        owner = pointer.owners[depth]
        result: dict[str, Any] = {"status": STATUS_OF[outcome], "output": outputs}
        if step.keep_stdout:
            result["stdout"] = stdout
        if error is not None:
            result["error"] = {"kind": error.kind, "message": error.message, "exit_code": error.exit_code}
        state.store(owner, step.slot, result)
        if outcome == SUCCESS:
            for output in step.outputs:
                state.store(owner, output.slot, outputs.get(output.name))

    def _fill_hook_slot(self, state: State, pointer: Pointer, frame: Frame, step: StepRow) -> None:
        error = frame.error
        outcome = ("", "success", "failure", "error", "abort")[frame.outcome]
        value = {
            "outcome": outcome,
            "attempt": frame.attempt,
            "error": None
            if error is None
            else {
                "kind": error.kind,
                "message": error.message,
                "exit_code": error.exit_code,
                "step": error.step,
            },
        }
        state.store(pointer.owners[step.depth], step.hook_slot, value)

    def _located(self, state: State, pointer: Pointer, frame: Frame, error: Failure) -> Failure:
        """Return the failure with where it happened filled in."""
        return msgspec.structs.replace(
            error, step=error.step or self._path(state, pointer), attempt=error.attempt or frame.attempt
        )

    def _path(self, state: State, pointer: Pointer) -> str:
        """Return the path of the pointer's innermost frame, with the numbers of its iterations and passes."""
        frame = pointer.frames[-1]
        path: str = self._step(frame.step).path
        if "[*]" not in path:
            return path
        parts = path.split("[*]")
        numbers = self._passes(state, pointer)
        return "".join(f"{part}[{number}]" for part, number in zip(parts[:-1], numbers, strict=True)) + parts[-1]

    def _passes(self, state: State, pointer: Pointer) -> list[int]:
        """Return the numbers of the iterations and passes around the pointer's innermost frame, the outermost first."""
        numbers: list[int] = []
        frames = pointer.frames[:-1]
        while True:
            for enclosing in reversed(frames):
                if enclosing.phase == BODY and self._step(enclosing.step).kind in ("while", "until"):
                    numbers.append(enclosing.passes - 1)
            if pointer.parent < 0:
                break
            if pointer.undoes:
                numbers += reversed(state.registered[pointer.undoes][2])
                break
            fork, number = pointer.fork, pointer.index
            pointer = state.pointers[pointer.parent]
            frames = pointer.frames
            last = len(frames) - 1
            while frames[last].id != fork:
                last -= 1
            if self._step(frames[last].step).kind == "for_each":
                numbers.append(number)
            frames = frames[:last]
        numbers.reverse()
        return numbers


def _largest_member(value: Any) -> str:
    """Return which member of a map is the largest, in words for a message; nothing for what is no map, or empty."""
    if type(value) is not dict or not value:
        return ""
    largest = 0
    found = ""
    for name, member in value.items():
        try:
            size = size_of(member)
        except ExpressionError:
            return f", of which {name} alone is too large"
        if size > largest:
            largest = size
            found = name
    return f", of which {found} has {largest}"
