"""Where a retry takes an ended run up: at what failed, or further back, or past a step whose result is supplied.

``plan_reopening`` finds, for steps as a person names them, the places in what the run kept to be reopened, or
says why there is none; it changes nothing. What it finds are ``Target``s, which a Retry event carries, and
``cut`` is what the machine does with each before it reopens the rest.

A pointer goes back within the bodies in which it stands: to a step that encloses the one that failed, or to an
earlier one of such a body, from which the code leads there. Into a block that has ended it can't go back: that
block can be named instead.

Rule: names are resolved here, once; the machine is told numbers, and takes them only if they fit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from . import opcodes as op
from .errors import MachineError
from .events import Target
from .isa import row_of
from .phases import BODY, HOOK
from .program import NO_PC, Program, Step, unpack_code
from .state import Frame, Pointer, State, pointer_from
from .typeterms import check_value, parse_type

__all__ = ["ReopenError", "Reopening", "cut", "fits", "plan_reopening"]

FORKS: Final = ("parallel", "race", "for_each")
LOOPS: Final = ("while", "until")


class ReopenError(MachineError):
    """A retry that can't be. ``known`` are the names among which the right one may be, if one was wrong."""

    def __init__(self, code: str, message: str, known: Sequence[str] = ()) -> None:
        super().__init__(code, message)
        self.known = tuple(known)


class Reopening(msgspec.Struct, frozen=True):
    """What was found: targets in the run itself, and what is asked of its children, by their ids."""

    targets: tuple[Target, ...]
    start_at: dict[str, list[str]]
    supplied: dict[str, str]


def plan_reopening(
    program: Program,
    state: State,
    start_at: Sequence[str] = (),
    supplied: str = "",
    outputs: Callable[[Step], dict[str, Any]] = lambda _: {},
) -> Reopening:
    """Return where the run is taken up if it starts again at the steps ``start_at`` and is given a result for another.

    ``outputs`` gives the supplied step's outputs. Raises ReopenError: ``unknown`` for a step that the workflow does
    not have, ``place`` for one at which the run can't be taken up, ``ambiguous``, or ``type`` for such outputs.
    """
    search = _Search(program, state)
    targets: dict[int, Target] = {}
    below: dict[str, list[str]] = {}
    for name in start_at:
        child = search.child(name)
        if child is not None:
            below.setdefault(child[0], []).append(child[1])
            continue
        for target in search.starts(name):
            before = targets.get(target.pointer)
            if before is None or target.keep < before.keep:
                targets[target.pointer] = target
    result_of: dict[str, str] = {}
    if supplied:
        child = search.child(supplied)
        if child is not None:
            result_of[child[0]] = child[1]
        else:
            target, step = search.failed(supplied)
            if target.pointer in targets:
                raise ReopenError(
                    "place", f"the run can't start again at a step and be given the result of {step.name}"
                )
            kept = _held_to_types(step, outputs(step))
            targets[target.pointer] = msgspec.structs.replace(target, outputs=kept)
    order = [targets[id] for id in sorted(targets) if not search.is_within(id, targets)]
    if supplied and result_of == {} and all(target.outputs is None for target in order):
        raise ReopenError("place", f"the run starts again before {supplied}, so there is no result to supply")
    return Reopening(tuple(order), below, result_of)


def fits(state: State, target: Target) -> bool:
    """Say whether what is kept of a pointer can begin at the target."""
    row = state.reopen.get(target.pointer)
    return row is not None and len(row[8]) >= target.keep > (0 if target.outputs is not None else -1)


def cut(state: State, target: Target) -> None:
    """Have what is kept of a pointer, which fits, begin at the target."""
    pointer = pointer_from(state.reopen[target.pointer])
    frames = pointer.frames[: target.keep]
    first = frames[-1].id if target.outputs is not None else frames[-1].id + 1 if frames else 0
    for frame in pointer.frames:
        if frame.id >= first:
            state.drop_collected(frame.id)
    _drop_below(state, pointer.id, first)
    pointer.frames = frames
    if target.outputs is None:
        pointer.pc = target.pc
        if frames:
            frames[-1].mark = target.pc
    state.keep_reopen(pointer.id, pointer.row())


def _drop_below(state: State, parent: int, activation: int) -> None:
    """Forget the branches of a pointer's frames from that activation on."""
    for id, row in list(state.reopen.items()):
        if row[1] == parent and row[2] >= activation and id in state.reopen:
            state.drop_reopen(id)
            _drop_below(state, id, 0)


class _Search:
    def __init__(self, program: Program, state: State) -> None:
        self.program = program
        self.steps = program.steps
        self.code = unpack_code(program.code)
        self.beginnings = dict(_beginnings(self.code))
        self.pointers: dict[int, Pointer] = {id: pointer_from(state.reopen[id]) for id in sorted(state.reopen)}

    # What a name means

    def child(self, name: str) -> tuple[str, str] | None:
        """Return the child run that the name leads into, and the rest of the name; None where it leads into none."""
        for pointer in self.pointers.values():
            if not pointer.frames or not pointer.frames[-1].child:
                continue
            path = self._path(pointer, len(pointer.frames) - 1)
            for prefix in (path, self.steps[pointer.frames[-1].step].name):
                if name.startswith(f"{prefix}/"):
                    return pointer.frames[-1].child, name[len(prefix) + 1 :]
        return None

    def named(self, name: str) -> list[int]:
        """Return the steps that a name or path may mean. Raises ReopenError (``unknown``) for none."""
        plain = re.sub(r"\[\d+\]", "[*]", name)
        found = [number for number, step in enumerate(self.steps) if number and plain == step.path]
        found = found or [
            number
            for number, step in enumerate(self.steps)
            if number and name in (step.name, step.path.replace("[*]", ""))
        ]
        if not found:
            known = [step.path for step in self.steps[1:]] + [step.name for step in self.steps[1:]]
            raise ReopenError("unknown", f"workflow {self.program.workflow} has no step {name!r}", known)
        return found

    def starts(self, name: str) -> list[Target]:
        """Return where to start again at a step: in one pointer, or in each iteration that the name covers."""
        steps = self.named(name)
        found: dict[int, list[Target]] = {}
        for number in steps:
            for pointer in self.pointers.values():
                keep = self._place(pointer, number)
                if keep >= 0 and ("[" not in name or self._path_of(pointer, keep, number) == name):
                    found.setdefault(number, []).append(Target(pointer.id, keep, self.beginnings[number]))
        if len(found) > 1:
            paths = [self.steps[number].path for number in found]
            raise ReopenError("ambiguous", f"{name!r} may be several steps: {', '.join(paths)}")
        if not found:
            raise ReopenError("place", self._why_not(name, steps[0]))
        [targets] = found.values()
        return targets

    def failed(self, name: str) -> tuple[Target, Step]:
        """Return the failed or stopped step of that name, and what encloses it."""
        steps = self.named(name)
        found: dict[str, tuple[Target, Step]] = {}
        for pointer in self.pointers.values():
            for depth, frame in enumerate(pointer.frames):
                if frame.step in steps and frame.attempt and frame.phase < HOOK:
                    path = self._path(pointer, depth)
                    if "[" not in name or path == name:
                        found[path] = Target(pointer.id, depth + 1, NO_PC), self.steps[frame.step]
        if not found:
            raise ReopenError("place", f"step {name} did not fail, so there is no result to supply")
        if len(found) > 1:
            raise ReopenError("ambiguous", f"{name!r} failed in several places: {', '.join(found)}")
        [(target, step)] = found.values()
        if step.collect is not None:
            raise ReopenError("place", f"step {name} gathers a list; supply the results of its iterations instead")
        return target, step

    # Places

    def _place(self, pointer: Pointer, number: int) -> int:
        """Return how many frames of a pointer are kept if it starts again at a step; -1 if it can't."""
        for depth, frame in enumerate(pointer.frames):
            if frame.step == number:
                return depth
        if number not in self.beginnings or self._serves(number):
            return -1  # nothing leads there, or its hooked step settles again, and asks for the hook anew
        parent = self.steps[number].parent
        goal = pointer.pc
        base = self._fork_of(pointer)
        for keep, around in enumerate([base, *(frame.step for frame in pointer.frames)]):
            if around != parent or (keep and self.steps[around].kind in FORKS):
                continue
            if keep < len(pointer.frames):
                goal = self.beginnings[pointer.frames[keep].step]
            elif keep and pointer.frames[-1].mark:
                goal = pointer.frames[-1].mark
            return keep if self._leads(self.steps[number].exit, goal) else -1
        return -1

    def _serves(self, number: int) -> bool:
        """Say whether a step is one of a hook, or of a compensation, of the step it is written in."""
        above = self.steps[self.steps[number].parent]
        hooks = (above.on_success, above.on_failure, above.on_error, above.on_abort, above.ensure, above.compensation)
        begins = self.beginnings.get(number, NO_PC)
        return begins != NO_PC and any(hook != NO_PC and self._leads(hook, begins) for hook in hooks)

    def _leads(self, pc: int, goal: int) -> bool:
        """Say whether the code goes from the exit of a step to a place of the same body, past whole steps only."""
        passed: set[int] = set()
        while pc != goal:
            if pc in passed:
                return False
            passed.add(pc)
            if self.code[pc] == op.JUMP:
                pc = self.code[pc + 1]
            elif self.code[pc] in (op.BEGIN, op.ENTER):
                pc = self.steps[self.code[pc + 1]].exit
            else:
                return False
        return True

    def _fork_of(self, pointer: Pointer) -> int:
        """Return the step whose branch or iteration the pointer is; -1: it is the run's own."""
        parent = self.pointers.get(pointer.parent)
        for frame in parent.frames if parent is not None else ():
            if frame.id == pointer.fork:
                return frame.step
        return -1

    def is_within(self, id: int, targets: Mapping[int, Target]) -> bool:
        """Say whether a pointer goes away because one that it is a branch of starts again before that."""
        pointer = self.pointers[id]
        while pointer.parent in self.pointers:
            above = self.pointers[pointer.parent]
            target = targets.get(above.id)
            if target is not None:
                kept = [frame.id for frame in above.frames[: target.keep]]
                if pointer.fork not in kept or (target.outputs is not None and pointer.fork == kept[-1]):
                    return True
            pointer = above
        return False

    def _why_not(self, name: str, number: int) -> str:
        step = self.steps[number]
        parent = self.steps[step.parent] if step.parent > 0 else None
        stands = ", ".join(dict.fromkeys(self._path(one, len(one.frames) - 1) for one in self._standing()))
        if self._serves(number):
            return f"step {name} belongs to a hook: name the step that has the hook"
        where = f"the run failed at {stands}, and" if stands else "the run"
        if parent is not None and parent.kind not in ("task", "run"):
            return f"{where} can't be taken up at {name}: name the block {parent.path} to run all of it again"
        return f"{where} can't be taken up at {name}: it was not reached, or lies after that"

    def _standing(self) -> Iterator[Pointer]:
        for pointer in self.pointers.values():
            if pointer.frames and pointer.frames[-1].step:
                yield pointer

    # Paths

    def _path(self, pointer: Pointer, depth: int) -> str:
        return self._path_of(pointer, depth, pointer.frames[depth].step)

    def _path_of(self, pointer: Pointer, depth: int, number: int) -> str:
        """Return the path of a step below the first ``depth`` frames of a pointer, with the numbers of its passes."""
        parts = self.steps[number].path.split("[*]")
        numbers: list[int] = []
        frames: list[Frame] = pointer.frames[:depth]
        while True:
            for frame in reversed(frames):
                if frame.phase == BODY and self.steps[frame.step].kind in LOOPS:
                    numbers.append(frame.passes - 1)
            if pointer.parent < 0:
                break
            fork = self._fork_of(pointer)
            if fork < 0:
                break
            if self.steps[fork].kind == "for_each":
                numbers.append(pointer.index)
            pointer = self.pointers[pointer.parent]
            frames = pointer.frames
        numbers.reverse()
        return "".join(f"{part}[{passed}]" for part, passed in zip(parts[:-1], numbers, strict=False)) + parts[-1]


def _beginnings(code: Any) -> Iterator[tuple[int, int]]:
    """Yield each step with the pc at which it is entered."""
    pc = 0
    while pc < len(code):
        row = row_of(code[pc])
        if row is None:
            return
        if row.number in (op.BEGIN, op.ENTER):
            yield code[pc + 1], pc
        pc += 1 + len(row.operands)


def _held_to_types(step: Step, outputs: dict[str, Any]) -> dict[str, Any]:
    """Return supplied outputs as a step's executor would give them. Raises ReopenError (``type``)."""
    declared = {output.name: output for output in step.outputs}
    given: dict[str, Any] = {}
    for name, value in outputs.items():
        output = declared.get(name)
        if output is None:
            if declared:
                raise ReopenError("type", f"step {step.name} has no output {name!r}", list(declared))
            given[name] = value
            continue
        problems = [] if value is None else check_value(value, parse_type(output.type))
        if problems:
            problem = problems[0]
            raise ReopenError("type", f"output {name}{problem.path} of step {step.name}: {problem.message}")
        inner = given
        for part in output.path[:-1]:
            inner = inner.setdefault(part, {})
        inner[output.path[-1] if output.path else name] = value
    return given
