"""Whether a run could go on with another program: is there a counterpart for every place where it stands, and which.

A pure check of two programs and a state; it changes nothing. A step's counterpart is the step of the same path,
kind and depth, so everything around it is there too. Where a pointer stands between two steps, the code after the
step that it has left, or else of the step that it comes to, is where it would go on.

Rule: what can't be shown to fit is an obstacle, with a sentence that says why.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from . import opcodes as op
from .isa import row_of
from .phases import READY
from .program import INPUTS_SLOT, NO_PC, Program, Step, unpack_code
from .slots import SlotName, loops_around, slots_by_name
from .state import Frame, Pointer, State, pointer_from
from .typeterms import check_value, is_optional, parse_type

__all__ = ["Migration", "Move", "Obstacle", "loops_of_scopes", "migration_of"]

_HOOKS: Final = ("on_success", "on_failure", "on_error", "on_abort", "ensure")
_ENTER_WORDS: Final = 2


class Move(msgspec.Struct, frozen=True):
    """How a pointer would move: its frames' steps and its pc, in the new program."""

    pointer: int
    path: str
    steps: tuple[int, ...]
    pc: int
    marks: tuple[int, ...]
    """Of each frame, where it would take up again; 0: at its entry."""


class Obstacle(msgspec.Struct, frozen=True):
    """Why a run can't move. ``path`` is the step's, empty for the run itself."""

    path: str
    why: str


class Migration(msgspec.Struct, frozen=True):
    """All moves, if there is no obstacle. ``kept`` are those of what a retry would reopen."""

    moves: tuple[Move, ...]
    obstacles: tuple[Obstacle, ...]
    kept: tuple[Move, ...] = ()

    @property
    def possible(self) -> bool:
        """Whether the run could go on with the new program."""
        return not self.obstacles


Names = Sequence[tuple[int, int, str]]


def migration_of(old: Program, new: Program, state: State, names: tuple[Names | None, Names | None]) -> Migration:
    """Return how a run of ``old`` in this state would go on with ``new``, or why it can't.

    Of a run that has ended, what a retry would reopen is all there is. ``names`` are those of both source maps, None
    for a program without one.
    """
    check = _Check(old, new)
    if old.workflow != new.workflow:
        check.obstacles.append(Obstacle("", f"the program is one of {new.workflow}, the run one of {old.workflow}"))
    check.inputs(state)
    kept = tuple([check.pointer(pointer_from(state.reopen[id]), False) for id in sorted(state.reopen)])
    moves = kept
    if state.end is None:
        moves = tuple([check.pointer(state.pointers[id], True) for id in sorted(state.pointers)])
    elif not kept:
        check.obstacles.append(Obstacle("", f"the run has ended {state.end[0]}, and has nothing to go on with"))
    check.data(state, names)
    check.waits(state)
    obstacles = tuple(dict.fromkeys(check.obstacles))
    return Migration((), obstacles) if obstacles else Migration(moves, (), kept)


class _Check:
    def __init__(self, old: Program, new: Program) -> None:
        self.old = old
        self.new = new
        self.by_path = {step.path: index for index, step in enumerate(new.steps) if index}
        self.old_kinds = {step.path: step.kind for step in old.steps}
        self.old_places = _places(old)
        self.new_places = {place: pc for pc, places in _places(new).items() for place in places}
        self.obstacles: list[Obstacle] = []
        self.known: dict[int, int] = {0: 0}

    def inputs(self, state: State) -> None:
        """Hold the inputs that the run was given against what the new program declares."""
        scope = state.scopes.get(0)
        given = scope[INPUTS_SLOT] if scope else None
        if self.new.open_inputs or not isinstance(given, dict):
            return
        for row in self.new.inputs:
            value = given.get(row.name)
            declared = parse_type(row.type)
            if value is None:
                if not row.optional and not is_optional(declared):
                    self.no("", f"the run was not given the input {row.name}, which has no default")
            elif check_value(value, declared):
                self.no("", f"the input {row.name} that the run was given is no {row.type}")

    def data(self, state: State, names: tuple[Names | None, Names | None]) -> None:
        """Hold what steps have left against what the new program declares, and see that all of it has a name."""
        if names[0] is None or names[1] is None:
            which = "program that the run has" if names[0] is None else "new program"
            self.no("", f"the {which} was compiled without a source map, so its variables have no names")
            return
        after = slots_by_name(self.new, names[1])
        before = slots_by_name(self.old, names[0])
        loops = loops_of_scopes(self.old, state)
        if len(loops) < len(state.scopes):
            self.no("", "it is undoing what its sagas did; let that end first")
            return
        for index, step in enumerate(self.new.steps):
            loop = loops_around(self.new, index)[-1]
            for output in step.outputs:
                slot = before.get((loop, f"outputs.{output.name}"))
                if slot is None:
                    continue
                for owner, scope in state.scopes.items():
                    value = scope[slot] if loops[owner] == loop else None
                    if value is not None and check_value(value, parse_type(output.type)):
                        self.no(step.path, f"its output {output.name} is there already, and is no {output.type}")
        for row in state.registered.values():
            self._registration(self.old.steps[row[0]], before, after)

    def _registration(self, step: Step, before: dict[SlotName, int], after: dict[SlotName, int]) -> None:
        """See that what is to be undone can be, with what was kept for it."""
        index = self.by_path.get(step.path)
        other = self.new.steps[index] if index is not None else None
        if (
            index is None
            or other is None
            or other.compensation == NO_PC
            or other.depth != step.depth
            or not self.begins(other)
        ):
            self.no(step.path, "it is done and may have to be undone, and the new program has no compensation for it")
            return
        loops = loops_around(self.old, self.old.steps.index(step))
        kept = {name for name, slot in before.items() if (_depth_of(name, loops), slot) in step.frozen}
        if loops != loops_around(self.new, index):
            self.no(step.path, "it is done and may have to be undone, and lies in other loops now")
        read = {name for name, slot in after.items() if (_depth_of(name, loops), slot) in other.frozen}
        if not {(_depth_of(name, loops), slot) for name, slot in after.items()}.issuperset(other.frozen):
            self.no(step.path, "its compensation reads what has no name")
        if not read <= kept:
            missing = ", ".join(sorted(name for _, name in read - kept))
            self.no(step.path, f"its compensation reads more now, which was not kept when it was done: {missing}")

    def waits(self, state: State) -> None:
        """Hold the events that are waited for against those that the new program waits for."""
        for activation, row in state.waits.items():
            pointer = state.located.get(activation)
            step = None if pointer is None else self.old.steps[pointer.frames[-1].step]
            index = None if step is None else self.by_path.get(step.path)
            signal = None if index is None else self.new.steps[index].signal
            if row.kind == "event" and step is not None and signal is not None and signal.event != row.name:
                self.no(step.path, f"it waits for the event {row.name}, and would wait for {signal.event} now")

    def pointer(self, pointer: Pointer, is_live: bool) -> Move:
        steps = tuple(self.counterpart(frame.step) for frame in pointer.frames)
        innermost = self.old.steps[pointer.frames[-1].step].path if pointer.frames else ""
        marks = tuple(self.mark(frame) for frame in pointer.frames)
        for frame in pointer.frames:
            self.fork(frame)
        # A failed step is begun again; only between two steps does it matter where exactly that was.
        stands = pointer.wait == READY and (is_live or not pointer.frames)
        pc = self.place(pointer.pc, innermost) if stands else 0
        return Move(pointer.id, innermost, steps, pc, marks)

    def counterpart(self, index: int) -> int:
        """Return the new index of a step; 0, and an obstacle, where there is none that fits."""
        if index not in self.known:
            self.known[index] = self._find(self.old.steps[index])
        return self.known[index]

    def _find(self, step: Step) -> int:
        index = self.by_path.get(step.path)
        if index is None:
            elsewhere = next((other.path for other in self.new.steps if other.name == step.name), "")
            hint = f"; the step of that name lies at {elsewhere}" if elsewhere else ""
            self.no(step.path, f"the new program has no such step{hint}")
            return 0
        other = self.new.steps[index]
        for what, before, after in (
            ("kind", step.kind, other.kind),
            ("type", step.type, other.type),
            ("workflow", _child(step), _child(other)),
            ("depth of loops", step.depth, other.depth),
            ("enclosing step", _around(self.old, step), _around(self.new, other)),
        ):
            if before != after:
                self.no(step.path, f"its {what} was {before} and is {after} now")
                return 0
        if not self.begins(other):
            self.no(step.path, "nothing in the new program leads to it")
            return 0
        return index

    def begins(self, step: Step) -> bool:
        """Say whether the new program's code has the step: of one that it lacks nothing has been verified."""
        return (step.path, "beginning") in self.new_places

    def fork(self, frame: Frame) -> None:
        """Hold the branches of a fork that is under way against those of its counterpart."""
        step = self.old.steps[frame.step]
        index = self.counterpart(frame.step)
        if not step.branches or not index:
            return
        other = self.new.steps[index]
        if step.item_slot == NO_PC:
            if _branches(self.old, frame.step) != _branches(self.new, index):
                self.no(step.path, "its branches are others now, or in another order, and some have begun")
        elif (step.collect is None) != (other.collect is None):
            self.no(step.path, "it gathered a list and does not now, or the other way round, and items have begun")

    def mark(self, frame: Frame) -> int:
        return self.place(frame.mark, self.old.steps[frame.step].path) if frame.mark else 0

    def place(self, pc: int, path: str) -> int:
        """Return where in the new code a place of the old one is; 0, and an obstacle, where it is nowhere."""
        places = self.old_places.get(pc, ())
        for place in places:
            if place in self.new_places and self._same_kind(place[0]):
                return self.new_places[place]
        names = " or ".join(f"{what} of {name or 'the run'}" for name, what in places)
        self.no(path, f"it stands at the {names}, which is not there now" if names else "it stands between two steps")
        return 0

    def _same_kind(self, path: str) -> bool:
        if not path:
            return True
        return self.new.steps[self.by_path[path]].kind == self.old_kinds[path]

    def no(self, path: str, why: str) -> None:
        self.obstacles.append(Obstacle(path, why))


def loops_of_scopes(program: Program, state: State) -> dict[int, str]:
    """Return the loop of each scope, by its path, and nothing for the scopes of compensations that are running."""
    pointers = {id: pointer_from(row) for id, row in state.reopen.items()}
    pointers.update(state.pointers)
    found = {0: ""}
    for id, pointer in pointers.items():
        parent = pointers.get(pointer.parent)
        for frame in parent.frames if parent is not None else ():
            if frame.id == pointer.fork and program.steps[frame.step].kind == "for_each":
                found[id] = program.steps[frame.step].path
    return {owner: loop for owner, loop in found.items() if owner in state.scopes}


def _depth_of(name: SlotName, loops: Sequence[str]) -> int:
    return loops.index(name[0]) if name[0] in loops else -1


_Place = tuple[str, str]
"""A step's path, empty for the run, and which place of it."""


def _places(program: Program) -> dict[int, list[_Place]]:
    """Return what each pc at which a pointer may stand is called; what has been left comes before what comes next."""
    found: dict[int, list[_Place]] = {}
    for pc, place in _named_places(program):
        found.setdefault(pc, []).append(place)
    return found


def _named_places(program: Program) -> Iterator[tuple[int, _Place]]:
    for index, step in enumerate(program.steps):
        path = step.path if index else ""
        if step.exit != NO_PC:
            yield step.exit, (path, "exit")
        for name in _HOOKS:
            pc = getattr(step, name)
            if pc != NO_PC:
                yield pc, (path, name)
        for number, pc in enumerate(step.branches):
            yield pc, (path, f"branch {number}")
    words = unpack_code(program.code)
    pc = 0
    while pc < len(words):
        row = row_of(words[pc])
        if row is None:
            return
        if row.number in (op.BEGIN, op.ENTER):
            index = words[pc + 1]
            path = program.steps[index].path if index else ""
            yield pc, (path, "beginning")
            if row.number == op.ENTER:
                yield pc + _ENTER_WORDS, (path, "condition")
        pc += 1 + len(row.operands)


def _around(program: Program, step: Step) -> str:
    return program.steps[step.parent].path if step.parent > 0 else "the run"


def _branches(program: Program, fork: int) -> list[str]:
    """Return the paths of the steps that the branches of a fork consist of, in order."""
    prefix = f"{program.steps[fork].path}/"
    return [step.path for step in program.steps if step.parent == fork and "/" not in step.path.removeprefix(prefix)]


def _child(step: Step) -> str:
    return "" if step.child is None else step.child.workflow
