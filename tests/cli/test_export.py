"""``wfec export``: a run in a file of its own, that opens elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Wfec
from .files import CHAIN, FAMILY, FLAKY, write


@pytest.mark.acceptance("CLI-20")
def test_an_exported_run_looks_the_same_elsewhere_with_all_that_is_below_it(folder: Path, wfec: Wfec) -> None:
    wfec("run", write(folder, FAMILY), "--name", "family")
    wfec("run", "file.yaml", "--name", "other")
    exported = wfec("export", "family", "-o", "a b.db")
    assert (exported.code, "is in a b.db" in exported.out) == (0, True)
    assert wfec("export", "family", "-o", "a b.db").code == 2
    there = ("--store", f"sqlite:///{folder}/a%20b.db")
    for command in (("inspect", "family", "--json"), ("logs", "family"), ("watch", "family", "--plain")):
        assert wfec(*command, *there).out == wfec(*command).out != ""
    children = wfec("inspect", "family", "--json").json["children"]
    for child in children:
        assert wfec("inspect", child["id"], "--json", *there).json == wfec("inspect", child["id"], "--json").json
    names = {row["name"] for row in wfec("list", "-o", "json", *there).json}
    assert names == {"family", *(child["name"] for child in children)}


@pytest.mark.acceptance("CLI-20")
def test_a_failed_run_can_be_tried_again_in_the_file_and_one_that_has_not_ended_is_refused(
    folder: Path, wfec: Wfec
) -> None:
    wfec("run", write(folder, FLAKY), "--name", "parcel")
    assert wfec("export", "parcel", "-o", "parcel.db").code == 0
    (folder / "delivered").touch()
    assert wfec("retry", "parcel", "--store", "sqlite:///parcel.db").code == 0
    assert wfec("inspect", "parcel", "--json").json["status"] == "failed", "the run stays as it is where it is"
    (folder / "chain.yaml").write_text(CHAIN)
    wfec("run", "chain.yaml", "--name", "half", "--until", "first")
    refused = wfec("export", "half", "-o", "half.db")
    assert (refused.code, "suspended" in refused.err, (folder / "half.db").exists()) == (2, True, False)
    assert wfec("export", "nobody", "-o", "x.db").code == 4
