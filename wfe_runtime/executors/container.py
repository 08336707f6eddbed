"""The executor of container steps: a script or a command in a container that is gone when the step has ended.

Owns the life of the container and what its end means. The options are ``container_options``'s, the command of the
engine ``container_cli``'s, what a step prints and gives is read as that of a shell step.

Rules:

1. A container is made, started and removed by name, and the name is removed whatever happened in between.
2. Values reach a container by its environment or by a file. The command's own arguments hold the names of variables
   only: every user of the host can read them.
3. What the command itself says where a container can't be made is an error of the step, not its output.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from wfe_vm.outcome import Failure

from .container_cli import PASSED_ON, ContainerCli, find_cli, uncancelled
from .container_options import (
    DEFAULT_USER,
    check_image,
    command_words,
    cpu_option,
    login_file,
    memory_options,
    mount_option,
    volume_options,
)
from .contract import StepContext, StepResult
from .environment import INHERITED, build_environment, step_variables
from .launch import Launcher
from .options import map_of, text_of
from .problems import TaskProblem
from .process import RunningProcess
from .reading import OutputReader
from .scratch import Scratch
from .shared_volume import VolumeMaker, volume_option

__all__ = ["ContainerExecutor", "ContainerFiles"]

FOLDER: Final = "/wfe"
"""Where the files of a step are in its container."""

_GRACE_S: Final = 5.0
_SCRIPT_BYTES: Final = 100 * 1024  # a longer script comes as a file
_PULL: Final = {"always": "always", "if-not-present": "missing", "never": "never"}
_NETWORKS: Final = ("none", "host", "bridge")
_ITS_OWN: Final = frozenset((*INHERITED, *PASSED_ON))
_ITS_OWN_PREFIXES: Final = ("DOCKER_", "BUILDKIT_", "CONTAINER", "LD_", "LC_", "GO", "SSL_", "XDG_")
"""What the command itself reads, of its environment."""

_SIGNALS_FROM: Final = 128  # an exit code above it is the number of a signal


class ContainerFiles(Scratch):
    """The files of attempts, each of them shown in its container under ``FOLDER``."""

    def write(self, name: str, content: bytes) -> str:
        """Make a file that a container's user may read; returns its path in the container."""
        os.chmod(super().write(name, content), 0o644)  # the folder around it lets nobody else in
        return f"{FOLDER}/{name}"

    def new_output(self, name: str) -> str:
        """Make an empty file that a container's user may write; returns its path in the container."""
        os.chmod(super().write(name, b""), 0o666)
        return f"{FOLDER}/{name}"

    def mounts(self, names: list[str], written: tuple[str, ...]) -> list[str]:
        """Return the options that show files in the container."""
        return [mount_option(self.path_of(name), f"{FOLDER}/{name}", name not in written) for name in names]

    def login(self, registry_auth: Mapping[str, Any], cli: ContainerCli, files: list[str]) -> dict[str, bytes]:
        """Return the variables that make the command log in to registries."""
        if not registry_auth:
            return {}
        name = self.new_name("login")
        files.append(name)
        folder = self.path_of(name)
        os.mkdir(folder, 0o700)
        home = os.fsdecode(cli.environment.get("HOME", b"/"))
        known = os.fsdecode(cli.environment.get("DOCKER_CONFIG", os.fsencode(os.path.join(home, ".docker"))))
        try:
            with open(os.path.join(known, "config.json"), "rb") as stream:
                content = stream.read()
        except OSError:
            content = b""
        if os.path.isdir(os.path.join(known, "contexts")):
            os.symlink(os.path.join(known, "contexts"), os.path.join(folder, "contexts"))
        path = os.path.join(folder, "config.json")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as stream:
            stream.write(login_file(registry_auth, content))
        return {"DOCKER_CONFIG": os.fsencode(folder), "REGISTRY_AUTH_FILE": os.fsencode(path)}


class _Start(msgspec.Struct):
    """All that an attempt takes. The files are names in the scratch folder."""

    cli: ContainerCli
    name: str
    image: str
    options: list[str]
    words: list[str]
    environment: dict[str, bytes]
    output_file: str
    json_file: str
    volume_made: str = ""  # when the volume of the run was made, if it has one


class ContainerExecutor:
    """Runs steps of types ``container`` and ``containerd``. ``grace_s`` is between TERM and KILL."""

    types: tuple[str, ...] = ("container", "containerd")

    def __init__(self, *, grace_s: float = _GRACE_S, scratch_parent: str | None = None) -> None:
        self._grace_s = grace_s
        self._files = ContainerFiles(scratch_parent)
        self._volumes = VolumeMaker(self._files)
        self._launcher = Launcher()
        self._clis: dict[str, ContainerCli] = {}
        self._prefix = os.urandom(4).hex()
        self._count = 0

    def missing(self, config: dict[str, Any]) -> str | None:
        """Say which command a step of this config lacks here; None if nothing, or if its `cli` isn't known yet."""
        if "image" not in config:
            return None
        try:
            find_cli(config.get("cli"), os.environ.get("PATH", os.defpath))
        except TaskProblem as problem:
            return problem.message
        return None

    async def run(self, context: StepContext) -> StepResult:
        """Run the container. Success if it exits with 0, else failure; error if it could not be run or read.

        A cancel gives its first process TERM, the grace, and KILL; a second one ends the grace at once.
        """
        started = time.monotonic()
        files: list[str] = []
        try:
            start = self._prepare(context, files)
            await start.cli.reap()
            if context.fence > 1:  # another process had the run before, and may have been killed since the first look
                await start.cli.reap_run(context.run)
            if context.shared_volume is not None:
                start.volume_made, told = await self._volumes.make(start.cli, context.run, context.shared_volume)
                _warn(context, told)
            try:
                return await self._carry_out(context, start, started)
            finally:
                await uncancelled(start.cli.remove(start.name))
        except TaskProblem as problem:
            return StepResult("error", error=problem.to_failure(context))
        finally:
            self._files.remove(files)

    async def close(self) -> None:
        """Remove the folder of temporary files. Repeatable."""
        self._launcher.close()
        self._files.close()

    # Before

    def _cli(self, config: Mapping[str, Any], type: str) -> ContainerCli:
        name = config.get("cli") or ("nerdctl" if config.get("containerd_addr") else None)
        if type == "containerd" and config.get("tls"):
            raise TaskProblem("executor", "`tls` can't be kept: nerdctl speaks to containerd by a socket", field="tls")
        place = find_cli(name, os.environ.get("PATH", os.defpath))
        if place not in self._clis:
            self._clis[place] = ContainerCli(place, self._launcher)
        return self._clis[place]

    def _prepare(self, context: StepContext, files: list[str]) -> _Start:
        config = context.config
        cli = self._cli(config, context.type)
        self._count += 1
        name = f"wfe-{self._prefix}-{self._count}"
        image = check_image(text_of(config, "image"))
        output_file, json_file = self._files.new_name("output"), self._files.new_name("output.json")
        files += (output_file, json_file)
        own = step_variables(context, self._files.new_output(output_file), self._files.new_output(json_file))
        expressions = map_of(config, "expressions")
        environment = build_environment(
            {}, own, context.data, context.inputs, map_of(config, "env"), expressions, self._files
        )
        files += environment.files
        for warning in environment.warnings:
            _warn(context, warning)
        entry, words, script = self._command(config)
        files += script
        network = text_of(config, "network", "none")
        pull = text_of(config, "pull", "if-not-present")
        if network not in _NETWORKS or pull not in _PULL:
            raise TaskProblem("type", f"`network` is {network!r} and `pull` is {pull!r}, of which one is none")
        passed, variables = self._variables(cli, environment.variables, files)
        options = [
            f"--name={name}",
            f"--pull={_PULL[pull]}",
            f"--network={network}",
            f"--user={text_of(config, 'user', DEFAULT_USER)}",
            *cli.labels(context.run, context.step),
            *memory_options(config.get("memory")),
            *cpu_option(config.get("cpu")),
            *volume_options(config, context.folder),
            *([volume_option(context.run, context.shared_volume)] if context.shared_volume is not None else []),
            *self._files.mounts([*environment.files, output_file, json_file, *script], (output_file, json_file)),
            *passed,
            *([f"--workdir={text_of(config, 'working_dir')}"] if config.get("working_dir") is not None else []),
            *entry,
        ]
        if config.get("containerd_addr"):
            variables["CONTAINERD_ADDRESS"] = text_of(config, "containerd_addr").encode()
        variables |= self._files.login(map_of(config, "registry_auth"), cli, files)
        return _Start(cli, name, image, options, words, variables, output_file, json_file)

    def _command(self, config: Mapping[str, Any]) -> tuple[list[str], list[str], list[str]]:
        """Return the options and the words that say what runs, and the files that takes.

        A script has no entry point before it.
        """
        if config.get("run") is None:
            return [], command_words(config.get("command")), []
        script = text_of(config, "run")
        data = script.encode("utf-8", "surrogatepass")
        if b"\0" in data:
            raise TaskProblem("executor", "the script holds a NUL character, which no shell can be given")
        if len(data) < _SCRIPT_BYTES:
            return ["--entrypoint=sh"], ["-c", script], []
        name = self._files.new_name("script")
        return ["--entrypoint=sh"], [self._files.write(name, data)], [name]

    def _variables(
        self, cli: ContainerCli, variables: Mapping[str, bytes], files: list[str]
    ) -> tuple[list[str], dict[str, bytes]]:
        """Return the options that pass variables on, and the variables that the command has to have for that.

        What the command itself needs under the same name goes by a file, which can hold no line breaks.
        """
        options: list[str] = []
        own: dict[str, bytes] = {}
        lines: list[bytes] = []
        for name, value in variables.items():
            taken = name in _ITS_OWN or name in cli.environment or name.startswith(_ITS_OWN_PREFIXES)
            if not taken:
                options.append(f"--env={name}")
                own[name] = value
            elif b"\n" in value or b"\r" in value:
                raise TaskProblem("executor", f"the variable {name} can't be given to a container with a line break")
            else:
                lines.append(name.encode() + b"=" + value)
        if lines:
            file = self._files.new_name("env")
            files.append(file)
            Scratch.write(self._files, file, b"\n".join(lines) + b"\n")
            options.append(f"--env-file={self._files.path_of(file)}")
        return options, own

    # The attempt

    async def _carry_out(self, context: StepContext, start: _Start, started: float) -> StepResult:
        cli, reader = start.cli, OutputReader(context)
        # No limit: an image may take long to come. The step's own timeout ends it.
        made = await cli.call(("create", *start.options, start.image, *start.words), start.environment, limit_s=0)
        if made.code != 0:
            raise await cli.refusal(f"no container of the image {start.image} can be made", made)
        if (volume := context.shared_volume) is not None:
            _warn(context, await self._volumes.open(cli, context.run, volume, start.volume_made, start.name))
        process = cli.start(("start", "--attach", start.name), reader.take)
        try:
            await process.see_through(context.log.drain)
        except asyncio.CancelledError:
            await uncancelled(self._stop(start, process))
            raise
        finally:
            process.close()
            reader.finish()
        stdout = None if reader.stdout is None else reader.stdout.text()
        failure = await self._failure(context, start, process, reader, started)
        if failure is not None and failure.kind == "executor":
            return StepResult("error", error=failure, stdout=stdout)
        try:
            outputs = reader.outputs(self._files, start.output_file, start.json_file)
        except TaskProblem as problem:
            if failure is None:
                return StepResult("error", error=problem.to_failure(context, reader.stderr.text()), stdout=stdout)
            outputs = {}
        if failure is None:
            return StepResult("success", outputs, stdout=stdout)
        return StepResult("failure", outputs, failure, stdout)

    async def _stop(self, start: _Start, process: RunningProcess) -> None:
        """End the container: TERM, the grace, KILL. What it prints meanwhile is taken."""
        await start.cli.call(("stop", f"--time={max(round(self._grace_s), 0)}", start.name), limit_s=self._grace_s + 15)
        await process.stop(self._grace_s)

    async def _failure(
        self, context: StepContext, start: _Start, process: RunningProcess, reader: OutputReader, started: float
    ) -> Failure | None:
        """Return what an exit other than with 0 means, as the engine has it."""
        if process.exit_code == 0:
            return None
        found = await start.cli.inspect(start.name)
        state = (found or {}).get("State", {})
        stderr = reader.stderr.text()
        code = state.get("ExitCode")
        what, signal_name = f"the container of {start.image}", None
        if found is None or state.get("Error") or str(state.get("StartedAt", "")).startswith("0001-") or code is None:
            reason = state.get("Error") or (stderr.strip().splitlines() or ["the engine did not say why"])[-1]
            kind, message, code = "executor", f"{what} could not be run: {reason}", None
        elif state.get("OOMKilled"):
            limit = context.config.get("memory")
            kind, signal_name = "signal", "SIGKILL"
            message = f"{what} was killed: it ran out of memory" + (f", its limit is {limit}" if limit else "")
        elif (number := code - _SIGNALS_FROM) in iter(signal.Signals):
            kind, signal_name = "signal", signal.Signals(number).name
            message = f"{what} was killed by {signal_name}"
        else:
            kind, message = "exit", f"{what} exited with code {code}"
        return Failure(
            kind=kind,
            message=message,
            step=context.step,
            attempt=context.attempt,
            exit_code=code,
            signal=signal_name,
            stderr=stderr,
            details={"duration_ms": round((time.monotonic() - started) * 1000)},
        )


def _warn(context: StepContext, warning: str) -> None:
    if warning:
        context.log.write("log", f"[wfe] warning: {warning}\n".encode("utf-8", "replace"))
