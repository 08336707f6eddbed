"""Registrations of the store in memory: from which program new runs of a workflow's version start.

This file owns the history as a plain list, of which the last row for a workflow's version counts. It knows no run.
"""

from __future__ import annotations

from collections.abc import Sequence

from .rows import Registration

__all__ = ["RegistrationBook"]


class RegistrationBook:
    """The registrations of one store."""

    def __init__(self) -> None:
        self._history: list[Registration] = []
        self._current: dict[tuple[str, int], Registration] = {}

    def add(self, registrations: Sequence[Registration], replace: bool) -> list[Registration]:
        """Take in registrations; see ``Store.register``."""
        found = [(row, self.find(row.workflow, row.version)) for row in registrations]
        in_the_way = [known for row, known in found if known is not None and known.program != row.program]
        if not in_the_way or replace:
            for row in registrations:
                known = self.find(row.workflow, row.version)
                if known is None or known.program != row.program:
                    self._append(row)
        return in_the_way

    def find(self, workflow: str, version: int) -> Registration | None:
        """Return what counts for a workflow's version."""
        return self._current.get((workflow, version))

    def remove(self, removed: Registration) -> None:
        """Have nothing count for a workflow's version any more."""
        del self._current[removed.workflow, removed.version]
        self._history.append(Registration(removed.workflow, removed.version, "", removed.time, removed.who))

    def rows(self, workflow: str, history: bool) -> list[Registration]:
        """Return what counts, or the history."""
        rows = self._history if history else [self._current[key] for key in sorted(self._current)]
        return [row for row in rows if workflow in ("", row.workflow)]

    def _append(self, row: Registration) -> None:
        self._history.append(row)
        self._current[row.workflow, row.version] = row
