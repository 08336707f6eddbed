"""Sagas from the command: what a run says of having been undone, and of what is left to undo."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Wfec
from .files import write

TRIP = """
workflow:
  id: trip
  version: 1
  steps:
    - saga:
        - name: hotels
          for_each: [a, b]
          limit: 1
          do:
            - name: book
              config: {run: 'echo "book ${{ item }}" >> log'}
              compensate: {name: give-back, config: {run: 'test -e ok && echo "give back ${{ item }}" >> log'}}
        - name: pay
          config: {run: exit 1}
          compensate: {name: refund, config: {run: echo refund >> log}}
"""


@pytest.mark.acceptance("SAG-02", "SAG-08", "CLI-14")
def test_a_run_that_is_held_up_while_it_undoes_lists_what_is_left_and_goes_on_there(folder: Path, wfec: Wfec) -> None:
    result = wfec("run", write(folder, TRIP), "--name", "trip", "--json")
    assert result.code == 6
    parked = result.lines[-1]
    [waits] = parked["waiting_for"]
    assert (parked["type"], waits["kind"]) == ("run.parked", "resume")
    assert waits["steps"] == ["saga-1/hotels[1]/book/compensate/give-back"]
    assert waits["to_undo"] == ["saga-1/hotels[1]/book", "saga-1/hotels[0]/book"]
    assert wfec("inspect", "trip", "--json").json["to_undo"] == waits["to_undo"]
    assert "left to undo" in wfec("inspect", "trip").out
    (folder / "ok").touch()
    resumed = wfec("resume", "trip", "--json")
    ended = resumed.lines[-1]
    assert (resumed.code, ended["status"], ended["compensated"], ended["error"]["step"]) == (
        1,
        "failed",
        True,
        "saga-1/pay",
    )
    assert (folder / "log").read_text().splitlines() == ["book a", "book b", "give back b", "give back a"]
    found = wfec("inspect", "trip", "--json").json
    assert (found["status"], found["compensated"], found["to_undo"]) == ("failed", True, [])
    assert "it was compensated" in wfec("inspect", "trip").out
