"""The shared volume of a run on a real engine: one for all its containers, kept as long as it may go on, then gone."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.runtime.container_support import Docker
from wfe_runtime.executors.container_cli import OWNER_LABEL, RUN_LABEL
from wfe_runtime.executors.shared_volume import volume_name
from wfe_runtime.providers.hosts import this_host

from .conftest import Start, Wfec, finish, read_output, steps_of
from .files import write

SHARING = """
workflow:
  id: sharing
  version: 1
  shared_volume: {VOLUME}
  outputs: {read: string}
  steps:
    - {name: put, type: container, config: {image: IMAGE, run: 'mkdir PLACE/d && echo one >PLACE/d/f', user: '7:8'}}
    - parallel:
        - {name: left, type: container, config: {image: IMAGE, run: 'echo left >PLACE/left'}}
        - {name: right, type: containerd, config: {image: IMAGE, run: 'echo right >PLACE/right', user: '0:0'}}
    - name: read
      type: container
      config: {image: IMAGE, run: 'cd PLACE; echo "##wfe[output read=$(cat d/f left right | xargs)]"; rm left right'}
      outputs: [{name: read, type: string}]
    - if: 'outputs.read != "one left right"'
      then: [{fail: 'it read ${{ outputs.read }}'}]
    - return: {read: outputs.read}
"""
WAITING = """
workflow:
  id: waiting
  version: 1
  shared_volume: {}
  outputs: {read: string}
  steps:
    - {name: put, type: container, config: {image: IMAGE, run: 'echo kept >/workspace/file'}}
    - {name: wait, config: {run: 'test -e second && exit 0; echo begun; sleep 600'}}
    - name: read
      type: container
      config: {image: IMAGE, run: 'echo "##wfe[output read=$(cat /workspace/file)]"; echo x >/workspace/more'}
      outputs: [{name: read, type: string}]
    - return: {read: outputs.read}
"""


def sharing(docker: Docker, volume: str = "", place: str = "/workspace") -> str:
    return SHARING.replace("VOLUME", volume).replace("PLACE", place).replace("IMAGE", docker.image)


@pytest.mark.parametrize(("volume", "place"), [("", "/workspace"), ("mount_path: /data/work/", "/data/work")])
def test_all_container_steps_of_a_run_have_one_folder_whoever_they_run_as(
    docker: Docker, folder: Path, wfec: Wfec, volume: str, place: str
) -> None:
    result = wfec("run", write(folder, sharing(docker, volume, place)), "--json")
    assert result.lines[-1]["error"] is None, result
    assert result.lines[-1]["outputs"] == {"read": "one left right"}
    run = result.lines[0]["run"]
    assert docker.volumes(f"{RUN_LABEL}={run}") == docker.containers(f"{RUN_LABEL}={run}") == []


def test_it_is_gone_after_a_failure_too_and_a_retried_run_has_a_new_one(
    docker: Docker, folder: Path, wfec: Wfec
) -> None:
    text = f"""
workflow:
  id: failing
  version: 1
  shared_volume: {{}}
  steps:
    - {{name: work, type: container, config: {{image: {docker.image}, run: 'cd /workspace; ls; touch mine && false'}}}}
"""
    result = wfec("run", write(folder, text), "--json")
    run = result.lines[0]["run"]
    for tried in (result, wfec("retry", run, "--json")):
        assert tried.code == 1
        assert tried.lines[-1]["error"]["exit_code"] == 1
        assert [line for line in tried.lines if line["type"] == "step.output"] == []
        assert docker.volumes(f"{RUN_LABEL}={run}") == []


def test_a_size_that_the_engine_cannot_keep_is_told_in_the_log(docker: Docker, folder: Path, wfec: Wfec) -> None:
    result = wfec("run", write(folder, sharing(docker, "size: 64MiB")), "--json")
    assert result.code == 0, result
    told = [line["text"] for line in result.lines if line["type"] == "step.output" and line["stream"] == "log"]
    probe = subprocess.run(
        [docker.cli, "volume", "create", "--opt=size=1m", "wfe-test-size"], capture_output=True, check=False
    )
    if probe.returncode == 0:
        docker.call("volume", "rm", "wfe-test-size")
        assert told == []
    else:
        assert len(told) == 1
        assert "the engine can't limit the shared volume to its `size` of 64MiB: " in told[0]


def test_a_run_whose_process_was_killed_finds_its_volume_again(
    docker: Docker, folder: Path, wfec: Wfec, processes: Start
) -> None:
    path = write(folder, WAITING.replace("IMAGE", docker.image))
    first = processes("run", path, "--json")
    run = read_output(first)[0]["run"]
    first.send_signal(signal.SIGKILL)
    finish(first)
    # Whoever else ends a run here leaves it alone.
    assert wfec("run", write(folder, sharing(docker), "other.yaml"), "--json").code == 0
    assert docker.volumes(f"{RUN_LABEL}={run}") == [volume_name(run)]
    (folder / "second").touch()
    result = wfec("resume", run, "--json")
    assert (result.code, result.lines[-1]["outputs"]) == (0, {"read": "kept"})
    assert docker.volumes(f"{RUN_LABEL}={run}") == []


@pytest.mark.parametrize("verb", ["cancel", "terminate"])
def test_an_interrupted_run_keeps_it_until_it_is_ended(
    docker: Docker, folder: Path, wfec: Wfec, processes: Start, verb: str
) -> None:
    path = write(folder, WAITING.replace("IMAGE", docker.image))
    command = processes("run", path, "--json")
    run = read_output(command)[0]["run"]
    command.send_signal(signal.SIGINT)
    assert finish(command).code == 130
    assert docker.volumes(f"{RUN_LABEL}={run}") == [volume_name(run)]
    assert wfec(verb, run).code == 0
    assert docker.volumes(f"{RUN_LABEL}={run}") == []


def test_a_terminated_run_leaves_none_though_its_container_runs(
    docker: Docker, folder: Path, wfec: Wfec, processes: Start
) -> None:
    text = f"""
workflow:
  id: endless
  version: 1
  shared_volume: {{}}
  steps:
    - {{name: work, type: container, config: {{image: {docker.image}, run: 'echo begun; sleep 600'}}}}
"""
    command = processes("run", write(folder, text), "--json")
    run = read_output(command)[0]["run"]
    assert wfec("terminate", run).code == 0
    assert finish(command).code == 1
    assert docker.volumes(f"{RUN_LABEL}={run}") == docker.containers(f"{RUN_LABEL}={run}") == []


def test_what_a_killed_process_left_of_an_ended_run_is_removed_and_nothing_else(
    docker: Docker, folder: Path, wfec: Wfec
) -> None:
    path = write(folder, sharing(docker))
    ended = wfec("run", path, "--json").lines[0]["run"]
    gone = subprocess.Popen(["true"])
    gone.wait()
    dead, alive = f"{this_host().machine}:{gone.pid}:1", f"{this_host().machine}:{os.getpid()}:{this_host().started}"
    elsewhere = "another" + "0" * 25

    def leave(run: str, owner: str, name: str) -> str:
        docker.call("volume", "create", f"--label={OWNER_LABEL}={owner}", f"--label={RUN_LABEL}={run}", name)
        return name

    left = leave(ended, dead, volume_name(ended))
    kept = [leave(elsewhere, dead, volume_name(elsewhere)), leave(ended, alive, "wfe-test-of-a-living-one")]
    try:
        assert wfec("run", path, "--json").code == 0
        found = docker.volumes(OWNER_LABEL)
        assert left not in found
        assert set(kept) <= set(found)
    finally:
        docker.call("volume", "rm", *kept)


def test_a_workflow_without_container_steps_needs_no_engine_for_it(
    folder: Path, wfec: Wfec, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "workflow: {id: w, version: 1, shared_volume: {}, steps: [{name: work, config: {run: 'true'}}]}"
    result = wfec("run", write(folder, text), "--json")
    assert steps_of(result.lines) == [("work", "succeeded")]
