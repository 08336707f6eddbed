"""Races: which branch may win, and what is left of those that lost.

A race forks like a parallel. The first branch whose step succeeds decides it, and the lifecycle stops
the others. Several can come through in one advance (a host that was away, a run that was resumed); then
the first in the file wins, so a race is decided only once nothing else in the advance can go on.

Rules:

1. A branch whose step was skipped, or failed and was passed over, ends and does not win. Where nobody
   wins and nobody failed, the race is a success.
2. What losing branches gave reads as null afterwards, however far they came.
3. The verifier sees to it that each branch of a race begins with a step of its own.
"""

from __future__ import annotations

from .program import Program, unpack_code
from .rundata import RunData
from .state import Frame, Pointer, State

__all__ = ["Races"]


class Races(RunData):
    """The races of one program."""

    def __init__(self, program: Program, max_instructions: int, max_state_bytes: int) -> None:
        """See Machine."""
        super().__init__(program, max_instructions, max_state_bytes)
        # Worked out when a branch of a race ends, since it takes all of the step table.
        self.race_branches: dict[int, list[list[int]]] | None = None

    def _may_win(self, state: State, pointer: Pointer) -> bool:
        """Say whether a branch that has ended well would decide the race it is in, if it is in one."""
        frame = state.pointers[pointer.parent].frames[-1]
        if frame.winner >= 0 or self._step(frame.step).kind != "race":
            return False
        branches = self._branches(frame.step)
        first = self._step(branches[pointer.index][0])
        result = pointer.scopes[first.depth][first.slot]
        return type(result) is dict and result.get("status") == "succeeded"

    def _clear_losers(self, state: State, pointer: Pointer, frame: Frame) -> None:
        """Have the outputs of all branches but the winner read as null."""
        for number, branch in enumerate(self._branches(frame.step)):
            if number == frame.winner:
                continue
            for index in branch:
                step = self._step(index)
                owner = pointer.owners[step.depth]
                result = pointer.scopes[step.depth][step.slot]
                if type(result) is not dict or not result.get("output"):
                    continue
                state.store(owner, step.slot, {**result, "output": {}})
                for output in step.outputs:
                    state.store(owner, output.slot, None)

    def _branches(self, race: int) -> list[list[int]]:
        """Return the branches of a race, as ``_race_branches`` has them."""
        if self.race_branches is None:
            self.race_branches = _race_branches(self.program)
        return self.race_branches[race]


def _race_branches(program: Program) -> dict[int, list[list[int]]]:
    """Return, for each race, the steps of each branch that share its scope, the branch's own step first."""
    found: dict[int, list[list[int]]] = {}
    words = unpack_code(program.code)
    lists: dict[int, list[list[int]]] = {}  # of a step: the lists that it and what is inside it belong to
    for index, step in enumerate(program.steps):
        if step.kind == "race":
            found[index] = [[] for _ in step.branches]
            for branch, pc in zip(found[index], step.branches, strict=True):
                lists.setdefault(words[pc + 1], []).append(branch)
    for index, step in enumerate(program.steps):
        if index and step.depth == program.steps[step.parent].depth:
            inherited = lists.get(step.parent, [])
            if inherited:
                lists[index] = [*lists.get(index, []), *inherited]
        for branch in lists.get(index, ()):
            branch.append(index)
    return found
