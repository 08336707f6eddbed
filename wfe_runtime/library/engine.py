"""The Engine as a program embeds it: workflows in, runs out, all of it durable.

::

    async with Engine("sqlite:///runs.db", functions=[charge]) as engine:
        await engine.register("deploy.yaml")
        handle = await engine.start("deploy", {"env": "staging"})
        result = await handle.result()

Owns how the parts of the library go together. What advances runs is ``wfe_runtime.engine.Engine``; it is ``core``
here, for what the library has no word for.
"""

from __future__ import annotations

import asyncio
import logging
import os
import weakref
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from types import TracebackType
from typing import Any, Final, Self, TypeVar, overload

from wfe_vm.state import Delta

from .. import engine as core_engine
from ..approvals import Answer
from ..clock import Clock, SystemClock
from ..errors import MissingError, NotFound, WfeError
from ..executors.contract import Executor
from ..providers import open_store
from ..providers.contracts import Store
from ..providers.rows import FINISHED, Published, Registration, RunRow
from ..registry import Registry
from ..result import RunResult
from ..serving import SWEEP_SECONDS, Server, register_schedules
from .activities import Activities
from .arguments import (
    check_durability,
    check_executors,
    check_functions,
    check_name,
    check_number,
    check_text,
    check_transactions,
    check_workflows,
    path_of,
)
from .definitions import Definition, Definitions, read_definitions
from .ends import Ends
from .events import BACKLOG, Subscription
from .functions import Functions, lacking, named
from .handles import RunHandle
from .lookup import Moment, RunInfo, find_run, info_of, inputs_of, run_filter
from .middleware import MiddlewareRegistry, RunCall, RunMiddleware, StepMiddleware, around_run
from .moving import move
from .transactions import TransactionalPython

__all__ = ["Engine"]

MIDDLEWARE_GRACE_S: Final = 5.0
"""How long middleware around runs may take to end once the engine is left."""


Function = TypeVar("Function", bound=Callable[..., Any])
Reference = RunHandle | str
"""A run: its handle, id, name, or what one of the two begins with."""

logger = logging.getLogger("wfe")


class Engine:
    """Runs workflows durably in this process. An async context manager, which may be entered again once it was left.

    Leaving stops what runs and keeps all that was reached: whoever enters an engine on the same store goes on.
    """

    def __init__(
        self,
        store: str | Store,
        *,
        workflows: Sequence[Definition] = (),
        functions: Functions = (),
        transactions: Functions = (),
        executors: Sequence[Executor] = (),
        step_middleware: Sequence[StepMiddleware] = (),
        run_middleware: Sequence[RunMiddleware] = (),
        recover: bool = True,
        schedules: bool = False,
        clock: Clock | None = None,
        step_limit: int | None = None,
        who: str = "",
    ) -> None:
        """``store`` is a URL (``sqlite:///runs.db``, ``memory:``) or a Store that is not open.

        ``workflows`` are registered on entering, ``functions`` are what python steps may call by a name, and
        ``transactions`` those of them that write their own rows in the store's transactions. With
        ``recover`` the store's unfinished runs that no living process advances are taken up, on entering and later
        on, and runs that only wait take no memory; with ``schedules`` runs are started when the store's schedules say,
        too, as a worker does it: of several that do so each time starts one run.
        ``step_limit`` is how many steps run at once, 16 a core if it isn't given. ``who`` is what the history of
        registrations says of this program. Raises StoreError for a URL of no store, TypeError and ValueError for what
        else can't be.
        """
        if not isinstance(store, str) and not hasattr(store, "create_run"):
            raise TypeError(f"store has to be the URL of a store or a Store, not a {type(store).__name__}")
        check_workflows(workflows)
        check_functions("functions", functions)
        check_functions("transactions", transactions)
        check_executors(executors)
        for middleware in (*step_middleware, *run_middleware):
            check_functions("the middleware", [middleware])
        if step_limit is not None:
            check_number("step_limit", step_limit, 1)
        self._store = store
        self._workflows = tuple(workflows)
        self._functions = named(functions)
        self._transactions = named(transactions)
        check_transactions(self._transactions)
        self._executors = tuple(executors)
        self._step_middleware = list(step_middleware)
        self._run_middleware = list(run_middleware)
        self._recover = recover
        self.fires_schedules = schedules
        self._clock: Clock = clock if clock is not None else SystemClock()
        self._step_limit = step_limit
        self._who = who
        self._open: _Open | None = None
        self._closing: asyncio.Task[None] | None = None
        if isinstance(store, str):
            open_store(store)  # a URL that is none is told where it is written

    # Its own life

    async def __aenter__(self) -> Self:
        if self._open is not None:
            raise WfeError("open", "the engine is open already", "make another one: two in a process do no harm")
        if self._closing is not None and not self._closing.done():
            await asyncio.wait({self._closing})
        opened = self._open = _Open(self)
        try:
            await opened.core.__aenter__()
        except BaseException:
            self._open = None
            raise
        try:
            for workflow in self._workflows:
                await self.register(workflow)
        except BaseException:
            await self.close()
            raise
        if self._recover:
            opened.serve()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop what runs, keep all that was reached, let go of the store. Repeatable.

        It goes on to its end though its caller is cancelled: by a limit of time, or as a step that closes its engine.
        """
        if self._open is not None:
            self._open.check_loop()
        opened, self._open = self._open, None
        if opened is not None:
            self._closing = asyncio.get_running_loop().create_task(opened.close(), name="wfe-close")
        if self._closing is not None and not self._closing.done():
            await asyncio.shield(self._closing)

    @property
    def core(self) -> core_engine.Engine:
        """What advances the runs. Raises WfeError: ``closed`` outside of the ``async with`` block, ``loop`` elsewhere.

        Elsewhere is an event loop that is not the one of the block, as ``asyncio.run`` in another thread makes it.
        """
        return self._opened.core

    @property
    def _opened(self) -> _Open:
        if self._open is None:
            raise WfeError("closed", "the engine is not open", "use it within `async with engine:`")
        self._open.check_loop()
        return self._open

    # What can be run

    async def register(
        self, definition: Definition, *, variables: Mapping[str, Any] | None = None, replace: bool = False
    ) -> list[Registration]:
        """Make a workflow known, durably, by its id and version, with those that it includes or starts.

        ``definition`` is a path, the text of a workflow, the bytes of a compiled file, a Workflow of
        ``wfe_dsl.builder`` or a program; ``variables`` are what ``((name))`` in it stands for. Functions that a
        Workflow's steps call by a registered name are registered, too. Again the same: nothing happens. From now on
        runs of its own workflows, not of included ones, start when their schedules say, their folder being the current
        one, while somebody serves the store; a higher version's schedule, or a replaced one, takes the earlier's place.
        It is compiled in a thread, so runs go on meanwhile; what is registered at once is so in the order of the calls.

        Raises DefinitionError for its mistakes, NotFound for a file that isn't there, WfeError (``registered``)
        where the version is registered with another program: with ``replace`` new runs use the new one then, and
        those in flight keep theirs.
        """
        opened = self._opened
        async with opened.registering:
            found = await self._read(opened, definition, variables)
            registrations = await opened.registry.add(found.rows, replace)
            await register_schedules(opened.core, [], found.own, os.getcwd())
            return registrations

    async def unregister(self, workflow: str, version: int) -> bool:
        """Start no more runs of a workflow's version, by its schedule neither; finished ones stay.

        The schedule of the highest version that is left holds then. Returns whether it was registered.

        Raises WfeError (``pinned``), which names the run, while one of its program has not ended.
        """
        opened = self._opened
        check_text("workflow", workflow)
        check_number("version", version, 0)
        found = await opened.registry.remove(workflow, version)
        left = await opened.registry.rows(workflow)
        if found and left and left[-1].version < version:
            await register_schedules(opened.core, [], [left[-1].program], os.getcwd())
        return found

    async def registered(self, workflow: str = "", *, history: bool = False) -> list[Registration]:
        """Return what is registered, by workflow and version; with ``history`` all that was ever said, in order."""
        return await self._opened.registry.rows(workflow, history)

    @overload
    def function(self, function: Function, /) -> Function: ...
    @overload
    def function(self, function: str, /) -> Callable[[Function], Function]: ...
    def function(self, function: Function | str, /) -> Function | Callable[[Function], Function]:
        """Let python steps call a function by its name, or by another: ``@engine.function("charge-card")``.

        Runs that waited for it are taken up. Raises ValueError for a name that means another function.
        """
        if isinstance(function, str):
            name = function

            def decorate(function: Function) -> Function:
                self._add_function(name, named({name: function})[name])
                return function

            return decorate
        for name, plain in named([function]).items():
            self._add_function(name, plain)
        return function

    def transaction(self, function: Function, /) -> Function:
        """Let python steps call a function by its name that writes its own rows in the transaction that ends the step.

        It has a parameter ``transaction``, is a plain function, and short. Raises ValueError for one that is not so, or
        for a name that means another function, WfeError (``transaction``) where the store has no such transactions.
        """
        for name, plain in named([function]).items():
            check_transactions({name: plain})
            if self._functions.get(name, self._transactions.get(name, plain)) is not plain:
                raise ValueError(f"another function is registered as {name}")
            if self._open is not None:
                self._open.python.register_transaction(name, plain)
                self._open.server.look_again()
            self._transactions[name] = plain
        return function

    def _add_function(self, name: str, function: Callable[..., Any]) -> None:
        known = self._functions.setdefault(name, function)
        if known is not function:
            raise ValueError(f"another function is registered as {name}")
        if self._open is not None and not self._open.python.knows(name):
            self._open.python.register(name, function)
            self._open.server.look_again()

    def around_steps(self, middleware: StepMiddleware) -> StepMiddleware:
        """Have an async function ``(context, call_next)`` called around each attempt of a step, inside those before."""
        self._step_middleware.append(middleware)
        return middleware

    def around_runs(self, middleware: RunMiddleware) -> RunMiddleware:
        """Have an async function ``(call, call_next)`` called around each run that begins or is taken over here."""
        self._run_middleware.append(middleware)
        return middleware

    # Runs

    async def start(
        self,
        workflow: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        version: int | None = None,
        name: str | None = None,
        key: str = "",
        folder: str | os.PathLike[str] = "",
        durability: str = "",
    ) -> RunHandle:
        """Start a run of a registered workflow, of its highest version unless one is given. It is durable then.

        ``name`` is what people call it; without one it is the workflow's with a number. A ``key`` starts once: a
        run of this workflow that was started with it is given back. ``folder`` is what relative paths of steps
        are relative to, ``durability`` sync, group(20ms) or relaxed. Who is cancelled meanwhile does not know whether
        there is a run; if there is one it goes on, and a ``key`` finds it.

        Raises NotFound for a workflow or version that is not registered, InputError for inputs that it does not
        take, or that differ from those of the key's run, MissingError where this host lacks what it needs,
        NameTaken for a name in use, ValueError for one that is none.
        """
        opened = self._opened
        check_text("workflow", workflow)
        check_text("key", key)
        check_durability(durability)
        if version is not None:
            check_number("version", version, 0)
        if name is not None:
            check_name(name)
        loaded = await opened.registry.find(workflow, version)
        lacks = lacking(opened.core, opened.python, loaded)
        if lacks:
            raise MissingError(f"this host can't run {workflow}: {'; '.join(lacks)}", "register or install it first")
        given = dict(inputs) if isinstance(inputs, Mapping) else {} if inputs is None else inputs
        starting = opened.start(loaded.hash, given, name or "", key, path_of("folder", folder), durability)
        row = await opened.core.to_its_end(starting)
        return RunHandle(self, row)

    async def run(
        self,
        workflow: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        timeout: float | timedelta | None = None,  # noqa: ASYNC109 - as in `result`
        version: int | None = None,
        name: str | None = None,
        key: str = "",
        folder: str | os.PathLike[str] = "",
        durability: str = "",
    ) -> RunResult:
        """Start a run as ``start`` does, and wait for its end as ``RunHandle.result`` does."""
        handle = await self.start(
            workflow, inputs, version=version, name=name, key=key, folder=folder, durability=durability
        )
        return await handle.result(timeout)

    async def handle(self, reference: Reference) -> RunHandle:
        """Return a run by its id, its name, or what only one of them begins with; by a handle, of another engine too.

        Raises NotFound with names that are near, WfeError (``ambiguous``) with the candidates.
        """
        return RunHandle(self, await find_run(self.core.store, _text_of(reference)))

    async def query(
        self,
        *,
        status: str | Iterable[str] = (),
        workflow: str = "",
        parent: Reference = "",
        name: str = "",
        since: Moment | None = None,
        until: Moment | None = None,
        after: str = "",
        limit: int = 100,
    ) -> list[RunInfo]:
        """Return the runs of which all that is given holds, the newest first.

        ``name`` is what their name begins with; they were created ``since`` then and before ``until``: a datetime,
        a timedelta (so long ago) or epoch milliseconds. The next page comes ``after`` the id of the last run of
        this one; ``limit`` 0: all at once. Raises NotFound for a run ``after`` which or ``parent`` that is not there.
        """
        if after and await self.core.store.get_run(after) is None:
            raise NotFound(f"no run has the id {after}, after which to go on")
        above = await self._id_of(parent) if parent else ""
        filter = run_filter(self._clock, status, workflow, above, name, since, until, after, limit)
        return [info_of(row) for row in await self.core.store.list_runs(filter)]

    async def recover(self) -> int:
        """Take up the store's unfinished runs that no living process advances. Returns how many that were.

        What this host can't run is left, and listed by ``waiting_for``. An engine that was told not to take up runs
        does so from now on: of those that wait it would not hear otherwise.
        """
        opened = self._opened
        opened.server.look_again()
        taken = await opened.core.to_its_end(opened.server.take_up())
        opened.serve()
        return taken

    def waiting_for(self) -> dict[str, list[str]]:
        """Return, by the names of runs that were left to other hosts, what this one lacks for them."""
        return self._opened.server.lacking

    # Signals

    async def publish(self, event: str, key: str = "", data: Any = None, *, id: str = "") -> Published:
        """Publish an event to every run that waits for its name and key, or will. It is durable then.

        An ``id`` that was published before is that event: nothing happens, and the answer's ``new`` says so. Where
        that event has another name, key or other data its ``same`` is false: this one was dropped.
        Raises InputError for data that is no plain data, and for texts that are too long.
        """
        for what, text in (("event", event), ("key", key), ("id", id)):
            check_text(what, text)
        return await self.core.publish(event, key, data, id)

    async def answer(self, run: Reference, option: str, by: str, step: str = "") -> Answer:
        """Answer an approval of a run: the only open one, or that of ``step``. It is durable then.

        Of two answers the first stands, also once its run has gone on: ``accepted`` tells, and ``by`` and ``option``
        are the first one's. Raises NotFound where nothing is or was asked, WfeError (``ambiguous``) where several
        approvals are open, InputError for what is no option.
        """
        for what, text in (("option", option), ("by", by), ("step", step)):
            check_text(what, text)
        return await self.core.answer(await self._id_of(run), option, by, step)

    def events(self, run: RunHandle | str = "", *, after: str = "", backlog: int = BACKLOG) -> Subscription:
        """Return what happens, as an async iterator: to one run from its start on, or to all runs from now on.

        Each event comes once, in the order of the commits, those of other processes on the store too. ``after``
        is the id of the last event that was seen. Who is more than ``backlog`` advances behind is told how many
        it missed. Raises NotFound, at the first turn, for an unknown run (a handle or an id) or event.
        """
        opened = self._opened
        id = run.id if isinstance(run, RunHandle) else run
        for what, text in (("run", id), ("after", after)):
            check_text(what, text)
        check_number("backlog", backlog, 0)
        subscription = Subscription(opened.core.store, id, after, backlog)
        opened.subscriptions.add(subscription)
        return subscription

    @property
    def activities(self) -> Activities:
        """The work of steps of type ``activity``, for those who do it: fetch, heartbeat, complete, fail, release."""
        return self._opened.activities

    # For its own parts

    async def move(
        self, run: RunHandle, definition: Definition, reason: str, variables: Mapping[str, Any] | None
    ) -> bool:
        """Move a run as ``RunHandle.move`` does; ``reason`` is what its history says."""
        opened = self._opened
        found = await self._read(opened, definition, variables)
        row = await opened.core.store.get_run(run.id)
        if row is None:
            raise NotFound(f"run {run.name} is gone from the store")
        return await opened.core.to_its_end(move(opened.core, row, found.rows, reason))

    async def _read(self, opened: _Open, definition: Definition, variables: Mapping[str, Any] | None) -> Definitions:
        """Return the programs of a definition; the functions that came with it are known then."""
        found = await read_definitions(definition, variables, {name for one in self._executors for name in one.types})
        if self._open is not opened:
            raise WfeError("closed", "the engine was closed before the workflow was compiled")
        for name, function in found.functions.items():
            self._add_function(name, function)
        return found

    def watch_run(self, row: RunRow) -> None:
        """Call the middleware around a run that begins or goes on here."""
        if self._run_middleware and self._open is not None:
            self._open.watch_run(row, tuple(self._run_middleware))

    async def end_of(self, run: str) -> RunResult:
        """Wait for the end of the run with that id."""
        return await self._opened.ends.wait(run)

    async def _id_of(self, run: Reference) -> str:
        return run.id if isinstance(run, RunHandle) else (await find_run(self.core.store, _text_of(run))).id


def _text_of(reference: Reference) -> str:
    text = reference.id if isinstance(reference, RunHandle) else reference
    check_text("a run", text)
    return text


class _Open:
    """What an engine has between entering and leaving."""

    def __init__(self, engine: Engine) -> None:
        self._loop = asyncio.get_running_loop()
        given = engine._store
        store = open_store(given) if isinstance(given, str) else given
        clock = engine._clock
        self.python = TransactionalPython(engine._functions, engine._transactions, store, clock)
        registry = MiddlewareRegistry([*engine._executors, self.python], engine._step_middleware)
        self.core = core_engine.Engine(
            store, registry, clock=clock, listener=_TroubleLogger(), step_limit=engine._step_limit
        )
        self.core.adopted = lambda row: None if row.status in FINISHED else engine.watch_run(row)
        self.registry = Registry(store, self.core.programs, clock, engine._who or self.core.host.id)
        self.server = Server(self.core, lambda loaded: lacking(self.core, self.python, loaded))
        self._schedules = engine.fires_schedules
        self.ends = Ends(self.core)
        self.activities = Activities(store, clock)
        self.registering = asyncio.Lock()  # it lets in those who wait in the order in which they came
        self.subscriptions: weakref.WeakSet[Subscription] = weakref.WeakSet()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._watched: set[str] = set()
        self._serving: asyncio.Task[None] | None = None

    def check_loop(self) -> None:
        """Raise WfeError (``loop``) in an event loop that the engine does not run in."""
        loop = asyncio._get_running_loop()
        if loop is not None and loop is not self._loop:
            raise WfeError(
                "loop",
                "the engine runs in another event loop than the one that calls it",
                "from another thread: asyncio.run_coroutine_threadsafe(engine.start(…), loop).result(), "
                "where loop is the one in which the engine was entered",
            )

    def serve(self) -> None:
        """Take up runs in the background, from now on."""
        if self._serving is not None:
            return
        self._serving = asyncio.get_running_loop().create_task(self._serve())

    async def _serve(self) -> None:
        while True:
            try:
                await self.server.serve(self._schedules)
            except WfeError as error:
                self.core.listener.troubled(f"runs could not be taken up: {error}")
            except Exception as error:
                self.core.fail(WfeError("internal", f"the engine broke: {type(error).__name__}: {error}"))
                raise
            try:
                self.core.check_open()
            except WfeError:
                return  # whoever waits for a run is told by the engine
            await asyncio.sleep(SWEEP_SECONDS)

    async def start(
        self, hash: str, inputs: dict[str, Any], name: str, key: str, folder: str, durability: str
    ) -> RunRow:
        """Start a run of the program with that hash here, or have the run of its key go on."""
        core = self.core
        row = await core.start([], hash, inputs, name=name, key=key, folder=folder, durability=durability)
        if not core.has(row.id) and row.status not in FINISHED and row.owner != core.host.id:
            await self.server.take(row)  # the key's first run, which may have lost its process
        return row

    def watch_run(self, row: RunRow, middleware: Sequence[RunMiddleware]) -> None:
        if row.id in self._watched:
            return  # it was parked meanwhile, and its end is waited for all the same
        self._watched.add(row.id)
        call = RunCall(row.id, row.name, row.workflow, row.version, inputs_of(row), row.parent, row.sequence > 0)
        task = self._spawn(around_run(middleware, call, lambda: self.ends.wait(row.id), self.core.listener.troubled))
        task.add_done_callback(lambda _: self._watched.discard(row.id))

    @property
    def is_recovering(self) -> bool:
        """Whether runs are about to be taken up in the background."""
        return self._serving is not None and not self._serving.done() and self.server.at_work

    async def close(self) -> None:
        await self.kill(core_engine.Engine.close)

    async def kill(self, end: Callable[[core_engine.Engine], Awaitable[None]]) -> None:
        """Let go of all, and have what advances the runs ended by ``end``."""
        self.ends.close()
        self.activities.close()
        for subscription in list(self.subscriptions):
            subscription.close()
        if self._serving is not None:
            self._serving.cancel()
            await asyncio.gather(self._serving, return_exceptions=True)
        try:
            await end(self.core)
        finally:
            # All middleware around runs has its end now, or that there will be none here.
            if self._tasks:
                _, left = await asyncio.wait(self._tasks, timeout=MIDDLEWARE_GRACE_S)
                for task in left:
                    task.cancel()
                await asyncio.gather(*left, return_exceptions=True)

    def _spawn(self, work: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


class _TroubleLogger:
    """Tells the program's log what hinders the engine."""

    def advanced(self, run: RunRow, delta: Delta) -> None: ...

    def printed(self, run: RunRow, step: str, attempt: int, stream: str, text: str) -> None: ...

    def troubled(self, message: str) -> None:
        logger.warning("%s", message)
