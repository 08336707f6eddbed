"""See what is installed here and what is missing for what: Python, the machine, tools, the store.

Exits with 5 if something is missing that every run needs. Creates nothing; programs are only asked for
their version.
"""

from __future__ import annotations

import argparse
import importlib.machinery
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import msgspec

from ..errors import WfeError
from ..executors.deno_home import find_deno
from ..settings import Settings
from .exits import MISSING, SUCCEEDED
from .options import add_store_option, settings_of
from .output import print_line, print_lines
from .stores import file_of, is_absent, keeps_runs, open_for_reading, run_loop
from .texts import clip, harmless, to_json, to_table

__all__ = ["add_arguments", "execute"]

EXAMPLES = """
wfec doctor
wfec doctor --json --store sqlite:///runs.db
"""

PATIENCE_SECONDS: Final = 5.0
LONGEST_VERSION: Final = 60


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked for. ``reachable`` is None where there is nothing to reach."""

    name: str
    found: bool
    version: str
    needed_for: str
    required: bool = False
    reachable: bool | None = None
    detail: str = ""


class Tool(msgspec.Struct, frozen=True):
    """A program on PATH. ``reach`` are the arguments that ask the service behind it."""

    name: str
    needed_for: str
    arguments: tuple[str, ...] = ("--version",)
    required: bool = False
    reach: tuple[str, ...] = ()


TOOLS: Final = (
    Tool("sh", "shell steps", (), required=True),
    Tool("bash", "shell steps with shell: bash"),
    Tool("docker", "container steps, services, builds", reach=("version", "--format", "{{.Server.Version}}")),
    Tool("podman", "container steps", reach=("version", "--format", "{{.Client.Version}}")),
    Tool("nerdctl", "container steps", reach=("version", "--format", "{{.Client.Version}}")),
    Tool("buildctl", "buildkit steps with buildkit_addr"),
    Tool("kubectl", "kubernetes steps, which are checked and not run yet", ("version", "--client")),
    Tool("git", "git-repo steps, which are checked and not run yet"),
    Tool("cargo", "cargo steps, which are checked and not run yet"),
    Tool("rustup", "rustup steps, which are checked and not run yet"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print a JSON list with an object for each thing")
    add_store_option(parser)


def execute(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    with ThreadPoolExecutor(len(TOOLS)) as pool:
        tools = pool.map(_look_for, TOOLS)
        findings = [_python(), _machine(), _uvloop(), _sqlite(), _deno(), *tools, *_sandbox(), _store(settings)]
    if arguments.json:
        print_line(to_json([msgspec.to_builtins(finding) for finding in findings]))
    else:
        print_lines(to_table(("", "what", "version", "needed for", "note"), [*map(_cells, findings)]))
    broken = any(finding.required and (not finding.found or finding.reachable is False) for finding in findings)
    return MISSING if broken else SUCCEEDED


def _cells(finding: Finding) -> tuple[str, ...]:
    sign = "ok" if finding.found and finding.reachable is not False else "MISSING" if finding.required else "-"
    note = finding.detail or ("" if finding.found else "not found")
    return sign, finding.name, finding.version, finding.needed_for, note


def _python() -> Finding:
    return Finding(
        "python",
        True,
        platform.python_version(),
        "everything",
        True,
        detail=f"{platform.python_implementation()}, {sys.executable}",
    )


def _machine() -> Finding:
    spec = importlib.util.find_spec("wfe_vm.machine")
    origin = "" if spec is None else spec.origin or ""
    compiled = origin.endswith(tuple(importlib.machinery.EXTENSION_SUFFIXES))
    detail = "" if compiled else "slower, but the same; install with a C compiler to have it compiled"
    return Finding("machine", True, "compiled" if compiled else "interpreted", "everything", True, detail=detail)


def _uvloop() -> Finding:
    if importlib.util.find_spec("uvloop") is None:
        return Finding("uvloop", False, "", "a faster event loop", detail="asyncio's own is used")
    return Finding("uvloop", True, importlib.metadata.version("uvloop"), "a faster event loop")


def _sqlite() -> Finding:
    return Finding("sqlite", True, sqlite3.sqlite_version, "sqlite: stores", True)


def _deno() -> Finding:
    path = find_deno()
    if path is None:
        return Finding("deno", False, "", "deno steps", detail="not found; `pip install wfe[deno]` brings it")
    return Finding("deno", True, _ask([path, "--version"]) or "", "deno steps", detail=path)


def _sandbox() -> list[Finding]:
    """Say, key by key, what the sandbox of a shell step can be asked for here. It is tried, and nothing is left."""
    from ..executors.sandbox import SANDBOX_KEYS, sandbox_problem

    found = ((key, sandbox_problem(key)) for key in SANDBOX_KEYS)
    return [
        Finding(f"sandbox {key}", not problem, "", f"shell steps with sandbox: {{{key}: …}}", detail=problem)
        for key, problem in found
    ]


def _look_for(tool: Tool) -> Finding:
    path = shutil.which(tool.name)
    if path is None:
        return Finding(tool.name, False, "", tool.needed_for, tool.required)
    version = _ask([path, *tool.arguments]) if tool.arguments else ""
    reachable: bool | None = None
    detail = path
    if tool.reach:
        reachable = _ask([path, *tool.reach]) is not None
        if not reachable:
            detail = f"{path} is there, but its service does not answer"
    return Finding(tool.name, True, version or "", tool.needed_for, tool.required, reachable, detail)


def _ask(command: Sequence[str]) -> str | None:
    """Return the first line that a program prints, None if it fails or takes too long."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=PATIENCE_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    return clip(harmless(lines[0].strip()), LONGEST_VERSION) if lines else ""


def _store(settings: Settings) -> Finding:
    """Look at the store without making one."""
    name = f"store {settings.store}"
    needed = "keeping runs"
    if not keeps_runs(settings.store):
        return Finding(name, True, "", needed, True, True, "runs end with the command that starts them")
    try:
        if is_absent(settings.store):
            return _store_to_be(name, needed, file_of(settings.store) or "")

        async def look() -> int:
            async with open_for_reading(settings):
                return SUCCEEDED

        run_loop(look())
    except WfeError as error:
        hint = f"; {error.hint}" if error.hint else ""
        return Finding(name, True, "", needed, True, False, f"{error.message}{hint}")
    return Finding(name, True, "", needed, True, True, "reachable")


def _store_to_be(name: str, needed: str, path: str) -> Finding:
    folder = os.path.dirname(path)
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    if os.access(folder, os.W_OK | os.X_OK):
        return Finding(name, True, "", needed, True, True, "not there yet; the first run makes it")
    return Finding(name, False, "", needed, True, False, f"can't be made: the folder {folder} is not writable")
