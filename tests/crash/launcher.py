"""Starts ``wfec`` many times over, quickly: one process that has imported all of it, and forks for each command.

A fresh interpreter takes longer to import the command than a small pipeline takes to run. What is forked is one
thread with no event loop, no store and no file open: nothing of one command is left to the next.

``python -m tests.crash.launcher`` reads one JSON object a line, forks a command, answers its process id and, when it
has ended, its exit code (negative: the signal) and, with ``count``, how often each fault point was reached.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from collections import Counter
from pathlib import Path
from typing import Any, NoReturn

__all__ = ["Command", "Launcher", "Outcome"]

LONGEST_SECONDS = 60
PR_SET_PDEATHSIG = 1
ROOT = Path(__file__).resolve().parent.parent.parent


class Outcome:
    """How a command ended. ``code`` is negative for a signal; ``reached`` counts fault points."""

    def __init__(self, code: int, out: str, err: str, reached: dict[str, int]) -> None:
        self.code = code
        self.out = out
        self.err = err
        self.reached = reached

    @property
    def last(self) -> dict[str, Any]:
        """The last line of its JSON stream."""
        last: dict[str, Any] = json.loads(self.out.splitlines()[-1])
        return last

    def __repr__(self) -> str:
        return f"exit {self.code}\n--- out\n{self.out}\n--- err\n{self.err}"


class Command:
    """A command under way, the first of a session of its own."""

    def __init__(self, launcher: Launcher, pid: int) -> None:
        self.pid = pid
        self._launcher = launcher

    def kill(self) -> None:
        """End it as SIGKILL does, if it has not ended."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> Outcome:
        """Return how it ended. Fails where it doesn't end."""
        hung = threading.Event()

        def give_up() -> None:
            hung.set()
            os.kill(self.pid, signal.SIGKILL)

        timer = threading.Timer(LONGEST_SECONDS, give_up)
        timer.start()
        answer = self._launcher.read()
        timer.cancel()
        timer.join()
        assert not hung.is_set(), f"the command hangs: {Path(self._launcher.printed, 'out').read_text()}"
        texts = [Path(self._launcher.printed, name).read_text(errors="replace") for name in ("out", "err")]
        return Outcome(answer["code"], texts[0], texts[1], answer["reached"])


class Launcher:
    """The process that forks. A context manager. ``modules`` are what most of its commands would import late."""

    def __init__(self, *modules: str) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("WFE_")}
        path = os.pathsep.join(part for part in (str(ROOT), os.environ.get("PYTHONPATH", "")) if part)
        self.printed = tempfile.mkdtemp(prefix="launcher-")
        """Where the files are that the command prints to: not in its folder, whose disk may be full."""
        self.temporary = os.path.join(self.printed, "tmp")
        """What the commands have for TMPDIR: what they leave there, and clear away there, is theirs alone."""
        os.mkdir(self.temporary)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.launcher", *modules],
            env={**inherited, "PYTHONPATH": path, "TMPDIR": self.temporary},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Launcher:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()
        shutil.rmtree(self.printed)

    def read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def start(self, folder: Path, *argv: str, fault: str = "", count: bool = False, together: bool = False) -> Command:
        """Start ``wfec`` with these arguments; one at a time.

        ``fault`` is what WFE_FAULT would say; with ``together`` all that it prints is in ``out``, in its order.
        """
        assert self._process.stdin is not None
        asked = {
            "folder": str(folder),
            "printed": self.printed,
            "argv": argv,
            "fault": fault,
            "count": count,
            "together": together,
        }
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return Command(self, self.read()["pid"])

    def run(self, folder: Path, *argv: str, **options: Any) -> Outcome:
        """Run ``wfec`` to its end, with the options of ``start``."""
        return self.start(folder, *argv, **options).wait()


def serve() -> None:
    """Be the process that forks."""
    # All that a command imports late, so that no fork does it again.
    import uvloop  # noqa: F401 - imported before the fork

    import wfe_runtime.cli.main
    import wfe_runtime.cli.resume
    import wfe_runtime.cli.run
    import wfe_runtime.executors.shell
    import wfe_runtime.providers.sqlite  # noqa: F401 - likewise

    for module in sys.argv[1:]:
        importlib.import_module(module)
    _end_with_parent()
    for line in sys.stdin:
        asked = json.loads(line)
        counts_read, counts_write = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(counts_read)
            _be_command(asked, counts_write)
        os.close(counts_write)
        print(json.dumps({"pid": pid}), flush=True)
        with os.fdopen(counts_read, encoding="ascii") as counts:
            told = counts.read()
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        print(json.dumps({"code": code, "reached": json.loads(told or "{}")}), flush=True)


def _end_with_parent() -> None:
    """Have the kernel end this process with the one that started it: a test that was killed leaves nothing behind."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _be_command(asked: dict[str, Any], counts: int) -> NoReturn:
    from wfe_runtime import faults
    from wfe_runtime.cli.main import run

    code = 70
    try:
        _end_with_parent()
        os.setsid()
        os.chdir(asked["folder"])
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for number, name in ((1, "out"), (2, "err")):
            path = os.path.join(asked["printed"], name)
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
        if asked["together"]:
            os.dup2(1, 2)
        os.set_inheritable(counts, False)
        reached: Counter[str] = Counter()
        if asked["count"]:
            faults.arm("none:1")
            faults.reach = lambda name: reached.update((name,))
        else:
            faults.arm(asked["fault"])
        code = run(asked["argv"])
        os.write(counts, json.dumps(reached).encode())
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


if __name__ == "__main__":
    serve()
