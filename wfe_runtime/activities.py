"""Activities on the engine's side: steps whose work is done by workers outside, who fetch it from the store.

Owns how a step is offered, stopped and timed out. It takes none of the host's room for steps, and what a worker
answers comes as every post does, through the run's inbox: the engine may be gone meanwhile. It knows no worker.

Rules:

1. A step is offered once its start is durable, and again after a crash: one that is there already stays as it is,
   so a worker goes on undisturbed while the engine is replaced.
2. The limit of time of an attempt counts from its offer, whoever advances the run then.
3. Of a stop, a timeout and an answer the first to be committed counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from wfe_vm.commands import RunStep, StopStep
from wfe_vm.events import StepEnded
from wfe_vm.outcome import Failure

from . import faults
from .active import ActiveRun
from .clock import Clock
from .providers.contracts import Store
from .providers.rows import NewActivity
from .signals import ACTIVITY

__all__ = ["ActivityDesk", "activity_inputs"]

faults.declare("activities.before_offer", "the start of an activity is durable, and it is not offered yet")
faults.declare("activities.after_offer", "an activity is offered, and its engine does not know yet")

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(dict[str, Any])


def activity_inputs(data: bytes) -> dict[str, Any]:
    """Return the inputs of an activity, as its row keeps them."""
    return _decoder.decode(data)


class ActivityDesk:
    """The activities of the runs that an engine advances."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        deliver: Callable[[ActiveRun, StepEnded], bool],
        spawn: Callable[..., object],
    ) -> None:
        """``deliver`` takes the end of an attempt and says whether it counts.

        ``spawn`` runs work beside the engine, on behalf of a run if one is given.
        """
        self._store = store
        self._clock = clock
        self._deliver = deliver
        self._spawn = spawn
        self._timers: dict[tuple[str, int], asyncio.TimerHandle] = {}
        self._deadlines: dict[tuple[str, int], int] = {}

    def run(self, active: ActiveRun, command: RunStep) -> None:
        """Offer a step that is an activity."""
        self._spawn(self._offer(active, command), active)

    def stop(self, active: ActiveRun, command: StopStep) -> bool:
        """Stop a step, if it is an activity; its worker is told when it asks. Returns whether it is one."""
        steps = active.loaded.program.steps
        if not _has_activities(active):
            return False
        frames = [pointer.frames[-1] for pointer in active.state.pointers.values() if pointer.frames]
        if not any(frame.id == command.activation and steps[frame.step].type == ACTIVITY for frame in frames):
            return False
        self._end(active, command.activation, command.attempt, "abort", Failure("fail", "the step was stopped"))
        return True

    def end_run(self, active: ActiveRun) -> None:
        """Offer nothing more of a run that has ended."""
        if _has_activities(active):
            self._spawn(self._store.withdraw_activity(active.id))

    def forget(self, run: str, activation: int) -> None:
        """Let go of the limit of time of an activity that has ended."""
        timer = self._timers.pop((run, activation), None)
        if timer is not None:
            timer.cancel()
            del self._deadlines[run, activation]

    def deadline(self, active: ActiveRun) -> int:
        """Return when the first activity of a run reaches its limit of time, 0 where none has one."""
        if not self._deadlines or not _has_activities(active):
            return 0
        found = (self._deadlines.get((active.id, activation), 0) for activation, _ in active.under_way())
        return min(filter(None, found), default=0)

    def let_go(self, active: ActiveRun) -> None:
        """Let go of the limits of time of a run's activities: whoever takes it up offers them again."""
        if self._deadlines:
            for activation, _ in active.under_way():
                self.forget(active.id, activation)

    def close(self) -> None:
        """Let no limit of time be reached any more."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._deadlines.clear()

    async def _offer(self, active: ActiveRun, command: RunStep) -> None:
        if faults.armed is not None:
            faults.reach("activities.before_offer")
        kind = command.config.get(ACTIVITY)
        offered = await self._store.offer_activity(
            NewActivity(
                active.id,
                command.activation,
                command.attempt,
                str(kind),
                command.path,
                _encoder.encode(command.inputs or {}),
                self._clock.now(),
            )
        )
        if faults.armed is not None:
            faults.reach("activities.after_offer")
        limit = active.loaded.program.steps[command.step].timeout_ms
        if offered is None or not limit or offered.state != "open":
            return
        left = max(offered.time + limit - self._clock.now(), 0)
        self.forget(active.id, command.activation)
        self._deadlines[active.id, command.activation] = offered.time + limit
        self._timers[active.id, command.activation] = asyncio.get_running_loop().call_later(
            left / 1000, self._time_out, active, command, limit
        )

    def _time_out(self, active: ActiveRun, command: RunStep, limit: int) -> None:
        message = f"timed out: activity {command.path} took longer than its limit of {limit} ms, and was withdrawn"
        error = Failure("timeout", message, details={"limit_ms": limit})
        self._end(active, command.activation, command.attempt, "error", error)

    def _end(self, active: ActiveRun, activation: int, attempt: int, outcome: str, error: Failure) -> None:
        """End an attempt from this side; if that counts, it is offered no more."""
        self.forget(active.id, activation)
        if self._deliver(active, StepEnded(self._clock.now(), activation, attempt, outcome, {}, error)):
            self._spawn(self._store.withdraw_activity(active.id, activation, attempt))


def _has_activities(active: ActiveRun) -> bool:
    return ACTIVITY in active.loaded.needs.tasks
