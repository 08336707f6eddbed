"""The command as tests use it: in this process where that shows the same, else as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from wfe_runtime.cli.main import run

ROOT = Path(__file__).resolve().parent.parent.parent


class Result:
    """What a command did."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code = code
        self.out = out
        self.err = err

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The JSON objects on standard output, one a line; fails where a line is none."""
        objects = [json.loads(line) for line in self.out.splitlines()]
        assert all(isinstance(found, dict) for found in objects)
        return objects

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    def __repr__(self) -> str:
        return f"exit {self.code}\n--- out\n{self.out}\n--- err\n{self.err}"


Wfec = Callable[..., Result]
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder of the command, empty; no setting comes from outside."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("WFE_"):
            monkeypatch.delenv(name)
    for name in ("NO_COLOR", "CI", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def wfec(folder: Path, capsys: pytest.CaptureFixture[str]) -> Wfec:
    """Run the command in this process."""

    def call(*argv: str) -> Result:
        capsys.readouterr()
        code = run(argv)
        printed = capsys.readouterr()
        return Result(code, printed.out, printed.err)

    return call


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a command of its own."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("WFE_")}
    path = os.pathsep.join(part for part in (str(ROOT), os.environ.get("PYTHONPATH", "")) if part)
    return {**inherited, "PYTHONPATH": path, **more}


def spawn(folder: Path, *argv: str, **options: Any) -> subprocess.Popen[str]:
    """Start the command as a process of its own."""
    options.setdefault("env", environment())
    return subprocess.Popen(
        [sys.executable, "-m", "wfe_runtime", *argv],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


@pytest.fixture
def processes(folder: Path) -> Iterator[Start]:
    """Start commands as processes of their own; what is left of them at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(*argv: str, **options: Any) -> subprocess.Popen[str]:
        started.append(spawn(folder, *argv, **options))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def read_until(process: subprocess.Popen[str], wanted: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    """Read lines of a JSON stream up to the first that is wanted; fails where it ends before."""
    assert process.stdout is not None
    lines = []
    for text in process.stdout:
        lines.append(json.loads(text))
        if wanted(lines[-1]):
            return lines
    raise AssertionError(f"the stream ended after {lines}, and stderr says {process.communicate()[1]}")


def read_output(process: subprocess.Popen[str]) -> list[dict[str, Any]]:
    """Read lines of a JSON stream up to the first that a step printed."""
    return read_until(process, lambda line: line["type"] == "step.output")


def finish(process: subprocess.Popen[str]) -> Result:
    """Wait for a process's end, and return what it did since the last reading."""
    out, err = process.communicate(timeout=60)
    return Result(process.returncode, out, err)


def steps_of(lines: list[dict[str, Any]], kind: str = "step.ended") -> list[tuple[str, str]]:
    """Return path and status of the ended steps of a stream, in order."""
    return [(line["step"], line["status"]) for line in lines if line["type"] == kind]
