"""The command of a container engine, docker, podman or nerdctl: finding it, asking it, and removing what is left.

Owns the labels that mark what is ours, and when a container belongs to nobody any more. Knows nothing of steps.

Rules:

1. Everything that is made carries the label of its owner, this process. What carries the label of a process of this
   machine that is gone is removed before the first thing is made here; nothing else is ever touched.
2. An option and its value are one argument, so no value is taken for an option.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec

from wfe_runtime.providers.hosts import is_gone, this_host
from wfe_runtime.providers.rows import Host

from .environment import inherited_environment
from .launch import Launcher
from .problems import TaskProblem
from .process import OutputCallback, RunningProcess
from .shell_command import find_program

__all__ = [
    "CLI_NAMES",
    "OWNER_LABEL",
    "PASSED_ON",
    "RUN_LABEL",
    "CallResult",
    "ContainerCli",
    "find_cli",
    "is_abandoned",
    "uncancelled",
]

CLI_NAMES: Final = ("docker", "podman", "nerdctl")
"""What is looked for on PATH, in this order."""

OWNER_LABEL: Final = "wfe.owner"
RUN_LABEL: Final = "wfe.run"
STEP_LABEL: Final = "wfe.step"

PASSED_ON: Final = (
    *("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_API_VERSION"),
    *("CONTAINER_HOST", "CONTAINER_CONNECTION", "CONTAINER_SSHKEY", "CONTAINERS_CONF", "REGISTRY_AUTH_FILE"),
    *("CONTAINERD_ADDRESS", "CONTAINERD_NAMESPACE", "CONTAINERD_SNAPSHOTTER", "BUILDKIT_HOST", "XDG_RUNTIME_DIR"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSH_AUTH_SOCK"),
)
"""What a command needs to find its engine, besides what every program does."""

T = TypeVar("T")

_ANSWER_BYTES: Final = 4 << 20
_CALL_S: Final = 120.0
_GRACE_S: Final = 2.0


class CallResult(msgspec.Struct):
    """What a call gave. ``code`` is None if it was killed."""

    code: int | None
    stdout: bytes
    stderr: str

    @property
    def reason(self) -> str:
        """What it said last, on one line."""
        lines = [line.strip() for line in self.stderr.splitlines() if line.strip()]
        # The engine's own words before those of its command, which come last.
        lines.sort(key=lambda line: "response from daemon: " in line)
        found = next((line for line in reversed(lines) if not line.startswith("See '")), "it said nothing")
        return found.rpartition("response from daemon: ")[2].removeprefix("docker: ").removeprefix("Error: ")


def find_cli(name: str | None, path: str) -> str:
    """Return the place of the command of that name, or of the first one on ``path``.

    Raises TaskProblem (``executor``) that names what was looked for.
    """
    for wanted in (name,) if name else CLI_NAMES:
        found = find_program(wanted, path)
        if found is not None:
            return found
    looked_for = name or ", ".join(CLI_NAMES[:-1]) + f" or {CLI_NAMES[-1]}"
    raise TaskProblem("executor", f"no container engine: {looked_for} was not found on this host's PATH")


class ContainerCli:
    """One command of a container engine. Belongs to one event loop."""

    def __init__(self, program: str, launcher: Launcher) -> None:
        self.program: Final = program
        self.name: Final = os.path.basename(program)
        self.environment: Final = dict(inherited_environment())
        for name in PASSED_ON:
            value = os.environb.get(name.encode())
            if value is not None:
                self.environment[name] = value
        self._launcher = launcher
        self._bridge: bool | None = None
        self._reaping: asyncio.Future[None] | None = None

    def start(
        self, arguments: Sequence[str], on_output: OutputCallback, environment: Mapping[str, bytes] | None = None
    ) -> RunningProcess:
        """Start the command. Raises TaskProblem where it can't be."""
        try:
            return self._launcher.start(
                [self.program, *(argument.encode("utf-8", "surrogatepass") for argument in arguments)],
                self.environment | dict(environment or {}),
                "/",
                on_output,
            )
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise TaskProblem("executor", f"can't start {self.program}: {reason}", program=self.program) from error

    async def call(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, bytes] | None = None,
        *,
        limit_s: float = _CALL_S,
        on_output: Callable[[str, bytes], object] | None = None,
    ) -> CallResult:
        """Run the command to its end. ``on_output`` is told what it prints as it comes.

        A call that takes longer than ``limit_s`` (0: no limit) is stopped; its code is None. Raises TaskProblem where
        it can't be started.
        """
        streams = {"stdout": bytearray(), "stderr": bytearray()}

        def take(stream: str, data: bytes) -> bool:
            if on_output is not None:
                on_output(stream, data)
            room = _ANSWER_BYTES - len(streams[stream])
            streams[stream].extend(data[: max(room, 0)])
            return False

        process = self.start(arguments, take, environment)
        try:
            async with asyncio.timeout(limit_s or None):
                await process.wait()
                await process.finish()
        except TimeoutError:
            await process.stop(_GRACE_S)
            streams["stderr"] += f"\n{self.name} did not answer within {limit_s:g} s".encode()
        except asyncio.CancelledError:
            await process.stop(_GRACE_S)
            raise
        finally:
            process.close()
        return CallResult(process.exit_code, bytes(streams["stdout"]), streams["stderr"].decode("utf-8", "replace"))

    def labels(self, run: str, step: str) -> list[str]:
        """Return the options that mark what is made for a step of a run, or for the run where ``step`` is empty."""
        return [f"--label={OWNER_LABEL}={_owner()}", f"--label={RUN_LABEL}={run}", f"--label={STEP_LABEL}={step}"]

    async def has_bridge(self) -> bool:
        """Return whether containers can have a network of their own here. Raises TaskProblem where nobody answers."""
        if self._bridge is None:
            listed = await self.call(("network", "ls", "--format", "{{.Driver}}"))
            if listed.code != 0:
                raise await self.refusal("the networks can't be looked at", listed)
            self._bridge = b"bridge" in listed.stdout.split()
        return self._bridge

    async def refusal(self, what: str, result: CallResult) -> TaskProblem:
        """Return why the engine would not do something: it is not there, or what it said itself."""
        asked = await self.call(("version", "--format", "{{json .}}"), limit_s=20.0)
        if asked.code != 0:
            return TaskProblem(
                "executor", f"{what}: the engine behind {self.name} does not answer: {asked.reason}", program=self.name
            )
        return TaskProblem("executor", f"{what}: {result.reason}", program=self.name)

    async def inspect(self, container: str) -> dict[str, Any] | None:
        """Return all that is known of a container; None if there is none of that name."""
        return await self.described("inspect", "--type=container", container)

    async def described(self, *command: str) -> dict[str, Any] | None:
        """Return the first object that a command of the engine describes; None if it knows of none."""
        result = await self.call(command)
        if result.code != 0:
            return None
        try:
            found = msgspec.json.decode(result.stdout, type=list[dict[str, Any]])
        except msgspec.DecodeError:
            return None
        return found[0] if found else None

    async def remove(self, *containers: str) -> None:
        """Remove containers, running ones too. One that isn't there is removed already."""
        if containers:
            await self.call(("rm", "--force", "--volumes", *containers))

    async def reap(self) -> None:
        """Remove what processes of this machine left that are gone. Done once; a failure is told by what comes next."""
        if self._reaping is None:
            self._reaping = asyncio.ensure_future(self._reap(OWNER_LABEL))
        await asyncio.shield(self._reaping)

    async def reap_run(self, run: str) -> None:
        """Remove what processes of this machine that are gone left of a run. Done anew each time."""
        await self._reap(f"{RUN_LABEL}={run}")

    async def _reap(self, label: str) -> None:
        listed = await self.call(("ps", "--all", "--quiet", "--no-trunc", f"--filter=label={label}"))
        for container in listed.stdout.decode("ascii", "replace").split() if listed.code == 0 else ():
            found = await self.inspect(container)
            labels = (found or {}).get("Config", {}).get("Labels") or {}
            if is_abandoned(labels.get(OWNER_LABEL, "")):
                await self.remove(container)


async def uncancelled(work: Coroutine[Any, Any, T]) -> T:
    """Return what ``work`` gives; a cancel meanwhile neither stops it nor is forgotten, it is raised afterwards."""
    task = asyncio.ensure_future(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        raise asyncio.CancelledError
    return task.result()


_own: list[Host] = []


def _owner() -> str:
    if not _own or _own[0].pid != os.getpid():
        _own[:] = [this_host()]
    host = _own[0]
    return f"{host.machine}:{host.pid}:{host.started}"


def is_abandoned(owner: str) -> bool:
    """Tell whether the label of an owner is that of a process of this machine that is gone."""
    machine, _, rest = owner.rpartition(":")
    machine, _, pid = machine.rpartition(":")
    # The machine's own name holds a colon: both numbers are taken from the end.
    if not (machine and pid.isdecimal() and rest.isdecimal()):
        return False
    return is_gone(Host(id="", machine=machine, pid=int(pid), started=int(rest)))
