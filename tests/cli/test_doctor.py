"""``doctor``: what is here, what is missing and for what."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from .conftest import Wfec


def findings(wfec: Wfec, *argv: str) -> dict[str, dict[str, Any]]:
    return {found["name"]: found for found in wfec("doctor", "--json", *argv).json}


def hide_package(monkeypatch: pytest.MonkeyPatch, hidden: str) -> None:
    """Have a package be as if it were not installed."""
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == hidden else find_spec(name, *more)
    )


@pytest.mark.acceptance("CLI-21", "DEN-12")
def test_it_names_what_is_missing_and_what_it_is_needed_for(
    folder: Path, wfec: Wfec, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = folder / "tools"
    tools.mkdir()
    shell = shutil.which("sh")
    assert shell is not None
    (tools / "sh").symlink_to(shell)
    (tools / "git").write_text("#!/bin/sh\nprintf 'git version 9\\033[2J\\n'\n")
    (tools / "deno").write_text("#!/bin/sh\nexit 1\n")
    for name in ("git", "deno"):
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tools))
    hide_package(monkeypatch, "deno")
    found = findings(wfec)
    assert found["git"]["version"] == "git version 9\\x1b[2J"
    assert found["git"]["detail"].endswith(
        "/git; no executor of such steps is installed, so a run that has any is refused"
    )
    assert (found["deno"]["found"], found["deno"]["version"]) == (True, "")
    assert (found["docker"]["found"], found["docker"]["needed_for"]) == (False, "container steps, services, builds")
    assert wfec("doctor").code == 0
    assert "not found" in next(line for line in wfec("doctor").out.splitlines() if " cargo " in line)
    (tools / "deno").unlink()
    assert findings(wfec)["deno"]["detail"] == "not found; `pip install wfe[deno]` brings it"
    (tools / "sh").unlink()
    assert wfec("doctor").code == 5
    assert "MISSING  sh " in wfec("doctor").out


def test_the_deno_of_the_package_is_named_with_its_version(wfec: Wfec, deno_program: str) -> None:
    found = findings(wfec)["deno"]
    assert found["version"].startswith("deno 2.")
    assert found["detail"] == deno_program


@pytest.mark.acceptance("CLI-21")
def test_the_store_is_looked_at_and_not_made(folder: Path, wfec: Wfec) -> None:
    assert findings(wfec)["store sqlite:///.wfe/wfe.db"]["reachable"] is True
    assert os.listdir() == []
    (folder / "bad.db").write_text("this is no database, but a text that is long enough to be looked at closely")
    result = wfec("doctor", "--json", "--store", "sqlite:///bad.db")
    assert result.code == 5
    assert result.json[-1]["reachable"] is False
    assert "bad.db" in result.json[-1]["detail"]
    assert findings(wfec, "--store", "memory:")["store memory:"]["found"] is True


def test_it_says_which_build_of_the_machine_runs(wfec: Wfec) -> None:
    assert findings(wfec)["machine"]["version"] in ("compiled", "interpreted")
