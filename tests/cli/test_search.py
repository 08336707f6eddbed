"""``wfec search``: what it prints, and that it needs nothing but the store."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Wfec
from .files import CHAIN, FLAKY, GREETING, write


@pytest.mark.acceptance("SRC-01", "SRC-02", "CLI-17")
def test_runs_steps_and_lines_are_found_as_table_json_and_ids(folder: Path, wfec: Wfec) -> None:
    assert wfec("search", "nothing").code == 0
    assert not (folder / ".wfe").exists()
    write(folder, GREETING)
    wfec("run", "file.yaml", "-i", "name=Ada", "--name", "first")
    wfec("run", "file.yaml", "-i", "name=Grace", "--name", "second")
    (folder / "flaky.yaml").write_text(FLAKY)
    wfec("run", "flaky.yaml", "--name", "broken")
    found = wfec("search", '"hello, ada"', "stream:stdout", "-o", "json").json
    assert (found["total"], found["hits"][0]["name"], found["hits"][0]["step"]) == (1, "first", "greet")
    assert "Hello, Ada" in found["hits"][0]["text"]
    ids = wfec("search", "status:failed", "-o", "ids").out.split()
    assert ids == [wfec("inspect", "broken", "--json").json["id"]]
    table = wfec("search", "grace", "kind:line")
    assert "second" in table.out
    assert "1 of 1" in table.err
    page = wfec("search", "workflow:greeting", "--limit", "1", "--skip", "1", "-o", "json").json
    assert (page["total"], [hit["name"] for hit in page["hits"]]) == (2, ["first"])
    assert wfec("search", "grace", "--until", "2001-01-01").err == "nothing found\n"


@pytest.mark.acceptance("SRC-07")
def test_an_unbalanced_query_is_taken_as_text(folder: Path, wfec: Wfec) -> None:
    wfec("run", write(folder, CHAIN), "--name", "c")
    result = wfec("search", 'c AND ("')
    assert (result.code, result.out) == (0, "")
