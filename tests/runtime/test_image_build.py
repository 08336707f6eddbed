"""Image builds on a real engine, and what their keys are as options of each command that builds."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.container_support import Docker
from tests.runtime.shell_support import MemoryLog, context
from wfe_runtime.executors.contract import StepResult
from wfe_runtime.executors.image_build import ImageBuildExecutor

FAKE = """#!/bin/sh
case "$1" in network) echo bridge; exit 0;; esac
for word; do echo "$word" >>{folder}/words; done
env >{folder}/environment
[ -n "$DOCKER_CONFIG" ] && cp "$DOCKER_CONFIG/config.json" {folder}/login
for word; do case "$word" in
  --iidfile=*) echo sha256:abc >"${{word#--iidfile=}}";;
  --metadata-file=*) echo '{{"containerimage.digest": "sha256:def"}}' >"${{word#--metadata-file=}}";;
esac; done
"""


def build(folder: Path, config: dict[str, Any], **changes: Any) -> StepResult:
    async def main() -> StepResult:
        executor = ImageBuildExecutor(scratch_parent=str(folder))
        try:
            return await executor.run(context(config, folder, type="buildkit", **changes))
        finally:
            await executor.close()

    return asyncio.run(main())


@pytest.fixture
def tag(docker: Docker) -> Iterator[str]:
    name = f"wfe-test/built-{uuid.uuid4().hex[:8]}:1"
    yield name
    docker.call("image", "rm", "--force", name)


def test_an_image_is_built_tagged_and_named_in_the_outputs(docker: Docker, tmp_path: Path, tag: str) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "file").write_text("content")
    (tmp_path / "Dockerfile").write_text(
        f"FROM {docker.image} AS first\nARG VERSION\nCOPY file /file\nRUN echo $VERSION >/version\n"
        "FROM first AS second\nRUN false\n"
    )
    config = {
        "dockerfile": "Dockerfile", "context": "src", "target": "first", "tags": [tag],
        "build_args": {"VERSION": "1.10 $HOME"},
    }  # fmt: skip
    log = MemoryLog()
    result = build(tmp_path, config, log=log)
    assert result.outcome == "success", log.text("stderr")
    assert result.outputs["image"] == tag
    assert docker.call("image", "inspect", "--format", "{{.Id}}", tag).strip() == result.outputs["id"]
    shown = docker.call("run", "--rm", "--network=none", tag, "cat", "/file", "/version")
    assert shown == "content1.10 $HOME\n"
    failed = build(tmp_path, {**config, "target": "second"})
    assert failed.outcome == "failure"
    assert failed.error is not None
    assert (failed.error.kind, failed.error.exit_code) == ("exit", 1)
    assert "RUN false" in (failed.error.stderr or "")


def test_files_of_a_build_are_put_where_they_are_to_be(docker: Docker, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /copy\n")
    config = {"dockerfile": "Dockerfile", "context": ".", "output_type": "local", "output_dest": "out"}
    log = MemoryLog()
    assert build(tmp_path, config, log=log).outcome == "success", log.text("stderr")
    assert (tmp_path / "out" / "copy").read_text() == "FROM scratch\nCOPY Dockerfile /copy\n"


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on PATH for commands that write down what they are asked."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    monkeypatch.setenv("PATH", f"{programs}:/bin:/usr/bin")
    for name in ("docker", "podman", "nerdctl", "buildctl"):
        (programs / name).write_text(FAKE.format(folder=tmp_path))
        (programs / name).chmod(0o755)
    return programs


def asked(folder: Path) -> list[str]:
    return (folder / "words").read_text().splitlines()


def test_each_key_is_an_option_and_no_value_of_an_argument_is_one(fake: Path, tmp_path: Path) -> None:
    config = {
        "dockerfile": "Dockerfile", "input": ".", "tags": ["a/b:1", "a/b:2"], "push": True,
        "build_args": {"TOKEN": "a-secret"}, "cache_from": ["a/b:cache"], "cache_to": ["type=inline"],
        "output_type": "oci", "output_dest": "out.tar", "registry_auth": {"a": {"username": "u", "password": "p"}},
    }  # fmt: skip
    result = build(tmp_path, config)
    assert result.outputs == {"image": "a/b:1"}
    words = asked(tmp_path)
    for word in (
        "build", f"--file={tmp_path}/Dockerfile", "--tag=a/b:1", "--tag=a/b:2", "--build-arg=TOKEN",
        "--cache-from=a/b:cache", "--cache-to=type=inline", f"--output=type=oci,dest={tmp_path}/out.tar", str(tmp_path),
    ):  # fmt: skip
        assert word in words
    assert words[-4:] == ["push", "a/b:1", "push", "a/b:2"]
    assert "--network=host" not in words
    assert "a-secret" not in "".join(words)
    assert "TOKEN=a-secret" in (tmp_path / "environment").read_text().splitlines()
    assert json.loads((tmp_path / "login").read_text())["auths"] == {"a": {"auth": "dTpw"}}


def test_an_address_is_asked_by_buildctl(fake: Path, tmp_path: Path) -> None:
    config = {
        "dockerfile": "Dockerfile", "context": ".", "tags": ["a/b:1"], "push": True, "target": "t",
        "buildkit_addr": "tcp://builder:1234", "tls": {"ca": "ca.pem"}, "cache_from": ["type=local,src=c"],
    }  # fmt: skip
    assert build(tmp_path, config).outputs == {"id": "sha256:def", "image": "a/b:1"}
    words = asked(tmp_path)
    for word in (
        "--addr=tcp://builder:1234", f"--tlscacert={tmp_path}/ca.pem", f"--local=context={tmp_path}", "--opt=target=t",
        "--import-cache=type=local,src=c", '--output=type=image,"name=a/b:1",push=true',
    ):  # fmt: skip
        assert word in words


@pytest.mark.acceptance("CON-05", "CON-08")
@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"dockerfile": "None", "context": "."}, "the Dockerfile None is neither in"),
        ({"dockerfile": "Dockerfile", "context": "none"}, "none is no folder"),
        ({"dockerfile": "Dockerfile", "context": ".", "tags": ["--x"]}, "no name of an image"),
        ({"dockerfile": "Dockerfile", "context": ".", "build_args": {"PATH": "x"}}, "'PATH' can be no argument"),
        ({"dockerfile": "Dockerfile", "context": ".", "inputs": {"a": "/b"}}, "`inputs` of a build can't be mounted"),
        ({"dockerfile": "Dockerfile", "context": ".", "output_type": "tar"}, "add `output_dest`"),
    ],
)
def test_what_can_not_be_built_is_an_error_before_anything_runs(
    fake: Path, tmp_path: Path, config: dict[str, Any], said: str
) -> None:
    result = build(tmp_path, config)
    assert result.outcome == "error"
    assert result.error is not None
    assert said in result.error.message
    assert not (tmp_path / "words").exists()


@pytest.mark.acceptance("CON-08")
def test_a_host_that_builds_nothing_says_what_was_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    executor = ImageBuildExecutor()
    assert "docker, podman, nerdctl and buildctl" in str(executor.missing({"dockerfile": "a"}))
    assert "buildctl was not found" in str(executor.missing({"dockerfile": "a", "buildkit_addr": "tcp://a"}))
