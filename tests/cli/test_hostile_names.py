"""Names that come from outside: refused, or plain data that names no file and changes no statement."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path

import pytest

from .conftest import Wfec
from .files import write

HOSTILE = [
    "../../escaped",
    "/etc/passwd",
    "it's",
    '"quoted"',
    "'; DROP TABLE runs; --",
    "x\ny",
    "x\x00y",
    "%s%n%(name)s",
    "{0}",
    "$(touch pwned)",
    "\x1b[31mred",
    "::error::no",
    "a.b[0]",
    "..",
    "ünïcödé",
]
WORST = ["../../escaped", "'; DROP TABLE runs; --", 'x\n"y"', "%s%n%(name)s", "\x1b[31mred"]
OUTPUTS = """
workflow:
  id: w
  version: 1
  outputs: {all: any}
  steps:
    - {name: tell, config: {run: 'cat "$NAMES" > "$WFE_OUTPUT_JSON"', env: {NAMES: '${{ inputs.names }}'}}}
    - return: {all: steps.tell.output}
"""
WAITING = """
workflow:
  id: w
  version: 1
  outputs: {got: any}
  steps:
    - {name: hear, wait: {event: %s, key: '${{ inputs.key }}'}}
    - return: {got: steps.hear.output.data}
"""


def files_beside(folder: Path) -> set[str]:
    """Return what is in a folder and in the one around it, without what belongs there."""
    return {*os.listdir(folder), *(f"../{name}" for name in os.listdir(folder.parent))}


def is_sound(folder: Path) -> bool:
    connection = sqlite3.connect(folder / ".wfe/wfe.db")
    try:
        return connection.execute("PRAGMA integrity_check").fetchone() == ("ok",) and bool(
            connection.execute("SELECT count(*) FROM runs").fetchone()
        )
    finally:
        connection.close()


@pytest.mark.acceptance("SEC-04")
def test_output_names_of_any_kind_are_keys_and_nothing_more(folder: Path, wfec: Wfec) -> None:
    (folder / "names.json").write_text(json.dumps({name: name for name in HOSTILE}))
    write(folder, OUTPUTS)
    wfec("list")
    before = files_beside(folder)
    result = wfec("run", "file.yaml", "--json", "-i", f"names={folder / 'names.json'}")
    assert result.code == 0, result
    assert result.lines[-1]["outputs"]["all"] == {name: name for name in HOSTILE}
    assert files_beside(folder) - before <= {".wfe"}
    assert is_sound(folder)


@pytest.mark.acceptance("SEC-04")
@pytest.mark.parametrize("name", WORST)
def test_an_event_of_any_name_and_key_is_taken_by_who_waits_for_exactly_that(
    folder: Path, wfec: Wfec, name: str
) -> None:
    write(folder, WAITING % json.dumps(name))
    (folder / "inputs.json").write_text(json.dumps({"key": name}))
    before = files_beside(folder)
    assert wfec("run", "file.yaml", "--inputs", "inputs.json", "--no-wait", "--name", "w").code == 6
    for event, key in ((f"{name}x", name), (name, f"{name}x"), (name, "")):
        assert wfec("event", event, "--key", key).code == 0
    assert wfec("event", name, "--key", name, "--data", json.dumps({name: name})).code == 0
    result = wfec("resume", "w", "--json")
    assert (result.code, result.lines[-1]["outputs"]) == (0, {"got": {name: name}})
    assert files_beside(folder) - before == {".wfe"}
    assert is_sound(folder)


@pytest.mark.acceptance("SEC-04")
@pytest.mark.parametrize("name", [*WORST, "x\x00y"])
def test_a_run_of_a_hostile_name_is_refused_or_found_by_it_alone(folder: Path, wfec: Wfec, name: str) -> None:
    write(folder, "workflow: {id: w, version: 1, steps: [{name: s, config: {run: 'true'}}]}")
    wfec("run", "file.yaml", "--name", "other")
    before = files_beside(folder)
    result = wfec("run", "file.yaml", "--name", name)
    if result.code == 0:
        assert wfec("inspect", name, "--json").json["name"] == name
    else:
        assert (result.code, result.out) == (2, "")
    assert "\x1b" not in wfec("list").out
    assert files_beside(folder) == before
    assert is_sound(folder)


@pytest.mark.acceptance("SEC-04")
@pytest.mark.parametrize("name", WORST)
@pytest.mark.parametrize("place", ["workflow", "step", "output", "input", "service"])
def test_a_name_that_is_none_is_a_mistake_of_the_definition(folder: Path, wfec: Wfec, name: str, place: str) -> None:
    names = dict.fromkeys(("workflow", "step", "output", "input", "service"), "fine") | {place: name}
    quoted = {key: json.dumps(value) for key, value in names.items()}
    text = (
        f"workflow:\n  id: {quoted['workflow']}\n  version: 1\n  inputs: {{{quoted['input']}: any?}}\n"
        f"  services: {{{quoted['service']}: {{image: x}}}}\n"
        f"  steps: [{{name: {quoted['step']}, config: {{run: 'true'}}, outputs: [{{name: {quoted['output']}}}]}}]\n"
    )
    write(folder, text)
    before = files_beside(folder)
    result = wfec("check", "file.yaml")
    assert "Traceback" not in result.err
    assert "\x1b" not in result.out + result.err
    assert result.code == 3
    assert files_beside(folder) == before
