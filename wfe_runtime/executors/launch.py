"""Starting processes: Popen with a pidfd, and what all of an engine's processes share.

Rules:

1. No ``preexec_fn``: with one, Popen would fork instead of vfork, and the cost of a start would grow with the
   engine's memory. No thread but where a process is to have fewer rights than we: see ``confine``.
2. A process is the first of a session and group of its own, reads nothing (end of file at once), and its
   environment carries a tag by which its descendants are found.
3. If this process is killed, the kernel kills the group. Each group holds the read end of a pipe, the leash,
   whose only write end is here; it is set to signal the group with SIGKILL (``O_ASYNC``) when that end
   closes. So a step does not outlive its engine. A descendant in a session of its own may, and one that a
   killed engine had started less than a moment ago.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from .process import OutputCallback, RunningProcess
from .shell_command import find_program

__all__ = ["TAG_NAME", "Launcher"]

TAG_NAME: Final = "WFE_PROCESS_TAG"
"""Marks the environment of all that a step starts; the value is unique to the attempt."""

_LEASH_NUMBER: Final = 64  # where a leash's descriptors begin, out of the way of a script's own 3, 4 …


class Launcher:
    """Starts processes; keeps what all of them share. Belongs to one event loop's thread."""

    def __init__(self) -> None:
        self._null = -1
        self._leash_read = -1
        self._leash_write = -1
        self._leash = -1  # of the process that is started next
        self._tag_prefix = os.urandom(8).hex()
        self._count = 0
        self._places: dict[tuple[str | bytes, bytes], str] = {}  # program and PATH -> where it was found

    def start(
        self,
        arguments: Sequence[str | bytes],
        environment: Mapping[str, bytes],
        folder: str,
        on_output: OutputCallback,
        confine: Callable[[], None] | None = None,
        alone: bool = False,
    ) -> RunningProcess:
        """Start a process in ``folder``, with no input and exactly this environment (and a tag).

        ``confine`` takes rights from the thread that calls it; the process is then started by a thread of that
        kind, and so has them no more either. ``alone`` is as for RunningProcess.

        ``on_output`` is called with ``stdout`` or ``stderr`` and bytes, on the event loop; if it returns
        true, reading stops until ``resume``. Raises OSError or ValueError as Popen does.
        """
        self._open()
        self._count += 1
        tag = f"{self._tag_prefix}-{self._count}".encode()
        descriptors: list[int] = []
        try:
            if self._leash < 0:
                self._leash = self._new_leash()
            leash = self._leash
            out_read, out_write = os.pipe()
            descriptors += (out_read, out_write)
            error_read, error_write = os.pipe()
            descriptors += (error_read, error_write)
            popen = self._popen(
                arguments,
                stdin=self._null,
                stdout=out_write,
                stderr=error_write,
                env={**environment, TAG_NAME: tag},
                cwd=folder,
                confine=confine,
                start_new_session=True,
                pass_fds=(leash,),
            )
            self._leash = -1
            descriptors.append(leash)
            try:
                fcntl.fcntl(leash, fcntl.F_SETOWN, -popen.pid)
                handle = os.pidfd_open(popen.pid)
            except BaseException:
                os.killpg(popen.pid, signal.SIGKILL)
                popen.wait()
                raise
        except BaseException:
            for descriptor in descriptors:
                os.close(descriptor)
            raise
        os.close(leash)
        os.close(out_write)
        os.close(error_write)
        with contextlib.suppress(OSError):  # too many open files, which the next start can tell of
            self._leash = self._new_leash()  # while this process does its work
        marked = TAG_NAME.encode() + b"=" + tag
        return RunningProcess(popen, handle, {"stdout": out_read, "stderr": error_read}, marked, on_output, alone)

    def close(self) -> None:
        """Let go of what is shared. Repeatable. A process that still runs is killed by this."""
        for descriptor in (self._null, self._leash, self._leash_read, self._leash_write):
            if descriptor >= 0:
                os.close(descriptor)
        self._null = self._leash = self._leash_read = self._leash_write = -1

    def _popen(
        self, arguments: Sequence[str | bytes], confine: Callable[[], None] | None, **options: Any
    ) -> subprocess.Popen[bytes]:
        """Start a process with its program's place remembered: trying a PATH's folders costs an exec each."""
        if confine is not None:
            return _popen_confined(confine, arguments, options)
        program, path = arguments[0], options["env"].get("PATH", b"")
        place = self._places.get((program, path))
        if place is None:
            place = _absolute_place(os.fsdecode(program), os.fsdecode(path))
            if place is None:
                return subprocess.Popen(arguments, **options)
            self._places[program, path] = place
        try:
            return subprocess.Popen(arguments, executable=place, **options)
        except OSError:
            # It may have been moved or replaced since; what the error says should not be of what was.
            del self._places[program, path]
            return subprocess.Popen(arguments, **options)

    def _open(self) -> None:
        if self._null < 0:
            self._null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        if self._leash_write < 0:
            self._leash_read, self._leash_write = os.pipe()

    def _new_leash(self) -> int:
        """Return a read end of the leash with owner and signal of its own, which a new opening gives it."""
        opened = os.open(f"/proc/self/fd/{self._leash_read}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            leash = fcntl.fcntl(opened, fcntl.F_DUPFD_CLOEXEC, _LEASH_NUMBER)
            fcntl.fcntl(leash, fcntl.F_SETSIG, signal.SIGKILL)
            fcntl.fcntl(leash, fcntl.F_SETFL, os.O_NONBLOCK | fcntl.FASYNC)
        finally:
            os.close(opened)
        return leash


def _popen_confined(
    confine: Callable[[], None], arguments: Sequence[str | bytes], options: dict[str, Any]
) -> subprocess.Popen[bytes]:
    """Start a process from a thread that has given up rights: on Linux they are a thread's, and inherited."""
    found: list[subprocess.Popen[bytes]] = []
    errors: list[BaseException] = []

    def start() -> None:
        try:
            confine()
            found.append(subprocess.Popen(arguments, **options))
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=start, name="wfe-confined-start")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return found[0]


def _absolute_place(program: str, path: str) -> str | None:
    """Return where a program is; None if that depends on the folder it is started in, or it is nowhere."""
    place = None if "/" in program else find_program(program, path)
    return place if place is not None and all(map(os.path.isabs, path.split(os.pathsep))) else None
