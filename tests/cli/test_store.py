"""``wfec store``: making, looking into, clearing out and compacting a store."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from .conftest import Wfec
from .files import CHAIN, FAMILY, FLAKY, write


@pytest.mark.acceptance("CLI-20", "STO-08")
def test_a_store_is_made_and_says_what_it_holds(folder: Path, wfec: Wfec) -> None:
    missing = wfec("store", "status")
    assert (missing.code, "wfec store init" in missing.err) == (5, True)
    assert not (folder / ".wfe").exists()
    assert wfec("store", "init").code == 0
    assert "schema version" in wfec("store", "init").out
    wfec("run", write(folder, CHAIN))
    found = wfec("store", "status", "--json").json
    assert found["runs"] == {"succeeded": 1}
    assert found["bytes"] > 0
    assert "succeeded  1" in wfec("store", "status").out
    assert wfec("store", "tidy").code == 2


@pytest.mark.acceptance("STO-12", "CLI-20")
def test_a_purge_clears_out_what_has_ended_and_keeps_what_has_not(folder: Path, wfec: Wfec) -> None:
    write(folder, FAMILY)
    (folder / "chain.yaml").write_text(CHAIN)
    (folder / "flaky.yaml").write_text(FLAKY)
    assert wfec("run", "file.yaml", "--name", "family").code == 0
    assert wfec("run", "chain.yaml", "--name", "half", "--until", "first").code == 6
    assert wfec("run", "flaky.yaml", "--name", "failed").code == 1
    for number in range(3):
        assert wfec("run", "chain.yaml", "--name", f"c{number}").code == 0

    def names() -> set[str]:
        return {row["name"] for row in wfec("list", "--limit", "0", "-o", "json").json if not row["parent"]}

    assert wfec("store", "purge", "--yes").out == "0 runs are gone\n", "30 days have not passed"
    before = names()
    shown = wfec("store", "purge", "--older-than", "0", "--json").json["would_purge"]
    assert ({row["name"] for row in shown}, names()) == (before - {"half"}, before)
    assert "add --yes" in wfec("store", "purge", "--older-than", "0").out
    some = ("store", "purge", "--older-than", "0", "--status", "succeeded", "--keep", "1", "--yes")
    assert [wfec(*some).code for _ in range(2)] == [0, 0]
    assert names() == {"family", "half", "failed", "c2"}
    purged = wfec("store", "purge", "--older-than", "0", "--yes", "--json").json["purged"]
    assert len(purged) > 3, "the children of the family went with it"
    assert names() == {"half"}
    assert wfec("inspect", "c2").code == 4
    compacted = wfec("store", "compact", "--json").json
    assert compacted["bytes"] <= compacted["bytes_before"]
    assert wfec("resume", "half").code == 0


@pytest.mark.acceptance("PRG-14", "STO-12")
def test_a_purge_takes_programs_that_no_run_and_no_registration_has(folder: Path, wfec: Wfec) -> None:
    write(folder, CHAIN)
    (folder / "flaky.yaml").write_text(FLAKY)
    assert wfec("run", "file.yaml").code == 0
    run = wfec("start", "flaky.yaml", "--json").json["run"]
    program = wfec("inspect", "chain-1", "--json").json["program"]
    purge = ("store", "purge", "--older-than", "0", "--yes")
    assert wfec(*purge, "--json").json["programs"] == [], "it was asked for less than an hour ago"
    with contextlib.closing(sqlite3.connect(folder / ".wfe/wfe.db")) as connection, connection:
        connection.execute("UPDATE program_marks SET time = 1")
    assert wfec(*purge).out == "0 runs are gone\n1 unused program is gone\n"
    with contextlib.closing(sqlite3.connect(folder / ".wfe/wfe.db")) as connection:
        assert program not in [hash for (hash,) in connection.execute("SELECT hash FROM programs")]
    assert wfec("inspect", run).code == 0
    assert wfec("start", "flaky").code == 0


@pytest.mark.acceptance("CLI-01", "STO-15")
@pytest.mark.parametrize("script", ["rm .wfe/wfe.db*", "cp .wfe/wfe.db new && mv new .wfe/wfe.db", "rm -r .wfe"])
def test_a_run_whose_store_is_taken_away_meanwhile_is_not_called_a_success(
    folder: Path, wfec: Wfec, script: str
) -> None:
    text = f"""
workflow:
  id: untidy
  version: 1
  steps:
    - name: remove
      config: {{run: '{script}'}}
    - name: go_on
      config: {{run: echo on}}
"""
    result = wfec("run", write(folder, text), "--json")
    assert result.code == 5
    assert "run.ended" not in [line["type"] for line in result.lines]
    assert f"the store {folder}/.wfe/wfe.db was " in result.err
    assert "start again" in result.err
