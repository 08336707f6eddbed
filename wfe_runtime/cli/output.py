"""Where a command prints: standard output and error, on any terminal, pipe and locale.

Rules:

1. A reader that has gone ends the printing and nothing else: a run goes on, no traceback is shown.
2. What the locale's encoding lacks is written out (``\\u2026``), never a reason to stop.
3. What can't be written for another reason (a full disk behind a redirection) is told once on standard error. It
   ends a command that only prints, and does not end a run.
4. A command that follows a run prints through ``Writer``: a reader that is slow, or a terminal that was
   halted, must not hold up the event loop that renews the run's lease.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
import threading
from collections import deque
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

from .exits import MISSING, CommandError

__all__ = [
    "Writer",
    "is_terminal",
    "print_at_once",
    "print_bytes",
    "print_error",
    "print_line",
    "print_lines",
    "steady_streams",
]

MOST_HELD: Final = 16 << 20
"""Bytes held for a slow reader; beyond it the command waits for it after all, to stay within memory."""


def steady_streams() -> None:
    """Make the standard streams take any text, and be there even where the caller closed them."""
    # A store or a socket must not get one of their numbers: SQLite and libuv refuse that, the latter by abort().
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
    for name in ("stdout", "stderr"):
        stream: Any = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - for the process's life
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def is_terminal(stream: Any) -> bool:
    """Say whether a stream is a terminal; a closed one is none."""
    try:
        return bool(stream.isatty())
    except (AttributeError, ValueError):
        return False


def print_line(text: str = "") -> None:
    """Print a line on standard output."""
    print_lines((text,))


def print_lines(lines: Any) -> None:
    """Print lines on standard output. A reader that has gone is not an error. Raises CommandError as ``_printing``."""
    with _printing():
        for line in lines:
            sys.stdout.write(line)
            sys.stdout.write("\n")
        sys.stdout.flush()


def print_bytes(data: bytes) -> None:
    """Put bytes on standard output as they are. Raises CommandError as ``_printing``."""
    with _printing():
        sys.stdout.flush()
        buffer = getattr(sys.stdout, "buffer", None)
        if buffer is None:
            sys.stdout.write(data.decode("utf-8", "replace"))
        else:
            buffer.write(data)
        sys.stdout.flush()


@contextlib.contextmanager
def _printing() -> Iterator[None]:
    """Print on standard output here. Raises CommandError (exit 5) where it can't be written, though somebody reads."""
    try:
        yield
    except BrokenPipeError:
        silence(sys.stdout)
    except OSError as error:
        silence(sys.stdout)
        raise CommandError(
            f"standard output can't be written: {error.strerror}", "what was printed so far is incomplete", MISSING
        ) from None


def print_error(text: str) -> None:
    """Print a line on standard error, after what was printed on standard output."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    try:
        sys.stderr.write(text)
        sys.stderr.write("\n")
        sys.stderr.flush()
    except OSError:  # gone, or full: there is no place left to say so
        silence(sys.stderr)


def print_at_once(text: str) -> None:
    """Print a line on standard error if that takes no wait: the process is about to end."""
    with contextlib.suppress(OSError, ValueError):
        descriptor = sys.stderr.fileno()
        if select.select((), (descriptor,), (), 0)[1]:
            os.write(descriptor, text.encode(errors="backslashreplace") + b"\n")


def silence(stream: Any) -> None:
    """Let all further output of a stream vanish, what it still holds too."""
    try:
        descriptor = stream.fileno()
    except (AttributeError, OSError, ValueError):
        return
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, descriptor)
    finally:
        os.close(null)


class Writer:
    """Prints on standard output from a thread of its own, in order."""

    def __init__(self) -> None:
        sys.stdout.flush()
        self._stream: Any = sys.stdout
        self._buffer: BinaryIO | None = getattr(sys.stdout, "buffer", None)
        self._encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        self._pending: deque[bytes] = deque()
        self._held = 0
        self._closing = False
        self._trouble = ""
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._write_forever, name="wfe-output", daemon=True)
        self._thread.start()

    def line(self, text: str) -> None:
        """Print a line of text, in the locale's encoding."""
        self.data(text.encode(self._encoding, "backslashreplace") + b"\n")

    def data(self, data: bytes) -> None:
        """Print bytes as they are."""
        with self._changed:
            while self._held > MOST_HELD and self._thread.is_alive():
                self._changed.wait(1.0)
            self._pending.append(data)
            self._held += len(data)
            self._changed.notify_all()

    def close(self) -> None:
        """Return once all is printed, and tell on standard error if that could not be done. Repeatable."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()
        if self._trouble:
            print_error(f"wfec: standard output could not be written: {self._trouble}")
            print_error("  what was printed there is incomplete; the run went on, and its store has all of it")
            self._trouble = ""

    def flush(self) -> None:
        """Return once all that was given is printed."""
        with self._changed:
            while self._held and self._thread.is_alive():
                self._changed.wait(1.0)

    def _write_forever(self) -> None:
        while True:
            with self._changed:
                while not self._pending:
                    if self._closing:
                        return
                    self._changed.wait()
                taken = b"".join(self._pending)
                self._pending.clear()
            try:
                if self._buffer is None:
                    self._stream.write(taken.decode(self._encoding, "replace"))
                else:
                    self._buffer.write(taken)
                self._stream.flush()
            except BrokenPipeError:
                silence(self._stream)
            except OSError as error:  # a full disk behind a redirection must not end the run
                self._trouble = error.strerror or str(error)
            except ValueError:
                pass  # it was closed under us
            with self._changed:
                self._held -= len(taken)
                self._changed.notify_all()
