"""Services of a workflow on a real engine: up before the first task, once a run, and gone however the run ends."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import pytest

from tests.runtime.container_support import Docker

from .conftest import Start, Wfec, finish, read_output, steps_of
from .files import write

THREE = """
workflow:
  id: three
  version: 1
  inputs: {word: {type: string, default: hi}}
  outputs: {said: string, told: string, steps: any}
  services:
    web:
      image: IMAGE
      ports: [WEB]
      env: {WORD: '${{ inputs.word }} $HOME'}
      command: [sh, -c, 'mkdir /tmp/w && echo "$WORD" >/tmp/w/index.html && exec httpd -f -p WEB -h /tmp/w']
      readiness: {http: {port: WEB, path: /index.html}, interval: 100ms}
    line:
      image: IMAGE
      ports: [LINE]
      command: [httpd]
      args: [-f, -p, 'LINE', -h, /tmp]
      readiness: {tcp: LINE, interval: 100ms}
    file:
      image: IMAGE
      command: [sh, -c, 'sleep 0.2; touch /tmp/ready; exec sleep 600']
      readiness: {exec: [test, -e, /tmp/ready], interval: 100ms}
  steps:
    - name: fetch
      config:
        run: |
          python3 - <<'PY' >>"$WFE_OUTPUT"
          import os, urllib.request
          url = f"http://{os.environ['HOST']}:{os.environ['PORT']}/index.html"
          print("said=" + urllib.request.urlopen(url).read().decode().strip())
          PY
          echo "told=$SVC_LINE_HOST:$SVC_LINE_PORT $SVC_WEB_PORT ${SVC_FILE_PORT-none}" >>"$WFE_OUTPUT"
        env: {HOST: '${{ services.web.host }}', PORT: '${{ services.web.ports[0] }}'}
      outputs: [{name: said, type: string}, {name: told, type: string}]
    - {name: again, config: {run: 'echo $SVC_WEB_PORT'}}
    - return: {said: outputs.said, told: outputs.told, steps: steps.again.status}
"""
WAITING = """
workflow:
  id: waiting
  version: 1
  services:
    box: {image: IMAGE, command: [sleep, '600'], readiness: {exec: ['true']}}
  steps:
    - {name: work, config: {run: 'test -e second && exit 0; echo begun; sleep 600'}}
"""
BROKEN = """
workflow:
  id: broken
  version: 1
  services:
    box: {image: IMAGE, COMMAND, readiness: {PROBE}}
  on_failure: {name: tell, config: {run: 'echo told'}}
  steps:
    - {name: work, config: {run: 'echo never'}}
"""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@pytest.mark.acceptance("CON-07")
def test_services_with_each_kind_of_probe_are_ready_before_the_first_task_and_gone_at_the_end(
    docker: Docker, folder: Path, wfec: Wfec
) -> None:
    web, line = free_port(), free_port()
    text = THREE.replace("[WEB]", f"[{web}]").replace("-p WEB", f"-p {web}").replace("port: WEB", f"port: {web}")
    text = text.replace("[LINE]", f"[{line}]").replace("'LINE'", f"'{line}'").replace("tcp: LINE", f"tcp: {line}")
    result = wfec("run", write(folder, text.replace("IMAGE", docker.image)), "--json", "-i", "word=good day")
    ended = result.lines[-1]
    assert ended["error"] is None, result
    outputs = ended["outputs"]
    assert outputs["said"] == "good day $HOME"
    assert outputs["told"].startswith("127.0.0.1:")
    assert outputs["told"].endswith(" none")
    assert docker.containers(f"wfe.run={result.lines[0]['run']}") == []


@pytest.mark.acceptance("CON-07")
def test_services_of_a_cancelled_run_are_removed(docker: Docker, folder: Path, wfec: Wfec, processes: Start) -> None:
    path = write(folder, WAITING.replace("IMAGE", docker.image))
    command = processes("run", path, "--json")
    run = read_output(command)[0]["run"]
    assert len(docker.containers(f"wfe.run={run}")) == 1
    assert wfec("cancel", run).code == 0
    assert finish(command).code == 1
    assert docker.containers(f"wfe.run={run}") == []


@pytest.mark.acceptance("CON-07")
def test_services_of_a_killed_process_are_replaced_when_its_run_goes_on(
    docker: Docker, folder: Path, wfec: Wfec, processes: Start
) -> None:
    path = write(folder, WAITING.replace("IMAGE", docker.image))
    first = processes("run", path, "--json")
    run = read_output(first)[0]["run"]
    first.send_signal(signal.SIGKILL)
    finish(first)
    assert len(docker.containers(f"wfe.run={run}")) == 1
    (folder / "second").touch()
    result = wfec("resume", run, "--json")
    assert (result.code, steps_of(result.lines)) == (0, [("work", "succeeded")])
    assert docker.containers(f"wfe.run={run}") == []


@pytest.mark.acceptance("CON-07")
@pytest.mark.parametrize("verb", ["cancel", "terminate"])
def test_services_of_a_killed_process_are_removed_when_its_run_is_ended_without_going_on(
    docker: Docker, folder: Path, wfec: Wfec, processes: Start, verb: str
) -> None:
    path = write(folder, WAITING.replace("IMAGE", docker.image))
    first = processes("run", path, "--json")
    run = read_output(first)[0]["run"]
    first.send_signal(signal.SIGKILL)
    finish(first)
    assert len(docker.containers(f"wfe.run={run}")) == 1
    assert wfec(verb, run).code == 0
    assert docker.containers(f"wfe.run={run}") == []


@pytest.mark.acceptance("CON-07")
def test_a_worker_that_has_had_services_before_removes_those_of_a_process_that_is_killed_later(
    docker: Docker, folder: Path, wfec: Wfec, processes: Start
) -> None:
    path = write(folder, WAITING.replace("IMAGE", docker.image))
    (folder / "second").touch()
    worker = processes("worker", "--json")
    assert wfec("start", path, "--name", "before").code == 0
    assert wfec("watch", "before").code == 0
    (folder / "second").unlink()
    first = processes("run", path, "--json")
    run = read_output(first)[0]["run"]
    (folder / "second").touch()
    first.send_signal(signal.SIGKILL)
    finish(first)
    assert wfec("watch", run).code == 0
    worker.send_signal(signal.SIGTERM)
    assert finish(worker).code == 0
    assert docker.containers(f"wfe.run={run}") == []


@pytest.mark.acceptance("CON-07")
def test_an_interrupted_run_leaves_no_service(docker: Docker, folder: Path, wfec: Wfec, processes: Start) -> None:
    path = write(folder, WAITING.replace("IMAGE", docker.image))
    command = processes("run", path, "--json")
    run = read_output(command)[0]["run"]
    command.send_signal(signal.SIGINT)
    assert finish(command).code == 130
    assert docker.containers(f"wfe.run={run}") == []


@pytest.mark.acceptance("CON-07")
@pytest.mark.parametrize(
    ("command", "probe", "said"),
    [
        (
            "command: [sleep, '60']",
            "exec: ['false'], interval: 20ms, retries: 3",
            "exec false: false exits with code 1",
        ),
        ("command: [sleep, '60']", "tcp: 1, interval: 20ms, timeout: 300ms", "tcp 1: 127.0.0.1:1 takes no connection"),
        (
            "command: [sleep, '60']",
            "http: {port: 1}, interval: 20ms, retries: 2",
            "http 1/: http://127.0.0.1:1/ does not",
        ),
        ("command: [sh, -c, 'echo broken; exit 3']", "exec: ['false'], interval: 5s", "it ended with code 3"),
        ("command: [no-such-program]", "exec: ['true']", "no-such-program"),
    ],
)
def test_a_service_that_does_not_come_up_is_an_error_that_names_the_probe_and_hooks_run(
    docker: Docker, folder: Path, wfec: Wfec, command: str, probe: str, said: str
) -> None:
    text = BROKEN.replace("IMAGE", docker.image).replace("COMMAND", command).replace("PROBE", probe)
    result = wfec("run", write(folder, text), "--json")
    error = result.lines[-1]["error"]
    assert result.code == 1
    assert "box" in error["message"]
    assert said in error["message"]
    assert dict(steps_of(result.lines)) == {"work": "error", "on_failure/tell": "succeeded"}
    assert docker.containers(f"wfe.run={result.lines[0]['run']}") == []


@pytest.mark.acceptance("CON-07", "CLI-01")
def test_a_run_with_services_is_refused_where_no_engine_answers(
    docker: Docker, folder: Path, wfec: Wfec, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(folder, WAITING.replace("IMAGE", docker.image))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{folder}/nobody.sock")
    result = wfec("run", path, "--json")
    assert (result.code, result.out) == (5, "")
    assert "the engine behind docker does not answer" in result.err
    monkeypatch.setenv("PATH", str(folder))
    result = wfec("run", path, "--json")
    assert (result.code, result.out) == (5, "")
    assert "docker, podman or nerdctl was not found" in result.err


@pytest.mark.acceptance("CON-07")
def test_a_sub_workflow_has_services_of_its_own(docker: Docker, folder: Path, wfec: Wfec) -> None:
    port = free_port()
    text = f"""
workflows:
  - id: outer
    version: 1
    outputs: {{where: string}}
    steps:
      - {{name: call, type: workflow, config: {{workflow: inner}}, outputs: [{{name: where, type: string}}]}}
  - id: inner
    version: 1
    outputs: {{where: string}}
    services:
      web:
        image: {docker.image}
        ports: [{port}]
        command: [httpd, -f, -p, '{port}', -h, /tmp]
        readiness: {{tcp: {port}, interval: 100ms}}
    steps:
      - name: ask
        config:
          run: echo "##wfe[output where=$SVC_WEB_HOST:$SVC_WEB_PORT is $ADDRESS]"
          env: {{ADDRESS: '${{{{ services.web.host }}}}:${{{{ services.web.ports[0] }}}}'}}
        outputs: [{{name: where, type: string}}]
"""
    result = wfec("run", write(folder, text), "outer", "--json")
    where = result.lines[-1]["outputs"]["where"]
    address, _, same = where.partition(" is ")
    assert address == same
    assert address.startswith("127.0.0.1:")
    runs = {line["run"] for line in result.lines}
    assert len(runs) == 2
    assert [docker.containers(f"wfe.run={run}") for run in runs] == [[], []]
