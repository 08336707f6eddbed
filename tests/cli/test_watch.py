"""``wfec watch``: all that a run did and does, each line once, whoever advances it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .conftest import Start, Wfec, finish, read_output
from .files import CHAIN, FAMILY, FLAKY, SLOW, write

IGNORED = ("time", "duration_ms", "resumed")


def told(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the lines of a stream, in an order that does not depend on what ran at once."""
    kept = [{key: value for key, value in line.items() if key not in IGNORED} for line in lines]
    return sorted(kept, key=lambda line: (line["run"], line.get("step", ""), line["type"]))


@pytest.mark.acceptance("LOG-01", "CLI-17")
@pytest.mark.parametrize(("text", "code"), [(CHAIN, 0), (FLAKY, 1), (FAMILY, 0)])
def test_a_run_that_has_ended_is_shown_as_it_was(folder: Path, wfec: Wfec, text: str, code: int) -> None:
    ran = wfec("run", write(folder, text), "--name", "r", "--json")
    watched = wfec("watch", "r", "--json")
    assert watched.code == ran.code == code
    assert told(watched.lines) == told(ran.lines)
    assert watched.lines[0]["type"] == "run.started"
    assert watched.lines[-1] == {**ran.lines[-1], "time": watched.lines[-1]["time"]}


@pytest.mark.acceptance("LOG-04", "CLI-17")
def test_a_watch_that_joins_late_shows_the_past_and_then_what_comes_to_the_end(
    folder: Path, processes: Start, wfec: Wfec
) -> None:
    owner = processes("run", write(folder, SLOW), "--json", "--name", "long")
    before = read_output(owner)
    watching = processes("watch", "long", "--json")
    seen = read_output(watching)
    (folder / "go").touch()
    ran, watched = finish(owner), finish(watching)
    assert (ran.code, watched.code) == (0, 0)
    assert told(seen + watched.lines) == told(before + ran.lines)


@pytest.mark.acceptance("CLI-17")
def test_a_watch_of_a_suspended_run_says_so_and_changes_nothing(folder: Path, wfec: Wfec) -> None:
    wfec("run", write(folder, CHAIN), "--name", "half", "--until", "first")
    before = wfec("inspect", "half", "--json").out
    watched = wfec("watch", "half", "--json")
    assert (watched.code, watched.lines[-1]["type"], watched.lines[-1]["status"]) == (6, "run.parked", "suspended")
    assert wfec("inspect", "half", "--json").out == before
    assert "half" in wfec("watch", "half", "--plain").out
    assert wfec("watch", "nobody").code == 4
