"""A container engine as tests use it: its command on PATH, and what is there for a run."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

__all__ = ["Docker", "docker"]


class Docker:
    """The engine under test. Its command is on PATH as ``docker``, and finds the engine by ``DOCKER_HOST``."""

    def __init__(self, cli: str, image: str) -> None:
        self.cli = cli
        self.image = image

    def call(self, *arguments: str) -> str:
        """Return what the command prints; fails where it fails."""
        done = subprocess.run([self.cli, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def containers(self, label: str) -> list[str]:
        """Return the containers, running or not, that carry a label."""
        return self.call("ps", "--all", "--quiet", "--no-trunc", f"--filter=label={label}").split()

    def volumes(self, label: str) -> list[str]:
        """Return the volumes that carry a label."""
        return self.call("volume", "ls", "--quiet", f"--filter=label={label}").split()


@pytest.fixture
def docker(
    service: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Docker:
    """The engine; the test is skipped, or fails, where there is none. What it leaves behind is removed."""
    host = service("docker")
    image = os.environ.get("WFE_TEST_DOCKER_IMAGE", "busybox")
    cli = os.environ.get("WFE_TEST_DOCKER_CLI", "docker")
    programs: Path = tmp_path_factory.mktemp("programs")
    if os.path.isabs(cli):
        (programs / "docker").symlink_to(cli)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("DOCKER_HOST", host)
    return Docker(cli, image)
