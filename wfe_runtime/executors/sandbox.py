"""The sandbox of a shell step: what ``sandbox`` asks for, whether this host can keep it, and the command line for it.

Owns the key's meaning. Rights are taken away by ``sandbox_launcher`` in the step's own process, limits kept by
``cgroups``.

Rules:

1. What is asked for and can't be enforced is an error of the step, before its script has begun.
2. What is not asked for is not restricted.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

from wfe_vm.values import describe

from .cgroups import ControlGroup, group_problem
from .container_options import memory_bytes
from .problems import TaskProblem

__all__ = ["SANDBOX_KEYS", "Sandbox", "sandbox_problem"]

SANDBOX_KEYS: Final = ("net", "write", "memory", "pids")
_LAUNCHER: Final = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sandbox_launcher.py")
_PROBE_S: Final = 10.0
FAILED: Final = 125


class Sandbox:
    """The sandbox of one attempt. Await ``close`` once all that the step started has ended."""

    def __init__(self, wanted: Mapping[str, Any], folder: str, own_files: Sequence[str], status: str) -> None:
        """``wanted`` is the key's value; relative paths lie in ``folder``. ``own_files`` can be written in any case;
        ``status`` is the file where the launcher says what failed.

        Raises TaskProblem: ``type`` for what can't be read, ``executor`` for what this host can't enforce.
        """
        unknown = sorted(wanted.keys() - set(SANDBOX_KEYS))
        if unknown:
            raise TaskProblem("type", f"`sandbox` has no key {unknown[0]}", field="sandbox")
        self._group = ControlGroup()
        self._status = status
        self._memory = wanted.get("memory")
        net = None if wanted.get("net") is None else str(wanted["net"]).lower() != "false"
        for key in SANDBOX_KEYS:
            if wanted.get(key) is not None and not (key == "net" and net):
                problem = sandbox_problem(key)
                if problem:
                    raise TaskProblem("executor", f"this host can't keep `sandbox.{key}`: {problem}", field="sandbox")
        write = None if wanted.get("write") is None else [*_paths(wanted["write"], folder), *own_files, status]
        try:
            if self._memory is not None:
                self._group.limit("memory", memory_bytes(str(self._memory)))
            if wanted.get("pids") is not None:
                self._group.limit("pids", _count(wanted["pids"]))
        except OSError as error:
            self._group.remove()
            raise TaskProblem("executor", f"this host can't keep the limits of `sandbox`: {error}") from error
        except TaskProblem:
            self._group.remove()
            raise
        self._spec = {"net": net, "write": write, "groups": self._group.entrances(), "status": status}

    def around(self, command: Sequence[str | bytes]) -> list[str | bytes]:
        """Return the command line that runs a command in the sandbox."""
        return [sys.executable, "-I", "-S", _LAUNCHER, json.dumps(self._spec), *command]

    def problem(self, exit_code: int | None) -> TaskProblem | None:
        """Return why the sandbox could not be made, if that is why the step has ended."""
        if exit_code != FAILED:
            return None
        with contextlib.suppress(OSError), open(self._status, encoding="utf-8", errors="replace") as file:
            reason = file.read(4096)
            if reason:
                return TaskProblem("executor", f"the step could not be begun in its sandbox: {reason}")
        return None

    def note(self) -> str:
        """Return what is to be added to the error of a step that was killed."""
        if not self._group.ran_out_of_memory():
            return ""
        return f": it ran out of memory, its limit is {self._memory}"

    async def close(self) -> None:
        """Remove what the sandbox took on the host."""
        await self._group.close()


@cache
def sandbox_problem(key: str) -> str:
    """Say why this host can't enforce a key of ``sandbox``; an empty text where it can. Found out once, by trying."""
    if key in ("memory", "pids"):
        return group_problem(key)
    spec: dict[str, Any] = {"net": None, "write": None, "groups": [], "status": "/dev/stderr"}
    spec[key] = False if key == "net" else []
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", _LAUNCHER, json.dumps(spec)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=_PROBE_S,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return f"it can't be tried: {error}"
    if done.returncode == 0:
        return ""
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else f"trying it ended with code {done.returncode}"


def _paths(value: Any, folder: str) -> list[str]:
    if type(value) is not list or not all(type(path) is str for path in value):
        raise TaskProblem("type", f"`sandbox.write` is a list of paths, not {describe(value)}", field="sandbox")
    paths = [os.path.normpath(os.path.join(folder, path)) for path in value]
    for path in paths:
        if not os.path.exists(path):
            raise TaskProblem("executor", f"`sandbox.write` names {path}, which does not exist", file=path)
    return paths


def _count(value: Any) -> int:
    try:
        count = int(value)
    except (TypeError, ValueError):
        count = 0
    if count < 1:
        raise TaskProblem("type", f"`sandbox.pids` is a number from 1 on, not {describe(value)}", field="sandbox")
    return count
