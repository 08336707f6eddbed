"""The live view, on a terminal of its own."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from .conftest import environment
from .files import FAMILY, FLAKY, SLOW, write


class Terminal:
    """A command on a terminal of some size, and what it has written there."""

    def __init__(
        self, folder: Path, *argv: str, columns: int = 80, lines: int = 24, variables: dict[str, str] | None = None
    ) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "wfe_runtime", *argv],
            cwd=folder,
            env=environment(**{"TERM": "xterm", "PYTHONUTF8": "1", **(variables or {})}),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self.seen = ""

    def read(self, until: str | None = None) -> str:
        """Read up to a text, or to the end; fails after a minute without anything new."""
        while until is None or until not in self.seen:
            assert select.select([self.master], [], [], 60)[0], self.seen
            try:
                data = os.read(self.master, 65536)
            except OSError:
                data = b""
            if not data:
                assert until is None, self.seen
                break
            self.seen += data.decode("utf-8", "replace")
        return self.seen

    def finish(self) -> tuple[int, str]:
        """Return exit code and all that was written."""
        self.read()
        os.close(self.master)
        return self.process.wait(60), self.seen


def test_a_terminal_gets_a_live_tree_that_stays_with_outputs_below(folder: Path) -> None:
    terminal = Terminal(folder, "run", write(folder, FAMILY))
    code, seen = terminal.finish()
    assert code == 0
    assert "\x1b[?25l" in seen
    assert seen.rindex("\x1b[?25h") > seen.rindex("\x1b[?25l")
    last = seen[seen.rindex("main-1 (main 1)") :]
    assert "✓" in last
    assert "work" in last
    assert "total: 2" in last


def test_the_live_view_shows_the_tail_of_what_a_running_step_prints_and_leaves_the_cursor_on(folder: Path) -> None:
    terminal = Terminal(folder, "run", write(folder, SLOW), "--name", "slow")
    terminal.read(until="| waiting")
    terminal.process.send_signal(signal.SIGINT)
    code, seen = terminal.finish()
    assert code == 130
    assert "wfec resume slow" in seen
    assert seen.rindex("\x1b[?25h") > seen.rindex("\x1b[?25l")


@pytest.mark.acceptance("CLI-13")
@pytest.mark.parametrize("how", ["--plain", "NO_COLOR", "CI", "TERM"])
def test_plain_lines_are_printed_on_a_terminal_where_they_are_asked_for(folder: Path, how: str) -> None:
    write(folder, FLAKY)
    flags = ["--plain"] if how == "--plain" else []
    variables = {} if flags else {how: "dumb" if how == "TERM" else "1"}
    code, seen = Terminal(folder, "run", "file.yaml", *flags, variables=variables).finish()
    assert code == 1
    assert "\x1b" not in seen
    assert "deliver | no such parcel" in seen


@pytest.mark.acceptance("CLI-22")
@pytest.mark.parametrize(("columns", "lines"), [(20, 5), (1, 1), (0, 0)])
def test_a_tiny_terminal_is_no_reason_for_a_traceback(folder: Path, columns: int, lines: int) -> None:
    terminal = Terminal(folder, "run", write(folder, FAMILY), columns=columns, lines=lines)
    code, seen = terminal.finish()
    assert code == 0
    assert "Traceback" not in seen


@pytest.mark.acceptance("CLI-16", "SEC-05")
def test_binary_output_does_not_disturb_the_terminal(folder: Path) -> None:
    script = r"printf '\033]0;t\007\000\377x\n'"
    head = "workflow:\n  id: w\n  version: 1\n  steps:\n    - name: s\n      config:\n        run: |\n"
    text = f"{head}          {script}\n"
    code, seen = Terminal(folder, "run", write(folder, text), "--name", "w").finish()
    assert code == 0
    assert "\x07" not in seen
    assert "\x1b]0" not in seen
    code, seen = Terminal(folder, "logs", "w", "s").finish()
    assert code == 0
    assert "\x1b" not in seen
    assert "\\x1b]0;t\\x07\\x00" in seen
