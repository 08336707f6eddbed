"""The executor of python steps: async functions on the loop, others in threads, isolated ones in a process.

Owns where a function runs and how it is stopped; what a call means is ``python_call``'s.

Rules:

1. An async function is a task of the engine's loop: a cancel reaches it as CancelledError, and its
   ``finally`` is waited for, but no longer than ``GRACE_S``. One that goes on all the same is left to itself as a
   thread is: the step ends, and what the function gives later is dropped.
2. A plain function runs in a daemon thread, of which there are so many at most, those included that were
   told to stop and don't. A cancel sets ``CallContext.cancelled``; the step ends at once, and what the
   function gives later is dropped.
3. Whatever a function raises ends its own step alone: ``sys.exit`` too. What can end the whole process
   (``os._exit``, a crash in an extension) wants ``isolate: true``: a process of its own, run, stopped and
   limited as a shell step's.
4. What a function prints goes to the step's log. Threads that it starts itself print where the engine does.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import inspect
import json
import sys
import threading
from collections.abc import Callable, Mapping
from io import TextIOBase
from typing import Any, Final

import msgspec

from wfe_vm.outcome import Failure

from .contract import LogSink, StepContext, StepResult
from .outputs import Tail
from .problems import TaskProblem
from .python_call import CallContext, failure_of, find_function, missing_module, outputs_of, prepare_call
from .shell import GRACE_S, STDOUT_BYTES, ShellExecutor

__all__ = ["PythonExecutor", "call_context"]

THREADS: Final = 64
"""Functions in threads at once, on one host."""

_CHILD: Final = """
import json, os, sys
sys.path[:] = json.loads(os.environ["PYTHON_CALL_PATH"])
from wfe_runtime.executors.python_child import main
main()
"""

_LONGEST_PRINT_S: Final = 30.0
"""How long a function that prints waits for a store that takes nothing; then it goes on."""

_printing: contextvars.ContextVar[Callable[[str, bytes], None] | None] = contextvars.ContextVar(
    "wfe_printing", default=None
)
"""Where what is printed goes while a step's function runs."""


class PythonExecutor:
    """Runs steps of type ``python``. ``functions`` are those that ``call`` may name without a module."""

    types: tuple[str, ...] = ("python",)

    def __init__(
        self,
        functions: Mapping[str, Callable[..., Any]] | None = None,
        *,
        threads: int = THREADS,
        grace_s: float = GRACE_S,
    ) -> None:
        """``grace_s`` is how long an async function that was cancelled may take to end."""
        self._functions = dict(functions or {})
        self._room = asyncio.Semaphore(threads)
        self._grace_s = grace_s
        self._left: set[asyncio.Task[Any]] = set()  # go on although they were cancelled
        self._isolated: ShellExecutor | None = None

    def register(self, name: str, function: Callable[..., Any]) -> None:
        """Have ``call: name`` mean this function. Raises ValueError for a name that means another one."""
        if self._functions.setdefault(name, function) is not function:
            raise ValueError(f"another function is registered as {name}")

    def knows(self, name: str) -> bool:
        """Say whether a function is registered by that name."""
        return name in self._functions

    def missing(self, config: dict[str, Any]) -> str | None:
        """Say which module or registered function a step of this config lacks here; None if nothing is known to."""
        call = config.get("call")
        return missing_module(call, self._functions) if isinstance(call, str) else None

    async def run(self, context: StepContext) -> StepResult:
        """Call the function. Success with its result, failure if it raised, error if it could not be called."""
        name = context.config.get("call")
        try:
            if not isinstance(name, str):
                raise TaskProblem("type", "`call` of a python step is a text like package.module:function")
            if context.config.get("isolate"):
                return await self._run_isolated(context, name)
            return await self._run_here(context, name)
        except TaskProblem as problem:
            return StepResult("error", error=problem.to_failure(context))

    async def close(self) -> None:
        """Let go of what is kept between steps. Functions that still run in threads are left to end.

        Async ones that go on are broken off where they await: a loop that ends waits for all its tasks.
        """
        left = set(self._left)
        for task in left:
            coroutine = task.get_coro()
            if inspect.iscoroutine(coroutine):
                with contextlib.suppress(Exception):  # whatever its ``finally`` raises; nobody can be told any more
                    coroutine.close()
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=self._grace_s)
        if self._isolated is not None:
            await self._isolated.close()

    # In this process

    async def _run_here(self, context: StepContext, name: str) -> StepResult:
        stdout = Tail(STDOUT_BYTES) if context.keep_stdout else None
        write = _writer(asyncio.get_running_loop(), context.log, stdout)
        own = call_context(context, lambda line: write("log", line))
        _Printed.install()
        function = self._functions.get(name)
        if function is None:  # importing may take long and print: not on the loop
            function = await self._in_thread(
                write, own, lambda: find_function(name, self._functions, context.folder), TaskProblem
            )
        call = prepare_call(name, function, context.inputs or {}, own)
        try:
            if call.is_async:
                value = await self._in_task(write, own, call.function, call.arguments)
            else:
                value = await self._in_thread(write, own, lambda: call.function(**call.arguments))
        except _Raised as raised:
            failure = _placed(failure_of(name, raised.error), context)
            return StepResult("failure", error=failure, stdout=None if stdout is None else stdout.text())
        finally:
            await context.log.drain()
        outputs = outputs_of(name, value, [output.name for output in context.outputs], call.result)
        return StepResult("success", outputs, stdout=None if stdout is None else stdout.text())

    async def _in_task(
        self,
        write: Callable[[str, bytes], None],
        own: CallContext,
        function: Callable[..., Any],
        arguments: dict[str, Any],
    ) -> Any:
        """Return what an async function gives. Raises _Raised for what it raises."""
        loop = asyncio.get_running_loop()
        task = loop.create_task(_awaited(write, function, arguments))
        ended: asyncio.Future[None] = loop.create_future()
        task.add_done_callback(lambda _: None if ended.done() else ended.set_result(None))
        try:
            await ended
        except asyncio.CancelledError:
            own.cancelled.set()
            task.cancel()
            try:
                await asyncio.wait({task}, timeout=self._grace_s)
            finally:
                if not task.done():
                    self._left.add(task)
                    task.add_done_callback(self._forget)
            if not task.done():
                write("log", b"the function was cancelled and goes on; what it gives is dropped\n")
                raise
        return task.result()

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._left.discard(task)
        if not task.cancelled():
            task.exception()  # nobody asks for it

    async def _in_thread(
        self,
        write: Callable[[str, bytes], None],
        own: CallContext,
        work: Callable[[], Any],
        passed_on: type[Exception] | None = None,
    ) -> Any:
        """Return what ``work`` gives in a thread. Raises _Raised for what it raises, but for ``passed_on``."""
        loop = asyncio.get_running_loop()
        result: asyncio.Future[Any] = loop.create_future()
        await self._room.acquire()

        def settle(value: Any, error: BaseException | None) -> None:
            self._room.release()
            if result.done():
                return  # stopped meanwhile: nobody wants it any more
            if error is None:
                result.set_result(value)
            elif passed_on is not None and isinstance(error, passed_on):
                result.set_exception(error)
            else:
                result.set_exception(_Raised(error))

        def run() -> None:
            _printing.set(write)
            value, error = None, None
            try:
                value = work()
            except BaseException as raised:  # SystemExit too: it is this step's end and no other's
                error = raised
            with contextlib.suppress(RuntimeError):  # the loop is closed: the engine is gone
                loop.call_soon_threadsafe(settle, value, error)

        threading.Thread(target=run, name=f"wfe-python-{own.step}", daemon=True).start()
        try:
            return await result
        except asyncio.CancelledError:
            own.cancelled.set()
            raise

    # In a process of its own

    async def _run_isolated(self, context: StepContext, name: str) -> StepResult:
        if name in self._functions and ":" not in name:
            raise TaskProblem("executor", f"{name} is registered in this process: with `isolate` name module:function")
        if self._isolated is None:
            self._isolated = ShellExecutor()
        env = {
            "PYTHON_CALL": name,
            "PYTHON_CALL_PATH": json.dumps(sys.path),
            "PYTHON_CALL_FOLDER": context.folder,
            "PYTHON_CALL_RUN": json.dumps([context.run_name, context.workflow]),
            "PYTHON_CALL_OUTPUTS": json.dumps([output.name for output in context.outputs]),
            "PYTHON_CALL_ARGUMENTS": json.dumps(context.inputs or {}),
        }
        config = {"run": _CHILD, "shell": [sys.executable, "-c"], "env": env}
        result = await self._isolated.run(msgspec.structs.replace(context, config=config, inputs=None, data={}))
        raised = result.outputs.get("wfe_raised")
        if result.outcome != "failure" or not isinstance(raised, dict):
            return _told_of_the_function(result, name)
        failure = msgspec.convert(raised["failure"], Failure)
        stderr = None if result.error is None else result.error.stderr
        failure = msgspec.structs.replace(_placed(failure, context), stderr=stderr)
        return StepResult(raised["outcome"], error=failure, stdout=result.stdout)


def _told_of_the_function(result: StepResult, name: str) -> StepResult:
    """Have a process that ended by itself told of by its function: whoever wrote that did not start any program."""
    error = result.error
    if error is None or not error.message.startswith(sys.executable):
        return result
    message = f"the process of {name}{error.message.removeprefix(sys.executable)}"
    return msgspec.structs.replace(result, error=msgspec.structs.replace(error, message=message))


class _Raised(Exception):
    """What a function raised, kept from the loop that would take a SystemExit for its own."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error


async def _awaited(write: Callable[[str, bytes], None], function: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    token = _printing.set(write)
    try:
        return await function(**arguments)
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise _Raised(RuntimeError("it cancelled itself")) from None
    except BaseException as error:
        raise _Raised(error) from None
    finally:
        _printing.reset(token)


def _placed(failure: Failure, context: StepContext) -> Failure:
    return msgspec.structs.replace(failure, step=context.step, attempt=context.attempt)


def call_context(context: StepContext, write: Callable[[bytes], None]) -> CallContext:
    """Return what a function learns of an attempt in this process; ``write`` takes the lines of its log."""
    return CallContext(
        context.run,
        context.step,
        context.attempt,
        context.idempotency_key,
        context.fence,
        write,
        context.run_name,
        context.workflow,
    )


def _writer(loop: asyncio.AbstractEventLoop, log: LogSink, stdout: Tail | None) -> Callable[[str, bytes], None]:
    """Return what takes output from any thread to a step's log, which belongs to the loop.

    A thread that prints faster than the store takes it is held up until the store has caught up.
    """
    home = threading.get_ident()

    def keep(stream: str, data: bytes) -> None:
        log.write(stream, data)
        if stdout is not None and stream == "stdout":
            stdout.feed(data)

    def write(stream: str, data: bytes) -> None:
        if threading.get_ident() == home:
            keep(stream, data)
            return
        taken = threading.Event()

        async def take() -> None:
            try:
                keep(stream, data)
                if log.full:
                    await log.drain()
            finally:
                taken.set()

        try:
            asyncio.run_coroutine_threadsafe(take(), loop)
        except RuntimeError:
            return  # the loop is closed
        taken.wait(_LONGEST_PRINT_S)

    return write


class _Printed(TextIOBase):
    """Stands in for ``sys.stdout`` or ``sys.stderr``: what a step's function prints goes to its log."""

    def __init__(self, stream: str, behind: Any) -> None:
        self._stream = stream
        self._behind = behind

    @classmethod
    def install(cls) -> None:
        """Stand in for the streams that are there now, if that was not done."""
        if not isinstance(sys.stdout, cls):
            sys.stdout = cls("stdout", sys.stdout)
        if not isinstance(sys.stderr, cls):
            sys.stderr = cls("stderr", sys.stderr)

    def write(self, text: str) -> int:
        write = _printing.get()
        if write is None:
            written: int = self._behind.write(text)
            return written
        write(self._stream, text.encode("utf-8", "replace"))
        return len(text)

    def flush(self) -> None:
        if _printing.get() is None and self._behind is not None:
            self._behind.flush()

    def writable(self) -> bool:
        return True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._behind, name)
