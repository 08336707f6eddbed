"""The executor of image builds, steps of type ``buildkit``: a Dockerfile and a folder become an image or files.

Owns which command builds and how the keys are its options. Builds run over BuildKit: by ``buildctl`` where the step
names its address or nothing else is here, else by the command of a container engine.

Rules:

1. Arguments of a build reach the command by its environment: its own arguments hold their names only.
2. Outputs are ``id`` (what names the result for good) and ``image`` (its first tag, else the id).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from wfe_vm.outcome import Failure

from .container import ContainerFiles
from .container_cli import CLI_NAMES, PASSED_ON, ContainerCli, find_cli
from .container_options import check_image
from .contract import StepContext, StepResult
from .environment import INHERITED, as_text
from .launch import Launcher
from .options import map_of, text_of
from .problems import TaskProblem
from .reading import OutputReader

__all__ = ["ImageBuildExecutor"]

BUILDCTL: Final = "buildctl"
_STORED: Final = ("image", "docker")
"""Kinds of output that need no place of their own: the engine keeps them."""

_ITS_OWN: Final = frozenset(INHERITED) | {name for name in PASSED_ON if not name.lower().endswith("_proxy")}
_GRACE_S: Final = 5.0
_ID_BYTES: Final = 4096


class _Build(msgspec.Struct):
    """All that a build takes. ``result`` is the name of the file that says what was made; empty: there is none."""

    arguments: list[str]
    variables: dict[str, bytes]
    tags: list[str]
    result: str


class ImageBuildExecutor:
    """Runs steps of type ``buildkit``."""

    types: tuple[str, ...] = ("buildkit",)

    def __init__(self, *, scratch_parent: str | None = None) -> None:
        self._files = ContainerFiles(scratch_parent)
        self._launcher = Launcher()
        self._clis: dict[str, ContainerCli] = {}

    def missing(self, config: dict[str, Any]) -> str | None:
        """Say which command a step of this config lacks here; None if nothing, or if the config isn't known yet."""
        if "dockerfile" not in config:
            return None
        try:
            _find(config)
        except TaskProblem as problem:
            return problem.message
        return None

    async def run(self, context: StepContext) -> StepResult:
        """Build. Success with ``image`` and ``id``, failure if the build fails, error if it could not begin."""
        files: list[str] = []
        try:
            place = _find(context.config)
            cli = self._clis.get(place)
            if cli is None:
                cli = self._clis[place] = ContainerCli(place, self._launcher)
            prepare = self._by_buildctl if cli.name == BUILDCTL else self._by_engine
            build = await prepare(context, cli, files)
            return await self._carry_out(context, cli, build)
        except TaskProblem as problem:
            return StepResult("error", error=problem.to_failure(context))
        finally:
            self._files.remove(files)

    async def close(self) -> None:
        """Remove the folder of temporary files. Repeatable."""
        self._launcher.close()
        self._files.close()

    # What is asked for

    async def _by_engine(self, context: StepContext, cli: ContainerCli, files: list[str]) -> _Build:
        config = context.config
        folder, dockerfile = _sources(config, context.folder)
        tags = _tags(config)
        names, variables = _build_args(config)
        kind, destination = _output(config, context.folder)
        arguments = ["build", f"--file={dockerfile}"]
        if cli.name != "podman":
            arguments.append("--progress=plain")
        if not await cli.has_bridge():
            # As for services: an engine without a bridge gives what is built the host's network.
            arguments.append("--network=host")
        arguments += [f"--tag={tag}" for tag in tags]
        arguments += [f"--build-arg={name}" for name in names]
        for key in ("cache_from", "cache_to"):
            arguments += [f"--{key.replace('_', '-')}={text}" for text in _texts(config, key)]
        if config.get("target") is not None:
            arguments.append(f"--target={text_of(config, 'target')}")
        result = ""
        if kind in _STORED and not destination:
            result = self._files.new_name("id")
            files.append(result)
            arguments.append(f"--iidfile={self._files.path_of(result)}")  # files have no name of their own
        else:
            arguments.append(f"--output=type={kind}" + (f",dest={destination}" if destination else ""))
        variables |= {"DOCKER_BUILDKIT": b"1"} | self._files.login(map_of(config, "registry_auth"), cli, files)
        return _Build([*arguments, folder], variables, tags, result)

    async def _by_buildctl(self, context: StepContext, cli: ContainerCli, files: list[str]) -> _Build:
        config = context.config
        folder, dockerfile = _sources(config, context.folder)
        tags = _tags(config)
        names, variables = _build_args(config)
        result = self._files.new_name("metadata")
        files.append(result)
        arguments = []
        if config.get("buildkit_addr") is not None:
            arguments.append(f"--addr={text_of(config, 'buildkit_addr')}")
        for key, option in (("ca", "tlscacert"), ("cert", "tlscert"), ("key", "tlskey")):
            file = map_of(config, "tls").get(key)
            if file is not None:
                arguments.append(f"--{option}={os.path.join(context.folder, str(file))}")
        arguments += [
            *("build", "--progress=plain", "--frontend=dockerfile.v0"),
            *(f"--local=context={folder}", f"--local=dockerfile={os.path.dirname(dockerfile)}"),
            *(f"--opt=filename={os.path.basename(dockerfile)}", f"--metadata-file={self._files.path_of(result)}"),
        ]
        if names:
            # buildctl takes values in its arguments only, where everybody could read them.
            raise TaskProblem(
                "executor", "`build_args` can't be given to buildctl unseen: build with docker, podman or nerdctl"
            )
        if config.get("target") is not None:
            arguments.append(f"--opt=target={text_of(config, 'target')}")
        arguments += [f"--import-cache={text}" for text in _texts(config, "cache_from")]
        arguments += [f"--export-cache={text}" for text in _texts(config, "cache_to")]
        kind, destination = _output(config, context.folder)
        output = f"--output=type={kind}" + (f",dest={destination}" if destination else "")
        if tags:
            output += f',"name={",".join(tags)}"'
        arguments.append(output + (",push=true" if _flag(config, "push") else ""))
        variables |= self._files.login(map_of(config, "registry_auth"), cli, files)
        return _Build(arguments, variables, tags, result)

    # The build

    async def _carry_out(self, context: StepContext, cli: ContainerCli, build: _Build) -> StepResult:
        reader = OutputReader(context)
        failure = await self._call(context, cli, build.arguments, build.variables, reader, "the build")
        if failure is None and cli.name != BUILDCTL and _flag(context.config, "push"):
            for tag in build.tags:
                failure = await self._call(context, cli, ["push", tag], build.variables, reader, f"the push of {tag}")
                if failure is not None:
                    break
        reader.finish()
        stdout = None if reader.stdout is None else reader.stdout.text()
        if failure is not None:
            failure = msgspec.structs.replace(failure, stderr=reader.stderr.text())
            return StepResult("failure", error=failure, stdout=stdout)
        id = self._id(build.result)
        outputs = {name: value for name, value in (("id", id), ("image", build.tags[0] if build.tags else id)) if value}
        return StepResult("success", outputs, stdout=stdout)

    async def _call(
        self,
        context: StepContext,
        cli: ContainerCli,
        arguments: list[str],
        variables: Mapping[str, bytes],
        reader: OutputReader,
        what: str,
    ) -> Failure | None:
        process = cli.start(arguments, reader.take, variables)
        try:
            await process.see_through(context.log.drain)
        except asyncio.CancelledError:
            # BuildKit gives a build up whose command is gone.
            await process.stop(_GRACE_S)
            reader.finish()
            raise
        finally:
            process.close()
        if process.exit_code == 0:
            return None
        if process.exit_code is None:
            return Failure("signal", f"{what} was killed", step=context.step, attempt=context.attempt)
        message = f"{what} failed: {cli.name} exited with code {process.exit_code}"
        return Failure("exit", message, step=context.step, attempt=context.attempt, exit_code=process.exit_code)

    def _id(self, name: str) -> str:
        if not name:
            return ""
        content = self._files.read(name, _ID_BYTES * 16, "what the build wrote of itself") or b""
        if content.startswith(b"{"):
            try:
                found = msgspec.json.decode(content, type=dict[str, Any])
            except msgspec.DecodeError:
                return ""
            return str(found.get("containerimage.digest", ""))
        return content[:_ID_BYTES].decode("utf-8", "replace").strip()


def _find(config: Mapping[str, Any]) -> str:
    """Return the command that builds. Raises TaskProblem (``executor``)."""
    path = os.environ.get("PATH", os.defpath)
    if config.get("buildkit_addr") is not None or map_of(config, "tls"):
        return find_cli(BUILDCTL, path)
    for name in (*CLI_NAMES, BUILDCTL):
        try:
            return find_cli(name, path)
        except TaskProblem:
            continue
    raise TaskProblem("executor", f"nothing builds images here: {', '.join(CLI_NAMES)} and {BUILDCTL} were not found")


def _sources(config: Mapping[str, Any], folder: str) -> tuple[str, str]:
    """Return the folder that is built from and the Dockerfile, which lies in the run's folder or in that one."""
    if map_of(config, "inputs"):
        raise TaskProblem(
            "executor", "`inputs` of a build can't be mounted: have a step copy the files into its context"
        )
    given = config.get("context") if config.get("context") is not None else config.get("input")
    if type(given) is not str:
        raise TaskProblem("type", "`context` of a build is a text", field="context")
    context = os.path.normpath(os.path.join(folder, given))
    if not os.path.isdir(context):
        raise TaskProblem("executor", f"the build's context {context} is no folder", file=context)
    name = text_of(config, "dockerfile")
    for place in (os.path.join(folder, name), os.path.join(context, name)):
        if os.path.isfile(place):
            return context, os.path.normpath(place)
    raise TaskProblem("executor", f"the Dockerfile {name} is neither in {folder} nor in {context}", file=name)


def _tags(config: Mapping[str, Any]) -> list[str]:
    tags = [check_image(tag) for tag in _texts(config, "tags")]
    if _flag(config, "push") and not tags:
        raise TaskProblem("type", "`push` needs `tags`", field="push")
    return tags


def _build_args(config: Mapping[str, Any]) -> tuple[list[str], dict[str, bytes]]:
    """Return the names of the build's arguments, and the variables that hold them."""
    variables: dict[str, bytes] = {}
    for name, value in map_of(config, "build_args").items():
        if not name or "=" in name or name in _ITS_OWN or name.startswith(("DOCKER_", "BUILDKIT_", "LD_")):
            raise TaskProblem("executor", f"{name!r} can be no argument of a build: its command reads it itself")
        if value is not None:
            variables[name] = as_text(value).encode("utf-8", "surrogatepass")
    return list(variables), variables


def _output(config: Mapping[str, Any], folder: str) -> tuple[str, str]:
    """Return the kind of output and its place, an empty text where the engine keeps it."""
    kind = text_of(config, "output_type", "image")
    given = config.get("output_dest")
    if given is None and kind not in _STORED:
        raise TaskProblem("type", f"an output of type {kind} needs a place: add `output_dest`", field="output_dest")
    return kind, "" if given is None else os.path.normpath(os.path.join(folder, text_of(config, "output_dest")))


def _texts(config: Mapping[str, Any], key: str) -> list[str]:
    value = config.get(key)
    if value is None:
        return []
    if type(value) is not list or not all(type(item) is str for item in value):
        raise TaskProblem("type", f"`{key}` is a list of texts", field=key)
    return value


def _flag(config: Mapping[str, Any], key: str) -> bool:
    return str(config.get(key, False)).lower() == "true"
