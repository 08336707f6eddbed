"""What the engine does while a commit is on its way to the disk."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Sequence

import pytest

from tests.runtime.engine_support import CHAIN, GatedStore, MakeStore, Work, Workflows, embedded, ends_well
from wfe_runtime import commit
from wfe_runtime.executors.contract import StepContext, StepResult
from wfe_runtime.providers.contracts import Store
from wfe_runtime.providers.rows import RunCommit


class Recorded(GatedStore):
    """A store that takes its time for each commit, and notes when one begins and ends."""

    def __init__(self, inner: Store, happened: list[str]) -> None:
        super().__init__(inner)
        self._happened = happened
        self.after = lambda _: happened.append("end")

    def commit(self, commits: Sequence[RunCommit]) -> Awaitable[list[bool]]:
        self._happened.append("begin")
        return super().commit(commits)


def test_steps_of_one_batch_begin_while_the_commit_of_another_is_on_its_way(
    make_store: MakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        happened: list[str] = []
        store = Recorded(make_store(), happened)

        def begin(context: StepContext) -> StepResult:
            happened.append("step")
            return ends_well(context)

        workflows = Workflows(CHAIN)
        async with embedded(store, Work(begin)) as engine:
            runs = [await workflows.start(engine) for _ in range(8)]
            results = await asyncio.gather(*(engine.wait(run) for run in runs))
        assert [result is not None and result.status for result in results] == ["succeeded"] * 8
        under_way = happened.index("end")
        assert "step" not in happened[:under_way]  # nothing is durable before the first commit ends
        text = " ".join(happened)
        assert "begin step" in text, text
        # No commit begins before the one before has ended.
        assert [word for word in happened if word != "step"] == ["begin", "end"] * happened.count("end")

    ticks = itertools.count()
    # To carry out what is durable of a run takes a second, and so does a commit: it pays to do both at once.
    monkeypatch.setattr(commit, "monotonic", lambda: float(next(ticks)))
    asyncio.run(main())
