"""One Deno process: started with its permissions and limits, given scripts one after another, ended.

Owns the private folder's layout, the channel to ``deno_boot.js``, and the limits. What a script is and what its
end means is ``deno``'s; which process serves whom is ``deno_pool``'s.

What holds:

1. The channel is a socket that the boot module opened before any script was there. Frames are bounded, and an
   answer counts only with the number drawn for its request; anything else ends the process.
2. Memory: V8's own limit for the heap, the kernel's (RLIMIT_DATA) for all of it from where a fresh process stands,
   and a look at what is resident while a script runs. Time of the processor: RLIMIT_CPU, for a host that is itself
   held up at the deadline. Threads and processes: the same look.
3. Between scripts the process is stopped: nothing of it runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import math
import os
import resource
import signal as signals
import socket
import struct
import time
from collections.abc import Callable
from typing import Any, Final

import msgspec

from .deno_home import Place
from .deno_modules import module_sources
from .deno_permissions import Grants
from .launch import Launcher
from .outputs import MARKERS_BYTES, Tail
from .problems import TaskProblem
from .process import RunningProcess

__all__ = ["Answer", "DenoProcess"]

BOOT: Final = os.path.join(os.path.dirname(os.path.abspath(__file__)), "deno_boot.js")
FIXED_FLAGS: Final = (
    "--no-prompt", "--quiet", "--no-config", "--no-check", "--no-code-cache", "--node-modules-dir=none",
)  # fmt: skip
ENVIRONMENT: Final = {"DENO_NO_PROMPT": b"1", "DENO_NO_UPDATE_CHECK": b"1", "NO_COLOR": b"1"}

REHEARSAL: Final[dict[str, Any]] = {
    "inputs": '{"n":1}',
    "script": "const n: number = await Promise.resolve(inputs().n);\noutput('n', n);\n",
    "media": "application/typescript",
    "title": "rehearsal.ts",
    "folder": "/",
    "file": None,
    "folder_url": "",
}
"""What ``call`` sends, for a script that needs what nearly all need: to be loaded, to read, to wait, to answer."""

ANSWER_BYTES: Final = MARKERS_BYTES + 65536
"""Of one answer: all outputs of a step together, as with what a shell step prints."""

START_SECONDS: Final = 60.0
LOOK_SECONDS: Final = 0.1  # between looks at memory and threads of a running script
OWN_MEMORY: Final = 128 << 20  # what the runtime itself may come to take over a fresh process
MOST_THREADS: Final = 64
OPEN_FILES: Final = 512
FILE_SIZE: Final = 64 << 20  # of Deno's own caches, where a script may write nothing
STDERR_BYTES: Final = 4 * 1024


class Answer(msgspec.Struct):
    """What the boot module tells of a script: ``outputs``, or the ``error`` it ended with."""

    nonce: str
    outputs: dict[str, Any] | None = None
    error: dict[str, str] | None = None


class DenoProcess:
    """A process. Await ``start``, then ``call`` any number of times; at last ``stop`` or ``close``."""

    def __init__(self, grants: Grants) -> None:
        self.grants: Final = grants
        self.started: Final = time.monotonic()
        self.calls = 0
        self.stderr = Tail(STDERR_BYTES)
        self._process: RunningProcess | None = None
        self._listener: socket.socket | None = None
        self._channel: socket.socket | None = None
        self._received = bytearray()
        self._frames: list[bytes] = []
        self._problem: TaskProblem | None = None
        self._take: Callable[[str, bytes], bool] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._resident = 0
        self._loop = asyncio.get_running_loop()

    @property
    def ended(self) -> bool:
        """Whether the process is gone or can't be used any more."""
        return self._process is None or self._process.ended or self._problem is not None

    @property
    def exit_code(self) -> int | None:
        """The code it exited with, once ``finish`` was awaited."""
        return None if self._process is None else self._process.exit_code

    @property
    def signal(self) -> int | None:
        """The signal that ended it, once ``finish`` was awaited."""
        return None if self._process is None else self._process.signal

    def resident(self) -> int:
        """Return how many bytes it holds over those of a fresh one."""
        return _status_of(self._id)["VmRSS"] - self._resident

    async def start(
        self, launcher: Launcher, program: str, place: Place, folder: str, code: str | None, extra: tuple[str, ...] = ()
    ) -> None:
        """Start it in ``folder``. ``place`` are its private folders; ``code`` is a script's own in them.

        Raises TaskProblem ``executor`` where it can't be started; nothing is left then.
        """
        path = os.path.join(place.home, "s")
        if len(os.fsencode(path)) > 100:
            raise TaskProblem("executor", f"the folder {place.home} has too long a name for a socket in it; set TMPDIR")
        arguments = [program, "run", *FIXED_FLAGS, *self.grants.flags(path, code), *(extra or ("--no-lock",))]
        environment = {name: os.fsencode(value) for name, value in self.grants.env}
        if self.grants.modules or self.grants.imports:
            environment |= module_sources()
        elif not self.grants.names:
            # Else Deno asks the user's data base for it, which loads half a dozen libraries.
            environment.setdefault("HOME", os.fsencode(place.home))
        environment |= ENVIRONMENT | {"DENO_DIR": os.fsencode(place.dir)}
        confinement = self.grants.confinement(place, _runtime(program))
        try:
            self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            self._listener.bind(path)
            self._listener.listen(1)
            self._loop.add_reader(self._listener, self._on_connection)
            self._process = launcher.start(
                [*arguments, BOOT, path],
                environment,
                folder,
                self._on_output,
                None if confinement is None else confinement.apply,
                alone=not self.grants.run,
            )
            self._limit(resource.RLIMIT_CORE, 0)
            self._limit(resource.RLIMIT_NOFILE, OPEN_FILES)
            if not self.grants.write and not self.grants.run and not self.grants.imports:
                self._limit(resource.RLIMIT_FSIZE, FILE_SIZE)
            await self._greeted()
            with contextlib.suppress(OSError):
                os.unlink(path)
            status = _status_of(self._id)
            self._resident = status["VmRSS"]
            if not self.grants.run:
                self._limit(resource.RLIMIT_DATA, status["VmData"] + self.grants.memory + OWN_MEMORY)
        except OSError as error:
            await self.stop()
            raise TaskProblem("executor", f"can't start {program}: {error.strerror or error}") from error
        except BaseException:
            await self.stop()
            raise

    async def call(
        self, request: dict[str, Any], take: Callable[[str, bytes], bool], drain: Callable[[], Any], timeout_ms: int
    ) -> Answer | None:
        """Have a script run and return how it ended; None if the process ended instead: await ``finish`` then.

        ``take`` gets what is printed and says whether it has enough for now; ``drain`` is awaited then. Raises
        TaskProblem where a limit or the channel was not kept. Whatever is raised: ``stop`` comes next.
        """
        process = self._running
        nonce = os.urandom(16).hex()
        self.calls += 1
        self.stderr = Tail(STDERR_BYTES)
        self._take = take
        if timeout_ms:
            self._limit_time(timeout_ms)
        self._timer = self._loop.call_later(LOOK_SECONDS, self._look)
        try:
            body = msgspec.json.encode({"nonce": nonce, **request})
            self._signal(signals.SIGCONT)
            with contextlib.suppress(ConnectionError):  # it has ended, which is seen below
                await self._send(struct.pack("!I", len(body)) + body)
            while not self._frames and not process.ended:
                await process.wait()
                if process.paused:
                    await drain()
                    process.resume()
                if self._problem is not None:
                    raise self._problem
            if not self._frames:
                return None
            process.read_waiting()
            return self._read(self._frames.pop(), nonce)
        finally:
            self._timer.cancel()
            self._take = None

    async def rehearse(self) -> None:
        """Run a script of ours, so that the first one of a step finds all loaded. Raises TaskProblem if it fails."""
        answer = await self.call(REHEARSAL, lambda stream, data: False, lambda: None, 0)
        if answer is None or answer.outputs != {"n": 1}:
            raise TaskProblem("executor", "a script of ours does not run in Deno", stderr=self.stderr.text())
        self._resident = _status_of(self._id)["VmRSS"]

    def rest(self) -> None:
        """Have nothing of the process run until the next call. What has said more than its answer is no more used."""
        self._signal(signals.SIGSTOP)
        if self._frames or self._received:
            self._problem = TaskProblem("executor", "the script has written to the channel after its end")

    async def finish(self) -> None:
        """After its end: take its last output and its status."""
        self._disconnect()
        await self._running.finish()

    async def stop(self) -> None:
        """Kill it and all it started, and return when they are gone."""
        self._disconnect()
        if self._process is not None:
            self._signal(signals.SIGKILL)
            await self._process.stop(0.0)

    def close(self) -> None:
        """Kill it at once. Repeatable."""
        self._disconnect()
        if self._process is not None:
            self._process.close()

    # The channel

    async def _send(self, frame: bytes) -> None:
        assert self._channel is not None
        try:
            sent = self._channel.send(frame)
        except BlockingIOError:
            sent = 0
        if sent < len(frame):
            await self._loop.sock_sendall(self._channel, memoryview(frame)[sent:])

    async def _greeted(self) -> None:
        process = self._running
        timer = self._loop.call_later(START_SECONDS, self._give_up)
        try:
            while not self._frames and not process.ended and self._problem is None:
                await process.wait()
        finally:
            timer.cancel()
        if self._problem is not None:
            raise self._problem
        if not self._frames:
            await process.finish()
            raise TaskProblem("executor", "Deno could not be started", stderr=self.stderr.text())
        if self._frames.pop() != b'{"hello":%d}' % process.id:
            raise TaskProblem("executor", "what was started is no Deno that this version knows")

    def _give_up(self) -> None:
        self._fail(TaskProblem("executor", f"Deno did not start within {START_SECONDS:.0f} s"))

    def _on_connection(self) -> None:
        assert self._listener is not None
        try:
            channel, _ = self._listener.accept()
        except OSError:
            return
        credentials = channel.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        if self._process is None or struct.unpack("3i", credentials)[0] != self._process.id:
            channel.close()  # somebody else's: this user's other programs may reach the folder
            return
        self._loop.remove_reader(self._listener)
        self._listener.close()
        self._listener = None
        channel.setblocking(False)
        self._channel = channel
        self._loop.add_reader(channel, self._on_frame)

    def _on_frame(self) -> None:
        assert self._channel is not None
        try:
            data = self._channel.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._loop.remove_reader(self._channel)  # its end is told by the process's own
            return
        self._received += data
        while len(self._received) >= 4 and self._problem is None:
            length = int.from_bytes(self._received[:4], "big")
            if length > ANSWER_BYTES:
                self._fail(
                    TaskProblem(
                        "limit", f"the outputs are more than {MARKERS_BYTES} bytes of JSON", limit=MARKERS_BYTES
                    )
                )
            if len(self._received) < 4 + length:
                return
            self._frames.append(bytes(self._received[4 : 4 + length]))
            del self._received[: 4 + length]
            self._running.interrupt()

    def _read(self, frame: bytes, nonce: str) -> Answer:
        """Return the answer that a frame holds. Raises TaskProblem for any other."""
        try:
            answer = msgspec.json.decode(frame, type=Answer)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            answer = Answer("")
        if self._frames or self._received or not hmac.compare_digest(answer.nonce.encode(), nonce.encode()):
            self._problem = TaskProblem("executor", "the script has written to the channel between Deno and the engine")
            raise self._problem
        return answer

    def _disconnect(self) -> None:
        for end in (self._listener, self._channel):
            if end is not None:
                self._loop.remove_reader(end)
                end.close()
        self._listener = self._channel = None

    def _on_output(self, stream: str, data: bytes) -> bool:
        if stream == "stderr":
            self.stderr.feed(data)
        return False if self._take is None else self._take(stream, data)

    # Limits

    def _limit(self, what: int, value: int) -> None:
        resource.prlimit(self._id, what, (value, value))

    def _limit_time(self, timeout_ms: int) -> None:
        used = _processor_seconds(self._id)
        most = math.ceil(used + timeout_ms / 1000 * _PROCESSORS) + 2
        resource.prlimit(self._id, resource.RLIMIT_CPU, (most, resource.RLIM_INFINITY))

    def _look(self) -> None:
        """Look at what a running script holds, and end it where that is too much."""
        status = _status_of(self._id)
        limit = self.grants.memory
        if status["VmRSS"] + status["VmSwap"] > self._resident + limit + OWN_MEMORY:
            self._fail(TaskProblem("limit", f"the script took more than its {limit >> 20} MiB of memory", limit=limit))
        elif status["Threads"] > MOST_THREADS:
            message = f"the script started more than the {MOST_THREADS} threads that it may have"
            self._fail(TaskProblem("limit", message, limit=MOST_THREADS))
        else:
            self._timer = self._loop.call_later(LOOK_SECONDS, self._look)

    def _fail(self, problem: TaskProblem) -> None:
        self._problem = self._problem or problem
        self._signal(signals.SIGKILL)
        self._running.interrupt()

    def _signal(self, number: signals.Signals) -> None:
        if self._process is not None and not self._process.ended:
            with contextlib.suppress(OSError):
                os.killpg(self._process.id, number)

    @property
    def _running(self) -> RunningProcess:
        assert self._process is not None
        return self._process

    @property
    def _id(self) -> int:
        return self._running.id


def _runtime(program: str) -> tuple[str, ...]:
    """Return the files that Deno is made of, for us."""
    return os.path.realpath(program), BOOT


_PROCESSORS: Final = os.cpu_count() or 1
_PROCESS_CLOCK: Final = 2  # Linux: the clock of another process has its id above these three bits
_STATUS: Final = ("VmRSS", "VmData", "VmSwap", "Threads")


def _status_of(process: int) -> dict[str, int]:
    """Return bytes of memory and the number of threads; zeros for a process that is gone."""
    found = dict.fromkeys(_STATUS, 0)
    try:
        with open(f"/proc/{process}/status", "rb") as file:
            lines = file.read().decode("ascii", "replace").splitlines()
    except OSError:
        return found
    for line in lines:
        name, _, value = line.partition(":")
        if name in found:
            number, *unit = value.split()
            found[name] = int(number) * (1024 if unit == ["kB"] else 1)
    return found


def _processor_seconds(process: int) -> float:
    """Return what a process has used of the processors; 0 for one that is gone."""
    try:
        return time.clock_gettime((~process << 3) | _PROCESS_CLOCK)
    except OSError:
        return 0.0
