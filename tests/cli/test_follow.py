"""A run that has done something already when it begins to be followed: all of that is shown, in its order."""

from __future__ import annotations

import asyncio

import pytest

from tests.runtime.engine_support import Workflows
from wfe_runtime.cli.exits import PARKED
from wfe_runtime.cli.follow import Follower
from wfe_runtime.cli.view_plain import PlainView
from wfe_runtime.engine import Engine
from wfe_runtime.providers import open_store
from wfe_runtime.providers.rows import RunRow
from wfe_runtime.settings import load_settings
from wfe_vm.state import Delta

TEXT = """
workflow:
  id: gate
  version: 1
  steps:
    - {name: ship, config: {run: echo shipped}}
    - {name: paid, wait: {event: paid, key: a}}
"""


class Early(Follower):
    """Says when the engine has told of the wait after the step."""

    def __init__(self, view: PlainView) -> None:
        super().__init__(view, load_settings())
        self.waits = asyncio.Event()

    def advanced(self, run: RunRow, delta: Delta) -> None:
        super().advanced(run, delta)
        if any(record.path == "paid" for record in delta.records):
            self.waits.set()


def test_what_a_step_printed_before_the_first_line_is_shown_after_it(capsys: pytest.CaptureFixture[str]) -> None:
    async def main() -> int:
        view = PlainView()
        follower = Early(view)
        async with Engine(open_store("memory:"), listener=follower) as engine:
            run = await Workflows(TEXT).start(engine)
            await follower.waits.wait()
            row = await engine.store.get_run(run)
            assert row is not None
            code = await follower.follow(engine, row, no_wait=True, again=True)
        view.close()
        return code

    assert asyncio.run(main()) == PARKED
    lines = [line.split("(")[0].strip() for line in capsys.readouterr().out.splitlines()]
    assert lines[:2] == ["run gate-1", "ship | shipped"]
    assert lines[2].endswith("ship  succeeded")
