"""Container steps on a real engine: what reaches a container, what it gives, and that nothing of it is left."""

from __future__ import annotations

import asyncio
import contextlib
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.container_support import Docker
from tests.runtime.shell_support import MemoryLog, context, output, until
from wfe_runtime.executors.container import ContainerExecutor
from wfe_runtime.executors.container_options import (
    command_words,
    cpu_option,
    login_file,
    memory_bytes,
    mount_option,
    volume_options,
)
from wfe_runtime.executors.contract import StepContext, StepResult
from wfe_runtime.executors.problems import TaskProblem
from wfe_runtime.masking import Masker

HARD = "a b  'c' \"d\" $HOME `id` \\ é\nline"


@asynccontextmanager
async def containers(folder: Path, grace_s: float = 5.0) -> AsyncIterator[ContainerExecutor]:
    executor = ContainerExecutor(grace_s=grace_s, scratch_parent=str(folder))
    try:
        yield executor
    finally:
        await executor.close()


def container_context(folder: Path, config: dict[str, Any], **changes: Any) -> StepContext:
    return context(config, folder, **{"type": "container", "run": uuid.uuid4().hex, **changes})


def run_step(docker: Docker, folder: Path, config: dict[str, Any], **changes: Any) -> StepResult:
    """Run one attempt, and see that no container of it is left."""
    given = container_context(folder, {"image": docker.image, **config}, **changes)

    async def main() -> StepResult:
        async with containers(folder) as executor:
            return await executor.run(given)

    result = asyncio.run(main())
    assert docker.containers(f"wfe.run={given.run}") == []
    assert list(folder.glob("wfe-scratch-*")) == []
    return result


# What reaches it


@pytest.mark.acceptance("CON-01")
def test_a_script_runs_as_nobody_in_its_folder_with_its_variables(docker: Docker, tmp_path: Path) -> None:
    script = 'id -u; pwd; printf %s "$HARD" >>"$WFE_OUTPUT_JSON.x" 2>/dev/null || true; echo "##wfe[output tag=v1]"'
    log = MemoryLog()
    result = run_step(docker, tmp_path, {"run": script, "env": {"HARD": HARD}, "working_dir": "/tmp"}, log=log)
    assert (result.outcome, result.outputs, result.error) == ("success", {"tag": "v1"}, None)
    assert log.text("stdout").splitlines()[:2] == ["65534", "/tmp"]


@pytest.mark.acceptance("CON-01")
def test_values_with_blanks_quotes_dollars_and_line_ends_arrive_unchanged(docker: Docker, tmp_path: Path) -> None:
    config = {
        "run": 'printf %s "$HARD"; printf "|%s|%s" "$INPUT_TOO" "$WFE_EXPR_1"',
        "env": {"HARD": HARD, "PATH": "/bin:/nowhere", "DOCKER_HOST": "tcp://nowhere", "HOME": "/tmp/a b"},
        "expressions": {"WFE_EXPR_1": HARD},
    }
    result = run_step(docker, tmp_path, config, inputs={"input-too": {"a": [1]}})
    assert result.stdout == f'{HARD}|{{"a":[1]}}|{HARD}'
    shown = run_step(docker, tmp_path, {**config, "run": 'echo "$PATH $HOME $DOCKER_HOST $WFE_STEP $WFE_ATTEMPT"'})
    assert shown.stdout == "/bin:/nowhere /tmp/a b tcp://nowhere fan[3]/build 2\n"


@pytest.mark.acceptance("CON-01")
def test_a_command_gets_its_words_as_they_are(docker: Docker, tmp_path: Path) -> None:
    words = ["printf", "<%s>", "a b", "$HOME", "'q'", "--flag", ""]
    assert run_step(docker, tmp_path, {"command": words}).stdout == "<a b><$HOME><'q'><--flag><>"
    assert run_step(docker, tmp_path, {"command": "printf '<%s>' a 'b c'"}).stdout == "<a><b c>"


@pytest.mark.acceptance("CON-01")
def test_volumes_are_shown_where_they_are_to_be_and_read_only_ones_are_kept(docker: Docker, tmp_path: Path) -> None:
    (tmp_path / "a, b").mkdir(mode=0o777)
    os.chmod(tmp_path / "a, b", 0o777)
    (tmp_path / "a, b" / "file").write_text("content")
    volumes = [
        {"source": "a, b", "target": "/data"},
        {"source": str(tmp_path / "a, b"), "target": "/ro", "readonly": True},
    ]
    script = "cat /data/file; echo new >/data/made; echo no >/ro/file || echo refused"
    result = run_step(docker, tmp_path, {"run": script, "volumes": volumes, "user": "0:0"})
    assert result.stdout == "contentrefused\n"
    assert (tmp_path / "a, b" / "made").read_text() == "new\n"


@pytest.mark.acceptance("CON-01")
def test_user_memory_and_cpu_reach_the_engine(docker: Docker, tmp_path: Path) -> None:
    given = container_context(
        tmp_path,
        {"image": docker.image, "run": "id -u; id -g; sleep 60", "user": "7:8", "memory": "64MiB", "cpu": "500m"},
    )

    async def main() -> dict[str, str]:
        async with containers(tmp_path, grace_s=0) as executor:
            task = asyncio.ensure_future(executor.run(given))
            await until(lambda: "8\n" in given.log.text("stdout"))
            [name] = docker.containers(f"wfe.run={given.run}")
            limits = docker.call(
                "inspect",
                "--format",
                "{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}} {{.HostConfig.NanoCpus}}",
                name,
            )
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return {"limits": limits, "printed": given.log.text("stdout")}

    assert asyncio.run(main()) == {"limits": "67108864 67108864 500000000\n", "printed": "7\n8\n"}
    assert docker.containers(f"wfe.run={given.run}") == []


@pytest.mark.acceptance("CON-02")
def test_without_a_network_there_is_none(docker: Docker, tmp_path: Path) -> None:
    script = "ls /sys/class/net; wget -T 2 -q http://192.0.2.1/ || echo unreachable"
    assert run_step(docker, tmp_path, {"run": script}).stdout == "lo\nunreachable\n"
    hosts = run_step(docker, tmp_path, {"run": "ls /sys/class/net | wc -l", "network": "host"})
    assert int(hosts.stdout or "0") == len(os.listdir("/sys/class/net"))


def test_a_long_script_and_a_large_value_come_as_files(docker: Docker, tmp_path: Path) -> None:
    script = f'# {"x" * 300_000}\nwc -c <"$BIG_FILE"; echo done'
    result = run_step(docker, tmp_path, {"run": script}, inputs={"big": "y" * 1_000_000})
    assert result.stdout == "1000000\ndone\n"


def test_no_value_is_in_the_arguments_of_a_process(docker: Docker, tmp_path: Path) -> None:
    secret = f"value-{uuid.uuid4().hex}"
    given = container_context(
        tmp_path, {"image": docker.image, "run": "echo begun; sleep 60", "env": {"TOKEN": secret, "HOME": secret}}
    )

    async def main() -> list[str]:
        async with containers(tmp_path, grace_s=0) as executor:
            task = asyncio.ensure_future(executor.run(given))
            await until(lambda: "begun" in given.log.text("stdout"))
            seen = command_lines()
            task.cancel()
            await asyncio.wait([task])
            return [line.decode("utf-8", "replace") for line in seen if secret.encode() in line]

    assert asyncio.run(main()) == []


def command_lines() -> list[bytes]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(path.read_bytes())
    return found


# What it gives


@pytest.mark.acceptance("CON-03", "SHL-03", "SHL-04")
def test_outputs_come_by_markers_and_by_the_two_files_with_their_types(docker: Docker, tmp_path: Path) -> None:
    script = """
      echo "##wfe[output a=007]"
      echo "##wfe[output b=1]"
      echo b=2 >>"$WFE_OUTPUT"
      echo '{"c": [1, 2]}' >"$WFE_OUTPUT_JSON"
      echo problem >&2
    """
    log = MemoryLog()
    declared = (output("a", "integer"), output("b", "integer"), output("c", "list<integer>"))
    result = run_step(docker, tmp_path, {"run": script}, outputs=declared, log=log)
    assert result.error is None
    assert result.outputs == {"a": 7, "b": 2, "c": [1, 2]}
    assert log.text("stderr") == "problem\n"


@pytest.mark.acceptance("CON-03")
@pytest.mark.parametrize(
    ("script", "kind", "code", "name"),
    [
        ("echo no >&2; exit 3", "exit", 3, None),
        ("kill -9 $$", "signal", 137, "SIGKILL"),
        ("exit 200", "exit", 200, None),
    ],
)
def test_an_exit_or_a_signal_is_a_failure(
    docker: Docker, tmp_path: Path, script: str, kind: str, code: int, name: str | None
) -> None:
    # Of the first process in a container a signal that it sends itself says nothing: one under it is asked.
    result = run_step(docker, tmp_path, {"run": script if "kill" not in script else f"sh -c '{script}'; exit $?"})
    assert result.outcome == "failure"
    assert result.error is not None
    assert (result.error.kind, result.error.exit_code, result.error.signal) == (kind, code, name)
    if code == 3:
        assert result.error.stderr == "no\n"
    assert "duration_ms" in result.error.details


@pytest.mark.acceptance("CON-03")
def test_out_of_memory_is_a_failure_that_says_so(docker: Docker, tmp_path: Path) -> None:
    script = "x=abc; while true; do x=$x$x; done"
    result = run_step(docker, tmp_path, {"run": script, "memory": "16MiB"})
    assert result.outcome == "failure"
    assert result.error is not None
    assert "ran out of memory, its limit is 16MiB" in result.error.message


def test_what_a_container_prints_is_masked_in_its_tails_too(docker: Docker, tmp_path: Path) -> None:
    config = {"run": 'echo "$TOKEN"; echo "$TOKEN" >&2; exit 1', "env": {"TOKEN": "a-secret-value"}}
    result = run_step(docker, tmp_path, config, masker=Masker(["a-secret-value"]))
    assert result.stdout == "***\n"
    assert result.error is not None
    assert result.error.stderr == "***\n"


# Its end


@pytest.mark.acceptance("CON-04", "SHL-18")
def test_a_cancel_gives_term_a_grace_and_kill_and_leaves_no_container(docker: Docker, tmp_path: Path) -> None:
    for script, printed in (
        ("trap 'echo bye; exit 0' TERM; echo begun; while true; do sleep 0.1; done", "begun\nbye\n"),
        ("trap '' TERM; echo begun; while true; do sleep 0.1; done", "begun\n"),
    ):
        log = MemoryLog()
        given = container_context(tmp_path, {"image": docker.image, "run": script}, log=log)

        async def main(given: StepContext = given, log: MemoryLog = log) -> None:
            async with containers(tmp_path, grace_s=1) as executor:
                task = asyncio.ensure_future(executor.run(given))
                await until(lambda: "begun" in log.text("stdout"))
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task

        asyncio.run(main())
        assert log.text("stdout") == printed
        assert docker.containers(f"wfe.run={given.run}") == []


@pytest.mark.acceptance("CON-04")
def test_what_a_process_that_is_gone_has_left_is_removed_and_nothing_else_is(docker: Docker, tmp_path: Path) -> None:
    from wfe_runtime.executors.container_cli import _owner
    from wfe_runtime.providers.hosts import this_machine

    mark = f"wfe.test={uuid.uuid4().hex}"
    made = {}
    try:
        for owner in (f"{this_machine()}:{2**22 - 1}:1", _owner(), "another-machine:1:1", "nonsense"):
            made[owner] = docker.call(
                "create", "--network=none", f"--label={mark}", f"--label=wfe.owner={owner}", docker.image, "true"
            ).strip()
        assert run_step(docker, tmp_path, {"run": "true"}).outcome == "success"
        first, *others = made.values()
        assert sorted(docker.containers(mark)) == sorted(others)
        assert first not in docker.containers(mark)
    finally:
        docker.call("rm", "--force", *docker.containers(mark))


# What stands in the way


@pytest.mark.acceptance("CON-05")
def test_an_image_that_is_not_to_be_fetched_is_named(docker: Docker, tmp_path: Path) -> None:
    result = run_step(docker, tmp_path, {"image": "wfe-test/no-such-image:1", "run": "true", "pull": "never"})
    assert result.outcome == "error"
    assert result.error is not None
    assert result.error.kind == "executor"
    assert "No such image: wfe-test/no-such-image:1" in result.error.message


@pytest.mark.acceptance("CON-05")
def test_an_engine_that_does_not_answer_is_named(
    docker: Docker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")

    async def main() -> StepResult:
        async with containers(tmp_path) as executor:
            return await executor.run(container_context(tmp_path, {"image": docker.image, "run": "true"}))

    result = asyncio.run(main())
    assert result.error is not None
    assert "the engine behind docker does not answer" in result.error.message


@pytest.mark.acceptance("CON-05")
def test_a_program_that_the_image_lacks_is_an_error_that_names_it(docker: Docker, tmp_path: Path) -> None:
    result = run_step(docker, tmp_path, {"command": ["no-such-program"]})
    assert result.outcome == "error"
    assert result.error is not None
    assert "no-such-program" in result.error.message


@pytest.mark.acceptance("CON-06")
@pytest.mark.parametrize("name", ["docker", "podman", "nerdctl"])
def test_the_command_is_the_one_named_or_the_first_on_path(
    docker: Docker, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / name).symlink_to(docker.cli)
    assert run_step(docker, tmp_path, {"run": "echo hi", "cli": str(programs / name)}).stdout == "hi\n"
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setattr(docker, "cli", str(programs / name))
    assert run_step(docker, tmp_path, {"run": "echo hi", "cli": name}).stdout == "hi\n"
    assert run_step(docker, tmp_path, {"run": "echo hi"}).stdout == "hi\n"


@pytest.mark.acceptance("CON-06")
def test_without_any_command_the_step_says_what_was_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    executor = ContainerExecutor(scratch_parent=str(tmp_path))
    assert "docker, podman or nerdctl was not found" in str(executor.missing({"image": "a"}))
    assert "crun was not found" in str(executor.missing({"image": "a", "cli": "crun"}))
    result = asyncio.run(executor.run(container_context(tmp_path, {"image": "a", "run": "true"})))
    assert result.error is not None
    assert "docker, podman or nerdctl was not found" in result.error.message
    asyncio.run(executor.close())


# Options, without an engine


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1024", 1024),
        ("256MiB", 256 << 20),
        ("256MB", 256 << 20),
        ("512m", 512 << 20),
        ("1.5GiB", 1536 << 20),
        ("2 k", 2048),
    ],
)
def test_sizes_are_binary_however_they_are_written(text: str, size: int) -> None:
    assert memory_bytes(text) == size


def test_a_processor_may_be_written_in_thousandths() -> None:
    assert cpu_option("500m") == cpu_option("0.5") == cpu_option(0.5) == ["--cpus=0.5"]
    assert cpu_option(None) == []


def test_no_name_of_a_volume_is_taken_for_an_option_or_another_field(tmp_path: Path) -> None:
    assert mount_option('/a,readonly="x"', "/b", False) == '--mount=type=bind,"source=/a,readonly=""x""",target=/b'
    (tmp_path / "-v").mkdir()
    assert volume_options({"inputs": {"-v": "/in"}}, str(tmp_path)) == [
        f"--mount=type=bind,source={tmp_path}/-v,target=/in,readonly"
    ]


@pytest.mark.parametrize(
    "config",
    [
        {"image": "--privileged", "run": "true"},
        {"image": "a b", "run": "true"},
        {"image": "", "run": "true"},
        {"image": "a", "run": "true", "volumes": [{"source": "none", "target": "/a"}]},
        {"image": "a", "run": "true", "volumes": [{"source": "/", "target": "a"}]},
        {"image": "a", "run": "true", "network": "container:other"},
        {"image": "a", "run": "true", "memory": "much"},
        {"image": "a", "run": "true", "cpu": "all"},
        {"image": "a", "run": "a\0b"},
        {"image": "a", "command": "'open"},
        {"image": "a", "command": [1]},
    ],
)
def test_what_can_not_be_an_option_is_an_error_before_anything_runs(
    tmp_path: Path, config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "docker").write_text(f"#!/bin/sh\ntouch {tmp_path}/called\n")
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    executor = ContainerExecutor(scratch_parent=str(tmp_path))
    result = asyncio.run(executor.run(container_context(tmp_path, config)))
    asyncio.run(executor.close())
    assert result.outcome == "error"
    assert result.error is not None
    assert not (tmp_path / "called").exists()


def test_a_login_stands_beside_what_the_user_has_and_no_helper_is_asked_for_it() -> None:
    known = b'{"auths": {"a": {"auth": "x"}}, "credsStore": "desktop", "credHelpers": {"b": "gcloud"}}'
    written = login_file({"b": {"username": "u", "password": "p"}}, known)
    assert written == b'{"auths": {"a": {"auth": "x"}, "b": {"auth": "dTpw"}}, "credHelpers": {}}'
    with pytest.raises(TaskProblem):
        login_file({"b": "u:p"}, b"no json")


def test_words_are_those_of_a_list_or_of_a_shell() -> None:
    assert command_words(["a b", "c"]) == ["a b", "c"]
    assert command_words("a 'b c'") == ["a", "b c"]
