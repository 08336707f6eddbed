"""Container steps in runs of the command: a whole workflow, a process that dies, a host without an engine."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.runtime.container_support import Docker

from .conftest import ROOT, Start, Wfec, finish, read_output, steps_of
from .files import write

EXAMPLE = ROOT / "examples" / "containers.yaml"
GREETS = """
workflow:
  id: greets
  version: 1
  inputs: {name: string}
  secrets: {token: {env: GREETING_TOKEN}}
  outputs: {greeting: string}
  steps:
    - name: greet
      type: container
      config:
        image: IMAGE
        run: |
          echo "token $TOKEN"
          echo "##wfe[output greeting=Hello, "${{ inputs.name }}"]"
        env: {TOKEN: '${{ secrets.token }}'}
      outputs: [{name: greeting, type: string}]
"""
LONG = """
workflow:
  id: long
  version: 1
  steps:
    - {name: work, type: container, config: {image: IMAGE, run: 'test -e /data/second && exit 0; echo begun; sleep 600',
       user: '0:0', volumes: [{source: ., target: /data}]}}
"""


@pytest.mark.acceptance("CON-03", "SEC-06")
def test_a_container_step_takes_inputs_and_secrets_and_gives_outputs(
    docker: Docker, folder: Path, wfec: Wfec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GREETING_TOKEN", "a-secret-greeting")
    path = write(folder, GREETS.replace("IMAGE", docker.image))
    result = wfec("run", path, "--json", "-i", "name=$(id) 'Ada'")
    assert result.lines[-1]["outputs"] == {"greeting": "Hello, $(id) 'Ada'"}
    assert "token ***" in result.out
    assert "a-secret-greeting" not in result.out
    assert docker.containers(f"wfe.run={result.lines[0]['run']}") == []


@pytest.mark.acceptance("CON-04")
def test_a_container_of_a_killed_process_is_gone_after_the_rerun(
    docker: Docker, folder: Path, wfec: Wfec, processes: Start
) -> None:
    path = write(folder, LONG.replace("IMAGE", docker.image))
    first = processes("run", path, "--json")
    lines = read_output(first)
    run = lines[0]["run"]
    assert len(docker.containers(f"wfe.run={run}")) == 1
    first.send_signal(signal.SIGKILL)
    finish(first)
    assert len(docker.containers(f"wfe.run={run}")) == 1
    (folder / "second").touch()
    result = wfec("resume", run, "--json")
    assert (result.code, steps_of(result.lines)) == (0, [("work", "succeeded")])
    assert docker.containers(f"wfe.run={run}") == []


@pytest.mark.acceptance("CON-04")
@pytest.mark.parametrize("cancelled", [False, True])
def test_a_worker_that_has_had_a_container_before_removes_that_of_a_process_that_is_killed_later(
    docker: Docker, folder: Path, wfec: Wfec, processes: Start, cancelled: bool
) -> None:
    path = write(folder, LONG.replace("IMAGE", docker.image))
    second = folder / "second"
    second.touch()
    worker = processes("worker", "--json")
    assert wfec("start", path, "--name", "before").code == 0
    assert wfec("watch", "before").code == 0
    second.unlink()
    first = processes("run", path, "--json")
    run = read_output(first)[0]["run"]
    if not cancelled:
        second.touch()
    first.send_signal(signal.SIGKILL)
    finish(first)
    if cancelled:
        assert wfec("cancel", run).code == 0
    assert wfec("watch", run).code == (1 if cancelled else 0)
    worker.send_signal(signal.SIGTERM)
    assert finish(worker).code == 0
    assert docker.containers(f"wfe.run={run}") == []


@pytest.mark.acceptance("CON-06", "CLI-01")
def test_a_host_without_an_engine_refuses_before_the_run_starts_and_says_why(
    folder: Path, wfec: Wfec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(folder))
    result = wfec("run", write(folder, LONG), "--json")
    assert (result.code, result.out) == (5, "")
    assert "docker, podman or nerdctl was not found" in result.err
    assert "work" in result.err


@pytest.mark.acceptance("CON-06")
def test_the_example_skips_its_container_by_name_where_no_engine_is(
    folder: Path, wfec: Wfec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(folder))
    result = wfec("run", str(EXAMPLE), "--json")
    assert (result.code, steps_of(result.lines)[0]) == (0, ("shout", "skipped"))
    assert result.lines[-1]["outputs"] == {"shout": None, "status": "skipped"}


def test_the_example_runs_its_container_where_an_engine_is(docker: Docker, folder: Path, wfec: Wfec) -> None:
    result = wfec("run", str(EXAMPLE), "--json", "-i", f"image={docker.image}", "-i", "word=hey")
    assert result.lines[-1]["outputs"] == {"shout": "HEY", "status": "succeeded"}
    assert "as 65534, with 1 network" in result.out


@pytest.mark.acceptance("CON-06")
def test_what_a_workflow_requires_is_refused_by_name_before_it_starts(folder: Path, wfec: Wfec) -> None:
    step = "{name: work, config: {run: 'true'}}"
    text = f"workflow: {{id: w, version: 1, requires: [no-such-program], steps: [{step}]}}"
    result = wfec("run", write(folder, text), "--json")
    assert (result.code, result.out) == (5, "")
    assert "it requires no-such-program, which is not here" in result.err


def test_doctor_says_what_of_the_sandbox_holds_here(wfec: Wfec) -> None:
    found = {one["name"]: one for one in wfec("doctor", "--json").json if one["name"].startswith("sandbox ")}
    assert sorted(found) == ["sandbox memory", "sandbox net", "sandbox pids", "sandbox write"]
    assert all(bool(one["detail"]) != one["found"] for one in found.values())
