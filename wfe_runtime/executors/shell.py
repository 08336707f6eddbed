"""The executor of shell steps: a script, a shell that runs it, and what comes of it.

Owns what the keys of a shell step mean and how an exit becomes an outcome. How a process is started,
read and ended is ``process``'s, what it finds in its environment ``environment``'s, what its results
mean ``outputs``'s.

``config`` has, evaluated: ``run`` or ``file``, ``shell``, ``env``, ``working_dir``, and from the compiler
``file_text`` (a ``file`` that was there to embed) and ``expressions`` (the variables that stand for
``${{ }}`` in ``run``). Run-time values reach a script by environment and file only, never in its text.
"""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import time
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Final

import msgspec

from wfe_vm.outcome import Failure

from .contract import StepContext, StepResult
from .environment import Environment, build_environment, inherited_environment, step_variables
from .launch import Launcher
from .options import map_of, text_of
from .problems import TaskProblem
from .process import RunningProcess
from .reading import STDERR_BYTES, STDOUT_BYTES, OutputReader
from .scratch import Scratch
from .shell_command import command_for_file, command_for_script, find_program

if TYPE_CHECKING:
    from .sandbox import Sandbox

__all__ = ["GRACE_S", "STDERR_BYTES", "STDOUT_BYTES", "ShellExecutor"]

GRACE_S: Final = 5.0
"""Between TERM and KILL for a step that is stopped."""

_JSON: Final = ".json"  # the end of the name of the second output file
_ARGUMENT_BYTES: Final = 128 * 1024 - 1  # Linux takes no longer argument (MAX_ARG_STRLEN)


class _Start(msgspec.Struct):
    """All that starting an attempt takes. The files are names in the scratch folder."""

    arguments: list[str | bytes]
    folder: str
    output_file: str
    json_file: str
    variables: dict[str, bytes]
    sandbox: Sandbox | None


class ShellExecutor:
    """Runs steps of type ``shell``. ``grace_s`` is between TERM and KILL; ``scratch_parent`` where files go."""

    types: tuple[str, ...] = ("shell",)

    def __init__(self, *, grace_s: float = GRACE_S, scratch_parent: str | None = None) -> None:
        self._grace_s = grace_s
        self._scratch = Scratch(scratch_parent)
        self._launcher = Launcher()
        self._inherited = inherited_environment()

    def missing(self, config: dict[str, Any]) -> str | None:
        """Say which program a step of this config lacks here; None if nothing, or if it can't be known yet."""
        if not hasattr(os, "pidfd_open"):
            return "shell steps need Linux 5.3 or newer"
        env = config.get("env")
        if not config or (isinstance(env, dict) and "PATH" in env):
            return None
        path = os.fsdecode(self._inherited["PATH"])
        try:
            program = command_for_script(config.get("shell"), "", path)[0]
        except TaskProblem:
            return None
        name = os.fsdecode(program)
        if "/" in name and not os.path.isabs(name):
            return None
        return None if find_program(name, path) else f"the program {name}, which runs the script"

    async def run(self, context: StepContext) -> StepResult:
        """Run the script. Success if it exits with 0, else failure; error if it could not be run or read.

        A cancel gives what runs TERM, the grace, and KILL; a second one ends the grace at once.
        """
        return await self.begin(context)

    def begin(self, context: StepContext) -> Coroutine[Any, Any, StepResult]:
        """As ``run``, but the script is started before this returns: it works while a task is made for the rest."""
        started = time.monotonic()
        files: list[str] = []
        start: _Start | None = None
        try:
            start = self._prepare(context, files)
            reader = OutputReader(context)
            work = self._carry_out(context, start, self._launch(start, reader), reader, started)
        except Exception as error:
            work = _fail(error)
        return self._see_through(context, work, files, None if start is None else start.sandbox)

    async def close(self) -> None:
        """Remove the folder of temporary files. Repeatable."""
        self._launcher.close()
        self._scratch.close()

    # Before

    def _prepare(self, context: StepContext, files: list[str]) -> _Start:
        config = context.config
        folder = os.path.join(context.folder, text_of(config, "working_dir", "."))
        output_file = self._scratch.new_name("output")
        json_file = output_file + _JSON
        files += (output_file, json_file)
        output_path = self._scratch.path_of(output_file)
        own = step_variables(context, output_path, output_path + _JSON)
        environment = build_environment(
            self._inherited,
            own,
            context.data,
            context.inputs,
            map_of(config, "env"),
            map_of(config, "expressions"),
            self._scratch,
        )
        files += environment.files
        for warning in environment.warnings:
            context.log.write("log", f"[wfe] warning: {warning}\n".encode("utf-8", "replace"))
        arguments = self._arguments(context, environment, files)
        sandbox = self._sandbox(context, (output_file, json_file), files)
        if sandbox is not None:
            arguments = sandbox.around(arguments)
        return _Start(arguments, folder, output_file, json_file, environment.variables, sandbox)

    def _sandbox(self, context: StepContext, own_files: tuple[str, ...], files: list[str]) -> Sandbox | None:
        wanted = map_of(context.config, "sandbox")
        if not wanted:
            return None
        from .sandbox import Sandbox  # few steps have one

        status = self._scratch.new_name("sandbox")
        files.append(status)
        # Made before: the right to write a file is given for one that is there.
        own = [self._scratch.write(name, b"") for name in own_files]
        return Sandbox(wanted, context.folder, own, self._scratch.write(status, b""))

    def _arguments(self, context: StepContext, environment: Environment, files: list[str]) -> list[str | bytes]:
        config = context.config
        shell = config.get("shell")
        path = os.fsdecode(environment.variables.get("PATH", b""))
        script = config.get("run")
        if script is None and config.get("file_text") is not None:
            return command_for_file(shell, self._write_script(text_of(config, "file_text"), files), path)
        if script is None and config.get("file") is not None:
            file = os.path.join(context.folder, text_of(config, "file"))
            if not os.path.isfile(file):
                raise TaskProblem("executor", f"the script {file} does not exist", file=file)
            return command_for_file(shell, file, path)
        text = text_of(config, "run")
        if len(text) * 4 >= _ARGUMENT_BYTES and len(text.encode("utf-8", "surrogatepass")) >= _ARGUMENT_BYTES:
            return command_for_file(shell, self._write_script(text, files), path)
        if "\0" in text:
            raise TaskProblem("executor", "the script holds a NUL character, which no shell can be given")
        return command_for_script(shell, text, path)

    def _write_script(self, text: str, files: list[str]) -> str:
        name = self._scratch.new_name("script")
        files.append(name)
        return self._scratch.write(name, text.encode("utf-8", "surrogatepass"))

    def _launch(self, start: _Start, reader: OutputReader) -> RunningProcess:
        program = os.fsdecode(start.arguments[0])
        try:
            return self._launcher.start(start.arguments, start.variables, start.folder, reader.take)
        except ValueError as error:
            raise TaskProblem("executor", f"can't start {program}: {error}") from error
        except OSError as error:
            raise _start_problem(program, start.folder, error) from error

    # The attempt

    async def _see_through(
        self, context: StepContext, work: Coroutine[Any, Any, StepResult], files: list[str], sandbox: Sandbox | None
    ) -> StepResult:
        """Wait for the end of an attempt, and leave nothing of it behind."""
        try:
            try:
                return await work
            finally:
                if sandbox is not None:
                    await sandbox.close()
        except TaskProblem as problem:
            return StepResult("error", error=problem.to_failure(context))
        finally:
            self._scratch.remove(files)

    async def _carry_out(
        self, context: StepContext, start: _Start, process: RunningProcess, reader: OutputReader, started: float
    ) -> StepResult:
        try:
            await process.see_through(context.log.drain)
        except asyncio.CancelledError:
            await process.stop(self._grace_s)
            raise
        finally:
            process.close()
            reader.finish()
        stdout = None if reader.stdout is None else reader.stdout.text()
        program = os.fsdecode(start.arguments[0])
        if start.sandbox is not None:
            problem = start.sandbox.problem(process.exit_code)
            if problem is not None:
                raise problem
            program = "the script"
        failure = self._failure(context, process, reader, program, started)
        if failure is not None and start.sandbox is not None:
            failure = msgspec.structs.replace(failure, message=failure.message + start.sandbox.note())
        try:
            outputs = reader.outputs(self._scratch, start.output_file, start.json_file)
        except TaskProblem as unread:
            if failure is None:
                return StepResult("error", error=unread.to_failure(context, reader.stderr.text()), stdout=stdout)
            outputs = {}
        if failure is None:
            return StepResult("success", outputs, stdout=stdout)
        outcome = "failure" if failure.kind in ("exit", "signal") else "error"
        return StepResult(outcome, outputs, failure, stdout)

    def _failure(
        self, context: StepContext, process: RunningProcess, reader: OutputReader, program: str, started: float
    ) -> Failure | None:
        """Return what an exit other than with 0 means."""
        if process.exit_code == 0:
            return None
        if process.exit_code is not None:
            kind, name, message = "exit", None, f"{program} exited with code {process.exit_code}"
        elif process.signal is not None:
            name = _signal_name(process.signal)
            kind, message = "signal", f"{program} was killed by {name}"
        else:
            kind, name = "lost", None
            message = f"another part of this program has taken the exit status of {program}, so it is not known"
        return Failure(
            kind=kind,
            message=message,
            step=context.step,
            attempt=context.attempt,
            exit_code=process.exit_code,
            signal=name,
            stderr=reader.stderr.text(),
            details={"duration_ms": round((time.monotonic() - started) * 1000)},
        )


async def _fail(error: Exception) -> StepResult:
    raise error


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"  # a real-time signal


def _start_problem(program: str, folder: str, error: OSError) -> TaskProblem:
    """Tell what stands in the way of a start: the folder, the program, the size, or the host's limits."""
    if not os.path.isdir(folder):
        what = "is no folder" if os.path.lexists(folder) else "does not exist"
        return TaskProblem("executor", f"the working folder {folder} {what}", folder=folder)
    if error.errno == errno.EACCES and not os.access(folder, os.X_OK):
        return TaskProblem("executor", f"the working folder {folder} may not be entered by this user", folder=folder)
    if error.errno == errno.ENOENT:
        hint = "; a command line is written as a list, like [bash, -e, -c]" if " " in program else ""
        return TaskProblem("executor", f"the program {program} was not found{hint}", program=program)
    if error.errno == errno.EACCES:
        return TaskProblem("executor", f"the program {program} may not be executed by this user", program=program)
    if error.errno == errno.E2BIG:
        return TaskProblem(
            "limit", f"script and environment of the step are more than this host lets {program} be started with"
        )
    return TaskProblem("executor", f"can't start {program}: {error.strerror}", program=program)
