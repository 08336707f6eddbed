"""The engine: owns runs, feeds their machines, commits what they did, and then does what they ask.

How a thing that happened goes through it::

    event -> ActiveRun.advance -> [next commit] -> listeners are told, commands are carried out -> events

Rules:

1. Nothing is asked of the world and nothing is told before the commit that recorded it.
2. While a commit is in flight whatever advances forms the next one: there is no timer and no batch size.
3. A commit that the store refuses means that another host has the run: it is dropped here, at once.
4. A store that can't commit stops the engine with the store's own error; nothing that was committed
   is lost, and what was not is done again by whoever takes the runs up.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Coroutine, Sequence
from time import monotonic
from types import TracebackType
from typing import Any, Final, TypeVar

from wfe_vm.commands import Command, EndRun, Publish, RunStep, StartChild, StopChild, StopStep, Subscribe, Unsubscribe
from wfe_vm.events import Event, Resume, Retry, StepEnded, Suspend, Tick
from wfe_vm.ids import make_id
from wfe_vm.state import Delta, State

from . import faults
from .active import ActiveRun
from .activities import ActivityDesk
from .approvals import Answer, answer_approval
from .binding import Detached
from .claims import Claimed, Claims, to_recover, unless_owned
from .clock import Clock, SystemClock
from .commit import UNFIT, Committer
from .control import suspend_run
from .departures import Departures, RunLost, RunParked, break_off
from .dispatch import Dispatcher, OutputLog, steps_at_once
from .errands import Errands
from .errors import NotFound, StoreError, WfeError
from .executors import ExecutorRegistry
from .families import Families, pass_to_children
from .groups import GroupQueue
from .inbox import Inbox
from .lease import LEASE_MS, Lease
from .lifecycle import Listener, SilentListener
from .loading import load_run_state
from .logs import RunLog
from .programs import LoadedProgram, ProgramCache
from .providers.contracts import Store
from .providers.hosts import this_host
from .providers.rows import InboxPost, ProgramRow, Published, RunRow
from .requirements import lacks_of
from .result import RunResult, decode_result, encode_event
from .retrying import GivesOutputs, no_outputs, retry_run
from .secrets import Secrets
from .services import Services
from .shared_volumes import SharedVolumes
from .signals import ACTIVITY, new_event, signal_of
from .starts import Starts
from .timers import Timers

__all__ = ["LEASE_MS", "PARKED_RUNS", "Engine", "RunLost", "RunParked", "load_run_state"]

Done = TypeVar("Done")

PARKED_RUNS: Final = ""
"""In the place of a run among the timers: the runs that were let go of."""
SUSPENDED: Final = "suspended"
TURN_S: Final = 0.001
"""How long the engine commits and carries out before all others on the loop get their turn."""

for _name, _meaning in {
    "engine.after_advance": "a run has advanced in memory, nothing of that is durable",
    "engine.before_step": "the start of a step is durable, and it has not begun",
    "engine.after_child_end": "the end of a child is durable, and its parent does not know yet",
    "engine.after_timer": "a timer of a run has fired, and its run does not know yet",
    "engine.after_recovery": "a run was taken over, and what was under way has been asked for again",
}.items():
    faults.declare(_name, _meaning)


class Engine:
    """Advances runs on this host. An async context manager: entering opens the store, leaving parks what is at hand."""

    def __init__(
        self,
        store: Store,
        executors: ExecutorRegistry | None = None,
        *,
        clock: Clock | None = None,
        listener: Listener | None = None,
        step_limit: int | None = None,
    ) -> None:
        """``step_limit`` is how many steps run at once on this host; see ``steps_at_once`` for what holds without."""
        self.store = store
        self.executors = executors if executors is not None else ExecutorRegistry()
        self.clock: Clock = clock if clock is not None else SystemClock()
        self.listener: Listener = listener if listener is not None else SilentListener()
        self.programs = ProgramCache(store)
        self.host = this_host()
        self.adopted: Callable[[RunRow], None] | None = None  # is told of each run that is taken in
        self.rested: Callable[[ActiveRun], None] | None = None  # … of each that has nothing more to commit
        self.has_parked = False  # it has let go of runs, which are its own as long as its lease is held
        self.woken: Callable[[], None] | None = None  # is called when the time of PARKED_RUNS has come
        limit = step_limit or steps_at_once()
        clock, host, programs = self.clock, self.host.id, self.programs
        self._work = asyncio.Event()
        self._active: dict[str, ActiveRun] = {}
        self._errands = Errands(self.fail, self._rest)
        spawn, deliver = self._errands.spawn, self._deliver
        self._lease = Lease(store, self.host, clock, self._trouble)
        self._timers = Timers(clock, self._timer_fired)
        self._secrets = Secrets()
        self._services = Services(self._trouble)
        self._volumes = SharedVolumes(self._has_ended, self._trouble)
        self._dispatcher = Dispatcher(
            self.executors, clock, limit, self._open_log, deliver, self._secrets, self._services
        )
        self._desk = ActivityDesk(store, clock, deliver, spawn)
        self._detached = Detached(store, programs)
        self._starts = Starts(
            store, programs, self._detached, self._services, clock, host, self.missing, deliver, spawn
        )
        self._queue = GroupQueue(
            store, clock, host, self._active, self._begin, deliver, spawn, lambda run: self._inbox.add(run)
        )
        self._committer = Committer(
            store, self._committed, lambda active, error: self._departures.refuse(active, error)
        )
        self._claims = Claims(
            store, programs, self._detached, clock, host, self._active, self._take_in, self._committer.store
        )
        self._departures = Departures(
            self._active, self._claims, self._forgotten, self._dispatcher.abandon, spawn, self._trouble
        )
        leave = self._departures.leave_to_others
        self._inbox = Inbox(store, clock, self._active, self._queue, self._work, deliver, self._desk.forget, leave)
        self._families = Families(
            store,
            programs,
            self._detached,
            clock,
            host,
            self._active,
            spawn=spawn,
            deliver=deliver,
            mark=self._mark,
            settled=self.settled,
            begin=self._claims.take_child,
            take_over=self.take_over,
        )
        self._committing = False
        self._failure: WfeError | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._unwatch: Any = None
        self._closing = False

    # Its own life

    async def __aenter__(self) -> Engine:
        await self.store.open()
        try:
            await self.hold_lease()
        except BaseException:
            await self.store.close()
            raise
        self._unwatch = self.store.watch(self._inbox.touched, advances=False)
        self._tasks = [
            asyncio.create_task(self._commit_forever(), name="wfe-commit"),
            asyncio.create_task(
                self._lease.renew_forever(lambda: bool(self._active) or self.has_parked), name="wfe-lease"
            ),
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop what runs, keep all that was reached, and let go of the runs, the store and the executors.

        Runs at hand stay as they are in the store; their running steps are run again by whoever goes on.
        """
        if self._closing:
            return
        self._closing = True  # from here on nothing advances and nothing is begun
        self._timers.close()
        self._desk.close()
        await self._dispatcher.abandon()
        with contextlib.suppress(WfeError):
            await self.settled()
        tasks = [*self._tasks, *self._errands.tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._unwatch is not None:
            self._unwatch()
        for active in self._active.values():
            if active.finished.done():
                active.finished.exception()
            else:
                active.finished.cancel()
        try:
            if self._failure is None:
                for active in self._active.values():
                    await self.store.release(active.id, self.host.id)
            await self.store.leave(self.host.id, self.clock.now())
        except StoreError:
            pass  # the lease runs out by itself
        self._active.clear()
        self._secrets.close()
        await self._services.close()
        await self._volumes.close()
        await self.executors.close()
        await self.store.close()

    # Runs

    async def start(
        self,
        programs: Sequence[ProgramRow],
        hash: str,
        inputs: dict[str, Any],
        *,
        name: str = "",
        key: str = "",
        folder: str = "",
        durability: str = "",
        stop_after: str = "",
        here: bool = True,
    ) -> RunRow:
        """Start a run of the program with that hash and advance it here.

        ``programs`` are kept in the store first. ``folder`` is what relative paths of its steps are
        relative to, the current folder where empty. With a ``key`` that a run of this workflow has
        already, that run is given back as it is. With ``here`` false the run waits in the store for a host
        that serves it, which may be another one: what it needs is not looked for here. ``stop_after`` is as
        in the method of that name.

        Raises InputError for inputs that the workflow does not take, MissingError where this host
        lacks what the run needs, NameTaken for a name in use, GroupFull where the run's concurrency group
        is full and rejects it. One whose group has it wait is at hand, and begins when it has a slot.
        """
        self.check_open()
        await self.hold_lease()
        created = await self._starts.create(
            programs, hash, inputs, name=name, key=key, folder=folder, durability=durability, here=here
        )
        row = created.row
        if created.begins_here:
            state = State(row.id, row.name, row.program)
            state.stop_after = stop_after  # before the first advance, which may pass the step already
            self._begin(self._adopt(row, created.loaded, state))
            if created.displaces:
                async for run in self._queue.abandoned(created.displaces, row.id):
                    with unless_owned("not-found"):
                        await self.take_over(run)  # nobody has it: it could not end
        return row

    async def take_over(self, run: str, family: bool = True) -> RunRow:
        """Make this host the one that advances a run, and go on with it where it stood, its children too.

        Without ``family`` those of a run that was parked are left: they are looked after as it was. A run that
        ended is taken as well, so that it can be reopened. Raises NotFound for an unknown run, WfeError
        (``owned``) where a live host has it.
        """
        self.check_open()
        await self.hold_lease()
        active, starts = await self._claims.take(run)
        if starts is None:
            return active.row
        if active.state.suspended:
            await self.settled()  # what it was told has reached its children before one of them begins a step
        if family or not active.row.parked:
            active.errands += 1
            try:
                await self._families.follow(active, starts)
            finally:
                self._errands.done(active)
        else:
            self._rest(active)
        if faults.armed is not None:
            faults.reach("engine.after_recovery")
        return active.row

    async def to_its_end(self, work: Coroutine[Any, Any, Done]) -> Done:
        """Do work on this engine to its end, though whoever waits for it is cancelled. Returns what it gives.

        Raises what it raises, WfeError (``closed``) where the engine is closed before.
        """
        return await self._errands.to_its_end(work)

    async def reopen(self, run: str, event: Retry) -> bool:
        """Reopen a finished run at hand; where its concurrency group is full, once it has a slot again.

        Returns whether there is anything to be tried again, as far as that is known yet.
        """
        return await self._queue.reopen(self._active[run], event)

    def is_queued(self, run: str) -> bool:
        """Say whether a run at hand waits for a slot of its concurrency group."""
        return run in self._queue

    def deliver(self, run: str, event: Event) -> bool:
        """Give an event to a run at hand. Returns whether it changed anything."""
        active = self._active.get(run)
        return active is not None and self._deliver(active, event)

    async def post(self, run: str, event: Event) -> None:
        """Leave an event for a run that any host may have; durable when this returns."""
        await self.store.post([InboxPost(run, "event", encode_event(event))])

    async def publish(self, event: str, key: str = "", data: Any = None, id: str = "") -> Published:
        """Publish an event to every run that waits for its name and key, or will; durable when this returns.

        ``data`` is plain data. An ``id`` that an event has already is that event: nothing is published again,
        and the answer says so; without one it gets one. Raises InputError for data that can't be kept.
        """
        self.check_open()
        now = self.clock.now()
        new = new_event(id or make_id(now, os.urandom(10)), event, key, now, data)
        (published,) = await self.store.publish([new])
        return published

    async def answer(self, run: str, option: str, by: str, step: str = "") -> Answer:
        """Answer an approval of a run, whichever host has it: the only open one, or that of the step.

        ``by`` says who answers. The answer is durable when this returns; of two the first stands. Raises
        NotFound for an unknown run or where nothing is asked, WfeError (``ambiguous``) where several
        approvals are open, InputError for what is no option.
        """
        self.check_open()
        await self.settled()
        stored = await self.store.load_state(run)
        if stored is None:
            raise NotFound(f"no run has the id {run}")
        loaded = await self.programs.load(stored.run.program)
        state, _, _ = load_run_state(stored)
        now = self.clock.now()
        return await answer_approval(self.store, stored.run, state, loaded.program, option, by, now, step)

    async def wait(self, run: str, until_parked: bool = False) -> RunResult | None:
        """Wait for the end of a run at hand, and return it; with ``until_parked`` None once it is suspended.

        Raises what stopped the engine (StoreError), or RunLost.
        """
        active = self._active.get(run)
        if active is None:
            row = await self.store.get_run(run)
            if row is None:
                raise NotFound(f"no run has the id {run}")
            return decode_result(row.result) if row.result else None
        if not until_parked:
            result = await asyncio.shield(active.finished)
            await self._families.grown()
            return result
        parked = asyncio.ensure_future(active.parked.wait())
        try:
            waiting: set[asyncio.Future[Any]] = {parked, active.finished}
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            return active.finished.result() if active.finished.done() else None
        finally:
            parked.cancel()

    async def suspend(self, run: str, reason: str) -> bool:
        """Suspend a run and its children, whoever has them. Returns whether that changes anything; see ``control``."""
        self.check_open()
        return await suspend_run(self, run, reason)

    async def retry(
        self,
        run: str,
        reason: str,
        *,
        start_at: Sequence[str] = (),
        supplied: str = "",
        outputs: GivesOutputs = no_outputs,
    ) -> bool:
        """Reopen a failed or aborted run that is at hand. See ``retrying``."""
        self.check_open()
        return await retry_run(self, run, reason, start_at, supplied, outputs)

    async def suspend_all(self, reason: str) -> None:
        """Stop running steps in order and suspend the runs at hand, durably; the steps run again on resume."""
        while True:
            for active in list(self._active.values()):
                if active.state.end is None:
                    self._deliver(active, Suspend(self.clock.now(), reason))
                    active.withdraw_steps()
            await self._dispatcher.abandon()
            await self.settled()
            if not self._families.is_growing:
                return
            await self._families.grown()

    async def settled(self) -> None:
        """Return once all that happened so far is durable. Raises what stopped the engine."""
        while True:
            if self._failure is not None:
                raise self._failure
            waiting = [active for active in self._active.values() if active.dirty or active.in_flight]
            if not waiting:
                return
            self._work.set()
            await asyncio.sleep(0)
            await self._committer.passed()

    def status(self, run: str) -> str:
        """Return the status of a run at hand as it will be committed."""
        return self._active[run].state.status

    def state_of(self, run: str) -> State:
        """Return the state of a run at hand. It must not be changed."""
        return self._active[run].state

    def loaded_of(self, run: str) -> LoadedProgram:
        """Return the program of a run at hand."""
        return self._active[run].loaded

    def result_of(self, run: str) -> RunResult | None:
        """Return how a run at hand ended, None if it has not."""
        return self._active[run].result()

    def at_hand(self) -> list[RunRow]:
        """Return the runs that are advanced here, as they were created or taken over."""
        return [active.row for active in self._active.values()]

    def runs_at_hand(self) -> list[ActiveRun]:
        """Return the runs that are advanced here. They must not be changed."""
        return list(self._active.values())

    def due_of(self, active: ActiveRun) -> int:
        """Return when a run at hand goes on by itself, 0 if it doesn't: by a timer, or an activity's limit of time."""
        return min(filter(None, (active.state.due(), self._desk.deadline(active))), default=0)

    def let_go(self, run: str) -> None:
        """Forget a run that only waits, all of which is durable. Whoever waits for its end is told RunParked."""
        active = self._active[run]
        self._desk.let_go(active)
        self._departures.forget(active, RunParked(active.row.name))

    def has(self, run: str) -> bool:
        """Say whether a run is advanced here."""
        return run in self._active

    def is_busy(self, run: str) -> bool:
        """Say whether something of a run at hand is still to be committed."""
        active = self._active[run]
        return active.dirty or active.in_flight

    @property
    def is_idle(self) -> bool:
        """Whether nothing goes on here but waiting: for a time, an event, an answer or a worker."""
        return not (
            self._committing
            or self._work.is_set()
            or self._committer.waiting
            or self._errands
            or self._dispatcher.at_work
        )

    @property
    def timers(self) -> Timers:
        """The due times of the runs at hand."""
        return self._timers

    def stop_after(self, run: str, step: str) -> None:
        """Suspend a run at hand once the step of that path or name has been left."""
        self._active[run].state.stop_after = step

    def missing(self, loaded: LoadedProgram) -> list[str]:
        """Say what this host lacks to run a program and the children it pins, in words."""
        return lacks_of(loaded, self.programs, self.executors)

    async def _has_ended(self, run: str) -> bool:
        row = await self.store.get_run(run)
        return row is not None and row.ended > 0

    def check_open(self) -> None:
        """Raise what stopped the engine, if anything did."""
        if self._failure is not None:
            raise self._failure
        if self._closing:
            raise WfeError("closed", "the engine is closed")

    async def hold_lease(self) -> None:
        """Renew the lease unless that was done lately: an engine that has no run doesn't do it by itself."""
        await self._lease.hold()

    # Advancing

    def _adopt(
        self, row: RunRow, loaded: LoadedProgram, state: State, snapshot_bytes: int = 0, delta_bytes: int = 0
    ) -> ActiveRun:
        """Take a run in."""
        active = ActiveRun(row, loaded, state, snapshot_bytes, delta_bytes)
        self._active[row.id] = active
        result = active.result()
        if result is not None:
            active.finished.set_result(result)
        if self.adopted is not None:
            self.adopted(row)
        return active

    def _begin(self, active: ActiveRun) -> None:
        """Set a run going that has never advanced, once it has its slot if it needs one."""
        if not self._queue.holds(active):
            self._starts.begin(active)

    def _take_in(self, claimed: Claimed) -> tuple[ActiveRun, list[StartChild]]:
        """Take in a run that was claimed, and go on with it. Returns it with the children that it waits for."""
        row, loaded, state, snapshot_bytes, delta_bytes, posts = claimed
        active = self._adopt(row, loaded, state, snapshot_bytes, delta_bytes)
        self._inbox.add(row.id)  # for what was posted since
        starts: list[StartChild] = []
        if state.sequence == 0:
            self._begin(active)
            self._inbox.take_in(posts)
            return active, starts
        # What it was told meanwhile comes first: a step that is to be stopped need not be started again.
        under_way = active.under_way()
        self._inbox.take_in(posts)
        if active.dropped or state.end is not None:
            return active, starts
        for asked in to_recover(active, under_way, self.clock.now()):
            if isinstance(asked, StepEnded):
                self._deliver(active, asked)
            elif isinstance(asked, StartChild):
                starts.append(asked)
            else:
                self._carry_out(active, asked)
        self._timers.set(active.id, state.due())
        if state.suspended:
            active.parked.set()
        return active, starts

    def _deliver(self, active: ActiveRun, event: Event, inbox: int = 0) -> bool:
        """Advance a run by an event and see that it gets committed. Returns whether anything changed."""
        if active.dropped or self._closing:
            return False
        suspended = active.status == SUSPENDED
        try:
            commands = active.advance(event, inbox)
            if suspended and active.status != SUSPENDED:
                active.ask_again()
        except UNFIT as error:
            self._departures.park_unfit(active, error)
            return False
        if commands is None:
            if active.dirty:
                self._mark(active)
            return False
        if active.loaded.program.concurrency is not None:
            self._queue.discard(active.id)
        if faults.armed is not None:
            faults.reach("engine.after_advance")
        for command in commands:
            if type(command) is not RunStep:  # most are
                self._prepare(active, command, event)
        if isinstance(event, (Suspend, Resume)):
            pass_to_children(active, event)
            if active.state.suspended:
                active.expect_loading()
        if suspended:
            active.parked.clear()
        if active.releases and not active.ended_at:
            active.releases = False
        if active.finished.done():  # reopened; it may have ended again already
            active.finished = asyncio.get_running_loop().create_future()
        self._mark(active)
        return True

    def _prepare(self, active: ActiveRun, command: Command, cause: Event) -> None:
        """See to what belongs into the same commit as the advance that gave the command."""
        if isinstance(command, StartChild):
            self._families.prepare(active, command, cause)
        elif isinstance(command, StopChild):
            self._families.stop(active, command)
        elif isinstance(command, (Subscribe, Unsubscribe, Publish)):
            active.add_signal(signal_of(command, self.clock.now()))
        elif isinstance(command, EndRun):
            active.releases = True
            self._families.tell_parent(active, command)

    def _carry_out(self, active: ActiveRun, command: Command) -> None:
        """Do what a run asked for; the advance that asked is durable."""
        if self._closing:
            return
        if isinstance(command, RunStep):
            if active.withdrawn and (command.activation, command.attempt) in active.withdrawn:
                return
            if faults.armed is not None:
                faults.reach("engine.before_step")
            step = active.loaded.program.steps[command.step]
            if step.type == ACTIVITY:
                self._desk.run(active, command)
            else:
                self._dispatcher.run(active, command, step)
        elif isinstance(command, StopStep):
            if not self._desk.stop(active, command):
                self._dispatcher.stop(active, command)
        elif isinstance(command, StartChild):
            self._families.start(command)
        elif isinstance(command, StopChild):
            self._inbox.add(command.child)

    # Committing

    def _mark(self, active: ActiveRun) -> None:
        self._committer.waiting[active.id] = active
        if not self._committing:  # else it looks again before it rests
            self._work.set()

    async def _commit_forever(self) -> None:
        """Commit whatever has advanced, again and again; between two commits carry out what was asked.

        A store that is quick takes no turn of the loop for a commit, and a turn costs a good part of a step. So
        others get theirs after ``TURN_S``, and when there is nothing to commit.
        """
        committer, inbox, work = self._committer, self._inbox, self._work
        turn = monotonic()
        while True:
            if not (committer.waiting or committer.durable or inbox.waiting):
                self._committing = False
                work.clear()
                await work.wait()
                self._committing = True
                turn = monotonic()
            elif monotonic() - turn > TURN_S:
                await asyncio.sleep(0)
                turn = monotonic()
            try:
                if committer.waiting or committer.durable:
                    await committer.commit()
                if inbox.waiting:
                    await inbox.read()
            except StoreError as error:
                self.fail(error)
                return
            except Exception as error:
                self.fail(WfeError("internal", f"the engine broke: {type(error).__name__}: {error}"))
                raise

    def _committed(self, active: ActiveRun, deltas: list[Delta], commands: list[Command]) -> None:
        row = active.row
        for delta in deltas:
            self.listener.advanced(row, delta)
        if active.dropped:
            return
        for command in commands:
            self._carry_out(active, command)
        if active.dirty:
            return  # the commit of that is to come, and with it what follows
        self._timers.set(active.id, active.due)
        if active.status == SUSPENDED:
            active.parked.set()
        if not active.ended_at:
            if self.rested is not None:
                self.rested(active)
        elif active.ends_here:  # else it is at hand to be reopened, and has only read its inbox
            self._active.pop(active.id, None)
            self._secrets.forget(active.id)
            self._services.end_run(active.id, active.loaded.program, row.fence)
            self._volumes.end(active.id, active.loaded.program)
            self._desk.end_run(active)
            result = active.result()
            if result is not None and not active.finished.done():
                active.finished.set_result(result)
            if faults.armed is not None and row.parent:
                faults.reach("engine.after_child_end")
            if row.parent in self._active:
                self._inbox.add(row.parent)

    # What happens to it

    def _timer_fired(self, run: str) -> None:
        if run == PARKED_RUNS:
            if self.woken is not None:
                self.woken()
            return
        if faults.armed is not None:
            faults.reach("engine.after_timer")
        active = self._active.get(run)
        if active is not None and self._deliver(active, Tick(self.clock.now())):
            self._timers.set(run, active.state.due())

    def _open_log(self, active: ActiveRun, step: str, attempt: int) -> OutputLog:
        def printed(stream: str, text: str) -> None:
            self.listener.printed(active.row, step, attempt, stream, text)

        return RunLog(self.store, active.id, step, attempt, self.clock.now, printed)

    def _trouble(self, message: str) -> None:
        """Tell the listener, as it is then, of what the user should know."""
        self.listener.troubled(message)

    def _rest(self, active: ActiveRun) -> None:
        """Tell that a run may have nothing more to commit."""
        if self.rested is not None:
            self.rested(active)

    def _forgotten(self, run: str) -> None:
        self._queue.discard(run)
        self._committer.discard(run)
        self._timers.set(run, 0)
        self._secrets.forget(run)
        self._services.end(run)

    def fail(self, error: WfeError) -> None:
        """Stop for good: nothing can be made durable any more."""
        if self._failure is None:
            self._failure = error
            self.listener.troubled(error.message)
        for active in self._active.values():
            break_off(active, self._failure)
