"""Carries out RunStep and StopStep: gets tasks to their executors, and their ends back to their runs.

Owns the limit on steps that run at once, and their limits of time. Knows nothing of stores but where
output goes, and nothing of how a run goes on.
"""

from __future__ import annotations

import asyncio
import os
import resource
import traceback
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final, Protocol, TypeVar

import msgspec

from wfe_vm.commands import RunStep, StopStep
from wfe_vm.events import StepEnded
from wfe_vm.outcome import Failure
from wfe_vm.program import SecretUse, Step
from wfe_vm.values import check_plain

from . import faults
from .active import ActiveRun
from .clock import Clock
from .errors import WfeError, keepable, words_of
from .executors import ExecutorRegistry
from .executors.contract import Executor, LogSink, StepContext, StepResult
from .executors.problems import TaskProblem
from .masking import Masker, StreamMask
from .secrets import Secrets, filled
from .services import Services, addresses_in, service_variables

__all__ = ["STEPS_PER_CORE", "Dispatcher", "OutputLog", "steps_at_once"]

faults.declare("engine.after_step", "a step has ended, and its run does not know yet")

STEPS_PER_CORE: Final = 16
FILES_PER_STEP: Final = 4
"""What a process that is being started, and then read from, takes of this process's open files."""
FILES_BESIDE: Final = 64
"""What the rest of this process takes of them: the loop, the store, what was inherited."""

TIMED_OUT: Final = "timeout"
STOPPED: Final = "stop"
ABANDONED: Final = "abandon"

HOOKS: Final = frozenset({"on_success", "on_failure", "on_error", "on_abort", "ensure"})
"""Parts of paths of steps that run whatever has happened."""

OUTCOMES: Final = ("success", "failure", "error", "abort")


Begin = Callable[[StepContext], StepResult | Awaitable[StepResult]]
Values = TypeVar("Values", bound=dict[str, Any] | None)


def steps_at_once() -> int:
    """Return how many steps this host runs at once by itself: as the cores say, as far as open files suffice."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    by_cores = STEPS_PER_CORE * (os.cpu_count() or 1)
    return (
        by_cores if soft == resource.RLIM_INFINITY else max(min(by_cores, (soft - FILES_BESIDE) // FILES_PER_STEP), 1)
    )


class OutputLog(LogSink, Protocol):
    """A log sink of one attempt that is closed when the attempt has ended."""

    async def close(self) -> None:
        """Return once all that was written is with the store."""


class _Log(msgspec.Struct, eq=False):
    """The log of one attempt, opened when the first is written: most steps that end at once print nothing.

    ``masker`` hides secrets; it may be set anew before anything is written.
    """

    open: Callable[[ActiveRun, str, int], OutputLog]
    active: ActiveRun
    command: RunStep
    masker: Masker | None
    opened: OutputLog | None = None
    masks: dict[str, StreamMask] | None = None

    def write(self, stream: str, data: bytes) -> None:
        if self.masker is not None:
            if self.masks is None:
                self.masks = {}
            if stream not in self.masks:
                self.masks[stream] = self.masker.stream()
            data = self.masks[stream].feed(data)
        self._write(stream, data)

    def _write(self, stream: str, data: bytes) -> None:
        if not data:
            return
        if self.opened is None:
            self.opened = self.open(self.active, self.command.path, self.command.attempt)
        self.opened.write(stream, data)

    @property
    def full(self) -> bool:
        return self.opened is not None and self.opened.full

    async def drain(self) -> None:
        if self.opened is not None:
            await self.opened.drain()

    async def close(self) -> None:
        if self.masks is not None:
            for stream, mask in self.masks.items():
                self._write(stream, mask.finish())
        if self.opened is not None:
            await self.opened.close()


class _Attempt:
    """One attempt under way, or waiting for its turn."""

    __slots__ = ("active", "command", "ended", "log", "reason", "task", "timer")

    def __init__(self, active: ActiveRun, command: RunStep) -> None:
        self.active = active
        self.command = command
        self.task: asyncio.Task[None] | None = None
        self.timer: asyncio.TimerHandle | None = None
        self.reason = ""  # why it is being stopped
        self.ended = False
        self.log: _Log | None = None


class Dispatcher:
    """Runs the tasks of all runs of a host."""

    def __init__(
        self,
        executors: ExecutorRegistry,
        clock: Clock,
        limit: int,
        open_log: Callable[[ActiveRun, str, int], OutputLog],
        deliver: Callable[[ActiveRun, StepEnded], object],
        secrets: Secrets,
        services: Services,
    ) -> None:
        """``limit`` is how many steps run at once; ``deliver`` takes the end of each."""
        self._executors = executors
        self._clock = clock
        self._limit = limit
        self._open_log = open_log
        self._deliver = deliver
        self._secrets = secrets
        self._services = services
        self._attempts: dict[tuple[str, int], _Attempt] = {}
        self._queue: deque[_Attempt] = deque()
        self._running = 0
        self._filling = False

    @property
    def at_work(self) -> bool:
        """Whether any step runs, or waits for room."""
        return bool(self._attempts)

    def run(self, active: ActiveRun, command: RunStep, step: Step) -> None:
        """Run a step now, or when the host has room for it."""
        if self._running >= self._limit:
            self._queue.append(self._attempt(active, command))
        else:
            self._start(active, command, step)

    def _attempt(self, active: ActiveRun, command: RunStep) -> _Attempt:
        attempt = self._attempts[active.id, command.activation] = _Attempt(active, command)
        return attempt

    def stop(self, active: ActiveRun, command: StopStep) -> None:
        """Stop a step; its end is delivered as an abort. One that isn't known has no more to end."""
        attempt = self._attempts.get((active.id, command.activation))
        if attempt is None or attempt.command.attempt != command.attempt:
            self._deliver(active, self._aborted(command.activation, command.attempt))
        elif attempt.task is None:
            self._queue.remove(attempt)
            del self._attempts[active.id, command.activation]
            self._deliver(active, self._aborted(command.activation, command.attempt))
        else:
            self._cancel(attempt, STOPPED)

    async def abandon(self, runs: set[str] | None = None) -> None:
        """Stop all steps of these runs (None: of all) and say nothing of their ends: they will run again."""
        tasks = []
        for attempt in list(self._attempts.values()):
            if runs is not None and attempt.active.id not in runs:
                continue
            if attempt.task is None:
                self._queue.remove(attempt)
                del self._attempts[attempt.active.id, attempt.command.activation]
            else:
                self._cancel(attempt, ABANDONED)
                tasks.append(attempt.task)
        if tasks:
            await asyncio.wait(tasks)

    def _cancel(self, attempt: _Attempt, reason: str) -> None:
        if attempt.reason in ("", TIMED_OUT) or reason == ABANDONED:
            first = not attempt.reason
            attempt.reason = reason
            if first and attempt.task is not None:
                # After its first step, from which on it sees to what was begun.
                asyncio.get_running_loop().call_soon(attempt.task.cancel)

    def _start(self, active: ActiveRun, command: RunStep, step: Step, waiting: _Attempt | None = None) -> None:
        """Start a step. One that ends at once takes no room; it is remembered only if it was ``waiting``."""
        masker = self._secrets.masker_of(active.id) if active.loaded.program.secret_uses else None
        log = _Log(self._open_log, active, command, masker)
        try:
            result = self._call(active, command, step, log)
        except Exception as error:  # whatever an executor raises is its bug, and must not stop the engine
            result = _broken(error)
        if isinstance(result, StepResult):
            if log.opened is None:
                if waiting is not None:
                    del self._attempts[active.id, command.activation]
                self._report(active, command, result, masker)
                return
            result = _at_once(result)
        self._running += 1
        attempt = waiting if waiting is not None else self._attempt(active, command)
        attempt.log = log
        attempt.task = asyncio.get_running_loop().create_task(self._wait(attempt, result, log))
        attempt.task.add_done_callback(lambda _: self._see_to_unstarted(attempt, result))
        if step.timeout_ms:
            attempt.timer = asyncio.get_running_loop().call_later(
                step.timeout_ms / 1000, self._cancel, attempt, TIMED_OUT
            )

    def _call(self, active: ActiveRun, command: RunStep, step: Step, log: _Log) -> StepResult | Awaitable[StepResult]:
        """Have the step's executor do it. Raises what it raises."""
        try:
            executor = self._executors.for_type(step.type)
        except WfeError as error:
            return StepResult("error", error=Failure("executor", error.message))
        if executor is None:
            failure = Failure("executor", f"this host has no executor for steps of type {step.type}")
            return StepResult("error", error=failure)
        program, row = active.loaded.program, active.row
        context = StepContext(
            active.id,
            row.name,
            row.workflow,
            command.path,
            command.activation,
            command.attempt,
            step.type,
            _own(command.config),
            _own(command.inputs),
            _own(command.data or {}),
            step.outputs,
            step.keep_stdout,
            step.timeout_ms,
            row.folder,
            row.fence,
            log,
            shared_volume=program.shared_volume,
            masker=log.masker,
        )
        if program.secret_uses or program.services:
            uses = self._secrets.uses_of(program, command.step)
            if uses or program.services:
                return self._run_later(executor, context, active, log, uses)
        begin: Begin = getattr(executor, "begin", executor.run)
        return begin(context)

    async def _run_later(
        self, executor: Executor, context: StepContext, run: ActiveRun, log: _Log, uses: Sequence[SecretUse]
    ) -> StepResult:
        """Wait for the run's services, fetch the secrets that the step names, and run it with that."""
        program = run.loaded.program
        try:
            if program.services:
                await self._await_services(run, context.step)
                addresses = addresses_in(program, run.state)
                context = msgspec.structs.replace(context, services=service_variables(addresses))
            values = await self._secrets.fetch(run.id, program, uses, context.folder)
            config = filled(context.config, uses, values)
        except TaskProblem as problem:
            return StepResult("error", error=problem.to_failure(context))
        log.masker = self._secrets.masker_of(run.id)
        result = executor.run(msgspec.structs.replace(context, config=config, masker=log.masker))
        return result if isinstance(result, StepResult) else await result

    async def _await_services(self, run: ActiveRun, step: str) -> None:
        try:
            await self._services.ready(run.id, run.row.name, run.loaded.program, run.state)
        except TaskProblem:
            if not any(part in HOOKS for part in step.split("/")):
                raise

    async def _wait(self, attempt: _Attempt, work: Awaitable[StepResult], log: _Log) -> None:
        try:
            result = await work
            if not isinstance(result, StepResult):
                raise TypeError(f"a step ends with a StepResult, not with a {type(result).__name__}")
        except asyncio.CancelledError:
            result = self._stopped(attempt)
        except Exception as error:
            result = _broken(error)
        else:
            if attempt.reason == TIMED_OUT and result.outcome != "success":
                result = self._stopped(attempt)
        if attempt.timer is not None:
            attempt.timer.cancel()
        try:
            await log.close()
        except asyncio.CancelledError:
            pass
        except Exception as error:
            self._end(attempt, _broken(error))
            return
        self._end(attempt, result)

    def _see_to_unstarted(self, attempt: _Attempt, work: Awaitable[StepResult]) -> None:
        """End an attempt whose task was cancelled before it took its first step, and so ended nothing itself."""
        if not attempt.ended:
            if isinstance(work, Coroutine):
                work.close()
            if attempt.timer is not None:
                attempt.timer.cancel()
            self._end(attempt, self._stopped(attempt))

    def _stopped(self, attempt: _Attempt) -> StepResult:
        if attempt.reason != TIMED_OUT:
            return StepResult("abort", error=Failure("fail", "the step was stopped"))
        step = attempt.active.loaded.program.steps[attempt.command.step]
        message = f"timed out: step {step.name} took longer than its limit of {step.timeout_ms} ms, and was stopped"
        return StepResult("error", error=Failure("timeout", message, details={"limit_ms": step.timeout_ms}))

    def _end(self, attempt: _Attempt, result: StepResult) -> None:
        command = attempt.command
        attempt.ended = True
        self._attempts.pop((attempt.active.id, command.activation), None)
        self._running -= 1
        if self._queue:
            self._fill()
        if attempt.reason != ABANDONED:
            self._report(attempt.active, command, result, None if attempt.log is None else attempt.log.masker)

    def _report(self, active: ActiveRun, command: RunStep, result: StepResult, masker: Masker | None) -> None:
        result = _fit(result)
        if masker is not None:
            result = _masked(result, masker)
        if faults.armed is not None:
            faults.reach("engine.after_step")
        self._deliver(
            active,
            StepEnded(
                self._clock.now(),
                command.activation,
                command.attempt,
                result.outcome,
                result.outputs,
                result.error,
                result.stdout,
            ),
        )

    def _fill(self) -> None:
        """Start what waits for room. One that ends at once leaves its room to this loop, not to one within it."""
        if self._filling:
            return
        self._filling = True
        try:
            while self._queue and self._running < self._limit:
                attempt = self._queue.popleft()
                step = attempt.active.loaded.program.steps[attempt.command.step]
                self._start(attempt.active, attempt.command, step, attempt)
        finally:
            self._filling = False

    def _aborted(self, activation: int, attempt: int) -> StepEnded:
        error = Failure("fail", "the step was stopped")
        return StepEnded(self._clock.now(), activation, attempt, "abort", {}, error)


def _own(values: Values) -> Values:
    """Return plain data as a copy: what a step changes in it is neither the run's nor, for constants, the program's."""
    copied: Values = msgspec.to_builtins(values)
    return copied


async def _at_once(result: StepResult) -> StepResult:
    return result


def _fit(result: StepResult) -> StepResult:
    """Return a result that a run can keep: this one, or the error that it is none."""
    if result.outcome not in OUTCOMES:
        message = f"the executor gave the outcome {result.outcome!r}, which is none of {', '.join(OUTCOMES)}"
        return StepResult("error", error=Failure("internal", f"{message}\nThis is a bug of the executor."))
    if type(result.outputs) is not dict:
        message = f"the executor gave outputs that are no map, but a {type(result.outputs).__name__}"
        return StepResult("error", error=Failure("internal", f"{message}\nThis is a bug of the executor."))
    problem = check_plain(result.outputs) if result.outputs else None
    if problem is None and result.stdout is not None:
        problem = check_plain(result.stdout)
    if problem is not None:
        return StepResult("error", error=Failure("type", f"the step's result can't be kept: {problem}"))
    if result.stdout is not None and type(result.stdout) is not str:
        message = f"the executor gave as stdout no text, but a {type(result.stdout).__name__}"
        return StepResult("error", error=Failure("internal", f"{message}\nThis is a bug of the executor."))
    if result.error is not None:
        return StepResult(result.outcome, result.outputs, _fit_error(result.error), result.stdout)
    return result


def _fit_error(error: Failure) -> Failure:
    """Return an error that a run can keep: this one, or what is wrong about it.

    One with a member of another type could be written, and never be read again.
    """
    if not isinstance(error, Failure):
        message = f"the executor reported an error that is no Failure, but a {type(error).__name__}"
        return Failure("internal", f"{message}\nThis is a bug of the executor.")
    try:
        plain = msgspec.to_builtins(error)
        kept = msgspec.convert(plain, Failure)
    except (TypeError, ValueError, RecursionError) as wrong:
        return Failure("internal", f"the executor reported an error that can't be kept: {wrong}")
    problem = check_plain(plain)
    if problem is not None:
        return Failure("internal", f"the executor reported an error that can't be kept: {problem}")
    return kept


def _masked(result: StepResult, masker: Masker) -> StepResult:
    """Return a result without the secrets that its step, or one before it, was given."""
    error = None if result.error is None else masker.failure(result.error)
    stdout = None if result.stdout is None else masker.text(result.stdout)
    return StepResult(result.outcome, masker.value(result.outputs), error, stdout)


def _broken(error: Exception) -> StepResult:
    """Report an exception that an executor should not have raised."""
    tail = keepable("".join(traceback.format_exception(error)[-3:]))
    message = (
        f"the executor broke with {type(error).__name__}: {words_of(error)}\nThis is a bug of the executor.\n{tail}"
    )
    return StepResult("error", error=Failure("internal", message))
