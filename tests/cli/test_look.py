"""``list``, ``inspect`` and ``logs``: what was committed, for people and for programs."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Start, Wfec, finish, read_until
from .files import CHAIN, FAMILY, FLAKY, GREETING, SLOW, under_way, write


@pytest.mark.acceptance("CLI-13")
def test_the_forms_of_list_agree_and_its_filters_hold(folder: Path, wfec: Wfec) -> None:
    write(folder, GREETING)
    write(folder, FLAKY, "flaky.yaml")
    for name in ("one", "two"):
        assert wfec("run", "file.yaml", "--name", name).code == 0
    assert wfec("run", "flaky.yaml", "--name", "three").code == 1
    rows = wfec("list", "-o", "json").json
    assert [(row["name"], row["status"], row["workflow"], row["version"]) for row in rows] == [
        ("three", "failed", "flaky", 1), ("two", "succeeded", "greeting", 3), ("one", "succeeded", "greeting", 3),
    ]  # fmt: skip
    assert all(row["created"] <= row["ended"] for row in rows)
    assert wfec("list", "-o", "ids").out.split() == [row["id"] for row in rows]
    table = wfec("list").out.splitlines()
    assert [line.split()[0] for line in table[1:]] == ["three", "two", "one"]
    assert wfec("list", "-o", "ids", "--limit", "1").out.split() == [rows[0]["id"]]
    assert wfec("list", "-o", "ids", "--status", "failed").out.split() == [rows[0]["id"]]
    assert wfec("list", "-o", "ids", "--workflow", "greeting").out.split() == [rows[1]["id"], rows[2]["id"]]
    assert len(wfec("list", "-o", "ids", "--since", "1h").out.split()) == 3
    assert wfec("list", "-o", "json", "--since", "2100-01-01").json == []
    assert "\x1b" not in wfec("list").out


def test_looking_into_a_store_that_is_not_there_makes_none(folder: Path, wfec: Wfec) -> None:
    assert wfec("list", "-o", "json").json == []
    assert wfec("list").code == 0
    assert wfec("inspect", "x").code == 4
    assert list(folder.iterdir()) == []


@pytest.mark.acceptance("CLI-14")
def test_inspect_tells_steps_attempts_outputs_and_the_error_with_its_place(folder: Path, wfec: Wfec) -> None:
    wfec("run", write(folder, FLAKY), "--name", "parcel")
    found = wfec("inspect", "parcel", "--json").json
    assert (found["status"], found["outputs"], found["error"]["exit_code"]) == ("failed", {}, 1)
    assert [(step["step"], step["status"], len(step["attempts"])) for step in found["steps"]] == [
        ("prepare", "succeeded", 1), ("deliver", "failed", 1),
    ]  # fmt: skip
    assert found["live"] == []
    [attempt] = found["steps"][0]["attempts"]
    assert attempt["started"] <= attempt["ended"]
    text = wfec("inspect", "parcel").out
    assert "file.yaml:8:" in text
    assert "no such parcel" in text
    wfec("run", write(folder, GREETING), "--name", "hello", "-i", "name=Ada")
    found = wfec("inspect", "hello", "--json").json
    assert (found["inputs"], found["outputs"]["text"]) == ({"name": "Ada", "times": 1}, "Hello, Ada")
    assert found["error"] is None


@pytest.mark.acceptance("CLI-14")
def test_inspect_of_a_running_run_shows_where_it_stands_with_its_source_line(
    folder: Path, processes: Start, wfec: Wfec
) -> None:
    process = processes("run", write(folder, SLOW), "--json", "--name", "slow")
    read_until(process, under_way)
    found = wfec("inspect", "slow", "--json").json
    assert found["status"] == "running"
    [live] = found["live"]
    assert (live["step"], live["attempt"], live["waits_for"]) == ("long", 1, "the step's end")
    assert live["source"].startswith("file.yaml:8:")
    assert "long  waits for the step's end" in wfec("inspect", "slow").out
    (folder / "go").touch()
    finish(process)


@pytest.mark.acceptance("CLI-14")
def test_inspect_of_a_parked_run_names_its_timer_its_children_and_what_it_waits_for(folder: Path, wfec: Wfec) -> None:
    text = "workflow: {id: w, version: 1, steps: [{name: nap, sleep: 1h}]}"
    wfec("run", write(folder, text), "--timeout", "50ms", "--name", "napping")
    [live] = wfec("inspect", "napping", "--json").json["live"]
    assert (live["step"], live["waits_for"]) == ("nap", "a timer")
    assert live["due"] > live["since"]
    wfec("run", write(folder, FAMILY), "--name", "parent")
    assert [child["workflow"] for child in wfec("inspect", "parent", "--json").json["children"]] == ["child"]


@pytest.mark.acceptance("CLI-16")
def test_logs_show_all_steps_or_one_and_those_of_children_under_the_step_that_started_them(
    folder: Path, wfec: Wfec
) -> None:
    wfec("run", write(folder, FAMILY), "--name", "parent")
    assert sorted(wfec("logs", "parent").out.splitlines()) == [
        "call/fan[0]/work | working", "call/fan[1]/work | working",
    ]  # fmt: skip
    for step in ("call", "work", "call/fan", "fan"):
        assert wfec("logs", "parent", step).out == "working\nworking\n"
    assert wfec("logs", "parent", "call/fan[1]/work").out == "working\n"
    assert wfec("logs", "parent", "--since", "2100-01-01").out == ""
    unknown = wfec("logs", "parent", "wrk")
    assert unknown.code == 4
    assert "work" in unknown.err


@pytest.mark.acceptance("CLI-16")
def test_logs_of_one_step_are_what_it_printed_and_with_all_steps_they_are_harmless(folder: Path, wfec: Wfec) -> None:
    text = r"""
workflow:
  id: w
  version: 1
  steps: [{name: s, config: {run: "printf 'a\\033[31mb\\rc\\nlast'"}}]
"""
    assert wfec("run", write(folder, text), "--name", "w").code == 0
    assert wfec("logs", "w", "s").out == "a\x1b[31mb\rc\nlast"
    assert wfec("logs", "w").out == "s | a\\x1b[31mb\ns | c\ns | last\n"


@pytest.mark.acceptance("CLI-16")
def test_following_the_logs_ends_with_the_run(folder: Path, processes: Start) -> None:
    process = processes(
        "run", write(folder, SLOW.replace("echo went >>", "echo went | tee -a")), "--json", "--name", "slow"
    )
    read_until(process, under_way)
    reader = processes("logs", "slow", "long", "-f")
    assert reader.stdout is not None
    assert reader.stdout.readline() == "waiting\n"
    (folder / "go").touch()
    assert finish(process).code == 0
    assert finish(reader).out == "went\n"


def test_a_run_of_many_passes_is_shown_whole(folder: Path, wfec: Wfec) -> None:
    text = (
        "workflow: {id: w, version: 1, steps: [{name: fan, for_each: 'range(1500)', do: [{name: s, set: {x: item}}]}]}"
    )
    result = wfec("run", write(folder, text), "--name", "many", "--json")
    assert result.code == 0, result
    assert len(wfec("inspect", "many", "--json").json["steps"]) == 1501


def test_a_chain_can_be_listed_by_id_and_fed_to_another_verb(folder: Path, wfec: Wfec) -> None:
    wfec("run", write(folder, CHAIN), "--until", "first")
    [id] = wfec("list", "-o", "ids", "--status", "suspended").out.split()
    assert wfec("resume", id).code == 0


@pytest.mark.acceptance("SUB-11")
def test_a_tree_of_runs_is_seen_from_each_of_them_by_id_and_name(folder: Path, wfec: Wfec) -> None:
    text = "workflows:\n" + "".join(
        f"  - {{id: {name}, version: 1, steps: [{{name: below, type: workflow, config: {{workflow: {child}}}}}]}}\n"
        for name, child in (("top", "middle"), ("middle", "bottom"))
    )
    text += "  - {id: bottom, version: 1, steps: [{name: work, config: {run: echo worked}}]}\n"
    assert wfec("run", write(folder, text), "top").code == 0
    ids = {row["name"]: row["id"] for row in wfec("list", "-o", "json").json}
    seen = {name: wfec("inspect", name, "--json").json for name in ids}
    tree = {
        name: (one["root_name"], one["parent_name"], [child["name"] for child in one["children"]])
        for name, one in seen.items()
    }
    assert tree == {
        "top-1": ("top-1", None, ["middle-1"]),
        "middle-1": ("top-1", "top-1", ["bottom-1"]),
        "bottom-1": ("top-1", "middle-1", []),
    }
    assert [(one["root"], one["parent"]) for one in seen.values()] == [
        (ids["top-1"], None if name == "top-1" else ids[tree[name][1]]) for name in ids
    ]
    assert (
        f"parent       middle-1  {ids['middle-1']}\n  root         top-1  {ids['top-1']}"
        in wfec("inspect", "bottom-1").out
    )


@pytest.mark.acceptance("CLI-13")
@pytest.mark.parametrize(("command", "nothing"), [("list", "no runs"), ("search word", "nothing found")])
def test_a_list_of_a_store_that_is_not_there_says_so_and_makes_none(
    folder: Path, wfec: Wfec, command: str, nothing: str
) -> None:
    result = wfec(*command.split(), "--store", "sqlite:///mistyped.db")
    assert (result.code, result.out) == (0, "")
    assert result.err == f"{nothing}: the store sqlite:///mistyped.db is not there yet\n"
    assert not list(folder.iterdir())
    assert wfec(*command.split(), "--store", "sqlite:///mistyped.db", "-o", "json").out != ""
