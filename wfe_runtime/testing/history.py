"""What a run has done, as it is committed, with assertions that say what was there instead."""

from __future__ import annotations

from typing import Any

import msgspec

from wfe_vm.outcome import Failure
from wfe_vm.state import decode_delta

from ..providers.contracts import Store

__all__ = ["History", "StepAttempt", "is_named", "read_history"]


class StepAttempt(msgspec.Struct, frozen=True):
    """The end of one attempt of a step; one that was skipped has the attempt 0 or the status skipped."""

    step: str  # path
    attempt: int
    status: str
    outputs: dict[str, Any] = {}
    error: Failure | None = None


class History:
    """The attempts of one run's steps, in the order in which they ended.

    A step is named by its path, or by its own name, which stands for it in every pass of a loop.
    """

    def __init__(self, run: str, ended: list[StepAttempt]) -> None:
        self.run = run
        self.ended = ended

    def __repr__(self) -> str:
        told = ", ".join(f"{one.step} {one.status}" for one in self.ended) or "nothing ran"
        return f"<history of {self.run}: {told}>"

    @property
    def steps(self) -> list[str]:
        """The paths of the steps that ran, once each, by the end of their first attempt."""
        return list(dict.fromkeys(one.step for one in self.ended if one.status != "skipped"))

    def of(self, step: str) -> list[StepAttempt]:
        """Return the attempts of a step. Raises AssertionError where it has none."""
        found = [one for one in self.ended if is_named(one.step, step) and one.status != "skipped"]
        assert found, f"{step} did not run in {self.run}; what ran: {self._told()}"
        return found

    def attempts(self, step: str) -> int:
        """Return how many attempts a step has had, 0 if it did not run."""
        return sum(is_named(one.step, step) and one.status != "skipped" for one in self.ended)

    def status(self, step: str) -> str:
        """Return how the last attempt of a step ended. Raises AssertionError where it has none."""
        return self.of(step)[-1].status

    def outputs(self, step: str) -> dict[str, Any]:
        """Return the outputs of the last attempt of a step. Raises AssertionError where it has none."""
        return self.of(step)[-1].outputs

    def assert_ran(self, *steps: str) -> None:
        """Check that these steps ran, in this order, whatever ran between them."""
        rest = self.steps
        for place, step in enumerate(steps):
            matching = [number for number, path in enumerate(rest) if is_named(path, step)]
            after = f" after {steps[place - 1]}" if place else ""
            assert matching, f"{step} did not run{after} in {self.run}; what ran: {self._told()}"
            rest = rest[matching[0] + 1 :]

    def assert_not_ran(self, *steps: str) -> None:
        """Check that none of these steps ran."""
        for step in steps:
            assert not self.attempts(step), f"{step} ran in {self.run}; what ran: {self._told()}"

    def _told(self) -> str:
        return ", ".join(self.steps) or "nothing"


def is_named(path: str, step: str) -> bool:
    """Say whether a path is that of a step: it is the same, or it ends with its name."""
    return path == step or path.endswith(f"/{step}")


async def read_history(store: Store, run: str, name: str) -> History:
    """Read what is committed of a run."""
    ended: list[StepAttempt] = []
    after = 0
    while rows := await store.read_journal(run, after):
        after = rows[-1].sequence
        for row in rows:
            for record in decode_delta(row.delta).records:
                if record.what == "ended":
                    ended.append(
                        StepAttempt(record.path, record.attempt, record.status, record.outputs or {}, record.error)
                    )
    return History(name, ended)
