"""Which flat outputs a task sees as data: those of its own and the enclosing iterations that may be there.

This file owns the lists that GATHER takes. What another branch of an enclosing parallel gives is left
out: whether it is there yet would be chance.

Rules: lists are shared between steps and never changed, so that a program grows with its steps and not
with their square; a later list goes over an earlier one, so outer iterations come first.
"""

from __future__ import annotations

from typing import Any

from .resolved import Resolved
from .scopes import Scope, StepInfo

__all__ = ["Gathered", "Gathering"]

Gathered = list[list[Any]]
"""Entries of name, depth and slot."""

_Branches = tuple[tuple[int, int], ...]
"""The branches of parallels around a step within its scope, as (step of the parallel, branch), outermost first."""

_NO_BRANCH = -1


class Gathering:
    """Finds the lists of one workflow."""

    def __init__(self, resolved: Resolved) -> None:
        self.views = {scope: _View(scope) for scope in resolved.scopes}

    def seen_by(self, info: StepInfo) -> list[Gathered]:
        """Return lists that together hold all that the step sees; none is empty."""
        found: list[list[Gathered]] = []
        scope: Scope | None = info.scope
        inside: StepInfo | None = info
        while scope is not None and inside is not None:
            view = self.views[scope]
            found.append(view.seen_from(view.distinct(_branches_around(inside, scope))) if scope.outputs else [])
            inside, scope = scope.owner, scope.parent
        return [part for parts in reversed(found) for part in parts if part]


def _branches_around(info: StepInfo, scope: Scope) -> _Branches:
    found: list[tuple[int, int]] = []
    step: StepInfo | None = info
    while step is not None and step is not scope.owner and step.parent is not None:
        if isinstance(step.part, int):
            found.append((step.parent.index, step.part))
        step = step.parent
    found.reverse()
    return tuple(found)


class _View:
    """The flat outputs of one scope as the branches in it see them."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.total = {name: len(flat.writers) for name, flat in scope.outputs.items()}
        self.given_in: dict[_Branches, set[str]] = {}  # by every branch around a writer
        self.inside: dict[tuple[_Branches, int], dict[str, int]] = {}  # writers in a parallel, by name
        for name, flat in scope.outputs.items():
            for writer in flat.writers:
                branches = _branches_around(writer.info, scope)
                for length in range(1, len(branches) + 1):
                    self.given_in.setdefault(branches[:length], set()).add(name)
                    counts = self.inside.setdefault((branches[: length - 1], branches[length - 1][0]), {})
                    counts[name] = counts.get(name, 0) + 1
        self.seen: dict[_Branches, list[Gathered]] = {(): [self.entries(scope.outputs)]}

    def entries(self, names: Any) -> Gathered:
        depth, outputs = self.scope.depth, self.scope.outputs
        return [[name, depth, outputs[name].slot] for name in sorted(names)]

    def distinct(self, branches: _Branches) -> _Branches:
        """Return the branches as far as outputs are given in them; one that gives none is like any such."""
        found: list[tuple[int, int]] = []
        for length, (fork, branch) in enumerate(branches, 1):
            if (branches[: length - 1], fork) not in self.inside:
                break
            if branches[:length] not in self.given_in:
                found.append((fork, _NO_BRANCH))
                break
            found.append((fork, branch))
        return tuple(found)

    def seen_from(self, branches: _Branches) -> list[Gathered]:
        """Return the lists of what steps in these branches see."""
        found = self.seen.get(branches)
        if found is not None:
            return found
        fork, branch = branches[-1]
        if branch == _NO_BRANCH:
            # What every branch of the parallel sees: all but what only its branches give.
            inside = self.inside[branches[:-1], fork]
            outer = self.seen_from(branches[:-1])
            found = [[entry for entry in part if inside.get(entry[0], 0) < self.total[entry[0]]] for part in outer]
        else:
            # A name that is given outside too may be listed twice: it is one slot.
            outside = self.seen_from((*branches[:-1], (fork, _NO_BRANCH)))
            found = [*outside, self.entries(self.given_in[branches])]
        self.seen[branches] = found
        return found
