"""The machine: program, state and event in; changed state, delta and commands out.

It does no input or output, reads no clock and rolls no dice: the same program, state and event give
the same bytes, always. It works in place on the state it is given; whoever needs the old one keeps a
copy. What happens to a step between its instructions is the lifecycle's.

This one source runs compiled (with ``machine.pxd``, which gives layout and C types) and interpreted.

Rules:

1. The program was verified: no check here repeats what the verifier shows.
2. Nothing that a workflow does raises out of ``advance``: it ends a step in error. What does raise
   is a bug of ours, and leaves the state unusable.
3. An event that fits nothing live is stale and changes nothing.
"""

from __future__ import annotations

from typing import Any, Final

import cython
import msgspec

from . import events
from .commands import Command, RunStep, StopChild, StopStep
from .errors import ExpressionError, InternalError
from .library import FUNCTIONS_BY_NUMBER, Function
from .lifecycle import FORKS
from .limits import MAX_INSTRUCTIONS, MAX_STATE_BYTES
from .outcome import FAILURE_KINDS, Failure
from .program import ACTIVITY, HOST_SLOT, INPUTS_SLOT, NO_PC, RUN_SLOT, Program, unpack_code
from .reopening import cut, fits
from .signals import Signals
from .state import Delta, Frame, Pointer, State, pointer_from
from .values import describe, size_of

if not cython.compiled:
    from .opcodes import (
        ADD,
        BEGIN,
        BRANCH_FALSE,
        BRANCH_FALSE_KEEP,
        BRANCH_TRUE,
        BRANCH_TRUE_KEEP,
        BRANCH_VALUE_KEEP,
        CALL,
        CHECK_BOOL,
        COLLECT,
        DIVIDE,
        EACH_BEGIN,
        EACH_FILTER,
        EACH_KEEP,
        EACH_NEXT,
        END,
        END_BRANCH,
        END_COMPENSATION,
        END_HOOK,
        ENTER,
        EQUAL,
        FAIL,
        FINISH,
        FORK,
        FORK_EACH,
        GATHER,
        GREATER,
        GREATER_EQUAL,
        GUARD,
        IN,
        INDEX,
        JUMP,
        LESS,
        LESS_EQUAL,
        LOAD_CONST,
        LOAD_LOCAL,
        LOAD_SLOT,
        MAKE_LIST,
        MAKE_MAP,
        MEMBER,
        MULTIPLY,
        NEGATE,
        NOT,
        NOT_EQUAL,
        PASS,
        POP,
        REMAINDER,
        RETURN,
        RUN,
        SLEEP,
        SLEEP_UNTIL,
        START_CHILD,
        STORE_SLOT,
        SUBTRACT,
        TEXT,
    )
    from .operators import (
        add,
        check_bool,
        contained_in,
        divide,
        equal,
        greater,
        greater_equal,
        index,
        join_text,
        less,
        less_equal,
        member,
        multiply,
        negate,
        remainder,
        subtract,
    )
    from .phases import (
        ABORT,
        BODY,
        DECIDING,
        ERROR,
        FAILURE,
        GUARDING,
        HOOK,
        ITEMS_INDEX,
        PARKED,
        READY,
        RETURNING,
        STARTS_OVER,
        STAYING,
        SUCCESS,
        WAIT_CHILD,
        WAIT_FORK,
        WAIT_STEP,
    )

__all__ = ["Advance", "Machine"]

OUTCOME_OF: Final = {"success": 1, "failure": 2, "error": 3, "abort": 4}
"""Of an executor's word for it: the outcome's number in ``phases``."""

# A map() or filter() at work, on the value stack.
ITERATOR_ITEMS: Final = 0
ITERATOR_NEXT: Final = 1
ITERATOR_RESULT: Final = 2


class Advance(msgspec.Struct, frozen=True):
    """What an event led to. A stale event leaves ``delta`` None and asks for nothing."""

    delta: Delta | None
    commands: list[Command]

    @property
    def stale(self) -> bool:
        """Whether the event fitted nothing live."""
        return self.delta is None


class Machine(Signals):
    """Advances runs of one program."""

    def __init__(
        self,
        program: Program,
        max_instructions: int = MAX_INSTRUCTIONS,
        max_state_bytes: int = MAX_STATE_BYTES,
    ) -> None:
        """Take a verified program. The limits are instructions an advance, and bytes of a run's data."""
        super().__init__(program, max_instructions, max_state_bytes)
        self.constants = list(program.constants)
        self.failed_pc = 0  # of the instruction that raised
        self.code_array = unpack_code(program.code)
        if cython.compiled:
            view = cython.declare(cython.int[::1], self.code_array)
            self.code = cython.address(view[0])
        else:
            self.code = self.code_array

    # The way in

    def new_state(self, run: str, name: str, program_hash: str) -> State:
        """Return the state of a run that has not started."""
        return State(run, name, program_hash)

    def advance(self, state: State, event: events.Event) -> Advance:
        """Carry the run on until every pointer waits.

        Returns what changed and what is asked for; ``state`` is then the new state. Raises
        InternalError for a bug of ours, after which the state must be thrown away.
        """
        before = state.time
        if event.time > before:
            state.time = event.time
        try:
            if not self._apply(state, event):
                state.time = before
                return Advance(None, [])
            self._run_ready(state)
            if state.stirred:
                self._renew_subscriptions(state)
            self._update_status(state)
        except InternalError:
            raise
        except Exception as error:
            raise InternalError(f"{type(error).__name__}: {error} while {type(event).__name__} was taken in") from error
        commands = state.commands
        return Advance(state.take_delta(), commands)

    def recover(self, state: State) -> list[Command]:
        """Return what a host that takes the run over must ask for again: all that was under way.

        The state does not change: the attempts are the same ones.
        """
        again: list[Command] = []
        self.budget = self.max_instructions
        self.recovering = True
        for id in sorted(state.pointers):
            pointer = state.pointers[id]
            if pointer.wait == WAIT_STEP or pointer.wait == WAIT_CHILD:
                frame = pointer.frames[-1]
                if frame.cause_outcome and pointer.wait == WAIT_STEP:
                    again.append(StopStep(frame.id, frame.attempt))
                    continue
                state.active -= 1
                pc = pointer.pc
                waited = pointer.wait
                step = self._step(frame.step)
                pointer.pc = step.entry
                pointer.wait = READY
                suspended = state.suspended
                if suspended and waited == WAIT_STEP and step.type != ACTIVITY:
                    continue  # it runs again with the resume
                state.suspended = False  # a child or a worker goes on by itself, and is waited for all the while
                self._run(state, pointer)
                state.suspended = suspended
                pointer.pc = pc
                if frame.cause_outcome and pointer.wait == WAIT_CHILD:
                    state.commands.append(StopChild(frame.id, frame.attempt, frame.child))
        self.recovering = False
        again += state.commands
        state.commands = []
        state.changed = {}
        return again

    def _apply(self, state: State, event: events.Event) -> bool:
        """Take in one event. Returns whether it fitted anything."""
        if isinstance(event, events.StepEnded):
            return self._apply_step_ended(state, event)
        if isinstance(event, events.Tick):
            return self._apply_tick(state, event.time)
        if isinstance(event, events.ChildEnded):
            return self._apply_child_ended(state, event)
        if isinstance(event, events.Started):
            return self._apply_started(state, event)
        if isinstance(event, events.Retry):
            return self._apply_retry(state, event)
        if state.end is not None:
            return False
        if not state.pointers:
            return self._apply_before_start(state, event)
        if isinstance(event, events.EventArrived):
            return self._apply_event_arrived(state, event)
        if isinstance(event, events.Answered):
            return self._apply_answered(state, event)
        if isinstance(event, events.Suspend):
            return self._apply_suspend(state, event)
        if isinstance(event, events.Resume):
            return self._apply_resume(state, event)
        if isinstance(event, events.Cancel):
            return self._apply_cancel(state, event)
        if isinstance(event, events.Terminate):
            state.requests.append(("terminate", event.reason))
            self._end_hard(state, "terminated", Failure("fail", event.reason or "the run was terminated"))
            return True
        raise InternalError(f"no such event: {type(event).__name__}")

    def _apply_before_start(self, state: State, event: events.Event) -> bool:
        """End a run that never started: no step and no hook runs. Nothing else fits it."""
        if isinstance(event, events.Cancel):
            self._finish(state, "aborted", {}, Failure("fail", event.reason or "the run was cancelled"))
            return True
        if isinstance(event, events.Terminate):
            self._finish(state, "terminated", {}, Failure("fail", event.reason or "the run was terminated"))
            return True
        return False

    def _apply_started(self, state: State, event: events.Started) -> bool:
        if state.sequence or state.pointers:
            return False
        pointer = state.add_pointer(-1, 0, 0, 0, (), self.program.scope_sizes[0])
        state.store(0, INPUTS_SLOT, event.inputs)
        state.store(0, RUN_SLOT, {"id": state.run, "name": state.name, "workflow": self.program.workflow})
        state.store(0, HOST_SLOT, event.host)
        if self.program.services_slot != NO_PC:
            state.store(0, self.program.services_slot, event.services)
        state.size = size_of(event.inputs)
        state.ready.append(pointer)
        return True

    def _apply_step_ended(self, state: State, event: events.StepEnded) -> bool:
        pointer = state.located.get(event.activation)
        if pointer is None or pointer.wait != WAIT_STEP:
            return False
        frame = pointer.frames[-1]
        if frame.id != event.activation or frame.attempt != event.attempt:
            return False
        state.active -= 1
        outcome = OUTCOME_OF[event.outcome]
        if outcome == SUCCESS:
            self._succeed(state, pointer, frame, event.outputs, event.stdout)
        else:
            error = event.error or Failure("internal", f"the executor reported {event.outcome} and no reason")
            step = self._step(frame.step)
            error = self._located(state, pointer, frame, error)
            self._settle(state, pointer, outcome, error, None, event.stdout if step.keep_stdout else None)
        return True

    def _apply_child_ended(self, state: State, event: events.ChildEnded) -> bool:
        pointer = state.located.get(event.activation)
        if pointer is None or pointer.wait != WAIT_CHILD:
            return False
        frame = pointer.frames[-1]
        if frame.id != event.activation:
            return False
        # A child that was reopened ends for a later attempt than the one that started it.
        if event.child != frame.child if event.child else event.attempt != frame.attempt:
            return False
        state.active -= 1
        if event.status == "succeeded":
            self._succeed(state, pointer, frame, event.outputs, None)
            return True
        error = event.error or Failure("fail", f"the child run ended {event.status}")
        path = self._path(state, pointer)
        error = msgspec.structs.replace(
            error,
            step=f"{path}/{error.step}" if error.step else path,
            attempt=error.attempt or frame.attempt,
            child=error.child or event.child or None,
        )
        if event.status == "failed":
            outcome = FAILURE if error.kind in FAILURE_KINDS else ERROR
        else:
            outcome = ABORT
        self._settle(state, pointer, outcome, error, None, None)
        return True

    def _apply_tick(self, state: State, time: int) -> bool:
        if state.end is not None or state.suspended:
            return False
        return self._fire_due(state, time)

    def _apply_suspend(self, state: State, event: events.Suspend) -> bool:
        if state.suspended or state.cancelling:
            return False
        state.requests.append(("suspend", event.reason))
        state.suspended = True
        state.suspended_at = state.time
        return True

    def _apply_resume(self, state: State, event: events.Resume) -> bool:
        if not state.suspended:
            return False
        state.requests.append(("resume", event.reason))
        self._lift_suspension(state)
        for id in sorted(state.pointers):
            pointer = state.pointers.get(id)
            if pointer is None:
                continue
            if pointer.wait == PARKED:
                self._start_afresh(state, pointer)
            elif pointer.wait == READY:
                state.ready.append(pointer)
            elif pointer.wait == WAIT_FORK:
                self._fill(state, pointer, pointer.frames[-1])
        self._fire_due(state, state.time)
        return True

    def _fire_due(self, state: State, time: int) -> bool:
        """Let all that is due act, one after another: what one does may undo the next. Returns whether any was."""
        fired = False
        while (timer := state.take_due(time)) is not None:
            if timer[1] == "wait":
                self._run_out(state, timer[0])
            else:
                self._fire(state, timer[0], timer[1])
            fired = True
        return fired

    def _apply_cancel(self, state: State, event: events.Cancel) -> bool:
        if state.cancelling:
            return False
        state.requests.append(("cancel", event.reason))
        state.cancelling = True
        root = state.pointers[0]
        if event.deadline:
            state.set_timer(root.frames[0].id, "deadline", event.deadline)
        waiting = []
        if state.suspended:
            self._lift_suspension(state)
            waiting = [pointer for pointer in state.pointers.values() if pointer.wait == READY]
        error = Failure("fail", event.reason or "the run was cancelled")
        self._interrupt(state, root, 0, ABORT, error)
        for pointer in waiting:
            if pointer.id in state.pointers and pointer.wait == READY and pointer not in state.ready:
                state.ready.append(pointer)
        return True

    def _apply_retry(self, state: State, event: events.Retry) -> bool:
        if state.end is None or state.end[0] not in ("failed", "aborted") or not state.reopen:
            return False
        for target in event.targets:
            if not fits(state, target):
                return False
        supplied: dict[int, dict[str, Any]] = {}
        for target in event.targets:
            if not fits(state, target):
                continue  # it was a branch of one before it
            cut(state, target)
            if target.outputs is not None:
                supplied[target.pointer] = target.outputs
        state.requests.append(("retry", event.reason))
        state.end = None
        state.changed_end = True
        state.cancelling = False
        state.terminating = False
        state.hurried = False
        state.compensated = False
        state.status = "running"
        reopened = sorted(state.reopen.items())
        for id, row in reopened:
            pointer = self._revive(state, row)
            state.take_reopen(id)
            state.pointers[id] = pointer
            state.changed[id] = pointer
            for frame in pointer.frames:
                state.located[frame.id] = pointer
        for id, _ in reopened:
            pointer = state.pointers[id]
            if not pointer.frames:
                continue
            frame = pointer.frames[-1]
            frame.live = 0
            for other, _ in reopened:
                if state.pointers[other].fork == frame.id:
                    frame.live += 1
        for id, _ in reopened:
            pointer = state.pointers[id]
            if not pointer.frames:
                state.ready.append(pointer)
                continue
            frame = pointer.frames[-1]
            step = self._step(frame.step)
            if id in supplied:
                self._supply(state, pointer, frame, supplied[id])
            elif frame.total and (frame.live or frame.next < frame.total) and step.kind in FORKS:
                frame.phase = BODY
                frame.stopped = False
                frame.failed = 0
                frame.failures = []
                frame.winner = -1
                frame.marks = 0
                frame.opened = state.time
                frame.started = state.time
                pointer.wait = WAIT_FORK
                self._start_timers(state, frame, step)
                self._fill(state, pointer, frame)
            else:
                self._start_afresh(state, pointer)
        return True

    def _supply(self, state: State, pointer: Pointer, frame: Frame, outputs: dict[str, Any]) -> None:
        """Take it that the innermost step has succeeded with outputs that somebody gave."""
        frame.phase = BODY
        frame.attempt += 1
        frame.started = state.time
        frame.mark = 0
        frame.total = 0
        self._succeed(state, pointer, frame, outputs, None)
        record = state.records[-1]
        if record.what == "ended" and record.activation == frame.id:
            state.records[-1] = msgspec.structs.replace(record, what="supplied")

    def _revive(self, state: State, row: tuple[Any, ...]) -> Pointer:
        pointer = pointer_from(row)
        pointer.scopes = [state.scopes[owner] for owner in pointer.owners]
        pointer.unwind = STAYING
        pointer.wait = READY
        for frame in pointer.frames:
            frame.cause = None
            frame.cause_outcome = 0
            frame.final = False
            frame.error = None
            frame.outcome = 0
            frame.marks &= STARTS_OVER
        # Enclosing blocks were left when the run ended: their limits of time start anew.
        for frame in pointer.frames[:-1]:
            self._start_timers(state, frame, self._step(frame.step))
        return pointer

    def _lift_suspension(self, state: State) -> None:
        state.suspended = False
        elapsed = state.time - state.suspended_at
        state.suspended_at = 0
        # A run's time limit does not count suspension.
        root = state.pointers[0].frames[0]
        due = state.timers.get((root.id, "timeout"))
        if due is not None and elapsed > 0:
            state.set_timer(root.id, "timeout", due + elapsed)

    # Running

    def _run_ready(self, state: State) -> None:
        self.budget = self.max_instructions
        ready = state.ready
        while not state.suspended:
            if ready:
                pointer = ready.popleft()
                if pointer.wait == READY and pointer.id in state.pointers:
                    self._run(state, pointer)
            elif state.deciding:
                self._decide(state)
            else:
                break
        for pointer in state.deciding:
            if pointer.wait == DECIDING:
                pointer.wait = READY  # the run is suspended
        state.deciding.clear()

    def _decide(self, state: State) -> None:
        """Have a race won: everybody who could come through in this advance has. An inner race goes first."""
        winner = min(state.deciding, key=lambda pointer: (-pointer.fork, pointer.index))
        state.deciding.remove(winner)
        if winner.wait != DECIDING or winner.id not in state.pointers:
            return
        state.pointers[winner.parent].frames[-1].winner = winner.index
        self._end_pointer(state, winner, SUCCESS, None)

    def _run(self, state: State, pointer: Pointer) -> None:
        """Carry one pointer on until it waits or is gone."""
        self.running = pointer
        while pointer.wait == READY and not state.suspended:
            try:
                self._dispatch(state, pointer)
            except ExpressionError as error:
                self._fail_expression(state, pointer, error)
        self.running = None

    def _fail_expression(self, state: State, pointer: Pointer, error: ExpressionError) -> None:
        """End the innermost step in error for a value that an expression could not take."""
        failure = Failure(error.code, error.message, details={"pc": self.failed_pc})
        if self.budget < 0:
            message = (
                f"more than {self.max_instructions} instructions without a wait, where work on large values counts as "
                "many: a loop or expression has no end"
            )
            failure = msgspec.structs.replace(failure, message=message)
        if not pointer.frames:
            # What an iteration leaves for the list is worked out after its last step.
            parent = state.pointers[pointer.parent]
            path = f"{self._path(state, parent)}[{pointer.index}]"
            failure = msgspec.structs.replace(failure, step=path, attempt=parent.frames[-1].attempt)
            if self.budget < 0:
                self._end_hard(state, "failed", failure)
            else:
                if not self._inside_hook(state, pointer):
                    state.keep_reopen(pointer.id, pointer.row())
                self._end_pointer(state, pointer, ERROR, failure)
            return
        frame = pointer.frames[-1]
        if self.budget < 0:
            self._end_hard(state, "failed", self._located(state, pointer, frame, failure))
            return
        if frame.phase != BODY and frame.phase != GUARDING:
            raise InternalError(f"an instruction failed between two steps of a hook: {error.message}")
        self._settle(state, pointer, ERROR, self._located(state, pointer, frame, failure), None, None)

    def _dispatch(self, state: State, pointer: Pointer) -> None:
        """Carry out instructions until the pointer waits or is gone."""
        code = self.code
        constants = self.constants
        scopes = pointer.scopes
        stack: list[Any] = []
        local = [None] * self.program.locals
        pc = pointer.pc
        try:
            while True:
                self.budget -= 1
                if self.budget < 0:
                    raise ExpressionError("limit", "instructions")
                op = code[pc]
                if op == LOAD_SLOT:
                    stack.append(scopes[code[pc + 1]][code[pc + 2]])
                    pc += 3
                elif op == LOAD_CONST:
                    stack.append(constants[code[pc + 1]])
                    pc += 2
                elif op == MEMBER:
                    value = stack[-1]
                    if type(value) is dict:
                        stack[-1] = value.get(constants[code[pc + 1]])
                    else:
                        stack[-1] = member(value, constants[code[pc + 1]])
                    pc += 2
                elif op == BRANCH_FALSE:
                    value = stack.pop()
                    if value is True:
                        pc += 2
                    elif value is False:
                        pc = code[pc + 1]
                    else:
                        check_bool(value)
                elif op == JUMP:
                    pc = code[pc + 1]
                elif op == EQUAL:
                    right = stack.pop()
                    if type(right) is list or type(right) is dict:
                        self._charge_comparison(stack[-1], right)
                    stack[-1] = equal(stack[-1], right)
                    pc += 1
                elif op == NOT_EQUAL:
                    right = stack.pop()
                    if type(right) is list or type(right) is dict:
                        self._charge_comparison(stack[-1], right)
                    stack[-1] = not equal(stack[-1], right)
                    pc += 1
                elif op == LESS:
                    right = stack.pop()
                    stack[-1] = less(stack[-1], right)
                    pc += 1
                elif op == LESS_EQUAL:
                    right = stack.pop()
                    stack[-1] = less_equal(stack[-1], right)
                    pc += 1
                elif op == GREATER:
                    right = stack.pop()
                    stack[-1] = greater(stack[-1], right)
                    pc += 1
                elif op == GREATER_EQUAL:
                    right = stack.pop()
                    stack[-1] = greater_equal(stack[-1], right)
                    pc += 1
                elif op == ADD:
                    right = stack.pop()
                    stack[-1] = add(stack[-1], right)
                    if type(right) is not int:
                        self._charge(stack[-1])
                    pc += 1
                elif op == STORE_SLOT:
                    value = stack.pop()
                    self._store(state, pointer, code[pc + 1], code[pc + 2], value)
                    pc += 3
                elif op == LOAD_LOCAL:
                    stack.append(local[code[pc + 1]])
                    pc += 2
                elif op == POP:
                    stack.pop()
                    pc += 1
                elif op == INDEX:
                    right = stack.pop()
                    stack[-1] = index(stack[-1], right)
                    pc += 1
                elif op == MAKE_LIST:
                    count = code[pc + 1]
                    start = len(stack) - count
                    value = stack[start:]
                    del stack[start:]
                    stack.append(value)
                    pc += 2
                elif op == MAKE_MAP:
                    count = 2 * code[pc + 1]
                    start = len(stack) - count
                    parts = stack[start:]
                    del stack[start:]
                    for name in parts[::2]:
                        if type(name) is not str:
                            raise ExpressionError("type", f"a map's names are texts, not {describe(name)}")
                    stack.append(dict(zip(parts[::2], parts[1::2], strict=True)))
                    pc += 2
                elif op == TEXT:
                    count = code[pc + 1]
                    start = len(stack) - count
                    parts = stack[start:]
                    del stack[start:]
                    stack.append(join_text(parts))
                    self._charge(stack[-1])
                    pc += 2
                elif op == GATHER:
                    gathered = {}
                    for name, depth, slot in constants[code[pc + 1]]:
                        value = scopes[depth][slot]
                        if value is not None:
                            gathered[name] = value
                    stack.append(gathered)
                    pc += 2
                elif op == SUBTRACT:
                    right = stack.pop()
                    stack[-1] = subtract(stack[-1], right)
                    pc += 1
                elif op == MULTIPLY:
                    right = stack.pop()
                    stack[-1] = multiply(stack[-1], right)
                    pc += 1
                elif op == DIVIDE:
                    right = stack.pop()
                    stack[-1] = divide(stack[-1], right)
                    pc += 1
                elif op == REMAINDER:
                    right = stack.pop()
                    stack[-1] = remainder(stack[-1], right)
                    pc += 1
                elif op == NEGATE:
                    stack[-1] = negate(stack[-1])
                    pc += 1
                elif op == NOT:
                    stack[-1] = not check_bool(stack[-1])
                    pc += 1
                elif op == IN:
                    right = stack.pop()
                    if type(stack[-1]) is list or type(stack[-1]) is dict:
                        self._charge_deep(right)
                    else:
                        self._charge(right)
                    stack[-1] = contained_in(stack[-1], right)
                    pc += 1
                elif op == CHECK_BOOL:
                    check_bool(stack[-1])
                    pc += 1
                elif op == BRANCH_TRUE:
                    if check_bool(stack.pop()):
                        pc = code[pc + 1]
                    else:
                        pc += 2
                elif op == BRANCH_FALSE_KEEP:
                    if check_bool(stack[-1]):
                        stack.pop()
                        pc += 2
                    else:
                        pc = code[pc + 1]
                elif op == BRANCH_TRUE_KEEP:
                    if check_bool(stack[-1]):
                        pc = code[pc + 1]
                    else:
                        stack.pop()
                        pc += 2
                elif op == BRANCH_VALUE_KEEP:
                    if stack[-1] is None:
                        stack.pop()
                        pc += 2
                    else:
                        pc = code[pc + 1]
                elif op == CALL:
                    count = code[pc + 2]
                    start = len(stack) - count
                    parts = stack[start:]
                    del stack[start:]
                    stack.append(self._call(FUNCTIONS_BY_NUMBER[code[pc + 1]], parts))
                    pc += 3
                elif op == EACH_BEGIN:
                    value = stack[-1]
                    if type(value) is not list:
                        raise ExpressionError(
                            "null" if value is None else "type",
                            "map and filter take a list, and were given none",
                        )
                    stack[-1] = [value, 0, []]
                    pc += 1
                elif op == EACH_NEXT:
                    value = stack[-1]
                    count = value[ITERATOR_NEXT]
                    if count < len(value[ITERATOR_ITEMS]):
                        local[code[pc + 1]] = value[ITERATOR_ITEMS][count]
                        value[ITERATOR_NEXT] = count + 1
                        pc += 3
                    else:
                        stack[-1] = value[ITERATOR_RESULT]
                        pc = code[pc + 2]
                elif op == EACH_KEEP:
                    right = stack.pop()
                    stack[-1][ITERATOR_RESULT].append(right)
                    pc += 1
                elif op == EACH_FILTER:
                    if check_bool(stack.pop()):
                        stack[-1][ITERATOR_RESULT].append(local[code[pc + 1]])
                    pc += 2
                elif op == BEGIN:
                    frame = self._open(state, pointer, code[pc + 1])
                    self._begin_attempt(state, pointer, frame)
                    pc += 2
                elif op == ENTER:
                    frame = self._open(state, pointer, code[pc + 1])
                    pc += 2
                    frame.mark = pc
                elif op == GUARD:
                    frame = pointer.frames[-1]
                    if check_bool(stack.pop()):
                        self._begin_attempt(state, pointer, frame)
                        pc += 2
                    else:
                        self._skip(state, pointer, frame)
                        pc = pointer.pc
                elif op == PASS:
                    frame = pointer.frames[-1]
                    frame.passes += 1
                    state.changed[pointer.id] = pointer
                    step = self._step(frame.step)
                    if step.max_passes and frame.passes > step.max_passes:
                        raise ExpressionError(
                            "limit",
                            f"the loop {step.name} is not done after its max_iterations of {step.max_passes}",
                        )
                    pc += 2
                elif op == COLLECT:
                    self._check_size(state, stack[-1], "a collected value")
                    state.collect(pointer.fork, pointer.index, stack.pop())
                    pc += 2
                else:
                    self._carry_out(state, pointer, op, stack)
                    if pointer.wait != READY or state.suspended:
                        return
                    pc = pointer.pc
        except ExpressionError:
            self.failed_pc = pc
            raise

    def _charge_comparison(self, left: Any, right: Any) -> None:
        """Count the work of comparing two values, of which one is no scalar."""
        if type(left) is type(right) and left is not right and len(left) == len(right):
            self._charge_deep(left)

    def _call(self, function: Function, arguments: list[Any]) -> Any:
        """Return what a function of the library gives, its work counted."""
        for argument in arguments:
            if function.deep:
                self._charge_deep(argument)
            else:
                self._charge(argument)
        value = function.call(arguments)
        self._charge(value)
        return value

    def _carry_out(self, state: State, pointer: Pointer, op: int, stack: list[Any]) -> None:
        """Carry out an instruction after which the step's life, not the code, says where to go on."""
        if op == END_BRANCH:
            if self._may_win(state, pointer):
                pointer.wait = DECIDING
                state.deciding.append(pointer)
            else:
                self._end_pointer(state, pointer, SUCCESS, None)
            return
        if op == END_COMPENSATION:
            self._end_undo(state, pointer)
            return
        frame = pointer.frames[-1]
        step = self._step(frame.step)
        if op == END:
            self._succeed(state, pointer, frame, {}, None)
        elif op == RUN:
            data = stack.pop()
            inputs = stack.pop()
            config = stack.pop()
            for part in (config, inputs, data):
                if type(part) is not dict and (part is not None or part is config):
                    raise ExpressionError("type", f"a task takes maps, not {describe(part)}")
            pointer.wait = WAIT_STEP
            state.active += 1
            state.changed[pointer.id] = pointer
            path = self._path(state, pointer)
            state.commands.append(RunStep(frame.id, frame.attempt, frame.step, path, config, inputs, data))
        elif op == START_CHILD:
            inputs = stack.pop()
            if type(inputs) is not dict:
                raise ExpressionError("type", f"a child's inputs are a map, not {describe(inputs)}")
            self._start_child(state, pointer, frame, step, inputs)
        elif op == END_HOOK:
            if frame.phase == HOOK:
                self._ensure(state, pointer, frame)
            else:
                self._leave(state, pointer, frame)
        elif op == FORK:
            frame.total = len(step.branches)
            self._fork(state, pointer, frame)
        elif op == FORK_EACH:
            items = stack.pop()
            if type(items) is not list:
                raise ExpressionError(
                    "null" if items is None else "type",
                    f"for_each {step.name} needs a list and was given {describe(items)}",
                )
            frame.total = len(items)
            self._check_size(state, items, "the list")
            state.collect(frame.id, ITEMS_INDEX, items)
            self._fork(state, pointer, frame)
        elif op == SLEEP:
            self._sleep(state, pointer, frame, stack.pop())
        elif op == SLEEP_UNTIL:
            self._sleep_until(state, pointer, frame, stack.pop())
        elif op == FAIL:
            message = join_text([stack.pop()])
            failure = self._located(state, pointer, frame, Failure("fail", message))
            self._settle(state, pointer, FAILURE, failure, None, None)
        elif op == RETURN:
            outputs = self._checked_outputs(state, stack.pop())
            state.outputs = outputs
            pointer.unwind = RETURNING
            self._succeed(state, pointer, frame, {}, None)
        elif op == FINISH:
            state.outputs = self._checked_outputs(state, stack.pop())
            self._succeed(state, pointer, frame, {}, None)
        else:
            self._carry_out_signal(state, pointer, frame, step, op, stack)

    def _update_status(self, state: State) -> None:
        if state.end is not None:
            return
        if state.suspended:
            state.status = "suspended"
        elif state.cancelling:
            state.status = "cancelling"
        elif state.active:
            state.status = "running"
        elif state.due() or state.waits:
            state.status = "waiting"
        else:
            raise InternalError("the run has nothing left that could carry it on")
